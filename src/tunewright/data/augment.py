"""More records for training, made of those there are: asked otherwise, for other keys, with other records' values, in a
noisier text, two at once, papers with their title pages set otherwise (`data.front`).

What is made is right by construction, and looked at again all the same (`faults`): the answer obeys its schema, has no
value that its parents have not, and every value that a parent says in so many words is still said. What fails is left
out and counted.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import regex

from tunewright.core.recipe import AugmentOptions
from tunewright.core.records import JSON, Record
from tunewright.data import front
from tunewright.text import align, dates
from tunewright.text import schema as schemas_of
from tunewright.text.numerals import number_in, size_of

ASKING = ("prompt", "keys", "head", "mixed_head")
"""Ways that are for tasks that can ask for a record in several ways."""

LONGEST = 2000
"""Longer texts, in characters, are not put together."""

GREETINGS = {
    "en": (("please ", "hi, ", "okay so ", "hey there, "), (" please", " thanks", ", thank you", " if you can")),
    "hi": (("कृपया ", "सुनिए, ", "जी, "), (" धन्यवाद", ", शुक्रिया", " जी")),
    "hi-Latn": (("please ", "suno, ", "zara "), (" please", " thanks", ", shukriya")),
}
"""By language: what may stand before a text and behind it, and says nothing. Other languages get no such words."""

JOINTS = ((". ", "; ", " / ", "\n"), (" ", "\n"))
"""What stands between two texts: behind one without a stop, and behind one that has it."""

STOPS = ".!?।"
_MARKS = STOPS + ",;:()[]\"'"

COPIED = 0.95
"""Share of a key's strings that stand in their texts from which one is taken for copied, and may be another's."""

SWAPPED = 0.7
"""How many of a record's values that may be another's are, on average."""

LONGEST_DAY = 4
"""Words of a day that is written out, at most: "5 January 2023", "on Thu 5 Jan"."""

LEAST_SLIP = 5
"""Letters of a word from which two of them may be exchanged."""

_WORD = regex.compile(r"[\p{L}\p{M}\p{N}_]+")
_LETTERS = regex.compile(r"(?<![\p{L}\p{M}\p{N}_])\p{L}[\p{L}\p{M}]*(?![\p{L}\p{M}\p{N}_])")
"""Words with digits in them are left out."""


@dataclass
class Augmented:
    """records: those that were made. counts: by way. refused: by what was found wrong."""

    records: list[Record] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def note(self) -> str:
        """One sentence for the screen."""
        made = ", ".join(f"{count:,} {way}" for way, count in sorted(self.counts.items()))
        lost = f"; {self.refused.total():,} left out: {self.refused.most_common(1)[0][0]}" if self.refused else ""
        return f"{len(self.records):,} records made of those of train ({made}){lost}"


Made = tuple[Record, dict[str, JSON]]
"""A record, and the schema of its answer."""


def augment(
    records: Sequence[Record], schemas: Mapping[str, dict[str, JSON]], options: AugmentOptions, seed: int
) -> Augmented:
    """Records made of `records`, with ids and groups of their own parents; the same for the same seed, in any order.

    schemas: by doc_type; the first also serves records without a type of its own. Records that bring a schema are only
    asked in other words and with noise. provenance["made"]: {"by", "of"}; provenance["keys"], ["parts"]: what is asked
    for where that is not the whole schema, or several times it.
    """
    found = Augmented()
    sets = {kind: _key_sets(schema, options.key_sets, f"{seed}/{kind}") for kind, schema in schemas.items()}
    partners: dict[tuple[str | None, str | None], list[Record]] = {}
    for record in sorted(records, key=lambda one: one.id):
        if "schema" in record.provenance:
            continue
        partners.setdefault((record.doc_type, record.language), []).append(record)
    pools = {kind: _Values(alike) for kind, alike in partners.items()}
    mixing = any(options.ways.get(way) for way in ("mixed", "mixed_head"))
    parts = {kind: front.Parts(alike) for kind, alike in partners.items()} if mixing else {}
    for record in records:
        dice = random.Random(f"{seed}/{record.id}")
        own = "schema" in record.provenance
        kind, schema = ("", record.provenance["schema"]) if own else _schema(record, schemas)
        whole, part = divmod(options.copies, 1)
        for number in range(int(whole) + (dice.random() < part)):
            [way] = dice.choices(list(options.ways), list(options.ways.values()))
            made: Made | None
            parents = [record]
            if own and way not in ("prompt", "noise"):
                made = None
            elif way == "keys":
                made = _narrowed(record, schema, dice.choice(sets[kind]))
            elif way == "values":
                made, others = pools[record.doc_type, record.language].swapped(record, schema, dice)
                parents += others
            elif way == "noise":
                made = _noisy(record, schema, dice)
            elif way in ("front", "head", "mixed", "mixed_head"):
                page: Record | None = record
                if way.startswith("mixed"):
                    page = parts[record.doc_type, record.language].mixed(record, dice)
                if page is not None and (way == "front" or (way != "mixed" and dice.random() < 0.5)):
                    page = front.rearranged(page, dice)
                if page is None:
                    made = None
                elif way in ("front", "mixed"):
                    made = page, schema
                else:
                    page = front.head(page, dice)
                    made = _narrowed(page, schema, [[key] for key in page.target if key != front.LONG])
                parents = [page] if page is not None else parents  # the answer is what the new page prints
            elif way == "together":
                parents.append(dice.choice(partners[record.doc_type, record.language]))
                made = _together(parents, schema, dice)
            else:
                made = record, schema
            if made is None:
                found.refused[f"{way}: not with such a record"] += 1
                continue
            one, its = made
            if wrong := faults(one, its, parents):
                found.refused[wrong[0]] += 1
                continue
            about = {"by": way, "of": [parent.id for parent in parents]}
            provenance = {**one.provenance, "made": about}
            found.records.append(one.replace(id=f"{record.id}+{number + 1}", spans=(), provenance=provenance))
            found.counts[way] += 1
    return found


def faults(made: Record, schema: dict[str, JSON], parents: Sequence[Record]) -> list[str]:
    """What is wrong with a record that was made of others; empty where it is right."""
    found = [f"the answer does not obey its schema: {fault}" for fault in schemas_of.validate(made.target, schema)]
    theirs = Counter(_typed(leaf) for parent in parents for leaf in schemas_of.leaves(parent.target).values())
    own = Counter(_typed(leaf) for leaf in schemas_of.leaves(made.target).values())
    found += [f"a value is not its parents': {leaf!r}" for _, leaf in own - theirs]
    said = {leaf for _, leaf in own if isinstance(leaf, str) and any(leaf in parent.text for parent in parents)}
    found += [f"a value is no longer said: {leaf!r}" for leaf in sorted(said) if leaf not in made.text]
    return found


def _typed(leaf: JSON) -> tuple[str, JSON]:
    return type(leaf).__name__, leaf


def _schema(record: Record, schemas: Mapping[str, dict[str, JSON]]) -> tuple[str, dict[str, JSON]]:
    kind = record.doc_type if record.doc_type in schemas else next(iter(schemas))
    return str(kind), schemas[str(kind)]


def _key_sets(schema: dict[str, JSON], count: int, seed: str) -> list[list[list[str]]]:
    """Choices of keys, half of them at least, in orders of their own; keys of one object stand together."""
    ways, dice = schemas_of.ways(schema), random.Random(seed)
    sets = []
    for _ in range(count):
        kept = sorted(dice.sample(ways, dice.randint((len(ways) + 1) // 2, len(ways))))
        rank: dict[tuple[str, ...], float] = {}
        for way in kept:
            for end in range(1, len(way) + 1):
                rank.setdefault(tuple(way[:end]), dice.random())
        kept.sort(key=lambda way: [rank[tuple(way[:end])] for end in range(1, len(way) + 1)])
        sets.append(kept)
    return sets


def _narrowed(record: Record, schema: dict[str, JSON], keys: list[list[str]]) -> Made | None:
    target = schemas_of.taken(record.target, keys)
    if not schemas_of.leaves(target):
        return None  # nothing of what is asked for is there
    made = record.replace(target=target, provenance={**record.provenance, "keys": keys})
    return made, schemas_of.narrowed(schema, keys)


Unsaid = frozenset[tuple[str, tuple[str, JSON]]]
"""What an answer says, by key, that does not stand in its text beside the strings that are copied from it."""


class _Values:
    """What stands at each key of records that are alike: strings that are copied from their texts.

    Items of an array share one key. A key's strings are in order, each as often as it was met. They are kept by what
    else their answers say that their texts don't: a country may be known from the city alone, an intent from the dish.
    """

    def __init__(self, records: Sequence[Record]):
        met: dict[str, list[tuple[str, Record]]] = {}
        for record in records:
            for path, leaf in schemas_of.leaves(record.target).items():
                if isinstance(leaf, str) and leaf:
                    met.setdefault(schemas_of.key_of(path), []).append((leaf, record))
        copied = {
            key: pairs
            for key, pairs in met.items()
            if sum(leaf in record.text for leaf, record in pairs) >= COPIED * len(pairs)
        }
        self.unsaid = {record.id: _unsaid(record, copied.keys()) for record in records} if copied else {}
        self.strings: dict[str, dict[Unsaid, list[tuple[str, Record]]]] = {key: {} for key in copied}
        for key, pairs in copied.items():
            for leaf, record in pairs:
                if leaf in record.text:
                    self.strings[key].setdefault(self.unsaid[record.id], []).append((leaf, record))

    def swapped(self, record: Record, schema: dict[str, JSON], dice: random.Random) -> tuple[Made | None, list[Record]]:
        """(the record with other records' values, those records); None where it has none that could be another's.

        Only values that stand in the text once, as words of their own, and not across another value; and only those of
        records that agree in all that is not read from the text by itself.
        """
        leaves = schemas_of.leaves(record.target)
        places = {
            path: list(align.exact(leaf, record.text))
            for path, leaf in leaves.items()
            if isinstance(leaf, str) and leaf
        }
        alone = {
            path: found[0]
            for path, found in places.items()
            if schemas_of.key_of(path) in self.strings
            and len(found) == 1
            and align.stands_alone(*found[0], record.text)
            and not any(_across(found[0], other) for at in places if at != path for other in places[at])
        }
        text, changed, others = record.text, {}, []
        for path, (start, end) in sorted(alone.items(), key=lambda one: -one[1][0]):
            leaf, other = dice.choice(self.strings[schemas_of.key_of(path)][self.unsaid[record.id]])
            if dice.random() < SWAPPED and leaf != leaves[path]:
                text, changed[path] = text[:start] + leaf + text[end:], leaf
                others.append(other)
        if not changed:
            return None, []
        target = schemas_of.with_leaves(record.target, changed)
        return (record.replace(text=text, target=target), schema), others


def _unsaid(record: Record, copied: Collection[str]) -> Unsaid:
    rest, strings, others = record.text, [], []
    for path, leaf in schemas_of.leaves(record.target).items():
        if schemas_of.key_of(path) in copied and isinstance(leaf, str) and leaf and leaf in record.text:
            strings.append(leaf)
            for start, end in align.exact(leaf, record.text):
                rest = rest[:start] + "\0" * (end - start) + rest[end:]
        elif leaf is not None:
            others.append((schemas_of.key_of(path), leaf))
    return frozenset(
        (key, _typed(leaf))
        for key, leaf in others
        if not _told(leaf, rest) or any(_told(leaf, string) for string in strings)
    )


def _told(leaf: JSON, text: str) -> bool:
    """Whether a text says a value by itself: in its characters, as an amount, a number in words, or a day."""
    place = align.locate(leaf, text)
    if place is not None and align.stands_alone(*place, text):
        return True
    words = [word.strip(_MARKS) for word in text.split()]
    if isinstance(leaf, int) and not isinstance(leaf, bool):
        return any(number_in(word) == leaf for word in words)
    if not isinstance(leaf, str) or not dates.readings(leaf):
        return False
    runs = (" ".join(words[at : at + size]) for at in range(len(words)) for size in range(1, LONGEST_DAY + 1))
    return any(dates.same_day(leaf, run) for run in runs)


def _across(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _together(parents: Sequence[Record], schema: dict[str, JSON], dice: random.Random) -> Made | None:
    one, other = parents
    if one.id == other.id or len(one.text) + len(other.text) > LONGEST:
        return None
    text = one.text + dice.choice(JOINTS[one.text[-1:] in STOPS]) + other.text
    target = {schemas_of.PARTS: [one.target, other.target]}
    made = one.replace(text=text, target=target, provenance={**one.provenance, "parts": 2})
    return made, schemas_of.several(schema, 2)


def _noisy(record: Record, schema: dict[str, JSON], dice: random.Random) -> Made | None:
    """Words around the text; small letters, words said twice and slips outside of what the answer says, never inside.

    Where a value does not stand in the text as it is, nobody knows which words it is read from: no slips in these.
    None where nothing could be changed.
    """
    kept, slips = _said(record)
    text = record.text
    changes = (*_KEEPING, _slip) if slips else _KEEPING
    for change in dice.sample(changes, dice.randint(0, 2)):
        text, kept = change(text, kept, dice)
    before, behind = GREETINGS.get((record.language or "en").split("+")[0], ((), ()))
    around = dice.choice(("", "before", "behind") if text != record.text else ("before", "behind"))
    if around == "before" and before:
        text = dice.choice(before) + text
    elif around == "behind" and behind:
        end = len(text.rstrip(STOPS + " "))
        end = len(text) if any(end < last for _, last in kept) else end
        text = text[:end] + dice.choice(behind) + text[end:]
    return (record.replace(text=text), schema) if text != record.text else None


Places = list[tuple[int, int]]


def roughened(record: Record, share: float, seed: int, schema: dict[str, JSON] | None = None) -> Record:
    """The record with a share of its words changed, and no value: what a system makes of such texts is to be seen.

    Of the words of letters outside of what the answer says that are no numbers, this share is changed, a larger one
    what a smaller one does and more. Each is written small, said twice, or has two letters exchanged. Where a value
    does not stand in the text as it is, nobody knows which words it is read from, and none gets slips; a value that
    `schema` gives a choice of is read from no single word.
    """
    dice = random.Random(f"{seed}/{record.id}")
    kept, slips = _said(record, schema)
    words = _words(record.text, kept)
    dice.shuffle(words)
    otherwise = {place: _otherwise(record.text[slice(*place)], slips, dice) for place in words}
    chosen = sorted(words[: int(share * len(words) + dice.random())])  # the share on average, in short texts as well

    def part(first: int, last: int) -> str:
        found = ""
        for start, end in chosen:
            if first <= start < last:
                found, first = found + record.text[first:start] + otherwise[start, end], end
        return found + record.text[first:last]

    asked, size = record.provenance.get("question"), len(record.text)
    if not asked or not record.text.endswith(asked):
        return record.replace(text=part(0, size), spans=())
    question = part(size - len(asked), size)
    text = part(0, size - len(asked)) + question
    return record.replace(text=text, spans=(), provenance={**record.provenance, "question": question})


def _otherwise(word: str, slips: bool, dice: random.Random) -> str:
    """A word said twice, in small letters or with two of its letters exchanged; never as it was."""
    forms = [f"{word} {word}", word.lower()]
    places = [at for at in range(1, len(word) - 2) if word[at] != word[at + 1]]
    if slips and len(word) >= LEAST_SLIP and word.isascii() and places:
        at = dice.choice(places)
        forms.append(word[:at] + word[at + 1] + word[at] + word[at + 2 :])
    return dice.choice([form for form in forms if form != word])


def _said(record: Record, schema: dict[str, JSON] | None = None) -> tuple[Places, bool]:
    """Where the answer's values stand in the text, and whether all of them do that are not chosen from a few."""
    leaves = {path: leaf for path, leaf in schemas_of.leaves(record.target).items() if leaf is not None}
    said = [leaf for leaf in leaves.values() if isinstance(leaf, str) and leaf and leaf in record.text]
    chosen = schemas_of.chosen(record.target, schema or {})
    silent = [leaf for path, leaf in leaves.items() if path not in chosen and leaf not in said]
    return [place for leaf in said for place in align.exact(leaf, record.text)], not silent


def _slip(text: str, kept: Places, dice: random.Random) -> tuple[str, Places]:
    """Two letters of a longer word outside of `kept` change places."""
    words = [
        match
        for match in re.finditer(rf"[^\W\d_]{{{LEAST_SLIP},}}", text)
        if match.group().isascii() and _free(match.span(), kept)
    ]
    if not words:
        return text, kept
    word = dice.choice(words)
    at = dice.randrange(word.start() + 1, word.end() - 2)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :], kept


def _lower(text: str, kept: Places, dice: random.Random) -> tuple[str, Places]:
    """All words outside of `kept` in small letters."""
    made = _WORD.sub(lambda match: match.group().lower() if _free(match.span(), kept) else match.group(), text)
    return (made if len(made) == len(text) else text), kept


def _double(text: str, kept: Places, dice: random.Random) -> tuple[str, Places]:
    """A word outside of `kept` is said twice."""
    words = _words(text, kept)
    if not words:
        return text, kept
    first, last = dice.choice(words)
    longer = last - first + 1
    moved = [(start + longer, end + longer) if start >= last else (start, end) for start, end in kept]
    return f"{text[:last]} {text[first:last]}{text[last:]}", moved


_KEEPING: tuple[Callable[[str, Places, random.Random], tuple[str, Places]], ...] = (_lower, _double)
"""Changes that leave every word there."""


def _words(text: str, kept: Places) -> Places:
    """The words of letters outside of `kept`, but for numbers: "two two" may be twenty-two."""
    return [
        match.span()
        for match in _LETTERS.finditer(text)
        if _free(match.span(), kept) and number_in(match.group()) is None and size_of(match.group()) is None
    ]


def _free(place: tuple[int, int], kept: Places) -> bool:
    return not any(_across(place, other) for other in kept)
