"""`tunewright pretrain`: an embedded base model from its recipe, with a log in its folder and on the screen."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from tunewright.core import files
from tunewright.core.errors import DataError, Fault, RecipeError, UsageError, did_you_mean
from tunewright.core.events import Events, Progress
from tunewright.train.pretrain import PretrainOptions, pretrain


def read_recipe(path: Path) -> PretrainOptions:
    """A pretraining recipe from YAML. Raises RecipeError with every fault."""
    try:
        page = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RecipeError([Fault(f"cannot be read: {error}", where=str(path))]) from error
    try:
        return PretrainOptions.model_validate(page)
    except ValidationError as error:
        faults = [
            Fault(
                f"{'.'.join(map(str, one['loc']))}: {one['msg']}",
                where=str(path),
                hint=did_you_mean(str(one["loc"][-1]), PretrainOptions.model_fields) if one["loc"] else None,
            )
            for one in error.errors()
        ]
        raise RecipeError(faults) from error


def train(
    model: str,
    *,
    recipe: str | Path | None = None,
    folder: str | Path | None = None,
    minutes: float | None = None,
    data: str | Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train the embedded model `model`, or go on from its last checkpoint. Returns the metrics.

    recipe: a file; None: the model's own. folder: None: pretraining/MODEL. data: the folder that holds prose_en and
    prose_hi; None: TUNEWRIGHT_DATA. Raises UsageError, RecipeError, DataError.
    """
    shipped = Path(__file__).parents[1] / "models" / model / "pretraining.yaml"
    if recipe is None and not shipped.is_file():
        raise UsageError(
            f"there is no pretraining recipe of '{model}'", hint="tunewright pretrain wren, or --recipe FILE"
        )
    options = read_recipe(Path(recipe) if recipe else shipped)
    home = Path(data or os.environ.get("TUNEWRIGHT_DATA") or "")
    if not (home / "prose_en" / "data.jsonl.gz").is_file() or not (home / "prose_hi" / "data.jsonl.gz").is_file():
        raise DataError(
            "the prose that pretraining reads is not here (prose_en, prose_hi)",
            where=str(home),
            hint="--data DIR, or TUNEWRIGHT_DATA",
        )
    place = Path(folder or f"pretraining/{model}")
    if os.environ.get("RANK", "0") != "0":  # under torchrun the first process speaks for all
        return pretrain(options, place, home, minutes=minutes)
    progress = progress or Progress(quiet=True)
    place.mkdir(parents=True, exist_ok=True)
    with (
        files.one_writer(place, "wait for it, stop it, or give this one its own --folder"),
        Events(place, progress=progress) as events,
    ):
        progress.start("pretrain", options.total_steps, unit="steps")

        def report(event: dict[str, Any]) -> None:
            kind = event.pop("event")
            if kind == "step":
                progress.update(event["step"], loss=event["loss"], tokens_per_second=event["tokens_per_second"])
                events.log(f"step {event['step']}  loss {event['loss']:.4f}  {event['tokens_per_second']:.0f} tokens/s")
            elif kind == "validation":
                events.log(f"step {event['step']}  validation loss {event['loss']:.4f}")
            elif kind == "exact":
                events.say(f"{event['share']:.1%} of {event['n']} held-out samples exactly right")
            elif "message" in event:
                if kind == "resumed":
                    progress.start("pretrain", options.total_steps, unit="steps", done=event["step"])
                events.say(event["message"])
            events.add("pretrain", kind, **event)

        metrics = pretrain(options, place, home, minutes=minutes, report=report)
        progress.finish()
        if "paused_at" in metrics:
            events.say(f"paused at step {metrics['paused_at']} of {options.total_steps}; the same command goes on")
        else:
            events.say(f"done: {place / 'model'}")
    return metrics
