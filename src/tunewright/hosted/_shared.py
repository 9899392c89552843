"""What providers share: files of examples and how they are looked at, and texts without the key they were asked with.

A file holds one conversation a line, {"messages": [{"role", "content"}, ...]}, the form of OpenAI and of most services
after it. Nothing here needs a network.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tunewright.core import files
from tunewright.core.errors import HostedError
from tunewright.core.hosting import Checked, Finding, Tokens
from tunewright.core.private import Watch
from tunewright.core.records import JSON, Example, Message

TURN_TOKENS, REPLY_TOKENS = 3, 3
"""Tokens that a chat format adds to each turn, and to a conversation (OpenAI's cookbook, How to count tokens)."""

Count = Callable[[str], int]


# ---------------------------------------------------------------- files of examples


@dataclass(frozen=True, slots=True)
class Rules:
    """What a provider takes. tokens: of one example, None where that is not known; bytes: of a file."""

    tokens: int | None
    bytes: int
    roles: tuple[str, ...] = ("system", "user", "assistant")
    keys: tuple[str, ...] = ("role", "content", "name", "weight")


def rows(examples: Iterable[Example], *, last_only: bool) -> Iterator[dict[str, JSON]]:
    """Conversations to learn. Earlier replies that are not to be learnt, as those of shots, weigh nothing.

    last_only: of a conversation, the last reply alone is learnt.
    """
    for example in examples:
        learnt = () if last_only else example.trained
        turns: list[dict[str, JSON]] = []
        for place, message in enumerate(example.messages):
            quiet = message["role"] == "assistant" and place not in learnt
            turns.append({**message, "weight": 0} if quiet else dict(message))
        yield {"messages": [*turns, {"role": "assistant", "content": example.completion}]}


def check(path: Path, rules: Rules, count: Count, how: str, *, least: int) -> Checked:
    """Look at every line of a prepared file. least: examples that there must be."""
    seen: dict[str, list[int]] = {}
    fatal: set[str] = set()
    lengths: list[int] = []
    before: set[bytes] = set()

    def note(line: int, message: str, *, refused: bool = True) -> None:
        seen.setdefault(message, []).append(line)
        if refused:
            fatal.add(message)

    number = 0
    with open(path, "rb") as file:
        for number, content in enumerate(file, 1):
            digest = hashlib.blake2b(content, digest_size=16).digest()
            if digest in before:
                note(number, "is the same as an earlier example", refused=False)
            before.add(digest)
            messages, faults = _conversation(content, rules)
            for fault in faults:
                note(number, fault)
            if messages is None:
                continue
            length = tokens_of(messages, count)
            lengths.append(length)
            if rules.tokens is not None and length > rules.tokens:
                note(number, f"is longer than the {rules.tokens:,} tokens that an example may have")
    size = path.stat().st_size
    if number < least:
        note(1, f"there are {number} examples, and {least} at least are asked for")
    if size > rules.bytes:
        note(1, f"the file has {size:,} bytes, and may have {rules.bytes:,}")
    found = [
        Finding(message, f"{path.name}:{lines[0]}", len(lines), message in fatal) for message, lines in seen.items()
    ]
    found.sort(key=lambda finding: not finding.fatal)
    return Checked(path.name, number, size, Tokens.of(lengths, how), tuple(found))


def _conversation(content: bytes, rules: Rules) -> tuple[list[Message] | None, list[str]]:
    """(the turns of a line, None where they cannot be read, and what is wrong with them)."""
    try:
        row = json.loads(content)
    except ValueError:
        return None, ["is not JSON"]
    messages = row.get("messages") if isinstance(row, dict) else None
    if not isinstance(messages, list) or not messages:
        return None, ["has no list of messages"]
    faults = [f"has a key '{key}' beside messages" for key in row if key != "messages"]
    turns: list[Message] = []
    for message in messages:
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            return None, [*faults, "has a message without a role"]
        role, text = message["role"], message.get("content")
        if role not in rules.roles:
            faults.append(f"has a message of the role '{role}'; known are {', '.join(rules.roles)}")
        faults += [f"has a message with the key '{key}'" for key in message if key not in rules.keys]
        if "weight" in message and (role != "assistant" or message["weight"] not in (0, 1)):
            faults.append("has a weight that is not 0 or 1 of an assistant's message")
        if not isinstance(text, str):
            faults.append(f"has a message of the {role} whose content is no text")
        elif not text.strip():
            faults.append(f"has an empty message of the {role}")
        turns.append({"role": role, "content": text if isinstance(text, str) else ""})
    if all(turn["role"] != "assistant" for turn in turns):
        faults.append("has no message of the assistant, so nothing to learn")
    elif turns[-1]["role"] != "assistant":
        faults.append("does not end with the assistant's message")
    return turns, list(dict.fromkeys(faults))


# ---------------------------------------------------------------- tokens


def tokens_of(messages: Sequence[Message], count: Count) -> int:
    """Tokens of a conversation as a chat format writes it."""
    return REPLY_TOKENS + sum(TURN_TOKENS + count(turn["role"]) + count(turn["content"]) for turn in messages)


TABLES = {"o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"}
"""Encoding → sha256 of its table, by which tiktoken knows that it needs no other."""


def counter(encoding: str) -> tuple[Count, str]:
    """(what counts tokens, in words how). tiktoken, where it and its table are here already; else an estimate.

    Nothing is downloaded: tiktoken would fetch a table that is missing or damaged.
    """
    table = f"https://openaipublic.blob.core.windows.net/encodings/{encoding}.tiktoken"
    standard = str(Path(tempfile.gettempdir()) / "data-gym-cache")
    folder = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR", standard))
    path = Path(folder) / hashlib.sha1(table.encode(), usedforsecurity=False).hexdigest()
    here = folder != "" and path.is_file() and files.sha256(path) == TABLES.get(encoding)
    if here and importlib.util.find_spec("tiktoken") is not None:
        import tiktoken

        known = tiktoken.get_encoding(encoding)
        return lambda text: len(known.encode_ordinary(text)), f"counted by tiktoken's {encoding}"
    return guess, "estimated: a token for 4 ASCII characters or 2 others"


def guess(text: str) -> int:
    """About how many tokens a text has, rather too many than too few."""
    plain = sum(map(str.isascii, text))
    return -(-plain // 4) - (-(len(text) - plain) // 2)


# ---------------------------------------------------------------- keys


def key_of(name: str) -> str:
    """The key of the environment variable `name`, else of the keyring. Raises HostedError where there is none."""
    found = os.environ.get(name, "").strip()
    if not found and importlib.util.find_spec("keyring") is not None:
        import keyring
        from keyring.errors import KeyringError

        try:
            found = (keyring.get_password("tunewright", name) or "").strip()
        except KeyringError:  # no service behind it, as on a server
            found = ""
    if not found:
        raise HostedError(
            f"there is no key: {name} is neither set in the environment nor in the keyring",
            hint=f"export {name}=…, or `keyring set tunewright {name}`",
        )
    return found


PREFIX = 8
"""Characters of a key after which a part of it is a key, too: some services tell its beginning."""


class Discretion:
    """Texts of a service without the key that it was asked with, whole, cut, quoted for URLs or as base64."""

    def __init__(self, key: str):
        self._watch = Watch(secrets=(key,), environment={})
        forms = {key, quote(key, safe=""), base64.b64encode(key.encode()).decode()}
        whole = "|".join(map(re.escape, sorted(forms, key=len, reverse=True)))
        part = rf"|{re.escape(key[:PREFIX])}[^\s\"',;]*" if len(key) >= 2 * PREFIX else ""
        self._key = re.compile(whole + part)

    def text(self, text: str) -> str:
        return self._watch.hidden(self._key.sub("…", text))

    def value(self, value: Any) -> Any:
        """A JSON value, its texts and keys without it."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(inner) for key, inner in value.items()}
        return [self.value(inner) for inner in value] if isinstance(value, list | tuple) else value

    def content(self, content: bytes) -> bytes:
        return self.text(content.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
