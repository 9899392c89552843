"""What is computed in few passes is what transformers, PEFT and torch compute; and the checks can fail."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from peft.tuners.lora.dora import DoraLinearLayer
from torch.nn import functional

import tiny_models
from tunewright.core.recipe import MethodOptions
from tunewright.models import methods
from tunewright.train import fused
from tunewright.train.batch import Batch, Tokens, collate
from tunewright.train.loss import loss_sum


def drawn(*shape: int) -> torch.Tensor:
    torch.manual_seed(sum(shape))
    return torch.randn(*shape)


def norm(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return weight * x / (x.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt()


def lora(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return functional.linear(x, weight.detach(), bias.detach()) + 0.7 * (x @ a.T) @ b.T


def dora(x: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
    weight, bias, a, b, ratio = others
    return ratio * lora(x, weight, torch.zeros_like(bias), a, b) + bias.detach()


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    one, two = x.chunk(2, -1)
    return x * cos + torch.cat([-two, one], -1) * sin


LABELS = torch.arange(37) * 5 % 211
WAYS: dict[str, tuple[Callable[..., Any], Callable[..., Any], list[torch.Tensor], int]] = {
    "norm": (lambda x, w: fused.Norm.apply(x, w, 1e-5), norm, [drawn(3, 11, 40), drawn(40)], 2),
    "gated": (fused.Gated.apply, lambda g, u: functional.silu(g) * u, [drawn(3, 11, 50), 3 * drawn(3, 11, 50)], 2),
    "rotate": (fused.Rotate.apply, rotate, [drawn(2, 4, 9, 16), drawn(1, 1, 9, 16), drawn(2, 1, 9, 16)], 1),
    "lora": (
        lambda *given: fused.Lora.apply(*given, None, 0.7),
        lora,
        [drawn(3, 11, 40), drawn(24, 40), drawn(24), drawn(5, 40), drawn(24, 5)],
        5,
    ),
    "dora": (
        lambda *given: fused.Lora.apply(*given, 0.7),
        dora,
        [drawn(3, 11, 40), drawn(24, 40), drawn(24), drawn(5, 40), drawn(24, 5), 1 + drawn(24) / 9],
        6,
    ),
    "loss": (
        lambda logits: fused.cross_entropy(logits, LABELS),
        lambda logits: functional.cross_entropy(logits, LABELS, reduction="sum"),
        [5 * drawn(37, 211)],
        1,
    ),
    "smoothed loss": (
        lambda logits: fused.cross_entropy(logits, LABELS, 0.2),
        lambda logits: functional.cross_entropy(logits, LABELS, reduction="sum", label_smoothing=0.2),
        [5 * drawn(37, 211)],
        1,
    ),
}


def distances(name: str, dtype: torch.dtype) -> list[float]:
    """Relative distance of a way's output and gradients from the usual ones in double precision."""
    ours, usual, inputs, count = WAYS[name]
    given = [one.to(dtype).requires_grad_(i < count) for i, one in enumerate(inputs)]
    exact = [one.detach().double().requires_grad_(i < count) for i, one in enumerate(given)]
    results = []
    for way, numbers in ((ours, given), (usual, exact)):
        out = way(*numbers)
        back = torch.linspace(-1, 2, out.numel()).view(out.shape).to(dtype).to(out.dtype)
        grads = torch.autograd.grad(out, numbers[:count], back, allow_unused=True)
        results.append([out, *(one for one in grads if one is not None)])
    # What is frozen has no gradient in one way and one of zeros in the other.
    pairs = [(a, b) for a, b in zip(*results, strict=True)]
    return [float((a.double() - b).norm() / b.norm()) for a, b in pairs]


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("block", [fused.BLOCK, 64])
def test_each_is_the_usual_in_fp32_and_as_near_as_bf16_can_be(
    name: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fused, "BLOCK", block)
    monkeypatch.setattr(fused, "LOGITS_BLOCK", 4 * block)
    assert max(distances(name, torch.float32)) < 2e-6
    assert max(distances(name, torch.bfloat16)) < 1e-2


def test_the_comparison_sees_a_wrong_way_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its second term the gradient of a norm is off by per cents, not by roundings."""
    monkeypatch.setattr(torch.Tensor, "addcmul_", lambda self, a, b, value=1: self)
    assert max(distances("norm", torch.float32)) > 1e-2
    assert max(distances("rotate", torch.float32)) > 1e-2


def rows() -> Batch:
    dice = random.Random(3)
    shared = tuple(dice.randrange(10, 200) for _ in range(12))
    made = [(*shared, *(dice.randrange(10, 200) for _ in range(dice.randint(4, 14)))) for _ in range(4)]
    return collate([Tokens(ids, len(ids) - 3) for ids in made], 0, share_prefix=True)


def trained(family: str, **options: Any) -> Any:
    """A tiny model with a LoRA whose weights are no zeros (or, full, with itself)."""
    network = copy.deepcopy(tiny_models.model(family)).train()
    attached = methods.attach(network, MethodOptions(**options), 0)
    torch.manual_seed(1)
    for name, parameter in attached.parameters.items():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    tiny_models.without_dropout(attached.model.train())
    return attached


@pytest.mark.parametrize(
    "method", [{"name": "lora"}, {"name": "full"}, {"use_dora": True}], ids=["lora", "full", "dora"]
)
@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_models_learn_the_same_with_it(family: str, method: dict[str, Any]) -> None:
    attached, batch = trained(family, **method), rows()
    found = []
    for fast in (False, True):
        attached.model.zero_grad()
        if fast:
            with fused.quick(attached.model):
                loss = loss_sum(attached.model, batch)
        else:
            loss = loss_sum(attached.model, batch)
        loss.backward()
        found.append([loss.detach(), *(p.grad.clone() for p in attached.parameters.values() if p.grad is not None)])
    scale = max(float(one.abs().max()) for one in found[0][1:])
    assert float(found[1][0]) == pytest.approx(float(found[0][0]), rel=1e-5)
    assert max(float((a - b).abs().max()) for a, b in zip(*found, strict=True)) < 1e-5 * max(1.0, scale)


@pytest.mark.parametrize(
    ("family", "ways"),
    [
        ("llama3", {"_norm": 5, "_gated": 2, "_lora": 4}),
        ("qwen3", {"_norm": 9, "_gated": 2, "_lora": 4}),
        ("opt", {"_lora": 4}),
        ("gemma3", {"_lora": 4}),
    ],
)
def test_it_is_used_where_a_family_computes_just_that(family: str, ways: dict[str, int]) -> None:
    """Gemma's norm multiplies by 1 + weight and its activation is a GELU: neither is taken for Llama's."""
    attached = trained(family, target_modules=("q_proj", "v_proj"))
    found: dict[str, int] = {}
    for _, way in fused.parts(attached.model):
        found[way.__name__] = found.get(way.__name__, 0) + 1
    assert found == ways


@pytest.mark.parametrize("options", [{"lora_dropout": 0.1}, {"name": "ia3"}, {"name": "adalora"}])
def test_only_plain_lora_is_taken_for_it(options: dict[str, Any]) -> None:
    attached = trained("llama3", **options)
    assert not [way for _, way in fused.parts(attached.model) if way is fused._lora]


def test_dora_is_taken_for_it_with_its_norm_in_closed_form_alone() -> None:
    attached = trained("llama3", use_dora=True)
    layers = [module for module, way in fused.parts(attached.model) if way is fused._lora]
    assert layers
    for layer in layers:
        layer.lora_magnitude_vector["default"].__class__ = DoraLinearLayer
    assert not [way for _, way in fused.parts(attached.model) if way is fused._lora]


def test_outside_and_without_gradients_modules_are_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    attached, batch = trained("llama3"), rows()
    calls: list[str] = []
    for one in (fused.Norm, fused.Gated, fused.Lora, fused.Rotate):
        usual = one.apply
        monkeypatch.setattr(one, "apply", lambda *given, n=one.__name__, u=usual: calls.append(n) or u(*given))
    with fused.quick(attached.model):
        calls.clear()  # those that found out what is what
        with torch.no_grad():
            loss_sum(attached.model, batch)
        assert calls == []
        loss_sum(attached.model, batch)
        assert set(calls) == {"Norm", "Gated", "Lora", "Rotate"}
    calls.clear()
    loss_sum(attached.model, batch)
    assert calls == []
    assert not [module for module in attached.model.modules() if "forward" in vars(module)]


@pytest.mark.parametrize(("dora", "most"), [(False, 0.9), (True, 0.8)])
def test_less_is_kept_for_the_way_back(dora: bool, most: float) -> None:
    attached, batch = trained("llama3", use_dora=dora), rows()
    attached.model.get_base_model().bfloat16()
    frozen = {one.untyped_storage().data_ptr() for one in attached.model.parameters()}

    def kept() -> int:
        storages: dict[int, int] = {}

        def note(tensor: torch.Tensor) -> torch.Tensor:
            if tensor.untyped_storage().data_ptr() not in frozen:
                storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        hooks = torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor)
        with hooks, torch.autocast("cpu", torch.bfloat16):
            loss = loss_sum(attached.model, batch)
        loss.backward()
        return sum(storages.values())

    usual = kept()
    with fused.quick(attached.model):
        assert kept() < most * usual


def test_a_batch_in_bf16_is_as_near_the_truth_as_without_it() -> None:
    attached, batch = trained("llama3"), rows()
    attached.model.bfloat16()

    def gradient(model: Any, autocast: bool) -> torch.Tensor:
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            loss_sum(model, batch).backward()
        return torch.cat([p.grad.reshape(-1).double() for p in model.parameters() if p.grad is not None])

    usual = gradient(attached.model, True)
    with fused.quick(attached.model):
        ours = gradient(attached.model, True)
    true = gradient(attached.model.float(), False)
    assert float((ours - true).norm()) < 1.2 * float((usual - true).norm())
    assert not torch.equal(ours, usual)
