"""The story of a run with stand-ins for the models: stages, resuming in parts, what is kept and what is redone."""

from __future__ import annotations

import errno
import json
import sys
from types import SimpleNamespace

import pytest

from stand_ins import Interrupted, World
from tunewright.core import files, recipe_file
from tunewright.core.errors import DataError, GateMissed, RunError, UsageError
from tunewright.core.run import Run
from tunewright.flow import answer, begin, job
from tunewright.flow.outcome import Outcome


@pytest.fixture
def world(monkeypatch, tmp_path):
    made = World()
    made.take_over(monkeypatch)
    monkeypatch.chdir(tmp_path)
    begin.begin("mine")
    return made


def recipe(*sets):
    small = ("decode.batch_size=1", "evaluate.bootstrap_resamples=50", "evaluate.sample=3", "data.test_share=0.5")
    return recipe_file.read("mine/recipe.yaml", (*small, *sets), environment={})


def scores(path):
    found = {}
    for file in sorted(path.glob("systems/*/scores-*.json")):
        row = files.read_json(file)
        found[f"{row['system']}/{row['decoding']}"] = row
    return found


FILES = (
    "recipe.yaml",
    "lock.json",
    "events.jsonl",
    "training.log",
    "data/raw.jsonl",
    "data/processed.jsonl",
    "data/rejected.jsonl",
    "data/train.jsonl",
    "data/validation.jsonl",
    "data/test.jsonl",
    "data/manifest.json",
    "systems/tuned/adapter",
    "systems/base/predictions-free.jsonl",
    "systems/base/scores-grammar.json",
    "systems/rules/scores-free.json",
    "metrics_comparison.json",
    "benchmark_results.csv",
    "experiment_metadata.json",
    "report.html",
)


def test_a_whole_job_fills_the_run_folder_and_tells_what_came_out(world):
    outcome = job.run(recipe())
    path = outcome.path
    assert outcome.stages == ("data", "train", "evaluate", "compare", "report")
    for name in FILES:
        assert (path / name).exists(), name
    assert not list(path.rglob("*.part.jsonl"))
    assert not list(path.rglob(".tmp-*"))
    test = outcome.counts["test"]
    found = scores(path)
    assert set(found) == {
        "rules/free", "base/free", "base/grammar", "few-shot/free", "few-shot/grammar", "tuned/free", "tuned/grammar",
    }  # fmt: skip
    assert found["tuned/grammar"]["n"] == found["tuned/grammar"]["of"] == test > 3
    assert found["tuned/grammar"]["sample"] == "all"
    assert {cell["n"] for name, cell in found.items() if name != "tuned/grammar"} == {3}
    assert found["base/free"]["sample"] == "stratified"
    assert found["tuned/grammar"]["cost"]["adapter_bytes"] > len("weights")
    assert found["tuned/grammar"]["cost"]["peak_memory_bytes"] > 0
    assert outcome.value("exact_match") == 1.0
    assert outcome.value("exact_match", "base/free") == 0.0
    pair = outcome.pair("base/free")
    assert (pair["a_value"], pair["b_value"], pair["n"]) == (0.0, 1.0, 3)
    written = (path / "report.html").stat().st_mtime_ns
    job.run(recipe())
    assert (path / "report.html").stat().st_mtime_ns == written
    assert json.loads(json.dumps(outcome.to_row()))["scores"]["test"]["tuned/grammar"]["n"] == test


def test_every_sampled_cell_answers_the_same_documents(world):
    path = job.run(recipe(), until="compare").path
    ids = {
        tuple(row["id"] for row in files.read_lines(file))
        for file in path.glob("systems/*/predictions-*.jsonl")
        if file.parent.name != "tuned" or "grammar" not in file.name
    }
    assert len(ids) == 1


def test_the_same_command_again_does_nothing_again(world):
    path = job.run(recipe(), until="compare").path
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    asked = len(world.parts)
    job.run(recipe(), until="compare")
    assert (world.trained, len(world.parts)) == (1, asked)
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize("broken", [0, 2, 5, 7])
def test_a_job_broken_off_anywhere_goes_on_with_the_same_parts(world, broken):
    whole = job.run(recipe(), name="whole", until="compare")
    wanted, world.parts = world.parts, []
    world.break_after = broken
    with pytest.raises(Interrupted):
        job.run(recipe(), name="cut", until="compare")
    world.break_after = None
    outcome = job.run(recipe(), name="cut", until="compare")
    assert world.parts == wanted
    assert world.trained == 2
    for name in ("base/free", "tuned/grammar"):
        one, other = (files.read_json(r.path / "metrics_comparison.json") for r in (whole, outcome))
        assert one["pairs"] == other["pairs"], name


def test_a_half_written_answer_is_answered_again_and_strangers_are_thrown_out(world, tmp_path):
    partial = tmp_path / "predictions-free.part.jsonl"
    rows = [files.line({"id": name, "text": "x"}) for name in "abcdefgh"]

    def left(text: str) -> tuple[int, list[str]]:
        partial.write_text(text)
        done = answer._resume(partial, list("abcdefgh"), 3)
        return done, [row["id"] for row in files.whole_lines(partial)]

    assert left("") == (0, [])
    assert left("".join(rows[:4]) + rows[4][:-9]) == (3, list("abc"))
    assert left("".join(rows[:6])) == (6, list("abcdef"))
    assert left("".join(rows)) == (8, list("abcdefgh"))
    assert left(rows[0] + rows[2] + rows[1]) == (0, [])
    assert left("[]\n" + rows[0]) == (0, [])
    partial.unlink()
    assert answer._resume(partial, list("abcdefgh"), 3) == 0


def test_a_system_that_leaves_documents_out_is_refused(world, monkeypatch):
    whole = world.system

    def lossy(*arguments, **options):
        system = whole(*arguments, **options)
        return SimpleNamespace(predict=lambda examples: list(system.predict(examples))[1:])

    monkeypatch.setitem(sys.modules, "tunewright.decode.system", SimpleNamespace(LocalSystem=lossy))
    with pytest.raises(RunError, match="did not answer"):
        job.run(recipe(), until="compare")


def test_stages_can_be_done_one_by_one(world):
    assert job.run(recipe(), until="data").stages == ("data",)
    assert world.trained == 0
    outcome = job.run(recipe(), until="train")
    assert outcome.stages == ("data", "train")
    assert not outcome.cells
    assert job.go_on(Run.open(outcome.path), until="compare").stages == ("data", "train", "evaluate", "compare")
    with pytest.raises(UsageError, match="no stage"):
        job.run(recipe(), until="reports")


def test_a_recipe_without_a_tuned_system_trains_nothing(world):
    outcome = job.run(recipe("evaluate.systems=[base, rules]"), until="compare")
    assert world.trained == 0
    assert outcome.main == "base/grammar"
    assert outcome.stages == ("data", "train", "evaluate", "compare")


def test_without_a_grammar_every_system_answers_freely(world):
    outcome = job.run(recipe("decode.grammar=false"), until="compare")
    assert set(outcome.cells["test"]) == {"rules/free", "base/free", "few-shot/free", "tuned/free"}
    assert outcome.cells["test"]["tuned/free"]["sample"] == "all"


def test_few_shot_sees_records_of_train_before_the_document(world):
    path = job.run(recipe(), until="train").path
    run = Run.open(path)
    train = {record["text"] for record in files.read_lines(path / "data" / "train.jsonl")}
    cell = answer.Cell(path, "few-shot", "free")
    for example in answer.examples(run, cell):
        turns = [message["content"] for message in example.messages if message["role"] == "user"]
        assert len(turns) == 3
        assert set(turns[:-1]) <= train
        assert turns[-1] == example.record.text


def test_gates_of_the_recipe_and_of_the_command(world):
    outcome = job.run(recipe("evaluate.gates={exact_match: 0.99}"), until="compare")
    assert outcome.gates == [{"metric": "exact_match", "floor": 0.99, "value": 1.0, "met": True}]
    outcome.check({"field_accuracy": 1.0})
    with pytest.raises(GateMissed, match=r"exact_match 1 < 1\.5"):
        outcome.check({"exact_match": 1.5})
    with pytest.raises(UsageError, match="no metric") as caught:
        outcome.check({"exact_mach": 0.5})
    with pytest.raises(UsageError, match="better when lower"):
        outcome.check({"hallucinated": 0.5})
    assert caught.value.hint == "did you mean 'exact_match'?"


def test_an_exam_is_taken_where_it_stands_and_named_where_not(world, tmp_path, capsys):
    path = job.run(recipe("evaluate.exams=[orders]"), until="compare").path
    assert "exam 'orders' is not here" in (path / "training.log").read_text()
    sets = tmp_path / "sets" / "orders"
    sets.mkdir(parents=True)
    train = next(files.read_lines(path / "data" / "train.jsonl"))
    fresh = {"id": "e1", "text": "Order Z-1 of Ann Lee, Perth, 12.00", "json": train["json"], "language": "en"}
    files.write_lines(sets / "data.jsonl", [fresh, {**train, "id": "e2"}])
    files.write_text(sets / "schema.json", json.dumps(begin.SCHEMA))
    outcome = job.run(recipe("evaluate.exams=[orders]"), data=tmp_path / "sets", until="compare")
    assert outcome.cells["orders"]["tuned/grammar"]["n"] == 1, "the document that was trained on is left out"
    otherwise = set(outcome.cells["test"]) - set(outcome.cells["orders"])
    assert otherwise == {"tuned/free", "few-shot/grammar", "base/grammar"}
    assert (
        "exam 'orders': 1 documents stand in train or validation, or nearly, and are left out"
        in (path / "training.log").read_text()
    )
    assert {pair["on"] for pair in outcome.pairs} == {"test", "orders"}
    assert world.trained == 1
    # A run that knows its exam from the start keeps it out of train.
    own = job.run(recipe("evaluate.exams=[orders]"), data=tmp_path / "sets", name="own", until="compare")
    assert own.counts["train"] == outcome.counts["train"] - 1
    assert train["text"] not in {row["text"] for row in files.read_lines(own.path / "data" / "train.jsonl")}


def test_rows_that_cannot_be_used_are_kept_with_their_reason(world, tmp_path):
    with open("mine/data.jsonl", "a", encoding="utf-8") as file:
        file.write('{"text": \n{"text": 5, "json": {}}\n')
    path = job.run(recipe(), until="data").path
    rejected = list(files.read_lines(path / "data" / "rejected.jsonl"))
    assert [row["line"] for row in rejected] == [21, 22]
    assert all(row["reason"] for row in rejected)
    assert Outcome.of(Run.open(path)).counts["rejected"] == 2


def test_an_answer_that_does_not_obey_its_schema_is_set_aside_and_counted(world):
    with open("mine/data.jsonl", "a", encoding="utf-8") as file:
        file.write('{"text": "order 9", "json": {"order_number": "9"}}\n')
    path = job.run(recipe(), until="data").path
    [row] = files.read_lines(path / "data" / "rejected.jsonl")
    assert row["line"] == 21
    assert "does not obey its schema" in row["reason"]
    assert "customer" in row["reason"]


def test_a_schema_of_the_recipe_is_marked_and_used_as_marked(world):
    with open("mine/data.jsonl", "a", encoding="utf-8") as file:
        for i in range(80):
            gold = {"order_number": f"C-{i}", "customer": None, "city": "Pune", "total": None}
            file.write(files.line({"text": f"order C-{i} to Pune, number {i * 37}", "json": gold}))
    path = job.run(recipe("data.near_duplicates=0"), until="data").path
    run = Run.open(path)
    assert run.manifest("data")["verbatim"].keys() >= {"order_number", "city"}
    schema = job.prepared.task_of(run).schema
    assert schema["properties"]["city"]["x-verbatim"] is True
    (path.parent.parent / "mine" / "schema.json").unlink()
    assert job.prepared.task_of(run).schema == schema


def test_data_that_changed_since_is_refused_by_name(world):
    path = job.run(recipe(), until="data").path
    job.run(recipe(), until="data")
    with open("mine/data.jsonl", "a", encoding="utf-8") as file:
        file.write('{"text": "one more"}\n')
    with pytest.raises(DataError, match="has changed") as caught:
        job.run(recipe())
    assert caught.value.where.endswith("mine/data.jsonl")
    assert str(path) in caught.value.hint
    assert job.run(recipe("seed=2"), until="data", name="another").counts["rejected"] == 1


def test_a_model_of_other_data_is_refused_and_of_the_same_is_kept(world):
    import shutil

    path = job.run(recipe(), until="train").path
    shutil.rmtree(path / "data")
    job.run(recipe(), until="train")
    assert world.trained == 1
    shutil.rmtree(path / "data")
    with open("mine/data.jsonl", "a", encoding="utf-8") as file:
        file.write(files.line({"text": "order D-1", "json": dict.fromkeys(begin.KEYS) | {"order_number": "D-1"}}))
    with pytest.raises(RunError, match="trained on other data"):
        job.run(recipe(), until="train")


def test_weights_that_are_no_longer_those_that_were_trained_are_refused(world):
    path = job.run(recipe(), until="train").path
    weights = path / "systems" / "tuned" / "adapter" / "adapter_model.safetensors"
    weights.write_text("wieghts")
    for until in ("train", "evaluate"):
        with pytest.raises(RunError, match=r"adapter/adapter_model\.safetensors does not have the sha256") as caught:
            job.run(recipe(), until=until)
    assert f"remove {path / 'systems' / 'tuned' / 'manifest.json'}" in caught.value.hint
    (path / "systems" / "tuned" / "manifest.json").unlink()
    assert job.run(recipe(), until="compare").stages[-1] == "compare"
    assert world.trained == 2


def test_of_large_files_the_size_is_compared_unless_all_is_to_be_read(world, monkeypatch):
    run = Run.open(job.run(recipe(), until="train").path)
    weights = run.path / "systems" / "tuned" / "adapter" / "adapter_model.safetensors"
    monkeypatch.setattr(answer, "QUICK_BYTES", 3)
    weights.write_text("wieghts")
    answer.check_weights(run)
    with pytest.raises(RunError, match="sha256"):
        answer.check_weights(run, thorough=True)
    weights.write_text("weight")
    with pytest.raises(RunError, match="has 6 bytes instead of 7"):
        answer.check_weights(run)
    weights.unlink()
    with pytest.raises(RunError, match="is missing"):
        answer.check_weights(run)


def test_a_card_that_the_report_wrote_anew_is_no_damage(world):
    path = job.run(recipe()).path
    manifest = files.read_json(path / "systems" / "tuned" / "manifest.json")
    manifest["sha256"]["adapter/README.md"] = "0" * 64
    files.write_json(path / "systems" / "tuned" / "manifest.json", manifest)
    (path / "systems" / "tuned" / "adapter" / "README.md").write_text("a card")
    answer.check_weights(Run.open(path), thorough=True)


def test_a_full_disk_is_an_error_that_says_what_to_do(world, monkeypatch):
    """Also where there is no room for the line that says that the stage broke off."""
    usual = world.finetune

    def no_space(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    def full(*arguments):
        monkeypatch.setattr(arguments[5], "add", no_space)
        no_space()

    monkeypatch.setattr(sys.modules["tunewright.train.finetune"], "finetune", full)
    with pytest.raises(RunError, match="the disk is full") as caught:
        job.run(recipe())
    assert "the same command again" in caught.value.hint
    monkeypatch.setattr(sys.modules["tunewright.train.finetune"], "finetune", usual)
    assert job.run(recipe(), until="compare").stages[-1] == "compare"


def test_without_test_documents_nothing_is_trained_to_be_evaluated(world):
    with pytest.raises(DataError, match="left to test on"):
        job.run(recipe("data.test_share=0"))
    assert world.trained == 0
    job.run(recipe("data.test_share=0"), until="train")
    assert world.trained == 1


def test_the_family_wren_is_pinned_to_its_version(world):
    from tunewright.models import embedded

    run = Run.open(job.run(recipe(), until="data").path)
    assert run.recipe.model == embedded.embedded()[-1]
    assert run.recipe.model != "wren"
    assert job.run(recipe(), until="data").path == run.path


def test_an_unknown_stage_is_refused_before_and_after_the_run_is_there(world):
    for _ in range(2):
        with pytest.raises(UsageError, match="no stage 'trian'"):
            job.run(recipe(), until="trian")
        path = job.run(recipe(), until="data").path
    with pytest.raises(UsageError):
        job.go_on(Run.open(path), until="trian")


def test_missing_data_is_an_error_and_leaves_no_finished_stage(world):
    bad = recipe_file.read("mine/recipe.yaml", ["data.source=nowhere"], environment={})
    with pytest.raises(DataError):
        job.run(bad)
    run = Run.open("runs/mine")
    assert not run.done("data")
    events = [(row["stage"], row["event"]) for row in files.read_lines(run.path / "events.jsonl")]
    assert events == [("data", "begin"), ("data", "broken off")]


def test_evaluating_before_training_says_what_to_do(world):
    path = job.run(recipe(), until="data").path
    with pytest.raises(RunError, match="not trained") as caught:
        answer.load_tuned(Run.open(path))
    assert "tunewright train" in caught.value.hint


def test_a_gate_on_an_unknown_metric_is_refused_before_anything_is_done(world):
    with pytest.raises(UsageError) as caught:
        job.run(recipe("evaluate.gates={exact_mach: 0.9}"))
    assert caught.value.hint == "did you mean 'exact_match'?"
    assert not Run.open("runs/mine").done("data")
