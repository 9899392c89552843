"""A whole run of a two-layer random model, made once for all journeys."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tiny_models
from tunewright.core import files

HERE = Path(__file__).parent
CHANGES = (
    "seed=11",
    "data.documents=60",
    "data.test_documents=12",
    "train.max_steps=8",
    "train.save_steps=1",
    "decode.batch_size=2",
    "decode.max_new_tokens=48",
    "evaluate.sample=9",
)


METRIC = """
name = "short_replies"


def statistics(example, prediction):
    return {"short": float(len(prediction.text) < 80), "replies": 1.0}


def summarise(sums):
    return {"short_replies": sums["short"] / sums["replies"]}
"""


@pytest.fixture(scope="session")
def short_replies(tmp_path_factory) -> Path:
    """The file of a metric of a user's own."""
    path = tmp_path_factory.mktemp("own") / "short_replies.py"
    path.write_text(METRIC, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> Path:
    folder = tiny_models.save("wren", tmp_path_factory.mktemp("model"))
    config = files.read_json(folder / "config.json")
    files.write_json(folder / "config.json", config | {"max_position_embeddings": 4096})
    return folder


@pytest.fixture(scope="session")
def changes(model) -> list[str]:
    """What makes the smoke recipe shorter still, with the tiny model."""
    return [f"model={model}", *CHANGES]


@pytest.fixture(scope="session")
def recipe(changes, tmp_path_factory) -> Path:
    """The smoke recipe with the changes, as a file."""
    from tunewright.core import recipe_file

    found = recipe_file.read("smoke", changes, environment={})
    path = tmp_path_factory.mktemp("recipe") / "smoke.yaml"
    path.write_text(recipe_file.resolved(found), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def drive():
    """Run a job in the driver, killed at the given moments; answers with what became of each start."""
    return _drive


def _drive(runs: Path, recipe: Path, name: str, moments: list[str], until: str = "report") -> list[str]:
    command = [sys.executable, str(HERE / "kill_driver.py"), str(runs), str(recipe), name, until, *moments]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TUNEWRIGHT_NO_PROGRESS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="session")
def whole(tmp_path_factory, recipe) -> Path:
    """An uninterrupted run."""
    runs = tmp_path_factory.mktemp("runs")
    assert _drive(runs, recipe, "whole", []) == ["finished"]
    return runs / "whole"
