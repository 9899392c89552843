"""Packed examples see nothing of each other: loss and gradients are those of separate rows, and a leak is noticed."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import pytest
import torch

import tiny_models
from tunewright.core.recipe import MethodOptions, Recipe, TaskOptions, TrainOptions
from tunewright.core.records import Example, Record
from tunewright.tasks.extraction import Extraction
from tunewright.train.batch import Tokens, collate, packed
from tunewright.train.finetune import finetune
from tunewright.train.loss import isolates, loss_sum
from tunewright.train.material import Epochs

TOGETHER = ("opt", "opt-350m")
"""OPT does not look at positions to tell examples apart: it is noticed, and nothing is packed."""
FAMILIES = [family for family in tiny_models.FAMILIES if family not in TOGETHER]


def rows(seed: int = 0, count: int = 7) -> list[Tokens]:
    dice = random.Random(seed)
    made = []
    for i in range(count):
        ids = tuple(dice.randrange(10, 200) for _ in range(dice.randint(4, 18) if i else 40))
        made.append(Tokens(ids, dice.randint(1, len(ids) - 2)))
    return made


def fresh(family: str) -> Any:
    model = copy.deepcopy(tiny_models.model(family)).float().train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        for name in ("dropout", "attention_dropout", "layerdrop"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)
    return model


def gradients(model: Any, loss: torch.Tensor) -> list[torch.Tensor]:
    model.zero_grad()
    loss.backward()
    return [p.grad.clone() for p in model.parameters() if p.grad is not None]


@pytest.mark.parametrize("family", FAMILIES)
def test_packed_rows_are_separate_rows(family: str) -> None:
    model, some = fresh(family), rows()
    together, apart = packed(some, 0), collate(some, 0, share_prefix=False)
    assert len(together.input_ids) < len(apart.input_ids)
    assert isolates(model.eval(), together)
    model.train()
    losses = [loss_sum(model, batch) for batch in (together, apart)]
    assert float(losses[0]) == pytest.approx(float(losses[1]), rel=1e-5)
    left, right = (gradients(model, loss) for loss in losses)
    scale = max(float(one.abs().max()) for one in right)
    assert max(float((a - b).abs().max()) for a, b in zip(left, right, strict=True)) / scale < 1e-5


@pytest.mark.parametrize("family", TOGETHER)
def test_a_family_that_does_not_keep_them_apart_is_found_out(family: str, tmp_path: Path) -> None:
    model, batch = fresh(family).eval(), packed(rows(), 0)
    apart = float(loss_sum(model, collate(rows(), 0, share_prefix=False)))
    assert abs(float(loss_sum(model, batch)) - apart) > 1e-3
    assert not isolates(model, batch)
    from tunewright.core.events import Events

    folder = str(tiny_models.save(family, tmp_path / "model"))
    recipe = Recipe(name="t", method=MethodOptions(lora_r=4), train=TrainOptions(max_steps=1, packing=True, bf16=False))
    with Events(tmp_path) as events:
        finetune(folder, examples(8), [], recipe, tmp_path / "out", events)
    assert "examples are not packed: this model does not keep them apart" in (tmp_path / "training.log").read_text()


@pytest.mark.parametrize("family", ["llama3", "gpt2"])
def test_examples_that_see_each_other_are_noticed(family: str) -> None:
    """Positions that go on from one example to the next tell no model where one ends."""
    model, batch = fresh(family).eval(), packed(rows(), 0)
    on = torch.arange(batch.input_ids.shape[1]).expand_as(batch.input_ids)

    class Blind(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def get_output_embeddings(self) -> Any:
            return model.get_output_embeddings()

        def forward(self, **given: Any) -> Any:
            return model(**(given | {"position_ids": on[: len(given["input_ids"])]}))

    assert not isolates(Blind(), batch)
    apart = float(loss_sum(model, collate(rows(), 0, share_prefix=False)))
    assert abs(float(loss_sum(Blind(), batch)) - apart) > 1e-3


def test_a_cache_would_let_them_see_each_other() -> None:
    """The trap that the usual path avoids (use_cache=False): with a cache transformers takes a row for one example."""
    model, batch = fresh("llama3").eval(), packed(rows(), 0)
    with torch.no_grad():
        usual = model(input_ids=batch.input_ids, position_ids=batch.positions, use_cache=False).logits
        cached = model(input_ids=batch.input_ids, position_ids=batch.positions, use_cache=True).logits
    assert float((usual - cached).abs().max()) > 1e-2


def test_every_token_stands_in_a_row_once_and_parts_add_up() -> None:
    some = rows(3, 11)
    batch = packed(some, 0)
    assert batch.examples == 11
    assert len(batch.labels) == sum(one.trained for one in some)
    model = fresh("llama3")
    halves = [batch.between(0, 2), batch.between(2, len(batch.input_ids))]
    assert sum(half.examples for half in halves) == 11
    with torch.no_grad():
        assert sum(float(loss_sum(model, half)) for half in halves) == pytest.approx(
            float(loss_sum(model, batch)), rel=1e-5
        )


def examples(count: int) -> list[Example]:
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    task = Extraction(TaskOptions(), {"": schema})
    return [
        task.example(Record(str(i), f"name: {'abcdef'[i % 6]} " + "x " * (3 * i % 40), {"name": "abcdef"[i % 6]}))
        for i in range(count)
    ]


def test_a_packed_training_takes_the_same_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same batches, packed and not: losses agree step by step. Other batches do not."""
    model = str(tiny_models.save("llama3", tmp_path / "model"))
    train = {
        "max_steps": 4, "per_device_train_batch_size": 6, "logging_steps": 1, "bf16": False, "learning_rate": 1e-3
    }  # fmt: skip

    def losses(name: str, **more: Any) -> list[float]:
        recipe = Recipe(name="t", method=MethodOptions(lora_r=4), train=TrainOptions(**train, **more))
        metrics = finetune(model, examples(24), [], recipe, tmp_path / name)
        return [line["loss"] for line in metrics["steps"]]

    together = losses("packed", packing=True)
    monkeypatch.setattr(
        Epochs, "batch", lambda self, some: collate([self.tokens[i] for i in some], self.pad, share_prefix=False)
    )
    apart = losses("apart", packing=True)
    assert together == pytest.approx(apart, rel=1e-5)
    assert losses("other") != pytest.approx(apart, rel=1e-3)


def test_it_is_said_where_packing_is_off(tmp_path: Path) -> None:
    from tunewright.core.events import Events

    model = str(tiny_models.save("llama3", tmp_path / "model"))
    recipe = Recipe(
        name="t",
        method=MethodOptions(lora_r=4),
        train=TrainOptions(max_steps=1, packing=True, pointer_weight=0.5, bf16=False),
    )
    with Events(tmp_path) as events:
        finetune(model, examples(8), [], recipe, tmp_path / "out", events)
    assert "examples are not packed: heads are taught where to look" in (tmp_path / "training.log").read_text()
