"""What the methods share: which modules they train, and PEFT's way of putting an adapter on them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from tunewright.core.errors import ModelError
from tunewright.core.recipe import MethodOptions

_LAYER = re.compile(r"^(.*?\.(?:layers|h|blocks|block))\.(\d+)(?:\.|$)")


def linears(model: Any) -> dict[str, Any]:
    """Path → module of every linear layer but the output head, in the model's order."""
    import torch
    from transformers.pytorch_utils import Conv1D

    ends = {id(model.get_output_embeddings()), id(model.get_input_embeddings())}
    return {
        path: module
        for path, module in model.named_modules()
        if isinstance(module, torch.nn.Linear | Conv1D) and id(module) not in ends
    }


def layers(paths: Iterable[str]) -> list[str]:
    """Paths of the decoder layers, the first one first, among all paths of a model's modules."""
    numbers = {found[0].rstrip("."): int(found[2]) for path in paths if (found := _LAYER.match(path))}
    return sorted(numbers, key=lambda path: numbers[path])


def last_layers(paths: Iterable[str], count: int) -> list[str]:
    """Paths of the last `count` decoder layers, among all paths of a model's modules."""
    return layers(paths)[-count:] if count else []


def targets(paths: Sequence[str], options: MethodOptions) -> list[str]:
    """Which linear layers, by path, get an adapter. Raises ModelError where none has a target's name."""
    wanted = options.target_modules
    whole = last_layers(paths, options.trainable_layers)
    free = [path for path in paths if not any(path.startswith(f"{layer}.") for layer in whole)]
    if wanted == "all-linear":
        found = free
    elif wanted == "attention":
        found = [path for path in free if any("attn" in part or "attention" in part for part in path.split("."))]
    elif isinstance(wanted, str):
        found = [path for path in free if re.fullmatch(wanted, path)]
    else:
        found = [path for path in free if any(path == one or path.endswith(f".{one}") for one in wanted)]
    if not found:
        known = sorted({path.rsplit(".", 1)[-1] for path in paths})
        raise ModelError(
            f"no linear layer of the model is meant by target_modules {wanted!r}",
            hint=f"its linear layers: {', '.join(known)}",
        )
    return found


def short(chosen: Sequence[str], paths: Sequence[str]) -> list[str]:
    """The shortest endings of the chosen paths that no other linear layer has: `q_proj` rather than 32 whole paths."""
    others = set(paths) - set(chosen)
    endings = set()
    for path in chosen:
        parts = path.split(".")
        for length in range(1, len(parts) + 1):
            ending = ".".join(parts[-length:])
            if not any(other == ending or other.endswith(f".{ending}") for other in others):
                endings.add(ending)
                break
    return sorted(endings)


def adapted(model: Any, config: Any, seed: int) -> Any:
    """`model` under a fresh adapter of a PEFT config, its trainable weights in fp32, the same for the same seed."""
    import torch
    from peft import get_peft_model

    torch.manual_seed(seed)
    try:
        made = get_peft_model(model, config)
    except ValueError as error:
        raise ModelError(str(error)) from error
    for weight in made.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()
    return made


def fan_in_fan_out(model: Any, chosen: Sequence[str]) -> bool:
    """Whether the chosen layers keep their weights transposed, as GPT-2's do."""
    from transformers.pytorch_utils import Conv1D

    return isinstance(model.get_submodule(chosen[0]), Conv1D)


def save(model: Any, folder: Any) -> None:
    """The adapter in PEFT's format (adapter_config.json, adapter_model.safetensors)."""
    model.save_pretrained(str(folder), safe_serialization=True)


def name_base(model: Any, config: Any) -> None:
    """Note in a PEFT config which model it belongs to, as PEFT does when it saves."""
    if config.base_model_name_or_path is None:
        config.base_model_name_or_path = getattr(model.get_base_model(), "name_or_path", None)
