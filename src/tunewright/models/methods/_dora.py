"""DoRA (Liu et al. 2024, arXiv 2402.09353) with the norm of its weight in closed form.

A row's norm of W + s·B·A is needed in every pass. PEFT builds B·A by putting an identity matrix through the adapter,
adds it to a copy of W and takes the norm of all that. But

    ‖Wᵢ + s·Bᵢ·A‖² = ‖Wᵢ‖² + 2s·(W·Aᵀ)ᵢ·Bᵢ + s²·Bᵢ·(A·Aᵀ)·Bᵢ

needs nothing larger than `[out, r]`, and its first term never changes. It is computed in fp32, once for all passes
between two changes of A and B. The norm carries no gradient (section 4.3 of the paper).
"""

from __future__ import annotations

from typing import Any

import torch
from peft.tuners.lora.dora import DoraLinearLayer
from peft.utils.integrations import dequantize_module_weight
from peft.utils.other import transpose
from torch.nn import functional


class ClosedForm(DoraLinearLayer):
    """PEFT's DoRA layer of a linear module, the same to rounding, with the norm in closed form."""

    def forward(
        self,
        x: torch.Tensor,
        *,
        lora_A: Any,
        lora_B: Any,
        scaling: float,
        base_layer: Any,
        base_result: torch.Tensor | None = None,
        adapter_name: str = "default",
    ) -> torch.Tensor:
        """What is added to the base layer's output. x: `[..., in]`; the result is `[..., out]`."""
        ratio = self.ratio(base_layer, lora_A.weight, lora_B.weight, scaling)
        learnt = lora_B(lora_A(x)) * scaling
        if base_result is None:  # with dropout the base sees what the adapter sees
            weight = transpose(dequantize_module_weight(base_layer), self.fan_in_fan_out)
            base_result = functional.linear(x.to(weight.dtype), weight)
        elif base_layer.bias is not None:
            base_result = base_result - base_layer.bias
        return (ratio - 1).to(base_result.dtype) * base_result + ratio.to(learnt.dtype) * learnt

    def ratio(self, base_layer: Any, a: torch.Tensor, b: torch.Tensor, scaling: float) -> torch.Tensor:
        """The learnt magnitudes by the norms of W + scaling·B·A, `[out]` in fp32. Gradients go to the magnitudes."""
        return self.weight / self.norm(base_layer, a, b, scaling)

    @torch.no_grad()
    def norm(self, base_layer: Any, a: torch.Tensor, b: torch.Tensor, scaling: float) -> torch.Tensor:
        """Norms of the rows of W + scaling·B·A, `[out]` in fp32."""
        # The optimiser and a loaded checkpoint change A and B in place, which torch counts.
        state = (a.data_ptr(), a._version, b.data_ptr(), b._version, scaling)
        known = self._dora_cache.get("closed form")
        if known is None or known[0] != state:
            with torch.autocast(a.device.type, enabled=False):
                known = state, self._norm(base_layer, a.float(), b.float(), scaling)
            self._dora_cache["closed form"] = known
        return known[1]

    def _norm(self, base_layer: Any, a: torch.Tensor, b: torch.Tensor, scaling: float) -> torch.Tensor:
        weight = transpose(dequantize_module_weight(base_layer).detach(), self.fan_in_fan_out)
        first = self._dora_cache.get("rows")
        if first is None or first.device != weight.device:
            first = self._dora_cache["rows"] = weight.float().square().sum(dim=1)
        mixed = (weight.float() @ a.T * b).sum(dim=1)
        last = (b @ (a @ a.T) * b).sum(dim=1)
        return (first + 2 * scaling * mixed + scaling**2 * last).clamp(min=0).sqrt()

    def train(self, mode: bool = True) -> ClosedForm:
        """As torch's; the norm stays known, for it depends on the weights alone."""
        torch.nn.Module.train(self, mode)
        return self

    def _cache_clear(self) -> None:
        """Kept: `norm` looks by itself whether what it knows still holds."""


def quicken(model: Any) -> None:
    """Let every linear DoRA layer of a PEFT model take its norm in closed form. Leaves the others as they are."""
    for module in model.modules():
        if type(module) is DoraLinearLayer:
            module.__class__ = ClosedForm
