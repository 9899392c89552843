"""fp16's scaled loss: powers of two cancel, so in fp32 the scaled run is the plain one, bit for bit."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator

import tiny_models
from tunewright.core.errors import TunewrightError
from tunewright.core.recipe import TrainOptions
from tunewright.models import load
from tunewright.train import checkpoint
from tunewright.train.batch import Tokens, collate
from tunewright.train.finetune import precision
from tunewright.train.loop import Fit
from tunewright.train.schedule import Schedule

STEPS = 6


def fit(folder: Path, scaler: torch.amp.GradScaler | None, **more: Any) -> tuple[dict[str, torch.Tensor], dict]:
    model = copy.deepcopy(tiny_models.model("wren"))
    parameters = dict(model.named_parameters())
    half = len(parameters) // 2
    first, second = list(parameters.values())[:half], list(parameters.values())[half:]
    accelerator = Accelerator(cpu=True)
    accelerator.scaler = scaler

    def batches(step: int) -> list:
        ids = torch.randint(5, 60, (2, 3, 12), generator=torch.Generator().manual_seed(step)).tolist()
        return [collate([Tokens(tuple(row), 8) for row in rows], 0, share_prefix=False) for rows in ids]

    metrics = Fit(
        **{
            "model": model,
            "parameters": parameters,
            "optimizers": [(torch.optim.SGD(part, lr=0.3, momentum=0.9), 0.3) for part in (first, second)],
            "schedule": Schedule("linear", 0, STEPS),
            "micro_batches": batches,
            "total_steps": STEPS,
            "folder": folder,
            "accelerator": accelerator,
            "save_steps": 1,
            "keep": 9,
            "logging_steps": 1,
            **more,
        }
    ).run()
    return {name: p.detach().clone() for name, p in parameters.items()}, metrics


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def scaler(power: int = 16, growth_interval: int = 2) -> torch.amp.GradScaler:
    return torch.amp.GradScaler("cpu", init_scale=2.0**power, growth_interval=growth_interval)


def test_the_scale_cancels_and_grows(tmp_path: Path) -> None:
    plain, plainly = fit(tmp_path / "plain", None)
    ours = scaler()
    scaled, metrics = fit(tmp_path / "scaled", ours)
    assert same(plain, scaled)
    assert [line["grad_norm"] for line in metrics["steps"]] == [line["grad_norm"] for line in plainly["steps"]]
    assert ours.get_scale() == 2.0 ** (16 + STEPS // 2), "once a step, however many optimisers there are"
    assert metrics["overflows"] == 0


def test_the_gradient_is_shortened_after_the_scale_is_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail: a scale left on the gradient, or taken off after shortening, gives other weights."""
    plain, _ = fit(tmp_path / "plain", None)
    ours = scaler()
    monkeypatch.setattr(ours, "unscale_", lambda optimizer: None)
    monkeypatch.setattr(ours, "update", lambda: None)
    wrong, metrics = fit(tmp_path / "wrong", ours)
    assert not same(plain, wrong)
    assert metrics["steps"][0]["grad_norm"] > 1e4


def test_an_overflow_is_taken_again_with_half_the_scale_and_no_step_is_lost(tmp_path: Path) -> None:
    plain, _ = fit(tmp_path / "plain", None)
    ours = scaler(power=127, growth_interval=1000)
    heard: list[dict[str, Any]] = []
    scaled, metrics = fit(tmp_path / "scaled", ours, report=heard.append)
    assert metrics["overflows"] > 0
    assert ours.get_scale() == 2.0 ** (127 - metrics["overflows"])
    assert same(plain, scaled)
    assert [line["step"] for line in metrics["steps"]] == [1, 2, 3, 4, 5, 6]
    told = [event for event in heard if event["event"] == "overflow"]
    assert len(told) == metrics["overflows"]
    assert told[0] == {"event": "overflow", "step": 1, "scale": 2.0**126}


def test_a_resumed_run_has_the_scale_it_had(tmp_path: Path) -> None:
    whole = scaler(power=126)
    weights, metrics = fit(tmp_path / "whole", whole)
    assert metrics["overflows"] > 0
    shutil.copytree(tmp_path / "whole", tmp_path / "parts")
    for step in (6, 5, 4):
        shutil.rmtree(tmp_path / "parts" / f"step-00000{step}")
    saved = checkpoint.newest(tmp_path / "parts")[0]
    assert saved is not None
    shutil.copytree(tmp_path / "parts", tmp_path / "forgotten")
    parts = scaler(power=126)
    resumed, again = fit(tmp_path / "parts", parts)
    assert same(weights, resumed)
    assert parts.state_dict() == whole.state_dict() != saved.state["scaler"]
    assert again["overflows"] == metrics["overflows"]


def test_a_loss_that_overflows_at_any_scale_ends_the_training(tmp_path: Path) -> None:
    ours = scaler(power=3)
    start = copy.deepcopy(dict(tiny_models.model("wren").named_parameters()))

    class Endless(Fit):
        def _passes(self, parts: Any, trained: int) -> list[float]:
            sums = super()._passes(parts, trained)
            for parameter in self.parameters.values():
                parameter.grad = torch.full_like(parameter, torch.inf)
            return sums

    model = copy.deepcopy(tiny_models.model("wren"))
    parameters = dict(model.named_parameters())
    accelerator = Accelerator(cpu=True)
    accelerator.scaler = ours
    metrics = Endless(
        model=model,
        parameters=parameters,
        optimizers=[(torch.optim.SGD(parameters.values(), lr=0.3), 0.3)],
        schedule=Schedule("linear", 0, 2),
        micro_batches=lambda step: [collate([Tokens((5, 6, 7, 8), 2)], 0, share_prefix=False)],
        total_steps=2,
        folder=tmp_path,
        accelerator=accelerator,
    ).run()
    assert metrics["stopped"] == "the loss is not finite"
    assert metrics["overflows"] == 4  # 8, 4, 2, 1
    assert all(torch.equal(start[name], p) for name, p in parameters.items()), "no step was made of it"


@pytest.mark.parametrize(
    ("bf16", "fp16", "best", "device", "used"),
    [
        ("auto", "auto", torch.bfloat16, "cuda", "bf16"),
        ("auto", "auto", torch.float16, "cuda", "fp16"),
        ("auto", "auto", torch.float32, "cpu", "fp32"),
        ("auto", False, torch.float16, "cuda", "fp32"),
        (False, "auto", torch.float16, "cuda", "fp32"),
        (True, "auto", torch.float16, "cuda", "bf16"),
        ("auto", True, torch.bfloat16, "cuda", "fp16"),
        (False, True, torch.bfloat16, "cuda", "fp16"),
        ("auto", True, torch.bfloat16, "cpu", "bf16"),
        (False, True, torch.bfloat16, "cpu", "fp32"),
    ],
)
def test_what_is_computed_in(
    bf16: Any, fp16: Any, best: torch.dtype, device: str, used: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "best_dtype", lambda device: best)
    found, sentence = precision(TrainOptions(bf16=bf16, fp16=fp16), device)
    assert found == used
    assert sentence == (f"fp16 needs a GPU: {used} stands in" if fp16 is True and device == "cpu" else None)


def test_a_gpu_that_only_emulates_bf16_is_given_fp16(monkeypatch: pytest.MonkeyPatch) -> None:
    for has, dtype in ((True, torch.bfloat16), (False, torch.float16)):
        monkeypatch.setattr(
            torch.cuda, "is_bf16_supported", lambda including_emulation=True, has=has: including_emulation or has
        )
        assert load.best_dtype("cuda") == dtype


def test_both_precisions_at_once_are_refused() -> None:
    with pytest.raises(ValueError, match="bf16 or with fp16"):
        TrainOptions(bf16=True, fp16=True)


def test_the_recipe_says_where_both_stand(tmp_path: Path) -> None:
    from tunewright.core import recipe_file

    (tmp_path / "r.yaml").write_text("name: t\ntrain:\n  bf16: true\n  fp16: true\n")
    with pytest.raises(TunewrightError, match="train"):
        recipe_file.read(tmp_path / "r.yaml")


def test_one_process_may_train_in_several_precisions() -> None:
    """accelerate itself refuses: it keeps the first training's precision for the whole process."""
    from accelerate import Accelerator

    from tunewright.train import shares

    assert shares.accelerator("bf16", "cpu").mixed_precision == "bf16"
    with pytest.raises(ValueError, match="already been initialized"):
        Accelerator(mixed_precision="no", cpu=True)
    assert shares.accelerator("no", "cpu").mixed_precision == "no"
