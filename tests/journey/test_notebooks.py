"""The notebooks run as they stand, on Wren in miniature: only the environment says so. Cells that push or install are left out."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from fake_openai import FakeOpenAI
from tunewright import api
from tunewright.core import files

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "notebooks"

SMALL = {
    "extraction": (
        "model=wren data.documents=60 data.test_documents=12 data.validation_documents=4 train.max_steps=4 "
        "decode.batch_size=4 decode.max_new_tokens=64 "
        "evaluate.sample=8 evaluate.workers=1 evaluate.exams=[] evaluate.bootstrap_resamples=50"
    ),
    "augmentation": (
        "train.max_steps=4 train.per_device_train_batch_size=8 "
        "train.gradient_accumulation_steps=1 generate.filters.use=[broken,length,copies,duplicates] generate.per_label=12 generate.draws=48 generate.batch=24 "
        "generate.max_new_tokens=48 generate.compared=8 evaluate.sample=8 evaluate.bootstrap_resamples=100 "
        "downstream.amounts=[1.0] downstream.ratios=[1.0] downstream.seeds=2 downstream.permutations=50"
    ),
    "hosted": "hosted.poll_seconds=0.01 evaluate.bootstrap_resamples=100",
}
"""Notebook → what makes its recipe small (TUNEWRIGHT_SET)."""


def executed(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A notebook after every cell of it has run in a folder of its own, with nothing of this machine's but the package."""
    monkeypatch.setenv("TUNEWRIGHT_SET", SMALL[name])
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "2"))
    for variable in ("HF_TOKEN", "TUNEWRIGHT_DATA"):
        monkeypatch.delenv(variable, raising=False)
    book = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    NotebookClient(book, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    return book


def printed(book: Any) -> str:
    """All that the cells printed or displayed as text."""
    told = []
    for cell in book.cells:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            told.append(output.get("text") or data.get("text/markdown") or data.get("text/plain") or "")
    return "\n".join(told)


def pictures(book: Any) -> int:
    return sum("image/png" in output.get("data", {}) for cell in book.cells for output in cell.get("outputs", ()))


def test_every_notebook_is_executed() -> None:
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(SMALL)


@pytest.mark.parametrize("name", SMALL)
def test_a_notebook_is_kept_without_outputs(name: str) -> None:
    book = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    nbformat.validate(book)
    assert not [cell for cell in book.cells if cell.get("outputs") or cell.get("execution_count")]


def test_extraction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = executed("extraction", tmp_path, monkeypatch)
    told = printed(book)
    assert "| tuned/grammar | 12 |" in told
    assert '"invoice_number"' in told
    assert "points (" in told
    assert "dataset me/invoices-llama private" in told
    assert pictures(book) >= 1
    run = tmp_path / "runs" / "llama-3.2-1b-qlora"
    assert (run / "report.html").is_file()
    assert files.read_json(run / "systems" / "tuned" / "adapter" / "adapter_config.json")["peft_type"] == "LORA"


def test_augmentation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SET_UP", "")
    told = printed(executed("augmentation", tmp_path, monkeypatch))
    assert "| disfluent |" in told
    assert "| real + edits | words |" in told
    assert "This test would have found" in told
    assert "| untuned |" in told
    assert (tmp_path / "runs" / "speech-augmentation" / "report.html").is_file()


@pytest.mark.parametrize("set_up", ["gpt2-lora", "opt-350m-lora"])
def test_a_published_set_up_becomes_changes_of_the_recipe(set_up: str) -> None:
    book = nbformat.read(FOLDER / "augmentation.ipynb", as_version=4)
    [cell] = [cell for cell in book.cells if cell.cell_type == "code" and "def changes" in cell.source]
    known: dict[str, Any] = {"api": api, "json": json, "SET_UP": set_up}
    exec(cell.source, known)
    published, found = api.read_recipe(set_up), api.read_recipe("speech-augmentation", known["sets"])
    assert (found.model, found.method) == (published.model, published.method)
    assert found.train.model_copy(update={"num_train_epochs": 0}) == published.train.model_copy(
        update={"num_train_epochs": 0}
    )
    assert found.task.name == "labelled_text"


def test_hosted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeOpenAI() as service:
        service.answers = _ordered
        monkeypatch.setitem(SMALL, "hosted", f"{SMALL['hosted']} hosted.base_url={service.url}")
        monkeypatch.setenv("OPENAI_API_KEY", service.key)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        told = printed(executed("hosted", tmp_path, monkeypatch))
        assert len(service.jobs) == 1
    assert "nothing was sent" in told
    assert "| tuned/free | 8 | 100.0 %" in told
    assert "| base/free | 8 | 0.0 %" in told
    assert "step 1: loss" in told
    assert service.key not in told
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and service.key.encode() in path.read_bytes()]
    assert not kept


def _ordered(messages: list[dict[str, str]], model: str) -> str:
    """The tuned model knows the notebook's orders, the untuned one does not."""
    if not model.startswith("ft:"):
        return "I do not know"
    found = re.search(r"(\w+) ordered (\d+) (\w+)\.", messages[-1]["content"])
    assert found is not None
    return json.dumps({"who": found[1], "item": found[3], "count": int(found[2])})


def test_a_cell_that_fails_fails_the_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SMALL, "extraction", "model=no-such-folder/model")
    with pytest.raises(CellExecutionError, match="no-such-folder"):
        executed("extraction", tmp_path, monkeypatch)
