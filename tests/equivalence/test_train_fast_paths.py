"""The fast paths of training equal the plain one, in fp32; and the checks can fail."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
import torch

import tiny_models
from tunewright.train.batch import Tokens, collate
from tunewright.train.loss import loss_sum, plain_loss_sum

FAMILIES = tiny_models.FAMILIES
TOLERANCE = 1e-5
"""Largest difference of a gradient, relative to the largest gradient."""


def fresh(family: str) -> Any:
    """A trainable copy of a tiny model, every dropout off."""
    model = copy.deepcopy(tiny_models.model(family)).float().train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        elif isinstance(getattr(module, "dropout", None), float):
            module.dropout = 0.0
    return model


def examples(count: int, prefix: int, seed: int = 0) -> list[Tokens]:
    rng = random.Random(seed)
    shared = tuple(rng.randrange(5, 60) for _ in range(prefix))
    made = []
    for _ in range(count):
        middle = tuple(rng.randrange(5, 60) for _ in range(rng.randint(2, 9)))
        reply = tuple(rng.randrange(5, 60) for _ in range(rng.randint(1, 6)))
        made.append(Tokens((*shared, *middle, *reply), len(shared) + len(middle)))
    return made


def gradients(model: torch.nn.Module, loss: torch.Tensor) -> list[torch.Tensor]:
    model.zero_grad()
    loss.backward()
    return [p.grad.clone() for p in model.parameters() if p.grad is not None]


def difference(left: list[torch.Tensor], right: list[torch.Tensor]) -> float:
    scale = max(float(g.abs().max()) for g in right)
    return max(float((a - b).abs().max()) for a, b in zip(left, right, strict=True)) / scale


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("share", [False, True])
@pytest.mark.parametrize("context", [None, 64])
def test_selected_rows_and_shared_prefix_equal_the_plain_path(family: str, share: bool, context: int | None) -> None:
    model = fresh(family)
    # longer than the sliding windows of 16 and 24 tokens, before and after the prefix's end
    rows = examples(5, 30)
    exact, batch = (collate(rows, 0, share_prefix=share, context=most) for most in (None, context))
    assert (batch.prefix is not None) == share
    assert context is None or batch.input_ids.shape[1] > exact.input_ids.shape[1]
    fast, plain = loss_sum(model, batch), plain_loss_sum(model, exact)
    assert fast.item() == pytest.approx(plain.item(), rel=1e-6)
    assert difference(gradients(model, fast), gradients(model, plain)) < TOLERANCE


@pytest.mark.parametrize("family", ["gemma3", "qwen2", "phi3"])
def test_a_window_that_is_forgotten_is_seen(family: str) -> None:
    """The comparison above can fail: without the window the sharing pass has another loss."""
    model, open_wide = fresh(family), fresh(family)
    open_wide.config.sliding_window = 512
    batch = collate(examples(5, 30), 0, share_prefix=True)
    assert loss_sum(open_wide, batch).item() != pytest.approx(plain_loss_sum(model, batch).item(), rel=1e-4)


@pytest.mark.parametrize("share", [False, True])
def test_gaps_between_replies_equal_the_plain_path(share: bool) -> None:
    """Several replies in one row: the loss is that of masks built by hand, token by token."""
    model = fresh("llama3")
    rows = [
        Tokens((*one.ids, 7, 8, 9, 10), one.start, gaps=((len(one.ids), len(one.ids) + 2),)) for one in examples(4, 9)
    ]
    fast = loss_sum(model, collate(rows, 0, share_prefix=share))
    by_hand = torch.zeros(())
    for one in rows:
        logits = model(input_ids=torch.tensor([one.ids]), use_cache=False).logits[0].log_softmax(-1)
        trained = [*range(one.start, len(one.ids) - 4), len(one.ids) - 2, len(one.ids) - 1]
        by_hand = by_hand - sum(logits[at - 1, one.ids[at]] for at in trained)
    assert fast.item() == pytest.approx(by_hand.item(), rel=1e-5)
    assert difference(gradients(model, fast), gradients(model, by_hand)) < TOLERANCE
    without = [Tokens(one.ids, one.start) for one in rows]
    assert loss_sum(model, collate(without, 0, share_prefix=share)).item() > fast.item() * 1.05


def test_one_step_is_the_same_whether_the_prefix_is_shared() -> None:
    weights = []
    for share in (True, False):
        model = fresh("llama3")
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        loss_sum(model, collate(examples(6, 9), 0, share_prefix=share)).backward()
        optimizer.step()
        weights.append(torch.cat([p.detach().reshape(-1) for p in model.parameters()]))
    assert float((weights[0] - weights[1]).abs().max()) < 1e-5


def test_the_check_can_fail() -> None:
    """A batch that trains one token more has another gradient: the comparison sees it."""
    model = fresh("llama3")
    right = examples(5, 11)
    wrong = [Tokens(one.ids, one.start - 1) for one in right[:1]] + right[1:]
    good, bad = collate(right, 0, share_prefix=True), collate(wrong, 0, share_prefix=False)
    assert difference(gradients(model, loss_sum(model, bad)), gradients(model, loss_sum(model, good))) > 100 * TOLERANCE


def test_accumulation_and_batch_size_do_not_change_the_gradient() -> None:
    """Two micro-batches of unlike length, weighted by tokens, are one batch."""
    model = fresh("llama3")
    rows = examples(8, 5)
    whole = collate(rows, 0, share_prefix=False)
    once = gradients(model, loss_sum(model, whole) / len(whole.labels))
    parts = [collate(rows[:2], 0, share_prefix=True), collate(rows[2:], 0, share_prefix=True)]
    model.zero_grad()
    for part in parts:
        (loss_sum(model, part) / len(whole.labels)).backward()
    twice = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    assert difference(twice, once) < TOLERANCE
