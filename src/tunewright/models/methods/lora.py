"""LoRA (Hu et al. 2021, arXiv 2106.09685) through PEFT, with what grew out of it as options: rsLoRA, DoRA, PiSSA,
LoRA+, and layers or embeddings that are trained whole beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tunewright.core.recipe import MethodOptions
from tunewright.models.methods import _dora, _pissa, _shared

SAVED_AS = "adapter"


def attach(model: Any, options: MethodOptions, seed: int) -> Any:
    """The model with fresh adapters on it; only they, and what is trained whole, are trainable.

    Raises ModelError where no module has a target's name.
    """
    from peft import LoraConfig

    paths = list(_shared.linears(model))
    chosen = _shared.targets(paths, options)
    whole = _shared.last_layers((path for path, _ in model.named_modules()), options.trainable_layers)
    config = LoraConfig(
        r=options.lora_r,
        lora_alpha=options.lora_alpha,  # type: ignore[arg-type]
        lora_dropout=options.lora_dropout,
        target_modules=_shared.short(chosen, paths),
        modules_to_save=[*options.modules_to_save, *whole] or None,
        use_rslora=options.use_rslora,
        use_dora=options.use_dora,
        init_lora_weights="pissa" if options.init_lora_weights == "pissa" else True,
        fan_in_fan_out=_shared.fan_in_fan_out(model, chosen),
        task_type="CAUSAL_LM",
    )
    adapted = _shared.adapted(model, config, seed)
    adapted.loraplus_lr_ratio = options.loraplus_lr_ratio
    _dora.quicken(adapted)
    _pissa.remember(adapted)
    return adapted


def rate(model: Any, name: str) -> float:
    """LoRA+ (Hayou et al. 2024, arXiv 2402.12354): B learns faster than A."""
    return float(model.loraplus_lr_ratio) if ".lora_B." in name else 1.0


def save(model: Any, folder: Path) -> None:
    """The adapter in PEFT's format, one that fits the untouched base model."""
    if _pissa.is_one(model):
        _pissa.save(model, folder)
    else:
        _shared.save(model, folder)
