"""A text becomes one of many prompts and the JSON it says; which prompt hangs on the record alone."""

from __future__ import annotations

from collections import Counter

import pytest

from tunewright.core.contracts import Task
from tunewright.core.errors import DataError, RecipeError
from tunewright.core.recipe import TaskOptions
from tunewright.core.recipe_file import parse
from tunewright.core.records import Record
from tunewright.tasks.text_to_json import TextToJson, form
from tunewright.text.serialise import dumps

ORDER = {
    "type": "object",
    "properties": {
        "action": {"type": "string"},
        "goods": {"type": "object", "properties": {"item": {"type": "string"}, "place": {"type": "string"}}},
    },
    "required": ["action"],
}
PROMPTS = (
    "Create a JSON object from: '{text}'",
    "Turn this into JSON with keys like {keys}: {text}",
    "{schema}\nFill it from the text: {text}",
)
CARLA = Record("1", "Carla ordered 5 notebooks", {"goods": {"item": "notebooks"}, "action": "order"}, split="train")


def task(**options) -> TextToJson:
    given = {"name": "text_to_json", "json_schema": ORDER, "prompts": PROMPTS, **options}
    return TextToJson(TaskOptions.model_validate(given))


def test_it_is_a_task() -> None:
    assert isinstance(task(), Task)


@pytest.mark.parametrize(
    ("prompt", "said", "of"),
    [
        (PROMPTS[0], "Create a JSON object from: 'Carla ordered 5 notebooks'", "free"),
        (
            PROMPTS[1],
            "Turn this into JSON with keys like action, goods: {item, place}: Carla ordered 5 notebooks",
            "keys",
        ),
        (PROMPTS[2], f"{dumps(ORDER)}\nFill it from the text: Carla ordered 5 notebooks", "schema"),
    ],
)
def test_the_prompt_shows_what_it_names(prompt: str, said: str, of: str) -> None:
    example = task().example(CARLA.replace(provenance={"prompt": prompt}))
    [turn] = example.messages
    assert turn == {"role": "user", "content": said}
    start, end = example.document or (0, 0)
    assert said[start:end] == CARLA.text
    assert example.completion == '{"action": "order", "goods": {"item": "notebooks"}}'
    assert form(prompt) == of


def test_braces_in_a_text_are_no_places() -> None:
    example = task().example(CARLA.replace(text="{keys} {schema} {text} {other}", provenance={"prompt": PROMPTS[1]}))
    assert example.messages[-1]["content"].endswith("{item, place}: {keys} {schema} {text} {other}")


def test_the_first_prompt_is_asked_where_nobody_chooses() -> None:
    assert task().example(CARLA).messages[0]["content"] == "Create a JSON object from: 'Carla ordered 5 notebooks'"
    plain = TextToJson(schemas={"order": ORDER}).example(CARLA)
    assert plain.messages == ({"role": "user", "content": CARLA.text},)


def test_a_system_message_and_shots() -> None:
    shot = CARLA.replace(id="2", provenance={"prompt": PROMPTS[1]})
    messages = task(instruction="JSON only.").example(CARLA, [shot]).messages
    assert [one["role"] for one in messages] == ["system", "user", "assistant", "user"]
    assert messages[1]["content"].startswith("Turn this into JSON with keys")


def test_prompts_of_test_are_kept_for_it() -> None:
    kept = ("JSON of this, please: {text}",)
    asking = task(test_prompts=kept)
    records = [CARLA.replace(id=str(i), split=split) for i in range(300) for split in ("train", "validation", "test")]
    asked = [asking.asked(record) for record in records]
    used = {
        split: Counter(one.provenance["prompt"] for one in asked if one.split == split) for split in ("train", "test")
    }
    assert set(used["test"]) == set(kept)
    assert set(used["train"]) == set(PROMPTS)
    assert min(used["train"].values()) > 60
    assert {one.provenance["slice"]["wording"] for one in asked if one.split == "test"} == {"unseen"}
    assert asked[0].provenance["slice"] == {"prompt": form(asked[0].provenance["prompt"]), "wording": "seen"}
    assert [asking.asked(one) for one in asked] == asked  # asked once is asked for good
    assert asking.asked(records[5]) == asked[5]


def test_asked_for_some_keys() -> None:
    some = CARLA.replace(
        target={"goods": {"item": "notebooks"}},
        provenance={"prompt": PROMPTS[1], "keys": [["goods", "place"], ["goods", "item"]]},
    )
    example = task().example(some)
    assert "keys like goods: {place, item}: Carla" in example.messages[0]["content"]
    assert example.schema == {
        "type": "object",
        "properties": {"goods": {**ORDER["properties"]["goods"], "properties": {"place": {"type": "string"}, "item": {"type": "string"}}, "required": []}},  # type: ignore[index]
        "required": [],
    }  # fmt: skip
    with pytest.raises(DataError, match="no key 'colour'"):
        task().example(CARLA.replace(provenance={"keys": [["colour"]]}))


def test_some_keys_are_asked_for_by_prompts_that_name_them() -> None:
    records = [CARLA.replace(id=str(i), provenance={"keys": [["action"]]}) for i in range(60)]
    assert {task().asked(record).provenance["prompt"] for record in records} == set(PROMPTS[1:])
    assert task().asks == ("prompt", "keys")
    assert task(prompts=PROMPTS[:1]).asks == ()


def test_a_schema_that_is_too_long_to_show_is_not_shown() -> None:
    long = {"type": "object", "properties": {f"key_{n}": {"type": "string", "maxLength": 100 + n} for n in range(60)}}
    asking = task(json_schema=long)
    records = [CARLA.replace(id=str(i), target={}) for i in range(60)]
    assert {asking.asked(record).provenance["prompt"] for record in records} == set(PROMPTS[:2])
    assert all(asking.askable(record) for record in records)
    alone = task(json_schema=long, prompts=PROMPTS[2:])
    assert {alone.asked(record).provenance["prompt"] for record in records} == set(PROMPTS[2:])
    assert not alone.askable(CARLA)


def test_a_prompt_without_its_text_is_refused() -> None:
    with pytest.raises(RecipeError, match="text"):
        parse("name: a\ntask:\n  name: text_to_json\n  prompts: ['write JSON']\n", "here")
    read = parse("name: a\ntask:\n  name: text_to_json\n  prompts: ['JSON of {text}']\n", "here")
    assert read.task.prompts == ("JSON of {text}",)
    assert read.task.instruction == ""


def test_an_array_is_an_answer_where_the_schema_asks_for_one() -> None:
    asking = task(json_schema={"type": "array", "items": {"type": "string"}})
    example = asking.example(CARLA.replace(target=["a", "b"]))
    assert asking.parse('["a", "b"]', example) == (["a", "b"], None)
    assert asking.parse('{"a": 1}', example) == (None, "not an array but an object")
    assert task().parse('["a"]', task().example(CARLA)) == (None, "not an object but an array")


@pytest.mark.parametrize(
    ("prompts", "ways"),
    [
        (("{text}",), ()),
        (("JSON: {text}", "{text}"), ("prompt",)),
        (("{keys}: {text}",), ("keys",)),
        (("{keys}: {text}", "{text}"), ("prompt", "keys")),
    ],
)
def test_a_task_with_one_prompt_asks_nothing_in_other_words(prompts: tuple[str, ...], ways: tuple[str, ...]) -> None:
    options = TaskOptions.model_validate({"name": "text_to_json", "prompts": prompts})
    assert TextToJson(options).asks == ways
