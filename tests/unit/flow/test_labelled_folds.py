"""Folds of texts with labels, from the data to their judgement: everybody is tested alone, with one label each."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

import planted
from stand_ins import World
from tunewright import cli
from tunewright.core import files, recipe_file
from tunewright.core.errors import DataError
from tunewright.decode import engine
from tunewright.flow import answer, downstream, generation, job

PAGE = """
name: study
task: {name: labelled_text, request: '{label} {words}', neutral_roles: [A]}
data: {source: study.jsonl, near_duplicates: 0}
generate: {per_label: 30, filters: {use: [broken, copies, duplicates, label], label_probability: 0.0}}
evaluate: {systems: [tuned], bootstrap_resamples: 50}
downstream: {judge: true, amounts: [1.0], ratios: [1.0], seeds: 1, pairs: 60, drawn: 160, permutations: 49,
  alternatives: [oversampling], classifiers: [words]}
"""


def writes(loaded, prompts, *, max_new_tokens, batch_size, sampling, numbers):
    """Stands in for the model: what the label's people say."""
    for prompt, number in zip(prompts, numbers, strict=True):
        label = prompt[-1]["content"].split()[0]
        text = planted.helpful(2, seed=number + int(1e6 * random.Random(sampling.seed).random()))
        yield SimpleNamespace(text=text[planted.LABELS.index(label)].text, finish="stop")


@pytest.fixture
def written(monkeypatch, tmp_path):
    """A study of eight people and its recipe; called, it is written with other people or labels."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.yaml").write_text(PAGE, encoding="utf-8")

    def write(people=8, texts=6, **changes):
        rows = [
            {"text": record.text, "label": changes.get(record.group, record.target), "participant": record.group}
            for record in planted.people(people, texts, seed=1, side="p", one_label=True)
        ]
        files.write_lines(tmp_path / "study.jsonl", rows)

    write()
    return write


@pytest.fixture
def study(written, monkeypatch):
    World().take_over(monkeypatch)
    chat = SimpleNamespace(prompt_ids=lambda messages: [dict(one) for one in messages])
    monkeypatch.setattr(answer, "load_tuned", lambda run: SimpleNamespace(chat=chat))
    monkeypatch.setattr(engine, "generate", writes)
    monkeypatch.setattr(generation, "weights_sha256", lambda run: "a" * 64)
    return written


def recipe(count, *sets):
    return recipe_file.read("study.yaml", (f"evaluate.folds={count}", *sets), environment={})


def people(path):
    owners = {(row["target"], row["group"]) for row in files.read_lines(path)}
    return Counter(label for label, _ in owners)


def test_everybody_is_tested_alone_and_all_are_judged_together(study):
    done = job.run(recipe(8), until="judge")
    assert done.stages == ("data", "train", "generate", "judge")
    for fold in (done.path / "folds").iterdir():
        assert people(fold / "data" / "test.jsonl").total() == 1
        assert people(fold / "data" / "validation.jsonl") == {"fluent": 1, "disfluent": 1}
        assert sorted(people(fold / "data" / "train.jsonl").values()) == [2, 3]
        assert sorted(path.name for path in (fold / "downstream").iterdir()) == [
            "manifest.json",
            "parts",
            "source.json",
        ]
    found = {path.stem: files.read_json(path) for path in (done.path / "downstream").glob("*.json")}
    worth = found["utility"]
    assert (worth["n"], worth["people"], worth["folds"]) == (48, 8, 8)
    assert {cell["arm"] for cell in worth["cells"]} == {
        "real", "synthetic", "real + synthetic ×1", "real + oversampling",
    }  # fmt: skip
    assert sum(row["primary"] for row in worth["comparisons"]) == 1
    assert all(row["n"] == 48 for row in worth["comparisons"])
    drawn, kept = (found["agreement"][side]["words"] for side in ("drawn", "kept"))
    assert drawn["people"] == 8
    assert set(drawn["labels"]) == set(planted.LABELS)
    # Few people's texts pass the filter of labels, which learnt from one or two of each label.
    assert "labels" in kept or "too few" in kept["refused"]
    assert found["privacy"]["disclosed"]["people"] == 8
    assert found["privacy"]["copied_drawn"]["held"]["n"] == 48
    assert found["fidelity"]["discrepancy"]["words"]["people"] == 8
    assert found["fidelity"]["classifier"]["words"]["of_train"]["people"] == 4  # half of them are asked about
    assert {row["label"] for row in found["fidelity"]["profile"]} == set(planted.LABELS)
    assert "48 real and" in found["variety"]["mauve"]
    said = (done.path / "training.log").read_text()
    assert "groups by label: 'disfluent' 4, 0 to 1 a fold; 'fluent' 4, 0 to 1 a fold" in said
    assert "the texts of 8 folds together" in said
    assert "(8 pairs of people)" in said.replace("\u00a0", " ")
    assert "warning" not in said
    before = {path: path.stat().st_mtime_ns for path in done.path.rglob("*.json*") if path.name != "events.jsonl"}
    assert job.run(recipe(8), until="judge").stages == done.stages
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_broken_off_while_folds_are_told_together_it_goes_on(study, monkeypatch):
    whole = job.run(recipe(4), name="whole", until="judge").path / "downstream"
    compare = downstream._compare

    def breaks(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(downstream, "_compare", breaks)
    with pytest.raises(KeyboardInterrupt):
        job.run(recipe(4), name="cut", until="judge")
    monkeypatch.setattr(downstream, "_compare", compare)
    path = job.run(recipe(4), name="cut", until="judge").path / "downstream"
    for name in ("utility", "agreement", "privacy", "fidelity", "variety"):
        assert (path / f"{name}.json").read_bytes() == (whole / f"{name}.json").read_bytes()


def test_a_fold_whose_model_wrote_nothing_of_a_label_ends_no_run(study, monkeypatch):
    path = job.run(recipe(4), until="generate").path
    kept = path / "folds" / "3" / "synthetic" / "kept.jsonl"
    files.write_lines(kept, [row for row in files.read_lines(kept) if row["target"] == "fluent"])
    monkeypatch.setattr(generation, "generate", lambda run, events: None)
    done = job.run(recipe(4), until="judge")
    assert done.stages[-1] == "judge"
    refused = files.read_json(path / "downstream" / "utility.json")
    assert refused == {"refused": "in fold 3 no synthetic text of 'disfluent' was kept"}
    assert files.read_json(path / "downstream" / "privacy.json")["disclosed"]["people"] == 8


def test_a_label_of_one_person_is_refused_before_anything_is_learnt(study):
    study(people=6, **{f"p-{number}": "fluent" for number in (1, 3)})
    with pytest.raises(DataError, match=r"'disfluent' is of one group .* groups: 1 of 'disfluent', 5 of 'fluent'"):
        job.run(recipe(3))
    assert not list(Path("runs").rglob("systems"))


def test_one_split_still_tests_every_label(study):
    rows = [row | {"split": "dev" if row["participant"] in ("p-0", "p-2") else "train"}
            for row in files.read_lines("study.jsonl")]  # fmt: skip
    files.write_lines("study.jsonl", rows)
    own = ("data.train_splits=[train]", "data.test_splits=[dev]")
    with pytest.raises(DataError, match="test has no text of 'disfluent'"):
        job.run(recipe(0, *own))
    assert job.run(recipe(4, *own), until="data").stages == ("data",)


def test_the_dry_run_counts_folds_by_label(written, capsys):
    assert cli.invoke(["run", "study.yaml", "--folds", "8", "--dry-run"]) == 0, capsys.readouterr().err
    out = capsys.readouterr().out
    assert "30 train, 12 validation, 6 test a fold" in out
    assert "8 trainings, one a fold" in out
    assert "480 of 2 labels to be kept" in out
    assert "warning" not in out
