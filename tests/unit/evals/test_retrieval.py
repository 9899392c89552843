"""What words alone can answer."""

from __future__ import annotations

import pytest

from tunewright.core.records import Record
from tunewright.evals.retrieval import Retrieval, Weights, cosine, sentences
from tunewright.tasks.question_answering import QuestionAnswering


def example(name, text, answer="", question=None):
    return QuestionAnswering().example(
        Record(name, text, answer, provenance={"question": question} if question else {})
    )


TRAIN = [
    example("a", "What are the symptoms of gout?", "a swollen toe"),
    example("b", "What are the symptoms of measles?", "spots"),
    example("c", "मलेरिया के लक्षण क्या हैं?", "बुखार"),
]


def test_the_answer_of_the_nearest_question():
    system = Retrieval(TRAIN)
    asked = [example("1", "Symptoms of GOUT?"), example("2", "मलेरिया क्या है?"), example("3", "xyz")]
    found = list(system.predict(asked))
    assert [one.value for one in found] == ["a swollen toe", "बुखार", None]
    assert found[2].failure == "no word of it was met in training"


def test_the_sentence_of_the_context_that_shares_most():
    text = "Sales | 5\nCosts | 3\nThe fund was closed in May. It paid dividends.\n\nWhen was the fund closed?"
    [found] = Retrieval(TRAIN).predict([example("1", text, question="When was the fund closed?")])
    assert found.value == "The fund was closed in May."


def test_rare_words_weigh_more():
    weights = Weights(["the cat", "the dog", "the bird"])
    vector = weights.vector("the cat")
    assert vector["cat"] > vector["the"]
    assert cosine(vector, vector) == pytest.approx(1.0)
    assert cosine(vector, weights.vector("dog")) == 0.0
    assert weights.vector("…") == {}


def test_sentences_keep_numbers_whole():
    assert sentences("It cost 3.5 million. Why?\nA row | 2.0\nअंत।") == [
        "It cost 3.5 million.", "Why?", "A row | 2.0", "अंत।"
    ]  # fmt: skip
