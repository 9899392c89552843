"""The loop follows the same path as transformers' Trainer: an outside oracle for loss, accumulation and schedule."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

import tiny_models
from tunewright.core.recipe import TrainOptions
from tunewright.train.batch import Tokens, collate
from tunewright.train.loop import Fit
from tunewright.train.schedule import Schedule

STEPS, SIZE, RATE = 12, 4, 1e-3


def rows() -> list[Tokens]:
    generator = torch.Generator().manual_seed(0)
    made = []
    for _ in range(STEPS * SIZE):
        length = int(torch.randint(6, 20, (1,), generator=generator))
        ids = torch.randint(5, 60, (length,), generator=generator).tolist()
        made.append(Tokens(tuple(ids), length - 3))
    return made


def ours(model: torch.nn.Module, tokens: list[Tokens], folder: Path, rate: float = RATE) -> list[float]:
    from accelerate import Accelerator

    options = TrainOptions()
    parameters = dict(model.named_parameters())
    optimizer = torch.optim.AdamW(parameters.values(), lr=rate, betas=(0.9, 0.999), weight_decay=0.0)
    metrics = Fit(
        model=model,
        parameters=parameters,
        optimizers=[(optimizer, rate)],
        schedule=Schedule("linear", 0, STEPS),
        micro_batches=lambda step: [collate(tokens[step * SIZE : (step + 1) * SIZE], 0, share_prefix=False)],
        total_steps=STEPS,
        folder=folder,
        accelerator=Accelerator(cpu=True),
        max_grad_norm=options.max_grad_norm,
        logging_steps=1,
    ).run()
    return [line["loss"] for line in metrics["steps"]]


def theirs(model: torch.nn.Module, tokens: list[Tokens], folder: Path) -> list[float]:
    from transformers import Trainer, TrainingArguments

    class InOrder(Trainer):
        def _get_train_sampler(self, *_: object) -> torch.utils.data.Sampler:
            return torch.utils.data.SequentialSampler(self.train_dataset)

    def gather(batch: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        time = max(len(row["ids"]) for row in batch)
        ids = torch.zeros(len(batch), time, dtype=torch.long)
        labels = torch.full((len(batch), time), -100)
        mask = torch.zeros(len(batch), time, dtype=torch.long)
        for i, row in enumerate(batch):
            ids[i, : len(row["ids"])] = torch.tensor(row["ids"])
            labels[i, row["start"] : len(row["ids"])] = torch.tensor(row["ids"][row["start"] :])
            mask[i, : len(row["ids"])] = 1
        return {"input_ids": ids, "labels": labels, "attention_mask": mask}

    arguments = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=SIZE,
        max_steps=STEPS,
        learning_rate=RATE,
        lr_scheduler_type="linear",
        warmup_steps=0,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        optim="adamw_torch",
        remove_unused_columns=False,
        disable_tqdm=True,
    )
    data = [{"ids": list(one.ids), "start": one.start} for one in tokens]
    trainer = InOrder(model=model, args=arguments, train_dataset=data, data_collator=gather)
    trainer.train()
    return [line["loss"] for line in trainer.state.log_history if "loss" in line]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> list[float]:
    return theirs(copy.deepcopy(tiny_models.model("llama3")), rows(), tmp_path_factory.mktemp("peer"))


def residual(left: list[float], right: list[float]) -> np.ndarray:
    return np.array(left) - np.array(right)


def test_the_losses_are_those_of_transformers_trainer(reference: list[float], tmp_path: Path) -> None:
    """Each step within 2e-3 (the Trainer's log is rounded), and no drift to one side."""
    losses = ours(copy.deepcopy(tiny_models.model("llama3")), rows(), tmp_path)
    assert len(losses) == len(reference) == STEPS
    difference = residual(losses, reference)
    assert np.abs(difference).max() < 2e-3
    assert abs(difference.mean()) < 1e-3


def test_another_learning_rate_leaves_that_path(reference: list[float], tmp_path: Path) -> None:
    losses = ours(copy.deepcopy(tiny_models.model("llama3")), rows(), tmp_path, rate=RATE * 1.5)
    assert np.abs(residual(losses, reference)).max() > 2e-3
