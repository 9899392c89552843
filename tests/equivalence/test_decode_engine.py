"""Fast decoding is plain greedy decoding, token for token: lanes, prefixes, forced tokens and drafts change nothing."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest

import tiny_models
from tunewright.decode import engine
from tunewright.decode.candidates import likelihood
from tunewright.decode.engine import Reply, generate, plain
from tunewright.decode.grammar import Grammar
from tunewright.decode.sampling import Sampling
from tunewright.decode.source import Source

SCHEMA = {
    "type": "object",
    "properties": {
        "invoice_number": {"type": "string"},
        "customer_name": {"type": ["string", "null"]},
        "count": {"type": "integer"},
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "price": {"type": ["number", "null"]}},
                "required": ["name", "price"],
            },
        },
    },
    "required": ["invoice_number", "customer_name", "count", "items"],
}
OTHER = {
    "type": "object",
    "properties": {"a": {"enum": ["राम", "x", None]}, "b": {"type": "boolean"}},
    "required": ["b"],
}


def prompts(count: int, seed: int) -> list[list[int]]:
    """Ragged prompts, most of which share their first 20 tokens."""
    dice = random.Random(seed)
    shared = [dice.randrange(20, 400) for _ in range(20)]
    return [
        (shared if i % 3 else []) + [dice.randrange(20, 400) for _ in range(dice.randint(1, 40))] for i in range(count)
    ]


def same(fast: list[Reply], slow: list[Reply]) -> bool:
    return all(
        (f.ids, f.text, f.finish, f.closed, f.failure) == (s.ids, s.text, s.finish, s.closed, s.failure)
        and len(f.logprobs or []) == len(s.logprobs or [])
        and all(a == b or abs(a - b) < 1e-3 for a, b in zip(f.logprobs or [], s.logprobs or [], strict=True))
        and [other[:2] for other in f.others or []] == [other[:2] for other in s.others or []]
        and all(abs(a[2] - b[2]) < 1e-3 for a, b in zip(f.others or [], s.others or [], strict=True))
        for f, s in zip(fast, slow, strict=True)
    )


@pytest.mark.parametrize(("family", "seed"), [("wren", 0), ("wren", 5), ("llama3", 1), ("gpt2", 2), ("llama", 3)])
@pytest.mark.parametrize("grammar", [False, True])
def test_batches_with_drafts_are_greedy(family: str, seed: int, grammar: bool) -> None:
    loaded = tiny_models.loaded(family, seed)
    held = Grammar(loaded.tokenizer, SCHEMA, stop_ids=loaded.chat.stop_ids) if grammar else None
    asked = prompts(9, seed)
    slow = [plain(loaded, prompt, max_new_tokens=70, grammar=held, logprobs=True) for prompt in asked]
    fast = list(generate(loaded, asked, max_new_tokens=70, grammars=held, batch_size=4, logprobs=True))
    assert same(fast, slow)


@pytest.mark.parametrize(("family", "seed"), [("wren", 0), ("llama3", 1), ("gpt2", 2)])
@pytest.mark.parametrize("grammar", [False, True])
@pytest.mark.parametrize("repetition", [{}, {"repetition_penalty": 1.1, "no_repeat_ngram_size": 4}])
def test_batches_with_drafts_draw_what_one_row_draws(family: str, seed: int, grammar: bool, repetition: dict) -> None:
    loaded = tiny_models.loaded(family, seed)
    held = Grammar(loaded.tokenizer, SCHEMA, stop_ids=loaded.chat.stop_ids) if grammar else None
    asked, numbers = prompts(8, seed), [90 + i for i in range(8)]
    # Cold enough that a random model repeats itself and drafts are tried, warm enough that it is not greedy.
    drawing = Sampling(0.15, top_p=0.95, seed=7, **repetition)
    slow = [
        plain(loaded, prompt, max_new_tokens=50, grammar=held, logprobs=True, sampling=drawing, number=number)
        for prompt, number in zip(asked, numbers, strict=True)
    ]
    given = {"max_new_tokens": 50, "grammars": held, "batch_size": 3, "logprobs": True}
    assert same(list(generate(loaded, asked, **given, sampling=drawing, numbers=numbers)), slow)
    assert not same(list(generate(loaded, asked, **given)), slow)
    assert not same(list(generate(loaded, asked, **given, sampling=drawing)), slow)  # other numbers
    other = Sampling(0.15, top_p=0.95, seed=8, **repetition)
    assert not same(list(generate(loaded, asked, **given, sampling=other, numbers=numbers)), slow)
    if held is not None:
        assert all(held.accepts(reply.text) for reply in slow)


@pytest.mark.parametrize(("family", "seed"), [("wren", 0), ("llama3", 1), ("gpt2", 2)])
@pytest.mark.parametrize("grammar", [False, True])
def test_tokens_beside_the_chosen_ones_are_told_alike(
    family: str, seed: int, grammar: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunewright.decode.row.LIKELY", 1e-5)  # what random weights say is never likely
    loaded = tiny_models.loaded(family, seed)
    held = Grammar(loaded.tokenizer, SCHEMA, stop_ids=loaded.chat.stop_ids) if grammar else None
    asked = prompts(6, seed)
    slow = [plain(loaded, prompt, max_new_tokens=60, grammar=held, logprobs=True, others=True) for prompt in asked]
    fast = list(generate(loaded, asked, max_new_tokens=60, grammars=held, batch_size=4, logprobs=True, others=True))
    assert same(fast, slow)
    assert all(reply.others for reply in fast)
    changed = replace(slow[0], others=slow[0].others[:-1])
    assert not same(fast, [changed, *slow[1:]])
    for prompt, reply in zip(asked, slow, strict=True):
        place, token, chance = reply.others[len(reply.others) // 2]
        assert token != reply.ids[place]
        opened = plain(
            loaded, prompt, max_new_tokens=60, grammar=held, logprobs=True, opening=[*reply.ids[:place], token]
        )
        assert opened.finish != "error"  # every one of them begins a reply
        assert opened.ids[: place + 1] == [*reply.ids[:place], token]
        assert chance <= reply.logprobs[place] or grammar  # what the grammar refuses may be likelier than both


@pytest.mark.parametrize(("family", "seed"), [("wren", 0), ("llama3", 1), ("gpt2", 2)])
def test_replies_that_can_no_longer_be_likely_enough_are_given_up(
    family: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunewright.decode.row.LIKELY", 1e-5)
    loaded = tiny_models.loaded(family, seed)
    held = Grammar(loaded.tokenizer, OTHER, stop_ids=loaded.chat.stop_ids)
    words, asked = held.vocabulary.bytes, prompts(9, seed)
    given = {"max_new_tokens": 60, "logprobs": True, "others": True}
    whole = list(generate(loaded, asked, grammars=held, batch_size=4, **given))
    likely = [likelihood(reply, words) for reply in whole]
    assert all(math.isfinite(one) for one in likely)
    floors = [one + (-1e-4 if place % 3 else 1.0) for place, one in enumerate(likely)]
    fast = list(generate(loaded, asked, grammars=held, batch_size=4, floors=floors, **given))
    slow = [
        plain(loaded, prompt, grammar=held, floor=floor, **given) for prompt, floor in zip(asked, floors, strict=True)
    ]
    assert same(fast, slow)
    for place, (reply, full) in enumerate(zip(fast, whole, strict=True)):
        assert reply.finish == ("stop" if place % 3 else "length")
        assert reply.ids == full.ids if place % 3 else reply.ids == full.ids[: len(reply.ids)]
    assert sum(len(reply.ids) for reply in fast) < sum(len(reply.ids) for reply in whole)


@pytest.mark.parametrize("family", ["wren", "llama3", "gpt2"])
@pytest.mark.parametrize("grammar", [False, True])
def test_a_reply_that_is_opened_goes_on_as_it_would(family: str, grammar: bool) -> None:
    loaded = tiny_models.loaded(family, 3)
    held = Grammar(loaded.tokenizer, SCHEMA, stop_ids=loaded.chat.stop_ids) if grammar else None
    asked = prompts(6, 3)
    whole = list(generate(loaded, asked, max_new_tokens=60, grammars=held))
    openings = [reply.ids[: 2 + 3 * i] if reply.closed is None else reply.ids[:2] for i, reply in enumerate(whole)]
    given = {"max_new_tokens": 60, "logprobs": True}
    fast = list(generate(loaded, asked, grammars=held, batch_size=4, openings=openings, **given))
    assert [reply.ids for reply in fast] == [reply.ids for reply in whole]
    slow = [
        plain(loaded, prompt, grammar=held, opening=opening, **given)
        for prompt, opening in zip(asked, openings, strict=True)
    ]
    assert same(fast, slow)
    others = [loaded.tokenizer('{"invoice_number": "AB', add_special_tokens=False).input_ids] * 6
    fast = list(generate(loaded, asked, grammars=held, batch_size=4, openings=others, **given))
    assert all(reply.text.startswith('{"invoice_number": "AB') for reply in fast)
    assert held is None or all(held.accepts(reply.text) for reply in fast)
    if held is not None:
        [wrong] = generate(loaded, asked[:1], grammars=held, openings=[others[0][:1] * 2], **given)
        assert wrong.failure == "what the reply should begin with begins no answer of the schema"


def test_one_lane_many_lanes_and_no_drafts_agree() -> None:
    loaded = tiny_models.loaded("wren", 7)
    first, second = (Grammar(loaded.tokenizer, schema) for schema in (SCHEMA, OTHER))
    asked = prompts(6, 7)
    grammars = [(first, second, None)[i % 3] for i in range(6)]
    slow = [plain(loaded, p, max_new_tokens=36, grammar=g) for p, g in zip(asked, grammars, strict=True)]
    for size in (1, 3, 64):
        for drafts in (False, True):
            fast = generate(loaded, asked, max_new_tokens=36, grammars=grammars, batch_size=size, drafts=drafts)
            assert same(list(fast), slow)


TEXT = "Invoice INV-7 for Asha Verma: lamps 12,500.00 and chairs 900; राम कुमार, Pune"


def marked(node: object) -> object:
    """The schema with every string held to the document."""
    if isinstance(node, dict):
        made = {key: marked(value) for key, value in node.items()}
        return {**made, "x-verbatim": True} if "string" in str(node.get("type", "")) else made
    return node


@pytest.mark.parametrize(("family", "seed"), [("wren", 0), ("llama3", 1), ("gpt2", 2)])
def test_verbatim_batches_are_greedy(family: str, seed: int) -> None:
    loaded = tiny_models.loaded(family, seed)
    held = Grammar(loaded.tokenizer, marked(SCHEMA), stop_ids=loaded.chat.stop_ids)
    asked = [loaded.tokenizer(TEXT, add_special_tokens=False).input_ids + prompt for prompt in prompts(6, seed)]
    sources = [Source(TEXT[8 * i :]) for i in range(6)]
    slow = [
        plain(loaded, prompt, max_new_tokens=80, grammar=held, source=source)
        for prompt, source in zip(asked, sources, strict=True)
    ]
    fast = list(generate(loaded, asked, max_new_tokens=80, grammars=held, sources=sources, batch_size=4))
    assert same(fast, slow)
    assert not same(list(generate(loaded, asked, max_new_tokens=80, grammars=held, batch_size=4)), slow)


def test_drafts_that_hold_save_passes() -> None:
    """A model that repeats itself: lookup finds the repetition, and the text stays the same."""
    loaded = tiny_models.loaded("wren", 0)
    found = 0
    for seed in range(3):
        asked = prompts(1, seed)
        [long] = list(generate(loaded, asked, max_new_tokens=60, drafts=False))
        echo = [asked[0] + long.ids]  # what the model itself would write now stands in the prompt
        slow = plain(loaded, echo[0], max_new_tokens=60)
        [fast] = list(generate(loaded, echo, max_new_tokens=60))
        assert same([fast], [slow])
        found += slow.passes - fast.passes
    assert found > 0


def test_forced_tokens_cost_no_passes() -> None:
    loaded = tiny_models.loaded("wren", 0)
    grammar = Grammar(loaded.tokenizer, SCHEMA)
    asked = prompts(4, 0)
    fast = list(generate(loaded, asked, max_new_tokens=60, grammars=grammar, drafts=False))
    for reply in fast:
        assert reply.passes < len(reply.ids) - (reply.closed is not None) * 5


def test_the_check_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three ways to break the fast path, and each is noticed."""
    loaded = tiny_models.loaded("wren", 5)
    grammar = Grammar(loaded.tokenizer, SCHEMA)
    asked = prompts(6, 5)

    def agrees(held: Grammar | None) -> bool:
        slow = [plain(loaded, prompt, max_new_tokens=40, grammar=held) for prompt in asked]
        return same(list(generate(loaded, asked, max_new_tokens=40, grammars=held, batch_size=3)), slow)

    assert agrees(grammar)
    assert agrees(None)
    mask = engine.Reader._mask
    with monkeypatch.context() as broken:  # the last slot cannot be seen
        broken.setattr(engine.Reader, "_mask", lambda self, positions, reach: mask(self, positions - 1, reach))
        assert not agrees(None)
    with monkeypatch.context() as broken:  # the grammar's refusal is ignored where the raw best token breaks it
        broken.setattr(engine.Row, "_allowed", lambda self, token: token not in self.stops)
        assert not agrees(grammar)
    with monkeypatch.context() as broken:  # a shared prefix's keys and values do not belong together
        copy = engine.Lanes.copy_prefix
        broken.setattr(
            engine.Lanes,
            "copy_prefix",
            lambda self, prefix, rows: copy(self, [(k.roll(1, -2), v) for k, v in prefix], rows),
        )
        assert not agrees(None)


def test_a_reply_is_the_same_whatever_stands_beside_it() -> None:
    loaded = tiny_models.loaded("llama3", 4)
    asked = prompts(8, 4)
    together = list(generate(loaded, asked, max_new_tokens=30, batch_size=8))
    dice = random.Random(0)
    order = list(range(8))
    dice.shuffle(order)
    shuffled = list(generate(loaded, [asked[i] for i in order], max_new_tokens=30, batch_size=3))
    assert same([shuffled[order.index(i)] for i in range(8)], together)
