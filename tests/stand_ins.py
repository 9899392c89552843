"""Stand-ins for training and decoding, so that the story of a run is told in a second without torch."""

from __future__ import annotations

import sys
from types import SimpleNamespace

from tunewright.core import files
from tunewright.core.records import Prediction
from tunewright.flow import answer, job
from tunewright.text.serialise import dumps


class Interrupted(Exception):
    pass


class Ears:
    """Events that remember what is said."""

    progress = None

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str, *, painted: str | None = None) -> None:
        self.said.append(text)

    def log(self, text: str) -> None: ...

    def add(self, verb: str, kind: str, **values: object) -> None: ...


class World:
    """Stand-ins for training and decoding that count what they are asked, and can break off."""

    def __init__(self) -> None:
        self.trained = 0
        self.parts: list[tuple[str, str, tuple[str, ...]]] = []
        self.break_after: int | None = None

    def take_over(self, monkeypatch) -> None:
        """Stand in for training and decoding until the test ends."""
        monkeypatch.setitem(sys.modules, "tunewright.train.finetune", SimpleNamespace(finetune=self.finetune))
        monkeypatch.setitem(sys.modules, "tunewright.decode.system", SimpleNamespace(LocalSystem=self.system))
        monkeypatch.setattr(answer.Models, "loaded", lambda self, system: SimpleNamespace(bytes=7))
        monkeypatch.setattr(job, "locate_model", lambda name: None)
        monkeypatch.setattr(answer, "note_machine", lambda job: None)
        monkeypatch.setattr(answer, "warn_of_overlap", lambda job, events: None)

    def finetune(self, name, train, validation, recipe, folder, events, progress):
        self.trained += 1
        assert train
        assert all(example.completion for example in train)
        files.write_text(folder / "adapter" / "adapter_model.safetensors", "weights")
        metrics = {"steps": [], "validations": [], "best_step": 3, "total_steps": 3, "total_seconds": 1.0}
        files.write_json(folder / "training_metrics.json", metrics)
        return metrics

    def system(self, name, loaded, task, *, decoding, options, over_length, max_length):
        world = self

        class Fake:
            def __init__(self) -> None:
                self.name = name

            def predict(self, examples):
                if world.break_after is not None:
                    if world.break_after == 0:
                        raise Interrupted
                    world.break_after -= 1
                world.parts.append((name, decoding, tuple(example.id for example in examples)))
                for example in examples:
                    right = name == "tuned" or (name == "few-shot" and example.id[-1] in "02468")
                    value = example.record.target if right else None
                    text = dumps(value) if right else "?"
                    yield Prediction(example.id, text, value, None if right else "not JSON", tokens=len(text))

        return Fake()
