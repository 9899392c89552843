"""A small extraction job on a tiny Wren: forty bills of shops in eight groups."""

from __future__ import annotations

import pytest

import tiny_models
from tunewright.core import files


def sets(folders: pytest.TempPathFactory) -> tuple[str, ...]:
    """What makes the recipe `smoke` that job: its model and rows, written to folders of their own, and short trainings."""
    folder = tiny_models.save("wren", folders.mktemp("model"))
    config = files.read_json(folder / "config.json")
    files.write_json(folder / "config.json", config | {"max_position_embeddings": 4096})
    rows = [
        {"id": f"r{n}", "text": f"Bill from shop {n} on day {n % 9 + 1} for Asha.", "json": {"shop": f"shop {n}", "who": "Asha"}, "group": f"g{n % 8}"}
        for n in range(40)
    ]  # fmt: skip
    source = folders.mktemp("data") / "bills.jsonl"
    files.write_lines(source, rows)
    return (
        f"model={folder}", f"data.source={source}", "train.max_steps=2", "decode.max_new_tokens=12",
        "evaluate.bootstrap_resamples=50", "method.lora_r=2", "data.validation_documents=4",
    )  # fmt: skip
