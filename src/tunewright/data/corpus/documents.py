"""Random-schema documents: a schema drawn from hundreds of notions, a document that gives some of its values, the JSON.

Every document is made from its own random state, so number `i` of a stream is the same whoever asks for it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from tunewright.core.records import JSON
from tunewright.data.corpus import layouts, notions, values
from tunewright.data.corpus.notions import Notion
from tunewright.data.corpus.values import Words
from tunewright.text.serialise import dumps

INSTRUCTIONS = [
    "Extract these fields as JSON. Use null for what the document does not give.",
    "Extract these fields as JSON. Use null for what the document does not give.",
    "Extract these fields as JSON. Use null for what the document does not give.",
    "Return the fields below as JSON; null where absent.",
    "Give a JSON object with these keys. Copy values as printed; null if missing.",
    "Read the document and fill in this JSON.",
    "Which values does the text give? Answer in JSON.",
    "Fields to extract:",
    "JSON keys:",
    "दस्तावेज़ से ये जानकारी JSON में निकालें। जो न हो उसे null लिखें।",
    "इन कुंजियों का JSON बनाइए।",
    "Turn the document into JSON of this schema.",
]
HELD_INSTRUCTIONS = ["Please pull the following out of the document, as JSON, null when it is not there."]


@dataclass(frozen=True, slots=True)
class Sample:
    """One thing to learn: a conversation up to the reply, and the reply.

    messages: as in `Example`. reply: text to be trained. kind: what it is a sample of. value: the parsed answer.
    """

    messages: tuple[dict[str, str], ...]
    reply: str
    kind: str
    value: JSON = None
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Limits:
    """How hard documents are: the curriculum raises these. held: draw layouts, wordings and instructions kept for the examination."""

    fields: int = 7
    least: int = 1
    absent: float = 0.12
    nested: float = 0.2
    filler: float = 0.35
    noise: float = 0.15
    length: int = 0
    simple: bool = False
    held: bool = False
    held_notions: bool = False


def _case(rng: random.Random, label: str) -> str:
    r = rng.random()
    return label.upper() if r < 0.12 else label.lower() if r < 0.24 else label.capitalize() if r < 0.3 else label


def _label(rng: random.Random, notion: Notion, lang: str, held: bool) -> str:
    if lang == "hi" and not held and rng.random() < 0.1:
        lang = "en"
    pool = notion.held[lang] if held else notion.labels[lang]
    label = _case(rng, rng.choice(pool))
    return label if held else _dressed(rng, label, notion)


def _dressed(rng: random.Random, label: str, notion: Notion) -> str:
    """Sometimes a label as forms print it: in both languages, cut short, or with a word before or after it."""
    r = rng.random()
    if r < 0.04:
        pair = [rng.choice(notion.labels["hi"]), rng.choice(notion.labels["en"])]
        rng.shuffle(pair)
        return rng.choice((" / ", "/", " ", " | ")).join(pair)
    if r < 0.08:
        keep, mark = rng.choice((3, 3, 4)), rng.choice((".", ".", ""))
        short = (word if len(word) <= keep + 1 or not word.isascii() else word[:keep] + mark for word in label.split())
        return " ".join(short)
    if r < 0.11:
        return rng.choice(("Your ", "Our ", "The ", "My ") if label.isascii() else ("आपका ", "हमारा ", "उक्त ")) + label
    return label + rng.choice(("*", " *", " (if any)", " ?", " ->", " (1)")) if r < 0.13 else label


def _pseudo_notion(rng: random.Random, lang: str) -> Notion:
    """A notion that means nothing: only its spelling leads from key to label. No sum: nothing would say so, and sums are
    rewritten."""
    words = [values.pseudo_word(rng, lang) for _ in range(rng.choice((1, 1, 2, 2, 3)))]
    label = " ".join(words)
    titled = " ".join(word.capitalize() for word in words)
    kind = rng.choice(("code", "name", "date", "number", "phrase", "place", "quantity", "company", "phone"))
    labels = (label, titled, titled)
    return Notion("_".join(words), kind, {"en": labels, "hi": labels}, {"en": labels, "hi": labels}, "_".join(words))


def _pick(rng: random.Random, count: int, lang: str, limits: Limits) -> list[Notion]:
    """`count` notions with distinct keys; related ones often stand together (order number beside order date)."""
    pool = notions.HELD if limits.held_notions else notions.SEEN
    if limits.held_notions and count > 3:
        count = 3
    if not limits.held_notions and rng.random() < 0.3:
        stem = rng.choice(pool).key.split("_")[0]
        related = [n for n in pool if n.key.startswith(stem + "_")]
        chosen = rng.sample(related, min(len(related), count))
    else:
        chosen = []
    while len(chosen) < count:
        notion = _pseudo_notion(rng, lang) if not limits.held_notions and rng.random() < 0.15 else rng.choice(pool)
        if all(notion.key != other.key for other in chosen):
            chosen.append(notion)
    rng.shuffle(chosen)
    return chosen


def _sentence(rng: random.Random, lang: str, words: Words) -> str:
    pool = words.sentences[lang]
    return (
        rng.choice(pool) if pool else " ".join(values.pseudo_word(rng, lang) for _ in range(rng.randint(4, 12))) + "."
    )


def _filler(rng: random.Random, lang: str, words: Words) -> str:
    """A line that answers nothing: a heading, a number, a sentence."""
    r = rng.random()
    if r < 0.3:
        return values.company(rng, lang, words).upper()
    if r < 0.45:
        return rng.choice(
            ("---", "=====", "***", "* * *", values.digits(rng, 4, 9), values.date(rng, lang, words), "____")
        )
    if r < 0.6:
        return values.make(rng, rng.choice(("phone", "amount", "name", "place", "code")), lang, words).printed
    return _sentence(rng, lang, words)


def _noisy(rng: random.Random, text: str, keep: list[str]) -> str:
    """Small printing faults outside the values: dropped or doubled characters and spaces."""
    spans = []
    for value in keep:
        start = text.find(value)
        if start >= 0:
            spans.append((start, start + len(value)))
    out = []
    for i, ch in enumerate(text):
        r = rng.random()
        if r > 0.03 or any(a <= i < b for a, b in spans):
            out.append(ch)
        elif r < 0.008:
            continue
        elif r < 0.014:
            out.append(ch + ch)
        elif ch == " " and r < 0.022:
            out.append("  ")
        elif ch.isalpha() and ch.isascii():
            out.append(rng.choice((ch.swapcase(), rng.choice("abcdefghilmnorstu"))))
        else:
            out.append(ch)
    return "".join(out)


def _leaf_schema(rng: random.Random, notion: Notion, described: bool) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": ["string", "null"]}
    if described:
        schema["description"] = rng.choice(notion.labels["en"])
    return schema


EXAMPLES = {
    "code": "AB-12", "name": "A B", "company": "AB Ltd", "place": "X", "date": "01/01/2000", "phone": "9000000000", "email": "a@b.c", "url": "a.b",
    "number": "1", "percent": "1%", "quantity": "1 kg", "time": "10:00", "phrase": "...", "amount": "100", "address": "1, X, Y",
}  # fmt: skip


def schema_text(rng: random.Random, fields: list[tuple[str, Notion | list[tuple[str, Notion]], str]]) -> str:
    """The schema as a prompt shows it: bare keys, typed lines, an example, a described list or a JSON Schema.

    fields: (key, notion, "leaf"), (key, [(key, notion), …], "object" | "array") or (key, notion, "strings").
    """
    style = rng.random()
    if style < 0.55:
        out = []
        for key, inner, shape in fields:
            if shape == "leaf":
                out.append(key)
            elif shape == "strings":
                out.append(f"{key}: []")
            else:
                body = ", ".join(k for k, _ in inner)  # type: ignore[union-attr]
                out.append(f"{key}: {{{body}}}" if shape == "object" else f"{key}: [{body}]")
        return ", ".join(out)
    if style < 0.72:
        example: dict[str, Any] = {}
        for key, inner, shape in fields:
            if isinstance(inner, list):
                body_example = {k: EXAMPLES[n.kind] for k, n in inner}
                example[key] = body_example if shape == "object" else [body_example]
            else:
                example[key] = [EXAMPLES[inner.kind]] if shape == "strings" else EXAMPLES[inner.kind]
        if rng.random() < 0.4:
            example = _blank(example)
        return dumps(example)
    if style < 0.86 or len(fields) > 5:
        out = []
        for key, inner, shape in fields:
            if isinstance(inner, list):
                body = ", ".join(k for k, _ in inner)
                out.append(f"{key}: object with {body}" if shape == "object" else f"{key}: list of {body}")
            else:
                hint = rng.choice((inner.labels["en"][0], inner.kind, "string", "string or null"))
                out.append(f"{key}: {'list of ' if shape == 'strings' else ''}{hint}")
        return "\n".join(rng.choice(("", "- ")) + line for line in out)
    properties: dict[str, Any] = {}
    described = rng.random() < 0.3
    for key, inner, shape in fields:
        if isinstance(inner, list):
            body_schema = {
                "type": "object",
                "properties": {k: _leaf_schema(rng, n, False) for k, n in inner},
                "required": [k for k, _ in inner],
            }
            properties[key] = body_schema if shape == "object" else {"type": "array", "items": body_schema}
        else:
            leaf = _leaf_schema(rng, inner, described)
            properties[key] = {"type": "array", "items": {"type": "string"}} if shape == "strings" else leaf
    return dumps({"type": "object", "properties": properties, "required": list(properties)})


def _blank(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _blank(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_blank(inner) for inner in value]
    return ""


def _items(
    rng: random.Random, inner: list[tuple[str, Notion]], lang: str, words: Words, held: bool
) -> tuple[str, list[dict[str, Any]]]:
    """A list of like things as rows of a table or lines; returns (text, answer)."""
    count = rng.choice((1, 2, 2, 3, 3, 4))
    labels = [_label(rng, notion, lang, held) for _, notion in inner]
    rows, answer = [], []
    for _ in range(count):
        made = [values.make(rng, notion.kind, lang, words) for _, notion in inner]
        rows.append([value.printed for value in made])
        answer.append({key: value.wanted for (key, _), value in zip(inner, made, strict=True)})
    r = rng.random()
    if r < 0.6:
        bar = rng.choice((" | ", "|", "\t", "   ", " ; "))
        text = "\n".join(bar.join(row) for row in [labels, *rows])
    elif r < 0.8:
        text = "\n".join(
            f"{i}. " + ", ".join(f"{label}: {value}" for label, value in zip(labels, row, strict=True))
            for i, row in enumerate(rows, 1)
        )
    else:
        text = "\n".join(" ".join(f"{label} {value}" for label, value in zip(labels, row, strict=True)) for row in rows)
    return text, answer


GREETED = {"en": ("Dear {},", "To: {}", "Hello {},", "Attn. {}"), "hi": ("प्रिय {},", "सेवा में, {}", "{} जी,", "श्री {},")}


def _take_heading(
    rng: random.Random, pairs: list[layouts.Pair], asked: list[tuple[str, Any, str]], answer: dict[str, Any]
) -> tuple[bool, str] | None:
    """Sometimes the only company or person of a document stands without a label, as a heading, greeting or signature.

    Takes its pair out of `pairs` and returns (at the top?, line).
    """
    if len(pairs) < 2 or rng.random() > 0.3:
        return None
    for kind in ("company", "name"):
        keys = [key for key, notion, shape in asked if shape == "leaf" and notion.kind == kind and answer[key]]
        if len(keys) != 1:
            continue
        found = [i for i, (_, printed) in enumerate(pairs) if answer[keys[0]] in printed]
        if len(found) != 1:
            continue
        _, printed = pairs.pop(found[0])
        if kind == "company":
            return True, rng.choice(("{}", "{}", "*** {} ***", "== {} ==", "   {}")).format(printed)
        if rng.random() < 0.5:
            lang = "en" if printed.isascii() else "hi"
            return True, rng.choice(GREETED[lang]).format(printed)
        return False, rng.choice(("", "Sd/- ", "- ", "(")) + printed
    return None


def with_examples(rng: random.Random, words: Words) -> Sample:
    """A document after one or two others that were answered under the same schema: earlier turns show the way."""
    schema, easy = rng.getrandbits(64), Limits(4, nested=0.0, filler=0.0, noise=0.0, simple=True)
    last = document(rng, words, easy, schema=schema)
    turns: list[dict[str, str]] = []
    for _ in range(rng.choice((1, 1, 2))):
        earlier = document(rng, words, easy, schema=schema)
        turns += [earlier.messages[-1], {"role": "assistant", "content": earlier.reply}]
    system, user = last.messages[0], last.messages[-1]
    return Sample((system, *turns, user), last.reply, "examples", last.value, last.language)


def document(rng: random.Random, words: Words, limits: Limits, *, schema: int | None = None) -> Sample:
    """One document, the schema asked of it, and the answer. schema: a seed for language and fields alone."""
    drawn = rng if schema is None else random.Random(schema)
    lang = "hi" if drawn.random() < 0.5 else "en"
    chosen = _pick(drawn, drawn.randint(limits.least, limits.fields), lang, limits)
    hindi_keys = lang == "hi" and not limits.held and drawn.random() < 0.2

    pairs: list[layouts.Pair] = []
    asked: list[tuple[str, Any, str]] = []
    answer: dict[str, Any] = {}
    keep: list[str] = []
    for notion in chosen:
        key = notion.hindi_key if hindi_keys else notion.key
        if key in answer:
            continue
        label = _label(rng, notion, lang, limits.held)
        present = rng.random() > limits.absent
        made = values.make(rng, notion.kind, lang, words)
        if present:
            if (
                not limits.held
                and not limits.simple
                and rng.random() < 0.06
                and notion.kind in ("phrase", "name", "place")
            ):
                several = [made] + [values.make(rng, notion.kind, lang, words) for _ in range(rng.randint(1, 3))]
                pairs.append((label, rng.choice((", ", "; ", " | ")).join(v.printed for v in several)))
                answer[key] = [v.wanted for v in several]
                asked.append((key, notion, "strings"))
                keep.append(pairs[-1][1])
                continue
            pairs.append((label, made.printed))
            keep.append(made.printed)
            answer[key] = made.wanted
        else:
            answer[key] = None
            if rng.random() < 0.3:
                pairs.append((label, rng.choice(("", "-", "N/A", "____", "NA", "—"))))
        asked.append((key, notion, "leaf"))

    # what nobody asks for stands between
    extra = [] if limits.simple else _pick(rng, rng.choice((0, 0, 1, 1, 2, 3)), lang, Limits())
    for notion in extra:
        if all(notion.key != other.key for other in chosen):
            label, made = _label(rng, notion, lang, False), values.make(rng, notion.kind, lang, words)
            if all(label != other for other, _ in pairs):
                pairs.append((label, made.printed))
                keep.append(made.printed)
    seen: set[str] = set()
    for label, _ in pairs:
        if label.casefold() in seen:  # two notions under one wording: the document would be ambiguous
            return document(rng, words, limits, schema=schema)
        seen.add(label.casefold())
    if rng.random() < 0.75:
        rng.shuffle(pairs)
    if not pairs:
        pairs.append((values.pseudo_word(rng, lang), values.phrase(rng, lang, words)))

    unlabelled = None if limits.simple or limits.held else _take_heading(rng, pairs, asked, answer)
    blocks: list[str] = []
    remaining = list(pairs)
    pool = layouts.HELD if limits.held else layouts.SEEN[:4] if limits.simple else layouts.SEEN
    while remaining:
        take = len(remaining) if rng.random() < 0.7 else rng.randint(1, len(remaining))
        part, remaining = remaining[:take], remaining[take:]
        blocks.append(rng.choice(pool)(rng, part, lang))

    if unlabelled is not None:
        before, line = unlabelled
        blocks.insert(0 if before else len(blocks), line)

    if rng.random() < limits.nested:
        pool_n = [n for n in _pick(rng, rng.randint(2, 4), lang, Limits()) if n.key not in answer]
        if len(pool_n) >= 2:
            inner = [(n.hindi_key if hindi_keys else n.key, n) for n in pool_n]
            if len({k for k, _ in inner}) == len(inner):
                outer = rng.choice(
                    ("details", "entries", "record", "parts", "rows", "lines", "info", "members", "stops", "goods")
                )
                if rng.random() < 0.6:
                    text, rows = _items(rng, inner, lang, words, False)
                    asked.append((outer, inner, "array"))
                    answer[outer] = rows
                else:
                    made_inner = [(n, values.make(rng, n.kind, lang, words)) for _, n in inner]
                    text = rng.choice(layouts.SEEN)(
                        rng, [(_label(rng, n, lang, False), v.printed) for n, v in made_inner], lang
                    )
                    heading = rng.choice((outer.title(), outer.upper(), outer.title() + ":"))
                    text = f"{heading}\n{text}"
                    asked.append((outer, inner, "object"))
                    answer[outer] = {k: v.wanted for (k, _), (_, v) in zip(inner, made_inner, strict=True)}
                blocks.insert(rng.randint(0, len(blocks)), text)
                keep.extend(text.split("\n"))

    while rng.random() < limits.filler:
        blocks.insert(rng.randint(0, len(blocks)), _filler(rng, lang, words))
    grown = sum(map(len, blocks))
    while grown < limits.length:
        sentence = " ".join(_sentence(rng, lang, words) for _ in range(rng.randint(1, 6)))
        blocks.insert(rng.randint(0, len(blocks)), sentence)
        grown += len(sentence)
    text = rng.choice(("\n", "\n", "\n\n", " ") if len(blocks) > 1 and limits.length == 0 else ("\n", "\n\n")).join(
        blocks
    )
    if rng.random() < limits.noise:
        text = _noisy(rng, text, keep)

    if not limits.simple and rng.random() < 0.2:
        rng.shuffle(asked)
    answer = {key: answer[key] for key, _, _ in asked}
    instruction = INSTRUCTIONS[0] if limits.simple else rng.choice(HELD_INSTRUCTIONS if limits.held else INSTRUCTIONS)
    if limits.held_notions and limits.held:
        instruction = INSTRUCTIONS[0]
    wanted = ", ".join(key for key, _, _ in asked) if limits.simple else schema_text(rng, asked)
    turns = asking(rng, f"{instruction}\n{wanted}", text, apart=1 if limits.simple or limits.held else 0.88)
    return Sample(turns, dumps(answer), "document", answer, lang)


def asking(rng: random.Random, question: str, text: str, *, apart: float) -> tuple[dict[str, str], ...]:
    """Turns that ask about a text: the question as system message (this share of the time), before or behind it."""
    if apart == 1 or rng.random() < apart:
        return ({"role": "system", "content": question}, {"role": "user", "content": text})
    parts = (question, text) if rng.random() < 0.5 else (text, question)
    return ({"role": "user", "content": "\n\n".join(parts)},)
