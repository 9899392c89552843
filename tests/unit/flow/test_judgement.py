"""The judgement of a run's synthetic texts: every part written once, broken off and gone on with, refused, pooled."""

from __future__ import annotations

import json
import shutil
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import ValidationError

import planted
from tunewright.core import files, recipe_file
from tunewright.core.errors import DataError, MissingExtra, RunError
from tunewright.core.events import Events
from tunewright.core.recipe import Recipe
from tunewright.core.run import Run
from tunewright.evals import downstream as arms_of
from tunewright.flow import downstream, likeness, plan
from tunewright.flow.outcome import complete
from tunewright.report import augmentation
from tunewright.report.evidence import Evidence
from tunewright.report.html import page

OPTIONS = {
    "judge": True, "amounts": [0.5, 1.0], "ratios": [4.0], "seeds": 2, "pairs": 60, "drawn": 60, "permutations": 49,
    "classifiers": ["words"],
}  # fmt: skip


def recipe(**changes):
    evaluate = {"bootstrap_resamples": 100, "folds": changes.pop("folds", 0)}
    return Recipe.model_validate(
        {
            "name": "spoken",
            "task": {"name": "labelled_text"},
            "generate": {"per_label": 40},
            "evaluate": evaluate,
            "downstream": OPTIONS | changes,
        },
        strict=False,
    )


def test_a_judgement_without_texts_is_refused():
    with pytest.raises(ValidationError, match="there are no texts to judge"):
        Recipe.model_validate({"name": "spoken", "downstream": {"judge": True}})


def fill(path, seed=0, people=12):
    sides = {
        "train": planted.people(people, 6, seed=seed + 1),
        "validation": planted.people(4, 6, seed=seed + 2, side="validation"),
        "test": planted.people(8, 6, seed=seed + 3, side="test"),
    }
    for side, records in sides.items():
        files.write_lines(path / "data" / f"{side}.jsonl", (record.to_row() for record in records))
    made = planted.helpful(300, seed=seed + 4)
    for name, records in (("drawn", made), ("kept", made[:280])):
        files.write_lines(path / "synthetic" / f"{name}.jsonl", (record.to_row() for record in records))


@pytest.fixture
def run(tmp_path):
    path = tmp_path / "spoken"
    path.mkdir()
    fill(path)
    return Run(path, recipe())


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("once") / "spoken", recipe())
    run.path.mkdir()
    fill(run.path)
    judge(run)
    return run


@pytest.fixture(scope="module")
def finished_otherwise(tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("once") / "spoken", recipe(margin=0.2, permutations=29))
    run.path.mkdir()
    fill(run.path)
    judge(run)
    return run


@pytest.fixture
def judged(finished, tmp_path):
    """A run whose judgement is complete, for one test."""
    shutil.copytree(finished.path, tmp_path / "judged")
    return Run(tmp_path / "judged", finished.recipe)


def judge(run):
    with Events(run.path) as events:
        downstream.judge(run, events)
    return run.path / "downstream"


def log(run):
    return (run.path / "training.log").read_text()


def test_all_parts_are_written_and_said(judged):
    folder = judged.path / "downstream"
    assert sorted(path.name for path in folder.glob("*.json")) == [
        "agreement.json", "fidelity.json", "manifest.json", "privacy.json", "source.json", "utility.json", "variety.json",
    ]  # fmt: skip
    assert sorted(path.stem for path in (folder / "parts").iterdir()) == ["0.5-0", "0.5-1", "1-0", "1-1"]
    agreed = files.read_json(folder / "agreement.json")
    assert agreed["filtered"] is True
    assert agreed["kept"]["words"]["n"]["real"] < agreed["drawn"]["words"]["n"]["real"]  # both sides passed the filter
    assert agreed["kept"]["words"]["learnt"] == 36  # of 72: the filter of labels learns from the others
    found = files.read_json(folder / "utility.json")
    assert found["n"] == 48
    assert found["people"] == 8
    assert {cell["arm"] for cell in found["cells"] if cell["amount"] == 0.5} == {
        "real", "synthetic", "real + synthetic ×4", "real + oversampling", "real + edits", "real + ngrams",
        "real + ngrams of all",
    }  # fmt: skip
    assert sum(row["primary"] for row in found["comparisons"]) == 1
    assert found["left_out"] == []
    fidelity = files.read_json(folder / "fidelity.json")
    assert 0 <= fidelity["classifier"]["words"]["of_train"]["accuracy"] <= 1
    assert fidelity["discrepancy"]["words"]["of_train"]["n"] == fidelity["discrepancy"]["words"]["n"]
    said = log(judged)
    assert "With real texts of train in their place" in said
    assert "Named beforehand: With 12 people (72 texts)" in said
    assert "MAUVE is refused" in said
    assert "drawn texts" in said


def test_arms_without_texts_enough_are_named_by_what_was_added_and_warned_of(run):
    asked = Run(run.path, recipe(ratios=[4.0, 6.0], seeds=1))
    found = files.read_json(judge(asked) / "utility.json")
    arms = {amount: {cell["arm"] for cell in found["cells"] if cell["amount"] == amount} for amount in (0.5, 1.0)}
    assert {"real + synthetic ×4", "real + synthetic ×6"} <= arms[0.5]
    assert {name for name in arms[1.0] if "×" in name} == {"real + synthetic ×3.9"}
    assert found["left_out"] == ["real + synthetic ×6 at 1 (there are no more than ×3.9)"]
    html = shown(asked)[1]
    assert "real + synthetic ×6 at 1 (there are no more than ×3.9)" in html
    assert "With 12 people (72 texts), by words and pairs, real + synthetic ×3.9 against real" in log(asked)
    train = planted.people(12, 6, seed=1)
    (warning,) = downstream.scarce(recipe(ratios=[4.0, 1.0]), train)
    assert "up to 4 texts for each real one" in warning
    assert "about ×2.2 at 0.5, ×1.1 at 1 of train's people" in warning
    assert downstream.scarce(recipe(ratios=[1.0]), train) == []
    assert downstream.scarce(recipe(judge=False), train) == []
    with Events(run.path) as events:
        downstream.foretell(run, events)
        assert log(run).count("warning: downstream.ratios") == 1
        downstream.foretell(asked, events)  # what was judged needs no warning
        assert log(run).count("warning: downstream.ratios") == 1


def test_the_dry_run_warns_of_them_too():
    asked = recipe_file.read("speech-augmentation", ("data.sample=true", "generate.per_label=10"), environment={})
    warnings = plan._data(asked, None, None)[4]
    assert any("generate.per_label=10 gives about" in warning for warning in warnings)


def test_what_learns_is_asked_for_before_the_run(monkeypatch):
    downstream.check(recipe())
    monkeypatch.setitem(sys.modules, "sklearn", None)
    downstream.check(recipe(judge=False))
    with pytest.raises(MissingExtra):
        downstream.check(recipe())


def test_off_unless_asked(run):
    off = Run(run.path, recipe(judge=False))
    assert not judge(off).exists()


def test_a_finished_judgement_stands_and_another_source_is_judged_anew(judged):
    folder = judged.path / "downstream"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    judge(judged)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    fill(judged.path, seed=50)
    old = (folder / "utility.json").read_bytes()
    judge(judged)
    assert (folder / "utility.json").read_bytes() != old
    assert "judged anew" in log(judged)


@pytest.mark.parametrize("dies_at", [None, "manifest.json", "rest", "fidelity"])
def test_other_options_are_judged_anew_in_the_same_run_wherever_that_dies(
    judged, finished_otherwise, monkeypatch, dies_at
):
    expected = {path.name: path.read_bytes() for path in (finished_otherwise.path / "downstream").rglob("*.json*")}
    asked = Run(judged.path, finished_otherwise.recipe)
    assert complete(judged, "judge")
    assert not complete(asked, "judge")
    breaking = {
        "manifest.json": (Path, "unlink"),
        "rest": (downstream.shutil, "rmtree"),
        "fidelity": (downstream.files, "write_json"),
    }
    if dies_at is not None:
        where, name = breaking[dies_at]
        works = getattr(where, name)

        def breaks(path, *given, **more):
            if dies_at != "fidelity" or path.name == "fidelity.json":
                if dies_at == "manifest.json":
                    works(path, *given, **more)
                if dies_at == "rest":
                    (Path(path) / "utility.json").unlink()
                raise KeyboardInterrupt
            return works(path, *given, **more)

        with monkeypatch.context() as patch:
            patch.setattr(where, name, breaks)
            with pytest.raises(KeyboardInterrupt):
                judge(asked)
        assert not complete(judged, "judge")
        assert not complete(asked, "judge")
    judge(asked)
    assert {path.name: path.read_bytes() for path in (judged.path / "downstream").rglob("*.json*")} == expected
    assert "downstream.permutations 49 → 29; downstream.margin 0.05 → 0.2: it is judged anew" in log(asked)
    assert complete(asked, "judge")
    assert not complete(judged, "judge")


def test_broken_off_it_goes_on_to_the_same_result(judged, run, monkeypatch):
    expected = {path.name: path.read_bytes() for path in (judged.path / "downstream").rglob("*.json*")}
    answers, count = arms_of.answers, []

    def breaks(*given):
        count.append(given)
        if len(count) == 3:
            raise KeyboardInterrupt
        return answers(*given)

    monkeypatch.setattr(arms_of, "answers", breaks)
    with pytest.raises(KeyboardInterrupt):
        judge(run)
    folder = run.path / "downstream"
    assert not (folder / "manifest.json").exists()
    stood = {path: path.stat().st_mtime_ns for path in folder.rglob("*.json*")}
    assert len(list((folder / "parts").iterdir())) == 2
    monkeypatch.setattr(arms_of, "answers", answers)
    judge(run)
    assert all(path.stat().st_mtime_ns == time for path, time in stood.items())
    assert {path.name: path.read_bytes() for path in folder.rglob("*.json*")} == expected


def test_leaks_and_missing_texts_are_refused(run):
    kept = run.path / "synthetic" / "kept.jsonl"
    rows = list(files.read_lines(kept))
    test = run.path / "data" / "test.jsonl"
    real = list(files.read_lines(test))
    files.write_lines(test, [*real, rows[0]])
    with pytest.raises(DataError, match="synthetic records stand in test"):
        judge(run)
    files.write_lines(test, real)
    files.write_lines(kept, [*rows, {**rows[0], "provenance": {}}])
    with pytest.raises(DataError, match="do not say"):
        judge(run)
    files.write_lines(kept, rows)
    files.write_lines(test, [])
    with pytest.raises(DataError, match="no real text is left"):
        judge(run)
    kept.unlink()
    with pytest.raises(RunError, match="no texts to judge"):
        judge(run)
    assert not (run.path / "downstream").exists()


def test_what_was_made_for_training_is_no_real_text(judged, run):
    train = run.path / "data" / "train.jsonl"
    rows = list(files.read_lines(train))
    made = [{**row, "id": f"made-{i}", "provenance": {"made": row["id"]}} for i, row in enumerate(rows[:9])]
    files.write_lines(train, [*rows, *made])
    folder = judge(run)
    assert "9 records of train were made of others" in log(run)
    assert files.read_json(folder / "utility.json") == files.read_json(judged.path / "downstream" / "utility.json")


def test_what_too_few_people_cannot_tell_is_refused_and_the_rest_is_told(tmp_path):
    run = Run(tmp_path / "few", recipe(amounts=[0.1, 1.0], seeds=1))
    run.path.mkdir()
    fill(run.path, people=3)
    rows = [row for row in files.read_lines(run.path / "data" / "validation.jsonl") if row["group"] == "validation-0"]
    files.write_lines(run.path / "data" / "validation.jsonl", rows)
    labels = {"train-0": "fluent", "train-2": "disfluent"}  # nobody alone has both
    train = list(files.read_lines(run.path / "data" / "train.jsonl"))
    rows = [{**row, "target": labels[row["group"]]} for row in train if row["group"] in labels]
    files.write_lines(run.path / "data" / "train.jsonl", rows)
    folder = judge(run)
    assert "needs 4 people" in files.read_json(folder / "privacy.json")["disclosed"]["refused"]
    found = files.read_json(folder / "utility.json")
    assert found["comparisons"]
    assert found["left_out"] == ["all at 0.1 (too few people)"]
    assert "not measured" in log(run)


def test_a_model_that_wrote_nothing_worth_keeping_does_not_end_the_run(run):
    kept = run.path / "synthetic" / "kept.jsonl"
    rows = list(files.read_lines(kept))
    files.write_lines(kept, [])
    folder = judge(run)
    assert files.read_json(folder / "utility.json") == {"refused": "no synthetic text was kept"}
    assert "What they are worth: not measured, for no synthetic text was kept." in log(run)
    assert files.read_json(folder / "agreement.json")["drawn"]["words"]["verdict"]  # what was drawn is judged
    assert "no synthetic text to ask about" in str(files.read_json(folder / "agreement.json")["kept"])
    assert complete(run, "judge")
    assert "no synthetic text was kept" in shown(run)[1]
    stamp = (folder / "privacy.json").stat().st_mtime_ns
    judge(run)
    assert (folder / "privacy.json").stat().st_mtime_ns == stamp
    files.write_lines(kept, [row for row in rows if row["target"] == "fluent"][:1])
    folder = judge(run)
    assert files.read_json(folder / "utility.json") == {"refused": "no synthetic text of 'disfluent' was kept"}
    assert "What they are worth: not measured, for no synthetic text of 'disfluent' was kept." in log(run)
    assert (folder / "manifest.json").is_file()
    found, html = shown(run)
    assert found["tables"] == []
    assert "not measured" in html


def test_nothing_drawn_at_all_is_judged_too(run):
    for name in ("drawn", "kept"):
        files.write_lines(run.path / "synthetic" / f"{name}.jsonl", [])
    folder = judge(run)
    assert files.read_json(folder / "privacy.json")["disclosed"] == {"refused": "no drawn text has a word"}
    assert complete(run, "judge")


def test_a_fold_that_kept_nothing_leaves_a_judgement_that_says_so(tmp_path):
    run = Run(tmp_path / "dealt", recipe(folds=2, amounts=[1.0], seeds=1))
    for number, fold in enumerate(run.folds):
        (fold / "data").mkdir(parents=True)
        fill(fold, seed=100 * number)
    files.write_lines(run.folds[1] / "synthetic" / "kept.jsonl", [])
    folder = judge(run)
    assert files.read_json(folder / "utility.json") == {"refused": "in fold 2 no synthetic text was kept"}
    assert complete(run, "judge")
    assert run.manifest("downstream") == {"drawn": 600, "kept": 280}


def test_who_hears_the_same_people_learns_once(run, monkeypatch):
    learnt = []
    learn = arms_of.classifiers.learn
    monkeypatch.setattr(arms_of.classifiers, "learn", lambda *given: learnt.append(given[0]) or learn(*given))
    asked = Run(run.path, recipe(classifiers=["words", "disfluency"]))
    texts = likeness.Texts(asked)
    found = likeness.PARTS["agreement"](asked, [texts], arms_of.Texts())
    assert sorted(learnt) == ["disfluency", "disfluency", "words", "words"]  # kept texts: of the filter's other half
    learnt.clear()
    options = asked.recipe.generate.filters.model_copy(update={"use": ("broken",)})
    generate = asked.recipe.generate.model_copy(update={"filters": options})
    plain = Run(run.path, asked.recipe.model_copy(update={"generate": generate}))
    other = likeness.PARTS["agreement"](plain, [texts], arms_of.Texts())
    assert sorted(learnt) == ["disfluency", "words"]
    assert other["drawn"] == found["drawn"]
    assert other["kept"]["words"]["learnt"] == 72


def test_folds_are_judged_each_and_their_answers_together(tmp_path):
    run = Run(tmp_path / "dealt", recipe(folds=2, amounts=[1.0]))
    for number, fold in enumerate(run.folds):
        (fold / "data").mkdir(parents=True)
        fill(fold, seed=100 * number)
        tested = list(files.read_lines(fold / "data" / "test.jsonl"))
        renamed = [{**row, "id": f"{number}-{row['id']}", "group": f"{number}-{row['group']}"} for row in tested]
        files.write_lines(fold / "data" / "test.jsonl", renamed)
    folder = judge(run)
    found = files.read_json(folder / "utility.json")
    assert found["folds"] == 2
    assert found["n"] == 96
    assert found["people"] == 16
    assert (run.folds[0] / "downstream" / "manifest.json").is_file()
    assert run.manifest("downstream") == {"drawn": 600, "kept": 560}
    stamp = (folder / "utility.json").stat().st_mtime_ns
    judge(run)
    assert (folder / "utility.json").stat().st_mtime_ns == stamp
    assert complete(run, "judge")
    other = Run(run.path, recipe(folds=2, amounts=[1.0], margin=0.2))
    assert not complete(other, "judge")
    judge(other)
    assert complete(other, "judge")
    assert files.read_json(folder / "agreement.json")["drawn"]["words"]["margin"] == 0.2


# ---------------------------------------------------------------- the page


def shown(run):
    found = augmentation.augmentation(Evidence(run.path, run.name))
    return found, page("augmentation.html", {"augmentation": found, "arms": augmentation.legend(), "level": "95 %"})


def test_the_page_shows_every_arm_and_says_what_the_numbers_say(judged, run):
    assert augmentation.augmentation(Evidence(run.path, run.name)) is None
    folder = judged.path / "downstream"
    found, html = shown(judged)
    utility = files.read_json(folder / "utility.json")
    assert len(found["tables"]) == 2
    assert found["tables"][1]["rows"][0]["name"] == "real"
    assert html.count("<tr") > len(utility["cells"]) + len(utility["comparisons"])
    assert "named beforehand" in html
    assert "given these people of train and this generator" in html
    assert "<script" not in html
    main = next(row for row in utility["comparisons"] if row["primary"])
    sentence = found["sentences"]["utility"][0]
    assert ("a gain is shown" in sentence) == (main["verdict"] == "better")


def row_with(low, high, verdict):
    return {
        "amount": 1.0, "classifier": "words", "a": "real", "b": "real + synthetic ×1", "difference": (low + high) / 2,
        "low": low, "high": high, "p_holm": 0.5 if low < 0 < high else 0.001, "verdict": verdict,
        "minimum_detectable_effect": 0.04, "primary": True,
    }  # fmt: skip


def test_sentences_follow_from_the_interval():
    found = {"level": 0.95, "cells": [], "chief": "real + synthetic ×1"}
    none = augmentation.verdict(row_with(-0.01, 0.03, "no difference shown"), found)
    assert "no difference shown; a gain above 3.0 is ruled out at 95 %" in none.replace("\u00a0", " ")
    assert "gain is shown" not in none
    given = ", given these people of train and this generator."
    assert given in none
    assert given in augmentation.verdict(row_with(0.01, 0.03, "better"), found)
    assert given not in augmentation.verdict(row_with(0.01, 0.03, "better") | {"amount": 0.5}, found)
    assert "ruled out" not in augmentation.verdict(row_with(-0.03, 0.0, "no difference shown"), found)
    alone = augmentation.verdict(row_with(0.01, 0.03, "no difference shown") | {"p_holm": 0.2}, found)
    assert "p\u00a0=\u00a00.20 after Holm’s correction: no difference shown" in alone
    assert "ruled out" not in alone
    assert "a gain is shown" in augmentation.verdict(row_with(0.01, 0.03, "better"), found)
    assert "a loss is shown" in augmentation.verdict(row_with(-0.03, -0.01, "worse"), found)


@pytest.mark.parametrize(("low", "said"), [(0.48, "nothing is shown to be given away"), (0.52, "give away whom")])
def test_disclosure_is_said_where_its_interval_is_above_half(low, said):
    one = {"share": 0.55, "low": low, "high": 0.6, "p": 0.01, "n": 100, "people": 8}
    assert said in " ".join(augmentation.told("privacy", {"disclosed": one}))


def test_damaged_and_half_written_judgements_are_shown_as_far_as_they_go(judged):
    folder = judged.path / "downstream"
    for name, other in pairwise(["utility", "fidelity", "privacy", "variety", "agreement"]):
        (folder / f"{name}.json").unlink()
        (folder / f"{other}.json").write_text(json.dumps({"level": 0.95}))
        found, html = shown(judged)
        assert found["sentences"][name] == found["sentences"][other] == []
        assert "What they are worth" not in html
