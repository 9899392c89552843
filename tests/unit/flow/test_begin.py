"""`init`: what is written runs as it is and never replaces anything."""

from __future__ import annotations

from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from tunewright.core import files, recipe_file
from tunewright.core.errors import UsageError
from tunewright.data import sources
from tunewright.flow import begin


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_sample_rows_obey_the_schema_and_stand_in_their_texts():
    written = begin.begin("my-job")
    assert [path.name for path in written] == ["recipe.yaml", "schema.json", "data.jsonl", "recipe.schema.json"]
    rows = list(files.read_lines("my-job/data.jsonl"))
    validator = jsonschema_rs.validator_for(files.read_json("my-job/schema.json"))
    assert len(rows) == 20
    assert {row["language"] for row in rows} == {"en", "hi"}
    for row in rows:
        assert validator.is_valid(row["json"])
        for key, value in row["json"].items():
            plain = row["text"].replace(",", "") if key == "total" else row["text"]
            assert value is None or value in plain, row
    assert any(row["json"][key] is None for row in rows for key in row["json"])


def test_the_recipe_reads_and_finds_its_data_from_anywhere(tmp_path, monkeypatch):
    begin.begin("my-job")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    recipe = recipe_file.read("../my-job/recipe.yaml", environment={})
    assert recipe.name == "my-job"
    assert recipe.task.json_schema["properties"].keys() == begin.SCHEMA["properties"].keys()
    assert len(sources.load(recipe.data.source, recipe.data).records) == 20
    schema = files.read_json("../my-job/recipe.schema.json")
    assert jsonschema_rs.validator_for(schema).is_valid(yaml.safe_load(Path("../my-job/recipe.yaml").read_text()))


def test_nothing_that_is_there_is_replaced(tmp_path):
    (tmp_path / "my-job").mkdir()
    (tmp_path / "my-job" / "data.jsonl").write_text("mine")
    with pytest.raises(UsageError, match="kept as it is"):
        begin.begin("my-job")
    assert [path.name for path in (tmp_path / "my-job").iterdir()] == ["data.jsonl"]


@pytest.mark.parametrize("name", ["", ".", "..", "-x", "a b", "मेरा", "/"])
def test_names_that_no_recipe_may_have_are_refused(name, tmp_path):
    with pytest.raises(UsageError):
        begin.begin(name)
    assert list(tmp_path.iterdir()) == []
