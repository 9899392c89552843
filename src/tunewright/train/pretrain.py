"""Pretraining of Wren: a small Llama that reads documents and writes JSON, from nothing.

Muon on the matrices, AdamW on embeddings and norms (Jordan et al. 2024, "Muon"; `torch.optim.Muon`), a schedule of
warm-up, stable and decay, so that training can go on from any slice, and a curriculum in steps: copying first, then
documents that grow. The data is the endless stream of `data.corpus.mixture`: step `s` always sees the same samples.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from tunewright.core.recipe import Options, Positive
from tunewright.data.corpus import mixture
from tunewright.data.corpus.documents import Sample
from tunewright.models.rows import by_tokens
from tunewright.train.batch import Batch, Link, Source, Tokens, collate
from tunewright.train.pointers import Pointing, links, moved, moved_links, sources


class PretrainOptions(Options):
    """How Wren is made. Lengths in tokens, times in steps."""

    seed: int = 0
    start_from: str | None = Field(None, description="An embedded version whose weights and tokenizer to go on from.")
    new_layers_after: list[int] = Field(
        [], description="Layers of that version behind which a new one is put, which at first changes nothing."
    )
    first_step: int = Field(0, ge=0, description="Where in the stream and the curriculum to begin, in steps.")
    vocab_size: Positive = 6144
    hidden_size: Positive = 224
    intermediate_size: Positive = 576
    num_hidden_layers: Positive = 6
    head_dim: Positive = 32
    max_position_embeddings: Positive = 4096
    rope_theta: float = 50000.0
    samples_per_step: Positive = 24
    micro_batch_tokens: Positive = 1024
    max_length: Positive = 4096
    total_steps: Positive = 3000
    decay_from: Positive = Field(2300, description="Step from which the learning rate falls to nothing, linearly.")
    curriculum_steps: Positive = Field(2500, description="Steps over which documents grow to their full difficulty.")
    warmup_steps: Positive = 30
    muon_learning_rate: float = 0.01
    adamw_learning_rate: float = 3e-3
    adam_beta1: float = 0.9
    adam_beta2: float = 0.95
    max_grad_norm: float = 1.0
    prose_tokens: Positive = Field(96, description="Longest run of prose in one sample.")
    pointer_layer: int | None = Field(None, description="Layer of the head that is taught to look at what is copied.")
    pointer_head: int = Field(0, ge=0, description="Which head of that layer.")
    pointer_weight: float = Field(0.5, ge=0, description="Weight of that lesson beside cross entropy.")
    link_layer: int | None = Field(None, description="Layer of the head that is taught which key a value belongs to.")
    link_head: int = Field(0, ge=0, description="Which head of that layer.")
    link_weight: float = Field(0.5, ge=0, description="Weight of that lesson beside cross entropy.")
    start_share: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share that the weights at the start have in the model: the rest is what training made.",
    )
    eval_steps: Positive = 200
    save_steps: Positive = 100
    logging_steps: Positive = 10
    compile: bool = True
    mixed_precision: Literal["no", "bf16"] = Field("no", description="bf16: for a GPU; the weights stay fp32.")
    dataloader_num_workers: int = Field(
        0, ge=0, description="Processes that make samples ahead of the training; 0: the training itself. Same samples."
    )


def build_tokenizer(options: PretrainOptions, prose: mixture.Prose, folder: Path) -> None:
    """Train the tokenizer on 60,000 samples of the stream and the Hindi prose (one third of the English)."""
    import random

    from tunewright.models.wren.tokenizer import train_tokenizer

    def texts() -> Any:
        for i in range(60_000):
            sample = mixture.sample(options.seed + 7, i, 0.9, prose)
            yield from (message["content"] for message in sample.messages)
            yield sample.reply
        rng = random.Random(options.seed)
        for text, language in prose.passages:
            if language == "hi" or rng.random() < 0.35:
                yield text

    train_tokenizer(texts(), options.vocab_size, folder)


def build_model(options: PretrainOptions, folder: Path) -> None:
    """A fresh Llama with Wren's shape and the folder's tokenizer; safetensors in `folder`."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(options.seed)
    heads = options.hidden_size // options.head_dim
    config = LlamaConfig(
        vocab_size=options.vocab_size,
        hidden_size=options.hidden_size,
        intermediate_size=options.intermediate_size,
        num_hidden_layers=options.num_hidden_layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=options.max_position_embeddings,
        rope_parameters={"rope_type": "default", "rope_theta": options.rope_theta},
        tie_word_embeddings=True,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(str(folder))


def _take_over(version: Path, folder: Path) -> None:
    """Begin with a released version's weights and tokenizer, where nothing is there yet."""
    for name, wanted in (("tokenizer", "*token*"), ("start", "*")):
        if not (folder / name).exists():
            (folder / name).mkdir(parents=True)
            for file in version.glob(wanted):
                if file.suffix in (".json", ".jinja", ".safetensors"):
                    shutil.copy(file, folder / name)
    template = version / "chat_template.jinja"
    if template.is_file():
        shutil.copy(template, folder / "tokenizer")


def _layers(folder: Path) -> int:
    return int(json.loads((folder / "config.json").read_text(encoding="utf-8"))["num_hidden_layers"])


def deepen(folder: Path, after: Sequence[int]) -> None:
    """Put a new layer behind each of these layers of the model in `folder`.

    It is a copy whose two output projections are zero, so the model computes what it did (Wu et al. 2024, "LLaMA Pro:
    Progressive LLaMA with Block Expansion", section 3.2). Raises UsageError for a layer that is not there.
    """
    import copy

    import torch
    from transformers import AutoModelForCausalLM

    from tunewright.core.errors import UsageError

    model: Any = AutoModelForCausalLM.from_pretrained(str(folder))
    layers = model.model.layers
    wrong = [index for index in after if not 0 <= index < len(layers)]
    if wrong:
        raise UsageError(f"new_layers_after: there is no layer {wrong[0]} among {len(layers)}")
    grown = []
    for index, layer in enumerate(layers):
        grown.append(layer)
        for _ in range(list(after).count(index)):
            new = copy.deepcopy(layer)
            torch.nn.init.zeros_(new.self_attn.o_proj.weight)
            torch.nn.init.zeros_(new.mlp.down_proj.weight)
            grown.append(new)
    model.model.layers = torch.nn.ModuleList(grown)
    model.config.num_hidden_layers = len(grown)
    if getattr(model.config, "layer_types", None):
        model.config.layer_types = ["full_attention"] * len(grown)
    model.save_pretrained(str(folder))


CHANGEABLE = frozenset(
    (
        "total_steps", "decay_from", "warmup_steps", "muon_learning_rate", "adamw_learning_rate", "max_grad_norm",
        "pointer_layer", "pointer_head", "pointer_weight", "link_layer", "link_head", "link_weight", "start_share",
        "micro_batch_tokens", "eval_steps", "save_steps", "logging_steps", "compile", "mixed_precision",
        "dataloader_num_workers",
    )
)  # fmt: skip
"""Options that may change between slices. The others say what the model is and what it sees."""


def _note_recipe(options: PretrainOptions, folder: Path) -> None:
    """Write pretraining.json: the options, and under "changes" those of earlier slices, with the step they held to.

    Raises UsageError where an option changed that cannot.
    """
    from tunewright.core.errors import UsageError
    from tunewright.train import checkpoint

    path, now = folder / "pretraining.json", options.model_dump()
    stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {**now, "changes": []}
    changes = stored.pop("changes", [])
    was = {key: stored.get(key) for key in sorted(now.keys() | stored.keys()) if now.get(key) != stored.get(key)}
    if fixed := sorted(was.keys() - CHANGEABLE):
        raise UsageError(
            f"{fixed[0]} was {was[fixed[0]]!r} when this pretraining began and is {now.get(fixed[0])!r} now",
            where=str(folder),
            hint="take another --folder",
        )
    found, _ = checkpoint.newest(folder / "checkpoints")
    if was and found is not None:
        changes.append({"until_step": found.state["step"], **was})
    path.write_text(json.dumps({**now, "changes": changes}, indent=1) + "\n", encoding="utf-8")


class Stream:
    """Batches of the mixture by step number."""

    def __init__(self, options: PretrainOptions, prose: mixture.Prose, tokenizer: Any):
        self.options = options
        self.prose = prose
        self.tokenizer = tokenizer
        self.pad = tokenizer.pad_token_id
        ids = tokenizer.convert_tokens_to_ids
        self.role = {role: ids(f"<|{role}|>") for role in ("system", "user", "assistant")}
        self.end = tokenizer.eos_token_id

    def encode(self, text: str) -> list[int]:
        """Ids of plain text; text that looks like a special token stays text."""
        return self.encoded(text).input_ids

    def encoded(self, text: str) -> Any:
        """`encode`, with the place of each token in the text."""
        return self.tokenizer(text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True)

    def _at(self, shares: Sequence[float]) -> list[int]:
        """Ids at these shares (0..1) of the vocabulary, special tokens left out."""
        first = max(self.role.values()) + 1
        return [first + int(share * (len(self.tokenizer) - first)) for share in shares]

    def tokens(self, sample: Sample) -> Tokens | None:
        """The sample as ids, or None where it is longer than a context."""
        if sample.kind == "tokens":
            prompt, reply = (self._at(shares) for shares in sample.value)
            drill = (self.role["user"], *prompt, self.end, self.role["assistant"], *reply, self.end)
            return Tokens(drill, len(prompt) + 3)
        if sample.kind == "prose":
            ids = self.encode(sample.reply)[: self.options.prose_tokens]
            return Tokens((*ids, self.end), 1)
        ids = []
        for message in sample.messages:
            text, at = self.encoded(message["content"]), len(ids) + 1
            ids += [self.role[message["role"]], *text.input_ids, self.end]
        ids.append(self.role["assistant"])
        start = len(ids)
        reply = self.encoded(sample.reply)
        ids += [*reply.input_ids, self.end]
        if len(ids) > self.options.max_length:
            return None
        last, asking = sample.messages[-1]["content"], sample.messages[0]["content"]
        copied: tuple[Source, ...] = ()
        linked: tuple[Link, ...] = ()
        if self.options.pointer_layer is not None:
            copied = moved(sources(sample.reply, reply.offset_mapping, last, text.offset_mapping), start, at)
        if self.options.link_layer is not None and len(sample.messages) == 2 and isinstance(sample.value, dict):
            placed = links(sample.reply, last, text.offset_mapping, asking, self.encoded(asking).offset_mapping)
            linked = moved_links(placed, at, 1)
        return Tokens(tuple(ids), start, copied, linked)

    @staticmethod
    def samples(options: PretrainOptions, prose: mixture.Prose, step: int) -> list[Sample]:
        """What step `step` shows, before tokenising. Early samples are short, so there are more of them."""
        step += options.first_step
        progress = step / options.curriculum_steps
        count = options.samples_per_step * (
            4 if progress < 0.16 else 3 if progress < 0.3 else 2 if progress < 0.5 else 1
        )
        return [mixture.sample(options.seed, step * 1000 + i, progress, prose) for i in range(count)]

    def examples(self, step: int) -> list[Tokens]:
        made = (self.tokens(sample) for sample in self.samples(self.options, self.prose, step))
        return [tokens for tokens in made if tokens is not None]

    def __call__(self, step: int) -> Sequence[Batch]:
        examples = self.examples(step)
        groups = by_tokens([len(e.ids) for e in examples], self.options.micro_batch_tokens)
        context = self.options.max_position_embeddings
        return [collate([examples[i] for i in g], self.pad, share_prefix=False, context=context) for g in groups]


class Ahead:
    """A stream's batches, made by other processes while the steps before are trained on."""

    def __init__(self, stream: Stream):
        self._stream = stream
        self._next: int | None = None
        self._made: Iterator[Sequence[Batch]] = iter(())

    def __call__(self, step: int) -> Sequence[Batch]:
        from torch.utils.data import DataLoader

        options = self._stream.options
        if step != self._next:
            steps: Any = DataLoader(
                _Steps(self._stream),  # type: ignore[arg-type]
                batch_size=None,
                sampler=range(step, options.total_steps),
                num_workers=options.dataloader_num_workers,
                multiprocessing_context="spawn",  # a fork of a process that holds a GPU cannot be relied on
            )
            self._made = iter(steps)
        self._next = step + 1
        return next(self._made)


class _Steps:
    """Step → batches, as `DataLoader` reads it."""

    def __init__(self, stream: Stream):
        self.stream = stream

    def __getitem__(self, step: int) -> Sequence[Batch]:
        return self.stream(step)

    def __len__(self) -> int:
        return self.stream.options.total_steps


def teacher_forced(model: Any, examples: Sequence[Tokens], pad: int, budget: int) -> tuple[float, list[bool]]:
    """(mean loss in nats per token, for each example whether greedy decoding would write the reply exactly).

    An example is exact when every trained token is the most likely one given those before it, which is what greedy
    decoding would then write.
    """
    import torch
    from torch.nn import functional

    from tunewright.train.loss import forward_rows

    total, count = 0.0, 0
    exact = [False] * len(examples)
    with torch.no_grad():
        for group in by_tokens([len(e.ids) for e in examples], budget):
            batch = collate([examples[i] for i in group], pad, share_prefix=False)
            batch = batch.to(next(model.parameters()).device)
            logits = forward_rows(model, batch).float()
            total += float(functional.cross_entropy(logits, batch.labels, reduction="sum"))
            count += len(batch.labels)
            right = (logits.argmax(-1) == batch.labels).tolist()
            at = 0
            for i in group:
                exact[i] = all(right[at : at + examples[i].trained])
                at += examples[i].trained
    return total / max(1, count), exact


def _mixed(model: Any, start: Any, share: float) -> None:
    """Move the weights towards those at the start, by this share of the way.

    A slice begins at a high rate and ends at none; the mean of two such ends is better than either (Izmailov et al.
    2018, "Averaging Weights Leads to Wider Optima and Better Generalization"; Wortsman et al. 2022, "Robust fine-tuning
    of zero-shot models").
    """
    import torch

    with torch.no_grad():
        before = dict(start.named_parameters())
        for name, parameter in model.named_parameters():
            parameter.lerp_(before[name].to(parameter.device), share)


def lessons(options: PretrainOptions) -> tuple[Pointing, ...]:
    """Which heads are taught where to look."""
    made = []
    if options.pointer_layer is not None:
        made.append(Pointing(options.pointer_layer, options.pointer_head, options.pointer_weight))
    if options.link_layer is not None:
        made.append(Pointing(options.link_layer, options.link_head, options.link_weight, "links"))
    return tuple(made)


def pretrain(
    options: PretrainOptions,
    folder: Path,
    data: Path,
    *,
    minutes: float | None = None,
    report: Callable[[dict[str, Any]], None] = lambda event: None,
) -> dict[str, Any]:
    """Train in `folder` (tokenizer/, start/, checkpoints/, model/), going on from the newest verified checkpoint.

    data: the folder that holds `prose_en` and `prose_hi`. minutes: stop after so long and save. Returns the metrics;
    `paused_at` in them says that there is more to do.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from tunewright.models.load import locate
    from tunewright.train import shares
    from tunewright.train.loop import Fit
    from tunewright.train.schedule import Schedule

    accelerator = shares.accelerator(options.mixed_precision, "cuda" if torch.cuda.is_available() else "cpu")
    prose = mixture.read_prose([data / "prose_en", data / "prose_hi"])
    folder.mkdir(parents=True, exist_ok=True)
    with accelerator.main_process_first():  # the others find everything there
        if options.start_from is not None:
            version = locate(options.start_from)
            _take_over(version, folder)
            if options.new_layers_after and _layers(folder / "start") == _layers(version):
                deepen(folder / "start", options.new_layers_after)
        if not (folder / "tokenizer" / "tokenizer.json").is_file():
            build_tokenizer(options, prose, folder / "tokenizer")
        if not (folder / "start" / "config.json").is_file():
            build_model(options, folder / "start")
    tokenizer = AutoTokenizer.from_pretrained(str(folder / "tokenizer"))
    model: Any = AutoModelForCausalLM.from_pretrained(str(folder / "start"), dtype=torch.float32)
    if accelerator.is_main_process:
        _note_recipe(options, folder)
    model.to(accelerator.device)
    stream = Stream(options, prose, tokenizer)
    named = dict(model.named_parameters())
    matrices = [p for name, p in named.items() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in named.items() if not (p.ndim == 2 and "embed" not in name)]
    muon = torch.optim.Muon(matrices, lr=options.muon_learning_rate, weight_decay=0.0, adjust_lr_fn="original")
    adamw = torch.optim.AdamW(
        others,
        lr=options.adamw_learning_rate,
        betas=(options.adam_beta1, options.adam_beta2),
        weight_decay=0.0,
        fused=True,
    )
    if options.compile:
        model.model.forward = torch.compile(model.model.forward, dynamic=True)

    held = [
        tokens for i in range(160) if (tokens := stream.tokens(mixture.sample(10**6 + options.seed, i, 0.5, prose)))
    ]

    def validate() -> float:
        loss, exact = teacher_forced(model, held, stream.pad, options.micro_batch_tokens)
        report({"event": "exact", "share": sum(exact) / len(exact), "n": len(exact)})
        return loss

    metrics = Fit(
        model=model,
        parameters=named,
        optimizers=[(muon, options.muon_learning_rate), (adamw, options.adamw_learning_rate)],
        schedule=Schedule("wsd", options.warmup_steps, options.total_steps, options.decay_from),
        micro_batches=Ahead(stream) if options.dataloader_num_workers else stream,
        total_steps=options.total_steps,
        folder=folder / "checkpoints",
        accelerator=accelerator,
        max_grad_norm=options.max_grad_norm,
        validate=validate,
        eval_steps=options.eval_steps,
        save_steps=options.save_steps,
        logging_steps=options.logging_steps,
        load_best=False,
        stop_after=minutes * 60 if minutes is not None else None,
        pointing=lessons(options),
        report=report,
    ).run()
    if not accelerator.is_main_process:
        return metrics
    out = folder / "model"
    model.model.__dict__.pop("forward", None)  # the compiled one is not saved
    if options.start_share:
        _mixed(
            model, AutoModelForCausalLM.from_pretrained(str(folder / "start"), dtype=torch.float32), options.start_share
        )
    model.to(torch.bfloat16).save_pretrained(str(out))
    model.to(torch.float32)
    tokenizer.save_pretrained(str(out))
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    return metrics
