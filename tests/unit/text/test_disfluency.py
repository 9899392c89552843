"""Disfluencies are counted as a reader counts them, in plain words and in CHAT's codes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.text import disfluency


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("So it is done.", {"words": 4, "types": 4, "utterances": 1}),
        ("Um, we're all we're all going. Uh yes.", {"fillers": 2, "repetitions": 1, "words": 8}),
        ("we're all going we're all liking that.", {"retracings": 1}),
        ("It was very very good. No no no. Yes. Yes.", {"repetitions": 0}),  # emphasis, and across a stop
        ("the the dog the the cat.", {"repetitions": 2}),
        ("the um the dog.", {"fillers": 1, "repetitions": 1}),  # a filler does not part what is said again
        ("make a p an issue. a pl- plan.", {"fragments": 2}),
        ("and then ... he went (..) home (1.5)", {"pauses": 3, "broken_off": 1}),
        ("I want", {"broken_off": 1}),
        ("I want it!", {"broken_off": 0}),
        ("he said [unintelligible] and xxx.", {"unintelligible": 2, "words": 3}),
        ("the man who left because it rained.", {"subordinators": 2}),
        ("don't you’re", {"words": 2, "types": 2}),
        ("वह वह आया। अं ठीक है।", {"repetitions": 1, "fillers": 1, "utterances": 2, "broken_off": 0}),
        ("बहुत बहुत अच्छा।", {"repetitions": 0}),
        ("", dict.fromkeys(disfluency.COUNTS, 0)),
    ],
)
def test_plain_words(text: str, expected: dict[str, int]) -> None:
    found = disfluency.counts(text)
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I &-um see <the boy> [/] the boy .", {"words": 7, "fillers": 1, "repetitions": 1, "retracings": 0}),
        ("he is [//] was taking &+coo cookies (.)", {"retracings": 1, "fragments": 1, "pauses": 1, "repetitions": 0}),
        ("and the +...", {"broken_off": 1, "words": 2}),
        ("she &=laughs is xxx [* s:r] falling .", {"words": 3, "unintelligible": 1}),
    ],
)
def test_codes_of_chat(text: str, expected: dict[str, int]) -> None:
    found = disfluency.counts(text)
    assert {name: found[name] for name in expected} == expected


@given(st.text(alphabet="ab mu.,-?[]/<>&+(1)\nकि।", max_size=80))
def test_whatever_stands_there_counts_are_sane(text: str) -> None:
    found = disfluency.counts(text)
    assert set(found) == set(disfluency.COUNTS)
    assert min(found.values()) >= 0
    assert found["types"] <= found["words"]
    assert found["fillers"] <= found["words"]


def test_rates_are_ratios_of_sums() -> None:
    one, two = (disfluency.counts(text) for text in ("um so it goes.", "it is the end of the day."))
    sums = {name: np.array([one[name], one[name] + two[name]]) for name in disfluency.COUNTS}
    found = disfluency.rates(sums)
    assert found["filler_rate"].tolist() == [1 / 4, 1 / 11]
    assert found["utterance_length"].tolist() == [4, 5.5]
    assert disfluency.rates(dict.fromkeys(disfluency.COUNTS, 0)) == dict.fromkeys(disfluency.RATES, 0)
