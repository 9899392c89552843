"""Layers below the first trained one are gone through once: what they make of each example is kept and read again.

Where only the last layers are trained, what enters the first of them is the same in every epoch and every validation.
It is computed before training, written to a file that is mapped into memory, and given to the first trained layer,
while those below it pass on whatever they are given.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence

from tunewright.models.methods._shared import layers
from tunewright.models.rows import by_tokens
from tunewright.train.batch import Tokens

BUDGET = 8192
"""Tokens that go through the lower layers at a time, padding included."""


class _Entered(Exception):
    """The first trained layer was reached: the rest of the pass is not needed."""


@dataclass(frozen=True)
class Stack:
    """The layers of a model below its first trained one, and that one, which takes states of `width` numbers."""

    model: Any
    lower: tuple[torch.nn.Module, ...]
    first: torch.nn.Module
    width: int = 0

    @classmethod
    def of(cls, model: Any) -> Stack | None:
        """None where nothing is frozen below all that is trained: asked of the model itself, with two tokens."""
        every = [model.get_submodule(path) for path in layers(path for path, _ in model.named_modules())]
        trained = [any(weight.requires_grad for weight in layer.parameters()) for layer in every]
        if True not in trained or trained[0]:
            return None
        count = trained.index(True)
        stack = cls(model, tuple(every[:count]), every[count])
        state = stack.entering(torch.zeros((1, 2), dtype=torch.long, device=next(model.parameters()).device))
        return None if state.requires_grad else replace(stack, width=state.shape[-1])

    def entering(self, ids: torch.Tensor) -> torch.Tensor:
        """What enters the first trained layer, `[batch, time, width]`, for ids `[batch, time]`."""
        found: list[torch.Tensor] = []

        def note(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            found.append(_hidden(args, kwargs))
            raise _Entered

        handle = self.first.register_forward_pre_hook(note, with_kwargs=True)
        try:
            self.model(input_ids=ids, use_cache=False)
        except _Entered:
            return found[0]
        finally:
            handle.remove()
        raise AssertionError("the pass did not reach the first trained layer")

    @contextmanager
    def given(self, states: Sequence[torch.Tensor]) -> Iterator[None]:
        """Within, `states` enter the first trained layer, one a pass, and the layers below it compute nothing."""
        waiting = list(states)

        def enter(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            state = waiting.pop(0)
            assert state.shape == _hidden(args, kwargs).shape
            return ((state, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": state})

        with ExitStack() as within:
            for number, layer in enumerate(self.lower):
                layer.forward = partial(_passed_on, number)
                within.callback(delattr, layer, "forward")
            within.callback(self.first.register_forward_pre_hook(enter, with_kwargs=True).remove)
            yield


def _hidden(args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.Tensor:
    found: torch.Tensor = args[0] if args else kwargs["hidden_states"]
    return found


def _passed_on(number: int, *args: Any, **kwargs: Any) -> torch.Tensor:
    """A lower layer that computes nothing. The first layer's memory tells a model how much it has read."""
    from transformers import Cache

    hidden = _hidden(args, kwargs)
    for memory in (*args, *kwargs.values()):
        if isinstance(memory, Cache):
            nothing = hidden.new_zeros(len(hidden), 1, hidden.shape[1], 1)
            memory.update(nothing, nothing, number)
    return hidden


@dataclass(frozen=True)
class Below:
    """What enters the first trained layer for each of some examples: `states[i]` is `[tokens, width]`."""

    stack: Stack
    states: Sequence[torch.Tensor]

    def part(self, first: int, last: int) -> Below:
        """Those of examples `first` to `last` (left out)."""
        return Below(self.stack, self.states[first:last])

    def of(self, indices: Sequence[int], prefix: int, time: int) -> States:
        """For a batch of these examples, whose first `prefix` tokens are shared, in rows of `time` behind those."""
        chosen = [self.states[i] for i in indices]
        rows = chosen[0].new_zeros(len(chosen), time, chosen[0].shape[-1])
        for row, one in zip(rows, chosen, strict=True):
            row[: len(one) - prefix] = one[prefix:]
        return States(self.stack, chosen[0][None, :prefix] if prefix else None, rows)


@dataclass(frozen=True, slots=True)
class States:
    """What enters the first trained layer in a batch.

    prefix: `[1, prefix, width]` or None; rows: `[batch, time, width]`.
    """

    stack: Stack
    prefix: torch.Tensor | None
    rows: torch.Tensor

    def to(self, device: torch.device | str) -> States:
        return States(self.stack, None if self.prefix is None else self.prefix.to(device), self.rows.to(device))

    def between(self, first: int, last: int) -> States:
        """Those of rows `first` to `last` (left out)."""
        return States(self.stack, self.prefix, self.rows[first:last])

    @contextmanager
    def given(self) -> Iterator[None]:
        """Within, the passes over this batch begin with these."""
        with self.stack.given([*([] if self.prefix is None else [self.prefix]), self.rows]):
            yield


@contextmanager
def kept(
    stack: Stack,
    tokens: Sequence[Tokens],
    file: Path,
    computing: Callable[[], AbstractContextManager[Any]],
    tick: Callable[[int], None],
) -> Iterator[Below]:
    """What enters the first trained layer, for every example, in `file`, which goes away at the end.

    computing: the context to compute in (autocast). tick: told how many examples are done.
    """
    device = next(stack.model.parameters()).device
    lengths = [len(one.ids) for one in tokens]
    ends = list(itertools.accumulate(lengths))
    whole = torch.empty(0)
    done = 0
    training = stack.model.training
    stack.model.eval()
    file.unlink(missing_ok=True)
    try:
        for chosen in by_tokens(lengths, BUDGET):
            ids = pad_sequence([torch.tensor(tokens[i].ids) for i in chosen], batch_first=True)
            with torch.no_grad(), computing():
                found = stack.entering(ids.to(device)).cpu()
            if not done:
                size = ends[-1] * found.shape[-1]
                whole = torch.from_file(str(file), shared=True, size=size, dtype=found.dtype).view(ends[-1], -1)
            for row, i in enumerate(chosen):
                whole[ends[i] - lengths[i] : ends[i]] = found[row, : lengths[i]]
            done += len(chosen)
            tick(done)
        stack.model.train(training)
        yield Below(stack, whole.split(lengths))
    finally:
        file.unlink(missing_ok=True)
