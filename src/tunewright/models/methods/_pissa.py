"""PiSSA (Meng et al. 2024, arXiv 2404.02948): the adapter begins as the weights' principal parts, which leave the base.

The base is no longer the one that others have: what is saved is turned into a plain LoRA of twice the rank over the
untouched base, W + s·(B·A − B₀·A₀) = W + s·[B, −B₀]·[A; A₀] (section 3.2 of the paper; PEFT converts the same way).
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from tunewright.models.methods import _shared


def is_one(model: Any) -> bool:
    """Whether the model's adapter began as principal parts."""
    return model.peft_config["default"].init_lora_weights == "pissa"


def remember(model: Any) -> None:
    """Keep the first A and B of every layer on the model: the difference to them is what was learnt."""
    if is_one(model):
        model.first_parts = {
            name: weight.detach().clone() for name, weight in model.named_parameters() if ".lora_" in name
        }


def save(model: Any, folder: Path) -> None:
    """The adapter as a LoRA of twice the rank, in PEFT's format."""
    import torch
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    first = {name.replace(".default.", "."): weight for name, weight in model.first_parts.items()}
    tensors = {}
    for name, weight in get_peft_model_state_dict(model).items():
        if ".lora_A." in name:
            weight = torch.cat([weight, first[name].to(weight.device)], dim=0)
        elif ".lora_B." in name:
            weight = torch.cat([weight, -first[name].to(weight.device)], dim=1)
        tensors[name] = weight.detach().contiguous().cpu()
    config = copy.deepcopy(model.peft_config["default"])
    scaling = config.lora_alpha / (config.r**0.5 if config.use_rslora else config.r)
    config.r, config.lora_alpha, config.use_rslora = 2 * config.r, 2 * config.r * scaling, False
    config.init_lora_weights = True
    config.inference_mode = True
    _shared.name_base(model, config)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config.save_pretrained(str(folder))
