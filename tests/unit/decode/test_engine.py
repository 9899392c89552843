"""Budgets, ends and faults of decoding."""

from __future__ import annotations

import json
import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny_models
from tunewright.core.errors import UsageError
from tunewright.decode.candidates import likelihood
from tunewright.decode.drafts import Lookup
from tunewright.decode.engine import _in_clusters, generate
from tunewright.decode.grammar import Grammar
from tunewright.decode.row import Row

LOADED = tiny_models.loaded("wren", 3)
OPEN = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "total": {"type": "number"},
        "lines": {
            "type": "array",
            "items": {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]},
        },
    },
    "required": ["name", "total", "lines"],
}
GRAMMAR = Grammar(LOADED.tokenizer, OPEN)


def test_a_budget_never_yields_invalid_json() -> None:
    least = len(GRAMMAR.shortest)
    for budget in (least, least + 1, least + 5, least + 17, 60):
        for reply in generate(LOADED, [[20 + budget, 33, 47], [90, 91]], max_new_tokens=budget, grammars=GRAMMAR):
            assert len(reply.ids) <= budget
            assert GRAMMAR.accepts(reply.text)
            assert set(json.loads(reply.text)) == set(OPEN["properties"])
            if reply.finish == "length":
                assert reply.closed is not None


def test_a_budget_below_the_shortest_answer_is_an_error_of_that_row() -> None:
    least = len(GRAMMAR.shortest)
    free, held = generate(LOADED, [[20, 30], [20, 30]], max_new_tokens=least - 1, grammars=[None, GRAMMAR])
    assert held.finish == "error"
    assert "shortest answer" in held.failure
    assert free.finish in ("stop", "length")
    assert free.failure is None


@pytest.mark.parametrize("schema", [{}, {"type": "number"}, {"type": "array"}, {"type": "object"}])
def test_schemas_that_ask_for_nothing_still_end(schema: dict) -> None:
    grammar = Grammar(LOADED.tokenizer, schema)
    for reply in generate(LOADED, [[20, 30], [44, 55, 66]], max_new_tokens=24, grammars=grammar):
        json.loads(reply.text)
        assert len(reply.ids) <= 24


def test_a_schema_that_refers_to_itself_is_closed_in_time() -> None:
    tree = {
        "type": "object",
        "properties": {"n": {"type": "string"}, "kids": {"type": "array", "items": {"$ref": "#"}}},
        "required": ["n", "kids"],
    }
    grammar = Grammar(LOADED.tokenizer, tree)
    for reply in generate(LOADED, [[i, 30] for i in range(20, 26)], max_new_tokens=40, grammars=grammar):
        assert grammar.accepts(reply.text)


def test_rows_that_cannot_be_decoded_do_not_stop_the_others() -> None:
    long = [20] * (LOADED.context + 1)
    replies = list(generate(LOADED, [[], [20, 30], long, [40]], max_new_tokens=5))
    assert [reply.finish == "error" for reply in replies] == [True, False, True, False]
    assert "empty" in replies[0].failure
    assert "context" in replies[2].failure
    assert replies[1].passes > 0


def test_the_context_ends_the_budget() -> None:
    [reply] = generate(LOADED, [[25] * (LOADED.context - 4)], max_new_tokens=50)
    assert len(reply.ids) <= 4


def test_a_prompt_that_is_asked_several_times_is_read_once() -> None:
    def prefixes(length: int, times: list[int]) -> list[set[int]]:
        dice = random.Random(0)
        prompts = [[7] * 200 + [dice.randrange(100) for _ in range(length)] for _ in times]
        asked = [prompt for prompt, count in zip(prompts, times, strict=True) for _ in range(count)]
        rows = _in_clusters([Row(at, prompt, 10, None, frozenset()) for at, prompt in enumerate(asked)])
        assert sorted(row.index for row in rows) == list(range(len(asked)))
        return [{row.prefix for row in rows if row.prompt == prompt} for prompt in prompts]

    assert prefixes(1800, [1, 3, 2, 3]) == [{0}, {1999}, {1999}, {1999}]
    assert prefixes(1800, [1, 1, 3]) == [{200}, {200}, {1999}]
    assert prefixes(40, [2, 1, 2]) == [{200}, {200}, {200}]  # short ones go through together


def test_a_prompt_that_is_asked_several_times_is_copied_from_and_what_several_begin_with_is_not() -> None:
    again = [Row(index, range(100, 700), 8, None, frozenset()) for index in range(3)]
    apart = [Row(index, [*range(100, 700), *[index] * 9, index + 10], 8, None, frozenset()) for index in (3, 4)]
    for row in _in_clusters([*again, *apart]):
        row.begin(row.prefix, lookup=True)
        assert row.lookup is not None
        assert row.lookup.propose([150, 151], 3) == ([152, 153, 154] if row in again else [])
        assert row in again or row.lookup.propose([row.index] * 2, 9)[-1] == row.index + 10
    assert [row.prefix for row in again + apart] == [599] * 3 + [600] * 2


DIGITS = Grammar(LOADED.tokenizer, {"type": "object", "properties": {"v": {"enum": [1, 2, 3]}}, "required": ["v"]})


def test_a_reply_that_fails_tells_nothing_of_a_token_it_has_not() -> None:
    row = Row(0, [1], 80, DIGITS, LOADED.chat.stop_ids)
    row.reply.others, row.reply.logprobs = [], []
    row.push(DIGITS.vocabulary.bytes.index(b"{"), -0.1)
    row.reply.others += [(0, 5, -1.0), (1, 6, -1.0)]
    row.fail("a limit of the grammar")
    assert row.reply.others == [(0, 5, -1.0)]
    assert likelihood(row.reply, DIGITS.vocabulary.bytes) < 0


def test_usage_is_checked() -> None:
    with pytest.raises(UsageError):
        list(generate(LOADED, [[20]], max_new_tokens=0))
    with pytest.raises(UsageError):
        list(generate(LOADED, [[20]], max_new_tokens=5, batch_size=0))
    with pytest.raises(UsageError, match="1 prompts but 2 grammars"):
        list(generate(LOADED, [[20]], max_new_tokens=5, grammars=[None, None]))
    assert list(generate(LOADED, [], max_new_tokens=5)) == []


def test_replies_come_in_order_with_their_costs() -> None:
    asked = [[20 + i] * (1 + 7 * (i % 4)) for i in range(11)]
    replies = list(generate(LOADED, asked, max_new_tokens=6, batch_size=3, logprobs=True))
    alone = [next(iter(generate(LOADED, [prompt], max_new_tokens=6))) for prompt in asked]
    assert [r.ids for r in replies] == [r.ids for r in alone]
    for prompt, reply in zip(asked, replies, strict=True):
        assert reply.prompt_tokens == len(prompt)
        assert reply.seconds > 0
        assert len(reply.logprobs) == len(reply.ids)
        assert all(p <= 0 for p in reply.logprobs)


def test_any_stop_id_ends_a_reply() -> None:
    [free] = generate(LOADED, [[33, 44]], max_new_tokens=20)
    loaded = tiny_models.loaded("wren", 3)
    loaded.chat.stop_ids = frozenset({free.ids[4]})
    [cut] = generate(loaded, [[33, 44]], max_new_tokens=20)
    assert cut.ids == free.ids[: free.ids.index(free.ids[4])]
    assert cut.finish == "stop"


def test_the_model_is_left_as_it_was() -> None:
    before = LOADED.model(torch.tensor([[20, 30]])).logits
    list(generate(LOADED, [[20, 30]], max_new_tokens=3))
    assert torch.equal(LOADED.model(torch.tensor([[20, 30]])).logits, before)
    assert not LOADED.model.get_output_embeddings()._forward_pre_hooks


def test_lookup_prefers_the_longest_match() -> None:
    lookup = Lookup([1, 2, 3, 9, 5, 2, 3, 7, 8])
    assert lookup.propose([5, 2, 3], 2) == [7, 8]
    assert lookup.propose([1, 2, 3], 5) == [9, 5, 2, 3, 7]
    assert lookup.propose([4], 3) == []
    assert lookup.propose([], 3) == []
    assert lookup.propose([3], 0) == []
    assert Lookup([1] * 50).propose([1], 3) == []  # says too little


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 6), max_size=30), st.lists(st.integers(0, 6), min_size=1, max_size=6), st.integers(1, 5))
def test_lookup_copies_what_follows_the_last_token(source: list[int], context: list[int], count: int) -> None:
    copied = Lookup(source).propose(context, count)
    assert len(copied) <= count
    if copied:
        joined = ",".join(map(str, [context[-1], *copied]))
        assert f",{joined}," in f",{','.join(map(str, source))},"
