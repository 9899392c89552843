"""Fine-tuning speed: Tunewright beside transformers' Trainer with PEFT and TRL's SFTTrainer, same model, data, batches.

`python -m benchmarks train_peers [--rows invoices/wren invoices/135m …] [--rounds 5] [--steps 12] [--keep turns.jsonl]`

A row is a workload and a model. Every side trains the same LoRA over the same batches in the same order (batches of
like length, which is Tunewright's order, so the peers gain from it, too). The sides take turns; every turn has a process
of its own, so that peak memory is that side's. The first steps of a turn warm up and do not count. Printed: median
examples a second with the range over rounds, the ratio to each peer (median of the rounds' own ratios, with a bootstrap
interval), peak memory, and how far the losses are apart, step by step. With --keep, turns are kept as they end, and the
same command goes on after those in the file.

Sides:
  tunewright         frozen weights in bf16 where the machine has it, prompt prefix shared, logits of trained tokens only
  trainer            transformers' Trainer + PEFT, weights in the same precision, no checkpointing
  trl tuned          SFTTrainer the same way: no checkpointing, weights in the same precision
  trl                SFTTrainer as it comes: fp32 weights, gradient checkpointing, autocast where it chooses
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SIDES = ("tunewright", "trainer", "trl tuned", "trl")
ROWS = {
    "invoices/wren": "LoRA r 16 on q and v, batch 8, long shared instruction",
    "invoices/135m": "the same at the shape of SmolLM2-135M (V 49,152)",
    "receipts/wren": "long documents, short instruction",
    "receipts/135m": "the same at the shape of SmolLM2-135M",
    "invoices/1b": "the shape of Llama-3.2-1B (V 128,256), batch 4, which the peers' logits leave room for in 24 GiB",
}
BATCH = {"wren": 8, "135m": 8, "1b": 4}
RATE, WARM = 2e-4, 2

SHAPES: dict[str, dict[str, Any]] = {
    "135m": {
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "vocab_size": 49152,
        "tie_word_embeddings": True,
        "max_position_embeddings": 8192,
    },
    "1b": {
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 64,
        "vocab_size": 128256,
        "tie_word_embeddings": True,
        "max_position_embeddings": 8192,
    },
}

INSTRUCTION = """You read invoices, receipts and forms, in English and in Hindi, and answer with one JSON object.
Rules:
1. Copy names and numbers as they are printed; do not translate and do not correct them.
2. The customer is the person or firm that has to pay, without honorifics such as Shri, Smt, Mr or Mrs.
3. The number is the document's own: not a telephone, account, order or tax number that stands beside it.
4. The date is the document's own: not the due date and not the date of delivery.
5. The amount is what has to be paid in the end, after tax and discount: digits only, no symbol, no grouping.
6. What the document does not give is null. Never guess.
7. The text comes from a scanner: letters may be wrong; copy them as they are.
8. Answer with the JSON object alone."""


def examples(workload: str, count: int) -> list[Any]:
    """Records as the extraction task puts them."""
    from tunewright.core.recipe import DataOptions, TaskOptions
    from tunewright.tasks.extraction import Extraction

    if workload == "receipts":
        from tunewright.data import sources

        found = sources.load("sroie_receipts", DataOptions(), folder=os.environ.get("TUNEWRIGHT_DATA"))
        task = Extraction(TaskOptions(), found.schemas)
        return [task.example(record) for record in found.records[:count]]
    from tunewright.data.synth import documents
    from tunewright.data.synth.schemas import SCHEMAS

    task = Extraction(TaskOptions(instruction=INSTRUCTION, schema_style="json_schema"), SCHEMAS["invoices"])
    return [task.example(record) for record in documents.generate("invoices", count, seed=1, workers=1)]


def model(name: str, dtype: str) -> Any:
    """A `Loaded`: Wren, or random weights of a known shape behind Wren's tokenizer (speed does not ask what they say)."""
    import torch

    from tunewright.models.load import DTYPES, load

    loaded = load("wren", dtype=dtype)
    if name != "wren":
        from transformers import AutoConfig, AutoModelForCausalLM

        torch.manual_seed(0)
        config = AutoConfig.for_model("llama", **SHAPES[name])
        loaded.model = AutoModelForCausalLM.from_config(config, dtype=DTYPES[dtype]).to(loaded.device).eval()
    return loaded


def adapter(network: Any) -> Any:
    from tunewright.core.recipe import MethodOptions
    from tunewright.models import methods

    options = MethodOptions(lora_r=16, lora_alpha=32, target_modules=("q_proj", "v_proj"))
    return methods.attach(network, options, 0)


def batches(tokens: list[Any], size: int, steps: int) -> list[list[int]]:
    """Indices of each step's examples: the order of Tunewright's first epoch, the longest step's first.

    Memory that a process has not had before is slow to get; so what any step takes is had before the clock runs.
    """
    from tunewright.train.batch import epoch_batches

    order = epoch_batches([len(one.ids) for one in tokens], [0] * len(tokens), size, 0, 0)
    order = [one for one in order if len(one) == size][:steps]
    longest = max(order, key=lambda one: max(len(tokens[i].ids) for i in one))
    return [longest, *(one for one in order if one is not longest)]


class Clock:
    """Seconds from the end of the warm-up to the last step."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def tick(self) -> None:
        import torch

        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.ends.append(time.perf_counter())

    @property
    def seconds(self) -> float:
        return self.ends[-1] - self.ends[WARM - 1]


def ours(name: str, tokens: list[Any], order: list[list[int]], precision: str) -> tuple[Clock, list[float]]:
    """The loop that fine-tuning runs on, without validation."""
    import torch
    from accelerate import Accelerator

    from tunewright.train.batch import collate
    from tunewright.train.loop import Fit
    from tunewright.train.schedule import Schedule

    loaded = model(name, precision)
    method = adapter(loaded.model)
    optimizer = torch.optim.AdamW(method.parameters.values(), lr=RATE, weight_decay=0.0, fused=True)
    clock = Clock()

    def report(event: dict[str, Any]) -> None:
        if event["event"] == "step":
            clock.tick()

    with tempfile.TemporaryDirectory() as folder:
        metrics = Fit(
            model=method.model,
            parameters=method.parameters,
            optimizers=[(optimizer, RATE)],
            schedule=Schedule("constant", 0, len(order)),
            micro_batches=lambda step: [
                collate([tokens[i] for i in order[step]], 0, share_prefix=True, context=loaded.context)
            ],
            total_steps=len(order),
            folder=Path(folder),
            accelerator=Accelerator(mixed_precision="bf16" if precision == "bf16" else "no"),
            logging_steps=1,
            hooks=method,
            report=report,
        ).run()
    return clock, [line["loss"] for line in metrics["steps"]]


def ticking(clock: Clock) -> Any:
    from transformers import TrainerCallback

    class Ticking(TrainerCallback):
        def on_step_end(self, *arguments: Any, **others: Any) -> None:
            clock.tick()

    return Ticking()


def arguments(folder: str, size: int, precision: str) -> dict[str, Any]:
    """What both peers are told alike."""
    import torch

    return {
        "output_dir": folder,
        "per_device_train_batch_size": size,
        "num_train_epochs": 1,
        "learning_rate": RATE,
        "lr_scheduler_type": "constant",
        "train_sampling_strategy": "sequential",
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": [],
        "use_cpu": not torch.cuda.is_available(),
        "disable_tqdm": True,
        "bf16": precision == "bf16",
    }


def trainer(name: str, tokens: list[Any], order: list[list[int]], precision: str) -> tuple[Clock, list[float]]:
    import torch
    from transformers import Trainer, TrainingArguments

    loaded = model(name, precision)

    def gather(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        width = max(len(row["input_ids"]) for row in rows)
        ids = torch.zeros((len(rows), width), dtype=torch.long)
        labels = torch.full((len(rows), width), -100)
        mask = torch.zeros(len(rows), width, dtype=torch.long)
        for i, row in enumerate(rows):
            length = len(row["input_ids"])
            ids[i, :length] = torch.tensor(row["input_ids"])
            labels[i, row["start"] : length] = torch.tensor(row["input_ids"][row["start"] :])
            mask[i, :length] = 1
        return {"input_ids": ids, "labels": labels, "attention_mask": mask}

    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        peer = Trainer(
            model=adapter(loaded.model).model,
            args=TrainingArguments(**arguments(folder, BATCH[name], precision), remove_unused_columns=False),
            train_dataset=[{"input_ids": list(tokens[i].ids), "start": tokens[i].start} for one in order for i in one],
            data_collator=gather,
            callbacks=[ticking(clock)],
        )
        peer.train()
    return clock, [line["loss"] for line in peer.state.log_history if "loss" in line]


def trl(
    name: str, tokens: list[Any], order: list[list[int]], precision: str, *, tuned: bool
) -> tuple[Clock, list[float]]:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    loaded = model(name, precision if tuned else "fp32")
    chosen = [tokens[i] for one in order for i in one]
    rows = [{"input_ids": list(one.ids), "labels": [-100] * one.start + list(one.ids[one.start :])} for one in chosen]
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        config = SFTConfig(
            **arguments(folder, BATCH[name], precision),
            **({"gradient_checkpointing": False} if tuned else {}),
            max_length=None,
            dataset_kwargs={"skip_prepare_dataset": True},
        )
        peer = SFTTrainer(
            model=adapter(loaded.model).model,
            args=config,
            train_dataset=Dataset.from_list(rows),
            processing_class=loaded.tokenizer,
            callbacks=[ticking(clock)],
        )
        peer.train()
    return clock, [line["loss"] for line in peer.state.log_history if "loss" in line]


def turn(side: str, row: str, steps: int, precision: str) -> dict[str, Any]:
    """One side, once, in this process."""
    import torch

    from tunewright.core.meter import peak_memory
    from tunewright.train.material import tokenise

    workload, name = row.split("/")
    size = BATCH[name]
    tokens = tokenise(model("wren", "fp32"), examples(workload, max(256, 2 * steps * size)))
    order = batches(tokens, size, steps)
    run = {
        "tunewright": ours,
        "trainer": trainer,
        "trl tuned": lambda *given: trl(*given, tuned=True),
        "trl": lambda *given: trl(*given, tuned=False),
    }[side]
    clock, losses = run(name, tokens, order, precision)
    used = [tokens[i] for one in order for i in one]
    return {
        "examples_per_second": size * (len(order) - WARM) / clock.seconds,
        "peak_memory_bytes": torch.cuda.max_memory_allocated() if torch.cuda.is_available() else peak_memory(),
        "losses": [float(loss) for loss in losses],
        "threads": torch.get_num_threads(),
        "tokens": sum(len(one.ids) for one in used) / len(used),
        "trained_tokens": sum(one.trained for one in used) / len(used),
    }


class Turns:
    """Turns, each in a process of its own; those in `keep` under the same settings are read instead."""

    def __init__(self, keep: Path | None, steps: int, precision: str) -> None:
        self.keep, self.steps, self.precision = keep, steps, precision
        lines = keep.read_text(encoding="utf-8").splitlines() if keep and keep.exists() else []
        self.had = {tuple(found["key"]): found["turn"] for found in map(json.loads, lines)}

    def take(self, side: str, row: str, lap: int) -> dict[str, Any]:
        key = (side, row, lap, self.steps, self.precision)
        if key in self.had:
            return dict(self.had[key])
        command = [sys.executable, "-m", "benchmarks.train_peers", "--turn", side, row]
        command += ["--steps", str(self.steps), "--precision", self.precision]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{side} failed on {row} (exit {done.returncode}):\n{done.stderr[-2000:]}")
        found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        if self.keep:
            with self.keep.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "turn": found}) + "\n")
        return found


def interval(values: list[float]) -> tuple[float, float]:
    """95 % bootstrap interval of a median."""
    dice = random.Random(0)
    drawn = sorted(statistics.median(dice.choices(values, k=len(values))) for _ in range(2000))
    return drawn[50], drawn[-51]


def table(row: str, found: dict[str, list[dict[str, Any]]]) -> str:
    first = found["tunewright"][0]
    lines = [f"{row}: {ROWS[row]}; {first['tokens']:.0f} tokens, {first['trained_tokens']:.0f} of them trained"]
    own = [one["examples_per_second"] for one in found["tunewright"]]
    memory = statistics.median(one["peak_memory_bytes"] for one in found["tunewright"])
    for side, turns in found.items():
        speeds = [one["examples_per_second"] for one in turns]
        theirs = statistics.median(one["peak_memory_bytes"] for one in turns)
        text = f"  {side:11} {statistics.median(speeds):7.2f} examples/s ({min(speeds):.2f}–{max(speeds):.2f})  {theirs / 1e9:6.2f} GB"
        if side != "tunewright":
            ratios = [a / b for a, b in zip(own, speeds, strict=True)]
            low, high = interval(ratios)
            apart = [a - b for a, b in zip(first["losses"], turns[0]["losses"], strict=True)]
            text += (
                f"  we are {statistics.median(ratios):.2f}× ({low:.2f}–{high:.2f}) with {memory / theirs:.2f}× the memory;"
                f" losses apart by {max(map(abs, apart)):.4f} at most, {statistics.mean(apart):+.4f} on average"
            )
        lines.append(text)
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS)[:4])
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=12, help="steps of a turn, the first two to warm up")
    parser.add_argument("--precision", choices=("auto", "bf16", "fp32"), default="auto", help="of the frozen weights")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="turns are kept here, and not run again")
    parser.add_argument("--turn", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="every number, for keeping")
    options = parser.parse_args()
    from tunewright.models.load import best_dtype

    precision = options.precision
    if precision == "auto":
        import torch

        device = "cuda" if torch.cuda.is_available() else "cpu"
        precision = "bf16" if str(best_dtype(device)) == "torch.bfloat16" else "fp32"
    if options.turn:
        print(json.dumps(turn(options.turn[0], options.turn[1], options.steps, precision)))
        return
    import importlib.util
    from importlib.metadata import version

    sides = [side for side in options.sides if "trl" not in side or importlib.util.find_spec("trl")]
    if sides != options.sides:
        print("trl is not installed: left out", file=sys.stderr)
    kept: dict[str, dict[str, list[dict[str, Any]]]] = {}
    turns = Turns(options.keep, options.steps, precision)
    for row in options.rows:
        found: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
        for lap in range(options.rounds):
            for side in sides[lap % len(sides) :] + sides[: lap % len(sides)]:
                found[side].append(turns.take(side, row, lap))
                print(f"{row} {side}: {found[side][-1]['examples_per_second']:.2f} examples/s", file=sys.stderr)
        kept[row] = found
        if not options.json:
            print(table(row, found), flush=True)
    if options.json:
        print(json.dumps(kept, indent=1))
    else:
        packages = ("torch", "transformers", "peft", "accelerate", *(["trl"] if "trl tuned" in sides else []))
        print(f"weights in {precision}; " + ", ".join(f"{name} {version(name)}" for name in packages))


if __name__ == "__main__":
    main()
