"""Does what was drawn from a generator tell whom it was trained on?

- `disclosed`: for each drawn text, is the nearest real one among the people of train, or among as many people that the
  generator was never shown? Half of the time each, where it has learnt what people say and not what these people said
  (the share of nearest records of Platzer & Reutterer 2021, section 3.3; Yale et al. 2020, privacy loss). A nearest
  text is nearer the more texts there are to choose from, so both sides have the same number of people, paired by how
  much they said with somebody who has a label of theirs, and each pair the same number of texts of each label. p is
  of exchanging the two people of a pair at random (one-sided), the interval the jackknife's over pairs (Efron &
  Stein 1981), Student's.
- `copied`: texts of which most runs of words stand in one single text of train, beside the same share among real
  texts of people that train does not know: what is said often is said by anybody.

Both look at what was drawn, before any filter: a filter that leaves out near-copies of train takes texts away on one
side of the comparison only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from tunewright.core.errors import DataError
from tunewright.core.records import Record
from tunewright.data.copies import SHORTEST, Copies
from tunewright.data.split import group_of
from tunewright.evals import matching
from tunewright.evals.classifiers import Rows, Texts, Tfidf, label_of, tokens
from tunewright.evals.intervals import cluster_sums, interval, leave_one_out, resampled_sums

Array = NDArray[np.float64]

EQUAL = 1e-9
"""Likenesses that differ by less are the same."""

FEWEST = 4
"""Pairs of people that say something about others."""

RUN = 4
"""Words of the runs that `copied` looks for."""

COPIED = 0.8
"""Share of a text's runs in one text of train from which it is called a near-copy."""


def disclosed(
    texts: Texts, drawn: Sequence[Record], train: Sequence[Record], held: Sequence[Record], *, most: int,
    permutations: int, level: float, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """Share of drawn texts whose nearest real text is one of train: {"share", "low", "high", "p", "people", …}.

    held: real texts of people that train does not know. most: drawn texts that are looked at, at most.
    people, texts: on each of the two sides; n: drawn texts that have a word. Nearness is the cosine of TF-IDF rows of
    words and pairs, and ties count half.
    Raises DataError where fewer than four pairs of people can be made, or a person stands on both sides.
    """
    left, right, pair = _paired(train, held, seed)
    count = len(np.unique(pair))
    if count < FEWEST:
        raise DataError(
            f"a disclosure test needs {FEWEST} people on each side who share a label, and there are {count}",
            hint="give validation and test more participants (data.test_share)",
        )
    draw = np.random.default_rng(seed)
    said = [record for record in drawn if tokens(record.text)]
    if not said:
        raise DataError("no drawn text has a word")
    chosen = draw.permutation(len(said))[:most]
    asked = texts.rows(said[place].text for place in chosen)
    sides = texts.rows(train[place].text for place in left), texts.rows(held[place].text for place in right)
    near = _nearest(texts, asked, sides, pair, count)
    wins = _wins(near[0].max(axis=1), near[1].max(axis=1))
    share = float(wins.mean())
    without = _without_each(near)
    # Both the people who were compared and the texts that were drawn might have been others.
    variance = (count - 1) / count * float(((without - without.mean()) ** 2).sum()) + float(wins.var()) / len(wins)
    reach = float(stdtrit(count - 1, (1 + level) / 2)) * variance**0.5
    more = int((_exchanged(near, draw.random((permutations, count)) < 0.5) >= share - 1e-12).sum())
    return {
        "share": share,
        "low": max(0.0, share - reach),
        "high": min(1.0, share + reach),
        "p": (1 + more) / (1 + permutations),
        "n": len(wins),
        "ties": float((wins == 0.5).mean()),
        "people": count,
        "texts": len(pair),
        "of_people": [len(np.unique(matching.people(side))) for side in (train, held)],
        "permutations": permutations,
    }


def _paired(
    train: Sequence[Record], held: Sequence[Record], seed: int
) -> tuple[matching.Index, matching.Index, matching.Index]:
    """Places of texts of train and of held, as many of each label in every pair of people; and each place's pair."""
    draw = np.random.default_rng(seed)
    sides = [_by_person(side) for side in (train, held)]
    if shared := set(sides[0]) & set(sides[1]):
        raise DataError(f"'{min(shared)}' stands in train and among those who are held out")
    fewer = 0 if len(sides[0]) <= len(sides[1]) else 1
    some, others = sides[fewer], sides[1 - fewer]
    names = [str(name) for name in draw.permutation(sorted(others))]
    said = np.array([_said(others[name]) for name in names])
    free = np.ones(len(names), dtype=bool)
    has = {label: np.array([label in others[name] for name in names]) for own in some.values() for label in own}
    places: tuple[list[int], list[int], list[int]] = ([], [], [])
    number = 0
    for name in sorted(some, key=lambda name: (-_said(some[name]), name)):
        own = some[name]
        fitting = np.flatnonzero(free & np.any([has[label] for label in own], axis=0))
        if not len(fitting):
            continue
        nearest = fitting[np.abs(said[fitting] - _said(own)).argmin()]
        free[nearest] = False
        both = [own, others[names[nearest]]]
        one, other = both if fewer == 0 else reversed(both)
        for label in [label for label in one if label in other]:
            count = min(len(one[label]), len(other[label]))
            places[0].extend(draw.permutation(one[label])[:count])
            places[1].extend(draw.permutation(other[label])[:count])
            places[2].extend([number] * count)
        number += 1
    left, right, pair = (np.array(side, dtype=np.int64) for side in places)
    return left, right, pair


def _by_person(records: Sequence[Record]) -> dict[str, dict[str, list[int]]]:
    """Person → label → places."""
    found: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for place, record in enumerate(records):
        found[group_of(record)][label_of(record)].append(place)
    return {name: dict(sorted(own.items())) for name, own in found.items()}


def _said(own: dict[str, list[int]]) -> int:
    return sum(map(len, own.values()))


def _nearest(
    texts: Texts, asked: Rows, sides: tuple[Rows, Rows], pair: matching.Index, count: int
) -> tuple[Array, Array]:
    """Likeness of each drawn text to the nearest of each person, for both sides: two of `[drawn, pairs]`."""
    weigh = Tfidf(texts.grams(np.concatenate(sides)))
    own = weigh(texts.grams(asked))
    # Texts stand in the order of their pairs.
    begins = np.searchsorted(pair, np.arange(count))
    found = []
    for side in sides:
        against = weigh(texts.grams(side)).T.tocsc()
        parts = [(own[at : at + 500] @ against).toarray() for at in range(0, own.shape[0], 500)]
        found.append(np.vstack([np.maximum.reduceat(part, begins, axis=1) for part in parts]))
    return found[0], found[1]


def _without_each(near: tuple[Array, Array]) -> Array:
    """The share without each of the pairs: `[pairs]`. Without a text's nearest person its second nearest is."""
    rows = np.arange(len(near[0]))
    firsts, seconds, places = [], [], []
    for side in near:
        places.append(side.argmax(axis=1))
        firsts.append(side[rows, places[-1]])
        rest = side.copy()
        rest[rows, places[-1]] = -1
        seconds.append(rest.max(axis=1))

    def left(which: int, number: int) -> Array:
        return np.where(places[which] == number, seconds[which], firsts[which])

    return np.array([_wins(left(0, number), left(1, number)).mean() for number in range(near[0].shape[1])], dtype=float)


def _exchanged(near: tuple[Array, Array], turned: NDArray[np.bool_]) -> Array:
    """The share where the two people of some pairs are exchanged: `[permutations]`, for turned `[permutations, pairs]`.

    The nearest person of all stays the nearest, on one side or on the other; so only these are looked at.
    """
    best = np.maximum(near[0].max(axis=1), near[1].max(axis=1))
    nearest = [best[:, None] - side < EQUAL for side in near]
    found = np.sum(nearest[0], axis=1) + np.sum(nearest[1], axis=1)
    even = (nearest[0] & nearest[1]).any(axis=1)  # as near on both sides, whoever is exchanged
    alone = (found == 1) & ~even
    leaning = [side[alone].sum(axis=0).astype(float) for side in nearest]
    wins = leaning[0].sum() + turned @ (leaning[1] - leaning[0]) + even.sum() / 2
    for several in np.flatnonzero((found > 1) & ~even):
        # Each of its nearest people is of another pair.
        people = np.flatnonzero(nearest[0][several] | nearest[1][several])
        of_train = turned[:, people] != nearest[0][several][people]
        wins = wins + np.mean([of_train.any(axis=1), of_train.all(axis=1)], axis=0)
    return np.asarray(wins / len(best), dtype=float)


def _wins(one: Array, other: Array) -> Array:
    """1 where the first is nearer, 0.5 where neither is. Nearness is compared up to rounding."""
    return np.where(np.abs(one - other) < EQUAL, 0.5, (one > other).astype(float))


def copied(
    drawn: Sequence[Record], train: Sequence[Record], held: Sequence[Record], *, level: float, resamples: int, seed: int
) -> dict[str, Any]:
    """Shares of near-copies of train: {"drawn": {"share", "low", "high", "n"}, "held": the same of real texts}.

    Only texts of `SHORTEST` words and more are looked at, and n counts these.
    """
    return copied_in_folds([(drawn, train, held)], level=level, resamples=resamples, seed=seed)


def copied_in_folds(
    folds: Sequence[tuple[Sequence[Record], Sequence[Record], Sequence[Record]]], *, level: float, resamples: int,
    seed: int,
) -> dict[str, Any]:  # fmt: skip
    """The same over folds, (drawn, train, held) of each: texts beside the train of their own fold."""
    looked: dict[str, tuple[list[Record], list[bool]]] = {"drawn": ([], []), "held": ([], [])}
    for drawn, train, held in folds:
        known = Copies((record.text for record in train), size=RUN, of=tokens)
        for name, records in (("drawn", drawn), ("held", held)):
            long = [record for record in records if len(tokens(record.text)) >= SHORTEST]
            looked[name][0].extend(long)
            looked[name][1].extend(known.nearest(record.text)[0] >= COPIED for record in long)
    found: dict[str, Any] = {name: _share(*own, level, resamples, seed) for name, own in looked.items()}
    return found | {"run": RUN, "threshold": COPIED, "shortest": SHORTEST}


def _share(
    records: Sequence[Record], copies: Sequence[bool], level: float, resamples: int, seed: int
) -> dict[str, Any]:
    if not records:
        return {"share": 0.0, "low": 0.0, "high": 1.0, "n": 0}
    hits = np.array(copies, dtype=float)
    sums = cluster_sums(np.column_stack([hits, np.ones(len(hits))]), matching.people(records))
    drawn, without = resampled_sums(sums, resamples, seed), leave_one_out(sums)
    low, high, _ = interval(
        float(hits.mean()),
        drawn[:, 0] / drawn[:, 1],
        without[:, 0] / np.maximum(without[:, 1], 1),
        proportion=True,
        level=level,
    )
    return {"share": float(hits.mean()), "low": low, "high": high, "n": len(hits)}
