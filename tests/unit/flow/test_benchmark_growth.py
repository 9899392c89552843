"""A comparison of methods that is asked for more later: what stands is kept, the rest is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import bills
from tunewright.core import files, recipe_file
from tunewright.core.errors import RunError, UsageError
from tunewright.core.recipe import Recipe
from tunewright.flow import benchmark, curves
from tunewright.flow.benchmark import Study


@pytest.fixture(scope="module")
def base_sets(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    return bills.sets(tmp_path_factory)


@pytest.fixture
def read(base_sets: tuple[str, ...]) -> Any:
    def recipe(*sets: str, systems: str = "classical,tuned") -> Recipe:
        own = f"evaluate.systems=[{systems}]"
        return recipe_file.read("smoke", [*base_sets, own, *sets], environment={})

    return recipe


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Asks something of one study and checks that nothing that stood is done again."""
    monkeypatch.setattr(curves, "LEARNING", (0.5,))
    monkeypatch.setattr(curves, "NOISE", (0.5,))

    def asked(recipe: Recipe, **study: Any) -> Path:
        before = _stamps(tmp_path)
        folder = benchmark.benchmark(recipe, Study.of(recipe, **{"rates": 1, **study}), runs=tmp_path)
        after = _stamps(tmp_path)
        assert {path: after.get(path) for path in before} == before
        return folder

    return asked


def _stamps(folder: Path) -> dict[Path, int]:
    """When everything was written that was trained or answered."""
    kinds = ("training_metrics.json", "predictions*.jsonl", "scores*.json")
    return {path: path.stat().st_mtime_ns for kind in kinds for path in folder.rglob(kind)}


def _trainings(folder: Path) -> list[str]:
    found = folder.rglob("systems/tuned/training_metrics.json")
    return sorted(str(path.parents[2].relative_to(folder)) for path in found)


def _table(folder: Path) -> tuple[list[str], set[tuple[str, str]]]:
    table = files.read_json(folder / "methods.json")
    return [row["method"] for row in table["rows"]], {(pair["a"], pair["b"]) for pair in table["pairs"]}


def test_what_was_only_trained_is_measured_later_and_gets_curves(read, ask):
    folder = ask(read(), methods=("lora",), skip=("benchmark",))
    [row] = files.read_json(folder / "trained.json")["rows"]
    assert (row["method"], row["run"]) == ("lora", "methods/lora-1")
    assert row["trainable_parameters"] > 0
    trained = _trainings(folder)
    # None of these changes what comes out.
    same = read("description=Bills", "evaluate.workers=1", "data.workers=1")
    assert ask(same, methods=("lora",)) == folder
    assert _trainings(folder) == trained == ["methods/lora-1"]
    assert _table(folder)[0] == ["classical", "lora"]
    assert "Bills" in (folder / "report.html").read_text(encoding="utf-8")
    ask(read(), methods=("lora",), curves=True)
    assert _trainings(folder) == ["curves/lora-0.5", "methods/lora-1"]
    points = [(p["curve"], p["method"], p["x"]) for p in files.read_json(folder / "curves.json")["points"]]
    noise = [("noise", name, x) for name in ("lora", "classical") for x in (0.0, 0.5)]
    assert points == [("learning", "lora", 0.5), ("learning", "lora", 1.0), *noise]
    # What is not asked for leaves the page, and comes back without being done again.
    ask(read(), methods=("lora",))
    assert not (folder / "curves.json").exists()
    assert "With less training data" not in (folder / "report.html").read_text(encoding="utf-8")
    ask(read(), methods=("lora",), curves=True)
    assert [(p["curve"], p["method"], p["x"]) for p in files.read_json(folder / "curves.json")["points"]] == points


def test_methods_and_systems_join_those_that_stand(read, ask):
    folder = ask(read(), methods=("full", "lora"), skip=("full",))
    assert _table(folder) == (["classical", "lora"], {("methods/lora-1/classical", "methods/lora-1")})
    more = read("benchmark.methods=[full,lora]", systems="classical,base,tuned")
    ask(more)
    assert _trainings(folder) == ["methods/full-1", "methods/lora-1"]
    names, pairs = _table(folder)
    assert names == ["classical", "base", "full", "lora"]
    assert pairs == {
        ("methods/lora-1/classical", "methods/full-1"),
        ("methods/full-1/base", "methods/full-1"),
        ("methods/full-1", "methods/lora-1"),
    }
    ask(more, methods=("lora",))
    assert _table(folder)[0] == ["classical", "base", "lora"]
    # Nobody was asked few-shot, and no run is trained for it.
    ask(read(systems="few-shot,tuned"), methods=("lora", "full"), curves=True)
    names, pairs = _table(folder)
    assert names == ["few-shot", "lora", "full"]
    assert ("methods/few-shot/few-shot", "methods/lora-1") in pairs
    assert [name for name in _trainings(folder) if name.startswith("methods")] == ["methods/full-1", "methods/lora-1"]


def test_folds_and_one_split_stand_beside_each_other(read, ask):
    folder = ask(read(), methods=("lora",))
    ask(read(), methods=("lora",), folds=2)
    table = files.read_json(folder / "methods.json")
    assert table["folds"] == 2
    assert [row["run"] for row in table["rows"]] == ["methods/lora-1-2-folds"] * 2
    assert table["rows"][-1]["n"] == 40
    ask(read("evaluate.folds=2"), methods=("lora",), folds=0)
    assert {row["run"] for row in files.read_json(folder / "methods.json")["rows"]} == {"methods/lora-1"}


def test_curves_of_another_length_of_training_are_others(read, ask):
    folder = ask(read(systems="tuned"), methods=("lora",), curves=True)
    ask(read(systems="tuned"), methods=("lora",), epochs=(1, 2), curves=True)
    assert _trainings(folder) == ["2-epochs/curves/lora-0.5", "curves/lora-0.5", "methods/lora-1", "methods/lora-2"]
    # The answers to texts with noise are of the longer training, too.
    for home in (folder, folder / "2-epochs"):
        assert (home / "curves" / "noise" / "lora-0.5" / "predictions.jsonl").is_file()


def test_without_methods_systems_are_measured_that_need_no_training(read, ask):
    recipe = read(systems="classical,base,tuned")
    folder = ask(recipe, methods=("full", "lora"), skip=("full", "lora"))
    assert _trainings(folder) == []
    assert _table(folder) == (["classical", "base"], set())
    assert "classical" in (folder / "methods.md").read_text(encoding="utf-8")
    assert "base" in (folder / "report.html").read_text(encoding="utf-8")
    ask(recipe, methods=("lora",))
    names, pairs = _table(folder)
    assert names == ["classical", "base", "lora"]
    assert pairs == {(f"methods/classical-base/{system}", "methods/lora-1") for system in ("classical", "base")}
    for nothing in ({"skip": ("lora", "benchmark")}, {"skip": ("lora",), "curves": True}):
        with pytest.raises(UsageError, match="no method is left to train") as caught:
            Study.of(recipe, methods=("lora",), **nothing)
        assert caught.value.hint == "leave one of lora out of --skip"
    with pytest.raises(UsageError, match="no method is left to train"):
        Study.of(read(systems="tuned"), methods=("lora",), skip=("lora",))


def test_a_key_that_an_upgrade_brought_does_not_make_another_study(read, ask):
    folder = ask(read(), methods=("lora",), skip=("benchmark",))
    asked = files.read_json(folder / "benchmark.json")
    del asked["recipe"]["train"]["warmup_steps"], asked["recipe"]["evaluate"]["workers"], asked["study"]["curves"]
    files.write_json(folder / "benchmark.json", asked)
    ask(read(), methods=("lora",), skip=("benchmark",))
    assert "warmup_steps" in files.read_json(folder / "benchmark.json")["recipe"]["train"]


@pytest.mark.parametrize(
    ("sets", "study", "changed"),
    [
        (["train.max_steps=3"], {}, "train.max_steps"),
        ([], {"rates": 2}, "benchmark.rates"),
        (["benchmark.search_share=0.5"], {}, "benchmark.search_share"),
    ],
)
def test_what_changes_a_training_is_refused(read, ask, sets, study, changed):
    folder = ask(read(), methods=("lora",), skip=("benchmark",))
    before = (folder / "benchmark.json").read_bytes()
    with pytest.raises(RunError, match=f"another recipe .{changed} changed"):
        ask(read(*sets), methods=("lora",), **study)
    assert (folder / "benchmark.json").read_bytes() == before
