"""Likelihoods of given replies are those of the plain path, whatever stands beside them in a batch."""

from __future__ import annotations

import random

import pytest
import torch
from torch.nn import functional

import tiny_models
from tunewright.decode import likelihood
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


@pytest.mark.parametrize("family", ["llama3", "opt", "gpt2", "gemma3"])
def test_a_prompt_that_is_read_once_changes_nothing(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = tiny_models.loaded(family)
    dice = random.Random(2)
    prompts = [[dice.randrange(10, 200) for _ in range(length)] for length in (30, 3)]
    replies = [[dice.randrange(10, 200) for _ in range(length)] for length in (1, 5, 3)]
    asked = [(prompt, reply) for reply in replies for prompt in prompts]
    read: list[int] = []
    plain = likelihood._after
    monkeypatch.setattr(
        likelihood, "_after", lambda model, prompt, own: read.append(len(prompt)) or plain(model, prompt, own)
    )
    found, wanted = likelihood.of_candidates(loaded, asked), likelihoods(loaded, asked)
    assert read == [30]  # the short prompt is not worth it
    for one, other in zip(found, wanted, strict=True):
        assert one.nats == pytest.approx(other.nats, rel=1e-4)
        assert (one.tokens, one.right) == (other.tokens, other.right)
    changed = likelihood.of_candidates(loaded, [([*prompts[0][:-1], 7], reply) for reply in replies])
    assert abs(changed[0].nats - found[0].nats) > 1e-3
