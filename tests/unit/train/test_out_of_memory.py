"""Memory that runs out: the step is taken again in smaller parts, exactly, and that is said and kept."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny_models
from tunewright.core.errors import ModelError
from tunewright.train import loop, memory
from tunewright.train.batch import Batch, Tokens, collate, split
from tunewright.train.loop import Fit
from tunewright.train.loss import loss_sum
from tunewright.train.pointers import Pointing
from tunewright.train.schedule import Schedule

CUDA = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
CPU = RuntimeError("[enforce fail at alloc_cpu.cpp:121] data. DefaultCPUAllocator: can't allocate memory: you tried")
STEPS = 4


def rows(seed: int, count: int) -> list[Tokens]:
    generator = torch.Generator().manual_seed(seed)
    made = []
    for _ in range(count):
        tail = torch.randint(5, 60, (int(torch.randint(6, 14, (1,), generator=generator)),), generator=generator)
        ids = (9, 8, 7, 6, *tail.tolist())
        made.append(Tokens(ids, len(ids) - 3, ((len(ids) - 3, (2, 3)),)))
    return made


def micro_batches(step: int) -> list[Batch]:
    """3 and 5 examples: it is the second that does not fit, when the gradient of the first is there."""
    return [collate(rows(10 * step + size, size), 0, share_prefix=True) for size in (3, 5)]


def fit(folder: Path, steps: int = STEPS, **more: Any) -> tuple[dict[str, torch.Tensor], dict[str, Any], Fit]:
    model = copy.deepcopy(tiny_models.model("wren"))
    parameters = dict(model.named_parameters())
    made = Fit(
        **{
            "model": model,
            "parameters": parameters,
            "optimizers": [(torch.optim.SGD(parameters.values(), lr=0.3), 0.3)],
            "schedule": Schedule("constant", 0, STEPS),
            "micro_batches": micro_batches,
            "total_steps": steps,
            "folder": folder,
            "accelerator": Accelerator(cpu=True),
            "pointing": (Pointing(1, 0, 0.5),),
            "save_steps": 1,
            "keep": 9,
            "logging_steps": 1,
            **more,
        }
    )
    metrics = made.run()
    return {name: p.detach().clone() for name, p in parameters.items()}, metrics, made


def furthest(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    return max(float((a[name] - b[name]).abs().max()) for name in a)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """Let passes of more than `most` rows fail from now on; the sizes that were tried are listed."""

    def shrink(most: int, error: BaseException = CUDA) -> list[int]:
        tried: list[int] = []

        def limited(model: Any, batch: Batch, *more: Any, **kept: Any) -> torch.Tensor:
            tried.append(len(batch.input_ids))
            if len(batch.input_ids) > most:
                raise error
            return loss_sum(model, batch, *more, **kept)

        monkeypatch.setattr(loop, "loss_sum", limited)
        return tried

    return shrink


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 99), st.integers(1, 9), st.integers(1, 10), st.booleans())
def test_the_parts_of_a_batch_are_its_rows(seed: int, count: int, size: int, share: bool) -> None:
    batch = collate(rows(seed, count), 0, share_prefix=share)
    parts = split(batch, size)
    time = batch.input_ids.shape[1]
    assert max(len(part.input_ids) for part in parts) <= size
    assert torch.equal(torch.cat([part.input_ids for part in parts]), batch.input_ids)
    assert torch.equal(torch.cat([part.labels for part in parts]), batch.labels)
    begin, flat, looking = 0, [], []
    for part in parts:
        assert part.prefix is batch.prefix
        flat.append(part.rows + begin * time)
        assert part.pointers is not None
        looking.append(part.pointers.rows + begin)
        begin += len(part.input_ids)
    assert torch.equal(torch.cat(flat), batch.rows)
    assert torch.equal(torch.cat(looking), batch.pointers.rows)


def test_a_step_that_does_not_fit_is_taken_again_in_halves(small: Callable[..., list[int]], tmp_path: Path) -> None:
    plain, _, _ = fit(tmp_path / "plain")
    for error in (CUDA, CPU, MemoryError()):
        heard: list[dict[str, Any]] = []
        tried = small(3, error)
        folder = tmp_path / type(error).__name__
        weights, metrics, _ = fit(folder, report=heard.append)
        assert furthest(plain, weights) < 2e-6
        assert tried == [3, 5] + [2, 1, 2, 2, 1] * STEPS
        assert metrics["out_of_memory"] == [{"step": 1, "micro_batch": 2}]
        said = [event["message"] for event in heard if event["event"] == "out of memory"]
        assert said == ["out of memory at step 1: 2 examples at a time from now on; a step still has 8"]


def test_nothing_of_the_failed_attempt_may_stay(
    small: Callable[..., list[int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above can fail: with the gradient of the half-done attempt left behind the weights are others."""
    plain, _, _ = fit(tmp_path / "plain", steps=1)
    small(3)
    kept, dropped = Fit._drop_gradient, []

    def first_time_not(self: Fit) -> None:
        dropped.append(True)
        if len(dropped) > 1:
            kept(self)

    monkeypatch.setattr(Fit, "_drop_gradient", first_time_not)
    weights, metrics, _ = fit(tmp_path / "left", steps=1)
    assert metrics["out_of_memory"]
    assert furthest(plain, weights) > 1e-3


def test_a_resumed_run_goes_on_with_the_smaller_number(small: Callable[..., list[int]], tmp_path: Path) -> None:
    import shutil

    small(2)
    whole, _, _ = fit(tmp_path / "whole")
    shutil.copytree(tmp_path / "whole", tmp_path / "parts")
    for later in ("step-000004", "step-000003"):
        shutil.rmtree(tmp_path / "parts" / later)
    tried = small(100)  # there is room now; it stays with what it had
    parts, metrics, _ = fit(tmp_path / "parts")
    assert max(tried) <= 2
    assert len(metrics["out_of_memory"]) >= 1
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_one_example_that_does_not_fit_is_an_error_with_ways_out(
    small: Callable[..., list[int]], tmp_path: Path
) -> None:
    small(0)
    with pytest.raises(ModelError, match="not even one example") as caught:
        fit(tmp_path)
    assert all(word in str(caught.value.hint) for word in ("gradient_checkpointing", "max_length", "qlora"))


def test_other_errors_are_not_taken_for_it(small: Callable[..., list[int]], tmp_path: Path) -> None:
    small(2, RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="mat1"):
        fit(tmp_path)
    assert not memory.ran_out(ValueError("can't allocate memory"))


def test_an_optimiser_without_room_for_its_state_is_an_error(tmp_path: Path) -> None:
    class Greedy(torch.optim.SGD):
        def step(self, closure: Any = None) -> None:
            raise CUDA

    model = copy.deepcopy(tiny_models.model("wren"))
    parameters = dict(model.named_parameters())
    with pytest.raises(ModelError, match="optimiser's state does not fit"):
        fit(tmp_path, model=model, parameters=parameters, optimizers=[(Greedy(parameters.values(), lr=0.1), 0.1)])


def test_dropout_is_the_same_in_the_second_attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both micro-batches are too many once; the parts are as the batches were, so the noise must be the same."""
    drawn: list[float] = []

    def noisy(fails: bool) -> Callable[..., torch.Tensor]:
        failed: list[bool] = []

        def loss(model: Any, batch: Batch, *more: Any, **kept: Any) -> torch.Tensor:
            drawn.append(float(torch.rand(1)))
            if fails and not failed:
                failed.append(True)
                raise CUDA
            return loss_sum(model, batch)

        return loss

    for fails in (False, True):
        torch.manual_seed(3)
        monkeypatch.setattr(loop, "loss_sum", noisy(fails))
        fit(tmp_path / str(fails), steps=1, micro_batches=lambda step: [collate(rows(1, 2), 0, share_prefix=False)])
    assert drawn[0] == drawn[1] == drawn[2]
    assert drawn[3] != drawn[0]


def test_trying_leaves_nothing_behind(tmp_path: Path) -> None:
    seen: list[Any] = []

    def find(attempt: loop.Try) -> int:
        before = torch.get_rng_state()
        assert attempt(micro_batches(0))
        seen.append(torch.equal(before, torch.get_rng_state()))
        seen.append([name for name, p in made.parameters.items() if p.grad is not None])
        return 2

    model = copy.deepcopy(tiny_models.model("wren"))
    parameters = dict(model.named_parameters())
    optimizer = torch.optim.AdamW(parameters.values(), lr=0.01)
    made = Fit(
        model=model,
        parameters=parameters,
        optimizers=[(optimizer, 0.01)],
        schedule=Schedule("constant", 0, 1),
        micro_batches=micro_batches,
        total_steps=0,
        folder=tmp_path,
        accelerator=Accelerator(cpu=True),
        find=find,
    )
    metrics = made.run()
    assert seen == [True, []]
    assert not optimizer.state
    assert metrics["micro_batch"] == 2


def test_validation_goes_on_in_halves() -> None:
    model = tiny_models.model("wren")
    batch = collate(rows(4, 7), 0, share_prefix=True)
    sizes: list[int] = []

    def measure(part: Batch, most: int) -> float:
        sizes.append(len(part.input_ids))
        if len(part.input_ids) > most:
            raise CPU
        with torch.no_grad():
            return float(loss_sum(model, part))

    whole = measure(batch, 7)
    assert memory.in_parts(batch, lambda part: measure(part, 2)) == pytest.approx(whole, rel=1e-5)
    assert sizes[1:] == [7, 4, 2, 2, 3, 2, 1]
    with pytest.raises(RuntimeError, match="can't allocate"):
        memory.in_parts(batch, lambda part: measure(part, 0))


def test_the_account_names_what_memory_went_to(tmp_path: Path) -> None:
    model = copy.deepcopy(tiny_models.model("wren"))
    parameters = dict(model.named_parameters())
    adamw = torch.optim.AdamW(parameters.values(), lr=0.01)
    _, metrics, _ = fit(
        tmp_path, model=model, parameters=parameters, optimizers=[(adamw, 0.01)], validate=lambda: 1.0, eval_steps=2
    )
    size = sum(p.numel() for p in parameters.values()) * 4
    found = metrics["memory"]
    assert found["gradients"] == found["best"] == size
    assert found["weights"] >= size
    assert found["optimizer"] == 2 * size + 4 * len(parameters)  # two moments, and a count of steps each
    assert set(found["peak"]) == set(metrics["phases"]) == {"train", "validate", "save"}
    assert metrics["peak_memory_bytes"] >= max(found["peak"].values()) > 0
    assert all(line["grad_norm"] > 0 for line in metrics["steps"])
