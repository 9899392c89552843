"""Whether a recipe works on this machine with its real model, in minutes.

A few dozen examples, twenty steps, and a look at everything that usually goes wrong. Writes into a scratch folder that
it removes.
"""

from __future__ import annotations

import gc
import math
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tunewright.core import meter
from tunewright.core.errors import TunewrightError
from tunewright.core.events import Progress
from tunewright.core.recipe import Recipe
from tunewright.core.records import Example
from tunewright.core.run import Run
from tunewright.flow import hosted, job, memory, prepared
from tunewright.flow import plan as planning
from tunewright.models import shapes

if TYPE_CHECKING:
    import torch

EXAMPLES = 48
"""Documents that are taken; more where one step needs more."""

PROBES = 4
"""Examples whose logits are compared."""

OVER_PLAN = 1.25
"""How many times the planned memory a training may take."""

SLACK_BYTES = 300_000_000
"""What a training may take besides, for libraries that are loaded on the way."""

MERGED_WITHIN = 0.1
"""How far merged logits may be from those with the adapter beside, as a share of what the adapter changes."""

Status = Literal["pass", "fail", "skip"]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. numbers: what `detail` says, for machines."""

    name: str
    status: Status
    detail: str
    numbers: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Verification:
    """What came out. device: "cpu" or the card's name. seconds: of the whole verification."""

    recipe: str
    model: str
    device: str
    seconds: float
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return all(check.status != "fail" for check in self.checks)

    def to_row(self) -> dict[str, Any]:
        return {**asdict(self), "checks": [asdict(check) for check in self.checks], "passed": self.passed}


def verify(
    recipe: Recipe,
    *,
    model: str | None = None,
    steps: int = 20,
    data: Path | str | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Try a recipe for `steps` optimiser steps on its own model, or on `model`, and check what came out.

    data: the folder of data sets that recipes call by name. Raises what stands before any training: a model or data
    that is not there. What goes wrong later is a check that fails.
    """
    hosted.refuse(recipe, "verify")
    recipe = job.settled(recipe if model is None else recipe.model_copy(update={"model": model}))
    scratch = Path(tempfile.mkdtemp(prefix="tunewright-verify-"))
    try:
        with meter.Meter() as clock:
            trial = _Trial(recipe, steps, scratch, data, progress)
            checks = tuple(trial.checks())
        return Verification(recipe.name, recipe.model, _device_name(), round(clock.seconds, 1), checks)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def shortened(recipe: Recipe, steps: int) -> Recipe:
    """The recipe with little data and few steps; model, method, optimiser, batch and schedule stay."""
    train = recipe.train
    per_step = train.batch_size * train.gradient_accumulation_steps
    count = max(EXAMPLES, 2 * per_step)
    documents = {"documents": count + count // 2, "test_documents": count // 4, "validation_documents": 8}
    return recipe.model_copy(
        update={
            "data": recipe.data.model_copy(update=documents),
            "train": train.model_copy(
                update={
                    "max_steps": steps,
                    "eval_steps": steps,
                    "save_steps": steps // 2,
                    "save_total_limit": 3,
                    "logging_steps": 1,
                    "over_length": "drop",
                    "early_stopping_patience": 0,
                    "load_best_model_at_end": False,  # what is saved must be the last step's
                }
            ),
            "evaluate": recipe.evaluate.model_copy(update={"exams": ()}),
        }
    )


class _Trial:
    """The twenty steps and the looks at them, one after another; each frees what it loaded."""

    def __init__(self, recipe: Recipe, steps: int, scratch: Path, data: Path | str | None, progress: Progress | None):
        self.whole = recipe
        self.recipe = shortened(recipe, max(4, steps - steps % 2))
        self.scratch = scratch
        self.data = data
        self.progress = progress
        self.trained = scratch / "trained"
        job.locate_model(recipe.model)
        job.run(self.recipe, runs=scratch, name="data", data=data, until="data", progress=None)
        made = Run.open(scratch / "data")
        task = prepared.task_of(made)
        self.examples = [task.example(record) for record in prepared.records(made, "train")]
        self.held = [task.example(record) for record in prepared.records(made, "validation")]

    @property
    def steps(self) -> int:
        return self.recipe.train.max_steps

    def checks(self) -> list[Check]:
        """Every check, in order. After a training that broke off there is nothing more to look at."""
        self._say("the stop token")
        made = [_guarded("stop token", self.stop_token)]
        self._say(f"training {self.steps} steps")
        try:
            metrics, memory_check = self.train()
        except TunewrightError as error:
            return [*made, Check("training", "fail", str(error))]
        made.append(falls(metrics["steps"]))
        made.append(memory_check)
        self._say(f"training again from step {self.steps // 2}")
        made.append(_guarded("resume", self.resumes))
        self._say("reading back what was saved")
        made.append(_guarded("reload", self.reloads))
        self._say("merging")
        made.append(_guarded("merge", self.merges))
        made.append(_guarded("speed", lambda: self.speed(metrics)))
        return made

    def stop_token(self) -> Check:
        """Every example's last trained token ends a reply."""
        from tunewright.models.load import load
        from tunewright.train.material import tokenise

        loaded = load(self.recipe.model, quantisation=self.recipe.method.quantisation)
        tokens = tokenise(loaded, self.examples)
        self.lengths = [(one.start, one.trained) for one in tokens if len(one.ids) <= self._limit(loaded.context)]
        stops = [one.trained > 0 and one.ids[-1] in loaded.chat.stop_ids for one in tokens]
        del loaded
        _free()
        numbers = {"examples": float(len(stops)), "end_in_a_stop_token": float(sum(stops))}
        return Check(
            "stop token",
            "pass" if stops and all(stops) else "fail",
            f"{sum(stops)} of {len(stops)} replies end in a stop token that is trained",
            numbers,
        )

    def _limit(self, context: int) -> int:
        return min(self.recipe.train.max_length, context)

    def train(self) -> tuple[dict[str, Any], Check]:
        """Train, and compare the memory it took with what the plan says of these very examples."""
        import torch

        need = self.planned()
        gc.collect()
        before = meter.memory()
        meter.reset_peak()
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        metrics = self._finetune(self.trained)
        cuda = torch.cuda.is_available()
        measured = torch.cuda.max_memory_reserved() if cuda else meter.peak_memory()
        _free()
        # A process that has done something before holds more than the floor.
        planned = need.peak - need.floor + (0 if cuda else max(need.floor, before))
        numbers = {"measured_bytes": float(measured), "planned_bytes": float(planned)}
        return metrics, Check(
            "memory",
            "pass" if measured <= OVER_PLAN * planned + SLACK_BYTES else "fail",
            f"{meter.size(measured)} at the peak, planned {meter.size(planned)}",
            numbers,
        )

    def planned(self) -> memory.Need:
        """What the plan says of the longest batch of these examples."""
        import torch
        from transformers import AutoConfig

        from tunewright.models.load import locate
        from tunewright.train.finetune import precision

        device = "cuda" if torch.cuda.is_available() else "cpu"
        mixed = precision(self.recipe.train, device)[0] != "fp32"
        config = AutoConfig.from_pretrained(locate(self.recipe.model), local_files_only=True)
        bare = shapes.skeleton(config, torch.bfloat16 if mixed else torch.float32)
        prompt = max((start for start, _ in self.lengths), default=1)
        reply = max((trained for _, trained in self.lengths), default=1)
        batch = memory.Batch(self.recipe.train.batch_size, prompt, reply)
        return memory.need(
            memory.Trainable.of(bare, self.recipe.method),
            self.recipe.train,
            batch,
            mixed=mixed,
            device=device,
            held_out=bool(self.held),
        )

    def resumes(self) -> Check:
        """A training that goes on from the middle ends with the weights of the one that did not stop."""
        import torch

        from tunewright.train import checkpoint

        half, again = self.steps // 2, self.scratch / "resumed"
        source = self.trained / "checkpoints"
        shutil.copytree(source / f"step-{half:06d}", again / "checkpoints" / f"step-{half:06d}")
        self._finetune(again)
        _free()
        name = f"step-{self.steps:06d}"
        first, second = (checkpoint.read(folder / "checkpoints" / name) for folder in (self.trained, again))
        weights = [key for key in first.tensors if key.startswith("weight.")]
        away = max(_distance(second.tensors[key], first.tensors[key]) for key in weights)
        allowed = 0.0 if not torch.cuda.is_available() else 0.02  # a GPU adds in any order
        return Check(
            "resume",
            "pass" if away <= allowed else "fail",
            f"from step {half} to {self.steps}: weights {_away(away)} from those of one go",
            {"distance": away, "allowed": allowed},
        )

    def reloads(self) -> Check:
        """What was saved, read back, gives the logits of the weights that were trained."""
        from tunewright.models import methods
        from tunewright.models.load import load
        from tunewright.train import checkpoint

        options, kept = self.recipe.method, checkpoint.read(self.trained / "checkpoints" / f"step-{self.steps:06d}")
        loaded = load(self.recipe.model, dtype="fp32", quantisation=options.quantisation)
        attached = methods.attach(loaded.model, options, self.recipe.seed)
        attached.begin(self.steps)
        attached.restore({k.removeprefix("method."): v for k, v in kept.tensors.items() if k.startswith("method.")})
        for name, weight in attached.parameters.items():
            weight.data.copy_(kept.tensors[f"weight.{name}"])
        was = self._logits(attached.model.eval(), loaded.chat)
        del attached, loaded
        _free()
        now = self._saved(options.quantisation)
        is_ = self._logits(now.model, now.chat)
        del now
        _free()
        away = _distance(is_, was)
        return Check(
            "reload",
            "pass" if away <= 1e-3 else "fail",
            f"logits {_away(away)} from those of the trained weights",
            {"distance": away, "allowed": 1e-3},
        )

    def _saved(self, quantisation: Any, **more: Any) -> Any:
        from tunewright.models.load import load

        if (self.trained / "model").is_dir():
            return load(str(self.trained / "model"), dtype="fp32", **more)
        adapter = self.trained / "adapter"
        return load(self.recipe.model, adapter=adapter, dtype="fp32", quantisation=quantisation, **more)

    def merges(self) -> Check:
        """The adapter folded into the weights gives the logits that it gives beside them."""
        from tunewright.models import merge

        if not (self.trained / "adapter").is_dir():
            return Check("merge", "skip", "all weights were trained: there is nothing to merge")
        needed, free = 3 * 4 * self.parameters, meter.free_memory()
        if needed > free:
            said = f"merging in fp32 takes {meter.size(needed)} of memory, {meter.size(free)} are free"
            return Check("merge", "skip", said, {"needed_bytes": float(needed), "free_bytes": float(free)})
        quantisation = self.recipe.method.quantisation
        beside = self._saved(quantisation, device="cpu")
        tuned = self._logits(beside.model, beside.chat)
        with beside.model.disable_adapter():
            base = self._logits(beside.model, beside.chat)
        del beside
        _free()
        base_kind: merge.Base = "original" if quantisation is None else "dequantised"
        folded = merge.merged(self.recipe.model, self.trained / "adapter", base=base_kind, quantisation=quantisation)
        away = _distance(self._logits(folded.model, folded.chat), tuned)
        changed = _distance(base, tuned)
        return Check(
            "merge",
            "pass" if away <= max(MERGED_WITHIN * changed, 1e-5) else "fail",
            f"logits {_away(away)} from those with the adapter beside; the adapter changes them by {_away(changed)}",
            {"distance": away, "changed": changed},
        )

    def speed(self, metrics: dict[str, Any]) -> Check:
        """Tokens a second, and how long the whole recipe trains at this pace."""
        lines = metrics["steps"]
        steady = lines[len(lines) // 4 :]
        first = lines[len(lines) // 4 - 1]["seconds"]
        each = (steady[-1]["seconds"] - first) / len(steady)
        rate = sorted(line["tokens_per_second"] for line in steady)[len(steady) // 2]
        whole = planning.plan(self.whole, runs=self.scratch / "plan", data=self.data)
        numbers = {"tokens_per_second": rate, "steps": float(whole.steps), "seconds": each * whole.steps}
        spent = meter.clock(numbers["seconds"])
        said = f"{rate:,.0f} tokens/s; the whole recipe's {whole.steps:,} steps take {spent} of training"
        return Check("speed", "pass" if math.isfinite(rate) and rate > 0 else "fail", said, numbers)

    def _finetune(self, folder: Path) -> dict[str, Any]:
        from tunewright.train.finetune import finetune

        folder.mkdir(parents=True, exist_ok=True)
        metrics = finetune(self.recipe.model, self.examples, self.held, self.recipe, folder, progress=self.progress)
        self.parameters = int(metrics["parameters"])
        return metrics

    def _logits(self, model: Any, chat: Any) -> torch.Tensor:
        """`[tokens, vocab]` in fp32, of the replies of a few examples."""
        import torch

        found, device = [], next(model.parameters()).device
        with torch.no_grad():
            for example in _short(self.examples):
                prompt, reply = chat.prompt_ids(example.messages), chat.reply_ids(example.completion)
                ids = torch.tensor([[*prompt, *reply]], device=device)
                found.append(model(input_ids=ids, use_cache=False).logits[0, len(prompt) - 1 : -1].float().cpu())
        return torch.cat(found)

    def _say(self, what: str) -> None:
        if self.progress is not None:
            self.progress.say(f"verify: {what}")


def falls(lines: Sequence[dict[str, Any]]) -> Check:
    """Whether the loss is finite and, in the last quarter of the steps, below that of the first."""
    losses = [float(line["loss"]) for line in lines]
    quarter = max(1, len(losses) // 4)
    first, last = (sum(some) / len(some) for some in (losses[:quarter], losses[-quarter:]))
    finite = all(math.isfinite(loss) for loss in losses)
    return Check(
        "loss",
        "pass" if finite and last < first else "fail",
        f"{first:.4f} → {last:.4f} nats a token over {len(losses)} steps" if finite else "it is not finite",
        {"first": first, "last": last} if finite else {},
    )


def _guarded(name: str, look: Callable[[], Check]) -> Check:
    """What a look finds; one that breaks off has failed."""
    try:
        return look()
    except Exception as error:
        _free()
        return Check(name, "fail", f"{type(error).__name__}: {error}")


def _short(examples: Sequence[Example]) -> list[Example]:
    return sorted(examples, key=lambda one: sum(len(turn["content"]) for turn in one.messages))[:PROBES]


def _distance(a: torch.Tensor, b: torch.Tensor) -> float:
    """Root of the mean square difference, as a share of b's own size; 0 where both are the same."""
    if a.shape != b.shape:
        return math.inf
    size = float(b.double().square().mean().sqrt())
    away = float((a.double() - b.double()).square().mean().sqrt())
    return away / size if size else away


def _away(distance: float) -> str:
    return "0" if distance == 0 else f"{distance:.1e} (relative)"


def _free() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _device_name() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
