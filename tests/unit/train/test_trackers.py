from __future__ import annotations

import importlib.util
import json
import socket
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import tiny_models
from tunewright.core.errors import MissingExtra
from tunewright.core.recipe import DataOptions, MethodOptions, Recipe, TaskOptions, TrainOptions
from tunewright.core.records import Example, Record
from tunewright.tasks.extraction import Extraction
from tunewright.train import trackers
from tunewright.train.finetune import _run_name, finetune

EVERYONE = ("tensorboard", "wandb", "mlflow", "trackio")
SCHEMA = {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]}


def examples(count: int = 8) -> list[Example]:
    task = Extraction(TaskOptions(), {"": SCHEMA})
    return [task.example(Record(str(i), f"code {i} end", {"code": str(i)})) for i in range(count)]


def recipe(report_to: Any, **more: Any) -> Recipe:
    train = TrainOptions(max_steps=3, per_device_train_batch_size=4, logging_steps=1, report_to=report_to, bf16=False)
    return Recipe(name="t", method=MethodOptions(lora_r=2), train=train, **more)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_models.save("wren", tmp_path_factory.mktemp("model")))


class Book:
    """Four libraries that write down what they are told; `fails`: log raises from the second time on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fails: bool = False):
        self.begun: list[tuple[str, dict[str, Any]]] = []
        self.told: dict[str, list[tuple[int, dict[str, float]]]] = {name: [] for name in EVERYONE}
        self.ended: list[str] = []
        self.fails = fails
        board = ModuleType("torch.utils.tensorboard")
        board.SummaryWriter = lambda folder, **kept: self._writer(folder, kept)  # type: ignore[attr-defined]
        wandb, trackio, mlflow = ModuleType("wandb"), ModuleType("trackio"), ModuleType("mlflow")
        wandb.init = lambda **kept: self._run("wandb", kept)  # type: ignore[attr-defined]
        trackio.init = lambda **kept: self._run("trackio", kept)  # type: ignore[attr-defined]
        mlflow.MlflowClient = lambda: self._client()  # type: ignore[attr-defined]
        made = {"torch.utils.tensorboard": board, "wandb": wandb, "trackio": trackio, "mlflow": mlflow}
        for name, module in made.items():
            monkeypatch.setitem(sys.modules, name, module)
        find = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name, *a: SimpleNamespace() if name in EVERYONE else find(name, *a)
        )

    def _tell(self, who: str, values: dict[str, float], step: int) -> None:
        if self.fails and self.told[who]:
            raise ConnectionError("no route to host")
        self.told[who].append((step, values))

    def _writer(self, folder: str, kept: dict[str, Any]) -> Any:
        self.begun.append(("tensorboard", {"folder": folder, **kept}))
        return SimpleNamespace(
            add_scalar=lambda key, value, step: self._tell("tensorboard", {key: value}, step),
            flush=lambda: None,
            close=lambda: self.ended.append("tensorboard"),
        )

    def _run(self, who: str, kept: dict[str, Any]) -> Any:
        self.begun.append((who, kept))
        return SimpleNamespace(
            id="run-7",
            log=lambda values, step: self._tell(who, values, step),
            finish=lambda: self.ended.append(who),
        )

    def _client(self) -> Any:
        def create_run(number: str, run_name: str) -> Any:
            self.begun.append(("mlflow", {"name": run_name}))
            return SimpleNamespace(info=SimpleNamespace(run_id="m-1"))

        return SimpleNamespace(
            get_experiment_by_name=lambda name: None,
            create_experiment=lambda name: "1",
            create_run=create_run,
            update_run=lambda run, status: self.begun.append(("mlflow", {"again": run})),
            log_param=lambda run, key, value: None,
            log_metric=lambda run, key, value, step: self._tell("mlflow", {key: value}, step),
            set_terminated=lambda run: self.ended.append("mlflow"),
        )


def test_everyone_is_told_the_curves(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = Book(monkeypatch)
    folder = tmp_path / "invoices" / "systems" / "tuned"
    metrics = finetune(model, examples(), examples(2), recipe(EVERYONE), folder)
    for who in EVERYONE:
        values = [(step, key, value) for step, told in book.told[who] for key, value in told.items()]
        assert {key for _, key, _ in values} == {f"train/{key}" for key in trackers.STEP} | {"eval/loss"}, who
        losses = [(step, value) for step, key, value in values if key == "train/loss"]
        assert losses == [(line["step"], line["loss"]) for line in metrics["steps"]], who
    assert sorted(book.ended) == sorted(EVERYONE)
    names = {who: kept.get("name") for who, kept in book.begun if who != "tensorboard"}
    assert names == dict.fromkeys(("wandb", "mlflow", "trackio"), "invoices")


def test_a_resumed_run_goes_on_in_the_same_curves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = Book(monkeypatch)
    for step in (1, 4):
        told = trackers.Trackers(recipe(EVERYONE), tmp_path, "invoices")
        told.hear({"event": "step", "step": step, "loss": 1.0, "grad_norm": None, "learning_rate": float("nan")})
        told.hear({"event": "checkpoint", "step": step})
        told.end()
    first, second = (dict(book.begun[i : i + 4]) for i in (0, 4))
    assert first["wandb"]["id"] is None
    assert second["wandb"]["id"] == "run-7"
    assert second["wandb"]["resume"] == second["trackio"]["resume"] == "allow"
    assert second["mlflow"] == {"again": "m-1"}
    assert first["tensorboard"]["folder"] == second["tensorboard"]["folder"] == str(tmp_path / "tensorboard")
    assert (first["tensorboard"]["purge_step"], second["tensorboard"]["purge_step"]) == (None, 4)
    assert book.told["wandb"] == [(step, {"train/loss": 1.0}) for step in (1, 4)]
    ids = json.loads((tmp_path / "trackers.json").read_text())
    assert (ids["wandb"], ids["mlflow"]) == ("run-7", "m-1")


def test_one_that_fails_is_left_out_with_a_word(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = Book(monkeypatch, fails=True)
    said: list[str] = []
    told = trackers.Trackers(recipe(("wandb", "trackio")), tmp_path, "t", said.append)
    for step in (1, 2, 3):
        told.hear({"event": "step", "step": step, "loss": 1.0})
    told.end()
    assert said == [f"{who} is told no more: ConnectionError: no route to host" for who in ("wandb", "trackio")]
    assert [len(book.told[who]) for who in ("wandb", "trackio")] == [1, 1]
    metrics = finetune(model, examples(), [], recipe("mlflow"), tmp_path / "run")
    assert metrics["last_step"] == 3


def test_curves_are_called_as_their_run() -> None:
    names = {
        "runs/bills/systems/tuned": "bills",
        "runs/bills/systems/lora": "bills-lora",
        "runs/bills/folds/2/systems/tuned": "bills-fold-2",
        "out": "out",
    }
    assert {folder: _run_name(Path(folder)) for folder in names} == names


def test_of_several_processes_the_first_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = Book(monkeypatch)
    told = trackers.Trackers(recipe(EVERYONE), tmp_path, "t", first=False)
    told.hear({"event": "step", "step": 1, "loss": 1.0})
    told.end()
    assert not book.begun
    assert not list(tmp_path.iterdir())


def test_nobody_learns_where_the_user_lives_or_how_they_log_in() -> None:
    public = trackers.shown(
        recipe(
            "wandb",
            model="/home/asha/secret-place/model",
            data=DataOptions(source="https://asha:hunter2@example.org/rows.jsonl"),
            task=TaskOptions(json_schema="~/forms/bill.json"),
        )
    )
    assert public["model"] == "model"
    assert public["data.source"] == "https://example.org/rows.jsonl"
    assert public["task.json_schema"] == "bill.json"
    assert public["train.max_steps"] == 3
    assert not any(word in json.dumps(public) for word in ("asha", "hunter2", "secret-place", "forms"))


@pytest.mark.parametrize("name", EVERYONE)
def test_one_that_is_missing_is_an_error_before_training(
    name: str, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda asked, *a: None if asked == name else find(asked, *a))
    with pytest.raises(MissingExtra) as caught:
        finetune(model, examples(), [], recipe(name), tmp_path)
    assert caught.value.hint == f"pip install 'tunewright[{name}]'"
    assert not list(tmp_path.iterdir())


def test_every_tracker_has_its_extra() -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    assert set(EVERYONE) <= set(project["optional-dependencies"])
    assert set(trackers._BEGIN) == set(EVERYONE)


def test_by_default_nothing_phones_home(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: Any) -> None:
        raise AssertionError(f"a connection to {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    with pytest.raises(AssertionError, match="a connection to"):
        socket.create_connection(("127.0.0.1", 9), timeout=1)
    before = set(sys.modules)
    assert Recipe(name="t").train.trackers == ()
    metrics = finetune(model, examples(), examples(2), recipe("none"), tmp_path)
    assert metrics["last_step"] == 3
    new = set(sys.modules) - before
    assert not {name for name in new if name.partition(".")[0] in EVERYONE or "tensorboard" in name}
    assert not (tmp_path / "trackers.json").exists()


def test_one_that_is_asked_for_would_be_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail: a tracker's module is imported where a recipe names it."""
    (tmp_path / "trackio.py").write_text("def init(**kept): raise ConnectionError('no route to host')")
    monkeypatch.syspath_prepend(str(tmp_path))
    said: list[str] = []
    trackers.Trackers(recipe("trackio"), tmp_path, "t", said.append)
    assert sys.modules.pop("trackio").__file__ == str(tmp_path / "trackio.py")
    assert said == ["trackio is told nothing: ConnectionError: no route to host"]


def test_the_environment_names_trackers_only_where_the_recipe_lets_it(monkeypatch):
    from tunewright.core.recipe import TrainOptions

    monkeypatch.setenv("WANDB_API_KEY", "secret")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    here: dict[str, object] = {"wandb": object(), "mlflow": object()}
    monkeypatch.setattr(trackers.importlib.util, "find_spec", here.get)
    asked = TrainOptions.model_validate({"report_to": "environment"})
    assert trackers.named(asked) == ("wandb",)
    assert trackers.named(TrainOptions.model_validate({})) == ()
    assert trackers.named(TrainOptions.model_validate({"report_to": "mlflow"})) == ("mlflow",)
    del here["wandb"]  # a key without the library stops no training
    assert trackers.named(asked) == ()
    trackers.check(trackers.named(asked))
