"""DoRA with its norm in closed form is PEFT's DoRA: outputs and gradients, over steps, families and weight formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft.tuners.lora.dora import DoraLinearLayer

import tiny_models
from tunewright.core.recipe import MethodOptions
from tunewright.models import methods
from tunewright.models.load import load
from tunewright.models.methods._dora import ClosedForm

TOLERANCE = 1e-5
"""Largest difference, relative to the largest number of its kind."""


def attached(folder: Path, *, fast: bool, **more: Any) -> Any:
    options = MethodOptions(name="dora", lora_r=4, lora_alpha=8, **more)
    model = methods.attach(load(str(folder), dtype="fp32", quantisation=options.quantisation).model, options, 0).model
    layers = [module for module in model.modules() if isinstance(module, ClosedForm)]
    assert layers
    if not fast:
        for module in layers:
            module.__class__ = DoraLinearLayer
    return model.train()


def steps(model: Any, count: int = 2) -> list[torch.Tensor]:
    """Logits and gradients of some steps, and the logits after them."""
    ids = torch.randint(10, 200, (2, 9), generator=torch.Generator().manual_seed(1))
    weights = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(weights, lr=0.1)
    found = []
    for _ in range(count):
        torch.manual_seed(7)  # both sides drop the same
        logits = model(ids).logits
        logits.square().mean().backward()
        found += [logits.detach(), *(p.grad.clone() for p in weights)]
        optimizer.step()
        optimizer.zero_grad()
    model.eval()
    with torch.no_grad():
        return [*found, model(ids).logits]


def apart(left: list[torch.Tensor], right: list[torch.Tensor]) -> float:
    return max(float((a - b).abs().max()) / max(1e-6, float(b.abs().max())) for a, b in zip(left, right, strict=True))


@pytest.mark.parametrize("family", ["llama3", "opt", "gpt2"])
@pytest.mark.parametrize("more", [{}, {"lora_dropout": 0.2}, {"load_in_4bit": True}, {"use_rslora": True}])
def test_it_is_pefts(family: str, more: dict[str, Any], tmp_path: Path) -> None:
    folder = tiny_models.save(family, tmp_path)
    assert apart(steps(attached(folder, fast=True, **more)), steps(attached(folder, fast=False, **more))) < TOLERANCE


def test_a_norm_that_is_not_renewed_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_models.save("llama3", tmp_path)
    right = steps(attached(folder, fast=False))
    stale: dict[int, torch.Tensor] = {}

    def once(self: Any, base_layer: Any, a: Any, b: Any, scaling: float) -> torch.Tensor:
        if id(self) not in stale:
            stale[id(self)] = self._norm(base_layer, a.detach(), b.detach(), scaling)
        return stale[id(self)]

    monkeypatch.setattr(ClosedForm, "norm", once)
    assert apart(steps(attached(folder, fast=True)), right) > 100 * TOLERANCE


def test_weights_put_in_from_outside_renew_the_norm(tmp_path: Path) -> None:
    """A checkpoint that is read back copies into A and B: the norm known before is no longer theirs."""
    folder = tiny_models.save("llama3", tmp_path)
    model, plain = attached(folder, fast=True).eval(), attached(folder, fast=False).eval()
    ids = torch.arange(10, 20)[None]
    with torch.no_grad():
        before = model(ids).logits
        for one, other in zip(model.parameters(), plain.parameters(), strict=True):
            if one.requires_grad:
                torch.manual_seed(one.numel())
                moved = one + 0.3 * torch.randn_like(one)
                one.copy_(moved)
                other.copy_(moved)
        after, wanted = model(ids).logits, plain(ids).logits
    assert apart([after], [wanted]) < TOLERANCE
    assert apart([before], [wanted]) > 100 * TOLERANCE
