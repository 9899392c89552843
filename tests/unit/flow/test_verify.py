"""A recipe that works passes every check of `verify`; each broken thing is found by the check that is for it."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest

import tiny_models
from tunewright import cli
from tunewright.core import recipe_file
from tunewright.core.errors import ModelError
from tunewright.flow import verify
from tunewright.models import chat, merge


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_models.save("wren", tmp_path_factory.mktemp("model")))


@pytest.fixture
def recipe(model: str):
    sets = [f"model={model}", "train.per_device_train_batch_size=4", "method.lora_r=4"]
    return recipe_file.read("smoke", sets, environment={})


def statuses(found: verify.Verification) -> dict[str, str]:
    return {check.name: check.status for check in found.checks}


def test_what_works_passes_and_nothing_is_left(recipe, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    found = verify.verify(recipe, steps=8)
    assert statuses(found) == dict.fromkeys(
        ("stop token", "loss", "memory", "resume", "reload", "merge", "speed"), "pass"
    ), found.checks
    assert found.passed
    assert os.listdir(tmp_path) == []
    by_name = {check.name: check for check in found.checks}
    assert by_name["resume"].numbers["distance"] == 0
    assert by_name["loss"].numbers["last"] < by_name["loss"].numbers["first"]
    assert by_name["speed"].numbers["tokens_per_second"] > 0
    json.dumps(found.to_row())


@pytest.mark.slow
def test_whole_weights_have_nothing_to_merge(recipe) -> None:
    sets = ["method.name=full", f"model={recipe.model}", "train.per_device_train_batch_size=4"]
    found = verify.verify(recipe_file.read("smoke", sets, environment={}), steps=4)
    assert statuses(found)["merge"] == "skip"
    assert statuses(found)["reload"] == "pass"


def test_a_reply_without_its_stop_token_fails(recipe, monkeypatch) -> None:
    whole = chat.Chat.reply_ids
    monkeypatch.setattr(chat.Chat, "reply_ids", lambda self, text: whole(self, text)[:-1])
    found = verify.verify(recipe, steps=4)
    assert statuses(found) == {"stop token": "fail", "training": "fail"}
    assert not found.passed


def test_a_merge_that_forgets_the_adapter_fails(recipe, monkeypatch) -> None:
    right = merge.merged

    def forgetful(name, adapter, **more):
        return merge.load(name, dtype="fp32", device="cpu")

    monkeypatch.setattr(merge, "merged", forgetful)
    found = verify.verify(recipe, steps=8)
    assert statuses(found)["merge"] == "fail"
    assert right is not merge.merged


def test_a_state_that_is_not_kept_fails(recipe, monkeypatch) -> None:
    from tunewright.train import checkpoint

    monkeypatch.setattr(checkpoint, "unpack_optimizer", lambda *_: None)
    assert statuses(verify.verify(recipe, steps=8))["resume"] == "fail"


def test_a_loss_that_does_not_fall_or_is_not_finite_fails() -> None:
    def lines(*losses):
        return [{"loss": loss} for loss in losses]

    assert verify.falls(lines(3, 2, 1, 0.5)).status == "pass"
    assert verify.falls(lines(1, 1, 1, 1)).status == "fail"
    assert verify.falls(lines(3, 2, float("nan"), 1)).status == "fail"


def test_what_is_not_there_is_said_before_anything(recipe) -> None:
    with pytest.raises(ModelError):
        verify.verify(recipe, model="/nowhere/at/all")


def test_the_command_prints_a_table_and_fails_where_a_check_does(model, capsys, monkeypatch) -> None:
    passed = verify.Check("loss", "pass", "2 → 1")
    made = verify.Verification("smoke", "wren", "cpu", 1.0, (passed,))
    monkeypatch.setattr(verify, "verify", lambda *_, **__: made)
    assert cli.invoke(["verify", "smoke"]) == 0
    assert "pass  loss" in capsys.readouterr().out
    broken = verify.Verification("smoke", "wren", "cpu", 1.0, (passed, verify.Check("merge", "fail", "far")))
    monkeypatch.setattr(verify, "verify", lambda *_, **__: broken)
    assert cli.invoke(["verify", "smoke", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["passed"] is False


@pytest.mark.slow
def test_the_embedded_model_passes() -> None:
    sample = recipe_file.read("smoke", environment={})
    found = verify.verify(sample, steps=8)
    assert found.passed, found.checks
    assert Path(sample.model).name.startswith("wren")
