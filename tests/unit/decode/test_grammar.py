"""The grammar's language is inside the schema's, its refusals name their reason, and any state can be closed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny_models
from tunewright.core.errors import DataError, TunewrightError
from tunewright.decode.grammar import Grammar, GrammarError, Strings, closing, vocabulary
from tunewright.text.schema import in_schema_order, validate
from tunewright.text.serialise import dumps

TOKENIZER = tiny_models.tokenizer("wren")
INVOICE = {
    "type": "object",
    "properties": {
        "number": {"type": "string"},
        "customer": {"type": ["string", "null"]},
        "currency": {"enum": ["INR", "USD", None]},
        "paid": {"type": "boolean"},
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
    "required": ["number", "customer", "currency", "paid", "count", "items"],
}
VALUE = {"number": "7/A", "customer": "राम कुमार", "currency": None, "paid": True, "count": 2, "items": []}


@pytest.fixture(scope="module")
def grammar() -> Grammar:
    return Grammar(TOKENIZER, INVOICE)


def test_the_canonical_form_is_taken(grammar: Grammar) -> None:
    full = VALUE | {"items": [{"name": 'चाय\n"x" \\ \t\u001f', "price": -1.5}, {"name": "", "price": None}]}
    assert grammar.accepts(dumps(VALUE))
    assert grammar.accepts(dumps(full))


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(VALUE, separators=(",", ":")),  # other white space
        json.dumps(VALUE, indent=1),
        dumps(dict(reversed(VALUE.items()))),  # another order
        dumps({k: v for k, v in VALUE.items() if k != "paid"}),
        dumps(VALUE | {"more": 1}),
        dumps(VALUE | {"currency": "EUR"}),
        dumps(VALUE | {"count": 1.5}),
        dumps(VALUE | {"items": [{"name": "x"}]}),
        json.dumps(VALUE, separators=(", ", ": "), ensure_ascii=True),  # letters written as \\u escapes
        dumps(VALUE)[:-1],
        dumps(VALUE) + " ",
        "null",
        "",
    ],
)
def test_everything_else_is_refused_with_its_place(grammar: Grammar, text: str) -> None:
    assert not grammar.accepts(text)
    assert grammar.fault(text)


def test_optional_keys_may_be_left_out_and_open_objects_stay_open() -> None:
    grammar = Grammar(TOKENIZER, {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}})
    assert all(grammar.accepts(text) for text in ("{}", '{"a": ""}', '{"b": "x"}', '{"a": "", "b": ""}'))
    assert not grammar.accepts('{"a": "", "z": 1}')  # closed although the schema does not say so
    told = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "integer"}}
    assert Grammar(TOKENIZER, told).accepts('{"a": "", "z": 1}')


def test_strings_and_integers_have_bounds() -> None:
    grammar = Grammar(
        TOKENIZER, {"type": "object", "properties": {"s": {"type": "string"}, "n": {"type": "integer"}}}, longest=20
    )
    assert grammar.accepts(dumps({"s": "क" * 20}))
    assert not grammar.accepts(dumps({"s": "x" * 21}))
    assert grammar.accepts(dumps({"n": -(10**18)}))
    assert not grammar.accepts(dumps({"n": 10**19}))
    own = Grammar(TOKENIZER, {"type": "string", "minLength": 30}, longest=20)
    assert own.accepts(dumps("x" * 30))


@pytest.mark.parametrize(
    ("schema", "word"),
    [
        ({"not": {"type": "string"}}, "not"),
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"if": {"type": "string"}, "then": {"minLength": 3}}, "if"),
        (
            {"type": "object", "properties": {"a": {"type": "object", "propertyNames": {"pattern": "a"}}}},
            "propertyNames",
        ),
        ({"type": "string", "format": "regex"}, "regex"),
        ({"type": "string", "format": "hostname", "maxLength": 3}, "hostname"),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "contentEncoding": "base64"}, "contentEncoding"),
        ({"oneOf": [{"minimum": 3}, {"maximum": 5}]}, "oneOf"),
        ({"type": "string", "minLength": 5, "maxLength": 3}, "minLength"),
    ],
)
def test_what_cannot_be_enforced_is_refused_by_name(schema: dict, word: str) -> None:
    with pytest.raises(GrammarError, match=word) as caught:
        Grammar(TOKENIZER, schema)
    assert caught.value.hint


def test_unusable_schemas_are_the_datas_fault() -> None:
    for schema in ({"type": "sound"}, {"type": 123}, [], {"$ref": "http://localhost/x"}):
        with pytest.raises(DataError):
            Grammar(TOKENIZER, schema)  # type: ignore[arg-type]


def test_a_reply_may_begin_with_the_templates_blank() -> None:
    tokenizer = tiny_models.tokenizer("llama2")
    grammar, bare = Grammar(tokenizer, INVOICE, head=" "), Grammar(tokenizer, INVOICE)
    text = dumps(VALUE)
    for one in (grammar, bare):
        assert one.accepts(text)
        assert not one.accepts(" " + text)
    begins = {one: b"".join(one.vocabulary.bytes[id] for id in one.shortest) for one in (grammar, bare)}
    assert begins[grammar] == b" " + begins[bare]


def nested(levels: int) -> dict:
    schema: dict = {"type": "string"}
    for _ in range(levels):
        schema = {
            "oneOf": [{"type": "object", "properties": {"a": schema}}, {"type": "object", "properties": {"b": schema}}]
        }
    return schema


def test_compiling_is_limited() -> None:
    with pytest.raises(GrammarError, match="levels deep"):
        Grammar(TOKENIZER, nested(10))
    wide = {"type": "object", "properties": {f"key_{i}": {"type": "string"} for i in range(4000)}}
    with pytest.raises(GrammarError, match="bytes"):
        Grammar(TOKENIZER, wide)
    with pytest.raises(TunewrightError):
        Grammar(TOKENIZER, {"type": "string", "pattern": "^((a{1,200}){1,200}b){1,200}$"})


def test_a_bad_schema_does_not_spoil_the_next() -> None:
    for _ in range(3):
        with pytest.raises(TunewrightError):
            Grammar(TOKENIZER, {"not": {}})
        assert Grammar(TOKENIZER, INVOICE).accepts(dumps(VALUE))


def test_vocabularies_are_shared_and_know_every_stop() -> None:
    assert vocabulary(TOKENIZER, [1]) is vocabulary(TOKENIZER, {1})
    assert vocabulary(TOKENIZER, [1, 4]).stop_ids == {1, 4}
    words = vocabulary(TOKENIZER)
    ids = TOKENIZER("राम ₹5", add_special_tokens=False)["input_ids"]
    assert b"".join(words.bytes[i] for i in ids).decode() == "राम ₹5"


@pytest.mark.parametrize("family", ["wren", "llama3", "llama", "gemma2", "gpt2"])
def test_any_state_can_be_closed(family: str) -> None:
    grammar = Grammar(tiny_models.tokenizer(family), INVOICE)
    words = grammar.vocabulary
    text = dumps(VALUE | {"items": [{"name": 'a "q" \\ b', "price": 12.5}]})
    state, strings = grammar.matcher(), Strings()
    for token in words.tokens.tokenize_str(text):
        rest = closing(state, words, strings)
        assert rest is not None
        assert len(rest) <= grammar.reserve
        done = state.deep_copy()
        assert done.consume_tokens(rest) or not rest
        assert done.is_accepting()
        assert state.consume_token(token)
        strings.feed(words.bytes[token])
    assert state.is_stopped()
    assert not strings.inside


def test_closing_gets_through_patterns_and_formats() -> None:
    schema = {
        "type": "object",
        "properties": {
            "day": {"type": "string", "format": "date"},
            "mail": {"type": "string", "format": "email"},
            "code": {"type": "string", "pattern": "^[b-y]+z$"},
            "rest": {"type": "array", "minItems": 2, "items": {"type": "integer", "minimum": 5}},
        },
        "required": ["day", "mail", "code", "rest"],
    }
    grammar = Grammar(TOKENIZER, schema)
    assert validate(json.loads(grammar.vocabulary.tokens.decode_str(grammar.shortest)), schema) == []


scalars = [
    {"type": "string"},
    {"type": ["string", "null"]},
    {"type": "integer"},
    {"type": "boolean"},
    {"enum": ["a", "b", None]},
]
schemas = st.recursive(
    st.sampled_from(scalars),
    lambda inner: (
        st.dictionaries(st.sampled_from(["a", "b", "नाम", "x y"]), inner, min_size=1, max_size=3).map(
            lambda keys: {"type": "object", "properties": keys, "required": list(keys)}
        )
        | inner.map(lambda items: {"type": "array", "items": items, "maxItems": 2})
    ),
    max_leaves=6,
)


def instances(schema: dict) -> st.SearchStrategy:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema["type"] == "object":
        return st.fixed_dictionaries({key: instances(child) for key, child in schema["properties"].items()})
    if schema["type"] == "array":
        return st.lists(instances(schema["items"]), max_size=2)
    text = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",), exclude_characters="\x7f"), max_size=6)
    simple = {"string": text, "integer": st.integers(-(10**9), 10**9), "boolean": st.booleans()}
    return st.none() | text if isinstance(schema["type"], list) else simple[schema["type"]]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_valid_answer_is_taken_and_every_mutant_that_is_taken_is_valid(data: st.DataObject) -> None:
    schema = data.draw(schemas)
    value = data.draw(instances(schema))
    grammar = Grammar(TOKENIZER, schema)
    text = dumps(in_schema_order(value, schema))
    assert grammar.fault(text) is None
    at = data.draw(st.integers(0, len(text)))
    mutant = text[:at] + data.draw(st.text('{}[]",: 0a\\n', max_size=2)) + text[at + data.draw(st.integers(0, 2)) :]
    if grammar.accepts(mutant):
        assert validate(json.loads(mutant), schema) == []


def _lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").strip().split("\n")]


def test_nothing_invalid_of_the_conformance_suite_is_accepted(shared_data) -> None:
    drafts = {
        "draft7": "http://json-schema.org/draft-07/schema#",
        "draft2020-12": "https://json-schema.org/draft/2020-12/schema",
    }
    compiled, wrong = 0, []
    for case in _lines(shared_data / "json_schema_suite" / "data.jsonl"):
        if not isinstance(case["schema"], dict):
            continue
        schema = {"$schema": drafts[case["draft"]], **case["schema"]}
        try:
            grammar = Grammar(TOKENIZER, schema)
        except TunewrightError:
            continue
        compiled += 1
        for test in case["tests"]:
            # the suite calls some of its optional part right or wrong by remark only: ask the validator as well
            if not test["valid"] and grammar.accepts(dumps(test["data"])) and validate(test["data"], schema):
                wrong.append((case["id"], test["description"]))
    assert wrong == []
    assert compiled >= 270


def test_most_real_schemas_compile_and_close(shared_data) -> None:
    cases = _lines(shared_data / "jsonschemabench" / "data.jsonl")[::8]
    compiled = 0
    for case in cases:
        try:
            grammar = Grammar(TOKENIZER, case["schema"])
        except TunewrightError:
            continue
        compiled += 1
        shortest = json.loads(grammar.vocabulary.tokens.decode_str(grammar.shortest))
        assert validate(shortest, case["schema"]) == []
    assert compiled / len(cases) > 0.85
