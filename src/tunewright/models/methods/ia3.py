"""IA³ (Liu et al. 2022, arXiv 2205.05638): keys, values and the feed-forward's inner activations are rescaled by
learnt vectors (section 3.3)."""

from __future__ import annotations

from typing import Any

from tunewright.core.errors import ModelError
from tunewright.core.recipe import MethodOptions
from tunewright.models.methods import _shared

SAVED_AS = "adapter"

_KEYS_AND_VALUES = ("k_proj", "v_proj", "c_attn", "qkv_proj", "query_key_value", "key", "value")
_FEED_FORWARD = ("down_proj", "fc2", "mlp.c_proj", "dense_4h_to_h", "fc_out", "w2")


def attach(model: Any, options: MethodOptions, seed: int) -> Any:
    """The model with vectors of ones on it. `all-linear` means what the paper rescales; other targets, outputs.

    Raises ModelError where the model has no layer of such a name.
    """
    from peft import IA3Config

    paths = list(_shared.linears(model))
    inner = [path for path in paths if _is_one(path, _FEED_FORWARD)]
    if options.target_modules == "all-linear":
        chosen = [path for path in paths if _is_one(path, _KEYS_AND_VALUES)] + inner
        if not chosen:
            known = ", ".join(sorted({path.rsplit(".", 1)[-1] for path in paths}))
            raise ModelError(
                "IA³ does not know this model's keys, values and feed-forward",
                hint=f"name them in method.target_modules; its linear layers: {known}",
            )
    else:
        chosen = _shared.targets(paths, options)
    config = IA3Config(
        target_modules=_shared.short(chosen, paths),
        feedforward_modules=_shared.short([path for path in inner if path in chosen], paths),
        modules_to_save=list(options.modules_to_save) or None,
        fan_in_fan_out=_shared.fan_in_fan_out(model, chosen),
        task_type="CAUSAL_LM",
    )
    return _shared.adapted(model, config, seed)


def save(model: Any, folder: Any) -> None:
    """The vectors in PEFT's format."""
    _shared.save(model, folder)


def _is_one(path: str, names: tuple[str, ...]) -> bool:
    return any(path == name or path.endswith(f".{name}") for name in names)
