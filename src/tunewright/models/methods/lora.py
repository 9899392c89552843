"""LoRA (Hu et al. 2021, arXiv 2106.09685) through PEFT, with rsLoRA and DoRA as its options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tunewright.core.errors import ModelError
from tunewright.core.recipe import MethodOptions

SAVED_AS = "adapter"


def attach(model: Any, options: MethodOptions, seed: int) -> Any:
    """The model with fresh adapters on it; only they are trainable. The seed is set first, so they are the same
    every time. Raises ModelError when no module has a target's name."""
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(seed)
    targets = options.target_modules if isinstance(options.target_modules, str) else list(options.target_modules)
    config = LoraConfig(
        r=options.lora_r,
        lora_alpha=options.lora_alpha,  # type: ignore[arg-type]
        lora_dropout=options.lora_dropout,
        target_modules=targets,
        use_rslora=options.use_rslora,
        use_dora=options.use_dora,
        task_type="CAUSAL_LM",
    )
    try:
        adapted = get_peft_model(model, config)
    except ValueError as error:
        linear = sorted(
            {name.rsplit(".", 1)[-1] for name, module in model.named_modules() if hasattr(module, "weight")}
        )
        raise ModelError(str(error), hint=f"modules of this model: {', '.join(linear)}") from error
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return adapted


def save(model: Any, folder: Path) -> None:
    """The adapter in PEFT's format (adapter_config.json, adapter_model.safetensors)."""
    model.save_pretrained(str(folder), safe_serialization=True)
