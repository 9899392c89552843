"""Events survive crashes; progress obeys terminals, pipes and the environment; the first Ctrl-C only asks."""

from __future__ import annotations

import io
import os
import re
import signal

import pytest

from tunewright.core import files, meter
from tunewright.core.events import Events, Progress, graceful, mend


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def test_events_and_log_are_appended_and_readable_at_once(tmp_path):
    with Events(tmp_path) as events:
        events.add("train", "step", step=1, loss=float("nan"), note="हिन्दी")
        (row,) = files.read_lines(tmp_path / "events.jsonl")
        assert (row["stage"], row["event"], row["step"], row["loss"], row["note"]) == (
            "train",
            "step",
            1,
            None,
            "हिन्दी",
        )
        assert row["time"] > 1e9
        events.say("step 1")
    with Events(tmp_path) as events:
        events.add("train", "end")
    assert len(list(files.read_lines(tmp_path / "events.jsonl"))) == 2
    assert (tmp_path / "training.log").read_text().endswith(" step 1\n")


@pytest.mark.parametrize("tail", [b"", b'{"time": 3', b"x" * 200_000])
def test_a_half_written_last_line_is_taken_off(tmp_path, tail):
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a": 2}\n' + tail)
    mend(path)
    assert path.read_bytes() == b'{"a": 1}\n{"a": 2}\n'
    path.write_bytes(tail)
    mend(path)
    assert path.read_bytes() == b""


def test_on_a_terminal_one_line_is_redrawn_with_loss_speed_memory_and_time_left():
    screen, clock = Screen(), Clock()
    progress = Progress(screen, environment={}, now=clock)
    progress.start("train", 100, unit="steps")
    for step in range(1, 51):
        clock.time += 1
        progress.update(step, loss=1.25, tokens_per_second=12345.6)
    line = screen.getvalue().split("\r\x1b[2K")[-1]
    for part in ("train", "50/100 steps", "50%", "loss 1.25", "12,346 tokens/s", "50s left"):
        assert part in progress.line()
    assert re.search(r"  [\d.]+ [MG]B  ", progress.line())
    assert line.startswith("train  50/100")
    assert "\n" not in screen.getvalue()
    progress.say("saved")
    assert screen.getvalue().endswith("\r\x1b[2Ksaved\n")


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_without_a_terminal_or_colour_plain_lines_come_every_thirty_seconds(environment):
    screen, clock = Screen(), Clock()
    progress = Progress(screen, environment=environment, now=clock)
    progress.start("train", 100)
    for step in range(1, 100):
        clock.time += 1
        progress.update(step)
    assert "\x1b" not in screen.getvalue()
    assert screen.getvalue().count("\n") == 3


def test_progress_can_be_silenced_and_quiet_says_nothing():
    screen, clock = io.StringIO(), Clock()
    progress = Progress(screen, environment={"TUNEWRIGHT_NO_PROGRESS": "1"}, now=clock)
    progress.start("train", 2)
    clock.time += 100
    progress.update(1)
    assert screen.getvalue() == ""
    progress.say("done")
    assert screen.getvalue() == "done\n"
    quiet = Progress(screen, quiet=True, environment={})
    quiet.say("nothing")
    assert screen.getvalue() == "done\n"


def test_time_left_of_a_resumed_stage_counts_only_what_was_done_now():
    clock = Clock()
    progress = Progress(io.StringIO(), environment={}, now=clock)
    progress.start("train", 100, done=90)
    clock.time = 5.0
    progress.update(95)
    assert "5s left" in progress.line()
    progress.start("read", None)
    progress.update(7)
    assert progress.line().startswith("read  7")


def test_the_first_interrupt_asks_and_the_second_stops(capsys):
    before = signal.getsignal(signal.SIGINT)
    with graceful() as asked:
        assert not asked()
        os.kill(os.getpid(), signal.SIGINT)
        assert asked()
        assert "again" in capsys.readouterr().err
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_meter_and_its_words():
    with meter.Meter() as measured:
        block = bytearray(1_000_000)
    assert measured.seconds >= 0
    assert measured.peak_bytes >= len(block)
    assert meter.memory() > 1_000_000
    assert meter.free_memory() > 0
    assert [meter.clock(s) for s in (0, 59.4, 75, 3600, 7380)] == ["0s", "59s", "1m15s", "1h00m", "2h03m"]
    assert [meter.size(b) for b in (0, 999, 2500, 123_456_789, 2.5e9, 4e12)] == [
        "0 B",
        "999 B",
        "2.5 kB",
        "123 MB",
        "2.5 GB",
        "4.0 TB",
    ]


def test_control_characters_of_data_are_shown_and_not_obeyed(tmp_path):
    stream = io.StringIO()
    with Events(tmp_path, progress=Progress(stream, environment={})) as events:
        events.say("\x1b[2Jराम\tकुमार\x9b1m\nnext\r")
    assert "\\x1b[2Jराम\tकुमार\\x9b1m\nnext\\x0d" in stream.getvalue()
    assert not {"\x1b", "\x9b"} & set((tmp_path / "training.log").read_text(encoding="utf-8"))
