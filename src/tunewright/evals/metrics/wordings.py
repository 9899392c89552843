"""Wordings (`x-score: wording`), such as titles: how often they are right to the letter, and how near they are.

exact: the very characters, white space aside. similarity: 1 - edit distance / the longer one's characters, case aside
(Levenshtein 1966), averaged over documents.
"""

from __future__ import annotations

from typing import Any

from rapidfuzz.distance import Levenshtein

from tunewright.core.records import Example, Prediction
from tunewright.evals.metrics._shared import fields_of, ratio, scored, text_of
from tunewright.text import papers

name = "wordings"
structured = True
kind = "wording"
proportions = frozenset({"*_exact"})
paired = ("*_exact",)


def statistics(example: Example, prediction: Prediction) -> dict[str, float]:
    found: dict[str, float] = {}
    for field, gold, said in scored(example, prediction, kind):
        one, other = text_of(gold), text_of(said)
        near = Levenshtein.normalized_similarity(papers.wording(one or ""), papers.wording(other or ""))
        answered = prediction.failure is None
        found |= {f"{field}.right": float(answered and one == other), f"{field}.n": 1.0}
        found[f"{field}.near"] = near if answered and (one is None) == (other is None) else 0.0
    return found


def summarise(sums: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for field in fields_of(sums, "n"):
        found[f"{field}_exact"] = ratio(sums[f"{field}.right"], sums[f"{field}.n"])
        found[f"{field}_similarity"] = ratio(sums[f"{field}.near"], sums[f"{field}.n"])
    return found
