"""Label smoothing, noise on embeddings and clipping are what torch, transformers and their papers mean by them."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional
from transformers.trainer_pt_utils import LabelSmoother

import tiny_models
from tunewright.train.batch import Tokens, collate
from tunewright.train.loop import Fit
from tunewright.train.loss import forward_rows, loss_sum, noisy_embeddings, plain_loss_sum
from tunewright.train.schedule import Schedule

ROWS = [
    Tokens((5, 6, 7, 8, 9, 10, 11, 12), 4),
    Tokens((5, 6, 7, 20, 21), 4),
    Tokens((5, 6, 7, 30, 31, 32, 33), 4, gaps=((5, 6),)),
]


def fresh(family: str = "llama3") -> Any:
    model = copy.deepcopy(tiny_models.model(family)).float().train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


# ---- label smoothing


@pytest.mark.parametrize("share", [False, True])
def test_smoothing_is_torchs_and_that_of_transformers(share: bool) -> None:
    model, batch = fresh(), collate(ROWS, 0, share_prefix=share)
    fast = loss_sum(model, batch, smoothing=0.1)
    assert fast.item() == pytest.approx(plain_loss_sum(model, batch, smoothing=0.1).item(), rel=1e-6)

    ids = torch.zeros(3, 8, dtype=torch.long)
    labels = torch.full((3, 8), -100)
    for i, one in enumerate(ROWS):
        ids[i, : len(one.ids)] = torch.tensor(one.ids)
        for start, end in one.spans:
            labels[i, start:end] = ids[i, start:end]
    peer = LabelSmoother(epsilon=0.1)({"logits": model(input_ids=ids).logits}, labels, shift_labels=True)
    assert (fast / len(batch.labels)).item() == pytest.approx(peer.item(), rel=1e-5)


def test_the_smoothing_check_can_fail() -> None:
    model, batch = fresh(), collate(ROWS, 0, share_prefix=False)
    right = plain_loss_sum(model, batch, smoothing=0.1).item()
    for wrong in (0.0, 0.09, 0.11):
        assert abs(loss_sum(model, batch, smoothing=wrong).item() - right) > 1e-4 * right


# ---- NEFTune


def noise_of(model: Any, batch: Any, alpha: float) -> torch.Tensor:
    """What the embeddings of a batch get in one forward pass."""
    table = model.get_input_embeddings()
    heard: list[torch.Tensor] = []
    with noisy_embeddings(model, batch, alpha):
        handle = table.register_forward_hook(lambda _m, _a, out: heard.append(out.detach()))
        forward_rows(model, batch)
        handle.remove()
    forward_rows(model, batch)
    plain: list[torch.Tensor] = []
    handle = table.register_forward_hook(lambda _m, _a, out: plain.append(out.detach()))
    forward_rows(model, batch)
    handle.remove()
    return heard[0] - plain[0]


def test_noise_has_the_papers_magnitude_and_spares_the_padding() -> None:
    model = fresh()
    batch = collate([Tokens(tuple(range(5, 45)), 30), Tokens(tuple(range(5, 15)), 4)], 0, share_prefix=False)
    torch.manual_seed(1)
    noise = noise_of(model, batch, 5.0)
    for row, length in ((0, 40), (1, 10)):
        most = 5.0 / math.sqrt(length * noise.shape[-1])
        own = noise[row, :length]
        assert own.abs().max() <= most * 1.0001
        assert own.abs().max() > most * 0.97
        assert own.std().item() == pytest.approx(most / math.sqrt(3), rel=0.1)
        assert abs(own.mean().item()) < 0.1 * most
    assert noise[1, 10:].abs().max() == 0


def test_noise_is_distributed_as_that_of_transformers() -> None:
    """Rows of one length, where theirs counts the padded and ours the real tokens: the same bound and spread."""
    from transformers.integrations.neftune import activate_neftune

    model = fresh()
    batch = collate([Tokens(tuple(range(5 + i, 45 + i)), 30) for i in range(8)], 0, share_prefix=False)
    torch.manual_seed(2)
    mine = noise_of(model, batch, 7.0)
    table = model.get_input_embeddings()
    plain = table(batch.input_ids).detach()
    handle = activate_neftune(model, 7.0)
    peer = table(batch.input_ids).detach() - plain
    handle.remove()
    assert mine.abs().max().item() == pytest.approx(peer.abs().max().item(), rel=0.01)
    assert mine.std().item() == pytest.approx(peer.std().item(), rel=0.02)
    assert not torch.allclose(mine, peer)


def test_noise_is_gone_afterwards_and_follows_the_random_state() -> None:
    model, batch = fresh(), collate(ROWS, 0, share_prefix=False)
    plain = loss_sum(model, batch).item()
    state = torch.get_rng_state()
    first, second = (loss_sum(model, batch, noise=5.0).item() for _ in range(2))
    assert plain != first != second
    torch.set_rng_state(state)
    assert loss_sum(model, batch, noise=5.0).item() == first
    assert loss_sum(model, batch).item() == plain


def test_a_shared_prefix_is_refused_noise() -> None:
    with pytest.raises(ValueError, match="share"):
        loss_sum(fresh(), collate(ROWS, 0, share_prefix=True), noise=5.0)


# ---- clipping


class _Plain:
    """As much of an accelerator as one process needs."""

    scaler = None
    mixed_precision = "no"
    is_main_process, num_processes, process_index, device = True, 1, 0, torch.device("cpu")

    def autocast(self) -> Any:
        import contextlib

        return contextlib.nullcontext()

    def backward(self, loss: torch.Tensor) -> None:
        loss.backward()

    def wait_for_everyone(self) -> None: ...


def moved(folder: Path, most: float) -> float:
    """How far one step of plain descent at rate 1 moves all weights: the norm of the gradient that was used."""
    model = fresh()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    parameters = dict(model.named_parameters())
    Fit(
        model=model,
        parameters=parameters,
        optimizers=[(torch.optim.SGD(parameters.values(), lr=1.0), 1.0)],
        schedule=Schedule("constant", 0, 1),
        micro_batches=lambda step: [collate(ROWS, 0, share_prefix=False)],
        total_steps=1,
        folder=folder,
        accelerator=_Plain(),
        max_grad_norm=most,
    ).run()
    return math.sqrt(sum(float((p.detach() - before[name]).square().sum()) for name, p in model.named_parameters()))


def test_gradients_are_shortened_to_the_norm_and_0_leaves_them(tmp_path: Path) -> None:
    model, batch = fresh(), collate(ROWS, 0, share_prefix=False)
    (loss_sum(model, batch) / len(batch.labels)).backward()
    whole = math.sqrt(sum(float(p.grad.square().sum()) for p in model.parameters() if p.grad is not None))
    assert whole > 0.2
    assert moved(tmp_path / "clipped", 0.1) == pytest.approx(0.1, rel=1e-3)
    assert moved(tmp_path / "free", 0.0) == pytest.approx(whole, rel=1e-4)
    assert moved(tmp_path / "wide", whole * 2) == pytest.approx(whole, rel=1e-4)


def test_smoothing_by_hand() -> None:
    """(1 - ε) of the target's share and ε spread over all: torch's meaning, written out."""
    logits, label = torch.tensor([[2.0, -1.0, 0.5]]), torch.tensor([1])
    logs = logits.log_softmax(-1)[0]
    by_hand = -(0.9 * logs[1] + 0.1 * logs.mean())
    assert functional.cross_entropy(logits, label, label_smoothing=0.1).item() == pytest.approx(by_hand.item())
