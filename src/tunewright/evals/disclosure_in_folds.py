"""Disclosure where everybody is trained on in some fold and tested in another (`evals.disclosure` for one split).

Each person who is tested stands once beside somebody of the same fold's train who shares a label, as many texts of
each. Of two texts that stand so side by side: is the one of train nearer to what the fold's generator wrote? Half of
the time where it has learnt what people say and not what these people said. Who is easily near to anything stands on
both sides, each time beside the texts of another generator; so nobody of train is taken much oftener than others, and
a fold may test one person alone. p is of exchanging the two people of a pair at random (one-sided), the interval the
jackknife's over pairs of all folds, Student's.
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
from tunewright.evals.classifiers import Rows, Texts, Tfidf, tokens
from tunewright.evals.disclosure import FEWEST, _by_person, _said, _wins

Array = NDArray[np.float64]

PAIRS = 400
"""Pairs of all folds that are made, at most; where nobody is named each text is somebody's."""


def disclosed(
    texts: Texts, folds: Sequence[tuple[Sequence[Record], Sequence[Record], Sequence[Record]]], *, most: int,
    permutations: int, level: float, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """Share of train's texts that are nearer to a drawn one: {"share", "low", "high", "p", "people", "n", …}.

    folds: (drawn, train, those who are tested) of each. most: drawn texts of all folds that are looked at, at most.
    people: pairs of them; n: pairs of texts. Nearness is the cosine of TF-IDF rows of words and pairs, and ties count
    half.
    Raises DataError where fewer than four pairs of people can be made, or a person stands on both sides of a fold.
    """
    draw = np.random.default_rng(seed)
    used: Counter[str] = Counter()
    wins: list[Array] = []
    pairs: list[matching.Index] = []
    count = 0
    for drawn, train, tested in folds:
        left, right, pair = _beside(train, tested, used, max(1, PAIRS // len(folds)), draw)
        said = [record for record in drawn if tokens(record.text)]
        if len(pair) and said:
            chosen = draw.permutation(len(said))[: max(1, most // len(folds))]
            asked = texts.rows(said[place].text for place in chosen)
            sides = texts.rows(train[place].text for place in left), texts.rows(tested[place].text for place in right)
            wins.append(_wins(*_nearest_drawn(texts, asked, sides)))
            pairs.append(pair + count)
            count += len(np.unique(pair))
    if count < FEWEST:
        raise DataError(
            f"a disclosure test needs {FEWEST} people on each side who share a label, and there are {count}",
            hint="folds of more participants",
        )
    won, owners = np.concatenate(wins), np.concatenate(pairs)
    sums, sizes = np.bincount(owners, won), np.bincount(owners)
    share = float(won.mean())
    without = (sums.sum() - sums) / (len(won) - sizes)
    variance = (count - 1) / count * float(((without - without.mean()) ** 2).sum())
    reach = float(stdtrit(count - 1, (1 + level) / 2)) * variance**0.5
    turned = draw.random((permutations, count)) < 0.5
    exchanged = (sums.sum() + turned @ (sizes - 2 * sums)) / len(won)
    return {
        "share": share,
        "low": max(0.0, share - reach),
        "high": min(1.0, share + reach),
        "p": float((1 + (exchanged >= share - 1e-12).sum()) / (1 + permutations)),
        "n": len(won),
        "ties": float((won == 0.5).mean()),
        "people": count,
        "texts": len(won),
        "of_people": [len(used), count],
        "permutations": permutations,
        "in_folds": True,
    }


def _nearest_drawn(texts: Texts, asked: Rows, sides: tuple[Rows, Rows]) -> tuple[Array, Array]:
    """Likeness of each real text to the nearest drawn one: two of `[n]`."""
    weigh = Tfidf(texts.grams(np.concatenate(sides)))
    drawn = weigh(texts.grams(asked)).T.tocsc()
    near = [np.asarray((weigh(texts.grams(side)) @ drawn).max(axis=1).toarray(), dtype=float).ravel() for side in sides]
    return near[0], near[1]


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
