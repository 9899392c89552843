"""An adapter folded into its base model, in fp32, never in 4 bits.

What an adapter learnt over 4-bit weights fits those weights. Folded into the original ones it meets others; folded
into the 4-bit weights written out in full (`dequantised`) it meets the same, with their rounding. Which is better
shows only by trying both (QLoRA, Dettmers et al. 2023, says nothing of it).
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

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

    if base == "dequantised" and quantisation is None:
        raise ValueError("only weights that were in 4 bits can be dequantised")
    seen = quantisation if base == "dequantised" else None
    loaded = load(name, adapter=adapter, dtype="fp32", device="cpu", quantisation=seen, keep_4bit=False)
    with torch.no_grad():
        loaded.model = loaded.model.merge_and_unload().eval()
    loaded.adapter = None
    weights = list(loaded.model.parameters())
    loaded.parameters = sum(weight.numel() for weight in weights)
    loaded.bytes = sum(weight.numel() * weight.element_size() for weight in weights)
    return loaded
