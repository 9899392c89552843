"""The examples in the docstrings of tunewright.api run as they stand, on the journey's run."""

from __future__ import annotations

import doctest
import inspect
import shutil

import pytest

import tiny_models
from tunewright import api
from tunewright.core import catalogue
from tunewright.models import load as loading

FUNCTIONS = {name: value for name in api.__all__ if inspect.isfunction(value := getattr(api, name))}


@pytest.fixture(scope="module")
def place(whole, short_replies, tmp_path_factory):
    """A folder as the examples know it: a letter, and runs/smoke."""
    folder = tmp_path_factory.mktemp("place")
    shutil.copytree(whole, folder / "runs" / "smoke")
    (folder / "letter.txt").write_text("Bill No: INV-7, Total: Rs 5,000/-", encoding="utf-8")
    shutil.copy(short_replies, folder)
    return folder


@pytest.mark.parametrize("name", FUNCTIONS)
def test_examples_of_the_python_face(name, place, changes, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setattr(catalogue, "_own", {})
    monkeypatch.setenv("TUNEWRIGHT_SET", " ".join(changes))
    own = loading.load
    monkeypatch.setattr(
        loading, "load", lambda name, **given: own(name, **given) if name != "wren" else tiny_models.loaded("wren")
    )
    examples = doctest.DocTestFinder(recurse=False).find(FUNCTIONS[name], name, globs=vars(api).copy())
    assert any(test.examples for test in examples) or name == "check_metrics"
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for test in examples:
        out: list[str] = []
        runner.run(test, out=out.append)
        assert runner.failures == 0, "".join(out)
