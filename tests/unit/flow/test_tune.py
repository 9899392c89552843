"""The search itself: what is asked, told, resumed and counted, with a stand-in for training."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import pytest

from tunewright.core import files, recipe_file
from tunewright.core.errors import DataError, MissingExtra, ModelError, RunError, UsageError
from tunewright.core.events import Progress
from tunewright.core.recipe import Recipe
from tunewright.flow import study as study_module
from tunewright.flow import tune
from tunewright.flow.tune import Study

MEMORY = "sqlite:///:memory:"
PLANTED = {"learning_rate": 1e-3, "lora_r": 16, "method": "lora"}


def recipe(*sets: str) -> Recipe:
    space = (
        "{learning_rate: {low: 1e-5, high: 1e-1, log: true}, lora_r: [4, 8, 16, 32], method: [lora, full], "
        "lora_alpha: {low: 8, high: 64}}"
    )
    return recipe_file.read("smoke", [f"tune.space={space}", "tune.pruner=none", *sets], environment={})


def loss(made: Recipe) -> float:
    """A known objective: lowest for PLANTED, whatever alpha is."""
    away = abs(math.log10(made.train.learning_rate / PLANTED["learning_rate"]))
    wrong = made.method.name != PLANTED["method"]
    rank = 0.0 if wrong else 0.3 * abs(math.log2(made.method.lora_r / PLANTED["lora_r"]))
    return away + rank + 1.0 * wrong


def planted(study: Study, number: int, made: Recipe, report: tune.Report) -> dict[str, Any]:
    for share in (0.2, 0.5, 1.0):
        report(share, loss(made) + 1 - share)
    return {"value": loss(made)}


def search(asked: Recipe, folder: Path, attempt: tune.Attempt, storage: str | None = MEMORY) -> Study:
    study = Study(asked, folder, storage=storage)
    study.work(attempt)
    return study


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> Study:
    return search(recipe("tune.trials=36", "seed=2"), tmp_path_factory.mktemp("told"), planted)


def test_a_planted_optimum_is_found(told):
    best = told.best()["options"]
    assert (best["method"], best["lora_r"]) == (PLANTED["method"], PLANTED["lora_r"])
    assert abs(math.log10(best["learning_rate"] / PLANTED["learning_rate"])) < 0.25  # of four decades


def test_one_that_is_told_nothing_of_it_does_not_find_it(told, tmp_path):
    def deaf(study: Study, number: int, made: Recipe, report: tune.Report) -> dict[str, Any]:
        return {"value": 1.0}

    study = search(recipe("tune.trials=36", "seed=2"), tmp_path, deaf)

    def good(one: Study) -> int:
        return sum(loss(one.space.recipe_of(row["options"])) < 0.6 for row in one.rows()[16:])

    assert study.best()["number"] == 0  # the first of equals
    assert good(told) >= 8 > 3 * good(study)


def test_a_grid_tries_every_point_once(tmp_path):
    asked = recipe("tune.sampler=grid", "tune.grid_points=2", "tune.trials=100", "tune.space={method: [lora, full], lora_r: [4, 16], learning_rate: {low: 1e-4, high: 1e-2, log: true}}")  # fmt: skip
    rows = search(asked, tmp_path, planted).rows()
    assert len(rows) == 2 * 2 + 2
    assert len({str(sorted(row["options"].items())) for row in rows}) == len(rows)
    few = search(
        asked.model_copy(update={"tune": asked.tune.model_copy(update={"trials": 3})}), tmp_path / "few", planted
    )
    assert [row["options"] for row in few.rows()] == [row["options"] for row in rows[:3]]


def test_the_recipes_own_options_are_tried_first(tmp_path):
    own = recipe("tune.trials=2", "method.lora_r=8", "method.lora_alpha=8", "train.learning_rate=0.01")
    first = search(own, tmp_path / "a", planted).rows()[0]
    assert first["options"] == {"method": "lora", "learning_rate": 0.01, "lora_r": 8, "lora_alpha": 8}
    outside = search(recipe("tune.trials=1", "method.lora_r=64"), tmp_path / "b", planted).rows()
    assert outside[0]["options"].get("lora_r") != 64


@pytest.mark.parametrize("learning_rate", ["0.15", "0.15000000000000002"])
def test_own_options_that_a_grid_tries_are_known_again(tmp_path, monkeypatch, learning_rate):
    monkeypatch.setattr(tune, "_finals", lambda study, chosen: iter([]))
    steps = "tune.space={learning_rate: {low: 0.05, high: 0.2, step: 0.05}}"
    asked = recipe("tune.sampler=grid", steps, f"train.learning_rate={learning_rate}")

    def attempt(study: Study, number: int, made: Recipe, report: tune.Report) -> dict[str, Any]:
        return {"value": abs(made.train.learning_rate - 0.15)}

    study = search(asked, tmp_path, attempt)
    tune.finish(study)
    found = files.read_json(tmp_path / "metrics_comparison.json")
    assert found["own"] == found["best"] == next(row["number"] for row in found["trials"] if row["value"] < 0.01)
    assert found["best_is_own"]
    assert sorted(row["options"]["learning_rate"] for row in found["trials"]) == [0.05, 0.1, 0.15, 0.2]
    assert "learning_rate: 0.15\n" in (tmp_path / "best.yaml").read_text(encoding="utf-8")


class Asked(BaseException):
    """What ends a process in these tests where a kill would."""


def test_a_trial_that_broke_off_goes_on_under_its_number_with_its_options(tmp_path):
    asked = recipe("tune.trials=6")
    whole = search(asked, tmp_path / "whole", planted)
    begun: list[tuple[int, float]] = []

    def breaking(study: Study, number: int, made: Recipe, report: tune.Report) -> dict[str, Any]:
        begun.append((number, made.train.learning_rate))
        report(0.2, loss(made))
        if len(begun) % 2:
            raise Asked
        return {"value": loss(made)}

    for _ in range(6):
        with pytest.raises(Asked):
            search(asked, tmp_path / "broken", breaking, storage=None)
    study = search(asked, tmp_path / "broken", breaking, storage=None)
    assert [number for number, _ in begun] == [number for number in range(6) for _ in range(2)]
    assert all(one == other for one, other in zip(begun[::2], begun[1::2], strict=True))
    rows = study.rows()
    assert [row["options"] for row in rows] == [row["options"] for row in whole.rows()]
    assert [row["value"] for row in rows] == [row["value"] for row in whole.rows()]
    assert [row["starts"] for row in rows] == [2] * 6


def test_the_draws_of_a_fresh_generator_would_repeat_themselves(tmp_path, monkeypatch):
    """Were trials not drawn by their number, a start after a kill would draw what the one before drew."""
    asked = recipe("tune.trials=4", "tune.sampler=random", "method.lora_r=64")
    assert len({row["options"]["learning_rate"] for row in search(asked, tmp_path / "a", planted).rows()}) == 4
    sampler = Study._sampler
    monkeypatch.setattr(Study, "_sampler", lambda self, number: sampler(self, 0))
    assert len({row["options"]["learning_rate"] for row in search(asked, tmp_path / "b", planted).rows()}) == 1


def test_how_trials_end_is_kept_and_the_search_goes_on(tmp_path):
    ends = {
        1: UsageError("the loss became infinite or NaN at step 3"),
        2: ModelError("out of memory: not even one example at a time fits"),
        3: ModelError("no linear layer of the model is meant"),
        4: RuntimeError("[enforce fail at alloc_cpu.cpp] can't allocate memory: you tried"),
        5: ZeroDivisionError("by zero"),
    }

    def ending(study: Study, number: int, made: Recipe, report: tune.Report) -> dict[str, Any]:
        if number in ends:
            raise ends[number]
        if number == 6:
            report(0.5, math.nan)
        return {"value": math.inf if number == 7 else 1.0, "peak_memory_bytes": 5}

    study = search(recipe("tune.trials=9"), tmp_path, ending)
    rows = study.rows()
    assert [row["state"] for row in rows] == [
        "complete", "diverged", "out of memory", "failed", "out of memory", "failed", "diverged", "diverged", "complete",
    ]  # fmt: skip
    assert rows[3]["error"] == "no linear layer of the model is meant"
    assert "ZeroDivisionError: by zero" in rows[5]["error"]
    assert "test_tune.py" in rows[5]["error"]  # where it came from
    assert (rows[8]["value"], rows[8]["peak_memory_bytes"], rows[7]["value"]) == (1.0, 5, None)
    assert files.read_json(tmp_path / "trials" / "3" / "trial.json") == rows[3]
    assert study.best()["number"] == 0


@pytest.mark.parametrize(
    "problem",
    [DataError("has changed"), RunError("locked"), OSError(28, "No space left on device"), KeyboardInterrupt()],
)
def test_what_is_no_fault_of_a_trial_ends_the_search_and_leaves_the_trial(tmp_path, problem):
    def failing(study: Study, number: int, made: Recipe, report: tune.Report) -> dict[str, Any]:
        if not (tmp_path / "mended").exists():
            raise problem
        return {"value": 1.0}

    with pytest.raises(type(problem)):
        search(recipe("tune.trials=2"), tmp_path / "study", failing, storage=None)
    (tmp_path / "mended").touch()
    study = search(recipe("tune.trials=2"), tmp_path / "study", failing, storage=None)
    assert [row["state"] for row in study.rows()] == ["complete", "complete"]


def test_one_that_is_killed_again_and_again_at_the_same_place_is_set_aside(tmp_path):
    def killed(study: Study, number: int, made: Recipe, report: tune.Report) -> dict[str, Any]:
        if number == 0:
            raise Asked
        return {"value": 1.0}

    asked = recipe("tune.trials=2", "tune.max_retry=3")
    for _ in range(3):
        with pytest.raises(Asked):
            search(asked, tmp_path, killed, storage=None)
    rows = search(asked, tmp_path, killed, storage=None).rows()
    assert [row["state"] for row in rows] == ["failed", "complete"]
    assert "was killed 3 times at step 0" in rows[0]["error"]


def test_one_that_gets_further_each_time_is_not_set_aside(tmp_path):
    place = tmp_path / "trials" / "0" / "systems" / "tuned" / "latest_checkpoint_info.json"

    def killed(study: Study, number: int, made: Recipe, report: tune.Report) -> dict[str, Any]:
        step = files.read_json(place)["step"] if place.is_file() else 0
        place.parent.mkdir(parents=True, exist_ok=True)
        files.write_json(place, {"step": step + 1})
        if step < 6:
            raise Asked
        return {"value": 1.0}

    asked = recipe("tune.trials=1", "tune.max_retry=2")
    for _ in range(6):
        with pytest.raises(Asked):
            search(asked, tmp_path, killed, storage=None)
    assert search(asked, tmp_path, killed, storage=None).rows()[0]["state"] == "complete"


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_bad_trials_are_given_up_on_the_way_and_the_best_is_not(tmp_path, pruner):
    seen: dict[int, list[float]] = {}

    def attempt(study: Study, number: int, made: Recipe, report: tune.Report) -> dict[str, Any]:
        for tenth in range(1, 11):
            seen.setdefault(number, []).append(tenth / 10)
            report(tenth / 10, loss(made) + 1 - tenth / 10)
        return {"value": loss(made)}

    study = search(recipe("tune.trials=16", f"tune.pruner={pruner}", "tune.n_startup_trials=3"), tmp_path, attempt)
    rows = study.rows()
    pruned = [row for row in rows if row["state"] == "pruned"]
    assert 3 < len(pruned) < 14
    assert all(seen[row["number"]][-1] < 1 for row in pruned)
    assert all(len(row["validations"]) == len(seen[row["number"]]) for row in rows)
    best = min(rows, key=lambda row: loss(study.space.recipe_of(row["options"])))
    assert loss(study.space.recipe_of(study.best()["options"])) <= loss(study.space.recipe_of(best["options"])) + 0.3
    none = search(recipe("tune.trials=8"), tmp_path / "none", attempt)
    assert {row["state"] for row in none.rows()} == {"complete"}


def test_a_score_is_raised_and_a_loss_lowered(tmp_path):
    def attempt(study: Study, number: int, made: Recipe, report: tune.Report) -> dict[str, Any]:
        report(0.5, 3.0 - number)
        return {"value": number / 10}

    high = search(recipe("tune.trials=4", "tune.metric=exact_match"), tmp_path / "high", attempt)
    assert high.best()["number"] == 3
    assert high.rows()[1]["validations"] == [[0.5, 2.0]]
    assert search(recipe("tune.trials=4"), tmp_path / "low", attempt).best()["number"] == 0


def test_minutes_count_over_all_starts_and_side_by_side_only_once(tmp_path, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(study_module.time, "time", lambda: now[0])

    def attempt(study: Study, number: int, made: Recipe, report: tune.Report) -> dict[str, Any]:
        now[0] += 25
        return {"value": 1.0}

    asked = recipe("tune.trials=50", "tune.minutes=1")
    assert len(search(asked, tmp_path, attempt, storage=None).rows()) == 3  # the third began within the minute
    now[0] += 5000
    again = search(asked, tmp_path, attempt, storage=None)
    assert len(again.rows()) == 3
    assert again.worked() == 75
    longer = asked.model_copy(update={"tune": asked.tune.model_copy(update={"minutes": 2.0})})
    assert len(search(longer, tmp_path, attempt, storage=None).rows()) == 5
    beside = Study(longer, tmp_path)
    beside.optuna.set_user_attr("session x", [1000.0, 1030.0])  # another process, while the first one worked
    assert beside.worked() == 125


def test_more_trials_go_on_and_another_search_does_not_go_into_the_folder(tmp_path):
    search(recipe("tune.trials=2"), tmp_path / "study", planted, storage=None)
    more = search(recipe("tune.trials=4", "tune.seeds=1"), tmp_path / "study", planted, storage=None)
    assert [row["number"] for row in more.rows()] == [0, 1, 2, 3]
    with pytest.raises(RunError, match=r"another recipe \(tune changed\)"):
        Study(recipe("tune.sampler=random"), tmp_path / "study")
    with pytest.raises(RunError, match=r"another recipe \(seed changed\)"):
        Study(recipe("seed=5"), tmp_path / "study")
    with pytest.raises(RunError, match=r"its storage in study\.db"):
        Study(recipe("tune.trials=2"), tmp_path / "study", storage=MEMORY)


def test_a_search_goes_on_when_recipes_have_learnt_new_keys(tmp_path):
    search(recipe("tune.trials=1"), tmp_path, planted, storage=None)
    asked = files.read_json(tmp_path / "tune.json")
    del asked["recipe"]["train"]["packing"], asked["recipe"]["tune"]["grid_points"]  # as if they had not been there
    files.write_json(tmp_path / "tune.json", asked)
    assert len(search(recipe("tune.trials=2"), tmp_path, planted, storage=None).rows()) == 2
    asked["recipe"]["train"]["weight_decay"] = 0.5
    files.write_json(tmp_path / "tune.json", asked)
    with pytest.raises(RunError, match=r"train changed"):
        Study(recipe("tune.trials=2"), tmp_path)


def test_a_storage_is_not_shared_by_two_folders_of_one_name(tmp_path):
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    search(recipe("tune.trials=1"), tmp_path / "a" / "study", planted, storage=url)
    with pytest.raises(RunError, match="has a study 'study' of another folder"):
        Study(recipe("tune.trials=1"), tmp_path / "b" / "study", storage=url)
    with pytest.raises(RunError, match="its storage in elsewhere"):
        Study(recipe("tune.trials=1"), tmp_path / "a" / "study")
    assert len(search(recipe("tune.trials=2"), tmp_path / "a" / "study", planted, storage=url).rows()) == 2


def test_a_storage_that_cannot_be_opened_is_an_error_that_says_so(tmp_path):
    with pytest.raises(RunError, match="the storage cannot be opened"):
        Study(recipe(), tmp_path / "a", storage="nonsense://x")
    folder = tmp_path / "b"
    folder.mkdir()
    (folder / "study.db").write_text("no database")
    with pytest.raises(RunError, match=r"study\.db cannot be read"):
        Study(recipe(), folder)


def test_a_trial_of_a_living_process_is_not_taken(tmp_path):
    study = Study(recipe("tune.trials=3"), tmp_path)
    first = study.take()
    second = study.take()
    assert (first.trial.number, second.trial.number) == (0, 1)
    first.claim.close()  # as when its process dies
    again = study.take()
    assert (again.trial.number, again.again) == (0, True)
    assert again.values == first.values
    third = study.take()
    assert third.trial.number == 2
    assert study.take() is None
    assert study.more()


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtra) as caught:
        study_module.library()
    assert caught.value.hint == "pip install 'tunewright[tune]'"


def test_the_screen_says_where_the_search_stands(tmp_path, capsys):
    asked = recipe("tune.trials=4", "method.lora_r=64")
    study = Study(asked, tmp_path, storage=MEMORY, progress=Progress())
    heads = []

    def attempt(study: Study, number: int, made: Recipe, report: tune.Report) -> dict[str, Any]:
        heads.append(study.head(study.rows(), own=number))
        if number == 1:
            raise UsageError("no way")
        return {"value": 2.0 - number}

    study.work(attempt)
    said = capsys.readouterr().err
    assert heads[0] == "trial 1 of 4"
    assert heads[3].startswith("trial 4 of 4, best 0, ")
    assert heads[3].endswith(" left")
    assert "trial 0: validation_loss 2, the best so far" in said
    assert "trial 1: failed: no way" in said
    assert "learning_rate=" in said


def test_nothing_completed_is_an_error_with_the_first_reason(tmp_path):
    def failing(study: Study, number: int, made: Recipe, report: tune.Report) -> dict[str, Any]:
        raise UsageError(f"no way {number}")

    study = search(recipe("tune.trials=2"), tmp_path, failing)
    with pytest.raises(RunError, match="no trial was completed; the first that failed: no way 0"):
        tune.finish(study)


def test_a_metric_that_there_is_not_is_refused_before_anything_is_trained(monkeypatch):
    monkeypatch.setattr(tune.job, "resolve", lambda recipe, wanted: None)
    with pytest.raises(UsageError) as caught:
        tune.check(recipe("tune.metric=exact_mach"))
    assert caught.value.hint == "did you mean 'exact_match'?"
    tune.check(recipe("tune.metric=exact_match"))
