"""`tunewright benchmark` on the screen: what it prints of a study that was measured, and of one only trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tunewright import api, cli
from tunewright.core import files


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study that was measured once, and of which more has been trained since."""
    files.write_json(tmp_path / "methods.json", {"rows": [{"method": "lora", "n": 8}], "pairs": [], "level": 0.95})
    files.write_json(tmp_path / "trained.json", {"rows": [{"method": "full", "run": "methods/full-1"}]})
    files.write_text(tmp_path / "methods.md", "| lora |\n")

    def benchmark(recipe: str, **asked: Any) -> Path:
        return tmp_path

    monkeypatch.setattr(api, "benchmark", benchmark)
    return tmp_path


@pytest.mark.parametrize(("skip", "method"), [((), "lora"), (("--skip", "qlora,benchmark"), "full")])
def test_json_is_printed_of_what_was_measured_or_only_trained(study, capsys, skip, method):
    assert cli.invoke(["benchmark", "smoke", "--json", *skip]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["folder"] == str(study)
    assert [row["method"] for row in told["rows"]] == [method]


def test_words_say_what_was_only_trained(study, capsys):
    assert cli.invoke(["benchmark", "smoke", "--skip", "benchmark"]) == 0
    assert capsys.readouterr().out == f"trained  {study / 'methods'}\n"
    assert cli.invoke(["benchmark", "smoke"]) == 0
    assert "| lora |" in capsys.readouterr().out


def test_what_is_no_method_is_refused_at_once(tmp_path, capsys):
    line = ["benchmark", "smoke", "--methods", "full,benchmark", "--runs", str(tmp_path)]
    assert cli.invoke(line) == 2
    said = capsys.readouterr().err
    assert "there is no method 'benchmark'" in said
    assert "known: full, " in said
    assert not list(tmp_path.iterdir())
