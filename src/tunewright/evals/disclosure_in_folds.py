"""Disclosure where everybody is trained on in some fold and tested in another (`evals.disclosure` for one split).

Each person who is tested stands once beside somebody of the same fold's train who shares a label. For each text that
this fold's generator wrote: are those of train nearest, or those who are tested? Who is easily near to anybody stands
on both sides, each time with the texts of another generator; so nobody of train is taken much oftener than others. A
fold may test one person alone. p is of exchanging the two people of a pair at random (one-sided), the interval the
jackknife's over pairs, Student's; pairs of all folds count together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from tunewright.core.errors import DataError
from tunewright.core.records import Record
from tunewright.evals import matching
from tunewright.evals.classifiers import Texts, tokens
from tunewright.evals.disclosure import FEWEST, _by_person, _nearest, _said, _wins

Array = NDArray[np.float64]

Near = tuple[Array, Array]
"""Likeness of a fold's texts to the nearest text of each person of train, and of those tested: `[texts, pairs]`."""

PAIRS = 400
"""Pairs of all folds that are made, at most; where nobody is named each text is somebody's."""


def disclosed(
    texts: Texts, folds: Sequence[tuple[Sequence[Record], Sequence[Record], Sequence[Record]]], *, most: int,
    permutations: int, level: float, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """Share of drawn texts whose nearest real text is one of train, as `disclosure.disclosed` has it.

    folds: (drawn, train, those who are tested) of each. most: drawn texts of all folds that are looked at, at most.
    Raises DataError where fewer than four pairs of people can be made, or a person stands on both sides of a fold.
    """
    draw = np.random.default_rng(seed)
    used: Counter[str] = Counter()
    near: list[Near] = []
    looked_at = 0
    for drawn, train, tested in folds:
        left, right, pair = _beside(train, tested, used, max(1, PAIRS // len(folds)), draw)
        said = [record for record in drawn if tokens(record.text)]
        if len(pair) and said:
            chosen = draw.permutation(len(said))[: max(1, most // len(folds))]
            asked = texts.rows(said[place].text for place in chosen)
            sides = texts.rows(train[place].text for place in left), texts.rows(tested[place].text for place in right)
            near.append(_nearest(texts, asked, sides, pair, len(np.unique(pair))))
            looked_at += len(pair)
    counts = [one.shape[1] for one, _ in near]
    if (count := sum(counts)) < FEWEST:
        raise DataError(
            f"a disclosure test needs {FEWEST} people on each side who share a label, and there are {count}",
            hint="folds of more participants",
        )
    wins = _all_wins(near)
    share = float(wins.mean())
    without = _without_each(near)
    # Both the people who were compared and the texts that were drawn might have been others.
    variance = (count - 1) / count * float(((without - without.mean()) ** 2).sum()) + float(wins.var()) / len(wins)
    reach = float(stdtrit(count - 1, (1 + level) / 2)) * variance**0.5
    more = 0
    for _ in range(permutations):
        turned = np.split(draw.random(count) < 0.5, np.cumsum(counts)[:-1])
        more += float(_all_wins(list(map(_exchanged, near, turned))).mean()) >= share - 1e-12
    return {
        "share": share,
        "low": max(0.0, share - reach),
        "high": min(1.0, share + reach),
        "p": (1 + more) / (1 + permutations),
        "n": len(wins),
        "ties": float((wins == 0.5).mean()),
        "people": count,
        "texts": looked_at,
        "of_people": [len(used), count],
        "permutations": permutations,
    }


def _beside(
    train: Sequence[Record], tested: Sequence[Record], used: Counter[str], most: int, draw: np.random.Generator
) -> tuple[matching.Index, matching.Index, matching.Index]:
    """Places of texts of train and of tested, as many of each label in every pair of people; and each place's pair.

    used: how often people of train stood in a pair before; those who did least are taken, of them the nearest in how
    much they said. most: pairs that are made.
    """
    ours, theirs = _by_person(train), _by_person(tested)
    if shared := set(ours) & set(theirs):
        raise DataError(f"'{min(shared)}' stands in train and among those who are held out")
    free = set(ours)
    places: tuple[list[int], list[int], list[int]] = ([], [], [])
    number = 0
    for one in draw.permutation(sorted(theirs))[:most]:
        own = theirs[str(one)]
        fitting = [str(name) for name in draw.permutation(sorted(free)) if own.keys() & ours[name].keys()]
        if not fitting:
            continue
        chosen = min(fitting, key=lambda name: (used[name], abs(_said(ours[name]) - _said(own))))
        free.remove(chosen)
        used[chosen] += 1
        for label in sorted(own.keys() & ours[chosen].keys()):
            count = min(len(own[label]), len(ours[chosen][label]))
            places[0].extend(draw.permutation(ours[chosen][label])[:count])
            places[1].extend(draw.permutation(own[label])[:count])
            places[2].extend([number] * count)
        number += 1
    left, right, pair = (np.array(side, dtype=np.int64) for side in places)
    return left, right, pair


def _all_wins(near: Sequence[Near]) -> Array:
    """Of every drawn text whether train is nearer: `[texts]`. A fold of which no pair is left has no say."""
    return np.concatenate([_wins(one.max(axis=1), other.max(axis=1)) for one, other in near if one.shape[1]])


def _without_each(near: Sequence[Near]) -> Array:
    """The share without each of the pairs: `[pairs]`."""
    found = []
    for fold, (one, other) in enumerate(near):
        for number in range(one.shape[1]):
            left = np.delete(one, number, axis=1), np.delete(other, number, axis=1)
            found.append(_all_wins([*near[:fold], left, *near[fold + 1 :]]).mean())
    return np.array(found, dtype=float)


def _exchanged(near: Near, turned: NDArray[np.bool_]) -> Near:
    one, other = near
    return np.where(turned, other, one), np.where(turned, one, other)
