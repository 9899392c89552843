from __future__ import annotations

import pytest

from tunewright.train import memory


def test_memory_goes_back_before_a_larger_step_and_every_so_often(monkeypatch: pytest.MonkeyPatch) -> None:
    trims: list[int] = []
    step = 0
    monkeypatch.setattr(memory, "trim", lambda: trims.append(step))
    monkeypatch.setattr(memory, "TRIM_STEPS", 4)
    tidy = memory.Tidy()
    for step, size in enumerate([10, 10, 12, 5, 12, 7, 3, 4, 3, 2]):  # noqa: B007 - the trims note it
        tidy.before(size)
    assert trims == [0, 2, 6, 7]
