"""build(): every view of a run, whatever of it is there."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import fixture_run
import pytest
import yaml

from tunewright import report
from tunewright.core.errors import RunError
from tunewright.report import evidence, picture


def words(folder: Path) -> str:
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", (folder / "report.html").read_text(encoding="utf-8"), flags=re.S)
    return " ".join(text.replace("\u00a0", " ").split())


@pytest.fixture
def no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longest; tests of other views do without."""
    monkeypatch.setattr(picture, "draw", lambda found: b"PNG" if found.main() else None)


def test_everything_is_written_and_nothing_else(run_folder: Path) -> None:
    for name in ("report.html", "benchmark_results.csv", "benchmark_results.png", "experiment_metadata.json"):
        assert (run_folder / name).stat().st_size > 1000
    assert (run_folder / "systems" / "tuned" / "adapter" / "README.md").is_file()
    assert not list(run_folder.rglob(".tmp-*"))


def test_rewriting_changes_nothing(run_folder: Path) -> None:
    names = ("report.html", "benchmark_results.csv", "benchmark_results.png", "experiment_metadata.json")
    before = {name: (run_folder / name).read_bytes() for name in names}
    written = report.build(run_folder)
    assert set(names) <= set(written)
    assert {name: (run_folder / name).read_bytes() for name in names} == before


def test_the_table_reads_back(run_folder: Path) -> None:
    with (run_folder / "benchmark_results.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["system", "decoding", "on", "slice", "metric", "value", "low", "high", "n"]
    keys = [(r["system"], r["decoding"], r["on"], r["slice"], r["metric"]) for r in rows]
    assert len(keys) == len(set(keys))
    found = dict(zip(keys, rows, strict=True))
    tuned = found["tuned", "grammar", "test", "all", "exact_match"]
    assert (float(tuned["value"]), tuned["n"]) == (0.95, "2000")
    assert float(tuned["low"]) < 0.95 < float(tuned["high"])
    assert float(found["tuned", "grammar", "test", "language=hi", "exact_match"]["value"]) == pytest.approx(0.94)
    assert found["base", "free", "test", "field=date", "omitted"]["n"] == "400"
    assert float(found["tuned", "grammar", "test", "all", "seconds_per_document"]["value"]) == 0.031
    assert found["rules", "free", "handwritten_documents", "all", "field_accuracy"]["n"] == "60"


def test_a_label_is_no_formula(tmp_path: Path, no_picture: None) -> None:
    folder = fixture_run.write(tmp_path / "run")
    path = folder / "systems" / "rules"
    path.rename(path.with_name("=cmd()"))
    report.build(folder)
    with (folder / "benchmark_results.csv").open(encoding="utf-8", newline="") as file:
        assert not [cell for row in csv.reader(file) for cell in row if cell.startswith("=")]


def test_metadata(run_folder: Path) -> None:
    written = json.loads((run_folder / "experiment_metadata.json").read_text(encoding="utf-8"))
    assert written["name"] == "invoices"
    assert written["recipe_sha256"] == "ab" * 32
    assert written["counts"]["test"] == 2000
    assert written["versions"]["torch"] == "2.13.0"
    assert written["stages"]["train"]["seconds"] == 215
    assert written["systems"]["tuned/grammar on test"]["exact_match"] == 0.95
    assert written["main"] == "tuned/grammar"
    assert written["missing"] == []
    assert "steps" not in written["training"]["tuned"]


def test_the_card_is_read_by_the_hub(run_folder: Path) -> None:
    card = (run_folder / "systems" / "tuned" / "adapter" / "README.md").read_text(encoding="utf-8")
    _, head, body = card.split("---\n", 2)
    front = yaml.safe_load(head)
    assert front["base_model"] == "wren"
    assert front["library_name"] == "peft"
    assert front["language"] == ["en", "hi"]
    result = front["model-index"][0]["results"]
    assert {"type": "exact_match", "name": "Exact match", "value": 0.95} in [m for r in result for m in r["metrics"]]
    for title in ("Intended use", "Results", "Training", "Data", "Limits", "Use"):
        assert f"## {title}\n" in body
    assert "`customer_name`" in body
    assert "rose from" in body


def test_a_card_carries_no_markup_of_others(evil_folder: Path) -> None:
    card = (evil_folder / "systems" / "tuned" / "adapter" / "README.md").read_text(encoding="utf-8")
    assert "<script" not in card


@pytest.mark.parametrize(
    ("parts", "without", "said"),
    [
        ((), (), "Nothing has been measured in this run yet."),
        (("data",), (), "no tuned model has been trained to its end"),
        (("data", "train"), (), "System “tuned” has no scores on the test documents."),
        (
            ("data", "scores", "compare"),
            ("tuned", "few-shot"),
            "No tuned model has been measured yet; base: exact match 5.0 %",
        ),
        (("data", "train", "scores", "compare"), ("base",), "The base was not measured, so nothing is compared."),
        (("data", "scores"), ("tuned",), "No paired test was computed, so no difference is claimed."),
        (("data", "train", "scores", "compare"), ("few-shot",), "System “few-shot” has no scores"),
        (("data", "train", "scores", "compare"), (), "Exam “handwritten_documents” has not been taken"),
        (("train", "scores", "exam"), (), "No paired comparison has been computed"),
        (("scores",), ("base", "few-shot", "tuned"), "No tuned model has been measured yet; rules: exact match 31.0 %"),
    ],
)
def test_a_run_that_is_not_finished_says_what_is_missing(
    tmp_path: Path, no_picture: None, parts: tuple[str, ...], without: tuple[str, ...], said: str
) -> None:
    folder = fixture_run.write(tmp_path / "run", parts=parts, without=without)
    written = report.build(folder)
    assert said in words(folder)
    assert ("benchmark_results.png" in written) == ("scores" in parts)


def test_a_folder_with_nothing_in_it(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    report.build(tmp_path / "run")
    assert "There is no recipe.yaml" in words(tmp_path / "run")
    with pytest.raises(RunError):
        report.build(tmp_path / "nowhere")


def test_damaged_files_are_named_and_the_rest_is_shown(tmp_path: Path, no_picture: None) -> None:
    folder = fixture_run.write(tmp_path / "run")
    (folder / "systems" / "base" / "scores-free.json").write_text('{"n": 4', encoding="utf-8")
    (folder / "systems" / "rules" / "scores-free.json").write_text("[1]", encoding="utf-8")
    (folder / "lock.json").write_bytes(b"\xff\xfe{}")
    path = folder / "systems" / "tuned" / "predictions-grammar.jsonl"
    path.write_text(path.read_text(encoding="utf-8")[:-30], encoding="utf-8")
    (folder / "metrics_comparison.json").write_text('{"pairs": 5, "gates": {"a": 1}, "level": "x"}', encoding="utf-8")
    report.build(folder)
    text = words(folder)
    assert "systems/base/scores-free.json could not be read" in text
    assert "systems/rules/scores-free.json holds no JSON object" in text
    assert "lock.json could not be read" in text
    assert "systems/tuned/predictions-grammar.jsonl: 1 line could not be read" in text
    assert "tuned with grammar" in text
    assert json.loads((folder / "experiment_metadata.json").read_text(encoding="utf-8"))["missing"]


@pytest.mark.parametrize("junk", [None, 3, "x", [], {"metrics": 5, "slices": [1], "cost": "x", "n": "many"}])
def test_strange_scores_do_not_stop_the_report(tmp_path: Path, no_picture: None, junk: object) -> None:
    folder = fixture_run.write(tmp_path / "run", parts=("data", "train", "scores"))
    for path in folder.rglob("scores-*.json"):
        path.write_text(json.dumps(junk), encoding="utf-8")
    (folder / "systems" / "tuned" / "training_metrics.json").write_text(
        '{"steps": 3, "validations": [1], "best_step": "a"}'
    )
    (folder / "data" / "manifest.json").write_text('{"counts": [1], "languages": 5, "duplicates": "x", "sha256": 1}')
    report.build(folder)
    assert (folder / "report.html").is_file()


def test_no_model_is_needed() -> None:
    """The report loads neither torch nor what needs it."""
    code = "import sys, tunewright.report; print([m for m in ('torch', 'transformers', 'peft') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_a_run_of_the_base_alone_is_about_it_as_it_is_used(tmp_path: Path, no_picture: None) -> None:
    folder = fixture_run.write(tmp_path / "run", parts=("data", "scores", "compare"), without=("tuned", "few-shot"))
    recipe = folder / "recipe.yaml"
    page = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    page["evaluate"] = {"systems": ["base", "rules"]}
    recipe.write_text(yaml.safe_dump(page), encoding="utf-8")
    assert evidence.read(folder).main().name == "base/grammar"


def test_a_night_between_two_starts_is_no_work(tmp_path: Path) -> None:
    folder = fixture_run.write(tmp_path / "run")
    events = folder / "events.jsonl"
    last = json.loads(events.read_text(encoding="utf-8").splitlines()[-1])
    later = {**last, "stage": "train", "time": last["time"] + 90_000, "event": "end", "seconds": 5}
    events.write_text(events.read_text(encoding="utf-8") + json.dumps(later) + "\n", encoding="utf-8")
    assert evidence.read(folder).spent["train"] == 220
