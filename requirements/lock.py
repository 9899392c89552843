"""Write the lock files from the environment this runs in: `python requirements/lock.py`.

run.txt    what the package needs, setuptools to build it, and the extras that every shipped recipe and verb works with
test.txt   what `make test` adds to run.txt (the extra `test`)
check.txt  what `make check` adds to those (the extra `check`)

A lock holds the closure of the requirements in pyproject.toml, pinned to the versions installed here. Local
version labels (`+cpu`) are dropped: which build of torch is taken is the index's matter.
"""

from __future__ import annotations

import sys
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
FIRST = "torch"
EXTRAS = ("augment", "pdf", "tune")


def closure(roots: list[str]) -> dict[str, str]:
    """{distribution: pinned line} of everything that `roots` need, where it applies to this machine.

    Raises SystemExit naming what is not installed here.
    """
    lines: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    queue: list[tuple[Requirement, str]] = [(Requirement(root), "") for root in roots]
    while queue:
        requirement, marker = queue.pop()
        for extra in ("", *sorted(requirement.extras)):
            key = (canonicalize_name(requirement.name), extra)
            if key in seen:
                continue
            seen.add(key)
            try:
                distribution = metadata.distribution(requirement.name)
            except metadata.PackageNotFoundError:
                sys.exit(f"error: {requirement.name} is not installed here, so it cannot be locked")
            version = Version(distribution.version).public
            if not requirement.specifier.contains(version, prereleases=True):
                sys.exit(f"error: {requirement.name} {version} does not satisfy {requirement}")
            line = f"{distribution.metadata['Name']}=={version}"
            lines.setdefault(key[0], f"{line} ; {marker}" if marker else line)
            for text in distribution.requires or []:
                needed = Requirement(text)
                if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                    # A platform condition travels with the pin; one about `extra` or Python is settled by now.
                    condition = str(needed.marker or "")
                    queue.append((needed, condition if "platform_machine" in condition else ""))
    return lines


def locks() -> dict[str, dict[str, str]]:
    """{file name: {distribution: pinned line}}, each file without what those before it hold."""
    page = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project, extras = page["project"], page["project"]["optional-dependencies"]
    theirs = [text for extra in EXTRAS for text in extras[extra]]
    run = closure([*project["dependencies"], *page["build-system"]["requires"], *theirs])
    test = closure(extras["test"])
    check = closure(extras["check"])
    return {
        "run.txt": run,
        "test.txt": {name: line for name, line in test.items() if name not in run},
        "check.txt": {name: line for name, line in check.items() if name not in run and name not in test},
    }


def main() -> None:
    for name, lines in locks().items():
        ordered = sorted(lines.items(), key=lambda item: (item[0] != FIRST, item[0]))
        text = "# Written by requirements/lock.py; do not edit by hand.\n" + "".join(f"{line}\n" for _, line in ordered)
        (ROOT / "requirements" / name).write_text(text, encoding="utf-8")
        print(f"requirements/{name}: {len(lines)} pins")


if __name__ == "__main__":
    main()
