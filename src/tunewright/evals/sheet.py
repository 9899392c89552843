"""A system's answers as a table for people: one row a document, to be opened in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from tunewright.core.files import spreadsheet
from tunewright.core.records import JSON, Example, Prediction
from tunewright.evals.metrics import chrf, exact_match, semantic
from tunewright.text.outcomes import Outcome, outcomes
from tunewright.text.schema import path_of
from tunewright.text.serialise import dumps

COLUMNS = ("id", "language", "doc_type", "prompt", "reference", "generated", "right", "similarity", "error")
SHOWN = 5
"""Fields that are named as wrong; how many more there are is said."""


def sheet(pairs: Sequence[tuple[Example, Prediction]]) -> str:
    """CSV with a row for each answer.

    prompt: the last message, as the system met it. reference: the answer wanted. generated: the raw reply. right: 1
    where it matches exactly. similarity: likeness of the fields by meaning, of text chrF++; 0..1. error: why it could
    not be read, or the fields that are wrong. What a spreadsheet would take for a formula begins with `'`.
    """
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    for example, prediction in pairs:
        record = example.record
        cells = (
            record.id,
            record.language or "",
            record.doc_type or "",
            example.messages[-1]["content"] if example.messages else record.text,
            example.completion or _written(record.target),
            prediction.text,
            f"{exact_match.statistics(example, prediction)['correct']:.0f}",
            f"{_similarity(example, prediction):.4f}",
            _error(example, prediction),
        )
        table.writerow(map(spreadsheet, cells))
    return out.getvalue().encode("utf-8", "replace").decode()


def _similarity(example: Example, prediction: Prediction) -> float:
    if isinstance(example.record.target, str):
        return float(chrf.summarise(chrf.statistics(example, prediction))["chrf"])
    return float(semantic.summarise(semantic.statistics(example, prediction))["semantic_similarity"])


def _error(example: Example, prediction: Prediction) -> str:
    if prediction.failure is not None:
        return prediction.failure
    if isinstance(example.record.target, str):
        return ""
    wrong = [_fault(one, example) for one in outcomes(example.record.target, prediction.value)]
    found = [fault for fault in wrong if fault]
    more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return "; ".join(found[:SHOWN]) + more


def _fault(outcome: Outcome, example: Example) -> str:
    if outcome.kind in ("correct", "null"):
        return ""
    path = path_of(outcome.at) or "answer"
    if outcome.kind == "hallucinated":
        return f"{path}: hallucinated {_written(outcome.reply)}"
    if outcome.kind != "substituted":
        return f"{path}: omitted {_written(outcome.gold)}"
    how = semantic.judged(outcome, example.schema)
    note = " (the same by meaning)" if how.same else " (ambiguous)" if how.how == "ambiguous" else ""
    return f"{path}: {_written(outcome.reply)} for {_written(outcome.gold)}{note}"


def _written(value: JSON) -> str:
    return value if isinstance(value, str) else dumps(value)
