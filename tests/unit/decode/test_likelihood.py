"""Likelihoods of given replies are those of the plain path, whatever stands beside them in a batch."""

from __future__ import annotations

import random

import pytest
import torch
from torch.nn import functional

import tiny_models
from tunewright.decode.likelihood import likelihoods


def pairs(count: int) -> list[tuple[list[int], list[int]]]:
    dice = random.Random(1)
    draw = lambda most: [dice.randrange(10, 200) for _ in range(dice.randint(1, most))]  # noqa: E731
    return [(draw(12), draw(7)) for _ in range(count)]


@pytest.mark.parametrize("family", ["llama3", "opt", "gpt2", "gemma3"])
def test_they_are_those_of_the_plain_path(family: str) -> None:
    loaded = tiny_models.loaded(family)
    asked = pairs(9)
    found = likelihoods(loaded, asked, batch_tokens=40)
    for (prompt, reply), one in zip(asked, found, strict=True):
        with torch.no_grad():
            logits = loaded.model(torch.tensor([prompt + reply])).logits[0, len(prompt) - 1 : -1]
        wanted = torch.tensor(reply)
        assert one.nats == pytest.approx(float(functional.cross_entropy(logits, wanted, reduction="sum")), rel=1e-5)
        assert one.right == int((logits.argmax(-1) == wanted).sum())
        assert one.tokens == len(reply)


def test_another_reply_has_another_likelihood() -> None:
    loaded = tiny_models.loaded("llama3")
    (prompt, reply), *_ = pairs(1)
    other = [*reply[:-1], reply[-1] + 1]
    first, second = likelihoods(loaded, [(prompt, reply), (prompt, other)])
    assert abs(first.nats - second.nats) > 1e-3


def test_a_reply_needs_something_before_it() -> None:
    with pytest.raises(ValueError, match="at least one token"):
        likelihoods(tiny_models.loaded("llama3"), [([], [5])])
