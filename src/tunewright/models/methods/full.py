"""Full fine-tuning: every weight is trainable, in fp32; or only those of the last layers, and what follows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tunewright.core.errors import ModelError
from tunewright.core.recipe import MethodOptions
from tunewright.models.methods import _shared

SAVED_AS = "model"


def attach(model: Any, options: MethodOptions, seed: int) -> Any:
    """The model itself, all weights trainable; with `trainable_layers`, those of the last layers and the last norm.

    Raises ModelError where it has fewer layers.
    """
    import torch

    torch.manual_seed(seed)
    if not options.trainable_layers:
        return model.float().requires_grad_(True)
    model.float().requires_grad_(False)
    layers = _shared.last_layers((path for path, _ in model.named_modules()), options.trainable_layers)
    if len(layers) < options.trainable_layers:
        raise ModelError(f"the model has {len(layers)} layers, fewer than method.trainable_layers")
    stack = layers[-1].rpartition(".")[0].rpartition(".")[0]
    for path, module in model.named_modules():
        after = path.rpartition(".")[0] == stack and "norm" in path.rpartition(".")[2]
        if path in layers or after or path == f"{stack}.ln_f":
            module.requires_grad_(True)
    return model


def save(model: Any, folder: Path) -> None:
    """The whole model in Hugging Face's format, in safetensors."""
    model.save_pretrained(str(folder), safe_serialization=True)
