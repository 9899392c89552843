"""The card of a trained adapter or model: README.md beside its weights, as the Hugging Face hub reads it."""

from __future__ import annotations

import re
from typing import Any

import yaml

from tunewright.report import references, sentences
from tunewright.report.evidence import TEST, Cell, Evidence, Training, mapping
from tunewright.report.figures import count, interval, language_name, level, metric_name, plural, share, short_count

OWN_NUMBERS = "Everything below is written from the run’s own numbers."
CARD_METRICS = ("exact_match", "token_f1", "field_accuracy", "field_f1", "json_validity", "chrf")


def model_card(evidence: Evidence, training: Training) -> str:
    """The card of one system's weights: front matter for machines, then what it is for, how good, trained on what."""
    base = str(evidence.setting("model") or "")
    adapter = training.weights is not None and training.weights.name == "adapter"
    languages = _languages(evidence)
    front: dict[str, Any] = {
        "base_model": base or None,
        "library_name": "peft" if adapter else "transformers",
        "pipeline_tag": "text-generation",
        "language": [code for code in languages if re.fullmatch(r"[a-z]{2,3}", code)] or None,
        "tags": _tags(evidence, adapter),
        "metrics": sorted(
            {name for cell in _cells(evidence, training) for name in cell.metrics() if name in CARD_METRICS}
        )
        or None,
        "model-index": _index(evidence, training) or None,
    }
    head = yaml.safe_dump({k: v for k, v in front.items() if v}, allow_unicode=True, sort_keys=False)
    kind = "Adapter" if adapter else "Model"
    parts = [
        f"---\n{head}---",
        f"# {_plain(evidence.name)}",
        _plain(str(evidence.recipe.get("description") or "")),
        f"{kind} for `{_plain(base) or 'an unnamed base model'}`, trained by Tunewright. {OWN_NUMBERS}",
        _section("Intended use", _use(evidence, languages)),
        _section("Results", _results(evidence, training)),
        _section("Training", _training(evidence, training)),
        _section("Data", _data(evidence)),
        _section("Limits", _limits(evidence)),
        _section("Use", _how(adapter)),
    ]
    card = "\n\n".join(part for part in parts if part) + "\n"
    return card.encode("utf-8", "replace").decode()


def _section(title: str, text: str) -> str:
    return f"## {title}\n\n{text}" if text else ""


def _plain(text: str) -> str:
    """Words of other hands on one line, without what Markdown or HTML would act on."""
    return re.sub(r"[`<>|\[\]]", "", " ".join(text.split()))


def _languages(evidence: Evidence) -> list[str]:
    values = evidence.manifest.get("languages")
    if not isinstance(values, dict):
        return []
    inner = [v for v in values.values() if isinstance(v, dict)]
    return [str(code) for code in (dict.fromkeys(code for v in inner for code in v) if inner else values)]


def _tags(evidence: Evidence, adapter: bool) -> list[str]:
    tags = ["tunewright", str(evidence.setting("task.name") or "extraction")]
    return [*tags, str(evidence.setting("method.name") or "lora")] if adapter else tags


def _cells(evidence: Evidence, training: Training) -> list[Cell]:
    return [cell for cell in evidence.cells if cell.system == training.system]


def _index(evidence: Evidence, training: Training) -> list[dict[str, Any]]:
    results = []
    for cell in _cells(evidence, training):
        metrics = [
            {"type": name, "name": metric_name(name), "value": round(e.value, 4)}
            for name, e in cell.metrics().items()
            if name in CARD_METRICS
        ]
        if metrics:
            on = "held-out test documents" if cell.on == TEST else sentences.exam_name(cell.on)
            results.append(
                {
                    "task": {"type": "text-generation", "name": f"extraction, {cell.decoding} decoding"},
                    "dataset": {"type": cell.on, "name": on},
                    "metrics": metrics,
                }
            )
    return [{"name": evidence.name, "results": results}] if results else []


def _use(evidence: Evidence, languages: list[str]) -> str:
    types = evidence.manifest.get("doc_types")
    types = [str(name) for name in types if not isinstance(types[name], dict)] if isinstance(types, dict) else []
    fields = list(main.slices("field") if (main := evidence.main()) else {})
    text = "Reading documents into JSON"
    text += f": {', '.join(_plain(name) for name in types)}" if types else ""
    text += f", in {' and '.join(language_name(code) for code in languages)}" if languages else ""
    text += f". Fields: {', '.join(f'`{_plain(path)}`' for path in fields[:30])}" if fields else ""
    return f"{text}. Other documents, fields or languages have not been measured."


def _results(evidence: Evidence, training: Training) -> str:
    head = sentences.headline(evidence)
    cells = [cell for cell in _cells(evidence, training) if cell.metrics()]
    if not cells:
        return "No scores have been measured."
    names = [name for name in CARD_METRICS if any(cell.metric(name) for cell in cells)]
    lines = [
        f"| documents | decoding | n | {' | '.join(metric_name(name) for name in names)} |",
        "|---|---|---|" + "---|" * len(names),
    ]
    for cell in cells:
        values, where = [], "test" if cell.on == TEST else _plain(sentences.exam_name(cell.on))
        for name in names:
            e = cell.metric(name)
            between = interval(e.low, e.high) if e else ""
            values.append(share(e.value if e else None) + (f" ({between})" if between else ""))
        lines.append(f"| {where} | {_plain(cell.decoding)} | {count(cell.n)} | {' | '.join(values)} |")
    said = f"{_plain(head.sentence)}\n\n" if head and training.system == "tuned" else ""
    table = "\n".join(lines)
    return f"{said}{table}\n\nIn brackets: {level(evidence.level)} intervals."


def _training(evidence: Evidence, training: Training) -> str:
    m, setting = training.metrics, evidence.setting
    rows = [
        ("method", setting("method.name")),
        (
            "rank and alpha",
            f"{setting('method.lora_r')}, {setting('method.lora_alpha')}"
            if setting("method.name") not in (*references.WHOLE, "adalora", "ia3")
            else None,
        ),
        ("learning rate", setting("train.learning_rate")),
        ("epochs", setting("train.num_train_epochs")),
        ("batch size", setting("train.per_device_train_batch_size")),
        ("seed", setting("seed")),
        ("steps", count(m["total_steps"]) if "total_steps" in m else None),
        ("trained parameters", short_count(m["trainable_parameters"]) if "trainable_parameters" in m else None),
        ("best validation loss", m.get("best_loss")),
    ]
    lines = [f"- {name}: {_plain(str(value))}" for name, value in rows if value is not None]
    versions = evidence.lock.get("versions")
    if isinstance(versions, dict):
        lines.append("- versions: " + ", ".join(f"{_plain(str(k))} {_plain(str(v))}" for k, v in versions.items()))
    return "\n".join(lines)


def _data(evidence: Evidence) -> str:
    manifest = evidence.manifest
    if not manifest:
        return ""
    source = manifest.get("source") or evidence.setting("data.source")
    counts = mapping(manifest.get("counts"))
    listed = ", ".join(
        f"{plural(int(n), 'document')} {_plain(str(name))}" for name, n in counts.items() if isinstance(n, int | float)
    )
    text = f"Source: `{_plain(str(source))}`. " if source else ""
    text += f"{listed}." if listed else ""
    if (evidence.path / "data" / "README.md").is_file():
        text += " The data card is `data/README.md` in the run folder."
    return text


def _limits(evidence: Evidence) -> str:
    return "\n".join(f"- **{_plain(limit.title)}.** {_plain(limit.text)}" for limit in sentences.limits(evidence))


def _how(adapter: bool) -> str:
    command = f"```sh\ntunewright extract --{'adapter' if adapter else 'model'} . document.txt\n```"
    return f"{command}\n\nThe task, its schemas, the chat template and the form of replies stand beside the weights."
