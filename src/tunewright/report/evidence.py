"""All that a report knows: the run folder, read once. What is absent is named, never guessed.

Every file may be missing (a run cut short, a system left out) or damaged; both are gathered as sentences and shown.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from tunewright.core.errors import RunError
from tunewright.core.recipe import MODEL_FREE, UNSCORED_TASKS
from tunewright.report.figures import Estimate, number

SYSTEM_ORDER = (*MODEL_FREE, "base", "few-shot")
TEST = "test"
TUNED = "tuned"


@dataclass(frozen=True, slots=True)
class Cell:
    """One system under one decoding on one set of documents. on: "test" or an exam's name."""

    system: str
    decoding: str
    on: str
    scores: dict[str, Any]
    predictions: Path

    @property
    def name(self) -> str:
        return f"{self.system}/{self.decoding}"

    @property
    def n(self) -> int | None:
        read = number(self.scores.get("n"))
        return None if read is None else int(read)

    @property
    def of(self) -> int | None:
        read = number(self.scores.get("of"))
        return None if read is None else int(read)

    @property
    def sampled(self) -> bool:
        return self.scores.get("sample") == "stratified" or (
            self.n is not None and self.of is not None and self.n < self.of
        )

    def metric(self, name: str) -> Estimate | None:
        return Estimate.read(name, mapping(self.scores.get("metrics")).get(name), self.n)

    def metrics(self) -> dict[str, Estimate]:
        found = {name: self.metric(name) for name in mapping(self.scores.get("metrics"))}
        return {name: estimate for name, estimate in found.items() if estimate is not None}

    def slice_kinds(self) -> list[str]:
        return [kind for kind, values in mapping(self.scores.get("slices")).items() if mapping(values)]

    def slices(self, kind: str) -> dict[str, dict[str, Estimate]]:
        """Label → metric → estimate, in the order written."""
        result = {}
        for label, entry in mapping(mapping(self.scores.get("slices")).get(kind)).items():
            if not isinstance(entry, dict):
                continue
            read = {
                name: Estimate.read(name, value, entry.get("n"))
                for name, value in mapping(entry.get("metrics")).items()
            }
            result[str(label)] = {name: estimate for name, estimate in read.items() if estimate is not None}
        return {label: metrics for label, metrics in result.items() if metrics}

    def cost(self, name: str) -> float | None:
        return number(mapping(self.scores.get("cost")).get(name))


@dataclass(frozen=True, slots=True)
class Training:
    """What a system's training left behind."""

    system: str
    metrics: dict[str, Any]
    weights: Path | None
    """The adapter/ or model/ folder, where it stands."""

    def curve(self, key: str, *, of: str = "steps") -> list[tuple[float, float]]:
        """(step, value) where both are numbers."""
        rows = self.metrics.get(of)
        points = (
            [(number(r.get("step")), number(r.get(key))) for r in rows if isinstance(r, dict)]
            if isinstance(rows, list)
            else []
        )
        return [(step, value) for step, value in points if step is not None and value is not None]


@dataclass(frozen=True, slots=True)
class Fold:
    """A fold of a cross-validation. counts: records by side. trainings: by system."""

    number: int
    counts: dict[str, Any]
    trainings: dict[str, Training]


@dataclass(frozen=True, slots=True)
class Pair:
    """A paired comparison of two cells on the same documents; differences are b − a, shares of 0..1.

    primary: the one comparison that was named before there were answers; its p is not corrected.
    """

    a: str
    b: str
    on: str
    metric: str
    n: int | None
    a_value: float | None
    b_value: float | None
    difference: float | None
    low: float | None
    high: float | None
    test: str
    p: float | None
    p_holm: float | None
    primary: bool
    detectable: float | None
    verdict: str

    @property
    def shown(self) -> bool:
        """Whether a difference was shown: the verdict says so and zero lies outside the interval."""
        outside = self.low is None or self.high is None or self.low > 0 or self.high < 0
        return self.verdict in ("better", "worse") and outside

    @property
    def direction(self) -> int:
        """1 where b is shown to be better, −1 where worse, 0 where no difference is shown."""
        return (1 if self.verdict == "better" else -1) if self.shown else 0


@dataclass
class Evidence:
    """One run folder, read. missing: parts not there, as sentences; faults: files that could not be read."""

    path: Path
    name: str
    recipe: dict[str, Any] = field(default_factory=dict)
    recipe_text: str = ""
    lock: dict[str, Any] = field(default_factory=dict)
    manifest: dict[str, Any] = field(default_factory=dict)
    generated: dict[str, Any] = field(default_factory=dict)
    """What synthetic/manifest.json says of the texts that the tuned model wrote."""
    stages: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Stage → (first, last) event in seconds since 1970."""
    spent: dict[str, float] = field(default_factory=dict)
    """Stage → seconds of work, over all starts; what a killed process spent is not known."""
    overlaps: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Document set → how much of it was found in what the base model was pretrained on."""
    cells: list[Cell] = field(default_factory=list)
    trainings: dict[str, Training] = field(default_factory=dict)
    folds: list[Fold] = field(default_factory=list)
    """Of a cross-validation; the cells then hold the pooled answers, each by the model of its fold."""
    pairs: list[Pair] = field(default_factory=list)
    gates: list[dict[str, Any]] = field(default_factory=list)
    compared: dict[str, Any] = field(default_factory=dict)
    """What models find likely, as metrics_comparison.json has it: likelihood, general, ranking."""
    level: float = 0.95
    missing: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def recipe_hash(self) -> str:
        return hashlib.sha256(self.recipe_text.encode()).hexdigest() if self.recipe_text else ""

    @property
    def trained(self) -> list[Training]:
        """Every training of the run: its own, or those of its folds."""
        return [*self.trainings.values(), *(one for fold in self.folds for one in fold.trainings.values())]

    @property
    def exams(self) -> list[str]:
        return list(dict.fromkeys(cell.on for cell in self.cells if cell.on != TEST))

    def on(self, where: str = TEST) -> list[Cell]:
        return [cell for cell in self.cells if cell.on == where]

    def cell(self, system: str, decoding: str, on: str = TEST) -> Cell | None:
        return next((c for c in self.cells if (c.system, c.decoding, c.on) == (system, decoding, on)), None)

    def main(self, on: str = TEST) -> Cell | None:
        """The cell the run is about: tuned under the grammar, else tuned free; without a tuned model another that
        is neither the base nor without a model, else the base; under the grammar where the recipe asks for no more."""
        here = self.on(on)
        tuned = self.cell("tuned", "grammar", on) or self.cell("tuned", "free", on)
        others = [cell for cell in here if cell.system not in ("base", *MODEL_FREE)]
        asked = self.setting("evaluate.systems")
        alone = isinstance(asked, list) and not {"tuned", "few-shot"} & set(map(str, asked))
        base = (alone and self.cell("base", "grammar", on)) or self.baseline(on)
        return tuned or (others[-1] if others else base) or (here[-1] if here else None)

    @property
    def scored(self) -> bool:
        """Whether answers of the run's task are scored at all."""
        return self.setting("task.name") not in UNSCORED_TASKS

    def baseline(self, on: str = TEST) -> Cell | None:
        """The untuned model, free before grammar: a base must not be judged by a grammar it was not made for."""
        return self.cell("base", "free", on) or self.cell("base", "grammar", on)

    def pair(self, a: str, b: str, on: str = TEST, metric: str | None = None) -> Pair | None:
        """The comparison of two cells, turned round where it was written the other way."""
        metric = metric or self.metric
        for pair in self.pairs:
            if pair.on == on and pair.metric == metric:
                if (pair.a, pair.b) == (a, b):
                    return pair
                if (pair.a, pair.b) == (b, a):
                    return _turned(pair)
        return None

    @property
    def metric(self) -> str:
        """The metric of the headline: token F1 of free answers, exact match of others, else the first there is."""
        names = [name for cell in self.on() or self.cells for name in cell.metrics()]
        if "token_f1" in names:
            return "token_f1"
        return "exact_match" if "exact_match" in names or not names else names[0]

    def setting(self, dotted: str) -> Any:
        """`train.learning_rate` → its value in the recipe, or None."""
        value: Any = self.recipe
        for key in dotted.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def records_of(self, on: str = TEST) -> Path:
        return self.path / "data" / "test.jsonl" if on == TEST else self.path / "exams" / f"{on}.jsonl"

    def rows(self, path: Path) -> Iterator[dict[str, Any]]:
        """The JSON objects of a JSON-lines file; bad lines (a write cut short) are counted into `faults`."""
        if not path.is_file():
            return
        bad = 0
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                try:
                    row = json.loads(line)
                except ValueError:
                    bad += bool(line.strip())
                    continue
                if isinstance(row, dict):
                    yield row
                else:
                    bad += 1
        if bad:
            self._fault(f"{path.relative_to(self.path)}: {bad} line{'s' * (bad > 1)} could not be read")

    def _fault(self, sentence: str) -> None:
        if sentence not in self.faults:
            self.faults.append(sentence)


def read(path: Path | str) -> Evidence:
    """Reads a run folder. Raises RunError where there is no such folder; everything else is tolerated and told."""
    path = Path(path)
    if not path.is_dir():
        raise RunError(f"there is no run folder at {path}", hint="tunewright ls")
    found = Evidence(path=path, name=path.resolve().name)
    _read_recipe(found)
    found.lock = json_of(found, path / "lock.json")
    found.manifest = json_of(found, path / "data" / "manifest.json")
    found.generated = json_of(found, path / "synthetic" / "manifest.json")
    if (ways := json_of(found, path / "synthetic" / "compared.json")) and found.generated:
        found.generated["compared"] = ways
    _read_events(found)
    _read_systems(found)
    _read_folds(found)
    _read_comparison(found)
    _name_missing(found)
    return found


def _read_recipe(found: Evidence) -> None:
    path = found.path / "recipe.yaml"
    if not path.is_file():
        return
    try:
        found.recipe_text = path.read_text(encoding="utf-8")
        found.recipe = mapping(yaml.safe_load(found.recipe_text))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        found._fault(f"recipe.yaml could not be read: {str(error).splitlines()[0]}")
    found.name = str(found.recipe.get("name") or found.name)


def _read_systems(found: Evidence) -> None:
    root = found.path / "systems"
    folders = [folder for folder in root.iterdir() if folder.is_dir()] if root.is_dir() else []
    for folder in sorted(folders, key=lambda folder: _rank(folder.name)):
        found.cells += _cells(found, folder, folder.name, TEST)
        exams = folder / "exams"
        for exam in sorted(exams.iterdir()) if exams.is_dir() else ():
            found.cells += _cells(found, exam, folder.name, exam.name)
        if training := _training(found, folder):
            found.trainings[folder.name] = training


def _training(found: Evidence, folder: Path) -> Training | None:
    metrics = json_of(found, folder / "training_metrics.json")
    weights = next((folder / name for name in ("adapter", "model") if (folder / name).is_dir()), None)
    return Training(folder.name, metrics, weights) if metrics or weights else None


def _read_folds(found: Evidence) -> None:
    asked, written = number(found.setting("evaluate.folds")), found.manifest.get("folds")
    counts = written if isinstance(written, list) else []
    for place in range(1, int(asked or 0) + 1):
        systems = sorted(found.path.glob(f"folds/{place}/systems/*/"))
        trainings = {folder.name: one for folder in systems if (one := _training(found, folder))}
        found.folds.append(Fold(place, mapping(counts[place - 1]) if place <= len(counts) else {}, trainings))


def _cells(found: Evidence, folder: Path, system: str, on: str) -> list[Cell]:
    cells = []
    for path in sorted(folder.glob("scores-*.json")) if folder.is_dir() else ():
        scores = json_of(found, path)
        if scores:
            decoding = path.stem.removeprefix("scores-")
            cells.append(Cell(system, decoding, on, scores, folder / f"predictions-{decoding}.jsonl"))
    return sorted(cells, key=lambda cell: (cell.decoding != "free", cell.decoding))


def _rank(system: str) -> tuple[int, str]:
    """Baselines first, then others by name, tuned last."""
    if system in SYSTEM_ORDER:
        return SYSTEM_ORDER.index(system), ""
    return (99, "") if system == "tuned" else (50, system)


def _read_comparison(found: Evidence) -> None:
    written = json_of(found, found.path / "metrics_comparison.json")
    found.compared = {key: written[key] for key in ("likelihood", "general", "ranking") if key in written}
    found.level = number(written.get("level")) or number(found.setting("evaluate.confidence_level")) or 0.95
    found.pairs = pairs_of(written.get("pairs"))
    gates = written.get("gates")
    found.gates = (
        [gate for gate in gates if isinstance(gate, dict) and "metric" in gate] if isinstance(gates, list) else []
    )


def pairs_of(rows: Any) -> list[Pair]:
    """Paired comparisons as they are written; what is none is left out."""
    pairs = []
    for row in rows if isinstance(rows, list) else ():
        if not isinstance(row, dict) or not row.get("a") or not row.get("b"):
            continue
        n = number(row.get("n"))
        numbers = {
            key: number(row.get(key)) for key in ("a_value", "b_value", "difference", "low", "high", "p", "p_holm")
        }
        pairs.append(
            Pair(
                a=str(row["a"]),
                b=str(row["b"]),
                on=str(row.get("on") or TEST),
                metric=str(row.get("metric") or ""),
                n=None if n is None else int(n),
                test=str(row.get("test") or "paired test"),
                primary=bool(row.get("primary")),
                detectable=number(row.get("minimum_detectable_effect")),
                verdict=str(row.get("verdict") or ""),
                **numbers,
            )
        )
    return pairs


def _turned(pair: Pair) -> Pair:
    def minus(value: float | None) -> float | None:
        return None if value is None else -value

    verdict = {"better": "worse", "worse": "better"}.get(pair.verdict, pair.verdict)
    return Pair(
        pair.b, pair.a, pair.on, pair.metric, pair.n, pair.b_value, pair.a_value, minus(pair.difference),
        minus(pair.high), minus(pair.low), pair.test, pair.p, pair.p_holm, pair.primary, pair.detectable, verdict,
    )  # fmt: skip


def _read_events(found: Evidence) -> None:
    """When stages were at work (first and last event, seconds since 1970) and for how long, in order of appearance."""
    stages = found.stages
    for row in found.rows(found.path / "events.jsonl"):
        when, stage = _seconds(row.get("time")), row.get("stage")
        if when is not None and isinstance(stage, str) and stage:
            first, last = stages.get(stage, (when, when))
            stages[stage] = (min(first, when), max(last, when))
            if row.get("event") in ("end", "broken off"):
                found.spent[stage] = found.spent.get(stage, 0.0) + (number(row.get("seconds")) or 0.0)
        if row.get("event") == "pretraining overlap" and row.get("on"):
            found.overlaps[str(row["on"])] = row


def _seconds(time: Any) -> float | None:
    if isinstance(time, str):
        try:
            read = datetime.fromisoformat(time)
        except ValueError:
            return None
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    return number(time)


def _name_missing(found: Evidence) -> None:
    """One sentence for each part that the recipe asked for, or that every report has, and that is not there."""
    say = found.missing.append
    if not found.recipe_text:
        say("There is no recipe.yaml, so what was asked for is not known.")
    if not found.manifest:
        say("Data: no manifest, so the data stage has not finished.")
    asked = found.setting("evaluate.systems")
    asked = [str(system) for system in asked] if isinstance(asked, list) else ["base", "tuned"]
    untrained = [fold.number for fold in found.folds if not any(one.metrics for one in fold.trainings.values())]
    if "tuned" in asked and untrained:
        say(f"Training: no tuned model has been trained to its end in fold {', '.join(map(str, untrained))}.")
    elif "tuned" in asked and not any(training.metrics for training in found.trained):
        say("Training: no training metrics, so no tuned model has been trained to its end in this run.")
    measured = {cell.system for cell in found.on()}
    for system in asked if found.scored else ():
        if system not in measured:
            say(f"System “{system}” has no scores on the test documents.")
    exams = found.setting("evaluate.exams")
    for exam in exams if isinstance(exams, list) else ():
        if found.folds:
            say(f"Exam “{exam}” is taken by one model, not by folds: it belongs to a run without them.")
        elif str(exam) not in found.exams:
            say(f"Exam “{exam}” has not been taken (its data was not found, or the stage has not run).")
    if not found.pairs and len(found.on()) > 1:
        say("No paired comparison has been computed, so no difference between systems is claimed here.")


def json_of(found: Evidence, path: Path) -> dict[str, Any]:
    """A JSON object from a file; {} where absent, or damaged (told in `faults`)."""
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        found._fault(f"{path.relative_to(found.path)} could not be read: {error}")
        return {}
    if not isinstance(value, dict):
        found._fault(f"{path.relative_to(found.path)} holds no JSON object")
        return {}
    return value


def mapping(value: Any) -> dict[str, Any]:
    """`value` where it is a JSON object, else {}."""
    return value if isinstance(value, dict) else {}
