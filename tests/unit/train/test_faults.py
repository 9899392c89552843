"""Training after a fault: damaged, foreign and missing files, full disks. docs/faults.md is the table of it.

What is compared is the bytes of the trained weights with those of a training that nothing happened to.
"""

from __future__ import annotations

import errno
import json
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from safetensors import SafetensorError

import tiny_models
from tunewright.core import files
from tunewright.core.errors import CheckpointError
from tunewright.core.events import Events
from tunewright.core.recipe import MethodOptions, Recipe, TaskOptions, TrainOptions
from tunewright.core.records import Example, Record
from tunewright.tasks.extraction import Extraction
from tunewright.train import checkpoint
from tunewright.train.finetune import finetune

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": ["string", "null"]}},
    "required": ["name"],
    "additionalProperties": False,
}
STEPS = (2, 4, 6)


def examples(count: int = 16) -> list[Example]:
    task = Extraction(TaskOptions(), {"": SCHEMA})
    return [task.example(Record(str(i), f"name: {'abcdef'[i % 6]}", {"name": "abcdef"[i % 6]})) for i in range(count)]


def tune(model: str, folder: Path, *, some: list[Example] | None = None, r: int = 4, **train: Any) -> dict[str, Any]:
    """Six steps with a checkpoint after every second one, told in folder/events.jsonl as a run tells it."""
    options = {
        "max_steps": 6,
        "per_device_train_batch_size": 4,
        "learning_rate": 5e-3,
        "logging_steps": 1,
        "save_steps": 2,
        "eval_steps": 2,
        "save_total_limit": 3,
        "bf16": False,
    }
    recipe = Recipe(name="t", method=MethodOptions(lora_r=r), train=TrainOptions(**{**options, **train}))
    with Events(folder) as events:
        return finetune(model, examples() if some is None else some, examples(5), recipe, folder, events)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return str(tiny_models.save("wren", tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def whole(model, tmp_path_factory) -> Path:
    """A training that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole")
    tune(model, folder)
    return folder


@pytest.fixture
def cut(whole, tmp_path) -> Path:
    """The same, killed after step 4."""
    folder = tmp_path / "cut"
    shutil.copytree(whole, folder)
    shutil.rmtree(folder / "adapter")
    shutil.rmtree(folder / "checkpoints" / "step-000006")
    (folder / "training_metrics.json").unlink()
    (folder / "events.jsonl").unlink()
    (folder / "training.log").unlink()
    return folder


def weights(folder: Path) -> bytes:
    return (folder / "adapter" / "adapter_model.safetensors").read_bytes()


def told(folder: Path, event: str) -> list[str]:
    return [row["message"] for row in files.read_lines(folder / "events.jsonl") if row["event"] == event]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def slow(*values: object) -> Any:
    """A case of `make test-all`."""
    return pytest.param(*values, marks=pytest.mark.slow)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-5]),
    "flipped": flip,
    "empty": lambda path: path.write_bytes(b""),
    "missing": lambda path: path.unlink(),
    "foreign": lambda path: path.write_text("[]" if path.suffix == ".json" else "weights"),
    "older": lambda path: shutil.copy(path.parent.parent / "step-000002" / path.name, path),
}


ALL = [(damage, name) for damage in DAMAGES for name in (*checkpoint.FILES, "manifest.json")]
SHORT = [("flipped", "tensors.safetensors"), ("cut", "state.json"), ("missing", "manifest.json")]
"""What `make test` trains after; the others are looked at without training, and trained after by `make test-all`."""


@pytest.mark.parametrize(("damage", "name"), ALL)
def test_every_damage_of_every_file_is_noticed(cut, damage, name):
    DAMAGES[damage](cut / "checkpoints" / "step-000004" / name)
    found, damaged = checkpoint.newest(cut / "checkpoints")
    assert found is not None
    assert found.state["step"] == 2
    assert len(damaged) == 1


@pytest.mark.parametrize(("damage", "name"), [one if one in SHORT else slow(*one) for one in ALL])
def test_a_damaged_checkpoint_is_passed_over_and_that_is_told(whole, cut, model, damage, name):
    DAMAGES[damage](cut / "checkpoints" / "step-000004" / name)
    tune(model, cut)
    [sentence] = told(cut, "damaged")
    assert sentence.startswith("checkpoint step-000004 is damaged: ")
    assert told(cut, "resumed") == ["resumed at step 2 of 6"]
    log = (cut / "training.log").read_text(encoding="utf-8")
    assert sentence in log, "what people are told stands in the log"
    assert weights(cut) == weights(whole)


def test_an_undamaged_checkpoint_is_taken_without_a_word(whole, cut, model):
    tune(model, cut)
    assert told(cut, "damaged") == []
    assert told(cut, "resumed") == ["resumed at step 4 of 6"]
    assert weights(cut) == weights(whole)


def seal(path: Path) -> None:
    """Make the manifest of a checkpoint right for what stands there now."""
    sizes = {
        name: {"sha256": files.sha256(path / name), "bytes": (path / name).stat().st_size} for name in checkpoint.FILES
    }
    (path / "manifest.json").write_text(json.dumps(sizes))


def replace_by_older(folder: Path) -> None:
    shutil.rmtree(folder / "step-000004")
    shutil.copytree(folder / "step-000002", folder / "step-000004")


def replace_by_file(folder: Path) -> None:
    shutil.rmtree(folder / "step-000004")
    (folder / "step-000004").write_text("no folder")


def other_program(folder: Path) -> None:
    """A checkpoint of something else, in perfect order."""
    path = folder / "step-000004"
    (path / "state.json").write_text("[1, 2]")
    seal(path)


@pytest.mark.parametrize("damage", [replace_by_older, replace_by_file, other_program])
def test_what_is_no_checkpoint_of_its_step_is_passed_over(cut, damage):
    damage(cut / "checkpoints")
    found, damaged = checkpoint.newest(cut / "checkpoints")
    assert found is not None
    assert found.state["step"] == 2
    assert len(damaged) == 1


def test_strangers_beside_the_checkpoints_are_left_alone(whole, cut, model):
    (cut / "checkpoints" / "step-old").mkdir()
    (cut / "checkpoints" / "notes.txt").write_text("mine")
    (cut / "checkpoints" / ".step-000006.partial").mkdir()
    (cut / "checkpoints" / ".step-000006.partial" / "tensors.safetensors").write_text("half")
    tune(model, cut)
    assert told(cut, "damaged") == []
    assert {"step-old", "notes.txt"} < {path.name for path in (cut / "checkpoints").iterdir()}
    assert weights(cut) == weights(whole)


def test_with_all_checkpoints_damaged_it_begins_anew_and_says_so(whole, cut, model):
    for path in (cut / "checkpoints").iterdir():
        flip(path / "tensors.safetensors")
    tune(model, cut)
    assert [line.split(" is ")[0] for line in told(cut, "damaged")] == [
        "checkpoint step-000004",
        "checkpoint step-000002",
        "no verified checkpoint",
    ]
    assert told(cut, "resumed") == []
    assert weights(cut) == weights(whole)


@pytest.mark.parametrize("damage", [slow("cut"), slow("empty"), slow("missing"), "foreign"])
def test_what_a_training_only_writes_does_no_harm(whole, cut, model, damage):
    """Files beside the checkpoints are never read back, whatever has become of them."""
    for name in ("latest_checkpoint_info.json", "training_args.json"):
        DAMAGES[damage](cut / name)
    tune(model, cut)
    assert files.read_json(cut / "latest_checkpoint_info.json")["step"] == 6
    assert weights(cut) == weights(whole)


@pytest.mark.parametrize("damage", [slow("cut"), "flipped", slow("empty"), slow("missing"), slow("foreign")])
def test_weights_that_were_being_written_are_written_again(whole, model, tmp_path, damage):
    """Killed while the result was saved: the last checkpoint has it all, and nothing is trained again."""
    folder = tmp_path / "cut"
    shutil.copytree(whole, folder)
    for path in (folder / "adapter").iterdir():
        if path.is_file():
            DAMAGES[damage](path)
    tune(model, folder)
    assert told(folder, "resumed")[-1] == "resumed at step 6 of 6"
    for path in (whole / "adapter").iterdir():
        assert path.read_bytes() == (folder / "adapter" / path.name).read_bytes(), path.name


# -- checkpoints of another training


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ({"learning_rate": 1e-3}, "recipe"),
        ({"some": examples(15)}, "data"),
        ({"r": 8}, "recipe and another weights"),
    ],
)
def test_a_checkpoint_of_another_training_is_an_error_that_says_what_to_do(cut, model, other, what):
    before = {path: path.read_bytes() for path in cut.glob("checkpoints/*/*")}
    with pytest.raises(CheckpointError, match=f"is of another training: it has another {what}$") as caught:
        tune(model, cut, **other)
    assert str(cut / "checkpoints") in str(caught.value.hint)
    assert {path: path.read_bytes() for path in cut.glob("checkpoints/*/*")} == before


def test_a_checkpoint_of_another_model_is_refused_and_one_without_an_identity_by_its_shapes(cut, model, tmp_path):
    llama = str(tiny_models.save("llama3", tmp_path / "llama3"))
    with pytest.raises(CheckpointError, match="another model"):
        tune(llama, cut)
    path = cut / "checkpoints" / "step-000004"
    state = json.loads((path / "state.json").read_text())
    del state["identity"]  # as older versions wrote it
    (path / "state.json").write_text(json.dumps(state))
    seal(path)
    with pytest.raises(CheckpointError, match="it has another weights"):
        tune(model, cut, r=8)
    tune(model, cut)
    assert told(cut, "resumed") == ["resumed at step 4 of 6"]


def test_another_way_of_keeping_checkpoints_is_another_recipe_but_new_keys_are_not():
    from tunewright.core.recipe_file import training_hash

    recipe = Recipe(name="t")
    assert training_hash(recipe) == training_hash(Recipe(name="other", train=TrainOptions(learning_rate=2e-3)))
    assert training_hash(recipe) != training_hash(Recipe(name="t", train=TrainOptions(learning_rate=2e-4)))
    assert training_hash(recipe) != training_hash(Recipe(name="t", seed=1))


# -- full disks


def no_space(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def no_space_below(*_: object, **__: object) -> None:
    raise SafetensorError(f"I/O error: No space left on device (os error {errno.ENOSPC})")


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Within, this process cannot write files over `size` bytes: the system refuses as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def broken(name: str, stand_in: Callable[..., Any]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, name, stand_in)
        yield


FULL = {
    "write": lambda: broken("save_file", no_space),
    "write below Python": lambda: broken("save_file", no_space_below),
    "fsync": lambda: broken("_sync", no_space),
    "for real": lambda: largest_file(20_000),
}


@pytest.mark.parametrize("how", [slow("write"), "write below Python", slow("fsync"), "for real"])
def test_a_full_disk_leaves_the_checkpoints_before_and_the_same_command_goes_on(whole, cut, model, how):
    before = {path: path.read_bytes() for path in cut.glob("checkpoints/*/*")}
    assert (whole / "checkpoints" / "step-000006" / "tensors.safetensors").stat().st_size > 20_000
    with (
        FULL[how](),
        pytest.raises(CheckpointError, match=r"the disk is full: step 6 could not be saved, which takes \d") as caught,
    ):
        tune(model, cut)
    assert "make room" in str(caught.value.hint)
    assert {path: path.read_bytes() for path in cut.glob("checkpoints/*/*")} == before
    assert not list((cut / "checkpoints").glob(".step-*")), "what was half-written takes no room"
    assert not (cut / "adapter").exists()
    tune(model, cut)
    assert told(cut, "resumed") == ["resumed at step 4 of 6"] * 2
    assert weights(cut) == weights(whole)


def test_another_error_while_saving_is_not_called_a_full_disk(cut, model):
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with broken("save_file", denied), pytest.raises(PermissionError):
        tune(model, cut)
