"""What `make` does before the program begins, tried on a copy whose Python is a stand-in that writes down its calls."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("run.txt", "test.txt", "check.txt")

STAND_IN = """#!/bin/sh
case "$*" in
  "-c print(1)") echo 1 ;;
  *pip*install*) echo "$*" >> calls ;;
  *pytest*) echo "threads=$OMP_NUM_THREADS"; echo "pytest $*" >> calls ;;
esac
"""
PROGRAM = """#!/bin/sh
echo "tunewright $*"
echo "data=$TUNEWRIGHT_DATA"
"""


@pytest.fixture
def clone(tmp_path) -> Path:
    folder = tmp_path / "clone"
    (folder / "requirements").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copytree(ROOT / ".ci", folder / ".ci")
    (folder / "pyproject.toml").write_text("")
    for name in LOCKS:
        shutil.copy(ROOT / "requirements" / name, folder / "requirements")
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, text in {"python": STAND_IN, "tunewright": PROGRAM}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    return folder


OUTER = {
    *("TUNEWRIGHT_DATA", "DEMO_RECIPE", "ARGS", "WORKERS", "THREADS", "OMP_NUM_THREADS"),
    *("MAKEFLAGS", "MFLAGS", "MAKELEVEL"),
}


def do(folder: Path, *command: str, code: int = 0, **environment: str) -> str:
    """What a command says. What an outer make or a person has set is not handed on."""
    kept = {name: value for name, value in os.environ.items() if name not in OUTER}
    done = subprocess.run(
        list(command), cwd=folder, env=kept | environment,
        capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def make(folder: Path, *words: str, code: int = 0, **environment: str) -> str:
    return do(folder, "make", "--no-print-directory", *words, code=code, **environment)


def calls(folder: Path) -> list[str]:
    path = folder / "calls"
    found = path.read_text().splitlines() if path.is_file() else []
    path.unlink(missing_ok=True)
    return found


def test_torch_is_installed_first_and_alone_then_the_lock_without_dependencies(clone):
    make(clone, "demo")
    first, second, third = calls(clone)
    assert "torch==" in first
    assert "--constraint requirements/run.txt" in first
    assert "--requirement" not in first
    assert "--no-deps --requirement requirements/run.txt" in second
    assert "--no-deps --no-build-isolation --editable ." in third


def test_a_second_time_installs_nothing_and_a_changed_lock_installs_again(clone):
    make(clone, "demo")
    calls(clone)
    make(clone, "demo")
    assert calls(clone) == []
    lock = clone / "requirements" / "run.txt"
    stamp = (clone / ".venv" / ".run").stat().st_mtime
    os.utime(lock, (stamp + 5, stamp + 5))
    make(clone, "demo")
    assert len(calls(clone)) == 3


def test_each_target_works_alone(clone):
    said = make(clone, "test")
    assert "threads=1" in said
    installed = calls(clone)
    assert sum("requirements/test.txt" in call for call in installed) == 1
    assert installed[-1].startswith("pytest -m pytest -n 2 --dist worksteal -m not slow and not gpu")
    assert "threads=2" in make(clone, "test", "THREADS=2", "WORKERS=0")
    assert calls(clone)[-1].startswith("pytest -m pytest -n 0 ")


def test_ci_runs_the_tests_without_stdin(clone):
    do(clone, "bash", ".ci/run", CI="true")
    assert any(call.startswith("pytest ") for call in calls(clone))


def test_data_beside_the_clone_is_found_and_a_named_folder_wins(clone):
    assert "data=\n" in make(clone, "demo")
    shared = clone.parent / "shared" / "data"
    shared.mkdir(parents=True)
    said = make(clone, "demo")
    assert "tunewright run invoices" in said
    assert f"data={shared.resolve()}\n" in said
    assert "data=/elsewhere\n" in make(clone, "demo", TUNEWRIGHT_DATA="/elsewhere")


def test_an_old_python_is_refused_with_what_to_do(clone, tmp_path):
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\ncase "$1" in --version) echo Python 3.9.1;; *) exit 1;; esac\n')
    old.chmod(0o755)
    said = make(clone, "demo", f"PYTHON={old}", code=2)
    assert "needs Python 3.11 or newer; found: Python 3.9.1" in said
    assert "hint:" in said
    assert calls(clone) == []


def test_a_broken_environment_is_made_anew(clone):
    make(clone, "demo")
    python = clone / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nonexistent/python")
    new = clone.parent / "python3"
    new.write_text('#!/bin/sh\ncase "$*" in *venv*) echo making >> calls && mv stand-in .venv/bin/python;; esac\n')
    new.chmod(0o755)
    (clone / "stand-in").write_text(STAND_IN)
    (clone / "stand-in").chmod(0o755)
    calls(clone)
    make(clone, "demo", f"PYTHON={new}")
    assert calls(clone)[0] == "making"
