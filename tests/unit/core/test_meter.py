from __future__ import annotations

from tunewright.core.meter import Phases, peak_memory


class Machine:
    """A clock and a memory that go as they are told."""

    def __init__(self) -> None:
        self.now, self.held, self.most = 0.0, 100, 100

    def take(self, seconds: float, held: int) -> None:
        self.now, self.held, self.most = self.now + seconds, held, max(self.most, held)

    def phases(self) -> Phases:
        def reset() -> None:
            self.most = self.held

        return Phases(reset, lambda: self.most, lambda: self.now)


def test_a_phase_inside_another_has_its_own_time_and_peak() -> None:
    machine = Machine()
    phases = machine.phases()
    machine.take(5, 900)  # before any phase: nobody's
    machine.take(0, 100)
    with phases("train"):
        machine.take(2, 300)
        with phases("validate"):
            machine.take(1, 700)
            machine.take(1, 200)
        machine.take(3, 250)
        with phases("validate"):
            machine.take(1, 400)
        machine.take(1, 390)
        phases.lap()
        assert phases.taken["train"]["seconds"] == 6.0
    assert phases.taken == {
        "train": {"seconds": 6.0, "peak_bytes": 400},  # what the second validation still holds when it ends
        "validate": {"seconds": 3.0, "peak_bytes": 700},
    }
    assert phases.peak_bytes == 700


def test_an_earlier_attempt_counts_and_an_error_ends_a_phase() -> None:
    machine = Machine()
    phases = machine.phases()
    phases.add({"train": {"seconds": 10.0, "peak_bytes": 150}, "load": {"seconds": 1.0, "peak_bytes": 120}})
    try:
        with phases("train"):
            machine.take(2, 130)
            raise ValueError
    except ValueError:
        pass
    machine.take(50, 5000)
    assert phases.taken["train"] == {"seconds": 12.0, "peak_bytes": 150}
    assert phases.taken["load"]["seconds"] == 1.0


def test_a_real_peak_is_seen_in_its_phase_only() -> None:
    phases = Phases()
    with phases("large"):
        block = bytearray(64_000_000)
        block[::4096] = b"x" * len(block[::4096])
        del block
    with phases("small"):
        pass
    large, small = (phases.taken[name]["peak_bytes"] for name in ("large", "small"))
    assert large <= max(large, peak_memory())
    if small < large:  # systems that cannot count from now say the same twice
        assert large - small > 30_000_000
