"""Passages (`x-score: passage`), such as abstracts: how much of the right one is there, and where it begins and ends.

rouge_l: F1 of the longest common subsequence of words, averaged over documents. chrf: corpus chrF++ of the field.
starts_early, starts_late, ends_early, ends_late: shares of documents whose passage begins with words that gold has not,
lacks gold's first ones, lacks its last ones, goes on behind it; elsewhere: shares of those that have no run of words in
common with gold worth the name (a fifth of it, or five words), for which the others say nothing.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import Any

from tunewright.core.records import Example, Prediction
from tunewright.evals.metrics._shared import fields_of, ratio, scored, text_of
from tunewright.evals.overlap import f_of_ngrams, longest_in_common, ngrams_in_common
from tunewright.text.unicode import words

name = "passages"
structured = True
kind = "passage"
FAULTS = ("starts_early", "starts_late", "ends_early", "ends_late", "elsewhere")
proportions = frozenset(f"*_{fault}" for fault in FAULTS)
lower_is_better = proportions
paired = ("*_rouge_l",)


def bounds(gold: str, said: str) -> tuple[str, ...]:
    """Which of FAULTS a passage has; a passage against none at all is elsewhere."""
    one, other = words(gold.casefold()), words(said.casefold())
    if one == other:
        return ()
    alike = SequenceMatcher(None, one, other, autojunk=False)
    if alike.find_longest_match().size < max(1, min(5, len(one)), len(one) // 5):
        return ("elsewhere",)
    # Words that are missing or too many between the first run in common and the last are no fault of its ends.
    *runs, _ = alike.get_matching_blocks()
    first, last, found = runs[0], runs[-1], []
    if first.a != first.b:
        found.append("starts_late" if first.a > first.b else "starts_early")
    left, more = len(one) - last.a - last.size, len(other) - last.b - last.size
    if left != more:
        found.append("ends_early" if left > more else "ends_late")
    return tuple(found)


def statistics(example: Example, prediction: Prediction) -> dict[str, float]:
    found: dict[str, float] = {}
    for field, gold, said in scored(example, prediction, kind):
        one, other = text_of(gold), text_of(said)
        alike = prediction.failure is None and (one is None) == (other is None)
        faults = bounds(one or "", other or "") if one is not None or other is not None or not alike else ()
        found |= {f"{field}.n": 1.0, f"{field}.rouge": longest_in_common(one or "", other or "") if alike else 0.0}
        found |= {f"{field}.{fault}": float(fault in faults) for fault in FAULTS}
        found |= {f"{field}.{order}": count for order, count in ngrams_in_common(one or "", other or "").items()}
    return found


def summarise(sums: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for field in fields_of(sums, "n"):
        own = {key.removeprefix(f"{field}."): value for key, value in sums.items() if key.startswith(f"{field}.")}
        found[f"{field}_rouge_l"] = ratio(own["rouge"], own["n"])
        found[f"{field}_chrf"] = f_of_ngrams(own)
        found |= {f"{field}_{fault}": ratio(own[fault], own["n"]) for fault in FAULTS}
    return found
