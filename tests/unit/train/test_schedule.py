"""Learning rates over a whole run are those of transformers, one step ahead of them during the warm-up."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from pydantic import ValidationError
from transformers import get_scheduler

from tunewright.core.recipe import SCHEDULES, TrainOptions
from tunewright.train import schedule
from tunewright.train.schedule import Schedule

PEAK = 3e-4
CASES = [
    ("linear", {}),
    ("cosine", {}),
    ("constant", {}),
    ("constant_with_warmup", {}),
    ("cosine_with_restarts", {"num_cycles": 3}),
    ("cosine_with_restarts", {}),
    ("polynomial", {"power": 2.0}),
    ("polynomial", {"lr_end": 1e-5}),
    ("inverse_sqrt", {}),
    ("inverse_sqrt", {"timescale": 40}),
    ("cosine_with_min_lr", {"min_lr_rate": 0.25}),
    ("warmup_stable_decay", {"decay_ratio": 0.3}),
    ("warmup_stable_decay", {"decay_ratio": 0.5, "min_lr_ratio": 0.1}),
]


def options(kind: str, given: dict[str, float], **more: object) -> TrainOptions:
    return TrainOptions(learning_rate=PEAK, lr_scheduler_type=kind, lr_scheduler_kwargs=given, **more)


def ours(kind: str, given: dict[str, float], warmup: int, total: int) -> list[float]:
    made = schedule.of(options(kind, given, warmup_steps=warmup), total)
    return [PEAK * made(step) for step in range(total)]


def theirs(kind: str, given: dict[str, float], warmup: int, total: int) -> list[float]:
    """The rates of their steps 0 to total."""
    settings = {**SCHEDULES[kind], **given}
    if "decay_ratio" in settings:
        settings["num_decay_steps"] = round(settings.pop("decay_ratio") * total)
    if not settings.get("timescale", 1):
        settings.pop("timescale")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=PEAK)
    scheduler = get_scheduler(kind, optimizer, warmup, total, settings)
    rates = []
    for _ in range(total + 1):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def same(left: list[float], right: list[float]) -> bool:
    # A rate of nothing is written as 1e-20 or so by one or the other.
    return all(a == pytest.approx(b, rel=1e-6, abs=1e-12 * PEAK) for a, b in zip(left, right, strict=True))


@pytest.mark.parametrize("warmup", [0, 1, 7])
@pytest.mark.parametrize(("kind", "given"), CASES)
def test_rates_are_those_of_transformers_and_ahead_while_they_rise(
    kind: str, given: dict[str, float], warmup: int
) -> None:
    total = 50
    mine, peer = ours(kind, given, warmup, total), theirs(kind, given, warmup, total)
    assert same(mine[warmup:], peer[warmup:total])
    if kind != "constant":
        assert same(mine[:warmup], peer[1 : warmup + 1])
    if warmup:
        assert mine[0] > 0
    assert max(mine) == pytest.approx(PEAK)


def test_the_check_can_fail() -> None:
    """A step too early, one cycle more, or another power: the comparison sees it."""
    peer = theirs("cosine", {}, 7, 50)
    assert not same(ours("cosine", {}, 7, 50)[7:], peer[8:])
    assert not same(ours("cosine", {}, 7, 51)[7:50], peer[7:50])
    for kind, wrong in [
        ("cosine_with_restarts", {"num_cycles": 2}),
        ("polynomial", {"power": 1.01}),
        ("cosine_with_min_lr", {"min_lr_rate": 0.11}),
        ("warmup_stable_decay", {"decay_ratio": 0.22}),
    ]:
        assert not same(ours(kind, wrong, 7, 50)[7:], theirs(kind, {}, 7, 50)[7:50]), kind


def test_every_kind_is_known_to_the_recipe_and_has_its_case() -> None:
    named = set(get_args(TrainOptions.model_fields["lr_scheduler_type"].annotation))
    assert named == set(SCHEDULES) == {kind for kind, _ in CASES}


def test_warm_up_in_steps_counts_before_its_share() -> None:
    assert TrainOptions(warmup_ratio=0.1).warmup(200) == 20
    assert TrainOptions(warmup_ratio=0.1, warmup_steps=3).warmup(200) == 3
    assert TrainOptions(warmup_ratio=0.1, warmup_steps=0).warmup(200) == 0
    assert TrainOptions(warmup_ratio=0.1).warmup(2) == 1
    assert TrainOptions(warmup_ratio=0.0).warmup(200) == 0


@pytest.mark.parametrize(
    ("kind", "given", "says"),
    [
        ("cosine", {"num_cycles": 2}, "without num_cycles: cosine takes nothing"),
        ("polynomial", {"lr_end": PEAK}, "below learning_rate"),
        ("cosine_with_min_lr", {"min_lr_rate": 1.5}, "min_lr_rate from 0 to 1"),
        ("cosine_with_restarts", {"num_cycles": 0}, "num_cycles above 0"),
        ("inverse_sqrt", {"timescale": -1}, "at least 0"),
    ],
)
def test_what_a_schedule_cannot_take_is_refused(kind: str, given: dict[str, float], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        options(kind, given)


def test_the_defaults_of_a_schedule_stand_in_the_resolved_recipe() -> None:
    assert options("polynomial", {"power": 2}).lr_scheduler_kwargs == {"power": 2.0, "lr_end": 1e-7}
    assert TrainOptions().lr_scheduler_kwargs == {}


def test_pretraining_keeps_its_plateau_and_falls_linearly() -> None:
    wsd = Schedule("wsd", 4, 20, 10)
    assert [wsd(step) for step in (0, 3, 4, 9, 10, 15)] == [0.25, 1.0, 1.0, 1.0, 1.0, 0.5]
    assert wsd(25) == 0.0
