"""The notebooks run as they stand, on Wren in miniature: only the environment says so. Cells that push or install are left out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tunewright.core import files

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "notebooks"

SMALL = {
    "extraction": (
        "model=wren data.documents=60 data.test_documents=12 data.validation_documents=4 train.max_steps=4 "
        "decode.batch_size=4 decode.max_new_tokens=64 "
        "evaluate.sample=8 evaluate.workers=1 evaluate.exams=[] evaluate.bootstrap_resamples=50"
    ),
}
"""Notebook → what makes its recipe small (TUNEWRIGHT_SET)."""


def executed(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A notebook after every cell of it has run in a folder of its own, with nothing of this machine's but the package."""
    monkeypatch.setenv("TUNEWRIGHT_SET", SMALL[name])
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "2"))
    for variable in ("HF_TOKEN", "OPENAI_API_KEY", "TUNEWRIGHT_DATA"):
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


def test_a_cell_that_fails_fails_the_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SMALL, "extraction", "model=no-such-folder/model")
    with pytest.raises(CellExecutionError, match="no-such-folder"):
        executed("extraction", tmp_path, monkeypatch)
