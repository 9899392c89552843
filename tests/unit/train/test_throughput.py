from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

import tiny_models
from tunewright.core.errors import TunewrightError
from tunewright.core.meter import Phases
from tunewright.core.recipe import AUTO_BATCH, MethodOptions, Recipe, TaskOptions, TrainOptions
from tunewright.core.records import Example, Record
from tunewright.tasks.extraction import Extraction
from tunewright.train import throughput
from tunewright.train.batch import Batch, Tokens, collate
from tunewright.train.finetune import finetune
from tunewright.train.throughput import Found, find, sizes


class Machine:
    """Takes `seconds[rows]` for a pass, holds `bytes_a_row` for each of its rows, and fails above `most` rows."""

    def __init__(self, seconds: dict[int, float], most: int = 99, bytes_a_row: int = 0, free: int = 10**9):
        self.seconds, self.most, self.bytes_a_row, self.room = seconds, most, bytes_a_row, free
        self.now, self.peak = 0.0, 1000
        self.tried: list[list[int]] = []

    def attempt(self, parts: Sequence[Batch]) -> bool:
        rows = [len(part.input_ids) for part in parts]
        self.tried.append(rows)
        self.now += sum(self.seconds[one] for one in rows)
        self.peak = 1000 + self.bytes_a_row * max(rows)
        return max(rows) <= self.most

    def reset(self) -> None:
        self.peak = 1000

    def find(self, count: int = 16) -> Found:
        batch = collate([Tokens(tuple(range(5, 25)), 12)] * count, 0, share_prefix=False)
        return find(
            self.attempt,
            batch,
            batch,
            free=lambda: self.room,
            phases=Phases(self.reset, lambda: self.peak),
            now=lambda: self.now,
        )


LINEAR = {rows: 1.0 * rows for rows in range(1, 33)}


def test_sizes_double_up_to_the_whole() -> None:
    assert [sizes(n) for n in (1, 2, 3, 8, 12)] == [[1], [1, 2], [1, 2, 3], [1, 2, 4, 8], [1, 2, 4, 8, 12]]


def test_the_fastest_is_taken() -> None:
    machine = Machine({1: 1.0, 2: 1.2, 4: 1.6, 8: 4.0, 16: 9.0})
    found = machine.find()
    assert found.size == 4
    assert {size: round(speed) for size, speed in found.tokens_per_second.items()} == {
        1: 20, 2: 33, 4: 50, 8: 40, 16: 36
    }  # fmt: skip
    assert max(max(rows) for rows in machine.tried) == 16
    assert found.ended == "no batch has more"


def test_of_like_speeds_the_smaller_is_taken() -> None:
    assert Machine(LINEAR).find().size == 1
    assert Machine({**LINEAR, 4: 3.9, 8: 7.7, 16: 15.0}).find().size == 8, "within 3 % of the fastest"
    assert Machine({**LINEAR, 4: 3.9, 8: 7.7, 16: 14.0}).find().size == 16


def test_what_does_not_fit_ends_the_search() -> None:
    machine = Machine({1: 1.0, 2: 1.0, 4: 1.0, 8: 1.0, 16: 1.0}, most=4)
    found = machine.find()
    assert (found.size, found.ended) == (4, "more do not fit")
    assert [16] not in machine.tried
    assert Machine(LINEAR, most=0).find() == Found(1, {}, "more do not fit")


def test_what_would_not_fit_is_not_tried() -> None:
    machine = Machine({1: 1.0, 2: 1.0, 4: 1.0, 8: 1.0, 16: 1.0}, bytes_a_row=100, free=1000)
    found = machine.find()
    assert (found.size, found.ended) == (8, "more may not fit"), "8 rows take 800 of 800 bytes"
    assert max(max(rows) for rows in machine.tried) == 8


SCHEMA = {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]}


def examples(count: int = 20) -> list[Example]:
    task = Extraction(TaskOptions(), {"": SCHEMA})
    return [task.example(Record(str(i), f"code {i * 7} end", {"code": str(i * 7)})) for i in range(count)]


def recipe(size: Any) -> Recipe:
    train = TrainOptions(max_steps=3, per_device_train_batch_size=size, learning_rate=5e-3, bf16=False)
    return Recipe(name="t", method=MethodOptions(lora_r=4), train=train)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_models.save("wren", tmp_path_factory.mktemp("model")))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / "adapter" / "adapter_model.safetensors")


def test_auto_learns_what_a_whole_batch_learns_and_a_resumed_run_keeps_its_number(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([3])
    monkeypatch.setattr(throughput, "find", lambda *a, **k: Found(next(answers), {3: 1.0}, "tested"))
    finetune(model, examples(), [], recipe(AUTO_BATCH), tmp_path / "whole")
    metrics = finetune(model, examples(), [], recipe("auto"), tmp_path / "auto")
    assert metrics["micro_batch"] == 3
    whole, auto = weights(tmp_path / "whole"), weights(tmp_path / "auto")
    assert max(float((whole[name] - auto[name]).abs().max()) for name in whole) < 2e-4
    args = json.loads((tmp_path / "auto" / "training_args.json").read_text())
    assert (args["micro_batch"], args["tokens_per_second_by_micro_batch"]) == (3, {"3": 1.0})
    # killed before its first checkpoint: nothing but the page of what was found is left, and it is not sought again
    shutil.rmtree(tmp_path / "auto" / "checkpoints")
    shutil.rmtree(tmp_path / "auto" / "adapter")
    finetune(model, examples(), [], recipe("auto"), tmp_path / "auto")
    again = weights(tmp_path / "auto")
    assert all(torch.equal(auto[name], again[name]) for name in auto)


def test_looking_for_it_changes_no_weight(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Found] = []
    truly = throughput.find

    def listen(*args: Any, **kept: Any) -> Found:
        found.append(truly(*args, **kept))
        return Found(AUTO_BATCH, {}, "tested")

    monkeypatch.setattr(throughput, "find", listen)
    finetune(model, examples(), [], recipe(AUTO_BATCH), tmp_path / "whole")
    finetune(model, examples(), [], recipe("auto"), tmp_path / "auto")
    assert found[0].size in found[0].tokens_per_second
    whole, auto = weights(tmp_path / "whole"), weights(tmp_path / "auto")
    assert all(torch.equal(whole[name], auto[name]) for name in whole)


def test_another_word_than_auto_is_refused(tmp_path: Path) -> None:
    from tunewright.core import recipe_file

    (tmp_path / "r.yaml").write_text("name: t\ntrain:\n  per_device_train_batch_size: most\n")
    with pytest.raises(TunewrightError, match="auto"):
        recipe_file.read(tmp_path / "r.yaml")
