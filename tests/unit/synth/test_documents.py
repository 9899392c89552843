"""The generator's promises: gold is what is printed, sides are kept apart, bytes do not depend on processes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import unicodedata
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.core.errors import DataError
from tunewright.core.records import Record
from tunewright.data.synth import amounts, card, documents, layouts, noise, pools
from tunewright.data.synth.schemas import AMOUNTS, SCHEMAS
from tunewright.text.serialise import dumps

COUNT = 720


def made(name: str = "invoices", count: int = COUNT, **options) -> list[Record]:
    return list(documents.generate(name, count, **{"seed": 7, "workers": 1, **options}))


@pytest.fixture(scope="module")
def train() -> list[Record]:
    return made()


@pytest.fixture(scope="module")
def test_split() -> list[Record]:
    return made(split="test")


@pytest.fixture(scope="module")
def detailed() -> list[Record]:
    return made("invoices-detailed", 480)


def leaf(target, path: str):
    for part in path.replace("]", "").replace("[", ".").split("."):
        target = target[int(part)] if part.isdigit() else target[part]
    return target


def leaves(target, path: str = ""):
    if isinstance(target, dict):
        for key, value in target.items():
            yield from leaves(value, f"{path}.{key}" if path else key)
    elif isinstance(target, list):
        for at, value in enumerate(target):
            yield from leaves(value, f"{path}[{at}]")
    elif target is not None:
        yield path


def check_gold(record: Record) -> None:
    """Every value stands in the text at its span, as a whole word, and in no other form than agreed."""
    paths = [span.path for span in record.spans]
    assert sorted(paths) == sorted(leaves(record.target))
    for span in record.spans:
        printed = record.text[span.start : span.end]
        value = leaf(record.target, span.path)
        key = span.path.rpartition(".")[2]
        assert value == (amounts.normal(printed) if key in AMOUNTS else printed)
        assert printed == printed.strip()
        assert "\n" not in printed
        around = record.text[max(0, span.start - 1) : span.start] + record.text[span.end : span.end + 1]
        assert not any(char.isalnum() or unicodedata.category(char).startswith("M") for char in around), (
            printed,
            around,
        )
    assert unicodedata.is_normalized("NFC", record.text)
    assert not any("\ue000" <= char <= "\uf8ff" for char in record.text)


def test_values_stand_verbatim_at_their_spans(train, test_split, detailed):
    for record in train + test_split + detailed:
        check_gold(record)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 10**7), st.sampled_from(list(SCHEMAS)), st.sampled_from(documents.SPLITS))
def test_any_seed_and_place_makes_a_sound_document(seed, start, name, split):
    for record in documents.generate(
        name, 6, seed=seed, split=split, workers=1, start=start, noise={"heavy": 1, "none": 1}
    ):
        check_gold(record)
        schema = SCHEMAS[name][record.doc_type]
        assert list(record.target) == list(schema["properties"])
        assert len(record.text) > 10


def test_totals_are_plain_ascii_numbers(train):
    totals = [record.target["total_amount"] for record in train if record.target.get("total_amount")]
    assert totals
    assert all(total.isascii() and total.replace(".", "", 1).isdigit() for total in totals)
    assert any("." in total for total in totals)
    assert amounts.normal("५,०००") == "5000"
    assert amounts.normal("12,50,000.50") == "1250000.50"


def test_languages_and_kinds_are_even(train):
    assert Counter(record.language for record in train) == {"en": COUNT // 2, "hi": COUNT // 2}
    assert Counter(record.doc_type for record in train) == dict.fromkeys(documents.DOC_TYPES, COUNT // 3)


def test_about_a_tenth_of_fields_is_null(train):
    values = [value for record in train for value in record.target.values()]
    assert 0.08 < sum(value is None for value in values) / len(values) < 0.125
    for key in SCHEMAS["invoices"]["form"]["properties"]:
        assert any(record.target[key] is None for record in train if record.doc_type == "form"), key


def test_test_split_has_four_equal_slices(test_split):
    slices = Counter((r.provenance["slice"]["wordings"], r.provenance["slice"]["entities"]) for r in test_split)
    assert slices == {(a, b): COUNT // 4 for a in documents.SIDE for b in documents.SIDE}
    each = Counter((r.provenance["slice"]["wordings"], r.language, r.doc_type) for r in test_split)
    assert set(each.values()) == {COUNT // 12}


def test_unseen_atoms_never_reach_training():
    drawn: list[tuple[str, str, str]] = []
    unseen_layouts = {layout.name for layout in layouts.ALL if layout.side == pools.UNSEEN}
    for at in range(700):
        record = documents.document("invoices", 3, "train", at, noise.DEFAULT, drawn)
        assert record.provenance["layout"] not in unseen_layouts
    split_pools = {name: pool for name, pool in pools.pools().items() if pool.kind != "closed"}
    assert len(drawn) > 5000
    for kind, name, atom in drawn:
        if kind != "closed":
            sides = split_pools[name].sides
            assert atom in sides[pools.SEEN], (name, atom)
            assert atom not in sides[pools.UNSEEN] or sides[0] == sides[1], (name, atom)


def test_unseen_documents_draw_unseen_atoms_only():
    drawn: list[tuple[str, str, str]] = []
    for at in range(3, 900, 4):
        record = documents.document("invoices", 3, "test", at, noise.DEFAULT, drawn)
        assert record.provenance["slice"] == {"wordings": "unseen", "entities": "unseen"}
    names = [(name, atom) for kind, name, atom in drawn if kind == "entities"]
    assert len(names) > 1000
    assert all(atom in pools.pool(name).sides[pools.UNSEEN] for name, atom in names)


def digest(records) -> str:
    return hashlib.sha256("\n".join(dumps(record.to_row()) for record in records).encode()).hexdigest()


def test_bytes_do_not_depend_on_processes_nor_on_where_one_starts():
    count = documents.CHUNK * 6 + 5
    alone = made(count=count, seed=11)
    expected = digest(alone)
    assert digest(made(count=count, seed=11, workers=2)) == expected
    assert digest(made(count=count, seed=11, workers=3)) == expected
    assert digest(made(count=40, seed=11, start=count - 40)) == digest(alone[-40:])
    assert digest(made(count=count, seed=12)) != expected


def test_bytes_do_not_depend_on_the_hash_seed():
    code = (
        "import hashlib; from tunewright.data.synth import documents; from tunewright.text.serialise import dumps;"
        "rows = documents.generate('invoices-detailed', 150, seed=4, split='test', workers=1);"
        "print(hashlib.sha256('\\n'.join(dumps(r.to_row()) for r in rows).encode()).hexdigest())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "4242")
    }
    assert len(found) == 1


def test_noise_changes_text_but_gold_still_stands():
    clean = made(count=240, noise={"none": 1})
    noisy = made(count=240, noise={"heavy": 1})
    changed = sum(a.text != b.text for a, b in zip(clean, noisy, strict=True))
    assert changed > 225
    same = sum(a.target == b.target for a, b in zip(clean, noisy, strict=True))
    assert 120 < same < 240, "slips inside values are few, but they exist"
    for before, after in zip(clean, noisy, strict=True):
        assert before.target.get("total_amount") == after.target.get("total_amount")
        check_gold(after)


def test_noise_shares_are_obeyed():
    grades = Counter(record.provenance["noise"] for record in made(noise={"none": 0.5, "medium": 0.5}))
    assert set(grades) == {"none", "medium"}
    assert abs(grades["none"] - COUNT / 2) < 70


def test_english_stays_out_of_hindi_unless_code_mixed(train):
    hindi = [r for r in train if r.language == "hi" and r.provenance["mix"] == 0]
    assert len(hindi) > 150
    for record in hindi:
        for key in ("customer_name", "vendor_name", "applicant_name"):
            value = record.target.get(key)
            if value and record.provenance["noise"] == "none":
                assert not pools.foreign(value, "hi"), value
    for record in train:
        if record.language == "en":
            assert not pools.foreign(record.text, "en"), record.text


def test_detailed_documents_have_items_and_more(detailed):
    items = [item for record in detailed for item in record.target.get("items") or []]
    assert len(items) > 100
    assert all(item["name"] for item in items)
    assert sum(item["quantity"] is not None for item in items) > 50
    for key in ("due_date", "tax", "payment_method", "address", "date_of_birth"):
        assert sum(record.target.get(key) is not None for record in detailed) > 10, key


def test_the_one_line_form_of_the_first_example_is_reached(train):
    """Label: value, label: value … on a single line, as in the smallest example of the documentation."""
    one_line = [
        r for r in made(count=2000) if r.provenance["layout"] == "inline" and "\n" not in r.text and ", " in r.text
    ]
    assert any(r.language == "hi" and r.doc_type == "invoice" for r in one_line)


def test_rows_load_as_a_hugging_face_data_set(tmp_path, train):
    datasets = pytest.importorskip("datasets")
    path = tmp_path / "train.jsonl"
    invoices = [record for record in train if record.doc_type == "invoice"][:50]
    path.write_text("".join(dumps(record.to_row()) + "\n" for record in invoices), encoding="utf-8")
    found = datasets.load_dataset("json", data_files=str(path), cache_dir=str(tmp_path / "cache"), split="train")
    assert found.num_rows == 50
    assert found[0]["text"] == invoices[0].text
    assert found[0]["json"]["total_amount"] == invoices[0].target["total_amount"]


def test_rows_come_back_whole(train):
    for record in train[:60]:
        assert Record.from_row(json.loads(dumps(record.to_row()))) == record


def test_ids_and_texts_do_not_repeat(train):
    assert len({record.id for record in train}) == COUNT
    assert len({record.text for record in train}) > 0.995 * COUNT


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"name": "invoice"}, "invoice"),
        ({"split": "dev"}, "dev"),
        ({"noise": {"hevy": 1}}, "hevy"),
        ({"noise": {"none": 0}}, "nothing"),
        ({"noise": {"none": -1, "light": 2}}, "below"),
        ({"count": -1}, "below"),
    ],
)
def test_bad_arguments_are_named(options, word):
    arguments = {"name": "invoices", "count": 3, "seed": 1, **options}
    with pytest.raises(DataError, match=word):
        documents.generate(arguments.pop("name"), arguments.pop("count"), **arguments)


def test_the_card_counts_what_is_there(train):
    counts = card.counted(train)
    text = card.card(counts)
    assert "records: 720" in text
    assert "| hi | 360 | 50.0 % |" in text
    assert "`total_amount`" in text
