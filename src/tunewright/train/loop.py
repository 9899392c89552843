"""The training loop, for fine-tuning and pretraining alike: our own step on `accelerate`.

A run is a function of its step number: `micro_batches(step)` gives the same batches whoever asks, so a loop that
stops anywhere and starts again from its newest verified checkpoint ends with the same weights, bit for bit (CPU, same
number of threads). The loss is weighted by tokens: accumulation and batch size do not change what is minimised.

Where memory runs out, the step is taken again from its beginning with fewer examples in a pass; where a scaled loss
(fp16) overflows, with a smaller scale. The gradient is the same, up to the order of sums.

Under torchrun every process takes its share of a step's rows and the gradients are summed (`train.shares`), so two
processes take the step that one would, up to the order of sums. The first process reports and saves.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from tunewright.core.errors import CheckpointError, ModelError, RunError
from tunewright.core.meter import Phases
from tunewright.train import attention, checkpoint, fused, memory, shares
from tunewright.train.batch import Batch, split
from tunewright.train.loss import loss_sum
from tunewright.train.pointers import Pointing, Seen, watching
from tunewright.train.schedule import Schedule

Report = Callable[[dict[str, Any]], None]
Try = Callable[[Sequence[Batch]], bool]
"""Forward and backward over some micro-batches, leaving nothing behind; whether the memory was enough."""
LEAST_SCALE = 1.0
"""A loss that overflows in fp16 even so is too large, whatever it is scaled by."""


@contextlib.contextmanager
def quick(model: Any, device: str | torch.device, precision: str) -> Iterator[None]:
    """Within, passes over `model` take the faster ways that there are for training it on a device in a precision."""
    with contextlib.ExitStack() as within:
        if attention.pays(model, device, precision):
            within.enter_context(attention.quick(model))
        if fused.pays(device):
            within.enter_context(fused.quick(model))
        yield


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
class Fit:
    """Everything the loop needs; `run()` trains and returns the metrics.

    max_grad_norm: gradients are shortened to it; 0: never. smoothing, noise: of `loss_sum`, in training only.
    patience: validations without a gain of more than `threshold` (nats per token) before it stops; 0: never.

    parameters: name → trainable tensor, in a fixed order. optimizers: (optimiser, peak learning rate) pairs.
    validate: mean loss (nats per token) on held-out examples, or None. stop_after: give up early, for slices of time.
    hooks: what the method does beside the step. Weights that it has not settled yet are no result: they are never best.
    find: how many examples go through the model in one pass, found by trying; None: whole micro-batches.
    phases: counts the time and memory of training, validating and saving.
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
    threshold: float = 0.0
    smoothing: float = 0.0
    noise: float = 0.0
    load_best: bool = True
    stop_after: float | None = None
    stop: Callable[[], bool] = lambda: False
    pointing: Sequence[Pointing] = ()
    hooks: Hooks | None = None
    find: Callable[[Try], int] | None = None
    phases: Phases = field(default_factory=Phases)
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
        with contextlib.ExitStack() as within:
            within.enter_context(quick(self.model, self.accelerator.device, self.accelerator.mixed_precision))
            if self.pointing:
                layers = frozenset(lesson.layer for lesson in self.pointing)
                self._seen = within.enter_context(watching(self.model, layers))
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
            "seen_examples": 0,
            "stopped": None,
            "micro_batch": None,
            "out_of_memory": [],
            "overflows": 0,
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
        self.phases.add(self.metrics.get("phases", {}))
        if not self.metrics.get("idle_bytes"):
            self.metrics["idle_bytes"] = self._held() - memory.of_optimizers([one for one, _ in self.optimizers])
        if self.find is not None and self.metrics["micro_batch"] is None:
            self.metrics["micro_batch"] = self._found(self.find)
        with self.phases("train"):
            return self._train(step, waited, best)

    def _train(self, step: int, waited: int, best: dict[str, torch.Tensor]) -> dict[str, Any]:
        """The steps that are left."""
        started = last_logged = time.perf_counter()
        spent_before = self.metrics["total_seconds"]
        window = {"loss": 0.0, "trained": 0, "seen": 0, "examples": 0}
        self.model.train()
        tidy = memory.Tidy()
        while step < self.total_steps and self.metrics["stopped"] is None:
            batches = self.micro_batches(step)
            tidy.before(max(batch.input_ids.numel() for batch in batches))
            loss, trained, norm = self._step(step, batches)
            step += 1
            seen = sum(batch.seen for batch in batches)
            self.metrics["trained_tokens"] += trained
            self.metrics["seen_tokens"] += seen
            window["loss"] += loss
            window["trained"] += trained
            window["seen"] += seen
            examples = sum(batch.examples for batch in batches)
            self.metrics["seen_examples"] += examples
            window["examples"] += examples
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
                    "grad_norm": norm if math.isfinite(norm) else None,
                    "learning_rate": self.optimizers[0][1] * self.schedule(step - 1),
                    "tokens_per_second": window["seen"] / lap,
                    "examples_per_second": window["examples"] / lap,
                    "seconds": self.metrics["total_seconds"],
                    "memory_bytes": self.phases.peak_bytes,
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
                if self.hooks is None or self.hooks.settled(step):
                    before = self.metrics["best_loss"]
                    waited = 0 if before is None or before - value > self.threshold else waited + 1
                    if before is None or value < before:
                        self.metrics["best_loss"], self.metrics["best_step"] = value, step
                        if self.load_best:
                            best = {name: p.detach().clone() for name, p in self.parameters.items()}
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
        self.metrics["peak_memory_bytes"] = self.phases.peak_bytes
        self._account(best)
        if self.load_best and best:
            with torch.no_grad():
                for name, parameter in self.parameters.items():
                    parameter.copy_(best[name])
        return self.metrics

    def _step(self, step: int, batches: Sequence[Batch]) -> tuple[float, int, float]:
        """One optimiser step over all micro-batches. Returns (summed loss, trained tokens, the gradient's norm)."""
        trained = sum(len(batch.labels) for batch in batches)
        (total, *away), norm = self._gradient(step, batches, trained)
        self._note_looks(batches, away)
        if not math.isfinite(total):
            self._drop_gradient()
            return total, trained, norm
        share = self.schedule(step)
        try:
            for optimizer, peak in self.optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = peak * share * group.get("scale", 1.0)
                optimizer.step()
        except (RuntimeError, MemoryError) as error:
            if not memory.ran_out(error):
                raise
            raise ModelError(
                "out of memory: the optimiser's state does not fit",
                hint="an adapter (--set method.name=lora), or --set train.optim=paged_adamw_8bit on a GPU",
            ) from error
        if self.hooks is not None:
            self.hooks.after_step(step + 1)
        self._drop_gradient()
        return total, trained, norm

    def _gradient(self, step: int, batches: Sequence[Batch], trained: int) -> tuple[list[float], float]:
        """Leave the step's gradient, shortened, in the parameters: ([summed loss, missed looks ...], its norm before).

        Taken again from the same random state, in smaller parts after memory ran out, with a smaller scale after an
        overflow. A loss that is not finite comes back as it is. Raises ModelError where one example does not fit.
        """
        random = checkpoint.random_state()
        while True:
            most = self.metrics["micro_batch"]
            parts = batches if most is None else [part for batch in batches for part in split(batch, most)]
            sums = self._backward(step, parts, trained)
            if sums is not None:
                norm, overflowed = self._shortened(step, math.isfinite(sums[0]))
                if not overflowed:
                    return sums, norm
                if self.accelerator.scaler.get_scale() < LEAST_SCALE:
                    return [math.nan, *sums[1:]], norm
            self._drop_gradient()
            if sums is None:
                self._halve(step, parts, sum(len(batch.input_ids) for batch in batches))
            checkpoint.set_random_state(random)

    def _backward(self, step: int, parts: Sequence[Batch], trained: int) -> list[float] | None:
        """The sums of all processes with their gradients summed, too; None where memory ran out for any of them."""
        sums = None
        own = shares.mine(parts, self.accelerator.num_processes, self.accelerator.process_index)
        try:
            sums = self._passes(own, trained)
            penalty = self.hooks.penalty() if self.hooks is not None else None
            if penalty is not None:
                self.accelerator.backward(penalty / self.accelerator.num_processes)
        except (RuntimeError, MemoryError) as error:
            if not memory.ran_out(error):
                raise
            sums = None
        if self._anyone(sums is None):
            return None
        assert sums is not None
        shares.sum_gradients(self.accelerator, list(self.parameters.values()))
        *sums, worked = shares.summed(self.accelerator, *sums, sum(len(part.labels) for part in own))
        if round(worked) != trained:
            raise RunError(f"{round(worked)} of {trained} trained tokens of step {step + 1} were worked on")
        return sums

    def _passes(self, parts: Sequence[Batch], trained: int) -> list[float]:
        """Forward and backward over this process's parts: [summed loss, missed looks ...]."""
        sums = [0.0] * (1 + len(self.pointing))
        for part in parts:
            batch = part.to(self.accelerator.device)
            with self.accelerator.autocast():
                loss = loss_sum(self.model, batch, smoothing=self.smoothing, noise=self.noise)
            sums[0] += float(loss.detach())
            for i, lesson in enumerate(self.pointing, 1):
                missed = lesson.loss_sum(self._seen, batch)
                sums[i] += float(missed.detach())
                loss = loss + lesson.weight * missed
            self.accelerator.backward(loss / max(1, trained))
        return sums

    def _halve(self, step: int, parts: Sequence[Batch], whole: int) -> None:
        """From now on half as many examples go through the model at a time; said and noted."""
        largest = max(len(part.input_ids) for part in parts)
        if largest < 2:
            raise ModelError(
                "out of memory: not even one example at a time fits",
                hint="--set train.gradient_checkpointing=true, a smaller train.max_length, or --set method.name=qlora",
            )
        size = self.metrics["micro_batch"] = largest // 2
        self.metrics["out_of_memory"].append({"step": step + 1, "micro_batch": size})
        if self.pointing:
            self._seen.clear()
        memory.release()
        said = f"out of memory at step {step + 1}: {size} examples at a time from now on; a step still has {whole}"
        self.report({"event": "out of memory", "step": step + 1, "micro_batch": size, "message": said})

    def _shortened(self, step: int, finite: bool) -> tuple[float, bool]:
        """Take the scale off the gradient and shorten it: (its norm, whether it overflowed in fp16)."""
        scaler = self.accelerator.scaler
        if scaler is not None and finite:
            for optimizer, _ in self.optimizers:
                scaler.unscale_(optimizer)
        most = self.max_grad_norm or math.inf  # the norm is told even where nothing is shortened
        norm = float(torch.nn.utils.clip_grad_norm_(list(self.parameters.values()), most))
        if scaler is None or not finite:
            return norm, False
        scaler.update()
        overflowed = not math.isfinite(norm)
        if overflowed:
            self.metrics["overflows"] += 1
            self.report({"event": "overflow", "step": step + 1, "scale": scaler.get_scale()})
        return norm, overflowed

    def _drop_gradient(self) -> None:
        for optimizer, _ in self.optimizers:
            optimizer.zero_grad(set_to_none=True)

    def _found(self, find: Callable[[Try], int]) -> int:
        """What `find` finds, the first process's finding for all of them."""
        size = find(self._try) if self.accelerator.is_main_process else 0
        return round(shares.summed(self.accelerator, float(size))[0])

    def _try(self, batches: Sequence[Batch]) -> bool:
        random, training = checkpoint.random_state(), self.model.training
        self.model.train()
        try:
            self._passes(batches, 1)
        except (RuntimeError, MemoryError) as error:
            if not memory.ran_out(error):
                raise
            return False
        finally:
            self._drop_gradient()
            self.model.train(training)
            checkpoint.set_random_state(random)
        return True

    def _held(self) -> int:
        """Bytes held now, by the same count as the peaks."""
        with self.phases("idle"):
            pass
        return int(self.phases.taken.pop("idle")["peak_bytes"])

    def _account(self, best: dict[str, torch.Tensor]) -> None:
        """Note what memory and time went to, so far."""
        self.phases.lap()
        self.metrics["phases"] = {name: dict(entry) for name, entry in self.phases.taken.items()}
        seconds = max(1e-9, self.phases.taken["train"]["seconds"])
        self.metrics["tokens_per_second"] = self.metrics["seen_tokens"] / seconds
        self.metrics["examples_per_second"] = self.metrics["seen_examples"] / seconds
        self.metrics["memory"] = memory.account(
            self.model,
            self.parameters.values(),
            [optimizer for optimizer, _ in self.optimizers],
            memory.taken(best.values()),
            self.metrics["idle_bytes"],
            self.phases,
        )

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
        with self.phases("validate"), torch.no_grad(), self.accelerator.autocast():
            value = self.validate()
        self.model.train()
        self.metrics["validations"].append({"step": step, "loss": value})
        self.report({"event": "validation", "step": step, "loss": value, "total_steps": self.total_steps})
        return value

    def _save(self, step: int, waited: int, best: dict[str, torch.Tensor]) -> None:
        shares.check_same(self.accelerator, self.parameters.values())
        random = shares.random_states(self.accelerator)
        if self.accelerator.is_main_process:
            with self.phases("save"):
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
        self._account(best)
        state = {
            "scalars": scalars,
            "waited": waited,
            "metrics": self.metrics,
            "optimizers": self._kinds(),
            "processes": self.accelerator.num_processes,
            "identity": self.identity,
        }
        if self.accelerator.scaler is not None:
            state["scaler"] = self.accelerator.scaler.state_dict()
        path = checkpoint.save(self.folder, step, tensors, state, keep=self.keep)
        self.report({"event": "checkpoint", "step": step, "path": str(path), "message": f"saved {path.name}"})

    def _kinds(self) -> list[str]:
        """Classes of the optimisers: the state of one is nothing to another."""
        return [type(getattr(optimizer, "optimizer", optimizer)).__name__ for optimizer, _ in self.optimizers]

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
        before = found.state.get("optimizers", self._kinds())
        if before != self._kinds():
            raise CheckpointError(
                f"the checkpoint was written by {' and '.join(before)}, here is {' and '.join(self._kinds())}",
                where=str(found.path),
                hint="go on where it was begun (with or without a GPU), or give the run another --name",
            )
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(found.tensors[f"weight.{name}"])
        for i, (optimizer, _) in enumerate(self.optimizers):
            key = f"optimizer{i}"
            checkpoint.unpack_optimizer(key, optimizer, found.tensors, found.state["scalars"][key])
        shares.restore_random(self.accelerator, found.tensors)
        if self.accelerator.scaler is not None and "scaler" in found.state:
            self.accelerator.scaler.load_state_dict(found.state["scaler"])
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
        self.metrics |= found.state["metrics"]
        self.metrics["total_steps"] = self.total_steps
        best = {k[len("best.") :]: v for k, v in found.tensors.items() if k.startswith("best.")}
        return found.state["step"], found.state["waited"], best
