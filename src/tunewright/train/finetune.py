"""Fine-tuning: examples in, an adapter out. Checked before it starts, resumable at any moment, logged as it goes."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunewright.core import files, meter, processes, recipe_file
from tunewright.core.errors import DataError, UsageError
from tunewright.core.events import Events, Progress, graceful
from tunewright.core.recipe import Recipe, TrainOptions
from tunewright.core.records import Example
from tunewright.decode.lanes import supported
from tunewright.train.batch import GRAIN, Lesson, Tokens, packed
from tunewright.train.material import Epochs, Material, digest, gather, shown
from tunewright.train.pointers import Pointing, best_head, watchable

if TYPE_CHECKING:
    from tunewright.train.below import Stack
    from tunewright.train.trackers import Trackers


SPEEDS = "tokens_per_second_by_micro_batch"
"""In training_args.json, what was found where the recipe says `per_device_train_batch_size: auto`."""


def precision(options: TrainOptions, device: Any) -> tuple[str, str | None]:
    """("bf16", "fp16" or "fp32", a sentence where it is not what the recipe asks for): what to compute in.

    As the recipe says, or what the hardware is fast in.
    """
    from tunewright.models.load import best_dtype

    best = str(best_dtype(device)).removeprefix("torch.")
    on_gpu = str(device) != "cpu"
    if options.fp16 is True and not on_gpu:
        fallback = "bf16" if options.bf16 == "auto" and best == "bfloat16" else "fp32"
        return fallback, f"fp16 needs a GPU: {fallback} stands in"
    if options.fp16 is True or (options.fp16 == "auto" and options.bf16 == "auto" and best == "float16"):
        return "fp16", None
    return "bf16" if options.bf16 is True or (options.bf16 == "auto" and best == "bfloat16") else "fp32", None


def finetune(
    name: str,
    train: Sequence[Example],
    validation: Sequence[Example],
    recipe: Recipe,
    folder: Path,
    events: Events | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Fine-tune model `name` on `train` into `folder` and return the training metrics.

    Writes checkpoints/, adapter/ or model/, training_args.json, training_metrics.json and
    latest_checkpoint_info.json. Goes on from the newest verified checkpoint. The first Ctrl-C saves and raises
    KeyboardInterrupt. Raises DataError before any training where the examples would teach the wrong thing,
    CheckpointError where the checkpoints are of another training. Under torchrun every process calls it with the same
    examples, and the first one writes; the others give no events and no progress.
    """
    import torch

    from tunewright.models import methods
    from tunewright.models.load import load
    from tunewright.train import below, memory, schedule, shares, throughput, trackers
    from tunewright.train.loop import Fit, Try
    from tunewright.train.loss import keep_little, loss_sum
    from tunewright.train.optimisers import optimisers, usable

    options = recipe.train
    refuse_sharded()
    trackers.check(trackers.named(options))
    torch.manual_seed(recipe.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and processes.count() > 1:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    mixed, instead = precision(options, device)
    phases = memory.phases(device)
    with phases("load"):
        kept_in = "fp32" if mixed == "fp16" and recipe.method.adapter == "full" else mixed  # what is trained is fp32
        loaded = load(name, dtype=kept_in, quantisation=recipe.method.quantisation)
    say = events.say if events is not None else lambda text: None
    optim, other = usable(options.optim, device)
    for sentence in (instead, other):
        if sentence is not None:
            say(sentence)
    material = gather(loaded, train, validation, options, say)
    if events is not None:
        before, trained = shown(loaded, min(material.train, key=lambda one: len(one.ids)))
        events.say(f"for instance, trained in ⟦⟧: {before}⟦{trained}⟧", painted=f"\n{before}\033[32m{trained}\033[0m\n")

    method = methods.attach(loaded.model, recipe.method, recipe.seed)
    model, parameters = method.model, method.parameters
    accelerator = shares.accelerator("no" if mixed == "fp32" else mixed, device)
    together = not options.gradient_checkpointing or keep_little(model)
    hinders = None
    if options.share_prefix:
        hinders = hinders_sharing(model, material.longest, noise=options.neftune_noise_alpha > 0)
        if not together:
            hinders = hinders or "with gradient_checkpointing this model drops it"
    pad = loaded.tokenizer.pad_token_id or 0
    with accelerator.autocast():
        pack = options.packing and _packs(model, material, pad, options, say)
    if pack:
        hinders = hinders or "examples are packed"
    if options.share_prefix and hinders is not None:
        say(f"the prompt prefix is not shared: {hinders}")
    share_prefix = options.share_prefix and hinders is None
    reading: dict[str, Any] = {"share_prefix": share_prefix, "context": loaded.context}
    epochs = Epochs(material.train, pad, options, recipe.seed, **reading, pack=pack)
    total = (
        options.max_steps if options.max_steps > 0 else max(1, round(options.num_train_epochs * epochs.steps_per_epoch))
    )
    eval_steps = options.eval_steps or math.ceil(total / 10)
    with accelerator.autocast():
        pointing = _lessons(loaded.model, epochs, options, say)
    optimizers = optimisers(model, parameters, options, method.rate, name=optim)
    model = accelerator.prepare_model(model, evaluation_mode=True)  # unwrapped: the loop sums gradients itself

    held = material.validation
    held_size = options.model_copy(update={"per_device_train_batch_size": options.per_device_eval_batch_size})
    held_batches = Epochs(held, pad, held_size, recipe.seed, **reading) if held else None

    def validate() -> float:
        assert held_batches is not None
        summed, count = 0.0, 0
        for one in held_batches.batches(0)[accelerator.process_index :: accelerator.num_processes]:
            batch = held_batches.batch(one).to(accelerator.device)
            summed += memory.in_parts(batch, lambda part: float(loss_sum(model, part)))
            count += len(batch.labels)
        summed, every = shares.summed(accelerator, summed, count)
        return summed / max(1, every)

    if accelerator.num_processes > 1:
        say(f"{accelerator.num_processes} processes share every step")
    args = {
        **options.model_dump(mode="json"),
        "model": loaded.name,
        "method": recipe.method.model_dump(mode="json"),
        "seed": recipe.seed,
        "total_steps": total,
        "steps_per_epoch": epochs.steps_per_epoch,
        "precision_used": mixed,
        "optim_used": optim,
        "prefix_shared": share_prefix,
        "packed": pack,
        "threads": torch.get_num_threads(),
        "processes": accelerator.num_processes,
    }
    earlier = _earlier(folder)
    if options.per_device_train_batch_size == "auto" and "micro_batch" in earlier:
        args |= {key: earlier[key] for key in ("micro_batch", SPEEDS) if key in earlier}
    if processes.first():
        files.write_json(folder / "training_args.json", args)

    def find(attempt: Try) -> int:
        """Examples in one pass: what an earlier attempt at this run found, else by trying."""
        if "micro_batch" not in args:
            say("looking for the fastest number of examples in one pass")
            longest = sorted(range(len(material.train)), key=lambda i: -len(material.train[i].ids))
            found = throughput.find(
                attempt,
                epochs.batch(longest[: options.batch_size]),
                max(epochs(0), key=lambda batch: len(batch.input_ids)),
                free=lambda: memory.free(device),
                phases=phases,
            )
            say(f"{found}; a step has {options.batch_size * options.gradient_accumulation_steps}")
            args["micro_batch"] = found.size
            args[SPEEDS] = found.tokens_per_second
            if processes.first():
                files.write_json(folder / "training_args.json", args)
        return int(args["micro_batch"])

    curves = trackers.Trackers(recipe, folder, _run_name(folder), say, first=accelerator.is_main_process)
    with graceful(aloud=processes.first()) as asked, contextlib.ExitStack() as within:
        every = [*material.train, *held]
        stack = None if pack else _stack(model, options, again=total > epochs.steps_per_epoch)
        if stack is not None and not _room(folder, 4 * stack.width * sum(len(one.ids) for one in every), say):
            stack = None
        if stack is not None:

            def tick(done: int) -> None:
                if asked():
                    raise KeyboardInterrupt
                if progress is not None:
                    progress.update(done)

            say(f"{len(stack.lower)} layers below what is trained are gone through once, not once an epoch")
            if progress is not None:
                progress.start("frozen layers", len(every), unit="examples")
            file = folder / "below.states"
            found = within.enter_context(below.kept(stack, every, file, accelerator.autocast, tick))
            epochs.below = found.part(0, len(material.train))
            if held_batches is not None:
                held_batches.below = found.part(len(material.train), len(every))
        if progress is not None:
            progress.start("train", total, unit="steps")
        fit = Fit(
            model=model,
            parameters=parameters,
            optimizers=optimizers,
            schedule=schedule.of(options, total),
            micro_batches=epochs,
            total_steps=total,
            folder=folder / "checkpoints",
            accelerator=accelerator,
            max_grad_norm=options.max_grad_norm,
            validate=validate if held else None,
            eval_steps=eval_steps,
            save_steps=options.save_steps or eval_steps,
            keep=options.save_total_limit,
            logging_steps=options.logging_steps,
            patience=options.early_stopping_patience,
            threshold=options.early_stopping_threshold,
            smoothing=options.label_smoothing_factor,
            noise=options.neftune_noise_alpha,
            load_best=options.load_best_model_at_end,
            stop=asked,
            pointing=pointing,
            hooks=method,
            find=find if options.per_device_train_batch_size == "auto" else None,
            phases=phases,
            identity={
                "model": loaded.name.rstrip("/").rpartition("/")[2],
                "recipe": recipe_file.training_hash(recipe),
                "data": digest(material.train),
            },
            report=Told(folder, total, curves, events, progress),
        )
        try:
            metrics = fit.run()
        finally:
            curves.end()
    if "paused_at" in metrics:
        raise KeyboardInterrupt
    if metrics["stopped"] == "the loss is not finite":
        raise UsageError(
            f"the loss became infinite or NaN at step {metrics['last_step']}",
            hint=f"a smaller learning rate: --set train.learning_rate={options.learning_rate / 4:g}",
        )
    metrics["trainable_parameters"] = sum(p.numel() for p in parameters.values())
    metrics["parameters"] = loaded.parameters
    metrics["trained_share"] = material.trained_share
    metrics["examples"] = len(material.train)
    metrics["dropped"] = material.train_lengths.dropped
    metrics["over_length"] = {
        "train": material.train_lengths.to_row(),
        "validation": material.validation_lengths.to_row(),
    }
    metrics |= method.summary()
    if not processes.first():
        return metrics
    with files.replacing_folder(folder / method.saved_as) as target:
        method.save(target)
        if method.saved_as == "model":
            loaded.tokenizer.save_pretrained(str(target))
        loaded.chat.save(target)
    files.write_json(folder / "training_metrics.json", metrics)
    return metrics


@dataclass(frozen=True)
class Told:
    """What the loop reports goes to the screen, the run's log and events, trackers, and latest_checkpoint_info.json."""

    folder: Path
    total: int
    curves: Trackers
    events: Events | None
    progress: Progress | None

    def __call__(self, event: dict[str, Any]) -> None:
        if self.progress is not None and event["event"] == "step":
            self.progress.update(
                event["step"],
                loss=event["loss"],
                tokens_per_second=event["tokens_per_second"],
                memory_bytes=event["memory_bytes"],
            )
        if event["event"] == "checkpoint":
            info = {"path": event["path"], "step": event["step"], "total_steps": self.total}
            files.write_json(self.folder / "latest_checkpoint_info.json", info)
        self.curves.hear(event)
        if self.events is not None:
            self._log(self.events, event.pop("event"), event)

    def _log(self, events: Events, kind: str, event: dict[str, Any]) -> None:
        if kind in ("resumed", "damaged", "out of memory", "processes"):
            events.say(event["message"])
            if kind == "resumed" and self.progress is not None:
                self.progress.start("train", self.total, unit="steps", done=event["step"])
        elif kind == "step":
            norm = "" if event["grad_norm"] is None else f"  grad_norm {event['grad_norm']:.3g}"
            speed = f"{event['tokens_per_second']:.0f} tokens/s"
            events.log(f"step {event['step']}/{self.total}  loss {event['loss']:.4f}{norm}  {speed}")
        elif kind == "validation":
            events.log(f"step {event['step']}/{self.total}  validation loss {event['loss']:.4f}")
        events.add("train", kind, **event)


def hinders_sharing(model: Any, length: int, *, noise: bool = False) -> str | None:
    """Why the prompt prefix cannot be computed once for sequences up to `length` tokens, or None where it can.

    noise: whether embeddings get noise in training.
    """
    from tunewright.train.shares import draws

    if noise:
        return "with NEFTune it would not be exact"
    if draws(model):
        return "with dropout, the model's own or the adapter's, it would not be exact"
    if not supported(model, length + GRAIN):  # rows are rounded up
        return "this model keeps more of it than keys and values, or keeps them otherwise for long documents"
    return None


def _stack(model: Any, options: TrainOptions, *, again: bool) -> Stack | None:
    """The layers below all that is trained, where what they make of an example is always the same and needed again."""
    from tunewright.train.below import Stack
    from tunewright.train.shares import draws

    changing = options.neftune_noise_alpha or options.gradient_checkpointing or draws(model)
    looking = options.pointer_weight or options.link_weight
    if changing or looking or not again or processes.count() > 1:
        return None
    return Stack.of(model)


def _room(folder: Path, size: int, say: Callable[[str], None]) -> bool:
    """Whether `size` bytes leave as much again on the disk, with a word where they do not."""
    there = shutil.disk_usage(folder).free > 2 * size
    if not there:
        say(f"layers below what is trained are gone through every time: to keep their output takes {meter.size(size)}")
    return there


def _packs(model: Any, material: Material, pad: int, options: TrainOptions, say: Callable[[str], None]) -> bool:
    """Whether examples can be packed, with a word where they cannot: in this model they must not see each other."""
    from tunewright.train.loss import isolates

    reason = None
    if options.pointer_weight or options.link_weight:
        reason = "heads are taught where to look"
    elif options.neftune_noise_alpha:
        reason = "NEFTune's noise goes by the length of a row"
    elif options.gradient_checkpointing:
        reason = "gradient_checkpointing is on"
    else:
        short = sorted(material.train, key=lambda one: len(one.ids))[:2]
        longer = Tokens((*short[0].ids, *short[-1].ids), short[0].start)  # a row that both fit into
        training = model.training
        model.eval()
        batch = packed([longer, *short], pad).to(next(model.parameters()).device)
        if len(short) < 2 or not isolates(model, batch):
            reason = "this model does not keep them apart"
        model.train(training)
    if reason is not None:
        say(f"examples are not packed: {reason}")
    return reason is None


def _earlier(folder: Path) -> dict[str, Any]:
    """training_args.json of an earlier attempt at the same training; empty where there is none that can be read."""
    path = folder / "training_args.json"
    try:
        return dict(files.read_json(path)) if path.is_file() else {}
    except DataError:
        return {}


def _run_name(folder: Path) -> str:
    """What trackers call the training: its run's name, the fold's, and the system's where that is not `tuned`."""
    *run, last = folder.resolve().parts
    if len(run) < 2 or run[-1] != "systems":
        return last
    name = f"{run[-4]}-fold-{run[-2]}" if len(run) > 3 and run[-3] == "folds" else run[-2]
    return name if last == "tuned" else f"{name}-{last}"


def refuse_sharded() -> None:
    """Raises UsageError where `accelerate launch` asks for weights in shards: every process here holds all of them."""
    for asked, name in (("ACCELERATE_USE_FSDP", "FSDP"), ("ACCELERATE_USE_DEEPSPEED", "DeepSpeed")):
        if os.environ.get(asked, "").lower() in ("1", "true", "yes"):
            raise UsageError(
                f"{name} is not supported: every process holds the whole model",
                hint="launch without it; method.name=qlora keeps the frozen weights in 4 bits (docs/scale.md)",
            )


def _lessons(model: Any, epochs: Epochs, options: TrainOptions, say: Callable[[str], None]) -> tuple[Pointing, ...]:
    """The heads that are taught where to look: of the untrained model those that do best already, over two steps."""
    wanted: list[tuple[Lesson, float, str]] = [
        ("pointers", options.pointer_weight, "at what is copied"),
        ("links", options.link_weight, "from a value to the key it belongs to"),
    ]
    wanted = [one for one in wanted if one[1] > 0]
    batches = [batch for step in range(2) for batch in epochs(step)] if wanted and watchable(model) else []
    made: list[Pointing] = []
    for lesson, weight, what in wanted:
        found = best_head(model, batches, lesson) if batches else None
        if found is None:
            say(f"no head is taught to look {what}: that, or where this model looks, cannot be seen")
        else:
            say(f"head {found[1]} of layer {found[0]} is taught to look {what}")
            made.append(Pointing(*found, weight, lesson))
    return tuple(made)
