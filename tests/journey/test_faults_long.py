"""Training killed at fifty random moments, and in two processes; a tuned model whose bytes have changed since."""

from __future__ import annotations

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

METHODS = {
    "lora": ["method.lora_r=4"],
    "adalora": ["method.name=adalora", "method.init_r=6", "method.target_r=2"],
    "full": ["method.name=full"],
}


def page(folder: Path, changes: list[str], *more: str) -> Path:
    """The smoke recipe with these changes, as a file."""
    path = folder / "smoke.yaml"
    path.write_text(
        recipe_file.resolved(recipe_file.read("smoke", [*changes, *more], environment={})), encoding="utf-8"
    )
    return path


def weights(run: Path) -> str:
    (path,) = run.glob("systems/tuned/*/*.safetensors")
    return files.sha256(path)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_fifty_kills_of_a_training_end_with_the_same_bytes(drive, changes, tmp_path, method):
    recipe = page(tmp_path, changes, *METHODS[method], "train.max_steps=40", "train.logging_steps=1")
    assert drive(tmp_path, recipe, "whole", [], "train") == ["finished"]
    total = len(files.whole_lines(tmp_path / "whole" / "events.jsonl"))
    chance = random.Random(method)
    # So many events after a start, so that the last of fifty comes near the end, and a moment later.
    moments = [f"{chance.randint(0, 2 + 2 * total // 50)}:{chance.uniform(0, 0.1):.4f}" for _ in range(50)]
    lines = drive(tmp_path, recipe, "cut", moments, "train")
    print(f"{method}: {lines.count('killed')} of 50 starts were killed before the end")
    assert lines.count("killed") >= 40, lines
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    assert not list((tmp_path / "cut").rglob(".tmp-*"))


DAMAGES = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-5]),
    "flipped": lambda path: path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1])),
    "empty": lambda path: path.write_bytes(b""),
    "missing": lambda path: path.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_config.json", "task.json"])
def test_tuned_weights_that_changed_are_not_used(whole, tmp_path, capsys, name, damage):
    run = tmp_path / "whole"
    shutil.copytree(whole, run)
    DAMAGES[damage](run / "systems" / "tuned" / "adapter" / name)
    (tmp_path / "letter.txt").write_text("INV-2025-001", encoding="utf-8")
    for command in (
        ["run", str(run)],
        ["train", str(run)],
        ["extract", str(tmp_path / "letter.txt"), "--run", str(run)],
    ):
        assert cli.invoke(command) == 1
        said = capsys.readouterr().err
        assert f"error: {run}: its tuned weights are damaged: adapter/{name} " in said
        assert "hint: remove " in said


def test_tuned_weights_as_they_were_left_are_used(whole, capsys):
    """Also beside what the report wrote since."""
    assert cli.invoke(["run", str(whole)]) == 0, capsys.readouterr().err


def test_what_the_hint_says_brings_them_back_without_training(whole, tmp_path, capsys):
    run = tmp_path / "whole"
    shutil.copytree(whole, run)
    DAMAGES["flipped"](run / "systems" / "tuned" / "adapter" / "adapter_model.safetensors")
    assert weights(run) != weights(whole)
    (run / "systems" / "tuned" / "manifest.json").unlink()
    assert cli.invoke(["train", str(run)]) == 0
    assert weights(run) == weights(whole)
    steps = [row["message"] for row in files.read_lines(run / "events.jsonl") if row["event"] == "resumed"]
    assert steps == ["resumed at step 8 of 8"]


def program(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tunewright", *arguments],
        env=os.environ | {"OMP_NUM_THREADS": "1", "TUNEWRIGHT_NO_PROGRESS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def children(process: int) -> list[int]:
    """Processes that a process has started."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == process and fields[0] != "Z":
            found.append(int(entry.parent.name))
    return found


def steps(run: Path) -> int:
    return sum(row.get("event") == "step" for row in files.whole_lines(run / "events.jsonl"))


def wait_for(what, process: subprocess.Popen[str]) -> None:
    while process.poll() is None and not what():
        time.sleep(0.01)
    assert process.poll() is None, process.communicate()


@pytest.mark.slow
def test_two_processes_killed_at_any_moment_end_with_the_same_bytes(changes, tmp_path):
    """With dropout. The launcher is killed, then one of its processes; then Ctrl-C; then nothing."""
    recipe = page(
        tmp_path,
        changes,
        "method.lora_dropout=0.1",
        "train.max_steps=500",
        "train.logging_steps=1",
        "train.save_steps=20",
        "train.eval_steps=100",
    )
    command = ["train", str(recipe), "--runs", str(tmp_path), "--processes", "2"]
    whole = program(*command, "--name", "whole")
    _, err = whole.communicate()
    assert whole.returncode == 0, err
    run, command = tmp_path / "cut", [*command, "--name", "cut"]

    launcher = program(*command)
    wait_for(lambda: steps(run) >= 30, launcher)
    trained = children(launcher.pid)
    assert len(trained) == 2
    for one in trained:
        os.kill(one, signal.SIGSTOP)  # so that the training is still going on when the second comes
    second = program(*command)
    _, err = second.communicate()
    assert second.returncode == 1
    assert "another process is writing here" in err
    launcher.kill()
    for one in trained:
        os.kill(one, signal.SIGCONT)
    launcher.communicate()
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{one}").exists() for one in trained) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{one}").exists() for one in trained), "a process outlived its launcher"

    before = steps(run)
    launcher = program(*command)
    wait_for(lambda: steps(run) >= before + 30, launcher)
    os.kill(children(launcher.pid)[-1], signal.SIGKILL)
    _, err = launcher.communicate()
    assert launcher.returncode == 1
    assert err.count("error:") == 1
    assert "error: a process that trained ended with signal 9" in err
    assert "Traceback" not in err

    before = steps(run)
    launcher = program(*command)
    wait_for(lambda: steps(run) >= before + 30, launcher)
    launcher.send_signal(signal.SIGINT)
    _, err = launcher.communicate()
    assert launcher.returncode == 130, err
    assert err.count("saving; press Ctrl-C again") == 1
    assert err.count("interrupted; nothing that was finished is lost") == 1

    launcher = program(*command)
    _, err = launcher.communicate()
    assert launcher.returncode == 0, err
    assert weights(run) == weights(tmp_path / "whole")
    assert sum(row.get("event") == "resumed" for row in files.whole_lines(run / "events.jsonl")) == 3
