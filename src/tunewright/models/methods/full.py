"""Full fine-tuning: every weight is trainable, in fp32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tunewright.core.recipe import MethodOptions

SAVED_AS = "model"


def attach(model: Any, options: MethodOptions, seed: int) -> Any:
    """The model itself, all weights trainable."""
    import torch

    torch.manual_seed(seed)
    return model.float().requires_grad_(True)


def save(model: Any, folder: Path) -> None:
    """The whole model in Hugging Face's format, in safetensors."""
    model.save_pretrained(str(folder), safe_serialization=True)
