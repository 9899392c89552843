"""How many examples to put through the model at a time: the number that trains the most tokens a second here.

Only the passes are cut to size, never the step: what is learnt does not hang on the machine that it was tried on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tunewright.core.meter import Phases
from tunewright.train.batch import Batch, split

ROWS = 8
"""Examples that a size is timed on, at least."""
SAME = 0.03
"""Speeds that differ by less are alike: the smaller size is taken, for it needs less memory."""
ROOM = 0.8
"""Share of the free memory that a size may take."""


@dataclass(frozen=True, slots=True)
class Found:
    """The size taken, tokens a second of every size that was timed, and why no larger one was tried."""

    size: int
    tokens_per_second: dict[int, float]
    ended: str

    def __str__(self) -> str:
        speeds = ", ".join(f"{size}: {speed:,.0f}" for size, speed in self.tokens_per_second.items())
        return f"{self.size} at a time (tokens/s by number of examples: {speeds}; {self.ended})"


def find(
    attempt: Callable[[Sequence[Batch]], bool],
    longest: Batch,
    typical: Batch,
    *,
    free: Callable[[], int],
    phases: Phases,
    now: Callable[[], float] = time.perf_counter,
) -> Found:
    """The fastest of 1, 2, 4, 8 ... examples at a time.

    attempt: forward and backward over some batches, nothing left behind; whether the memory was enough. longest,
    typical: whole batches of as many examples as one may have; the first says what fits, the second is timed.
    free: bytes that may still be taken. phases: counts the memory of an attempt.
    """
    whole = len(typical.input_ids)
    speeds: dict[int, float] = {}
    needed, ended = 0, "no batch has more"
    for size in sizes(whole):
        if needed * 2 > ROOM * free():
            ended = "more may not fit"
            break
        with phases("held"):
            pass
        with phases(f"try {size}"):
            fits = attempt(split(longest, size)[:1])
        held, most = (phases.taken.pop(name)["peak_bytes"] for name in ("held", f"try {size}"))
        needed = max(needed, most - held)
        parts = split(typical, size)[: max(1, ROWS // size)]
        seconds = [lap for _ in range(2) if (lap := _timed(attempt, parts, now)) is not None] if fits else []
        if len(seconds) < 2:
            ended = "more do not fit"
            break
        speeds[size] = sum(map(_tokens, parts)) / max(1e-9, min(seconds))
    if not speeds:
        return Found(1, {}, ended)
    best = max(speeds.values())
    return Found(min(size for size, speed in speeds.items() if speed >= (1 - SAME) * best), speeds, ended)


def sizes(whole: int) -> list[int]:
    """1, 2, 4 ... and `whole`."""
    return [*(2**i for i in range(whole.bit_length()) if 2**i < whole), whole]


def _timed(
    attempt: Callable[[Sequence[Batch]], bool], parts: Sequence[Batch], now: Callable[[], float]
) -> float | None:
    began = now()
    return now() - began if attempt(parts) else None


def _tokens(batch: Batch) -> int:
    """Tokens of the rows, the prefix counted for each: what is got for the time, however it is computed."""
    before = batch.prefix.numel() if batch.prefix is not None else 0
    return batch.input_ids.numel() + len(batch.input_ids) * before
