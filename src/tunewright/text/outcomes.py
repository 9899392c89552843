"""A predicted JSON value beside the gold one, leaf by leaf: what is scored, and what the report shows.

List items are matched first, by the assignment that makes most leaves agree (Kuhn-Munkres, scipy's
`linear_sum_assignment`), and compared after: a score over a flat bag of leaves stays 1.0 when two line items swap
their prices, this one does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from tunewright.core.records import JSON
from tunewright.text.serialise import dumps
from tunewright.text.unicode import nfc

Kind = Literal["correct", "null", "omitted", "unanswered", "substituted", "hallucinated"]
Steps = tuple[str | int, ...]


class Outcome(NamedTuple):
    """What became of one leaf.

    path: `total_amount`, `items[].price`: every item of a list has the same path.
    kind: correct (the gold value) · null (rightly empty) · omitted (gold has a value, the reply none) · substituted
      (another value) · hallucinated (a value where gold has none) · unanswered (rightly empty, but there is no reply
      to credit for it).
    at, said: the steps to it in gold and in the reply; items that one side has not stand behind those that it has.
    gold, reply: the two values; None where a side has none.
    """

    path: str
    kind: Kind
    at: Steps
    said: Steps
    gold: JSON
    reply: JSON


class _Place(NamedTuple):
    path: str = ""
    at: Steps = ()
    said: Steps = ()

    def key(self, key: str) -> _Place:
        return _Place(f"{self.path}.{key}" if self.path else key, (*self.at, key), (*self.said, key))

    def item(self, at: int, said: int) -> _Place:
        return _Place(self.path + "[]", (*self.at, at), (*self.said, said))

    def outcome(self, kind: Kind, gold: JSON, reply: JSON) -> Outcome:
        return Outcome(self.path, kind, self.at, self.said, gold, reply)


def equal(one: JSON, other: JSON) -> bool:
    """Whether two JSON values are the same, strings in NFC; 1 and 1.0 are, true and 1 are not."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, str) and isinstance(other, str):
        return one == other or nfc(one) == nfc(other)
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    return one is None and other is None


def outcomes(gold: JSON, reply: JSON, *, answered: bool = True) -> list[Outcome]:
    """Every leaf of `gold` and every further one of `reply`.

    null, a missing key and an empty list or object all mean "nothing here". answered=False: there was no readable
    reply, and nothing is credited.
    """
    if answered and _container(gold) and type(gold) is not type(reply):
        answered = False  # a bare string or list for an object says nothing about its keys
        return list(_missed(gold, _Place(), credit=False)) + list(_invented(reply, _Place()))
    return list(_compare(gold, reply, _Place())) if answered else list(_missed(gold, _Place(), credit=False))


def _compare(gold: JSON, reply: JSON, place: _Place) -> Iterator[Outcome]:
    if isinstance(gold, dict) and isinstance(reply, dict) and gold:
        for key, value in gold.items():
            yield from _compare(value, reply.get(key), place.key(key))
        for key, value in reply.items():
            if key not in gold:
                yield from _invented(value, place.key(key))
    elif isinstance(gold, list) and isinstance(reply, list) and gold and reply:
        yield from _compare_lists(gold, reply, place)
    elif _container(gold) and gold:
        yield from _missed(gold, place)
        yield from _invented(reply, place)
    elif gold is None or _container(gold):
        invented = list(_invented(reply, place))
        yield from invented or [place.outcome("null", gold, reply)]
    elif reply is None or (_container(reply) and not reply):
        yield place.outcome("omitted", gold, reply)
    else:
        yield place.outcome("correct" if equal(gold, reply) else "substituted", gold, reply)


def _compare_lists(gold: list[JSON], reply: list[JSON], place: _Place) -> Iterator[Outcome]:
    pairs = _pairs(gold, reply)
    matched_gold, matched_reply = {i for i, _ in pairs}, {j for _, j in pairs}
    for i, j in pairs:
        yield from _compare(gold[i], reply[j], place.item(i, j))
    left = (i for i in range(len(gold)) if i not in matched_gold)
    for behind, i in enumerate(left, len(reply)):
        yield from (outcome for outcome in _missed(gold[i], place.item(i, behind)) if outcome.kind != "null")
    further = (j for j in range(len(reply)) if j not in matched_reply)
    for behind, j in enumerate(further, len(gold)):
        yield from _invented(reply[j], place.item(behind, j))


def _pairs(gold: list[JSON], reply: list[JSON]) -> list[tuple[int, int]]:
    """Which gold item is which item of the reply: (index, index), each index once at most."""
    import numpy as np
    from rapidfuzz.fuzz import ratio as similarity
    from scipy.optimize import linear_sum_assignment

    if len(gold) == len(reply) and all(map(equal, gold, reply)):
        return [(i, i) for i in range(len(gold))]
    worth = np.array([[_worth(one, other) for other in reply] for one in gold])
    # Equal worth is settled by likeness, then by place, so the pairing does not hang on the solver.
    gold_texts, reply_texts = [dumps(item) for item in gold], [dumps(item) for item in reply]
    alike = np.array([[similarity(one, other) for other in reply_texts] for one in gold_texts]) / 100
    apart = np.abs(np.arange(len(gold))[:, None] - np.arange(len(reply))[None, :])
    rows, columns = linear_sum_assignment(worth + 1e-5 * alike - 1e-9 * apart, maximize=True)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True)]


def _worth(gold: JSON, reply: JSON) -> float:
    """How many leaves agree; among equals the earlier leaf, most often the item's name, weighs a little more."""
    kinds = [outcome.kind for outcome in _compare(gold, reply, _Place())]
    return sum(1 + 1e-3 / (place + 1) for place, kind in enumerate(kinds) if kind == "correct")


def _missed(gold: JSON, place: _Place, *, credit: bool = True) -> Iterator[Outcome]:
    """The leaves of a gold value to which the reply has nothing."""
    if isinstance(gold, dict) and gold:
        for key, value in gold.items():
            yield from _missed(value, place.key(key), credit=credit)
    elif isinstance(gold, list) and gold:
        for i, item in enumerate(gold):
            yield from _missed(item, place.item(i, i), credit=credit)
    elif gold is None or _container(gold):
        yield place.outcome("null" if credit else "unanswered", gold, None)
    else:
        yield place.outcome("omitted", gold, None)


def _invented(reply: JSON, place: _Place) -> Iterator[Outcome]:
    """The leaves of a predicted value to which gold has nothing."""
    if isinstance(reply, dict):
        for key, value in reply.items():
            yield from _invented(value, place.key(key))
    elif isinstance(reply, list):
        for i, item in enumerate(reply):
            yield from _invented(item, place.item(i, i))
    elif reply is not None:
        yield place.outcome("hallucinated", None, reply)


def _container(value: JSON) -> bool:
    return isinstance(value, dict | list)
