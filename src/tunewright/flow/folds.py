"""Cross-validation: a run whose records are dealt into folds, each tested by a model that was not shown its groups.

A fold is a run below the run, `folds/<number>/`, with data, systems and scores of its own; it is prepared here and
then trained and evaluated like any other. Its answers to its own test documents are pooled in the run itself, where
every document stands once, and scored, compared and reported there as in a run of one split.

Scores are of the pooled answers, not means of fold scores: a share of few documents weighs what it is worth, and F1
does not depend on how folds are averaged (Forman & Scholz 2010). Fold scores share most of their training records, so
they are not independent, and no variance made of them is right (Bengio & Grandvalet 2004): their range is told, and
nothing is tested over them.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunewright.core import files, recipe_file
from tunewright.core.errors import DataError, RunError, UsageError
from tunewright.core.events import Events
from tunewright.core.recipe import Recipe
from tunewright.core.records import Prediction
from tunewright.core.run import Run, lock
from tunewright.flow import answer, likelihood, prepare, prepared
from tunewright.flow.answer import Cell
from tunewright.flow.outcome import TEST


def check(recipe: Recipe) -> None:
    """Raises UsageError where a recipe asks for folds of what cannot be dealt into folds."""
    if recipe.evaluate.folds and recipe.data.source.startswith("synth:"):
        raise UsageError(
            "synthetic documents are not dealt into folds: which entities and wordings training may see is settled "
            "before they are made, and a generator can make as many test documents as are wanted",
            where=recipe.data.source,
            hint="more of them for a narrower interval (data.test_documents), or another seed for another training run",
        )


def recipe_of(recipe: Recipe, number: int) -> Recipe:
    """What fold `number` of a run does: one split, its part of the sample, no exams and no gates."""
    options = recipe.evaluate
    own = {"folds": 0, "sample": math.ceil(options.sample / options.folds), "exams": (), "gates": {}}
    return recipe.model_copy(
        update={"name": f"{recipe.name}-fold-{number}", "evaluate": options.model_copy(update=own)}
    )


def of(job: Run) -> list[Run]:
    """The folds of a run, in order."""
    return [Run(path, recipe_of(job.recipe, number)) for number, path in enumerate(job.folds, 1)]


@contextlib.contextmanager
def events_of(fold: Run, events: Events, what: str) -> Iterator[Events]:
    """The events of a fold, on the screen of its run. what: is said of it first."""
    events.say(f"fold {fold.path.name}: {what}")
    with Events(fold.path, progress=events.progress) as own:
        yield own


def prepare_all(job: Run, events: Events, *, data: Path | str | None = None) -> None:
    """Fill data/ of a run and of its folds: test.jsonl of the run holds every record, that of a fold its part.

    data: the folder of sets that recipes call by name. Raises as `prepare.prepare` does; DataError where there are
    fewer groups than folds.
    """
    if job.done("data"):
        prepare.unchanged(job, data)
        return
    recipe = job.recipe
    found = prepare.read(job, events, data=data)
    dealt = prepare.deal(recipe, prepared.make_task(recipe.task, found.schemas), found.records)
    for note in dealt[0].notes:
        events.say(note)
    if recipe.evaluate.exams:
        events.say(f"exams are taken by one model, not by folds, and are skipped: {', '.join(recipe.evaluate.exams)}")
    for fold, parts in zip(of(job), dealt, strict=True):
        # What a killed start left may come from files that have changed since; models stay, and know their data.
        shutil.rmtree(fold.path / "data", ignore_errors=True)
        with Events(fold.path) as own:
            prepare.divide(fold, own, found, parts)
        check_apart(fold)
        files.write_text(fold.path / "recipe.yaml", recipe_file.resolved(fold.recipe))
        if not (fold.path / "lock.json").is_file():
            files.write_json(fold.path / "lock.json", lock(fold.recipe))
        counts = fold.manifest("data")["counts"]
        events.say(f"fold {fold.path.name}: " + ", ".join(f"{counts[name]:,} {name}" for name in prepared.SPLITS))
    # As its fold asks for it: with its prompt, its document cut, and what it is sliced by.
    place = {record.id: record for fold in of(job) for record in prepared.records(fold, TEST)}
    everything = [place[record.id] for record in found.records if record.id in place]
    folder = job.path / "data"
    files.write_lines(folder / "test.jsonl", prepared.rows(everything))
    files.write_json(folder / "schemas.json", found.schemas)
    about = {
        "counts": {"test": len(everything), "rejected": found.rejected},
        "languages": prepared.tally(record.language for record in everything),
        "doc_types": prepared.tally(record.doc_type for record in everything),
        "groups": len({record.group for record in everything if record.group is not None}),
        "folds": [fold.manifest("data")["counts"] for fold in of(job)],
        "notes": [*found.about["notes"], *dealt[0].notes],
        "sha256": prepare.hashes(folder),
    }
    job.finish("data", found.about | about)


def check_apart(fold: Run) -> None:
    """Raises DataError where a group of a fold's test stands in its train or validation, or between those two."""
    from tunewright.data.split import crossing

    leaks = crossing({name: prepared.records(fold, name) for name in prepared.SPLITS})
    if leaks:
        group, sides = next(iter(leaks.items()))
        raise DataError(
            f"{len(leaks)} groups stand on two sides of a fold, first '{group.partition(':')[2]}': {', '.join(sides)}",
            where=str(fold.path / "data"),
            hint="its files were changed after they were written; give the run another --name to begin anew",
        )


def pool(job: Run, events: Events) -> None:
    """Put the folds' answers together, score them, and complete the stage.

    Raises DataError where a fold was trained on a group that it is tested on, or a document was not answered once.
    """
    folds = of(job)
    for fold in folds:
        check_apart(fold)
    records = prepared.records(job, TEST)
    tested = [record.id for fold in folds for record in prepared.records(fold, TEST)]
    if sorted(tested) != sorted(record.id for record in records):
        raise DataError("its folds do not test every document once", where=str(job.path / "folds"))
    if any(not answer.whole(cell) for cell in answer.cells(job)):
        answer.warn_of_overlap(job, events)
        events.say(f"the answers of {len(folds)} folds together:")
    place = {record.id: number for number, record in enumerate(records)}
    examples = prepared.examples(job, TEST)
    for cell in answer.cells(job):
        parts = [Cell(fold.path, cell.system, cell.decoding) for fold in folds]
        if answer.whole(cell):
            continue
        rows = [row for part in parts for row in files.read_lines(part.predictions)]
        rows.sort(key=lambda row: place.get(row["id"], -1))
        if any(one["id"] == other["id"] for one, other in itertools.pairwise(rows)):
            raise DataError("a document was answered by two folds", where=str(cell.predictions))
        files.write_lines(cell.predictions, rows)
        asked = [examples[place[row["id"]]] for row in rows]
        answer.score_cell(job, cell, asked, [Prediction.from_row(row) for row in rows], _cost(parts), events)
    if not job.done("systems"):
        likelihood.pool(job, folds)
        job.finish("systems", {"cells": [f"{cell.name} on {cell.on}" for cell in answer.cells(job)], "exams": []})


def _cost(parts: list[Cell]) -> dict[str, Any]:
    """The most that any fold needed of what is no sum over documents."""
    costs = [files.read_json(part.scores)["cost"] for part in parts]
    wanted = ("peak_memory_bytes", "model_bytes", "adapter_bytes")
    return {name: max(cost[name] for cost in costs) for name in wanted if all(name in cost for cost in costs)}


def refuse(job: Run) -> None:
    """Raises RunError where a run is a fold: what it does is told by the run that it is a part of."""
    if job.outer is not None:
        raise RunError(
            "is a fold, and goes on with the run that it is a part of",
            where=str(job.path),
            hint=f"tunewright run {job.outer}",
        )
