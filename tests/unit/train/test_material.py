"""What a training learns from is made once for several of them."""

from __future__ import annotations

from typing import Any

import pytest

from tunewright.core.recipe import TrainOptions
from tunewright.core.records import Example, Record
from tunewright.models.load import Loaded, load
from tunewright.train import material

OPTIONS = TrainOptions(max_length=60, over_length="drop")


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    return load("wren", dtype="fp32")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many examples were made into tokens, call by call."""
    found: list[int] = []
    plain = material.tokenise

    def counted(loaded: Loaded, examples: Any, **options: Any) -> Any:
        found.append(len(examples))
        return plain(loaded, examples, **options)

    monkeypatch.setattr(material, "tokenise", counted)
    return found


def examples(*texts: str) -> list[Example]:
    return [Example(Record(str(i), text), ({"role": "user", "content": text},), "yes") for i, text in enumerate(texts)]


def test_the_same_examples_are_made_once(loaded: Loaded, made: list[int]) -> None:
    train, held = examples("one", "two", "three " * 60), examples("four")
    said: list[list[str]] = [[], [], []]
    usual = material.gather(loaded, train, held, OPTIONS, said[0].append)
    del made[:]
    with material.remembering():
        first, second = (material.gather(loaded, train, held, OPTIONS, one.append) for one in said[1:])
        assert made == [3, 1]
    assert first == usual
    assert second is first
    assert said[0] == said[1] == said[2]
    assert any("dropped" in sentence for sentence in said[0])
    material.gather(loaded, train, held, OPTIONS, said[0].append)
    assert made == [3, 1, 3, 1], "nothing is remembered behind it"


@pytest.mark.parametrize("other", ["text", "reply", "held", "length", "pointing"])
def test_others_are_made_anew(loaded: Loaded, made: list[int], other: str) -> None:
    train, held, options = examples("one", "two"), examples("four"), OPTIONS
    with material.remembering():
        before = material.gather(loaded, train, held, options, print)
        if other == "text":
            train = examples("one", "twa")
        elif other == "reply":
            train = [*train[:1], Example(train[1].record, train[1].messages, "no")]
        elif other == "held":
            train, held = [*train, *held], []
        elif other == "length":
            options = OPTIONS.model_copy(update={"max_length": 50})
        else:
            options = OPTIONS.model_copy(update={"pointer_weight": 0.5})
        del made[:]
        assert material.gather(loaded, train, held, options, print) is not before
        assert made == [len(train), len(held)]


def test_options_that_say_what_becomes_of_examples_count_and_no_others(loaded: Loaded) -> None:
    train = examples("one two three four five six seven eight nine ten", "two")
    changes = {"max_length": 12, "over_length": "truncate_tail", "mask_history": True, "pointer_weight": 1.0}
    assert {*changes, "link_weight"} == set(material.READ)
    keys = {material._made_of(loaded, train, [], OPTIONS.model_copy(update={k: v})) for k, v in changes.items()}
    assert len(keys) == len(changes)
    assert material._made_of(loaded, train, [], OPTIONS) not in keys
    assert material._made_of(loaded, train, [], OPTIONS.model_copy(update={"learning_rate": 0.7})) not in keys
