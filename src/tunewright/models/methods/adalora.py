"""AdaLoRA (Zhang et al. 2023, arXiv 2303.10512): W + P·Λ·Q, whose rank shrinks where it matters least.

The layers and the importance are PEFT's. Nobody but the training loop can make them prune: after every step the
gradients say how much each triplet matters (section 3.2), between `tinit` and `tfinal` the budget falls by a cubic
schedule (section 3.3), and a penalty keeps P and Q orthogonal (equation 4). transformers' Trainer does none of it.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch

from tunewright.core.errors import UsageError
from tunewright.core.recipe import MethodOptions
from tunewright.models.methods import _shared

SAVED_AS = "adapter"


def attach(model: Any, options: MethodOptions, seed: int) -> Any:
    """The model with fresh adapters of rank `init_r` on it; only they are trainable."""
    from peft import AdaLoraConfig

    paths = list(_shared.linears(model))
    chosen = _shared.targets(paths, options)
    config = AdaLoraConfig(
        init_r=options.init_r,
        target_r=options.target_r,
        lora_alpha=options.lora_alpha,  # type: ignore[arg-type]
        lora_dropout=options.lora_dropout,
        target_modules=_shared.short(chosen, paths),
        modules_to_save=list(options.modules_to_save) or None,
        orth_reg_weight=options.orth_reg_weight,
        fan_in_fan_out=_shared.fan_in_fan_out(model, chosen),
        total_step=1,  # `begin` knows better
        task_type="CAUSAL_LM",
    )
    adapted = _shared.adapted(model, config, seed)
    adapted.schedule = options
    return adapted


def begin(model: Any, total_steps: int) -> None:
    """Lay the budget's schedule over the training: pruning from tinit to total − tfinal, at least once.

    Raises UsageError for fewer than two steps: one that scores the triplets must come before one that prunes them.
    """
    if total_steps < 2:
        raise UsageError("AdaLoRA needs two steps at least", hint="raise train.num_train_epochs, or take lora")
    options: MethodOptions = model.schedule
    config = _config(model)
    config.total_step = total_steps
    config.tfinal = min(total_steps - 2, round(options.tfinal * total_steps))
    config.tinit = max(0, min(round(options.tinit * total_steps), total_steps - config.tfinal - 1))
    config.deltaT = max(1, min(options.delta_t, (total_steps - config.tfinal - config.tinit) // 5))


def penalty(model: Any) -> torch.Tensor:
    """How far P and Q are from orthogonal: the mean of ‖PᵀP − I‖ and ‖QQᵀ − I‖ (Frobenius), times its weight."""
    parts = []
    for name, weight in model.named_parameters():
        if ".lora_A." in name or ".lora_B." in name:
            gram = weight @ weight.T if ".lora_A." in name else weight.T @ weight
            parts.append(torch.linalg.matrix_norm(gram - torch.eye(len(gram), device=gram.device, dtype=gram.dtype)))
    return torch.stack(parts).mean() * _config(model).orth_reg_weight


def after_step(model: Any, step: int) -> None:
    """Score the triplets by this step's gradients and prune as the budget says."""
    model.base_model.update_and_allocate(step)


def settled(model: Any, step: int) -> bool:
    """Whether the last pruning is over."""
    config = _config(model)
    return bool(step >= config.total_step - config.tfinal)


def state(model: Any) -> dict[str, torch.Tensor]:
    """Importance so far and which triplets are kept."""
    allocator = model.base_model.rankallocator
    found = {f"{kind}/{name}": one for kind in _KINDS for name, one in getattr(allocator, kind).items()}
    kept = _config(model).rank_pattern or {}
    return found | {f"kept/{name}": torch.tensor(mask, dtype=torch.uint8) for name, mask in kept.items()}


def restore(model: Any, state: dict[str, torch.Tensor]) -> None:
    allocator = model.base_model.rankallocator
    allocator.reset_ipt()
    device = next(model.parameters()).device
    pattern = {}
    for full, value in state.items():
        kind, _, name = full.partition("/")
        if kind == "kept":
            pattern[name] = value.bool().tolist()
        else:
            getattr(allocator, kind)[name] = value.to(device)
    _config(model).rank_pattern = pattern or None


def summary(model: Any) -> dict[str, Any]:
    """The rank of every matrix: triplets that are not pruned."""
    ranks = {
        name.partition(".lora_E.")[0].removeprefix("base_model.model."): int((weight != 0).sum())
        for name, weight in model.named_parameters()
        if ".lora_E." in name
    }
    return {"mean_rank": sum(ranks.values()) / len(ranks), "ranks": ranks}


def save(model: Any, folder: Any) -> None:
    """The adapter in PEFT's format, without what was pruned."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*invalid shape.*")  # a matrix that was pruned whole is meant so
        _shared.save(model, folder)


_KINDS = ("ipt", "exp_avg_ipt", "exp_avg_unc")


def _config(model: Any) -> Any:
    return model.peft_config["default"]
