"""Documents worth looking at: the worst answers, and the best, with the evidence marked in the text.

A mark says what became of a field: `right` (found), `missed` (the value stands here, the answer is another or none),
`taken` (what was answered stands here, and is wrong).
"""

from __future__ import annotations

import difflib
import heapq
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup, escape
from scipy.optimize import linear_sum_assignment

from tunewright.core.records import JSON, Prediction, Record
from tunewright.report.evidence import TEST, Cell, Evidence
from tunewright.report.figures import field_name
from tunewright.text import align, unicode
from tunewright.text.schema import leaves

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
    outcomes = compare(record.target, answer)
    others = compare(record.target, other) if other else {}
    sliced = record.provenance.get("slice")
    return _Judged(
        record.id,
        sum(outcome != "correct" for outcome in outcomes.values()),
        len(outcomes),
        sum(outcome != "correct" for outcome in others.values()),
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


def flat(value: JSON) -> dict[str, JSON]:
    """Path → scalar. A value that is no object stands at the path `answer`."""
    if isinstance(value, dict | list):
        return leaves(value)
    return {} if value is None else {"answer": value}


def compare(gold: JSON, answer: Prediction) -> dict[str, str]:
    """Path → correct, omitted, hallucinated or substituted, over every path of either side.

    A reply that could not be read is wrong in every field, as it is in the scores.
    """
    golds = flat(gold)
    if answer.failure is not None:
        return dict.fromkeys(golds, "omitted")
    answers = flat(aligned(gold, answer.value))
    results = {path: outcome(golds.get(path), answers.get(path)) for path in dict.fromkeys((*golds, *answers))}
    return {path: result for path, result in results.items() if path in golds or result != "correct"}


def aligned(gold: JSON, answer: JSON) -> JSON:
    """`answer` with the items of its lists in the order of the gold items they are most like, so that items are
    compared with their own; what is left over follows."""
    if isinstance(gold, dict) and isinstance(answer, dict):
        return {key: aligned(gold.get(key), value) for key, value in answer.items()}
    if not isinstance(gold, list) or not isinstance(answer, list) or not gold or not answer or gold == answer:
        return answer
    wholes = [flat({"item": item}) for item in gold], [flat({"item": item}) for item in answer]
    alike = np.array([[_agreement(one, other) for other in wholes[1]] for one in wholes[0]])
    order = dict(zip(*(side.tolist() for side in linear_sum_assignment(alike, maximize=True)), strict=True))
    items = [aligned(item, answer[order[i]]) if i in order else None for i, item in enumerate(gold)]
    return items + [item for j, item in enumerate(answer) if j not in order.values()]


def _agreement(one: dict[str, JSON], other: dict[str, JSON]) -> float:
    """How many leaves agree; likeness of the whole settles ties."""
    same = sum(outcome(value, other.get(path)) == "correct" for path, value in one.items() if value is not None)
    return same + difflib.SequenceMatcher(None, str(one), str(other), autojunk=False).ratio() / 10


def outcome(gold: JSON, predicted: JSON) -> str:
    if gold is None and predicted is None:
        return "correct"
    if predicted is None:
        return "omitted"
    if gold is None:
        return "hallucinated"
    same = type(gold) is type(predicted) and (
        unicode.nfc(gold) == unicode.nfc(predicted) if isinstance(gold, str) else gold == predicted
    )
    return "correct" if same else "substituted"


def _case(record: Record, answer: Prediction, baseline: str | None, other: Prediction | None) -> Case:
    golds, answers = flat(record.target), flat(aligned(record.target, answer.value))
    others = flat(aligned(record.target, other.value)) if other else {}
    other_outcomes = compare(record.target, other) if other else {}
    rows = []
    for path, result in compare(record.target, answer).items():
        gold, predicted = golds.get(path), answers.get(path)
        rows.append(
            FieldRow(
                path,
                gold,
                predicted,
                result,
                difference(gold, predicted) if result == "substituted" else Markup(escape(shown(predicted))),
                shown(others.get(path)) if other else "",
                other_outcomes.get(path, outcome(gold, others.get(path))) if other else "",
                answer.confidence.get(path),
            )
        )
    marks = _marks(record, answer, rows)
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


def _marks(record: Record, answer: Prediction, rows: Sequence[FieldRow]) -> list[Mark]:
    gold_spans = {span.path: (span.start, span.end) for span in record.spans}
    answer_spans = {span.path: (span.start, span.end) for span in answer.spans}
    marks = []
    for row in rows:
        gold = gold_spans.get(row.path) or _locate(row.gold, record.text)
        if row.outcome == "correct":
            marks += [Mark(*gold, RIGHT, row.path)] if gold else []
            continue
        marks += [Mark(*gold, MISSED, row.path)] if gold else []
        taken = answer_spans.get(row.path) or _locate(row.predicted, record.text)
        marks += [Mark(*taken, TAKEN, row.path)] if taken else []
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
