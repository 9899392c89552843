"""A label in, a text of it out: roles for training, a neutral one for everything else."""

from __future__ import annotations

import pytest

from tunewright.core import recipe_file
from tunewright.core.errors import DataError, RecipeError
from tunewright.core.recipe import TaskOptions
from tunewright.core.records import Record
from tunewright.tasks.labelled_text import LabelledText

ROLES = {"calm": ("Calm one.", "Calm two."), "wild": ("Wild one.", "Wild two.", "Wild three.")}
NEUTRAL = ("Just write.", "Write it down.")


def task(**options) -> LabelledText:
    given = {"name": "labelled_text", "roles": ROLES, "neutral_roles": NEUTRAL, "neutral_share": 0.25, **options}
    return LabelledText(TaskOptions.model_validate(given))


def record(number: int, label: str = "calm", split: str | None = "train", text: str = "one two three") -> Record:
    return Record(f"r{number}", text, label, split=split, group=f"g{number}")


def system(made: LabelledText, one: Record) -> str:
    return made.example(one).messages[0]["content"]


def test_the_text_is_what_is_learnt_and_the_request_has_label_and_length():
    example = task().example(record(1, text="well I  think\nso"))
    assert example.completion == "well I  think\nso"
    assert example.messages[-1] == {"role": "user", "content": "Label: calm\nWords: 4"}
    assert "think" not in "".join(message["content"] for message in example.messages)
    assert example.document == (0, 0)  # nothing of it may be cut


def test_training_shows_every_role_of_the_label_and_the_neutral_ones_in_their_share():
    made = task()
    for label, roles in ROLES.items():
        shown = [system(made, record(number, label)) for number in range(800)]
        assert set(shown) == {*roles, *NEUTRAL}
        neutral = sum(one in NEUTRAL for one in shown) / len(shown)
        assert 0.2 < neutral < 0.3
        for role in roles:
            assert shown.count(role) > 0.5 * (1 - neutral) * len(shown) / len(roles)
    assert {system(task(neutral_share=0), record(number)) for number in range(99)} == set(ROLES["calm"])
    assert {system(task(neutral_share=1), record(number)) for number in range(99)} == set(NEUTRAL)


@pytest.mark.parametrize("split", ["validation", "test", None])
def test_what_is_measured_or_asked_for_has_a_neutral_role(split):
    made = task(neutral_share=0)
    assert {system(made, record(number, "wild", split)) for number in range(99)} == set(NEUTRAL)
    assert {made.prompt(f"x{number}", "wild", 7)[0]["content"] for number in range(99)} == set(NEUTRAL)


def test_a_role_hangs_on_the_record_alone():
    made = task()
    assert [system(made, record(n)) for n in range(20)] == [system(task(), record(n)) for n in range(20)]
    assert made.prompt("a", "wild", 7) == made.prompt("a", "wild", 7)
    assert made.prompt("a", "wild", 7)[-1]["content"] == "Label: wild\nWords: 7"


def test_a_prompt_of_a_new_record_is_the_one_that_was_asked():
    made = task()
    assert made.example(record(5, split=None)).messages == made.prompt("r5", "calm", 3)


def test_shots_stand_before_as_request_and_text():
    example = task().example(record(1, split="test"), [record(2, "wild", text="a b")])
    assert [message["role"] for message in example.messages] == ["system", "user", "assistant", "user"]
    assert example.messages[1]["content"] == "Label: wild\nWords: 2"
    assert example.messages[2]["content"] == "a b"


def test_an_instruction_stands_before_every_role_and_a_text_without_label_is_asked_as_it_is():
    assert system(task(instruction="In English."), record(1)).startswith("In English.\n")
    assert task().example(Record("p", "Say something.")).messages[-1]["content"] == "Say something."


def test_a_reply_is_what_it_says():
    assert task().parse('{"a": 1}') == ('{"a": 1}', None)
    assert task().parse(" \n") == (None, "empty")


# ---- the check of a split


def sides(**labels: str) -> dict[str, list[Record]]:
    numbers = iter(range(1000))
    return {side: [record(next(numbers), label, side) for label in given.split()] for side, given in labels.items()}


def test_a_split_with_all_labels_is_well():
    made = task()
    assert made.check(sides(train="calm wild calm", test="wild calm")) == []
    assert made.check(sides(train="calm wild", validation="calm", test="wild calm")) == [
        "warning: validation has no text of 'wild'"
    ]


@pytest.mark.parametrize(
    ("given", "every", "says"),
    [
        ({"train": "calm calm", "test": "calm wild"}, ("train",), "train has no text of 'wild': it has 2 calm"),
        ({"train": "calm wild", "test": "calm"}, ("train", "test"), "test has no text of 'wild'"),
        ({"train": "calm wild", "test": ""}, ("train", "test"), "test has no text of 'calm', 'wild': it has none"),
        ({"train": "calm calm", "test": "calm"}, ("train",), "all texts have the label 'calm'"),
        ({"train": ""}, ("train",), "there are no labels"),
        ({"train": "calm mild wild", "test": "calm"}, ("train",), "no role for 'mild'"),
        ({"train": "calm mild", "test": "calm"}, ("train",), "task.roles names 'wild', and no text has that label"),
    ],
)
def test_labels_that_a_run_could_not_be_done_with_are_refused_before_it(given, every, says):
    with pytest.raises(DataError) as caught:
        task().check(sides(**given), every=every)
    assert says in str(caught.value)
    assert caught.value.hint


def test_a_misspelt_role_is_told_its_label():
    with pytest.raises(DataError) as caught:
        task(roles={"calm": ("x",), "willd": ("y",)}).check(sides(train="calm wild"))
    assert "did you mean 'wild'?" in caught.value.hint


def test_a_target_that_is_no_label_is_refused():
    with pytest.raises(DataError, match="'r1' of test has no label but dict"):
        task().check({"train": sides(train="calm wild")["train"], "test": [record(1).replace(target={"a": 1})]})


def test_without_roles_any_labels_do():
    made = task(roles={})
    assert made.check(sides(train="a b c d", test="a")) == ["warning: test has no text of 'b', 'c', 'd'"]
    assert {system(made, record(number, "a")) for number in range(50)} == set(NEUTRAL)


# ---- the recipe


def faults(page: str) -> str:
    with pytest.raises(RecipeError) as caught:
        recipe_file.parse(page, "a.yaml", environment={})
    return str(caught.value)


def test_the_recipe_refuses_what_could_not_be_done():
    head = "name: x\ntask: {name: labelled_text"
    assert "a request with {label}" in faults(head + ", request: 'Words: {words}'}\n")
    assert "no other braces" in faults(head + ", request: '{label} {age}'}\n")
    assert "task.roles.calm" in faults(head + ", roles: {calm: []}}\n")
    assert "without gates" in faults(head + "}\nevaluate: {gates: {exact_match: 0.5}}\n")
    assert "task.name is labelled_text" in faults("name: x\ngenerate: {per_label: 5}\n")
    assert "it is who writes" in faults(head + "}\ngenerate: {per_label: 5}\nevaluate: {systems: [base]}\n")


def test_roles_are_read_from_a_page_and_stand_in_the_resolved_one():
    page = "name: x\ntask:\n  name: labelled_text\n  roles: {a: [one, two], b: [three]}\n  neutral_roles: [four]\n"
    found = recipe_file.parse(page, "a.yaml", environment={})
    assert found.task.roles == {"a": ("one", "two"), "b": ("three",)}
    assert found.task.neutral_roles == ("four",)
    assert recipe_file.parse(recipe_file.resolved(found), "b.yaml", environment={}) == found
    assert found.likelihood
    assert not found.grammar
