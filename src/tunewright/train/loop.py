"""The training loop, for fine-tuning and pretraining alike: our own step on `accelerate`.

A run is a function of its step number: `micro_batches(step)` gives the same batches whoever asks, so a loop that
stops anywhere and starts again from its newest verified checkpoint ends with the same weights, bit for bit (CPU, same
number of threads). The loss is weighted by tokens: accumulation and batch size do not change what is minimised.

Under torchrun every process takes its share of a step's rows and the gradients are summed (`train.shares`), so two
processes take the step that one would, up to the order of sums. The first process reports and saves.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from tunewright.core.errors import CheckpointError, RunError
from tunewright.core.meter import peak_memory
from tunewright.train import checkpoint, shares
from tunewright.train.batch import Batch
from tunewright.train.loss import loss_sum
from tunewright.train.pointers import Pointing, Seen, watching

Report = Callable[[dict[str, Any]], None]


class Hooks(Protocol):
    """What a way of fine-tuning does beside the step (`models.methods.Attached`)."""

    def begin(self, total_steps: int) -> None: ...
    def rate(self, name: str) -> float: ...
    def penalty(self) -> torch.Tensor | None: ...
    def after_step(self, step: int) -> None: ...
    def settled(self, step: int) -> bool: ...
    def state(self) -> dict[str, torch.Tensor]: ...
    def restore(self, state: dict[str, torch.Tensor]) -> None: ...


@dataclass
class Schedule:
    """The share of the peak learning rate at a step (Hugging Face names; `wsd`: warm-up, stable, decay)."""

    kind: str
    warmup: int
    total: int
    decay_from: int | None = None

    def __call__(self, step: int) -> float:
        if step < self.warmup:
            return (step + 1) / self.warmup
        if self.kind == "constant":
            return 1.0
        if self.kind == "wsd":
            begin = self.decay_from if self.decay_from is not None else self.total
            if step < begin:
                return 1.0
            return max(0.0, 1.0 - (step - begin) / max(1, self.total - begin))
        done = (step - self.warmup) / max(1, self.total - self.warmup)
        done = min(1.0, done)
        return 1.0 - done if self.kind == "linear" else 0.5 * (1.0 + math.cos(math.pi * done))


@dataclass
class Fit:
    """Everything the loop needs; `run()` trains and returns the metrics.

    parameters: name → trainable tensor, in a fixed order. optimizers: (optimiser, peak learning rate) pairs.
    validate: mean loss (nats per token) on held-out examples, or None. stop_after: give up early, for slices of time.
    hooks: what the method does beside the step. Weights that it has not settled yet are no result: they are never best.
    identity: what this training is, part by part; a checkpoint of another one is refused. Empty: any is taken.
    """

    model: Any
    parameters: dict[str, torch.nn.Parameter]
    optimizers: Sequence[tuple[torch.optim.Optimizer, float]]
    schedule: Schedule
    micro_batches: Callable[[int], Sequence[Batch]]
    total_steps: int
    folder: Path
    accelerator: Any
    max_grad_norm: float = 1.0
    validate: Callable[[], float] | None = None
    eval_steps: int | None = None
    save_steps: int | None = None
    keep: int = 2
    logging_steps: int = 10
    patience: int = 0
    load_best: bool = True
    stop_after: float | None = None
    stop: Callable[[], bool] = lambda: False
    pointing: Sequence[Pointing] = ()
    hooks: Hooks | None = None
    identity: dict[str, str] = field(default_factory=dict)
    report: Report = lambda event: None
    metrics: dict[str, Any] = field(default_factory=dict)
    _seen: Seen = field(init=False, repr=False)
    _away: dict[str, tuple[float, float]] = field(default_factory=dict, repr=False)

    def run(self) -> dict[str, Any]:
        """Train to the end, from the newest verified checkpoint if there is one. Returns the metrics."""
        if not self.accelerator.is_main_process:
            self.report = lambda event: None
            torch.manual_seed(torch.initial_seed() + self.accelerator.process_index)  # dropout of its own
        if not self.pointing:
            return self._run()
        with watching(self.model, frozenset(lesson.layer for lesson in self.pointing)) as self._seen:
            return self._run()

    def _run(self) -> dict[str, Any]:
        self.metrics = {
            "steps": [],
            "validations": [],
            "best_step": None,
            "best_loss": None,
            "total_steps": self.total_steps,
            "total_seconds": 0.0,
            "trained_tokens": 0,
            "seen_tokens": 0,
            "stopped": None,
        }
        best: dict[str, torch.Tensor] = {}
        waited = 0
        step = 0
        if self.hooks is not None:
            self.hooks.begin(self.total_steps)
        found, damaged = self._newest()
        for sentence in damaged:
            self.report({"event": "damaged", "message": sentence})
        if found is not None:
            step, waited, best = self._restore(found)
            self.report({"event": "resumed", "step": step, "message": f"resumed at step {step} of {self.total_steps}"})
        elif damaged:
            self.report({"event": "damaged", "message": "no verified checkpoint is left: starting from the beginning"})
        started = last_logged = time.perf_counter()
        spent_before = self.metrics["total_seconds"]
        window = {"loss": 0.0, "trained": 0, "seen": 0, "examples": 0}
        self.model.train()
        while step < self.total_steps and self.metrics["stopped"] is None:
            batches = self.micro_batches(step)
            loss, trained = self._step(step, batches)
            step += 1
            seen = sum(batch.seen for batch in batches)
            self.metrics["trained_tokens"] += trained
            self.metrics["seen_tokens"] += seen
            window["loss"] += loss
            window["trained"] += trained
            window["seen"] += seen
            window["examples"] += sum(len(batch.input_ids) for batch in batches)
            now = time.perf_counter()
            self.metrics["total_seconds"] = spent_before + now - started
            if not math.isfinite(loss):
                self.metrics["stopped"] = "the loss is not finite"
                break
            if step % self.logging_steps == 0 or step == self.total_steps:
                lap = max(1e-9, now - last_logged)
                line = {
                    "step": step,
                    "loss": window["loss"] / max(1, window["trained"]),
                    "learning_rate": self.optimizers[0][1] * self.schedule(step - 1),
                    "tokens_per_second": window["seen"] / lap,
                    "examples_per_second": window["examples"] / lap,
                    "seconds": self.metrics["total_seconds"],
                    "memory_bytes": peak_memory(),
                }
                for name, (away, weight) in self._away.items():
                    line[name] = away / weight if weight else 0.0
                self._away.clear()
                self.metrics["steps"].append(line)
                self.report({"event": "step", "total_steps": self.total_steps, **line})
                window = dict.fromkeys(window, 0)
                last_logged = now
            due = self.eval_steps is not None and (step % self.eval_steps == 0 or step == self.total_steps)
            paused = time.perf_counter()  # validating and saving are no training: they do not count for its speed
            if due and self.validate is not None:
                value = self._validate(step)
                if self.hooks is not None and not self.hooks.settled(step):
                    pass
                elif self.metrics["best_loss"] is None or value < self.metrics["best_loss"]:
                    self.metrics["best_loss"], self.metrics["best_step"], waited = value, step, 0
                    if self.load_best:
                        best = {name: p.detach().clone() for name, p in self.parameters.items()}
                else:
                    waited += 1
                    if self.patience and waited >= self.patience:
                        self.metrics["stopped"] = f"no gain in {waited} validations"
            out_of_time = self.stop_after is not None and now - started > self.stop_after
            leaving = self._anyone(out_of_time or self.stop())
            if leaving or (self.save_steps and step % self.save_steps == 0) or step == self.total_steps:
                self._save(step, waited, best)
            last_logged += time.perf_counter() - paused
            if leaving and step < self.total_steps:
                self.metrics["paused_at"] = step
                return self.metrics
        self.metrics.pop("paused_at", None)
        self.metrics["stopped"] = self.metrics["stopped"] or "all steps done"
        self.metrics["last_step"] = step
        self.metrics["peak_memory_bytes"] = peak_memory()
        if self.load_best and best:
            with torch.no_grad():
                for name, parameter in self.parameters.items():
                    parameter.copy_(best[name])
        return self.metrics

    def _step(self, step: int, batches: Sequence[Batch]) -> tuple[float, int]:
        """One optimiser step over all micro-batches. Returns (summed loss, trained tokens)."""
        trained = sum(len(batch.labels) for batch in batches)
        total, worked, away = 0.0, 0, [0.0] * len(self.pointing)
        for batch in shares.mine(batches, self.accelerator.num_processes, self.accelerator.process_index):
            batch = batch.to(self.accelerator.device)
            worked += len(batch.labels)
            with self.accelerator.autocast():
                loss = loss_sum(self.model, batch)
            total += float(loss.detach())
            for i, lesson in enumerate(self.pointing):
                missed = lesson.loss_sum(self._seen, batch)
                away[i] += float(missed.detach())
                loss = loss + lesson.weight * missed
            self.accelerator.backward(loss / max(1, trained))
        penalty = self.hooks.penalty() if self.hooks is not None else None
        if penalty is not None:
            self.accelerator.backward(penalty / self.accelerator.num_processes)
        shares.sum_gradients(self.accelerator, list(self.parameters.values()))
        total, all_worked, *away = shares.summed(self.accelerator, total, worked, *away)
        if round(all_worked) != trained:
            raise RunError(f"{round(all_worked)} of {trained} trained tokens of step {step + 1} were worked on")
        self._note_looks(batches, away)
        torch.nn.utils.clip_grad_norm_(list(self.parameters.values()), self.max_grad_norm)
        share = self.schedule(step)
        for optimizer, peak in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = peak * share * group.get("scale", 1.0)
            optimizer.step()
        if self.hooks is not None:
            self.hooks.after_step(step + 1)
        for optimizer, _ in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        return total, trained

    def _note_looks(self, batches: Sequence[Batch], away: Sequence[float]) -> None:
        """Add this step's missed looks and the weight of all to what the next line of the log tells."""
        for lesson, missed in zip(self.pointing, away, strict=True):
            looks = [one for batch in batches if (one := batch.looks(lesson.lesson)) is not None]
            before, weight = self._away.get(lesson.missed, (0.0, 0.0))
            self._away[lesson.missed] = before + missed, weight + sum(float(one.weights.sum()) for one in looks)

    def _anyone(self, wanted: bool) -> bool:
        """Whether any process wants it."""
        return shares.summed(self.accelerator, float(wanted))[0] > 0

    def _validate(self, step: int) -> float:
        assert self.validate is not None
        self.model.eval()
        with torch.no_grad(), self.accelerator.autocast():
            value = self.validate()
        self.model.train()
        self.metrics["validations"].append({"step": step, "loss": value})
        self.report({"event": "validation", "step": step, "loss": value, "total_steps": self.total_steps})
        return value

    def _save(self, step: int, waited: int, best: dict[str, torch.Tensor]) -> None:
        shares.check_same(self.accelerator, self.parameters.values())
        random = shares.random_states(self.accelerator)
        if self.accelerator.is_main_process:
            self._write(step, waited, best, random)
        self.accelerator.wait_for_everyone()

    def _write(self, step: int, waited: int, best: dict[str, torch.Tensor], random: dict[str, torch.Tensor]) -> None:
        tensors: dict[str, torch.Tensor] = {f"weight.{name}": p for name, p in self.parameters.items()}
        tensors |= {f"best.{name}": value for name, value in best.items()}
        tensors |= random
        if self.hooks is not None:
            tensors |= {f"method.{name}": value for name, value in self.hooks.state().items()}
        scalars = {}
        for i, (optimizer, _) in enumerate(self.optimizers):
            packed, scalars[f"optimizer{i}"] = checkpoint.pack_optimizer(f"optimizer{i}", optimizer)
            tensors |= packed
        state = {
            "scalars": scalars,
            "waited": waited,
            "metrics": self.metrics,
            "processes": self.accelerator.num_processes,
            "identity": self.identity,
        }
        path = checkpoint.save(self.folder, step, tensors, state, keep=self.keep)
        self.report({"event": "checkpoint", "step": step, "path": str(path), "message": f"saved {path.name}"})

    def _newest(self) -> tuple[checkpoint.Checkpoint | None, list[str]]:
        """The checkpoint to go on from, which the first process chooses for all; and what is wrong with later ones."""
        if self.accelerator.is_main_process:
            found, damaged = checkpoint.newest(self.folder)
            shares.summed(self.accelerator, -1.0 if found is None else float(found.state["step"]))
            return found, damaged
        (step,) = shares.summed(self.accelerator, 0.0)
        return (checkpoint.read(checkpoint.place(self.folder, round(step))) if step >= 0 else None), []

    def _fits(self, found: checkpoint.Checkpoint) -> None:
        """Raises CheckpointError for a checkpoint of another training: nothing is wrong with it, but it is not ours."""
        before = found.state.get("identity") or {}
        other = [part for part, value in self.identity.items() if before.get(part, value) != value]
        saved = {name: tensor.shape for name, tensor in found.tensors.items() if name.startswith("weight.")}
        ours = {f"weight.{name}": parameter.shape for name, parameter in self.parameters.items()}
        if saved != ours:
            other.append("weights")
        elif {"scalars", "waited", "metrics"} - found.state.keys() or "random" not in found.tensors:
            other.append("program")
        if other:
            raise CheckpointError(
                f"checkpoint {found.path.name} is of another training: it has another {' and another '.join(other)}",
                where=str(found.path),
                hint=f"move {self.folder} away to train from the beginning",
            )

    def _restore(self, found: checkpoint.Checkpoint) -> tuple[int, int, dict[str, torch.Tensor]]:
        self._fits(found)
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(found.tensors[f"weight.{name}"])
        for i, (optimizer, _) in enumerate(self.optimizers):
            key = f"optimizer{i}"
            checkpoint.unpack_optimizer(key, optimizer, found.tensors, found.state["scalars"][key])
        shares.restore_random(self.accelerator, found.tensors)
        then, now = found.state.get("processes", 1), self.accelerator.num_processes
        if then != now:
            drawn = ", and dropout draws other numbers" if shares.draws(self.model) else ""
            self.report(
                {
                    "event": "processes",
                    "message": f"{found.path.name} was written by {then} processes and goes on in {now}: "
                    f"sums come in another order{drawn}",
                }
            )
        if self.hooks is not None:
            self.hooks.restore(
                {k.removeprefix("method."): v for k, v in found.tensors.items() if k.startswith("method.")}
            )
        self.metrics = found.state["metrics"]
        self.metrics["total_steps"] = self.total_steps
        best = {k[len("best.") :]: v for k, v in found.tensors.items() if k.startswith("best.")}
        return found.state["step"], found.state["waited"], best
