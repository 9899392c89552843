"""A comparison of methods over folds, and with its curves."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import bills
from tunewright.core import files, recipe_file
from tunewright.core.errors import UsageError
from tunewright.core.recipe import Recipe
from tunewright.core.run import Run
from tunewright.flow import benchmark, prepared
from tunewright.flow.benchmark import Study


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    systems = 'evaluate.systems=["classical","tuned"]'
    return recipe_file.read("smoke", [*bills.sets(tmp_path_factory), systems], environment={})


def test_folds_are_pooled_and_no_document_is_missing(recipe, tmp_path):
    study = Study.of(recipe, methods=("lora", "full"), rates=1, folds=2)
    folder = benchmark.benchmark(recipe, study, runs=tmp_path)
    table = files.read_json(folder / "methods.json")
    assert table["folds"] == 2
    classical, lora, full = table["rows"]
    assert (lora["n"], classical["method"]) == (40, "classical")
    run = Run.open(folder / lora["run"])
    assert len(run.folds) == 2
    losses = [files.read_json(fold / "systems/tuned/training_metrics.json")["best_loss"] for fold in run.folds]
    assert lora["validation_loss"] == pytest.approx(sum(losses) / 2)
    assert "kept" not in full
    assert {pair["n"] for pair in table["pairs"] if pair["a"] == lora["run"]} == {40}
    assert "2 folds together" in (folder / "methods.md").read_text(encoding="utf-8")
    assert "not shown the fold’s groups" in (folder / "report.html").read_text(encoding="utf-8")


def test_curves_have_a_point_for_every_part_and_every_noise(recipe, tmp_path):
    study = Study.of(recipe, methods=("lora",), rates=1, curves=True)
    folder = benchmark.benchmark(recipe, study, runs=tmp_path)
    points = files.read_json(folder / "curves.json")["points"]
    learning = [point for point in points if point["curve"] == "learning"]
    assert [point["x"] for point in learning] == [0.1, 0.25, 0.5, 1.0]
    sizes = [point["records"] for point in learning]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]
    parts = [
        {record.id for record in prepared.records(Run.open(folder / "curves" / f"lora-{x:g}"), "train")}
        for x in (0.25, 0.5)
    ]
    assert parts[0] < parts[1]
    steps = [Run.open(folder / "curves" / f"lora-{x:g}").recipe.train for x in (0.25, 0.5)]
    assert [one.num_train_epochs for one in steps] == [4, 2]
    noise = [(point["method"], point["x"]) for point in points if point["curve"] == "noise"]
    assert noise == [(name, x) for name in ("lora", "classical") for x in (0.0, 0.1, 0.25, 0.5)]
    whole = files.read_json(folder / "methods" / "lora-1" / "systems" / "classical" / "scores-free.json")["metrics"]
    calm = next(p for p in points if (p["curve"], p["method"], p["x"]) == ("noise", "classical", 0.0))
    assert calm["metrics"]["field_f1"]["value"] == whole["field_f1"]["value"]
    lines = list(csv.DictReader((folder / "curves.csv").open(encoding="utf-8")))
    assert len(lines) == sum(len(point["metrics"]) for point in points)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "With less training data" in page
    assert "% of the words around the values changed" in page
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("predictions*.jsonl")}
    benchmark.benchmark(recipe, study, runs=tmp_path)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("predictions*.jsonl")} == before


def test_curves_are_of_one_split(recipe):
    with pytest.raises(UsageError, match="one split"):
        Study.of(recipe, methods=("lora",), folds=3, curves=True)
    with pytest.raises(UsageError, match="one split"):
        Study.of(recipe, methods=("lora",), skip=("benchmark",), curves=True)


def test_synthetic_documents_are_not_dealt_into_folds(tmp_path: Path):
    smoke = recipe_file.read("smoke", [], environment={})
    with pytest.raises(UsageError, match="not dealt into folds"):
        benchmark.benchmark(smoke, Study.of(smoke, methods=("lora",), folds=2), runs=tmp_path)
