"""The right answer among answers to other questions about the same subject: which one is the likeliest?

Answers differ in length and in how likely they are whatever is asked, so what counts is how much the question adds:
log p(answer | prompt) - log p(answer | the prompt without its question), for each byte of the answer. (The domain
conditional of Holtzman et al. 2021, arXiv 2104.08315; there the difference is not divided.) The mean over bytes of the
first term alone, the usual choice, is reported beside it. Beside both stands a ranker that knows words only: tf-idf
overlap of the question with the answer and with the sentences of the context that hold it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tunewright.core.contracts import Task
from tunewright.core.records import Example, Record, number_of
from tunewright.decode.likelihood import of_candidates
from tunewright.evals.intervals import cluster_sums, interval, leave_one_out, resampled_sums
from tunewright.evals.likelihood import prompt_ids
from tunewright.evals.paired import by_bootstrap, holm, verdict
from tunewright.evals.retrieval import Weights, cosine, sentences
from tunewright.evals.table import clusters_of
from tunewright.models.load import Loaded
from tunewright.tasks._shared import written
from tunewright.text.accepted import accepted_texts
from tunewright.text.unicode import nfc

WORDS = "words"
"""The ranker that knows words only."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Choice:
    """A question with candidate answers, the right one first."""

    record: Record
    candidates: tuple[str, ...]


def choices(records: Sequence[Record], distractors: int, subject: str | None = None) -> list[Choice]:
    """The questions that have others about their subject, in order, with at most so many other answers.

    subject: the column of the data that makes a subject; None: the context, or without one the group. Distractors are
    other answers than the right ones, drawn by the ids alone, and each stands once.
    """
    of: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        of[_subject(record, subject)].append(record)
    found = []
    for record in records:
        right = written(record.target)
        others: dict[str, str] = {}
        for other in sorted(of[_subject(record, subject)], key=lambda each: number_of(f"{record.id}\n{each.id}")):
            others.setdefault(_plain(written(other.target)), written(other.target))
        for text in (right, *accepted_texts(record)):
            others.pop(_plain(text), None)
        if others:
            found.append(Choice(record, (right, *list(others.values())[:distractors])))
    return found


def _subject(record: Record, column: str | None) -> str:
    if column is not None:
        value = (record.provenance.get("fields") or {}).get(column)
        return f"none:{record.id}" if value is None else f"value:{value}"
    if record.context:
        return f"context:{record.context}"
    return f"none:{record.id}" if record.group is None else f"group:{record.group}"


def _plain(text: str) -> str:
    return " ".join(nfc(text).casefold().split())


def measure(loaded: Loaded, task: Task, asked: Sequence[Choice], **length: Any) -> list[Row]:
    """What a model finds: rows of {"id", "nats", "alone", "bytes"}, a number for each candidate, the right one first.

    alone: given the prompt without its question. Questions that do not fit into the model are left out.
    """
    pairs: dict[tuple[tuple[int, ...], str], int] = {}
    wanted: list[tuple[list[int], list[int]]] = []

    def place(prompt: list[int], candidate: str) -> int:
        key = tuple(prompt), candidate
        if key not in pairs:
            pairs[key] = len(wanted)
            wanted.append((prompt, loaded.chat.reply_ids(candidate)))
        return pairs[key]

    places = []
    for one in asked:
        longest = max(len(loaded.chat.reply_ids(candidate)) for candidate in one.candidates)
        prompts = [
            prompt_ids(loaded, example, longest, **length)
            for example in (task.example(one.record), without_question(task.example(one.record)))
        ]
        if prompts[0] is not None and prompts[1] is not None:
            places.append((one, [[place(prompt, text) for text in one.candidates] for prompt in prompts if prompt]))
    nats = [found.nats for found in of_candidates(loaded, wanted)]
    return [
        {
            "id": one.record.id,
            "nats": [nats[i] for i in given],
            "alone": [nats[i] for i in alone],
            "bytes": [max(1, len(text.encode())) for text in one.candidates],
        }
        for one, (given, alone) in places
    ]


def without_question(example: Example) -> Example:
    """The example with its question taken out of the last turn; a context stays."""
    *before, last = example.messages
    said, question = last["content"], example.record.question
    kept = said[: len(said) - len(question)].rstrip() if said.endswith(question) else ""
    return replace(example, messages=(*before, {**last, "content": kept}))


def by_words(asked: Sequence[Choice], train: Sequence[Record]) -> list[Row]:
    """What words alone say: rows of {"id", "overlap"}. train: where it is learnt how telling a word is."""
    weights = Weights(text for record in train for text in (record.question, written(record.target)))
    rows = []
    for one in asked:
        vector = weights.vector(one.record.question)
        around = sentences(one.record.context)
        rows.append(
            {
                "id": one.record.id,
                "overlap": [
                    cosine(vector, weights.vector("\n".join([text, *(s for s in around if text in s)])))
                    for text in one.candidates
                ],
            }
        )
    return rows


def first_place(scores: Sequence[float]) -> float:
    """1 where the right answer, which stands first, has the best score; a share of it where others have the same."""
    best = max(scores)
    return float(scores[0] == best) / sum(score == best for score in scores)


def gains(row: Row) -> list[float]:
    """What the question adds to each candidate, in nats per byte."""
    return [(alone - given) / size for given, alone, size in zip(row["nats"], row["alone"], row["bytes"], strict=True)]


def means(row: Row) -> list[float]:
    """Mean log-probability of each candidate, in nats per byte."""
    return [-given / size for given, size in zip(row["nats"], row["bytes"], strict=True)]


def compare(
    examples: Sequence[Example],
    models: Mapping[str, Sequence[Row]],
    words: Sequence[Row],
    *,
    level: float,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Accuracy of every ranker with its interval, and paired differences, on the questions that all have ranked.

    examples: of the questions that were asked. Returns {"n", "groups", "left_out", "chance", "rankers": {name:
    {"value", "low", "high"}}, "pairs": [{"a", "b", "difference", "low", "high", "p", "p_holm", "verdict"}]}. Rankers
    are "words", every system, and every system "by the mean"; tuned is held against words first, then against base.
    """
    scored: dict[str, dict[str, float]] = {WORDS: {row["id"]: first_place(row["overlap"]) for row in words}}
    for name, rows in models.items():
        scored[name] = {row["id"]: first_place(gains(row)) for row in rows}
        scored[f"{name} by the mean"] = {row["id"]: first_place(means(row)) for row in rows}
    sizes = {row["id"]: len(row["overlap"]) for row in words}
    common = [example for example in examples if all(example.id in own for own in scored.values())]
    left_out = len(examples) - len(common)
    if not common:
        return {"n": 0, "left_out": left_out, "rankers": {}, "pairs": []}
    clusters = clusters_of(common)
    names = list(scored)
    matrix = np.array([[scored[name][example.id] for name in names] + [1.0] for example in common])
    clustered = cluster_sums(matrix, clusters)
    drawn = resampled_sums(clustered, resamples, seed)
    shares = drawn[:, :-1] / drawn[:, -1:]
    others = leave_one_out(clustered) if len(clustered) > 1 else clustered
    apart = others[:, :-1] / others[:, -1:]
    rankers = {}
    for i, name in enumerate(names):
        value = float(matrix[:, i].mean())
        found = interval(value, shares[:, i], apart[:, i], proportion=True, level=level)
        rankers[name] = {"value": value, "low": found.low, "high": found.high}
    pairs = []
    for a, b in ((WORDS, "tuned"), ("base", "tuned"), (WORDS, "base"), ("tuned by the mean", "tuned")):
        if a in names and b in names:
            i, j = names.index(a), names.index(b)
            differing = int((clustered[:, i] != clustered[:, j]).sum())
            difference = rankers[b]["value"] - rankers[a]["value"]
            tested = by_bootstrap(difference, shares[:, j] - shares[:, i], len(clustered), differing, level)
            pairs.append({"a": a, "b": b, "n": len(common), "difference": difference, **tested})
    for row, p in zip(pairs, holm([row["p"] for row in pairs]), strict=True):
        row["p_holm"] = p
        row["verdict"] = verdict(row, level)
    return {
        "n": len(common),
        "groups": len(clustered),
        "left_out": left_out,
        "chance": float(np.mean([1 / sizes[example.id] for example in common])),
        "rankers": rankers,
        "pairs": pairs,
    }
