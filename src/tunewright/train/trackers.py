"""Curves for those who watch them elsewhere: TensorBoard, Weights & Biases, MLflow, Trackio (`train.report_to`).

Nothing is imported and nobody is told anything unless a recipe asks. A tracker that fails is left out with a word;
training goes on. A run that is resumed goes on in the same curves: the ids stand in trackers.json.
"""

from __future__ import annotations

import importlib.util
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from tunewright.core import files
from tunewright.core.errors import MissingExtra
from tunewright.core.recipe import Recipe, Tracker, TrainOptions

PROJECT = "tunewright"
STEP = ("loss", "learning_rate", "grad_norm", "tokens_per_second", "memory_bytes")
"""What is told of a step, as train/NAME."""
KEYS: dict[Tracker, str] = {"wandb": "WANDB_API_KEY", "mlflow": "MLFLOW_TRACKING_URI"}
"""What stands in the environment of those who use a tracker."""
_LOGIN = re.compile(r"://[^/@\s]+@")


class Curves(Protocol):
    """One tracker, begun."""

    def log(self, values: dict[str, float], step: int) -> None: ...
    def end(self) -> None: ...


def named(options: TrainOptions) -> tuple[Tracker, ...]:
    """Who is told: those that the recipe names, or those whose key stands in the environment and that are installed."""
    if options.report_to != "environment":
        return options.trackers
    return tuple(name for name, key in KEYS.items() if os.environ.get(key) and importlib.util.find_spec(name))


def check(names: Sequence[str]) -> None:
    """Raises MissingExtra for a tracker that is not installed: before training, not after it."""
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise MissingExtra(f"train.report_to: {name}", name)


class Trackers:
    """Everybody who is told, at once.

    say: told once of one that fails. first: of several processes only the first tells anybody.
    """

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        name: str,
        say: Callable[[str], None] = lambda text: None,
        *,
        first: bool = True,
    ):
        self._say = say
        self._open: dict[str, Curves] = {}
        wanted = named(recipe.train)
        if not wanted or not first:
            return
        path = folder / "trackers.json"
        ids: dict[str, str] = files.read_json(path) if path.is_file() else {}
        for tracker in wanted:
            try:
                self._open[tracker], ids[tracker] = _BEGIN[tracker](name, shown(recipe), folder, ids.get(tracker))
            except Exception as error:  # whatever a library raises, of the network or its own
                self._say(f"{tracker} is told nothing: {type(error).__name__}: {error}")
        files.write_json(path, ids)

    def hear(self, event: Mapping[str, Any]) -> None:
        """An event of the loop: steps and validations are told, others are not."""
        if event["event"] == "step":
            values = {f"train/{key}": event[key] for key in STEP if event.get(key) is not None}
        elif event["event"] == "validation":
            values = {"eval/loss": event["loss"]}
        else:
            return
        values = {key: float(value) for key, value in values.items() if math.isfinite(value)}
        self._each(lambda curves: curves.log(values, int(event["step"])))

    def end(self) -> None:
        """Nothing more will come."""
        self._each(lambda curves: curves.end())
        self._open.clear()

    def _each(self, do: Callable[[Curves], None]) -> None:
        for tracker, curves in list(self._open.items()):
            try:
                do(curves)
            except Exception as error:
                del self._open[tracker]
                self._say(f"{tracker} is told no more: {type(error).__name__}: {error}")


def shown(recipe: Recipe) -> dict[str, Any]:
    """The recipe as `page.key` → value, for others to see: of paths the last part, of addresses no logins."""
    flat: dict[str, Any] = {}
    for page, value in recipe.model_dump(mode="json").items():
        for key, inner in value.items() if isinstance(value, dict) else ((None, value),):
            flat[f"{page}.{key}" if key else page] = _public(inner)
    return flat


def _public(value: Any) -> Any:
    if isinstance(value, str):
        local = value.startswith(("/", "~", "./", "../")) or re.match(r"[A-Za-z]:[\\/]", value)
        return re.split(r"[\\/]", value.rstrip("\\/"))[-1] if local else _LOGIN.sub("://", value)
    if isinstance(value, dict):
        return {key: _public(inner) for key, inner in value.items()}
    return [_public(inner) for inner in value] if isinstance(value, list) else value


class _TensorBoard:
    def __init__(self, folder: Path, resumed: bool):
        self._folder, self._resumed = folder, resumed
        self._writer: Any = None

    def log(self, values: dict[str, float], step: int) -> None:
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            # steps after the checkpoint are taken again: what was told of them before is struck out
            self._writer = SummaryWriter(str(self._folder), purge_step=step if self._resumed else None)
        for key, value in values.items():
            self._writer.add_scalar(key, value, step)
        self._writer.flush()

    def end(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _tensorboard(name: str, config: dict[str, Any], folder: Path, before: str | None) -> tuple[Curves, str]:
    return _TensorBoard(folder / "tensorboard", before is not None), name


class _Run:
    """wandb's and Trackio's way: a run that is told `log(values, step=...)` and finished."""

    def __init__(self, run: Any):
        self._run = run

    def log(self, values: dict[str, float], step: int) -> None:
        self._run.log(values, step=step)

    def end(self) -> None:
        self._run.finish()


def _wandb(name: str, config: dict[str, Any], folder: Path, before: str | None) -> tuple[Curves, str]:
    import wandb

    # Neither the code, nor the repository, nor what is on the screen, nor the machine's name is anybody's business.
    settings = {"disable_git": True, "disable_code": True, "console": "off", "x_disable_meta": True}
    run = wandb.init(
        project=PROJECT,
        name=name,
        id=before,
        resume="allow",
        config=config,
        dir=str(folder),
        save_code=False,
        settings=settings,
    )
    return _Run(run), str(run.id)


def _trackio(name: str, config: dict[str, Any], folder: Path, before: str | None) -> tuple[Curves, str]:
    import trackio

    return _Run(trackio.init(project=PROJECT, name=name, config=config, resume="allow")), name


class _MLflow:
    def __init__(self, client: Any, run: str):
        self._client, self._run = client, run

    def log(self, values: dict[str, float], step: int) -> None:
        for key, value in values.items():
            self._client.log_metric(self._run, key, value, step=step)

    def end(self) -> None:
        self._client.set_terminated(self._run)


def _mlflow(name: str, config: dict[str, Any], folder: Path, before: str | None) -> tuple[Curves, str]:
    from mlflow import MlflowClient

    client = MlflowClient()  # MLFLOW_TRACKING_URI says where; else below the working folder
    if before is not None:
        client.update_run(before, status="RUNNING")
        return _MLflow(client, before), before
    experiment = client.get_experiment_by_name(PROJECT)
    number = experiment.experiment_id if experiment is not None else client.create_experiment(PROJECT)
    run = client.create_run(number, run_name=name).info.run_id
    for key, value in config.items():
        client.log_param(run, key, str(value)[:500])
    return _MLflow(client, run), str(run)


_BEGIN: dict[str, Callable[[str, dict[str, Any], Path, str | None], tuple[Curves, str]]] = {
    "tensorboard": _tensorboard,
    "wandb": _wandb,
    "mlflow": _mlflow,
    "trackio": _trackio,
}
