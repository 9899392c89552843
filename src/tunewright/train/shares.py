"""Several processes at one step: who works on which rows, and how what they found is put together.

Every process holds all weights. A step's rows are shared out, gradients and losses are summed (each already divided by
the tokens of the whole step), so two processes take the step that one would, up to the order of sums. What could part
them unnoticed is looked at: the tokens worked on at every step, the weights at every checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch

from tunewright.core.errors import RunError
from tunewright.train.batch import Batch


def accelerator(mixed_precision: str, device: str) -> Any:
    """accelerate's view of the processes. mixed_precision: "no", "bf16" or "fp16". device: "cpu" or "cuda".

    accelerate keeps the precision of the first training for the whole process and refuses another one; a process may
    train several times here (folds, methods side by side, a notebook), so it is forgotten first.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state()
    return Accelerator(mixed_precision=mixed_precision, cpu=device == "cpu")


def mine(batches: Sequence[Batch], processes: int, rank: int) -> list[Batch]:
    """The share of process `rank` in a step's micro-batches: about as many tokens as each of the others has.

    Where there are fewer micro-batches than processes they are split by rows. A process may be left without any, where
    there are fewer rows than processes.
    """
    if processes == 1:
        return list(batches)
    if batches and len(batches) < processes:
        batches = [part for batch in batches for part in batch.split(math.ceil(processes / len(batches)))]
    given: list[list[Batch]] = [[] for _ in range(processes)]
    for batch in sorted(batches, key=lambda one: -one.seen):
        min(given, key=lambda one: sum(other.seen for other in one)).append(batch)
    return given[rank]


def summed(accelerator: Any, *numbers: float) -> list[float]:
    """These numbers, each summed over all processes."""
    if accelerator.num_processes == 1:
        return list(numbers)
    told = torch.tensor(numbers, dtype=torch.float64, device=accelerator.device)
    return [float(number) for number in accelerator.reduce(told, "sum")]


def sum_gradients(accelerator: Any, parameters: Sequence[torch.nn.Parameter]) -> None:
    """Every gradient becomes its sum over all processes. One that no process has stays away."""
    if accelerator.num_processes == 1:
        return
    there = torch.tensor([float(p.grad is not None) for p in parameters], device=accelerator.device)
    parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    flat = accelerator.reduce(torch.cat([*(part.reshape(-1).float() for part in parts), there]), "sum")
    *sums, there = flat.split([*(part.numel() for part in parts), len(parts)])
    for parameter, part, found, some in zip(parameters, parts, sums, there.tolist(), strict=True):
        parameter.grad = found.view_as(part).to(part.dtype) if some else None


def check_same(accelerator: Any, parameters: Iterable[torch.nn.Parameter]) -> None:
    """Raises RunError where the processes do not hold the same weights, bit for bit."""
    if accelerator.num_processes == 1:
        return
    marks = torch.stack([p.detach().reshape(-1).view(torch.uint8).sum(dtype=torch.int64) for p in parameters])
    every = accelerator.gather(marks[None])
    if not bool((every == every[:1]).all()):
        raise RunError(
            "the processes that train together hold different weights",
            hint="start again with the same command: it goes on from the last checkpoint, which they agreed on",
        )


def random_states(accelerator: Any) -> dict[str, torch.Tensor]:
    """The random state of every process, for a checkpoint: `random` is the first's, `random.1` the second's."""
    own = [torch.get_rng_state()]
    if accelerator.device.type == "cuda":
        own.append(torch.cuda.get_rng_state(accelerator.device))
    found: dict[str, torch.Tensor] = {}
    for state, kind in zip(own, ("", ".cuda"), strict=False):
        every = accelerator.gather(state[None].to(accelerator.device)) if accelerator.num_processes > 1 else state[None]
        found |= {f"random{f'.{rank}' if rank else ''}{kind}": one.clone() for rank, one in enumerate(every.cpu())}
    return found


def restore_random(accelerator: Any, tensors: Mapping[str, torch.Tensor]) -> None:
    """The inverse of `random_states`; a process that was not there when they were taken keeps what it has."""
    name = f"random.{accelerator.process_index}" if accelerator.process_index else "random"
    if name in tensors:
        torch.set_rng_state(tensors[name].to(torch.uint8))
    if f"{name}.cuda" in tensors and accelerator.device.type == "cuda":
        torch.cuda.set_rng_state(tensors[f"{name}.cuda"].to(torch.uint8), accelerator.device)


def draws(model: Any) -> bool:
    """Whether a training pass of the model draws random numbers: it has dropout somewhere, its own or the adapter's."""
    for module in model.modules():
        rates = [module.p] if isinstance(module, torch.nn.Dropout) else []
        rates += [getattr(module, name, 0.0) for name in ("dropout", "attention_dropout", "layerdrop")]
        if any(isinstance(rate, float) and rate > 0 for rate in rates):
            return True
    return False
