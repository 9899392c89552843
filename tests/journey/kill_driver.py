"""Runs a job in a child process, kills it at given moments, starts it again, and lets the last start finish.

    python kill_driver.py RUNS_FOLDER RECIPE_FILE NAME UNTIL MOMENT...

UNTIL is the last stage to do. A moment is `EVENTS:SECONDS`: so many new lines in events.jsonl, of the run and its
folds, and then so long. Everything heavy is imported once; each start is a fork of this process, which itself never
computes. Prints `killed` or `finished` for each start.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

import killing


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
    return killing.until_finished(lambda: start(folder, recipe, name, until), lambda: events(log), moments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5:]))
