"""Runs a search in child processes and kills it at given moments; the last start finishes.

    python tune_driver.py FOLDER RECIPE_FILE {train|stand-in} MOMENT...

Each start is a fork of this process, which imports everything heavy once and never computes. A moment is
`EVENTS:SECONDS`: so many new lines in the events of all trials, and then so long. Prints `killed` or `finished` for
each start. A stand-in trial takes eight steps of a hundredth of a second, with a checkpoint each and a known loss.
"""

from __future__ import annotations

import math
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import killing


def stand_in(study: Any, number: int, recipe: Any, report: Any) -> dict[str, Any]:
    from tunewright.core import files

    folder = study.folder / "trials" / str(number)
    place = folder / "systems" / "tuned" / "latest_checkpoint_info.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    loss = abs(math.log10(recipe.train.learning_rate / 1e-3))
    done = files.read_json(place)["step"] if place.is_file() else 0
    for step in range(done + 1, 9):
        time.sleep(0.01)
        with open(folder / "events.jsonl", "a", encoding="utf-8") as file:
            file.write(f'{{"step": {step}, "process": {os.getpid()}}}\n')
        report(step / 8, loss + 1 - step / 8)
        files.write_json(place, {"step": step})  # behind its report, as in the real loop
    return {"value": loss}


def start(folder: Path, recipe_file: str, how: str) -> None:
    from tunewright.core import recipe_file as reading
    from tunewright.flow import tune

    try:
        recipe = reading.read(recipe_file, environment={})
        if how == "train":
            tune.tune(recipe, runs=folder.parent, name=folder.name)
        else:
            tune.Study(recipe, folder).work(stand_in)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def events(folder: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("trials/*/events.jsonl"))


def main(folder: Path, recipe: str, how: str, moments: list[str]) -> int:
    import optuna.storages

    import tunewright.core.recipe_file
    import tunewright.flow.tune

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if how == "train":
        import peft  # noqa: F401
        import torch
        import transformers  # noqa: F401

        import tunewright.train.finetune  # noqa: F401

        torch.set_num_threads(1)
    return killing.until_finished(lambda: start(folder, recipe, how), lambda: events(folder), moments)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]))
