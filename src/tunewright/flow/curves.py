"""How scores change with less training data, and with noise in the texts: two curves of a study's methods.

    runs/<study>/
      curves/<method>-<share>/           whole runs on a share of the training records
      curves/noise/<method>-<share>/     answers to test texts of whose words around the values a share was changed
      curves.json curves.csv

Learning: every part is trained for as many steps, at the rate that was chosen for the method on all data, and answers
the same test documents. Noise: the methods' models, and systems without one, answer the same sample of the test
documents with words changed around the values (`data.augment.roughened`), never in them: the right answer stays.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tunewright.core import files
from tunewright.core.contracts import System
from tunewright.core.events import Progress
from tunewright.core.recipe import MODEL_FREE
from tunewright.core.records import Example, Prediction
from tunewright.core.run import Run
from tunewright.flow import answer, prepared
from tunewright.flow.answer import Cell
from tunewright.flow.methods import SCORES
from tunewright.flow.outcome import TEST, Outcome, main_cell

LEARNING = (0.1, 0.25, 0.5)
"""Shares of the training data, beside all of it."""

NOISE = (0.1, 0.25, 0.5)
"""Shares of the words around the values that are changed, beside none."""

FILE = "curves.json"


def of(
    run: Run,
    method: str,
    part: Callable[[float], Run],
    folder: Path,
    progress: Progress | None,
) -> list[dict[str, Any]]:
    """Points of both curves of a method, and of what else was asked in its run without a model.

    run: on all data. part: a run on a share of it. Returns rows of {"curve", "method", "x", "n", "metrics"}; x is the
    share, of training records or of the words around the values; a learning point also has "records".
    """
    points = []
    for share in (*LEARNING, 1.0):
        one = run if share == 1 else part(share)
        found = Outcome.of(one).cells[TEST][main_cell(one.recipe)]
        records = len(prepared.records(one, "train"))
        points.append(_point("learning", method, share, found) | {"records": records})
    models = answer.Models(run)
    for cell in _noisy_cells(run):
        name = method if cell.system == "tuned" else cell.system
        for share in (0.0, *NOISE):
            found = _answered(run, cell, models, share, folder / "curves" / "noise" / f"{name}-{share:g}", progress)
            points.append(_point("noise", name, share, found))
    return points


def _noisy_cells(run: Run) -> Iterator[Cell]:
    system, decoding = main_cell(run.recipe).split("/")
    yield Cell(run.path, system, decoding)
    for name in MODEL_FREE:
        if name in run.recipe.evaluate.systems:
            yield Cell(run.path, name, "free")


def _point(curve: str, method: str, x: float, found: dict[str, Any]) -> dict[str, Any]:
    metrics = {name: found["metrics"][name] for name in SCORES if name in found["metrics"]}
    return {"curve": curve, "method": method, "x": x, "n": found["n"], "metrics": metrics}


def _answered(
    run: Run, cell: Cell, models: answer.Models, share: float, place: Path, progress: Progress | None
) -> dict[str, Any]:
    """Scores of a system on the sample of the test documents with a share of their words changed; kept in `place`."""
    from tunewright.evals.score import score

    if (place / "scores.json").is_file():
        return dict(files.read_json(place / "scores.json"))
    asked = _examples(run, share)
    answers = place / "predictions.jsonl"
    if not answers.is_file():
        files.write_lines(answers, _rows(models.system(cell), asked, place.name, progress))
    said = [Prediction.from_row(row) for row in files.read_lines(answers)]
    found = score(asked, said, options=run.recipe.evaluate, **run.recipe.draw)
    files.write_json(place / "scores.json", found)
    return found


def _rows(system: System, asked: Sequence[Example], name: str, progress: Progress | None) -> Iterator[dict[str, Any]]:
    if progress is not None:
        progress.start(f"{name} on texts with noise", len(asked), unit="documents")
    for done, prediction in enumerate(system.predict(asked), 1):
        yield prediction.to_row()
        if progress is not None:
            progress.update(done)


def _examples(run: Run, share: float) -> list[Example]:
    from tunewright.data.augment import roughened
    from tunewright.evals.sampling import sample

    task = prepared.task_of(run, TEST)
    chosen = sample(prepared.records(run, TEST), run.recipe.evaluate.sample, seed=run.recipe.seed)
    asked = [task.example(record) for record in chosen]
    if not share:
        return asked
    return [task.example(roughened(one.record, share, run.recipe.seed, one.schema)) for one in asked]


def write(folder: Path, points: Sequence[dict[str, Any]]) -> None:
    """curves.json and curves.csv, each replaced whole."""
    files.write_json(folder / FILE, {"points": points})
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(("curve", "method", "x", "records", "n", "metric", "value", "low", "high"))
    for point in points:
        for name, metric in point["metrics"].items():
            numbers = [metric[key] for key in ("value", "low", "high")]
            head = [point["curve"], point["method"], point["x"], point.get("records", ""), point["n"]]
            table.writerow([*head, name, *numbers])
    files.write_text(folder / "curves.csv", out.getvalue())
