"""Every verb over a small run: data on stdout, talk on stderr, what comes next."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stand_ins import World
from tunewright import api, cli
from tunewright.core import recipe_file
from tunewright.flow import begin

CHANGES = ("decode.batch_size=1", "evaluate.bootstrap_resamples=50", "evaluate.sample=3", "data.test_share=0.5")
SMALL = tuple(word for change in CHANGES for word in ("--set", change))


@pytest.fixture
def world(monkeypatch, tmp_path):
    for name in ("TUNEWRIGHT_RUNS", "TUNEWRIGHT_DATA", "TUNEWRIGHT_SET", "TUNEWRIGHT_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    made = World()
    made.take_over(monkeypatch)
    monkeypatch.chdir(tmp_path)
    begin.begin("mine")
    return made


@pytest.fixture
def tunewright(capsys):
    def call(*arguments: str) -> tuple[int, str, str]:
        code = cli.invoke(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_run_ends_with_the_table_the_gain_the_paths_and_the_next_command(world, tunewright):
    code, out, err = tunewright("run", "mine/recipe.yaml", *SMALL)
    assert code == 0
    assert "tuned, grammar" in out
    assert "base → tuned, exact match on 3 test documents: 0.0 % → 100.0 % (+100.0 points, 95 % interval" in out
    assert "runs/mine/report.html" in out
    assert out.rstrip().splitlines()[-1] == "Next: tunewright extract FILE --run runs/mine"
    assert "base/free on test: 3 documents" in err
    code, again, err = tunewright("run", "mine/recipe.yaml", *SMALL)
    assert (code, again, err) == (0, out, "")
    assert world.trained == 1


def test_json_is_all_that_stands_on_stdout(world, tunewright):
    code, out, err = tunewright("run", "mine/recipe.yaml", *SMALL, "--json", "--quiet")
    assert (code, err) == (0, "")
    row = json.loads(out)
    assert row["scores"]["test"]["tuned/grammar"]["metrics"]["exact_match"]["value"] == 1.0
    for arguments in (["show"], ["ls"], ["compare"], ["report"], ["evaluate", "--quiet"]):
        code, out, err = tunewright(*arguments, "--json")
        assert (code, err) == (0, ""), arguments
        json.loads(out)


def test_gates_exit_with_three(world, tunewright):
    code, _, err = tunewright("run", "mine/recipe.yaml", *SMALL, "--fail-under", "exact_match=1.01", "--quiet")
    assert code == 3
    assert err.startswith("error: runs/mine: quality gate missed: exact_match 1 < 1.01\n\nhint: ")
    assert tunewright("compare", "--fail-under", "exact_match=1")[0] == 0
    assert tunewright("compare", "--fail-under", "exact_match=1.01")[0] == 3
    code, _, err = tunewright("compare", "--fail-under", "exact_mach=0.9")
    assert code == 2
    assert "did you mean 'exact_match'?" in err


def test_the_verbs_one_after_the_other_come_to_the_same(world, tunewright):
    code, out, _ = tunewright("prepare", "mine/recipe.yaml", *SMALL)
    assert code == 0
    assert "runs/mine/data/train.jsonl" in out
    code, out, _ = tunewright("train", "runs/mine")
    assert code == 0
    assert "runs/mine/systems/tuned/adapter" in out
    assert out.rstrip().endswith("Next: tunewright evaluate runs/mine")
    code, out, _ = tunewright("evaluate")
    assert code == 0
    assert "100.0 %" in out
    code, out, _ = tunewright("compare", "mine")
    assert code == 0
    assert "no difference shown" in out
    assert "exact_match" in out
    code, out, _ = tunewright("report", "runs/mine")
    assert code == 0
    assert "report.html" in out
    code, out, _ = tunewright("ls")
    assert out.splitlines()[1].split()[0] == "mine"
    assert "done" in out
    code, out, _ = tunewright("show")
    assert "data, train, evaluate, compare, report" in out
    assert world.trained == 1


def test_a_changed_recipe_is_a_run_of_its_own_or_refused_by_name(world, tunewright):
    tunewright("prepare", "mine/recipe.yaml", "--quiet")
    code, out, _ = tunewright("prepare", "mine/recipe.yaml", "--set", "seed=9", "--quiet")
    assert code == 0
    assert "runs/mine-" in out
    code, _, err = tunewright("prepare", "mine/recipe.yaml", "--set", "seed=8", "--name", "mine")
    assert code == 1
    assert "another recipe (seed 0 → 8)" in err
    assert "hint: give the changed recipe another --name" in err


def test_runs_and_data_folders_can_come_from_the_environment(world, tunewright, monkeypatch, tmp_path):
    monkeypatch.setenv("TUNEWRIGHT_RUNS", str(tmp_path / "other"))
    monkeypatch.setenv("TUNEWRIGHT_SET", "seed=4")
    code, out, _ = tunewright("prepare", "mine/recipe.yaml", "--json", "--quiet")
    assert code == 0
    assert json.loads(out)["run"] == str(tmp_path / "other" / "mine")
    assert "seed: 4" in (tmp_path / "other" / "mine" / "recipe.yaml").read_text()


def test_comparing_before_evaluating_says_what_is_missing(world, tunewright):
    tunewright("prepare", "mine/recipe.yaml", "--quiet")
    code, out, err = tunewright("compare")
    assert (code, out) == (1, "")
    assert "there is no run whose stage evaluate is complete here yet" in err
    code, out, err = tunewright("compare", "runs/mine")
    assert (code, out) == (1, "")
    assert "its stage evaluate is not complete" in err
    assert world.trained == 0


def test_a_run_that_is_only_trained_has_a_report_of_that(world, tunewright):
    tunewright("train", "mine/recipe.yaml", *SMALL, "--quiet")
    code, _out, err = tunewright("report")
    assert (code, err) == (0, "")
    page = (Path("runs/mine") / "report.html").read_text(encoding="utf-8")
    assert "Nothing has been measured in this run yet" in page or "has no scores" in page
    tunewright("run", "mine/recipe.yaml", *SMALL, "--quiet")
    assert (Path("runs/mine") / "report.html").read_text(encoding="utf-8") != page


def test_a_run_folder_is_planned_as_it_would_go_on(world, tunewright, monkeypatch):
    from tunewright import api
    from tunewright.flow import plan

    tunewright("prepare", "mine/recipe.yaml", "--quiet", "--name", "longer")
    asked = []
    monkeypatch.setattr(plan, "plan", lambda recipe, **where: asked.append((recipe.name, where)))
    api.plan("runs/longer")
    assert asked[0][1]["name"] == "longer"
    assert str(asked[0][1]["runs"]) == "runs"


def test_a_recipe_that_trains_nothing_and_a_floor_that_is_no_number_are_refused(world, tunewright):
    code, _, err = tunewright("train", "mine/recipe.yaml", "--set", "evaluate.systems=[base]")
    assert code == 2
    assert "trains nothing" in err
    tunewright("prepare", "mine/recipe.yaml", "--quiet", "--name", "folder")
    code, _, err = tunewright("train", "runs/folder", "--quiet")
    assert code == 0, err
    assert world.trained == 1
    assert tunewright("compare", "runs/mine", "--fail-under", "exact_match=nan")[0] == 2


def test_a_name_that_looks_like_a_number_is_a_name(world, tunewright):
    assert tunewright("init", "2024")[0] == 0
    assert tunewright("prepare", "2024/recipe.yaml", "--quiet")[0] == 0


def test_init_writes_a_job_that_the_next_command_prepares(world, tunewright):
    code, out, _ = tunewright("init", "other")
    assert code == 0
    command = out.rstrip().splitlines()[-1].split()
    assert command[:2] == ["tunewright", "run"]
    assert tunewright("prepare", command[2], "--quiet")[0] == 0
    code, _, err = tunewright("init", "other")
    assert code == 2
    assert "already" in err


def test_a_data_set_of_ones_own_is_asked_as_it_is_and_gets_no_answers_of_other_shapes(monkeypatch, tunewright):
    asked = {}
    monkeypatch.setattr(api, "benchmark", lambda recipe, *, sets, **_: asked.update(sets=sets) or Path("nowhere"))
    line = ("benchmark", "text-to-json", "--dataset", "mine.json", "--set", "seed=3", "--skip", "benchmark")
    code, _, err = tunewright(*line)
    assert code == 0, err
    recipe = recipe_file.read("text-to-json", asked["sets"], environment={})
    assert (recipe.task.prompts, recipe.task.test_prompts, recipe.seed) == (("{text}",), (), 3)
    assert recipe.data.augment.ways == {"values": 1}
    assert recipe.data.source.endswith("mine.json")
    assert (recipe.benchmark.epochs, recipe.benchmark.search_share) == ((), 0.25)  # not a share of the shipped sets
