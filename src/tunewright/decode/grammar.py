"""A JSON Schema as a grammar over tokens, in the one canonical serialisation.

Built on llguidance, which refuses what it cannot enforce. On top of it: objects are closed, strings and integers
bounded, compiling is limited, and from any state the reply can be closed in a known number of tokens.
"""

from __future__ import annotations

import json
import random
import re
import time
import weakref
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from llguidance import LLMatcher, LLParserLimits, LLTokenizer
from llguidance.hf import from_tokenizer

from tunewright.core.errors import TunewrightError
from tunewright.core.records import JSON
from tunewright.text import schema as schemas
from tunewright.text.serialise import ITEM_SEPARATOR, KEY_SEPARATOR, dumps

VERBATIM = "x-verbatim"
"""The keyword that marks a string which must be copied from the document (see `decode.source`)."""

AMOUNT = "amount"
"""Its value for a number of the document in plain form."""

NAME = "name"
"""Its value for a run of the document that may also end between a letter and a digit: names bear marks of notes."""

MAX_BYTES = 64_000
"""Longest schema that is compiled, in bytes of canonical JSON."""

MAX_DEPTH = 24
"""Deepest nesting of a schema that is compiled, counted in levels of its JSON."""

MAX_SECONDS = 2.0
"""Slower grammars are refused: every document would pay again in its masks."""

LONGEST_STRING = 4096
"""Characters of a string for which the schema sets no bound of its own."""

LARGEST_INTEGER = 10**18

# A nested oneOf grows with its depth's power: these stop it within a second.
_LIMITS = LLParserLimits(
    initial_lexer_fuel=2_000_000, max_grammar_size=100_000, max_lexer_states=100_000, verbose_errors=False
)

_FORM: Any = {"item_separator": ITEM_SEPARATOR, "key_separator": KEY_SEPARATOR, "whitespace_flexible": False}


class GrammarError(TunewrightError):
    """A schema that cannot be enforced while decoding."""


class Vocabulary:
    """A tokenizer as bytes: what every token writes, and llguidance's view of it.

    tables: the tokens that close a reply best, outside strings and inside them. ids: those of a run of bytes.
    longest: bytes of the longest token. quoted: which tokens hold a quote, bool `[size]`.
    """

    def __init__(self, tokenizer: Any, stop_ids: tuple[int, ...]):
        self.stop_ids = frozenset(stop_ids)
        self.tokens: LLTokenizer = from_tokenizer(tokenizer, eos_token=list(stop_ids))
        self.size: int = self.tokens.vocab_size
        self.bytes: list[bytes] = [
            b"" if self.tokens.is_special_token(id) else self.tokens.decode_bytes([id]) for id in range(self.size)
        ]
        self.ids: dict[bytes, list[int]] = {}
        for id, text in enumerate(self.bytes):
            self.ids.setdefault(text, []).append(id)
        self.tables = tuple(
            [self.ids[c.encode()][0] for c in row if c.encode() in self.ids] for row in (_OUTSIDE, _INSIDE)
        )
        self.longest = max(map(len, self.bytes), default=0)
        self.quoted = np.array([b'"' in text for text in self.bytes], dtype=bool)
        self.single = np.array([len(text) == 1 and text not in b"\\" for text in self.bytes], dtype=bool)

    def mask(self, matcher: LLMatcher) -> np.ndarray:
        """Which tokens may come next: bool `[size]`. All False where the matcher has failed."""
        bits = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
        return np.unpackbits(bits, count=self.size, bitorder="little").view(bool)


_vocabularies: weakref.WeakKeyDictionary[Any, dict[tuple[int, ...], Vocabulary]] = weakref.WeakKeyDictionary()


def vocabulary(tokenizer: Any, stop_ids: Iterable[int] = ()) -> Vocabulary:
    """The tokenizer's vocabulary, made once for each set of stop tokens."""
    stops = tuple(sorted(stop_ids)) or (tokenizer.eos_token_id,)
    known = _vocabularies.setdefault(tokenizer, {})
    if stops not in known:
        known[stops] = Vocabulary(tokenizer, stops)
    return known[stops]


class Grammar:
    """What a reply may be: exactly one instance of `schema` in canonical form, keys in schema order.

    tokenizer: a fast Hugging Face tokenizer; stop_ids: the tokens that end a reply (default: its end-of-text token).
    longest: characters of a string without a bound of its own (maxLength, pattern, enum, format).
    head: white space that every reply begins with (`Chat.head`); texts given to `fault` and `accepts` come without it.

    The language is never larger than the schema's, and smaller in three ways: objects with `properties` take no other
    keys unless the schema says so; strings and integers are bounded; keys keep the schema's order.

    Raises GrammarError naming the keyword that cannot be enforced, or the limit that is passed; DataError where the
    schema is not a valid JSON Schema.
    """

    def __init__(
        self,
        tokenizer: Any,
        schema: dict[str, JSON],
        *,
        stop_ids: Iterable[int] = (),
        longest: int = LONGEST_STRING,
        head: str = "",
    ):
        self.schema = schemas.check(schema)
        levels = schemas.depth(schema)
        if levels > MAX_DEPTH:
            raise GrammarError(
                f"the schema is nested {levels} levels deep; at most {MAX_DEPTH} compile", hint="flatten it"
            )
        size = len(dumps(schema).encode("utf-8", "surrogatepass"))
        if size > MAX_BYTES:
            raise GrammarError(f"the schema has {size:,} bytes; at most {MAX_BYTES:,} compile", hint="split it")
        self.vocabulary: Vocabulary = vocabulary(tokenizer, stop_ids)
        self.head = head
        _refuse_content(schema)
        self.verbatim = VERBATIM in dumps(schema)
        """Whether any string of the schema is held to the document."""
        self.prepared = _prepare(schema, longest)
        self._start = self._compile(self.prepared)
        shortest = closing(self._start, self.vocabulary)
        if shortest is None:
            raise GrammarError(
                "no short answer obeys the schema", hint="look for a pattern or minimum that nothing meets"
            )
        self.shortest: list[int] = shortest
        """Token ids of a short answer: what a reply costs at the least."""
        self.reserve: int = self._reserve(longest)
        """No state that a reply can reach needs more tokens than this to be closed (a generous bound)."""

    def _compile(self, schema: dict[str, JSON]) -> LLMatcher:
        started = time.perf_counter()
        text = LLMatcher.grammar_from_json_schema(json.dumps(schema), overrides=_FORM)
        if self.head:
            made = json.loads(text)
            first = {"name": "reply", "lark_grammar": f"start: {json.dumps(self.head)} @{made['grammars'][0]['name']}"}
            text = json.dumps({**made, "grammars": [first, *made["grammars"]]})
        matcher = LLMatcher(self.vocabulary.tokens, text, log_level=0, limits=_LIMITS)
        if not matcher.is_error():
            matcher.compute_bitmask()  # the first mask builds the lexer, and may pass a limit too
        if matcher.is_error():
            raise GrammarError(f"the schema cannot be enforced: {_reason(matcher)}", hint=_HINT)
        seconds = time.perf_counter() - started
        if seconds > MAX_SECONDS:
            raise GrammarError(
                f"the schema took {seconds:.1f} s to compile; at most {MAX_SECONDS:.0f} s", hint="simplify it"
            )
        return matcher

    def _reserve(self, longest: int) -> int:
        """Tokens of an answer with every optional key and one item in every array, twice over."""
        if "$ref" in dumps(self.schema):  # may go round in circles: no bound
            return 1 << 30
        try:
            full = closing(self._compile(_fullest(self.prepared)), self.vocabulary)
        except GrammarError:
            full = None
        return 2 * max(len(full), len(self.shortest)) + 32 if full is not None else 1 << 30

    def matcher(self) -> LLMatcher:
        """A fresh state, before the first token."""
        return self._start.deep_copy()

    def fault(self, text: str, ids: Sequence[int] | None = None) -> str | None:
        """Why `text` is not in the language, or None when it is.

        ids: the tokens it is written with, where they are not the tokenizer's own choice.
        """
        words = self.vocabulary.tokens
        tokens = words.tokenize_str(self.head + text) if ids is None else list(ids)
        state = self.matcher()
        taken = state.try_consume_tokens(tokens)
        if taken < len(tokens):
            before, after = words.decode_str(tokens[:taken]), words.decode_str(tokens[taken : taken + 8])
            return f"refused after {before[-40:]!r}, at {after!r}"
        return None if state.is_accepting() else "ends before the answer is complete"

    def accepts(self, text: str) -> bool:
        """Whether `text` is a whole answer in canonical form."""
        return self.fault(text) is None


_HINT = "take the keyword out of the schema, and check it on the answers instead"


def _reason(matcher: LLMatcher) -> str:
    text = matcher.get_error().strip().splitlines()[0] if matcher.get_error() else "unknown reason"
    return text.removeprefix("Unimplemented keys: ").strip() if text.startswith("Unimplemented") else text[:300]


def _refuse_content(schema: dict[str, JSON]) -> None:
    # Since 2019-09 these are remarks; before, validators check them, and a grammar cannot.
    if not re.search(r"draft-0[3-7]", str(schema.get("$schema", ""))):
        return
    for word in ("contentMediaType", "contentEncoding"):
        if f'"{word}"' in dumps(schema):
            raise GrammarError(f"the schema cannot be enforced: {word}", hint=_HINT)


# -- preparing a schema


_SCALARS = ("string", "integer")
_BOUNDS = {"string": ("maxLength", "pattern", "enum", "const", "format"), "integer": ("enum", "const")}


def _prepare(schema: dict[str, JSON], longest: int) -> dict[str, JSON]:
    """Close objects and bound strings and integers, where that cannot change what other parts of the schema mean."""
    text = dumps(schema)
    # In allOf several schemas describe one object: closing each would close out the others' keys.
    closes = not any(f'"{word}"' in text for word in ("allOf", "unevaluatedProperties", "$dynamicRef"))

    def walk(node: JSON) -> JSON:
        if not isinstance(node, dict):
            return node
        made = {key: _children(key, value, walk) for key, value in node.items()}
        if made.pop(VERBATIM, True) not in (True, False, AMOUNT, NAME):
            raise GrammarError(f"{VERBATIM} is true, false, '{AMOUNT}' or '{NAME}', not {dumps(node[VERBATIM])}")
        made.pop(schemas.SCORE, None)
        _tighten_format(made)
        kinds = made.get("type")
        kinds = kinds if isinstance(kinds, list) else [kinds]
        joined = any(word in made for word in ("anyOf", "oneOf", "$ref", "allOf"))
        if closes and not joined and "properties" in made and "patternProperties" not in made:
            made.setdefault("additionalProperties", False)
        # What is copied ends with its document. A bound would be counted character by character, each a state of its
        # own, and llguidance gives up after some thousand of them: an abstract is longer.
        copied = node.get(VERBATIM) in (True, NAME)
        if "string" in kinds and not joined and not copied and not any(word in made for word in _BOUNDS["string"]):
            made["maxLength"] = max(longest, made.get("minLength", 0))
        if (
            "integer" in kinds
            and "number" not in kinds
            and not joined
            and not any(w in made for w in _BOUNDS["integer"])
        ):
            if not any(word in made for word in ("maximum", "exclusiveMaximum")):
                made["maximum"] = LARGEST_INTEGER
            if not any(word in made for word in ("minimum", "exclusiveMinimum")):
                made["minimum"] = -LARGEST_INTEGER
        return made

    made = walk(schema)
    if "type" not in made and "properties" in made:
        made["type"] = "object"
    return made


# llguidance is a little laxer than validators here: leap seconds at any minute, host names in broken punycode.
_LABEL = "[a-z0-9]([a-z0-9]|-[a-z0-9]){0,30}"
_STRICTER = {
    "date-time": {"format": "date-time", "pattern": ":[0-5][0-9]:[0-5][0-9]"},
    "time": {"format": "time", "pattern": ":[0-5][0-9]:[0-5][0-9]"},
    "hostname": {"pattern": rf"^{_LABEL}(\.{_LABEL}){{0,3}}$"},
}


def _tighten_format(node: dict[str, JSON]) -> None:
    stricter = _STRICTER.get(node.get("format", "")) if isinstance(node.get("format", ""), str) else None
    if stricter is None:
        return
    if "pattern" in node or "maxLength" in node or "minLength" in node:
        raise GrammarError(f"format '{node['format']}' cannot be enforced beside pattern and length", hint=_HINT)
    del node["format"]
    node.update(stricter)


_OF_SCHEMAS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")


def _children(key: str, value: JSON, walk: Any) -> JSON:
    """Schemas below a keyword, walked; anything else (enum, const, default, examples …) as it is."""
    if key in _OF_SCHEMAS and isinstance(value, dict):
        return {name: walk(child) for name, child in value.items()}
    if key in ("anyOf", "oneOf", "allOf", "prefixItems") and isinstance(value, list):
        return [walk(child) for child in value]
    if key == "items" and isinstance(value, list):
        return [walk(child) for child in value]
    if key in ("items", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else"):
        return walk(value)
    return value


def _fullest(schema: JSON) -> JSON:
    """The same schema with every key required and no array empty."""
    if not isinstance(schema, dict):
        return schema
    made = {key: _children(key, value, _fullest) for key, value in schema.items()}
    if isinstance(made.get("properties"), dict):
        made["required"] = list(made["properties"])
    if isinstance(made.get("items"), dict) and not made.get("minItems") and made.get("maxItems", 1) >= 1:
        made["minItems"] = 1
    kinds = made.get("type")
    if isinstance(kinds, list) and len(kinds) > 1 and any(k in kinds for k in ("object", "array", "string")):
        made["type"] = [kind for kind in kinds if kind != "null"]
    return made


# -- closing


# Outside strings: what ends the most. Inside: the quote, then what formats and patterns often ask for.
_OUTSIDE = ["}", "]", ", ", ",", "null", "n", '"', "0", "false", "f", "1", "{", "["]
_INSIDE = ['"', "0", "1", "-", "a", "A", " ", ":", "T", "Z", ".", "@", "/"]


class Strings:
    """Whether a reply stands inside a string: feed it the bytes as they come."""

    __slots__ = ("escaped", "inside")

    def __init__(self, inside: bool = False, escaped: bool = False):
        self.inside, self.escaped = inside, escaped

    def feed(self, text: bytes) -> None:
        if not self.escaped and 0x22 not in text and 0x5C not in text:
            return
        for byte in text:
            if self.escaped:
                self.escaped = False
            elif byte == 0x22:
                self.inside = not self.inside
            elif byte == 0x5C and self.inside:
                self.escaped = True

    def copy(self) -> Strings:
        return Strings(self.inside, self.escaped)


def closing(
    matcher: LLMatcher, words: Vocabulary, strings: Strings | None = None, *, limit: int = 600
) -> list[int] | None:
    """A short sequence of tokens that completes the reply from `matcher`'s state, or None where none is found.

    Greedy: the forced tokens, else the allowed token that ends the most. Patterns may lead such a walk in circles:
    then dice choose, at most four times. strings: where the reply stands (default: at its start). limit: most tokens.
    `matcher` is left as it was.
    """
    for attempt in range(5):
        found = _walk(matcher.deep_copy(), words, strings.copy() if strings else Strings(), limit, attempt)
        if found is not None:
            return found
    return None


def _walk(state: LLMatcher, words: Vocabulary, strings: Strings, limit: int, attempt: int) -> list[int] | None:
    dice = random.Random(attempt)
    found: list[int] = []
    while len(found) <= limit:
        if state.is_accepting():
            return found if len(found) <= limit else None
        step = state.compute_ff_tokens()
        if not step:
            mask = words.mask(state)
            table = words.tables[strings.inside]
            if attempt and strings.inside:
                table = table[:1]
            token = next((id for id in table if mask[id]), None)
            if token is None:
                options = np.flatnonzero(mask & words.single)
                if not len(options):
                    options = np.flatnonzero(mask)
                if not len(options):
                    return None
                token = int(options[dice.randrange(len(options)) if attempt else 0])
            step = [token]
        if not state.consume_tokens(step):
            return None
        for token in step:
            strings.feed(words.bytes[token])
        found += step
    return None
