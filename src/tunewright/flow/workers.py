"""Cells answered side by side, each in a process of its own with its share of the cores.

Decoding a small model spends as much time between its tensor operations as in them: two processes of one thread
answer more than one process of two. A cell is answered whole by one process, and its file is the same either way.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import types
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

from tunewright.core import catalogue, meter
from tunewright.core.events import Events
from tunewright.core.run import Run
from tunewright.flow import answer
from tunewright.flow.answer import Cell

FEWEST_DOCUMENTS = 600
"""Below so many documents a second process costs more time to start than it saves."""

LARGEST_MODEL = 1 << 30
"""Bytes of weights up to which every process may hold its own."""

PROCESS_BYTES = 1_000_000_000
"""Memory of a process that answers, its weights aside."""


def useful(job: Run, counts: Sequence[int]) -> int:
    """How many processes should answer cells of so many documents: the recipe's word, else what this machine allows."""
    asked = job.recipe.evaluate.workers
    if asked:
        return min(asked, len(counts))
    cores = int(meter.cores())
    if len(counts) < 2 or cores < 2 or sum(counts) < FEWEST_DOCUMENTS:
        return 1
    import torch

    weights = _weights(job.recipe.model)
    if torch.cuda.is_available() or weights is None or weights > LARGEST_MODEL:
        return 1
    room = meter.free_memory() // (PROCESS_BYTES + 2 * weights)
    return max(1, min(cores, len(counts), room))


def _weights(model: str) -> int | None:
    """Bytes of a model's files; None where it is not on this machine under a plain name or path."""
    from tunewright.core.errors import TunewrightError
    from tunewright.models.embedded import is_embedded
    from tunewright.models.load import locate

    if not is_embedded(model) and not Path(model).is_dir():
        return None
    try:
        return sum(file.stat().st_size for file in locate(model).glob("*.safetensors")) or None
    except TunewrightError:
        return None


def answered(
    job: Run, cells: Sequence[Cell], counts: Sequence[int], workers: int, events: Events
) -> Iterator[tuple[Cell, dict[str, Any]]]:
    """Answer `cells` in `workers` processes. Yields each, with what was measured, as soon as it is whole."""
    context = multiprocessing.get_context("spawn")
    queue: Any = context.SimpleQueue()
    threads = max(1, int(meter.cores()) // workers)
    # The longest first, so that no process is left alone with it at the end.
    order = sorted(range(len(cells)), key=lambda i: -counts[i] * (2 if cells[i].system == "few-shot" else 1))
    if events.progress is not None:
        events.progress.start("answers", sum(counts), unit="documents")
    done: dict[Cell, int] = {}
    before = set(multiprocessing.active_children())
    with ProcessPoolExecutor(
        workers, context, initializer=_begin, initargs=(threads, os.getpid(), queue, catalogue.own())
    ) as pool:
        with _without_main():
            waiting = {pool.submit(_answer, job.path, cells[i]): cells[i] for i in order}
        try:
            while waiting:
                finished, _ = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
                while not queue.empty():
                    what, cell, values = queue.get()
                    _pass_on(what, cell, values, done, events)
                for future in finished:
                    yield waiting.pop(future), future.result()
        except BaseException:
            for process in set(multiprocessing.active_children()) - before:  # nobody wants their answers any more
                process.terminate()
            raise


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Processes started within do not run the caller's script again, as spawned ones otherwise do.

    A script that calls `api.run` without `if __name__ == "__main__"` would begin its job anew in each of them.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _pass_on(what: str, cell: Cell, values: Any, done: dict[Cell, int], events: Events) -> None:
    if what == "say":
        events.say(values)
    elif what == "add":
        events.add(*values[0], **values[1])
    else:
        done[cell] = values
        if events.progress is not None:
            events.progress.update(sum(done.values()))


# -- in a worker

_queue: Any = None


def _begin(threads: int, parent: int, queue: Any, own: Sequence[tuple[str, Path]]) -> None:
    global _queue
    _queue = queue
    for kind, path in own:
        catalogue.add(kind, path)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that has the screen decides
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()
    import torch

    torch.set_num_threads(threads)


def _leave_with(parent: int) -> None:
    """A killed run must not go on writing beside the one that is started after it."""
    while os.getppid() == parent:
        time.sleep(0.1)
    os._exit(1)


class _Sender:
    """Events and progress of one cell, sent to the process that has the screen."""

    def __init__(self, cell: Cell):
        self.cell = cell
        self.progress = self

    def add(self, *names: str, **values: Any) -> None:
        _queue.put(("add", self.cell, (names, values)))

    def say(self, text: str) -> None:
        _queue.put(("say", self.cell, text))

    def start(self, stage: str, total: int | None, *, unit: str = "", done: int = 0) -> None:
        self.update(done)

    def update(self, done: int, **values: Any) -> None:
        _queue.put(("done", self.cell, done))


_models: dict[Path, answer.Models] = {}


def _answer(path: Path, cell: Cell) -> dict[str, Any]:
    job = Run.open(path)
    models = _models.setdefault(path, answer.Models(job))
    return answer.write_answers(job, cell, models, _Sender(cell))
