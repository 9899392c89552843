"""`tunewright publish` on the screen: what a dry run shows, what is refused, and that nobody is asked off a terminal."""

from __future__ import annotations

import json

import pytest

from tunewright import cli
from tunewright.flow import begin


@pytest.fixture
def tunewright(capsys, monkeypatch, tmp_path):
    for name in ("TUNEWRIGHT_RUNS", "TUNEWRIGHT_DATA", "TUNEWRIGHT_SET", "TUNEWRIGHT_DEBUG", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    begin.begin("mine")

    def call(*arguments: str) -> tuple[int, str, str]:
        code = cli.invoke(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    assert call("prepare", "mine/recipe.yaml", "--quiet")[0] == 0
    return call


HERE = ("publish", "runs/mine", "--no-model", "--repo", "me/mine")


def test_a_file_of_ones_own_goes_only_with_ones_word(tunewright):
    code, out, err = tunewright(*HERE, "--dry-run")
    assert (code, out) == (1, "")
    assert err.startswith(
        "error: runs/mine: its data is a local file, which does not go without your word\n\nhint: --lic"
    )
    code, out, _ = tunewright(*HERE, "--dry-run", "--licence", "cc-by-4.0")
    assert code == 0
    assert out.startswith("dataset me/mine, private\n")
    assert "data/train.jsonl" in out
    assert "license: cc-by-4.0" not in out
    assert out.endswith("Nothing was pushed.\n")
    code, out, _ = tunewright(*HERE, "--dry-run", "--licence", "cc-by-4.0", "--cards")
    assert "license: cc-by-4.0" in out
    code, out, err = tunewright(*HERE, "--dry-run", "--licence", "cc-by-4.0", "--public", "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["visibility"] == "public"
    assert set(told["repos"][0]["files"]) >= {"README.md", "data/train.jsonl", "schemas.json"}


def test_off_a_terminal_public_needs_a_yes(tunewright):
    code, out, err = tunewright(*HERE, "--public", "--licence", "mit")
    assert (code, out) == (2, "")
    assert "needs --yes" in err


def test_a_run_that_is_not_trained_says_what_to_do(tunewright):
    code, _, err = tunewright("publish", "runs/mine", "--dry-run")
    assert code == 1
    assert "its stage train is not complete" in err
