"""A run with a hosted job, killed at its first step, its second, ... until one attempt meets no more steps.

python hosted_driver.py TEMPLATE ROOM: copies the run folder TEMPLATE to ROOM/001, ROOM/002, ...; in ROOM/n a process
is killed at step n and another goes on to the end. A step is a request that is about to be sent, an answer that has
come, or a file that is about to get its name or just got it. ROOM/steps.txt has the name of each.
"""

from __future__ import annotations

import os
import shutil
import signal
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2

from tunewright.core.run import Run
from tunewright.flow import job


def steps(kill_at: int | None, told: Path) -> None:
    """From now on count steps, and die at one of them."""
    passed = 0

    def step(name: str) -> None:
        nonlocal passed
        passed += 1
        if passed == kill_at:
            with open(told, "a", encoding="utf-8") as file:
                file.write(name + "\n")
            os.kill(os.getpid(), signal.SIGKILL)

    def around(function: Callable[..., Any], name: Callable[..., str]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            said = name(*arguments)
            if not said.startswith("GET"):  # before one is after what was before
                step(f"before {said}")
            result = function(*arguments, **options)
            step(f"after {said}")
            return result

        return wrapped

    transport: Any = httpx2.HTTPTransport
    transport.handle_request = around(
        transport.handle_request, lambda self, request: f"{request.method} {request.url.path}"
    )
    os.fsync = lambda handle: None  # processes are killed here, not machines
    os.replace = around(os.replace, lambda source, target: f"writing {Path(target).name}")


def attempt(folder: Path, kill_at: int | None, told: Path) -> bool:
    """Let a process do the run up to its tuned model. Whether it lived."""
    child = os.fork()
    if child == 0:
        steps(kill_at, told)
        job.go_on(Run.open(folder), until="train", yes=True)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        sys.exit(f"{folder.name}: a process failed")
    return os.WIFEXITED(status)


def main(template: Path, room: Path) -> None:
    ssl.SSLContext.load_verify_locations = lambda *_, **__: None  # the stand-in speaks no TLS
    # Once without processes: they begin with everything loaded.
    job.go_on(Run.open(shutil.copytree(template, room / "000")), until="train", yes=True)
    assert "torch" not in sys.modules, "a process that watches a job must be light"
    number, lived = 0, False
    while not lived:
        number += 1
        folder = room / f"{number:03d}"
        shutil.copytree(template, folder)
        lived = attempt(folder, number, room / "steps.txt")
        if not lived and not attempt(folder, None, room / "steps.txt"):
            sys.exit(f"{folder.name}: the second process died")
    print(number - 1)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
