"""DoRA's step: the norm in closed form beside PEFT's own layer, and plain LoRA, same model, data, batches.

`python -m benchmarks dora [--model 135m] [--rounds 5] [--steps 4]`

The three take turns in one process, in an order that moves on; the first round warms up. Printed: median seconds of a
step, with the range, and the ratio to PEFT's with a bootstrap interval.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

from benchmarks.train_peers import BATCH, batches, examples, interval, model


def attached(name: str, precision: str, *, dora: bool, closed: bool) -> Any:
    from peft.tuners.lora.dora import DoraLinearLayer

    from tunewright.core.recipe import MethodOptions
    from tunewright.models import methods
    from tunewright.models.methods._dora import ClosedForm

    options = MethodOptions(lora_r=16, lora_alpha=32, target_modules=("q_proj", "v_proj"), use_dora=dora)
    network = methods.attach(model(name, precision).model, options, 0).model.train()
    if not closed:
        for module in network.modules():
            if isinstance(module, ClosedForm):
                module.__class__ = DoraLinearLayer
    return network


def main() -> None:
    import torch

    from tunewright.models.load import best_dtype
    from tunewright.train.batch import collate
    from tunewright.train.loop import quick
    from tunewright.train.loss import loss_sum
    from tunewright.train.material import tokenise

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="135m")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4)
    options = parser.parse_args()
    precision = "bf16" if best_dtype() == torch.bfloat16 else "fp32"
    tokens = tokenise(model("wren", "fp32"), examples("invoices", 256))
    order = batches(tokens, BATCH[options.model], options.steps)
    sides = {
        "closed form": attached(options.model, precision, dora=True, closed=True),
        "peft": attached(options.model, precision, dora=True, closed=False),
        "lora": attached(options.model, precision, dora=False, closed=True),
    }
    found: dict[str, list[float]] = {side: [] for side in sides}
    names = list(sides)
    for lap in range(options.rounds + 1):
        for side in names[lap % 3 :] + names[: lap % 3]:
            weights = [weight for weight in sides[side].parameters() if weight.requires_grad]
            optimizer = torch.optim.AdamW(weights, lr=1e-4)
            began = time.perf_counter()
            with quick(sides[side], "cpu", precision):
                for chosen in order:
                    batch = collate([tokens[i] for i in chosen], 0, share_prefix=True, context=2048)
                    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                        loss = loss_sum(sides[side], batch) / len(batch.labels)
                    loss.backward()
                    optimizer.step()
                    optimizer.zero_grad()
            if lap:
                found[side].append((time.perf_counter() - began) / len(order))
    for side, seconds in found.items():
        ratios = [a / b for a, b in zip(found["peft"], seconds, strict=True)]
        low, high = interval(ratios)
        print(
            f"{side:12} {statistics.median(seconds):6.2f} s a step ({min(seconds):.2f}–{max(seconds):.2f})  "
            f"{statistics.median(ratios):.2f}× as fast as PEFT's ({low:.2f}–{high:.2f})"
        )


if __name__ == "__main__":
    main()
