"""The whole job with a two-layer random model: every stage is real; the process is killed and goes on."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tunewright import cli
from tunewright.core import files, recipe_file
from tunewright.core.run import Run


def test_every_stage_leaves_what_the_design_names(whole):
    path = whole
    assert Run.open(path).recipe.seed == 11
    for name in ("base", "few-shot", "tuned"):
        for decoding in ("free", "grammar"):
            scores = files.read_json(path / "systems" / name / f"scores-{decoding}.json")
            assert scores["n"] == len(list(files.read_lines(path / "systems" / name / f"predictions-{decoding}.jsonl")))
            if decoding == "grammar":
                assert scores["metrics"]["json_validity"]["value"] == 1.0
                assert scores["metrics"]["schema_adherence"]["value"] == 1.0
    training = files.read_json(path / "systems" / "tuned" / "training_metrics.json")
    assert training["total_steps"] == 8
    assert len(training["steps"]) >= 1
    assert files.read_json(path / "lock.json")["threads"] == 1
    html = (path / "report.html").read_text(encoding="utf-8")
    assert "smoke" in html
    stages = [row["stage"] for row in files.read_lines(path / "events.jsonl") if row["event"] == "end"]
    assert stages == ["data", "train", "evaluate", "compare", "report"]


def compare(one: Path, other: Path) -> None:
    """The same data, the same bytes of what was trained, the same answers."""
    weights = [str(path.relative_to(one)) for path in one.glob("systems/tuned/*/*.safetensors")]
    assert len(weights) == 1
    for name in ["data/train.jsonl", "data/test.jsonl", *weights]:
        assert files.sha256(one / name) == files.sha256(other / name), name
    for path in one.glob("systems/*/predictions-*.jsonl"):
        both = (list(files.read_lines(root / path.relative_to(one))) for root in (one, other))
        rows = [[(row["id"], row["text"]) for row in found] for found in both]
        assert rows[0] == rows[1], path.name
    pairs = [files.read_json(root / "metrics_comparison.json")["pairs"] for root in (one, other)]
    assert pairs[0] == pairs[1]


def killed_and_resumed(drive, whole: Path, recipe: Path, runs: Path, kills: int, seed: int) -> None:
    """Kill at random moments: so many events after a start, so that the last comes near the end, and a little later."""
    chance = random.Random(seed)
    most = 2 * len(files.whole_lines(whole / "events.jsonl")) // kills
    moments = [f"{chance.randint(0, most)}:{chance.uniform(0, 0.2):.3f}" for _ in range(kills)]
    lines = drive(runs, recipe, "cut", moments)
    assert lines.count("killed") >= kills // 2, lines
    compare(whole, runs / "cut")
    assert not list((runs / "cut").rglob(".tmp-*"))
    assert not list((runs / "cut").rglob("*.part.jsonl"))


def test_killed_at_random_moments_it_ends_with_the_same_bytes(drive, whole, recipe, tmp_path):
    killed_and_resumed(drive, whole, recipe, tmp_path, kills=6, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 7))
def test_killed_at_a_hundred_random_moments_it_ends_with_the_same_bytes(drive, whole, recipe, tmp_path, seed):
    killed_and_resumed(drive, whole, recipe, tmp_path, kills=20, seed=seed)


@pytest.mark.slow
def test_killed_while_all_weights_are_tuned_as_the_demo_does(drive, changes, tmp_path):
    sets = [*changes, "method.name=full", "train.optim=muon", "train.pointer_weight=0.5"]
    page = tmp_path / "smoke.yaml"
    page.write_text(recipe_file.resolved(recipe_file.read("smoke", sets, environment={})), encoding="utf-8")
    drive(tmp_path, page, "whole", [])
    killed_and_resumed(drive, tmp_path / "whole", page, tmp_path, kills=20, seed=7)


def unanswered(whole: Path, folder: Path, workers: int) -> Path:
    """A copy of the run that has its models and no answers."""
    shutil.copytree(whole, folder)
    for path in [*folder.glob("systems/*/predictions-*"), *folder.glob("systems/*/scores-*")]:
        path.unlink()
    for name in ("systems/manifest.json", "report.html", "metrics_comparison.json"):
        (folder / name).unlink(missing_ok=True)
    recipe = (folder / "recipe.yaml").read_text(encoding="utf-8")
    assert "workers: 0" in recipe.partition("evaluate:")[2]
    before, word, after = recipe.partition("evaluate:")
    (folder / "recipe.yaml").write_text(before + word + after.replace("workers: 0", f"workers: {workers}", 1))
    return folder


def test_answers_by_two_processes_are_those_of_one_also_after_a_kill(whole, tmp_path):
    folder = unanswered(whole, tmp_path / "side", workers=2)
    program = Path(sys.executable).with_name("tunewright")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TUNEWRIGHT_NO_PROGRESS": "1"}
    command = [program, "evaluate", str(folder)]
    running = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, start_new_session=True)
    while running.poll() is None and not list(folder.glob("systems/*/*.part.jsonl")):
        time.sleep(0.01)
    running.kill()
    running.wait()
    deadline = time.monotonic() + 10
    while alive(running.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(running.pid), "a worker outlived the run that started it"
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not list(folder.rglob("*.part.jsonl"))
    names = [path.relative_to(folder) for path in folder.glob("systems/*/predictions-*.jsonl")]
    assert len(names) == len(list(whole.glob("systems/*/predictions-*.jsonl"))) > 2
    for name in names:
        rows = [[(row["id"], row["text"]) for row in files.read_lines(root / name)] for root in (whole, folder)]
        assert rows[0] == rows[1], name


def alive(group: int) -> list[str]:
    """Processes of a group that have not ended."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[2] == str(group) and fields[0] != "Z":
            found.append(entry.parent.name)
    return found


def test_the_tuned_model_extracts_from_a_file(whole, tmp_path, capsys):
    (tmp_path / "letter.txt").write_text("बिल संख्या: INV-2025-001, ग्राहक: राम कुमार", encoding="utf-8")
    code = cli.invoke(["extract", str(tmp_path / "letter.txt"), "--run", str(whole), "--doc-type", "invoice"])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    (row,) = [json.loads(line) for line in captured.out.splitlines()]
    assert list(row["value"]) == ["invoice_number", "customer_name", "date", "total_amount"]
    assert str(whole) in captured.err


def test_the_first_ctrl_c_saves_and_prints_the_command_that_goes_on(recipe, tmp_path):
    runs = tmp_path / "runs"
    program = Path(sys.executable).with_name("tunewright")
    longer = ["--set", "train.max_steps=4000", "--set", "train.save_steps=4000", "--set", "train.eval_steps=4000"]
    arguments = ["run", str(recipe), "--runs", str(runs), *longer]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TUNEWRIGHT_NO_PROGRESS": "1"}
    running = subprocess.Popen([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    events = runs / "smoke" / "events.jsonl"
    while running.poll() is None and not any(row.get("event") == "step" for row in files.whole_lines(events)):
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate()
    assert running.returncode == 130, err.decode()
    assert out == b""
    assert err.decode().rstrip().splitlines()[-1] == f"  tunewright {' '.join(arguments)}"
    rows = files.whole_lines(events)
    assert [(row["stage"], row["event"]) for row in rows][-1] == ("train", "broken off")
    saved = files.read_json(runs / "smoke" / "systems" / "tuned" / "latest_checkpoint_info.json")
    assert saved["step"] == max(row["step"] for row in rows if row["event"] in ("step", "checkpoint"))


TASK = """
from tunewright.tasks.extraction import Extraction


class Asked(Extraction):
    name = "asked"
"""


def test_a_task_and_a_metric_of_ones_own(recipe, short_replies, tmp_path, monkeypatch, capsys):
    from tunewright.core import catalogue

    monkeypatch.setattr(catalogue, "_own", {})
    (tmp_path / "asked.py").write_text(TASK, encoding="utf-8")
    shutil.copy(short_replies, tmp_path)
    runs = ["--runs", str(tmp_path / "runs")]
    given = ["run", str(recipe), *runs, "--quiet", "--set", "evaluate.workers=2", "--set", "task.name=asked"]
    given += ["--set", "evaluate.systems=[base, rules]"]
    assert cli.invoke(given) == 2
    assert "hint: --code FILE adds a task of your own" in capsys.readouterr().err
    # Both processes that answer know the task.
    assert cli.invoke([*given, "--code", str(tmp_path / "asked.py")]) == 0, capsys.readouterr().err
    assert capsys.readouterr().out.splitlines()[-1].endswith(f"--code {tmp_path / 'asked.py'}")
    (run,) = (tmp_path / "runs").iterdir()
    assert list(files.read_json(run / "lock.json")["own_code"]) == ["task/asked.py"]
    monkeypatch.setattr(catalogue, "_own", {})
    for looks in (["show", str(run)], ["report", str(run)], ["ls", *runs]):  # without the file, a run can be looked at
        assert cli.invoke(looks) == 0, capsys.readouterr().err
    assert run.name in capsys.readouterr().out
    # Answers that are there are scored again by a metric that comes later.
    both = ["--code", str(tmp_path / "asked.py"), "--code", str(tmp_path / "short_replies.py")]
    before = {path: path.stat().st_mtime_ns for path in run.glob("systems/*/predictions-*.jsonl")}
    assert cli.invoke([*given, *both]) == 0, capsys.readouterr().err
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert len(before) == 3
    for answers in before:
        replies = [row["text"] for row in files.read_lines(answers)]
        scores = files.read_json(answers.with_name(answers.stem.replace("predictions", "scores") + ".json"))
        told = scores["metrics"]["short_replies"]["value"]
        assert told == pytest.approx(sum(len(reply) < 80 for reply in replies) / len(replies))
    assert "short_replies" in (run / "benchmark_results.csv").read_text(encoding="utf-8")
