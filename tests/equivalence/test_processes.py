"""Two processes under torchrun take the steps that one takes; what would part them unnoticed is noticed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import one_of_several as script
import pytest
import torch
from safetensors.torch import load_file

import tiny_models
from tunewright.core.events import Events
from tunewright.train import checkpoint, shares

TOLERANCE = 2e-5
"""How far weights may be apart in fp32: sums in another order, over a few steps."""


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return str(tiny_models.save("wren", tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def two(model, tmp_path_factory) -> Path:
    """What two processes leave, of everything in the script: one launch for all tests."""
    folder = tmp_path_factory.mktemp("two")
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [sys.executable, *torchrun, str(Path(script.__file__)), model, str(folder)]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def told(two: Path, rank: int = 0) -> dict[str, Any]:
    return json.loads((two / f"{rank}.json").read_text(encoding="utf-8"))


def furthest(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    assert a.keys() == b.keys()
    assert all(a[name].shape == b[name].shape for name in a)
    return max(float((a[name].float() - b[name].float()).abs().max()) for name in a if a[name].numel())


def test_two_processes_take_the_steps_of_one(two, tmp_path):
    one = script.steps(tmp_path)
    first, second = (load_file(two / f"{rank}.safetensors") for rank in (0, 1))
    assert furthest(first, second) == 0.0, "both hold the same weights"
    assert furthest(one, first) < TOLERANCE
    assert torch.equal(first["idle"], torch.ones(3)), "a weight without a gradient is left alone"


@pytest.mark.parametrize("name", script.METHODS)
def test_two_processes_fine_tune_as_one(two, model, tmp_path, name):
    metrics = script.tune(model, tmp_path, *script.METHODS[name])
    other = told(two)[name]
    assert furthest(script.weights(tmp_path), script.weights(two / name)) < TOLERANCE
    for lines in ("steps", "validations"):
        assert [line["loss"] for line in other[lines]] == pytest.approx(
            [line["loss"] for line in metrics[lines]], abs=1e-5
        )
    for key in ("trained_tokens", "seen_tokens", "best_step", "ranks"):
        assert other.get(key) == metrics.get(key), key
    assert told(two, 1)[name]["steps"][-1]["loss"] == other["steps"][-1]["loss"]
    if name == "adalora":
        assert metrics["mean_rank"] == 2.0
        assert told(two, 1)[name]["ranks"] == other["ranks"]


def test_with_dropout_two_processes_resume_to_the_same_bytes(two):
    saved, _ = checkpoint.newest(two / "whole" / "checkpoints")
    assert saved is not None
    assert saved.state["processes"] == 2
    assert not torch.equal(saved.tensors["random"], saved.tensors["random.1"]), "each drops out by its own numbers"
    assert furthest(script.weights(two / "whole"), script.weights(two / "parts")) == 0.0


def test_without_the_second_ones_random_state_it_would_not(two, model, tmp_path):
    """The same end, in one process: the first one's numbers alone lead elsewhere, and that is said."""
    script.without_end(two / "whole", tmp_path / "parts", 2)
    with Events(tmp_path) as events:
        script.tune(model, tmp_path / "parts", *script.DROPOUT, events)
    assert furthest(script.weights(two / "whole"), script.weights(tmp_path / "parts")) > 1e-4
    log = (tmp_path / "training.log").read_text(encoding="utf-8")
    assert "step-000002 was written by 2 processes and goes on in 1: sums come in another order, and dropout" in log


def test_a_training_of_two_goes_on_in_one(two, model, tmp_path):
    """Without dropout the number of processes may change on the way."""
    script.without_end(two / "lora", tmp_path / "parts", 4)
    script.tune(model, tmp_path / "parts", *script.METHODS["lora"])
    assert furthest(script.weights(two / "lora"), script.weights(tmp_path / "parts")) < TOLERANCE


def test_a_process_that_drops_its_share_is_noticed(two):
    for rank in (0, 1):
        words = told(two, rank)["drops its share"]
        assert words.endswith("trained tokens of step 1 were worked on")


def test_a_process_that_keeps_its_gradients_is_noticed(two):
    for rank in (0, 1):
        assert told(two, rank)["keeps its gradients"] == "the processes that train together hold different weights"


def test_when_one_runs_out_of_memory_all_take_the_step_again(two, tmp_path):
    one = script.steps(tmp_path)
    first, second = (load_file(two / f"cramped.{rank}.safetensors") for rank in (0, 1))
    assert furthest(first, second) == 0.0, "the one with room enough has dropped its gradient, too"
    assert furthest(one, first) < TOLERANCE
    assert told(two)["micro_batch"] == told(two, 1)["micro_batch"] == 1


@pytest.mark.parametrize(("sizes", "processes"), [((4,), 2), ((5,), 3), ((3, 1, 2), 2), ((2, 2), 3), ((1,), 2)])
def test_every_row_is_somebodys(sizes, processes):
    some = script.batches(0)[: len(sizes)]
    given = [shares.mine(some, processes, rank) for rank in range(processes)]
    assert sum(len(batch.input_ids) for one in given for batch in one) == sum(len(batch.input_ids) for batch in some)
    assert sum(len(batch.labels) for one in given for batch in one) == sum(len(batch.labels) for batch in some)
    assert all(given) or sum(len(batch.input_ids) for batch in some) < processes
