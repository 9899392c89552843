"""benchmark_results.csv and experiment_metadata.json: the numbers of a run for other programs."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any

from tunewright.core.files import spreadsheet
from tunewright.report import sentences
from tunewright.report.evidence import Cell, Evidence
from tunewright.report.figures import Estimate, number

COLUMNS = ("system", "decoding", "on", "slice", "metric", "value", "low", "high", "n")
WHOLE = "all"
METADATA_FORMAT = 1


def benchmark(evidence: Evidence) -> str:
    """One row per system × decoding × document set × slice × metric. Scores are shares of 0..1; costs have no interval.

    slice: "all", or "kind=label" such as "language=hi".
    """
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    for cell in evidence.cells:
        for metric, estimate in cell.metrics().items():
            table.writerow(_row(cell, WHOLE, metric, estimate))
        for kind in cell.slice_kinds():
            for label, metrics in cell.slices(kind).items():
                for metric, estimate in metrics.items():
                    table.writerow(_row(cell, f"{kind}={label}", metric, estimate))
        costs = cell.scores.get("cost")
        for name in costs if isinstance(costs, dict) else ():
            value = cell.cost(name)
            if value is not None:
                table.writerow(_row(cell, WHOLE, name, Estimate(value, n=cell.n)))
    return out.getvalue().encode("utf-8", "replace").decode()


def _row(cell: Cell, place: str, metric: str, estimate: Estimate) -> list[str]:
    numbers = (estimate.value, estimate.low, estimate.high)
    words = (cell.system, cell.decoding, cell.on, place, metric)
    return [
        *map(spreadsheet, words),
        *("" if x is None else f"{x:.10g}" for x in numbers),
        "" if estimate.n is None else str(estimate.n),
    ]


def metadata(evidence: Evidence) -> dict[str, Any]:
    """What was run, on what, when, and its headline, as one JSON object."""
    head, main = sentences.headline(evidence), evidence.main()
    stages = {
        stage: {"began": _moment(start), "ended": _moment(end), "seconds": evidence.spent.get(stage)}
        for stage, (start, end) in evidence.stages.items()
    }
    return {
        "format": METADATA_FORMAT,
        "name": evidence.name,
        "description": str(evidence.recipe.get("description") or ""),
        "recipe_sha256": evidence.lock.get("recipe_sha256") or evidence.recipe_hash or None,
        "model": evidence.setting("model"),
        "seed": evidence.setting("seed"),
        "source": evidence.manifest.get("source") or evidence.setting("data.source"),
        "versions": evidence.lock.get("versions"),
        "machine": {key: value for key, value in evidence.lock.items() if key not in ("versions", "recipe_sha256")},
        "counts": evidence.manifest.get("counts"),
        "stages": stages,
        "training": {
            name: _training(training.metrics) for name, training in evidence.trainings.items() if training.metrics
        },
        "folds": [
            {
                "counts": fold.counts,
                "training": {name: _training(one.metrics) for name, one in fold.trainings.items() if one.metrics},
            }
            for fold in evidence.folds
        ],
        "systems": {
            f"{cell.name} on {cell.on}": {
                "n": cell.n,
                **{name: round(e.value, 6) for name, e in cell.metrics().items()},
            }
            for cell in evidence.cells
        },
        "main": main.name if main else None,
        "headline": head.sentence if head else None,
        "gates": evidence.gates,
        "missing": [*evidence.missing, *evidence.faults],
    }


def _training(metrics: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in metrics.items() if isinstance(value, str) or number(value) is not None}


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
