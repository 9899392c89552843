"""How weights are made trainable, one file a way: `full`, `lora`, `adalora`, `ia3`. Names such as `qlora` are presets
of these (`core.recipe.PRESETS`).

A file defines `SAVED_AS` ("adapter" or "model"), `attach(model, options, seed)` and `save(model, folder)`; what else
it defines of `Hooks` is called as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunewright.core import catalogue
from tunewright.core.recipe import MethodOptions

if TYPE_CHECKING:
    import torch


@dataclass
class Attached:
    """A model with its method on it: what the training loop asks of a method.

    model: with its trainable weights in fp32. A hook that the method's file does not define does nothing.
    """

    model: Any
    module: Any

    @property
    def saved_as(self) -> str:
        """ "adapter" or "model": the folder of the system that `save` writes."""
        return str(self.module.SAVED_AS)

    @property
    def parameters(self) -> dict[str, torch.nn.Parameter]:
        """Name → trainable weight, in the model's order."""
        return {name: weight for name, weight in self.model.named_parameters() if weight.requires_grad}

    def begin(self, total_steps: int) -> None:
        """Told before the first step, and again after a checkpoint was read, how many steps the training has."""
        self._call("begin", total_steps)

    def rate(self, name: str) -> float:
        """How many times the learning rate a weight of this name is trained with."""
        found = self._call("rate", name)
        return 1.0 if found is None else float(found)

    def penalty(self) -> torch.Tensor | None:
        """What a step adds to its loss beside cross entropy; None: nothing."""
        found: torch.Tensor | None = self._call("penalty")
        return found

    def after_step(self, step: int) -> None:
        """After the optimiser's step number `step` (from 1), while its gradients are still there."""
        self._call("after_step", step)

    def settled(self, step: int) -> bool:
        """Whether the weights after this step can be the result: their form does not change any more."""
        found = self._call("settled", step)
        return True if found is None else bool(found)

    def state(self) -> dict[str, torch.Tensor]:
        """What a checkpoint must hold beside the trainable weights."""
        return self._call("state") or {}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """The inverse of `state`."""
        self._call("restore", state)

    def summary(self) -> dict[str, Any]:
        """What there is to say about the trained weights, for training_metrics.json."""
        return self._call("summary") or {}

    def save(self, folder: Path) -> None:
        """Write the trained weights: an adapter in PEFT's format, or a whole model in Hugging Face's."""
        self.module.save(self.model, folder)

    def _call(self, hook: str, *arguments: Any) -> Any:
        function = getattr(self.module, hook, None)
        return None if function is None else function(self.model, *arguments)


def attach(model: Any, options: MethodOptions, seed: int) -> Attached:
    """Put a method on a model. Raises UsageError for one that is not there, ModelError where it does not fit."""
    module = catalogue.load("method", options.adapter)
    return Attached(module.attach(model, options, seed), module)
