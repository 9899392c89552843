"""report.html: one file that a browser shows with scripts off, in light and dark, on paper and on a phone.

Every word of a document, a model or a recipe is escaped by Jinja; only `charts` and `examples` build markup. A content
security policy in the page forbids scripts and anything loaded from elsewhere, should escaping ever fail.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

import tunewright
from tunewright.core.recipe import MODEL_FREE
from tunewright.report import (
    account,
    augmentation,
    charts,
    examples,
    fonts,
    generated,
    likely,
    profile,
    references,
    sentences,
)
from tunewright.report.charts import Lane
from tunewright.report.evidence import TEST, Cell, Evidence
from tunewright.report.figures import (
    OUTCOMES,
    Estimate,
    count,
    duration,
    field_name,
    interval,
    language_name,
    level,
    metric_name,
    number,
    p_value,
    plural,
    points,
    share,
    significant,
)

SIDES = ("train", "validation", "test")
SHOWN_METRICS = (
    "exact_match", "field_accuracy", "field_f1", "semantic_f1", "json_validity", "normalised_match", "numeric_match",
    "rouge_l", "chrf",
)  # fmt: skip
OF_JSON = ("field_accuracy", "field_f1", "json_validity")
"""Where these were measured, scores of texts stand with all the others."""
OF_TEXT = ("normalised_match", "numeric_match", "rouge_l", "chrf")
MANY_FIELDS = 40
"""Rows of the table of fields; nested schemas can have hundreds, the CSV has them all."""


def render(evidence: Evidence) -> str:
    """The page. Lone surrogates, which JSON can carry and UTF-8 cannot, become "?"."""
    return page("page.html", view(evidence))


def page(template: str, shown: dict[str, Any]) -> str:
    """A template of this folder with what it shows."""
    return _environment().get_template(template).render(shown).encode("utf-8", "replace").decode("utf-8")


@cache
def _environment() -> jinja2.Environment:
    folder = Path(__file__).parent
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "css": Markup((folder / "page.css").read_text(encoding="utf-8")),
        "share": share,
        "interval": interval,
        "count": count,
        "field_name": field_name,
        "metric_name": metric_name,
        "marker": charts.marker,
        "track": charts.track,
        "stack": charts.stack,
        "scale_ticks": charts.scale_ticks,
        "lane": Lane,
        "shown": examples.shown,
        "outcomes": OUTCOMES,
        "version": tunewright.__version__,
    }
    environment.filters["breakable"] = breakable
    environment.filters["lower_name"] = sentences.lower
    environment.filters["plain"] = lambda value: f"{value:g}"
    return environment


def breakable(path: str) -> Markup:
    """A field's path that may break after a joint: nested ones are longer than any column."""
    return Markup("<wbr>").join(re.split(r"(?<=[_.\]])", path)) if len(path) > 16 else escape(path)


def view(evidence: Evidence) -> dict[str, Any]:
    """Everything the template shows, under the names it uses."""
    main = evidence.main()
    cells = profile.named(evidence.on())
    found: dict[str, Any] = {
        "name": evidence.name,
        "description": str(evidence.recipe.get("description") or ""),
        "level": level(evidence.level),
        "headline": sentences.headline(evidence),
        "ahead": sentences.ahead(evidence),
        "unscored": "" if evidence.scored else likely.fall_sentence(evidence),
        "keys": _keys(evidence),
        "gates": sentences.gate_rows(evidence),
        "systems": _systems(evidence, TEST),
        "every_metric": _every_metric(evidence.on()),
        "pairs": [pair_row(evidence, pair) for pair in evidence.pairs],
        "folds": _folds(evidence),
        "slice_systems": [_name(cell) for cell in _contrasted(evidence, TEST)],
        "slices": _slices(evidence, TEST),
        "square": _square(evidence, main),
        "slices_lede": "The same scores by what the documents are like. “Unseen” parts were kept out of training.",
        "fields": _fields(evidence, TEST),
        "exams": [_exam(evidence, exam) for exam in evidence.exams],
        "generated": generated.texts(evidence),
        "ways": generated.ways(evidence),
        "likelihood": likely.likelihood(evidence),
        "ranking": likely.ranking(evidence),
        "prompts": likely.prompts(evidence),
        "augmentation": augmentation.augmentation(evidence),
        "arms": augmentation.legend(),
        "learnt": sentences.learnt(evidence),
        "limits": sentences.limits(evidence),
        "examples": cases(evidence, TEST, worst=4, best=2),
        "trainings": [account.training(evidence, one) for one in evidence.trainings.values() if one.metrics],
        "overall": profile.overall(cells, evidence.setting("evaluate.weights"), main=main, reference=main),
        "costs": profile.costs(cells, main=main),
        "latency": profile.latency(cells, main=main),
        "stages": [(stage, duration(seconds)) for stage, seconds in evidence.spent.items() if seconds],
        "data": account.data(evidence),
        "recipe": evidence.recipe_text,
        "rerun": account.rerun(evidence),
        "machine": account.machine(evidence),
        "references": references.of(evidence),
        "written": account.written(evidence),
    }
    hindi = language_name("hi") in f"{found['data']} {found['slices']}"
    found["shaping"] = fonts.advice() if hindi and not fonts.devanagari() else ""
    found["notices"] = [*evidence.missing, *evidence.faults]
    found["title"] = f"{evidence.name}: Tunewright report"
    found["contents"] = _contents(found)
    return found


def _contents(found: dict[str, Any]) -> list[tuple[str, str]]:
    sections: list[tuple[str, str, Any]] = [
        ("main", "Result", True),
        ("systems", "Systems", found["systems"]),
        ("overall", "Overall", found["overall"]),
        ("folds", "Folds", found["folds"]),
        ("slices", "Where it holds", found["slices"] or found["square"]),
        ("fields", "Fields", found["fields"]),
        ("generated", "Texts it wrote", found["generated"]),
        ("augmentation", "Synthetic texts", found["augmentation"]),
        ("likelihood", "What it finds likely", found["likelihood"] or found["ranking"]),
        ("prompts", "Before and after", found["prompts"]),
        *((f"exam-{index}", exam["short"], True) for index, exam in enumerate(found["exams"], 1)),
        ("learnt", "What was learnt", found["learnt"]),
        ("limits", "Limits", found["limits"]),
        ("examples", "Examples", found["examples"]["judged"]),
        ("training", "Training", found["trainings"]),
        ("cost", "Cost", found["costs"]),
        ("data", "Data", found["data"]),
        ("recipe", "Recipe and machine", found["recipe"] or found["machine"]),
        ("references", "References", True),
    ]
    return [(anchor, name) for anchor, name, there in sections if there]


# ---------------------------------------------------------------- results


def _keys(evidence: Evidence) -> list[dict[str, str]]:
    main = evidence.main()
    if main is None:
        return []
    keys: list[dict[str, str]] = []

    def add(label: str, estimate: Estimate | None) -> None:
        if estimate is not None:
            between, n = (
                interval(estimate.low, estimate.high),
                f"n\u00a0=\u00a0{count(estimate.n)}" if estimate.n else "",
            )
            keys.append(
                {
                    "label": label,
                    "value": share(estimate.value),
                    "note": " · ".join(part for part in (between, n) if part),
                }
            )

    name, metric = metric_name(evidence.metric), evidence.metric
    add(f"{name}, {sentences.cell_name(main.name)}", main.metric(metric))
    languages = main.slices("language")
    if 1 < len(languages) <= 3:
        for code, metrics in languages.items():
            add(f"{name}, {language_name(code)}", metrics.get(metric))
    square = _square(evidence, main)
    if square:
        corner = square["rows"][-1]
        add(f"{name}, {corner['label'].lower()} × {square['columns'][-1].lower()}", corner["estimates"][-1])
    add("Fields right", main.metric("field_accuracy"))
    add("JSON valid", main.metric("json_validity"))
    for exam in evidence.exams:
        cell = evidence.main(exam)
        if cell:
            best = "field_accuracy" if cell.metric("field_accuracy") else metric
            add(f"{metric_name(best)}, {sentences.exam_name(exam)}", cell.metric(best))
    seconds = main.cost("seconds_per_document")
    where = "on this machine" if evidence.setting("hosted.provider") is None else "over the network"
    if seconds is not None:
        keys.append({"label": "Time for a document", "value": duration(seconds), "note": where})
    for training in evidence.trainings.values():
        if training.system == main.system and number(training.metrics.get("total_seconds")) is not None:
            steps = number(training.metrics.get("total_steps"))
            keys.append(
                {
                    "label": "Training",
                    "value": duration(training.metrics["total_seconds"]),
                    "note": plural(int(steps), "step") if steps else "",
                }
            )
    return keys


def _name(cell: Cell) -> dict[str, str]:
    return {"system": cell.system, "name": sentences.cell_name(cell.name)}


def _systems(evidence: Evidence, on: str) -> dict[str, Any] | None:
    cells = [cell for cell in evidence.on(on) if cell.metrics()]
    if not cells:
        return None
    main = evidence.main(on)
    wanted = list(dict.fromkeys((evidence.metric, *SHOWN_METRICS)))
    metrics = [name for name in wanted if any(cell.metric(name) for cell in cells)]
    if any(name in metrics for name in OF_JSON):
        metrics = [name for name in metrics if name not in OF_TEXT]
    if on != TEST and "field_accuracy" in metrics:
        metrics.remove("field_accuracy")
        metrics.insert(0, "field_accuracy")
    first = metrics[0] if metrics else evidence.metric
    low, high = charts.scale_from([cell.metric(first) for cell in cells])
    return {
        "title": f"{metric_name(first)} of every system.",
        "note": f"Bars are {level(evidence.level)} intervals; n is the number of documents.",
        "low": low,
        "high": high,
        "metrics": metrics,
        "rows": [
            {
                **_name(cell),
                "main": cell is main,
                "lanes": [Lane(cell.system, cell.metric(first))],
                "estimates": [cell.metric(name) for name in metrics],
                "n": cell.n,
            }
            for cell in cells
        ],
    }


def _every_metric(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    cells = [cell for cell in cells if cell.metrics()]
    names = list(dict.fromkeys(name for cell in cells for name in cell.metrics()))
    return [{"label": metric_name(name), "estimates": [cell.metric(name) for cell in cells]} for name in names]


def pair_row(evidence: Evidence, pair: Any) -> dict[str, Any]:
    between = f"{points(pair.low)} to {points(pair.high)}" if pair.low is not None and pair.high is not None else ""
    holm = pair.p_holm is not None
    return {
        "names": f"{sentences.cell_name(pair.a)} → {sentences.cell_name(pair.b)}",
        "on": sentences.exam_name(pair.on),
        "metric": metric_name(pair.metric),
        "n": pair.n,
        "both": f"{share(pair.a_value)} → {share(pair.b_value)}",
        "difference": points(pair.difference),
        "between": between,
        "test": pair.test,
        "p": p_value(pair.p_holm if holm else pair.p),
        "primary": pair.primary,
        "verdict": pair.verdict if pair.shown else "no difference shown",
        "detectable": points(pair.detectable, sign=False),
    }


# ---------------------------------------------------------------- folds, slices and fields


def _folds(evidence: Evidence) -> dict[str, Any] | None:
    """A row for each fold, its scores by the systems that stand beside each other, and the pooled row below."""
    if not evidence.folds:
        return None
    cells, metric = _contrasted(evidence, TEST), evidence.metric
    rows = []
    for fold in evidence.folds:
        label = str(fold.number)
        estimates = [cell.slices("fold").get(label, {}).get(metric) for cell in cells]
        training = fold.trainings.get("tuned")
        metrics = training.metrics if training else {}
        rows.append(
            {
                "label": f"Fold {label}",
                "counts": [count(fold.counts.get(side)) for side in SIDES],
                "estimates": estimates,
                "loss": significant(metrics.get("best_loss"), 4),
                "steps": count(metrics.get("best_step")),
            }
        )
    pooled = {"label": "Pooled", "counts": [], "estimates": [cell.metric(metric) for cell in cells]}
    return {
        "metric": metric_name(metric),
        "sides": [side.capitalize() for side in SIDES],
        "systems": [_name(cell) for cell in cells],
        "rows": rows,
        "pooled": pooled,
        "sentences": sentences.folds(evidence),
    }


def _contrasted(evidence: Evidence, on: str) -> list[Cell]:
    """The cells that stand beside each other in the small charts: one without a model, the baseline, the main one."""
    base, main = evidence.baseline(on), evidence.main(on)
    plain = next((cell for cell in evidence.on(on) if cell.system in MODEL_FREE), None)
    cells = [cell for cell in (plain, base, main) if cell is not None]
    return [cell for index, cell in enumerate(cells) if cell not in cells[:index]]


def _slices(evidence: Evidence, on: str) -> list[dict[str, Any]]:
    cells, main = _contrasted(evidence, on), evidence.main(on)
    if main is None:
        return []
    metric = evidence.metric if on == TEST or not main.metric("field_accuracy") else "field_accuracy"
    tables = []
    kinds = dict.fromkeys(kind for cell in (main, *cells) for kind in cell.slice_kinds())
    for kind in kinds:
        if kind in ("field", "cell", "fold"):
            continue
        values = [cell.slices(kind) for cell in cells]
        labels = list(dict.fromkeys(label for one in values for label, metrics in one.items() if metric in metrics))
        if len(labels) < 2:
            continue
        rows = []
        for label in labels:
            estimates = [one.get(label, {}).get(metric) for one in values]
            rows.append(
                {
                    "label": language_name(label, native=True) if kind == "language" else label.replace("_", " "),
                    "lang": "",
                    "n": _counts(estimates),
                    "lanes": [Lane(cell.system, e) for cell, e in zip(cells, estimates, strict=True)],
                }
            )
        what = {"language": "Language", "doc_type": "Document type"}.get(kind, kind.replace("_", " ").capitalize())
        tables.append(
            {
                "title": f"{metric_name(metric)} by {what.lower()}.",
                "note": "n: one number for each system in turn." if any(" / " in row["n"] for row in rows) else "",
                "what": what,
                "low": 0.0,
                "high": 1.0,
                "systems": [_name(cell) for cell in cells],
                "rows": rows,
            }
        )
    return tables


def _counts(estimates: Sequence[Estimate | None]) -> str:
    """How much was measured: one number, or one for each system in turn where they differ."""
    counts = [one.n for one in estimates if one is not None and one.n]
    return " / ".join(map(count, counts if len(set(counts)) > 1 else counts[:1]))


def _square(evidence: Evidence, main: Cell | None) -> dict[str, Any] | None:
    """The two-by-two of seen and unseen, where a slice "cell" names it: "unseen wordings × seen entities"."""
    if main is None:
        return None
    found: dict[tuple[str, str], Estimate] = {}
    kinds: tuple[str, str] | None = None
    for label, metrics in main.slices("cell").items():
        sides = [side.split() for side in label.split("×")]
        if len(sides) != 2 or any(len(side) < 2 or side[0] not in ("seen", "unseen") for side in sides):
            continue
        names = (" ".join(sides[0][1:]), " ".join(sides[1][1:]))
        if evidence.metric in metrics and kinds in (None, names):
            kinds = names
            found[sides[0][0], sides[1][0]] = metrics[evidence.metric]
    if kinds is None or len(found) < 2:
        return None
    low, high = charts.scale_from(list(found.values()))
    sides_of = ("seen", "unseen")
    return {
        "title": f"{metric_name(evidence.metric)} on seen and unseen {kinds[0]} and {kinds[1]}.",
        "note": f"By {sentences.cell_name(main.name)}; scale {share(low, digits=0)} to {share(high, digits=0)}.",
        "system": main.system,
        "low": low,
        "high": high,
        "columns": [f"{side.capitalize()} {kinds[1]}" for side in sides_of],
        "rows": [
            {"label": f"{side.capitalize()} {kinds[0]}", "estimates": [found.get((side, other)) for other in sides_of]}
            for side in sides_of
        ],
    }


def _fields(evidence: Evidence, on: str) -> dict[str, Any] | None:
    main, base = evidence.main(on), evidence.baseline(on)
    if main is None or not main.slices("field"):
        return None
    fields = main.slices("field")
    others = base.slices("field") if base and base is not main else {}
    columns = [name for name in (*OUTCOMES, "f1") if any(name in metrics for metrics in fields.values())]
    if "correct" not in columns:
        columns = [
            name for name in ("accuracy", "precision", "recall", *columns) if any(name in m for m in fields.values())
        ]
    rows = []
    for path, metrics in list(fields.items())[:MANY_FIELDS]:
        bars = [_bar(others[path])] if path in others else []
        first = [next(iter(one[path].values()), None) for one in (others, fields) if path in one]
        rows.append(
            {
                "label": field_name(path),
                "n": _counts(first),
                "bars": [*bars, _bar(metrics)],
                "estimates": [metrics.get(name) for name in columns],
            }
        )
    hidden = len(fields) - len(rows)
    return {
        "title": f"Fields of {sentences.cell_name(main.name)}."
        + (f" {count(hidden)} more are in benchmark_results.csv." if hidden else ""),
        "main": sentences.cell_name(main.name),
        "base": sentences.cell_name(base.name) if base and others else "",
        "columns": columns,
        "rows": rows,
    }


def _bar(metrics: dict[str, Estimate]) -> list[tuple[str, float]]:
    parts = [(name, metrics[name].value) for name in OUTCOMES if name in metrics]
    if not parts and "accuracy" in metrics:
        parts = [("correct", metrics["accuracy"].value)]
    return parts


def _exam(evidence: Evidence, exam: str) -> dict[str, Any]:
    name = sentences.exam_name(exam)
    n = max((cell.n or 0 for cell in evidence.on(exam)), default=0)
    main = evidence.main(exam)
    spoken = []
    for metric in ("field_accuracy", evidence.metric):
        for opponent in ("base", *MODEL_FREE):
            cells = [cell for cell in evidence.on(exam) if cell.system == opponent]
            cell = evidence.baseline(exam) if opponent == "base" else next(iter(cells), None)
            pair = evidence.pair(cell.name, main.name, exam, metric) if cell and main else None
            if pair:
                names = f"{sentences.cell_name(pair.a)} → {sentences.cell_name(pair.b)}"
                spoken.append(sentences.comparison(evidence, pair, subject=sentences.sentence(names)))
    return {
        "title": f"The exam: {name}",
        "short": f"Exam: {name}",
        "lede": f"{plural(n, 'document') if n else 'Documents'} apart from the job’s data, never trained on.",
        "sentences": list(dict.fromkeys(spoken)),
        "table": _systems(evidence, exam)
        or {"title": "", "note": "", "low": 0.0, "high": 1.0, "metrics": [], "rows": []},
        "slices": _slices(evidence, exam),
        "slice_systems": [_name(cell) for cell in _contrasted(evidence, exam)],
        "cases": cases(evidence, exam, worst=3, best=1),
    }


def cases(evidence: Evidence, on: str, *, worst: int, best: int) -> dict[str, Any]:
    bad, good, judged, wrong = examples.choose(evidence, on, worst=worst, best=best)
    main, base = evidence.main(on), evidence.baseline(on)
    names = {
        "main": sentences.cell_name(main.name) if main else "",
        "base": sentences.cell_name(base.name) if base and base is not main else "",
    }
    return {
        "worst": [_shown_case(case) for case in bad],
        "best": [_shown_case(case) for case in good],
        "judged": judged,
        "wrong": wrong,
        "names": names,
    }


def _shown_case(case: examples.Case) -> dict[str, Any]:
    about = [language_name(case.language, native=True) if case.language else "", case.doc_type or ""]
    about += [f"fold {value}" if kind == "fold" else f"{value} {kind}" for kind, value in case.slices]
    fields = {name: getattr(case, name) for name in case.__slots__}
    return {**fields, "about": " · ".join(part for part in about if part)}
