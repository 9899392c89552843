"""What the data stage left, and the task that is made of it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from tunewright.core import catalogue, files
from tunewright.core.contracts import Task
from tunewright.core.errors import DataError
from tunewright.core.recipe import Recipe, TaskOptions
from tunewright.core.records import JSON, Example, Record
from tunewright.core.run import Run

SPLITS = ("train", "validation", "test")
LEARNT = SPLITS[:2]
ALONE = "answer"
"""doc_type of a schema that was given on its own."""
TASK = "task.json"
"""Beside the weights: what they were tuned for, so that an adapter can be used without its run."""


def records(job: Run, on: str) -> list[Record]:
    """The records of a split, or of an exam. Raises DataError where they are not there."""
    path = job.path / "data" / f"{on}.jsonl" if on in SPLITS else job.path / "exams" / f"{on}.jsonl"
    return [Record.from_row(row) for row in files.read_lines(path)]


def examples(job: Run, on: str) -> list[Example]:
    """The records of a split, or of an exam, as the task asks for them; of a cross-validation's test each as in its
    fold, whose schemas are closed by what that fold was trained on.
    """
    if on == "test" and job.folds:
        found = {one.id: one for path in job.folds for one in examples(Run.open(path), on)}
        return [found[record.id] for record in records(job, on)]
    task = task_of(job, on)
    return [task.example(record) for record in records(job, on)]


def task_of(job: Run, on: str = "test") -> Task:
    """The recipe's task with the schemas of the run's data, or of an exam that brought its own."""
    own = job.path / "exams" / f"{on}.schemas.json"
    given = job.recipe.task.json_schema is not None
    known = files.read_json(own) if on not in SPLITS and own.is_file() and not given else schemas(job)
    return make_task(task_options(job), known)


def task_options(job: Run) -> TaskOptions:
    """The recipe's task; a schema of its own as the data stage left it, with what is held to the document marked."""
    options = job.recipe.task
    marked = schemas(job).get(ALONE) if options.json_schema is not None else None
    return options if marked is None else options.model_copy(update={"json_schema": marked})


def make_task(options: TaskOptions, schemas: dict[str, dict[str, JSON]]) -> Task:
    """The task a recipe names: the class in tunewright.tasks.<name> that is called like its file."""
    module = catalogue.load("task", options.name)
    task: Task = getattr(module, catalogue.class_name(options.name))(options, schemas)
    return task


def describe_task(job: Run, folder: Path) -> None:
    """Write TASK into a folder of weights: the base, the task's options, the schemas by doc_type, the length rule."""
    options = task_options(job)
    row = {"base": job.recipe.model, "task": options.model_dump(), "schemas": schemas(job), "length": length_of(job)}
    row["reading"] = reading_of(job.recipe)
    row["decode"] = job.recipe.decode.model_dump(include={"max_new_tokens", "candidates"})
    files.write_json(folder / TASK, row)


def length_of(job: Run) -> dict[str, Any]:
    """What happens to a prompt that is too long, in training and wherever its model is evaluated."""
    return {"over_length": job.recipe.train.over_length, "max_length": job.recipe.train.max_length}


def reading_of(recipe: Recipe) -> dict[str, Any]:
    """How a document's text is read, in training and in use: the keys of `data` that say so."""
    data = recipe.data
    return {
        "clean_pages": data.clean_pages,
        "max_document_tokens": data.max_document_tokens,
        "keep_lines": list(data.keep_lines),
    }


def schemas(job: Run) -> dict[str, dict[str, JSON]]:
    path = job.path / "data" / "schemas.json"
    return dict(files.read_json(path)) if path.is_file() else {}


def check_testable(job: Run) -> None:
    """Raises DataError where systems are to be evaluated and no document is left to test them on."""
    path = job.path / "data" / "test.jsonl"
    if job.recipe.evaluate.systems and path.is_file() and not path.stat().st_size:
        raise DataError(
            "no document is left to test on",
            where=str(path),
            hint="raise data.test_share, or stop after training: tunewright train",
        )


def rows(found: Iterable[Record]) -> Iterable[dict[str, JSON]]:
    return (record.to_row() for record in found)


def tally(values: Iterable[str | None]) -> dict[str, int]:
    """How often each value stands, the most frequent first; None is not counted."""
    return dict(Counter(value for value in values if value is not None).most_common())


class Shots:
    """Records shown to the few-shot system before a document: of its type, shorter than most, languages in turn.

    train: where they are drawn from. count: how many. The choice hangs on the records' ids and nothing else, and is
    the same for every document of a type, so that their common prompt is computed once.
    """

    def __init__(self, train: Sequence[Record], count: int):
        self.count = count
        self._by_type: dict[str | None, list[Record]] = {}
        for record in train:
            if "made" in record.provenance:
                continue  # a user would show what was written, not what was made of it
            self._by_type.setdefault(record.doc_type, []).append(record)
        self._chosen: dict[str | None, tuple[Record, ...]] = {}

    def of(self, record: Record) -> tuple[Record, ...]:
        kind = record.doc_type
        if kind not in self._chosen:
            pool = [each for each in self._by_type.get(kind, ()) if each.target is not None]
            median = sorted(len(each.text) for each in pool)[len(pool) // 2] if pool else 0
            ranked = sorted((each for each in pool if len(each.text) <= median), key=_rank)
            by_language: dict[str | None, list[Record]] = {}
            for each in ranked:
                by_language.setdefault(each.language, []).append(each)
            queues = [by_language[language] for language in sorted(by_language, key=str)]
            turns = [each for turn in zip_longest(*queues) for each in turn if each is not None]
            self._chosen[kind] = tuple(turns[: self.count])
        return self._chosen[kind]


def _rank(record: Record) -> bytes:
    return hashlib.sha256(record.id.encode("utf-8", "replace")).digest()
