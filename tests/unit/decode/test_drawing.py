"""What is drawn has the distribution asked for, hangs on the seed alone, and never leaves what a grammar allows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from tunewright.core.errors import UsageError
from tunewright.decode.sampling import Sampling

SCORES = torch.tensor([2.0, 1.0, 0.5, 0.0, -1.0, -4.0])


def counts(sampling: Sampling, draws: int = 4000, scores: torch.Tensor = SCORES) -> np.ndarray:
    rows = sampling.drawn(scores.expand(draws, -1), list(range(draws)), [[0, 0, 0]] * draws)
    return np.bincount(rows.argmax(-1).numpy(), minlength=len(scores))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_come_as_often_as_softmax_says(temperature: float) -> None:
    found = counts(Sampling(temperature))
    expected = (SCORES / temperature).double().softmax(-1).numpy()
    assert chisquare(found, 4000 * expected).pvalue > 1e-3
    other = (SCORES / (1.3 * temperature)).double().softmax(-1).numpy()
    assert chisquare(found, 4000 * other).pvalue < 1e-6  # the test would see another temperature


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({"top_k": 2}, [0, 1]),
        ({"top_k": 9}, [0, 1, 2, 3, 4, 5]),
        ({"top_p": 0.5}, [0]),  # the likeliest has 0.57 alone
        ({"top_p": 0.6}, [0, 1]),
        ({"min_p": 0.2}, [0, 1, 2]),  # e⁻¹ = 0.37, e⁻¹·⁵ = 0.22, e⁻² = 0.14
        ({"min_p": 1.0}, [0]),
        ({"top_k": 3, "min_p": 0.3}, [0, 1]),
        ({"temperature": 100.0, "top_p": 0.4}, [0, 1, 2]),  # all but equal: a third of six and what crosses 0.4
    ],
)
def test_what_is_left_out_is_not_drawn(options: dict, kept: list[int]) -> None:
    assert np.flatnonzero(counts(Sampling(**options))).tolist() == kept


def test_where_all_that_is_kept_is_refused_the_others_are_drawn_by_their_chances() -> None:
    rows = Sampling(top_k=1).drawn(SCORES.expand(4000, -1), list(range(4000)), [[]] * 4000)
    rows[:, 0] = -torch.inf  # a grammar's mask
    found = np.bincount(rows.argmax(-1).numpy(), minlength=6)[1:]
    assert chisquare(found, 4000 * SCORES[1:].double().softmax(-1).numpy()).pvalue > 1e-3


def test_it_hangs_on_seed_reply_and_place() -> None:
    def noise(seed: int, reply: int, place: int) -> torch.Tensor:
        return Sampling(seed=seed).drawn(torch.zeros(1, 50), [reply], [[0] * place])

    assert torch.equal(noise(1, 2, 3), noise(1, 2, 3))
    others = [noise(2, 2, 3), noise(1, 3, 3), noise(1, 2, 4), noise(2, 1, 3)]
    assert not any(torch.equal(noise(1, 2, 3), other) for other in others)
    assert torch.equal(
        Sampling(seed=2**63).drawn(torch.zeros(1, 5), [2**63], [[]]).isfinite().all(), torch.tensor(True)
    )


def test_what_was_said_counts_less() -> None:
    scores = torch.tensor([[2.0, 1.0, -1.0], [2.0, 1.0, -1.0]])
    found = Sampling(repetition_penalty=2.0).unrepeated(scores, [[0, 2, 2], []])
    assert found.tolist() == [[1.0, 1.0, -2.0], [2.0, 1.0, -1.0]]
    assert scores[0].tolist() == [2.0, 1.0, -1.0]  # not in place
    assert Sampling().unrepeated(scores, [[0], [1]]) is scores


def test_no_run_of_tokens_stands_twice() -> None:
    def replies(size: int) -> list[list[int]]:
        said: list[list[int]] = [[]] * 200
        for _ in range(30):
            scores = Sampling(no_repeat_ngram_size=size).drawn(torch.zeros(200, 6), list(range(200)), said)
            said = [[*own, token] for own, token in zip(said, scores.argmax(-1).tolist(), strict=True)]
        return said

    def again(said: list[list[int]], size: int) -> int:
        return sum(len({tuple(own[at : at + size]) for at in range(31 - size)}) < 31 - size for own in said)

    assert again(replies(3), 3) == 0
    assert again(replies(3), 2) > 100  # shorter ones may
    assert again(replies(0), 3) > 100


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": 0.0}, {"top_k": -1}, {"top_p": 0.0}, {"top_p": 1.1}, {"min_p": -0.1},
        {"repetition_penalty": 0.0}, {"no_repeat_ngram_size": -1},
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(wrong: dict) -> None:
    with pytest.raises(UsageError, match="sampling with"):
        Sampling(**wrong)
