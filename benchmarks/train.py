"""Fine-tuning speed: Tunewright against transformers' Trainer + PEFT (and TRL where installed), same model, same data.

`python -m benchmarks train [--model wren] [--rounds 5] [--examples 256] [--batch 8]`

Each side trains LoRA (r 16, all linear layers) over the same examples once; the sides take turns and every turn has a
process of its own, so that peak memory is that side's. Medians of examples/s, ratios, and the final losses.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from typing import Any

SIDES = ("tunewright", "tunewright without sharing", "transformers + peft", "trl")


def examples(count: int) -> list[Any]:
    """Synthetic invoices as the task puts them."""
    from tunewright.core.recipe import TaskOptions
    from tunewright.data.synth import documents
    from tunewright.data.synth.schemas import SCHEMAS
    from tunewright.tasks.extraction import Extraction

    task = Extraction(TaskOptions(), SCHEMAS["invoices"])
    return [task.example(record) for record in documents.generate("invoices", count, seed=1, workers=1)]


def ours(loaded: Any, tokens: list[Any], batch: int, rate: float, *, share: bool) -> tuple[float, list[float]]:
    """(seconds, loss of every step)."""
    import torch

    from tunewright.core.recipe import MethodOptions, TrainOptions
    from tunewright.models.methods import lora
    from tunewright.train.finetune import Epochs
    from tunewright.train.loss import loss_sum

    model = lora.attach(loaded.model, MethodOptions(lora_r=16, lora_alpha=32), 0).train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=rate, fused=True)
    options = TrainOptions(per_device_train_batch_size=batch)
    epochs = Epochs(tokens, loaded.tokenizer.pad_token_id or 0, options, 0, share_prefix=share)
    losses = []
    began = time.perf_counter()
    for step in range(epochs.steps_per_epoch):
        (one,) = epochs(step)
        loss = loss_sum(model, one) / len(one.labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())
    return time.perf_counter() - began, losses


def trainer(loaded: Any, tokens: list[Any], batch: int, rate: float) -> tuple[float, list[float]]:
    import tempfile

    import torch
    from transformers import Trainer, TrainingArguments

    from tunewright.core.recipe import MethodOptions
    from tunewright.models.methods import lora

    model = lora.attach(loaded.model, MethodOptions(lora_r=16, lora_alpha=32), 0)
    pad = loaded.tokenizer.pad_token_id or 0

    def gather(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        width = max(len(row["input_ids"]) for row in rows)
        ids = torch.full((len(rows), width), pad)
        labels = torch.full((len(rows), width), -100)
        mask = torch.zeros(len(rows), width, dtype=torch.long)
        for i, row in enumerate(rows):
            length = len(row["input_ids"])
            ids[i, :length] = torch.tensor(row["input_ids"])
            labels[i, row["start"] : length] = torch.tensor(row["input_ids"][row["start"] :])
            mask[i, :length] = 1
        return {"input_ids": ids, "labels": labels, "attention_mask": mask}

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=batch,
            num_train_epochs=1,
            learning_rate=rate,
            lr_scheduler_type="constant",
            train_sampling_strategy="group_by_length",
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            remove_unused_columns=False,
            disable_tqdm=True,
        )
        data = [{"input_ids": list(one.ids), "start": one.start} for one in tokens]
        peer = Trainer(model=model, args=arguments, train_dataset=data, data_collator=gather)
        began = time.perf_counter()
        peer.train()
        seconds = time.perf_counter() - began
    return seconds, [line["loss"] for line in peer.state.log_history if "loss" in line]


def trl(loaded: Any, tokens: list[Any], batch: int, rate: float) -> tuple[float, list[float]]:
    """TRL's SFTTrainer, tuned for a processor: no gradient checkpointing, the model's own precision."""
    import tempfile

    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from tunewright.core.recipe import MethodOptions
    from tunewright.models.methods import lora

    model = lora.attach(loaded.model, MethodOptions(lora_r=16, lora_alpha=32), 0)
    rows = [{"input_ids": list(one.ids), "completion_mask": [0] * one.start + [1] * one.trained} for one in tokens]
    with tempfile.TemporaryDirectory() as folder:
        config = SFTConfig(
            output_dir=folder,
            per_device_train_batch_size=batch,
            num_train_epochs=1,
            learning_rate=rate,
            lr_scheduler_type="constant",
            gradient_checkpointing=False,
            bf16=False,
            max_length=None,
            completion_only_loss=True,
            dataset_kwargs={"skip_prepare_dataset": True},
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
        )
        peer = SFTTrainer(
            model=model, args=config, train_dataset=Dataset.from_list(rows), processing_class=loaded.tokenizer
        )
        began = time.perf_counter()
        peer.train()
        seconds = time.perf_counter() - began
    return seconds, [line["loss"] for line in peer.state.log_history if "loss" in line]


def turn(side: str, model: str, count: int, batch: int) -> dict[str, Any]:
    """One side, once, in this process."""
    import torch

    from tunewright.core.meter import peak_memory
    from tunewright.models.load import load
    from tunewright.train.finetune import tokenise

    loaded = load(model, dtype="fp32")
    tokens = tokenise(loaded, examples(count))
    run = {
        "tunewright": lambda: ours(loaded, tokens, batch, 2e-4, share=True),
        "tunewright without sharing": lambda: ours(loaded, tokens, batch, 2e-4, share=False),
        "transformers + peft": lambda: trainer(loaded, tokens, batch, 2e-4),
        "trl": lambda: trl(loaded, tokens, batch, 2e-4),
    }[side]
    seconds, losses = run()
    losses = [float(loss) for loss in losses]
    return {
        "examples_per_second": count / seconds,
        "peak_memory_bytes": peak_memory(),
        "mean_loss": sum(losses) / len(losses),
        "threads": torch.get_num_threads(),
        "tokens": sum(len(one.ids) for one in tokens) / count,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="wren")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--examples", type=int, default=256)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--turn", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="every number, for keeping")
    options = parser.parse_args()
    if options.turn:
        print(json.dumps(turn(options.turn, options.model, options.examples, options.batch)))
        return
    import importlib.util

    sides = [side for side in SIDES if side != "trl" or importlib.util.find_spec("trl")]
    found: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
    base = [sys.executable, "-m", "benchmarks.train", "--model", options.model]
    for _ in range(options.rounds):
        for side in sides:
            command = [*base, "--examples", str(options.examples), "--batch", str(options.batch), "--turn", side]
            answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            found[side].append(json.loads(answer.strip().splitlines()[-1]))
            print(f"{side}: {found[side][-1]['examples_per_second']:.2f} examples/s", file=sys.stderr)
    if options.json:
        print(json.dumps(found, indent=1))
        return
    peer = statistics.median(row["examples_per_second"] for row in found["transformers + peft"])
    if "trl" not in sides:
        print("trl is not installed: left out")
    for side, rows in found.items():
        speed = statistics.median(row["examples_per_second"] for row in rows)
        memory = statistics.median(row["peak_memory_bytes"] for row in rows)
        loss = statistics.median(row["mean_loss"] for row in rows)
        print(f"{side:28} {speed:7.2f} examples/s  {speed / peer:5.2f}×  {memory / 1e9:5.2f} GB  mean loss {loss:.4f}")


if __name__ == "__main__":
    main()
