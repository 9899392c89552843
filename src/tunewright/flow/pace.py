"""How fast this machine trains and reads a model that need not be here: one layer of its shape, timed for a moment."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from tunewright.models import shapes

TOKENS = 4096
"""At most so many go through the layer."""

WORK = 4e11
"""At most so many additions and multiplications are tried: a second or so on two cores."""


@dataclass(frozen=True)
class Pace:
    """Seconds a token takes in one layer. train: there and back; read: there alone."""

    train: float
    read: float


def of(config: Any, *, rows: int, length: int, precision: str, whole: bool, device: str) -> Pace:
    """The pace of a model of this config on rows of `length` tokens each, as fine-tuning takes it.

    precision: "fp32", "bf16" or "fp16". whole: all weights are trained, which are fp32 then; else none of the layer's.
    """
    import torch

    from tunewright.train.loop import quick

    kind = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    model = _one_layer(config, torch.float32 if whole else kind, device)
    model.requires_grad_(whole)
    body = model.base_model
    weights = sum(one.numel() for one in body.parameters() if not one.is_meta)
    tokens = min(TOKENS, WORK / (6 * weights))
    length = max(1, min(length, int(tokens)))
    rows = max(1, min(rows, int(tokens // length)))
    width = body.get_input_embeddings().embedding_dim
    given = torch.randn(rows, length, width, dtype=torch.float32 if whole else kind, device=device)

    def there() -> torch.Tensor:
        out: torch.Tensor = body(inputs_embeds=given, use_cache=False)[0]
        return out

    def both() -> None:
        there().float().sum().backward()

    mixed = torch.autocast(device, kind) if precision != "fp32" else nullcontext()
    with mixed:
        with torch.no_grad():
            read = _seconds(there, device)
        given.requires_grad_()
        with quick(model, device, "no" if precision == "fp32" else precision):
            train = _seconds(both, device)
    return Pace(train / given[..., 0].numel(), read / given[..., 0].numel())


def _one_layer(config: Any, dtype: Any, device: str) -> Any:
    """A model of this config with one layer of zeros and without an embedding."""
    config = copy.deepcopy(config)
    text = config.get_text_config()
    text.num_hidden_layers = 1
    if getattr(text, "layer_types", None):
        text.layer_types = text.layer_types[:1]
    model = shapes.skeleton(config, dtype)
    body = model.base_model
    for module in body.modules():
        if module is not body.get_input_embeddings():
            module.to_empty(device=device, recurse=False)
            for one in [*module.parameters(recurse=False), *module.buffers(recurse=False)]:
                one.data.zero_()
    return model


def _seconds(attempt: Callable[[], Any], device: str) -> float:
    """The shorter of two times, behind one that warms up."""
    import torch

    taken = []
    for _ in range(3):
        began = time.perf_counter()
        attempt()
        if device == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - began)
    return min(taken[1:])
