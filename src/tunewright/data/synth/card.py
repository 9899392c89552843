"""A data card from counts: what a set of synthetic records holds, in Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tunewright.core.records import Record

DESCRIPTIONS = {
    "invoices": "Invoices, receipts and forms in English and Hindi, as Indian shops, offices and people write them.",
    "invoices-detailed": "The same papers with due date, tax, payment, address and line items beside the four main fields.",
}


class Counts:
    """What the card counts, gathered one record at a time in constant memory."""

    def __init__(self) -> None:
        self.records = 0
        self.characters = 0
        self.longest = 0
        self.by: dict[str, Counter[str]] = {
            name: Counter() for name in ("language", "doc_type", "split", "layout", "noise", "scene", "slice")
        }
        self.fields: Counter[str] = Counter()
        self.nulls: Counter[str] = Counter()
        self.generators: set[str] = set()
        self.seeds: set[int] = set()

    def add(self, record: Record) -> None:
        origin = record.provenance
        self.records += 1
        self.characters += len(record.text)
        self.longest = max(self.longest, len(record.text))
        sides = origin["slice"]
        for name, value in (
            ("language", record.language), ("doc_type", record.doc_type), ("split", record.split), ("layout", origin["layout"]),
            ("noise", origin["noise"]), ("scene", origin["entities"]["scene"]),
            ("slice", f"{sides['wordings']} wordings × {sides['entities']} entities"),
        ):  # fmt: skip
            self.by[name][str(value)] += 1
        for key, value in record.target.items():
            self.fields[key] += 1
            self.nulls[key] += value is None
        self.generators.add(origin["generator"])
        self.seeds.add(origin["seed"])


def counted(records: Iterable[Record]) -> Counts:
    """Counts of all records."""
    counts = Counts()
    for record in records:
        counts.add(record)
    return counts


def card(counts: Counts) -> str:
    """The card in Markdown. counts: of synthetic records, at least one."""
    names = ", ".join(sorted(counts.generators))
    lines = [f"# Data card: {names}", ""]
    lines += [DESCRIPTIONS[name] for name in sorted(counts.generators) if name in DESCRIPTIONS]
    lines += [
        "",
        "Synthetic: every text was put together by a program from layouts, wordings, names, numbers and noise. No real person,",
        "firm or number is meant; a likeness is chance. Atoms are split before sampling, so `unseen` slices share no layout,",
        "label, name, firm or place with training documents.",
        "",
        f"- records: {counts.records:,}",
        f"- characters: {counts.characters / max(1, counts.records):.0f} on average, {counts.longest:,} at most",
        f"- seed: {', '.join(str(seed) for seed in sorted(counts.seeds))}",
        f"- null values: {100 * sum(counts.nulls.values()) / max(1, sum(counts.fields.values())):.1f} % of all fields",
    ]
    for title, name in (
        ("Languages", "language"), ("Kinds", "doc_type"), ("Splits", "split"), ("Slices", "slice"), ("Noise", "noise"),
        ("Layouts", "layout"), ("Scenes", "scene"),
    ):  # fmt: skip
        lines += ["", f"## {title}", "", "| | records | share |", "|---|---:|---:|"]
        for value, count in sorted(counts.by[name].items(), key=lambda pair: (-pair[1], pair[0])):
            lines.append(f"| {value} | {count:,} | {100 * count / counts.records:.1f} % |")
    lines += ["", "## Fields", "", "| | documents | null |", "|---|---:|---:|"]
    for key, count in counts.fields.items():
        lines.append(f"| `{key}` | {count:,} | {100 * counts.nulls[key] / count:.1f} % |")
    return "\n".join(lines) + "\n"
