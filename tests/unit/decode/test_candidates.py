"""Which other replies are written, and which cannot be likelier than the one there is."""

from __future__ import annotations

import math

import pytest

from tunewright.decode.candidates import likelihood, partings
from tunewright.decode.engine import Reply

WORDS = [b"a", b"b", b"c", b"ab", b"abc", b"x"]
A, B, C, AB, ABC, X = range(6)


def reply(ids: list[int], chances: list[float], others: list[tuple[int, int, float]], finish: str = "stop") -> Reply:
    """Probabilities of the tokens, and of others."""
    told = [(place, token, math.log(chance)) for place, token, chance in others]
    return Reply(ids, finish=finish, logprobs=[math.log(chance) for chance in chances], others=told)


def test_what_was_refused_costs_a_reply_nothing() -> None:
    copied = reply([A, B, C], [0.1, 0.1, 0.1], [])
    assert likelihood(copied, WORDS) == 0.0
    doubtful = reply([A, B, C], [0.1, 0.1, 0.1], [(1, X, 0.3)])
    assert likelihood(doubtful, WORDS) == pytest.approx(math.log(0.25))


def test_partings_come_by_how_likely_the_other_token_was() -> None:
    others = [(0, X, 0.24), (1, X, 0.2), (1, A, 0.2), (2, X, 0.1), (2, A, 0.35)]
    greedy = reply([A, B, C], [0.36, 0.4, 0.25], others)  # 0.6 · 0.5 · 0.357 of what was allowed
    found = partings(greedy, WORDS, 9)
    assert [parting.ids for parting in found] == [[A, B, A], [X], [A, X], [A, A]]  # the last of all is too unlikely
    assert [math.exp(parting.chance) for parting in found] == pytest.approx([0.15, 0.4, 0.15, 0.15])
    assert [[round(math.exp(one), 9) for one in parting.logprobs] for parting in found[:2]] == [
        [0.36, 0.4, 0.35],
        [0.24],
    ]
    assert partings(greedy, WORDS, 2) == found[:2]
    assert partings(greedy, WORDS, 0) == []


@pytest.mark.parametrize(("token", "same"), [(A, True), (AB, True), (ABC, True), (X, False), (C, False)])
def test_other_tokens_of_the_same_text_are_no_other_reply(token: int, same: bool) -> None:
    greedy = reply([A, B, C], [0.3, 0.3, 0.3], [(0, token, 0.4)])
    assert (partings(greedy, WORDS, 5) == []) is same
    assert (likelihood(greedy, WORDS) == 0.0) is same


def test_where_the_reply_has_most_of_the_probability_nothing_is_looked_for() -> None:
    assert partings(reply([A], [0.41], [(0, X, 0.4)]), WORDS, 5) == []
    assert len(partings(reply([A], [0.39], [(0, X, 0.4)]), WORDS, 5)) == 1


def test_a_reply_that_was_closed_counts_with_what_was_written_till_then() -> None:
    told = {"logprobs": [math.log(0.3), -math.inf], "others": [(0, X, math.log(0.6))], "closed": 1}
    closed = Reply([A, B], finish="length", **told)
    assert likelihood(closed, WORDS) == pytest.approx(math.log(1 / 3))
    [parting] = partings(closed, WORDS, 5)
    assert math.exp(parting.chance) == pytest.approx(2 / 3)


def test_a_reply_that_parts_is_told_with_its_beginning() -> None:
    [parting] = partings(reply([A, B], [0.2, 0.5], [(0, X, 0.3)]), WORDS, 5)
    other = parting.of(reply([X, C], [1.0, 0.5], [(1, A, 0.5)]))
    assert other.logprobs == pytest.approx([math.log(0.3), math.log(0.5)])
    assert parting.chance + likelihood(other, WORDS) == pytest.approx(math.log(0.6 * 0.5))
