"""A search as a whole: killed, joined, interrupted, in miniature; and that no trial meets the test documents."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tunewright import api, cli
from tunewright.core import files, recipe_file
from tunewright.core.recipe import Recipe
from tunewright.core.run import Run
from tunewright.flow import prepared, tune

HERE = Path(__file__).parent
SPACE = "tune.space={learning_rate: {low: 1e-4, high: 1e-1, log: true}, lora_r: [2, 4], method: [lora, full]}"
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "TUNEWRIGHT_NO_PROGRESS": "1", "HF_HUB_OFFLINE": "1"}


def drive(folder: Path, recipe: Recipe, how: str, moments: list[str]) -> list[str]:
    page = folder.parent / "recipe.yaml"
    page.write_text(recipe_file.resolved(recipe), encoding="utf-8")
    command = [sys.executable, str(HERE / "tune_driver.py"), str(folder), str(page), how, *moments]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | ENVIRONMENT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def stand_in() -> tune.Attempt:
    """The driver's."""
    spec = importlib.util.spec_from_file_location("tune_driver", HERE / "tune_driver.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.stand_in


def check_whole(study: tune.Study, planned: int) -> None:
    """The planned trials, each once, each ended, each with its folder."""
    rows = study.rows()
    assert [row["number"] for row in rows] == list(range(planned))
    assert {row["state"] for row in rows} <= {"complete", "pruned"}
    assert sorted(int(path.name) for path in (study.folder / "trials").iterdir()) == list(range(planned))
    assert all(files.read_json(study.folder / "trials" / str(row["number"]) / "trial.json") == row for row in rows)
    options = [str(sorted(row["options"].items())) for row in rows]
    assert len(set(options)) == planned


def test_a_search_killed_at_any_moment_ends_with_the_planned_trials(tmp_path):
    recipe = recipe_file.read("smoke", [SPACE, "tune.trials=5", "tune.pruner=none"], environment={})
    moments = ["3:0", "9:0.004", "14:0"]
    ends = drive(tmp_path / "killed", recipe, "stand-in", moments)
    assert ends == ["killed"] * 3 + ["finished"]
    study = tune.Study(recipe, tmp_path / "killed")
    check_whole(study, 5)
    whole = tune.Study(recipe, tmp_path / "whole", storage="sqlite:///:memory:")
    whole.work(stand_in())
    rows = study.rows()
    for row, other in zip(rows, whole.rows(), strict=True):
        assert (row["options"], row["value"], row["validations"]) == (
            other["options"],
            other["value"],
            other["validations"],
        )
        steps = [
            line["step"] for line in files.whole_lines(study.folder / "trials" / str(row["number"]) / "events.jsonl")
        ]
        assert set(steps) == set(range(1, 9))
        assert len(steps) <= 8 + row["starts"]  # what was behind a checkpoint was not done again
    assert sum(row["starts"] for row in rows) > 5


def test_a_search_that_forgot_its_trials_would_be_noticed(tmp_path, monkeypatch):
    recipe = recipe_file.read("smoke", [SPACE, "tune.trials=2", "tune.pruner=none"], environment={})
    study = tune.Study(recipe, tmp_path / "study")
    study.take().claim.close()  # begun, and its process died
    monkeypatch.setattr(tune.Study, "_claim", lambda self, number: None)
    with pytest.raises(AssertionError):
        tune.Study(recipe, tmp_path / "study").take()
    with pytest.raises(AssertionError):
        check_whole(study, 2)


@pytest.mark.slow
def test_a_search_killed_ten_times_in_training_ends_with_the_planned_trials(tmp_path, changes):
    sets = [*changes, SPACE, "tune.trials=4", "tune.seeds=0", "train.max_steps=6", "train.eval_steps=1"]
    recipe = recipe_file.read("smoke", [*sets, "tune.n_startup_trials=2"], environment={})
    moments = ["1:0", "4:0.05", "7:0", "3:0.1", "9:0.02", "5:0", "2:0.2", "8:0", "6:0.07", "4:0"]
    ends = drive(tmp_path / "killed", recipe, "train", moments)
    assert ends == ["killed"] * 10 + ["finished"]
    study = tune.Study(recipe, tmp_path / "killed")
    check_whole(study, 4)
    assert drive(tmp_path / "whole", recipe, "train", []) == ["finished"]
    for row, other in zip(study.rows(), tune.Study(recipe, tmp_path / "whole").rows(), strict=True):
        assert (row["state"], row["options"], row["value"]) == (other["state"], other["options"], other["value"])
        assert row["validations"] == other["validations"]


@pytest.fixture(scope="module")
def searched(tmp_path_factory, changes) -> Path:
    """A search in miniature, all of it, by a score of the answers."""
    runs = tmp_path_factory.mktemp("runs")
    sets = [*changes, SPACE, "train.max_steps=4", "tune.metric=field_f1", "decode.max_new_tokens=16", "evaluate.bootstrap_resamples=50", "tune.seeds=1"]  # fmt: skip
    return api.tune("smoke", trials=2, sets=sets, runs=runs)


def test_everything_that_a_search_is_to_leave_stands_there(searched):
    found = files.read_json(searched / "metrics_comparison.json")
    assert [row["state"] for row in found["trials"]] == ["complete"] * 2
    assert all(row["peak_memory_bytes"] > 1e6 and row["saved_bytes"] > 0 for row in found["trials"])
    assert all(row["train_seconds"] > 0 and row["trainable_parameters"] > 0 for row in found["trials"])
    assert all(0 <= row["value"] <= 1 for row in found["trials"])
    assert recipe_file.read(searched / "best.yaml", environment={}).name == "smoke-tuned"
    page = (searched / "optimization_analysis.md").read_text(encoding="utf-8").replace("\xa0", " ")
    assert "# What the search smoke-tune found" in page
    assert "Too few trials to tell: 2 trials were completed" in page
    assert (searched / "tune_history.png").read_bytes().startswith(b"\x89PNG")
    if found["best_is_own"]:
        assert found["finals"] == found["pairs"] == []
    else:
        assert [(row["which"], row["seed"]) for row in found["finals"]] == [("best", 12), ("own", 12)]
        assert [row["metric"] for row in found["pairs"]] == ["exact_match", "field_accuracy", "field_f1"]
        assert {row["n"] for row in found["finals"]} == {12}


def test_trainings_are_compared_on_fewer_documents_and_by_what_is_measured_beside_answers(tmp_path, changes):
    sets = [
        *changes, "tune.space={lora_r: [3]}", "tune.sampler=grid", "train.max_steps=2", "decode.max_new_tokens=8",
        "evaluate.bootstrap_resamples=50", "tune.seeds=2", "evaluate.likelihood=true", "evaluate.sample=4",
    ]  # fmt: skip
    folder = api.tune("smoke", trials=1, sets=[*sets, "tune.test_documents=7"], runs=tmp_path)
    found = files.read_json(folder / "metrics_comparison.json")
    assert len(found["finals"]) == 4
    asked = {row["run"]: prepared.records(Run.open(folder / row["run"]), "test") for row in found["finals"]}
    [same] = {tuple(record.id for record in records) for records in asked.values()}
    assert len(same) == 7 < len(prepared.records(Run.open(folder / "prepared"), "test"))
    for row in found["finals"]:
        assert row["n"] == 7
        manifest = Run.open(folder / row["run"]).manifest("data")
        assert manifest["counts"]["test"] == 7
        assert manifest["sha256"]["test.jsonl"] == files.sha256(folder / row["run"] / "data" / "test.jsonl")
    bits = {row["metric"]: row for row in found["pairs"]}["bits_per_byte"]
    assert bits["seeds"] == 2
    assert 4 <= bits["n"] <= 7  # each seed measured four
    mean = {which: [row["metrics"]["bits_per_byte"] for row in found["finals"] if row["which"] == which] for which in ("own", "best")}  # fmt: skip
    for i, apart in enumerate(bits["by_seed"]):
        assert mean["best"][i] - mean["own"][i] == pytest.approx(apart)
    page = (folder / "optimization_analysis.md").read_text(encoding="utf-8").replace("\xa0", " ")
    assert f"- Bits per byte: {bits['a_value']:.3f} → {bits['b_value']:.3f}, " in page
    again = [*sets, "tune.test_documents=5"]
    api.tune("smoke", trials=1, sets=again, runs=tmp_path)
    assert files.read_json(folder / "metrics_comparison.json")["finals"] == found["finals"]  # they stay as they are


def test_the_page_of_a_search_is_written_again(searched, tmp_path, capsys):
    page = searched / "optimization_analysis.md"
    before = page.read_bytes()
    page.unlink()
    assert cli.invoke(["report", str(searched)]) == 0
    assert "optimization_analysis.md" in capsys.readouterr().out
    assert page.read_bytes() == before
    (tmp_path / "tune.json").write_text("{}", encoding="utf-8")
    assert cli.invoke(["report", str(tmp_path)]) == 1
    assert "the search has not ended" in capsys.readouterr().err


def test_no_trial_meets_the_test_documents(searched):
    tested = {record.id for record in prepared.records(Run.open(searched / "prepared"), "test")}
    for folder in sorted((searched / "trials").iterdir()):
        run = Run.open(folder)
        assert not list(run.path.rglob("test*"))
        assert "test" not in run.manifest("data")["counts"]
        read = {record.id for name in ("train", "validation") for record in prepared.records(run, name)}
        assert read
        assert not read & tested
        answered = {row["id"] for path in run.path.rglob("predictions-*.jsonl") for row in files.read_lines(path)}
        assert answered == {record.id for record in prepared.records(run, "validation")}
        written = "".join(path.read_text(encoding="utf-8") for path in run.path.rglob("*.jsonl"))
        assert not [name for name in tested if f'"{name}"' in written]


def test_test_documents_that_are_spoilt_change_no_trial(tmp_path, changes):
    sets = [*changes, SPACE, "train.max_steps=2", "tune.seeds=0"]
    values = []
    for spoilt in (False, True):
        recipe = recipe_file.read("smoke", [*sets, "tune.trials=2"], environment={})
        study = tune.Study(recipe, tmp_path / str(spoilt))
        study.prepare()
        if spoilt:
            (study.folder / "prepared" / "data" / "test.jsonl").write_text("nothing that can be read")
        study.work(tune.train)
        values.append([(row["state"], row["value"]) for row in study.rows()])
    assert values[0] == values[1]
    assert {state for state, _ in values[0]} == {"complete"}


def test_the_same_command_again_changes_nothing_and_more_trials_go_on(searched, changes, capsys):
    kept = {path: path.stat().st_mtime_ns for path in searched.rglob("*") if path.suffix in (".json", ".md", ".jsonl")}
    page = files.read_json(searched / "tune.json")["recipe"]
    sets = [*changes, SPACE, "train.max_steps=4", "tune.metric=field_f1", "decode.max_new_tokens=16", "evaluate.bootstrap_resamples=50", "tune.seeds=1"]  # fmt: skip
    assert page["tune"]["metric"] == "field_f1"
    words = [word for change in sets for word in ("--set", change)]
    line = ["tune", "smoke", "--runs", str(searched.parent), "--trials", "2", *words]
    assert cli.invoke([*line, "--quiet"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.rstrip().splitlines()[-1] == f"Next: tunewright run {searched / 'best.yaml'}"
    changed = {path.name for path, stamp in kept.items() if path.stat().st_mtime_ns != stamp}
    assert changed <= {"trial.json"}
    assert cli.invoke([*line, "--json", "--quiet"]) == 0
    assert capsys.readouterr().out.startswith("{")


@pytest.mark.slow
def test_two_processes_share_the_trials_and_ctrl_c_saves_and_says_how_to_go_on(tmp_path, changes):
    words = [word for change in [*changes, SPACE, "tune.seeds=0"] for word in ("--set", change)]
    command = ["-m", "tunewright", "tune", "smoke", "--trials", "4", "--workers", "2", "--runs", str(tmp_path), *words]
    environment = os.environ | ENVIRONMENT
    with subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as running:
        while not list(tmp_path.glob("smoke-tune/trials/*/systems/tuned/latest_checkpoint_info.json")):
            assert running.poll() is None, running.communicate()
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        _, talk = running.communicate(timeout=120)
    assert running.returncode == 130
    assert "nothing that was finished is lost. Go on with:\n  tunewright tune smoke --trials 4 --workers 2" in talk
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    rows = files.read_json(tmp_path / "smoke-tune" / "metrics_comparison.json")["trials"]
    assert [row["number"] for row in rows] == [0, 1, 2, 3]
    assert {row["state"] for row in rows} <= {"complete", "pruned"}
    assert "Nothing was measured on test" in done.stdout
