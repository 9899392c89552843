"""The data stage of papers: documents cut to a budget, the exam of title pages, and the same reading in use."""

from __future__ import annotations

import pytest

from tunewright.core import files
from tunewright.core.errors import DataError
from tunewright.core.events import Events
from tunewright.core.recipe import AugmentOptions, DataOptions, DecodeOptions, EvaluateOptions, Recipe, TaskOptions
from tunewright.core.run import Run
from tunewright.data.read import read
from tunewright.flow import examine, prepare, prepared, use
from tunewright.models.load import chat_of


def filled(folder, *, budget=None, exams=("title-pages",), **data):
    recipe = Recipe(
        name="papers",
        data=DataOptions(
            source="oa_papers",
            sample=True,
            test_splits=("dev",),
            validation_documents=2,
            clean_pages=True,
            max_document_tokens=budget,
            keep_lines=("doi",),
            **data,
        ),
        evaluate=EvaluateOptions(exams=exams),
    )
    job = Run.create(folder / "runs", recipe)
    with Events(job.path) as events:
        prepare.prepare(job, events)
    return job, (job.path / "training.log").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return filled(tmp_path_factory.mktemp("plain"), conversations="llama-3")


def test_the_exam_is_tests_papers_with_other_title_pages(plain):
    job, said = plain
    test, exam = prepared.records(job, "test"), prepared.records(job, "title-pages")
    assert [record.id for record in exam] == [record.id for record in test]
    assert all(one.text != other.text for one, other in zip(exam, test, strict=True))
    assert "exam 'title-pages': 4 documents of test with their title pages set otherwise" in said
    assert {record.split for record in exam} == {"test"}
    assert prepared.records(filled(job.path / "again")[0], "title-pages") == exam  # seeded
    with Events(job.path) as events:
        assert examine.take(job, events) == ["title-pages"]


def test_a_kill_before_the_data_is_finished_loses_no_exam(tmp_path, monkeypatch, plain):
    made = []

    def killed(*args):
        made.append(examine_make(*args))
        raise KeyboardInterrupt

    examine_make = examine.make
    monkeypatch.setattr(examine, "make", killed)
    with pytest.raises(KeyboardInterrupt):
        filled(tmp_path)
    monkeypatch.undo()
    [folder] = (tmp_path / "runs").iterdir()
    job = Run.open(folder)
    assert not job.done("data")
    with Events(job.path) as events:
        prepare.prepare(job, events)
        assert examine.take(job, events) == ["title-pages"]
    assert prepared.records(job, "title-pages") == prepared.records(plain[0], "title-pages")
    assert prepared.records(job, "train") == prepared.records(plain[0], "train")


def test_conversations_of_the_run_are_read_back_to_its_examples(plain):
    job, _ = plain
    spoken = prepared.make_task(TaskOptions.model_validate({"name": "conversation"}), {})
    for split in prepared.SPLITS:
        found = list(read(job.path / "data" / f"{split}_conversations.json"))
        examples = [prepared.task_of(job).example(record) for record in prepared.records(job, split)]
        assert [spoken.example(record).messages for record in found] == [one.messages for one in examples]
        assert [spoken.example(record).completion for record in found] == [one.completion for one in examples]


def test_more_of_train_are_title_pages_and_heads_by_themselves(tmp_path):
    job, said = filled(tmp_path, augment=AugmentOptions(copies=4, ways={"front": 1, "head": 1}))
    task, train = prepared.task_of(job), prepared.records(job, "train")
    heads = [record for record in train if (record.provenance.get("made") or {}).get("by") == "head"]
    assert f" front, {len(heads)} head)" in said
    assert "do not go with" not in said
    assert heads
    for record in heads:
        example = task.example(record)
        assert example.messages[0]["content"].endswith("\nid, title, authors: [], doi")
        assert "abstract" not in example.schema["properties"]


def test_without_being_asked_nothing_of_it_is_written(tmp_path):
    job, said = filled(tmp_path, exams=())
    assert not list(job.path.glob("data/*_conversations.json"))
    assert not list(job.path.glob("exams/*"))
    assert "were cut" not in said
    assert job.manifest("data")["cut"] == {}


def test_documents_over_the_budget_are_cut_and_counted(tmp_path):
    job, said = filled(tmp_path, budget=330)
    places = chat_of("wren").places
    parts = {name: prepared.records(job, name) for name in (*prepared.SPLITS, "title-pages")}
    assert all(len(places(record.text)) <= 330 for part in parts.values() for record in part)
    whole = filled(tmp_path / "whole")[0]
    assert len(parts["test"]) == len(prepared.records(whole, "test"))  # those of test stay, and count
    assert len(parts["train"]) + len(parts["validation"]) < 10
    assert "no longer say all of their answer and are left out" in said
    assert "no longer say all of their answer and stay, and count" in said
    cut = job.manifest("data")["cut"]
    assert cut["test"]["documents"] == sum("cut" in record.provenance for record in parts["test"]) > 0
    assert cut["test"]["tokens"] == sum(record.provenance.get("cut", 0) for record in parts["test"])
    for name in prepared.LEARNT:
        for record in parts[name]:
            assert " ".join(record.target["abstract"].split()) in " ".join(record.text.split())


def test_a_budget_that_cuts_every_answer_is_an_error_that_says_so(tmp_path):
    with pytest.raises(DataError, match="cut before their answers end") as caught:
        filled(tmp_path, budget=60, exams=())
    assert caught.value.hint == "raise data.max_document_tokens"


def test_a_model_reads_documents_as_it_was_trained(tmp_path):
    job, _ = filled(tmp_path, budget=330, exams=())
    prepared.describe_task(job, tmp_path)
    brought = files.read_json(tmp_path / prepared.TASK)
    assert brought["reading"] == {"clean_pages": True, "max_document_tokens": 330, "keep_lines": ["doi"]}
    decode = job.recipe.decode
    assert brought["decode"] == {"max_new_tokens": decode.max_new_tokens, "candidates": decode.candidates}

    class Loaded:
        chat = chat_of("wren")

    model = use.Model(Loaded(), None, DecodeOptions.model_validate({}), "x", {}, reading=brought["reading"])
    text = "A title of the pa-\nper\n" + " ".join(["word"] * 500) + "\ndoi:10.5555/x\nend"
    shown, back = model.read(text)
    assert shown.startswith("A title of the paper\nword")
    assert shown.endswith("doi:10.5555/x")
    assert len(Loaded.chat.places(shown)) <= 330
    for value, stood in (("paper", "pa-\nper"), ("10.5555/x", "10.5555/x")):
        start = shown.index(value)
        assert text[slice(*back(start, start + len(value)))] == stood
    plain = use.Model(Loaded(), None, DecodeOptions.model_validate({}), "x", {})
    assert plain.read(text)[0] == text
