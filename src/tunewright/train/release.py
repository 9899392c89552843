"""From a pretraining folder to a version of Wren in the package: weights, tokenizer, card, log, manifest, digests."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunewright.core import files
from tunewright.core.errors import RunError
from tunewright.data import leakage
from tunewright.data.corpus import mixture
from tunewright.models.load import locate
from tunewright.train.pretrain import PretrainOptions, Stream

LARGEST = 24_000_000
"""Bytes a version may take in the package."""
WINDOW = 16
"""Neighbouring runs of words of which the manifest holds one at least: 28 words of pretraining text are surely found."""


def texts(options: PretrainOptions, prose: mixture.Prose, steps: int) -> Iterator[str]:
    """Every text that pretraining showed the model, prompts and replies; and the prose it drew from, whole."""
    yield from (text for text, _ in prose.passages)
    for step in range(steps):
        for sample in Stream.samples(options, prose, step):
            yield "\n".join([*(message["content"] for message in sample.messages), sample.reply])


def release(folder: Path, target: Path, data: Path, exam: list[dict[str, Any]]) -> None:
    """Write the version `target` (…/wren-N) from a finished pretraining folder.

    exam: the rows of `benchmarks/wren.py --json`, for the card. Raises RunError where the version exists (a released
    version's bytes never change) or would be too large.
    """
    if target.exists():
        raise RunError(
            "this version is released; its bytes do not change", where=str(target), hint="take the next number"
        )
    stored = json.loads((folder / "pretraining.json").read_text(encoding="utf-8"))
    options = PretrainOptions(**{key: value for key, value in stored.items() if key != "changes"})
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    aside = target.with_name("." + target.name)
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(folder / "model", aside)
    log = [
        f"{row['step']}\t{row['loss']:.4f}\t{row['tokens_per_second']:.0f}\t{row['seconds']:.0f}"
        for row in metrics["steps"]
    ]
    (aside / "pretraining.tsv").write_text(
        "step\tloss\ttokens_per_second\tseconds\n" + "\n".join(log) + "\n", encoding="utf-8"
    )
    shutil.copy(folder / "pretraining.json", aside)
    prose = mixture.read_prose([data / "prose_en", data / "prose_hi"])
    before = locate(options.start_from) if options.start_from is not None else None
    manifest = aside / "pretraining.manifest"
    onto = leakage.read_manifest(before / manifest.name) if before is not None else None
    leakage.write_manifest(texts(options, prose, metrics["last_step"]), manifest, window=WINDOW, onto=onto)
    if before is not None:
        _keep_history(before, aside)
    (aside / "README.md").write_text(card(target.name, options, metrics, exam), encoding="utf-8")
    digests = {path.name: files.sha256(path) for path in sorted(aside.iterdir())}
    (aside / "sha256.json").write_text(json.dumps(digests, indent=1) + "\n", encoding="utf-8")
    size = sum(path.stat().st_size for path in aside.iterdir())
    if size > LARGEST:
        raise RunError(f"the version takes {size:,} bytes; {LARGEST:,} are allowed", where=str(aside))
    aside.rename(target)


def _keep_history(before: Path, aside: Path) -> None:
    """Recipes and logs of the versions that this one goes on from, each under its version's name."""
    for kind in ("pretraining.json", "pretraining.tsv"):
        shutil.copy(before / kind, aside / f"{before.name}.{kind}")
        for older in before.glob(f"*.{kind}"):
            shutil.copy(older, aside)


def card(name: str, options: PretrainOptions, metrics: dict[str, Any], exam: list[dict[str, Any]]) -> str:
    """The model card, from the run's own numbers."""
    last = metrics["validations"][-1] if metrics["validations"] else None
    rows = "\n".join(
        f"| {row['case']} | {row['language']} | {row['n']} | {row['exact_match']:.1%} "
        f"({row['low']:.1%} to {row['high']:.1%}) | {row['fields']:.1%} |"
        for row in exam
    )
    start, manifest = "From nothing", "hashes of all text seen; `tunewright pretrain wren` makes it again"
    if options.start_from is not None:
        start = f"From the weights of {options.start_from}"
        manifest = f"hashes of the prose and of the documents that this version and {options.start_from} were shown"
    loss = f" The last validation loss was {last['loss']:.3f} nats per token." if last else ""
    if options.start_share:
        loss += f" The weights here are the mean of that end and of the start, {options.start_share:.0%} of the latter."
    return f"""---
license: apache-2.0
language: [en, hi]
library_name: transformers
pipeline_tag: text-generation
tags: [tunewright, information-extraction, json]
---

# {name}

The small base model inside Tunewright: a Llama of {options.num_hidden_layers} layers, width {options.hidden_size},
{options.hidden_size // options.head_dim} heads of {options.head_dim}, {options.vocab_size} tokens of vocabulary and a context of
{options.max_position_embeddings}. It reads short documents in English and Hindi and writes JSON; it is made to be fine-tuned,
not to chat, and of the world it knows some names: of places, people, dishes and the like.

## Training

{start}, {metrics["last_step"]:,} steps, {metrics["seen_tokens"]:,} tokens seen (padding included), {metrics["trained_tokens"]:,} trained,
{metrics["total_seconds"] / 60:.0f} minutes on two processor cores.{loss} Muon on the matrices, AdamW on embeddings and norms.
The data is made by `tunewright.data.corpus`: random-schema documents, invoices, receipts and forms of the synthesis, requests,
articles, copy drills, questions about passages, and prose (public domain, CC0, CC BY, MIT, Apache; the story authors of the CC BY parts
are credited in the project's documents). No job's data is in it, no key of the shipped recipes' schemas, and no layout,
wording or name that the synthesis keeps for testing. `pretraining.json` is the recipe, `pretraining.tsv`
the log (those of the versions before it bear their names), `pretraining.manifest` {manifest}.

## Examination

Documents whose values, layouts, label wordings and instruction pretraining never saw (`python -m benchmarks wren`), greedy and
free of any grammar; exact match of the whole JSON with 95 % intervals.

| case | language | n | exact match | fields |
|---|---|---|---|---|
{rows}

## Limits

It copies more than it understands: meanings it has not met in pretraining must be learnt by fine-tuning. Documents beyond
4,096 tokens do not fit. The prose carries the views of its sources.
"""
