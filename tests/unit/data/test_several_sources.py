from __future__ import annotations

from pathlib import Path

import pytest

from tunewright.core import files
from tunewright.core.errors import DataError
from tunewright.core.recipe import DataOptions
from tunewright.data import several, sources


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, key in (("shops", "shop"), ("towns", "town")):
        rows = [{"id": f"{n}", "text": f"{key} {n}", "json": {key: str(n)}} for n in range(5)]
        (tmp_path / name).mkdir()
        files.write_lines(tmp_path / name / "data.jsonl", rows)
        (tmp_path / name / "README.md").write_text(f"# All {name}\n\nLicence: CC0\n", encoding="utf-8")
    return tmp_path


def test_records_of_all_each_with_its_source_for_a_type(folder: Path):
    found = several.load("shops + towns", folder=folder)
    assert [record.doc_type for record in found.records] == ["shops"] * 5 + ["towns"] * 5
    assert {name: list(schema["properties"]) for name, schema in found.schemas.items()} == {
        "shops": ["shop"],
        "towns": ["town"],
    }
    assert [record.id for record in found.records] == [*"01234", *(f"{n}~2" for n in range(5))]
    assert "5 ids stood in more than one source" in found.notes[-1]
    assert found.inferred
    assert found.licence == "shops: CC0; towns: CC0"
    assert set(found.sha256) == {"shops/data.jsonl", "towns/data.jsonl"}


def test_one_is_as_without_it(folder: Path):
    assert several.load("shops", folder=folder) == sources.load("shops", folder=folder)


def test_documents_are_drawn_from_all_together(folder: Path):
    found = several.load("shops + towns", DataOptions(documents=4), folder=folder)
    assert len(found.records) == 4
    assert found.notes[-1] == "4 of 10 records taken (data.documents)"


def test_files_that_have_changed_since_are_found(folder: Path):
    before = several.load("shops + towns", folder=folder).sha256
    assert several.changed("shops + towns", before, folder) == []
    (folder / "towns" / "data.jsonl").write_text('{"text": "a", "json": {"town": "b"}}\n', encoding="utf-8")
    assert several.changed("shops + towns", before, folder) == [folder / "towns" / "data.jsonl"]


def test_the_same_source_twice_is_refused(folder: Path):
    with pytest.raises(DataError, match="records of the type 'shops'"):
        several.load("shops + shops", folder=folder)


def test_one_that_is_not_there_is_named(folder: Path):
    with pytest.raises(DataError, match="'town'"):
        several.load("shops + town", folder=folder)
