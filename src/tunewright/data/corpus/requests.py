"""Requests and remarks whose values bear no label: what a value is, only the world or the words around it tell.

`request`: a sentence or two, the JSON that says the same, with what is not said left out or null. `sorted_names`: names
of several kinds in a row, each to be put under its own.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tunewright.data.corpus import knowledge, values
from tunewright.data.corpus.documents import Sample, asking
from tunewright.data.corpus.knowledge import listed
from tunewright.data.corpus.values import Words
from tunewright.text.serialise import dumps

Make = Callable[[random.Random, str, Words], str]


@dataclass(frozen=True)
class Kind:
    """keys: what it may be asked for as. frames: what stands around it, by language. make: a value."""

    keys: tuple[str, ...]
    frames: dict[str, tuple[str, ...]]
    make: Make


def _of(english: str, hindi: str = "") -> Make:
    return lambda rng, lang, words: rng.choice(listed(hindi if lang == "hi" and hindi else english))


UNITS = ("minute", "hour", "day", "week", "month", "year", "second")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
HI_DAYS = ("सोमवार", "मंगलवार", "बुधवार", "गुरुवार", "शुक्रवार", "शनिवार", "रविवार")
NUMBERS = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty", "thirty", "forty",
)  # fmt: skip
HI_NUMBERS = ("एक", "दो", "तीन", "चार", "पाँच", "छह", "सात", "आठ", "नौ", "दस", "बारह", "पंद्रह", "बीस")


def _count(rng: random.Random, lang: str, words: Words) -> str:
    if rng.random() < 0.5:
        return str(rng.randint(1, 40))
    return rng.choice(NUMBERS if lang == "en" else HI_NUMBERS)


def _when(rng: random.Random, lang: str, words: Words) -> str:
    """A time or a stretch of it, as people say it, with the word before it that belongs to it."""
    hour, number = rng.randint(1, 12), _count(rng, lang, words)
    if lang == "hi":
        day, part = rng.choice(HI_DAYS), rng.choice(("सुबह", "दोपहर", "शाम", "रात"))
        return rng.choice(
            (f"{day} को", "कल", "आज", "परसों", f"{part} {hour} बजे", f"{number} दिन बाद", f"अगले {day}", "अगले हफ्ते", f"आज {part}",
             f"{rng.randint(1, 28)} {rng.choice(values.MONTHS_HI)}")
        )  # fmt: skip
    unit, day, month = rng.choice(UNITS), rng.choice(DAYS), rng.choice(values.MONTHS_EN)
    minute = f"{rng.randint(0, 59):02d}"
    part = rng.choice(("morning", "afternoon", "evening", "night", "noon", "midnight", "dawn", "breakfast", "sunset"))
    clock = rng.choice((f"{hour}:{minute}", f"{hour} pm", f"{hour} am", f"{hour}:{minute} PM", f"{hour} o'clock"))
    some = f"{number} {unit}" if number in ("1", "one") else f"{number} {unit}s"
    return rng.choice(
        (f"in {some}", f"in {some}", f"{some} from now", f"on {day}", f"this {part}", f"next {day}", f"next {unit}",
         f"at {clock}", clock, f"{month} {rng.randint(1, 28)}", f"on {month} {rng.randint(1, 28)}", f"{rng.randint(1, 28)} {month}",
         f"in {month}", "today", "tomorrow", "tonight", "right now", "now", f"{day} {part}", f"tomorrow {part}", f"in a {unit}", f"this {unit}",
         f"by {rng.randint(1990, 2040)}", f"the {rng.randint(4, 20)}th of {month}", f"during {part}")
    )  # fmt: skip


def _title(rng: random.Random, lang: str, words: Words) -> str:
    """What a song, book, film or list is called: a run of prose, mostly with capitals."""
    text = values.phrase(rng, lang, words)
    if lang == "en" and rng.random() < 0.3:
        text = f"{rng.choice(('The', 'A', 'My', 'This Is', 'Best of', 'How to'))} {text}"
    return text.title() if lang == "en" and rng.random() < 0.7 else text


def _score(rng: random.Random, lang: str, words: Words) -> str:
    return rng.choice((str(rng.randint(0, 10)), rng.choice(NUMBERS[:9])))


def _person(rng: random.Random, lang: str, words: Words) -> str:
    first = rng.choice(listed(knowledge.FIRST_NAMES if lang == "en" else knowledge.HI_FIRST_NAMES))
    return first if rng.random() < 0.5 else f"{first} {values.word(rng, lang, words).capitalize()}"


KINDS: dict[str, Kind] = {
    "town": Kind(
        ("town", "city_name", "municipality", "city_or_town"),
        {"en": ("in {}", "near {}", "at {}", "to {}", "from {}", "around {}", "for {}"), "hi": ("{} में", "{} से", "{} के पास")},
        _of(knowledge.TOWNS, knowledge.HI_TOWNS),
    ),
    "state": Kind(
        ("state", "province", "region"),
        {"en": ("in {}", "in {}", "from {}", "for {}", "close to {}"), "hi": ("{} में", "{} से")},
        _of(knowledge.STATES, knowledge.HI_STATES),
    ),
    "country": Kind(
        ("country", "nation"),
        {"en": ("in {}", "in {}", "from {}", "for {}", "to {}"), "hi": ("{} में", "{} से", "{} के लिए")},
        _of(knowledge.COUNTRIES, knowledge.HI_COUNTRIES),
    ),
    "person": Kind(
        ("person", "contact", "recipient", "attendee"),
        {"en": ("with {}", "for {}", "by {}", "and tell {}", "like {}"), "hi": ("{} को", "{} के साथ", "{} के लिए")},
        _person,
    ),
    "when": Kind(("when", "time", "date_time", "period"), {"en": ("{}", "{}", "{}"), "hi": ("{}",)}, _when),
    "count": Kind(
        ("count", "people", "how_many", "group_size"),
        {"en": ("for {}", "for {} people", "for a group of {}", "{} of them"), "hi": ("{} लोगों के लिए", "{} जनों का")},
        _count,
    ),
    "cuisine": Kind(("kitchen", "style_of_cooking"), {"en": ("with {} food", "that does {} cooking"), "hi": ("{} खाना",)}, _of(knowledge.CUISINES)),
    "dish": Kind(
        ("dish", "food_item", "meal"),
        {"en": ("with {}", "that has {}", "and some {}", "plus {}"), "hi": ("{} के साथ", "और {}")},
        _of(knowledge.DISHES, knowledge.HI_DISHES),
    ),
    "genre": Kind(("music_style", "style"), {"en": ("with {} music", "some {}", "a {} tune"), "hi": ("{} संगीत",)}, _of(knowledge.GENRES)),
    "language": Kind(("language", "spoken_language"), {"en": ("in {}", "speaking {}", "a {} version"), "hi": ("{} में",)}, _of(knowledge.LANGUAGES)),
    "trade": Kind(("occupation", "job", "role"), {"en": ("as a {}", "from a {}", "by the {}"), "hi": ("{} से",)}, _of(knowledge.TRADES)),
    "thing": Kind(("object", "item", "product"), {"en": ("a {}", "the {}", "one {}", "my {}"), "hi": ("{}",)}, _of(knowledge.THINGS)),
    "animal": Kind(("animal", "pet"), {"en": ("a {}", "the {}", "our {}"), "hi": ("{}",)}, _of(knowledge.ANIMALS)),
    "colour": Kind(("color", "shade"), {"en": ("in {}", "painted {}", "the {} one"), "hi": ("{} रंग",)}, _of(knowledge.COLOURS)),
    "title": Kind(
        ("called", "name_of_it", "work_title", "list_name"),
        {"en": ("called {}", "named {}", "{}", "the one titled {}", '"{}"'), "hi": ("जिसका नाम {} है", "“{}”")},
        _title,
    ),
    "score": Kind(("score", "stars", "grade"), {"en": ("{} out of 10", "{} stars", "a {}", "{} points"), "hi": ("{} अंक",)}, _score),
    "code": Kind(("reference", "code"), {"en": ("with code {}", "ref {}", "number {}"), "hi": ("क्रमांक {}",)}, values.code),
}  # fmt: skip

OPENINGS = {
    "en": (
        "I want", "I need", "I would like", "Can you find", "Please get me", "Look up", "What about", "Is there", "Show",
        "Tell me about", "Add", "Send", "Remind me of", "Arrange", "Search for", "Give", "Order", "Put", "Where is",
        "How is", "Will there be", "Let me have", "We are looking for", "Bring", "Set up", "Reserve", "Check", "Plan", "",
    ),
    "hi": ("मुझे चाहिए", "कृपया बताइए", "ढूँढिए", "भेजिए", "क्या है", "याद दिलाइए", "जोड़ दीजिए", "दिखाइए", "बुक कीजिए", ""),
}  # fmt: skip
NOUNS = {
    "en": ("something", "a place", "a table", "a room", "the forecast", "a ticket", "a seat", "a trip", "a list", "a meeting", "an offer",
           "the schedule", "a course", "the best one", "a note", "an order", "a letter", "the news", "one", ""),
    "hi": ("कुछ", "एक जगह", "एक कमरा", "टिकट", "सूची", "बैठक", "खबर", "एक सीट", ""),
}  # fmt: skip
ENDS = {"en": ("", "", "", ".", "?", " please", " please.", ", thanks"), "hi": ("", "", "।", "?")}
LEAVE_OUT = (
    "Extract as JSON. Leave out what is not said.",
    "Write what the sentence says as JSON, only the fields that it gives.",
    "JSON, without the keys that have no value.",
)
WITH_NULL = (
    "Extract these fields as JSON. Use null for what the document does not give.",
    "Fill in the fields as JSON; null where nothing is said.",
)
HABIT = 0.5
"""How often places stand together, as they do: a town, its state, its country."""


def request(rng: random.Random, words: Words) -> Sample:
    """A sentence with up to five values of different kinds, and the JSON of those that are asked for."""
    lang = "en" if rng.random() < 0.75 else "hi"
    drawn = rng.sample(list(KINDS), rng.choice((1, 2, 2, 3, 3, 4, 5)))
    if rng.random() < HABIT:
        drawn = [kind for kind in drawn if kind not in ("town", "state", "country")]
        drawn.insert(rng.randint(0, len(drawn)), rng.choice(("town", "state", "country", "town+state", "town+country")))
    said: list[tuple[str, str]] = []
    parts = [rng.choice(OPENINGS[lang]), rng.choice(NOUNS[lang])]
    for kind in drawn:
        made = [(one, KINDS[one].make(rng, lang, words)) for one in kind.split("+")]
        frame = rng.choice(KINDS[made[0][0]].frames[lang])
        between = rng.choice((", ", ", ", " ")) if lang == "en" else ", "
        said += made
        parts.append(frame.format(between.join(value for _, value in made)))
    if rng.random() < 0.15:  # what comes first may be any of it
        rng.shuffle(parts)
    text = " ".join(part for part in parts if part) + rng.choice(ENDS[lang])
    fold = lang == "en" and rng.random() < 0.35
    if fold:
        text = text.lower()
    found = {kind: value.lower() if fold else value for kind, value in said}
    return _asked(rng, text, dict(sorted(found.items(), key=lambda one: text.find(one[1]))), lang)


def _asked(rng: random.Random, text: str, found: dict[str, str], lang: str) -> Sample:
    """The question for the values of a text: some of them or all, and some that it has not, in text order or another."""
    names = {kind: rng.choice(KINDS[kind].keys) for kind in KINDS}
    asked = [kind for kind in found if rng.random() < 0.9]
    others = [kind for kind in KINDS if kind not in found]
    more = rng.sample(others, min(len(others), rng.choice((0, 1, 2, 4, 8, 12))))
    if rng.random() < 0.5:  # every kind has its place, whatever the text says first
        order = [kind for kind in KINDS if kind in (*asked, *more)]
    else:
        order = list(asked)
        for kind in more:
            order.insert(rng.randint(0, len(order)), kind)
    if not order:
        order = [next(iter(found))]
    if rng.random() < 0.6:
        answer: dict[str, str | None] = {names[kind]: found[kind] for kind in order if kind in found}
        say = rng.choice(LEAVE_OUT)
    else:
        answer = {names[kind]: found.get(kind) for kind in order}
        say = rng.choice(WITH_NULL)
    keys = ", ".join(names[kind] for kind in order)
    return Sample(asking(rng, f"{say}\n{keys}", text, apart=0.6), dumps(answer), "request", answer, lang)


GROUPS = {
    "cities": "town", "states": "state", "countries": "country", "people": "person", "dishes": "dish", "music_styles": "genre",
    "languages": "language", "occupations": "trade", "objects": "thing", "animals": "animal", "colors": "colour",
}  # fmt: skip


def sorted_names(rng: random.Random, words: Words) -> Sample:
    """Names of two to four kinds in a row, each to be put under its own kind, in the order of the text."""
    lang = "en" if rng.random() < 0.75 else "hi"
    groups = rng.sample(list(GROUPS), rng.choice((2, 2, 3, 4)))
    if rng.random() < HABIT:
        groups = list(dict.fromkeys([*rng.sample(("cities", "states", "countries"), 2), *groups]))[:4]
    answer: dict[str, list[str]] = {group: [] for group in groups}
    row: list[str] = []
    for _ in range(rng.randint(2, 9)):
        group = rng.choice(groups)
        value = KINDS[GROUPS[group]].make(rng, lang, words)
        if value not in row:
            row.append(value)
            answer[group].append(value)
    text = rng.choice((", ", "; ", "\n", " / ")).join(row)
    system = f"Put each under its kind, as JSON.\n{', '.join(f'{group}: []' for group in groups)}"
    turns = ({"role": "system", "content": system}, {"role": "user", "content": text})
    return Sample(turns, dumps(answer), "sorted", answer, lang)


def draw(rng: random.Random, words: Words) -> Sample:
    """Mostly a request, sometimes names to be sorted."""
    return sorted_names(rng, words) if rng.random() < 0.3 else request(rng, words)
