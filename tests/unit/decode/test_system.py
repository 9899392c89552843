"""A local model as a System: predictions with failures as data, places and probabilities of values."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny_models
from tunewright.core.contracts import System
from tunewright.core.errors import UsageError
from tunewright.core.recipe import DecodeOptions
from tunewright.core.records import Record
from tunewright.decode import engine
from tunewright.decode.engine import Reply
from tunewright.decode.grammar import GrammarError
from tunewright.decode.system import LocalSystem, confidence, spans, value_places
from tunewright.tasks.extraction import Extraction
from tunewright.text.schema import validate
from tunewright.text.serialise import dumps

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "total": {"type": ["string", "null"]}},
    "required": ["name", "total"],
}
TASK = Extraction(schemas={"bill": SCHEMA})
LOADED = tiny_models.loaded("wren", 0)
OPTIONS = DecodeOptions(batch_size=4, max_new_tokens=30)
BILLS = [
    Record(id=str(i), text=f"Bill of राम {i}, total ₹{i}00", target={"name": "x", "total": None}) for i in range(5)
]


def test_grammar_predictions_are_always_valid() -> None:
    system = LocalSystem("base", LOADED, TASK, decoding="grammar", options=OPTIONS)
    assert isinstance(system, System)
    found = list(system.predict([TASK.example(bill) for bill in BILLS]))
    assert [p.id for p in found] == [bill.id for bill in BILLS]
    for prediction in found:
        assert prediction.failure is None
        assert json.loads(prediction.text) == prediction.value
        assert set(prediction.confidence) == {"name", "total"}
        assert all(0 <= p <= 1 for p in prediction.confidence.values())
        assert prediction.passes > 0
        assert prediction.tokens > 0


def test_free_text_that_is_no_json_is_data() -> None:
    found = list(LocalSystem("base", LOADED, TASK, options=OPTIONS).predict([TASK.example(bill) for bill in BILLS]))
    for prediction in found:
        assert prediction.value is None
        assert prediction.failure
        assert prediction.text
        assert prediction.finish in ("stop", "length")
        assert prediction.spans == ()


def test_shots_of_the_same_type_stand_in_the_prompt() -> None:
    task = Extraction(schemas={"bill": SCHEMA, "form": SCHEMA})
    shots = [
        Record(id="a", text="form text", target={"name": "F", "total": None}, doc_type="form"),
        Record(id="b", text="bill text", target={"name": "B", "total": None}, doc_type="bill"),
    ]
    example = task.example(BILLS[0].replace(doc_type="bill"))
    plain = LocalSystem("base", LOADED, task, options=OPTIONS)
    shown = LocalSystem("few-shot", LOADED, task, options=OPTIONS, shots=shots)
    [without], [having] = list(plain.predict([example])), list(shown.predict([example]))
    extra = LOADED.chat.prompt_ids(task.example(example.record, shots[1:]).messages)
    assert having.prompt_tokens == len(extra) > without.prompt_tokens


def test_a_prompt_beyond_the_context_is_an_error_of_its_own() -> None:
    long = BILLS[0].replace(text="word " * 2000)
    found = list(
        LocalSystem("base", LOADED, TASK, options=OPTIONS).predict([TASK.example(r) for r in (long, BILLS[1])])
    )
    assert found[0].finish == "error"
    assert "context" in found[0].failure
    assert found[1].finish != "error"


def test_what_cannot_be_asked_for_is_refused() -> None:
    with pytest.raises(UsageError, match="beam"):
        LocalSystem("x", LOADED, TASK, decoding="beam")  # type: ignore[arg-type]
    strange = Extraction(schemas={"bill": SCHEMA | {"not": {}}})
    with pytest.raises(GrammarError, match="not"):
        list(LocalSystem("x", LOADED, strange, decoding="grammar").predict([strange.example(BILLS[0])]))


def test_spans_of_repeated_values_are_places_of_their_own() -> None:
    text = "A: 5, B: 5, राम कुमार ₹12,500.00"
    value = {
        "items": [{"n": 5}, {"n": 5}],
        "who": "राम कुमार",
        "total": "12500.00",
        "none": None,
        "yes": True,
        "z": "zzz",
    }
    found = {s.path: text[s.start : s.end] for s in spans(value, text)}
    assert found["who"] == "राम कुमार"
    assert found["total"] == "12,500.00"
    places = {s.path: s.start for s in spans(value, text)}
    assert places["items[0].n"] < places["items[1].n"]
    assert set(found) == {"items[0].n", "items[1].n", "who", "total"}


def test_value_places() -> None:
    text = dumps({"a": 'x "y" \\', "b": [1, {"c": None}], "d.e": -2.5, "f": {}})
    assert {path: text[s:e] for path, (s, e) in value_places(text).items()} == {
        "a": '"x \\"y\\" \\\\"',
        "b[0]": "1",
        "b[1].c": "null",
        '["d.e"]': "-2.5",
    }
    assert value_places('{"a": "cut') == {}
    assert value_places('{"a": 1') == {}
    assert value_places("}") == {}
    for free in (
        "{12345$: 1}",
        "{2018. the",
        '{"a\\q": 1}',
        "{a: 1}",
        "{1: 2}",
    ):  # no JSON, and no reason to stop either
        assert value_places(free) == {}


@settings(max_examples=1000, deadline=None)
@given(st.text(alphabet='{}[]":,\\ a1.$\n', max_size=40))
def test_value_places_of_anything(text: str) -> None:
    found = value_places(text)
    assert all(0 <= start < end <= len(text) for start, end in found.values())


def test_confidence_multiplies_the_tokens_of_a_value() -> None:
    text = '{"name": "Ram", "total": null}'
    ids = LOADED.tokenizer(text, add_special_tokens=False)["input_ids"]
    pieces = [LOADED.tokenizer.decode([i]) for i in ids]
    starts = [len("".join(pieces[:i])) for i in range(len(pieces))]
    inside = [s < 14 and s + len(p) > 9 for s, p in zip(starts, pieces, strict=True)]
    reply = Reply(ids=ids, text=text, logprobs=[-0.5 if i else 0.0 for i in inside])
    got = confidence(reply, LOADED)
    assert got["name"] == pytest.approx(math.exp(-0.5 * sum(inside)))
    assert got["total"] == 1.0
    assert confidence(Reply(ids=ids, text=text), LOADED) == {}
    assert confidence(Reply(ids=ids, text=text[:-1], logprobs=[0.0] * len(ids)), LOADED) == {}


GOOD, OTHER = '{"name": "x", "total": null}', '{"name": 1, "total": null}'


def answering(monkeypatch: pytest.MonkeyPatch, said: dict[str, list[str]]) -> list[tuple[float, list[str]]]:
    """Let the engine say, for each bill by its text, one reply after the other. Returns what was asked of it."""
    asked: list[tuple[float, list[str]]] = []

    def generate(loaded, prompts, *, sampling, numbers, **_):
        texts = [next(key for key in said if key in loaded.tokenizer.decode(prompt)) for prompt in prompts]
        asked.append((sampling.temperature if sampling else 0.0, texts))
        assert len(set(numbers)) == len(numbers)
        for key in texts:
            text = said[key].pop(0)
            ids = loaded.tokenizer(text, add_special_tokens=False).input_ids
            yield Reply(ids, text, logprobs=[-0.1] * len(ids), passes=3, seconds=1.0, prompt_tokens=7)

    monkeypatch.setattr("tunewright.decode.system.engine.generate", generate)
    return asked


def test_replies_that_are_no_answer_are_drawn_again_ever_warmer(monkeypatch: pytest.MonkeyPatch) -> None:
    bills = [BILLS[0].replace(id=key, text=f"Bill {key}") for key in ("first", "third", "never", "wrong")]
    said = {
        "first": [GOOD],
        "third": ["I cannot", '{"name": "x"', GOOD],
        "never": ["Sure!"] * 3,
        "wrong": [OTHER] * 3,  # JSON, but not of the schema
    }
    asked = answering(monkeypatch, said)
    options = DecodeOptions(retry_temperatures=(0.3, 0.8))
    system = LocalSystem("tuned", LOADED, TASK, decoding="progressive", options=options)
    found = {one.id: one for one in system.predict([TASK.example(bill) for bill in bills])}
    assert list(found) == [bill.id for bill in bills]
    assert [temperature for temperature, _ in asked] == [0.0, 0.3, 0.8]
    assert [len(texts) for _, texts in asked] == [4, 3, 3]
    assert [found[key].attempts for key in found] == [1, 3, 3, 3]
    assert found["third"].value == {"name": "x", "total": None}
    assert found["third"].failure is None
    # What all attempts cost: each reads the prompt anew.
    assert (found["third"].passes, found["third"].seconds, found["third"].prompt_tokens) == (9, 3.0, 21)
    assert found["never"].value is None
    assert found["never"].text == "Sure!"
    assert (
        found["never"].failure == "no valid answer in 3 attempts, the first: not JSON: Expecting value at character 0"
    )
    assert found["wrong"].value is None
    assert "no valid answer in 3 attempts, the first: name: 1 is not of type" in found["wrong"].failure
    assert found["wrong"].confidence == {}


def test_further_attempts_of_a_model_are_the_same_every_time() -> None:
    options = OPTIONS.model_copy(update={"retry_temperatures": (0.5,)})
    asked = [TASK.example(bill) for bill in BILLS]

    def answers(some):
        system = LocalSystem("base", LOADED, TASK, decoding="progressive", options=options)
        return {one.id: (one.text, one.failure, one.attempts) for one in system.predict(some)}

    together = answers(asked)
    assert {attempts for _, _, attempts in together.values()} == {2}
    assert answers(asked[3:]) | answers(asked[:3]) == together


def loaded_ids(text: str) -> list[int]:
    return LOADED.tokenizer(text, add_special_tokens=False).input_ids


def test_of_several_candidates_the_likeliest_is_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {name: f'{{"name": "{name}", "total": null}}' for name in "abc"}
    ids = {name: loaded_ids(text) for name, text in texts.items()}
    place = next(at for at, token in enumerate(ids["a"]) if token != ids["b"][at])
    told = {  # (probability of its name, of what follows, how it ended) of the greedy reply and of those that part
        "first": [(0.4, 0.55, "stop"), (0.32, 0.9, "stop"), (0.28, 0.5, "stop")],
        "second": [(0.4, 0.6, "stop"), (0.32, 0.7, "stop"), (0.28, 0.95, "length")],  # closed at the budget: no answer
        "third": [(0.4, 0.6, "length"), (0.32, 0.9, "length"), (0.28, 0.9, "length")],  # none is whole
        "sure": [(0.9, 0.6, "stop"), (0.06, 1, "stop"), (0.04, 1, "stop")],  # has most of it: nothing can be likelier
        "failed": [(0.4, 0.6, "error"), (0.32, 0.9, "stop"), (0.28, 0.9, "stop")],
    }
    bills = [BILLS[0].replace(id=key, text=f"Bill {key}") for key in told]
    asked = []

    def generate(loaded, prompts, *, openings, **_):
        for prompt, opening in zip(prompts, openings, strict=True):
            key = next(key for key in told if key in loaded.tokenizer.decode(prompt))
            name = next(name for name in "abc" if not opening or opening == ids[name][: place + 1])
            asked.append((key, name if opening else ""))
            chance, behind, finish = told[key]["abc".index(name)]
            end = len(ids[name]) - 1
            # Half of all the model's probability is on what the grammar refuses.
            others = [(end, loaded_ids("!")[0], math.log((1 - behind) / 2 + 1e-9))]
            each = [0.0] * end + [math.log(behind / 2)]
            if not opening:  # the engine tells nothing of what it was given
                each[place] = math.log(chance / 2)
                others += [
                    (place, ids[other][place], math.log(told[key][i][0] / 2)) for i, other in enumerate("abc") if i
                ]
            costs = {"passes": 3, "seconds": 1.0, "prompt_tokens": 7, "failure": "so" if finish == "error" else None}
            yield Reply(ids[name], texts[name], finish, logprobs=each, others=others, **costs)

    monkeypatch.setattr("tunewright.decode.system.engine.generate", generate)
    options = OPTIONS.model_copy(update={"candidates": 3, "batch_size": 2})
    system = LocalSystem("tuned", LOADED, TASK, decoding="grammar", options=options)
    found = {one.id: one for one in system.predict([TASK.example(bill) for bill in bills])}
    assert list(found) == list(told)
    assert [one.value and one.value["name"] for one in found.values()] == ["b", "a", "a", "a", None]
    assert asked[:5] == [(key, "") for key in told]
    assert asked[5:] == [(key, other) for key in ("first", "second", "third") for other in "bc"]
    assert [one.passes for one in found.values()] == [9, 9, 9, 3, 3]
    assert [one.tokens for one in found.values()] == [
        len(ids["a"]) + more * (len(ids["a"]) - place - 1) for more in (2, 2, 2, 0, 0)
    ]
    assert (found["first"].seconds, found["first"].prompt_tokens) == (3.0, 21)
    assert math.prod(found["first"].confidence.values()) == pytest.approx(0.16)


def test_candidates_are_other_answers_and_the_same_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunewright.decode.row.LIKELY", 1e-5)
    short = {"type": "string", "maxLength": 3}
    task = Extraction(schemas={"bill": {**SCHEMA, "properties": {"name": short, "total": short}}})
    asked = [task.example(bill) for bill in BILLS]

    def answers(candidates, some):
        options = OPTIONS.model_copy(update={"candidates": candidates})
        found = list(LocalSystem("base", LOADED, task, decoding="grammar", options=options).predict(some))
        assert all(not list(validate(one.value, example.schema)) for one, example in zip(found, some, strict=True))
        return {one.id: one.text for one in found}

    several = answers(12, asked)
    assert several != answers(1, asked)
    assert answers(12, asked[3:]) | answers(12, asked[:3]) == several
    generate = engine.generate
    monkeypatch.setattr(engine, "generate", lambda *given, floors=None, **named: generate(*given, **named))
    assert answers(12, asked) == several  # what is given up would not have been the answer


def test_candidates_of_replies_that_run_out_of_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunewright.decode.row.LIKELY", 1e-5)
    names = [f"field_{i}" for i in range(25)]
    party = {"type": "object", "properties": {name: {"type": "string", "maxLength": 5} for name in names}}
    party["required"] = names
    schema = {"type": "object", "properties": {"party": {"anyOf": [{"type": "null"}, party]}}, "required": ["party"]}
    task = Extraction(schemas={"bill": schema})
    asked = [task.example(bill) for bill in BILLS[:2]]
    for budget in range(90, 97):  # some of these leave no way to close at all
        options = OPTIONS.model_copy(update={"candidates": 4, "max_new_tokens": budget})
        system = LocalSystem("base", LOADED, task, decoding="grammar", options=options)
        found = list(system.predict(asked, opening='{"party": {"'))
        assert {(one.id, one.finish) for one in found} == {(bill.id, "length") for bill in BILLS[:2]}
