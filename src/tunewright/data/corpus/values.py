"""Invented values of every kind, in both languages: strings that no pool can hold, so copying is all there is to learn."""

from __future__ import annotations

import random
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

EN_ONSETS = [
    "b",
    "bh",
    "br",
    "ch",
    "d",
    "dh",
    "f",
    "g",
    "gr",
    "h",
    "j",
    "k",
    "kh",
    "kl",
    "l",
    "m",
    "n",
    "p",
    "pr",
    "r",
    "s",
    "sh",
    "st",
    "t",
    "th",
    "tr",
    "v",
    "w",
    "y",
    "z",
]
EN_VOWELS = ["a", "a", "a", "e", "e", "i", "i", "o", "o", "u", "aa", "ai", "ee", "oo", "ou", "ia"]
EN_CODAS = ["", "", "", "", "n", "r", "l", "s", "sh", "m", "t", "nd", "th", "k", "j", "v", "sk", "rt"]
HI_CONSONANTS = [
    *"कखगघचछजझटठडढणतथदधनपफबभमयरलवशषसह",
    *"क्ष त्र ज्ञ श्र प्र क्र ग्र स्व न्द म्म ल्ल ड़ ढ़ ज़ फ़".split(),
]
HI_SIGNS = ["", "", "", "ा", "ा", "ि", "ी", "ी", "ु", "ू", "े", "े", "ै", "ो", "ो", "ौ", "ं", "ां"]
HI_STARTS = ["", "", "", "अ", "आ", "इ", "उ", "ए", "ओ"]
MONTHS_EN = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
MONTHS_HI = ["जनवरी", "फरवरी", "मार्च", "अप्रैल", "मई", "जून", "जुलाई", "अगस्त", "सितंबर", "अक्टूबर", "नवंबर", "दिसंबर"]
TO_DEVANAGARI = str.maketrans("0123456789", "०१२३४५६७८९")
UNITS = {
    "en": [
        "kg",
        "g",
        "litre",
        "ml",
        "km",
        "m",
        "cm",
        "pcs",
        "nos",
        "boxes",
        "bags",
        "days",
        "months",
        "years",
        "hours",
        "min",
        "kWh",
        "units",
        "%",
        "tonnes",
        "dozen",
    ],
    "hi": [
        "किलो",
        "ग्राम",
        "लीटर",
        "किमी",
        "मीटर",
        "नग",
        "बोरी",
        "दिन",
        "माह",
        "वर्ष",
        "घंटे",
        "मिनट",
        "यूनिट",
        "क्विंटल",
        "दर्जन",
        "पेटी",
    ],
}
HONORIFICS = {
    "en": ["Mr. ", "Mrs. ", "Ms. ", "Dr. ", "Shri ", "Smt. ", "Prof. ", "M/s "],
    "hi": ["श्री ", "श्रीमती ", "सुश्री ", "डॉ. ", "कुमारी ", "मे. "],
}
FIRM_EN = [
    "Traders",
    "Stores",
    "Industries",
    "Enterprises",
    "Agency",
    "Works",
    "Pvt",
    "Ltd|Associates",
    "Services",
    "Mart",
    "Brothers",
    "&",
    "Sons",
    "Motors",
    "Foods",
]
FIRM_HI = ["ट्रेडर्स", "स्टोर", "उद्योग", "एंटरप्राइजेज", "एजेंसी", "भंडार", "सेवा", "केंद्र", "ब्रदर्स", "समिति", "संस्थान", "निगम"]
PLACE_EN = ["Nagar", "Road", "Colony", "Pur", "Ganj", "Street", "Market", "Vihar", "Chowk", "East", "Hills"]
PLACE_HI = ["नगर", "रोड", "कॉलोनी", "पुर", "गंज", "मार्ग", "बाज़ार", "विहार", "चौक", "मोहल्ला"]


@dataclass(frozen=True, slots=True)
class Words:
    """Words and sentences of real prose, by language; empty lists make everything of syllables."""

    words: Mapping[str, Sequence[str]]
    sentences: Mapping[str, Sequence[str]]

    @classmethod
    def none(cls) -> Words:
        return cls({"en": (), "hi": ()}, {"en": (), "hi": ()})


def pseudo_word(rng: random.Random, lang: str) -> str:
    """A pronounceable word that no dictionary has, 1 to 4 syllables."""
    if lang == "hi":
        body = "".join(
            rng.choice(HI_CONSONANTS) + rng.choice(HI_SIGNS) for _ in range(rng.choice((1, 2, 2, 2, 3, 3, 4)))
        )
        return rng.choice(HI_STARTS) + body
    return "".join(
        rng.choice(EN_ONSETS) + rng.choice(EN_VOWELS) + (rng.choice(EN_CODAS) if rng.random() < 0.5 else "")
        for _ in range(rng.choice((1, 2, 2, 2, 3, 3, 4)))
    )


def word(rng: random.Random, lang: str, words: Words) -> str:
    """A word of prose, or an invented one."""
    pool = words.words[lang]
    return rng.choice(pool) if pool and rng.random() < 0.6 else pseudo_word(rng, lang)


def digits(rng: random.Random, low: int, high: int) -> str:
    """A run of `low` to `high` random digits."""
    return "".join(rng.choices(string.digits, k=rng.randint(low, high)))


def name(rng: random.Random, lang: str, words: Words) -> str:
    """A person's name of one to three parts, sometimes with initials."""
    parts = [word(rng, lang, words).capitalize() for _ in range(rng.choice((1, 2, 2, 2, 2, 3)))]
    if lang == "en" and rng.random() < 0.1:
        parts.insert(0, rng.choice(string.ascii_uppercase) + ".")
    text = " ".join(parts)
    return text.upper() if lang == "en" and rng.random() < 0.15 else text


def company(rng: random.Random, lang: str, words: Words) -> str:
    stem = " ".join(word(rng, lang, words).capitalize() for _ in range(rng.choice((1, 1, 2))))
    tail = rng.choice(FIRM_EN).replace("|", " ") if lang == "en" else rng.choice(FIRM_HI)
    text = f"{stem} {tail}" if rng.random() < 0.7 else stem
    return text.upper() if lang == "en" and rng.random() < 0.25 else text


def place(rng: random.Random, lang: str, words: Words) -> str:
    stem = word(rng, lang, words).capitalize()
    return f"{stem} {rng.choice(PLACE_EN if lang == 'en' else PLACE_HI)}" if rng.random() < 0.4 else stem


def code(rng: random.Random, lang: str, words: Words) -> str:
    """Identifiers as offices write them: plain numbers, prefixes, slashes, years, Devanagari prefixes."""
    r = rng.random()
    if r < 0.22:
        return digits(rng, 1, 8)
    if r < 0.3:
        return " ".join(digits(rng, 3, 4) for _ in range(rng.randint(2, 4)))
    letters = "".join(rng.choices(string.ascii_uppercase, k=rng.randint(1, 4)))
    if lang == "hi" and rng.random() < 0.3:
        letters = rng.choice(HI_CONSONANTS) + rng.choice(("", ".", rng.choice(HI_CONSONANTS)))
    separators = rng.choice((["-"], ["/"], [""], ["-", "/"], ["."], [" "]))
    parts = [letters] + [
        digits(rng, 1, 6) if rng.random() < 0.8 else "".join(rng.choices(string.ascii_uppercase, k=rng.randint(1, 3)))
        for _ in range(rng.choice((1, 1, 2, 2, 3)))
    ]
    if rng.random() < 0.2:
        rng.shuffle(parts)
    text = parts[0]
    for part in parts[1:]:
        text += rng.choice(separators) + part
    return text


def date(rng: random.Random, lang: str, words: Words) -> str:
    """A date in one of some thirty printed forms."""
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1960, 2035)
    r = rng.random()
    if r < 0.5:
        sep = rng.choice("//--.. ")
        d, m = (f"{day:02d}", f"{month:02d}") if rng.random() < 0.75 else (str(day), str(month))
        y = str(year) if rng.random() < 0.65 else f"{year % 100:02d}"
        return f"{y}{sep}{m}{sep}{d}" if len(y) == 4 and rng.random() < 0.15 else f"{d}{sep}{m}{sep}{y}"
    if lang == "hi" and rng.random() < 0.7:
        m = MONTHS_HI[month - 1]
        return rng.choice((f"{day} {m} {year}", f"{day:02d} {m}, {year}", f"{day} {m}", f"{m} {day}, {year}"))
    m = MONTHS_EN[month - 1]
    if rng.random() < 0.6:
        m = m[:3]
    if rng.random() < 0.15:
        m = m.upper()
    suffix = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd"}.get(day, "th")
    return rng.choice(
        (f"{day} {m} {year}", f"{day:02d}-{m}-{year}", f"{day:02d}-{m}-{year % 100:02d}", f"{m} {day}, {year}",
         f"{day}{suffix} {m} {year}", f"{m} {day}{suffix}, {year}", f"{day} {m}")
    )  # fmt: skip


def grouped(number: int, style: str) -> str:
    """1250000 as 1250000 (plain), 12,50,000 (indian) or 1,250,000 (western)."""
    text = str(number)
    if style == "plain" or len(text) <= 3:
        return text
    if style == "western":
        return f"{number:,}"
    head, tail = text[:-3], text[-3:]
    parts: list[str] = []
    while head:
        parts.insert(0, head[-2:])
        head = head[:-2]
    return ",".join([*parts, tail])


def amount(rng: random.Random, lang: str, words: Words) -> tuple[str, str]:
    """(as printed with symbol and grouping, the plain value): ("₹12,50,000.50", "1250000.50")."""
    number = rng.randint(1, 10 ** rng.randint(2, 7))
    decimals = f".{rng.randint(0, 99):02d}" if rng.random() < 0.35 else ""
    body = grouped(number, rng.choice(("plain", "plain", "indian", "indian", "western"))) + decimals
    if lang == "hi" and rng.random() < 0.3:
        body = body.translate(TO_DEVANAGARI)
    if lang == "hi":
        printed = rng.choice(
            ("₹{}", "₹ {}", "रु. {}", "रु {}", "रुपये {}", "{} रुपये", "{} रु.", "{}/-", "{}", "{}", "Rs. {}", "Rs {}/-")
        )
    else:
        printed = rng.choice(
            (
                "₹{}",
                "₹ {}",
                "Rs. {}",
                "Rs {}",
                "Rs.{}/-",
                "INR {}",
                "{}/-",
                "{}",
                "{}",
                "{}",
                "$ {}",
                "${}",
                "€{}",
                "USD {}",
                "{} rupees",
            )
        )
    return printed.format(body), str(number) + decimals


def phone(rng: random.Random, lang: str, words: Words) -> str:
    first = rng.choice("6789")
    return rng.choice(
        (first + digits(rng, 9, 9), f"+91 {first}{digits(rng, 4, 4)} {digits(rng, 5, 5)}", f"{first}{digits(rng, 4, 4)} {digits(rng, 5, 5)}",
         f"0{digits(rng, 2, 4)}-{digits(rng, 6, 7)}", f"+91-{first}{digits(rng, 9, 9)}", f"{first}{digits(rng, 3, 3)} {digits(rng, 3, 3)} {digits(rng, 3, 3)}")
    )  # fmt: skip


def email(rng: random.Random, lang: str, words: Words) -> str:
    user = (
        "".join(
            rng.choice((pseudo_word(rng, "en"), digits(rng, 1, 4), ".", "_")) for _ in range(rng.randint(1, 3))
        ).strip("._")
        or "info"
    )
    return f"{user}@{pseudo_word(rng, 'en')}.{rng.choice(('com', 'in', 'org', 'co.in', 'net', 'gov.in'))}"


def url(rng: random.Random, lang: str, words: Words) -> str:
    host = f"{pseudo_word(rng, 'en')}.{rng.choice(('com', 'in', 'org', 'net', 'io'))}"
    return rng.choice(("www.", "https://", "", "http://")) + host + rng.choice(("", "", "/" + pseudo_word(rng, "en")))


def number(rng: random.Random, lang: str, words: Words) -> str:
    text = digits(rng, 1, 6).lstrip("0") or "0"
    if rng.random() < 0.15:
        text += "." + digits(rng, 1, 2)
    return text.translate(TO_DEVANAGARI) if lang == "hi" and rng.random() < 0.25 else text


def percent(rng: random.Random, lang: str, words: Words) -> str:
    return f"{rng.randint(0, 100)}{rng.choice(('', '.' + digits(rng, 1, 2)))}{rng.choice(('%', ' %', '%'))}"


def quantity(rng: random.Random, lang: str, words: Words) -> str:
    value = digits(rng, 1, 4).lstrip("0") or "1"
    if rng.random() < 0.2:
        value += "." + digits(rng, 1, 2)
    return f"{value} {rng.choice(UNITS[lang])}"


def time(rng: random.Random, lang: str, words: Words) -> str:
    hour, minute = rng.randint(0, 23), rng.randint(0, 59)
    if lang == "hi" and rng.random() < 0.4:
        return rng.choice(
            (f"सुबह {hour % 12 + 1}:{minute:02d}", f"शाम {hour % 12 + 1} बजे", f"{hour:02d}:{minute:02d} बजे")
        )
    return rng.choice(
        (
            f"{hour:02d}:{minute:02d}",
            f"{hour % 12 + 1}:{minute:02d} {rng.choice(('AM', 'PM', 'am', 'pm'))}",
            f"{hour:02d}.{minute:02d} hrs",
        )
    )


def phrase(rng: random.Random, lang: str, words: Words) -> str:
    """One to five words, a run of a real sentence where prose is at hand."""
    sentences = words.sentences[lang]
    count = rng.choice((1, 1, 2, 2, 3, 3, 4, 5))
    if sentences and rng.random() < 0.5:
        parts = rng.choice(sentences).split()
        start = rng.randrange(max(1, len(parts) - count))
        text = " ".join(parts[start : start + count]).strip(" .,;:!?।\"'()-")
        if text:
            return text
    return " ".join(word(rng, lang, words) for _ in range(count))


def address(rng: random.Random, lang: str, words: Words) -> str:
    """Two to five parts with commas between: a house, a street, a quarter, a town and often its code."""
    house = rng.choice(
        ("No. {}", "{}", "H.No. {}", "Plot {}", "Flat {}", "#{}")
        if lang == "en"
        else ("म.नं. {}", "{}", "मकान {}", "प्लॉट {}")
    )
    number = digits(rng, 1, 3) + rng.choice(("", "", "/" + digits(rng, 1, 2), "-" + rng.choice("ABCD")))
    parts = [house.format(number), *(place(rng, lang, words) for _ in range(rng.choice((1, 1, 2, 3))))]
    if rng.random() < 0.3:
        parts[:2] = [" ".join(parts[:2])]
    town = word(rng, lang, words).capitalize()
    r = rng.random()
    code = digits(rng, 5, 6)
    parts.append(
        f"{town} {code}" if r < 0.3 else f"{town}-{code}" if r < 0.5 else f"{code} {town}" if r < 0.65 else town
    )
    text = rng.choice((", ", ", ", ", ", " ")).join(parts)
    return text.upper() if lang == "en" and rng.random() < 0.3 else text


PLAIN = {
    "code": code, "name": name, "company": company, "place": place, "date": date, "phone": phone, "email": email, "url": url,
    "number": number, "percent": percent, "quantity": quantity, "time": time, "phrase": phrase, "address": address,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Value:
    """printed: what the document shows. wanted: what the answer holds (amounts plain, honorifics gone)."""

    printed: str
    wanted: str


def make(rng: random.Random, kind: str, lang: str, words: Words) -> Value:
    """A value of one kind. Hindi documents carry some English values (names of firms, codes), as real ones do."""
    if kind == "amount":
        return Value(*amount(rng, lang, words))
    if lang == "hi" and kind in ("company", "phrase", "name", "place", "address") and rng.random() < 0.12:
        lang = "en"
    wanted = PLAIN[kind](rng, lang, words)
    if kind in ("code", "date", "phone") and lang == "hi" and rng.random() < 0.12:
        wanted = wanted.translate(TO_DEVANAGARI)
    if kind == "name" and rng.random() < 0.2:
        printed = rng.choice(HONORIFICS[lang]) + wanted
        if lang == "hi" and rng.random() < 0.2:
            printed += " जी"
        return Value(printed, wanted)
    if kind in WRAPPED and wanted.count(" ") > 1 and rng.random() < WRAPPED[kind]:
        return Value(_wrapped(rng, wanted), wanted)
    return Value(wanted, wanted)


WRAPPED = {"address": 0.45, "phrase": 0.06, "company": 0.06}
"""How often a long value of a kind goes over several lines; the answer has a space there."""


def _wrapped(rng: random.Random, text: str) -> str:
    """The text over two or more lines, broken after commas where it has some."""
    parts = text.split(", ")
    if len(parts) > 1 and rng.random() < 0.8:
        breaks = [rng.random() < 0.6 for _ in parts[1:]]
        return parts[0] + "".join((",\n" if new else ", ") + part for new, part in zip(breaks, parts[1:], strict=True))
    single = text.split(" ")
    at = rng.randrange(1, len(single))
    return " ".join(single[:at]) + "\n" + " ".join(single[at:])
