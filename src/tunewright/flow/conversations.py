"""A run's data as conversations, for other trainers: system, user, assistant, and how a chat template writes them.

`data.conversations` says in which form: `messages` alone, or with a `text` in the template `llama-3` (the instruct
format of Llama 3), that of a model by its name or folder, or that of a Jinja file. What is read back with the layout
`messages` are the very prompts and answers of the run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tunewright.core import files
from tunewright.core.contracts import Task
from tunewright.core.errors import DataError
from tunewright.core.records import JSON, Message, Record

PLAIN = "messages"
LLAMA_3 = (
    "<|begin_of_text|>{% for message in messages %}<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n"
    "{{ message['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
TEMPLATES = {"llama-3": LLAMA_3}

Writer = Callable[[Sequence[Message]], str]
"""A conversation as the text of a template."""


def write(folder: Path, task: Task, parts: Mapping[str, Sequence[Record]], form: str) -> list[Path]:
    """<split>_conversations.json of every side of a split, a list of {id, messages} or {id, messages, text}.

    form: as of `data.conversations`. Raises DataError for a template that cannot be applied.
    """
    writer = writer_of(form)
    made = []
    for name, records in parts.items():
        rows: list[dict[str, JSON]] = []
        for record in records:
            example = task.example(record)
            messages = [*example.messages, {"role": "assistant", "content": example.completion}]
            text = {} if writer is None else {"text": writer(messages)}
            rows.append({"id": record.id, "messages": messages, **text})
        made.append(folder / f"{name}_conversations.json")
        files.write_json(made[-1], rows)
    return made


def writer_of(form: str) -> Writer | None:
    """How a form writes a conversation; None where it has no text. Raises DataError, ModelError for a form unknown."""
    if form == PLAIN:
        return None
    path = Path(form)
    if form in TEMPLATES or path.suffix in (".jinja", ".j2"):
        if form not in TEMPLATES and not path.is_file():
            raise DataError(
                "there is no such template", where=form, hint=f"a Jinja file, a model, or {', '.join(TEMPLATES)}"
            )
        return _written_by(TEMPLATES.get(form) or path.read_text(encoding="utf-8"), form)
    from tunewright.models.load import chat_of

    chat = chat_of(form)
    return lambda messages: chat.render(messages, ask=False)


def _written_by(template: str, where: str) -> Writer:
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)

    def write(messages: Sequence[Message]) -> str:
        try:
            return environment.from_string(template).render(
                messages=messages, add_generation_prompt=False, bos_token="", eos_token=""
            )
        except TemplateError as error:
            raise DataError(f"the template cannot be applied: {error}", where=where) from None

    return write
