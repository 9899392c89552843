"""Examples that are too long are refused, dropped or cut by the recipe's word, counted and said; evaluation likewise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import tiny_models
from stand_ins import Ears
from tunewright.core.errors import DataError
from tunewright.core.recipe import DecodeOptions, MethodOptions, Recipe, TaskOptions, TrainOptions
from tunewright.core.records import Example, Prediction, Record
from tunewright.decode.system import LocalSystem
from tunewright.tasks.extraction import Extraction
from tunewright.train.finetune import finetune
from tunewright.train.length import fitted
from tunewright.train.material import tokenise

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": ["string", "null"]}},
    "required": ["name"],
    "additionalProperties": False,
}
TASK = Extraction(TaskOptions(), {"": SCHEMA})
LOADED = tiny_models.loaded("wren")


def example(words: int, name: str = "Asha") -> Example:
    text = f"first {name} " + "word " * words + "last"
    return TASK.example(Record(f"{words}-{name}", text, {"name": name}))


def options(how: str, most: int) -> TrainOptions:
    return TrainOptions(over_length=how, max_length=most)


@pytest.mark.parametrize(
    ("how", "first", "last"),
    [("truncate_tail", True, False), ("truncate_head", False, True), ("truncate_middle", True, True)],
)
def test_documents_are_cut_replies_and_instructions_are_not(how: str, first: bool, last: bool) -> None:
    short, long = example(5), example(300)
    made, lengths = fitted(LOADED, [short, long], options(how, 200))
    assert made[0] is short
    assert (lengths.truncated, lengths.dropped) == (1, 0)
    before, [_, after] = tokenise(LOADED, [long])[0], tokenise(LOADED, made)
    assert len(after.ids) <= 200 < len(before.ids)
    assert lengths.truncated_tokens == len(before.ids) - len(after.ids)
    assert after.ids[after.start :] == before.ids[before.start :]
    assert made[1].messages[0] == long.messages[0]
    text = made[1].messages[-1]["content"]
    assert ("first" in text, "last" in text) == (first, last)
    assert made[1].record.text == long.record.text


def test_refusing_and_dropping_cut_nothing() -> None:
    for how in ("refuse", "drop"):
        made, lengths = fitted(LOADED, [example(300)], options(how, 200))
        assert made == [example(300)]
        assert lengths.truncated == 0


def test_what_is_cut_and_dropped_is_counted_said_and_kept(tmp_path: Path) -> None:
    model = str(tiny_models.save("wren", tmp_path / "model"))
    recipe = Recipe(
        name="t",
        method=MethodOptions(lora_r=2),
        train=TrainOptions(
            max_steps=1, per_device_train_batch_size=4, bf16=False, max_length=200, over_length="truncate_middle"
        ),
    )
    hopeless = example(3, "A" * 400)  # the reply alone is over the limit
    ears: Any = Ears()
    rows = [*(example(n) for n in (1, 2, 3, 300, 400)), hopeless]
    metrics = finetune(model, rows, [example(250)], recipe, tmp_path / "run", ears)
    assert (metrics["examples"], metrics["dropped"]) == (5, 1)
    found = metrics["over_length"]
    assert (found["train"]["truncated"], found["train"]["dropped"], found["train"]["limit"]) == (2, 1, 200)
    assert found["train"]["truncated_tokens"] > 300
    assert found["validation"]["truncated"] == 1
    assert json.loads((tmp_path / "run" / "training_metrics.json").read_text())["over_length"] == found
    said = "\n".join(ears.said)
    assert "2 of 6 examples are over 200 tokens: their documents were cut (truncate_middle) by" in said
    assert "1 of 6 examples are over 200 tokens with hardly any document left and were dropped" in said
    assert "1 of 1 validation examples are over 200 tokens: their documents were cut" in said
    refusing = recipe.model_copy(update={"train": recipe.train.model_copy(update={"over_length": "refuse"})})
    with pytest.raises(DataError, match="3 of 6 examples are longer than 200") as caught:
        finetune(model, rows, [], refusing, tmp_path / "refused")
    assert "truncate_tail" in str(caught.value.hint)


def answers(found: list[Example], **length: Any) -> list[Prediction]:
    system = LocalSystem("x", LOADED, TASK, options=DecodeOptions(max_new_tokens=4, batch_size=4), **length)
    return list(system.predict(found))


def test_evaluation_cuts_what_training_cut_and_says_so() -> None:
    """Over the model's context: an error without the rule, an answer to a cut document with it."""
    found = [example(5), example(2 * LOADED.context)]
    plain = answers(found)
    assert [answer.finish == "error" for answer in plain] == [False, True]
    cut = answers(found, over_length="truncate_tail", max_length=4096)
    assert cut[1].finish != "error"
    assert cut[1].prompt_tokens <= LOADED.context - 4
    assert (cut[0].cut, cut[1].cut > LOADED.context) == (0, True)
    assert cut[0].text == plain[0].text
    assert Prediction.from_row(cut[1].to_row()) == cut[1].from_row(cut[1].to_row())
    assert cut[1].to_row()["cut"] == cut[1].cut
    assert "cut" not in cut[0].to_row()


def test_at_use_no_prompt_is_longer_than_those_of_training_and_none_that_was_whole_is_cut() -> None:
    row = example(60)
    [tokens] = tokenise(LOADED, [row])
    most = len(tokens.ids)
    [made] = fitted(LOADED, [row], options("truncate_head", most))[0]
    assert made is row
    [whole] = answers([row], over_length="truncate_head", max_length=most)
    assert whole.cut == 0
    [cut] = answers([example(300)], over_length="truncate_head", max_length=most)
    assert cut.cut > 0
    assert cut.prompt_tokens <= most
