"""Fine-tuning: examples in, an adapter out. Checked before it starts, resumable at any moment, logged as it goes."""

from __future__ import annotations

import array
import hashlib
import math
import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunewright.core import files, processes, recipe_file
from tunewright.core.errors import DataError, UsageError
from tunewright.core.events import Events, Progress, graceful, visible
from tunewright.core.recipe import Recipe, TrainOptions
from tunewright.core.records import Example
from tunewright.decode.lanes import supported
from tunewright.text.serialise import dumps
from tunewright.train.batch import Batch, Lesson, Link, Source, Tokens, collate, epoch_batches, shared_prefix
from tunewright.train.pointers import Pointing, best_head, links, moved, moved_links, sources, watchable

if TYPE_CHECKING:
    from tunewright.models.load import Loaded


def tokenise(loaded: Loaded, examples: Sequence[Example], *, point: bool = False, link: bool = False) -> list[Tokens]:
    """Prompt and reply ids of every example; the reply, its stop token included, is what is trained.

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
        made.append(Tokens((*prompt, *reply), len(prompt), copied, linked))
    return made


def check(loaded: Loaded, examples: Sequence[Example], tokens: Sequence[Tokens], options: TrainOptions) -> list[int]:
    """Indices of the examples to train or validate on. Raises DataError where that would go wrong quietly.

    Every target must be accepted by its schema's grammar; every reply must end in a stop token; examples over
    `max_length` are refused, or dropped where the recipe says so.
    """
    from tunewright.decode.grammar import Grammar

    grammars: dict[str, Grammar] = {}
    limit = min(options.max_length, loaded.context)
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
            hint=f"--set train.max_length={worst} if the model reads so much, or --set train.over_length=drop",
        )
    dropped = set(long)
    return [i for i in range(len(examples)) if i not in dropped]


def shown(loaded: Loaded, one: Tokens) -> tuple[str, str]:
    """(what stands before, what is trained) of an example, special tokens and all, each in one line."""
    parts = (loaded.tokenizer.decode(list(ids)) for ids in (one.ids[: one.start], one.ids[one.start :]))
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
            size = self.options.per_device_train_batch_size
            self._order = epoch_batches(self.lengths, self.keys, size, self.seed, epoch)
            self._epoch = epoch
        return self._order

    def __call__(self, step: int) -> Sequence[Batch]:
        epoch, within = divmod(step, self.steps_per_epoch)
        size = self.options.gradient_accumulation_steps
        chosen = self.batches(epoch)[within * size : (within + 1) * size]
        return [collate([self.tokens[i] for i in one], self.pad, share_prefix=self.share_prefix) for one in chosen]


def wants_bf16(options: TrainOptions, device: Any) -> bool:
    """Whether to run under bf16 autocast: as the recipe says, or where the hardware computes in it."""
    from tunewright.models.load import best_dtype

    return str(best_dtype(device)) == "torch.bfloat16" if options.bf16 == "auto" else bool(options.bf16)


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
    from tunewright.train import shares
    from tunewright.train.loop import Fit, Schedule
    from tunewright.train.loss import loss_sum

    options = recipe.train
    refuse_sharded()
    torch.manual_seed(recipe.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and processes.count() > 1:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    mixed = wants_bf16(options, device)
    loaded = load(name, dtype="bf16" if mixed else "fp32", quantisation=recipe.method.quantisation)
    tokens = tokenise(loaded, train, point=options.pointer_weight > 0, link=options.link_weight > 0)
    kept = check(loaded, train, tokens, options)
    if not kept:
        raise DataError("no example is left to train on", hint="raise train.max_length")
    held = tokenise(loaded, validation)
    held_kept = check(loaded, validation, held, options)
    say = events.say if events is not None else lambda text: None
    for some, left, what in ((train, kept, "examples"), (validation, held_kept, "validation examples")):
        if len(left) < len(some):
            limit = min(options.max_length, loaded.context)
            say(f"{len(some) - len(left)} of {len(some)} {what} are over {limit} tokens and were dropped")
    held = [held[i] for i in held_kept]
    chosen = [tokens[i] for i in kept]
    share = sum(one.trained for one in chosen) / sum(len(one.ids) for one in chosen)
    say(f"{len(chosen)} examples, {sum(len(one.ids) for one in chosen):,} tokens, {share:.1%} of them trained")
    if events is not None:
        before, trained = shown(loaded, min(chosen, key=lambda one: len(one.ids)))
        events.say(f"for instance, trained in ⟦⟧: {before}⟦{trained}⟧", painted=f"\n{before}\033[32m{trained}\033[0m\n")

    method = methods.attach(loaded.model, recipe.method, recipe.seed)
    model, parameters = method.model, method.parameters
    hinders = _hinders_sharing(model, max(len(one.ids) for one in [*chosen, *held])) if options.share_prefix else None
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
    accelerator = Accelerator(mixed_precision="bf16" if mixed else "no", cpu=device == "cpu")
    optimizers = _optimizers(model, parameters, options, method.rate)
    model = accelerator.prepare_model(model, evaluation_mode=True)  # unwrapped: the loop sums gradients itself
    prepared = [accelerator.prepare_optimizer(optimizer) for optimizer, _ in optimizers]

    held_size = options.model_copy(update={"per_device_train_batch_size": options.per_device_eval_batch_size})
    held_batches = Epochs(held, epochs.pad, held_size, recipe.seed, share_prefix=share_prefix) if held else None

    def validate() -> float:
        assert held_batches is not None
        summed, count = 0.0, 0
        for one in held_batches.batches(0)[accelerator.process_index :: accelerator.num_processes]:
            batch = collate([held[i] for i in one], epochs.pad, share_prefix=share_prefix).to(accelerator.device)
            summed += float(loss_sum(model, batch))
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
        if events is not None:
            kind = event.pop("event")
            if kind in ("resumed", "damaged", "processes"):
                events.say(event["message"])
                if kind == "resumed" and progress is not None:
                    progress.start("train", total, unit="steps", done=event["step"])
            elif kind == "step":
                events.log(
                    f"step {event['step']}/{total}  loss {event['loss']:.4f}  {event['tokens_per_second']:.0f} tokens/s"
                )
            elif kind == "validation":
                events.log(f"step {event['step']}/{total}  validation loss {event['loss']:.4f}")
            events.add("train", kind, **event)

    if accelerator.num_processes > 1:
        say(f"{accelerator.num_processes} processes share every step")
    if progress is not None:
        progress.start("train", total, unit="steps")
    arguments = {
        **options.model_dump(mode="json"),
        "model": loaded.name,
        "method": recipe.method.model_dump(mode="json"),
        "seed": recipe.seed,
        "total_steps": total,
        "steps_per_epoch": epochs.steps_per_epoch,
        "bf16_used": mixed,
        "prefix_shared": share_prefix,
        "threads": torch.get_num_threads(),
        "processes": accelerator.num_processes,
    }
    if processes.first():
        files.write_json(folder / "training_args.json", arguments)
    with graceful(aloud=processes.first()) as asked:
        fit = Fit(
            model=model,
            parameters=parameters,
            optimizers=[(optimizer, peak) for optimizer, (_, peak) in zip(prepared, optimizers, strict=True)],
            schedule=Schedule(options.lr_scheduler_type, max(1, round(options.warmup_ratio * total)), total),
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
            load_best=options.load_best_model_at_end,
            stop=asked,
            pointing=pointing,
            hooks=method,
            identity={
                "model": loaded.name.rstrip("/").rpartition("/")[2],
                "recipe": recipe_file.training_hash(recipe),
                "data": digest(chosen),
            },
            report=report,
        )
        metrics = fit.run()
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
    metrics["dropped"] = len(train) - len(kept)
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


def _hinders_sharing(model: Any, length: int) -> str | None:
    """Why the prompt prefix cannot be computed once for sequences up to `length` tokens, or None where it can."""
    from tunewright.train.shares import draws

    if draws(model):
        return "with dropout, the model's own or the adapter's, it would not be exact"
    if not supported(model, length):
        return "this model keeps more of it than keys and values, or keeps them otherwise for long documents"
    return None


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
        found.update(array.array("q", (len(one.ids), one.start, *one.ids)).tobytes())
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


def _optimizers(
    model: Any, parameters: dict[str, Any], options: TrainOptions, rate: Callable[[str], float] = lambda name: 1.0
) -> list[tuple[Any, float]]:
    """(optimiser, peak learning rate) pairs over the trainable parameters; Muon takes the matrices of hidden layers.

    rate: how many times the learning rate a parameter of this name gets.
    """
    import torch

    betas = (options.adam_beta1, options.adam_beta2)
    rates = {id(parameter): rate(name) for name, parameter in parameters.items()}

    def groups(chosen: Sequence[Any]) -> list[dict[str, Any]]:
        by_rate: dict[float, list[Any]] = {}
        for parameter in chosen:
            by_rate.setdefault(rates[id(parameter)], []).append(parameter)
        return [{"params": some, "scale": scale} for scale, some in by_rate.items()]

    if options.optim == "muon":
        tables = [module for module in model.modules() if isinstance(module, torch.nn.Embedding)]
        tables += [head] if (head := model.get_output_embeddings()) is not None else []
        outer = {id(p) for table in tables for p in table.parameters()}
        matrices = [p for p in parameters.values() if p.ndim == 2 and id(p) not in outer]
        rest = [p for p in parameters.values() if p.ndim != 2 or id(p) in outer]
        pairs: list[tuple[Any, float]] = [
            (
                torch.optim.Muon(
                    groups(matrices),
                    lr=options.learning_rate,
                    weight_decay=options.weight_decay,
                    adjust_lr_fn="match_rms_adamw",
                ),
                options.learning_rate,
            )
        ]
        if rest:
            pairs.append(
                (
                    torch.optim.AdamW(groups(rest), lr=options.learning_rate, betas=betas, weight_decay=0.0),
                    options.learning_rate,
                )
            )
        return pairs
    adamw = torch.optim.AdamW(
        groups(list(parameters.values())),
        lr=options.learning_rate,
        betas=betas,
        weight_decay=options.weight_decay,
        fused=True,
    )
    return [(adamw, options.learning_rate)]
