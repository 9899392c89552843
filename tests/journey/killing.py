"""Start a process again and again, kill it at given moments, and let the last one finish."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence


def until_finished(start: Callable[[], None], events: Callable[[], int], moments: Sequence[str]) -> int:
    """The exit status of the last process, 0 where it finished; says of each whether it was killed.

    start: what a child does; it never returns. events: lines written so far. moments: "count:seconds", so many lines
    after its start and so long after that a process is killed.
    """
    for moment in [*moments, None]:
        before = events()
        child = os.fork()
        if child == 0:
            start()
        if moment is not None:
            count, seconds = moment.split(":")
            while events() - before < int(count) and not os.waitid(
                os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT
            ):
                time.sleep(0.002)
            time.sleep(float(seconds))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            print("killed", flush=True)
        elif os.WEXITSTATUS(status):
            return os.WEXITSTATUS(status)
        else:
            print("finished", flush=True)
    return 0
