"""Lists of names (`x-score: names`), such as authors: which are there, and whether they stand in their order.

A name is compared whichever way it is printed ("KAUR, G." is "G. Kaur"), each of gold with one of the reply at most.
precision, recall, F1: over all names of all documents. order: of the names that were found, the share that stand in
gold's order (the longest increasing run of their places there, not necessarily side by side).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from tunewright.core.records import JSON, Example, Prediction
from tunewright.evals.metrics._shared import fields_of, ratio, scored
from tunewright.text import papers

name = "names"
structured = True
kind = "names"
paired = ("*_f1",)


def _people(value: JSON) -> list[str]:
    return [papers.person(one) for one in value if isinstance(one, str)] if isinstance(value, list) else []


def aligned(gold: Sequence[str], said: Sequence[str]) -> list[int]:
    """For the names of `said` that gold has, in their order: their places in gold, each taken once."""
    places: dict[str, list[int]] = {}
    for place, one in reversed(list(enumerate(gold))):
        places.setdefault(one, []).append(place)
    return [places[one].pop() for one in said if places.get(one)]


def in_order(places: Sequence[int]) -> int:
    """Length of the longest increasing subsequence."""
    ends: list[int] = []
    for place in places:
        at = bisect_left(ends, place)
        ends[at : at + 1] = [place]
    return len(ends)


def statistics(example: Example, prediction: Prediction) -> dict[str, float]:
    found: dict[str, float] = {}
    for field, gold, said in scored(example, prediction, kind):
        one, other = _people(gold), _people(said)
        places = aligned(one, other)
        found |= {f"{field}.gold": float(len(one)), f"{field}.said": float(len(other))}
        found |= {f"{field}.both": float(len(places)), f"{field}.ordered": float(in_order(places))}
    return found


def summarise(sums: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for field in fields_of(sums, "gold"):
        gold, said, both = (sums[f"{field}.{part}"] for part in ("gold", "said", "both"))
        idle = (gold + said == 0) * 1.0
        found[f"{field}_precision"] = ratio(both, said, empty=idle)
        found[f"{field}_recall"] = ratio(both, gold, empty=idle)
        found[f"{field}_f1"] = ratio(2 * both, gold + said, empty=1.0)
        found[f"{field}_order"] = ratio(sums[f"{field}.ordered"], both, empty=1.0)
    return found


def bases(sums: dict[str, Any]) -> dict[str, Any]:
    """What each score is a share of; 0 where there is nothing to judge."""
    found: dict[str, Any] = {}
    for field in fields_of(sums, "gold"):
        gold, said, both = (sums[f"{field}.{part}"] for part in ("gold", "said", "both"))
        parts = {"precision": said, "recall": gold, "f1": gold + said, "order": both}
        found |= {f"{field}_{score}": base for score, base in parts.items()}
    return found
