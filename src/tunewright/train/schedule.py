"""How the learning rate goes over a training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from tunewright.core.recipe import TrainOptions


@dataclass
class Schedule:
    """The share of the peak learning rate at a step, counted from 0.

    kind: a name of `core.recipe.SCHEDULES`, or `wsd`: warm-up, stable, from step `decay_from` linear to nothing.
    settings: what that kind takes, all of it; `lr_end` as a share of the peak.

    After the warm-up the values are those of `transformers.get_scheduler`. During it they are one step ahead: theirs
    begin with a step at no rate at all, which learns nothing, ours with 1 / warmup.
    """

    kind: str
    warmup: int
    total: int
    decay_from: int | None = None
    settings: Mapping[str, float] = field(default_factory=dict)

    def __call__(self, step: int) -> float:
        if self.kind == "constant":
            return 1.0
        if step < self.warmup:
            floor = self.settings.get("min_lr_ratio", 0.0)
            return (step + 1) / self.warmup * (1.0 - floor) + floor
        if self.kind == "constant_with_warmup":
            return 1.0
        if self.kind == "inverse_sqrt":
            scale = self.settings["timescale"] or self.warmup or 10_000  # where nothing is said, Hugging Face's
            return 1.0 / math.sqrt((step - self.warmup + scale) / scale)
        if self.kind in ("wsd", "warmup_stable_decay"):
            return self._decayed(step)
        done = min(1.0, (step - self.warmup) / max(1, self.total - self.warmup))
        if self.kind == "linear":
            return 1.0 - done
        if self.kind == "polynomial":
            end = self.settings["lr_end"]
            return (1.0 - end) * (1.0 - done) ** self.settings["power"] + end
        if self.kind == "cosine_with_restarts":
            return _cosine(self.settings["num_cycles"] * done % 1.0) if done < 1.0 else 0.0
        floor = self.settings["min_lr_rate"] if self.kind == "cosine_with_min_lr" else 0.0
        return _cosine(done) * (1.0 - floor) + floor

    def _decayed(self, step: int) -> float:
        """After the warm-up of `wsd` and `warmup_stable_decay`."""
        if self.kind == "wsd":
            begin = self.decay_from if self.decay_from is not None else self.total
            return 1.0 if step < begin else max(0.0, 1.0 - (step - begin) / max(1, self.total - begin))
        decay = min(round(self.settings["decay_ratio"] * self.total), max(0, self.total - self.warmup))
        floor = self.settings["min_lr_ratio"]
        if step < self.total - decay:
            return 1.0
        done = min(1.0, (step - self.total + decay) / max(1, decay))
        return _cosine(done) * (1.0 - floor) + floor


def _cosine(done: float) -> float:
    return 0.5 * (1.0 + math.cos(math.pi * done))


def of(options: TrainOptions, total: int) -> Schedule:
    """The recipe's schedule over so many steps."""
    settings = dict(options.lr_scheduler_kwargs)
    if "lr_end" in settings:
        settings["lr_end"] /= options.learning_rate
    return Schedule(options.lr_scheduler_type, options.warmup(total), total, settings=settings)
