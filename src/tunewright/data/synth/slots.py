"""Importing this module fills in what slots of templates mean."""

from tunewright.data.synth import amounts, dates, entities, labels, numbers

__all__ = ["amounts", "dates", "entities", "labels", "numbers"]
