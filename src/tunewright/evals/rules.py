"""The rule baseline: what labels and regular expressions alone can do, in English and Hindi.

It reads the schema's keys, decides for each what kind of thing it asks for (a date, an amount, a name …) and looks
beside the labels that papers commonly use for it. Keys it has no list for are their own label. It never saw how the
documents were made, and it is no straw man: a tuned model has to beat it to be worth its weight.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import chain

import regex

from tunewright.core.records import JSON, Example, Prediction, Span
from tunewright.evals import rule_labels as known
from tunewright.evals import rule_papers as papers
from tunewright.text.align import locate
from tunewright.text.numbers import Amount, amounts, ascii_digits
from tunewright.text.schema import leaves, resolve
from tunewright.text.serialise import dumps

_LETTER = r"[\p{L}\p{M}\p{N}]"
_MONTH = "|".join(sorted(known.MONTHS, key=len, reverse=True))
_DATE = regex.compile(
    r"(?<![\p{N}/.\-])(?:"
    r"\d{1,2}(?P<mark>[/.\-])\d{1,2}(?P=mark)(?:\d{4}|\d{2})"
    r"|20\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
    r"|\d{4}(?P<iso>[/.\-])\d{1,2}(?P=iso)\d{1,2}"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?[ \-./,]{{0,2}}(?:{_MONTH})[ \-./,']{{0,3}}(?:\d{{4}}|\d{{2}})"
    rf"|(?:{_MONTH})[ \-.]{{0,2}}\d{{1,2}}(?:st|nd|rd|th)?,?[ \-]{{0,2}}\d{{4}}"
    r")(?![\p{N}\p{L}])",
    regex.I,
)
_PHONE = regex.compile(
    r"(?<![\d/\-])(?:(?:\+?91[ \-]?|0)?[6-9]\d{4}[ \-]?\d{5}|(?:\+?91[ \-]?|0)?[6-9]\d{2}[ \-]\d{3}[ \-]\d{4}"
    r"|0\d{2,4}[ \-]\d{6,8}|\+\d{1,3}[ \-]\d[\d \-]{6,12}\d)(?![\d/])"
)
_EMAIL = regex.compile(r"[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)+")
_ID = regex.compile(
    r"\d{4}[ \-]\d{4}[ \-]\d{4}(?!\d)|(?=[\p{L}\p{M}/\-_.]{0,14}\d)[\p{L}\p{N}][\p{L}\p{M}\p{N}/\-_.]*[\p{L}\p{N}]|\d"
)
_AADHAAR_OR_PAN = regex.compile(r"(?<!\d)\d{4}[ \-]\d{4}[ \-]\d{4}(?!\d)|\b[A-Z]{5}\d{4}[A-Z]\b")
_CODE = regex.compile(r"(?<![\p{L}\p{N}])[A-Z]{1,6}[\-/](?:[A-Z0-9]+[\-/])*\d+(?![\p{L}\p{N}])|#[ ]?(\d+)")
_CURRENCY_BEFORE = regex.compile(r"(?:₹|\$|€|£|\bRs\.?|\bINR|\bRM|रु\.?|रू\.?|रुपये)[ ]?$", regex.I)
_GAP = r"(?:[ \t]*(?:no|number|nos|num|#|नं|नंबर|संख्या|सं|क्र)\b\.?)?[ \t]*(?:[:=|\-–—.।)\]*]|[ \t])*(?:\n[ \t]*)?"
_NAME_STOP = regex.compile(r"[\n|;:,(\[{\t।]|[ ]{3,}|\d|[ ][\-–—][ ]|(?<=\p{Ll}{4})\.[ ](?=\p{Lu}\p{Ll}{2})|[!?]")
_ADDRESS_STOP = regex.compile(
    r"\b(?:tel|phone|ph|fax|gst|gstin|roc|reg|co\.?[ ]?reg|date|invoice|receipt|bill|cashier|document|email|e-mail|www"
    r"|mobile|mob|table|order|tax)\b|फोन|मोबाइल|दिनांक|रसीद|बिल",
    regex.I,
)
_REGISTERED = regex.compile(
    r"[\W_]*(?:company|co|br|business|gst|roc|reg\w*)\b[ .]*(?:reg\w*|no|id)?[ .]*[:\d(]", regex.I
)


def _either(words: Iterable[str]) -> str:
    """A pattern of any of the words, longest first, any run of blanks for a blank, an optional full stop."""
    ordered = sorted(set(words), key=lambda word: (-len(word), word))
    return "(?:" + "|".join(regex.escape(word).replace(r"\ ", " ").replace(" ", r"\.?[ \t]+") for word in ordered) + ")"


@cache
def _label(words: tuple[str, ...]) -> regex.Pattern[str]:
    return regex.compile(rf"(?<!{_LETTER}){_either(words)}(?![\p{{L}}\p{{M}}])(?![\-/_]{_LETTER})(?:'s)?", regex.I)


_ANY_LABEL = _label(
    tuple({word for words in chain(known.LABELS.values(), known.TOTALS) for word in words if len(word) > 2} - {"from"})
)
_HONORIFIC = regex.compile(rf"^(?:{_either(known.HONORIFICS)}(?:\.[ ]?|[ ]))+", regex.I)
_AFTER_NAME = regex.compile(rf"[ ]+{_either(known.AFTER_NAMES)}$", regex.I)
_NAME_END = regex.compile(rf"[ ]+{_either(known.NAME_ENDS)}(?!{_LETTER})", regex.I)
# Possessive: "cash memo" is also "cash" and "memo", which would be tried in every combination.
_TITLE = regex.compile(rf"^[\W_]*+(?:{_either(known.TITLES)}[\W_]*+)++$", regex.I)
_TITLE_TAIL = regex.compile(rf"(?:[ \-–—|:]++{_either(known.TITLES)})++[\W_]*+$", regex.I)
_FIRM = regex.compile(rf"(?<!{_LETTER}){_either(known.FIRMS)}(?!{_LETTER})", regex.I)
_SALUTATION = regex.compile(rf"^[ \t]*{_either(known.SALUTATIONS)}[ ,]+(?P<name>[^\n]+)", regex.I | regex.M)
_SIGNATURE = regex.compile(rf"^[ \t]*{_either(known.SIGNATURES)}[ \t,.\-]*\n\s*(?P<name>[^\n]+)", regex.I | regex.M)
_SELF = regex.compile(rf"(?<!{_LETTER}){_either(known.SELF)}[ ,]+(?P<name>[\p{{Lu}}\p{{Lo}}][^\n]*)", regex.I)
_SIGN_OFF = regex.compile(r"[\-–—~][ \t]*(?P<name>[\p{Lu}\p{Lo}][^\n\d]{2,40})\s*$")
_PAID_AT = regex.compile(r"\b(?:at|from|to|by)[ ]+(?P<name>\p{Lu}[^\n]*)")


MOST_LEVELS = 8
"""Objects within objects that are looked into; a schema may refer to itself."""


class Rules:
    """The rule baseline as a system. Of an example it reads the text and the schema."""

    name = "rules"

    def predict(self, examples: Sequence[Example]) -> Iterator[Prediction]:
        for example in examples:
            start = time.perf_counter()
            text = example.record.text
            if example.schema is None:
                yield Prediction(
                    id=example.id, text="", failure="the rules need a JSON Schema: its keys are all they know"
                )
                continue
            value = extract(text, example.schema)
            places = ((path, locate(leaf, text)) for path, leaf in leaves(value).items())
            spans = [Span(path, *place) for path, place in places if place is not None]
            yield Prediction(
                id=example.id, text=dumps(value), value=value, spans=tuple(spans), seconds=time.perf_counter() - start
            )


def extract(text: str, schema: dict[str, JSON]) -> JSON:
    """A value for `schema` from `text` by rules; null (an empty list for lists) for what is not found."""
    if papers.fits(schema):
        return papers.extract(text, schema)
    return _value(_Document(text), "", schema, None, schema)


def notion_of(key: str) -> str | None:
    """What a key asks for (`customer_name` → `customer`), a name of `rule_labels.LABELS` or `total`; None: no idea."""
    parts = set(_key_words(key))
    return next((notion for notion, wanted in _NOTIONS if all(parts & group for group in wanted)), None)


_NUMBER_WORDS = {"number", "no", "id", "num", "code"}
_NOTIONS: tuple[tuple[str, tuple[set[str], ...]], ...] = (
    ("phone", ({"phone", "mobile", "telephone", "tel", "contact"},)),
    ("email", ({"email", "mail"},)),
    ("address", ({"address"},)),
    ("due_date", ({"due"}, {"date", "by", "on"})),
    ("date", ({"date", "dated"},)),
    ("payment_method", ({"payment"}, {"method", "mode", "type"})),
    ("tax", ({"tax", "gst", "vat"},)),
    ("total", ({"total", "payable"},)),
    ("invoice_number", ({"invoice", "bill"}, _NUMBER_WORDS)),
    ("receipt_number", ({"receipt"}, _NUMBER_WORDS)),
    ("customer", ({"customer", "client", "buyer"},)),
    ("vendor", ({"vendor", "company", "store", "merchant", "seller", "shop", "supplier"},)),
    ("applicant", ({"applicant", "candidate", "patient", "student", "claimant"},)),
    ("id_number", ({"id", "identity"}, {"number", "no", "id"})),
    ("total", ({"amount"},)),
)


class _Document:
    """text: as it is. plain: the same with ASCII digits, so that offsets agree."""

    def __init__(self, text: str):
        self.text, self.plain = text, ascii_digits(text)
        self.amounts = [found for found in amounts(text) if not self._is_code(found)]
        self.starts = [found.start for found in self.amounts]

    def _is_code(self, found: Amount) -> bool:
        """Whether a number is rather a phone or id: many digits, no marks."""
        return found.end - found.start >= 8 and self.plain[found.start : found.end].isdigit()

    def after(self, words: tuple[str, ...], unless: Sequence[str] = ()) -> Iterator[tuple[int, int]]:
        """(start of label, end of label and gap) of each label, longer wordings first, not after a word of `unless`."""
        gap = regex.compile(_GAP, regex.I)
        places = []
        for match in _label(words).finditer(self.plain):
            before = self.plain[max(0, match.start() - 20) : match.start()].rsplit("\n", 1)[-1]
            last = regex.findall(rf"{_LETTER}+(?:['’]s)?", before.casefold())[-1:]
            if not last or last[0] not in unless:
                end = gap.match(self.plain, match.end())
                places.append(
                    (words.index(_nearest(match.group(), words)), match.start(), end.end() if end else match.end())
                )
        yield from ((start, end) for _, start, end in sorted(places))


def _nearest(found: str, words: tuple[str, ...]) -> str:
    squeezed = regex.sub(r"[.\s]+", " ", found.casefold()).strip().removesuffix("'s")
    return squeezed if squeezed in words else words[-1]


def _value(document: _Document, key: str, schema: JSON, parent: str | None, root: JSON, depth: int = 0) -> JSON:
    """The value of `key`. root: where references of its schema are looked up."""
    if depth > MOST_LEVELS:
        return None
    schema = resolve(schema, root)
    kinds = _types(schema)
    if "object" in kinds or "properties" in schema:
        properties = schema.get("properties", {})
        return {name: _value(document, name, part, key or None, root, depth + 1) for name, part in properties.items()}
    if "array" in kinds:
        items = resolve(schema.get("items"), root)
        return _line_items(document, items, root) if "properties" in items else []
    if options := [option for option in schema.get("enum", ()) if isinstance(option, str)]:
        return next((option for option in options if locate(option, document.text)), None)
    number = bool(kinds & {"number", "integer"})
    notion = notion_of(key) or (notion_of(f"{parent}_{key}") if parent else None)
    found = _FINDERS[notion](document) if notion else _by_key(document, key, number)
    if found is None or not number:
        return found
    plain = next((amount.value for amount in amounts(found)), None)
    return None if plain is None else (int(float(plain)) if "number" not in kinds else float(plain))


def _types(schema: dict[str, JSON]) -> set[str]:
    kinds = schema.get("type") or ()
    found = {kinds} if isinstance(kinds, str) else set(kinds)
    for option in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        found |= _types(option) if isinstance(option, dict) else set()
    return found


def _key_words(key: str) -> list[str]:
    return regex.sub(r"(?<=[a-z])(?=[A-Z])", " ", key).replace("_", " ").replace("-", " ").casefold().split()


def _by_key(document: _Document, key: str, number: bool) -> str | None:
    """A key of no known kind is its own label: the rest of the line after it, or the amount there."""
    words = _key_words(key)
    for label in (" ".join(words), words[-1] if len(words) > 1 else ""):
        for start, end in document.after((label,)) if label else ():
            found = _amount_after(document, start, end) if number else _phrase(document.text, end)
            if found:
                return found
    return None


def _number(labels: str, fallback: regex.Pattern[str] | None) -> Callable[[_Document], str | None]:
    def find(document: _Document) -> str | None:
        for _, end in document.after(known.LABELS[labels]):
            line = document.plain[end : end + 30].split("\n", 1)[0]
            match = _ID.search(line)
            if match is None or (match.start() > 0 and _ANY_LABEL.search(line[: match.start()])):
                continue
            if match.start() > 12 or _DATE.match(document.plain, end + match.start()):
                continue
            return document.text[end + match.start() : end + match.end()]
        match = fallback.search(document.plain) if fallback else None
        return document.text[slice(*match.span(1 if match.lastindex else 0))] if match else None

    return find


def _date(document: _Document) -> str | None:
    for _, end in document.after(known.LABELS["date"], known.OTHER_DATES):
        match = next(_dates(document.plain, end, end + 30), None)
        if match and not _ANY_LABEL.search(document.plain, end, match.start()):
            return document.text[slice(*match.span())]
    dates = list(_dates(document.plain))
    unmarked = [match for match in dates if not _follows(document.plain, match.start(), known.OTHER_DATES)]
    return document.text[slice(*(unmarked or dates)[0].span())] if dates else None


def _dates(plain: str, start: int = 0, end: int | None = None) -> Iterator[regex.Match[str]]:
    """Dates in `plain[start:end]` that can be: no 32nd day, no 13th month."""
    for match in _DATE.finditer(plain, start, len(plain) if end is None else end):
        parts = [int(part) for part in regex.findall(r"\d+", match.group())]
        if match["iso"]:
            parts = parts[::-1]
        if len(parts) < 3 or (1 <= min(parts[:2]) <= 12 and max(parts[:2]) <= 31):
            yield match


def _due_date(document: _Document) -> str | None:
    for _, end in document.after(known.LABELS["due_date"]):
        if match := next(_dates(document.plain, end, end + 30), None):
            return document.text[slice(*match.span())]
    return None


def _follows(plain: str, at: int, words: Sequence[str]) -> bool:
    """Whether one of the words stands shortly before `at`, on the same line."""
    before = plain[max(0, at - 22) : at].rsplit("\n", 1)[-1].casefold()
    return any(word in words for word in regex.findall(rf"{_LETTER}+(?:-{_LETTER}+)*", before))


def _phone(document: _Document) -> str | None:
    for _, end in document.after(known.LABELS["phone"], known.OTHER_PHONES):
        if match := _PHONE.search(document.plain, end, end + 22):
            return document.text[slice(*match.span())]
    for match in _PHONE.finditer(document.plain):
        if not _follows(document.plain, match.start(), known.OTHER_PHONES):
            return document.text[slice(*match.span())]
    return None


def _email(document: _Document) -> str | None:
    match = _EMAIL.search(document.text)
    return match.group() if match else None


def _total(document: _Document) -> str | None:
    for words in known.TOTALS:
        found = [
            amount
            for start, end in document.after(words, known.NOT_THE_TOTAL)
            if (amount := _amount_after(document, start, end)) is not None
        ]
        if found:  # the surest wording comes first; within a tier what is said most often, then the largest
            times = Counter(found)
            return max(times, key=lambda value: (times[value], float(value)))
    marked = [a for a in document.amounts if _CURRENCY_BEFORE.search(document.plain[max(0, a.start - 8) : a.start])]
    decimal = [a for a in document.amounts if "." in a.value]
    return max((a.value for a in marked or decimal), key=float, default=None)


def _tax(document: _Document) -> str | None:
    for start, end in document.after(known.LABELS["tax"]):
        if (found := _amount_after(document, start, end)) is not None:
            return found
    return None


def _amount_after(document: _Document, start: int, end: int) -> str | None:
    """The amount that a label at `start` names: the last of a line it opens, else the nearest after it."""
    line_end = document.plain.find("\n", end)
    line_end = min(len(document.plain) if line_end < 0 else line_end, end + 200)
    opens = not document.plain[document.plain.rfind("\n", 0, start) + 1 : start].strip(" \t*|-#")
    dated = [match.span() for match in _DATE.finditer(document.plain, end, line_end)]
    near = document.amounts[bisect_left(document.starts, end) : bisect_left(document.starts, line_end)]
    there = [amount for amount in near if not any(first <= amount.start < last for first, last in dated)]
    if not there or there[0].start - end > 40:
        return None
    return there[-1].value if opens and line_end - end < 40 else there[0].value


def _name(labels: str) -> Callable[[_Document], str | None]:
    def find(document: _Document) -> str | None:
        for _, end in document.after(known.LABELS[labels], known.OTHER_PEOPLE):
            if found := _person(document.text, end):
                return found
        return None

    return find


def _customer(document: _Document) -> str | None:
    return _name("customer")(document) or _in_prose(document, _SALUTATION)


def _applicant(document: _Document) -> str | None:
    return _name("applicant")(document) or next(
        (found for pattern in (_SIGNATURE, _SELF, _SALUTATION) if (found := _in_prose(document, pattern))), None
    )


def _vendor(document: _Document) -> str | None:
    top = [line.strip(" \t*=-_#|~") for line in document.text[:2000].split("\n")[:6]]
    lines = [_TITLE_TAIL.sub("", line).strip() for line in top if len(line) <= 120]
    headers = [line for line in lines if _is_header(line)]
    firms = [line for line in headers if _FIRM.search(line)]
    if firms and (_FIRM.match(firms[0]) or firms[0].startswith("&")) and lines.index(firms[0]) > 0:
        firms[0] = f"{lines[lines.index(firms[0]) - 1]} {firms[0]}"
    for line in firms or headers[:1]:
        if label := _label(known.LABELS["vendor"]).match(line):
            line = line[label.end() :].lstrip(" \t:=.-–")
        # A remark in brackets belongs to the name only where the name goes on after it.
        return regex.split(r",|\||[ ]{3,}|[ ]*[(\[][^)\]]*[)\]]?[\W\d]*$", line, maxsplit=1)[0].strip(" -") or None
    return _name("vendor")(document) or _in_prose(document, _SIGN_OFF) or _in_prose(document, _PAID_AT)


def _is_header(line: str) -> bool:
    """Whether a line at the top can be the name of who wrote the paper."""
    if len(regex.findall(r"\p{L}", line)) < 3 or len(line) > 60 or _TITLE.match(line):
        return False
    return not _label(known.LABELS["receipt_number"] + known.LABELS["date"]).match(line)


def _in_prose(document: _Document, pattern: regex.Pattern[str]) -> str | None:
    for match in pattern.finditer(document.text):
        if found := _person(document.text, match.start("name")):
            return found
    return None


def _phrase(text: str, start: int) -> str | None:
    """What stands after a label, up to the end of the line, a bar, or the next label."""
    rest = text[start:].split("\n", 1)[0].split("|", 1)[0]
    next_label = _ANY_LABEL.search(rest)
    return (rest[: next_label.start()] if next_label else rest).strip(" \t,;:-–—.") or None


def _person(text: str, start: int) -> str | None:
    """The name that begins at `start`, without what addresses it; None where there is none."""
    rest = text[start : start + 90].lstrip(" \t,")
    rest = _HONORIFIC.sub("", rest)
    for stop in (_NAME_STOP, _NAME_END, _ANY_LABEL):
        if match := stop.search(rest):
            rest = rest[: match.start()]
    words = rest.split()
    if words and words[0][:1].isupper():  # a name in a sentence ends with its capitals
        capital = [
            i for i, word in enumerate(words) if word[:1].islower() and word not in ("and", "of", "bin", "binti")
        ]
        words = words[: capital[0]] if capital else words
    name = _AFTER_NAME.sub("", " ".join(words)).strip(" .,-–—&'\"*")
    letters = len(regex.findall(r"\p{L}", name))
    return name if letters >= 2 and len(words) <= 7 and name in text and not name[:1].islower() else None


def _address(document: _Document) -> str | None:
    for _, end in document.after(known.LABELS["address"]):
        if found := _phrase(document.text, end):
            return found
    lines = [line.strip() for line in document.text.split("\n")]
    block: list[str] = []
    for line in lines[1:10]:
        if _ADDRESS_STOP.search(line) or _DATE.search(ascii_digits(line)):
            if block:
                break
            continue
        if not regex.search(r"\p{L}{3}", line) or _REGISTERED.match(line) or _FIRM.search(line):
            continue
        if block or regex.search(r"\d", line):
            block.append(line)
    return " ".join(block) or None


def _payment_method(document: _Document) -> str | None:
    ways = r"UPI|cash|credit card|debit card|card|cheque|NEFT|RTGS|IMPS|net banking|bank transfer|नकद|यूपीआई|चेक|कार्ड"
    places = [end for _, end in document.after(known.LABELS["payment_method"])]
    pattern = regex.compile(rf"(?<!{_LETTER})(?:{ways})(?!{_LETTER})", regex.I)
    match = next((m for end in places if (m := pattern.search(document.text, end, end + 30))), None)
    match = match or pattern.search(document.text)
    return match.group() if match else None


def _line_items(document: _Document, items: dict[str, JSON], root: JSON) -> list[JSON]:
    """Lines that begin with words and end with as many numbers as an item has, read as name and numbers in order."""
    properties = {key: resolve(part, root) for key, part in items.get("properties", {}).items()}
    numeric = [
        key
        for key, part in properties.items()
        if _types(part) & {"number", "integer"}
        or set(_key_words(key)) & {"price", "amount", "quantity", "qty", "rate", "total"}
    ]
    named = [key for key in properties if key not in numeric]
    stop = _label(tuple({word for tier in known.TOTALS for word in tier} | set(known.NOT_THE_TOTAL)))
    rows: list[JSON] = []
    offset = 0
    for line in document.text.split("\n"):
        if rows and stop.search(line):
            break  # what stands below the total is no item
        numbers = [a for a in document.amounts if offset <= a.start < offset + len(line)]
        words = line[: numbers[0].start - offset].strip(" \t|:-–.*₹)") if numbers else ""
        if numeric and len(numbers) >= len(numeric) and regex.search(r"\p{L}{2}", words) and not stop.search(line):
            row: dict[str, JSON] = dict.fromkeys(properties)
            row |= dict.fromkeys(named[:1], words)
            # Of more numbers than keys the first counts and the last ones sum up: 2 x 45 = 90.
            first = numbers[: 1 if len(numeric) > 1 else 0]
            for key, number in zip(numeric, [*first, *numbers[len(first) - len(numeric) :]], strict=True):
                kinds = _types(properties[key])
                row[key] = float(number.value) if kinds & {"number", "integer"} else number.value
            rows.append(row)
        offset += len(line) + 1
    return rows


_FINDERS: dict[str, Callable[[_Document], str | None]] = {
    "invoice_number": _number("invoice_number", _CODE),
    "receipt_number": _number("receipt_number", _CODE),
    "id_number": _number("id_number", _AADHAAR_OR_PAN),
    "customer": _customer,
    "vendor": _vendor,
    "applicant": _applicant,
    "date": _date,
    "due_date": _due_date,
    "phone": _phone,
    "email": _email,
    "total": _total,
    "tax": _tax,
    "address": _address,
    "payment_method": _payment_method,
}
