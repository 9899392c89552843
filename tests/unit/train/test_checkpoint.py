from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tunewright.core.errors import CheckpointError
from tunewright.train import checkpoint


def save(folder: Path, step: int) -> Path:
    return checkpoint.save(folder, step, {"weight": torch.full((3,), float(step))}, {"note": "x"}, keep=2)


def test_the_newest_is_read_back_and_only_so_many_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        save(tmp_path, step)
    found, damaged = checkpoint.newest(tmp_path)
    assert found is not None
    assert (found.state["step"], found.tensors["weight"].tolist(), damaged) == (3, [3.0, 3.0, 3.0], [])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-000002", "step-000003"]


def test_damaged_later_ones_go_and_do_not_count(tmp_path: Path) -> None:
    for step in (100, 200):
        checkpoint.save(tmp_path, step, {"weight": torch.zeros(3)}, {}, keep=1)
    damage_flip(tmp_path / "step-000200")
    checkpoint.save(tmp_path, 150, {"weight": torch.ones(3)}, {}, keep=1)
    assert [p.name for p in tmp_path.iterdir()] == ["step-000150"]
    found, damaged = checkpoint.newest(tmp_path)
    assert found is not None
    assert (found.state["step"], damaged) == (150, [])


def damage_flip(path: Path) -> None:
    data = bytearray((path / "tensors.safetensors").read_bytes())
    data[-1] ^= 1
    (path / "tensors.safetensors").write_bytes(data)


def damage_cut(path: Path) -> None:
    file = path / "state.json"
    file.write_bytes(file.read_bytes()[:-2])


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (damage_flip, "sha256"),
        (damage_cut, "bytes instead of"),
        (lambda p: (p / "tensors.safetensors").unlink(), "missing"),
        (lambda p: (p / "manifest.json").unlink(), "manifest"),
        (lambda p: (p / "manifest.json").write_text("{}"), "manifest"),
        (lambda p: (p / "manifest.json").write_text("nonsense"), "manifest"),
    ],
)
def test_a_damaged_newest_falls_back_and_says_so(tmp_path: Path, damage, word: str) -> None:
    save(tmp_path, 1)
    damage(save(tmp_path, 2))
    found, damaged = checkpoint.newest(tmp_path)
    assert found is not None
    assert found.state["step"] == 1
    assert len(damaged) == 1
    assert "step-000002" in damaged[0]
    assert word in damaged[0]
    with pytest.raises(CheckpointError):
        checkpoint.read(tmp_path / "step-000002")


def test_a_half_written_one_is_never_seen(tmp_path: Path) -> None:
    save(tmp_path, 1)
    (tmp_path / ".step-000002.partial").mkdir()
    found, damaged = checkpoint.newest(tmp_path)
    assert found is not None
    assert found.state["step"] == 1
    assert damaged == []


def test_nothing_there(tmp_path: Path) -> None:
    assert checkpoint.newest(tmp_path / "none") == (None, [])


@pytest.mark.parametrize("make", [lambda p: torch.optim.AdamW(p, lr=0.1), lambda p: torch.optim.Muon(p, lr=0.1)])
def test_an_optimiser_goes_on_exactly(make) -> None:
    def weight() -> torch.nn.Parameter:
        return torch.nn.Parameter(torch.arange(12.0).reshape(3, 4) / 7)

    def step(p: torch.nn.Parameter, optimizer: torch.optim.Optimizer, i: int) -> None:
        optimizer.zero_grad()
        (p * torch.linspace(-1, i, 12).reshape(3, 4)).sin().sum().backward()
        optimizer.step()

    whole = weight()
    optimizer = make([whole])
    for i in range(6):
        step(whole, optimizer, i)
    first = weight()
    optimizer = make([first])
    for i in range(3):
        step(first, optimizer, i)
    tensors, scalars = checkpoint.pack_optimizer("o", optimizer)
    second = torch.nn.Parameter(first.detach().clone())
    optimizer = make([second])
    checkpoint.unpack_optimizer("o", optimizer, tensors, scalars)
    for i in range(3, 6):
        step(second, optimizer, i)
    assert torch.equal(whole, second)
