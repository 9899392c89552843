"""From documents to answers, for the command line and the server: long documents, spans, confidence."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from tunewright.core.contracts import Task
from tunewright.core.errors import UsageError
from tunewright.core.recipe import DecodeOptions
from tunewright.core.records import JSON, Example, Prediction, Record, Span
from tunewright.decode.repair import repair
from tunewright.decode.system import Decoding, LocalSystem
from tunewright.models.load import Loaded
from tunewright.text.schema import in_schema_order, path_of
from tunewright.text.serialise import dumps

OVERLAP = 0.2
"""Share of a window that the next one repeats."""

AT_ONCE = 8
"""Batches of documents that are read ahead; answers leave in the order of the documents."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one document.

    prediction: value, spans in the whole document, confidence, time. windows: (start, end) in characters of the parts
    that were read; one for a document that fits. repaired: the liberties taken to read a reply that was no JSON;
    such an answer has its value, and keeps `failure`.
    """

    prediction: Prediction
    windows: tuple[tuple[int, int], ...] = ()
    repaired: tuple[str, ...] = field(default=())

    def to_row(self) -> dict[str, JSON]:
        row = self.prediction.to_row()
        if len(self.windows) > 1:
            row["windows"] = [list(window) for window in self.windows]
        if self.repaired:
            row["repaired"] = list(self.repaired)
        return row


def extract(
    loaded: Loaded,
    task: Task,
    records: Iterable[Record],
    *,
    decoding: Decoding = "grammar",
    options: DecodeOptions | None = None,
    window: int | None = None,
    overlap: float = OVERLAP,
    mend: bool = True,
) -> Iterator[Answer]:
    """One answer per record, in their order, read from an iterator in constant memory.

    window: most tokens of a document read at once (default: what the model's context leaves). Longer documents are
    read in overlapping windows and their answers merged (`merge`). mend: try `repair` on a free reply that is no JSON.

    Raises GrammarError where the schema cannot be enforced, DataError where a record has no schema, UsageError where
    prompt and budget leave no room for a document.
    """
    options = options or DecodeOptions.model_validate({})
    system = LocalSystem("extract", loaded, task, decoding=decoding, options=options)
    source = iter(records)
    while chunk := list(islice(source, options.batch_size * AT_ONCE)):
        parts: list[tuple[int, tuple[int, int], Example]] = []
        for place, record in enumerate(chunk):
            room = _room(loaded, task, record, options.max_new_tokens)
            for start, end in windows(record.text, loaded.tokenizer, min(room, window or room), overlap):
                parts.append((place, (start, end), task.example(record.replace(text=record.text[start:end]))))
        found: list[list[tuple[tuple[int, int], Answer]]] = [[] for _ in chunk]
        for (place, where, example), prediction in zip(
            parts, system.predict([example for _, _, example in parts]), strict=True
        ):
            found[place].append((where, _mended(prediction, example.schema) if mend else Answer(prediction)))
        for place, answers in enumerate(found):
            schema = next(example.schema for at, _, example in parts if at == place)
            yield merge(answers, schema)


def _room(loaded: Loaded, task: Task, record: Record, budget: int) -> int:
    """Tokens of a document that fit beside the instruction and the reply."""
    empty = loaded.chat.prompt_ids(task.example(record.replace(text="")).messages)
    room = loaded.context - budget - len(empty) - 8  # joints may cost a few tokens more
    if room < 16:
        raise UsageError(
            f"the model's context of {loaded.context} tokens has no room for a document: "
            f"the instruction and schema take {len(empty)}, the reply {budget}",
            hint="lower decode.max_new_tokens, or show the schema as keys",
        )
    return room


def windows(text: str, tokenizer: Any, size: int, overlap: float = OVERLAP) -> list[tuple[int, int]]:
    """Parts of `text` of at most `size` tokens, (start, end) in characters, each repeating a share of the one before.

    A part ends at a line's or word's end where one is near. The parts cover the whole text.
    """
    if not 0 <= overlap < 1:
        raise UsageError("overlap must be at least 0 and below 1")
    size = max(2, size)
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    if len(offsets) <= size:
        return [(0, len(text))]
    starts, ends = [first for first, _ in offsets], [last for _, last in offsets]
    parts: list[tuple[int, int]] = []
    start = 0
    while True:
        first = bisect_left(starts, start)
        if first + size >= len(offsets):
            return [*parts, (start, len(text))]
        # several tokens may write one character: a part holds it whole
        end = _good_end(text, start, max(ends[first + size - 1], start + 1))
        if end >= len(text):
            return [*parts, (start, len(text))]
        parts.append((start, end))
        back = starts[bisect_right(starts, end - int((end - start) * overlap)) - 1]
        start = back if back > start else end


def _good_end(text: str, start: int, end: int) -> int:
    """The last line's end, else word's end, in the last quarter before `end`; `end` itself where there is none."""
    least = end - (end - start) // 4
    for mark in ("\n", " "):
        at = text.rfind(mark, least, end)
        if at >= 0:
            return at + 1
    return end


def _mended(prediction: Prediction, schema: dict[str, JSON] | None) -> Answer:
    if prediction.failure is None or prediction.finish == "error":
        return Answer(prediction)
    mended = repair(prediction.text, list if (schema or {}).get("type") == "array" else dict)
    if mended.value is None:
        return Answer(prediction)
    return Answer(replace(prediction, value=mended.value), repaired=mended.steps)


def merge(answers: Sequence[tuple[tuple[int, int], Answer]], schema: dict[str, JSON] | None) -> Answer:
    """The answers of a document's windows as one.

    Scalars: the non-null value that its window was surest of, the first one among equals. Objects key by key. Arrays:
    one after the other, without those items of a window that the one before it, which it overlaps, has too. Spans are
    shifted to the whole document; the text is the merged value in canonical form; `failure` is that of the first window
    that failed.
    """
    if len(answers) == 1:
        [(where, answer)] = answers
        return replace(answer, windows=(where,))
    merged: JSON = None
    before: JSON = None
    sure: dict[str, float] = {}
    found: dict[str, Span] = {}
    for (start, _), answer in answers:
        part = answer.prediction
        if part.value is None:
            before = None
            continue
        spans = {span.path: Span(span.path, span.start + start, span.end + start) for span in part.spans}
        merged = _joined(merged, part.value, before, (), (), _Notes(sure, found, part.confidence, spans))
        before = part.value
    merged = in_schema_order(merged, schema)
    parts = [answer.prediction for _, answer in answers]
    failures = [part.failure for part in parts if part.failure]
    finishes = {part.finish for part in parts}
    prediction = Prediction(
        id=parts[0].id,
        text=dumps(merged) if merged is not None else parts[0].text,
        value=merged,
        failure=failures[0] if failures else None,
        finish=next(kind for kind in ("error", "length", "stop") if kind in finishes),
        spans=tuple(found.values()),
        confidence=sure,
        seconds=sum(part.seconds for part in parts),
        prompt_tokens=sum(part.prompt_tokens for part in parts),
        tokens=sum(part.tokens for part in parts),
        passes=sum(part.passes for part in parts),
    )
    repaired = tuple(dict.fromkeys(step for _, answer in answers for step in answer.repaired))
    return Answer(prediction, tuple(where for where, _ in answers), repaired)


@dataclass(slots=True)
class _Notes:
    """Confidence and spans: of what is merged so far (`sure`, `found`), and of the window being added."""

    sure: dict[str, float]
    found: dict[str, Span]
    new_sure: dict[str, float]
    new_found: dict[str, Span]

    def take(self, steps: tuple[str | int, ...], new_steps: tuple[str | int, ...]) -> None:
        """The value at `steps` is now the window's at `new_steps`."""
        path, new = path_of(steps), path_of(new_steps)
        self.sure.pop(path, None)
        self.found.pop(path, None)
        if new in self.new_sure:
            self.sure[path] = self.new_sure[new]
        if new in self.new_found:
            self.found[path] = Span(path, self.new_found[new].start, self.new_found[new].end)


def _joined(
    old: JSON, new: JSON, before: JSON, steps: tuple[Any, ...], new_steps: tuple[Any, ...], notes: _Notes
) -> JSON:
    """`old`, merged so far, with `new`, the window's own. before: what the window before had here."""
    if isinstance(new, dict) and (old is None or isinstance(old, dict)):
        made, last = dict(old or {}), before if isinstance(before, dict) else {}
        for key, value in new.items():
            made[key] = _joined(made.get(key), value, last.get(key), (*steps, key), (*new_steps, key), notes)
        return made
    if isinstance(new, list) and (old is None or isinstance(old, list)):
        items = list(old or [])
        seen = {dumps(item) for item in before} if isinstance(before, list) else set()
        for index, item in enumerate(new):
            if dumps(item) not in seen:
                items.append(_joined(None, item, None, (*steps, len(items)), (*new_steps, index), notes))
        return items
    if old is None:
        notes.take(steps, new_steps)
        return new
    surer = notes.new_sure.get(path_of(new_steps), 0.0) > notes.sure.get(path_of(steps), 0.0)
    if new is not None and surer and not isinstance(old, (dict, list)):
        notes.take(steps, new_steps)
        return new
    return old
