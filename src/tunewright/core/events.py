"""What happens, as it happens: a file for machines, a log for people, one line on the screen."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import shutil
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from tunewright.core import meter

PLAIN_SECONDS = 30.0
"""How often progress is printed where the screen is not a terminal."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Events:
    """Appends to `events.jsonl` ({"time", "stage", "event", ...}) and to `training.log` in a run folder.

    Every line is flushed, and a line that a crash cut in two is taken off when the file is opened again.
    """

    def __init__(self, folder: Path | str, *, progress: Progress | None = None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.progress = progress
        mend(self.folder / "events.jsonl")
        self._events = open(self.folder / "events.jsonl", "a", encoding="utf-8", newline="\n")  # noqa: SIM115
        self._log = open(self.folder / "training.log", "a", encoding="utf-8", newline="\n")  # noqa: SIM115

    def add(self, stage: str, event: str, **values: Any) -> None:
        """One event. Values are JSON; NaN and infinities are written as null."""
        row = {"time": round(time.time(), 3), "stage": stage, "event": event, **values}
        try:
            text = json.dumps(row, ensure_ascii=True, allow_nan=False, default=str)
        except ValueError:
            text = json.dumps(json.loads(json.dumps(row, default=str), parse_constant=lambda _: None))
        self._events.write(text + "\n")
        self._events.flush()

    def log(self, text: str) -> None:
        """One line in `training.log` only."""
        self._log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
        self._log.flush()

    def say(self, text: str, *, painted: str | None = None) -> None:
        """One line for people: in the log and on the screen. painted: as a terminal with colours shows it."""
        text = visible(text)
        self.log(text)
        if self.progress is not None:
            self.progress.say(text, painted=painted)

    def close(self) -> None:
        for file in (self._events, self._log):
            with contextlib.suppress(OSError):  # of a full disk has been told; what is left of a line is not missed
                file.close()

    def __enter__(self) -> Events:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def visible(text: str) -> str:
    """Control characters as escapes, line ends and tabs aside: text of data does not command a terminal."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def mend(path: Path) -> None:
    """Take a half-written last line off a file of lines."""
    try:
        with open(path, "rb+") as file:
            end = file.seek(0, os.SEEK_END)
            at, tail = end, b""
            while at > 0 and b"\n" not in tail:
                at = max(0, at - 65536)
                file.seek(at)
                tail = file.read(end - at)
            keep = at + tail.rfind(b"\n") + 1
            if keep < end:
                file.truncate(keep)
    except FileNotFoundError:
        pass


class Progress:
    """One line on stderr: share done, loss, tokens/s, memory, time left.

    On a terminal the line is redrawn a few times a second; elsewhere (or with NO_COLOR, TERM=dumb) a plain line
    comes every 30 seconds. TUNEWRIGHT_NO_PROGRESS, or no stream, silences it; `say` still speaks.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        quiet: bool = False,
        environment: Mapping[str, str] | None = None,
        now: Callable[[], float] = time.monotonic,
    ):
        environment = os.environ if environment is None else environment
        self.stream = sys.stderr if stream is None else stream
        self.quiet = quiet
        self.silent = quiet or bool(environment.get("TUNEWRIGHT_NO_PROGRESS"))
        tty = bool(getattr(self.stream, "isatty", lambda: False)())
        self.live = tty and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
        self._now = now
        self._drawn = False
        self._stage: str | None = None

    def start(self, stage: str, total: int | None, *, unit: str = "", done: int = 0) -> None:
        """Begin a stage of `total` parts (None: unknown), of which a resumed run has `done` behind it."""
        self.finish()
        self._stage, self._total, self._unit = stage, total, unit
        self._first = self._done = done
        self._values: dict[str, Any] = {}
        self._began = self._printed = self._now()

    def update(self, done: int, **values: Any) -> None:
        """`done` parts are behind us. Values are shown as they are named: loss=1.23, tokens_per_second=900."""
        if self._stage is None:
            return
        self._done = done
        self._values |= values
        wait = 0.2 if self.live else PLAIN_SECONDS
        if not self.silent and self._now() - self._printed >= wait:
            self._printed = self._now()
            self._draw()

    def finish(self) -> None:
        """End the stage and clear its line."""
        self._clear()
        self._stage = None

    def say(self, text: str, *, painted: str | None = None) -> None:
        """A line that stays. painted: what a `live` terminal shows in its place."""
        if self.quiet:
            return
        self._clear()
        print(painted if painted and self.live else text, file=self.stream, flush=True)

    def line(self) -> str:
        """What the progress line says now."""
        elapsed = self._now() - self._began
        fresh = self._done - self._first
        parts = [str(self._stage)]
        if self._total:
            parts.append(f"{self._done}/{self._total}{' ' + self._unit if self._unit else ''}")
            parts.append(f"{100 * self._done / self._total:.0f}%")
        else:
            parts.append(f"{self._done}{' ' + self._unit if self._unit else ''}")
        for name, value in self._values.items():
            if value is not None:
                parts.append(_shown(name, value))
        if "memory_bytes" not in self._values:
            parts.append(meter.size(meter.memory()))
        if self._total and fresh > 0 and self._total > self._done:
            parts.append(f"{meter.clock(elapsed / fresh * (self._total - self._done))} left")
        else:
            parts.append(meter.clock(elapsed))
        return "  ".join(parts)

    def _draw(self) -> None:
        text = self.line()
        if not self.live:
            print(text, file=self.stream, flush=True)
            return
        width = shutil.get_terminal_size((100, 24)).columns - 1
        self.stream.write("\r\x1b[2K" + text[:width])
        self.stream.flush()
        self._drawn = True

    def _clear(self) -> None:
        if self._drawn:
            self.stream.write("\r\x1b[2K")
            self.stream.flush()
            self._drawn = False


def _shown(name: str, value: Any) -> str:
    if name == "tokens_per_second":
        return f"{value:,.0f} tokens/s"
    if name.endswith("_per_second"):
        return f"{value:,.1f} {name.removesuffix('_per_second')}/s"
    if name.endswith("_bytes"):
        return meter.size(value)
    if isinstance(value, float):
        return f"{name.replace('_', ' ')} {value:.4g}"
    return f"{name.replace('_', ' ')} {value}"


def quieten() -> None:
    """Keep the talk of libraries off the screen: their bars and notices would stand between our lines."""
    for name, value in (
        ("HF_HUB_DISABLE_PROGRESS_BARS", "1"),
        ("TRANSFORMERS_VERBOSITY", "error"),
        ("TOKENIZERS_PARALLELISM", "false"),
    ):
        os.environ.setdefault(name, value)
    for library in ("bitsandbytes", "matplotlib"):
        logging.getLogger(library).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=UserWarning)


@contextlib.contextmanager
def graceful(*, aloud: bool = True) -> Iterator[Callable[[], bool]]:
    """Inside, the first Ctrl-C only asks: the yielded function says whether it did. The second one stops at once.

    A loop that asks can save and then raise KeyboardInterrupt; one that does not is stopped by the second Ctrl-C.
    Outside the main thread nothing is changed, and the answer is always no. aloud: say on stderr what was understood.
    """
    asked = False

    def ask(number: int, frame: Any) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        if aloud:
            print("\nsaving; press Ctrl-C again to stop without", file=sys.stderr, flush=True)

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)
