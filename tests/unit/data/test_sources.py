"""What a recipe's `source` may name, and what comes with it."""

from __future__ import annotations

import json
import sys

import pytest

from tunewright.core.errors import DataError, UsageError
from tunewright.core.recipe import DataOptions
from tunewright.core.records import Record
from tunewright.data.sources import SAMPLES, load, named_sets
from tunewright.text.schema import validate


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def rows(count, **more):
    return [{"id": f"r{i}", "text": f"text {i}", "target": {"n": i}, **more} for i in range(count)]


@pytest.fixture
def sets(tmp_path):
    folder = tmp_path / "sets"
    write(folder / "letters" / "data.jsonl", rows(3, lang="hi", split="train"))
    write(folder / "letters" / "extra.jsonl", rows(1))
    (folder / "letters" / "schema.json").write_text('{"type": "object", "properties": {"n": {"type": "integer"}}}')
    (folder / "letters" / "README.md").write_text("# Letters we wrote\n\n- Licence: CC0 1.0\n")
    write(folder / "typed" / "data.jsonl", [{**row, "doc_type": "ab"[i % 2]} for i, row in enumerate(rows(4))])
    (folder / "no_data").mkdir()
    (folder / "no_data" / "README.md").write_text("nothing")
    return folder


def test_named_set_brings_schema_licence_and_counts(sets):
    found = load("letters", folder=sets)
    assert found.kind == "set"
    assert found.counts() == {
        "records": 3,
        "rejected": 0,
        "language": {"hi": 3},
        "doc_type": {},
        "split": {"train": 3},
    }
    assert found.schemas == {"letters": {"type": "object", "properties": {"n": {"type": "integer"}}}}
    assert (found.description, found.licence, found.inferred) == ("Letters we wrote", "CC0 1.0", False)
    assert set(found.sha256) == {"data.jsonl", "schema.json"}
    assert "not read beside data.jsonl: extra.jsonl" in found.notes
    assert any("record {text, json or target}: 3 of 3 rows" in note for note in found.notes)


def test_schemas_are_inferred_by_type_where_none_is_given(sets):
    found = load("typed", folder=sets)
    assert found.inferred
    assert list(found.schemas) == ["a", "b"]
    for record in found.records:
        assert validate(record.target, found.schemas[record.doc_type]) == []


def test_one_schema_serves_every_type_and_a_missing_one_is_named(sets):
    file = sets / "typed" / "schema.json"
    file.write_text('{"type": "object"}')
    assert load("typed", folder=sets).schemas == {"a": {"type": "object"}, "b": {"type": "object"}}
    file.write_text('{"a": {"type": "object"}, "bb": {"type": "object"}}')
    with pytest.raises(DataError, match="no schema for doc_type 'b'") as caught:
        load("typed", folder=sets)
    assert caught.value.hint == "did you mean 'bb'?"
    rows = [{"text": f"t{i}", "json": {"a": "1"}, "doc_type": "a"} for i in range(3)]
    write(sets / "typed" / "data.jsonl", [*rows, {"text": "u", "json": {"a": "1"}, "doc_type": "b"}])
    found = load("typed", folder=sets)
    assert len(found.records) == 3
    assert [(one.line, one.raw) for one in found.rejected] == [(4, "u")]
    assert "names no schema for doc_type 'b'" in found.rejected[0].reason
    file.write_text("[1]")
    with pytest.raises(DataError, match="neither a JSON Schema"):
        load("typed", folder=sets)


def test_environment_names_the_folder_of_sets(sets, monkeypatch):
    monkeypatch.setenv("TUNEWRIGHT_DATA", str(sets))
    assert named_sets() == ["letters", "typed"]
    assert len(load("letters").records) == 3
    monkeypatch.setenv("TUNEWRIGHT_DATA", str(sets / "nowhere"))
    with pytest.raises(UsageError, match="TUNEWRIGHT_DATA does not exist"):
        load("letters")


def test_misses_name_what_is_near(sets, monkeypatch):
    monkeypatch.delenv("TUNEWRIGHT_DATA", raising=False)
    with pytest.raises(DataError) as caught:
        load("leters", folder=sets)
    assert caught.value.hint == "did you mean 'letters'?"
    with pytest.raises(DataError) as caught:
        load("quite_other", folder=sets)
    assert caught.value.hint == "sets here: letters, typed"
    with pytest.raises(DataError, match="no such file") as caught:
        load(str(sets / "letters" / "dada.jsonl"))
    assert "data.jsonl" in caught.value.hint
    with pytest.raises(DataError) as caught:
        load("quite_other")
    assert "TUNEWRIGHT_DATA" in caught.value.hint


def test_names_do_not_reach_out_of_the_folder(sets):
    for source in ("../sets/letters/x", "..", "letters/../../../etc/passwd.jsonl"):
        with pytest.raises(DataError):
            load(source, folder=sets, base=sets / "no_data")


def test_folder_of_split_files_keeps_the_splits(tmp_path):
    for name in ("test-00000-of-00001", "train", "valid"):
        write(tmp_path / f"{name}.jsonl", [{"id": f"{name}{i}", "text": "t", "target": "x"} for i in range(2)])
    (tmp_path / "notes.txt").write_text("not data here")
    found = load(str(tmp_path))
    assert [r.split for r in found.records] == ["train"] * 2 + ["validation"] * 2 + ["test"] * 2


def test_folder_of_texts_and_folder_of_nothing(tmp_path):
    (tmp_path / "a.txt").write_text("some text")
    assert [r.id for r in load(str(tmp_path)).records] == ["a.txt"]
    (tmp_path / "a.txt").rename(tmp_path / "a.pdf")
    with pytest.raises(DataError, match="holds no data file") as caught:
        load(str(tmp_path))
    assert "a.pdf" in caught.value.hint


def test_repeated_ids_are_numbered_and_no_row_is_lost(tmp_path):
    write(tmp_path / "d.jsonl", [{"id": id, "text": id, "target": "x"} for id in ("a", "a", "a~2", "a")])
    found = load(str(tmp_path / "d.jsonl"))
    assert [r.id for r in found.records] == ["a", "a~2", "a~2~2", "a~3"]
    assert "3 ids stood more than once and were numbered, first: 'a' at d.jsonl:2, first at d.jsonl:1" in found.notes


def test_taking_some_does_not_depend_on_the_order_of_rows(tmp_path):
    options = DataOptions(documents=7)
    write(tmp_path / "a.jsonl", rows(50))
    write(tmp_path / "b.jsonl", rows(50)[::-1])
    first = [r.id for r in load(str(tmp_path / "a.jsonl"), options, seed=1).records]
    second = [r.id for r in load(str(tmp_path / "b.jsonl"), options, seed=1).records]
    assert len(first) == 7
    assert first == second[::-1]
    assert first != [r.id for r in load(str(tmp_path / "a.jsonl"), options, seed=2).records]
    assert first == sorted(first, key=lambda id: int(id[1:]))


def test_rejected_rows_are_told_and_none_left_is_an_error(tmp_path):
    path = write(tmp_path / "d.jsonl", rows(2))
    path.write_text(path.read_text() + "{oops\n{oops again\n")
    found = load(str(path))
    assert (len(found.records), [r.line for r in found.rejected]) == (2, [3, 4])
    assert any(note.startswith("2 rows set aside: 2 × broken JSON") for note in found.notes)
    path.write_text("{oops\n")
    with pytest.raises(DataError, match="none of 1 rows can be used; line 1: broken JSON"):
        load(str(path))


def test_targets_that_are_json_in_one_row_and_its_text_in_another_are_all_read(tmp_path):
    answers = [{"n": 1}, '{"n": 2}', {"n": 3}, "no JSON", '{"n": 5}']
    path = write(tmp_path / "d.jsonl", [{"prompt": f"p{i}", "reference": one} for i, one in enumerate(answers)])
    found = load(str(path))
    assert [r.target for r in found.records] == [{"n": 1}, {"n": 2}, {"n": 3}, "no JSON", {"n": 5}]
    assert "2 of 5 targets are the text of JSON objects: read as objects" in found.notes
    assert found.schemas[str(path)]["properties"] == {"n": {"type": "integer"}}


def test_targets_that_are_all_json_text_become_objects(tmp_path):
    both = [{"prompt": "P", "completion": '{"a": 1}'}, {"prompt": "Q", "completion": '{"a": 2}'}]
    found = load(str(write(tmp_path / "d.jsonl", both)))
    assert [r.target for r in found.records] == [{"a": 1}, {"a": 2}]
    assert found.schemas["d.jsonl" if "d.jsonl" in found.schemas else next(iter(found.schemas))]["required"] == ["a"]
    plain = [{"prompt": p, "completion": "plain"} for p in ("R", "S")]
    found = load(str(write(tmp_path / "d.jsonl", [*both, *plain])))
    assert [r.target for r in found.records] == ['{"a": 1}', '{"a": 2}', "plain", "plain"]
    assert found.schemas == {}


def test_a_bad_answer_among_json_ones_costs_itself_alone(tmp_path):
    rows = [{"prompt": str(i), "completion": f'{{"a": "{i}"}}'} for i in range(3)]
    bad = [{"prompt": "x", "completion": "sorry"}, {"prompt": "y", "completion": '{"a": 1, "a": 2}'}]
    found = load(str(write(tmp_path / "d.jsonl", [rows[0], *bad, *rows[1:]])))
    assert [r.target for r in found.records] == [{"a": "0"}, {"a": "1"}, {"a": "2"}]
    assert [(one.line, one.raw) for one in found.rejected] == [(2, "sorry"), (3, '{"a": 1, "a": 2}')]
    assert any("2 rows with another one are set aside" in note for note in found.notes)
    assert next(iter(found.schemas.values()))["required"] == ["a"]


def test_guessed_groups_give_way_to_the_datas_own_split(tmp_path):
    def made(blocks):
        return [
            {"id": f"r{i}", "text": "t", "target": "x", "block": block, "split": split}
            for i, (block, split) in enumerate(blocks)
        ]

    agreeing = load(str(write(tmp_path / "a.jsonl", made([(1, "train"), (1, "train"), (2, "dev")]))))
    assert [r.group for r in agreeing.records] == ["1", "1", "2"]
    crossing = load(str(write(tmp_path / "b.jsonl", made([(1, "train"), (1, "dev"), (2, "dev")]))))
    assert [r.group for r in crossing.records] == [None] * 3
    assert any("'block' is not taken for groups: 1 of its values" in note for note in crossing.notes)
    # Where the user says so, it is a group.
    options = DataOptions(columns={"group": "block"})
    assert [r.group for r in load(str(tmp_path / "b.jsonl"), options).records] == ["1", "1", "2"]


def test_saved_data_set_and_hub_id_without_network(tmp_path):
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    dataset = datasets.Dataset.from_list([{"text": "a", "target": "b"}])
    datasets.DatasetDict({"train": dataset, "test": dataset}).save_to_disk(tmp_path / "saved")
    found = load(str(tmp_path / "saved"))
    assert [(r.text, r.target, r.split) for r in found.records] == [("a", "b", "train"), ("a", "b", "test")]
    with pytest.raises(DataError, match="is not the name of a Hugging Face data set"):
        load("hf:../../evil")


def test_hub_rows_become_records(monkeypatch):
    datasets = pytest.importorskip("datasets")
    asked = {}

    def load_dataset(name, configuration=None, **options):
        asked.update(name=name, configuration=configuration, **options)
        return {"train": [{"instruction": "I", "output": "O"}], "test": [{"instruction": "J", "output": "P"}]}

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    found = load("owner/name:part@v1")
    assert asked == {"name": "owner/name", "configuration": "part", "revision": "v1", "streaming": True}
    assert [(r.text, r.target, r.split) for r in found.records] == [("I", "O", "train"), ("J", "P", "test")]

    def unreachable(*_, **__):
        raise ConnectionError("no route\nlong story")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(DataError, match=r"cannot be had from the Hugging Face hub: no route$"):
        load("owner/name")


def test_generator_gives_train_and_test_apart(monkeypatch):
    from types import ModuleType

    asked = []
    documents, schemas = ModuleType("documents"), ModuleType("schemas")

    def generate(name, count, seed, split, workers, noise):
        asked.append((name, count, seed, split, workers, noise))
        return iter([Record(f"{split}{i}", "t", {"n": i}, doc_type="a", split=split) for i in range(count)])

    documents.generate = generate
    schemas.SCHEMAS = {"letters": {"a": {"type": "object"}}}
    for name, module in (("documents", documents), ("schemas", schemas)):
        monkeypatch.setitem(sys.modules, f"tunewright.data.synth.{name}", module)
        monkeypatch.setattr("tunewright.data.synth." + name, module, raising=False)
    options = DataOptions(documents=50, test_documents=10, noise={"none": 1.0}, workers=2)
    found = load("synth:letters", options, seed=5)
    assert asked == [("letters", 40, 5, "train", 2, {"none": 1.0}), ("letters", 10, 5, "test", 2, {"none": 1.0})]
    assert found.counts()["split"] == {"test": 10, "train": 40}
    assert found.schemas == {"a": {"type": "object"}}
    few = load("synth:letters", DataOptions(documents=50))
    assert few.counts()["split"] == {"test": 10, "train": 40}
    assert few.notes[1] == "10 of 50 documents are for testing: 2000 would leave too few to train"
    with pytest.raises(DataError, match="no generator 'leters'") as caught:
        load("synth:leters")
    assert caught.value.hint == "did you mean 'letters'?"


# the real sets


@pytest.mark.parametrize(
    ("name", "count", "keys", "language"),
    [
        ("sroie_receipts", 433, ["company", "date", "address", "total"], "en"),
        ("hiner_hi", 6053, None, "hi"),
        ("handwritten_documents", 60, None, None),
        ("usaddress", 1149, None, "en"),
        ("snips", 9856, ["intent", "slots"], "en"),
    ],
)
def test_shared_sets_are_read_whole(shared_data, name, count, keys, language):
    found = load(name, folder=shared_data)
    assert len(found.records) == count
    assert found.rejected == []
    assert found.licence
    assert len({r.id for r in found.records}) == count
    for record in found.records[:500]:
        schema = found.schemas[record.doc_type or name]
        assert validate(record.target, schema) == []
        assert language is None or record.language == language
    if keys:
        assert list(found.schemas[name]["properties"]) == keys


def test_handwritten_documents_have_their_types_and_keys(shared_data):
    found = load("handwritten_documents", folder=shared_data)
    assert found.inferred
    assert {name: list(schema["properties"]) for name, schema in found.schemas.items()} == {
        "invoice": ["invoice_number", "customer_name", "date", "total_amount"],
        "receipt": ["receipt_number", "vendor_name", "date", "total_amount"],
        "form": ["applicant_name", "date", "id_number", "phone"],
    }
    assert found.counts()["language"] == {"en": 30, "hi": 30}


@pytest.mark.parametrize("name", ["medquad", "prose_hi", "tatqa", "bfcl", "sgd_dialogues"])
def test_other_shared_sets_lose_no_row(shared_data, name):
    found = load(name, DataOptions(documents=50), folder=shared_data)
    assert len(found.records) == 50
    assert found.rejected == []


def test_shipped_samples_are_read_and_fit_their_schema():
    names = sorted(each.name for each in SAMPLES.iterdir() if each.is_dir())
    assert names
    for name in names:
        found = load(name, sample=True)
        assert found.rejected == []
        assert found.licence
        assert {r.split for r in found.records} == {"train", "dev"}
        for record in found.records:
            if isinstance(record.target, str):
                assert found.schemas == {}  # answers in text have none
                continue
            assert (
                validate(record.target, record.provenance.get("schema") or found.schemas[record.doc_type or name]) == []
            )
    with pytest.raises(DataError, match="no sample of 'sroie_receipt'") as caught:
        load("sroie_receipt", sample=True)
    assert caught.value.hint == "did you mean 'sroie_receipts'?"
