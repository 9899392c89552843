"""Identifiers (`x-score: identifier`): the share of documents whose DOI, number or code is the right one.

Compared without what only resolves or labels it (`https://doi.org/`, `doi:`, `arXiv:`), case, a last stop, and the
version of an arXiv identifier. Rightly saying that there is none is right.
"""

from __future__ import annotations

from typing import Any

from tunewright.core.records import JSON, Example, Prediction
from tunewright.evals.metrics._shared import fields_of, ratio, scored, text_of
from tunewright.text import papers

name = "identifiers"
structured = True
kind = "identifier"
proportions = frozenset({"*_exact"})
paired = ("*_exact",)


def _plain(value: JSON) -> str | None:
    text = text_of(value)
    return papers.identifier(text) if text else None


def statistics(example: Example, prediction: Prediction) -> dict[str, float]:
    found: dict[str, float] = {}
    for field, gold, said in scored(example, prediction, kind):
        right = prediction.failure is None and _plain(gold) == _plain(said)
        found |= {f"{field}.right": float(right), f"{field}.n": 1.0}
    return found


def summarise(sums: dict[str, Any]) -> dict[str, Any]:
    return {f"{field}_exact": ratio(sums[f"{field}.right"], sums[f"{field}.n"]) for field in fields_of(sums, "n")}
