"""Training in several processes: the door to torchrun.

Two ways lead in. `tunewright train RECIPE --processes 2` prepares the data, launches the training stage with torch's
own launcher (what `torchrun --standalone` does) and goes on alone. Or the user's own torchrun or `accelerate launch`
starts the whole command several times: then the first process does everything, and the others wait until it calls them
to train, and leave when that is done.

The process that writes holds the run's lock, whichever way it was started. The others need the run folder on a disk
that they see. When one process fails, the launcher stops the others; the first to fail says why, once.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from tunewright.core import catalogue, errors, files, meter, processes
from tunewright.core.errors import RunError, TunewrightError, UsageError
from tunewright.core.events import Progress, quieten
from tunewright.core.run import Run

PATIENCE = timedelta(days=7)
"""How long the other processes wait for the first one's data; should it die, the launcher ends them."""
SAVING = 600
"""Seconds in which a process may save after Ctrl-C before the launcher kills it."""


# -- in a process of several


@dataclass
class _Calls:
    """What the first process tells the others, in order, through the launcher's store."""

    store: Any = None
    number: int = 0

    def key(self) -> str:
        self.number += 1
        return f"tunewright/call/{self.number}"


_calls = _Calls()


def _store() -> Any:
    """The key-value store that the launcher offers to all its processes."""
    if _calls.store is None:
        from torch.distributed import PrefixStore, rendezvous

        store, _, _ = next(rendezvous("env://"))
        _calls.store = PrefixStore("tunewright", store)
    return _calls.store


def call(job: Run, *, train: bool) -> None:
    """Call the other processes to train this run, or let them go. Nothing where there are none."""
    if processes.count() > 1 and processes.first():
        _store().set(_calls.key(), json.dumps({"run": str(job.path.resolve()), "train": train}))


def heard() -> tuple[Run, bool]:
    """What `call` told: the run, and whether to train it. Waits for it."""
    key = _calls.key()
    _store().wait([key], PATIENCE)
    told = json.loads(_store().get(key))
    return Run.open(told["run"]), bool(told["train"])


def first_to_fail() -> bool:
    """Whether no other process has failed before this one, which then speaks for all."""
    if processes.count() == 1:
        return True
    try:
        return int(_store().add("failed", 1)) == 1
    except Exception:  # the launcher, and the store with it, has gone: better said twice than not at all
        return True


def leave_with(launcher: int) -> None:
    """End this process when the one that started it has been killed: nobody else would, and it holds the run."""

    def watch() -> None:
        while os.getppid() == launcher:
            time.sleep(0.2)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


# -- the launcher


def check(count: int) -> None:
    """Raises UsageError where training cannot be shared by so many processes here."""
    if count < 1:
        raise UsageError(f"there cannot be {count} processes", hint="--processes 2")
    if count > 1 and processes.count() > 1:
        raise UsageError(
            f"torchrun has already started {processes.count()} processes", hint="leave out --processes, or torchrun"
        )
    if count > 1:
        import torch

        cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if cards and count > cards:
            raise UsageError(
                f"{count} processes need as many GPUs; this machine has {cards}", hint=f"--processes {cards}"
            )


def train(job: Run, count: int, *, data: Path | str | None = None, progress: Progress | None = None) -> None:
    """Do the training stage of a run whose data is prepared, in `count` processes on this machine.

    Raises what the first of them to fail raised; KeyboardInterrupt where Ctrl-C ended it, after saving.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    with tempfile.TemporaryDirectory(prefix="tunewright-") as place, _quiet_launcher(), _threads(count):
        failure = Path(place) / "failure.json"
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=count,
            run_id=f"tunewright-{os.getpid()}",
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            local_addr="127.0.0.1",
            max_restarts=0,
            shutdown_timeout=SAVING,
        )
        told = {
            "run": str(job.path.resolve()),
            "data": None if data is None else str(data),
            "launcher": os.getpid(),
            "failure": str(failure),
            "quiet": progress is None or progress.quiet,
            "code": [[kind, str(path)] for kind, path in catalogue.own()],
        }
        command = ("-c", "from tunewright.flow import scale; scale.work()", json.dumps(told))
        try:
            elastic_launch(config, sys.executable)(*command)
        except (ChildFailedError, SignalException) as error:
            raise _failed(failure, error) from None


def _failed(failure: Path, error: Exception) -> BaseException:
    """What the first process to fail raised, as far as it could tell."""
    codes = [one.exitcode for one in getattr(error, "failures", {}).values()]
    # The launcher ends the others with SIGTERM, and what they say then is only that one of them has gone.
    killed = [-code for code in codes if code < 0 and code != -signal.SIGTERM]
    if killed or not failure.is_file():
        if getattr(error, "sigval", None) == signal.SIGINT:
            return KeyboardInterrupt()
        return RunError(
            f"a process that trained ended with {f'signal {killed[0]}' if killed else 'no word'}",
            hint="the same command goes on from the last checkpoint; with fewer --processes where memory was short",
        )
    told = files.read_json(failure)
    if told["kind"] == "KeyboardInterrupt":
        return KeyboardInterrupt()
    kind = getattr(errors, told["kind"], RunError)
    made = RunError(told["message"], hint=told["hint"], where=told["where"])
    if isinstance(kind, type) and issubclass(kind, TunewrightError):
        made.exit_code = kind.exit_code
    return made


@contextlib.contextmanager
def _quiet_launcher() -> Iterator[None]:
    """Within, torch's launcher does not write on the screen; after it, signals do again what they did."""
    loud = logging.getLogger("torch.distributed.elastic")
    level = loud.level
    main = threading.current_thread() is threading.main_thread()
    kept = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)}
    loud.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        loud.setLevel(level)
        for one, handler in kept.items() if main else ():
            signal.signal(one, signal.SIG_DFL if handler is None else handler)


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    """Within, processes that are started share the cores, where the user has not said how many threads they get."""
    if "OMP_NUM_THREADS" in os.environ:
        yield
        return
    os.environ["OMP_NUM_THREADS"] = str(max(1, int(meter.cores()) // count))
    try:
        yield
    finally:
        del os.environ["OMP_NUM_THREADS"]


def work() -> None:
    """One of the processes that `train` starts."""
    told = json.loads(sys.argv[1])
    leave_with(told["launcher"])
    if not os.environ.get("TUNEWRIGHT_DEBUG"):
        quieten()
    try:
        for kind, path in told["code"]:
            catalogue.add(kind, Path(path))
        from tunewright.flow import job

        job.go_on(Run.open(told["run"]), data=told["data"], until="train", progress=Progress(quiet=told["quiet"]))
    except BaseException as error:
        files.write_new(told["failure"], json.dumps(_told(error)))
        if os.environ.get("TUNEWRIGHT_DEBUG"):
            raise
        sys.exit(getattr(error, "exit_code", 1))


def _told(error: BaseException) -> dict[str, Any]:
    """An error as JSON."""
    ours = isinstance(error, TunewrightError)
    return {
        "kind": type(error).__name__,
        "message": error.message if ours else f"unexpected {type(error).__name__}: {error}",  # type: ignore[attr-defined]
        "hint": getattr(error, "hint", None) if ours else "the same command in one process, with --debug, shows where",
        "where": getattr(error, "where", None) if ours else None,
    }
