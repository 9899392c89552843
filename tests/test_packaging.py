"""The wheel holds what it needs, stays small, and works where no clone is."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "tunewright"
WREN = SOURCE / "models" / "wren"
LARGEST = 30 * 10**6


def quietly(*command: object, cwd: Path, **environment: str) -> str:
    """What a command prints; its whole talk where it fails."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "TUNEWRIGHT_DATA")}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=kept | environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, f"{command} → {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from a copy so that no build folder appears in the clone."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "source"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
    quietly(
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"),
        *("--wheel-dir", folder, copy),
        cwd=folder,
    )
    (built,) = folder.glob("tunewright-*.whl")
    return built


@pytest.fixture(scope="module")
def elsewhere(wheel, tmp_path_factory) -> Path:
    """A virtual environment outside the clone with the wheel in it; the packages it needs are lent by this one."""
    folder = tmp_path_factory.mktemp("elsewhere")
    place = folder / "venv"
    venv.create(place, with_pip=False)
    python = place / "bin" / "python"
    quietly(
        *(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel),
        cwd=folder,
    )
    # A folder named in a .pth file is searched, but .pth files inside it are not read: an editable install is unseen.
    (site,) = place.glob("lib/python*/site-packages")
    lent = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site / "lent.pth").write_text("\n".join(sorted(lent)) + "\n", encoding="utf-8")
    found = quietly(python, "-c", "import tunewright; print(tunewright.__file__)", cwd=folder).strip()
    assert Path(found).is_relative_to(place), f"{found} is not the installed wheel"
    return place


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel):
    inside = {
        name.removeprefix("tunewright/") for name in zipfile.ZipFile(wheel).namelist() if name.startswith("tunewright/")
    }
    source = wheel.parent / "source" / "src" / "tunewright"
    there = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    assert there - inside == set(), "left out (see package-data in pyproject.toml)"
    assert inside - there == set(), "not in the source"
    assert "py.typed" in inside


def test_the_wheel_holds_recipes_pools_and_the_report(wheel):
    names = zipfile.ZipFile(wheel).namelist()

    def any_of(pattern: str) -> bool:
        return any(re.fullmatch(pattern, name) for name in names)

    assert any_of(r"tunewright/recipes/invoices\.yaml")
    assert any_of(r"tunewright/data/.+\.(txt|tsv|json|yaml)")
    assert any_of(r"tunewright/report/.+\.css")
    assert any_of(r"tunewright-.+\.dist-info/licenses/LICENSE")


def test_the_wheel_is_small(wheel):
    assert wheel.stat().st_size <= LARGEST
    unpacked = sum(entry.file_size for entry in zipfile.ZipFile(wheel).infolist())
    assert unpacked <= 2 * LARGEST


def test_no_part_of_the_wheel_names_a_machine(wheel):
    """Paths of the machine it was built on, or a registry's host, would be wrong on every other machine."""
    archive = zipfile.ZipFile(wheel)
    home = re.compile(rb"/(?:root|home/[a-z]+|work)/[A-Za-z]|index-url|find-links")
    for name in archive.namelist():
        if name.endswith((".py", ".yaml", ".md", ".toml", "METADATA")):
            assert not home.search(archive.read(name)), name


def test_the_console_script_runs_outside_the_clone(elsewhere, tmp_path):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]
    said = quietly(elsewhere / "bin" / "tunewright", "--help", cwd=tmp_path)
    assert version in said
    assert "extract" in said
    assert said == quietly(elsewhere / "bin" / "python", "-m", "tunewright", "--help", cwd=tmp_path)
    recipes = quietly(elsewhere / "bin" / "tunewright", "recipes", cwd=tmp_path)
    assert "invoices" in recipes


@pytest.mark.skipif(not list(WREN.glob("wren-*/model.safetensors")), reason="no Wren weights in the source yet")
def test_wren_extracts_outside_the_clone(elsewhere, tmp_path):
    (tmp_path / "letter.txt").write_text("Order number: K-4711\nCity: Jaipur\n", encoding="utf-8")
    schema = {
        "type": "object",
        "properties": {"order_number": {"type": ["string", "null"]}, "city": {"type": ["string", "null"]}},
        "required": ["order_number", "city"],
        "additionalProperties": False,
    }
    (tmp_path / "order.json").write_text(json.dumps(schema), encoding="utf-8")
    said = quietly(
        *(elsewhere / "bin" / "tunewright", "extract", "letter.txt", "--model", "wren", "--schema", "order.json"),
        cwd=tmp_path,
        OMP_NUM_THREADS="1",
        HF_HUB_OFFLINE="1",
    )
    (line,) = said.splitlines()
    assert set(json.loads(line)["value"]) == {"order_number", "city"}


# ---- the locks -------------------------------------------------------------------------------------------------------


def pins(name: str) -> dict[str, str]:
    """{distribution: version} of a lock file."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", text, re.MULTILINE)
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert len(found) == len(lines), f"{name} holds something that is not an exact pin"
    return {canonicalize_name(package): version for package, version in found}


@pytest.mark.parametrize(
    ("files", "extras"), [(("run.txt",), ("augment", "pdf", "tune")), (("run.txt", "test.txt"), ("test",))]
)
def test_the_lock_satisfies_what_the_package_requires(files, extras):
    locked = {package: version for name in files for package, version in pins(name).items()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(text for extra in extras for text in project["optional-dependencies"][extra])]
    for text in wanted:
        requirement = Requirement(text)
        version = locked.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not locked: make lock"
        assert requirement.specifier.contains(version, prereleases=True), f"{text} is locked at {version}"


def test_the_lock_is_closed():
    """Installed without dependencies, so everything that a locked package needs must itself be locked."""
    locked = pins("run.txt") | pins("test.txt")
    for package in locked:
        try:
            needs = metadata.requires(package) or []
        except metadata.PackageNotFoundError:
            continue
        for text in needs:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                assert canonicalize_name(requirement.name) in locked, f"{package} needs {requirement.name}: make lock"


def test_torch_is_pinned_and_first_and_heavy_training_extras_are_not_locked():
    lines = (ROOT / "requirements" / "run.txt").read_text(encoding="utf-8").splitlines()
    first = next(line for line in lines if not line.startswith("#"))
    assert re.fullmatch(r"torch==[\d.]+", first)
    assert not {"trl", "ray"} & (pins("run.txt") | pins("test.txt") | pins("check.txt")).keys()
    assert not {"bitsandbytes", "datasets", "openai"} & pins("run.txt").keys()


def test_set_up_files_name_no_index_and_no_path():
    files = [ROOT / name for name in ("Makefile", ".ci/run", "pyproject.toml")]
    for path in files + list((ROOT / "requirements").glob("*.*")):
        found = re.search(r"index-url|find-links|trusted-host|file://|https?://", path.read_text(encoding="utf-8"))
        assert not found, f"{path.name}: {found}"
