"""Checkpoints that survive anything: written aside, hashed, renamed; read back only when every byte is right.

checkpoints/step-000120/
  tensors.safetensors   weights, optimiser state, random state
  state.json            step, scalars of the optimiser, metrics so far
  manifest.json         sha256 and size of the others; written last
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from tunewright.core.errors import CheckpointError
from tunewright.core.files import is_full, sha256
from tunewright.core.meter import size

FILES = ("tensors.safetensors", "state.json")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What was saved: tensors by name, and a JSON state with at least `step`."""

    tensors: dict[str, torch.Tensor]
    state: dict[str, Any]
    path: Path


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def place(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step stands."""
    return folder / f"step-{step:06d}"


def save(folder: Path, step: int, tensors: dict[str, torch.Tensor], state: dict[str, Any], *, keep: int) -> Path:
    """Write `folder/step-N`, then drop all but the newest `keep`. Returns its path.

    Later steps go first: a run stands at this one because they could not be trusted. Raises CheckpointError where the
    disk has no room; those that stood before still stand, and nothing half-written takes room.
    """
    final, aside = place(folder, step), folder / f".step-{step:06d}.partial"
    try:
        _write(aside, step, tensors, state)
    except Exception as error:
        shutil.rmtree(aside, ignore_errors=True)
        if not is_full(error):
            raise
        needed = size(sum(tensor.numel() * tensor.element_size() for tensor in tensors.values()))
        raise CheckpointError(
            f"the disk is full: step {step} could not be saved, which takes {needed}",
            where=str(folder),
            hint="make room and give the same command again: it goes on from the checkpoint before",
        ) from error
    _remove(final)
    os.replace(aside, final)
    _sync(folder)
    passed = [path for path in _steps(folder) if _number(path) > step]
    for old in passed + [path for path in _steps(folder) if path not in passed][keep:]:
        _remove(old)
    return final


def _write(aside: Path, step: int, tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
    """All files of a checkpoint, flushed to the disk."""
    _remove(aside)
    aside.mkdir(parents=True)
    save_file({name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}, aside / FILES[0])
    (aside / FILES[1]).write_text(json.dumps({**state, "step": step}, ensure_ascii=False), encoding="utf-8")
    manifest = {name: {"sha256": sha256(aside / name), "bytes": (aside / name).stat().st_size} for name in FILES}
    (aside / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    for name in (*FILES, "manifest.json"):
        _sync(aside / name)
    _sync(aside)


def _remove(path: Path) -> None:
    """Remove a folder, or what stands under its name."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _steps(folder: Path) -> list[Path]:
    """What stands under a checkpoint's name, newest first; half-written ones (`.step-…`) are not among them."""
    found = [path for path in folder.glob("step-*") if path.name[5:].isdecimal()] if folder.is_dir() else []
    return sorted(found, key=_number, reverse=True)


def _number(path: Path) -> int:
    return int(path.name[5:])


def fault(path: Path) -> str | None:
    """Why a checkpoint cannot be trusted, or None."""
    try:
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        if not isinstance(manifest, dict) or set(manifest) != set(FILES):
            return "its manifest does not name the right files"
        for name, expected in manifest.items():
            file = path / name
            if not file.is_file():
                return f"{name} is missing"
            if file.stat().st_size != expected["bytes"]:
                return f"{name} has {file.stat().st_size} bytes instead of {expected['bytes']}"
            if sha256(file) != expected["sha256"]:
                return f"{name} does not have the sha256 of its manifest"
    except (OSError, ValueError, KeyError, TypeError) as problem:
        return f"its manifest cannot be read ({problem.__class__.__name__})"
    return None


def newest(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest verified checkpoint, or None; and a sentence about every damaged one that was passed over."""
    damaged: list[str] = []
    for path in _steps(folder):
        try:
            return read(path), damaged
        except CheckpointError as error:
            damaged.append(error.message)
    return None, damaged


def read(path: Path) -> Checkpoint:
    """Read one checkpoint. Raises CheckpointError when it does not verify."""
    reason = fault(path)
    if reason is not None:
        raise CheckpointError(f"checkpoint {path.name} is damaged: {reason}", where=str(path))
    try:
        state = json.loads((path / FILES[1]).read_text(encoding="utf-8"))
        tensors = load_file(path / FILES[0])
    except (OSError, ValueError, SafetensorError) as error:
        raise CheckpointError(
            f"checkpoint {path.name} is damaged: it cannot be read ({error.__class__.__name__})", where=str(path)
        ) from None
    if not isinstance(state, dict) or state.get("step") != _number(path):
        raise CheckpointError(f"checkpoint {path.name} is damaged: it is not one of its step", where=str(path))
    return Checkpoint(tensors, state, path)


def random_state() -> dict[str, torch.Tensor]:
    """Where the random numbers stand, of the processor and of the GPU in use."""
    state = {"random": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["random.cuda"] = torch.cuda.get_rng_state()
    return state


def set_random_state(tensors: dict[str, torch.Tensor]) -> None:
    """The inverse of `random_state`; other tensors may stand beside."""
    torch.set_rng_state(tensors["random"].to(torch.uint8))
    if "random.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random.cuda"].to(torch.uint8))


def pack_optimizer(name: str, optimizer: torch.optim.Optimizer) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """An optimiser's state as named tensors and plain numbers (no pickle)."""
    if getattr(optimizer, "is_paged", False) and torch.cuda.is_available():
        torch.cuda.synchronize()  # paged state is read where it lies, beside the GPU's own order
    saved = optimizer.state_dict()
    tensors: dict[str, torch.Tensor] = {}
    scalars: dict[str, Any] = {}
    for index, slots in saved["state"].items():
        # bitsandbytes wraps what is quantised once more, and takes it back unwrapped
        inner = {k: v for value in slots.values() if isinstance(value, dict) for k, v in value.items()}
        for key, value in {**slots, **inner}.items():
            if isinstance(value, dict):
                continue
            if isinstance(value, torch.Tensor):
                tensors[f"{name}.{index}.{key}"] = value
            else:
                scalars[f"{index}.{key}"] = value
    return tensors, scalars


def unpack_optimizer(
    name: str, optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor], scalars: dict[str, Any]
) -> None:
    """The inverse of `pack_optimizer`, into an optimiser over the same parameters."""
    saved = optimizer.state_dict()
    state: dict[int, dict[str, Any]] = {}
    for full, value in {
        **{k[len(name) + 1 :]: v for k, v in tensors.items() if k.startswith(name + ".")},
        **scalars,
    }.items():
        index, key = full.split(".", 1)
        state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": saved["param_groups"]})
    if getattr(optimizer, "is_paged", False):
        _page(optimizer)


def _page(optimizer: Any) -> None:
    """Put a paged optimiser's state back into pages: bitsandbytes loads it as usual tensors, which cannot give way."""
    for parameter, slots in optimizer.state.items():
        if parameter.device.type == "cpu":
            continue
        for key in ("state1", "state2"):
            if key in slots and not getattr(slots[key], "is_paged", False):
                paged = optimizer.get_state_buffer(parameter, dtype=slots[key].dtype)
                torch.cuda.synchronize()
                slots[key] = paged.copy_(slots[key])
