"""Memory of a training: when it ran out, how its phases are counted, and what it was needed for."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch

from tunewright.core import meter
from tunewright.core.meter import Phases
from tunewright.train.batch import Batch, split

_SAID = ("can't allocate memory", "cannot allocate memory", "not enough memory", "CUBLAS_STATUS_ALLOC_FAILED")

TRIM_STEPS = 16
"""Steps after which freed memory goes back to the system at the latest."""


def ran_out(error: BaseException) -> bool:
    """Whether an error says that there was no memory: a GPU's, or the machine's."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _SAID)


def release() -> None:
    """Give back what nothing holds any more."""
    import gc

    gc.collect()
    trim()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def trim() -> None:
    """Give freed memory back to the system, where C's allocator is glibc's.

    It keeps what is freed between tensors that stay, and steps of many lengths leave ever more of it.
    """
    with contextlib.suppress(OSError, AttributeError):  # another allocator
        ctypes.CDLL(None).malloc_trim(0)


class Tidy:
    """Gives freed memory back between steps: before one larger than those since the last time, and every so often.

    What stays between the tensors of earlier steps would else stand beside what the largest step needs.
    """

    def __init__(self) -> None:
        self._sizes: list[int] = []

    def before(self, size: int) -> None:
        """A step of this size (tokens in one pass) is next."""
        if len(self._sizes) == TRIM_STEPS or size > max(self._sizes, default=0):
            trim()
            self._sizes.clear()
        self._sizes.append(size)


def in_parts(batch: Batch, measure: Callable[[Batch], float]) -> float:
    """`measure(batch)`, a sum over its rows; in halves where memory runs out. Raises what one row raises."""
    try:
        return measure(batch)
    except (RuntimeError, MemoryError) as error:
        if not ran_out(error) or len(batch.input_ids) < 2:
            raise
    release()
    return sum(in_parts(half, measure) for half in split(batch, (len(batch.input_ids) + 1) // 2))


def phases(device: str | torch.device) -> Phases:
    """A count of phases by the memory that is scarce: the GPU's own where there is one, else the process's."""
    if torch.device(device).type == "cuda":
        return Phases(torch.cuda.reset_peak_memory_stats, torch.cuda.max_memory_allocated)
    return Phases()


def free(device: str | torch.device) -> int:
    """Bytes that may still be taken: of the GPU, what torch keeps ready for itself included; else of the machine."""
    if torch.device(device).type == "cuda":
        ready = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
        return int(torch.cuda.mem_get_info()[0]) + int(ready)
    return meter.free_memory()


def taken(tensors: Iterable[torch.Tensor]) -> int:
    """Bytes of tensors, each counted once."""
    return sum({id(one): one.numel() * one.element_size() for one in tensors}.values())


def of_optimizers(optimizers: Sequence[Any]) -> int:
    """Bytes of the optimisers' state."""
    return taken(
        value
        for optimizer in optimizers
        for slots in optimizer.state.values()
        for value in slots.values()
        if isinstance(value, torch.Tensor)
    )


def account(
    model: Any, parameters: Iterable[torch.Tensor], optimizers: Sequence[Any], best: int, idle: int, counted: Phases
) -> dict[str, Any]:
    """What the memory of a training was needed for, in bytes.

    weights, gradients, optimizer, best (the copy of the best weights) are counted exactly. activations is what the peak
    of training is above these and `idle`, the memory held before the first step without optimiser state: an estimate.
    """
    gradients, state = taken(parameters), of_optimizers(optimizers)
    peaks = {name: entry["peak_bytes"] for name, entry in counted.taken.items()}
    return {
        "weights": taken([*model.parameters(), *model.buffers()]),
        "gradients": gradients,
        "optimizer": state,
        "best": best,
        "activations": max(0, peaks.get("train", 0) - idle - gradients - state - best),
        "peak": peaks,
    }
