"""Pointing: the places found in text, the loss against attention weights that the model itself reports, and its effect."""

from __future__ import annotations

import copy
from contextlib import nullcontext

import pytest
import torch

import tiny_models
from tunewright.train import attention
from tunewright.train.batch import Tokens, collate
from tunewright.train.loss import forward_rows, loss_sum
from tunewright.train.pointers import (
    IDLE,
    NOWHERE,
    Pointing,
    best_head,
    links,
    looked_away,
    moved,
    moved_links,
    places,
    sources,
    watching,
)


def spans(text: str, pieces: list[str]) -> list[tuple[int, int]]:
    found, at = [], 0
    for piece in pieces:
        found.append((at, at + len(piece)))
        at += len(piece)
    assert at == len(text)
    return found


@pytest.mark.parametrize(
    ("value", "text", "starts"),
    [
        ("राम कुमार", "ग्राहक: राम कुमार, राम कुमार", [8, 19]),
        ("500", "Total 5000, paid 500", [17]),
        ("5000.00", "Total ₹5,000.00", [7]),
        ("5000", "राशि ५,०००", [5]),
        ("7", "nothing here", []),
    ],
)
def test_places(value, text, starts):
    assert [one[0] for one in places(value, text)] == starts


def test_places_of_an_amount_skip_its_commas():
    text = "Sum ₹12,50,000.5 only"
    (one,) = places("1250000.5", text)
    assert "".join(text[at] for at in one[:-1]) == "1250000.5"
    assert text[one[-1]] == " "


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("12, High St, Pune 411001", "Addr:\n12,\nHigh  St,\n Pune 411001\nTel"),
        ("प्लॉट 9 कानपुर", "पता प्लॉट 9\nकानपुर"),
    ],
)
def test_a_value_over_several_lines_is_found_character_by_character(value, text):
    (one,) = places(value, text)
    assert len(one) == len(value) + 1
    for character, offset in zip(value, one[:-1], strict=True):
        assert text[offset] == character or (character == " " and text[offset].isspace())
    assert text[one[0] : one[-1]].split() == value.split()


def test_lines_do_not_part_a_word():
    assert places("High Street", "High Street2") == []
    assert places("High Street", "HighStreet") == []


def test_sources_follow_the_value_and_what_ends_it():
    text, reply = "No: A-1; to Ravi", '{"n": "A-1", "who": "Ravi", "x": null}'
    in_text = ["No", ":", " ", "A", "-", "1", ";", " ", "to", " ", "Ravi"]
    in_reply = ['{"', "n", '": "', "A", "-", "1", '", "', "who", '": "', "Ravi", '", "', "x", '": null}']
    found = sources(reply, spans(reply, in_reply), text, spans(text, in_text))
    told, absent = (8, (10,)), (12, (NOWHERE,))
    assert found == [(2, (3,)), (3, (3,)), (4, (4,)), (5, (5,)), (6, (6,)), told, (9, (10,)), absent]


def test_an_absent_value_has_the_place_before_the_text():
    text, reply = "key", '{"key": null}'
    pieces = ['{"', "key", '": ', "null", "}"]
    assert sources(reply, spans(reply, pieces), text, [(0, 3)]) == [(2, (NOWHERE,))]
    assert moved([(2, (NOWHERE,))], reply=10, text=4) == ((12, (3,)),)
    assert moved([(2, (NOWHERE,)), (3, (0,))], reply=10, text=0) == ((13, (0,)),), "nothing stands before"


def test_keys_and_common_words_point_nowhere():
    text, reply = "a a a a a key", '{"key": "a"}'
    pieces = ['{"', "key", '": "', "a", '"}']
    assert sources(reply, spans(reply, pieces), text, [(0, 1)]) == []


def test_where_a_string_opens_in_a_token_of_its_own():
    text, reply = "No: A-1", '{"n": "A-1", "x": null, "l": ["A-1"]}'
    in_reply = [
        '{"',
        "n",
        '":',
        ' "',
        "A-1",
        '",',
        ' "',
        "x",
        '":',
        " null",
        ",",
        ' "',
        "l",
        '":',
        ' ["',
        "A-1",
        '"]',
        "}",
    ]
    found = sources(reply, spans(reply, in_reply), text, spans(text, ["No", ": ", "A-1"]))
    assert found == [(3, (2,)), (4, (2,)), (9, (NOWHERE,)), (15, (2,))]


def test_the_first_token_of_a_value_is_linked_to_the_key_that_asks_for_it():
    asked, text = "no, bill_no, who", "No: A-1; to Ravi Das"
    reply = '{"no": null, "bill_no": "A-1", "who": "Ravi Das"}'
    in_asked = ["no", ", ", "bill", "_no", ", ", "who"]
    in_text = ["No", ":", " ", "A", "-", "1", ";", " ", "to", " ", "Ravi", " ", "Das"]
    found = links(reply, text, spans(text, in_text), asked, spans(asked, in_asked))
    idle = [(token, (NOWHERE,), IDLE) for token in (0, 1, 2, 6, 7, 8, 9)]
    assert found == sorted([*idle, (3, (3,), 1.0), (10, (5,), 1.0)]), "`no` within `bill_no` is not the key"
    assert moved_links([(3, (3,), 1.0), (0, (NOWHERE,), IDLE)], text=9, asked=1) == ((12, (4,), 1.0), (9, (8,), IDLE))
    assert moved_links([(0, (NOWHERE,), IDLE)], text=0, asked=0) == (), "nothing stands before"


def test_a_value_in_several_places_is_linked_from_none():
    asked, text, reply = "total", "500 or 500", '{"total": "500"}'
    found = links(reply, text, spans(text, ["500", " ", "or", " ", "500"]), asked, [(0, 5)])
    assert found == [(token, (NOWHERE,), IDLE) for token in (1, 2, 3)]


def test_values_of_lists_have_the_key_of_the_list_and_keys_of_a_schema_stand_twice():
    asked = '{"properties": {"l": 1}, "required": ["l"]}'
    in_asked = ['{"properties": {"', "l", '": 1}, "required": ["', "l", '"]}']
    found = links('{"l": ["A", "B"]}', "A B", [(0, 1), (1, 2), (2, 3)], asked, spans(asked, in_asked))
    assert found == [(0, (1, 3), 1.0), (1, (NOWHERE,), IDLE), (2, (1, 3), 1.0)]


@pytest.mark.parametrize(
    ("reply", "text", "linked"),
    [
        ('{"total": 500}', "Total 500 paid", {"500": 1.0, "Total": IDLE, "paid": IDLE}),
        ('{"total": null}', "Total paid", {"Total": IDLE, "paid": IDLE}),
        ('{"total": "2024-05-01"}', "1 May 2024", {}),  # its tokens stand there in other words: none of them is idle
        ('{"total": "A \\"B\\" C"}', 'A "B" C', {"A": 1.0}),
        (
            '{"a": {"total": "x1"}, "b": {"total": "y2"}}',
            "x1 y2 z",
            {"z": IDLE},
        ),  # which `total` is asked for by `total`?
        ("no JSON", "Total 500", {}),
        ('{"total": "cut', "Total 500", {}),
    ],
)
def test_what_is_linked_and_what_is_idle(reply, text, linked):
    pieces = [piece for word in text.split(" ") for piece in (word, " ")][:-1]
    found = links(reply, text, spans(text, pieces), "total", [(0, 5)])
    assert {pieces[token]: weight for token, _, weight in found if pieces[token] != " "} == linked


def test_tokens_that_share_a_character_of_a_value_are_within_it():
    # Bytes of one character may be tokens of their own, all with the character's place.
    found = links('{"n": "Ω7"}', "x Ω7", [(0, 1), (1, 2), (2, 3), (2, 3), (3, 4)], "n", [(0, 1)])
    assert found == [(0, (NOWHERE,), IDLE), (1, (NOWHERE,), IDLE), (2, (0,), 1.0)]


def test_the_head_for_links_is_chosen_by_values_and_not_by_the_crowd_of_idle_tokens():
    model = tiny_models.model("wren")
    ids = tuple(range(5, 25))
    crowd = tuple((token, (0,), IDLE) for token in range(1, 18))
    few = Tokens(ids, 19, (), ((18, (4,), 1.0), *crowd))
    alone = Tokens(ids, 19, (), ((18, (4,), 1.0),))
    chosen = [best_head(model, [collate([one], 0, share_prefix=False)], "links") for one in (few, alone)]
    assert chosen[0] == chosen[1]
    assert best_head(model, [collate([Tokens(ids, 19, (), crowd)], 0, share_prefix=False)], "links") is None


def examples(size: int) -> list[Tokens]:
    shared = tuple(range(5, 13))
    rows = []
    for i in range(4):
        ids = (*shared, *(torch.randint(5, size, (7 + 2 * i,), generator=torch.Generator().manual_seed(i)).tolist()))
        start = len(ids) - 3
        linked = ((10, (3, 5), 1.0), (11 + i % 2, (8,), 0.05))
        rows.append(Tokens(ids, start, ((start, (9, 10 + i)), (start + 2, (start - 2,))), linked))
    return rows


def all_links(rows):
    return [link for one in rows for link in one.links]


@pytest.mark.parametrize("family", ["wren", "llama3", "qwen2", "mistral", "opt", "gpt2"])
@pytest.mark.parametrize("share_prefix", [False, True])
def test_it_is_minus_log_of_the_models_own_attention(family, share_prefix):
    model = copy.deepcopy(tiny_models.model(family)).eval()
    rows = examples(model.config.vocab_size)
    batch = collate(rows, 0, share_prefix=share_prefix)
    assert (batch.prefix is not None) == share_prefix
    with torch.no_grad(), watching(model) as seen:
        logits = forward_rows(model, batch)
    with torch.no_grad():
        assert torch.equal(logits, forward_rows(model, batch)), "watching changes nothing"
    model.set_attn_implementation("eager")
    for layer, taken in seen.items():
        for head in range(taken[0].shape[1]):
            copied, linked = [], []
            for one in rows:
                with torch.no_grad():
                    weights = model(torch.tensor([one.ids]), output_attentions=True).attentions[layer][0, head]
                copied += [-weights[token - 1, list(from_)].sum().log() for token, from_ in one.sources]
                linked += [-weights[token, list(to)].sum().log() for token, to, _ in one.links]
            for looks, expected in ((batch.pointers, copied), (batch.links, linked)):
                got = looked_away(taken, head, looks)
                torch.testing.assert_close(got, torch.stack(expected), rtol=1e-4, atol=1e-4)
                assert not torch.allclose(got, torch.stack(expected[::-1]), rtol=1e-2), "the check can fail"
            each = sum(weight * float(away) for away, (*_, weight) in zip(linked, all_links(rows), strict=True))
            lesson = Pointing(layer, head, 1.0, "links").loss_sum(seen, batch)
            assert float(lesson) == pytest.approx(each, rel=1e-4)


@pytest.mark.parametrize("lesson", ["pointers", "links"])
def test_a_head_learns_to_look_where_it_is_told(lesson):
    model = copy.deepcopy(tiny_models.model("wren")).train()
    batch = collate(examples(model.config.vocab_size), 0, share_prefix=False)
    layer, head = best_head(model, [batch])
    pointing = Pointing(layer, head, 1.0, lesson)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    away = []
    with watching(model, frozenset((layer,))) as seen:
        for _ in range(30):
            loss = loss_sum(model, batch)
            pointed = pointing.loss_sum(seen, batch)
            away.append(float(pointed.detach()))
            (loss + pointed).backward()
            optimizer.step()
            optimizer.zero_grad()
    assert away[-1] < 0.5 * away[0]
    assert model.config._attn_implementation != "watched"


@pytest.mark.parametrize("share_prefix", [False, True])
def test_watching_leaves_the_faster_attention_in_its_place(share_prefix, monkeypatch):
    used = []
    monkeypatch.setattr(
        attention.Attend, "apply", lambda *args, apply=attention.Attend.apply: (used.append(1), apply(*args))[1]
    )
    batch = collate(examples(tiny_models.model("wren").config.vocab_size), 0, share_prefix=share_prefix)
    found = {}
    for faster in (False, True):
        model = copy.deepcopy(tiny_models.model("wren")).train()
        layers = model.config.num_hidden_layers
        with attention.quick(model) if faster else nullcontext(), watching(model, frozenset({0})) as seen:
            (loss_sum(model, batch) + Pointing(0, 1, 1.0, "pointers").loss_sum(seen, batch)).backward()
            with watching(model) as again:
                loss_sum(model, batch)
        assert again.keys() == set(range(layers))
        assert model.config._attn_implementation == "sdpa"
        assert bool(used) == faster
        found[faster] = [weight.grad for weight in model.parameters() if weight.grad is not None]
    assert len(used) >= 2 * layers
    assert len(found[True]) == len(found[False]) > 9
    scale = max(float(plain.abs().max()) for plain in found[False])
    pairs = list(zip(found[True], found[False], strict=True))
    assert max(float((ours - plain).abs().max()) for ours, plain in pairs) < 1e-5 * max(1.0, scale)


def test_nothing_to_point_at_costs_nothing():
    model = tiny_models.model("wren")
    batch = collate([Tokens((5, 6, 7, 8), 2), Tokens((5, 6, 9), 2)], 0, share_prefix=False)
    assert batch.pointers is None
    assert batch.links is None
    assert best_head(model, [batch]) is None
    with watching(model) as seen:
        for lesson in ("pointers", "links"):
            assert Pointing(0, 0, 1.0, lesson).loss_sum(seen, batch) == 0.0
