"""A few steps of the loop, to be run by torchrun: one_of_several.py FOLDER [alone] [small].

alone: every process keeps its gradients to itself, which must show.
small: the last process has no memory for two examples at a time.
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import torch
from accelerate import Accelerator
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parents[1]))
import tiny_models
from tunewright.train import loop
from tunewright.train.batch import Batch, Tokens, collate
from tunewright.train.loop import Fit, Schedule
from tunewright.train.loss import loss_sum
from tunewright.train.pointers import Pointing


def batches(step: int) -> list:
    """Micro-batches of 3, 1, 2 and 2 examples of different lengths."""
    generator = torch.Generator().manual_seed(step)
    made = []
    for size in (3, 1, 2, 2):
        rows = []
        for _ in range(size):
            ids = torch.randint(5, 60, (int(torch.randint(8, 30, (1,), generator=generator)),), generator=generator)
            start = len(ids) - 4
            rows.append(Tokens(tuple(ids.tolist()), start, ((start, (2, 3)),)))
        made.append(collate(rows, 0, share_prefix=False))
    return made


folder = Path(sys.argv[1])
if "alone" in sys.argv[2:]:
    Fit._summed = lambda self, *numbers: list(numbers)  # type: ignore[method-assign]
accelerator = Accelerator(cpu=True)
if "small" in sys.argv[2:] and accelerator.is_last_process:

    def limited(model: object, batch: Batch, *more: object, **kept: object) -> torch.Tensor:
        if len(batch.input_ids) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return loss_sum(model, batch, *more, **kept)

    loop.loss_sum = limited
model = copy.deepcopy(tiny_models.model("wren"))
parameters = dict(model.named_parameters())
optimizer = torch.optim.SGD(parameters.values(), lr=0.5)
metrics = Fit(
    model=model,
    parameters=parameters,
    optimizers=[(optimizer, 0.5)],
    schedule=Schedule("linear", 0, 4),
    micro_batches=batches,
    total_steps=4,
    folder=folder / "checkpoints",
    accelerator=accelerator,
    pointing=(Pointing(1, 0, 0.5),),
    logging_steps=1,
).run()
weights = {name: parameter.detach().clone() for name, parameter in parameters.items()}
weights["losses"] = torch.tensor([line["loss"] for line in metrics["steps"]])
weights["away"] = torch.tensor([line["looked_away"] for line in metrics["steps"]])
save_file(weights, str(folder / f"of-{accelerator.num_processes}-{accelerator.process_index}.safetensors"))
