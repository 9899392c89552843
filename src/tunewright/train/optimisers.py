"""Optimisers by the names of recipes: AdamW, Muon, and bitsandbytes' 8-bit or paged AdamW (Dettmers et al. 2022)."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

from tunewright.core.recipe import TrainOptions

BITSANDBYTES = {"adamw_8bit": "AdamW8bit", "paged_adamw": "PagedAdamW", "paged_adamw_8bit": "PagedAdamW8bit"}
"""Recipe name → class of bitsandbytes.optim."""


def usable(name: str, device: str) -> tuple[str, str | None]:
    """(the optimiser that is used for this name on this device, a sentence where it is another one)."""
    if name not in BITSANDBYTES:
        return name, None
    if device == "cpu":
        return "adamw", f"{name} needs a GPU: plain AdamW stands in"
    if importlib.util.find_spec("bitsandbytes") is None:
        return "adamw", f"{name} needs bitsandbytes (pip install 'tunewright[qlora]'): plain AdamW stands in"
    return name, None


def optimisers(
    model: Any,
    parameters: dict[str, Any],
    options: TrainOptions,
    rate: Callable[[str], float] = lambda name: 1.0,
    *,
    name: str | None = None,
) -> list[tuple[Any, float]]:
    """(optimiser, peak learning rate) pairs over the trainable parameters; Muon takes the matrices of hidden layers.

    rate: how many times the learning rate a parameter of this name gets. name: what `usable` found; the recipe's
    where it is not given.
    """
    import torch

    name = name or options.optim
    peak = options.learning_rate
    betas = (options.adam_beta1, options.adam_beta2)
    rates = {id(parameter): rate(name) for name, parameter in parameters.items()}

    def groups(chosen: Sequence[Any]) -> list[dict[str, Any]]:
        by_rate: dict[float, list[Any]] = {}
        for parameter in chosen:
            by_rate.setdefault(rates[id(parameter)], []).append(parameter)
        return [{"params": some, "scale": scale} for scale, some in by_rate.items()]

    every = list(parameters.values())
    if name in BITSANDBYTES:
        import bitsandbytes

        made = getattr(bitsandbytes.optim, BITSANDBYTES[name])
        return [(made(groups(every), lr=peak, betas=betas, weight_decay=options.weight_decay), peak)]
    if name == "adamw":
        adamw = torch.optim.AdamW(groups(every), lr=peak, betas=betas, weight_decay=options.weight_decay, fused=True)
        return [(adamw, peak)]
    tables = [module for module in model.modules() if isinstance(module, torch.nn.Embedding)]
    tables += [head] if (head := model.get_output_embeddings()) is not None else []
    outer = {id(p) for table in tables for p in table.parameters()}
    matrices = [p for p in every if p.ndim == 2 and id(p) not in outer]
    rest = [p for p in every if p.ndim != 2 or id(p) in outer]
    muon = torch.optim.Muon(
        groups(matrices), lr=peak, weight_decay=options.weight_decay, adjust_lr_fn="match_rms_adamw"
    )
    pairs: list[tuple[Any, float]] = [(muon, peak)]
    if rest:
        pairs.append((torch.optim.AdamW(groups(rest), lr=peak, betas=betas, weight_decay=0.0), peak))
    return pairs
