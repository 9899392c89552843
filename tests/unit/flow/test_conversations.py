"""A run's data as conversations: written for other trainers, and read back to the same prompts and answers."""

from __future__ import annotations

import json

import pytest

from tunewright.core import files
from tunewright.core.errors import DataError
from tunewright.core.recipe import TaskOptions
from tunewright.core.records import Record
from tunewright.data.read import read
from tunewright.flow import conversations, prepared

SCHEMA = {"type": "object", "properties": {"title": {"type": "string"}, "doi": {"type": ["string", "null"]}}}
RECORDS = [
    Record("a", "Moss on roofs\nनमस्ते", {"doi": None, "title": "Moss on roofs"}),
    Record("b", " Tea stains ", {"title": "Tea stains", "doi": "10.5555/x"}),
]


@pytest.fixture
def task():
    options = TaskOptions.model_validate({"instruction": "You are an expert at extracting structured metadata."})
    return prepared.make_task(options, {"x": SCHEMA})


def test_they_are_read_back_to_the_same_examples(task, tmp_path):
    [path] = conversations.write(tmp_path, task, {"train": RECORDS}, "llama-3")
    assert path.name == "train_conversations.json"
    reading = read(path)
    found = list(reading)
    assert reading.layout == "messages"
    assert not reading.rejected
    spoken = prepared.make_task(TaskOptions.model_validate({"name": "conversation"}), {})
    for record, was in zip(found, RECORDS, strict=True):
        example = task.example(was)
        assert record.id == was.id
        assert spoken.example(record).messages == example.messages
        assert spoken.example(record).completion == example.completion


def test_the_llama_3_format_is_metas(task, tmp_path):
    [path] = conversations.write(tmp_path, task, {"test": RECORDS[:1]}, "llama-3")
    [row] = files.read_json(path)
    assert [message["role"] for message in row["messages"]] == ["system", "user", "assistant"]
    system, user, reply = (message["content"] for message in row["messages"])
    assert row["text"] == (
        f"<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n{system}<|eot_id|>"
        f"<|start_header_id|>user<|end_header_id|>\n\n{user}<|eot_id|>"
        f"<|start_header_id|>assistant<|end_header_id|>\n\n{reply}<|eot_id|>"
    )
    assert json.loads(reply) == RECORDS[0].target


def test_any_template_and_none(task, tmp_path):
    [path] = conversations.write(tmp_path, task, {"train": RECORDS}, "messages")
    assert set(files.read_json(path)[0]) == {"id", "messages"}
    own = tmp_path / "own.jinja"
    own.write_text("{% for message in messages %}[{{ message['role'] }}] {{ message['content'] }}\n{% endfor %}")
    [path] = conversations.write(tmp_path, task, {"train": RECORDS[:1]}, str(own))
    assert files.read_json(path)[0]["text"].startswith("[system] You are an expert")
    [path] = conversations.write(tmp_path, task, {"train": RECORDS[:1]}, "wren")
    assert "<|assistant|>" in files.read_json(path)[0]["text"]


def test_a_template_that_is_not_there_or_broken_is_told(task, tmp_path):
    with pytest.raises(DataError, match="no such template"):
        conversations.write(tmp_path, task, {"train": RECORDS}, str(tmp_path / "none.jinja"))
    (tmp_path / "bad.jinja").write_text("{% for %}")
    with pytest.raises(DataError, match="cannot be applied"):
        conversations.write(tmp_path, task, {"train": RECORDS}, str(tmp_path / "bad.jinja"))
