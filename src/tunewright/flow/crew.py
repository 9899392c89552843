"""Several processes at one search: each does trials until none is left.

They are started with the same folder and storage that the same command on another terminal would find, and what one
of them leaves behind is taken up by the others. One that dies of a signal (as when memory runs out) is started again
while there is work that it might do.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunewright.core import catalogue, errors, files, meter, recipe_file
from tunewright.core.errors import RunError, TunewrightError
from tunewright.core.events import quieten

if TYPE_CHECKING:
    from tunewright.flow.study import Study


def work(study: Study, count: int, storage: str | None) -> None:
    """Do a search's trials in `count` processes. Raises what the first to fail of them raised, once all have ended;
    KeyboardInterrupt after they have saved."""
    told = {
        "recipe": recipe_file.resolved(study.recipe),
        "folder": str(study.folder.resolve()),
        "storage": storage,
        "data": None if study.data is None else str(study.data),
        "parent": os.getpid(),
        "code": [[kind, str(path)] for kind, path in catalogue.own()],
    }
    rows = study.rows()
    seen = {row["number"] for row in rows if row["state"] != "running"}
    study.progress.start("search", study.planned, unit="trials", done=len(seen))
    study.progress.say(f"{count} processes")
    with tempfile.TemporaryDirectory(prefix="tunewright-") as place:
        crew = {number: _start(told, Path(place) / str(number), count) for number in range(count)}
        begun = -1
        try:
            while crew:
                time.sleep(0.2)
                seen = _tell(study, seen, count)
                for number, process in list(crew.items()):
                    if process.poll() is None:
                        continue
                    del crew[number]
                    starts = sum(row["starts"] for row in study.rows())
                    if process.returncode < 0 and study.more() and starts > begun:
                        begun = starts
                        signalled = signal.Signals(-process.returncode).name
                        study.progress.say(f"a process that did trials was ended by {signalled}; another begins")
                        crew[number] = _start(told, Path(place) / str(number), count)
        except KeyboardInterrupt:
            _end(crew)
            raise
        _tell(study, seen, count)
        failed = sorted(Path(place).iterdir(), key=lambda file: file.stat().st_mtime)
        if failed:
            raise _failure(files.read_json(failed[0]))
    study.progress.finish()


def _start(told: dict[str, Any], failure: Path, count: int) -> subprocess.Popen[bytes]:
    """A process of its own session, so that Ctrl-C reaches it once, from here."""
    threads = {"OMP_NUM_THREADS": str(max(1, int(meter.cores()) // count))}
    line = json.dumps({**told, "failure": str(failure)})
    return subprocess.Popen(
        [sys.executable, "-c", "from tunewright.flow import crew; crew.join()", line],
        env={**threads, **os.environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


def _end(crew: dict[int, subprocess.Popen[bytes]]) -> None:
    """Ask all to save and leave; a second Ctrl-C ends them at once."""
    for process in crew.values():
        process.send_signal(signal.SIGINT)
    try:
        for process in crew.values():
            process.wait()
    except KeyboardInterrupt:
        for process in crew.values():
            process.kill()
        raise


def _tell(study: Study, seen: set[int], count: int) -> set[int]:
    """Say how trials ended since the last time, and draw the line. Returns the numbers of all that have ended."""
    rows = study.rows()
    ended = {row["number"]: row for row in rows if row["state"] != "running"}
    for number in sorted(ended.keys() - seen):
        row = ended[number]
        result = f"{study.options.metric} {row['value']:.4g}" if row["value"] is not None else row["state"]
        study.progress.say(f"trial {number}: {result} ({meter.clock(row['seconds'])})")
    study.progress.update(len(ended), search=study.head(rows, count))
    return set(ended)


def _failure(told: dict[str, Any]) -> TunewrightError:
    made = RunError(told["message"], hint=told["hint"], where=told["where"])
    kind = getattr(errors, told["kind"], RunError)
    if isinstance(kind, type) and issubclass(kind, TunewrightError):
        made.exit_code = kind.exit_code
    return made


def join() -> None:
    """One of the processes that `work` starts."""
    from tunewright.flow import scale, tune
    from tunewright.flow.study import Study
    from tunewright.train.material import remembering

    told = json.loads(sys.argv[1])
    scale.leave_with(told["parent"])
    if not os.environ.get("TUNEWRIGHT_DEBUG"):
        quieten()
    try:
        for kind, path in told["code"]:
            catalogue.add(kind, Path(path))
        recipe = recipe_file.parse(told["recipe"], "the recipe", environment={})
        study = Study(recipe, Path(told["folder"]), storage=told["storage"], data=told["data"])
        with remembering():
            study.work(tune.train)
    except KeyboardInterrupt:
        sys.exit(130)
    except BaseException as error:
        ours = isinstance(error, TunewrightError)
        message = getattr(error, "message", None) if ours else f"unexpected {type(error).__name__}: {error}"
        row = {"kind": type(error).__name__, "message": message}
        row |= {name: getattr(error, name, None) for name in ("hint", "where")}
        files.write_new(told["failure"], json.dumps(row))
        if os.environ.get("TUNEWRIGHT_DEBUG"):
            raise
        sys.exit(getattr(error, "exit_code", 1))
