"""Runs a job in a child process, kills it at given moments, starts it again, and lets the last start finish.

    python kill_driver.py RUNS_FOLDER RECIPE_FILE NAME UNTIL MOMENT...

UNTIL is the last stage to do. A moment is `EVENTS:SECONDS`: so many new lines in events.jsonl, of the run and its
folds, and then so long. Everything heavy is imported once; each start is a fork of this process, which itself never
computes. Prints `killed` or `finished` for each start.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from pathlib import Path


def start(folder: str, recipe: str, name: str, until: str) -> None:
    from tunewright import api

    try:
        api.run(recipe, runs=folder, name=name, until=until)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def events(run: Path) -> int:
    return sum(
        path.read_bytes().count(b"\n")
        for path in [run / "events.jsonl", *run.glob("folds/*/events.jsonl")]
        if path.is_file()
    )


def main(folder: str, recipe: str, name: str, until: str, moments: list[str]) -> int:
    import peft  # noqa: F401
    import torch
    import transformers  # noqa: F401

    import tunewright.decode.system
    import tunewright.flow.job
    import tunewright.report
    import tunewright.train.finetune  # noqa: F401

    torch.set_num_threads(1)
    log = Path(folder) / name
    for moment in [*moments, None]:
        before = events(log)
        child = os.fork()
        if child == 0:
            start(folder, recipe, name, until)
        if moment is not None:
            count, seconds = moment.split(":")
            while events(log) - before < int(count) and not os.waitid(
                os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT
            ):
                time.sleep(0.002)
            time.sleep(float(seconds))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            print("killed", flush=True)
        elif os.WEXITSTATUS(status):
            return os.WEXITSTATUS(status)
        else:
            print("finished", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5:]))
