"""Answers without a model: words weighed by how rare they are (tf-idf), and whose words a question shares.

A question without a context gets the answer of the nearest question in train; one with a context the sentence, or the
row of its table, that shares most with it. The same weights rank candidate answers (`evals.ranking`).
"""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

import regex

from tunewright.core.records import Example, Prediction
from tunewright.tasks._shared import written
from tunewright.text.unicode import nfc, words

_SENTENCE = regex.compile(r"[^\n]+?(?:[.!?।](?=\s|$)|(?=\n)|$)")

Vector = dict[str, float]
"""Word → weight; of length 1, or empty."""


class Weights:
    """How telling words are: idf over texts, smoothed, as scikit-learn has it (log((1 + n) / (1 + df)) + 1)."""

    def __init__(self, texts: Iterable[str]):
        found: Counter[str] = Counter()
        self.texts = 0
        for text in texts:
            found.update(set(_folded(text)))
            self.texts += 1
        self._in = found

    def vector(self, text: str) -> Vector:
        """A text's words by tf × idf, scaled to length 1."""
        weighed = {
            word: count * (math.log((1 + self.texts) / (1 + self._in[word])) + 1)
            for word, count in sorted(Counter(_folded(text)).items())
        }
        size = math.sqrt(sum(weight * weight for weight in weighed.values()))
        return {word: weight / size for word, weight in weighed.items()} if size else {}


def cosine(one: Vector, other: Vector) -> float:
    """Overlap of two texts, 0..1."""
    if len(other) < len(one):
        one, other = other, one
    return sum(weight * other[word] for word, weight in one.items() if word in other)


def sentences(text: str) -> list[str]:
    """Sentences, lines of a table among them, in order."""
    return [piece for match in _SENTENCE.finditer(text) if (piece := match.group().strip())]


def _folded(text: str) -> list[str]:
    return words(nfc(text).casefold())


class Retrieval:
    """The system: train is all that it knows. Examples of train need their targets."""

    name = "classical"

    def __init__(self, train: Sequence[Example]):
        self._answers = [written(example.record.target) for example in train]
        questions = [example.record.question for example in train]
        self.weights = Weights(questions)
        self._postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for place, question in enumerate(questions):
            for word, weight in self.weights.vector(question).items():
                self._postings[word].append((place, weight))

    def predict(self, examples: Sequence[Example]) -> Iterator[Prediction]:
        """One prediction per example. Where no word is known, or train is empty, the answer is empty."""
        for example in examples:
            began = time.perf_counter()
            record = example.record
            found = self._sentence(record.question, record.context) if record.context else self._nearest(record.text)
            failure = None if found else "no word of it was met in training"
            yield Prediction(example.id, found, found or None, failure, seconds=time.perf_counter() - began)

    def _sentence(self, question: str, context: str) -> str:
        vector = self.weights.vector(question)
        scored = [(cosine(vector, self.weights.vector(one)), -place, one) for place, one in
                  enumerate(sentences(context))]  # fmt: skip
        return max(scored)[2] if scored else ""

    def _nearest(self, question: str) -> str:
        shared: dict[int, float] = defaultdict(float)
        for word, weight in self.weights.vector(question).items():
            for place, other in self._postings.get(word, ()):
                shared[place] += weight * other
        return self._answers[max(shared, key=lambda place: (shared[place], -place))] if shared else ""
