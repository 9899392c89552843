"""`synth`: a folder that other tools read, with a card, the same bytes for the same seed."""

from __future__ import annotations

import pytest
import yaml

from tunewright.core import files, recipe_file
from tunewright.core.errors import UsageError
from tunewright.data import sources
from tunewright.flow import synthesis


def recipe(*sets):
    return recipe_file.read("smoke", ["data.documents=40", "data.test_documents=12", *sets], environment={})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "documents"
    return folder, synthesis.synthesise(recipe(), folder)


def test_the_folder_holds_both_splits_schemas_and_a_card(made):
    folder, told = made
    assert told["counts"] == {"train": 28, "test": 12}
    there = ["README.md", "recipe.yaml", "schema.json", "test.jsonl", "train.jsonl"]
    assert sorted(path.name for path in folder.iterdir()) == there
    assert told["sha256"]["train.jsonl"] == files.sha256(folder / "train.jsonl")
    for split, count in told["counts"].items():
        rows = list(files.read_lines(folder / f"{split}.jsonl"))
        assert len(rows) == count
        for row in rows:
            for span in row["spans"]:
                assert row["text"][span["start"] : span["end"]]
            assert set(row) <= set(synthesis.FIELDS)


def test_the_card_is_front_matter_and_words_with_true_numbers(made):
    folder, _ = made
    card = (folder / "README.md").read_text(encoding="utf-8")
    _, front, body = card.split("---\n", 2)
    read = yaml.safe_load(front)
    assert read["language"] == ["en", "hi"]
    assert [each["path"] for each in read["configs"][0]["data_files"]] == ["train.jsonl", "test.jsonl"]
    assert body.startswith("\n# Synthetic documents: invoices\n")
    for words in ("40 documents", "## Limits", "invoice_number", files.sha256(folder / "test.jsonl")):
        assert words in card


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(made, tmp_path):
    _, told = made
    again = synthesis.synthesise(recipe("data.workers=1"), tmp_path / "again")
    assert again["sha256"] == told["sha256"]
    assert synthesis.synthesise(recipe("seed=5"), tmp_path / "other")["sha256"] != told["sha256"]


def test_its_recipe_makes_it_again(made, tmp_path):
    folder, told = made
    again = synthesis.synthesise(recipe_file.read(folder / "recipe.yaml", environment={}), tmp_path / "again")
    assert again["sha256"] == told["sha256"]


def test_a_recipe_reads_it_back(made):
    folder, _ = made
    source = sources.load(str(folder))
    assert len(source.records) == 40
    assert {record.split for record in source.records} == {"train", "test"}
    assert set(source.schemas) == {"invoice", "receipt", "form"}
    assert not source.inferred


def test_datasets_reads_it(made):
    datasets = pytest.importorskip("datasets")
    folder, _ = made
    loaded = datasets.load_dataset(str(folder), cache_dir=str(folder.parent / "cache"))
    assert {name: len(split) for name, split in loaded.items()} == {"train": 28, "test": 12}
    assert loaded["train"][0]["text"] == next(files.read_lines(folder / "train.jsonl"))["text"]


def test_what_cannot_be_is_refused(made, tmp_path):
    folder, _ = made
    with pytest.raises(UsageError, match="holds something"):
        synthesis.synthesise(recipe(), folder)
    with pytest.raises(UsageError, match="not synthesised"):
        synthesis.synthesise(recipe("data.source=hiner_hi"), tmp_path / "x")
    with pytest.raises(UsageError) as caught:
        synthesis.synthesise(recipe("data.source=synth:invoises"), tmp_path / "x")
    assert caught.value.hint == "did you mean 'invoices'?"
    assert not (tmp_path / "x").exists()
