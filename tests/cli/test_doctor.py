"""Each check of the doctor can fail, and says what to do about it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import namedtuple
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from tunewright.flow import doctor
from tunewright.flow.doctor import Check


class FakeTorch:
    """As much of torch as the doctor asks."""

    __version__ = "2.13.0"

    def __init__(self, threads: int = 2, cuda: bool = False, **capabilities: object):
        self._threads = threads
        self.cpu = SimpleNamespace(get_capabilities=lambda: capabilities)
        card = SimpleNamespace(name="Card", total_memory=80 * 10**9)
        self.cuda = SimpleNamespace(
            is_available=lambda: cuda, device_count=lambda: 1, get_device_properties=lambda _: card
        )
        self.backends = SimpleNamespace(mps=SimpleNamespace(is_available=lambda: False))

    def get_num_threads(self) -> int:
        return self._threads


@pytest.fixture
def torch(monkeypatch):
    def put(**facts):
        monkeypatch.setattr(doctor, "_torch", lambda: FakeTorch(**facts))

    return put


def not_well(check: Check, status: str) -> Check:
    assert check.status == status, check
    assert check.fix, f"{check.name} names no fix"
    return check


def test_examine_answers_every_check_once_and_survives_broken_ones(monkeypatch, tmp_path, torch):
    torch()
    monkeypatch.setattr("tunewright.report.fonts.devanagari", lambda: 1 / 0)
    checks = doctor.examine(tmp_path)
    names = [check.name for check in checks]
    assert len(names) == len(set(names))
    assert {"python", "packages", "torch", "threads", "bf16", "memory", "disk", "embedded model"} <= set(names)
    broken = next(check for check in checks if check.name == "fonts")
    assert (broken.status, "ZeroDivisionError" in broken.detail) == ("warn", True)
    assert all(check.status in ("ok", "warn", "fail") and check.detail for check in checks)
    assert json.loads(json.dumps([check.to_row() for check in checks]))[0]["name"] == "python"
    assert not list(tmp_path.iterdir()), "the doctor left something behind"


def test_importing_the_doctor_loads_no_heavy_library():
    heavy = {"torch", "transformers", "matplotlib", "peft"}
    code = f"import sys, tunewright.flow.doctor; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_old_python_fails(monkeypatch):
    Version = namedtuple("Version", "major minor micro")
    monkeypatch.setattr(doctor.sys, "version_info", Version(3, 10, 4))
    assert "3.10.4" in not_well(doctor.python(), "fail").detail


def test_missing_and_outdated_requirements_fail(monkeypatch):
    monkeypatch.setattr(doctor.metadata, "requires", lambda _: ["alpha>=2", "beta<3", "gamma; extra == 'data'"])
    versions = {"alpha": "1.0"}
    monkeypatch.setattr(doctor, "_installed", versions.get)
    detail = not_well(doctor.packages(), "fail").detail
    assert "alpha is 1.0" in detail
    assert "beta is missing" in detail
    assert "gamma" not in detail
    versions.update(alpha="2.1", beta="2.9")
    assert doctor.packages().status == "ok"


def test_other_versions_than_locked_warn_and_builds_of_one_version_do_not(monkeypatch, tmp_path):
    lock = tmp_path / "run.txt"
    lock.write_text('# a comment\ntorch==2.13.0\nhf-xet==1.8.0 ; platform_machine == "x86_64"\n')
    monkeypatch.setattr(doctor, "_lock", lambda: lock)
    versions = {"torch": "2.13.0+cpu", "hf-xet": "1.8.0"}
    monkeypatch.setattr(doctor, "_installed", versions.get)
    assert doctor.locked_versions().status == "ok"
    versions["torch"] = "2.14.0"
    assert "torch is 2.14.0 (locked 2.13.0)" in not_well(doctor.locked_versions(), "warn").detail
    del versions["hf-xet"]
    assert "hf-xet is missing" in doctor.locked_versions().detail
    monkeypatch.setattr(doctor, "_lock", lambda: None)
    assert doctor.locked_versions().status == "ok"


def test_torch_that_does_not_load_fails(monkeypatch):
    def broken():
        raise OSError("libsomething.so: cannot open shared object file")

    monkeypatch.setattr(doctor, "_torch", broken)
    assert "libsomething" in not_well(doctor.torch_imports(), "fail").detail


@pytest.mark.parametrize(
    ("used", "there", "status"), [(2, 2, "ok"), (8, 2, "warn"), (1, 8, "warn"), (6, 8, "ok"), (1, 0.5, "ok")]
)
def test_threads_beside_cores(monkeypatch, torch, used, there, status):
    torch(threads=used)
    monkeypatch.setattr(doctor, "cores", lambda: there)
    check = doctor.threads()
    assert check.status == status
    if status == "warn":
        assert f"OMP_NUM_THREADS={max(1, int(there))}" in not_well(check, "warn").fix


def test_a_containers_quota_counts_as_cores(tmp_path):
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert doctor.cores(tmp_path) == 0.5
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert doctor.cores(tmp_path) >= 1
    assert doctor.cores(tmp_path / "absent") >= 1


@pytest.mark.parametrize(
    ("able", "status", "word"),
    [
        ({"amx_bf16": True, "avx512_bf16": True}, "ok", "AMX"),
        ({"avx512_bf16": True}, "ok", "AVX-512 bf16 without AMX; training computes in fp32"),
        ({"bf16": True}, "ok", "computes in fp32"),
        ({"avx2": True}, "warn", "AVX2, no bf16"),
        ({}, "warn", "no bf16"),
    ],
)
def test_bf16(torch, able, status, word):
    torch(cpu_name="Chip", **able)
    check = doctor.bf16()
    assert (check.status, word in check.detail, "Chip" in check.detail) == (status, True, True)


def test_a_gpu_that_torch_cannot_use_warns(monkeypatch, torch):
    torch()
    monkeypatch.setattr(doctor, "_nvidia_device", lambda: False)
    assert doctor.gpu().status == "ok"
    monkeypatch.setattr(doctor, "_nvidia_device", lambda: True)
    not_well(doctor.gpu(), "warn")
    torch(cuda=True)
    assert "Card, 80.0 GB" in doctor.gpu().detail


@pytest.mark.parametrize(("gigabytes", "status"), [(1, "fail"), (3, "warn"), (16, "ok")])
def test_memory(monkeypatch, gigabytes, status):
    monkeypatch.setattr(doctor, "free_memory", lambda: gigabytes * 10**9)
    check = doctor.memory()
    assert check.status == status
    assert status == "ok" or check.fix


def test_a_containers_limit_counts_as_memory(tmp_path):
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("400\n")
    assert doctor.free_memory(tmp_path) == 600
    (tmp_path / "memory.max").write_text("max\n")
    assert doctor.free_memory(tmp_path) > 10**6


@pytest.mark.parametrize(("gigabytes", "status"), [(0.5, "fail"), (2, "warn"), (50, "ok")])
def test_disk_is_that_of_the_runs_folder_even_before_it_exists(monkeypatch, tmp_path, gigabytes, status):
    asked = []
    usage = SimpleNamespace(free=int(gigabytes * 10**9))
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: asked.append(path) or usage)
    check = doctor.disk(tmp_path / "runs" / "deep")
    assert (check.status, asked) == (status, [tmp_path])
    assert status == "ok" or check.fix


def test_runs_folder_that_cannot_be_written_fails(monkeypatch, tmp_path):
    assert doctor.runs_folder(tmp_path / "runs").status == "ok"
    assert not (tmp_path / "runs").exists()
    (tmp_path / "file").write_text("")
    not_well(doctor.runs_folder(tmp_path / "file"), "fail")

    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    assert "Permission denied" in not_well(doctor.runs_folder(tmp_path), "fail").detail


def test_embedded_model_is_checked_byte_by_byte(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "_wren_folder", lambda: tmp_path)
    assert "no Wren" in not_well(doctor.embedded_model(), "fail").detail
    for version in ("wren-9", "wren-10"):
        (tmp_path / version).mkdir()
    newest = tmp_path / "wren-10"
    assert "wren-10 has no weights" in not_well(doctor.embedded_model(), "fail").detail
    weights = newest / "model.safetensors"
    weights.write_bytes(b"weights")
    assert "no checksums" in not_well(doctor.embedded_model(), "warn").detail
    (newest / "sha256.json").write_text(json.dumps({weights.name: hashlib.sha256(b"weights").hexdigest()}))
    check = doctor.embedded_model()
    assert (check.status, "wren-10" in check.detail) == ("ok", True)
    weights.write_bytes(b"weighs!")
    assert "differs" in not_well(doctor.embedded_model(), "fail").detail
    (newest / "sha256.json").write_text(json.dumps({"tokenizer.json": "0"}))
    assert "tokenizer.json is missing" in not_well(doctor.embedded_model(), "fail").detail


def test_data_sets_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("TUNEWRIGHT_DATA", raising=False)
    assert doctor.data_sets().status == "ok"
    monkeypatch.setenv("TUNEWRIGHT_DATA", str(tmp_path / "gone"))
    not_well(doctor.data_sets(), "warn")
    (tmp_path / "one").mkdir()
    monkeypatch.setenv("TUNEWRIGHT_DATA", str(tmp_path))
    assert doctor.data_sets().detail.startswith("1 in ")


def test_hub_cache_that_cannot_be_written_warns(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "offline" in doctor.hub().detail
    monkeypatch.setattr(doctor.os, "access", lambda *_: False)
    not_well(doctor.hub(), "warn")
    assert os.listdir(tmp_path) == []


def test_fonts(monkeypatch):
    monkeypatch.setattr("tunewright.report.fonts.devanagari", lambda: Path("/fonts/Some-Regular.ttf"))
    assert doctor.fonts().detail == "Devanagari: Some-Regular.ttf"
    monkeypatch.setattr("tunewright.report.fonts.devanagari", lambda: None)
    not_well(doctor.fonts(), "warn")


def test_optional_parts_absent_outdated_present(monkeypatch):
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda _: None)
    absent = doctor.optional_part("datasets")
    assert (absent.status, "not installed" in absent.detail, absent.fix is not None) == ("ok", True, True)
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda _: object())
    monkeypatch.setattr(doctor.metadata, "requires", lambda _: ["datasets>=5; extra == 'data'"])
    monkeypatch.setattr(doctor, "_installed", lambda _: "4.2")
    assert "4.2; needs >=5" in not_well(doctor.optional_part("datasets"), "warn").detail
    monkeypatch.setattr(doctor, "_installed", lambda _: "5.1")
    assert doctor.optional_part("datasets").status == "ok"


def test_runs_whose_writer_died_are_named_and_those_at_work_are_not(tmp_path):
    runs = tmp_path / "runs"
    assert doctor.interrupted(runs).status == "ok"

    def run(name: str, owner: str) -> Path:
        folder = runs / name
        folder.mkdir(parents=True)
        (folder / "recipe.yaml").write_text("name: x\n")
        (folder / ".lock").write_text(owner)
        return folder

    run("finished", "")
    run("working", f"{os.getpid()}\n")
    check = doctor.interrupted(runs)
    assert (check.status, "working" in check.detail) == ("ok", True)
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    run("killed", f"{killed.pid}\n")
    (run("half", "") / ".tmp-1234-train.jsonl").write_text("")
    check = not_well(doctor.interrupted(runs), "warn")
    assert check.detail == "ended in the middle: half, killed"


def test_requirements_are_read_from_our_own_metadata():
    named = {name for name, _, extra in doctor._requirements() if extra is None}
    assert {"torch", "transformers", "peft", "llguidance"} <= named
    assert metadata.requires("tunewright")
    assert doctor._lock() is None or isinstance(doctor._lock(), Path)
