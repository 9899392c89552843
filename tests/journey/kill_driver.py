"""Runs a job in a child process, kills it at given moments, starts it again, and lets the last start finish.

    python kill_driver.py RUNS_FOLDER RECIPE_FILE NAME SECONDS...

Everything heavy is imported once; each start is a fork of this process, which itself never computes anything. Prints
one line a start: `killed after 0.53 s` or `finished after 2.10 s`.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback


def start(folder: str, recipe: str, name: str) -> None:
    from tunewright import api

    try:
        api.run(recipe, runs=folder, name=name)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def main(folder: str, recipe: str, name: str, moments: list[float]) -> int:
    import peft  # noqa: F401
    import torch
    import transformers  # noqa: F401


    torch.set_num_threads(1)
    for moment in [*moments, None]:
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            start(folder, recipe, name)
        status = None
        while status is None:
            if moment is not None and time.monotonic() - began >= moment:
                os.kill(child, signal.SIGKILL)
            done, waited = os.waitpid(child, os.WNOHANG)
            if done:
                status = waited
            else:
                time.sleep(0.002)
        spent = time.monotonic() - began
        if os.WIFSIGNALED(status):
            print(f"killed after {spent:.2f} s", flush=True)
            continue
        if os.WEXITSTATUS(status):
            return os.WEXITSTATUS(status)
        print(f"finished after {spent:.2f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], [float(text) for text in sys.argv[4:]]))
