"""Attention computed again on the way back is torch's: outputs, gradients, whole models; and the checks can fail."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
import torch
from torch.nn import functional

import tiny_models
from tunewright.train import attention
from tunewright.train.attention import Attend, attend, quick
from tunewright.train.batch import Tokens, collate, packed
from tunewright.train.loss import loss_sum

SHAPES = [
    (2, 6, 3, 9, 30, 8, False),
    (1, 4, 4, 25, 25, 16, True),
    (3, 8, 2, 17, 17, 8, True),
    (2, 4, 1, 1, 12, 8, False),
]


def usual(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: Any, causal: bool, scaling: float) -> torch.Tensor:
    groups = q.shape[1] // k.shape[1]
    k, v = (one.repeat_interleave(groups, 1) for one in (k, v))
    return functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal, scale=scaling)


def inputs(
    rows: int, heads: int, kv: int, time: int, places: int, size: int
) -> tuple[list[torch.Tensor], torch.Tensor]:
    torch.manual_seed(time)
    made = [torch.randn(rows, heads, time, size), *(torch.randn(rows, kv, places, size) for _ in range(2))]
    return [2 * made[0], 2 * made[1], made[2]], torch.randn(rows, heads, time, size)


def masks(rows: int, time: int, places: int) -> dict[str, torch.Tensor]:
    whole = torch.ones(time, places, dtype=torch.bool).tril(places - time)
    window = whole & ~torch.ones(time, places, dtype=torch.bool).tril(places - time - 5)
    own = whole.expand(rows, 1, time, places).clone()
    own[:, :, :, 0] = torch.arange(rows).remainder(2).bool()[:, None, None]
    own[:, :, :, -time:] |= torch.eye(time, dtype=torch.bool)
    return {"all before": whole[None, None], "a window": window[None, None], "each row's own": own}


def compared(q: Any, k: Any, v: Any, mask: Any, causal: bool, grad: torch.Tensor, dtype: torch.dtype) -> list[float]:
    """Relative distance of output and gradients from the same in double precision."""
    scaling = 0.7 * q.shape[-1] ** -0.5
    ours = [one.to(dtype).requires_grad_() for one in (q, k, v)]
    true = [one.detach().double().requires_grad_() for one in ours]
    out, want = Attend.apply(*ours, mask, causal, scaling), usual(*true, mask, causal, scaling)
    got = [out, *torch.autograd.grad(out, ours, grad.to(dtype))]
    exact = [want, *torch.autograd.grad(want, true, grad.to(dtype).double())]
    return [float((a.double() - b).norm() / b.norm()) for a, b in zip(got, exact, strict=True)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("small", [attention.SMALL, 0])
@pytest.mark.parametrize("block", [attention.BLOCK, 640, 64])
def test_it_is_attention_in_fp32_and_as_near_as_bf16_can_be(
    shape: Any, block: int, small: int, monkeypatch: Any
) -> None:
    monkeypatch.setattr(attention, "BLOCK", block)
    monkeypatch.setattr(attention, "SMALL", small)
    *sizes, causal = shape
    made, grad = inputs(*sizes)
    rows, _, _, time, places, _ = sizes
    for mask in [None] if causal else masks(rows, time, places).values():
        assert max(compared(*made, mask, causal, grad, torch.float32)) < 1e-5
        assert max(compared(*made, mask, causal, grad, torch.bfloat16)) < 2e-2


def test_without_the_exact_columns_bf16_would_be_far_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the three columns are for: lse in one bf16 number is wrong by up to 0.4 %, and weights by more."""
    made, grad = inputs(2, 4, 4, 30, 30, 16)
    made[0], made[1] = 5 * made[0], 5 * made[1]
    right = compared(*made, None, True, grad, torch.bfloat16)

    def one_column(matrix: torch.Tensor, column: torch.Tensor) -> torch.Tensor:
        wide = matrix.new_zeros((*matrix.shape[:-1], attention._width(matrix.shape[-1])))
        wide[..., : matrix.shape[-1]] = matrix
        wide[..., matrix.shape[-1]] = column
        return wide

    monkeypatch.setattr(attention, "_beside", one_column)
    wrong = compared(*made, None, True, grad, torch.bfloat16)
    assert max(wrong[1:]) > 3 * max(right[1:])


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_models_learn_the_same_with_it(family: str) -> None:
    dice = random.Random(3)
    shared = tuple(dice.randrange(10, 200) for _ in range(30))
    rows = []
    for _ in range(5):
        ids = (*shared, *(dice.randrange(10, 200) for _ in range(dice.randint(4, 14))))
        rows.append(Tokens(ids, len(ids) - 3))
    network = tiny_models.model(family)
    if network.config._attn_implementation != "sdpa":
        pytest.skip(f"{family} does not use torch's attention")
    model = tiny_models.without_dropout(copy.deepcopy(network).train())
    for batch in (collate(rows, 0, share_prefix=True), collate(rows, 0, share_prefix=False), packed(rows, 0)):
        found = []
        for fast in (False, True):
            model.zero_grad()
            if fast:
                with quick(model):
                    loss = loss_sum(model, batch)
            else:
                loss = loss_sum(model, batch)
            loss.backward()
            found.append([loss.detach(), *(p.grad.clone() for p in model.parameters() if p.grad is not None)])
        scale = max(float(one.abs().max()) for one in found[0][1:])
        assert float(found[1][0]) == pytest.approx(float(found[0][0]), rel=1e-5)
        assert max(float((a - b).abs().max()) for a, b in zip(*found, strict=True)) < 1e-5 * max(1.0, scale)
    assert model.config._attn_implementation == "sdpa"


def test_under_autocast_it_computes_in_bf16_whatever_rotations_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = []
    apply = Attend.apply
    monkeypatch.setattr(Attend, "apply", lambda *given: kinds.append([one.dtype for one in given[:3]]) or apply(*given))
    q, k = (torch.randn(2, 2, 5, 8, requires_grad=True) for _ in range(2))
    v = torch.randn(2, 2, 5, 8, dtype=torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out, _ = attend(torch.nn.Module(), q, k, v, None)
    assert kinds == [[torch.bfloat16] * 3]
    want = usual(*(one.detach().bfloat16() for one in (q, k, v)), None, True, 8**-0.5)
    torch.testing.assert_close(out.transpose(1, 2), want)
    out.float().sum().backward()
    assert q.grad is not None
    assert q.grad.dtype == torch.float32


def test_it_is_used_and_only_where_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(Attend, "apply", lambda *given: calls.append(given) or torch.zeros_like(given[0]))
    q, k = torch.randn(1, 2, 5, 8, requires_grad=True), torch.randn(1, 2, 5, 8)
    module = torch.nn.Module()
    attend(module, q, k, k, None)
    assert len(calls) == 1
    long = torch.randn(1, 2, 1 + attention.SMALL, 8)
    attend(module, q, long, long, torch.ones(1, 1, 5, long.shape[2], dtype=torch.bool))  # torch's own is faster
    for other in ({"dropout": 0.1}, {"query": q.detach()}, {"mask": torch.zeros(1, 1, 5, 5)}):
        given = {"query": q, "key": k, "value": k, "mask": None, **other}
        attend(module, given.pop("query"), given.pop("key"), given.pop("value"), given.pop("mask"), **given)
    with torch.no_grad():
        attend(module, q, k, k, None)
    assert len(calls) == 1
