"""Real and synthetic texts side by side: of the same labels, of the same lengths, in blocks of people.

Synthetic texts are of nobody. Where they are compared with what people said, one stands beside each real text, of the
same label, and goes where that person's texts go: so both sides have blocks of the same sizes. In a cross-validation
records say which fold they are judged in (`in_fold`), and stand beside others of that fold only: nobody is compared
with texts whose generator had been shown what this person says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tunewright.core.errors import DataError
from tunewright.core.records import Record
from tunewright.data.split import group_of
from tunewright.evals.classifiers import label_of
from tunewright.text import disfluency

BINS = 8
"""Ranges of length at most, each with as many real texts of a label."""

FOLD = "judged_in_fold"
"""Where a record's provenance says which fold it is judged in."""

Index = NDArray[np.int64]

Kind = tuple[str, int]
"""A label, and the number of a fold; 0 where there are none."""


def people(records: Sequence[Record]) -> Index:
    """A number for each record's participant, by first appearance: `[n]`. Those without one are alone."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(group_of(record), len(numbers)) for record in records], dtype=np.int64)


def by_label(records: Sequence[Record]) -> dict[str, Index]:
    """Places of the records of each label, labels in order of their names."""
    found: dict[str, list[int]] = defaultdict(list)
    for place, record in enumerate(records):
        found[label_of(record)].append(place)
    return {label: np.array(found[label], dtype=np.int64) for label in sorted(found)}


def in_fold(records: Sequence[Record], number: int) -> list[Record]:
    """The records as those that are judged in a fold, counted from 1."""
    return [record.replace(provenance=record.provenance | {FOLD: number}) for record in records]


def by_kind(records: Sequence[Record]) -> dict[Kind, Index]:
    """Places of the records of each label and fold, in order."""
    found: dict[Kind, list[int]] = defaultdict(list)
    for place, record in enumerate(records):
        found[label_of(record), int(record.provenance.get(FOLD, 0))].append(place)
    return {kind: np.array(found[kind], dtype=np.int64) for kind in sorted(found)}


def pairs(real: Sequence[Record], synthetic: Sequence[Record], most: int, seed: int) -> tuple[Index, Index]:
    """Places of real and synthetic records, one beside the other and of the same label and fold: two of `[pairs]`.

    Labels keep their shares among the real ones as far as there are synthetic texts; `most` pairs in all, drawn at
    random. Raises DataError where no label is on both sides.
    """
    draw = np.random.default_rng(seed)
    own, made = by_kind(real), by_kind(synthetic)
    share = min(1.0, most / max(1, sum(len(own[kind]) for kind in own if kind in made)))
    left: list[Index] = []
    right: list[Index] = []
    for kind in own:
        count = min(round(share * len(own[kind])), len(made.get(kind, ())))
        if count:
            left.append(draw.permutation(own[kind])[:count])
            right.append(draw.permutation(made[kind])[:count])
    if not left:
        raise DataError("real and synthetic texts have no label in common")
    return np.concatenate(left), np.concatenate(right)


def as_many(records: Sequence[Record], others: Sequence[Record], seed: int) -> list[Record]:
    """Records at random, as many of each label as others has, or all there are."""
    draw = np.random.default_rng(seed)
    wanted = {label: len(places) for label, places in by_label(others).items()}
    return [
        records[place]
        for label, places in by_label(records).items()
        for place in draw.permutation(places)[: wanted.get(label, 0)]
    ]


def lengths(records: Sequence[Record]) -> Index:
    """Words of each text: `[n]`."""
    return np.array([len(disfluency.tokens(record.text)) for record in records], dtype=np.int64)


def cells(real: Sequence[Record], synthetic: Sequence[Record]) -> list[tuple[str, Index, Index]]:
    """(label, places of real, places of synthetic records) of the same label, fold and range of lengths, both present.

    Ranges end at the quantiles of the real texts' lengths, so that each holds about as many of them.
    """
    found = []
    sizes = lengths(real), lengths(synthetic)
    made, of_label = by_kind(synthetic), by_label(real)
    for kind, own in by_kind(real).items():
        edges = np.unique(np.quantile(sizes[0][of_label[kind[0]]], np.linspace(0, 1, BINS + 1)[1:-1]))
        theirs = made.get(kind, np.zeros(0, dtype=np.int64))
        places = [np.digitize(size[of], edges) for size, of in zip(sizes, (own, theirs), strict=True)]
        for number in range(len(edges) + 1):
            here, there = own[places[0] == number], theirs[places[1] == number]
            if len(here) and len(there):
                found.append((kind[0], here, there))
    return found


def same_lengths(real: Sequence[Record], synthetic: Sequence[Record], seed: int) -> tuple[Index, Index]:
    """Places of real and synthetic records, as many of each label and range of lengths: two of `[pairs]`."""
    draw = np.random.default_rng(seed)
    left = [np.zeros(0, dtype=np.int64)]
    right = [np.zeros(0, dtype=np.int64)]
    for _, here, there in cells(real, synthetic):
        count = min(len(here), len(there))
        left.append(draw.permutation(here)[:count])
        right.append(draw.permutation(there)[:count])
    return np.concatenate(left), np.concatenate(right)
