"""What of this machine matters to Tunewright, looked at one by one: `examine()`.

Every check answers with what it found and, where that is not well, the one thing to do about it. Nothing is
written except one empty file in the runs folder's place, which is removed at once.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import psutil

from tunewright.core.files import TEMPORARY, folder_bytes, read_json, sha256
from tunewright.core.meter import cores, free_memory, size

Status = Literal["ok", "warn", "fail"]

LEAST_PYTHON = (3, 11)
LEAST_MEMORY, GOOD_MEMORY = 2 * 10**9, 4 * 10**9
LEAST_DISK, GOOD_DISK = 1 * 10**9, 4 * 10**9

OPTIONAL: dict[str, tuple[str, str | None]] = {
    "datasets": ("Hugging Face data sets", "pip install 'tunewright[data]'"),
    "pyarrow": ("Parquet", "pip install 'tunewright[data]'"),
    "bitsandbytes": ("4-bit weights (QLoRA) and AdamW in 8 bits", "pip install 'tunewright[qlora]'"),
    "llama_cpp": ("GGUF files; no shipped recipe needs them", None),
}
"""Package → what it is for, and how to get it where something that ships here needs it."""


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. fix: a command or a change, for everything that is not well or could be better."""

    name: str
    status: Status
    detail: str
    fix: str | None = None

    def to_row(self) -> dict[str, str | None]:
        return {"name": self.name, "status": self.status, "detail": self.detail, "fix": self.fix}


def examine(runs: Path | str = "runs") -> list[Check]:
    """All checks, in the order a person would want to repair them. Takes about three seconds, most of it torch.

    runs: where run folders stand or will stand. A check that breaks down is itself a finding, never a traceback.
    """
    folder = Path(runs)
    checks: list[tuple[str, Callable[[], Check]]] = [
        ("python", python),
        ("packages", packages),
        ("locked versions", locked_versions),
        ("torch", torch_imports),
        ("threads", threads),
        ("bf16", bf16),
        ("gpu", gpu),
        ("memory", memory),
        ("disk", lambda: disk(folder)),
        ("runs folder", lambda: runs_folder(folder)),
        ("interrupted runs", lambda: interrupted(folder)),
        ("embedded model", embedded_model),
        ("data sets", data_sets),
        ("hub", hub),
        ("fonts", fonts),
        *((name, lambda name=name: optional_part(name)) for name in OPTIONAL),
    ]
    return [_safely(name, check) for name, check in checks]


def _safely(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except Exception as error:  # whatever breaks here is what the person wants to hear about
        return Check(name, "warn", f"could not be checked: {type(error).__name__}: {error}")


# ---- Python and packages ---------------------------------------------------------------------------------------------


def python() -> Check:
    """Python itself: 3.11 or newer."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < LEAST_PYTHON:
        return Check("python", "fail", f"{version}; 3.11 or newer is needed", "install Python 3.11 or newer")
    return Check("python", "ok", f"{version} at {sys.executable}")


def _requirements() -> Iterator[tuple[str, Any, str | None]]:
    """(name, specifier, extra or None) of everything our own metadata asks for."""
    from packaging.requirements import Requirement

    for text in metadata.requires("tunewright") or []:
        requirement = Requirement(text)
        marker = re.search(r"extra == ['\"]([^'\"]+)", str(requirement.marker or ""))
        yield requirement.name, requirement.specifier, marker.group(1) if marker else None


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def packages() -> Check:
    """What the package requires is there, in the versions it requires."""
    wrong: list[str] = []
    count = 0
    for name, specifier, extra in _requirements():
        if extra is not None:
            continue
        count += 1
        version = _installed(name)
        if version is None:
            wrong.append(f"{name} is missing")
        elif not specifier.contains(version, prereleases=True):
            wrong.append(f"{name} is {version}, needs {specifier}")
    if wrong:
        return Check(
            "packages", "fail", "; ".join(wrong), "make demo (installs the locked set), or: pip install -U tunewright"
        )
    return Check("packages", "ok", f"all {count} requirements are met")


def _lock() -> Path | None:
    """The lock file of the clone that this package runs from; None in an installed wheel."""
    path = Path(__file__).resolve().parents[3] / "requirements" / "run.txt"
    return path if path.is_file() else None


def locked_versions() -> Check:
    """Whether the versions are those that the README's commands install and the tests ran with."""
    name = "locked versions"
    lock = _lock()
    if lock is None:
        return Check(name, "ok", "installed as a package; the lock belongs to a clone")
    different: list[str] = []
    pins = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    for package, pin in pins:
        version = _installed(package)
        if version is None:
            different.append(f"{package} is missing (locked {pin})")
        elif version.split("+")[0] != pin:  # +cpu and +cu130 are builds of one version
            different.append(f"{package} is {version} (locked {pin})")
    if different:
        shown = "; ".join(different[:4]) + (f"; and {len(different) - 4} more" if len(different) > 4 else "")
        return Check(name, "warn", shown, "make distclean demo (installs the locked set anew)")
    return Check(name, "ok", f"all {len(pins)} as locked")


# ---- processor, memory, disk -----------------------------------------------------------------------------------------


@cache
def _torch() -> ModuleType:
    return importlib.import_module("torch")


def torch_imports() -> Check:
    """torch is there and loads."""
    try:
        torch = _torch()
    except Exception as error:  # a broken build raises OSError, ImportError or worse
        return Check("torch", "fail", f"does not load: {error}", "make distclean demo (installs torch anew)")
    return Check("torch", "ok", str(torch.__version__))


def threads() -> Check:
    """torch's threads beside the cores there are: more threads than cores make everything slower."""
    used, there = _torch().get_num_threads(), cores()
    detail = f"torch uses {used} on {there:g} cores"
    wanted = max(1, int(there))
    if used > wanted:
        return Check("threads", "warn", detail + "; they get in each other's way", f"export OMP_NUM_THREADS={wanted}")
    if used * 2 <= wanted:
        named = os.environ.get("OMP_NUM_THREADS")
        because = f" (OMP_NUM_THREADS={named})" if named else ""
        return Check(
            "threads",
            "warn",
            detail + because + "; training would be faster with more",
            f"export OMP_NUM_THREADS={wanted}",
        )
    return Check("threads", "ok", detail)


def bf16() -> Check:
    """Whether the processor computes faster in bf16, which training then uses: `train.bf16: auto`."""
    able: Mapping[str, Any] = _torch().cpu.get_capabilities()
    name = able.get("cpu_name") or able.get("architecture", "this processor")
    if able.get("amx_bf16"):
        return Check("bf16", "ok", f"{name}: AMX, the fastest a processor has")
    if able.get("avx512_bf16") or able.get("bf16"):
        kind = "AVX-512 bf16" if able.get("avx512_bf16") else "bf16"
        return Check("bf16", "ok", f"{name}: {kind} without AMX; training computes in fp32, which is faster here")
    vectors = "AVX-512" if able.get("avx512_f") else "AVX2" if able.get("avx2") else "no wide vectors"
    return Check(
        "bf16",
        "warn",
        f"{name}: {vectors}, no bf16; training computes in fp32 and takes longer",
        "nothing to do: results are as good; a newer processor or a GPU is faster",
    )


def gpu() -> Check:
    """A GPU is never needed. One that is there and unused is worth a word."""
    torch = _torch()
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
        return Check("gpu", "ok", "; ".join(f"{g.name}, {size(g.total_memory)}" for g in names))
    if getattr(torch.backends, "mps", None) is not None and torch.backends.mps.is_available():
        return Check("gpu", "ok", "Apple GPU (mps)")
    if _nvidia_device():
        return Check(
            "gpu",
            "warn",
            f"an NVIDIA device is here, but torch {torch.__version__} cannot use it",
            "install a CUDA build of torch that fits the driver (nvidia-smi names it)",
        )
    return Check("gpu", "ok", "none; everything runs on the processor")


def _nvidia_device() -> bool:
    return Path("/dev/nvidia0").exists() or Path("/proc/driver/nvidia/version").exists()


def memory() -> Check:
    free = free_memory()
    detail = f"{size(free)} free"
    fix = "close other programs, or: --set train.per_device_train_batch_size=8 --set decode.batch_size=16"
    if free < LEAST_MEMORY:
        return Check("memory", "fail", f"{detail}; {size(LEAST_MEMORY)} are needed", fix)
    if free < GOOD_MEMORY:
        return Check("memory", "warn", f"{detail}; {size(GOOD_MEMORY)} are comfortable", fix)
    return Check("memory", "ok", detail)


def _nearest_folder(path: Path) -> Path:
    """`path` or the nearest folder above it that exists."""
    for folder in (path.absolute(), *path.absolute().parents):
        if folder.exists():
            return folder
    return Path.cwd()


def disk(runs: Path) -> Check:
    free = shutil.disk_usage(_nearest_folder(runs)).free
    detail = f"{size(free)} free for {runs}"
    fix = "delete old run folders (tunewright ls), or put runs on another disk: --runs FOLDER"
    if free < LEAST_DISK:
        return Check("disk", "fail", f"{detail}; {size(LEAST_DISK)} are needed", fix)
    if free < GOOD_DISK:
        return Check("disk", "warn", f"{detail}; {size(GOOD_DISK)} are comfortable", fix)
    return Check("disk", "ok", detail)


def runs_folder(runs: Path) -> Check:
    """Runs can be written where they are to stand."""
    folder = _nearest_folder(runs)
    fix = f"chmod u+w {folder}, or another place: --runs FOLDER"
    if not folder.is_dir():
        return Check("runs folder", "fail", f"{folder} is a file, not a folder", "name another place: --runs FOLDER")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Check("runs folder", "fail", f"{folder} cannot be written: {error.strerror or error}", fix)
    return Check("runs folder", "ok", f"{runs.absolute()}" + ("" if runs.exists() else " (made by the first run)"))


def interrupted(runs: Path) -> Check:
    """Runs whose writer died: its number still stands in `.lock`, or half-written files lie about."""
    name = "interrupted runs"
    dead: list[str] = []
    alive: list[str] = []
    for folder in sorted(path.parent for path in runs.glob("*/recipe.yaml")) if runs.is_dir() else []:
        lock = folder / ".lock"
        owner = lock.read_text(encoding="utf-8").strip() if lock.is_file() else ""
        if owner.isdigit() and psutil.pid_exists(int(owner)):
            alive.append(f"{folder.name} (process {owner})")
        elif owner or any(folder.rglob(f"{TEMPORARY}*")):
            dead.append(folder.name)
    if dead:
        shown = ", ".join(dead[:3]) + (f" and {len(dead) - 3} more" if len(dead) > 3 else "")
        return Check(
            name, "warn", f"ended in the middle: {shown}", f"tunewright run {runs / dead[0]} (goes on from there)"
        )
    return Check(name, "ok", f"none; being written now: {', '.join(alive)}" if alive else "none")


# ---- models, data, fonts, optional parts -----------------------------------------------------------------------------


def _wren_folder() -> Path:
    import tunewright.models.wren as wren

    return Path(str(wren.__file__)).parent


def embedded_model() -> Check:
    """The newest Wren is there and every byte is as released (sha256.json beside its weights)."""
    name = "embedded model"
    fix = "git restore src/tunewright/models/wren" if _lock() else "pip install --force-reinstall --no-deps tunewright"
    versions = sorted(
        (path for path in _wren_folder().glob("wren-*") if path.is_dir()),
        key=lambda path: [int(part) for part in re.findall(r"\d+", path.name)],
    )
    if not versions:
        return Check(name, "fail", "no Wren in this package", fix)
    folder = versions[-1]
    if not (folder / "model.safetensors").is_file():
        return Check(name, "fail", f"{folder.name} has no weights", fix)
    sums = folder / "sha256.json"
    if not sums.is_file():
        return Check(name, "warn", f"{folder.name} carries no checksums (sha256.json)", fix)
    wrong: list[str] = []
    for file, expected in read_json(sums).items():
        path = folder / file
        if not path.is_file():
            wrong.append(f"{file} is missing")
        elif sha256(path) != expected:
            wrong.append(f"{file} differs from the release")
    if wrong:
        return Check(name, "fail", f"{folder.name}: {'; '.join(wrong)}", fix)
    return Check(name, "ok", f"{folder.name}, {size(folder_bytes(folder))}, checksums right")


def data_sets() -> Check:
    """Where named data sets are looked for."""
    named = os.environ.get("TUNEWRIGHT_DATA")
    if not named:
        return Check("data sets", "ok", "TUNEWRIGHT_DATA is not set; synthesised data and your own files need none")
    folder = Path(named)
    if not folder.is_dir():
        return Check(
            "data sets", "warn", f"TUNEWRIGHT_DATA={named} is not a folder", "unset TUNEWRIGHT_DATA, or set it right"
        )
    count = sum(1 for path in folder.iterdir() if path.is_dir())
    return Check("data sets", "ok", f"{count} in {named}")


def hub() -> Check:
    """Where models from the Hugging Face hub would come from."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    place = _nearest_folder(home)
    if not os.access(place, os.W_OK):
        return Check(
            "hub", "warn", f"the hub's cache {home} cannot be written", "export HF_HOME=FOLDER (one you may write)"
        )
    offline = any(
        os.environ.get(name, "").upper() in {"1", "TRUE", "YES", "ON"}
        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    )
    how = "offline: only what the cache holds" if offline else "models are fetched when first named"
    return Check("hub", "ok", f"{how} ({home}); Wren needs no hub")


def fonts() -> Check:
    """Hindi is drawn as Hindi in the plots. The report's own text uses the browser's fonts."""
    from tunewright.report import fonts as drawn

    path = drawn.devanagari()
    if path is None:
        detail = "no font with Devanagari that matplotlib can use; the plots write Hindi in Latin letters"
        return Check("fonts", "warn", detail, "install one: apt install fonts-noto-core")
    return Check("fonts", "ok", f"Devanagari: {path.name}")


def optional_part(name: str) -> Check:
    """A part that some jobs need. Absent is well; present and unusable is not."""
    what, install = OPTIONAL[name]
    if importlib.util.find_spec(name) is None:
        return Check(name, "ok", f"not installed; for {what}", install)
    distribution = {"llama_cpp": "llama-cpp-python"}.get(name, name)
    version = _installed(distribution) or "unknown version"
    for package, specifier, extra in _requirements():
        if extra is not None and package == distribution and not specifier.contains(version, prereleases=True):
            return Check(name, "warn", f"{version}; needs {specifier}", f"pip install -U '{distribution}{specifier}'")
    return Check(name, "ok", f"{version}, for {what}")
