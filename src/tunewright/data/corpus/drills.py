"""Small exercises beside the documents: copying, looking up, questions about a passage, lists of what a text holds."""

from __future__ import annotations

import random
import re

from tunewright.data.corpus import layouts, values
from tunewright.data.corpus.documents import INSTRUCTIONS, Sample, _sentence
from tunewright.data.corpus.values import Words
from tunewright.text.serialise import dumps


def _ask(system: str | None, user: str, reply: str, kind: str, lang: str) -> Sample:
    messages: tuple[dict[str, str], ...] = ({"role": "user", "content": user},)
    if system is not None:
        messages = ({"role": "system", "content": system}, *messages)
    return Sample(messages, reply, kind, reply, lang)


def copy(rng: random.Random, words: Words) -> Sample:
    """Say it again, letter by letter."""
    lang = "hi" if rng.random() < 0.5 else "en"
    parts = [
        values.make(
            rng,
            rng.choice(("code", "name", "date", "amount", "phrase", "place", "email", "number", "company")),
            lang,
            words,
        ).printed
        for _ in range(rng.choice((1, 1, 2, 3, 4, 6)))
    ]
    if rng.random() < 0.2:
        parts = [_sentence(rng, lang, words)]
    text = rng.choice((" ", ", ", "\n")).join(parts)
    return _ask(rng.choice(("Copy.", "Repeat the text.", "दोहराइए।")), text, text, "copy", lang)


def random_tokens(rng: random.Random) -> Sample:
    """A run of tokens drawn from the whole vocabulary, to be said again: copying with nothing else to lean on.

    value: [prompt, reply], the tokens as shares of the vocabulary (0..1), since a sample knows no tokenizer.
    """
    run = [rng.random() for _ in range(rng.randint(3, 40))]
    return Sample((), "", "tokens", [run, run])


def recall(rng: random.Random) -> Sample:
    """Runs of random tokens, each after its cue or each before it; then some of the cues again, in another order,
    each followed by its run.

    value: as for `random_tokens`.
    """
    stop, link = rng.random(), rng.random()
    backwards = rng.random() < 0.4
    prompt: list[float] = []
    said: list[list[float]] = []
    for _ in range(rng.randint(2, 8)):
        cue = [rng.random() for _ in range(rng.randint(1, 3))]
        run = [rng.random() for _ in range(rng.randint(1, 6))]
        prompt += [*run, link, *cue, stop] if backwards else [*cue, link, *run, stop]
        said.append([*cue, link, *run, stop])
    asked = rng.sample(said, rng.randint(1, len(said)))
    return Sample((), "", "tokens", [prompt, [token for one in asked for token in one]])


SHORT = ("code", "number", "name", "place", "phrase", "date", "quantity", "company", "amount")


def pairs(rng: random.Random, words: Words) -> Sample:
    """Labels that mean nothing with values of one kind, some asked for in any order: only the label tells which is which.

    A document whose fields are a date, a name and a sum can be answered by guessing from the looks of the values.
    """
    lang = "hi" if rng.random() < 0.5 else "en"
    labels: dict[str, str] = {}
    for _ in range(rng.randint(2, 8)):
        parts = [values.word(rng, lang, words).lower() for _ in range(rng.choice((1, 1, 2)))]
        shown = rng.choice((" ".join(parts), " ".join(parts).title(), " ".join(parts).title()))
        labels["_".join(parts)] = shown
    kind = rng.choice(SHORT)
    made = {key: values.make(rng, kind, lang, words) for key in labels}
    link, between = rng.choice((": ", ": ", " ", " - ", " = ", " | ")), rng.choice(("\n", "\n", ", ", " | ", "; "))
    first, second = ("{v}", "{l}") if rng.random() < 0.35 else ("{l}", "{v}")
    form = f"{first}{link}{second}"
    text = between.join(form.format(l=shown, v=made[key].printed) for key, shown in labels.items())
    asked = rng.sample(list(labels), rng.randint(1, len(labels)))
    answer = {key: made[key].wanted for key in asked}
    system = f"{INSTRUCTIONS[0]}\n{', '.join(asked)}"
    return _ask(system, text, dumps(answer), "pairs", lang)


def lookup(rng: random.Random, words: Words) -> Sample:
    """Label → value among many, answered in plain text: the heart of extraction without the JSON."""
    lang = "hi" if rng.random() < 0.5 else "en"
    count = rng.randint(2, 8)
    labels = list(dict.fromkeys(values.word(rng, lang, words) for _ in range(count)))
    made = [values.make(rng, rng.choice(tuple(values.PLAIN)), lang, words).wanted for _ in labels]
    link, between = rng.choice((": ", " ", " - ", " = ")), rng.choice(("\n", ", ", " | ", "; "))
    text = between.join(label + link + value for label, value in zip(labels, made, strict=True))
    i = rng.randrange(len(labels))
    ask = rng.choice(("What is {}?", "{}?", "Give {}.", "{} क्या है?", "Value of {}:")).format(labels[i])
    return _ask(ask, text, made[i], "lookup", lang)


def passage(rng: random.Random, words: Words) -> Sample:
    """A question whose answer is a run of the passage."""
    lang = "hi" if rng.random() < 0.5 else "en"
    sentences = [_sentence(rng, lang, words) for _ in range(rng.randint(2, 6))]
    text = " ".join(sentences)
    target = rng.choice(sentences)
    parts = target.split()
    r = rng.random()
    if r < 0.3 and len(parts) > 8:
        i = rng.randrange(len(parts) - 6)
        cue, reply = " ".join(parts[i : i + 3]), " ".join(parts[i + 3 : i + 3 + rng.randint(1, 5)])
        if text.count(cue) == 1:
            return _ask(f'Which words come after "{cue}"? ({len(reply.split())})', text, reply, "passage", lang)
    if r < 0.6:
        rare = max(parts, key=len).strip(".,;:!?।\"'()")
        if rare and sum(rare in s for s in sentences) == 1:
            return _ask(
                rng.choice((f'Quote the sentence with "{rare}".', f'"{rare}" वाला वाक्य लिखिए।')),
                text,
                target,
                "passage",
                lang,
            )
    if r < 0.8:
        which, reply = rng.choice((("first", sentences[0]), ("last", sentences[-1])))
        return _ask(f"Quote the {which} sentence.", text, reply, "passage", lang)
    who, what, value = (
        values.name(rng, lang, words),
        rng.choice(("city", "job", "book", "number", "friend")),
        values.phrase(rng, lang, words),
    )
    fact = f"{who}: {what} = {value}." if lang == "hi" else f"The {what} of {who} is {value}."
    sentences.insert(rng.randint(0, len(sentences)), fact)
    return _ask(None, f"{' '.join(sentences)}\n\nWhat is the {what} of {who}?", value, "passage", lang)


def kinds(rng: random.Random, words: Words) -> Sample:
    """All values of some kinds in a text, in order: {"dates": [...], "amounts": [...]}."""
    lang = "hi" if rng.random() < 0.5 else "en"
    pool = {"dates": "date", "phones": "phone", "emails": "email", "websites": "url", "percentages": "percent"}
    asked = rng.sample(list(pool), rng.randint(1, 3))
    answer: dict[str, list[str]] = {key: [] for key in asked}
    blocks = []
    for _ in range(rng.randint(1, 6)):
        key = rng.choice(list(pool))
        value = values.make(rng, pool[key], lang, words).wanted
        before, after = values.phrase(rng, lang, words), values.phrase(rng, lang, words)
        blocks.append(f"{before} {value} {after}")
        if key in answer:
            answer[key].append(value)
    text = rng.choice((". ", "\n", "; ")).join(blocks)
    return _ask(f"List them as JSON.\n{', '.join(f'{key}: []' for key in asked)}", text, dumps(answer), "kinds", lang)


def letter(rng: random.Random, words: Words) -> Sample:
    """Who writes, to whom, when, about what: fields that only their place in a letter tells."""
    lang = "hi" if rng.random() < 0.5 else "en"
    sender, receiver = values.name(rng, lang, words), values.name(rng, lang, words)
    house, day = values.company(rng, lang, words), values.date(rng, lang, words)
    subject = values.phrase(rng, lang, words)
    title = rng.choice(values.HONORIFICS[lang]) if rng.random() < 0.6 else ""
    greeting = (
        rng.choice(("Dear {},", "Hello {},", "To: {}", "Respected {},"))
        if lang == "en"
        else rng.choice(("प्रिय {},", "{} जी,", "सेवा में {},", "आदरणीय {},"))
    )
    body = " ".join(_sentence(rng, lang, words) for _ in range(rng.randint(1, 3)))
    answer: dict[str, str | None] = {
        "letterhead": house,
        "written_on": day,
        "addressee": receiver,
        "subject": subject,
        "signed_by": sender,
    }
    have = {key: rng.random() < 0.85 for key in answer}
    parts = []
    if have["letterhead"]:
        parts.append(house)
    if have["written_on"] and rng.random() < 0.7:
        parts.append(day)
        dated = True
    else:
        dated = False
    if have["subject"]:
        parts.append(
            rng.choice(("Subject: ", "Sub: ", "Re: ") if lang == "en" else ("विषय: ", "विषय : ", "बाबत: ")) + subject
        )
    if have["addressee"]:
        parts.append(greeting.format(title + receiver))
    parts.append(body)
    if have["signed_by"]:
        parts.append(rng.choice(layouts.CLOSINGS[lang]) + "\n" + sender)
    if have["written_on"] and not dated:
        parts.append(day)
    keys = rng.sample(list(answer), rng.randint(1, 5))
    wanted = {key: answer[key] if have[key] else None for key in keys}
    return _ask(
        f"Extract these fields as JSON. Use null for what the document does not give.\n{', '.join(keys)}",
        rng.choice(("\n", "\n\n")).join(parts),
        dumps(wanted),
        "letter",
        lang,
    )


def clean_sentences(text: str) -> list[str]:
    """Sentences of a passage, 20 to 240 characters, split at full stops, question marks and dandas."""
    found = re.split(r"(?<=[.!?।])\s+", text.replace("\n", " "))
    return [s.strip() for s in found if 20 <= len(s.strip()) <= 240]
