"""Which of several processes this is, as torchrun and `accelerate launch` tell it by environment variables.

The first process holds the run's lock, writes and speaks; the others help to train.
"""

from __future__ import annotations

import os


def count() -> int:
    """How many processes train together."""
    told = all(name in os.environ for name in ("WORLD_SIZE", "RANK", "MASTER_ADDR", "MASTER_PORT"))
    return int(os.environ["WORLD_SIZE"]) if told else 1


def rank() -> int:
    """The number of this process among them, from 0."""
    return int(os.environ["RANK"]) if count() > 1 else 0


def first() -> bool:
    """Whether this process is the one that writes and speaks, as a process alone is."""
    return rank() == 0
