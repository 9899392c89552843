"""Attention whose way back is fast on processors that multiply in bf16 (AMX).

torch's fused attention is quick forwards there, but takes four to six times as long backwards: two fifths of a training
step. Here it stays what it is forwards; backwards the weights are computed again, block by block as in FlashAttention
(Dao et al. 2022, algorithm 4), with plain matrix products of blocks that stay in the cache.

A product of bf16 matrices comes back in bf16, and exp(QKᵀ − lse) of rounded scores would be wrong by per cents. So the
subtraction goes into the product: three more columns hold lse (in three bf16 parts, together exact) against −1. What
is rounded then is a difference that is near 0 wherever a weight is large. The same for dP − delta.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

NAME = "tunewright"
BLOCK = 1 << 20
"""Scores in one block, at most: what stays in a core's cache."""

SMALL = 1 << 18
"""Scores of the heads that share a key up to which several of them go into a block together."""

NARROW = 32
"""Numbers of a head up to which torch's own way back is the faster one, where the scores are not small: three more
columns are as many again."""


class Attend(torch.autograd.Function):
    """softmax(scaling · Q·Kᵀ + mask)·V.

    query: `[batch, heads, time, size]`; key, value: `[batch, key heads, places, size]`, each for heads / key heads
    queries. mask: `[batch or 1, 1, time, places]`, true where a query may look; None: at all, or (causal) those not
    after it, counted from the end.
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        mask: torch.Tensor | None,
        causal: bool,
        scaling: float,
    ) -> torch.Tensor:
        added = None if mask is None else torch.zeros_like(mask, dtype=query.dtype).masked_fill_(~mask, -torch.inf)
        out, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
            query, key, value, 0.0, causal, attn_mask=added, scale=scaling
        )
        plain = causal or (mask is not None and _only_causal(mask))
        ctx.save_for_backward(query, key, value, out, lse, None if plain else mask)
        ctx.causal, ctx.scaling = plain, scaling
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        query, key, value, out, lse, mask = ctx.saved_tensors
        (grad,) = gradients
        scaling = ctx.scaling
        rows, heads, time, size = query.shape
        kv, places = key.shape[1], key.shape[2]
        groups = heads // kv
        if groups * time * places <= SMALL:
            return *_together(query, key, value, out, lse, grad, mask, ctx.causal, scaling), None, None, None
        delta = (grad.float() * out.float()).sum(-1)
        queries, keys = _beside(query, lse / scaling), _against(key)
        grads, values = _beside(grad.to(query.dtype), delta), _against(value)
        d_query, d_key, d_value = torch.empty_like(query), torch.zeros_like(key), torch.zeros_like(value)
        step = max(1, min(time, BLOCK // (groups * places)))
        after = torch.full((step, step), -torch.inf, dtype=query.dtype).tril(-1)
        # The same memory for every block: fresh pages would cost as much as the products.
        room = [query.new_empty(groups * step * places) for _ in range(2)]
        for row in range(rows):
            hidden = None if mask is None else ~mask[row if len(mask) > 1 else 0, 0].T
            for head in range(kv):
                mine = slice(head * groups, (head + 1) * groups)
                for first in range(0, time, step):
                    last = min(first + step, time)
                    # Nobody in this block looks beyond its last query.
                    end = places - time + last if ctx.causal else places
                    q, g = (one[row, mine, first:last].reshape(-1, one.shape[-1]) for one in (queries, grads))
                    # A row for each place, a column for each query: two of the products that follow want it so.
                    weights, d_scores = (one[: end * len(q)].view(end, len(q)) for one in room)
                    torch.addmm(weights, keys[row, head, :end], q.T, beta=0, alpha=scaling, out=weights)
                    shaped = weights.view(end, groups, last - first)
                    if hidden is not None:
                        shaped.masked_fill_(hidden[:, None, first:last], -torch.inf)
                    elif ctx.causal:
                        shaped[end - (last - first) :].add_(after[: last - first, None, : last - first])
                    weights.exp_()
                    d_value[row, head, :end].addmm_(weights, g[:, :size])
                    torch.mm(values[row, head, :end], g.T, out=d_scores).mul_(weights)
                    d_key[row, head, :end].addmm_(d_scores, q[:, :size])
                    d_query[row, mine, first:last] = (d_scores.T @ key[row, head, :end]).view(-1, last - first, size)
        return d_query.mul_(scaling), d_key.mul_(scaling), d_value, None, None, None


def _together(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    out: torch.Tensor,
    lse: torch.Tensor,
    grad: torch.Tensor,
    mask: torch.Tensor | None,
    causal: bool,
    scaling: float,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The way back where scores are few: as in `Attend.backward`, with as many heads as fit in one block."""
    rows, heads, time, size = query.shape
    kv, places = key.shape[1], key.shape[2]
    groups, pairs = heads // kv, rows * kv
    across = groups * time
    delta = (grad.float() * out.float()).sum(-1)
    queries, grads = (
        one.reshape(pairs, across, -1) for one in (_beside(query, lse / scaling), _beside(grad.to(query.dtype), delta))
    )
    keys, values = (_against(one).view(pairs, places, -1) for one in (key, value))
    plain = key.reshape(pairs, places, size)
    d_query = query.new_empty(pairs, across, size)
    d_key, d_value = (query.new_empty(pairs, places, size) for _ in range(2))
    after = torch.full((places, time), -torch.inf, dtype=query.dtype).tril(time - places - 1) if causal else None
    hidden = None if mask is None else ~mask[:, 0].transpose(1, 2)
    step = min(pairs, max(1, BLOCK // (across * places)))
    room = [query.new_empty(step * places * across) for _ in range(2)]
    for first in range(0, pairs, step):
        some = slice(first, min(first + step, pairs))
        q, g = queries[some], grads[some]
        weights, d_scores = (one[: len(q) * places * across].view(len(q), places, across) for one in room)
        torch.baddbmm(weights, keys[some], q.mT, beta=0, alpha=scaling, out=weights)
        shaped = weights.view(len(q), places, groups, time)
        if hidden is not None:
            own = hidden if len(hidden) == 1 else hidden[torch.arange(some.start, some.stop) // kv]
            shaped.masked_fill_(own[:, :, None], -torch.inf)
        elif after is not None:
            shaped.add_(after[:, None])
        weights.exp_()
        torch.bmm(weights, g[..., :size], out=d_value[some])
        torch.bmm(values[some], g.mT, out=d_scores).mul_(weights)
        torch.bmm(d_scores, q[..., :size], out=d_key[some])
        torch.bmm(d_scores.mT, plain[some], out=d_query[some])
    return d_query.view(query.shape).mul_(scaling), d_key.view(key.shape).mul_(scaling), d_value.view(value.shape)


def _beside(matrix: torch.Tensor, column: torch.Tensor) -> torch.Tensor:
    """`matrix` with `column` (fp32) as three more columns that add up to it."""
    wide = matrix.new_zeros((*matrix.shape[:-1], _width(matrix.shape[-1])))
    wide[..., : matrix.shape[-1]] = matrix
    for i in range(matrix.shape[-1], matrix.shape[-1] + 3):
        wide[..., i] = column
        column = column - wide[..., i].float()
    return wide


def _against(matrix: torch.Tensor) -> torch.Tensor:
    """`matrix` with three more columns of −1."""
    wide = matrix.new_zeros((*matrix.shape[:-1], _width(matrix.shape[-1])))
    wide[..., : matrix.shape[-1]] = matrix
    wide[..., matrix.shape[-1] : matrix.shape[-1] + 3] = -1.0
    return wide


def _width(size: int) -> int:
    """Columns of a matrix and three more, in whole tiles of the processor's (32 numbers of bf16)."""
    return -(-(size + 3) // 32) * 32


def _only_causal(mask: torch.Tensor) -> bool:
    """Whether a mask lets every query look at all places up to its own, counted from the end; remembered on the mask,
    which all layers are given."""
    known = getattr(mask, "only_causal", None)
    if known is None:
        time, places = mask.shape[-2:]
        usual = torch.ones(time, places, dtype=torch.bool, device=mask.device).tril(places - time)
        known = bool((mask == usual).all())
        mask.only_causal = known  # type: ignore[attr-defined]
    return known


def attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    is_causal: bool | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """transformers' interface of an attention: `Attend` where it fits, else torch's own."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    # Rotations leave fp32 under autocast, and products are cheaper.
    if query.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
        query, key, value = query.to(dtype), key.to(dtype), value.to(dtype)
    if not _fits(query, key, value, mask, dropout):
        return sdpa_attention_forward(
            module, query, key, value, mask, dropout=dropout, scaling=scaling, is_causal=is_causal, **others
        )
    causal = is_causal if is_causal is not None else getattr(module, "is_causal", True)
    causal = bool(causal) and mask is None and query.shape[2] > 1
    out = Attend.apply(query, key, value, mask, causal, query.shape[-1] ** -0.5 if scaling is None else scaling)
    return out.transpose(1, 2).contiguous(), None


def _fits(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None, dropout: float
) -> bool:
    return (
        torch.is_grad_enabled()
        and query.requires_grad
        and dropout == 0
        and query.device.type == "cpu"
        and query.dtype == key.dtype == value.dtype
        and query.shape[-1] == key.shape[-1] == value.shape[-1]
        and (query.shape[-1] > NARROW or query.shape[1] // key.shape[1] * query.shape[2] * key.shape[2] <= SMALL)
        and (key.shape[2] == query.shape[2] if mask is None else mask.dtype == torch.bool and mask.shape[1] == 1)
    )


def pays(model: Any, device: str | torch.device, precision: str) -> bool:
    """Whether `quick` makes the training of a model faster: torch's attention, in bf16, on a processor with AMX."""
    return (
        precision == "bf16"
        and torch.device(device).type == "cpu"
        and model.config._attn_implementation == "sdpa"
        and torch.cpu._is_amx_tile_supported()
    )


@contextmanager
def quick(model: Any) -> Iterator[None]:
    """Within, `model` uses `attend`."""
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    ALL_ATTENTION_FUNCTIONS.register(NAME, attend)
    ALL_MASK_ATTENTION_FUNCTIONS.register(NAME, ALL_MASK_ATTENTION_FUNCTIONS["sdpa"])
    usual = model.config._attn_implementation
    model.set_attn_implementation(NAME)
    try:
        yield
    finally:
        model.set_attn_implementation(usual)
