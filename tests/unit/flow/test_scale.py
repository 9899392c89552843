"""The door to torchrun: what is refused, what an error in another process becomes here, who speaks."""

from __future__ import annotations

import json
import signal
from types import SimpleNamespace

import pytest

from tunewright import cli
from tunewright.core import files, processes
from tunewright.core.errors import DataError, RunError, UsageError
from tunewright.core.recipe import Recipe
from tunewright.core.run import Run
from tunewright.flow import job, scale
from tunewright.train.finetune import refuse_sharded


@pytest.fixture
def several(monkeypatch):
    """The environment that torchrun gives the second of two processes."""
    for name, value in {"WORLD_SIZE": "2", "RANK": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)


def test_without_torchrun_there_is_one_process_which_is_the_first(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    assert (processes.count(), processes.rank(), processes.first()) == (1, 0, True)
    monkeypatch.setenv("WORLD_SIZE", "4")  # some clusters set it for other ends
    assert (processes.count(), processes.first()) == (1, True)
    assert scale.first_to_fail()


def test_torchrun_tells_which_one_this_is(several):
    assert (processes.count(), processes.rank(), processes.first()) == (2, 1, False)


class Store(dict):
    """What the launcher's store does, as far as it is asked here."""

    def set(self, key: str, value: str) -> None:
        self[key] = value

    def wait(self, keys: list[str], timeout: object) -> None:
        assert keys[0] in self, "would wait for ever"


def test_the_others_train_what_they_are_called_to_and_leave_when_they_are_let_go(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs = [Run.create("runs", Recipe(name=name)) for name in ("one", "two")]
    store = Store()
    monkeypatch.setattr(scale, "_store", lambda: store)
    monkeypatch.setattr(scale, "_calls", scale._Calls())
    scale.call(runs[0], train=True)
    assert not store, "a process alone calls nobody"
    for name, value in {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    scale.call(runs[0], train=True)
    scale.call(runs[1], train=True)
    scale.call(runs[0], train=False)
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr(scale, "_calls", scale._Calls())
    trained: list[str] = []
    monkeypatch.setattr(job, "_finetune", lambda run, events: trained.append(run.name))
    assert job.run(Recipe(name="one")).path.name == "one"
    assert trained == ["one", "two"]


def test_processes_are_not_started_by_processes(several):
    scale.check(1)
    with pytest.raises(UsageError, match="torchrun has already started 2 processes"):
        scale.check(2)


def test_more_processes_than_gpus_are_refused(monkeypatch):
    import torch

    with pytest.raises(UsageError, match="cannot be 0"):
        scale.check(0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    scale.check(2)
    with pytest.raises(UsageError, match="this machine has 2") as caught:
        scale.check(3)
    assert caught.value.hint == "--processes 2"


@pytest.mark.parametrize("name", ["ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED"])
def test_weights_in_shards_are_refused(monkeypatch, name):
    monkeypatch.setenv(name, "false")
    refuse_sharded()
    monkeypatch.setenv(name, "true")
    with pytest.raises(UsageError, match="every process holds the whole model"):
        refuse_sharded()


def failed(tmp_path, error: BaseException | None, *codes: int, **more: object) -> BaseException:
    """What the launcher raises when a process left this error, and the processes these exit codes."""
    path = tmp_path / "failure.json"
    if error is not None:
        path.write_text(json.dumps(scale._told(error)))
    raised = SimpleNamespace(failures={i: SimpleNamespace(exitcode=code) for i, code in enumerate(codes)}, **more)
    return scale._failed(path, raised)


def test_an_error_of_another_process_is_raised_here_as_it_was(tmp_path):
    made = failed(tmp_path, DataError("is no date", hint="mend it", where="a.jsonl:3"), 1, -signal.SIGTERM)
    assert isinstance(made, RunError)
    assert (made.message, made.hint, made.where, made.exit_code) == ("is no date", "mend it", "a.jsonl:3", 1)
    assert failed(tmp_path, UsageError("no such method"), 2, 2).exit_code == 2
    surprise = failed(tmp_path, ZeroDivisionError("division by zero"), 1)
    assert surprise.message == "unexpected ZeroDivisionError: division by zero"
    assert isinstance(failed(tmp_path, KeyboardInterrupt(), 1), KeyboardInterrupt)


def test_a_process_that_was_killed_is_told_by_its_signal_whatever_the_others_said(tmp_path):
    assert failed(tmp_path, None, -9).message == "a process that trained ended with signal 9"
    other = failed(tmp_path, RuntimeError("connection closed by peer"), 1, -9)
    assert other.message == "a process that trained ended with signal 9"
    assert "no word" in failed(tmp_path / "none", None, 1).message
    assert isinstance(failed(tmp_path / "none", None, sigval=signal.SIGINT), KeyboardInterrupt)


def test_a_verb_for_one_process_is_refused_to_several(several, monkeypatch, capsys):
    said: list[bool] = []
    monkeypatch.setattr(scale, "leave_with", lambda launcher: None)
    monkeypatch.setattr(scale, "first_to_fail", lambda: not said)
    monkeypatch.setattr("sys.stdout", None)
    assert cli.invoke(["evaluate", "runs/x"]) == 2
    assert "error: evaluate is done by one process, not by 2" in capsys.readouterr().err
    said.append(True)
    assert cli.invoke(["evaluate", "runs/x"]) == 2
    assert capsys.readouterr().err == "", "another process has said it"


def test_signals_do_again_what_they_did(monkeypatch):
    before = signal.getsignal(signal.SIGINT)
    with scale._quiet_launcher():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    assert signal.getsignal(signal.SIGINT) is before


def test_threads_are_shared_out_unless_the_user_said_how_many(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(scale.meter, "cores", lambda: 6.0)
    with scale._threads(2):
        assert scale.os.environ["OMP_NUM_THREADS"] == "3"
    assert "OMP_NUM_THREADS" not in scale.os.environ
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with scale._threads(2):
        assert scale.os.environ["OMP_NUM_THREADS"] == "1"


def test_only_the_first_to_fail_leaves_its_word(tmp_path):
    path = tmp_path / "failure.json"
    assert files.write_new(path, json.dumps(scale._told(DataError("first"))))
    assert not files.write_new(path, json.dumps(scale._told(DataError("second"))))
    assert scale._failed(path, SimpleNamespace(failures={})).message == "first"
