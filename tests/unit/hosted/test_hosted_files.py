"""Files of examples: how they are written, what is found in them, how long they are, and texts without a key."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote

import pytest

from fake_openai import KEY
from tunewright.core.errors import HostedError
from tunewright.core.hosting import Asked, Checked, Price, Tokens
from tunewright.core.recipe import HostedOptions
from tunewright.core.records import Example, Record
from tunewright.hosted import _shared as shared
from tunewright.hosted.openai import PRICES, Openai

RULES = shared.Rules(tokens=50, bytes=100_000)


def conversation(reply: str = "Paris.", question: str = "What is the capital of France?") -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": reply}]}


def written(folder: Path, rows: list[Any], count: int = 10) -> Path:
    """A file of these rows among good ones, `count` in all."""
    good = [conversation(question=f"Question {number}?") for number in range(count - len(rows))]
    path = folder / "train.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in [*rows, *good]))
    return path


def look(path: Path, *, rules: shared.Rules = RULES, least: int = 10) -> Checked:
    return shared.check(path, rules, shared.guess, "guessed", least=least)


def test_a_file_in_order_has_no_findings(tmp_path: Path):
    checked = look(written(tmp_path, [conversation()]))
    assert checked.examples == 10
    assert checked.findings == ()
    assert checked.bytes == (tmp_path / "train.jsonl").stat().st_size


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{", "is not JSON"),
        ({"prompt": "a"}, "has no list of messages"),
        ({"messages": []}, "has no list of messages"),
        ({"messages": ["hello"]}, "without a role"),
        (conversation() | {"id": 1}, "a key 'id' beside messages"),
        ({"messages": [{"role": "bot", "content": "a"}, {"role": "assistant", "content": "b"}]}, "the role 'bot'"),
        ({"messages": [{"role": "user", "content": "a"}]}, "nothing to learn"),
        ({"messages": [{"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}]}, "does not end with"),
        (conversation(reply="  "), "an empty message of the assistant"),
        (
            {"messages": [{"role": "user", "content": None}, {"role": "assistant", "content": "b"}]},
            "content is no text",
        ),
        (
            {"messages": [{"role": "user", "content": "a", "weight": 1}, {"role": "assistant", "content": "b"}]},
            "weight",
        ),
        ({"messages": [{"role": "user", "content": "a", "mood": 1}, {"role": "assistant", "content": "b"}]}, "'mood'"),
        (conversation(reply="word " * 60), "longer than the 50 tokens"),
    ],
)
def test_what_a_provider_would_refuse_is_found_with_its_line(tmp_path: Path, row: Any, said: str):
    faults = look(written(tmp_path, [conversation(), row])).faults
    assert len(faults) == 1
    assert said in faults[0].message
    assert faults[0].where == "train.jsonl:2"


def test_the_same_fault_is_counted_and_duplicates_are_no_fault(tmp_path: Path):
    checked = look(written(tmp_path, [conversation(), conversation(), conversation(), "{", "{"]))
    assert {str(finding) for finding in checked.findings} == {
        "train.jsonl:4: is not JSON, and 1 more",
        "train.jsonl:2: is the same as an earlier example, and 2 more",  # the second broken line is one of them
    }
    assert [finding.message for finding in checked.faults] == ["is not JSON"]


def test_too_few_examples_and_too_many_bytes(tmp_path: Path):
    few = look(written(tmp_path, [conversation()], count=9))
    assert "there are 9 examples, and 10 at least" in few.faults[0].message
    assert not look(written(tmp_path, [conversation()], count=9), least=1).faults
    large = look(written(tmp_path, [conversation()]), rules=shared.Rules(tokens=None, bytes=100))
    assert "may have 100" in large.faults[0].message


def test_lengths_are_those_of_single_examples(tmp_path: Path):
    tokens = look(written(tmp_path, [conversation(reply="word " * 20)])).tokens
    single = shared.tokens_of(conversation(question="Question 0?")["messages"], shared.guess)
    long = shared.tokens_of(conversation(reply="word " * 20)["messages"], shared.guess)
    assert (tokens.least, tokens.median, tokens.most) == (single, single, long)
    assert tokens.total == 9 * single + long
    assert Tokens.of([], "guessed").total == 0


def test_earlier_replies_weigh_only_where_they_are_learnt(tmp_path: Path):
    turns = (
        {"role": "user", "content": "1"}, {"role": "assistant", "content": "2"},
        {"role": "user", "content": "3"}, {"role": "assistant", "content": "4"}, {"role": "user", "content": "5"},
    )  # fmt: skip
    example = Example(Record("a", "5"), turns, "6", trained=(3,))
    provider, path = Openai("m", HostedOptions()), tmp_path / "train.jsonl"
    assert provider.prepare([example], path) == 1
    messages = json.loads(path.read_text())["messages"]
    assert [message.get("weight") for message in messages] == [None, 0, None, None, None, None]
    assert messages[-1] == {"role": "assistant", "content": "6"}
    Openai("m", HostedOptions(), mask_history=True).prepare([example], path)
    assert [message.get("weight") for message in json.loads(path.read_text())["messages"]] == [
        None,
        0,
        None,
        0,
        None,
        None,
    ]
    assert not provider.validate(path, least=1).faults


def test_nothing_is_downloaded_to_count_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setitem(sys.modules, "tiktoken", None)  # importing it would raise
    count, how = shared.counter("o200k_base")
    assert "estimated" in how
    assert count("abcdefgh") == 2
    assert count("बिल") == 2


def test_what_tiktoken_has_here_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    url = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
    table = tmp_path / hashlib.sha1(url.encode()).hexdigest()  # where tiktoken keeps it
    table.write_bytes(b"a table")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setitem(shared.TABLES, "o200k_base", hashlib.sha256(b"a table").hexdigest())

    class Known:
        def encode_ordinary(self, text: str) -> list[int]:
            return [1] * len(text)

    tiktoken: Any = ModuleType("tiktoken")
    tiktoken.__spec__ = ModuleSpec("tiktoken", None)
    tiktoken.get_encoding = lambda name: Known()
    monkeypatch.setitem(sys.modules, "tiktoken", tiktoken)
    count, how = shared.counter("o200k_base")
    assert (count("abc"), how) == (3, "counted by tiktoken's o200k_base")
    table.write_bytes(b"a damaged table")
    assert "estimated" in shared.counter("o200k_base")[1]


def test_the_estimate_is_tokens_times_epochs_times_price():
    checked = Checked("train.jsonl", 100, 1, Tokens("counted", total=1_000_000))
    provider = Openai("gpt-4o-mini-2024-07-18", HostedOptions(epochs=3))
    found = provider.estimate(
        checked, [Asked("base", 10, 2_000_000, 1_000_000), Asked("tuned", 10, 2_000_000, 1_000_000)]
    )
    price = PRICES["gpt-4o-mini-2024-07-18"]
    assert found.trained_tokens == 3_000_000
    assert found.training_cost == pytest.approx(3 * price.training)
    assert found.asking_cost == pytest.approx(2 * (price.base[0] + price.tuned[0]) + price.base[1] + price.tuned[1])
    assert price.looked_up in found.lines()[-1]
    assert f"${found.training_cost + found.asking_cost:,.2f}" in found.lines()[-1]


@pytest.mark.parametrize(
    ("model", "options"),
    [("gpt-9", HostedOptions()), ("gpt-4o-2024-08-06", HostedOptions(base_url="https://api.example.org/v1"))],
)
def test_no_price_is_made_up(model: str, options: HostedOptions):
    found = Openai(model, options).estimate(Checked("train.jsonl", 50, 1, Tokens("counted", total=10)))
    assert found.price is None
    assert found.training_cost is None
    assert "is not known" in found.lines()[-1]
    assert "which the service chooses" in found.lines()[1]


def test_prices_are_positive_and_dated():
    for price in PRICES.values():
        assert isinstance(price, Price)
        assert min(price.training, *price.base, *price.tuned) > 0
        assert price.base[0] < price.tuned[0]
        assert price.looked_up.startswith("20")


# ---------------------------------------------------------------- keys


def test_a_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("A_KEY", " secret \n")
    assert shared.key_of("A_KEY") == "secret"


def test_a_key_comes_from_the_keyring_where_there_is_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("A_KEY", raising=False)
    asked = []

    class Errors:
        KeyringError = RuntimeError

    class Keyring:
        errors = Errors

        @staticmethod
        def get_password(service: str, name: str) -> str:
            asked.append((service, name))
            return "kept"

    monkeypatch.setattr(shared.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setitem(sys.modules, "keyring", Keyring)
    monkeypatch.setitem(sys.modules, "keyring.errors", Errors)
    assert shared.key_of("A_KEY") == "kept"
    assert asked == [("tunewright", "A_KEY")]


def test_a_missing_key_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("A_KEY", raising=False)
    monkeypatch.setattr(shared.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(HostedError, match="A_KEY") as error:
        shared.key_of("A_KEY")
    assert "export A_KEY" in str(error.value.hint)


@pytest.mark.parametrize(
    "form",
    [
        KEY,
        f"Bearer {KEY}",
        quote(KEY + "+/="),
        base64.b64encode(KEY.encode()).decode(),
        KEY[:20] + "…",
        "hf_" + "a" * 30,
    ],
)
def test_no_form_of_a_key_stays_in_a_text(form: str):
    discreet = shared.Discretion(KEY)
    said = discreet.text(f"wrong key: {form}, try again")
    assert form not in said
    assert said.startswith("wrong key:")
    assert said.endswith("try again")
    assert KEY[4:20] not in json.dumps(discreet.value({form: [form, {"a": form}], "n": 1}))
    assert KEY.encode() not in discreet.content(f"a,{form}\n".encode() + b"\xff")


def test_a_short_key_is_hidden_and_words_stay():
    assert shared.Discretion("abc").text("abc of abd") == "… of abd"
