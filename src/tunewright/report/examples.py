"""Documents worth looking at: the worst answers, and the best, with the evidence marked in the text.

A mark says what became of a field: `right` (found), `missed` (the value stands here, the answer is another or none),
`taken` (what was answered stands here, and is wrong).
"""

from __future__ import annotations

import difflib
import heapq
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from tunewright.core.records import JSON, Prediction, Record
from tunewright.report.evidence import TEST, Cell, Evidence
from tunewright.report.figures import field_name
from tunewright.text import align, unicode
from tunewright.text.accepted import target_for
from tunewright.text.outcomes import Outcome, outcomes
from tunewright.text.schema import path_of

LONGEST = 6000
"""Characters of a document that are shown; how many more there are is said."""

RIGHT, MISSED, TAKEN = "right", "missed", "taken"
MARK_WORDS = {RIGHT: "", MISSED: "missed", TAKEN: "taken instead"}


@dataclass(frozen=True, slots=True)
class Mark:
    """`text[start:end]` belongs to the field at `path`."""

    start: int
    end: int
    kind: str
    path: str


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One line of the table gold against predicted."""

    path: str
    gold: JSON
    predicted: JSON
    outcome: str
    predicted_html: Markup
    baseline: str
    baseline_outcome: str
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Case:
    """One example as it is shown."""

    id: str
    language: str | None
    doc_type: str | None
    slices: tuple[tuple[str, str], ...]
    wrong: int
    fields: int
    text: Markup
    hidden: int
    rows: tuple[FieldRow, ...]
    reply: str
    failure: str | None
    finish: str
    baseline: str | None
    baseline_reply: str | None
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Judged:
    id: str
    wrong: int
    fields: int
    baseline_wrong: int
    hard: int
    length: int
    language: str
    doc_type: str


def choose(
    evidence: Evidence, on: str = TEST, *, worst: int = 4, best: int = 2
) -> tuple[list[Case], list[Case], int, int]:
    """(worst cases, best cases, documents judged, of them wrong) for the main system on `on`.

    Worst: most wrong fields, languages and types taking turns. Best: all right where the baseline was most wrong.
    """
    cell = evidence.main(on)
    if cell is None:
        return [], [], 0, 0
    answers = _answers(evidence, cell)
    baseline = evidence.baseline(on)
    baseline = None if baseline is None or baseline.name == cell.name else baseline
    others = _answers(evidence, baseline) if baseline else {}
    judged = []
    for record in _records(evidence, on):
        if record.id in answers:
            judged.append(_judge(record, answers[record.id], others.get(record.id)))
    bad = [one for one in judged if one.wrong]
    good = [one for one in judged if not one.wrong]
    chosen_bad = _in_turn(bad, worst, lambda one: (-one.wrong, one.fields, one.length, one.id))
    chosen_good = _in_turn(
        good, best, lambda one: (one.length > 1200, -one.baseline_wrong, -one.hard, -one.length, one.id)
    )
    wanted = {one.id for one in chosen_bad + chosen_good}
    records = {record.id: record for record in _records(evidence, on) if record.id in wanted}

    def case(one: _Judged) -> Case:
        return _case(records[one.id], answers[one.id], baseline.name if baseline else None, others.get(one.id))

    return [case(one) for one in chosen_bad], [case(one) for one in chosen_good], len(judged), len(bad)


def _answers(evidence: Evidence, cell: Cell) -> dict[str, Prediction]:
    answers = {}
    for row in evidence.rows(cell.predictions):
        try:
            prediction = Prediction.from_row(row)
        except (KeyError, TypeError):
            continue
        answers[prediction.id] = prediction
    return answers


def _records(evidence: Evidence, on: str) -> Iterable[Record]:
    for row in evidence.rows(evidence.records_of(on)):
        try:
            yield Record.from_row(row)
        except (KeyError, TypeError):
            continue


def _judge(record: Record, answer: Prediction, other: Prediction | None) -> _Judged:
    results = compare(target_for(record, answer.value), answer)
    others = compare(target_for(record, other.value), other) if other else {}
    sliced = record.provenance.get("slice")
    return _Judged(
        record.id,
        sum(result != "correct" for result in results.values()),
        len(results),
        sum(result != "correct" for result in others.values()),
        sum(value == "unseen" for value in sliced.values()) if isinstance(sliced, dict) else 0,
        len(record.text),
        record.language or "",
        record.doc_type or "",
    )


def _in_turn(judged: Sequence[_Judged], count: int, key: Callable[[_Judged], Any]) -> list[_Judged]:
    """The first `count` by `key`, languages taking turns, and within a language its document types."""
    types: dict[tuple[str, str], list[_Judged]] = {}
    for one in judged:
        types.setdefault((one.language, one.doc_type), []).append(one)
    languages: dict[str, list[tuple[int, Any, _Judged]]] = {}
    for (language, _), ones in types.items():
        ranked = [(turn, key(one), one) for turn, one in enumerate(heapq.nsmallest(count, ones, key=key))]
        languages.setdefault(language, []).extend(ranked)
    turns = [
        (turn, place, one)
        for ranked in languages.values()
        for turn, (_, place, one) in enumerate(sorted(ranked, key=lambda entry: entry[:2]))
    ]
    first = sorted(turns, key=lambda entry: entry[:2])[:count]
    return [one for _, _, one in sorted(first, key=lambda entry: entry[1])]


KINDS = {"null": "correct", "unanswered": "omitted"}


def became(gold: JSON, answer: Prediction) -> dict[str, Outcome]:
    """Path → what became of it, as it is scored; an answer that is no object stands at the path `answer`."""
    found = outcomes(gold, answer.value, answered=answer.failure is None)
    return {path_of(one.at) or "answer": one for one in found}


def compare(gold: JSON, answer: Prediction) -> dict[str, str]:
    """Path → correct, omitted, hallucinated or substituted, over every path of either side.

    A reply that could not be read is wrong in every field, as it is in the scores.
    """
    return {path: _kind(one) for path, one in became(gold, answer).items()}


def _kind(one: Outcome) -> str:
    return KINDS.get(one.kind, one.kind)


def _case(record: Record, answer: Prediction, baseline: str | None, other: Prediction | None) -> Case:
    found = became(target_for(record, answer.value), answer)
    others = became(target_for(record, other.value), other) if other else {}
    rows = []
    for path, one in found.items():
        before = others.get(path)
        result = _kind(one)
        rows.append(
            FieldRow(
                path,
                one.gold,
                one.reply,
                result,
                difference(one.gold, one.reply) if result == "substituted" else Markup(escape(shown(one.reply))),
                shown(before.reply if before else None) if other else "",
                (_kind(before) if before else "correct") if other else "",
                answer.confidence.get(path_of(one.said)),
            )
        )
    marks = _marks(record, answer, found)
    text = record.text[:LONGEST]
    sliced = record.provenance.get("slice")
    return Case(
        record.id,
        record.language,
        record.doc_type,
        tuple((str(k), str(v)) for k, v in sliced.items()) if isinstance(sliced, dict) else (),
        sum(row.outcome != "correct" for row in rows),
        len(rows),
        highlight(text, marks),
        max(0, len(record.text) - LONGEST),
        tuple(rows),
        answer.text,
        answer.failure,
        answer.finish,
        baseline if other else None,
        other.text if other else None,
        tuple(kind for kind in (RIGHT, MISSED, TAKEN) if any(mark.kind == kind for mark in marks)),
    )


def _marks(record: Record, answer: Prediction, found: Mapping[str, Outcome]) -> list[Mark]:
    gold_spans = {span.path: (span.start, span.end) for span in record.spans}
    answer_spans = {span.path: (span.start, span.end) for span in answer.spans}
    marks = []
    for path, one in found.items():
        gold = gold_spans.get(path) or _locate(one.gold, record.text)
        if _kind(one) == "correct":
            marks += [Mark(*gold, RIGHT, path)] if gold else []
            continue
        marks += [Mark(*gold, MISSED, path)] if gold else []
        taken = answer_spans.get(path_of(one.said)) or _locate(one.reply, record.text)
        marks += [Mark(*taken, TAKEN, path)] if taken else []
    return marks


def _locate(value: JSON, text: str) -> tuple[int, int] | None:
    return align.locate(value, text)


def shown(value: JSON) -> str:
    """A scalar as the table shows it; null as ∅ (an empty string is "")."""
    if value is None:
        return "∅"
    if isinstance(value, str):
        return value if value else '""'
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def difference(gold: JSON, predicted: JSON) -> Markup:
    """The prediction, with what differs from gold marked by graphemes: `<ins>` added, `<del>` missing.

    Where much differs the whole is marked: a patchwork cannot be read.
    """
    a, b = list(unicode.graphemes(shown(gold))), list(unicode.graphemes(shown(predicted)))
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
    changes = sum(operation != "equal" for operation, *_ in matcher.get_opcodes())
    if matcher.ratio() < 0.6 or changes > 2:
        return Markup("<ins>{}</ins>").format(shown(predicted))
    parts = []
    for operation, a1, a2, b1, b2 in matcher.get_opcodes():
        if operation == "equal":
            parts.append(escape("".join(b[b1:b2])))
            continue
        if a2 > a1:
            parts.append(Markup("<del>{}</del>").format("".join(a[a1:a2])))
        if b2 > b1:
            parts.append(Markup("<ins>{}</ins>").format("".join(b[b1:b2])))
    return Markup("").join(parts)


def highlight(text: str, marks: Sequence[Mark]) -> Markup:
    """`text`, escaped, with its marks. Overlapping marks are cut into pieces that carry all their kinds; their labels
    stand together behind the last piece, so no word is torn by one."""
    marks = [mark for mark in marks if 0 <= mark.start < mark.end <= len(text)]
    cuts = sorted({0, len(text), *(m.start for m in marks), *(m.end for m in marks)})
    parts: list[Markup] = []
    waiting: list[Mark] = []
    for start, end in itertools.pairwise(cuts):
        piece = escape(text[start:end])
        over = [mark for mark in marks if mark.start <= start and end <= mark.end]
        if over:
            waiting += [mark for mark in over if mark.end == end]
            labels = Markup("")
            if all(mark.end == end for mark in over):
                labels, waiting = Markup("").join(map(_label, waiting)), []
            kinds = " ".join(dict.fromkeys(mark.kind for mark in over))
            piece = Markup('<mark class="{}">{}{}</mark>').format(kinds, piece, labels)
        parts.append(piece)
    return Markup("").join(parts)


def _label(mark: Mark) -> Markup:
    word, name = MARK_WORDS[mark.kind], field_name(mark.path)
    return Markup('<span class="tag {}">{}</span>').format(mark.kind, f"{name} · {word}" if word else name)
