"""Wall time and memory of this process."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any


def memory() -> int:
    """Bytes of memory that this process holds now (resident set)."""
    import psutil

    return int(psutil.Process(os.getpid()).memory_info().rss)


def peak_memory() -> int:
    """Most bytes that this process held since it began, or since `reset_peak` where that works."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024
    except (OSError, ValueError, IndexError):
        # Linux counts in KiB, macOS in bytes.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def reset_peak() -> bool:
    """Let `peak_memory` count from now. Says whether the system can do that (Linux can)."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


CGROUP = Path("/sys/fs/cgroup")
"""Where Linux tells a container its bounds."""


def cores(cgroup: Path = CGROUP) -> float:
    """Processor cores this process may use: its affinity, less where a container's quota is smaller."""
    counted = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        return min(float(counted), int(quota) / int(period))
    except (OSError, ValueError):  # no cgroup, or "max": no quota
        return float(counted)


def free_memory(cgroup: Path = CGROUP) -> int:
    """Bytes that new work may take without swapping: the machine's, less where a container's limit is nearer."""
    import psutil

    free = int(psutil.virtual_memory().available)
    try:
        limit, used = (int((cgroup / name).read_text()) for name in ("memory.max", "memory.current"))
        return max(0, min(free, limit - used))
    except (OSError, ValueError):
        return free


class Meter:
    """`with Meter() as meter: ...`, then `meter.seconds` and `meter.peak_bytes`.

    seconds: wall-clock time inside the block. peak_bytes: most memory held inside it (on systems that cannot count
    from now, since the process began).
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.peak_bytes = 0

    def __enter__(self) -> Meter:
        reset_peak()
        self._start = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds = time.perf_counter() - self._start
        self.peak_bytes = peak_memory()


class Phases:
    """What a job takes, phase by phase: `with phases("train"): ...`. A phase inside another stops the other's clock.

    taken: phase → {"seconds", "peak_bytes"}: wall-clock seconds added up, and the most memory held (on systems that
    cannot count from now, since the process began). reset, peak: how memory is counted; the process's unless given.
    """

    def __init__(
        self,
        reset: Callable[[], object] = reset_peak,
        peak: Callable[[], int] = peak_memory,
        now: Callable[[], float] = time.perf_counter,
    ):
        self.taken: dict[str, dict[str, Any]] = {}
        self._reset, self._peak, self._now = reset, peak, now
        self._open: list[str] = []
        self._since = 0.0

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        self._close()
        self._open.append(name)
        self._begin()
        try:
            yield
        finally:
            self._close()
            self._open.pop()
            self._begin()

    def add(self, taken: Mapping[str, Mapping[str, Any]]) -> None:
        """Count in what an earlier attempt took."""
        for name, before in taken.items():
            self._note(name, before["seconds"], before["peak_bytes"])

    def lap(self) -> None:
        """Count in what the phase that runs has taken so far."""
        self._close()
        self._begin()

    @property
    def peak_bytes(self) -> int:
        """The most memory held in any phase so far, the one that runs included."""
        return max([self._peak(), *(entry["peak_bytes"] for entry in self.taken.values())])

    def _begin(self) -> None:
        self._since = self._now()
        if self._open:
            self._reset()

    def _close(self) -> None:
        if self._open:
            self._note(self._open[-1], self._now() - self._since, self._peak())

    def _note(self, name: str, seconds: float, peak: int) -> None:
        entry = self.taken.setdefault(name, {"seconds": 0.0, "peak_bytes": 0})
        entry["seconds"] += seconds
        entry["peak_bytes"] = max(entry["peak_bytes"], peak)


def clock(seconds: float) -> str:
    """`75` → `1m15s`, `7380` → `2h03m`: as people read it."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def size(count: float) -> str:
    """Bytes as people read them: `2.5 GB` (powers of 1000)."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
