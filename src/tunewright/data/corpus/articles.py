"""Articles whose parts are copied whole: a heading, who wrote it, a summary of many sentences.

What makes a long copy go wrong is what stands twice: words of the heading in a running head, sentences of the summary
that are taken up again further down and go on otherwise. So they do here.
"""

from __future__ import annotations

import random

from tunewright.data.corpus import drills, values
from tunewright.data.corpus.documents import Sample
from tunewright.data.corpus.values import Words
from tunewright.text.serialise import dumps

KEYS = {
    "heading": ("heading", "headline", "name_of_piece"),
    "writers": ("writers", "written_by", "byline"),
    "summary": ("summary", "overview", "opening"),
    "reference": ("reference", "catalogue_number"),
}
SUMMARIES = {
    "en": ("Summary", "SUMMARY", "In brief", "Overview", "Synopsis:", "What it says."),
    "hi": ("सारांश", "संक्षेप", "सार:"),
}
SECTIONS = {
    "en": ("Beginnings", "1 Background", "The matter", "2. What was found", "Further on", "Notes", "III"),
    "hi": ("परिचय", "आगे", "विवरण"),
}
REFERENCES = ("Ref. {}", "No. {}", "Catalogue: {}", "[{}]", "ID {}")
SAYS = (
    "Read the article and copy these fields as JSON; null where it has none.",
    "Extract these fields as JSON. Use null for what the document does not give.",
    "JSON with these fields, word for word.",
)
LONGEST = 9000
"""Characters of an article."""


def article(rng: random.Random, words: Words, passages: list[tuple[str, str]]) -> Sample:
    """An article of one to a few thousand words' length and its parts, in the article's own words.

    passages: (text, language) of prose; of invented words where there are none.
    """
    lang = rng.choice(passages)[1] if passages else "en"
    sentences = _sentences(rng, words, passages, lang)
    title = _title(rng, lang, words)
    names = [values.name(rng, lang, words) for _ in range(rng.choice((1, 2, 2, 3, 4, 5, 7)))]
    cut = min(len(sentences) - 1, rng.choice((1, 2, 3, 4, 6, 8)))
    summary, body = " ".join(sentences[:cut]), sentences[cut:]
    reference = values.code(rng, lang, words)
    have = {key: rng.random() < 0.88 for key in KEYS}

    head = []
    if have["heading"]:
        head.append(_wrapped(rng, title) if rng.random() < 0.3 else title)
    if have["writers"]:
        head.append(_byline(rng, names, lang))
    if rng.random() < 0.5:
        head += [
            f"{values.company(rng, lang, words)}, {values.place(rng, lang, words)}" for _ in range(rng.randint(1, 3))
        ]
    if have["reference"]:
        head.append(rng.choice(REFERENCES).format(reference))
    if rng.random() < 0.25:
        rng.shuffle(head)
    blocks = head
    if have["summary"]:
        label = rng.choice(SUMMARIES[lang])
        blocks.append(f"{label} {summary}" if rng.random() < 0.3 else f"{label}\n{summary}")
    blocks += _body(rng, [*sentences[:cut], *([title] if have["heading"] else [])], body, lang, words)
    if have["heading"] and rng.random() < 0.3:
        blocks.insert(0, " ".join(title.split()[: rng.randint(2, 6)]))  # a running head
    text = rng.choice(("\n", "\n\n")).join(blocks)[:LONGEST]

    told = {"heading": title, "writers": names, "summary": summary, "reference": reference}
    asked = rng.sample(list(KEYS), rng.randint(1, 4))
    keys = {key: rng.choice(KEYS[key]) for key in asked}
    answer = {keys[key]: told[key] if have[key] else [] if key == "writers" else None for key in asked}
    shown = ", ".join(f"{keys[key]}: []" if key == "writers" else keys[key] for key in asked)
    turns = ({"role": "system", "content": f"{rng.choice(SAYS)}\n{shown}"}, {"role": "user", "content": text})
    return Sample(turns, dumps(answer), "article", answer, lang)


def _sentences(rng: random.Random, words: Words, passages: list[tuple[str, str]], lang: str) -> list[str]:
    """Ten to fifty sentences of a few passages one after the other."""
    wanted, found = rng.choice((10, 15, 20, 30, 50)), list[str]()
    own = [text for text, language in rng.sample(passages, min(len(passages), 40)) if language == lang]
    for text in own:
        found += [" ".join(sentence.split()) for sentence in drills.clean_sentences(text)]
        if len(found) >= wanted:
            return found[:wanted]
    while len(found) < 10:
        found.append(" ".join(values.word(rng, lang, words) for _ in range(rng.randint(6, 18))).capitalize() + ".")
    return found


def _title(rng: random.Random, lang: str, words: Words) -> str:
    parts = [values.phrase(rng, lang, words) for _ in range(rng.choice((1, 2, 2, 3)))]
    link = (
        rng.choice((" of ", ": ", " in ", " and ", " – ", " "))
        if lang == "en"
        else rng.choice((" और ", ": ", " का ", " "))
    )
    text = link.join(parts)
    return text.title() if lang == "en" and rng.random() < 0.4 else text[:1].upper() + text[1:]


def _byline(rng: random.Random, names: list[str], lang: str) -> str:
    last = rng.choice((" and ", " & ", ", ")) if lang == "en" else rng.choice((" और ", " एवं ", ", "))
    marked = [f"{name}{rng.choice(('1', '2', '1,2', '*', '†'))}" for name in names] if rng.random() < 0.25 else names
    joined = last.join([", ".join(marked[:-1]), marked[-1]]) if len(marked) > 1 else marked[0]
    if rng.random() < 0.15:
        joined = "\n".join(marked)
    return rng.choice(("By ", "", "", "") if lang == "en" else ("लेखक: ", "", "")) + joined


def _body(rng: random.Random, told: list[str], body: list[str], lang: str, words: Words) -> list[str]:
    """Paragraphs under headings, in which beginnings of what stood above come again and go on otherwise."""
    said = list(body)
    for _ in range(rng.choice((0, 1, 2, 4))):
        begun = rng.choice(told).split()
        start = rng.randrange(max(1, len(begun) - 3))
        piece = " ".join(begun[start : start + rng.randint(2, 8)])
        said.insert(rng.randint(0, len(said)), f"{piece} {values.phrase(rng, lang, words)}.")
    blocks = []
    while said:
        size = rng.randint(2, 9)
        if rng.random() < 0.5:
            blocks.append(rng.choice(SECTIONS[lang]))
        blocks.append(" ".join(said[:size]))
        said = said[size:]
    return blocks


def _wrapped(rng: random.Random, text: str) -> str:
    parts = text.split(" ")
    at = rng.randint(1, max(1, len(parts) - 1))
    return "\n".join(part for part in (" ".join(parts[:at]), " ".join(parts[at:])) if part)
