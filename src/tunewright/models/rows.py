"""Which rows go through a model together, and which of their positions need logits: few, of a prompt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


@contextmanager
def only_rows(model: Any, rows: torch.Tensor) -> Iterator[None]:
    """Within, the model's head gets `[1, chosen, hidden]`: the flat positions `rows` of its usual input.

    A forward-pre-hook selects them, which works for every family, whatever it does after the head.
    """
    head = model.get_output_embeddings()

    def select(_module: Any, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        hidden = args[0]
        return (hidden.reshape(-1, hidden.shape[-1])[rows].unsqueeze(0), *args[1:])

    handle = head.register_forward_pre_hook(select)
    try:
        yield
    finally:
        handle.remove()


def by_tokens(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Indices in batches of like length whose padded size stays within `budget` tokens (one example may exceed it)."""
    batches: list[list[int]] = []
    current: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if current and lengths[index] * (len(current) + 1) > budget:
            batches.append(current)
            current = []
        current.append(index)
    if current:
        batches.append(current)
    return batches
