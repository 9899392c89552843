"""The whole stream Wren learns from: sample `i` of a seeded, endless mixture whose difficulty follows a curriculum."""

from __future__ import annotations

import gzip
import json
import random
from dataclasses import dataclass
from pathlib import Path

import regex

from tunewright.data.corpus import articles, documents, drills, papers, requests, sheets
from tunewright.data.corpus.documents import Limits, Sample
from tunewright.data.corpus.values import Words


@dataclass(frozen=True)
class Prose:
    """Passages of prose and what values are drawn from; held: passages kept out for measuring."""

    passages: list[tuple[str, str]]
    held: list[tuple[str, str]]
    words: Words


LEFT_OUT = "standardebooks/o-henry"
"""A source whose period slang and slurs a business model has no use for."""


def read_prose(folders: list[Path], *, held_every: int = 50) -> Prose:
    """Passages (text, language) of `data.jsonl.gz` folders. Every 50th is held out."""
    passages: list[tuple[str, str]] = []
    for folder in folders:
        with gzip.open(folder / "data.jsonl.gz", "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                if row["source"].startswith(LEFT_OUT):
                    continue
                passages.append((row["text"], "hi" if row["lang"].startswith("hi") else "en"))
    held = passages[::held_every]
    kept = [p for i, p in enumerate(passages) if i % held_every]
    vocabulary: dict[str, dict[str, int]] = {"en": {}, "hi": {}}
    sentences: dict[str, list[str]] = {"en": [], "hi": []}
    letters = {"en": regex.compile(r"[A-Za-z]{3,14}"), "hi": regex.compile(r"[\p{Devanagari}]{2,14}")}
    for text, lang in kept:
        sentences[lang].extend(drills.clean_sentences(text))
        for found in letters[lang].findall(text):
            if "।" not in found:
                vocabulary[lang][found] = vocabulary[lang].get(found, 0) + 1
    words = {
        lang: sorted(w for w, n in counts.items() if n >= 2 or lang == "hi") for lang, counts in vocabulary.items()
    }
    return Prose(kept, held, Words(words, sentences))


def limits_at(progress: float, rng: random.Random) -> Limits:
    """How hard a document is at this share (0..1) of the curriculum."""
    if progress < 0.16:
        return Limits(fields=2, nested=0.0, filler=0.0, noise=0.0, simple=True)
    if progress < 0.3:
        return Limits(fields=4, nested=0.0, filler=0.0, noise=0.0, simple=True)
    if progress < 0.5:
        return Limits(fields=6, nested=0.05, filler=0.2, noise=0.05)
    length = 0
    if rng.random() < 0.04:
        length = rng.choice((600, 1000, 1500))
    if progress > 0.8 and rng.random() < 0.015:
        length = rng.choice((3000, 5000, 8000))
    least = rng.choice((1, 2, 4))
    return Limits(7 if rng.random() < 0.85 else 10, least, absent=0.18, length=length)


def drills_at(progress: float) -> tuple[float, float]:
    """(share of samples that only copy, share that only recall), most at first: without them a model learns to guess."""
    if progress < 0.1:
        return 1.0, 0.0
    if progress < 0.16:
        return 0.4, 0.2
    if progress < 0.5:
        return 0.1, 0.5
    return (0.1, 0.3) if progress < 0.8 else (0.04, 0.06)


def sample(seed: int, index: int, progress: float, prose: Prose) -> Sample:
    """Sample number `index`. The same arguments give the same sample on every machine."""
    rng = random.Random(f"{seed}/{index}")
    words = prose.words
    copying, recalling = drills_at(progress)
    r = rng.random()
    if r < copying:
        return drills.random_tokens(rng) if rng.random() < 0.4 else drills.copy(rng, words)
    if r < copying + recalling:
        return drills.recall(rng) if rng.random() < 0.25 else drills.pairs(rng, words)
    r = rng.random()
    if r < 0.04:
        return drills.lookup(rng, words)
    if r < 0.06:
        return drills.passage(rng, words)
    if r < 0.08:
        return drills.kinds(rng, words)
    if r < 0.09:
        return drills.letter(rng, words)
    if r < 0.11 and prose.passages and progress > 0.5:
        text, lang = prose.passages[rng.randrange(len(prose.passages))]
        return Sample((), text, "prose", None, lang)
    if r < 0.14 and progress > 0.5:
        return papers.with_examples(rng) if rng.random() < 0.6 else documents.with_examples(rng, words)
    if r < 0.56 and progress > 0.5:
        return papers.paper(rng)
    if r < 0.74 and progress > 0.5:
        return sheets.sheet(rng, words)
    if r < 0.84 and progress > 0.5:
        return requests.draw(rng, words)
    if r < 0.89 and progress > 0.5:
        return articles.article(rng, words, prose.passages)
    return documents.document(rng, words, limits_at(progress, rng))
