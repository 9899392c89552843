"""Training in several processes from the command line; under the user's own launchers in the long form."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tunewright import cli
from tunewright.core import files, recipe_file

TORCHRUN = [sys.executable, "-m", "torch.distributed.run"]
FEW = ("train.max_steps=4", "train.bf16=false", "train.logging_steps=1")


@pytest.fixture(scope="module")
def short(changes, tmp_path_factory) -> Path:
    """A recipe of four steps, as a file."""
    folder = tmp_path_factory.mktemp("several")
    found = recipe_file.read("smoke", [*changes, *FEW], environment={})
    (folder / "smoke.yaml").write_text(recipe_file.resolved(found), encoding="utf-8")
    return folder / "smoke.yaml"


def start(*command: str) -> subprocess.Popen[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TUNEWRIGHT_NO_PROGRESS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(*command: str) -> tuple[int, str, str]:
    process = start(*command)
    out, err = process.communicate()
    return process.returncode, out, err


@pytest.fixture(scope="module")
def two(short) -> tuple[Path, str, str]:
    """A run trained by two processes, and what was on its screen."""
    code, out, err = run(
        sys.executable,
        "-m",
        "tunewright",
        "train",
        str(short),
        "--runs",
        str(short.parent),
        "--name",
        "two",
        "--processes",
        "2",
    )
    assert code == 0, err
    return short.parent / "two", out, err


def weights(folder: Path) -> bytes:
    return (folder / "systems" / "tuned" / "adapter" / "adapter_model.safetensors").read_bytes()


def furthest(one: Path, other: Path) -> float:
    from safetensors.torch import load

    a, b = load(weights(one)), load(weights(other))
    assert a.keys() == b.keys()
    return max(float((a[name] - b[name]).abs().max()) for name in a)


def test_two_processes_leave_the_run_of_one(two, short, tmp_path, capsys):
    folder, out, err = two
    assert cli.invoke(["train", str(short), "--runs", str(tmp_path), "--name", "one"]) == 0
    assert furthest(tmp_path / "one", folder) < 2e-5
    hashes = {files.read_json(path / "lock.json")["recipe_sha256"] for path in (tmp_path / "one", folder)}
    assert len(hashes) == 1, "the number of processes is no part of the recipe"
    assert files.read_json(folder / "lock.json")["processes"] == 2
    assert files.read_json(folder / "systems" / "tuned" / "training_args.json")["processes"] == 2
    assert capsys.readouterr().out.replace(str(tmp_path / "one"), str(folder)).splitlines()[-1] == out.splitlines()[-1]
    rows = [(row["stage"], row["event"]) for row in files.read_lines(folder / "events.jsonl")]
    for one in (("data", "end"), ("train", "begin"), ("train", "end")):
        assert rows.count(one) == 1, one
    assert err.count("examples, ") == 1, "one of them speaks"
    assert "torch/distributed" not in err
    # Anyone may go on with it alone.
    assert cli.invoke(["train", str(folder)]) == 0


@pytest.mark.slow
def test_an_error_in_training_comes_once_with_its_exit_code(two, short):
    folder = two[0]
    manifest = folder / "systems" / "tuned" / "manifest.json"
    kept = manifest.read_text()
    manifest.unlink()
    saved = folder / "systems" / "tuned" / "checkpoints" / "step-000004"
    state = (saved / "state.json").read_text()
    try:
        other = re.sub(r'"recipe": "\w+"', '"recipe": "other"', state)
        (saved / "state.json").write_text(other)
        sizes = files.read_json(saved / "manifest.json")
        sizes["state.json"] = {"sha256": files.sha256(saved / "state.json"), "bytes": len(other.encode())}
        files.write_json(saved / "manifest.json", sizes)
        code, out, err = run(sys.executable, "-m", "tunewright", "train", str(folder), "--processes", "2")
    finally:
        manifest.write_text(kept)
    assert (code, out) == (1, "")
    assert err.count("error:") == 1
    assert "checkpoint step-000004 is of another training: it has another recipe" in err
    assert err.count("hint: move ") == 1
    assert "Traceback" not in err


@pytest.mark.slow
def test_under_the_users_own_torchrun_it_is_the_same(two, short):
    code, out, err = run(
        *TORCHRUN,
        "--standalone",
        "--nproc-per-node",
        "2",
        "-m",
        "tunewright",
        "train",
        str(short),
        "--runs",
        str(short.parent),
        "--name",
        "own",
    )
    assert code == 0, err
    assert out.count("Next: ") == 1
    assert weights(short.parent / "own") == weights(two[0])
    code, out, err = run(
        *TORCHRUN, "--standalone", "--nproc-per-node", "2", "-m", "tunewright", "evaluate", str(two[0])
    )
    assert code != 0
    assert err.count("error: evaluate is done by one process, not by 2") == 1


@pytest.mark.slow
def test_under_accelerate_it_is_the_same_and_shards_are_refused(two, short):
    launch = [
        str(Path(sys.executable).with_name("accelerate")),
        "launch",
        "--num_processes",
        "2",
        "--num_machines",
        "1",
        "--mixed_precision",
        "no",
        "--dynamo_backend",
        "no",
    ]
    train = ["--module", "tunewright", "train", str(short), "--runs", str(short.parent), "--name"]
    code, _, err = run(*launch, "--multi_gpu", *train, "accelerated")
    assert code == 0, err
    assert weights(short.parent / "accelerated") == weights(two[0])
    code, _, err = run(*launch, "--use_fsdp", *train, "sharded")
    assert code != 0
    assert err.count("error: FSDP is not supported: every process holds the whole model") == 1


@pytest.mark.slow
def test_two_agents_on_one_machine_are_two_nodes(two, short):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    node = [*TORCHRUN, "--nnodes", "2", "--nproc-per-node", "1", "--rdzv-id", "job", "--rdzv-backend", "c10d"]
    node += ["--rdzv-endpoint", f"127.0.0.1:{port}", "--local-addr", "127.0.0.1"]
    command = [*node, "-m", "tunewright", "train", str(short), "--runs", str(short.parent), "--name", "nodes"]
    agents = [start(*command) for _ in range(2)]
    said = [agent.communicate() for agent in agents]
    assert [agent.returncode for agent in agents] == [0, 0], said
    assert sum(out.count("Next: ") for out, _ in said) == 1, "one process of all speaks"
    assert weights(short.parent / "nodes") == weights(two[0])
