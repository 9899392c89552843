"""Two processes under torchrun take the steps that one takes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tunewright.train import checkpoint

SCRIPT = Path(__file__).with_name("one_of_several.py")


def launch(folder: Path, processes: int, *more: str) -> dict[int, dict[str, torch.Tensor]]:
    folder.mkdir()
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    run = [sys.executable, *(torchrun if processes > 1 else ())]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*run, str(SCRIPT), str(folder), *more], env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return {rank: load_file(folder / f"of-{processes}-{rank}.safetensors") for rank in range(processes)}


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    return launch(tmp_path_factory.mktemp("one") / "run", 1)[0]


def furthest(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    return max(float((a[name] - b[name]).abs().max()) for name in a)


def test_two_processes_take_the_steps_of_one(one, tmp_path):
    two = launch(tmp_path / "run", 2)
    assert furthest(two[0], two[1]) == 0.0, "both hold the same weights"
    assert furthest(one, two[0]) < 2e-5
    assert (tmp_path / "run" / "checkpoints").is_dir()


def test_without_the_sum_they_part(one, tmp_path):
    alone = launch(tmp_path / "run", 2, "alone")
    assert furthest(one, alone[0]) > 1e-2
    assert furthest(alone[0], alone[1]) > 1e-2


def test_when_one_runs_out_of_memory_all_take_the_step_again(one, tmp_path):
    two = launch(tmp_path / "run", 2, "small")
    assert furthest(two[0], two[1]) == 0.0, "the one with room enough has dropped its gradient, too"
    assert furthest(one, two[0]) < 2e-5
    found = checkpoint.newest(tmp_path / "run" / "checkpoints")[0]
    assert found is not None
    assert found.state["metrics"]["micro_batch"] == 1
