"""The classical baseline: what words alone can do, learnt from the very records that the model is tuned on.

What is chosen (a schema's enum: an intent, yes or no) is told by a naive Bayes classifier over the words that stand and
do not stand in the text (McCallum and Nigam 1998, the multi-variate Bernoulli model). What is copied is looked up:
phrases that training marked for a key at least half of the times that they stood in a text, the longest first, and only
for keys that training has seen beside the chosen values. Where one choice must always be made (the intent), the others
are told among the records that made it alike. Keys inside of lists are left out. It has no notion of a
phrase it has never seen, and needs no model.
"""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import regex

from tunewright.core.records import JSON, Example, Prediction
from tunewright.text.schema import resolve, ways
from tunewright.text.serialise import dumps

LONGEST = 10
"""Words of the longest phrase that is looked up."""

SURE = 0.5
"""Share of a phrase's occurrences that must have been marked for a key."""

BESIDE = 0.01
"""Share of the records with a chosen value in which a key must have been met to be looked for."""

Way = tuple[str, ...]
Word = tuple[str, int, int]
"""(word in small letters, start, end)"""

_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+|[^\s\p{L}\p{M}\p{N}]")


class Classical:
    """A system that was fitted on `train`, examples with targets; schemas say what is chosen and what is copied."""

    name = "classical"

    def __init__(self, train: Sequence[Example]):
        self._kinds: dict[str | None, _Kind] = {}
        for example in train:
            kind = example.record.doc_type
            if kind not in self._kinds:
                self._kinds[kind] = _Kind(example.schema or {})
            self._kinds[kind].add(example)

    def predict(self, examples: Sequence[Example]) -> Iterator[Prediction]:
        """One prediction per example. Of a type that training did not have, the answer is {}."""
        for example in examples:
            began = time.perf_counter()
            kind = self._kinds.get(example.record.doc_type)
            value = kind.answer(example.record.text) if kind is not None else {}
            yield Prediction(example.id, dumps(value), value, seconds=time.perf_counter() - began)


@dataclass
class _Bayes:
    """Values of a key, None where it is missing, by the words that stood with them."""

    records: Counter[JSON] = field(default_factory=Counter)
    words: dict[JSON, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    known: set[str] = field(default_factory=set)
    empty: dict[JSON, float] = field(default_factory=dict)

    def add(self, value: JSON, words: set[str]) -> None:
        self.records[value] += 1
        self.words[value].update(words)
        self.known |= words
        self.empty.clear()

    def best(self, words: set[str]) -> JSON:
        seen = sorted(words & self.known)
        if not self.empty:  # the score of a text without a word, by value
            self.empty = {
                value: math.log(records) + sum(math.log1p(-self._chance(value, word)) for word in sorted(self.known))
                for value, records in self.records.items()
            }

        def score(value: JSON) -> float:
            chances = [self._chance(value, word) for word in seen]
            return self.empty[value] + sum(math.log(chance) - math.log1p(-chance) for chance in chances)

        return max(self.records, key=lambda value: (score(value), str(value)))

    def _chance(self, value: JSON, word: str) -> float:
        return (self.words[value][word] + 1) / (self.records[value] + 2)


class _Kind:
    """One type of record."""

    def __init__(self, schema: dict[str, JSON]):
        self.chosen: dict[Way, dict[JSON, _Bayes]] = {}  # by what the first choice is
        self.first: Way | None = None
        self.copied: dict[Way, bool] = {}  # whether it is a list
        for way in map(tuple, ways(schema)):
            node = _node(schema, way)
            if isinstance(node.get("enum"), list):
                self.chosen[way] = defaultdict(_Bayes)
                if self.first is None and way[0] in (schema.get("required") or ()) and len(way) == 1:
                    self.first = way
            elif "string" in str(node.get("type")) or isinstance(node.get("items"), dict):
                self.copied[way] = node.get("type") == "array"
        self.marked: dict[tuple[str, ...], Counter[Way]] = defaultdict(Counter)
        self.texts: list[list[str]] = []
        self.beside: dict[tuple[Way, JSON], Counter[Way]] = defaultdict(Counter)
        self._stood: Counter[tuple[str, ...]] | None = None

    def add(self, example: Example) -> None:
        target = example.record.target
        words = [word for word, _, _ in _words(example.record.text)]
        self.texts.append(words)
        self._stood = None
        met = [way for way in self.copied if _value(target, way) is not None]
        for way, among in self.chosen.items():
            value = _value(target, way)
            among[self._among(way, target)].add(value, set(words))
            self.beside[way, value].update(met)
        for way in met:
            value = _value(target, way)
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, str):
                    self.marked[tuple(word for word, _, _ in _words(one))][way] += 1

    def _among(self, way: Way, target: JSON) -> JSON:
        return None if self.first in (None, way) else _value(target, self.first or ())

    def answer(self, text: str) -> dict[str, JSON]:
        words = _words(text)
        bag = {word for word, _, _ in words}
        found: dict[Way, JSON] = {}
        allowed = set(self.copied)
        told: dict[str, JSON] = {}
        for way, among in sorted(self.chosen.items(), key=lambda each: each[0] != self.first):
            bayes = among[self._among(way, told)]
            value = bayes.best(bag)
            if way == self.first:
                told = {way[0]: value}
            if value is not None:
                found[way] = value
            beside = self.beside[way, value]
            allowed &= {other for other in self.copied if beside[other] >= BESIDE * bayes.records[value]}
        for way, value in self._phrases(text, words, allowed):
            if self.copied[way]:
                found.setdefault(way, []).append(value)
            else:
                found.setdefault(way, value)
        return _nested(found, [*self.chosen, *self.copied])

    def _phrases(self, text: str, words: list[Word], allowed: set[Way]) -> Iterator[tuple[Way, str]]:
        stood = self._counts()
        taken: set[int] = set()
        hits: list[tuple[int, Way, str]] = []
        for length in range(min(LONGEST, len(words)), 0, -1):
            for start in range(len(words) - length + 1):
                places = range(start, start + length)
                phrase = tuple(words[place][0] for place in places)
                if phrase not in self.marked or not taken.isdisjoint(places):
                    continue
                marks = {way: count for way, count in self.marked[phrase].items() if way in allowed}
                if not marks:
                    continue
                way = max(marks, key=lambda each: (marks[each], each))
                if marks[way] >= SURE * stood[phrase]:
                    taken.update(places)
                    hits.append((start, way, text[words[start][1] : words[start + length - 1][2]]))
        for _, way, value in sorted(hits):
            yield way, value

    def _counts(self) -> Counter[tuple[str, ...]]:
        """How often each marked phrase stood in the texts."""
        if self._stood is None:
            stood: Counter[tuple[str, ...]] = Counter()
            for words in self.texts:
                for length in range(1, min(LONGEST, len(words)) + 1):
                    for start in range(len(words) - length + 1):
                        phrase = tuple(words[start : start + length])
                        if phrase in self.marked:
                            stood[phrase] += 1
            self._stood = stood
        return self._stood


def _words(text: str) -> list[Word]:
    return [(match.group().casefold(), match.start(), match.end()) for match in _WORD.finditer(text)]


def _node(schema: dict[str, JSON], way: Iterable[str]) -> dict[str, Any]:
    node: dict[str, Any] = resolve(schema, schema)
    for key in way:
        node = resolve((node.get("properties") or {}).get(key), schema)
    return node


def _value(target: JSON, way: Iterable[str]) -> JSON:
    for key in way:
        target = target.get(key) if isinstance(target, dict) else None
    return target


def _nested(found: dict[Way, JSON], known: Iterable[Way]) -> dict[str, JSON]:
    """Values by way as objects within objects; objects that nothing was found in are there, empty."""
    whole: dict[str, JSON] = {}
    for way in known:
        node = whole
        for key in way[:-1]:
            node = node.setdefault(key, {})
        if way in found:
            node[way[-1]] = found[way]
    return whole
