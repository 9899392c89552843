"""Texts by label in miniature, on Wren: learnt, written, filtered, told; leaks refused before anything is learnt."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from stand_ins import Ears
from tunewright import api, cli
from tunewright.core import files
from tunewright.core.run import Run
from tunewright.flow import generation

STAGES = ("data", "train", "generate", "judge", "evaluate", "compare", "report")


def test_the_recipe_in_miniature(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("TUNEWRIGHT_DATA", raising=False)
    line = ["run", "speech-augmentation", "--quick", "--sample", "--runs", str(tmp_path)]
    # After six steps hardly a text carries its label; all other filters are in use.
    line += ["--set", "generate.per_label=20", "--set", "generate.filters.use=[broken, length, copies, duplicates]"]
    assert cli.invoke(line) == 0, capsys.readouterr().err
    said = capsys.readouterr()
    folder = tmp_path / "speech-augmentation"
    done = api.outcome(folder)
    assert done.stages == STAGES
    assert done.cells == {}  # no answer is right or wrong
    change = done.likelihood["change"]["answers"]
    assert change["after"] < change["before"]
    assert set(done.texts) == {"fluent", "disfluent"}
    assert "Texts that the tuned model wrote" in said.out
    assert "bits per byte" in said.out

    rows = {name: list(files.read_lines(folder / "synthetic" / f"{name}.jsonl")) for name in ("drawn", "kept")}
    assert len(rows["drawn"]) == 64
    assert rows["kept"]
    weights = files.sha256(folder / "systems" / "tuned" / "model" / "model.safetensors")
    assert {row["provenance"]["adapter"] for row in rows["drawn"]} == {weights}
    assert Counter(row["target"] for row in rows["kept"]) == {
        label: row["kept"] for label, row in done.texts.items() if row["kept"]
    }
    sides = {
        side: {row["group"] for row in files.read_lines(folder / "data" / f"{side}.jsonl")}
        for side in ("train", "validation", "test")
    }
    assert sum(map(len, sides.values())) == len(set().union(*sides.values()))  # no participant on two sides

    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Texts it wrote" in page
    assert "What they are worth" in page
    head = page.partition("</header>")[0]
    assert "Named beforehand" in head  # what the texts are worth stands on top
    worth = files.read_json(folder / "downstream" / "utility.json")
    assert {"real", "real + oversampling", "real + edits", "real + ngrams"} <= {cell["arm"] for cell in worth["cells"]}
    assert "has no scores on the test documents" not in page
    card = (folder / "systems" / "tuned" / "model" / "README.md").read_text(encoding="utf-8")
    assert "## Texts it wrote" in card
    assert "never for validation or test" in card
    assert "Texts it wrote" not in str(done.to_row())
    json.dumps(done.to_row())

    # Judged by other options, in the same run: nothing is learnt or written again, and the page follows.
    made = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.parent.name in ("model", "synthetic")}
    other = ["--set", "downstream.ratios=[0.5]", "--set", "downstream.seeds=1"]
    assert cli.invoke(["run", str(folder), *other]) == 0
    assert "downstream.seeds 2 → 1: it is judged anew" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in made} == made
    assert [path.name for path in tmp_path.iterdir()] == ["speech-augmentation"]
    assert Run.open(folder).recipe.downstream.seeds == 1
    assert api.outcome(folder).stages == STAGES
    assert files.read_json(folder / "downstream" / "utility.json") != worth
    assert (folder / "report.html").read_text(encoding="utf-8") != page
    stamp = (folder / "report.html").stat().st_mtime_ns
    assert cli.invoke([*line, *other]) == 0  # by its recipe, the same run
    assert (folder / "report.html").stat().st_mtime_ns == stamp
    capsys.readouterr()

    # The same texts come when a start is killed, with the model itself.
    before = {path.name: path.read_bytes() for path in (folder / "synthetic").glob("*.jsonl")}
    drawn = before["drawn.jsonl"].splitlines(keepends=True)
    for path in (folder / "synthetic").iterdir():
        path.unlink()
    (folder / "synthetic" / "drawn.part.jsonl").write_bytes(b"".join(drawn[:40])[:-9])
    ears = Ears()
    generation.generate(Run.open(folder), ears)
    assert {path.name: path.read_bytes() for path in (folder / "synthetic").glob("*.jsonl")} == before
    assert "goes on after 32 texts" in ears.said


def turns(tmp_path, *changed: dict) -> str:
    """A file of labelled turns of six participants, train and test apart, with some rows changed."""
    rows = [
        {"id": f"{who}-{turn}", "text": f"turn {turn} of {who} {label} " + "well " * turn, "label": label,
         "participant": who, "split": "test" if who in ("p5", "p6") else "train"}
        for who in ("p1", "p2", "p3", "p4", "p5", "p6") for turn in range(1, 5) for label in (("a", "b")[turn % 2],)
    ]  # fmt: skip
    by_id = {row["id"]: row for row in rows}
    for change in changed:
        by_id[change["id"]].update(change)
    files.write_lines(tmp_path / "turns.jsonl", rows)
    return str(tmp_path / "turns.jsonl")


@pytest.mark.parametrize(
    ("changed", "sets", "says"),
    [
        ([{"id": "p1-1", "participant": "p5"}], [], "'p5' (4 in test, 1 in train)"),
        ([{"id": "p5-1", "synthetic": True}], [], "synthetic records stand in test, which must be real: p5-1"),
        (
            [{"id": f"{who}-{turn}", "label": "a"} for who in ("p5", "p6") for turn in (1, 3)],
            [],
            "test has no text of 'b'",
        ),
        ([], ["task.roles={a: [x], c: [y]}"], "task.roles names 'c'"),
        ([], ["task.roles={a: [x]}"], "no role for 'b'"),
    ],
)
def test_leaks_and_labels_that_do_not_fit_are_refused_before_training(tmp_path, capsys, changed, sets, says):
    page = "name: own\ntask: {name: labelled_text}\ndata: {crossing_groups: refuse, validation_documents: 0}\n"
    page += "generate: {per_label: 5}\nevaluate: {systems: [base, tuned]}\n"
    (tmp_path / "own.yaml").write_text(page, encoding="utf-8")
    line = ["run", str(tmp_path / "own.yaml"), "--runs", str(tmp_path / "runs")]
    for one in (f"data.source={turns(tmp_path, *changed)}", *sets):
        line += ["--set", one]
    assert cli.invoke(line) == 1
    assert says in capsys.readouterr().err
    assert not (tmp_path / "runs" / "own" / "systems").exists()
    assert not (tmp_path / "runs" / "own" / "data" / "train.jsonl").exists()


def test_the_dry_run_refuses_labels_that_do_not_fit(tmp_path, capsys):
    line = ["run", "speech-augmentation", "--sample", "--dry-run", "--runs", str(tmp_path)]
    assert cli.invoke([*line, "--set", "task.roles={fluent: [x], disfluid: [y]}"]) == 1
    assert "task.roles names 'disfluid'" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["tune", "benchmark"])
def test_what_needs_scores_is_refused_where_no_answer_has_one(verb, tmp_path, capsys):
    assert cli.invoke([verb, "speech-augmentation", "--quick", "--sample", "--runs", str(tmp_path)]) == 2
    assert "have no right one" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
