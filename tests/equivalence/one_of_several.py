"""What several processes do together, to be run by torchrun: one_of_several.py MODEL_FOLDER OUT_FOLDER.

Every process writes what it found to OUT_FOLDER/<rank>.safetensors and <rank>.json. The functions are also called by
the test itself, as the one process that the others are compared with.
"""

from __future__ import annotations

import copy
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).parents[1]))
import tiny_models
from tunewright.core.errors import RunError
from tunewright.core.recipe import MethodOptions, Recipe, TaskOptions, TrainOptions
from tunewright.core.records import Example, Record
from tunewright.tasks.extraction import Extraction
from tunewright.train import checkpoint, loop, shares
from tunewright.train.batch import Batch, Tokens, collate
from tunewright.train.finetune import finetune
from tunewright.train.loop import Fit
from tunewright.train.loss import loss_sum
from tunewright.train.pointers import Pointing
from tunewright.train.schedule import Schedule

METHODS = {
    "lora": ({"lora_r": 4}, {"pointer_weight": 0.5}),
    "full": ({"name": "full"}, {"gradient_accumulation_steps": 3, "per_device_train_batch_size": 2}),
    "adalora": ({"name": "adalora", "init_r": 6, "target_r": 2}, {"max_steps": 16}),
}
"""Methods, and how they are trained: in batches that are split by rows, and in several that are shared out."""
DROPOUT = ({"lora_r": 4, "lora_dropout": 0.1}, {"save_total_limit": 4})
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": ["string", "null"]}, "code": {"type": ["string", "null"]}},
    "required": ["name", "code"],
    "additionalProperties": False,
}


def batches(step: int) -> list[Batch]:
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


def steps(folder: Path) -> dict[str, torch.Tensor]:
    """The weights after a few plain steps, and the losses on the way. One weight has no gradient, ever."""
    model = copy.deepcopy(tiny_models.model("wren"))
    parameters = dict(model.named_parameters()) | {"idle": torch.nn.Parameter(torch.ones(3))}
    optimizer = torch.optim.SGD(parameters.values(), lr=0.5, weight_decay=0.1)
    metrics = Fit(
        model=model,
        parameters=parameters,
        optimizers=[(optimizer, 0.5)],
        schedule=Schedule("linear", 0, 4),
        micro_batches=batches,
        total_steps=4,
        folder=folder / "checkpoints",
        accelerator=Accelerator(cpu=True),
        pointing=(Pointing(1, 0, 0.5),),
        logging_steps=1,
    ).run()
    found = {name: parameter.detach().clone() for name, parameter in parameters.items()}
    found["losses"] = torch.tensor([line["loss"] for line in metrics["steps"]])
    found["away"] = torch.tensor([line["looked_away"] for line in metrics["steps"]])
    return found


def cramped(folder: Path, *, last: bool) -> dict[str, torch.Tensor]:
    """The same where the last process has no memory for two examples at a time."""

    def limited(model: Any, batch: Batch, *more: Any, **kept: Any) -> torch.Tensor:
        if last and len(batch.input_ids) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return loss_sum(model, batch, *more, **kept)

    loop.loss_sum = limited
    try:
        return steps(folder)
    finally:
        loop.loss_sum = loss_sum


def examples(count: int) -> list[Example]:
    task = Extraction(TaskOptions(), {"": SCHEMA})
    return [
        task.example(Record(str(i), f"name: {'abcdef'[i % 6]} code {i}", {"name": "abcdef"[i % 6], "code": str(i)}))
        for i in range(count)
    ]


def tune(model: str, folder: Path, method: dict[str, Any], train: dict[str, Any], events: Any = None) -> dict[str, Any]:
    options = {
        "max_steps": 6,
        "per_device_train_batch_size": 5,
        "per_device_eval_batch_size": 3,
        "learning_rate": 2e-3,
        "logging_steps": 1,
        "eval_steps": 2,
        "bf16": False,
    }
    recipe = Recipe(name="t", method=MethodOptions(**method), train=TrainOptions(**{**options, **train}))
    return finetune(model, examples(24), examples(7), recipe, folder, events)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """The tensors that a fine-tuning left."""
    (path,) = folder.glob("*/*model.safetensors")
    return load_file(path)


def without_end(folder: Path, copy_: Path, step: int) -> None:
    """A copy of a training as a kill after `step` left it."""
    shutil.copytree(folder, copy_)
    shutil.rmtree(copy_ / "adapter")
    for path in (copy_ / "checkpoints").glob("step-*"):
        if int(path.name[5:]) > step:
            shutil.rmtree(path)


def refused(folder: Path, name: str, stand_in: Any) -> str:
    """What is said when `train.shares.<name>` does something else."""
    usual = getattr(shares, name)
    setattr(shares, name, stand_in)
    try:
        steps(folder / name)
    except RunError as error:
        return error.message
    finally:
        setattr(shares, name, usual)
    return "nothing"


def main(model: str, out: Path) -> None:
    accelerator = Accelerator(cpu=True)
    rank = accelerator.process_index
    found = steps(out / "steps")
    told: dict[str, Any] = {"processes": accelerator.num_processes}
    save_file(cramped(out / "cramped", last=accelerator.is_last_process), str(out / f"cramped.{rank}.safetensors"))
    saved, _ = checkpoint.newest(out / "cramped" / "checkpoints")
    told["micro_batch"] = saved.state["metrics"]["micro_batch"] if saved is not None else None
    for name, (method, train) in METHODS.items():
        told[name] = tune(model, out / name, method, train)
    tune(model, out / "whole", *DROPOUT)
    if rank == 0:
        without_end(out / "whole", out / "parts", 2)
    accelerator.wait_for_everyone()
    told["parts"] = tune(model, out / "parts", *DROPOUT)
    told["drops its share"] = refused(out, "mine", lambda some, count, rank: [] if rank else some[:2])
    told["keeps its gradients"] = refused(out, "sum_gradients", lambda *_: None)
    save_file(found, str(out / f"{rank}.safetensors"))
    (out / f"{rank}.json").write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
