"""A model on one's own documents: which model, which documents, which schema wins, what cannot be read."""

from __future__ import annotations

import io
import json
import sys
from types import SimpleNamespace

import pytest

import tiny_models
from tunewright import api
from tunewright.core import files
from tunewright.core.errors import DataError, ModelError, RunError, UsageError
from tunewright.core.recipe import DecodeOptions, Recipe, TaskOptions, TrainOptions
from tunewright.core.records import Prediction, Record, Span
from tunewright.core.run import Run
from tunewright.flow import prepared, use

SCHEMA = {"type": "object", "properties": {"city": {"type": ["string", "null"]}}, "required": ["city"]}


def texts(found):
    return [(each.id, each.text) if isinstance(each, Record) else (each.id, each.reason) for each in found]


@pytest.fixture
def inbox(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inbox" / "sub").mkdir(parents=True)
    (tmp_path / "inbox" / "a.txt").write_text("नमस्ते Delhi  \r\n", encoding="utf-8")
    (tmp_path / "inbox" / "b.md").write_text(" \n")
    (tmp_path / "inbox" / "c.txt").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "inbox" / "scan.png").write_bytes(b"\x89PNG")
    (tmp_path / "inbox" / ".hidden").write_text("no")
    (tmp_path / "inbox" / "sub" / "rows.jsonl").write_text('{"id": "r1", "text": "Pune"}\n{"text": 5}\n')
    return tmp_path


def test_documents_of_a_folder_come_in_order_and_what_is_bad_is_named(inbox):
    said = []
    assert texts(use.documents(["inbox"], said.append)) == [
        ("inbox/a.txt", "नमस्ते Delhi  \r\n"),
        ("inbox/b.md", "is empty"),
        ("inbox/c.txt", "is not UTF-8 text (byte 0)"),
        ("r1", "Pune"),
        ("inbox/sub/rows.jsonl:2", "text is a number, not a string"),
    ]
    assert said == ["1 files of inbox are no text or data files and are left out"]


def test_a_file_of_any_name_is_a_document_and_a_dash_is_stdin(inbox, monkeypatch):
    (inbox / "letter").write_text("Agra")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO("राम\n".encode())))
    assert texts(use.documents(["letter", "-"])) == [("letter", "Agra"), ("-", "राम\n")]


def test_paths_that_are_not_there_answer_with_the_near_name(inbox):
    (inbox / "letter.txt").write_text("Agra")
    with pytest.raises(DataError) as caught:
        list(use.documents(["leter.txt"]))
    assert caught.value.hint == "did you mean 'letter.txt'?"
    (inbox / "empty").mkdir()
    with pytest.raises(DataError, match="no documents"):
        list(use.documents(["empty"]))


@pytest.fixture
def replying(monkeypatch):
    """decode.extract that answers "<type> of <text>" where the document speaks of the type, else nothing."""
    asked = []

    def extract(loaded, task, records, *, decoding, options):
        for record in records:
            asked.append((record.id, record.doc_type, decoding))
            sure = record.doc_type is None or record.doc_type in record.text
            value = {"kind": record.doc_type or "none", "other": None} if sure else {"kind": None, "other": None}
            spans = (Span("kind", 0, 1),) if sure else ()
            confidence = {"kind": 0.9} if sure else {}
            prediction = Prediction(record.id, json.dumps(value), value, spans=spans, confidence=confidence)
            yield SimpleNamespace(prediction=prediction, repaired=())

    monkeypatch.setitem(sys.modules, "tunewright.decode.extract", SimpleNamespace(extract=extract))
    return asked


def model(*types: str) -> use.Model:
    schemas = dict.fromkeys(types, SCHEMA)
    task = prepared.make_task(TaskOptions.model_validate({}), schemas)
    return use.Model(None, task, DecodeOptions.model_validate({}), "a model", schemas)


def test_the_schema_that_fits_best_is_found_and_a_named_one_is_taken(replying):
    documents = [Record("1", "a receipt"), Record("2", "an invoice"), Record("3", "a receipt", doc_type="invoice")]
    found = list(model("invoice", "receipt").answers(documents))
    assert [(each.id, each.doc_type) for each in found] == [("1", "receipt"), ("2", "invoice"), ("3", "invoice")]
    assert len(replying) == 5
    row = found[0].to_row()
    assert row == {
        "id": "1",
        "value": {"kind": "receipt", "other": None},
        "doc_type": "receipt",
        "spans": {"kind": [0, 1]},
        "confidence": {"kind": 0.9},
    }
    with pytest.raises(UsageError) as caught:
        model("invoice", "receipt").extract("x", doc_type="invoise")
    assert caught.value.hint == "did you mean 'invoice'?"


PLAYS = {"type": "object", "properties": {"intent": {"enum": ["play", "ask"]}, "what": {"type": "string"}}}


@pytest.mark.parametrize(
    ("value", "places", "sure", "rank"),
    [
        ({"intent": "play", "what": "jazz"}, {"what"}, {"intent": 0.9, "what": 0.7}, (1.0, 0.8)),
        ({"intent": "play", "what": "rock"}, set(), {"intent": 0.9, "what": 0.7}, (0.0, 0.9)),
        ({"intent": "ask"}, set(), {"intent": 0.6}, (1.0, 0.6)),
        ({"intent": None, "what": None}, set(), {}, (0.0, 0.0)),
        ({}, set(), {}, (0.0, 0.0)),
        (None, set(), {}, (0.0, 0.0)),
    ],
)
def test_what_a_schema_gives_a_choice_of_is_not_looked_for_in_the_text(value, places, sure, rank):
    found = use.Found("a", value, spans=dict.fromkeys(places, (0, 1)), confidence=sure)
    assert use._fullness(found, PLAYS) == pytest.approx(rank)


def test_a_model_that_answers_in_text_is_held_to_no_schema():
    task = prepared.make_task(TaskOptions.model_validate({"name": "question_answering"}), {})
    asked = use.Model(None, task, DecodeOptions.model_validate({}), "runs/medical-qa", {})
    with pytest.raises(UsageError, match="runs/medical-qa answers in text"):
        asked.json("What is gout?")
    with pytest.raises(UsageError, match="answers in text"):
        asked.asked(None, SCHEMA)
    assert asked.asked("Answer.", None).task.options.instruction == "Answer."


def test_a_row_of_an_unknown_type_does_not_stop_the_others(replying):
    rows = [Record("1", "a receipt"), Record("2", "x", doc_type="memo"), Record("3", "an invoice", doc_type="invoice")]
    found = list(model("invoice", "receipt").answers(rows))
    assert [(each.id, each.value is None) for each in found] == [("1", False), ("2", True), ("3", False)]
    assert found[1].failure == "this model has no schema for 'memo'"
    [alone] = model(use.ALONE).answers([rows[1]])
    assert alone.failure is None
    with pytest.raises(UsageError):
        list(api.extract(["nowhere"], model("invoice", "receipt"), doc_type="memo"))


def test_a_place_is_told_in_the_text_that_was_given(replying):
    [found] = model("receipt", "memo").answers([Record("1", "\ufeff\u200ba receipt\r\n", doc_type="receipt")])
    assert found.spans == {"kind": (2, 3)}


def test_one_schema_is_asked_once_and_order_is_kept_over_many_blocks(replying):
    count = use.AT_ONCE * 2 + 3
    found = list(model("invoice").answers((Record(str(n), "x") for n in range(count)), free=True))
    assert [each.id for each in found] == [str(n) for n in range(count)]
    assert {decoding for _, _, decoding in replying} == {"free"}
    assert found[0].doc_type is None


def test_good_and_bad_documents_keep_their_order_through_the_api(replying, inbox):
    found = list(api.extract(["inbox"], model("invoice")))
    assert [each.id for each in found][:3] == ["inbox/a.txt", "inbox/b.md", "inbox/c.txt"]
    assert [each.failure is None for each in found] == [True, False, False, True, False]


def test_what_answers_must_be_named_well(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match="no trained run"):
        use.load()
    with pytest.raises(UsageError, match="needs a schema"):
        use.load(model="wren")
    with pytest.raises(UsageError, match="both named"):
        use.load("runs/x", model="wren", schema=SCHEMA)
    with pytest.raises(ModelError, match="no adapter"):
        use.load(adapter=tmp_path, schema=SCHEMA)
    files.write_json(tmp_path / "adapter_config.json", {})
    with pytest.raises(ModelError, match="what its base is"):
        use.load(adapter=tmp_path, schema=SCHEMA)
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(DataError, match="JSON Schema"):
        use.load(model="wren", schema=tmp_path / "list.json")


def test_schemas_come_one_or_several_from_a_file(tmp_path):
    files.write_json(tmp_path / "one.json", SCHEMA)
    files.write_json(tmp_path / "two.json", {"a": SCHEMA, "b": SCHEMA})
    assert use._schema(tmp_path / "one.json") == {use.ALONE: SCHEMA}
    assert list(use._schema(tmp_path / "two.json")) == ["a", "b"]
    assert use._schema(None) is None


def test_a_run_that_is_trained_again_is_loaded_again(tmp_path, monkeypatch):
    loads = []
    answering = SimpleNamespace(json=lambda prompt, prefix: {"loads": len(loads)})
    monkeypatch.setattr(use, "load", lambda *given, **named: loads.append(given) or answering)
    run = Run.create(tmp_path, Recipe(name="mine"))
    asked = [api.generate_json("Order 7", model=run.path) for _ in range(2)]
    run.finish("systems/tuned", {})
    asked += [api.generate_json("Order 7", model=run.path) for _ in range(2)]
    assert [one["loads"] for one in asked] == [1, 1, 2, 2]


def test_an_untuned_model_answers_under_a_schema(tmp_path):
    folder = tiny_models.save("wren", tmp_path / "model")
    value = api.generate_json("Order 7 goes to Pune.", SCHEMA, model=str(folder))
    assert list(value) == ["city"]
    assert value["city"] is None or isinstance(value["city"], str)
    chosen = api.load(model=str(folder), schema=SCHEMA)
    assert "not tuned" in chosen.what
    assert list(chosen.extract("Order 7 goes to Pune.")) == ["city"]
    records = [Record(str(n), f"to {city}", {"city": city}) for n, city in enumerate(("Pune", "Agra", "Oslo"))]
    scores = api.evaluate(chosen, [record.replace(doc_type=use.ALONE) for record in records], resamples=20)
    assert scores["n"] == 3
    assert scores["metrics"]["json_validity"]["value"] == 1.0


def test_json_of_a_prompt_with_a_beginning_given(tmp_path):
    folder = tiny_models.save("wren", tmp_path / "model")
    value = api.generate_json("Order 7 goes to Pune.", SCHEMA, model=folder, prefix='{"city": "Agr')
    assert value["city"].startswith("Agr")
    with pytest.raises(ModelError, match="begins no answer of the schema"):
        api.generate_json("Order 7", SCHEMA, model=folder, prefix='{"town')
    chosen = api.load(model=str(folder), schema=SCHEMA)
    assert api.generate_json("Order 7", model=chosen, prefix='{"city": null') == {"city": None}
    other = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    assert list(api.generate_json("Order 7", other, model=chosen)) == ["n"]
    assert list(api.generate_json("Order 7", model=chosen, instruction="Which town?")) == ["city"]
    with pytest.raises(UsageError, match="needs a schema"):
        api.generate_json("Order 7", model=folder)


def test_json_of_a_prompt_by_a_run_of_several_types(tmp_path):
    folder = tiny_models.save("wren", tmp_path / "model")
    other = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    options = TaskOptions(name="text_to_json", prompts=("JSON of {text}",))
    run = Run.create(tmp_path, Recipe(name="mine", model=str(folder), task=options))
    files.write_json(run.path / "data" / "schemas.json", {"order": SCHEMA, "count": other})
    prepared.describe_task(run, folder)
    chosen = api.load(model=str(folder))
    assert list(api.generate_json("Order 7", model=chosen, prefix='{"city": ')) == ["city"]
    assert list(api.generate_json("Order 7", model=chosen, prefix='{"n": 1')) == ["n"]
    assert list(api.generate_json("Order 7", model=chosen)) in (["city"], ["n"])
    example = chosen.task.example(Record("a", "Order 7", doc_type="order", provenance={"prompt": "{text}"}))
    assert example.messages == ({"role": "user", "content": "Order 7"},)  # as it is, without a prompt around it


def test_weights_bring_their_task_along(tmp_path):
    folder = tiny_models.save("wren", tmp_path / "model")
    run = Run.create(tmp_path, Recipe(name="mine", model=str(folder)))
    files.write_json(run.path / "data" / "schemas.json", {"order": SCHEMA})
    prepared.describe_task(run, folder)
    chosen = api.load(model=str(folder))
    assert "not tuned" not in chosen.what
    assert list(chosen.extract("Order 7 goes to Pune.")) == ["city"]
    with pytest.raises(UsageError, match="an object"):
        api.generate_json("x", {"type": "array", "items": {"type": "string"}}, model=str(folder))


def test_weights_bring_the_rule_for_what_is_too_long_along(tmp_path):
    """A document over the model's 512 tokens is an error, or cut as in training, for a run and for its bare weights."""
    folder = tiny_models.save("wren", tmp_path / "model")
    long = [Record("1", "word " * 600, {"city": "Pune"})]
    errors = []
    for how in ("refuse", "truncate_tail"):
        recipe = Recipe(name=how, model=str(folder), train=TrainOptions(over_length=how))
        run = Run.create(tmp_path, recipe)
        files.write_json(run.path / "data" / "schemas.json", {"order": SCHEMA})
        prepared.describe_task(run, folder)
        chosen = api.load(model=str(folder))
        assert chosen.length == {"over_length": how, "max_length": 2048} == prepared.length_of(run)
        errors.append(api.evaluate(chosen, long, resamples=20)["metrics"]["json_validity"]["value"])
    assert errors == [0.0, 1.0]
    brought = files.read_json(folder / prepared.TASK)
    files.write_json(folder / prepared.TASK, brought | {"length": {"over_length": "refuse", "unknown": 1}})
    assert api.load(model=str(folder)).length == {"over_length": "refuse"}


def test_a_run_is_found_by_folder_name_or_as_the_newest_trained(tmp_path):
    first = Run.create(tmp_path, Recipe(name="first"))
    Run.create(tmp_path, Recipe(name="second"))
    first.finish("systems/tuned", {})
    assert use.find(None, tmp_path).name == "first"
    assert use.find("second", tmp_path).name == "second"
    assert use.find(first.path, "elsewhere").name == "first"
    assert use.find(first, tmp_path) is first
