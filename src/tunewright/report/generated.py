"""Texts that the tuned model wrote, for the page and the card: how many were drawn and kept, and what others lack."""

from __future__ import annotations

from typing import Any

from tunewright.core.recipe import FILTERS
from tunewright.report.evidence import Evidence, mapping
from tunewright.report.figures import count, interval, points, share, significant

SHOWN = 3
"""Kept texts of a label that the page shows."""

REASONS = (*FILTERS, "surplus")
SAID = {
    "broken": "broken",
    "length": "length",
    "language": "language",
    "label": "other label",
    "copies": "copies of train",
    "duplicates": "duplicates",
    "surplus": "length not needed",
}
"""What texts are set aside for, as a column's head."""


def texts(evidence: Evidence) -> dict[str, Any] | None:
    """The table of labels with some texts of each; None where none were written."""
    labels = {label: mapping(row) for label, row in mapping(evidence.generated.get("counts")).items()}
    if not labels:
        return None
    reasons = [name for name in REASONS if any(name in mapping(row.get("set_aside")) for row in labels.values())]
    rows = []
    for label, row in labels.items():
        aside = mapping(row.get("set_aside"))
        values = [row.get("asked"), row.get("drawn"), row.get("kept"), *(aside.get(name, 0) for name in reasons)]
        rows.append({"name": label, "values": [count(value) for value in values]})
    shown: dict[str, list[str]] = {label: [] for label in labels}
    for row in evidence.rows(evidence.path / "synthetic" / "kept.jsonl"):
        own = shown.get(str(row.get("target")))
        if own is not None and len(own) < SHOWN:
            own.append(str(row.get("text")))
    return {
        "sentence": sentence(evidence),
        "columns": ["asked for", "drawn", "kept", *(SAID[name] for name in reasons)],
        "rows": rows,
        "shown": [(label, own) for label, own in shown.items() if own],
    }


def ways(evidence: Evidence) -> dict[str, Any] | None:
    """The table of other ways to have texts written; None where none were compared."""
    found = mapping(evidence.generated.get("compared"))
    if not found.get("rows"):
        return None
    rows = []
    for row in found["rows"]:
        set_to = ", ".join(f"{key} {value}" for key, value in mapping(row.get("set")).items())
        tested = f"{points(row['difference'])} points: {row['verdict']}" if "verdict" in row else ""
        between = interval(row["low"], row["high"])
        values = [set_to or "as the recipe", f"{share(row['kept'])} ({between})", tested]
        rows.append({"name": row["name"], "values": [*values, significant(row["distinct_2"]), share(row["words_off"])]})
    return {
        "n": count(found.get("n")),
        "real": significant(found.get("distinct_2_real")),
        "columns": ["set to", "pass all filters", "against the recipe’s own", "distinct-2", "length off by"],
        "rows": rows,
    }


def sentence(evidence: Evidence) -> str:
    """How many texts were kept, of what, drawn how; empty where none were written."""
    found = evidence.generated
    labels = mapping(found.get("counts"))
    if not labels:
        return ""
    kept = ", ".join(f"{count(mapping(row).get('kept'))} {label}" for label, row in labels.items())
    options = mapping(found.get("options"))
    drawn = f"temperature {significant(options.get('temperature'))} and top-p {significant(options.get('top_p'))}"
    used = ", ".join(str(name) for name in mapping(options.get("filters")).get("use", ()))
    few = [label for label, row in labels.items() if mapping(row).get("kept", 0) < mapping(row).get("asked", 0)]
    less = f" Of {', '.join(few)} fewer than asked for were found." if few else ""
    return (
        f"{count(found.get('kept'))} texts were kept ({kept}) of {count(found.get('drawn'))} that the tuned model "
        f"wrote at {drawn}; filters, learnt from train alone: {used or 'none'}.{less} Nobody said these words: they "
        "are for training, and never for validation or test."
    )
