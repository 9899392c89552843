"""Plug-ins by name, listed without importing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tunewright.core import catalogue
from tunewright.core.errors import UsageError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "_folder", lambda kind: tmp_path)
    monkeypatch.setattr(catalogue, "_own", {})
    for name in ("exact_match", "chrf", "_shared"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('imported')")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "notes.txt").write_text("")
    return tmp_path


def test_names_are_files_and_nothing_is_imported(folder):
    assert catalogue.names("metric") == ["chrf", "exact_match", "package"]


def test_a_miss_answers_with_the_near_name(folder):
    with pytest.raises(UsageError) as caught:
        catalogue.load("metric", "exact_mach")
    assert caught.value.hint == "did you mean 'exact_match'?"
    with pytest.raises(UsageError):
        catalogue.load("metric", "_shared")


def test_a_users_own_file_is_added_by_name_but_never_over_a_shipped_one(folder, tmp_path_factory):
    own = tmp_path_factory.mktemp("own")
    (own / "rank.py").write_text("name = 'rank'")
    (own / "chrf.py").write_text("")
    assert catalogue.add("metric", own / "rank.py") == "rank"
    assert "rank" in catalogue.names("metric")
    assert catalogue.load("metric", "rank").name == "rank"
    with pytest.raises(UsageError, match="already there"):
        catalogue.add("metric", own / "chrf.py")
    with pytest.raises(UsageError, match="not a Python file"):
        catalogue.add("metric", own / "none.py")


METRIC = "name = 'rank'\n\ndef statistics(example, prediction):\n    return {}\n\ndef summarise(sums):\n    return {}\n"


@pytest.mark.parametrize(
    ("file", "text", "kind"),
    [
        ("rank.py", METRIC, "metric"),
        ("toml.py", "suffixes: tuple[str, ...] = ('.toml',)\nfrom elsewhere import parse as read", "reader"),
        ("ia3.py", "SAVED_AS = 'adapter'\ndef attach(): ...\ndef save(): ...", "method"),
        ("text_to_sql.py", "class TextToSql:\n    name = 'text_to_sql'", "task"),
    ],
)
def test_what_a_file_defines_says_what_it_is(folder, tmp_path_factory, file, text, kind):
    own = tmp_path_factory.mktemp("own") / file
    own.write_text(text)
    assert catalogue.adopt(own) == (kind, own.stem)
    assert own.stem in catalogue.names(kind)
    assert catalogue.own() == [(kind, own)]


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("empty.py", "", "is no plug-in"),
        ("half.py", "def statistics(): ...", "is no plug-in"),
        ("both.py", METRIC + "class Both: ...", "fits metric and task"),
        ("broken.py", "def (", "is no Python"),
        ("nul.py", "a = '\0'", "is no Python"),
        ("rank.txt", METRIC, "is no plug-in"),
    ],
)
def test_a_file_that_is_no_plug_in_is_refused_with_what_one_needs(folder, tmp_path_factory, file, text, reason):
    own = tmp_path_factory.mktemp("own") / file
    own.write_text(text)
    with pytest.raises(UsageError, match=reason):
        catalogue.adopt(own)
    assert catalogue.own() == []
    with pytest.raises(UsageError, match="cannot be read"):
        catalogue.adopt(own.with_name("missing.py"))


def test_a_file_adopted_twice_is_one_plug_in_and_is_run_once(folder, tmp_path_factory):
    own = tmp_path_factory.mktemp("own") / "rank.py"
    text = "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass One:\n    a: int\n"
    own.write_text("\ufeff" + text + METRIC, encoding="utf-8")
    assert catalogue.adopt(own) == catalogue.adopt(own) == ("metric", "rank")
    assert catalogue.load("metric", "rank") is catalogue.load("metric", "rank")
    other = tmp_path_factory.mktemp("other") / "rank.py"
    other.write_text(METRIC)
    with pytest.raises(UsageError, match="already there"):
        catalogue.adopt(other)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import no_such_package\n" + METRIC, "cannot be imported: ModuleNotFoundError"),
        (METRIC.replace("'rank'", "'x'"), "is called like"),
    ],
)
def test_a_plug_in_that_cannot_be_used_says_so_with_its_file(folder, tmp_path_factory, text, reason):
    own = tmp_path_factory.mktemp("own") / "rank.py"
    own.write_text(text)
    catalogue.adopt(own)
    for _ in range(2):
        with pytest.raises(UsageError, match=reason) as caught:
            catalogue.load("metric", "rank")
        assert str(own) in str(caught.value)


def test_an_unknown_kind_is_refused():
    with pytest.raises(UsageError, match="no kind"):
        catalogue.names("metrics")


def test_listing_every_kind_loads_no_heavy_library():
    code = (
        "import sys; from tunewright.core import catalogue as c; "
        "[c.names(kind) for kind in c.KINDS]; "
        "print(sorted({'torch', 'transformers', 'numpy', 'peft'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
