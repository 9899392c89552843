"""`python -m benchmarks [NAME] [its settings]`: one benchmark, or all of them one after the other.

A benchmark is a file in this folder that runs as a module. Each gets a process of its own: peak memory never falls
within one.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def names() -> list[str]:
    """Every benchmark there is, in order of name."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))


def main(arguments: list[str]) -> int:
    """The exit code: that of the first benchmark that fails, 2 for a name nobody has."""
    known = names()
    if arguments and arguments[0] in ("-h", "--help"):
        print(f"{__doc__}\nbenchmarks: {', '.join(known)}")
        return 0
    named = bool(arguments) and not arguments[0].startswith("-")
    if named and arguments[0] not in known:
        print(f"error: there is no benchmark named '{arguments[0]}'\n\nhint: {', '.join(known)}", file=sys.stderr)
        return 2
    for name in arguments[:1] if named else known:
        print(f"== {name}", file=sys.stderr)
        code = subprocess.call([sys.executable, "-m", f"benchmarks.{name}", *arguments[named:]])
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
