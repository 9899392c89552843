"""What a run was made of and what it took: training, cost, data, versions and machine, as rows to show."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tunewright.report import charts, sentences
from tunewright.report.evidence import Evidence, Training, mapping
from tunewright.report.figures import (
    count,
    duration,
    language_name,
    number,
    share,
    short_count,
    significant,
    size,
)


def training(evidence: Evidence, training: Training) -> dict[str, Any]:
    m = training.metrics
    steps, validations = training.curve("loss"), training.curve("loss", of="validations")
    thin, width = charts.thinned(steps)
    series = [charts.Series("Training loss" + (f" (mean of {width} values)" if width > 1 else ""), thin, "c-train")]
    series.append(charts.Series("Validation loss", tuple(validations), "c-validation", "dots"))
    best = number(m.get("best_step"))
    mark = (best, f"Kept: step {count(best)}") if best is not None and steps and best <= steps[-1][0] else None
    small = []
    for key, title in (
        ("learning_rate", "Learning rate"),
        ("grad_norm", "Gradient norm"),
        ("tokens_per_second", "Tokens per second"),
        ("memory_bytes", "Memory, GB"),
    ):
        curve = [(x, y / 1e9 if key == "memory_bytes" else y) for x, y in training.curve(key)]
        points, _ = charts.thinned(curve, 150)
        small.append(
            charts.lines(
                title, [charts.Series(title, points, "c-plain")], x_label="step", log=False, height=110, zero=True
            )
        )
    return {
        "name": training.system,
        "sentence": _training_sentence(m),
        "loss": charts.lines(
            "Loss" if m.get("hosted") else "Loss, nats per token",
            series,
            x_label="optimiser step",
            height=260,
            mark=mark,
        ),
        "charts": [chart for chart in small if chart],
        "facts": _training_facts(evidence, training),
    }


def _training_sentence(m: dict[str, Any]) -> str:
    parts = []
    if number(m.get("total_steps")) is not None:
        parts.append(f"{count(m['total_steps'])} optimiser steps")
    if number(m.get("total_seconds")) is not None:
        parts.append(f"in {duration(m['total_seconds'])}")
    text = " ".join(parts)
    if number(m.get("trained_tokens")) is not None:
        part = number(m.get("trained_share"))
        text += f"; the loss stood on {short_count(m['trained_tokens'])} tokens" + (
            f" ({share(part)} of those read)" if part is not None else ""
        )
    trainable, parameters = number(m.get("trainable_parameters")), number(m.get("parameters"))
    if trainable is not None and parameters:
        of_all = share(trainable / parameters)
        text += f"; {short_count(trainable)} of {short_count(parameters)} parameters were trained ({of_all})"
    return f"{text}." if text else ""


def _training_facts(evidence: Evidence, training: Training) -> list[tuple[str, str]]:
    m = training.metrics
    rows = [
        (
            "Best validation loss",
            f"{significant(m.get('best_loss'), 4)} at step {count(m.get('best_step'))}",
            m.get("best_loss"),
        ),
        ("Ended", str(m.get("stopped") or ""), m.get("stopped")),
        ("Examples", count(m.get("examples")), m.get("examples")),
        ("Left out as too long", count(m.get("dropped")), m.get("dropped")),
        ("Tokens read", short_count(m.get("seen_tokens")), m.get("seen_tokens")),
        ("Peak memory", size(m.get("peak_memory_bytes")), m.get("peak_memory_bytes")),
        *_hosted_facts(mapping(m.get("hosted"))),
        *_memory_facts(m),
        ("Time by phase", _each(mapping(m.get("phases")), "seconds", duration), m.get("phases")),
        ("Memory ran out", _shrunk(m), _shrunk(m)),
        ("Weights on disk", size(_folder_bytes(training.weights)), training.weights),
    ]
    return [(label, value) for label, value, there in rows if there not in (None, "", False)]


def _hosted_facts(told: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """Rows for a training that a provider did: what was asked for, and what came of it."""
    checkpoints = told.get("checkpoints") or []
    models = " · ".join(f"{one.get('model')} (step {one.get('step')})" for one in checkpoints if isinstance(one, dict))
    cost = number(told.get("estimated_cost"))
    return [
        ("Tuned by", f"{told.get('provider')}, job {told.get('job')}", told.get("job")),
        ("Tuned model", str(told.get("model")), told.get("model")),
        ("Epochs", str(told.get("epochs")), told.get("epochs")),
        ("Batch size", str(told.get("batch_size")), told.get("batch_size")),
        ("Learning rate multiplier", str(told.get("learning_rate_multiplier")), told.get("learning_rate_multiplier")),
        ("Tokens billed", count(told.get("billed_tokens")), told.get("billed_tokens")),
        ("Cost, as estimated before", f"${cost or 0:,.2f}", cost),
        ("Checkpoints", models, models),
    ]


PARTS = {
    "weights": "weights",
    "gradients": "gradients",
    "optimizer": "optimiser",
    "best": "copy of the best",
    "activations": "activations",
}
"""What the memory of a training goes to, as the page calls it."""


def _memory_facts(m: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """Rows for what memory went to, and for its peak in every phase."""
    memory = mapping(m.get("memory"))
    parts = [f"{size(memory[key])} {name}" for key, name in PARTS.items() if number(memory.get(key))]
    return [
        ("Memory for", " · ".join(parts), parts or None),
        ("Peak by phase", _each(mapping(m.get("phases")), "peak_bytes", size), m.get("phases")),
    ]


def _each(phases: dict[str, Any], key: str, show: Any) -> str:
    return " · ".join(f"{name} {show(mapping(phase).get(key))}" for name, phase in phases.items())


def _shrunk(m: dict[str, Any]) -> str:
    """Where memory ran out, and how many examples went through the model at a time from then on."""
    times = m.get("out_of_memory")
    return " · ".join(
        f"at step {count(one.get('step'))}, then {count(one.get('micro_batch'))} at a time"
        for one in (times if isinstance(times, list) else [])
        if isinstance(one, dict)
    )


def _folder_bytes(folder: Path | None) -> int | None:
    if folder is None:
        return None
    return (
        sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.suffix == ".safetensors")
        or None
    )


def data(evidence: Evidence) -> dict[str, Any] | None:
    """Rows about the data: where from, how much, what was taken out, and fingerprints. None without a manifest."""
    manifest = dict(evidence.manifest)
    if not manifest:
        return None
    manifest.setdefault("source", evidence.setting("data.source"))
    facts = _flat_facts(
        {key.capitalize(): manifest.pop(key, None) for key in ("source", "kind", "description", "licence")}
    )
    counts = mapping(manifest.pop("counts", None))
    splits = [f"{count(value)} {name}" for name, value in counts.items() if number(value) is not None]
    facts += [("Documents", " · ".join(splits))] if splits else []
    facts += _count_facts("Languages", mapping(manifest.pop("languages", None)), language_name)
    facts += _count_facts("Document types", mapping(manifest.pop("doc_types", None)), str)
    facts += _count_facts("Exams", mapping(manifest.pop("exams", None)), sentences.exam_name)
    facts += _cleaning(mapping(manifest.pop("cleaning", None)))
    facts += _duplicates(mapping(manifest.pop("duplicates", None)))
    facts += _overlaps(evidence)
    notes = manifest.pop("notes", None)
    facts += [("Note", str(note)) for note in notes] if isinstance(notes, list) else []
    hashes = {f"source {name}": value for name, value in mapping(manifest.pop("source_sha256", None)).items()}
    hashes |= mapping(manifest.pop("sha256", None))
    manifest.pop("folds", None)  # stands in a table of its own
    manifest.pop("split", None)  # the same numbers as counts, before duplicates were taken out
    return {
        "facts": facts + _headed(_flat_facts(manifest)),
        "hashes": [(str(name), str(value)) for name, value in hashes.items()],
    }


def _cleaning(counts: dict[str, Any]) -> list[tuple[str, str]]:
    """What cleaning changed, in one line: most kinds of dirt are absent from most data."""
    if not counts:
        return []
    done = [f"{count(n)} {kind.replace('_', ' ')}" for kind, n in counts.items() if kind != "records" and number(n)]
    return [("Cleaning", " · ".join(done) or "nothing had to be changed")]


def _overlaps(evidence: Evidence) -> list[tuple[str, str]]:
    rows = []
    for on, row in evidence.overlaps.items():
        hits, records = number(row.get("hits")), number(row.get("records"))
        if hits is not None and records:
            of = sentences.documents_of(on, int(records))
            said = f"{count(hits)} of {of} share text with what the base model was pretrained on"
            rows.append(("Met in pretraining", said))
    return rows


def _duplicates(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Counts of duplicates; the pairs given as examples stay in the manifest."""
    found = {key: value for key, value in found.items() if key not in ("threshold", "shingle_words")}
    rows = []
    for key, label in (("train_test", "of test in train"), ("within_train", "within train")):
        part = mapping(found.pop(key, None))
        if part:
            rows.append((f"Duplicates {label}", f"{count(part.get('exact'))} exact, {count(part.get('near'))} near"))
    return [*rows, *((f"Duplicates: {label}", value) for label, value in _flat_facts(found))]


def _count_facts(label: str, values: dict[str, Any], naming: Any) -> list[tuple[str, str]]:
    """Counts by name, or by split and then by name."""
    if not values:
        return []
    if any(isinstance(value, dict) for value in values.values()):
        return [
            (f"{label}, {split}", " · ".join(f"{count(n)} {naming(str(name))}" for name, n in inner.items()))
            for split, inner in values.items()
            if isinstance(inner, dict)
        ]
    return [(label, " · ".join(f"{count(n)} {naming(str(name))}" for name, n in values.items()))]


def _flat_facts(value: dict[str, Any], *, depth: int = 2) -> list[tuple[str, str]]:
    """A dictionary of unknown shape as rows; lists and deep parts become one line, long ones are counted."""
    rows = []
    for key, entry in value.items():
        label = str(key).replace("_", " ")
        if isinstance(entry, dict) and entry and depth > 1:
            rows += [(f"{label} {inner}", shown) for inner, shown in _flat_facts(entry, depth=depth - 1)]
        elif isinstance(entry, bool):
            rows.append((label, "yes" if entry else "no"))
        elif isinstance(entry, dict | list):
            rows += [(label, _line(entry))] if entry else []
        elif entry is not None and entry != "":
            rows.append((label, count(entry) if number(entry) is not None else str(entry)))
    return rows


def _headed(rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Rows whose names begin with a capital."""
    return [(f"{name[:1].upper()}{name[1:]}", value) for name, value in rows]


def _line(value: dict[str, Any] | list[Any]) -> str:
    items: Iterable[str] = (
        (f"{k}: {v}" for k, v in value.items()) if isinstance(value, dict) else (str(v) for v in value)
    )
    parts = list(items)
    shown = ", ".join(parts[:12])
    return (shown + (f" and {count(len(parts) - 12)} more" if len(parts) > 12 else "")) or "none"


def machine(evidence: Evidence) -> list[tuple[str, str]]:
    lock = dict(evidence.lock)
    rows: list[tuple[str, str]] = []
    versions = lock.pop("versions", None)
    lock.pop("command", None)
    if evidence.setting("seed") is not None and "seed" not in lock:
        rows.append(("seed", str(evidence.setting("seed"))))
    for key, value in lock.items():
        if key in ("seed", "recipe_sha256") or isinstance(value, str):
            rows.append((key.replace("_", " "), str(value)))
        elif key.endswith("_bytes") and number(value) is not None:
            rows.append((key.removesuffix("_bytes").replace("_", " "), size(value)))
        else:
            rows += _flat_facts({key: value})
    if isinstance(versions, dict):
        rows.append(("versions", " · ".join(f"{name} {version}" for name, version in versions.items())))
    if not evidence.lock.get("recipe_sha256") and evidence.recipe_hash:
        rows.append(("sha256 of recipe.yaml", evidence.recipe_hash))
    return _headed(rows)


def rerun(evidence: Evidence) -> str:
    """The command that repeats the run, from its folder; empty where its recipe is not known."""
    if not evidence.recipe_text:
        return ""
    version = mapping(evidence.lock.get("versions")).get("tunewright")
    with_version = f"    # Tunewright {version}" if version else ""
    named = evidence.manifest.get("kind") == "set" or evidence.exams
    where = " --data DIR" if named else ""
    return f"tunewright run recipe.yaml --name {evidence.name}-again{where}{with_version}"


def written(evidence: Evidence) -> str:
    """The day of the run's last event, so that rewriting the report changes nothing."""
    if not evidence.stages:
        return ""
    last = max(end for _, end in evidence.stages.values())
    return datetime.fromtimestamp(last, UTC).strftime("%-d %B %Y")
