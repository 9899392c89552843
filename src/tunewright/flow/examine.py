"""Sets that are for testing alone: those that the recipe names, and the one that is made of the test documents."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tunewright.core import files
from tunewright.core.events import Events
from tunewright.core.records import Record
from tunewright.core.run import Run
from tunewright.flow import dress, prepared

TITLE_PAGES = "title-pages"
"""The exam that is made of the test documents."""


def take(
    job: Run, events: Events, schemas: dict[str, Any] | None = None, *, data: Path | str | None = None
) -> list[str]:
    """Copy the recipe's exams that are here into exams/ and say which are not. Returns the names of all that stand.

    schemas: of the run's data, by doc_type; an exam whose documents are all of those types is answered under them.
    An exam that comes when the data is split already loses the documents that stand in train or validation; one that
    comes before takes those out of train (`prepare`).
    """
    from tunewright.data import sources
    from tunewright.data.clean import clean

    known = prepared.schemas(job) if schemas is None else schemas
    standing = []
    for name in job.recipe.evaluate.exams:
        path = job.path / "exams" / f"{name}.jsonl"
        if name == TITLE_PAGES:
            standing += [name] if path.is_file() else []
            continue
        if not path.is_file():
            sample = job.recipe.data.sample and (sources.SAMPLES / name).is_dir()
            if not sample and name not in sources.named_sets(data):
                events.say(f"exam '{name}' is not here and is skipped (--data DIR names the folder it stands in)")
                continue
            source = sources.load(name, seed=job.recipe.seed, folder=data, sample=sample)
            readable = clean(source.records, pages=job.recipe.data.clean_pages).records
            if job.recipe.data.max_document_tokens:
                readable = dress.shortened(job.recipe, readable, name, events.say)
            cleaned = [record for record in readable if record.target is not None]
            if len(cleaned) < len(readable):
                events.say(f"exam '{name}': {len(readable) - len(cleaned)} documents have no answer and are left out")
            if job.done("data"):
                cleaned = _not_trained_on(job, name, cleaned, events)
            if not cleaned:
                events.say(f"exam '{name}' has no document that can be used and is skipped")
                continue
            own = {record.doc_type for record in cleaned}
            if not (source.inferred and own <= set(known)):
                files.write_json(job.path / "exams" / f"{name}.schemas.json", source.schemas)
            files.write_lines(path, prepared.rows(record.replace(split="test") for record in cleaned))
            events.say(f"exam '{name}': {len(cleaned)} documents, never trained on")
        standing.append(name)
    return standing


def make(job: Run, test: Sequence[Record], events: Events) -> None:
    """Write the exam that is made of the test documents: papers with their title pages set in ways kept for that.

    test: they as they are before they are cut.
    """
    from tunewright.data.front import rearranged

    if TITLE_PAGES not in job.recipe.evaluate.exams:
        return
    made = [rearranged(record, random.Random(f"{job.recipe.seed}/{record.id}"), kept=True) for record in test]
    found = [record for record in made if record is not None]
    if len(found) < len(test):
        events.say(f"exam '{TITLE_PAGES}': {len(test) - len(found)} documents of test have no title page to set anew")
    if found and job.recipe.data.max_document_tokens:
        found = dress.shortened(job.recipe, found, TITLE_PAGES, events.say)
    if found:
        files.write_lines(job.path / "exams" / f"{TITLE_PAGES}.jsonl", prepared.rows(found))
        events.say(f"exam '{TITLE_PAGES}': {len(found)} documents of test with their title pages set otherwise")


def _not_trained_on(job: Run, name: str, exam: list[Record], events: Events) -> list[Record]:
    """The documents of an exam that neither equal nor nearly equal one of train or validation."""
    from tunewright.data import leakage

    compared = dress.compared_by(prepared.task_of(job))
    shown = compared([*prepared.records(job, "train"), *prepared.records(job, "validation")])
    found = {pair.id for pair in leakage.duplicates(compared(exam), shown, job.recipe.data.near_duplicates).across}
    if found:
        events.say(f"exam '{name}': {len(found)} documents stand in train or validation, or nearly, and are left out")
    return [record for record in exam if record.id not in found]
