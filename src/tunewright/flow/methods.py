"""The table of a study: its methods side by side, in CSV and in Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from tunewright.core import meter
from tunewright.report.figures import NBSP, short_training

HEADS = {
    "token_f1": "token F1", "exact_match": "exact match", "field_f1": "F1", "field_accuracy": "fields",
    "semantic_f1": "F1 by meaning", "overall": "overall", "rouge_l": "ROUGE-L",
}  # fmt: skip
"""Scores and what the table calls them."""

SCORES = tuple(HEADS)
"""What stands in the table, and in a study's curves: those that were measured, of texts or of JSON."""

JSON = {
    "json_validity": ("JSON, free", "free", "json_validity"),
    "json_validity_cleaned": ("cleaned", "free", "json_validity_cleaned"),
    "json_validity_retries": ("with retries", "progressive", "json_validity"),
    "json_validity_grammar": ("with grammar", "grammar", "json_validity"),
}
"""Shares of replies that are JSON: what the table calls each, which decoding it is of, and which score."""

LATENCY = ("seconds_median", "seconds_p90", "seconds_p99", "seconds_max", "tokens_per_second")


def key(row: dict[str, Any]) -> str:
    """A row's name among the compared: a method's run, or a system of one."""
    return str(row["run"]) if "epochs" in row else f"{row['run']}/{row['method']}"


COLUMNS = (
    "method", "epochs", "learning_rate", "n", "token_f1", "token_f1_low", "token_f1_high",
    "exact_match", "exact_match_low", "exact_match_high", "field_f1",
    "field_f1_low", "field_f1_high", "field_accuracy", "field_accuracy_low", "field_accuracy_high", "semantic_f1",
    "semantic_f1_low", "semantic_f1_high", "overall", "overall_low", "overall_high", *JSON, *LATENCY,
    "validation_loss", "trainable_parameters", "peak_memory_bytes",
    "train_seconds", "saved_bytes", "mean_rank",
)  # fmt: skip


def sheet(rows: Sequence[dict[str, Any]]) -> str:
    """The table as CSV, every number in it."""
    sets = _sets(rows)
    forgotten = [f"{name.replace(' ', '_')}_{part}" for name in sets for part in ("difference", "low", "high")]
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow([*COLUMNS, *forgotten])
    for row in rows:
        flat = dict(row) | row.get("latency", {})
        flat |= {name: metric["value"] for name, metric in row["json"].items()}
        for name, metric in row["metrics"].items():
            flat |= {name: metric["value"], f"{name}_low": metric["low"], f"{name}_high": metric["high"]}
        line = ["" if flat.get(column) is None else flat[column] for column in COLUMNS]
        kept = row.get("kept", {})
        table.writerow(
            [*line, *(kept[name][part] if kept else "" for name in sets for part in ("difference", "low", "high"))]
        )
    return out.getvalue()


def text(rows: Sequence[dict[str, Any]], pairs: Sequence[dict[str, Any]], *, folds: int = 0) -> str:
    """The table in Markdown, with what it says and does not say. folds: of a cross-validation."""
    sets = _sets(rows)
    shown = _shown(rows)
    valid = [name for name in JSON if any(name in row["json"] for row in rows)]
    heads = ["method", "epochs", "rate", *(HEADS[name] for name in shown), *(JSON[name][0] for name in valid),
             *(f"bits/byte, {name}" for name in sets), "trained", "memory", "time", "size", "answer"]  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for row in rows:
        scores = [_share(row["metrics"].get(name)) for name in shown]
        scores += [_percent(row["json"].get(name)) for name in valid]
        answer = _median(row)
        if "epochs" not in row:
            lines.append(f"| {row['method']} | | | {' | '.join(scores)} |{' |' * (len(sets) + 4)} {answer} |")
            continue
        kept = [_forgotten(row["kept"][name]) for name in sets]
        rank = f" (rank {row['mean_rank']:.1f})" if "mean_rank" in row else ""
        lines.append(
            f"| {row['method']}{rank} | {row['epochs']:g} | {row['learning_rate']:g} | {' | '.join([*scores, *kept])} "
            f"| {row['trainable_parameters']:,} | {meter.size(row['peak_memory_bytes'])} "
            f"| {meter.clock(row['train_seconds'])} | {meter.size(row['saved_bytes'])} | {answer} |"
        )
    said = [_sentence(pair, rows) for pair in pairs if shown and pair["metric"] == shown[0]]
    tried = any(row.get("tried") for row in rows)
    trained = any("epochs" in row for row in rows)
    notes = [
        *([CHOSEN.format(_after(rows)) if tried else UNCHOSEN] if trained else []),
        "In brackets: intervals; for bits per byte the difference to the model before fine-tuning and its interval",
        "(above 0: it has forgotten). Answer: the median of a document's share of the time.",
        *([WRITTEN] if valid else []),
    ]
    if folds:
        notes.append(f"\n{FOLDED.format(folds)} {CHOSEN_ONCE if tried else ''}".rstrip())
    return "\n".join([*lines, "", *notes, "", *said]).strip() + "\n"


CHOSEN = "Rates were chosen on validation loss {}."

UNCHOSEN = (
    "One rate was tried for each method: the recipe's own, ten times it for an adapter in a whole model's place, a "
    "tenth the other way round."
)

WRITTEN = (
    "JSON, free: replies that are JSON as they are written; cleaned: after mending (words around, commas, quotes)."
)

FOLDED = (
    "Scores are of the answers of {} folds together, each by a model that was not shown the fold's groups. Time is "
    "that of all folds."
)

CHOSEN_ONCE = (
    "The rates were chosen once for all folds, on one split of the same records, so choosing them is not "
    "cross-validated; they were chosen by validation loss, not by answers."
)


def _after(rows: Sequence[dict[str, Any]]) -> str:
    return short_training(row.get("trial_steps") for row in rows).replace(NBSP, " ")


def _shown(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The scores of the table: of answers in JSON without those that only texts need."""
    known = {name for row in rows for name in row["metrics"]}
    return [name for name in SCORES if name in known and (name != "rouge_l" or "token_f1" in known)]


def _median(row: dict[str, Any]) -> str:
    seconds = row.get("latency", {}).get("seconds_median")
    return "" if seconds is None else f"{1000 * seconds:.3g} ms"


def _sets(rows: Sequence[dict[str, Any]]) -> list[str]:
    return next((list(row["kept"]) for row in rows if "kept" in row), [])


def _forgotten(one: dict[str, Any]) -> str:
    return f"{one['after']:.3f} ({one['difference']:+.3f}; {one['low']:+.3f} to {one['high']:+.3f})"


def _percent(metric: dict[str, Any] | None) -> str:
    return "" if metric is None else f"{100 * metric['value']:.1f} %"


def _share(metric: dict[str, Any] | None) -> str:
    if metric is None:
        return ""
    return f"{100 * metric['value']:.1f} % ({100 * metric['low']:.1f}–{100 * metric['high']:.1f})"


def _sentence(pair: dict[str, Any], rows: Sequence[dict[str, Any]]) -> str:
    names = {
        key(row): f"{row['method']} ({row['epochs']:g} epochs)" if "epochs" in row else row["method"] for row in rows
    }
    low, high = 100 * pair["low"], 100 * pair["high"]
    return (
        f"- {names[pair['b']]} against {names[pair['a']]}: {100 * pair['difference']:+.1f} points "
        f"({low:.1f} to {high:.1f}) on {pair['n']} documents: {pair['verdict']}."
    )
