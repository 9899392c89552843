"""The run folder: identity by recipe, finished stages, one writer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tunewright.core import recipe_file, run
from tunewright.core.errors import RunError
from tunewright.core.recipe import Recipe
from tunewright.core.run import Run


def recipe(**changes) -> Recipe:
    return Recipe(name="job", **changes)


def test_the_same_recipe_finds_its_run_and_a_changed_one_gets_its_own(tmp_path):
    first = Run.create(tmp_path, recipe())
    assert first.path == tmp_path / "job"
    assert Run.create(tmp_path, recipe(description="other words")).path == first.path
    changed = Run.create(tmp_path, recipe(seed=1))
    assert changed.path != first.path
    assert changed.path.name.startswith("job-")
    assert Run.create(tmp_path, recipe(seed=1)).path == changed.path
    assert recipe_file.content_hash(Run.open(first.path).recipe) == recipe_file.content_hash(recipe())


def test_what_only_looks_at_a_run_makes_no_other_and_is_told_by_its_files(tmp_path):
    def asked(permutations):
        return recipe(evaluate={"folds": 2}, downstream={"permutations": permutations})

    first = Run.create(tmp_path, asked(10), name="mine")
    for fold in first.folds:
        fold.mkdir(parents=True)
        (fold / "recipe.yaml").write_text(recipe_file.resolved(asked(10)), encoding="utf-8")
    again = Run.create(tmp_path, asked(20), name="mine")
    assert again.path == first.path
    assert again.recipe.downstream.permutations == 20
    # Who does not hold the run writes nothing into it: another process may be judging.
    assert Run.open(first.path).recipe.downstream.permutations == 10
    before = (first.path / "lock.json").read_text()
    with again.writing():
        pass
    assert Run.open(first.path).recipe == asked(20)
    assert {Run.open(fold).recipe.downstream.permutations for fold in first.folds} == {20}
    assert recipe_file.content_hash(asked(20)) in (first.path / "lock.json").read_text() != before
    other = Run.create(tmp_path, Recipe(name="mine", seed=1))
    assert Run.create(tmp_path, Recipe(name="mine", seed=1, downstream={"permutations": 5})).path == other.path
    with pytest.raises(RunError, match="another recipe"):
        Run.create(tmp_path, Recipe(name="job", seed=1, evaluate={"folds": 2}), name="mine")


def test_a_named_run_of_another_recipe_is_refused_with_what_differs(tmp_path):
    Run.create(tmp_path, recipe(), name="mine")
    with pytest.raises(RunError, match=r"another recipe \(seed 0 → 7\)") as caught:
        Run.create(tmp_path, recipe(seed=7), name="mine")
    assert "--name" in caught.value.hint
    assert Run.open(tmp_path / "mine").recipe.seed == 0


def test_a_folder_of_something_else_is_never_taken(tmp_path):
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "thesis.txt").write_text("mine")
    with pytest.raises(RunError, match="not a run folder"):
        Run.create(tmp_path, recipe())
    assert [entry.name for entry in (tmp_path / "job").iterdir()] == ["thesis.txt"]


def test_creation_that_died_halfway_is_taken_up(tmp_path):
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "lock.json").write_text("{}")
    (tmp_path / "job" / ".tmp-1234-recipe.yaml").write_text("na")
    assert Run.create(tmp_path, recipe()).path == tmp_path / "job"


def test_looking_for_the_place_writes_nothing(tmp_path):
    assert run.place(tmp_path / "runs", recipe()) == tmp_path / "runs" / "job"
    assert list(tmp_path.iterdir()) == []


def test_a_finished_stage_is_never_overwritten(tmp_path):
    job = Run.create(tmp_path, recipe())
    assert not job.done("data")
    job.finish("data", {"counts": {"train": 3}})
    assert job.done("data")
    with pytest.raises(RunError, match="already finished"):
        job.finish("data", {"counts": {"train": 0}})
    assert job.manifest("data") == {"counts": {"train": 3}}


def test_notes_add_to_the_lock_file(tmp_path):
    job = Run.create(tmp_path, recipe())
    job.note(device="cpu", threads=2)
    from tunewright.core import files

    lock = files.read_json(job.path / "lock.json")
    assert (lock["device"], lock["threads"], lock["seed"]) == ("cpu", 2, 0)
    assert lock["versions"]["pydantic"]


HOLD = """
import sys, time
from tunewright.core.run import Run
with Run.open(sys.argv[1]).writing():
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_writer_is_refused_and_a_dead_one_is_replaced(tmp_path):
    job = Run.create(tmp_path, recipe())
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(job.path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunError, match=f"process {holder.pid}"), job.writing():
            pass
        assert holder.poll() is None
    finally:
        holder.kill()
        holder.wait()
    (job.path / ".tmp-abc-left").write_text("litter")
    with job.writing():
        assert not (job.path / ".tmp-abc-left").exists()


def test_a_forked_child_does_not_keep_the_lock_of_its_dead_parent(tmp_path):
    job = Run.create(tmp_path, recipe())
    script = HOLD.replace("    print(", "    import os\n    child = os.fork()\n    if child: print(child, ")
    holder = subprocess.Popen([sys.executable, "-c", script, str(job.path)], stdout=subprocess.PIPE, text=True)
    child = int(holder.stdout.readline().split()[0])
    try:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        os.kill(child, 0)
        with job.writing():
            pass
    finally:
        os.kill(child, signal.SIGKILL)


def test_one_process_does_not_hold_a_run_twice(tmp_path):
    job = Run.create(tmp_path, recipe())
    with job.writing(), pytest.raises(RunError, match="this process is already"), Run.open(job.path).writing():
        pass
    with job.writing():
        pass


def test_the_newest_run_is_the_one_last_worked_on(tmp_path):
    one, two = (Run.create(tmp_path, recipe(), name=name) for name in ("one", "two"))
    (tmp_path / "noise").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "recipe.yaml").write_text("[")
    past = time.time() - 100
    os.utime(two.path / "recipe.yaml", (past, past))
    assert run.newest(tmp_path).name == "one"
    (two.path / "events.jsonl").write_text("")
    os.utime(one.path / "recipe.yaml", (past, past))
    assert run.newest(tmp_path).name == "two"
    one.finish("data", {})
    assert run.newest(tmp_path, lambda job: job.done("data")).name == "one"
    with pytest.raises(RunError, match="no tuned run"):
        run.newest(tmp_path, lambda job: job.done("systems/tuned"), what="a tuned run")


def test_opening_what_is_not_a_run_is_refused(tmp_path):
    with pytest.raises(RunError, match=r"no recipe\.yaml"):
        Run.open(tmp_path)
