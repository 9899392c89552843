"""A model at work on documents of one's own: which model, which documents, which schema, and the answers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tunewright.core import files
from tunewright.core import run as run_folder
from tunewright.core.contracts import Task
from tunewright.core.errors import DataError, ModelError, UsageError, did_you_mean
from tunewright.core.recipe import TEXT_TASKS, DecodeOptions, TaskOptions
from tunewright.core.records import JSON, Prediction, Record
from tunewright.core.run import Run
from tunewright.flow import answer, prepared
from tunewright.flow.prepared import ALONE, TASK
from tunewright.text.schema import chosen, leaves

AT_ONCE = 64
"""Documents that are answered together."""


@dataclass(frozen=True)
class Found:
    """What came of one document.

    id: the file, or the row's own id. value: the answer, or None with `failure` saying why. doc_type: the schema it
    obeys. spans: path → (start, end) in characters of the text. confidence: path → the model's own probability.
    seconds: time spent on it.
    """

    id: str
    value: JSON
    failure: str | None = None
    doc_type: str | None = None
    spans: dict[str, tuple[int, int]] | None = None
    confidence: dict[str, float] | None = None
    repaired: tuple[str, ...] = ()
    seconds: float = 0.0

    def to_row(self) -> dict[str, JSON]:
        row: dict[str, JSON] = {"id": self.id, "value": self.value}
        if self.doc_type is not None:
            row["doc_type"] = self.doc_type
        if self.failure is not None:
            row["failure"] = self.failure
        if self.repaired:
            row["repaired"] = list(self.repaired)
        row["spans"] = {path: list(place) for path, place in (self.spans or {}).items()}
        row["confidence"] = {path: round(share, 4) for path, share in (self.confidence or {}).items()}
        return row


@dataclass(frozen=True)
class Unreadable:
    """A document that could not be read."""

    id: str
    reason: str

    @property
    def failure(self) -> str:
        return self.reason

    def to_row(self) -> dict[str, JSON]:
        return {"id": self.id, "value": None, "failure": self.reason}


class Model:
    """A model with its task, ready to answer. `what` says which it is, for people.

    length: `over_length` and `max_length` that it was trained with, where that is known. reading: how its training read
    documents (`prepared.reading_of`); theirs are read so, too, and one over `max_document_tokens` is cut and not read
    in windows.
    """

    def __init__(
        self,
        loaded: Any,
        task: Task,
        options: DecodeOptions,
        what: str,
        schemas: Mapping[str, Any],
        length: Mapping[str, Any] | None = None,
        reading: Mapping[str, Any] | None = None,
    ):
        self.reading = dict(reading or {})
        self.length = {key: value for key, value in (length or {}).items() if key in ("over_length", "max_length")}
        self.loaded = loaded
        self.task = task
        self.options = options
        self.what = what
        self.schemas = dict(schemas)

    def __repr__(self) -> str:
        return f"Model({self.what!r})"

    def extract(self, text: str, *, doc_type: str | None = None) -> JSON:
        """The answer to one document, or None where the model's reply is no JSON (only without the grammar).

        doc_type: which of the model's schemas; None: the one that fits best.
        Raises UsageError for a doc_type that the model has no schema for.
        """
        self.check(doc_type)
        [found] = self.answers([Record("document", text, doc_type=doc_type)])
        return found.value

    def asked(self, instruction: str | None, schema: Mapping[str, JSON] | None) -> Model:
        """This model with another instruction, or another schema in place of its own; None: as it is."""
        schemas = self.schemas if schema is None else {ALONE: dict(schema)}
        options = _options(self.task) if schema is None else _held_to_own(_options(self.task), self.what)
        if instruction is not None:
            options = options.model_copy(update={"instruction": instruction})
        task = prepared.make_task(options, schemas)
        return Model(self.loaded, task, self.options, self.what, schemas, self.length, self.reading)

    def json(self, prompt: str, *, prefix: str = "") -> JSON:
        """The JSON that answers a prompt, always an instance of the model's schema, or of one of them.

        prefix: how the answer begins, such as `{"name": "`. Raises ModelError where no answer comes of it, UsageError
        where the model answers in text.
        """
        from tunewright.decode.system import LocalSystem

        _answers_with_json(_options(self.task), self.what)
        # A task that has several ways to ask asks this as it is.
        asked = Record("prompt", prompt, provenance={"prompt": "{text}"})
        found: Found | Prediction
        if len(self.schemas) == 1 and not prefix:
            [found] = self.answers([asked])  # reads a long text in windows, too
        else:
            task = self.task
            if len(self.schemas) > 1:
                whole = {"anyOf": list(self.schemas.values())}
                task = prepared.make_task(_options(task), {ALONE: whole})
            system = LocalSystem(self.what, self.loaded, task, decoding="grammar", options=self.options, **self.length)
            [found] = system.predict([task.example(asked.replace(text=self.read(prompt)[0]))], opening=prefix)
        if found.failure is not None:
            raise ModelError(f"the reply is no answer: {found.failure}", where=self.what)
        return found.value

    def read(self, text: str) -> tuple[str, Callable[[int, int], tuple[int, int]]]:
        """(a document's text as the model is shown it, a place in that → its place in the text)."""
        from tunewright.data.clean import with_way_back
        from tunewright.data.cut import cut

        clean, way_back = with_way_back(text, pages=bool(self.reading.get("clean_pages")))
        most = self.reading.get("max_document_tokens")
        if most is None:
            return clean, way_back
        left = cut(clean, self.loaded.chat.places, most, self.reading.get("keep_lines", ()))
        return left.text, lambda start, end: way_back(*left.back(start, end))

    def check(self, doc_type: str | None) -> None:
        """Raises UsageError for a doc_type that the model has no schema for."""
        if doc_type is not None and self.schemas and doc_type not in self.schemas:
            raise UsageError(
                self._no_schema(doc_type),
                hint=did_you_mean(doc_type, self.schemas) or f"it knows: {', '.join(self.schemas)}",
            )

    def _no_schema(self, doc_type: str) -> str:
        return f"this model has no schema for '{doc_type}'"

    def answers(self, documents: Iterable[Record], *, free: bool = False) -> Iterator[Found]:
        """What comes of each document, in order, read from an iterator.

        A document without a doc_type is answered under every schema of the model; the answer that finds the largest
        share of its fields in the text is kept, among equals the one the model was surest of. Where there is one
        schema, it is every document's; where there are several, a document of a type without one comes back with a
        failure.
        """
        waiting: list[Record] = []
        for document in documents:
            waiting.append(document)
            if len(waiting) == AT_ONCE:
                yield from self._together(waiting, free)
                waiting = []
        yield from self._together(waiting, free)

    def _together(self, documents: Sequence[Record], free: bool) -> Iterator[Found]:
        from tunewright.decode.extract import extract

        # What is read is clean, as in training; what is told counts in the text that was given.
        texts = [self.read(document.text) for document in documents]
        asked: list[Record] = []
        owners: list[int] = []
        best: dict[int, tuple[tuple[float, float], Found]] = {}
        for place, document in enumerate(documents):
            kinds: Sequence[str | None] = [document.doc_type]
            if len(self.schemas) == 1:
                kinds = [None]
            elif self.schemas and document.doc_type is None:
                kinds = list(self.schemas)
            elif self.schemas and document.doc_type not in self.schemas:
                best[place] = (0.0, 0.0), Found(document.id, None, self._no_schema(str(document.doc_type)))
                continue
            for kind in kinds:
                asked.append(document.replace(text=texts[place][0], doc_type=kind))
                owners.append(place)
        decoding: Literal["free", "grammar"] = "free" if free else "grammar"
        replies = extract(self.loaded, self.task, asked, decoding=decoding, options=self.options)
        for place, record, reply in zip(owners, asked, replies, strict=True):
            prediction = reply.prediction
            found = Found(
                id=prediction.id,
                value=prediction.value,
                failure=prediction.failure,
                doc_type=record.doc_type if len(self.schemas) > 1 else None,
                spans={span.path: texts[place][1](span.start, span.end) for span in prediction.spans},
                confidence=prediction.confidence,
                repaired=reply.repaired,
                seconds=prediction.seconds,
            )
            rank = _fullness(found, self.schemas.get(str(record.doc_type), {}))
            if place not in best or rank > best[place][0]:
                best[place] = (rank, found)
        for place in range(len(documents)):
            yield best[place][1]


def _held_to_own(options: TaskOptions, what: str) -> TaskOptions:
    """Options of a task whose answers another schema than its own holds."""
    _answers_with_json(options, what)
    return options.model_copy(update={"json_schema": None})


def _answers_with_json(options: TaskOptions, what: str) -> None:
    if options.name in TEXT_TASKS:
        raise UsageError(
            f"{what} answers in text, not with JSON: no schema can hold it",
            hint="name a run whose task is extraction or text_to_json, or an untuned model",
        )


def _options(task: Task) -> TaskOptions:
    found = getattr(task, "options", None)
    if not isinstance(found, TaskOptions):
        raise UsageError("this model's task has no options: it is asked in one way only")
    return found


def _fullness(found: Found, schema: dict[str, Any]) -> tuple[float, float]:
    """(share of the fields that are found in the text, mean confidence in these and in what was chosen of a few)

    What the schema gives a choice of stands in no text, an intent say, and counts for no share; an answer of nothing
    else has the share 1.
    """
    values = leaves(found.value) if isinstance(found.value, dict) else {}
    picked = chosen(found.value, schema) & {path for path, value in values.items() if value is not None}
    read = [path for path in values if path not in picked]
    filled = [path for path in read if values[path] is not None and path in (found.spans or {})]
    sure = [(found.confidence or {}).get(path, 0.0) for path in (*filled, *picked)]
    share = len(filled) / len(read) if read else float(bool(picked))
    return share, sum(sure) / max(1, len(sure))


# ---------------------------------------------------------------- which model


def load(
    run: str | Path | Run | None = None,
    *,
    model: str | None = None,
    adapter: str | Path | None = None,
    schema: Mapping[str, JSON] | str | Path | None = None,
    runs: str | Path = "runs",
) -> Model:
    """A model ready to answer: a run's tuned one, or a base model or an adapter with a schema.

    run: a run folder; None and nothing else named: the newest trained run below `runs`. model: a name, folder or hub
    id. adapter: a PEFT folder; its base is `model`, or what it was trained on. schema: a JSON Schema or its file, in
    place of the run's own, or of what an adapter or model trained by Tunewright brings along.
    Raises RunError where there is no trained run, ModelError, UsageError where a schema is missing, or where a model
    that answers in text is given one.
    """
    own = _schema(schema)
    if model is None and adapter is None:
        job = find(run, runs)
        recipe = job.recipe
        schemas = own or files.read_json(job.path / "data" / "schemas.json")
        what = f"the tuned model of {job.path}"
        options = _held_to_own(recipe.task, what) if own else prepared.task_options(job)
        loaded = answer.load_tuned(job)
        return _made(
            loaded, options, recipe.decode, what, schemas, prepared.length_of(job), prepared.reading_of(job.recipe)
        )
    if run is not None:
        raise UsageError("a run and a model are both named", hint="leave one of them out")
    tuned = Path(str(adapter or model)) / TASK
    brought: dict[str, Any] = files.read_json(tuned) if tuned.is_file() else {}
    if own is None and not brought:
        raise UsageError("a model without a run needs a schema", hint="--schema FILE names a JSON Schema")
    options = TaskOptions.model_validate(brought.get("task", {}))
    options = _held_to_own(options, str(adapter or model)) if own else options
    from tunewright.models.load import load as load_model

    name = model or brought.get("base") or _base_of(Path(str(adapter)))
    loaded = load_model(name, adapter=adapter)
    untuned = "" if brought else ", not tuned"
    what = f"the adapter {adapter} on {name}" if adapter else f"the model {loaded.name}{untuned}"
    schemas = own or brought["schemas"]
    decode = DecodeOptions.model_validate(brought.get("decode", {}))
    return _made(loaded, options, decode, what, schemas, brought.get("length", {}), brought.get("reading", {}))


def find(run: str | Path | Run | None, runs: str | Path) -> Run:
    """The run that is named, by folder or by name below `runs`; None: the newest that is trained."""
    if isinstance(run, Run):
        return run
    if run is None:
        return run_folder.newest(runs, lambda job: job.done("systems/tuned"), what="a trained run")
    return Run.named(run, runs)


def _made(
    loaded: Any,
    task: TaskOptions,
    decode: DecodeOptions,
    what: str,
    schemas: dict[str, JSON],
    length: Mapping[str, Any],
    reading: Mapping[str, Any],
) -> Model:
    if task.json_schema is not None:
        schemas = {}
    return Model(loaded, prepared.make_task(task, schemas), decode, what, schemas, length, reading)


def _schema(given: Mapping[str, JSON] | str | Path | None) -> dict[str, JSON] | None:
    """Schemas by doc_type from one schema, or from a file that holds one or several by name."""
    if given is None:
        return None
    if isinstance(given, Mapping):
        return {ALONE: dict(given)}
    from tunewright.data.sources import read_schemas

    return read_schemas(Path(given), [ALONE])


def _base_of(adapter: Path) -> str:
    path = adapter / "adapter_config.json"
    if not path.is_file():
        raise ModelError("there is no adapter (adapter_config.json)", where=str(adapter), hint="name its folder")
    name = files.read_json(path).get("base_model_name_or_path")
    if not name:
        raise ModelError("the adapter does not say what its base is", where=str(path), hint="name it with --model")
    return str(name)


# ---------------------------------------------------------------- which documents


def documents(paths: Sequence[str], say: Callable[[str], None] = lambda text: None) -> Iterator[Record | Unreadable]:
    """The documents that paths name: a text file, every file of a folder, the rows of a data file, `-` for stdin.

    A file is a document of its own, under its path; rows of .jsonl, .json, .csv and .parquet keep their ids and their
    doc_type. What cannot be read comes as Unreadable, and files of a folder that hold no text are counted and said.
    Raises DataError for a path that is not there.
    """
    from tunewright.data.read import reader_of

    for name in paths:
        path = Path(name)
        if name == "-":
            yield _text("-", sys.stdin.buffer.read())
        elif path.is_dir():
            inside = sorted(each for each in path.rglob("*") if each.is_file() and not _hidden(each, path))
            known = [each for each in inside if reader_of(each) is not None]
            if not known:
                raise DataError("the folder holds no documents", where=name, hint="text files, .jsonl, .json, .csv …")
            if len(known) < len(inside):
                say(f"{len(inside) - len(known)} files of {name} are no text or data files and are left out")
            for each in known:
                yield from _file(each)
        elif path.is_file():
            yield from _file(path)
        else:
            siblings = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
            raise DataError("there is no such file or folder", where=name, hint=did_you_mean(path.name, siblings))


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def _file(path: Path) -> Iterator[Record | Unreadable]:
    from tunewright.data.read import read, reader_of

    if reader_of(path) in (None, "text"):
        yield _text(str(path), path.read_bytes())
        return
    try:
        reading = read(path)
        yield from reading
    except DataError as error:
        remedy = f" ({error.hint})" if error.hint and reader_of(path) == "pdf" else ""
        yield Unreadable(str(path), error.message + remedy)
        return
    for row in reading.rejected:
        yield Unreadable(f"{path}:{row.line}", row.reason)


def _text(name: str, content: bytes) -> Record | Unreadable:
    from tunewright.data.clean import clean_text

    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return Unreadable(name, f"is not UTF-8 text (byte {error.start})")
    return Record(name, text) if clean_text(text).strip() else Unreadable(name, "is empty")
