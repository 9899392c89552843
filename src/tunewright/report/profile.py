"""The overall score with its parts, and what it and the time look like over documents: rows for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tunewright.core.recipe import OVERALL, EvaluateOptions
from tunewright.report import plots, sentences
from tunewright.report.evidence import Cell, mapping
from tunewright.report.figures import NONE, duration, metric_name, number, share, significant, size

PARTS = {
    "structure": ("Structure", "structure_similarity"),
    "fields": ("Fields", "field_f1"),
    "semantic": ("Meaning", "semantic_f1"),
    "validity": ("Valid", "json_validity"),
}
"""Part → what its axis is called, and its score."""

Named = tuple[Cell, str]
"""A cell and what it is called."""


def overall(
    cells: Sequence[Named], weights: Any, *, main: Cell | None, reference: Cell | None
) -> dict[str, Any] | None:
    """The section of the overall score; None where no cell has one, nor a distribution over documents.

    weights: as they stand in the recipe. reference: what every radar shows besides.
    """
    scored = [(cell, name) for cell, name in cells if cell.metric("overall")]
    boxes = _boxes(cells, main)
    if not scored and boxes is None:
        return None
    parts = _weights(weights)
    rows = [
        {
            "system": cell.system,
            "name": name,
            "main": cell is main,
            "bar": plots.bar(cell.system, cell.metric("overall")),
            "overall": cell.metric("overall"),
            "parts": [cell.metric(PARTS[part][1]) for part in parts],
        }
        for cell, name in scored
    ]
    beside = next((name for cell, name in scored if cell is reference), "") if len(scored) > 1 else ""
    radars = [
        plots.radar(
            name,
            cell.system,
            _shape(cell, parts),
            note=share(getattr(cell.metric("overall"), "value", None)),
            reference=[value for _, value in _shape(reference, parts)] if beside and reference is not cell else (),
        )
        for cell, name in scored
        if reference is not None
    ]
    said = ", ".join(f"{PARTS[part][0].lower()} {share(weight, digits=0)}" for part, weight in parts.items())
    lede = (
        f"One number for a first look, a mean by the recipe’s weights ({said}). Systems with the same one may fail in "
        "different ways: its parts say how."
        if scored
        else "How the answers are spread over the documents."
    )
    return {
        "title": "Overall and its parts" if scored else "Document by document",
        "lede": lede,
        "parts": [(metric_name(PARTS[part][1]), share(weight, digits=0)) for part, weight in parts.items()],
        "rows": rows,
        "radars": [chart for chart in radars if chart],
        "reference": beside,
        "boxes": boxes,
    }


def _weights(given: Any) -> dict[str, float]:
    """Part → its share of the whole. Weights that cannot be read are the recipe's own."""
    read = {part: value for part in OVERALL if (value := number(mapping(given).get(part))) is not None and value > 0}
    known = read or EvaluateOptions.model_validate({}).weights
    return {part: weight / sum(known.values()) for part, weight in known.items()}


def _shape(cell: Cell | None, parts: Mapping[str, float]) -> list[tuple[str, float | None]]:
    if cell is None:
        return []
    scores = {part: cell.metric(PARTS[part][1]) for part in parts}
    return [(PARTS[part][0], None if (found := scores[part]) is None else found.value) for part in parts]


def _boxes(cells: Sequence[Named], main: Cell | None) -> dict[str, Any] | None:
    metric = next((name for name in ("overall", "chrf") if any(_spread(cell, name) for cell, _ in cells)), None)
    if metric is None:
        return None
    scale = plots.Scale([], lambda tick: f"{100 * tick:g}", log=False)
    rows = [
        {
            "system": cell.system,
            "name": name,
            "main": cell is main,
            "box": plots.box(cell.system, spread, scale),
            "values": [share(spread[kind]) for kind in ("p25", "median", "p75")],
        }
        for cell, name in cells
        if (spread := _spread(cell, metric))
    ]
    title = (
        f"{metric_name(metric)} score of single documents." if metric == "overall" else "chrF++ of single documents."
    )
    return {"title": title, "ticks": scale.ticks, "columns": ["25 %", "Median", "75 %"], "rows": rows}


def latency(cells: Sequence[Named], *, main: Cell | None) -> dict[str, Any] | None:
    """Seconds of single documents on one logarithmic scale; None where they were not measured."""
    found = [(cell, name, spread) for cell, name in cells if (spread := _spread(cell, "seconds")) and spread["max"] > 0]
    if not found:
        return None
    ends = [value for _, _, spread in found for value in (spread["p5"], spread["max"])]
    scale = plots.Scale(ends, _tick, log=True)
    rows = [
        {
            "system": cell.system,
            "name": name,
            "main": cell is main,
            "box": plots.box(cell.system, spread, scale, longest=True),
            "values": [
                *(duration(spread[kind]) for kind in ("median", "p90", "p99", "max")),
                significant(speed, 3) if (speed := cell.cost("tokens_per_second")) else NONE,
            ],
        }
        for cell, name, spread in found
    ]
    columns = ["Median", "90 %", "99 %", "Longest", "Tokens/s"]
    return {
        "title": "Time of single documents.",
        "caption": "The box holds the middle half of the documents, the line in it the median; whiskers reach from 5 % "
        "to 95 % of them, the dot is the longest. Documents are answered many at a time, and each has its share of the "
        "time: one that is asked alone waits longer.",
        "ticks": scale.ticks,
        "columns": columns,
        "rows": rows,
    }


def _tick(seconds: float) -> str:
    """A round number of seconds."""
    return f"{seconds:g} s" if seconds >= 1 else f"{1e3 * seconds:g} ms" if seconds >= 1e-3 else f"{1e6 * seconds:g} µs"


_KINDS = ("min", "p5", "p25", "median", "p75", "p90", "p95", "p99", "max")


def _spread(cell: Cell, name: str) -> dict[str, float]:
    """The distribution of a score or of seconds, whole or not at all."""
    given = mapping(mapping(cell.scores.get("distributions")).get(name))
    read = {kind: value for kind in _KINDS if (value := number(given.get(kind))) is not None}
    return read if len(read) == len(_KINDS) else {}


def costs(cells: Sequence[Named], *, main: Cell | None) -> dict[str, Any] | None:
    """What an answer costs on average, and what stands in memory for it."""
    kinds = (
        ("seconds_per_document", "Time a document", duration),
        ("prompt_tokens_per_document", "Tokens read", lambda v: significant(v, 3)),
        ("tokens_per_document", "Tokens written", lambda v: significant(v, 3)),
        ("passes_per_document", "Passes", lambda v: significant(v, 3)),
        ("peak_memory_bytes", "Peak memory", size),
        ("model_bytes", "Model", size),
        ("adapter_bytes", "Adapter", size),
    )
    some = [(cell, name) for cell, name in cells if any(cell.cost(key) is not None for key, _, _ in kinds)]
    columns = [entry for entry in kinds if any(cell.cost(entry[0]) is not None for cell, _ in some)]
    if not some:
        return None
    return {
        "title": "What an answer costs.",
        "caption": "Means over documents. Passes are forward passes of the model; a model’s size is that of its "
        "weights in memory, an adapter’s among them; an adapter’s that of its files.",
        "columns": [title for _, title, _ in columns],
        "rows": [
            {
                "system": cell.system,
                "name": name,
                "main": cell is main,
                "values": [show(cell.cost(key)) if cell.cost(key) else NONE for key, _, show in columns],
            }
            for cell, name in some
        ],
    }


def named(cells: Sequence[Cell]) -> list[Named]:
    """Cells of a run under the names that its report has for them."""
    return [(cell, sentences.cell_name(cell.name)) for cell in cells]
