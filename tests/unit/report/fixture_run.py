"""A run folder made up for the tests of the report. Its numbers are invented and round; no model was near them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from tunewright.core.recipe import Recipe
from tunewright.core.records import Prediction, Record, Span
from tunewright.text.serialise import dumps

PEOPLE = {"en": ("Asha Verma", "R. K. Nair", "Imran Sheikh"), "hi": ("राम कुमार", "सुनीता शर्मा", "मोहम्मद आरिफ़")}
FORMS = {
    "en": "ORBIT TRADERS\nInvoice No: {number}   Dt. {date}\nBilled to: {name}\n\n"
    "Prev. balance    1,100\nTotal    Rs {printed}/-\nThank you",
    "hi": "बिल संख्या: {number}, ग्राहक: {name}\nतारीख: {date}\nपिछला बकाया: ₹900\nकुल राशि: ₹{printed}",
}
FIELDS = ("invoice_number", "customer_name", "date", "total_amount")
EVIL = "<script>alert('x')</script></title></style></pre><img src=x onerror=alert(1)>&amp;"


def records(count: int = 24, prefix: str = "doc") -> list[Record]:
    chance = random.Random(7)
    made = []
    for index in range(count):
        language = ("en", "hi")[index % 2]
        amount = chance.randrange(1200, 98000)
        values = {
            "number": f"INV-2025-{index:03d}",
            "name": PEOPLE[language][index % 3],
            "date": f"{1 + index % 28:02d}/09/2025",
            "printed": f"{amount:,}",
        }
        text = FORMS[language].format(**values)
        target = {
            "invoice_number": values["number"],
            "customer_name": values["name"],
            "date": values["date"],
            "total_amount": str(amount),
        }
        printed = dict(zip(FIELDS, (values["number"], values["name"], values["date"], values["printed"]), strict=True))
        spans = tuple(Span(path, text.index(word), text.index(word) + len(word)) for path, word in printed.items())
        sliced = {"wordings": ("seen", "unseen")[index // 2 % 2], "entities": ("seen", "unseen")[index // 4 % 2]}
        made.append(
            Record(
                f"{prefix}-{index:04d}",
                text,
                target,
                language,
                ("invoice", "receipt")[index // 3 % 2],
                split="test",
                spans=spans,
                provenance={"slice": sliced},
            )
        )
    return made


def answer(record: Record, quality: float, chance: random.Random) -> Prediction:
    """An answer that is right in about `quality` of its fields, wrong in every way an answer can be."""
    value = dict(record.target)
    for path in FIELDS:
        if chance.random() > quality:
            value[path] = {
                "invoice_number": None,
                "customer_name": str(value["customer_name"]) + " जी",
                "date": "01/01/2020",
                "total_amount": "1100" if record.language == "en" else "900",
            }[path]
    text = dumps(value)
    if chance.random() > quality + 0.35:
        return Prediction(
            record.id, text[:40], None, "the reply ends inside a string", "length", seconds=0.2, tokens=60, passes=60
        )
    confidence = dict.fromkeys(FIELDS, 0.9)
    return Prediction(
        record.id, text, value, None, confidence=confidence, seconds=0.02, prompt_tokens=180, tokens=48, passes=20
    )


def estimate(value: float, n: int) -> dict[str, Any]:
    half = 1.96 * (max(value * (1 - value), 0.002) / n) ** 0.5
    return {"value": value, "low": max(0.0, value - half), "high": min(1.0, value + half), "n": n}


def metrics(exact: float, n: int) -> dict[str, Any]:
    field = 1 - (1 - exact) / 3
    wrong = 1 - field
    values = {
        "exact_match": exact,
        "field_accuracy": field,
        "field_precision": field,
        "field_recall": min(1.0, field + 0.01),
        "field_f1": field,
        "correct": field,
        "omitted": 0.2 * wrong,
        "hallucinated": 0.3 * wrong,
        "substituted": 0.5 * wrong,
        "rouge_l": min(1.0, field + 0.005),
        "bleu": field,
        "chrf": min(1.0, field + 0.01),
        "json_validity": 1.0 if exact > 0.5 else 0.6,
        "schema_adherence": 1.0 if exact > 0.5 else 0.5,
    }
    return {name: estimate(value, n) for name, value in values.items()}


def scores(system: str, decoding: str, exact: float, n: int, of: int, *, exam: bool = False) -> dict[str, Any]:
    def part(value: float, count: int) -> dict[str, Any]:
        return {"n": count, "metrics": metrics(min(1.0, max(0.0, value)), count)}

    slices: dict[str, Any] = {
        "language": {"en": part(exact + 0.01, n // 2), "hi": part(exact - 0.01, n // 2)},
        "doc_type": {
            name: part(exact + d, n // 3) for name, d in (("form", 0.02), ("invoice", 0.0), ("receipt", -0.03))
        },
        "field": {},
    }
    for index, path in enumerate(FIELDS):
        right = 1 - (1 - exact) * (0.15 + 0.2 * index)
        wrong = 1 - right
        shares = {"accuracy": right, "precision": right, "recall": right, "f1": right, "correct": right}
        shares |= {"omitted": 0.2 * wrong, "hallucinated": 0.1 * wrong, "substituted": 0.7 * wrong}
        slices["field"][path] = {"n": n, "metrics": {name: estimate(value, n) for name, value in shares.items()}}
    if not exam:
        slices["wordings"] = {"seen": part(exact + 0.02, n // 2), "unseen": part(exact - 0.02, n // 2)}
        slices["entities"] = {"seen": part(exact + 0.01, n // 2), "unseen": part(exact - 0.01, n // 2)}
        slices["cell"] = {
            f"{w} wordings × {e} entities": part(exact + a + b, n // 4)
            for w, a in (("seen", 0.02), ("unseen", -0.02))
            for e, b in (("seen", 0.01), ("unseen", -0.01))
        }
    cost = {"seconds_per_document": 0.031, "tokens_per_document": 47.5, "passes_per_document": 47.5}
    if system != "rules":
        cost |= {"peak_memory_bytes": 612_000_000, "model_bytes": 21_400_000}
    if system == "tuned":
        cost["adapter_bytes"] = 3_100_000
    sample = "all" if n == of else "stratified"
    return {
        "system": system, "decoding": decoding, "n": n, "of": of, "sample": sample,
        "metrics": metrics(exact, n), "slices": slices, "cost": cost,
    }  # fmt: skip


def pair(
    a: str, b: str, on: str, n: int, a_value: float, b_value: float, metric: str = "exact_match", *, shown: bool = True
) -> dict[str, Any]:
    difference = b_value - a_value
    half = 0.02 if shown else abs(difference) + 0.03
    return {
        "a": a,
        "b": b,
        "on": on,
        "metric": metric,
        "n": n,
        "a_value": a_value,
        "b_value": b_value,
        "difference": difference,
        "low": difference - half,
        "high": difference + half,
        "test": "exact McNemar" if metric == "exact_match" else "paired bootstrap",
        "p": 0.00001 if shown else 0.41,
        "p_holm": 0.00004 if shown else 0.82,
        "primary": (a, b, on, metric) == ("base/free", "tuned/grammar", "test", "exact_match"),
        "minimum_detectable_effect": 0.035,
        "verdict": ("better" if difference > 0 else "worse") if shown else "no difference shown",
    }


CELLS = (
    ("rules", "free", 0.31, 400),
    ("base", "free", 0.05, 400),
    ("base", "grammar", 0.07, 400),
    ("few-shot", "free", 0.11, 400),
    ("tuned", "free", 0.94, 400),
    ("tuned", "grammar", 0.95, 2000),
)


def write(
    folder: Path,
    *,
    parts: Iterable[str] = ("data", "train", "scores", "exam", "compare"),
    without: Iterable[str] = (),
    evil: bool = False,
) -> Path:
    """Writes the run folder. parts: the stages that have finished; without: systems left out. Returns the folder."""
    parts, without = set(parts), set(without)
    exams = ["handwritten_documents"]
    recipe = Recipe(
        name="invoices", description="Hindi and English business documents to JSON", evaluate={"exams": exams}
    )
    _text(folder / "recipe.yaml", yaml.safe_dump(recipe.model_dump(mode="json"), allow_unicode=True, sort_keys=False))
    versions = {
        "python": "3.11.7",
        "tunewright": "0.1.0",
        "torch": "2.13.0",
        "transformers": "5.23.0",
        "peft": "0.21.2",
    }
    lock = {
        "recipe_sha256": "ab" * 32,
        "seed": 0,
        "versions": versions,
        "platform": "Linux x86_64",
        "processors": 2,
        "device": "cpu",
        "memory_bytes": 8_000_000_000,
    }
    _json(folder / "lock.json", lock)
    times = {"data": (0, 6), "train": (6, 221), "evaluate": (221, 468), "compare": (468, 480)}
    events = [
        {"time": 1_763_640_000 + at, "stage": stage, "event": e, "seconds": at - span[0]}
        for stage, span in times.items()
        for at, e in zip(span, ("begin", "end"), strict=True)
    ]
    _lines(folder / "events.jsonl", events)
    test, exam = records(), records(8, "exam")
    if evil:
        test[0] = test[0].replace(text=test[0].text + "\n" + EVIL, target=dict(test[0].target, date=EVIL), spans=())
    if "data" in parts:
        _lines(folder / "data" / "test.jsonl", (record.to_row() for record in test))
        _json(
            folder / "data" / "manifest.json",
            {
                "source": "synth:invoices",
                "counts": {"train": 7700, "validation": 300, "test": 2000, "rejected": 0},
                "languages": {"en": 5000, "hi": 5000},
                "doc_types": {"invoice": 3334, "receipt": 3333, "form": 3333},
                "duplicates": {
                    "threshold": 0.9,
                    "train_test": {"exact": 3, "near": 11, "examples": []},
                    "within_train": {"exact": 2, "near": 5, "examples": []},
                    "contradictions": 0,
                    "removed_from_train": 21,
                },
                "sha256": {"train.jsonl": "c" * 64, "test.jsonl": "d" * 64},
            },
        )
    if "train" in parts and "tuned" not in without:
        _train(folder / "systems" / "tuned")
    chance = random.Random(3)
    for system, decoding, exact, n in CELLS:
        if system in without or "scores" not in parts:
            continue
        place = folder / "systems" / system
        quality = exact**1.4
        answers = [answer(record, quality, chance) for record in test]
        if evil and system == "tuned":
            answers[0] = Prediction(test[0].id, "</pre>" + EVIL, {"date": EVIL + "!", EVIL: "x"}, None)
        _lines(place / f"predictions-{decoding}.jsonl", (one.to_row() for one in answers))
        _json(place / f"scores-{decoding}.json", scores(system, decoding, exact, n, 2000))
        if "exam" in parts:
            here = place / "exams" / exams[0]
            _lines(
                here / f"predictions-{decoding}.jsonl",
                (answer(record, quality * 0.9, chance).to_row() for record in exam),
            )
            _json(here / f"scores-{decoding}.json", scores(system, decoding, exact * 0.5, 60, 60, exam=True))
    if "exam" in parts:
        _lines(folder / "exams" / f"{exams[0]}.jsonl", (r.replace(spans=()).to_row() for r in exam))
    if "compare" in parts:
        pairs = [
            pair("base/free", "tuned/grammar", "test", 400, 0.05, 0.9475),
            pair("few-shot/free", "tuned/grammar", "test", 400, 0.11, 0.9475),
            pair("rules/free", "tuned/grammar", "test", 400, 0.31, 0.9475),
            pair("tuned/free", "tuned/grammar", "test", 400, 0.94, 0.9475, shown=False),
            pair("base/free", "tuned/grammar", exams[0], 60, 0.35, 0.66, "field_accuracy"),
            pair("rules/free", "tuned/grammar", exams[0], 60, 0.61, 0.66, "field_accuracy", shown=False),
        ]
        gates = [
            {"metric": "exact_match", "floor": 0.93, "value": 0.95, "met": True},
            {"metric": "field_accuracy", "floor": 0.99, "value": 0.983, "met": False},
        ]
        _json(folder / "metrics_comparison.json", {"level": 0.95, "pairs": pairs, "gates": gates})
    return folder


def _train(place: Path) -> None:
    steps = [
        {
            "step": step,
            "epoch": step / 240,
            "loss": 1.9 * 0.97 ** (step / 2) + 0.012 + 0.004 * (step % 7),
            "grad_norm": 0.8 + 0.01 * (step % 9),
            "learning_rate": 2e-3 * min(1, step / 12) * (1 - step / 250),
            "tokens_per_second": 9000 + 37 * (step % 11),
            "examples_per_second": 34.0,
            "seconds": 0.9 * step,
            "memory_bytes": 1_250_000_000 + 1_000_000 * (step % 5),
        }
        for step in range(2, 241, 2)
    ]
    validations = [{"step": step, "loss": 1.9 * 0.97 ** (step / 2) + 0.02} for step in range(24, 241, 24)]
    _json(
        place / "training_metrics.json",
        {
            "steps": steps,
            "validations": validations,
            "best_step": 240,
            "best_loss": validations[-1]["loss"],
            "total_steps": 240,
            "total_seconds": 215.0,
            "trained_tokens": 370_000,
            "seen_tokens": 2_100_000,
            "trained_share": 0.176,
            "peak_memory_bytes": 1_254_000_000,
            "phases": {
                "load": {"seconds": 1.5, "peak_bytes": 640_000_000},
                "train": {"seconds": 190.0, "peak_bytes": 1_254_000_000},
                "validate": {"seconds": 23.0, "peak_bytes": 901_000_000},
            },
            "memory": {
                "weights": 37_600_000,
                "gradients": 3_150_000,
                "optimizer": 6_290_000,
                "best": 0,
                "activations": 611_000_000,
                "peak": {"load": 640_000_000, "train": 1_254_000_000, "validate": 901_000_000},
            },
            "out_of_memory": [{"step": 31, "micro_batch": 8}],
            "trainable_parameters": 786_432,
            "parameters": 9_400_000,
            "stopped": "all steps done",
        },
    )
    _json(place / "training_args.json", {"learning_rate": 2e-3})
    _json(place / "latest_checkpoint_info.json", {"step": 240})
    (place / "adapter").mkdir(parents=True)
    (place / "adapter" / "adapter_model.safetensors").write_bytes(b"\0" * 3_100)


def _text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _json(path: Path, value: Any) -> None:
    _text(path, json.dumps(value, ensure_ascii=False))


def _lines(path: Path, rows: Iterable[Any]) -> None:
    _text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
