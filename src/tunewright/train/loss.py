"""The loss: cross entropy at trained positions only.

The output embedding sees only the rows that are trained (a forward-pre-hook selects them), which works for every
family, whatever it does after the head. The plain path, all logits and a mask, stands beside it for the tests.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from tunewright.models.rows import only_rows
from tunewright.train.batch import Batch
from tunewright.train.fused import cross_entropy

if TYPE_CHECKING:
    from collections.abc import Iterator


ROWS = 64
"""Trained positions go through the head in multiples of it, for the reason of `batch.GRAIN`."""


def forward_rows(model: Any, batch: Batch, multiple_of: int = 1) -> torch.Tensor:
    """Logits at trained positions, `[trained, vocab]`, those at the last one again up to a multiple.

    A shared prefix is computed once and its cache expanded.
    """
    again = batch.rows[-1:].expand(-len(batch.rows) % multiple_of)
    with batch.below.given() if batch.below is not None else nullcontext():
        return _forward_rows(model, batch, torch.cat([batch.rows, again]))


def _forward_rows(model: Any, batch: Batch, rows: torch.Tensor) -> torch.Tensor:
    extra: dict[str, Any] = {"use_cache": False}
    if batch.prefix is not None:
        cache, read_only = _prefix_cache(model, batch.prefix, len(batch.input_ids))
        extra = {"use_cache": not read_only, "past_key_values": cache}
    if batch.positions is not None:
        extra["position_ids"] = batch.positions
    with only_rows(model, rows):
        logits = model(input_ids=batch.input_ids, **extra).logits
    return logits[0]


def isolates(model: Any, batch: Batch) -> bool:
    """Whether the examples of a packed batch see nothing of each other in this model, and it does not draw numbers.

    Proven on one row: other tokens in its first example leave the logits of the others as they are, bit for bit.
    Raises ValueError where no row holds two examples.
    """
    assert batch.positions is not None
    row = next((i for i, count in enumerate(batch.packed or ()) if count > 1), None)
    if row is None:
        raise ValueError("no row holds two examples")
    one = batch.between(row, row + 1)
    assert one.positions is not None
    border = int((one.positions[0] == 0).nonzero()[1])
    ids = one.input_ids.clone()
    ids[0, :border] = ids[0, :border].roll(1) + (ids[0, :border].roll(1) == ids[0, :border])
    behind = one.rows >= border
    usual, other = (replace(one, input_ids=each) for each in (one.input_ids, ids))
    with torch.no_grad():
        return bool(torch.equal(forward_rows(model, usual)[behind], forward_rows(model, other)[behind]))


def _prefix_cache(model: Any, prefix: torch.Tensor, rows: int) -> tuple[Any, bool]:
    """Keys and values of the prefix, with their gradients, as if every row had computed them.

    Also whether they are for reading only, as layers need them that compute again (gradient checkpointing).
    """
    from transformers import DynamicCache

    last = torch.tensor([prefix.shape[1] - 1], device=prefix.device)
    # the head has nothing to do here: one row is the least it takes
    with only_rows(model, last), _all_kept(model) as recomputed:
        cache = model(input_ids=prefix, use_cache=True, past_key_values=DynamicCache()).past_key_values
    for layer in cache.layers:
        layer.keys = layer.keys.expand(rows, *layer.keys.shape[1:])
        layer.values = layer.values.expand(rows, *layer.values.shape[1:])
        if recomputed:
            layer.update = partial(_beside, layer.keys, layer.values)
    return cache, recomputed


def _beside(
    before: torch.Tensor, values_before: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, *_: Any, **__: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """What a layer sees of a prefix and its own keys and values. Nothing is stored: a second pass sees the same."""
    return torch.cat([before, keys], dim=-2), torch.cat([values_before, values], dim=-2)


def keep_little(model: Any) -> bool:
    """Gradient checkpointing: let the layers keep little and compute it again on the way back.

    Says whether batches can still share a prefix. transformers drops the cache of whatever is computed again, for it
    would be written twice; ours is only read (`_beside`), so layers that check for themselves are told so.
    Raises ModelError where the model cannot do it.
    """
    from transformers.modeling_layers import GradientCheckpointingLayer

    from tunewright.core.errors import ModelError

    try:
        model.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})
    except ValueError as error:
        raise ModelError(str(error), hint="--set train.gradient_checkpointing=false") from error
    layers = [one for one in model.modules() if isinstance(one, GradientCheckpointingLayer)]
    for layer in layers:
        layer._can_checkpoint_with_cache = True
    if layers:
        for part in model.modules():
            if not isinstance(part, GradientCheckpointingLayer) and getattr(part, "gradient_checkpointing", False):
                part.gradient_checkpointing = False  # what stands around the layers would take their cache away
    return bool(layers)


@contextmanager
def _all_kept(model: Any) -> Iterator[bool]:
    """Within, no layer computes again what it has computed: it would drop the cache. Yields whether any did."""
    parts = [one for one in model.modules() if getattr(one, "gradient_checkpointing", False)]
    for part in parts:
        part.gradient_checkpointing = False
    try:
        yield bool(parts)
    finally:
        for part in parts:
            part.gradient_checkpointing = True


def loss_sum(model: Any, batch: Batch, *, smoothing: float = 0.0, noise: float = 0.0) -> torch.Tensor:
    """Summed cross entropy (nats) over the batch's trained tokens, computed in fp32.

    smoothing: share of each target that is spread over all tokens (Szegedy et al. 2016, "Rethinking the Inception
    Architecture", section 7). noise: alpha of `noisy_embeddings`; 0: none.
    """
    multiple_of = ROWS if batch.rows.device.type == "cpu" else 1
    with noisy_embeddings(model, batch, noise) if noise else nullcontext():
        logits = forward_rows(model, batch, multiple_of)
    return cross_entropy(logits, batch.labels, smoothing)


@contextmanager
def noisy_embeddings(model: Any, batch: Batch, alpha: float) -> Iterator[None]:
    """Within, uniform noise of at most alpha / √(tokens · width) on the input embeddings of this batch.

    Jain et al. 2024, "NEFTune: Noisy Embeddings Improve Instruction Finetuning", algorithm 1. Tokens are those of the
    row, whose last one is trained; its padding has no noise, as in the authors' code. The noise is drawn on the CPU,
    from the random state that a checkpoint holds. Raises ValueError for a shared prefix: its rows would share noise.
    """
    if batch.prefix is not None:
        raise ValueError("noise on the embeddings of a prefix that rows share is not the rows' own")
    count, time = batch.input_ids.shape
    rows = batch.rows.cpu()
    lengths = torch.zeros(count, dtype=torch.long).scatter_reduce(0, rows // time, rows % time + 2, "amax")
    there = torch.arange(time) < lengths[:, None]

    def add(_module: Any, _args: Any, embedded: torch.Tensor) -> torch.Tensor:
        most = alpha / (lengths.clamp(min=1) * embedded.shape[-1]).sqrt()
        drawn = torch.rand(embedded.shape) * 2 - 1
        drawn *= (most[:, None] * there)[..., None]
        return embedded + drawn.to(embedded)

    handle = model.get_input_embeddings().register_forward_hook(add)
    try:
        yield
    finally:
        handle.remove()


def plain_loss_sum(model: Any, batch: Batch, *, smoothing: float = 0.0) -> torch.Tensor:
    """The same by the plain path: whole rows, all logits, labels of -100 elsewhere. For tests and benchmarks."""
    ids = batch.input_ids
    cut = 0
    if batch.prefix is not None:
        cut = batch.prefix.shape[1]
        ids = torch.cat([batch.prefix.expand(len(ids), -1), ids], dim=1)
    labels = torch.full_like(batch.input_ids, -100).reshape(-1)
    labels[batch.rows] = batch.labels
    logits = model(input_ids=ids, use_cache=False).logits[:, cut:]
    flat = logits.reshape(-1, logits.shape[-1]).float()
    return functional.cross_entropy(flat, labels, reduction="sum", label_smoothing=smoothing)
