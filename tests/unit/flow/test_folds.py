"""Cross-validation with stand-ins for the models: nested runs, pooled answers, what is noticed, what is refused."""

from __future__ import annotations

import csv
import json

import pytest

from stand_ins import Interrupted, World
from tunewright import cli
from tunewright.core import files, recipe_file
from tunewright.core.errors import DataError, RecipeError, RunError, UsageError
from tunewright.core.run import Run
from tunewright.flow import answer, begin, folds, job, prepared, use
from tunewright.flow.outcome import Outcome

GROUPS = 7
K = 3


@pytest.fixture
def world(monkeypatch, tmp_path):
    made = World()
    made.take_over(monkeypatch)
    monkeypatch.chdir(tmp_path)
    begin.begin("mine")
    rows = [begin.row(*each) | {"group": f"p{i % GROUPS}"} for i, each in enumerate(begin.ROWS)]
    files.write_lines("mine/data.jsonl", rows)
    return made


def recipe(*sets):
    small = ("decode.batch_size=1", "evaluate.bootstrap_resamples=50", "evaluate.sample=8", f"evaluate.folds={K}")
    two = "evaluate.systems=[base, tuned]"
    return recipe_file.read("mine/recipe.yaml", (*small, two, *sets), environment={})


def groups(path):
    return {row["group"] for row in files.read_lines(path)}


def test_every_record_is_answered_once_by_a_model_that_did_not_see_its_group(world):
    outcome = job.run(recipe())
    path = outcome.path
    assert outcome.stages == ("data", "train", "evaluate", "compare", "report")
    assert world.trained == K
    everything = [row["id"] for row in files.read_lines(path / "data" / "test.jsonl")]
    assert len(everything) == len(begin.ROWS)
    tested = []
    for number in range(1, K + 1):
        fold = path / "folds" / str(number)
        assert Outcome.of(Run.open(fold)).stages == ("data", "train", "evaluate")
        sides = [groups(fold / "data" / f"{name}.jsonl") for name in ("train", "validation", "test")]
        assert sides[2]
        assert not sides[2] & (sides[0] | sides[1])
        tested += [row["id"] for row in files.read_lines(fold / "data" / "test.jsonl")]
        assert [r["id"] for r in files.read_lines(fold / "systems" / "tuned" / "predictions-grammar.jsonl")] == [
            r["id"] for r in files.read_lines(fold / "data" / "test.jsonl")
        ]
    assert sorted(tested) == sorted(everything)
    pooled = [row["id"] for row in files.read_lines(path / "systems" / "tuned" / "predictions-grammar.jsonl")]
    assert pooled == everything
    scores = files.read_json(path / "systems" / "tuned" / "scores-grammar.json")
    assert (scores["n"], scores["of"], scores["sample"]) == (len(everything), len(everything), "all")
    assert {name: each["n"] for name, each in scores["slices"]["fold"].items()} == {
        str(number): row["test"] for number, row in enumerate(outcome.folds, 1)
    }
    assert scores["cost"]["adapter_bytes"] > 0
    base = files.read_json(path / "systems" / "base" / "scores-free.json")
    assert (base["n"], base["sample"]) == (K * 3, "stratified"), "a third of 8, rounded up, in every fold"
    assert outcome.pair("base/free")["n"] == base["n"]
    assert outcome.pair("base/free")["test"] == "paired bootstrap", "groups, not documents, are what is drawn"


def test_the_spread_over_folds_is_the_least_and_the_greatest_score(world):
    outcome = job.run(recipe("evaluate.systems=[few-shot, tuned]"), until="compare")
    few = outcome.cells["test"]["few-shot/free"]
    values = [fold["scores"]["few-shot/free"]["metrics"]["exact_match"]["value"] for fold in outcome.fold_rows()]
    assert few["spread"]["exact_match"] == {"low": min(values), "high": max(values)}
    assert min(values) <= few["metrics"]["exact_match"]["value"] <= max(values)
    row = json.loads(json.dumps(outcome.to_row()))
    assert [fold["fold"] for fold in row["folds"]] == [1, 2, 3]
    assert row["scores"]["test"]["few-shot/free"]["spread"] == few["spread"]
    assert files.read_json(outcome.path / "metrics_comparison.json")["folds"] == K


def test_a_document_is_asked_for_in_the_whole_as_in_its_fold(world):
    asking = ('task.prompts=["JSON: {text}"]', 'task.test_prompts=["As JSON ({keys}): {text}", "JSON of this? {text}"]')
    sets = ("task.name=text_to_json", "task.instruction=", "data.close_schemas=true", "decode.grammar=false", *asking)
    outcome = job.run(recipe(*sets), until="compare")
    whole, parts = Run.open(outcome.path), [Run.open(path) for path in Run.open(outcome.path).folds]
    asked = {one.id: one for part in parts for one in prepared.examples(part, "test")}
    everything = prepared.examples(whole, "test")
    assert len(everything) == len(asked) == len(begin.ROWS)
    assert all(one == asked[one.id] for one in everything)
    assert not any(one.messages[-1]["content"].startswith("JSON: ") for one in asked.values())
    rows = csv.DictReader((outcome.path / "systems" / "tuned" / "predictions-free.csv").open(encoding="utf-8"))
    assert {row["id"]: row["prompt"] for row in rows} == {
        name: one.messages[-1]["content"] for name, one in asked.items()
    }
    slices = files.read_json(outcome.path / "systems" / "tuned" / "scores-free.json")["slices"]
    assert set(slices["prompt"]) == {"keys", "free"}


def test_the_same_command_again_does_nothing_again(world):
    path = job.run(recipe(), until="compare").path
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    asked = len(world.parts)
    job.run(recipe(), until="compare")
    assert (world.trained, len(world.parts)) == (K, asked)
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize("broken", [0, 4, 9, 13])
def test_broken_off_in_any_fold_it_goes_on_with_the_same_parts(world, broken):
    whole = job.run(recipe(), name="whole", until="compare")
    wanted, world.parts = world.parts, []
    world.break_after = broken
    with pytest.raises(Interrupted):
        job.run(recipe(), name="cut", until="compare")
    world.break_after = None
    outcome = job.run(recipe(), name="cut", until="compare")
    assert world.parts == wanted
    assert world.trained == 2 * K
    assert outcome.pairs == whole.pairs


def test_stages_can_be_done_one_by_one(world):
    assert job.run(recipe(), until="data").stages == ("data",)
    assert world.trained == 0
    outcome = job.run(recipe(), until="train")
    assert outcome.stages == ("data", "train")
    assert world.trained == K
    assert not outcome.cells
    assert job.go_on(Run.open(outcome.path), until="compare").stages == ("data", "train", "evaluate", "compare")


@pytest.mark.parametrize("side", ["train", "validation"])
def test_a_group_forced_onto_two_sides_is_noticed_before_training_and_before_scoring(world, side):
    path = job.run(recipe(), until="data").path
    data = path / "folds" / "2" / "data"
    leak = next(files.read_lines(data / "test.jsonl"))
    clean = list(files.read_lines(data / f"{side}.jsonl"))
    files.write_lines(data / f"{side}.jsonl", [*clean, {**leak, "id": "copy", "text": "other words"}])
    with pytest.raises(
        DataError, match=f"1 groups stand on two sides of a fold, first '{leak['group']}': test, {side}"
    ):
        job.run(recipe(), until="train")
    assert world.trained == 1, "the first fold is clean"
    files.write_lines(data / f"{side}.jsonl", clean)
    job.run(recipe(), until="train")
    files.write_lines(data / f"{side}.jsonl", [*clean, {**leak, "id": "copy", "text": "other words"}])
    with pytest.raises(DataError, match="two sides of a fold"):
        job.run(recipe())
    assert not (path / "systems" / "manifest.json").exists()


def test_a_document_that_two_folds_test_is_noticed(world):
    path = job.run(recipe(), until="train").path
    one, other = (path / "folds" / number / "data" / "test.jsonl" for number in "12")
    rows, strange = list(files.read_lines(one)), next(files.read_lines(other))
    files.write_lines(one, [*rows, {**strange, "group": rows[0]["group"]}])
    with pytest.raises(DataError, match="do not test every document once"):
        job.run(recipe())


def test_data_that_a_killed_start_left_is_dealt_anew(world, monkeypatch):
    check = folds.check_apart
    seen = []

    def second(fold):
        seen.append(fold.path.name)
        if len(seen) == 2:
            raise Interrupted
        check(fold)

    monkeypatch.setattr(folds, "check_apart", second)
    with pytest.raises(Interrupted):
        job.run(recipe(), until="data")
    rows = [begin.row(*each) | {"group": f"q{i % GROUPS}"} for i, each in enumerate(begin.ROWS)]
    files.write_lines("mine/data.jsonl", rows)
    path = job.run(recipe(), until="data").path
    assert all(group[0] == "q" for file in path.rglob("t*.jsonl") for group in groups(file))


def test_what_cannot_be_dealt_into_folds_is_refused(world):
    with pytest.raises(
        DataError, match=f"{GROUPS + 1} folds need {GROUPS + 1} groups, and the 20 records are of {GROUPS}"
    ):
        job.run(recipe(f"evaluate.folds={GROUPS + 1}"))
    with pytest.raises(UsageError, match="synthetic documents are not dealt into folds") as caught:
        job.run(recipe("data.source=synth:invoices"))
    assert "data.test_documents" in caught.value.hint
    with pytest.raises(RecipeError, match=r"it must be 0 \(one split\), or 2 or more"):
        recipe("evaluate.folds=1")
    assert world.trained == 0


def test_the_datas_own_split_is_dissolved_and_what_it_leaves_out_stays_out(world):
    rows = [
        begin.row(*each) | {"group": f"p{i % GROUPS}", "split": ("train", "dev", "hold")[min(2, i % GROUPS)]}
        for i, each in enumerate(begin.ROWS)
    ]
    files.write_lines("mine/data.jsonl", rows)
    outcome = job.run(recipe("evaluate.folds=2"), until="data")
    assert outcome.counts["test"] == 6
    assert "not used, being in other splits: 'hold' (14)" in (outcome.path / "training.log").read_text()
    untouched = job.run(
        recipe("data.test_splits=[]", "data.train_splits=[train, hold]"), until="data", name="benchmark"
    )
    assert untouched.counts["test"] == 17


def test_a_fold_goes_on_with_its_run_only_and_shares_its_lock(world):
    path = job.run(recipe(), until="data").path
    fold = Run.open(path / "folds" / "1")
    assert fold.outer == path.resolve()
    assert Run.open(path).outer is None
    beside = job.run(recipe("evaluate.folds=0"), runs="mine/folds", until="data")
    assert beside.path.parent.parent.joinpath("recipe.yaml").is_file()
    assert Run.open(beside.path).outer is None, "a folder of runs may be called so too"
    with pytest.raises(RunError, match="is a fold") as caught:
        job.go_on(fold)
    assert caught.value.hint == f"tunewright run {path.resolve()}"
    with Run.open(path).writing(), pytest.raises(RunError, match="already writing here"), fold.writing():
        pass


def test_no_model_of_a_cross_validation_is_taken_for_use(world):
    path = job.run(recipe(), until="train").path
    with pytest.raises(RunError, match="is a cross-validation") as caught:
        answer.load_tuned(Run.open(path))
    assert "evaluate.folds=0" in caught.value.hint
    with pytest.raises(RunError, match="no trained run"):
        use.find(None, path.parent)


def test_the_command_line_tells_folds_and_pool(world, capsys):
    small = ("decode.batch_size=1", "evaluate.bootstrap_resamples=50", "evaluate.systems=[base, tuned]")
    sets = [f"--set={each}" for each in small]
    assert cli.invoke(["run", "mine/recipe.yaml", "--folds", "3", "--quiet", *sets]) == 0, capsys.readouterr().err
    out = capsys.readouterr().out
    assert "All documents, each answered by the model of its fold (3 folds)" in out
    assert "Folds, tuned, grammar" in out
    assert "exact match of single folds: 100.0 % to 100.0 %" in out
    assert out.rstrip().endswith("--set evaluate.folds=0 --name mine-model")
    assert cli.invoke(["ls"]) == 0
    assert "done, 3 folds" in capsys.readouterr().out
    assert cli.invoke(["show"]) == 0
    assert "3, each trained on 9-11 records and tested on 6-8" in capsys.readouterr().out
    assert cli.invoke(["show", "--json"]) == 0
    assert [fold["fold"] for fold in json.loads(capsys.readouterr().out)["folds"]] == [1, 2, 3]
    assert cli.invoke(["prepare", "runs/mine/recipe.yaml"]) == 0
    assert "fold 3, validation" in capsys.readouterr().out
    assert cli.invoke(["train", "runs/mine/recipe.yaml", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["folds"]) == 3
    assert cli.invoke(["train", "runs/mine/recipe.yaml"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 6
