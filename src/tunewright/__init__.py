"""Tunewright: from a task to a small language model that does it."""

__version__ = "0.1.0"
