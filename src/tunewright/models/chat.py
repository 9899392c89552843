"""How a conversation becomes token ids: the one template used in training, decoding and serving alike.

A chat model's own Jinja template is used. Base models without one (GPT-2, OPT, base Llama) get `PLAIN_TEMPLATE`.
Text of a document that reads like a control token (`<|end|>`) never becomes that token: it is cut after its first
character before tokenising, so only what the template itself writes is parsed as a control token.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tunewright.core.errors import ModelError
from tunewright.core.files import write_json
from tunewright.core.records import Message
from tunewright.text.serialise import ITEM_SEPARATOR, KEY_SEPARATOR

PLAIN_TEMPLATE = (
    "{% if starts_with_bos %}{{ bos_token }}{% endif %}"
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}### Answer\n{{ message['content'] }}{{ eos_token }}\n"
    "{% elif message['role'] == 'user' %}### Input\n{{ message['content'] }}\n\n"
    "{% else %}### Instruction\n{{ message['content'] }}\n\n{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}### Answer\n{% endif %}"
)
"""For models without a template: three headed paragraphs, the answer closed by the end-of-text token."""

FILE = "tunewright.json"
"""What stands beside an adapter: the template and the serialisation it was trained with."""

SERIALISATION = {
    "item_separator": ITEM_SEPARATOR,
    "key_separator": KEY_SEPARATOR,
    "ascii": False,
    "keys": "schema order",
}

DATE = "26 Jul 2024"
"""Today, for templates that write a date: prompts must not differ from day to day. It is Llama 3's own default."""

# Thinking is off in both training and use.
_FIXED = {"enable_thinking": False, "date_string": DATE}

# For templates that ask the clock themselves. A function cannot be handed to them, a macro can stand before them.
_TIME = {"Y": "2024", "y": "24", "m": "07", "B": "July", "b": "Jul", "d": "26", "j": "208", "A": "Friday", "a": "Fri"}
_TIME |= {"H": "00", "I": "12", "M": "00", "S": "00", "p": "AM"}
_CLOCK = (
    "{%- macro strftime_now(format) -%}{{ format | replace('%-', '%')"
    + "".join(f" | replace('%{code}', '{value}')" for code, value in _TIME.items())
    + " }}{%- endmacro -%}"
)

_ASKED, _PROBE = "Wq7asked", "Wq7probe"


class Chat:
    """A tokenizer with its chat template.

    tokenizer: a fast Hugging Face tokenizer. template: Jinja, else the tokenizer's own, else `PLAIN_TEMPLATE`.
    stop_ids: more ids that end a reply (a generation config's), beside those found in the template.

    Attributes: `template`; `stop_ids`: ids that end a reply; `stop_id`: the one the template writes and training
    teaches; `head`: white space that the template writes between the prompt and a reply (Llama 2's blank): the model
    writes it, as it does under any other server, and `decode` takes it off; `eos_id`, `pad_id` (a filler only: batches
    know their lengths, the loss never looks for it, so a stop token is never masked even where a model pads with it);
    `folds_system`: the template has no system role, so it goes into the first user turn.

    Raises ModelError for a slow tokenizer, a broken template, or a model with no end-of-text token.
    """

    def __init__(self, tokenizer: Any, *, template: str | None = None, stop_ids: Iterable[int] = ()):
        if not getattr(tokenizer, "is_fast", False):
            raise ModelError("the model has no fast tokenizer (tokenizer.json)", hint="choose a model that ships one")
        self.tokenizer = tokenizer
        own = getattr(tokenizer, "chat_template", None)
        if isinstance(own, dict):
            own = own.get("default")
        self.template: str = template or own or PLAIN_TEMPLATE
        self._rendered = (_CLOCK if "strftime_now" in self.template else "") + self.template
        added = tokenizer.added_tokens_decoder
        control = [t.content for t in added.values() if t.special or t.content[:1] in ("<", "[")]
        self._control = re.compile("|".join(re.escape(c) for c in sorted(control, key=len, reverse=True)) or "(?!)")
        self._ids_of = {token.content: id for id, token in added.items()}
        self.eos_id: int | None = tokenizer.eos_token_id
        first = tokenizer("a", add_special_tokens=True)["input_ids"][:1]
        self._starts_with_bos = tokenizer.bos_token_id is not None and first == [tokenizer.bos_token_id]
        # SentencePiece tokenizers put a space before a text's start: middle pieces are encoded after a newline.
        self._newline = self._raw("\n")
        self._spaced = self._raw("\na") != self._newline + self._raw("a")
        self.folds_system = self._needs_folding()
        self._before, self._lead, self.head, self._tail, self.stop_id = self._ending()
        self._before_ids = self._raw(self._before)
        self._around = ("", "")
        shown, _, after = self.decode(self.reply_ids(_PROBE)[:-1]).partition(_PROBE)
        self._around = (shown, after)
        known = {i for i in (self.eos_id, self.stop_id, *stop_ids) if i is not None}
        self.stop_ids: frozenset[int] = frozenset(known)
        pad = tokenizer.pad_token_id
        self.pad_id: int = pad if pad is not None else (self.eos_id if self.eos_id is not None else 0)

    # -- rendering

    def _render(self, messages: Sequence[Message], *, ask: bool) -> str:
        try:
            return self.tokenizer.apply_chat_template(
                [dict(message) for message in messages],
                chat_template=self._rendered,
                tokenize=False,
                add_generation_prompt=ask,
                starts_with_bos=self._starts_with_bos,
                **_FIXED,
            )
        except Exception as error:
            raise ModelError(
                f"the chat template cannot be applied: {error}",
                hint="roles must be system, then user and assistant in turn",
            ) from error

    def _needs_folding(self) -> bool:
        try:
            text = self._render([_turn("system", _PROBE), _turn("user", "u")], ask=True)
        except ModelError:
            return True
        return _PROBE not in text

    def _ending(self) -> tuple[str, str, str, str, int]:
        """What stands around a reply: (the prompt's last text, what of it the template writes with the reply only,
        white space before the reply and after it, the token that ends it)."""
        user = [_turn("user", _ASKED)]
        prompt = self._render(user, ask=True)
        whole = self._render([*user, _turn("assistant", _PROBE)], ask=False)
        before, found, after = whole.rpartition(_PROBE)
        if not found:
            raise ModelError("the chat template drops the assistant's turn", hint="give the model another template")
        stop = self._control.search(after)
        stop_id = self._ids_of.get(stop.group()) if stop else None
        tail = after[: stop.start()] if stop else ""
        if tail.strip():
            stop_id, tail = None, ""
        if stop_id is None:
            stop_id = self.eos_id
        if stop_id is None:
            raise ModelError("the tokenizer has no end-of-text token", hint="set eos_token in tokenizer_config.json")
        lead = before[len(prompt) :] if before.startswith(prompt) else ""
        head = "" if lead.strip() else lead
        lead = "" if head else lead
        return prompt.rpartition(_ASKED)[2] + lead, lead, head, tail, stop_id

    def render(self, messages: Sequence[Message], *, ask: bool = True) -> str:
        """The conversation as text, for people: with the head of the reply to come where `ask` is set."""
        return self._render(self._fold(messages), ask=ask) + (self._lead if ask else "")

    def _fold(self, messages: Sequence[Message]) -> list[Message]:
        messages = list(messages)
        if not self.folds_system or not messages or messages[0]["role"] != "system":
            return messages
        system, rest = messages[0]["content"], messages[1:]
        if not rest or rest[0]["role"] != "user":
            return [_turn("user", system), *rest]
        return [_turn("user", f"{system}\n\n{rest[0]['content']}"), *rest[1:]]

    # -- tokens

    def _raw(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"] if text else []

    def _middle(self, text: str) -> list[int]:
        """Ids of a text that stands in the middle of a conversation."""
        if not self._spaced or not text:
            return self._raw(text)
        ids = self._raw("\n" + text)
        n = len(self._newline)
        return ids[n:] if ids[:n] == self._newline else self._raw(text)

    def _cuts(self, text: str) -> list[str]:
        """`text` in pieces, none of which contains a control token."""
        pieces = []
        while match := self._control.search(text):
            pieces.append(text[: match.start() + 1])
            text = text[match.start() + 1 :]
        return [*pieces, text]

    def _conversation_ids(self, messages: Sequence[Message], *, ask: bool) -> list[int]:
        messages = self._fold(messages)
        lead = self._lead if ask else ""
        if not any(self._control.search(message["content"]) for message in messages):
            return self._raw(self._render(messages, ask=ask) + lead)
        used = "".join(message["content"] for message in messages)
        knife = next(chr(code) for code in range(0xF0000, 0xFFFFD) if chr(code) not in used)
        marked = [{**m, "content": knife.join(self._cuts(m["content"]))} for m in messages]
        first, *rest = (self._render(marked, ask=ask) + lead).split(knife)
        ids = self._raw(first)
        for piece in rest:
            ids += self._middle(piece)
        return ids

    def prompt_ids(self, messages: Sequence[Message]) -> list[int]:
        """The conversation up to where the reply begins."""
        return self._conversation_ids(messages, ask=True)

    def reply_ids(self, text: str) -> list[int]:
        """A reply's own tokens, the stop token last: those that the whole conversation has there."""
        first, *rest = self._cuts(text)
        *middle, last = [self.head + first, *rest]
        ids: list[int] = []
        for i, piece in enumerate([*middle, last + self._tail]):
            ids += self._middle(piece) if i else self._begun(piece)
        return [*ids, self.stop_id]

    def opening_ids(self, text: str) -> list[int]:
        """What a reply that begins with `text` begins with, to go on from."""
        first, *rest = self._cuts(text)
        ids = self._begun(self.head + first)
        for piece in rest:
            ids += self._middle(piece)
        return ids

    def _begun(self, text: str) -> list[int]:
        """Ids of a text that stands right after a prompt."""
        if text[:1].isspace() and not self.head:  # some control tokens swallow the space after them
            return self._middle(text)
        ids, n = self._raw(self._before + text), len(self._before_ids)
        return ids[n:] if ids[:n] == self._before_ids else self._middle(text)

    def placed(self, text: str, prompt: Sequence[int]) -> tuple[int, list[tuple[int, int]]] | None:
        """Where a message's text stands in a prompt: (index of its first token, place of each token in the text).

        None where its tokens do not stand there as they are by themselves.
        """
        if not text or self._spaced or self._control.search(text):
            return None
        alone = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        ids = alone["input_ids"]
        for at in range(len(prompt) - len(ids), -1, -1):
            if prompt[at] == ids[0] and list(prompt[at : at + len(ids)]) == ids:
                return at, alone["offset_mapping"]
        return None

    def places(self, text: str) -> list[tuple[int, int]]:
        """(start, end) in characters of each token of a text by itself; what reads like a control token is text."""
        return list(
            self.tokenizer(text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True)[
                "offset_mapping"
            ]
        )

    def conversation_ids(self, messages: Sequence[Message]) -> list[int]:
        """A whole conversation with its assistant turns as the template renders them."""
        return self._conversation_ids(messages, ask=False)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of reply tokens, without control tokens and what the template writes around every reply."""
        text = self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        before, after = self._around
        return text.removeprefix(before).removesuffix(after)

    # -- beside an adapter

    def save(self, folder: Path | str) -> Path:
        """Write the template, the stop tokens and the serialisation beside an adapter. Returns the file."""
        path = Path(folder) / FILE
        names = self.tokenizer.convert_ids_to_tokens(sorted(self.stop_ids))
        write_json(path, {"chat_template": self.template, "stop_tokens": names, "serialisation": SERIALISATION})
        return path

    @classmethod
    def load(cls, folder: Path | str, tokenizer: Any, *, stop_ids: Iterable[int] = ()) -> Chat:
        """The chat that an adapter was trained with. A folder without the file gives the tokenizer's own.

        Raises ModelError where the adapter was trained on another serialisation or with tokens the model lacks.
        """
        path = Path(folder) / FILE
        if not path.is_file():
            return cls(tokenizer, stop_ids=stop_ids)
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            template, serialisation = stored["chat_template"], stored["serialisation"]
            names = stored["stop_tokens"]
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"the file is damaged: {error!r}", where=str(path), hint="train the adapter again"
            ) from None
        if serialisation != SERIALISATION:
            raise ModelError(
                f"the adapter was trained on another form of JSON: {serialisation}",
                where=str(path),
                hint="use the Tunewright version it was trained with, or train it again",
            )
        known = tokenizer.get_vocab()
        if missing := [name for name in names if name not in known]:
            raise ModelError(
                f"the base model has no token {missing[0]!r}",
                where=str(path),
                hint="the adapter belongs to another base model",
            )
        return cls(tokenizer, template=template, stop_ids=[*stop_ids, *(known[name] for name in names)])


def _turn(role: str, content: str) -> Message:
    return {"role": role, "content": content}
