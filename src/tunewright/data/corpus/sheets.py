"""Sheets: a dozen labels with a word or a number behind each, most of them asked for under other words.

What leads from a key to a label (synonyms, the other language, capitals, abbreviations) is a dictionary that has to be learnt
by heart. A paper shows it four words of that at the price of three hundred tokens; a sheet shows three times as many.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from tunewright.core.records import JSON
from tunewright.data.corpus import layouts, papers, values
from tunewright.data.corpus.documents import INSTRUCTIONS, Limits, Sample, _label, _pick
from tunewright.data.corpus.values import Words
from tunewright.data.synth import cases, labels, pools
from tunewright.data.synth.documents import DOC_TYPES
from tunewright.text.serialise import dumps

Field = tuple[str, str, str]
"""(key, label, kind of value)."""

ROLES = {
    "invoice": {"number": "invoice_number", "party": "customer_name", "vendor": "vendor_name", "date": "date", "total": "total_amount", "due": "due_date", "address": "address", "payment": "payment_method"},
    "receipt": {"number": "receipt_number", "party": "customer_name", "vendor": "vendor_name", "date": "date", "total": "total_amount", "address": "address", "payment": "payment_method"},
    "form": {"name": "applicant_name", "date": "date", "id": "id_number", "phone": "phone", "address": "address"},
}  # fmt: skip
"""doc_type → role in the synthesis → marked value of `papers.KEYS`."""
KINDS = {
    "customer_name": "name", "vendor_name": "name", "applicant_name": "name", "date": "date", "due_date": "date",
    "total_amount": "amount", "phone": "phone", "address": "place", "payment_method": "phrase",
}  # fmt: skip
PAGES: list[layouts.Layout] = [
    layouts.lines, layouts.lines, layouts.mixed_lines, layouts.inline, layouts.squeezed, layouts.pipe_rows, layouts.pipe_table,
    layouts.aligned, layouts.below, layouts.bullets, layouts.numbered, layouts.leaders, *[layouts.invented] * 7,
]  # fmt: skip
ABSENT = 0.2
"""Share of what is asked for that the sheet does not have."""


def sheet(rng: random.Random, words: Words) -> Sample:
    """One sheet and the values asked of it, in any order."""
    lang = rng.choice(("en", "hi"))
    fields = list(_business(rng, lang) if rng.random() < 0.5 else _notions(rng, lang))
    rng.shuffle(fields)
    alike = rng.choice((None, None, "number", "code", "name"))
    found: dict[str, JSON] = {}
    pairs: list[layouts.Pair] = []
    printed: set[str] = set()
    for key, label, kind in fields:
        value = _short(rng, alike or kind, lang, words)
        if key in found or value in printed or any(label.casefold() == other.casefold() for other, _ in pairs):
            continue
        found[key] = None
        if pairs and rng.random() < ABSENT:
            continue
        found[key] = value
        printed.add(value)
        pairs.append((label, value))
    asked = rng.sample(list(found), max(1, len(found) - rng.choice((0, 0, 1, 3))))
    answer = {key: found[key] for key in asked}
    text = rng.choice(PAGES)(rng, pairs, lang)
    instruction = INSTRUCTIONS[0] if rng.random() < 0.8 else rng.choice(INSTRUCTIONS)
    return Sample(papers.messages(rng, instruction, asked, answer, text), dumps(answer), "sheet", answer, lang)


def _notions(rng: random.Random, lang: str) -> Iterator[Field]:
    """Field notions, related ones among them."""
    hindi_keys = lang == "hi" and rng.random() < 0.2
    for notion in _pick(rng, rng.randint(6, 14), lang, Limits()):
        yield notion.hindi_key if hindi_keys else notion.key, _label(rng, notion, lang, False), notion.kind


def _business(rng: random.Random, lang: str) -> Iterator[Field]:
    """What a business paper names, and facts that stand on such papers, asked for under another of their names."""
    kind = rng.choice(DOC_TYPES)
    draw = papers.Reworded(f"pretraining/{rng.getrandbits(64)}", lang, kind, papers.MARKED)
    case = cases.build(draw)
    keys = papers.HINDI_KEYS if lang == "hi" and rng.random() < 0.15 else papers.KEYS
    for role, name in ROLES[kind].items():
        if rng.random() < 0.85:
            label = labels.local(draw, labels.pool_of(draw, role))
            yield rng.choice(keys[name].split()), label, KINDS.get(name, "code")
    taken = labels.of_gold(draw)
    entries = list(pools.pool(f"facts.{kind}.{lang}").sides[pools.SEEN])
    if case.scene.facts:
        entries += pools.pool(f"facts.{case.scene.facts}.{lang}").sides[pools.SEEN]
    for entry in rng.sample(entries, min(len(entries), rng.randint(2, 8))):
        left = entry.partition(" :: ")[0]
        names = [name for name in left.split("|") if "<" not in left and pools.atom_key(name) not in taken]
        if not names or not names[0][0].isalnum():
            continue
        key = papers.fact_key(rng.choice(names))
        if key and key.count("_") < 4 and key not in papers.TAKEN:
            yield key, labels.cased(draw, rng.choice(names)), "code"


def _short(rng: random.Random, kind: str, lang: str, words: Words) -> str:
    """A value of few tokens that looks like its kind."""
    if kind in ("name", "company", "place", "phrase", "address", "email", "url"):
        return values.word(rng, lang, words).title()
    if kind == "date":
        return f"{rng.randint(1, 28)}/{rng.randint(1, 12)}"
    if kind in ("amount", "number", "quantity", "percent"):
        return str(rng.randint(1, 9999))
    return values.digits(rng, 6, 10) if kind == "phone" else f"{rng.choice('ABCDKMPRSX')}{rng.randint(1, 999)}"
