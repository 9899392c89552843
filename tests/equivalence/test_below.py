"""Going through the frozen layers once gives what going through them every time gives; and the checks can fail."""

from __future__ import annotations

import contextlib
import copy
import random
from pathlib import Path
from typing import Any

import pytest
import torch

import tiny_models
from stand_ins import Ears
from tunewright.core.recipe import MethodOptions, Recipe
from tunewright.core.records import Example, Record
from tunewright.models import methods
from tunewright.train import below, finetune
from tunewright.train.batch import Tokens, split
from tunewright.train.below import Stack, kept
from tunewright.train.loss import loss_sum
from tunewright.train.material import Epochs

LAST = MethodOptions(name="last-layers", trainable_layers=1)


def network(family: str, options: MethodOptions = LAST) -> Any:
    model = tiny_models.without_dropout(copy.deepcopy(tiny_models.model(family)))
    return methods.attach(model, options, 0).model.train()


def rows(count: int = 5) -> list[Tokens]:
    dice = random.Random(3)
    shared = tuple(dice.randrange(10, 200) for _ in range(20))
    made = [(*shared, *(dice.randrange(10, 200) for _ in range(dice.randint(4, 14)))) for _ in range(count)]
    return [Tokens(ids, len(ids) - 3) for ids in made]


def gradients(model: Any, batches: Any) -> list[torch.Tensor]:
    model.zero_grad()
    total = sum((loss_sum(model, batch) for batch in batches), torch.zeros(()))
    total.backward()
    return [total.detach(), *(p.grad.clone() for p in model.parameters() if p.grad is not None)]


def distance(some: list[torch.Tensor], others: list[torch.Tensor]) -> float:
    """Relative; together, for some gradients are nothing but rounding (the bias of OPT's keys)."""
    one, other = (torch.cat([tensor.reshape(-1) for tensor in tensors]) for tensors in (some, others))
    return float((one - other).norm() / other.norm())


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_models_learn_the_same_with_it(family: str, share: bool, tmp_path: Path) -> None:
    from tunewright.core.recipe import TrainOptions
    from tunewright.decode.lanes import supported

    model, tokens = network(family), rows()
    if share and not supported(model, 64):
        pytest.skip(f"{family} does not share prefixes")
    options = TrainOptions(per_device_train_batch_size=5)
    epochs = Epochs(tokens, 0, options, 0, share_prefix=share, context=64)
    [usual] = epochs(0)
    assert (usual.prefix is not None) == share
    stack = Stack.of(model)
    assert stack is not None
    with kept(stack, tokens, tmp_path / "states", contextlib.nullcontext, lambda done: None) as found:
        epochs.below = found
        [batch] = epochs(0)
        assert batch.below is not None
        want = gradients(model, [usual])
        assert distance(gradients(model, [batch]), want) < 1e-5
        assert distance(gradients(model, split(batch, 2)), want) < 1e-5
        # and the check can fail: with what enters one token later it is another loss
        epochs.below = below.Below(stack, [one.roll(1, 0) for one in found.states])
        assert distance(gradients(model, epochs(0)), want) > 1e-3
    assert not (tmp_path / "states").exists()
    assert not [module for module in model.modules() if "forward" in vars(module)]


def test_lower_layers_compute_nothing_in_training(tmp_path: Path) -> None:
    model, tokens = network("llama3"), rows()
    stack = Stack.of(model)
    assert stack is not None
    calls: list[int] = []
    stack.lower[0].self_attn.register_forward_hook(lambda *_: calls.append(1))
    with kept(stack, tokens, tmp_path / "states", contextlib.nullcontext, lambda done: None) as found:
        assert len(calls) == 1  # all five in one batch
        longest = max(len(one.ids) for one in tokens[:2])
        with found.of([0, 1], 0, longest).given():
            model(input_ids=torch.zeros((2, longest), dtype=torch.long), use_cache=False)
        assert len(calls) == 1


@pytest.mark.parametrize(
    "options",
    [
        MethodOptions(name="full"),
        MethodOptions(name="lora"),
        MethodOptions(name="hybrid", trainable_layers=1),
        MethodOptions(name="last-layers", trainable_layers=2),
    ],
)
def test_where_something_below_is_trained_nothing_is_kept(options: MethodOptions) -> None:
    assert Stack.of(network("llama3", options)) is None


def test_trained_embeddings_are_below_all_layers() -> None:
    model = network("llama3")
    model.get_input_embeddings().requires_grad_(True)
    assert Stack.of(model) is None


def examples(count: int) -> list[Example]:
    dice = random.Random(5)
    texts = [" ".join(str(dice.randrange(1000)) for _ in range(dice.randint(4, 9))) for _ in range(count)]
    return [
        Example(Record(str(i), text), [{"role": "user", "content": f"Say it again: {text}"}], text[:9])
        for i, text in enumerate(texts)
    ]


def test_a_training_goes_the_same_way_and_resumes_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = str(tiny_models.save("wren", tmp_path / "model"))
    train = {
        "max_steps": 9,
        "per_device_train_batch_size": 4,
        "logging_steps": 1,
        "eval_steps": 3,
        "save_steps": 3,
        "learning_rate": 1e-3,
        "bf16": False,
    }

    def run(name: str, **more: Any) -> dict[str, Any]:
        recipe = Recipe(name="below", model=model, method=LAST.model_dump(), train={**train, **more})
        return finetune.finetune(model, examples(12), examples(4), recipe, tmp_path / name)

    entered: list[int] = []
    usual = below.Stack.entering

    def entering(stack: Stack, ids: torch.Tensor) -> torch.Tensor:
        entered.append(len(ids))
        return usual(stack, ids)

    monkeypatch.setattr(below.Stack, "entering", entering)
    with_it = run("with")
    assert sum(entered) == 1 + 12 + 4  # one to look, then every example once, though there are three epochs
    entered.clear()
    run("short", max_steps=3)
    assert not entered  # one epoch: there is nothing to save
    monkeypatch.setattr(finetune, "_stack", lambda *_, **__: None)
    without = run("without")
    for kind in ("steps", "validations"):
        pairs = zip(with_it[kind], without[kind], strict=True)
        assert max(abs(a["loss"] - b["loss"]) for a, b in pairs) < 1e-4
    assert not (tmp_path / "with" / "below.states").exists()


def test_what_is_killed_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    model = str(tiny_models.save("wren", tmp_path / "model"))
    recipe = Recipe(
        name="below",
        model=model,
        method=LAST.model_dump(),
        train={"max_steps": 8, "per_device_train_batch_size": 4, "save_steps": 2, "eval_steps": 2},
    )

    class Pulled(Ears):
        def add(self, verb: str, kind: str, **values: Any) -> None:
            if kind == "checkpoint" and values["step"] == 4:
                raise RuntimeError("pulled out")

    whole, parts = tmp_path / "whole", tmp_path / "parts"
    finetune.finetune(model, examples(8), examples(4), recipe, whole)
    ears = Pulled()
    with pytest.raises(RuntimeError, match="pulled out"):
        finetune.finetune(model, examples(8), examples(4), recipe, parts, ears)  # type: ignore[arg-type]
    assert any("gone through once" in text for text in ears.said)
    finetune.finetune(model, examples(8), examples(4), recipe, parts)
    one, other = (folder / "model" / "model.safetensors" for folder in (whole, parts))
    assert one.read_bytes() == other.read_bytes()


def test_without_room_on_the_disk_it_goes_on_as_usual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    assert finetune._room(tmp_path, 1000, said.append)
    assert not finetune._room(tmp_path, 10**18, said.append)
    assert "gone through every time" in said[0]
