"""Ways to have texts written, side by side: other models, prompts, temperatures, on the same requests.

    synthetic/compared/<name>.jsonl  the texts of one way, written whole
    synthetic/compared.json          the table: what filters say of them, and how they differ from the recipe's own way

Every way gets the same labels and lengths, drawn from train, and the same filters. What is compared is the share of
texts that pass them all; pairs of ways are tested on the same requests (McNemar, exact), corrected together (Holm).
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tunewright.core import files
from tunewright.core.events import Events
from tunewright.core.recipe import Recipe, Variant
from tunewright.core.records import Record
from tunewright.core.run import Run
from tunewright.data.filters import Filters, Written
from tunewright.evals.intervals import wilson
from tunewright.evals.paired import difference_of_shares, holm, mcnemar, verdict
from tunewright.evals.variety import distinct_share
from tunewright.flow import generation
from tunewright.tasks.labelled_text import LabelledText, length
from tunewright.text.unicode import words

OWN = "own"
"""The recipe's own way: the tuned model, neutral roles."""


def compare(job: Run, task: LabelledText, filters: Filters, train: Sequence[Record], events: Events) -> None:
    """Write the texts of every way that are not there, and the table. Raises ModelError where a model is not here."""
    recipe, folder = job.recipe, job.path / generation.STAGE / "compared"
    asked = requests(recipe, train)
    ways = {OWN: Variant(), **recipe.generate.variants}
    model: str | None = None
    draw: generation.Draw | None = None
    for name, way in ways.items():
        path = folder / f"{name}.jsonl"
        if not path.is_file():
            began = time.monotonic()
            if draw is None or way.model != model:
                draw = None  # one model in memory at a time
                model, draw = way.model, generation.writer(job, way.model)
            rows = _write(recipe, task, way, draw, asked)
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write_lines(path, rows)
            events.say(f"{name}: {len(rows)} texts to compare, {time.monotonic() - began:.0f} s")
    written = {name: list(files.read_lines(folder / f"{name}.jsonl")) for name in ways}
    found = table(written, filters, level=recipe.evaluate.confidence_level)
    for row in found["rows"]:
        row["set"] = ways[row["name"]].model_dump(exclude_none=True)
    real = [one.text for one in train]
    chance = random.Random(recipe.seed)
    found["distinct_2_real"] = distinct(chance.sample(real, min(len(real), len(asked))))
    files.write_json(job.path / generation.STAGE / "compared.json", found)
    for row in found["rows"]:
        events.say(told(row))


def requests(recipe: Recipe, train: Sequence[Record]) -> list[generation.Request]:
    """What every way is asked for: labels in turn, lengths drawn from those of the label in train."""
    lengths: dict[str, list[int]] = {}
    for record in train:
        lengths.setdefault(str(record.target), []).append(length(record.text))
    labels, chance = sorted(lengths), random.Random(f"compared {recipe.seed}")
    return [
        generation.Request(number, label, chance.choice(lengths[label]))
        for number in range(recipe.generate.compared)
        for label in [labels[number % len(labels)]]
    ]


def _write(
    recipe: Recipe, task: LabelledText, way: Variant, draw: generation.Draw, asked: Sequence[generation.Request]
) -> list[dict[str, Any]]:
    if way.request is not None:
        task = LabelledText(task.options.model_copy(update={"request": way.request}))
    prompts = [task.prompt(one.id, one.label, one.words, own=way.roles == "label") for one in asked]
    drawing = {
        name: getattr(recipe.generate, name) if getattr(way, name, None) is None else getattr(way, name)
        for name in generation.DRAWING
    }
    replies = draw(prompts, [one.number for one in asked], drawing)
    return [
        {"label": one.label, "words": one.words, "text": reply.text.strip(), "finish": reply.finish}
        for one, reply in zip(asked, replies, strict=True)
    ]


def table(written: dict[str, list[dict[str, Any]]], filters: Filters, *, level: float) -> dict[str, Any]:
    """What filters say of the texts of each way, the first of which the others are compared with.

    Returns {"n", "level", "rows": [{"name", "kept", "low", "high", "set_aside", "distinct_2", "words_off",
    "difference", "difference_low", "difference_high", "p", "p_holm", "verdict"}]}: shares; the difference to the first,
    which has none; words_off: the mean of how far lengths are from what was asked for, as a share of that.
    """
    passed: dict[str, list[bool]] = {}
    rows: list[dict[str, Any]] = []
    for name, texts in written.items():
        looked = filters.anew().look([Written(one["text"], one["label"], one["finish"] == "stop") for one in texts])
        passed[name] = [one.filter is None for one in looked]
        n = len(texts)
        share = sum(passed[name]) / n
        low, high = wilson(share, n, level)
        off = sum(abs(length(one["text"]) - one["words"]) / max(1, one["words"]) for one in texts) / n
        rows.append(
            {
                "name": name,
                "kept": share,
                "low": low,
                "high": high,
                "set_aside": dict(sorted(Counter(one.filter for one in looked if one.filter).items())),
                "distinct_2": distinct([one["text"] for one in texts]),
                "words_off": off,
            }
        )
    first = next(iter(written))
    for row in rows[1:]:
        pairs = list(zip(passed[first], passed[row["name"]], strict=True))
        only_a, only_b = (sum(pair == which for pair in pairs) for which in ((True, False), (False, True)))
        low, high = difference_of_shares(only_a, only_b, len(pairs), level)
        row |= {
            "difference": (only_b - only_a) / len(pairs),
            "difference_low": low,
            "difference_high": high,
            "p": mcnemar(only_a, only_b),
        }
    for row, p in zip(rows[1:], holm([row["p"] for row in rows[1:]]), strict=True):
        row["p_holm"] = p
        tested = {"difference": row["difference"], "low": row["difference_low"], "high": row["difference_high"]}
        row["verdict"] = verdict(tested | {"p_holm": p}, level)
    return {"n": len(next(iter(written.values()))), "level": level, "rows": rows}


def distinct(texts: Sequence[str]) -> float:
    """Different pairs of words as a share of all pairs (distinct-2, Li et al. 2016); 0 where there is none."""
    return distinct_share((words(text.casefold()) for text in texts), 2)


def told(row: dict[str, Any]) -> str:
    """One way in words."""
    said = (
        f"{row['name']}: {100 * row['kept']:.1f} % pass all filters ({100 * row['low']:.1f} to {100 * row['high']:.1f})"
    )
    if "verdict" in row:
        said += f", {100 * row['difference']:+.1f} points: {row['verdict']}"
    return f"{said}; distinct-2 {row['distinct_2']:.2f}"
