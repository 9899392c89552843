"""Invoices, receipts and forms of the synthesis, asked for under other keys than the shipped jobs use.

Only what the synthesis gives to training documents is drawn (`pools.SEEN`): the layouts, wordings and entities that the
jobs test on stay out, and so do their schemas (`notions.RESERVED_KEYS`).
"""

from __future__ import annotations

import random
from typing import Any

import regex

from tunewright.core.records import JSON
from tunewright.data.corpus import notions, values, wordings
from tunewright.data.corpus.documents import INSTRUCTIONS, Sample
from tunewright.data.corpus.notions import RESERVED_KEYS
from tunewright.data.synth import amounts, noise, templates
from tunewright.data.synth.documents import DOC_TYPES, write
from tunewright.data.synth.draw import Draw
from tunewright.data.synth.parts import ROLES
from tunewright.data.synth.schemas import AMOUNTS
from tunewright.text.serialise import dumps

KEYS = {
    "invoice_number": "invoice_no bill_no bill_number inv_no invoice_id document_number reference_number number serial_no",
    "receipt_number": "receipt_no rcpt_no slip_number receipt_id bill_no document_number reference_number number serial_no",
    "customer_name": "customer buyer client client_name billed_to bill_to party party_name purchaser payer paid_by",
    "vendor_name": "vendor seller shop shop_name issuer merchant merchant_name supplier store_name issued_by payee",
    "date": "issued_on dated bill_date document_date issue_date date_of_issue day printed_date",
    "total_amount": "grand_total amount amount_payable net_amount total_due sum payable amount_paid final_amount total_sum",
    "due_date": "due_on pay_by payment_due last_date due",
    "tax": "gst tax_amount gst_amount total_tax tax_total",
    "payment_method": "payment_mode paid_via mode pay_mode paid_by_means",
    "address": "full_address location address_line postal_address addr",
    "applicant_name": "applicant name full_name person person_name submitted_by name_of_applicant",
    "id_number": "ident id_no identity_number identification identity",
    "phone": "mobile phone_number contact contact_number mobile_no telephone phone_no",
    "date_of_birth": "dob birth_date born_on birthday",
    "balance": "previous_balance old_balance arrears outstanding earlier_dues",
}  # fmt: skip
"""Marked value → keys it is asked for under."""

HINDI_KEYS = {
    "invoice_number": "बिल_संख्या चालान_संख्या", "receipt_number": "रसीद_संख्या रसीद_नंबर", "customer_name": "ग्राहक खरीदार",
    "vendor_name": "विक्रेता दुकान", "date": "तारीख दिनांक", "total_amount": "कुल_राशि कुल_रकम", "due_date": "देय_तिथि",
    "tax": "कर जीएसटी", "payment_method": "भुगतान_प्रकार", "address": "पता", "applicant_name": "आवेदक नाम",
    "id_number": "पहचान_संख्या", "phone": "मोबाइल फोन_नंबर", "date_of_birth": "जन्म_तिथि", "balance": "पिछला_बकाया",
}  # fmt: skip

LISTS = "lines goods products entries articles line_items"
ITEM_KEYS = {
    "name": "item product description particulars",
    "quantity": "qty count pieces",
    "price": "amount cost line_total",
}
REWORDED = 0.6
"""Share of labels that the grammar words, where it has any."""
STRANGE_LABELS = 0.08
STRANGE_PIECES = 0.1
"""Share of gold labels, and of the pieces between two slots of a sentence, with a word that means nothing."""
_WORD = regex.compile(r"[\p{L}\p{M}]{3,}")
MARKED = frozenset((*KEYS, "items", "facts"))
PLAIN = MARKED - {"address", "items", "tax", "due_date", "payment_method", "date_of_birth"}
SUMS = AMOUNTS | {"balance"}
TAKEN = RESERVED_KEYS.union(*(words.split() for words in (*KEYS.values(), *HINDI_KEYS.values())))
"""Keys that no fact is asked for under."""


def fact_key(label: str) -> str:
    """A fact's label as a key: lower case, words joined by "_"."""
    return "_".join(regex.findall(r"[\p{L}\p{M}\p{N}]+", label.lower()))


class Reworded(Draw):
    """A draw whose labels are often worded by the grammar of `wordings`, and in which words that mean nothing stand here and there.

    Nobody knows every word of a paper: what an unknown label says is told by the words beside it, by what stands behind
    it, and by what the others say. So one label in twelve has a word that nobody knows, and so has one piece of a sentence in ten.
    """

    def atom(self, name: str) -> str:
        made = None
        if name.startswith("label.") and self.chance(REWORDED):
            made = wordings.wording(random.Random(self.random()), name)
        if made is None:
            made = super().atom(name)
        return self._strange(made) if name.startswith("label.") and self.chance(STRANGE_LABELS) else made

    def fill(self, text: str) -> str:
        parts = templates.template(text)
        if isinstance(parts, str):
            return self._worn(parts)
        return self._join(tuple(self._worn(part) if isinstance(part, str) else part for part in parts))

    def _worn(self, text: str) -> str:
        return self._strange(text) if len(text) > 3 and self.chance(STRANGE_PIECES) else text

    def _strange(self, text: str) -> str:
        """`text` with one of its words in place of which stands one that means nothing."""
        words = list(_WORD.finditer(text))
        if not words:
            return text
        found = self.pick(words)
        word = values.pseudo_word(random.Random(self.random()), "en" if found[0].isascii() else "hi")
        word = word.upper() if found[0].isupper() else word.capitalize() if found[0][0].isupper() else word
        return text[: found.start()] + word + text[found.end() :]


def paper(rng: random.Random) -> Sample:
    """One business paper and its values, its own and those of the facts beside them, all or some, in any order."""
    language = rng.choice(("en", "hi"))
    kind = rng.choice(DOC_TYPES)
    detailed = rng.random() < 0.4
    draw = Reworded(f"pretraining/{rng.getrandbits(64)}", language, kind, MARKED if detailed else PLAIN)
    *_, text, places = write(draw, noise.DEFAULT)
    keys = HINDI_KEYS if language == "hi" and rng.random() < 0.15 else KEYS

    def printed(path: str) -> str:
        return _printed(path, text, places[path])

    found: dict[str, JSON] = {}
    for path in places:
        if path in KEYS:
            found[rng.choice(keys[path].split())] = printed(path)
    for path in ROLES[kind].values():
        if path not in places:
            found[rng.choice(keys[path].split())] = None
    facts = [path for path in places if path.startswith("facts.")]
    rng.shuffle(facts)
    for path in facts[: 8 if rng.random() < 0.5 else rng.randint(0, 4)]:
        key = fact_key(path[len("facts.") :])
        if key and key.count("_") < 4 and key not in TAKEN:
            found.setdefault(key, printed(path))
    if rng.random() < 0.35:
        lower = text.casefold()
        for notion in rng.sample(notions.SEEN, 2):
            words = (
                " ".join((notion.key.replace("_", " "), *notion.labels["en"], *notion.labels["hi"])).casefold().split()
            )
            if notion.key not in TAKEN and not any(word in lower for word in words):
                found.setdefault(notion.key, None)
    asked = rng.sample(list(found), min(len(found), 12 if rng.random() < 0.6 else rng.randint(2, 9)))
    answer: dict[str, JSON] = {key: found[key] for key in asked}
    wanted = list(asked)
    if any(path.startswith("items[") for path in places) and rng.random() < 0.5:
        names = {field: rng.choice(words.split()) for field, words in ITEM_KEYS.items()}
        outer = rng.choice(LISTS.split())
        rows = sorted({int(path[6 : path.index("]")]) for path in places if path.startswith("items[")})
        answer[outer] = [
            {
                name: printed(path) if (path := f"items[{row}].{field}") in places else None
                for field, name in names.items()
            }
            for row in rows
        ]
        wanted.append(f"{outer}: [{', '.join(names.values())}]")
    instruction = INSTRUCTIONS[0] if rng.random() < 0.6 else rng.choice(INSTRUCTIONS)
    return Sample(messages(rng, instruction, wanted, answer, text), dumps(answer), "paper", answer, language)


def with_examples(rng: random.Random) -> Sample:
    """A paper after one or two others of its kind that were answered under the same keys."""
    kind = rng.choice(DOC_TYPES)
    keys = {path: rng.choice(KEYS[path].split()) for path in ROLES[kind].values()}
    asked = rng.sample(list(keys), len(keys))
    turns: list[dict[str, str]] = []
    for place in range(rng.choice((2, 2, 3))):
        language = rng.choice(("en", "hi"))
        draw = Reworded(f"pretraining/{rng.getrandbits(64)}", language, kind, PLAIN)
        *_, text, places = write(draw, noise.DEFAULT)
        answer: dict[str, JSON] = {
            keys[path]: _printed(path, text, places[path]) if path in places else None for path in asked
        }
        if place == 0:
            system, _ = messages(rng, INSTRUCTIONS[0], [keys[path] for path in asked], answer, "", apart=True)
            turns = [system]
        turns += [{"role": "user", "content": text}, {"role": "assistant", "content": dumps(answer)}]
    return Sample(tuple(turns[:-1]), turns[-1]["content"], "examples", answer, language)


def _printed(path: str, text: str, place: tuple[int, int]) -> str:
    start, end = place
    return amounts.normal(text[start:end]) if path.rpartition(".")[2] in SUMS else text[start:end]


def messages(
    rng: random.Random, instruction: str, wanted: list[str], answer: dict[str, JSON], text: str, *, apart: bool = False
) -> tuple[dict[str, str], ...]:
    """The schema as bare keys, an example with empty values, or a JSON Schema; mostly, or `apart`, as the system's message."""
    style = rng.random()
    shown = ", ".join(wanted)
    if style > 0.75 and not any(isinstance(value, list) for value in answer.values()):
        blank: Any = dict.fromkeys(answer, "")
        leaf = {"type": ["string", "null"]}
        schema = {"type": "object", "properties": dict.fromkeys(answer, leaf), "required": list(answer)}
        shown = dumps(blank if style < 0.9 else schema)
    system = f"{instruction}\n{shown}"
    if apart or rng.random() < 0.93:
        return {"role": "system", "content": system}, {"role": "user", "content": text}
    return ({"role": "user", "content": f"{system}\n\n{text}"},)
