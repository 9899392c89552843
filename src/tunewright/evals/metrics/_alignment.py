"""A predicted JSON value beside the gold one, leaf by leaf.

List items are matched first, by the assignment that makes most leaves agree (Kuhn-Munkres, scipy's
`linear_sum_assignment`), and scored after: a score over a flat bag of leaves stays 1.0 when two line items swap
their prices, this one does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from rapidfuzz.fuzz import ratio as similarity
from scipy.optimize import linear_sum_assignment

from tunewright.core.records import JSON
from tunewright.evals.metrics.exact_match import equal
from tunewright.text.serialise import dumps

Kind = Literal["correct", "null", "omitted", "unanswered", "substituted", "hallucinated"]


class Outcome(NamedTuple):
    """What became of one leaf.

    path: `total_amount`, `items[].price`: every item of a list has the same path.
    kind: correct (the gold value) · null (rightly empty) · omitted (gold has a value, the reply none) · substituted
      (another value) · hallucinated (a value where gold has none) · unanswered (rightly empty, but there is no reply
      to credit for it).
    """

    path: str
    kind: Kind


def outcomes(gold: JSON, reply: JSON, *, answered: bool = True) -> list[Outcome]:
    """Every leaf of `gold` and every further one of `reply`.

    null, a missing key and an empty list or object all mean "nothing here". answered=False: there was no readable
    reply, and nothing is credited.
    """
    if answered and _container(gold) and type(gold) is not type(reply):
        answered = False  # a bare string or list for an object says nothing about its keys
        return list(_missed(gold, "", credit=False)) + list(_invented(reply, ""))
    return list(_compare(gold, reply, "")) if answered else list(_missed(gold, "", credit=False))


def _compare(gold: JSON, reply: JSON, path: str) -> Iterator[Outcome]:
    if isinstance(gold, dict) and isinstance(reply, dict) and gold:
        for key, value in gold.items():
            yield from _compare(value, reply.get(key), _join(path, key))
        for key, value in reply.items():
            if key not in gold:
                yield from _invented(value, _join(path, key))
    elif isinstance(gold, list) and isinstance(reply, list) and gold and reply:
        yield from _compare_lists(gold, reply, path + "[]")
    elif _container(gold) and gold:
        yield from _missed(gold, path)
        yield from _invented(reply, path)
    elif gold is None or _container(gold):
        invented = list(_invented(reply, path))
        yield from invented or [Outcome(path, "null")]
    elif reply is None:
        yield Outcome(path, "omitted")
    else:
        yield Outcome(path, "correct" if equal(gold, reply) else "substituted")


def _compare_lists(gold: list[JSON], reply: list[JSON], path: str) -> Iterator[Outcome]:
    pairs = _pairs(gold, reply)
    matched_gold, matched_reply = {i for i, _ in pairs}, {j for _, j in pairs}
    for i, j in pairs:
        yield from _compare(gold[i], reply[j], path)
    for i, item in enumerate(gold):
        if i not in matched_gold:
            yield from (outcome for outcome in _missed(item, path) if outcome.kind != "null")
    for j, item in enumerate(reply):
        if j not in matched_reply:
            yield from _invented(item, path)


def _pairs(gold: list[JSON], reply: list[JSON]) -> list[tuple[int, int]]:
    """Which gold item is which item of the reply: (index, index), each index once at most."""
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
    kinds = [outcome.kind for outcome in _compare(gold, reply, "")]
    return sum(1 + 1e-3 / (place + 1) for place, kind in enumerate(kinds) if kind == "correct")


def _missed(gold: JSON, path: str, *, credit: bool = True) -> Iterator[Outcome]:
    """The leaves of a gold value to which the reply has nothing."""
    if isinstance(gold, dict) and gold:
        for key, value in gold.items():
            yield from _missed(value, _join(path, key), credit=credit)
    elif isinstance(gold, list) and gold:
        for item in gold:
            yield from _missed(item, path + "[]", credit=credit)
    elif gold is None or _container(gold):
        yield Outcome(path, "null" if credit else "unanswered")
    else:
        yield Outcome(path, "omitted")


def _invented(reply: JSON, path: str) -> Iterator[Outcome]:
    """The leaves of a predicted value to which gold has nothing."""
    if isinstance(reply, dict):
        for key, value in reply.items():
            yield from _invented(value, _join(path, key))
    elif isinstance(reply, list):
        for item in reply:
            yield from _invented(item, path + "[]")
    elif reply is not None:
        yield Outcome(path, "hallucinated")


def _container(value: JSON) -> bool:
    return isinstance(value, dict | list)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
