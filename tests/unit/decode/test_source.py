"""Verbatim values: what a document says is accepted, anything else is refused, byte by byte and token by token."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny_models
from tunewright.core.records import Record
from tunewright.decode.engine import generate
from tunewright.decode.grammar import Grammar, GrammarError, vocabulary
from tunewright.decode.row import Row
from tunewright.decode.source import Source, Verbatim, mark, unsaid
from tunewright.text.schema import leaves
from tunewright.text.serialise import dumps

WORD = {"type": ["string", "null"], "x-verbatim": True}
SUM = {"type": ["string", "null"], "x-verbatim": "amount"}
SCHEMA = {
    "type": "object",
    "properties": {
        "name": WORD,
        "total": SUM,
        "remark": {"type": "string"},
        "place": {"type": "object", "properties": {"city": WORD}, "required": ["city"]},
        "items": {
            "type": "array",
            "items": {"type": "object", "properties": {"what": WORD, "price": SUM}, "required": ["what", "price"]},
        },
        "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}},
    },
    "$defs": {"tag": WORD},
}
TEXT = 'श्री राम कुमार जी, "Blue House"\nPune 411001\nRs 12,500.00 / ५,००० for 2 lamps (0754,22)\n'
SPACED = " ".join(TEXT.split())


def follows(value: object, text: str = TEXT) -> bool:
    return Verbatim(SCHEMA, Source(text)).feed(dumps(value).encode())


@pytest.mark.parametrize(
    "value",
    [
        {"name": "राम कुमार"},
        {"name": '"Blue House"'},
        {"name": 'House"\nPune'},
        {"name": 'House" Pune 411001 Rs 12,500.00'},
        {"name": "411001"},
        {"name": None},
        {"name": "0754", "total": "22"},
        {"total": "12500.00"},
        {"total": "5000"},
        {"remark": "anything at all"},
        {"place": {"city": "Pune"}, "remark": "x"},
        {"items": [{"what": "lamps", "price": "2"}, {"what": None, "price": "5000"}], "tags": ["Pune", "Rs"]},
        {"unknown": {"name": "made up"}},
    ],
)
def test_what_the_document_says_is_followed(value: dict) -> None:
    assert follows(value)


@pytest.mark.parametrize(
    "value",
    [
        {"name": "राम कुमा"},
        {"name": "ouse"},
        {"name": "Punee"},
        {"name": "Mumbai"},
        {"name": ""},
        {"name": " Pune"},
        {"name": "Pune  411001"},
        {"name": 'House"\nPune 411001 Rs'},
        {"name": "Pune "},
        {"total": "12,500.00"},
        {"total": "12500"},
        {"total": "1250"},
        {"total": ""},
        {"place": {"city": "Mumbai"}},
        {"place": {"city": "Pune"}, "name": "Mumbai"},
        {"items": [{"what": "lamps", "price": "2"}, {"what": "chairs", "price": "2"}]},
        {"tags": ["Pune", "Mumbai"]},
    ],
)
def test_what_it_does_not_say_is_refused(value: dict) -> None:
    assert not follows(value)


def test_a_document_without_numbers_leaves_an_amount_only_null() -> None:
    assert follows({"total": None}, "no numbers here")
    assert not follows({"total": "5"}, "no numbers here")
    assert not follows({"name": "x"}, "   ")


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_every_run_between_words_is_accepted(text: str, first: int, last: int) -> None:
    """Also with quotes, backslashes, control characters, emoji and lone surrogates around it."""
    text = text.encode("utf-8", "replace").decode()
    run = text[min(first, last) : max(first, last)].strip()
    document = f"{text} | {run} | {text}"
    assert follows({"name": run}, document) == bool(run)


def test_the_mask_is_what_feeding_says() -> None:
    words = vocabulary(tiny_models.loaded("llama3", 0).tokenizer)
    every = np.array([bool(text) for text in words.bytes])
    for written in ("", '{"name": ', '{"name": "', '{"name": "रा', '{"total": "1', '{"remark": "x', '{"name": "Pune"'):
        state = Verbatim(SCHEMA, Source(TEXT))
        assert state.feed(written.encode())
        kept = state.mask(words, every)
        fed = [bool(text) and state.copy().feed(text) for text in words.bytes]
        assert kept.tolist() == fed


@pytest.mark.parametrize("family", ["wren", "llama3", "gpt2", "qwen3"])
def test_a_model_that_knows_nothing_still_quotes(family: str) -> None:
    """Random weights: every marked value stands in the document; without the source, they are noise."""
    loaded = tiny_models.loaded(family, 2)
    plain = json.loads(dumps(SCHEMA).replace('["string", "null"]', '"string"'))  # null would be no quotation
    required = {**plain, "required": ["name", "total", "remark", "place", "tags"]}
    grammar = Grammar(loaded.tokenizer, required, stop_ids=loaded.chat.stop_ids, longest=len(TEXT))
    prompts = [loaded.tokenizer(TEXT[i:], add_special_tokens=False).input_ids for i in range(3)]
    source = Source(TEXT)

    def quoted(sources: list[Source] | None) -> list[bool]:
        found = []
        for reply in generate(loaded, prompts, max_new_tokens=900, grammars=grammar, sources=sources):
            if sources and reply.finish != "stop":  # closed at the budget, wherever that was
                continue
            value = json.loads(reply.text)
            marked = {k: v for k, v in leaves(value).items() if not k.startswith("remark") and k != "total"}
            found += [v is None or v in TEXT or v in SPACED for v in marked.values()]
            if value["total"] is not None:
                found.append(value["total"].encode() in source.amounts)
        return found

    held = quoted([source] * len(prompts))
    assert held
    assert all(held)
    loose = quoted(None)
    assert loose
    assert not all(loose)


def test_bounds_that_leave_no_verbatim_way_on_are_met_all_the_same() -> None:
    loaded = tiny_models.loaded("wren", 2)
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 3, "x-verbatim": True}},
        "required": ["name"],
    }
    grammar = Grammar(loaded.tokenizer, schema)
    [reply] = generate(loaded, [[20, 30]], max_new_tokens=40, grammars=grammar, sources=[Source("Lakshmi")])
    assert grammar.accepts(reply.text)


@pytest.mark.parametrize(
    ("text", "dois"),
    [
        ("Paper with no identifier at all.", set()),
        ("Paper of 10.5 mm, 10.1234 of them", set()),
        ("Paper doi:10.1234/\nabc.5", set()),
        ("Paper doi:10.1234/abc.5 end", {"10.1234/abc.5", "10.1234/abc.", "10.1234/abc"}),
        ('Paper “10.1234/a” and \\ 10.55555.1/b\n"c', {"10.1234/a", "10.55555.1/b", "10.1234/a”"}),
    ],
)
def test_a_pattern_leaves_only_the_runs_that_obey_it(text: str, dois: set[str]) -> None:
    loaded = tiny_models.loaded("wren", 0)
    doi = {"type": ["string", "null"], "x-verbatim": True, "pattern": r"^10\.[0-9]{4,9}(\.[0-9]+)*/\S+$"}
    schema = {"type": "object", "properties": {"doi": doi}, "required": ["doi"], "additionalProperties": False}
    grammar = Grammar(loaded.tokenizer, schema, stop_ids=loaded.chat.stop_ids)
    dice, found = torch.Generator().manual_seed(0), set()
    for _ in range(40):
        row = Row(0, [1], 120, grammar, loaded.chat.stop_ids, Source(text))
        row.force()
        while not row.done:
            row.push(row.best_allowed(torch.randn(len(loaded.tokenizer), generator=dice)), None)
            row.force()
        found.add(json.loads(loaded.chat.decode(row.ids))["doi"])
    assert found - {None} == dois
    assert None in found


@pytest.mark.parametrize("pattern", ["10", "^a|b$", "^a", "^(?<never$", "^Paper\\$"])
def test_patterns_that_say_nothing_of_a_whole_value_leave_every_run(pattern: str) -> None:
    [said] = Source("Paper of 10 mm").said
    assert said.runs(True, pattern) == said.runs(True, None)
    assert len(said.runs(True, None)) == 4


def test_a_pattern_that_most_runs_obey_is_left_to_the_grammar() -> None:
    text = " ".join(f"word{i}" for i in range(3000))
    [said] = Source(text).said
    assert said.runs(True, "^.+$") == said.runs(True, None)
    [(data, ends, at)] = said.runs(True, "^word2999.*$")
    assert (data[at:], ends) == (b"word2999", {len(said.data)})


def test_a_mark_of_another_kind_is_refused() -> None:
    with pytest.raises(GrammarError, match="x-verbatim"):
        Grammar(
            tiny_models.loaded("wren", 2).tokenizer,
            {"type": "object", "properties": {"a": {"type": "string", "x-verbatim": "yes"}}},
        )


def test_strings_whose_answers_stand_in_their_documents_are_marked() -> None:
    word = {"type": ["string", "null"]}
    items = {"type": "array", "items": {"type": "object", "properties": {"what": word, "mood": word}}}
    schema = {"type": "object", "properties": {"name": word, "total": word, "kind": word, "code": word, "items": items}}
    records = []
    for i in range(60):
        target = {
            "name": f"Asha {i}",
            "total": f"{1000 + i}",
            "kind": "letter",
            "code": "K7" if i < 56 else "made up",
            "items": [{"what": "lamp", "mood": "good"}],
        }
        text = f"Asha {i} pays Rs {1000 + i:,} for a lamp, K7"
        records.append(Record(id=str(i), text=text, target=target))
    made, shares = mark({"letter": schema}, records)
    assert shares == {"name": 1.0, "total": 1.0, "items[].what": 1.0}
    properties = made["letter"]["properties"]
    assert properties["name"]["x-verbatim"] is True
    assert properties["total"]["x-verbatim"] == "amount"
    assert "x-verbatim" not in properties["kind"] | properties["code"]
    assert properties["items"]["items"]["properties"] == {"what": {**word, "x-verbatim": True}, "mood": word}
    assert mark({"letter": schema}, records[:20]) == ({"letter": schema}, {})
    assert mark(made, records) == (made, {})
    assert schema["properties"]["name"] == word


def test_one_string_or_several_are_marked_alike_and_rare_ones_found() -> None:
    several = {"type": ["string", "array"], "items": {"type": "string"}}
    chosen = {"type": "string", "enum": ["good"]}
    schema = {"type": "object", "properties": {"word": several, "rare": {"type": "string"}, "mood": chosen}}
    records = []
    for i in range(3000):
        target = {"word": [f"a{i}", "b"] if i % 300 == 0 else f"a{i}", "mood": "good"}
        text = f"a{i} and b, a good one"
        if i % 60 == 0:
            target["rare"], text = f"c{i}", f"{text}, c{i}"
        records.append(Record(id=str(i), text=text, target=target))
    made, shares = mark({"note": schema}, records)
    marked = {"type": ["string", "array"], "items": {"type": "string", "x-verbatim": True}, "x-verbatim": True}
    properties = {"word": marked, "rare": {"type": "string", "x-verbatim": True}, "mood": chosen}
    assert made["note"]["properties"] == properties
    assert shares == {"word": 1.0, "rare": 1.0}  # what is told is what is done: a choice is not held


def test_says_is_what_following_a_reply_says() -> None:
    source = Source(TEXT)
    for value in ("राम कुमार", "राम", "कुमा", "", "Pune", "Pun", 'House"\nPune', "12500.00", "12,500.00", "(0754", "22)"):
        for mark_, key in ((True, "name"), ("amount", "total")):
            assert source.says(value, mark_) == follows({key: value})


NOTED = "Ada Byron1,2*, Karl Weiss³ and Noor Rao (2)\nAB12 2301v2"
PEOPLE = {"type": "object", "properties": {"who": {"type": "string", "x-verbatim": "name"}, "what": WORD}}


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ({"who": "Ada Byron"}, True),
        ({"who": "Karl Weiss"}, True),
        ({"who": "Noor Rao"}, True),
        ({"who": "Ada Byron1"}, True),
        ({"who": "Ada Byro"}, False),
        ({"who": "Karl Weis"}, False),
        ({"who": "yron"}, False),
        ({"who": "230"}, False),
        ({"what": "Ada Byron"}, False),  # only names may leave their marks of notes behind
        ({"what": "Noor Rao"}, True),
    ],
)
def test_a_name_may_end_before_its_marks_of_notes(value: dict, good: bool) -> None:
    source = Source(NOTED)
    assert Verbatim(PEOPLE, source).feed(dumps(value).encode()) == good
    [(key, text)] = value.items()
    assert source.says(text, "name" if key == "who" else True) == good


LISTED = "Ravi Saxena, Noor Rao,\nOm Das, Vinod Saxena, Lee Wu1\nWu School\nCorrespondence: Noor Rao, Ravi Saxena"
LISTS = {
    "type": "object",
    "properties": {
        "who": {"type": "array", "items": {"type": "string", "x-verbatim": "name"}},
        "groups": {"type": "array", "items": {"type": "array", "items": {"type": "string", "x-verbatim": "name"}}},
        "people": {
            "type": "array",
            "items": {"type": "object", "properties": {"name": {"type": "string", "x-verbatim": "name"}}},
        },
        "words": {"type": "array", "items": {"type": "string", "x-verbatim": True}},
    },
}


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ({"who": ["Ravi Saxena", "Noor Rao", "Om Das", "Vinod Saxena", "Lee Wu"]}, True),
        ({"who": ["Ravi Saxena", "Om Das", "Noor Rao"]}, True),  # the one that is printed again
        ({"who": ["Rao,\nOm Das", "Vinod Saxena"]}, True),
        ({"who": ["Vinod Saxena", "Om Das"]}, False),
        ({"who": ["Om Das", "Om Das"]}, False),
        ({"who": ["Lee Wu", "Wu School"]}, True),
        ({"who": ["Lee Wu", "Wu School", "Lee Wu"]}, False),
        ({"who": ["Rao, Om Das", "Noor Rao", "Vinod Saxena"]}, False),  # with a space for the end of the line
        ({"who": ["Noor Rao, Ravi Saxena", "Lee"]}, False),
        ({"groups": [["Om Das"], ["Ravi Saxena"]], "who": ["Ravi Saxena"]}, True),  # every list by itself
        ({"people": [{"name": "Om Das"}, {"name": "Ravi"}]}, True),  # and names in lists alone
        ({"words": ["Om Das", "Ravi", "Ravi"]}, True),
    ],
)
def test_names_of_a_list_stand_one_behind_the_other(value: dict, good: bool) -> None:
    source = Source(LISTED)
    assert Verbatim(LISTS, source).feed(dumps(value).encode()) == good
    lost = unsaid({"page": LISTS}, [Record("1", LISTED, value)])
    assert bool(lost) != good


def test_a_list_of_names_ends_with_its_document() -> None:
    """Names go on to the end of the text at the most, whatever the model would have: one that copies may go in circles."""
    loaded = tiny_models.loaded("wren", 3)
    names = {"type": "object", "properties": {"who": LISTS["properties"]["who"]}, "required": ["who"]}
    grammar = Grammar(loaded.tokenizer, names)
    [reply] = generate(loaded, [[20, 30]], max_new_tokens=400, grammars=grammar, sources=[Source("Om Om Om Om")])
    assert reply.finish == "stop"
    assert " ".join(json.loads(reply.text)["who"]) in ("", "Om", "Om Om", "Om Om Om", "Om Om Om Om")


def test_a_schema_with_such_marks_and_scores_is_enforced() -> None:
    tokenizer = tiny_models.loaded("llama3", 0).tokenizer
    scored = {**PEOPLE, "properties": {"who": {**PEOPLE["properties"]["who"], "x-score": "wording"}}}
    assert Grammar(tokenizer, scored).verbatim
    with pytest.raises(GrammarError, match="x-verbatim is true, false, 'amount' or 'name'"):
        Grammar(tokenizer, {"type": "object", "properties": {"who": {"type": "string", "x-verbatim": "names"}}})


def test_what_is_copied_may_be_as_long_as_its_document() -> None:
    """A bound would be counted character by character, and llguidance gives up after some thousand of them."""
    from tunewright.models.load import load

    loaded = load("wren")
    reply = dumps({"abstract": "moss grows on roofs " * 300})
    copied = {"type": "object", "properties": {"abstract": {"type": "string", "x-verbatim": True}}}
    written = {"type": "object", "properties": {"abstract": {"type": "string"}}}
    assert Grammar(loaded.tokenizer, copied, longest=100).fault(reply) is None
    assert Grammar(loaded.tokenizer, written, longest=100).fault(reply) is not None


def test_a_long_passage_is_copied_whole_and_in_few_passes() -> None:
    """What is copied is the document's, and drafts make it cheap; plain decoding writes the same."""
    from tunewright.decode.engine import plain
    from tunewright.models.load import load

    loaded = load("wren")
    text = f"Abstract {' '.join(f'w{number}' for number in range(45))}"
    passage = {"type": "string", "x-verbatim": True, "minLength": 150}
    schema = {"type": "object", "properties": {"abstract": passage}, "required": ["abstract"]}
    grammar = Grammar(loaded.tokenizer, schema, stop_ids=loaded.chat.stop_ids, longest=8000)
    prompt = loaded.chat.prompt_ids([{"role": "user", "content": text}])
    [fast] = generate(loaded, [prompt], max_new_tokens=600, grammars=grammar, sources=[Source(text)])
    slow = plain(loaded, prompt, max_new_tokens=600, grammar=grammar, source=Source(text))
    assert fast.ids == slow.ids
    value = json.loads(fast.text)["abstract"]
    assert value in text
    assert len(value) >= 150
    assert fast.passes < slow.passes / 3
