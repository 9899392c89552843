"""Last layers alone: frozen layers gone through once beside gone through in every epoch, same training.

`python -m benchmarks below [--model wren] [--layers 2] [--documents 1500] [--epochs 3] [--rounds 3]`

The two take turns, each in a process of its own, from the same prepared data to the trained model (what is gone through
once counts). Printed: median seconds with the range, the ratio, and how far the last validation losses are apart.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIDES = ("once", "every epoch")


def turn(side: str, folder: Path) -> dict[str, float]:
    """One training in this process, from data that is there."""
    from tunewright import api
    from tunewright.core import files
    from tunewright.train import finetune

    if side == "every epoch":
        finetune._stack = lambda *_, **__: None
    began = time.perf_counter()
    api.resume(folder, until="train")
    metrics = files.read_json(folder / "systems" / "tuned" / "training_metrics.json")
    return {"seconds": time.perf_counter() - began, "loss": metrics["best_loss"], "bytes": metrics["peak_memory_bytes"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="wren")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--documents", type=int, default=1500)
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--turn", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.turn:
        print(json.dumps(turn(options.turn[0], Path(options.turn[1]))))
        return
    from tunewright import api

    sets = [
        f"model={options.model}", "method.name=last-layers", f"method.trainable_layers={options.layers}",
        f"data.documents={options.documents}", "data.test_documents=20", "data.validation_documents=100",
        f"train.num_train_epochs={options.epochs}", "train.pointer_weight=0", "train.optim=adamw",
    ]  # fmt: skip
    found: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as root:
        data = api.run("invoices", sets=sets, runs=Path(root) / "data", name="run", until="data").path
        for lap in range(options.rounds):
            for side in SIDES[lap % 2 :] + SIDES[: lap % 2]:
                place = Path(root) / "turn"
                shutil.copytree(data, place)
                command = [sys.executable, "-m", "benchmarks.below", "--turn", side, str(place)]
                done = subprocess.run(command, capture_output=True, text=True)
                if done.returncode:
                    sys.exit(f"{side} failed:\n{done.stderr[-2000:]}")
                found[side].append(json.loads(done.stdout.strip().splitlines()[-1]))
                shutil.rmtree(place)
    ratios = [b["seconds"] / a["seconds"] for a, b in zip(*found.values(), strict=True)]
    for side, turns in found.items():
        seconds = [one["seconds"] for one in turns]
        memory = statistics.median(one["bytes"] for one in turns)
        print(
            f"{side:12} {statistics.median(seconds):6.1f} s ({min(seconds):.1f}–{max(seconds):.1f})  {memory / 1e9:.2f} GB"
        )
    apart = max(abs(a["loss"] - b["loss"]) for a, b in zip(*found.values(), strict=True))
    print(
        f"once is {statistics.median(ratios):.2f} times as fast ({min(ratios):.2f}–{max(ratios):.2f}); "
        f"losses apart by {apart:.2g}"
    )


if __name__ == "__main__":
    main()
