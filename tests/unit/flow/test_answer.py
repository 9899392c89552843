"""What evaluation says of itself."""

from __future__ import annotations

import json
from types import SimpleNamespace

from tunewright.core.recipe import HostedOptions, Recipe, TrainOptions
from tunewright.core.records import Example, Prediction, Record
from tunewright.data import leakage
from tunewright.flow import answer
from tunewright.models import embedded, load

WORDS = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen " * 2


class Ears:
    def __init__(self):
        self.said, self.rows = [], []

    def say(self, text):
        self.said.append(text)

    def add(self, stage, event, **values):
        self.rows.append((event, values))


def test_test_text_that_the_base_was_pretrained_on_is_warned_of(tmp_path, monkeypatch):
    leakage.write_manifest([f"before {WORDS} after"], tmp_path / "pretraining.manifest")
    monkeypatch.setattr(embedded, "is_embedded", lambda name: name == "wren")
    monkeypatch.setattr(load, "locate", lambda name: tmp_path)
    monkeypatch.setattr(answer, "exams", lambda job: ["exam"])
    found = [Record("seen", WORDS), Record("other", "nothing of this was ever shown to anybody at all, said the clerk")]
    monkeypatch.setattr(answer.prepared, "records", lambda job, on: found if on == answer.TEST else found[1:])

    class Job:
        class recipe:
            model = "wren"
            hosted = HostedOptions()

    ears = Ears()
    answer.warn_of_overlap(Job, ears)
    assert ears.said == ["warning: at least 1 of 2 documents of test share text with what wren was pretrained on"]
    assert [(values["on"], values["hits"]) for _, values in ears.rows] == [("test", 1), ("exam", 0)]
    Job.recipe.model = "somebody/else"
    answer.warn_of_overlap(Job, ears)
    assert len(ears.rows) == 2


def test_cut_documents_are_counted_on_the_screen_and_in_their_rows(tmp_path, monkeypatch):
    def told(cuts, folder):
        asked = [Example(Record(str(n), "text"), ()) for n in range(len(cuts))]
        monkeypatch.setattr(answer, "examples", lambda job, cell: asked)
        system = SimpleNamespace(predict=lambda part: (Prediction(one.id, "x", cut=cuts[int(one.id)]) for one in part))
        models = SimpleNamespace(system=lambda cell: system, cost=lambda cell: {})
        job = SimpleNamespace(recipe=Recipe(name="x", train=TrainOptions(over_length="truncate_head")))
        ears = Ears()
        ears.progress = None
        cell = answer.Cell(tmp_path / folder, "tuned", "free")
        answer.write_answers(job, cell, models, ears)
        rows = [json.loads(line) for line in cell.predictions.read_text().splitlines()]
        return ears.said, [row.get("cut") for row in rows]

    said, rows = told([0, 7, 300], "some")
    assert said == ["tuned/free on test: 2 documents were too long and were cut (train.over_length: truncate_head)"]
    assert rows == [None, 7, 300]
    assert told([0, 0], "none") == ([], [None, None])
