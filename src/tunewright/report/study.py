"""The report of a study: methods side by side on one page, in the style of a run's.

build(folder)   writes report.html into the folder of `tunewright benchmark`, from its tables and its runs' scores and
                from nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from markupsafe import Markup

from tunewright.core import files
from tunewright.core.errors import RunError
from tunewright.report import charts, evidence, html, profile, sentences
from tunewright.report.charts import Lane
from tunewright.report.evidence import Cell, Evidence, Pair, mapping
from tunewright.report.figures import (
    MINUS,
    NONE,
    Estimate,
    duration,
    interval,
    level,
    metric_name,
    number,
    plural,
    share,
    short_count,
    short_training,
    significant,
    size,
)

METRICS = ("token_f1", "exact_match", "field_accuracy", "field_f1", "semantic_f1", "overall")
VALID = {
    "json_validity": "Freely", "json_validity_cleaned": "Cleaned", "json_validity_retries": "With retries",
    "json_validity_grammar": "With grammar",
}  # fmt: skip
STYLES = 6
"""How many lines of a chart look different (page.css: k-0 …)."""


@dataclass(frozen=True, slots=True)
class Row:
    """A method's run, or a system that needed no training. key: what pairs call it; cell: its scores, from its run."""

    key: str
    name: str
    row: dict[str, Any]
    cell: Cell

    @property
    def trained(self) -> bool:
        return "epochs" in self.row


@dataclass
class Study:
    """A study's folder, read. rows: as in its table, the untrained first; the first trained one is the chief."""

    path: Path
    evidence: Evidence
    folds: int = 0
    rows: list[Row] = field(default_factory=list)
    points: list[dict[str, Any]] = field(default_factory=list)

    @property
    def chief(self) -> Row | None:
        return next((row for row in self.rows if row.trained), None)

    def named(self) -> list[tuple[Cell, str]]:
        return [(row.cell, row.name) for row in self.rows]

    def main(self) -> Cell | None:
        return self.chief.cell if self.chief else None

    def name_of(self, key: str) -> str:
        return next((row.name for row in self.rows if row.key == key), key)


def is_study(folder: Path | str) -> bool:
    """Whether a folder is that of `tunewright benchmark`."""
    return (Path(folder) / "benchmark.json").is_file()


def build(folder: Path | str) -> dict[str, Path]:
    """Writes the page of a study. Returns name → path. Raises RunError where the folder is none."""
    found = read(folder)
    page = found.path / "report.html"
    files.write_text(page, html.page("study.html", view(found)))
    return {page.name: page}


def read(folder: Path | str) -> Study:
    """Reads a study's folder; what is damaged or missing is told in `evidence`. Raises RunError where it is none."""
    path = Path(folder)
    if not is_study(path):
        raise RunError("is no folder of a comparison of methods", where=str(path), hint="tunewright benchmark")
    found = Evidence(path=path, name=path.resolve().name)
    asked, table = evidence.json_of(found, path / "benchmark.json"), evidence.json_of(found, path / "methods.json")
    found.recipe = mapping(asked.get("recipe"))
    found.level = number(table.get("level")) or found.level
    found.pairs = evidence.pairs_of(table.get("pairs"))
    study = Study(path, found, int(number(table.get("folds")) or 0))
    rows = [row for row in table.get("rows") or () if isinstance(row, dict) and row.get("run")]
    lengths = {row["epochs"] for row in rows if "epochs" in row}
    for row in rows:
        study.rows.append(_row(found, row, several=len(lengths) > 1, chief=study.chief is None))
    points = evidence.json_of(found, path / "curves.json").get("points")
    study.points = [point for point in points if isinstance(point, dict)] if isinstance(points, list) else []
    if not rows:
        found.missing.append("Nothing has been measured in this study yet.")
    return study


def _row(found: Evidence, row: dict[str, Any], *, several: bool, chief: bool) -> Row:
    # An older table does not name it: its scores are those of the main decoding.
    system, _, decoding = str(row.get("cell") or "tuned/grammar").partition("/")
    folder = found.path / str(row["run"]) / "systems" / system
    scores = evidence.json_of(found, folder / f"scores-{decoding}.json")
    method, trained = str(row.get("method") or system), "epochs" in row
    # The mark of the tuned model belongs to what the others are compared with.
    mark = (evidence.TUNED if chief else method) if trained else system
    cell = Cell(mark, decoding, evidence.TEST, scores, folder / f"predictions-{decoding}.jsonl")
    length = f", {row['epochs']:g} epochs" if several and trained else ""
    key = str(row["run"]) if trained else f"{row['run']}/{method}"
    return Row(key, f"{method}{length}", row, cell)


def view(study: Study) -> dict[str, Any]:
    """Everything the template shows."""
    known, main = study.evidence, study.main()
    found: dict[str, Any] = {
        "name": known.name,
        "title": f"{known.name}: Tunewright comparison of methods",
        "description": str(known.recipe.get("description") or ""),
        "level": level(known.level),
        "notices": [*known.missing, *known.faults],
        "lede": _lede(study),
        "verdicts": list(_verdicts(study)),
        "systems": _systems(study),
        "valid": _valid(study),
        "pairs": [_pair(study, pair) for pair in known.pairs],
        "overall": profile.overall(study.named(), known.setting("evaluate.weights"), main=main, reference=main),
        "trainings": _trainings(study),
        "rates": _rates(study),
        "trials": short_training(row.row.get("trial_steps") for row in study.rows),
        "lengths": _lengths(study),
        "curves": _curves(study),
        "costs": profile.costs(study.named(), main=main),
        "latency": profile.latency(study.named(), main=main),
        "runs": [(row.name, f"{row.row['run']}/report.html") for row in study.rows if row.trained],
        "examples": _examples(study),
        "folds": study.folds,
        "written": "",
        "shaping": "",
    }
    found["contents"] = [
        (anchor, name)
        for anchor, name, there in (
            ("main", "Result", True),
            ("methods", "Methods", found["systems"]),
            ("overall", "Overall", found["overall"]),
            ("curves", "Curves", found["curves"] or found["lengths"]),
            ("training", "Training", found["trainings"]),
            ("cost", "Cost", found["costs"]),
            ("examples", "Examples", found["runs"]),
        )
        if there
    ]
    return found


def _lede(study: Study) -> str:
    trained = list(dict.fromkeys(str(row.row.get("method")) for row in study.rows if row.trained))
    if not trained:
        return ""
    text = f"{plural(len(trained), 'way')} of training the same model on the same examples"
    text += f", each compared with {study.chief.name}" if study.chief and len(trained) > 1 else ""
    untrained = [row.name for row in study.rows if not row.trained]
    return f"{text}; beside {'them' if len(trained) > 1 else 'it'} {', '.join(untrained)}." if untrained else f"{text}."


def _verdicts(study: Study) -> Iterator[dict[str, Any]]:
    """What the pairs say, one sentence each, by the metric of the headline."""
    compared = {pair.metric for pair in study.evidence.pairs}
    metric = next((name for name in ("token_f1", "exact_match") if name in compared), None)
    for pair in study.evidence.pairs:
        if metric in (None, pair.metric):
            yield {
                "title": f"{study.name_of(pair.b)} against {study.name_of(pair.a)}",
                "text": sentences.comparison(study.evidence, pair),
                "direction": pair.direction,
            }


def _pair(study: Study, pair: Pair) -> dict[str, Any]:
    row = html.pair_row(study.evidence, pair)
    return {**row, "names": f"{study.name_of(pair.a)} → {study.name_of(pair.b)}"}


def _systems(study: Study) -> dict[str, Any] | None:
    scored = [row for row in study.rows if row.cell.metrics()]
    metrics = [name for name in METRICS if any(row.cell.metric(name) for row in scored)]
    if not metrics:
        return None
    first = metrics[0]
    low, high = charts.scale_from([row.cell.metric(first) for row in scored])
    return {
        "title": f"{metric_name(first)} of every method.",
        "note": f"Bars are {level(study.evidence.level)} intervals; n is the number of documents.",
        "low": low,
        "high": high,
        "metrics": metrics,
        "rows": [
            {
                "system": row.cell.system,
                "name": row.name,
                "main": row is study.chief,
                "lanes": [Lane(row.cell.system, row.cell.metric(first))],
                "estimates": [row.cell.metric(name) for name in metrics],
                "n": row.cell.n,
            }
            for row in scored
        ],
    }


def _valid(study: Study) -> dict[str, Any] | None:
    """How often replies are JSON, in each way in which they were made."""
    found = [
        (row, {way: Estimate.read(way, mapping(row.row.get("json")).get(way)) for way in VALID}) for row in study.rows
    ]
    ways = [way for way in VALID if any(shares[way] for _, shares in found)]
    if not ways:
        return None
    return {
        "title": "Replies that are valid JSON.",
        "caption": "As they are written; after mending (words around, commas, quotes); where invalid ones are drawn "
        "again, ever warmer; where a grammar leaves nothing else to write.",
        "columns": [VALID[way] for way in ways],
        "rows": [
            {
                "system": row.cell.system,
                "name": row.name,
                "main": row is study.chief,
                "values": [_share(shares[way]) for way in ways],
            }
            for row, shares in found
        ],
    }


def _share(estimate: Estimate | None) -> str:
    """A share, below it its interval."""
    if estimate is None:
        return NONE
    between, shown = interval(estimate.low, estimate.high), share(estimate.value)
    return Markup('{}<span class="note">{}</span>').format(shown, between) if between else shown


def _trainings(study: Study) -> dict[str, Any] | None:
    """A row for every training: what was moved, what it took, what was kept of general text."""
    trained = [row for row in study.rows if row.trained]
    if not trained:
        return None
    sets = list(mapping(trained[0].row.get("kept")))
    return {
        "columns": [
            "Epochs", "Rate", "Validation loss", "Trained", "Time", "Peak memory", "On disk",
            *(name.capitalize() for name in sets),
        ],
        "rows": [
            {
                "system": row.cell.system,
                "name": row.name,
                "main": row is study.chief,
                "values": [
                    f"{number(row.row.get('epochs')) or 0:g}",
                    f"{number(row.row.get('learning_rate')) or 0:g}",
                    significant(row.row.get("validation_loss"), 4),
                    _moved(row.row),
                    duration(row.row.get("train_seconds")),
                    size(row.row.get("peak_memory_bytes")),
                    size(row.row.get("saved_bytes")),
                    *(_kept(mapping(mapping(row.row.get("kept")).get(name))) for name in sets),
                ],
            }
            for row in trained
        ],
    }  # fmt: skip


def _moved(row: Mapping[str, Any]) -> str:
    rank = number(row.get("mean_rank"))
    return short_count(row.get("trainable_parameters")) + (f", rank {significant(rank, 2)}" if rank else "")


def _kept(part: dict[str, Any]) -> str:
    """Bits per byte of a text after training, below it the change, and below that its interval."""
    after, difference = number(part.get("after")), number(part.get("difference"))
    if after is None:
        return NONE
    low, high = number(part.get("low")), number(part.get("high"))
    below = [] if difference is None else [f"{difference:+.3f}"]
    if below and low is not None and high is not None:
        below.append(f"{low:+.3f} to {high:+.3f}")
    notes = (Markup('<span class="note">{}</span>').format(line.replace("-", MINUS)) for line in below)
    return Markup("").join([f"{after:.3f}", *notes])


def _rates(study: Study) -> list[tuple[str, str]]:
    """Method → the rates that were tried, with the validation loss of each; the one that was taken is marked."""
    found = {}
    for row in study.rows:
        tried = mapping(row.row.get("tried"))
        if tried:
            taken = number(row.row.get("learning_rate"))
            found[str(row.row.get("method"))] = " · ".join(
                f"{rate}: {significant(loss, 4)}" + (" (taken)" if taken == float(rate) else "")
                for rate, loss in tried.items()
            )
    return list(found.items())


def _lengths(study: Study) -> Any:
    """Scores against the length of training, where there were several."""
    trained = [row for row in study.rows if row.trained]
    if len({row.row["epochs"] for row in trained}) < 2:
        return ""
    metric = _first(row.cell.metrics() for row in trained)
    lines: dict[str, list[tuple[float, Estimate]]] = {}
    for row in trained:
        estimate = row.cell.metric(metric)
        if estimate:
            lines.setdefault(str(row.row.get("method")), []).append((float(row.row["epochs"]), estimate))
    return _lines(f"{metric_name(metric)} by length of training, %", lines, "passes over the training data")


def _first(scores: Iterable[Mapping[str, Any]]) -> str:
    """What texts are compared by where it was measured, else exact match."""
    return "token_f1" if any("token_f1" in own for own in scores) else "exact_match"


def _curves(study: Study) -> list[dict[str, Any]]:
    """The learning curve and the noise curve, by each metric that both have at every point."""
    found = []
    for kind, title, x_label, note in (
        (
            "learning",
            "With less training data",
            "training records",
            (
                "Each point is a training of its own on a part of the records, with as many steps as on all of them; "
                "the same test documents."
            ),
        ),
        (
            "noise",
            "With noise in the texts",
            "% of the words around the values changed",
            (
                "Words around the values are written small, said twice or, where every value that is not chosen from "
                "a few stands in the text, have two letters exchanged; the values stay. The same sample of the test "
                "documents at each point."
            ),
        ),
    ):
        points = [point for point in study.points if point.get("curve") == kind]
        drawn, first = [], _first(mapping(point.get("metrics")) for point in points)
        if kind == "learning" and first != "token_f1":  # answers in JSON
            note += " Schemas, and what they leave to choose, are those of all records."
        for metric in (first, "overall"):
            lines: dict[str, list[tuple[float, Estimate]]] = {}
            for point in points:
                estimate = Estimate.read(metric, mapping(point.get("metrics")).get(metric), point.get("n"))
                x = number(point.get("records")) if kind == "learning" else 100 * (number(point.get("x")) or 0.0)
                if estimate and x is not None:
                    lines.setdefault(str(point.get("method")), []).append((x, estimate))
            drawn.append(_lines(f"{metric_name(metric)}, %", lines, x_label))
        if any(drawn):
            found.append({"title": title, "note": note, "charts": [chart for chart in drawn if chart]})
    return found


def _lines(title: str, lines: Mapping[str, Sequence[tuple[float, Estimate]]], x_label: str) -> Any:
    series = []
    for index, (name, points) in enumerate(lines.items()):
        ordered = sorted(points, key=lambda point: point[0])
        spans = tuple((x, 100 * e.low, 100 * e.high) for x, e in ordered if e.low is not None and e.high is not None)
        values = tuple((x, 100 * e.value) for x, e in ordered)
        series.append(charts.Series(name, values, f"k-{index % STYLES}", "dots", spans))
    return charts.lines(title, series, x_label=x_label, log=False)


def _examples(study: Study) -> dict[str, Any]:
    """Documents that the chief method did worst on, from its own run, and what every row replied to them."""
    chief = study.chief
    run = study.path / str(chief.row["run"]) if chief else None
    if run is None or not run.is_dir():
        return {"judged": 0}
    found = html.cases(evidence.read(run), evidence.TEST, worst=4, best=0)
    replies: dict[str, list[tuple[str, str]]] = {case["id"]: [] for case in found["worst"]}
    for row in study.rows:
        for said in study.evidence.rows(row.cell.predictions):
            if said.get("id") in replies:
                replies[said["id"]].append((row.name, str(said.get("text") or "")))
    return found | {"worst": [case | {"replies": replies[case["id"]]} for case in found["worst"]]}
