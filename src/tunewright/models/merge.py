"""An adapter folded into its base model, in fp32, never in 4 bits.

What an adapter learnt over 4-bit weights fits those weights. Folded into the original ones it meets others; folded
into the 4-bit weights written out in full (`dequantised`) it meets the same, with their rounding. Which is better
shows only by trying both (QLoRA, Dettmers et al. 2023, says nothing of it).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from tunewright.core.recipe import Quantisation
from tunewright.models.load import Loaded, load

Base = Literal["original", "dequantised"]


def merged(
    name: str, adapter: Path | str, *, base: Base = "original", quantisation: Quantisation | None = None
) -> Loaded:
    """The model `name` with `adapter` in its weights, in fp32: no adapter is left on it.

    base: "dequantised" takes the weights that training in 4 bits (`quantisation`) saw. Raises ModelError as `load`.
    """
    import torch

    loaded = load(name, adapter=adapter, dtype="fp32", device="cpu")
    if base == "dequantised":
        if quantisation is None:
            raise ValueError("only weights that were in 4 bits can be dequantised")
        _dequantise(loaded.model.get_base_model(), name, quantisation)
    with torch.no_grad():
        loaded.model = loaded.model.merge_and_unload().eval()
    loaded.adapter = None
    weights = list(loaded.model.parameters())
    loaded.parameters = sum(weight.numel() for weight in weights)
    loaded.bytes = sum(weight.numel() * weight.element_size() for weight in weights)
    return loaded


def _dequantise(model: Any, name: str, quantisation: Quantisation) -> None:
    """Put the weights of the 4-bit model into `model`, whose adapters stay on."""
    import torch
    from bitsandbytes.functional import dequantize_4bit
    from transformers.pytorch_utils import Conv1D

    coarse = load(name, dtype="fp32", device="cpu", quantisation=quantisation).model
    with torch.no_grad():
        for path, module in coarse.named_modules():
            state = getattr(getattr(module, "weight", None), "quant_state", None)
            if state is not None:
                ours = model.get_submodule(path)
                ours = getattr(ours, "base_layer", ours)
                full = dequantize_4bit(module.weight.data, state).float()
                ours.weight.copy_(full.T if isinstance(ours, Conv1D) else full)
