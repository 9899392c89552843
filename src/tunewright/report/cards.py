"""Cards as the Hugging Face hub reads them: README.md beside weights, and beside a data set."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from tunewright.core.records import Message
from tunewright.report import generated, likely, references, sentences
from tunewright.report.evidence import TEST, Cell, Evidence, Training, mapping
from tunewright.report.figures import (
    count,
    duration,
    interval,
    language_name,
    level,
    metric_name,
    plural,
    share,
    short_count,
)

OWN_NUMBERS = "Everything below is written from the run’s own numbers."
CARD_METRICS = ("exact_match", "token_f1", "field_accuracy", "field_f1", "json_validity", "chrf")


FORMS = {
    "question_answering": "Answering questions with text",
    "conversation": "Answering in conversations",
    "text_to_json": "Turning what people ask for into JSON",
    "labelled_text": "Writing texts that are like those of a label",
}
"""What tasks are for; any other reads documents into JSON."""

COLUMNS = {
    "id": "name of the record",
    "text": "what the model reads: the document, the question, or the last turn",
    "json": "what should come of it, as JSON text: `json.loads(row['json'])`",
    "target": "what should come of it, as text",
    "language": "code of its language",
    "doc_type": "which schema of schemas.json the answer obeys",
    "group": "records of one group (a company, a speaker) stand on one side of the split only",
    "spans": "where values stand in the text, as JSON text: path in the answer, first character, one past the last",
    "provenance": "where the record comes from, as JSON text: file and line, or how it was composed; further columns",
}
"""Of a published data set: column → meaning."""

WRITTEN = "synthetic"
"""The split of a published data set that holds texts which the run's own model wrote."""


@dataclass(frozen=True, slots=True)
class Published:
    """What a card says that is read on the hub, where nobody has the run folder.

    repo: what the card is about. base: the base model's id there; None: it stands in a folder of the author's.
    base_words: the base as people call it. base_licence: where it is known. whole: the weights are a whole model's.
    data: the data set's id on the hub, where it is there. source: where the data came from, in words without a path.
    licence, licence_id: the data's, in words and as the hub writes it; None: not known.
    messages: what the model is asked, with a placeholder for the document.
    """

    repo: str
    source: str
    base: str | None = None
    base_words: str = ""
    base_licence: str | None = None
    whole: bool = False
    data: str | None = None
    licence: str | None = None
    licence_id: str | None = None
    messages: tuple[Message, ...] = ()


def model_card(evidence: Evidence, training: Training, published: Published | None = None) -> str:
    """The card of one system's weights: front matter for machines, then what it is for, how good, trained on what.

    published: what it says on the hub in place of what only the run folder knows.
    """
    base = str(evidence.setting("model") or "") if published is None else published.base or ""
    adapter = training.weights is not None and training.weights.name == "adapter"
    if published is not None:
        adapter = adapter and not published.whole
    languages = _languages(evidence)
    front: dict[str, Any] = {
        "base_model": base or None,
        "license": published.base_licence if published else None,
        "datasets": [published.data] if published and published.data else None,
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
        f"{kind} {_on(base, published, adapter)}, trained by Tunewright. {OWN_NUMBERS}",
        _section("Intended use", _use(evidence, languages)),
        _section("Results", _results(evidence, training)),
        _section("Training", _training(evidence, training)),
        _section("Data", _data(evidence) if published is None else _data_published(evidence, published)),
        _section("Texts it wrote", _plain(generated.sentence(evidence))),
        _section("Limits", _limits(evidence)),
        _section("Licences", _licences(published) if published else ""),
        _section("Use", _how(evidence, adapter) if published is None else _how_published(published, adapter)),
    ]
    return _whole(parts)


def data_card(
    evidence: Evidence, published: Published, rows: Mapping[str, int], columns: Sequence[str], schemas: Sequence[str]
) -> str:
    """The card of a run's data set. rows: split → how many. columns: of every row. schemas: names in schemas.json."""
    manifest = evidence.manifest
    languages = _languages(evidence)
    total = sum(rows.values())
    sizes = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    task = str(evidence.setting("task.name") or "extraction")
    front: dict[str, Any] = {
        "license": published.licence_id,
        "license_name": "as-described" if published.licence_id == "other" else None,
        "language": [code for code in languages if re.fullmatch(r"[a-z]{2,3}", code)] or None,
        "task_categories": ["question-answering" if task == "question_answering" else "text-generation"],
        "tags": ["tunewright", task, *(["synthetic"] if manifest.get("kind") == "synth" or WRITTEN in rows else [])],
        "size_categories": [next((word for limit, word in sizes if total < limit), "1M<n<10M")],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": f"data/{split}.jsonl"} for split in rows],
            }
        ],
        "dataset_info": {"features": [{"name": name, "dtype": "string"} for name in columns]},
    }
    head = yaml.safe_dump({k: v for k, v in front.items() if v}, allow_unicode=True, sort_keys=False)
    listed = "\n".join(f"| {split} | {count(n)} |" for split, n in rows.items())
    meanings = "\n".join(f"| `{name}` | {COLUMNS[name]} |" for name in columns)
    load = f'```python\nfrom datasets import load_dataset\n\nfound = load_dataset("{published.repo}")\n```'
    parts = [
        f"---\n{head}---",
        f"# {_plain(evidence.name)}: data",
        _plain(str(evidence.recipe.get("description") or "")),
        f"The data that a run of Tunewright trained and tested on, split and cleaned as it was used.\n\n{load}",
        _section("Splits", f"| split | records |\n|---|---:|\n{listed}"),
        _section("Where it comes from", f"Source: {published.source}.{_described(manifest)}"),
        _section("How it was made", _made(evidence)),
        _section(f"The split `{WRITTEN}`", _plain(generated.sentence(evidence)) if WRITTEN in rows else ""),
        _section("Columns", f"| column | meaning |\n|---|---|\n{meanings}"),
        _section("Schemas", f"schemas.json: {', '.join(f'`{_plain(name)}`' for name in schemas)}." if schemas else ""),
        _section("Licence", _plain(published.licence or "")),
    ]
    return _whole(parts)


def _whole(parts: Sequence[str]) -> str:
    card = "\n\n".join(part for part in parts if part) + "\n"
    return card.encode("utf-8", "replace").decode()


def _section(title: str, text: str) -> str:
    return f"## {title}\n\n{text}" if text else ""


def _plain(text: str) -> str:
    """Words of other hands on one line, without what Markdown or HTML would act on; `< ` and `->` stay."""
    return re.sub(r"[`|\[\]]|<(?! )|(?<!-)>", "", " ".join(text.split()))


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
    text = FORMS.get(str(evidence.setting("task.name")), "Reading documents into JSON")
    text += f": {', '.join(_plain(name) for name in types)}" if types else ""
    text += f", in {' and '.join(language_name(code) for code in languages)}" if languages else ""
    text += f". Fields: {', '.join(f'`{_plain(path)}`' for path in fields[:30] if path)}" if fields else ""
    return f"{text}. Other documents, fields or languages have not been measured."


def _results(evidence: Evidence, training: Training) -> str:
    head = sentences.headline(evidence)
    cells = [cell for cell in _cells(evidence, training) if cell.metrics()]
    if not cells:
        return likely.fall_sentence(evidence) or "No scores have been measured."
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
    if training.system == "tuned" and (better := sentences.ahead(evidence)):
        said += f"{_plain(better)}\n\n"
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
        ("time", duration(evidence.spent["train"]) if "train" in evidence.spent else None),
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
    text = f"Source: `{_plain(str(source))}`. " if source else ""
    text += f"{_counted(evidence)}." if _counted(evidence) else ""
    if (evidence.path / "data" / "README.md").is_file():
        text += " The data card is `data/README.md` in the run folder."
    return text


def _counted(evidence: Evidence) -> str:
    """`324 documents train, 40 documents validation, …`"""
    counts = mapping(evidence.manifest.get("counts"))
    return ", ".join(
        f"{plural(int(n), 'document')} {_plain(str(name))}" for name, n in counts.items() if isinstance(n, int | float)
    )


def _on(base: str, published: Published | None, adapter: bool) -> str:
    """What weights stand on, in words."""
    link = "for" if adapter else "made of"
    if published is None:
        return f"for `{_plain(base) or 'an unnamed base model'}`"
    there = f" (`{_plain(published.base)}`)" if published.base and published.base not in published.base_words else ""
    return f"{link} {published.base_words}{there}"


def _data_published(evidence: Evidence, published: Published) -> str:
    there = f" It is on the hub as `{_plain(published.data)}`." if published.data else ""
    return f"Source: {published.source}. {_counted(evidence)}.{there}"


def _described(manifest: Mapping[str, Any]) -> str:
    about = _plain(str(manifest.get("description") or ""))
    return f" {about}." if about else ""


def _made(evidence: Evidence) -> str:
    """How raw rows became these: what was cleaned, set aside, taken out, and what is alike on two sides."""
    manifest = evidence.manifest
    cleaning, split = mapping(manifest.get("cleaning")), mapping(manifest.get("split"))
    alike = mapping(manifest.get("duplicates"))
    across = mapping(alike.get("train_test"))
    rejected = mapping(manifest.get("counts")).get("rejected")
    cut = {name: mapping(one) for name, one in mapping(manifest.get("cut")).items()}
    augmented = float(evidence.setting("data.augment.copies") or 0)
    rows = [
        ("records read and cleaned", cleaning.get("records")),
        ("texts changed by cleaning (Unicode form, control characters, line ends …)", cleaning.get("changed_texts")),
        ("rows set aside because they could not be used; they are not here", rejected),
        ("records moved or left out to keep groups on one side", split.get("moved")),
        ("records taken out of train because they are in test, too", alike.get("removed_from_train")),
        ("near-duplicates found between train and test", across.get("near")),
        ("copies made of each training record, on average", augmented or None),
        ("documents cut to a number of tokens", sum(int(one.get("documents") or 0) for one in cut.values()) or None),
        ("seed", evidence.setting("seed")),
        ("Tunewright", mapping(evidence.lock.get("versions")).get("tunewright")),
    ]
    return "\n".join(f"- {name}: {_plain(str(value))}" for name, value in rows if value is not None)


def _limits(evidence: Evidence) -> str:
    return "\n".join(f"- **{_plain(limit.title)}.** {_plain(limit.text)}" for limit in sentences.limits(evidence))


def _how(evidence: Evidence, adapter: bool) -> str:
    if not evidence.scored:
        return "task.json beside the weights says how it is asked: a neutral role, then the request with a label."
    command = f"```sh\ntunewright extract --{'adapter' if adapter else 'model'} . document.txt\n```"
    return f"{command}\n\nThe task, its schemas, the chat template and the form of replies stand beside the weights."


def _licences(published: Published) -> str:
    base = published.base_licence or ("see its own page" if published.base else "not told here; ask the author")
    data = _plain(published.licence or "") or "not stated; the data is not published here"
    return (
        f"- base, {published.base_words}: {base}\n- data: {data}\n\n"
        "Both are told because both may bind what is made of these weights."
    )


def _how_published(published: Published, adapter: bool) -> str:
    repo, name = published.repo, published.repo.split("/")[-1]
    base = published.base or "FOLDER-OF-THE-BASE"
    where = base if adapter else repo
    lines = ["from peft import PeftModel"] if adapter else []
    lines += ["from transformers import AutoModelForCausalLM, AutoTokenizer", ""]
    if adapter:
        lines += [
            f'base = AutoModelForCausalLM.from_pretrained("{base}")',
            f'model = PeftModel.from_pretrained(base, "{repo}")',
        ]
    else:
        lines += [f'model = AutoModelForCausalLM.from_pretrained("{repo}")']
    lines += [f'tokenizer = AutoTokenizer.from_pretrained("{where}")']
    parts = ["```python", *lines, "```", "", "Or with Tunewright, which holds the answers to the schema:", ""]
    given = f"--adapter {name}{'' if published.base else f' --model {base}'}" if adapter else f"--model {name}"
    parts += ["```sh", f"hf download {repo} --local-dir {name}", f"tunewright extract {given} document.txt", "```"]
    if published.messages:
        asked = json.dumps(list(published.messages), ensure_ascii=False, indent=2)
        parts += ["", "It was trained on messages of this form:", "", "```json", asked.replace("```", "ˋˋˋ"), "```"]
    parts += ["", "The task, its schemas and the chat template stand beside the weights: task.json, tunewright.json."]
    return "\n".join(parts)
