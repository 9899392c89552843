"""A question as a model meets it: its context before it, and only that is ever cut."""

from __future__ import annotations

from tunewright.core.recipe import TEXT_TASKS, TaskOptions
from tunewright.core.records import Record
from tunewright.flow.prepared import make_task
from tunewright.models.length import fit
from tunewright.tasks.question_answering import QuestionAnswering

ASKED = Record("1", "One fact. " * 60 + "\n\nWho is it?", "Ann", provenance={"question": "Who is it?"})


def test_an_example_is_instruction_shots_and_the_question():
    task = QuestionAnswering()
    shot = Record("2", "What?", {"a": 1})
    example = task.example(ASKED, [shot])
    roles = [(turn["role"], turn["content"][-10:]) for turn in example.messages]
    assert roles == [("system", " question."), ("user", "What?"), ("assistant", '{"a": 1}'), ("user", "Who is it?")]
    assert (example.completion, example.schema, example.trained) == ("Ann", None, ())
    assert task.example(ASKED.replace(target=None)).completion == ""
    silent = QuestionAnswering(TaskOptions(name="question_answering", instruction=""))
    assert silent.example(shot).messages == ({"role": "user", "content": "What?"},)


def test_a_reply_is_what_it_says():
    task = QuestionAnswering()
    assert task.parse("Ann Lee") == ("Ann Lee", None)
    assert task.parse("  ") == (None, "empty")
    as_json = task.example(ASKED.replace(target={"a": 1}))
    assert task.parse('{"a": 1}', as_json) == ({"a": 1}, None)
    assert task.parse("Ann", as_json)[1].startswith("not JSON")


def test_of_a_long_prompt_the_context_is_cut_and_never_the_question():
    import tiny_models

    chat = tiny_models.loaded("llama3").chat
    task = QuestionAnswering()
    example = task.example(ASKED)
    room = len(chat.prompt_ids(example.messages)) - 40
    found = fit(chat, example.messages, room, "truncate_tail", example.document)
    assert found is not None
    assert found.cut >= 40
    assert found.messages[-1]["content"].endswith("\n\nWho is it?")
    bare = task.example(Record("3", ASKED.text))  # all of it is the question
    assert fit(chat, bare.messages, room, "truncate_tail", bare.document) is None


def test_tasks_that_answer_with_text_are_known_to_the_recipe():
    for name in TEXT_TASKS:
        task = make_task(TaskOptions.model_validate({"name": name}), {})
        assert not hasattr(task, "schema_of")
