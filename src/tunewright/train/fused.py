"""Norms, gated activations and the loss in few passes over memory, for training on a processor.

transformers writes them as chains of elementwise operations: every link reads and writes whole activations, and
autograd keeps what lies between. Here each is one step with a formula for its way back, worked on block by block, so
that what lies between stays in the cache and nothing but the inputs is kept. (Hsu et al. 2024, "Liger Kernel:
Efficient Triton Kernels for LLM Training", section 3, does the same for GPUs.)
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from torch.nn import functional

BLOCK = 1 << 17
"""Numbers in one block of an activation: a few of them, in fp32, stay in the caches of a few cores."""
LOGITS_BLOCK = 1 << 20
"""The same for logits, of which no two are needed at a time."""

ROTARY = "apply_rotary_pos_emb"
"""What transformers calls the function that rotates queries and keys, in the file of each family."""


class Norm(torch.autograd.Function):
    """weight · x / √(mean(x²) + eps) over the last dimension, in fp32 between (Zhang and Sennrich 2019, equation 4).

    x: `[..., width]`; weight: `[width]`, of the same dtype. Bit for bit what Llama's RMSNorm gives.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
        rows = x.reshape(-1, x.shape[-1])
        out, inverse = torch.empty_like(rows), torch.empty(len(rows), 1)
        exact, square = _room(rows, 2)
        for part in _blocks(rows, BLOCK):
            count = part.stop - part.start
            wide = exact[:count].copy_(rows[part])
            mean = torch.mul(wide, wide, out=square[:count]).mean(-1, keepdim=True)
            inverse[part] = mean.add_(eps).rsqrt_()
            out[part] = wide.mul_(inverse[part])
            out[part] *= weight
        ctx.save_for_backward(rows, weight, inverse)
        return out.view(x.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        rows, weight, inverse = ctx.saved_tensors
        (grad,) = gradients
        width = rows.shape[-1]
        grads, d_rows = grad.reshape(-1, width), torch.empty_like(rows)
        scale = weight.float()
        d_weight = torch.zeros_like(scale) if ctx.needs_input_grad[1] else None
        exact, weighted, product = _room(rows, 3)
        for part in _blocks(rows, BLOCK):
            count = part.stop - part.start
            wide, g, both = exact[:count].copy_(rows[part]), weighted[:count].copy_(grads[part]), product[:count]
            r = inverse[part]
            if d_weight is not None:
                d_weight += torch.mul(g, wide, out=both).mul_(r).sum(0)
            g.mul_(scale)
            along = torch.mul(g, wide, out=both).sum(-1, keepdim=True).mul_(r**3).div_(-width)
            d_rows[part] = g.mul_(r).addcmul_(wide, along)
        return d_rows.view(grad.shape), None if d_weight is None else d_weight.to(weight.dtype), None


class Gated(torch.autograd.Function):
    """silu(gate) · up, elementwise (Shazeer 2020, "GLU Variants Improve Transformer", equation 5)."""

    @staticmethod
    def forward(ctx: Any, gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
        gates, ups = (one.reshape(-1, gate.shape[-1]) for one in (gate, up))
        out = torch.empty_like(gates)
        for part in _blocks(gates, BLOCK):
            torch.mul(functional.silu(gates[part]), ups[part], out=out[part])
        ctx.save_for_backward(gates, ups)
        return out.view(gate.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        gates, ups = ctx.saved_tensors
        (grad,) = gradients
        grads = grad.reshape(gates.shape)
        d_gates, d_ups = torch.empty_like(gates), torch.empty_like(ups)
        for part in _blocks(gates, BLOCK):
            torch.mul(grads[part], functional.silu(gates[part]), out=d_ups[part])
            d_gates[part] = torch.ops.aten.silu_backward(grads[part] * ups[part], gates[part])
        return d_gates.view(grad.shape), d_ups.view(grad.shape)


class Lora(torch.autograd.Function):
    """ratio ⊙ (x·Wᵀ + scaling · x·Aᵀ·Bᵀ) + bias with W frozen (Hu et al. 2021, "LoRA", equation 3).

    x: `[..., in]`; weight: `[out, in]`; a: `[rank, in]`; b: `[out, rank]`. The sum happens in the product, and what a
    and b of another dtype are cast to is x's: PEFT casts x to theirs, which is four times as large.
    ratio: `[out]`, in fp32, DoRA's magnitudes by norms (Liu et al. 2024, equation 5); None: 1.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        a: torch.Tensor,
        b: torch.Tensor,
        ratio: torch.Tensor | None,
        scaling: float,
    ) -> torch.Tensor:
        rows = x.reshape(-1, x.shape[-1])
        ctx.kinds = a.dtype, b.dtype
        a, b = a.to(x.dtype), b.to(x.dtype)
        low = (rows @ a.T).mul_(scaling)
        ctx.scaling = scaling
        if ratio is None:
            out = functional.linear(rows, weight, bias).addmm_(low, b.T)
            ctx.save_for_backward(rows, weight, a, b, low)
        else:
            plain = functional.linear(rows, weight).addmm_(low, b.T)
            beyond = (ratio - 1).to(x.dtype)  # near 0, where a small dtype is finer than near 1
            out = torch.addcmul(plain, plain, beyond)
            if bias is not None:
                out += bias
            ctx.save_for_backward(rows, weight, a, b, low, plain, beyond)
        return out.view(*x.shape[:-1], len(weight))

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        rows, weight, a, b, low, *scaled = ctx.saved_tensors
        (grad,) = gradients
        kind_a, kind_b = ctx.kinds
        grads = grad.reshape(-1, grad.shape[-1])
        d_ratio = None
        if scaled:
            plain, beyond = scaled
            d_ratio = torch.zeros(len(weight))
            for part in _blocks(grads, BLOCK):
                d_ratio += (grads[part] * plain[part]).sum(0, dtype=torch.float32)
            grads = torch.addcmul(grads, grads, beyond)
        d_low = (grads @ b).mul_(ctx.scaling)
        d_x = None
        if ctx.needs_input_grad[0]:
            d_x = (grads @ weight).addmm_(d_low, a).view(*grad.shape[:-1], rows.shape[-1])
        return d_x, None, None, (d_low.T @ rows).to(kind_a), (grads.T @ low).to(kind_b), d_ratio, None


class Rotate(torch.autograd.Function):
    """x · cos + (the halves of x, the second negated and first) · sin (Su et al. 2021, "RoFormer", equation 34)."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(cos, sin)
        half = x.shape[-1] // 2
        out = x * cos
        out[..., :half].addcmul_(x[..., half:], sin[..., :half], value=-1)
        out[..., half:].addcmul_(x[..., :half], sin[..., half:])
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        (grad,) = gradients
        half = grad.shape[-1] // 2
        d_x = grad * cos
        d_x[..., :half].addcmul_(grad[..., half:], sin[..., half:])
        d_x[..., half:].addcmul_(grad[..., :half], sin[..., :half], value=-1)
        return d_x, None, None


class CrossEntropy(torch.autograd.Function):
    """Summed cross entropy (nats) of logits `[rows or more, vocab]` and labels `[rows]`, in fp32.

    Logits behind the last label count nothing. smoothing: share of each target that is spread over all tokens.
    """

    @staticmethod
    def forward(ctx: Any, logits: torch.Tensor, labels: torch.Tensor, smoothing: float) -> torch.Tensor:
        total, lse = torch.zeros(()), torch.empty(len(labels), 1)
        (room,) = _room(logits, 1, LOGITS_BLOCK)
        for part in _blocks(logits[: len(labels)], LOGITS_BLOCK):
            exact = room[: part.stop - part.start].copy_(logits[part])
            target = exact.gather(1, labels[part, None])
            if smoothing:
                target = (1 - smoothing) * target + smoothing * exact.mean(-1, keepdim=True)
            largest = exact.amax(-1, keepdim=True)
            lse[part] = exact.sub_(largest).exp_().sum(-1, keepdim=True).log_().add_(largest)
            total += (lse[part] - target).sum()
        ctx.save_for_backward(logits, labels, lse)
        ctx.smoothing = smoothing
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        logits, labels, lse = ctx.saved_tensors
        (grad,) = gradients
        d_logits = torch.empty_like(logits)
        d_logits[len(labels) :] = 0
        (room,) = _room(logits, 1, LOGITS_BLOCK)
        for part in _blocks(logits[: len(labels)], LOGITS_BLOCK):
            exact = room[: part.stop - part.start].copy_(logits[part])
            exact.sub_(lse[part]).exp_()
            if ctx.smoothing:
                exact.sub_(ctx.smoothing / logits.shape[-1])
            wanted = labels[part, None]
            exact.scatter_add_(1, wanted, torch.full(wanted.shape, ctx.smoothing - 1.0))
            d_logits[part] = exact.mul_(grad)
        return d_logits, None, None


def _blocks(rows: torch.Tensor, numbers: int) -> Iterator[slice]:
    step = max(1, numbers // rows.shape[-1])
    for first in range(0, len(rows), step):
        yield slice(first, min(first + step, len(rows)))


def _room(rows: torch.Tensor, count: int, numbers: int = BLOCK) -> list[torch.Tensor]:
    """`count` blocks in fp32, used again for every block of rows: fresh memory would cost more than the sums."""
    step = min(len(rows), max(1, numbers // rows.shape[-1]))
    return [torch.empty(step, rows.shape[-1]) for _ in range(count)]


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
    """Summed cross entropy in fp32, of as many logits as there are labels; torch's own if they are on no processor."""
    if logits.device.type == "cpu":
        return CrossEntropy.apply(logits, labels, smoothing)
    labels = functional.pad(labels, (0, len(logits) - len(labels)), value=-100)
    return functional.cross_entropy(logits.float(), labels, reduction="sum", label_smoothing=smoothing)


def _norm(self: Any, hidden_states: torch.Tensor) -> torch.Tensor:
    if hidden_states.dtype != self.weight.dtype:
        return type(self).forward(self, hidden_states)
    return Norm.apply(hidden_states, self.weight, self.variance_epsilon)


def _gated(self: Any, x: torch.Tensor) -> torch.Tensor:
    return self.down_proj(Gated.apply(self.gate_proj(x), self.up_proj(x)))


def _rotary(
    q: torch.Tensor, k: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, unsqueeze_dim: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    cos, sin = cos.unsqueeze(unsqueeze_dim), sin.unsqueeze(unsqueeze_dim)
    return Rotate.apply(q, cos, sin), Rotate.apply(k, cos, sin)


def _lora(self: Any, x: torch.Tensor) -> torch.Tensor:
    (name,) = self.active_adapters
    base, a, b = self.base_layer, self.lora_A[name].weight, self.lora_B[name].weight
    if torch.is_autocast_enabled("cpu"):
        x = x.to(torch.get_autocast_dtype("cpu"))
    if x.dtype != base.weight.dtype:
        return type(self).forward(self, x)
    ratio = None
    if name in self.lora_variant:
        ratio = self.lora_magnitude_vector[name].ratio(base, a, b, self.scaling[name])
    return Lora.apply(x, base.weight, base.bias, a, b, ratio, self.scaling[name])


def _is_norm(kind: type) -> bool:
    """Whether modules of this class compute what `_norm` does: asked of the class itself, with numbers."""
    numbers = torch.linspace(-4, 4, 5 * 64).roll(7).view(1, 5, 64)
    stand_in = SimpleNamespace(weight=numbers[0, 0].abs() + 0.5, variance_epsilon=1e-3)
    return _same(lambda way: way(stand_in, numbers), kind.forward, _norm)  # type: ignore[attr-defined]


def _is_gated(kind: type, act: Any) -> bool:
    """The same for `_gated`, with the activation of one such module."""
    stand_in = SimpleNamespace(
        gate_proj=lambda x: 3 * x, up_proj=lambda x: x.flip(-1), down_proj=lambda x: x - 1, act_fn=act
    )
    numbers = torch.linspace(-4, 4, 5 * 64).roll(7).view(1, 5, 64)
    return _same(lambda way: way(stand_in, numbers), kind.forward, _gated)  # type: ignore[attr-defined]


def _is_rotary(function: Any) -> bool:
    """The same for a function and `_rotary`."""
    numbers = torch.linspace(-4, 4, 2 * 3 * 5 * 8).roll(7).view(2, 3, 5, 8)
    angles = torch.linspace(0, 3, 2 * 5 * 8).view(2, 5, 8)

    def turned(way: Any) -> torch.Tensor:
        return torch.cat(way(numbers, numbers[:, :1].flip(-1), angles.cos(), angles.sin()), dim=1)

    return _same(turned, function, _rotary)


def _is_lora(module: Any) -> bool:
    """Whether `module` is PEFT's LoRA, or DoRA with the norm in closed form, of a linear layer that stays as it is."""
    from peft.tuners.lora.layer import Linear

    from tunewright.models.methods._dora import ClosedForm

    if type(module) is not Linear or module.merged or module.disable_adapters or len(module.active_adapters) != 1:
        return False
    (name,) = module.active_adapters
    return (
        type(module.base_layer) is torch.nn.Linear
        and not any(one.requires_grad for one in module.base_layer.parameters())
        and name in module.lora_A
        and (name not in module.lora_variant or isinstance(module.lora_magnitude_vector[name], ClosedForm))
        and isinstance(module.lora_dropout[name], torch.nn.Identity)
        and module.lora_B[name].bias is None
    )


def _same(ask: Callable[[Any], torch.Tensor], theirs: Any, ours: Any) -> bool:
    try:
        with torch.no_grad():
            return torch.allclose(ask(theirs), ask(ours), rtol=1e-6, atol=1e-6)
    except (AttributeError, TypeError, RuntimeError, ValueError):  # it needs more than ours does
        return False


def parts(model: Any) -> list[tuple[torch.nn.Module, Callable[..., Any]]]:
    """The modules of `model` that have a faster way, and that way."""
    found: list[tuple[torch.nn.Module, Callable[..., Any]]] = []
    for module in model.modules():
        kind = type(module)
        if hasattr(module, "variance_epsilon"):
            if _is_norm(kind):
                found.append((module, _norm))
        elif hasattr(module, "gate_proj") and hasattr(module, "act_fn"):
            if _is_gated(kind, module.act_fn):
                found.append((module, _gated))
        elif hasattr(module, "lora_variant") and _is_lora(module):
            found.append((module, _lora))
    return found


def pays(device: str | torch.device) -> bool:
    """Whether `quick` is for a device: blocks are for a processor's caches."""
    return torch.device(device).type == "cpu"


@contextmanager
def quick(model: Any) -> Iterator[None]:
    """Within, what there is a faster way for in `model` takes it: norms, gated activations, rotations, LoRA, DoRA."""
    chosen = parts(model)
    files = [sys.modules[name] for name in {type(module).__module__ for module in model.modules()}]
    rotations = {file: vars(file)[ROTARY] for file in files if ROTARY in vars(file) and _is_rotary(vars(file)[ROTARY])}
    for module, way in chosen:
        module.forward = _either(partial(way, module), partial(type(module).forward, module))
    for file, usual in rotations.items():
        setattr(file, ROTARY, _either(_rotary, usual))
    try:
        yield
    finally:
        for module, _ in chosen:
            del module.forward
        for file, usual in rotations.items():
            setattr(file, ROTARY, usual)


def _either(way: Callable[..., Any], usual: Callable[..., Any]) -> Callable[..., Any]:
    """The fast way where there is a way back to go and the numbers are on a processor, else the usual one."""

    def forward(x: torch.Tensor, *others: Any, **named: Any) -> Any:
        return (way if torch.is_grad_enabled() and x.device.type == "cpu" else usual)(x, *others, **named)

    return forward
