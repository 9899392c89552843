"""Fine-tuning: examples in, an adapter out. Checked before it starts, resumable at any moment, logged as it goes."""

from __future__ import annotations

import array
import hashlib
import math
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunewright.core import files, processes, recipe_file
from tunewright.core.errors import DataError, UsageError
from tunewright.core.events import Events, Progress, graceful, visible
from tunewright.core.recipe import Recipe, TrainOptions
from tunewright.core.records import Example
from tunewright.decode.lanes import supported
from tunewright.text.serialise import dumps
from tunewright.train import length, turns
from tunewright.train.batch import Batch, Lesson, Link, Source, Tokens, collate, epoch_batches, shared_prefix
from tunewright.train.pointers import Pointing, best_head, links, moved, moved_links, sources, watchable

if TYPE_CHECKING:
    from tunewright.models.load import Loaded
    from tunewright.train.loop import Schedule


SPEEDS = "tokens_per_second_by_micro_batch"
"""In training_args.json, what was found where the recipe says `per_device_train_batch_size: auto`."""


def tokenise(loaded: Loaded, examples: Sequence[Example], *, point: bool = False, link: bool = False) -> list[Tokens]:
    """Prompt and reply ids of every example; the reply, its stop token included, is what is trained.

    Of a conversation the earlier replies are trained, too (one of `turns.rows`, whose replies stand in one row).
    point: find out what the reply's values are copied from. link: which key each of them belongs to.
    """
    chat, made = loaded.chat, []
    for example in examples:
        prompt, reply = chat.prompt_ids(example.messages), chat.reply_ids(example.completion)
        copied: tuple[Source, ...] = ()
        linked: tuple[Link, ...] = ()
        text, asking = example.messages[-1]["content"], example.messages[0]["content"]
        document = chat.placed(text, prompt) if point or link else None
        if point and document is not None and (answered := chat.placed(example.completion, reply)) is not None:
            copied = moved(sources(example.completion, answered[1], text, document[1]), len(prompt), document[0])
        if link and document is not None and len(example.messages) == 2:
            asked = chat.placed(asking, prompt)
            if asked is not None and asked[0] < document[0]:
                linked = moved_links(
                    links(example.completion, text, document[1], asking, asked[1]), document[0], asked[0]
                )
        start, gaps = turns.gaps(turns.replies(chat, example, prompt), len(prompt))
        made.append(Tokens((*prompt, *reply), start, copied, linked, gaps))
    return made


def check(loaded: Loaded, examples: Sequence[Example], tokens: Sequence[Tokens], options: TrainOptions) -> list[int]:
    """Indices of the examples to train or validate on. Raises DataError where that would go wrong quietly.

    Every target must be accepted by its schema's grammar; every reply must end in a stop token; examples over
    `max_length` are refused, or dropped where the recipe says so; also those that cutting could not make fit.
    """
    from tunewright.decode.grammar import Grammar

    grammars: dict[str, Grammar] = {}
    limit = length.limit(loaded, options)
    long: list[int] = []
    for i, (example, one) in enumerate(zip(examples, tokens, strict=True)):
        if example.schema is not None:
            key = dumps(example.schema)
            if key not in grammars:
                chat = loaded.chat
                grammars[key] = Grammar(loaded.tokenizer, example.schema, stop_ids=chat.stop_ids, head=chat.head)
            reason = grammars[key].fault(example.completion)
            if reason is not None:
                shown = example.completion[:160]
                raise DataError(
                    f"the target of record '{example.id}' does not obey its schema ({reason}): {shown}",
                    hint="mend the record or the schema; what the grammar refuses at use must not be learnt",
                )
        if one.trained < 1 or one.ids[-1] not in loaded.chat.stop_ids:
            raise DataError(f"the reply of record '{example.id}' does not end in a stop token of the model")
        if len(one.ids) > limit:
            long.append(i)
    if long and options.over_length == "refuse":
        worst = max(len(tokens[i].ids) for i in long)
        raise DataError(
            f"{len(long)} of {len(examples)} examples are longer than {limit} tokens (the longest has {worst})",
            where=examples[long[0]].id,
            hint=f"--set train.max_length={worst} if the model reads so much, or --set train.over_length=drop, "
            "or truncate_tail to cut documents",
        )
    dropped = set(long)
    return [i for i in range(len(examples)) if i not in dropped]


def shown(loaded: Loaded, one: Tokens) -> tuple[str, str]:
    """(what stands before, what is trained last) of an example, special tokens and all, each in one line."""
    start = one.spans[-1][0]
    parts = (loaded.tokenizer.decode(list(ids)) for ids in (one.ids[:start], one.ids[start:]))
    before, trained = (visible(part.replace("\n", "⏎")) for part in parts)
    return before, trained


def prefix_keys(tokens: Sequence[Tokens], least: int = 8) -> list[int]:
    """For each example the number of its prompt family: examples that begin alike for a long stretch.

    The families are found by the first 8 tokens after the longest prefix all share, enough to part document types
    and schemas; within one family, `collate` finds what a batch shares exactly.
    """
    if not tokens:
        return []
    common = shared_prefix(tokens) if len(tokens) > 1 else 0
    families: dict[tuple[int, ...], int] = {}
    counts = Counter(one.ids[common : common + least] for one in tokens)
    keys = []
    for one in tokens:
        head = one.ids[common : common + least]
        keys.append(families.setdefault(head, len(families) + 1) if counts[head] >= 32 else 0)
    return keys


class Epochs:
    """Micro-batches by optimiser step: epoch after epoch in seeded order, the same whoever asks."""

    def __init__(self, tokens: Sequence[Tokens], pad: int, options: TrainOptions, seed: int, *, share_prefix: bool):
        self.tokens = tokens
        self.pad = pad
        self.options = options
        self.seed = seed
        self.share_prefix = share_prefix
        self.lengths = [len(one.ids) for one in tokens]
        self.keys = prefix_keys(tokens) if share_prefix else [0] * len(tokens)
        self._epoch = -1
        self._order: list[list[int]] = []
        self.steps_per_epoch = math.ceil(len(self.batches(0)) / options.gradient_accumulation_steps)

    def batches(self, epoch: int) -> list[list[int]]:
        if epoch != self._epoch:
            size = self.options.batch_size
            self._order = epoch_batches(self.lengths, self.keys, size, self.seed, epoch)
            self._epoch = epoch
        return self._order

    def __call__(self, step: int) -> Sequence[Batch]:
        epoch, within = divmod(step, self.steps_per_epoch)
        size = self.options.gradient_accumulation_steps
        chosen = self.batches(epoch)[within * size : (within + 1) * size]
        return [collate([self.tokens[i] for i in one], self.pad, share_prefix=self.share_prefix) for one in chosen]


def _rows(
    loaded: Loaded, examples: Sequence[Example], options: TrainOptions, say: Callable[[str], None] = lambda text: None
) -> list[Example]:
    """The examples, conversations as rows of replies that are trained together; or with the last reply alone."""
    if options.mask_history:
        return [replace(example, trained=()) for example in examples]
    made = [row for example in examples for row in turns.rows(loaded.chat, example)]
    if earlier := sum(len(example.trained) for example in examples):
        say(f"{len(examples)} conversations with {len(examples) + earlier} replies to learn, in {len(made)} rows")
    return made


def schedule(options: TrainOptions, total: int) -> Schedule:
    """The recipe's schedule over so many steps."""
    from tunewright.train.loop import Schedule

    settings = dict(options.lr_scheduler_kwargs)
    if "lr_end" in settings:
        settings["lr_end"] /= options.learning_rate
    return Schedule(options.lr_scheduler_type, options.warmup(total), total, settings=settings)


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
    from accelerate import Accelerator

    from tunewright.models import methods
    from tunewright.models.load import load
    from tunewright.train import memory, shares, throughput, trackers
    from tunewright.train.loop import Fit, Try
    from tunewright.train.loss import keep_little, loss_sum
    from tunewright.train.optimisers import optimisers, usable

    options = recipe.train
    refuse_sharded()
    trackers.check(options.trackers)
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
    fit_train, lengths = length.fitted(loaded, _rows(loaded, train, options, say), options)
    tokens = tokenise(loaded, fit_train, point=options.pointer_weight > 0, link=options.link_weight > 0)
    kept = check(loaded, fit_train, tokens, options)
    if not kept:
        raise DataError("no example is left to train on", hint="raise train.max_length")
    fit_validation, held_lengths = length.fitted(loaded, _rows(loaded, validation, options), options)
    held = tokenise(loaded, fit_validation)
    held_kept = check(loaded, fit_validation, held, options)
    lengths.dropped, held_lengths.dropped = len(tokens) - len(kept), len(held) - len(held_kept)
    for found, what in ((lengths, "examples"), (held_lengths, "validation examples")):
        for sentence in found.sentences(what, options.over_length):
            say(sentence)
    held = [held[i] for i in held_kept]
    chosen = [tokens[i] for i in kept]
    share = sum(one.trained for one in chosen) / sum(len(one.ids) for one in chosen)
    say(f"{len(chosen)} examples, {sum(len(one.ids) for one in chosen):,} tokens, {share:.1%} of them trained")
    if events is not None:
        before, trained = shown(loaded, min(chosen, key=lambda one: len(one.ids)))
        events.say(f"for instance, trained in ⟦⟧: {before}⟦{trained}⟧", painted=f"\n{before}\033[32m{trained}\033[0m\n")

    method = methods.attach(loaded.model, recipe.method, recipe.seed)
    model, parameters = method.model, method.parameters
    together = not options.gradient_checkpointing or keep_little(model)
    hinders = None
    if options.share_prefix:
        longest = max(len(one.ids) for one in [*chosen, *held])
        hinders = _hinders_sharing(model, longest, noise=options.neftune_noise_alpha > 0)
        if not together:
            hinders = hinders or "with gradient_checkpointing this model drops it"
    if hinders is not None:
        say(f"the prompt prefix is not shared: {hinders}")
    pad = loaded.tokenizer.pad_token_id
    share_prefix = options.share_prefix and hinders is None
    epochs = Epochs(chosen, pad if pad is not None else 0, options, recipe.seed, share_prefix=share_prefix)
    total = (
        options.max_steps if options.max_steps > 0 else max(1, round(options.num_train_epochs * epochs.steps_per_epoch))
    )
    eval_steps = options.eval_steps or max(1, total // 10)
    pointing = _lessons(loaded.model, epochs, options, say)
    accelerator = Accelerator(mixed_precision="no" if mixed == "fp32" else mixed, cpu=device == "cpu")
    optimizers = optimisers(model, parameters, options, method.rate, name=optim)
    model = accelerator.prepare_model(model, evaluation_mode=True)  # unwrapped: the loop sums gradients itself

    held_size = options.model_copy(update={"per_device_train_batch_size": options.per_device_eval_batch_size})
    held_batches = Epochs(held, epochs.pad, held_size, recipe.seed, share_prefix=share_prefix) if held else None

    def validate() -> float:
        assert held_batches is not None
        summed, count = 0.0, 0
        for one in held_batches.batches(0)[accelerator.process_index :: accelerator.num_processes]:
            batch = collate([held[i] for i in one], epochs.pad, share_prefix=share_prefix).to(accelerator.device)
            summed += memory.in_parts(batch, lambda part: float(loss_sum(model, part)))
            count += len(batch.labels)
        summed, every = shares.summed(accelerator, summed, count)
        return summed / max(1, every)

    def report(event: dict[str, Any]) -> None:
        if progress is not None and event["event"] == "step":
            progress.update(
                event["step"],
                loss=event["loss"],
                tokens_per_second=event["tokens_per_second"],
                memory_bytes=event["memory_bytes"],
            )
        if event["event"] == "checkpoint":
            info = {"path": event["path"], "step": event["step"], "total_steps": total}
            files.write_json(folder / "latest_checkpoint_info.json", info)
        curves.hear(event)
        if events is not None:
            kind = event.pop("event")
            if kind in ("resumed", "damaged", "out of memory", "processes"):
                events.say(event["message"])
                if kind == "resumed" and progress is not None:
                    progress.start("train", total, unit="steps", done=event["step"])
            elif kind == "step":
                norm = "" if event["grad_norm"] is None else f"  grad_norm {event['grad_norm']:.3g}"
                speed = f"{event['tokens_per_second']:.0f} tokens/s"
                events.log(f"step {event['step']}/{total}  loss {event['loss']:.4f}{norm}  {speed}")
            elif kind == "validation":
                events.log(f"step {event['step']}/{total}  validation loss {event['loss']:.4f}")
            events.add("train", kind, **event)

    if accelerator.num_processes > 1:
        say(f"{accelerator.num_processes} processes share every step")
    if progress is not None:
        progress.start("train", total, unit="steps")
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
            longest = sorted(chosen, key=lambda one: -len(one.ids))[: options.batch_size]
            found = throughput.find(
                attempt,
                collate(longest, epochs.pad, share_prefix=share_prefix),
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
    with graceful(aloud=processes.first()) as asked:
        fit = Fit(
            model=model,
            parameters=parameters,
            optimizers=optimizers,
            schedule=schedule(options, total),
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
                "data": digest(chosen),
            },
            report=report,
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
    metrics["trained_share"] = share
    metrics["examples"] = len(chosen)
    metrics["dropped"] = lengths.dropped
    metrics["over_length"] = {"train": lengths.to_row(), "validation": held_lengths.to_row()}
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


def _hinders_sharing(model: Any, length: int, *, noise: bool = False) -> str | None:
    """Why the prompt prefix cannot be computed once for sequences up to `length` tokens, or None where it can.

    noise: whether embeddings get noise in training.
    """
    from tunewright.train.shares import draws

    if noise:
        return "with NEFTune it would not be exact"
    if draws(model):
        return "with dropout, the model's own or the adapter's, it would not be exact"
    if not supported(model, length):
        return "this model keeps more of it than keys and values, or keeps them otherwise for long documents"
    return None


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


def digest(tokens: Sequence[Tokens]) -> str:
    """sha256 of what is trained on, in order: a checkpoint goes on with these examples and no others."""
    found = hashlib.sha256()
    for one in tokens:
        edges = [edge for span in one.spans for edge in span]
        found.update(array.array("q", (len(one.ids), len(edges), *edges, *one.ids)).tobytes())
    return found.hexdigest()


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
