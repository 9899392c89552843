"""A whole job on records that bring their own schemas, beside others that do not."""

from __future__ import annotations

from pathlib import Path

import pytest

import tiny_models
from tunewright.core import files, recipe_file
from tunewright.core.run import Run
from tunewright.evals.metrics import overall
from tunewright.flow import job, prepared

SETS = (
    'data.source="snips + bfcl + sgd_dialogues"', "data.sample=true", "data.validation_documents=6", "train.max_steps=2",
    "train.max_length=4096", "decode.max_new_tokens=150", "evaluate.bootstrap_resamples=50",
    'evaluate.systems=["base","tuned","classical","rules"]', "data.augment.copies=1",
)  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tiny_models.save("wren", tmp_path_factory.mktemp("model"))
    config = files.read_json(folder / "config.json")
    files.write_json(folder / "config.json", config | {"max_position_embeddings": 8192})
    recipe = recipe_file.read("text-to-json", [f"model={folder}", *SETS], environment={})
    return Run.open(job.run(recipe, runs=tmp_path_factory.mktemp("runs")).path)


def test_every_record_is_asked_and_answered_under_its_schema(run: Run):
    records = {record.id: record for record in prepared.records(run, "test")}
    own = [name for name, record in records.items() if "schema" in record.provenance]
    assert own
    assert len(own) < len(records)
    assert all("{schema}" in records[name].provenance["prompt"] for name in own)
    said = {row["id"]: row["value"] for row in files.read_lines(run.path / "systems/tuned/predictions-grammar.jsonl")}
    answered = [name for name in own if said[name] is not None]  # not cut at its budget
    assert len(answered) > len(own) / 2
    assert {isinstance(records[name].target, list) for name in answered} == {True, False}
    for name in answered:
        assert isinstance(said[name], list) == isinstance(records[name].target, list)
    made = [r for r in prepared.records(run, "train") if "made" in r.provenance and "schema" in r.provenance]
    assert made
    assert {record.provenance["made"]["by"] for record in made} <= {"prompt", "noise"}


def test_it_has_scores_a_table_and_a_page(run: Run):
    for cell in ("tuned/grammar", "classical/free", "rules/free"):
        system, decoding = cell.split("/")
        folder: Path = run.path / "systems" / system
        scores = files.read_json(folder / f"scores-{decoding}.json")
        assert scores["n"] == len(prepared.records(run, "test"))
        found = {name: metric["value"] for name, metric in scores["metrics"].items()}
        weights = run.recipe.evaluate.weights
        parts = sum(weight * found[overall.PARTS[part][1]] for part, weight in weights.items())
        assert 0 < found["overall"] == pytest.approx(parts / sum(weights.values()))
        assert (folder / f"predictions-{decoding}.csv").read_text(encoding="utf-8").startswith("id,language,")
    assert "Overall and its parts" in (run.path / "report.html").read_text(encoding="utf-8")
