"""The data of a run: read or synthesised, cleaned, split, searched for leaks, written down with its origin."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tunewright.core import files, recipe_file
from tunewright.core.contracts import Task
from tunewright.core.errors import DataError
from tunewright.core.events import Events
from tunewright.core.recipe import BenchmarkOptions, EvaluateOptions, MethodOptions, Recipe, TrainOptions
from tunewright.core.records import JSON, Example, Record
from tunewright.core.run import Run
from tunewright.flow import dress, examine, prepared

if TYPE_CHECKING:
    from tunewright.data.answers import Repeats
    from tunewright.data.clean import Cleaned
    from tunewright.data.read import Rejected
    from tunewright.data.sources import Source
    from tunewright.data.split import Splits

SHOWN = 8
"""Fields that are named on the screen; the manifest has all."""


@dataclass(frozen=True)
class Usable:
    """What was read, cleaned and found fit. schemas: by doc_type. about: what the manifest says of all that."""

    records: list[Record]
    schemas: dict[str, dict[str, JSON]]
    rejected: int
    about: dict[str, JSON]


@dataclass(frozen=True)
class Fitting:
    """A source's records cleaned: those that fit the task, and those that do not. given: whether `schemas` are the
    recipe's own."""

    cleaned: Cleaned
    task: Task
    records: list[Record]
    unfit: list[Rejected]
    schemas: dict[str, dict[str, JSON]]
    given: bool


def prepare(job: Run, events: Events, *, data: Path | str | None = None) -> None:
    """Fill data/ and exams/ of a run. Rows that cannot be used go to data/rejected.jsonl with line and reason.

    data: the folder of sets that recipes call by name. Raises DataError where nothing is left to train on, and where
    the data is finished and its files have changed since.
    """
    if job.done("data"):
        unchanged(job, data)
        return
    from tunewright.data.split import split

    found = read(job, events, data=data)
    parts = split(found.records, job.recipe.data, job.recipe.seed)
    for note in parts.notes:
        events.say(note)
    standing = examine.take(job, events, found.schemas, data=data)
    exams = {name: prepared.records(job, name) for name in standing if name != examine.TITLE_PAGES}
    examine.make(job, parts.test, events)
    divide(job, events, found, parts, exams)


def borrow(job: Run, others: Iterable[Run]) -> None:
    """Take the data over from the first of `others` that has read the same; where there is none, `job` reads its own.

    Files are linked, not copied. Data with exams, and that of folds, is not lent.
    """
    if job.done("data") or job.recipe.evaluate.exams or job.recipe.evaluate.folds:
        return
    own = _read_by(job.recipe)
    lender = next((other for other in others if other.done("data") and _read_by(other.recipe) == own), None)
    if lender is None:
        return
    # What a killed start left may come from files that have changed since.
    shutil.rmtree(job.path / "data", ignore_errors=True)
    manifest = lender.manifest("data")
    for name in manifest["sha256"]:
        files.lend(lender.path / "data" / name, job.path / "data" / name)
    job.finish("data", manifest)


def _read_by(recipe: Recipe) -> str:
    """What tells recipes that read the same data: all but how they train and who answers."""
    evaluate = EvaluateOptions(exams=recipe.evaluate.exams, folds=recipe.evaluate.folds)
    pages = {"method": MethodOptions(), "train": TrainOptions(), "benchmark": BenchmarkOptions(), "evaluate": evaluate}
    return recipe_file.identity(recipe.model_copy(update=pages))


def read(job: Run, events: Events, *, data: Path | str | None = None) -> Usable:
    """Write data/raw.jsonl and data/rejected.jsonl. Raises DataError where no row can be used."""
    from tunewright.data import several

    recipe, folder = job.recipe, job.path / "data"
    options = recipe.data
    source = several.load(options.source, options, seed=recipe.seed, folder=data, sample=options.sample)
    for note in source.notes:
        events.say(note)
    files.write_lines(folder / "raw.jsonl", prepared.rows(source.records))

    looked = fitting(recipe, source)
    earlier = sum("before" in record.provenance for record in source.records)
    if earlier and not dress.reads_turns(looked.task):
        events.say(f"{earlier} rows have a system message or earlier turns, which this task does not read")
    if looked.given:
        events.say("every answer obeys the recipe's task.json_schema")
    rejected = [*source.rejected, *looked.cleaned.rejected, *looked.unfit]
    files.write_lines(folder / "rejected.jsonl", (row.to_row() for row in rejected))
    if rejected:
        events.say(f"{len(rejected)} rows set aside, each with its reason in {folder / 'rejected.jsonl'}")
    events.say(looked.cleaned.note())
    if looked.unfit:
        events.say(f"{len(looked.unfit)} of them do not fit a schema, first: {looked.unfit[0].reason}")
    if not looked.records:
        raise DataError("no row can be used", where=options.source, hint=str(folder / "rejected.jsonl"))

    about = {
        "source": source.name,
        "kind": source.kind,
        "description": source.description,
        "licence": source.licence,
        "cleaning": looked.cleaned.counts,
        "schemas_inferred": source.inferred and not looked.given,
        "notes": source.notes,
        "source_sha256": source.sha256,
    }
    return Usable(looked.records, looked.schemas, len(rejected), about)


def fitting(recipe: Recipe, source: Source) -> Fitting:
    """What of a source the recipe's task can learn from. Raises DataError where no schema is known for any record."""
    from tunewright.data.clean import clean

    cleaned = clean(source.records, pages=recipe.data.clean_pages)
    task = prepared.make_task(recipe.task, source.schemas)
    given = getattr(task, "schema", None)
    fit, unfit = _fitting(task, cleaned.records)
    if dress.reads_turns(task) or dress.asks_of_contexts(task):
        fit = [dress.grouped(record) for record in fit]
    schemas = source.schemas if given is None else {prepared.ALONE: given}
    return Fitting(cleaned, task, fit, unfit, schemas, given is not None)


def divide(
    job: Run, events: Events, found: Usable, parts: Splits, exams: Mapping[str, Sequence[Record]] | None = None
) -> None:
    """Write the three sides of a split, without what duplicates test or an exam, and complete the data.

    Raises DataError where nothing is left to train on.
    """
    from tunewright.data import leakage
    from tunewright.decode.source import mark, unsaid

    recipe, folder, exams = job.recipe, job.path / "data", exams or {}
    held = [*parts.test, *(record for exam in exams.values() for record in exam)]
    # Validation stands first: of two alike, one in train and one in validation, validation keeps its own.
    compared = dress.compared_by(prepared.task_of(job))
    alike = leakage.duplicates(compared([*parts.validation, *parts.train]), compared(held), recipe.data.near_duplicates)
    events.say(alike.note())
    left = {record.id for record in alike.train}
    kept = {
        "train": [record for record in parts.train if record.id in left],
        "validation": [record for record in parts.validation if record.id in left],
        "test": parts.test,
    }
    repeated = _repeats(prepared.task_of(job), kept, recipe.data.near_duplicates)
    if repeated is not None:
        events.say(repeated.note())
        kept["test"] = repeated.test
    alone = kept["train"]
    if recipe.data.close_schemas:
        found = replace(found, schemas=dress.closed(found.schemas, [*alone, *kept["validation"]]))
    kept = dress.dressed(recipe, found.schemas, kept, events.say)
    if alone and not kept["train"] and "tuned" in recipe.evaluate.systems:
        raise DataError(
            "no record is left to train on: all of their documents are cut before their answers end",
            where=recipe.data.source,
            hint="raise data.max_document_tokens",
        )
    if not kept["train"] and "tuned" in recipe.evaluate.systems:
        raise DataError(
            "no record is left to train on: all of them are in test too",
            where=recipe.data.source,
            hint="data.near_duplicates: 0 keeps those that are only alike",
        )
    for warning in labels(recipe, prepared.task_of(job), kept, fold=job.outer is not None):
        events.say(warning)
    for name, records_of_split in kept.items():
        files.write_lines(folder / f"{name}.jsonl", prepared.rows(records_of_split))
    everything = [record for part in kept.values() for record in part]
    files.write_lines(folder / "processed.jsonl", prepared.rows(everything))
    schemas, verbatim = mark(found.schemas, alone)
    if verbatim:
        shown = [f"{path} ({share:.1%})" for path, share in verbatim.items()]
        more = f" and {len(shown) - SHOWN} more (data/manifest.json)" if len(shown) > SHOWN else ""
        fields = ", ".join(shown[:SHOWN])
        events.say(f"held to what the document says, as their answers in train are: {fields}{more}")
    lost = unsaid(found.schemas, [record for record in everything if "made" not in record.provenance])
    if lost:
        shown = [f"{path} {count:,} of {total:,}" for path, (count, total) in lost.items()]
        events.say(
            "warning: answers that do not stand in their documents, or names of a list not in their order, "
            f"though the schema says x-verbatim: {', '.join(shown)}. They stay, and no reply that is held to the "
            "document can give them"
        )
    files.write_json(folder / "schemas.json", schemas)
    if recipe.data.conversations is not None:
        from tunewright.flow import conversations

        made = conversations.write(folder, prepared.make_task(recipe.task, schemas), kept, recipe.data.conversations)
        events.say(f"conversations: {', '.join(path.name for path in made)} in {folder}")
    counts = {name: len(part) for name, part in kept.items()} | {"rejected": found.rejected}
    events.add("data", "split", **counts)
    events.say(", ".join(f"{count:,} {name}" for name, count in counts.items()))
    own = {
        "counts": counts,
        "languages": prepared.tally(record.language for record in everything),
        "doc_types": prepared.tally(record.doc_type for record in everything),
        "exams": {name: len(exam) for name, exam in exams.items()},
        "split": parts.counts(),
        "cut": {
            name: {"documents": len(own), "tokens": sum(own)}
            for name, part in kept.items()
            if (own := [record.provenance[dress.CUT] for record in part if dress.CUT in record.provenance])
        },
        "duplicates": alike.to_row(),
        **({"repeated_answers": repeated.to_row()} if repeated is not None else {}),
        "verbatim": verbatim,
        "unsaid": {path: {"values": count, "of": total} for path, (count, total) in lost.items()},
        "notes": [*found.about["notes"], *parts.notes],
        "sha256": hashes(folder),
    }
    job.finish("data", found.about | own)


def labels(recipe: Recipe, task: Task, parts: Mapping[str, Sequence[Record]], *, fold: bool = False) -> list[str]:
    """What the task says of the labels of a split: warnings; nothing where it has no labels. Raises DataError.

    Where texts are generated they are judged on test, which must have every label, too, and be real. fold: they are
    judged on the tests of all folds together, and one of them need not.
    """
    check = getattr(task, "check", None)
    if check is None:
        return []
    from tunewright.data import split

    for side in ("validation", "test"):
        split.refuse_synthetic(parts[side], side)
    every = ("train", "test") if recipe.generate.per_label and not fold else ("train",)
    found: list[str] = check(parts, every=every, some=("test",) if fold else ())
    return found


def deal(recipe: Recipe, task: Task, records: Sequence[Record]) -> list[Splits]:
    """The folds of a recipe's records, dealt by label where the task has labels. Raises DataError."""
    from tunewright.data import split

    check = getattr(task, "check", None)
    if check is not None:
        check({"the data": split.dealt(records, recipe.data)})
    return split.folds(records, recipe.evaluate.folds, recipe.data, recipe.seed, by_label=check is not None)


def _repeats(task: Task, parts: Mapping[str, Sequence[Record]], threshold: float) -> Repeats | None:
    """What answers of test share with those of train, where answers are texts of their own and no part of a context."""
    from tunewright.data import answers

    everything = [*parts["train"], *parts["test"]]
    own = dress.asks_of_contexts(task) and not any(one.context for one in everything)
    if not (own and parts["test"] and all(isinstance(one.target, str) for one in everything)):
        return None
    return answers.repeats(parts["train"], parts["test"], threshold)


def hashes(folder: Path) -> dict[str, str]:
    """Name → sha256 of the data files of a folder."""
    return {path.name: files.sha256(path) for path in sorted(folder.iterdir()) if path.suffix in (".jsonl", ".json")}


def unchanged(job: Run, data: Path | str | None) -> None:
    """Raises DataError where the files that finished data was read from are other ones now."""
    from tunewright.data import several

    manifest = job.manifest("data")
    # A sample is the package's own, whatever a folder of data sets holds under that name.
    local = manifest.get("kind") in ("file", "folder", "set", "several") and not job.recipe.data.sample
    changed = several.changed(job.recipe.data.source, manifest.get("source_sha256", {}), data) if local else []
    if changed:
        raise DataError(
            "has changed since this run read it",
            where=str(changed[0]),
            hint=f"give the new data a run of its own with --name, or remove {job.path} to begin anew",
        )


def _fitting(task: Task, found: Sequence[Record]) -> tuple[list[Record], list[Rejected]]:
    """(records whose target obeys its schema, those without a target, a schema, or with others, and what is wrong).

    Raises DataError where no schema is known for any of them.
    """
    from tunewright.data.read import Rejected, excerpt
    from tunewright.text.schema import validate

    schema_of = getattr(task, "schema_of", None)
    fit: list[Record] = []
    unfit: list[Rejected] = []
    unknown: list[DataError] = []
    for record in found:
        if record.target is None:
            unfit.append(Rejected.of(record, "there is no answer to learn or to compare with", excerpt(record.text)))
            continue
        try:
            schema = schema_of(record) if schema_of else None
        except DataError as error:
            unknown.append(error)
            unfit.append(Rejected.of(record, error.message, excerpt(record.text)))
            continue
        if isinstance(record.target, str) and schema is not None:
            value, fault = task.parse(record.target, Example(record, (), "", schema))
            if fault:
                unfit.append(
                    Rejected.of(record, f"the answer of '{record.id}' is text: {fault}", excerpt(record.target))
                )
                continue
            record = record.replace(target=value)
        faults = validate(record.target, schema) if schema is not None else []
        if faults:
            reason = f"the answer of '{record.id}' does not obey its schema: {faults[0]}"
            unfit.append(Rejected.of(record, reason, excerpt(record.target)))
        else:
            fit.append(record)
    if unknown and not fit:
        raise _no_json(task, found) or unknown[0]
    return fit, unfit


def _no_json(task: Task, found: Sequence[Record]) -> DataError | None:
    """What to say where a task that answers with JSON meets texts alone; None where that is not what is wrong."""
    from tunewright.data.read import excerpt

    if not all(isinstance(record.target, str | None) for record in found):
        return None
    texts = [record for record in found if isinstance(record.target, str)]
    faults = ((record, task.parse(str(record.target), Example(record, ()))[1]) for record in texts)
    record, fault = next(((record, fault) for record, fault in faults if fault), (None, None))
    if record is None:
        return None
    return DataError(
        f"the answers are texts that are not JSON ({fault}): {' '.join(excerpt(record.target).split())}",
        where=f"{record.provenance.get('file')}:{record.provenance.get('line')}",
        hint=f"the task {task.name} learns answers that are JSON objects or their text, with nothing around it",
    )
