"""Methods side by side: which rate is chosen, what the table says, how it goes on."""

from __future__ import annotations

import csv
import itertools
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import tiny_models
from tunewright.core import files, recipe_file
from tunewright.core.errors import RunError, UsageError
from tunewright.core.recipe import Recipe
from tunewright.core.run import runs as runs_below
from tunewright.flow import benchmark, methods
from tunewright.flow.benchmark import STEP, Study


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    folder = tiny_models.save("wren", tmp_path_factory.mktemp("model"))
    config = files.read_json(folder / "config.json")
    files.write_json(folder / "config.json", config | {"max_position_embeddings": 4096})
    sets = [
        f"model={folder}", "data.documents=40", "data.test_documents=8", "train.max_steps=4", "decode.max_new_tokens=16",
        "evaluate.bootstrap_resamples=50", "method.lora_r=2", "method.init_r=3", "method.target_r=2",
    ]  # fmt: skip
    return recipe_file.read("smoke", sets, environment={})


def chosen(recipe: Recipe, losses: Any, method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rates: int = 3):
    monkeypatch.setattr(benchmark, "_trial", lambda recipe, study, method, rate, *_: losses(rate))
    return benchmark.best_rate(recipe, Study.of(recipe, methods=(method,), rates=rates), method, tmp_path, None, None)


def test_the_rate_of_the_lowest_validation_loss_is_taken(recipe, tmp_path, monkeypatch):
    middle = benchmark.grid(recipe, Study.of(recipe, rates=3), "lora")[1]
    rate, tried = chosen(recipe, lambda rate: abs(math.log(rate / middle)), "lora", tmp_path, monkeypatch)
    assert rate == middle
    assert len(tried) == 3


def test_the_grid_grows_while_the_best_stands_at_its_end_and_no_farther(recipe, tmp_path, monkeypatch):
    rate, tried = chosen(recipe, lambda rate: -rate, "lora", tmp_path, monkeypatch)
    assert rate == max(tried)
    assert len(tried) == 3 + benchmark.FARTHEST
    found = sorted(tried)
    assert all(b / a == pytest.approx(STEP, rel=0.02) for a, b in itertools.pairwise(found))
    rate, tried = chosen(recipe, lambda rate: rate, "full", tmp_path, monkeypatch)
    assert (rate, len(tried)) == (min(tried), 3 + benchmark.FARTHEST)


def test_a_rate_that_loses_the_training_is_not_taken(recipe, tmp_path, monkeypatch):
    rate, _ = chosen(recipe, lambda rate: math.inf if rate > 1e-3 else -rate, "lora", tmp_path, monkeypatch)
    assert rate <= 1e-3
    with pytest.raises(RunError, match="no learning rate trains lora"):
        chosen(recipe, lambda rate: math.inf, "lora", tmp_path, monkeypatch)


@pytest.mark.parametrize(("written", "told"), [("0.5", 0.5), ("null", math.inf), ("NaN", math.inf)])
def test_a_loss_that_is_no_number_is_not_the_lowest(recipe, tmp_path, monkeypatch, written, told):
    metrics = tmp_path / "systems" / "tuned" / "training_metrics.json"
    metrics.parent.mkdir(parents=True)
    metrics.write_text(f'{{"best_loss": {written}}}', encoding="utf-8")
    monkeypatch.setattr(benchmark, "_run", lambda *_, **__: SimpleNamespace(path=tmp_path))
    monkeypatch.setattr(benchmark.job, "go_on", lambda run, **_: run)
    monkeypatch.setattr(benchmark.prepared, "records", lambda run, on: ["one"])
    study = Study.of(recipe, methods=("lora",))
    assert benchmark._trial(recipe, study, "lora", 0.01, tmp_path, None, None) == told
    monkeypatch.setattr(benchmark.prepared, "records", lambda run, on: [])
    with pytest.raises(UsageError, match="no validation records to choose a learning rate by"):
        benchmark._trial(recipe, study, "lora", 0.01, tmp_path, None, None)


@pytest.mark.parametrize(("losses", "mean"), [((1.0, 2.0), 1.5), ((1.0, None), None), ((None,), None)])
def test_trainings_without_a_validation_have_no_loss(tmp_path, losses, mean):
    places = [tmp_path / str(number) for number in range(len(losses))]
    for place, loss in zip(places, losses, strict=True):
        (place / "systems" / "tuned").mkdir(parents=True)
        row = {"best_loss": loss, "total_seconds": 2.0, "peak_memory_bytes": 5}
        files.write_json(place / "systems" / "tuned" / "training_metrics.json", row)
    found = benchmark._trainings(SimpleNamespace(folds=places, path=tmp_path))
    assert (found["best_loss"], found["total_seconds"]) == (mean, 2.0 * len(losses))


@pytest.mark.parametrize("tried", [{}, {"0.01": 1.2}])
def test_a_rate_is_said_to_be_chosen_only_where_some_were_tried(tried):
    row = {"method": "lora", "epochs": 1.0, "learning_rate": 0.01, "tried": tried, "metrics": {}, "json": {}, "kept": {}, "run": "x",
           "trainable_parameters": 1, "peak_memory_bytes": 1, "train_seconds": 1, "saved_bytes": 1}  # fmt: skip
    said = methods.text([row], [], folds=3)
    assert ("chosen on validation loss" in said) == ("chosen once for all folds" in said) == bool(tried)
    assert ("One rate was tried" in said) == (not tried)
    assert "short trainings of" not in said
    assert ("after short trainings of 34 steps.\n" in methods.text([{**row, "trial_steps": 34}], [])) == bool(tried)
    assert "3 folds together" in said


def test_json_is_told_in_every_way_that_was_asked_and_in_no_other():
    cells = {
        "tuned/free": {"metrics": {"json_validity": {"value": 0.5}, "json_validity_cleaned": {"value": 0.75}}},
        "tuned/progressive": {"metrics": {"json_validity": {"value": 0.875}}},
        "base/grammar": {"metrics": {"json_validity": {"value": 1.0}, "chrf": {"value": 0.3}}},
    }
    rows = [
        {"method": system, "run": "x", "metrics": {}, "json": benchmark._json(cells, system)} for system in ("tuned", "base")
    ]  # fmt: skip
    head, _, tuned, base, *_ = methods.text(rows, []).splitlines()
    assert "| JSON, free | cleaned | with retries | with grammar | trained" in head
    assert "| 50.0 % | 75.0 % | 87.5 % |  | |" in tuned
    assert "|  |  |  | 100.0 % | |" in base
    assert "with retries" not in methods.text(rows[1:], []).splitlines()[0]
    [line] = csv.DictReader(methods.sheet(rows[:1]).splitlines())
    assert [line[name] for name in methods.JSON] == ["0.5", "0.75", "0.875", ""]


def test_adapters_begin_at_higher_rates_than_whole_models(recipe):
    study = Study.of(recipe, rates=1)
    assert recipe.method.name == "lora"
    assert benchmark.grid(recipe, study, "lora") == [recipe.train.learning_rate]
    assert benchmark.grid(recipe, study, "full") == [pytest.approx(recipe.train.learning_rate / 10)]


def test_a_variant_keeps_sizes_and_changes_the_method(recipe):
    made = benchmark.variant(recipe.model_copy(), "qlora", 0.01, num_train_epochs=2.0)
    assert (made.method.name, made.method.load_in_4bit, made.method.lora_r) == ("qlora", True, 2)
    assert (made.train.learning_rate, made.train.num_train_epochs) == (0.01, 2.0)
    assert made.data == recipe.data


@pytest.fixture(scope="module")
def study_folder(recipe, tmp_path_factory) -> Path:
    study = Study(("full", "lora", "adalora"), rates=2, search_share=0.5)
    return benchmark.benchmark(recipe, study, runs=tmp_path_factory.mktemp("runs"))


def test_the_table_has_a_row_for_each_and_every_number(study_folder):
    table = files.read_json(study_folder / "methods.json")
    rows = table["rows"]
    assert [row["method"] for row in rows] == ["rules", "base", "few-shot", "full", "lora", "adalora"]
    assert [row["cell"] for row in rows[:3]] == ["rules/free", "base/grammar", "few-shot/grammar"]
    assert all(0 <= row["metrics"]["field_f1"]["value"] <= 1 for row in rows)
    assert all(0 <= row["json"]["json_validity"]["value"] <= 1 for row in rows)
    untrained, rows = rows[:3], rows[3:]
    for row in rows:
        assert row["learning_rate"] == float(min(row["tried"], key=lambda rate: row["tried"][rate]))
        assert row["n"] == 8
        assert 0 < row["trial_steps"] <= 4
        assert 0 <= row["metrics"]["exact_match"]["low"] <= row["metrics"]["exact_match"]["high"] <= 1
        assert row["trainable_parameters"] > 0
        assert row["train_seconds"] > 0
        assert row["peak_memory_bytes"] > 1e6
        assert row["saved_bytes"] > 0
        assert row["kept"]["general text"]["n"] == 20
    assert rows[0]["trainable_parameters"] == rows[0]["parameters"] > rows[1]["trainable_parameters"]
    assert rows[2]["mean_rank"] == 2.0
    assert {(pair["a"], pair["b"]) for pair in table["pairs"]} == {
        (rows[0]["run"], rows[1]["run"]),
        (rows[0]["run"], rows[2]["run"]),
        *((f"{rows[0]['run']}/{row['method']}", rows[0]["run"]) for row in untrained),
    }
    lines = list(csv.DictReader((study_folder / "methods.csv").open(encoding="utf-8")))
    assert [line["method"] for line in lines] == ["rules", "base", "few-shot", "full", "lora", "adalora"]
    page = (study_folder / "methods.md").read_text(encoding="utf-8")
    assert "| adalora (rank 2.0) |" in page
    assert "| few-shot | | |" in page
    assert "- full (1 epochs) against base:" in page
    assert len({line.count("|") for line in page.splitlines() if line.startswith("|")}) == 1


def test_the_same_command_again_does_nothing_again(study_folder, recipe):
    before = {path: path.stat().st_mtime_ns for path in study_folder.rglob("predictions-*.jsonl")}
    trials = sorted((study_folder / "trials").iterdir())
    study = Study(("full", "lora", "adalora"), rates=2, search_share=0.5)
    benchmark.benchmark(recipe, study, runs=study_folder.parent)
    assert {path: path.stat().st_mtime_ns for path in study_folder.rglob("predictions-*.jsonl")} == before
    assert sorted((study_folder / "trials").iterdir()) == trials


def test_another_study_does_not_go_into_the_same_folder(study_folder, recipe):
    with pytest.raises(RunError, match=r"another recipe \(benchmark.rates, benchmark.search_share changed\)"):
        benchmark.benchmark(recipe, Study.of(recipe, methods=("lora",)), runs=study_folder.parent)


def test_what_is_compared_is_the_recipes_with_changes(recipe):
    assert Study.of(recipe).methods == recipe.benchmark.methods
    assert Study.of(recipe, skip=["qlora", "dora"]).methods == ("full", "lora", "adalora", "hybrid")
    assert not Study.of(recipe, skip=["benchmark"]).measured
    with pytest.raises(UsageError) as caught:
        Study.of(recipe, methods=("loraa",))
    assert caught.value.hint == "did you mean 'lora'?"
    assert Study.of(recipe, methods=("lora",), skip=("lora",)).methods == ()


def test_whole_trainings_are_as_long_as_the_recipe_or_the_caller_says(recipe):
    shorter = recipe.model_copy(update={"benchmark": recipe.benchmark.model_copy(update={"epochs": (0.5,)})})
    assert Study.of(recipe).epochs == ()
    assert Study.of(shorter).epochs == (0.5,)
    assert Study.of(shorter, epochs=[1, 2]).epochs == (1, 2)


def test_the_data_of_a_study_is_read_once(study_folder):
    runs = [run for part in ("trials", "methods") for run in runs_below(study_folder / part)]
    read = [run for run in runs if any(row["event"] == "split" for row in files.read_lines(run.path / "events.jsonl"))]
    assert len(runs) > 6
    assert len(read) == 1
    assert len({files.sha256(run.path / "data" / "train.jsonl") for run in runs}) == 1


@pytest.mark.parametrize("skip", [(), ("benchmark",)])
def test_the_measuring_is_skipped_and_is_no_method(recipe, skip):
    with pytest.raises(UsageError, match="there is no method 'benchmark'") as caught:
        Study.of(recipe, methods=("full", "benchmark"), skip=skip)
    assert caught.value.hint.startswith("known: full, ")


def test_methods_may_only_be_trained(recipe, tmp_path):
    folder = benchmark.benchmark(
        recipe, Study.of(recipe, methods=("lora",), rates=1, skip=["benchmark"]), runs=tmp_path
    )
    [run] = (folder / "methods").iterdir()
    assert (run / "systems" / "tuned" / "adapter").is_dir()
    assert not list(run.rglob("predictions-*"))
    assert not (folder / "methods.json").exists()
