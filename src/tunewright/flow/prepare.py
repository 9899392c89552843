"""The data of a run: read or synthesised, cleaned, split, searched for leaks, written down with its origin."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunewright.core import catalogue, files
from tunewright.core.contracts import Task
from tunewright.core.errors import DataError
from tunewright.core.events import Events
from tunewright.core.recipe import Recipe, TaskOptions
from tunewright.core.records import JSON, Record, number_of
from tunewright.core.run import Run

if TYPE_CHECKING:
    from tunewright.data.answers import Repeats
    from tunewright.data.read import Rejected
    from tunewright.data.split import Splits

SPLITS = ("train", "validation", "test")
LEARNT = SPLITS[:2]
ALONE = "answer"
"""doc_type of a schema that was given on its own."""
SHOWN = 8
"""Fields that are named on the screen; the manifest has all."""
TITLE_PAGES = "title-pages"
"""The exam that is made of the test documents."""
CUT = "cut"
"""In a record's provenance: tokens that its document lost."""
TASK = "task.json"
"""Beside the weights: what they were tuned for, so that an adapter can be used without its run."""


@dataclass(frozen=True)
class Usable:
    """What was read, cleaned and found fit. schemas: by doc_type. about: what the manifest says of all that."""

    records: list[Record]
    schemas: dict[str, dict[str, JSON]]
    rejected: int
    about: dict[str, JSON]


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
    exams = {name: records(job, name) for name in take_exams(job, events, found.schemas, data=data)}
    divide(job, events, found, parts, exams)
    make_exams(job, parts.test, events)


def read(job: Run, events: Events, *, data: Path | str | None = None) -> Usable:
    """Write data/raw.jsonl and data/rejected.jsonl. Raises DataError where no row can be used."""
    from tunewright.data import several
    from tunewright.data.clean import clean

    recipe, folder = job.recipe, job.path / "data"
    options = recipe.data
    source = several.load(options.source, options, seed=recipe.seed, folder=data, sample=options.sample)
    for note in source.notes:
        events.say(note)
    files.write_lines(folder / "raw.jsonl", rows(source.records))

    cleaned = clean(source.records, pages=options.clean_pages)
    task = make_task(recipe.task, source.schemas)
    earlier = sum("before" in record.provenance for record in source.records)
    if earlier and not reads_turns(task):
        events.say(f"{earlier} rows have a system message or earlier turns, which this task does not read")
    schemas, given = source.schemas, getattr(task, "schema", None)
    if given is not None:
        schemas = {ALONE: given}
        events.say("every answer obeys the recipe's task.json_schema")
    fit, unfit = _fitting(task, cleaned.records)
    rejected = [*source.rejected, *cleaned.rejected, *unfit]
    files.write_lines(folder / "rejected.jsonl", (row.to_row() for row in rejected))
    if rejected:
        events.say(f"{len(rejected)} rows set aside, each with its reason in {folder / 'rejected.jsonl'}")
    events.say(cleaned.note())
    if unfit:
        events.say(f"{len(unfit)} of them do not fit a schema, first: {unfit[0].reason}")
    if not fit:
        raise DataError("no row can be used", where=options.source, hint=str(folder / "rejected.jsonl"))
    if reads_turns(task) or asks_of_contexts(task):
        fit = [_grouped(record) for record in fit]

    about = {
        "source": source.name,
        "kind": source.kind,
        "description": source.description,
        "licence": source.licence,
        "cleaning": cleaned.counts,
        "schemas_inferred": source.inferred and given is None,
        "notes": source.notes,
        "source_sha256": source.sha256,
    }
    return Usable(fit, schemas, len(rejected), about)


def divide(
    job: Run, events: Events, found: Usable, parts: Splits, exams: Mapping[str, Sequence[Record]] | None = None
) -> None:
    """Write the three sides of a split, without what duplicates test or an exam, and complete the data.

    Raises DataError where nothing is left to train on.
    """
    from tunewright.data import leakage
    from tunewright.decode.source import mark

    recipe, folder, exams = job.recipe, job.path / "data", exams or {}
    held = [*parts.test, *(record for exam in exams.values() for record in exam)]
    # Validation stands first: of two alike, one in train and one in validation, validation keeps its own.
    compared = compared_by(task_of(job))
    alike = leakage.duplicates(compared([*parts.validation, *parts.train]), compared(held), recipe.data.near_duplicates)
    events.say(alike.note())
    left = {record.id for record in alike.train}
    kept = {
        "train": [record for record in parts.train if record.id in left],
        "validation": [record for record in parts.validation if record.id in left],
        "test": parts.test,
    }
    repeated = _repeats(task_of(job), kept, recipe.data.near_duplicates)
    if repeated is not None:
        events.say(repeated.note())
        kept["test"] = repeated.test
    alone = kept["train"]
    if recipe.data.close_schemas:
        found = replace(found, schemas=closed(found.schemas, [*alone, *kept["validation"]]))
    kept = dressed(recipe, found.schemas, kept, events.say)
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
    for name, records_of_split in kept.items():
        files.write_lines(folder / f"{name}.jsonl", rows(records_of_split))
    everything = [record for part in kept.values() for record in part]
    files.write_lines(folder / "processed.jsonl", rows(everything))
    schemas, verbatim = mark(found.schemas, alone)
    if verbatim:
        shown = [f"{path} ({share:.1%})" for path, share in verbatim.items()]
        more = f" and {len(shown) - SHOWN} more (data/manifest.json)" if len(shown) > SHOWN else ""
        fields = ", ".join(shown[:SHOWN])
        events.say(f"held to what the document says, as their answers in train are: {fields}{more}")
    files.write_json(folder / "schemas.json", schemas)
    if recipe.data.conversations is not None:
        from tunewright.flow import conversations

        made = conversations.write(folder, make_task(recipe.task, schemas), kept, recipe.data.conversations)
        events.say(f"conversations: {', '.join(path.name for path in made)} in {folder}")
    counts = {name: len(part) for name, part in kept.items()} | {"rejected": found.rejected}
    events.add("data", "split", **counts)
    events.say(", ".join(f"{count:,} {name}" for name, count in counts.items()))
    own = {
        "counts": counts,
        "languages": tally(record.language for record in everything),
        "doc_types": tally(record.doc_type for record in everything),
        "exams": {name: len(exam) for name, exam in exams.items()},
        "split": parts.counts(),
        "cut": {
            name: {"documents": len(own), "tokens": sum(own)}
            for name, part in kept.items()
            if (own := [record.provenance[CUT] for record in part if CUT in record.provenance])
        },
        "duplicates": alike.to_row(),
        **({"repeated_answers": repeated.to_row()} if repeated is not None else {}),
        "verbatim": verbatim,
        "notes": [*found.about["notes"], *parts.notes],
        "sha256": hashes(folder),
    }
    job.finish("data", found.about | own)


def _repeats(task: Task, parts: Mapping[str, Sequence[Record]], threshold: float) -> Repeats | None:
    """What answers of test share with those of train, where answers are texts of their own and no part of a context."""
    from tunewright.data import answers

    everything = [*parts["train"], *parts["test"]]
    own = asks_of_contexts(task) and not any(one.context for one in everything)
    if not (own and parts["test"] and all(isinstance(one.target, str) for one in everything)):
        return None
    return answers.repeats(parts["train"], parts["test"], threshold)


def closed(schemas: Mapping[str, dict[str, JSON]], known: Sequence[Record]) -> dict[str, dict[str, JSON]]:
    """The schemas narrowed to what answers of train and validation are like. Those of test are not looked at."""
    from tunewright.data import infer

    of = {name: [one for one in known if one.doc_type == name or len(schemas) == 1] for name in schemas}
    return {
        name: infer.closed(schema, ((one.target, one.text) for one in of[name])) for name, schema in schemas.items()
    }


def dressed(
    recipe: Recipe, schemas: dict[str, dict[str, JSON]], parts: dict[str, list[Record]], say: Callable[[str], None]
) -> dict[str, list[Record]]:
    """The sides of a split as they are used: documents cut to `data.max_document_tokens`; train, or a share of it, with
    the records made of it; each with the prompt it is asked with.

    Ways of augmentation that the task knows nothing of are left out, with a word.
    """
    from tunewright.data.augment import ASKING, augment

    task = make_task(recipe.task, schemas)
    asked, asks = getattr(task, "asked", None), getattr(task, "asks", ())
    if recipe.data.max_document_tokens:
        parts = {name: shortened(recipe, part, name, say) for name, part in parts.items()}
    options, train = recipe.data.augment, _share(parts["train"], recipe.data.train_share, say)
    parts = {**parts, "train": train}
    if options.copies and train:
        if not schemas and not any("schema" in record.provenance for record in train):
            raise DataError("data.augment makes more of answers in JSON", hint="--set data.augment.copies=0")
        ways = {way: share for way, share in options.ways.items() if way in asks or way not in ASKING}
        if lost := [way for way in options.ways if way not in ways]:
            say(f"data.augment: the task's prompts do not go with {' and '.join(lost)}, which are left out")
        if sum(ways.values()):
            made = augment(train, schemas, options.model_copy(update={"ways": ways}), recipe.seed)
            say(made.note())
            askable = getattr(task, "askable", lambda record: True)
            fitting = [record for record in made.records if askable(record)]
            if len(fitting) < len(made.records):
                say(f"{len(made.records) - len(fitting)} of them are left out: no prompt of the task fits them")
            if recipe.data.max_document_tokens:  # what was made of them may be longer again
                fitting = shortened(recipe, fitting, "train", say)
            parts = {**parts, "train": train + fitting}
    return {name: [asked(record) for record in part] for name, part in parts.items()} if asked else parts


def _share(records: list[Record], share: float, say: Callable[[str], None]) -> list[Record]:
    if share == 1:
        return records
    kept = [record for record in records if number_of(f"share {record.id}") < share * 2**64]
    say(f"data.train_share: {len(kept):,} of {len(records):,} records of train are used")
    return kept


def shortened(recipe: Recipe, found: Sequence[Record], on: str, say: Callable[[str], None]) -> list[Record]:
    """The records with documents of at most `data.max_document_tokens`, what was cut said and kept in the provenance.

    A record of train or validation whose answer is then no longer said where it was is left out; one of a test stays.
    """
    from tunewright.data.cut import cut
    from tunewright.models.load import chat_of
    from tunewright.text.schema import leaves

    options = recipe.data
    assert options.max_document_tokens is not None
    places = chat_of(recipe.model).places
    made: list[Record] = []
    lost = tokens = unsaid = 0
    for record in found:
        left = cut(record.text, places, options.max_document_tokens, options.keep_lines)
        text, gone = left.text, left.lost
        before, after = (" ".join(one.split()) for one in (record.text, text))
        said = (" ".join(value.split()) for value in leaves(record.target).values() if isinstance(value, str))
        missing = gone > 0 and any(value in before and value not in after for value in said)
        lost, tokens, unsaid = lost + (gone > 0), tokens + gone, unsaid + missing
        if gone:
            record = record.replace(text=text, spans=(), provenance={**record.provenance, CUT: gone})
        if not missing or on not in LEARNT:
            made.append(record)
    if lost:
        kept = "are left out" if on in LEARNT else "stay, and count"
        more = f"; {unsaid} of them no longer say all of their answer and {kept}" if unsaid else ""
        say(
            f"{on}: {lost} of {len(found)} documents are over {options.max_document_tokens} tokens and were cut by "
            f"{tokens:,} in all (data.max_document_tokens){more}"
        )
    return made


def hashes(folder: Path) -> dict[str, str]:
    """Name → sha256 of the data files of a folder."""
    return {path.name: files.sha256(path) for path in sorted(folder.iterdir()) if path.suffix in (".jsonl", ".json")}


def reads_turns(task: Task) -> bool:
    """Whether earlier turns of a record are part of what the task asks."""
    return bool(getattr(task, "reads_turns", False))


def asks_of_contexts(task: Task) -> bool:
    """Whether what a record asks stands at the end of its text, behind a context that others may share."""
    return bool(getattr(task, "asks_of_contexts", False))


def compared_by(task: Task) -> Callable[[Sequence[Record]], list[Record]]:
    """What makes records of what duplicates are judged by."""
    if reads_turns(task):
        return _with_turns
    return _with_questions if asks_of_contexts(task) else list


def _grouped(record: Record) -> Record:
    """The record with a group, its own or that of all conversations whose turns, or questions whose contexts, have the
    same words.
    """
    from tunewright.data.leakage import text_key

    if record.group is not None:
        return record
    return record.replace(group=f"{text_key(record.context or _with_turns([record])[0].text):016x}")


def _with_questions(found: Sequence[Record]) -> list[Record]:
    """The records with questions among their targets: two of one context and one answer ask different things."""
    return [record.replace(target=[record.question, record.target]) if record.context else record for record in found]


def _with_turns(found: Sequence[Record]) -> list[Record]:
    """The records with all that was said in their texts, so that "yes, please" is not the same everywhere.

    System messages are left out: all records may have the same.
    """

    def said(record: Record) -> str:
        before = record.provenance.get("before", ())
        return "\n".join([*(turn["content"] for turn in before if turn["role"] != "system"), record.text])

    return [record.replace(text=said(record)) for record in found]


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
        faults = validate(record.target, schema) if schema is not None else []
        if faults:
            reason = f"the answer of '{record.id}' does not obey its schema: {faults[0]}"
            unfit.append(Rejected.of(record, reason, excerpt(record.target)))
        else:
            fit.append(record)
    if unknown and not fit:
        raise unknown[0]
    return fit, unfit


def check_testable(job: Run) -> None:
    """Raises DataError where systems are to be evaluated and no document is left to test them on."""
    path = job.path / "data" / "test.jsonl"
    if job.recipe.evaluate.systems and path.is_file() and not path.stat().st_size:
        raise DataError(
            "no document is left to test on",
            where=str(path),
            hint="raise data.test_share, or stop after training: tunewright train",
        )


def take_exams(
    job: Run, events: Events, schemas: dict[str, Any] | None = None, *, data: Path | str | None = None
) -> list[str]:
    """Copy the recipe's exams that are here into exams/ and say which are not. Returns the names of all that stand.

    schemas: of the run's data, by doc_type; an exam whose documents are all of those types is answered under them.
    An exam that comes when the data is split already loses the documents that stand in train or validation; one that
    comes before takes those out of train (`prepare`).
    """
    from tunewright.data import sources
    from tunewright.data.clean import clean

    known = _schemas(job) if schemas is None else schemas
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
                readable = shortened(job.recipe, readable, name, events.say)
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
            files.write_lines(path, rows(record.replace(split="test") for record in cleaned))
            events.say(f"exam '{name}': {len(cleaned)} documents, never trained on")
        standing.append(name)
    return standing


def make_exams(job: Run, test: Sequence[Record], events: Events) -> None:
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
        found = shortened(job.recipe, found, TITLE_PAGES, events.say)
    if found:
        files.write_lines(job.path / "exams" / f"{TITLE_PAGES}.jsonl", rows(found))
        events.say(f"exam '{TITLE_PAGES}': {len(found)} documents of test with their title pages set otherwise")


def _not_trained_on(job: Run, name: str, exam: list[Record], events: Events) -> list[Record]:
    """The documents of an exam that neither equal nor nearly equal one of train or validation."""
    from tunewright.data import leakage

    compared = compared_by(task_of(job))
    shown = compared([*records(job, "train"), *records(job, "validation")])
    found = {pair.id for pair in leakage.duplicates(compared(exam), shown, job.recipe.data.near_duplicates).across}
    if found:
        events.say(f"exam '{name}': {len(found)} documents stand in train or validation, or nearly, and are left out")
    return [record for record in exam if record.id not in found]


def rows(found: Iterable[Record]) -> Iterable[dict[str, JSON]]:
    return (record.to_row() for record in found)


def tally(values: Iterable[str | None]) -> dict[str, int]:
    """How often each value stands, the most frequent first; None is not counted."""
    return dict(Counter(value for value in values if value is not None).most_common())


def records(job: Run, on: str) -> list[Record]:
    """The records of a split, or of an exam. Raises DataError where they are not there."""
    path = job.path / "data" / f"{on}.jsonl" if on in SPLITS else job.path / "exams" / f"{on}.jsonl"
    return [Record.from_row(row) for row in files.read_lines(path)]


def task_of(job: Run, on: str = "test") -> Task:
    """The recipe's task with the schemas of the run's data, or of an exam that brought its own."""
    own = job.path / "exams" / f"{on}.schemas.json"
    given = job.recipe.task.json_schema is not None
    schemas = files.read_json(own) if on not in SPLITS and own.is_file() and not given else _schemas(job)
    return make_task(task_options(job), schemas)


def task_options(job: Run) -> TaskOptions:
    """The recipe's task; a schema of its own as the data stage left it, with what is held to the document marked."""
    options = job.recipe.task
    marked = _schemas(job).get(ALONE) if options.json_schema is not None else None
    return options if marked is None else options.model_copy(update={"json_schema": marked})


def describe_task(job: Run, folder: Path) -> None:
    """Write TASK into a folder of weights: the base, the task's options, the schemas by doc_type, the length rule."""
    options = task_options(job)
    row = {"base": job.recipe.model, "task": options.model_dump(), "schemas": _schemas(job), "length": length_of(job)}
    row |= {"reading": reading_of(job.recipe), "decode": {"max_new_tokens": job.recipe.decode.max_new_tokens}}
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


def make_task(options: TaskOptions, schemas: dict[str, dict[str, JSON]]) -> Task:
    """The task a recipe names: the class in tunewright.tasks.<name> that is called like its file."""
    module = catalogue.load("task", options.name)
    task: Task = getattr(module, catalogue.class_name(options.name))(options, schemas)
    return task


def _schemas(job: Run) -> dict[str, dict[str, JSON]]:
    path = job.path / "data" / "schemas.json"
    return dict(files.read_json(path)) if path.is_file() else {}


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
