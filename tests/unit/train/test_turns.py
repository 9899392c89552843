"""Every reply of a conversation is learnt after the very tokens that stand before it at use; shots never are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny_models
from tunewright.core.recipe import MethodOptions, Recipe, TaskOptions, TrainOptions
from tunewright.core.records import Example, Record
from tunewright.data.read import read
from tunewright.models.chat import Chat
from tunewright.tasks.conversation import Conversation
from tunewright.tasks.extraction import Extraction
from tunewright.train.batch import Tokens
from tunewright.train.finetune import finetune
from tunewright.train.material import tokenise
from tunewright.train.turns import rows

FAMILIES = ["wren", "llama3", "qwen2", "qwen3", "gemma2", "mistral", "llama", "gpt2", "opt"]
TASK = Conversation(TaskOptions(name="conversation"))


def record(*replies: str, system: str = "") -> Record:
    before: list[dict[str, str]] = [{"role": "system", "content": system}] if system else []
    for i, reply in enumerate(replies[:-1]):
        before += [{"role": "user", "content": f"question {i}?"}, {"role": "assistant", "content": reply}]
    return Record("1", f"question {len(replies) - 1}?", replies[-1], provenance={"before": before})


def lessons(chat: Chat, one: Tokens) -> list[tuple[list[int], list[int]]]:
    """(all that stands before, what is trained) of each reply of a row."""
    return [(list(one.ids[:start]), list(one.ids[start:end])) for start, end in one.spans]


def expected(chat: Chat, example: Example) -> list[tuple[list[int], list[int]]]:
    """Prompt and reply of every turn, as the model meets them at use."""
    turns = [*example.trained, len(example.messages)]
    contents = [*(example.messages[at]["content"] for at in example.trained), example.completion]
    return [
        (chat.prompt_ids(example.messages[:at]), chat.reply_ids(content))
        for at, content in zip(turns, contents, strict=True)
    ]


def learnt(family: str, example: Example) -> tuple[int, list[tuple[list[int], list[int]]]]:
    loaded = tiny_models.loaded(family)
    made = tokenise(loaded, rows(loaded.chat, example))
    return len(made), [lesson for one in made for lesson in lessons(loaded.chat, one)]


@settings(max_examples=80, deadline=None)
@given(
    family=st.sampled_from(FAMILIES),
    replies=st.lists(
        st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=8).map(lambda t: f"a{t}z")
        | st.sampled_from(["Yes.", "<|end|>", "नमस्ते", "two\nlines", "</s> 5"]),
        min_size=1,
        max_size=5,
    ),
    system=st.sampled_from(["", "Be brief."]),
)
def test_every_reply_is_trained_once_after_its_own_prompt(family: str, replies: list[str], system: str) -> None:
    example = TASK.example(record(*replies, system=system))
    assert len(example.trained) == len(replies) - 1
    count, found = learnt(family, example)
    assert found == expected(tiny_models.loaded(family).chat, example)
    assert 1 <= count <= len(replies)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_template_that_writes_earlier_replies_otherwise_gets_a_row_for_each(family: str) -> None:
    """Qwen 3 opens the last reply with empty thinking and drops it from earlier ones."""
    count, found = learnt(family, TASK.example(record("Yes.", "No.", "Good.")))
    assert count == (3 if family == "qwen3" else 1)
    assert len(found) == 3


def test_in_one_row_for_qwen3_the_replies_would_stand_after_other_tokens() -> None:
    """The check above can fail: without `rows`, what stands before the earlier replies is not their prompt."""
    loaded = tiny_models.loaded("qwen3")
    example = TASK.example(record("Yes.", "No."))
    with pytest.raises(ValueError, match="does not stand"):
        tokenise(loaded, [example])
    prompt, whole = loaded.chat.prompt_ids(example.messages[:1]), loaded.chat.prompt_ids(example.messages)
    assert whole[: len(prompt)] != prompt


def test_shots_are_never_trained() -> None:
    shot = record("A shot.", "Another.", system="Of the shot.")
    example = TASK.example(record("Yes.", "No.", system="Be brief."), [shot])
    assert [turn["content"] for turn in example.messages if turn["role"] == "system"] == ["Be brief."]
    assert [example.messages[at]["content"] for at in example.trained] == ["Yes."]
    loaded = tiny_models.loaded("wren")
    [one] = tokenise(loaded, rows(loaded.chat, example))
    trained = [loaded.chat.decode(one.ids[start:end]) for start, end in one.spans]
    assert trained == ["Yes.", "No."]
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    few = Extraction(TaskOptions(), {"": schema})
    bills = [Record(str(i), f"Bill {i}", {"name": str(i)}) for i in range(3)]
    assert few.example(bills[0], bills[1:]).trained == ()


def test_blank_turns_and_openings_of_the_assistant_are_no_replies_to_learn() -> None:
    before = [
        {"role": "assistant", "content": "Welcome."},
        {"role": "user", "content": "Look it up."},
        {"role": "assistant", "content": " "},
        {"role": "user", "content": "And?"},
        {"role": "assistant", "content": "Found."},
        {"role": "assistant", "content": "More."},
    ]
    example = TASK.example(Record("1", "Thanks", "Bye.", provenance={"before": before}))
    assert [example.messages[at]["content"] for at in example.trained] == ["Found."]
    _, found = learnt("wren", example)
    assert found == expected(tiny_models.loaded("wren").chat, example)


def test_only_what_is_between_is_not_trained_and_stop_tokens_are() -> None:
    loaded = tiny_models.loaded("wren")
    [one] = tokenise(loaded, rows(loaded.chat, TASK.example(record("Yes.", "No.", "Good."))))
    assert len(one.gaps) == 2
    assert all(one.ids[end - 1] == loaded.chat.stop_id for _, end in one.spans)
    between = "".join(loaded.tokenizer.decode(list(one.ids[start:end])) for start, end in one.gaps)
    assert between == "<|user|>question 1?<|end|><|assistant|><|user|>question 2?<|end|><|assistant|>"


@pytest.mark.parametrize("family", ["wren", "qwen3"])
def test_conversations_are_trained_whole_or_by_their_last_reply(family: str, tmp_path: Path) -> None:
    model = str(tiny_models.save(family, tmp_path / "model"))
    found = [TASK.example(record("Yes.", f"No {i}.", system="Be brief.")) for i in range(6)]
    said: list[str] = []

    class Ears:
        def say(self, text: str, *, painted: str | None = None) -> None:
            said.append(text)

        def log(self, text: str) -> None: ...

        def add(self, *a: object, **k: object) -> None: ...

    def tuned(name: str, **more: Any) -> dict[str, Any]:
        options = TrainOptions(max_steps=2, per_device_train_batch_size=12, bf16=False, logging_steps=1, **more)
        recipe = Recipe(name="t", task=TaskOptions(name="conversation"), method=MethodOptions(lora_r=2), train=options)
        return finetune(model, found, found[:2], recipe, tmp_path / name, Ears())  # type: ignore[arg-type]

    whole, last = tuned("whole"), tuned("last", mask_history=True)
    chat = tiny_models.loaded(family).chat
    replies = [len(reply) for example in found for _, reply in expected(chat, example)]
    assert whole["trained_tokens"] == 2 * sum(replies)
    assert last["trained_tokens"] == 2 * sum(replies[1::2])
    assert whole["examples"] == (12 if family == "qwen3" else 6)
    assert any("6 conversations with 12 replies to learn, in" in line for line in said)


def test_a_file_of_messages_becomes_conversations(tmp_path: Path) -> None:
    path = tmp_path / "chats.jsonl"
    path.write_text(
        '{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}, '
        '{"role": "assistant", "content": "Hi."}, {"role": "user", "content": "Bye"}, '
        '{"role": "assistant", "content": "See you."}]}\n'
    )
    [found] = read(path)
    example = TASK.example(found)
    assert [turn["role"] for turn in example.messages] == ["system", "user", "assistant", "user"]
    assert (example.trained, example.completion) == ((2,), "See you.")
    asked = Conversation(TaskOptions(name="conversation", instruction="Answer in Hindi."))
    assert asked.example(found).messages[0]["content"] == "Be brief."
    assert asked.example(record("Yes.")).messages[0]["content"] == "Answer in Hindi."
    assert TASK.example(record("Yes.")).messages[0]["role"] == "user"
