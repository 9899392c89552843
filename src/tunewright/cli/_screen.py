"""How outcomes look in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tunewright.cli import _options as options

if TYPE_CHECKING:
    from tunewright.flow.outcome import Outcome

SHOWN = (
    ("token_f1", "token F1"),
    ("exact_match", "exact match"),
    ("field_accuracy", "fields"),
    ("json_validity", "valid JSON"),
    ("rouge_l", "ROUGE-L"),
    ("numeric_match", "numbers right"),
)
PLAIN = SHOWN[1:4]
"""What is shown of answers in JSON, and of runs that have no scores yet."""


def _shown(cells: Iterable[dict[str, Any]]) -> tuple[tuple[str, str], ...]:
    """The metrics that are shown of some cells: those of texts where these were measured."""
    known = {name for cell in cells for name in cell.get("metrics", {})}
    return tuple(one for one in SHOWN if one[0] in known) if "token_f1" in known else PLAIN


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def scored(metric: dict[str, Any] | None) -> str:
    """`93.4 % (92.2-94.5)`"""
    if not metric:
        return "-"
    text = percent(metric["value"])
    low, high = metric.get("low"), metric.get("high")
    return text if low is None or high is None else f"{text} ({100 * low:.1f}-{100 * high:.1f})"


def scores(outcome: Outcome) -> str:
    """One table a set of documents: systems in rows, the chief metrics with their intervals."""
    parts = []
    for on, cells in outcome.cells.items():
        rows, shown = [], _shown(cells.values())
        for cell, found in cells.items():
            seconds = found.get("cost", {}).get("seconds_per_document")
            rows.append(
                [
                    cell.replace("/", ", "),
                    str(found["n"]),
                    *(scored(found["metrics"].get(name)) for name, _ in shown),
                    "-" if seconds is None else f"{seconds:.3f} s",
                ]
            )
        title = "Test documents" if on == "test" else f"Exam {on}"
        if outcome.folds and on == "test":
            title = f"All documents, each answered by the model of its fold ({len(outcome.folds)} folds)"
        heads = ("system", "n", *(head for _, head in shown), "a document")
        parts.append(f"{title}\n{options.table(rows, heads=heads)}")
    return "\n\n".join(parts)


def dealt(outcome: Outcome) -> str:
    """`5, each trained on 295-298 records and tested on 86-87`"""
    trained, tested = (sorted(fold[name] for fold in outcome.folds) for name in ("train", "test"))
    ranges = [f"{each[0]:,}" + (f"-{each[-1]:,}" if each[-1] > each[0] else "") for each in (trained, tested)]
    return f"{len(outcome.folds)}, each trained on {ranges[0]} records and tested on {ranges[1]}"


def folds(outcome: Outcome) -> str:
    """One table of the folds of a cross-validation: what each was trained and tested on, how well its model did."""
    rows, shown = [], _shown(outcome.cells.get("test", {}).values())
    for row in outcome.fold_rows():
        found = row["scores"].get(outcome.main, {}).get("metrics", {})
        counts = [f"{row['counts'].get(name, 0):,}" for name in ("train", "validation", "test")]
        rows.append([str(row["fold"]), *counts, *(scored(found.get(name)) for name, _ in shown)])
    if not rows:
        return ""
    heads = ("fold", "train", "validation", "test", *(head for _, head in shown))
    parts = [f"Folds, {outcome.main.replace('/', ', ')}\n{options.table(rows, heads=heads)}"]
    spread = outcome.cells.get("test", {}).get(outcome.main, {}).get("spread", {})
    if spread:
        name, head = next(((name, head) for name, head in shown if name in spread), (min(spread), min(spread)))
        between = f"{percent(spread[name]['low'])} to {percent(spread[name]['high'])}"
        parts.append(
            f"{head} of single folds: {between}. Folds share training records and are not independent: "
            "the table above pools their answers, its intervals go by whole groups."
        )
    return "\n".join(parts)


def gain(outcome: Outcome) -> str:
    """base → tuned with its interval, for the test documents and every exam."""
    lines = []
    for on in outcome.cells:
        for metric, name in _shown(outcome.cells[on].values())[:2]:
            row = outcome.pair("base/free", on=on, metric=metric) or outcome.pair("rules/free", on=on, metric=metric)
            if row is None:
                continue
            level = 100 * outcome.level
            verdict = "" if row["verdict"] == "better" else f": {row['verdict']}"
            lines.append(
                f"{row['a'].split('/')[0]} → {row['b'].split('/')[0]}, {name} on {row['n']} {on} documents: "
                f"{percent(row['a_value'])} → {percent(row['b_value'])} "
                f"({_points(row['difference'])} points, {level:g} % interval "
                f"{_points(row['low'])} to {_points(row['high'])}, {row['test']} p {_p(row['p_holm'])}){verdict}"
            )
    return "\n".join(lines)


def texts(outcome: Outcome) -> str:
    """How many texts of each label were written, and what became of them; empty where none were."""
    if not outcome.texts:
        return ""
    reasons = list(dict.fromkeys(name for row in outcome.texts.values() for name in row["set_aside"]))
    rows = [
        [
            label,
            *(f"{row[name]:,}" for name in ("asked", "drawn", "kept")),
            *(str(row["set_aside"].get(name, 0)) for name in reasons),
        ]
        for label, row in outcome.texts.items()
    ]
    heads = ("label", "asked for", "drawn", "kept", *reasons)
    return (
        f"Texts that the tuned model wrote, and what the others were set aside for\n{options.table(rows, heads=heads)}"
    )


def likely(outcome: Outcome) -> str:
    """Bits per byte of the right answers, and how rankers do; empty where neither was measured."""
    lines = []
    for part, row in outcome.likelihood.get("change", {}).items():
        lines.append(
            f"bits per byte, {part} of {outcome.likelihood['n']} documents: {row['before']:.3f} → {row['after']:.3f} "
            f"(fallen by {percent(row['fall'])}, {100 * row['fall_low']:.1f} to {100 * row['fall_high']:.1f}): "
            f"{row['verdict']}"
        )
    if rankers := outcome.ranking.get("rankers"):
        said = ", ".join(f"{name} {scored(one)}" for name, one in rankers.items() if not name.endswith("mean"))
        lines.append(f"right answer first, of {outcome.ranking['n']} questions: {said}")
        lines += [
            f"{row['a']} → {row['b']}: {_points(row['difference'])} points "
            f"({_points(row['low'])} to {_points(row['high'])}): {row['verdict']}"
            for row in outcome.ranking["pairs"][:2]
        ]
    return "\n".join(lines)


def _points(share: float) -> str:
    """A difference of shares in percentage points; what rounds to nothing has no sign."""
    rounded = round(100 * share, 1)
    return f"{rounded:+.1f}" if rounded else "0.0"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def comparison(outcome: Outcome) -> str:
    """Every paired comparison, the gates below."""
    rows = []
    for row in outcome.pairs:
        rows.append(
            [
                row["on"],
                row["metric"],
                f"{row['a']} → {row['b']}",
                str(row["n"]),
                f"{percent(row['a_value'])} → {percent(row['b_value'])}",
                f"{_points(row['difference'])} ({_points(row['low'])} to {_points(row['high'])})",
                _p(row["p_holm"]) + ("*" if row.get("primary") else ""),
                f"{100 * row['minimum_detectable_effect']:.1f} points",
                row["verdict"],
            ]
        )
    heads = ("on", "metric", "compared", "n", "values", "points", "p (Holm)", "detectable", "verdict")
    parts = [options.table(rows, heads=heads) if rows else "nothing to compare: one system answered alone"]
    if any(row.get("primary") for row in outcome.pairs):
        parts.append("* the comparison named beforehand: its p is not corrected")
    if outcome.gates:
        gates = [
            [gate["metric"], f"{gate['value']:.4g}", f"{gate['floor']:g}", "met" if gate["met"] else "missed"]
            for gate in outcome.gates
        ]
        parts.append(options.table(gates, heads=("gate", "value", "floor", "")))
    return "\n\n".join(parts)


def ending(outcome: Outcome, runs: str) -> str:
    """What a run ends with: the table, the gain, the paths, the next command."""
    parts = [
        part
        for part in (
            scores(outcome),
            folds(outcome) if outcome.scored else "",
            gain(outcome),
            texts(outcome),
            likely(outcome),
        )
        if part
    ]
    paths = [
        [name, str(path)]
        for name, path in outcome.files.items()
        if name in ("report.html", "benchmark_results.csv", "synthetic/kept.jsonl")
    ]
    adapters = [[name.split("/")[-1], str(path)] for name, path in outcome.files.items() if name.startswith("systems/")]
    parts.append(options.table([["run", str(outcome.path)], *paths, *adapters]))
    parts.append(f"Next: {next_command(outcome, runs)}")
    return "\n\n".join(parts)


def next_command(outcome: Outcome, runs: str) -> str:
    if outcome.folds and "report" in outcome.stages:
        one = ("--set", "evaluate.folds=0", "--name", f"{outcome.path.name}-model")
        return options.next_command("run", str(outcome.path / "recipe.yaml"), *one, *_below(runs))
    if "report" in outcome.stages and not outcome.scored:
        return options.next_command("publish", str(outcome.path), "--dry-run")
    if "train" in outcome.stages and outcome.files.keys() & {"systems/tuned/adapter", "systems/tuned/model"}:
        return options.next_command("extract", "FILE", "--run", str(outcome.path))
    if "report" in outcome.stages and (outcome.path / "hosted" / "job.json").is_file():
        return options.next_command("hosted", str(outcome.path))
    return options.next_command("run", str(outcome.path), *_below(runs))


def _below(runs: str) -> list[str]:
    return [] if runs == "runs" else ["--runs", runs]
