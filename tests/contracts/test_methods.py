"""Every way of fine-tuning, on models of several families: it learns, is read back as it was, and merges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

import tiny_models
from tunewright.core.errors import UsageError
from tunewright.core.recipe import PRESETS, MethodOptions
from tunewright.models import methods
from tunewright.models.load import load
from tunewright.models.merge import merged

FAMILIES = ["wren", "llama3", "opt", "gpt2"]
STEPS, RATE = 40, 2e-2
SMALL = {"lora_r": 4, "lora_alpha": 8, "init_r": 4, "target_r": 2, "delta_t": 1}


def options(name: str) -> MethodOptions:
    return MethodOptions(name=name, **SMALL, **({"trainable_layers": 1} if "trainable_layers" in PRESETS[name] else {}))


def lesson(model: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """(ids, labels): one sequence, and the same shifted by one."""
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(10, 200, (1, 24), generator=generator)
    return ids[:, :-1], ids[0, 1:]


def loss_of(model: Any) -> torch.Tensor:
    ids, labels = lesson(model)
    return functional.cross_entropy(model(ids, use_cache=False).logits[0].float(), labels)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {family: tiny_models.save(family, tmp_path_factory.mktemp(family)) for family in FAMILIES}


class Trained:
    """A method after some steps, and what it says then."""

    def __init__(self, name: str, folder: Path, target: Path):
        self.options = options(name)
        loaded = load(str(folder), dtype="fp32", quantisation=self.options.quantisation)
        attached = methods.attach(loaded.model, self.options, 0)
        attached.begin(STEPS)
        frozen = {n: p.detach().clone() for n, p in attached.model.named_parameters() if not p.requires_grad}
        groups = [
            {"params": [weight], "lr": RATE * attached.rate(weight_name) / (4 if name in ("full", "lora-plus") else 1)}
            for weight_name, weight in attached.parameters.items()
        ]
        optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
        self.losses = []
        attached.model.train()
        for step in range(STEPS):
            loss = loss_of(attached.model)
            penalty = attached.penalty()
            (loss if penalty is None else loss + 0.1 * penalty).backward()
            optimizer.step()
            attached.after_step(step + 1)
            optimizer.zero_grad()
            self.losses.append(float(loss.detach()))
        attached.model.eval()
        with torch.no_grad():
            self.logits = attached.model(lesson(attached.model)[0]).logits
        still = dict(attached.model.named_parameters())
        self.frozen_moved = [n for n, before in frozen.items() if not still[n].equal(before)]
        self.attached = attached
        attached.save(target)
        if attached.saved_as == "model":
            loaded.tokenizer.save_pretrained(target)
        self.saved = target


@pytest.fixture(scope="module")
def trained(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Any:
    made: dict[tuple[str, str], Trained] = {}

    def get(name: str, family: str) -> Trained:
        if (name, family) not in made:
            made[name, family] = Trained(name, folders[family], tmp_path_factory.mktemp("saved") / "weights")
        return made[name, family]

    return get


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", PRESETS)
class TestMethod:
    def test_its_loss_falls_and_what_is_frozen_stays(self, name: str, family: str, trained: Any) -> None:
        one = trained(name, family)
        assert one.losses[-1] < one.losses[0] * (0.9 if name == "ia3" else 0.7)
        assert one.frozen_moved == []

    def test_it_is_read_back_to_the_same_logits(
        self, name: str, family: str, trained: Any, folders: dict[str, Path]
    ) -> None:
        one = trained(name, family)
        if one.attached.saved_as == "model":
            again = load(str(one.saved), dtype="fp32")
        else:
            again = load(str(folders[family]), adapter=one.saved, dtype="fp32", quantisation=one.options.quantisation)
        with torch.no_grad():
            logits = again.model(lesson(again.model)[0]).logits
        tolerance = 1e-4 if name in ("pissa", "dora", "qdora", "adalora") else 0.0  # these are summed up another way
        assert float((logits - one.logits).abs().max()) <= tolerance * float(one.logits.abs().max())

    def test_it_merges_into_the_weights_it_was_trained_on(
        self, name: str, family: str, trained: Any, folders: dict[str, Path]
    ) -> None:
        one = trained(name, family)
        if one.attached.saved_as == "model":
            pytest.skip("a whole model has nothing to merge")
        quantisation = one.options.quantisation
        base = "original" if quantisation is None else "dequantised"
        whole = merged(str(folders[family]), one.saved, base=base, quantisation=quantisation)
        assert not any("lora" in key for key in whole.model.state_dict())
        with torch.no_grad():
            logits = whole.model(lesson(whole.model)[0]).logits
        assert float((logits - one.logits).abs().max()) < 1e-4 * float(one.logits.abs().max())


@pytest.mark.parametrize("family", FAMILIES)
def test_adalora_ends_at_its_mean_rank(family: str, trained: Any) -> None:
    found = trained("adalora", family).attached.summary()
    assert found["mean_rank"] == pytest.approx(SMALL["target_r"], abs=0.01)
    assert len(set(found["ranks"].values())) > 1


def test_adalora_keeps_every_rank_where_nobody_prunes(folders: dict[str, Path]) -> None:
    """The check above can fail: without `after_step`, as under transformers' Trainer, no rank falls."""
    attached = methods.attach(load(str(folders["wren"]), dtype="fp32").model, options("adalora"), 0)
    attached.begin(STEPS)
    optimizer = torch.optim.AdamW(attached.parameters.values(), lr=RATE)
    for _ in range(STEPS):
        loss_of(attached.model).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert attached.summary()["mean_rank"] == SMALL["init_r"]


@pytest.mark.parametrize("total", [2, 3, 7])
def test_adalora_prunes_in_trainings_of_few_steps(total: int, folders: dict[str, Path]) -> None:
    attached = methods.attach(load(str(folders["wren"]), dtype="fp32").model, options("adalora"), 0)
    attached.begin(total)
    optimizer = torch.optim.AdamW(attached.parameters.values(), lr=RATE)
    for step in range(1, total + 1):
        loss_of(attached.model).backward()
        optimizer.step()
        attached.after_step(step)
        optimizer.zero_grad()
    assert attached.settled(total)
    assert attached.summary()["mean_rank"] == pytest.approx(SMALL["target_r"], abs=0.1)


def test_adalora_refuses_a_single_step(folders: dict[str, Path]) -> None:
    attached = methods.attach(load(str(folders["wren"]), dtype="fp32").model, options("adalora"), 0)
    with pytest.raises(UsageError, match="two steps"):
        attached.begin(1)


def test_merging_into_the_original_weights_is_not_what_4_bits_trained(trained: Any, folders: dict[str, Path]) -> None:
    """The tolerance of merging can fail: the original base has other weights than its 4-bit form."""
    one = trained("qlora", "llama3")
    whole = merged(str(folders["llama3"]), one.saved, base="original")
    with torch.no_grad():
        logits = whole.model(lesson(whole.model)[0]).logits
    assert float((logits - one.logits).abs().max()) > 1e-3 * float(one.logits.abs().max())
