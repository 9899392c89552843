"""How likely a model finds the right answers: bits per byte and perplexity, and what tuning changed of both.

Bits per byte do not depend on the tokenizer; perplexity is per token and compares models of one tokenizer only. The
answer's end is part of what is predicted. Intervals and tests draw whole groups.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from tunewright.core.records import Example
from tunewright.decode.likelihood import likelihoods
from tunewright.evals.intervals import cluster_sums, resampled_sums
from tunewright.evals.paired import by_bootstrap, holm, tails, verdict
from tunewright.evals.score import slices_of
from tunewright.evals.table import clusters_of
from tunewright.models.length import TRUNCATIONS, Truncation, fit
from tunewright.models.load import Loaded

PARTS = ("answers", "everything")
"""What is measured: the answers given their prompts; prompts and answers, all but the first token."""

Row = dict[str, Any]
"""id, and for each part its nats, tokens, bytes."""


def prompt_ids(
    loaded: Loaded, example: Example, reply: int, *, over_length: str, max_length: int | None
) -> list[int] | None:
    """An example's prompt with room for a reply of so many tokens, cut as in training; None where none fits."""
    room = min(max_length or loaded.context, loaded.context) - reply
    if over_length in TRUNCATIONS:
        found = fit(loaded.chat, example.messages, room, cast(Truncation, over_length), example.document)
        return None if found is None else found.ids
    ids = loaded.chat.prompt_ids(example.messages)
    return ids if len(ids) <= room else None


def measure(loaded: Loaded, examples: Sequence[Example], **length: Any) -> list[Row]:
    """One row per example that fits into the model, in order. length: over_length and max_length, as in training."""
    asked = []
    for example in examples:
        reply = loaded.chat.reply_ids(example.completion)
        prompt = prompt_ids(loaded, example, len(reply), **length)
        if prompt is not None:
            asked.append((example, prompt, reply))
    answers = likelihoods(loaded, [(prompt, reply) for _, prompt, reply in asked])
    wholes = likelihoods(loaded, [(prompt[:1], [*prompt[1:], *reply]) for _, prompt, reply in asked])
    rows = []
    for (example, prompt, _), answer, whole in zip(asked, answers, wholes, strict=True):
        size = len(example.completion.encode())
        shown = len(loaded.chat.decode(prompt).encode())  # as it was cut
        rows.append(
            {
                "id": example.id,
                "answers": {"nats": answer.nats, "tokens": answer.tokens, "bytes": size, "right": answer.right},
                "everything": {"nats": whole.nats, "tokens": whole.tokens, "bytes": size + shown},
            }
        )
    return rows


def compare(
    examples: Sequence[Example],
    rows: Mapping[str, Sequence[Row]],
    *,
    pair: tuple[str, str],
    level: float,
    resamples: int,
    seed: int,
    beside: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Systems' rows as scores with intervals, the second of `pair` against the first, on the examples that all have.

    Returns {"n", "groups", "left_out", "systems": {name: {part: {"bits_per_byte", "low", "high", "perplexity"}}},
    "change": {part: …}, "slices": {dimension: {value: …}}}, a change being {"before", "after", "difference", "low",
    "high", "p", "p_holm", "verdict", "fall", "fall_low", "fall_high"}: the difference in bits per byte, and the share
    by which they fell. Of answers, slices by what records are sliced by. The answers are what the work was done for:
    their p stands as it is, all others are corrected together (Holm). beside: differences of other texts' bits per
    byte, with "p", that are corrected among them and get "p_holm" and "verdict", too.
    """
    by_id = {name: {row["id"]: row for row in found} for name, found in rows.items()}
    common = [example for example in examples if all(example.id in own for own in by_id.values())]
    clusters = clusters_of(common)
    draw: dict[str, Any] = {"level": level, "resamples": resamples, "seed": seed}

    def sums(name: str, part: str, chosen: Sequence[int]) -> Any:
        own = [by_id[name][common[i].id][part] for i in chosen]
        matrix = np.array([[one["nats"] / math.log(2), one["bytes"], one["tokens"]] for one in own], dtype=float)
        return cluster_sums(matrix.reshape(-1, 3), clusters[list(chosen)])

    everyone = range(len(common))
    found: dict[str, Any] = {
        "n": len(common),
        "groups": len(set(clusters.tolist())),
        "left_out": len(examples) - len(common),
        "systems": {
            name: {part: _score(sums(name, part, everyone), **draw) for part in PARTS} for name in rows if common
        },
    }
    if not common or any(name not in rows for name in pair):
        return found
    a, b = pair
    found["pair"] = list(pair)
    found["change"] = {part: _change(sums(a, part, everyone), sums(b, part, everyone), **draw) for part in PARTS}
    among: dict[str, dict[str, list[int]]] = {}
    for i, example in enumerate(common):
        for dimension, value in slices_of(example.record).items():
            among.setdefault(dimension, {}).setdefault(value, []).append(i)
    found["slices"] = {
        dimension: {
            value: {"n": len(chosen)} | _change(sums(a, "answers", chosen), sums(b, "answers", chosen), **draw)
            for value, chosen in sorted(values.items())
        }
        for dimension, values in among.items()
        if len(values) > 1
    }
    slices = [one for values in found["slices"].values() for one in values.values()]
    changes = [*found["change"].values(), *slices, *beside]
    for change, p in zip(changes, [changes[0]["p"], *holm([one["p"] for one in changes[1:]])], strict=True):
        change["p_holm"] = p
        change["verdict"] = verdict(change, level, falling=True)
    return found


def _score(clustered: Any, *, level: float, resamples: int, seed: int) -> dict[str, float]:
    total, drawn = clustered.sum(axis=0), resampled_sums(clustered, resamples, seed)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], tails(len(clustered), level))
    perplexity = math.exp(min(700.0, total[0] * math.log(2) / total[2]))
    return {"bits_per_byte": total[0] / total[1], "low": float(low), "high": float(high), "perplexity": perplexity}


def _change(first: Any, second: Any, *, level: float, resamples: int, seed: int) -> dict[str, Any]:
    """What became of bits per byte. The same resamples on both sides, so it is paired."""
    one, other = first.sum(axis=0), second.sum(axis=0)
    drawn = resampled_sums(np.hstack([first, second]), resamples, seed)
    before, after = drawn[:, 0] / drawn[:, 1], drawn[:, 3] / drawn[:, 4]
    a, b = one[0] / one[1], other[0] / other[1]
    tested = by_bootstrap(b - a, after - before, len(first), len(first), level)
    fall_low, fall_high = np.quantile(1 - after / before, tails(len(first), level))
    return {
        "before": a,
        "after": b,
        "difference": b - a,
        **{name: tested[name] for name in ("low", "high", "p")},
        "fall": 1 - b / a,
        "fall_low": float(fall_low),
        "fall_high": float(fall_high),
    }
