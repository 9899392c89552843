"""Title pages of papers, set otherwise: what stands on them in another order, dress and company, its values kept.

A paper's head is taken apart (title, authors, affiliations, abstract, DOI, the journal's line) and put together again:
other orders, stamps of arXiv, running heads, words parted at line ends, columns beside each other, marks of affiliation
on names, "Surname, Given" and initials, titles in capitals, dates, keywords, highlights. The answer follows what is
printed: it has the name, title and DOI as this page writes them, and null for what it leaves out. Some orders and
wordings are kept for testing (`KEPT`).
"""

from __future__ import annotations

import calendar
import random
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tunewright.core.records import JSON, Record
from tunewright.data.clean import clean_text

FIELDS = ("id", "title", "authors", "abstract", "doi")
"""What the answer to a paper holds."""

LONG = "abstract"
"""The one of them that takes longer to write than all others."""

BEYOND = (100, 1200)
"""Characters of a paper behind the last of what it is asked for: least and most."""

FURTHER = 3
"""Paragraphs of the body before which something of the title page may still come."""

MONTHS = tuple(calendar.month_name)[1:]
SUBJECTS = ("cs.CL", "cs.LG", "cs.CV", "stat.ML", "q-bio.PE", "q-bio.GN", "physics.bio-ph", "eess.IV", "math.ST")
EDITORS = ("Ann Field", "Luis Prado", "Mei-Ling Ho", "Tomasz Wrona", "Farah Aziz", "Ingrid Dahl", "Paul Okoro")
KINDS = (
    "Research article",
    "RESEARCH ARTICLE",
    "Original Paper",
    "Article",
    "Review",
    "OPEN ACCESS",
    "Full Length Article",
)


@dataclass(frozen=True)
class Pool:
    """Ways to print one thing: those that training may show, and those that are kept for testing."""

    seen: tuple[str, ...]
    kept: tuple[str, ...]

    def of(self, kept: bool) -> tuple[str, ...]:
        return self.kept if kept else self.seen


ORDERS = Pool(
    (
        "title authors places abstract", "title authors places abstract", "title authors abstract places",
        "title abstract authors places", "authors title places abstract", "title places authors abstract",
    ),
    ("title abstract places authors", "authors places title abstract", "abstract title authors places"),
)  # fmt: skip
ABSTRACT_HEADS = Pool(
    (
        "Abstract\n",
        "Abstract\n",
        "ABSTRACT\n",
        "Abstract: ",
        "Abstract—",
        "Summary\n",
        "Abstract. ",
        "A B S T R A C T\n",
        "",
    ),
    ("SUMMARY: ", "Abstract - ", "Abstract:\n", "* Abstract *\n"),
)
JOINTS = Pool((", ", ", ", ", and ", "; ", " and ", "\n", " · "), (" | ", ",\n", " & "))
"""Between names; ", and " stands before the last one only."""
DOI_FORMS = Pool(
    ("doi:{}", "DOI: {}", "https://doi.org/{}", "http://dx.doi.org/{}", "DOI {}", "doi: {}"),
    ("Digital Object Identifier {}", "Available at https://dx.doi.org/{}", "(doi:{})"),
)
MARKS = ("", "", "digits", "digits", "raised", "star", "spaced", "letters")
"""How names bear their affiliations."""


@dataclass
class Paper:
    """A paper taken apart. places: lines of affiliation. body: what follows the abstract."""

    title: str
    authors: list[str]
    abstract: str
    doi: str | None
    journal: str | None
    body: str
    places: list[str] = field(default_factory=list)


def taken_apart(record: Record) -> Paper | None:
    """The record's paper in parts; None where title, authors and abstract do not stand at its head as they are said."""
    target = record.target
    if not isinstance(target, dict) or not all(target.get(key) for key in ("title", "authors", "abstract")):
        return None
    if not set(target) <= set(FIELDS):
        return None  # nobody knows how a page prints the others
    title, authors, abstract = target["title"], target["authors"], target["abstract"]
    at = record.text.find(abstract)
    head = record.text[: max(at, 0)]
    if at < 0 or title not in head or not all(name in head for name in authors):
        return None
    paper = Paper(title, authors, abstract, target.get("doi"), None, record.text[at + len(abstract) :].strip())
    for number, line in enumerate(filter(str.strip, head.split("\n"))):
        if number == 0 and title not in line:
            paper.journal = line.split("|")[0].strip()
        elif not (title in line or authors[0] in line or (paper.doi and paper.doi in line) or _is_head(line)):
            paper.places.append(line.strip())
    return paper


def _is_head(line: str) -> bool:
    return len(line) < 40 and (line.isupper() or line.strip().casefold() in ("abstract", "summary"))


def rearranged(record: Record, dice: random.Random, *, kept: bool = False) -> Record | None:
    """The record with its title page set otherwise, and the answer as that prints it; None where it has none to set.

    kept: with the orders and wordings that are kept for testing.
    """
    paper = taken_apart(record)
    if paper is None:
        return None
    setter = _Setter(paper, dice, kept)
    text = clean_text(setter.page(), pages=True)
    target: dict[str, JSON] = {key: setter.printed.get(key) for key in record.target}
    made = record.replace(text=text, target=target, spans=())
    return None if unsaid(made) else made


def head(record: Record, dice: random.Random) -> Record:
    """The record with its text cut some way behind the last of what it prints, its abstract aside."""
    values = [value for key in record.target if key != LONG for value in _strings(record.target[key])]
    places = (re.search(r"\s+".join(map(re.escape, value.split())), record.text) for value in values)
    last = max((place.end() for place in places if place is not None), default=0) + dice.randint(*BEYOND)
    end = record.text.find(" ", last)
    return record.replace(text=record.text[: end if end >= 0 else None])


class Parts:
    """What stands on the title pages of papers, to be exchanged among them: titles, names, lengths of lists of names,
    journals, DOIs."""

    def __init__(self, records: Sequence[Record]):
        papers = [paper for paper in map(taken_apart, records) if paper is not None]
        self.titles = [paper.title for paper in papers]
        self.names = list(dict.fromkeys(name for paper in papers for name in paper.authors))
        self.lengths = [len(paper.authors) for paper in papers]
        self.journals = [paper.journal for paper in papers if paper.journal]
        self.dois = [paper.doi for paper in papers if paper.doi]

    def mixed(self, record: Record, dice: random.Random) -> Record | None:
        """The record as it is printed, with the title, names, journal and DOI of others; None without such a head.

        Names are those of several papers together, as many as one of them has.
        """
        paper = taken_apart(record)
        if paper is None:
            return None
        end = record.text.find(paper.abstract)
        head, rest = record.text[:end], record.text[end:]
        begin, stop = head.find(paper.authors[0]), head.find(paper.authors[-1]) + len(paper.authors[-1])
        joint = ", "
        if head[begin:stop] != joint.join(paper.authors):
            return None  # marks or other words stand between the names
        names = dice.sample(self.names, min(len(self.names), dice.choice(self.lengths)))
        target = {**record.target, "title": dice.choice(self.titles), "authors": names}
        changes = [(paper.title, target["title"]), (head[begin:stop], joint.join(names))]
        if paper.doi:
            target["doi"] = dice.choice(self.dois)
            changes.append((paper.doi, target["doi"]))
        if paper.journal:
            changes.append((paper.journal, dice.choice(self.journals)))
        if any(head.count(old) != 1 for old, _ in changes):
            return None  # it would change more than one thing
        new = dict(changes)
        head = re.sub("|".join(map(re.escape, new)), lambda found: new[found[0]], head)
        return record.replace(text=head + rest, target={key: target[key] for key in record.target}, spans=())


def unsaid(record: Record) -> list[str]:
    """Values of the answer that the text does not say, white space aside."""
    said = " ".join(record.text.split())
    values = [value for key in record.target for value in _strings(record.target[key])]
    return [value for value in values if " ".join(value.split()) not in said]


def _strings(value: JSON) -> list[str]:
    return [value] if isinstance(value, str) else list(value) if isinstance(value, list) else []


class _Setter:
    """Sets one page. printed: the answer as it comes to be printed."""

    def __init__(self, paper: Paper, dice: random.Random, kept: bool):
        self.paper, self.dice, self.kept = paper, dice, kept
        self.printed: dict[str, JSON] = {"abstract": paper.abstract}
        self.width = dice.choice((0, 0, 60, 72, 84, 100))
        self.year = dice.randint(1998, 2024)
        self.surname = paper.authors[0].split()[-1]
        self.running = self._running()

    def page(self) -> str:
        dice = self.dice
        blocks = [getattr(self, f"_{name}")() for name in self._pick(ORDERS).split()]
        extras: list[str] = []
        for chance, make in self._extras():
            if dice.random() < chance:
                extras.append(make())
        last = []
        for extra in filter(None, extras):
            if dice.random() < 0.12:
                last.append(extra)
            else:
                blocks.insert(dice.randint(0, len(blocks)), extra)
        doi = self._doi()
        if doi:
            blocks.insert(dice.choice((0, len(blocks), dice.randint(0, len(blocks)))), doi)
        gap = dice.choice(("\n", "\n\n"))
        return gap.join(filter(None, blocks)) + "\n\n" + self._body(last)

    def _pick(self, pool: Pool) -> str:
        return self.dice.choice(pool.of(self.kept))

    def _extras(self) -> Sequence[tuple[float, Callable[[], str]]]:
        return (
            (0.6, self._journal), (0.5, lambda: self.dice.choice(KINDS)), (0.35, self._stamp), (0.4, self._dates),
            (0.4, self._keywords), (0.15, self._highlights), (0.3, self._letters), (0.15, self._editor),
            (0.25, self._licence), (0.3, lambda: self.running), (0.1, lambda: str(self.dice.randint(1, 900))),
        )  # fmt: skip

    # -- what is asked for

    def _title(self) -> str:
        title = self.paper.title
        if self.dice.random() < 0.15:
            title = title.upper()
        self.printed["title"] = title
        head = "Title: " if self.dice.random() < 0.04 else ""
        return self._wrapped(head + title + ("*" if self.dice.random() < 0.04 else ""), narrow=True)

    def _authors(self) -> str:
        dice = self.dice
        form = dice.choice(("given", "given", "given", "given", "surname", "initials", "capitals"))
        names = [_written(name, form) for name in self.paper.authors]
        self.printed["authors"] = names
        joint = "; " if form == "surname" else self._pick(JOINTS)
        mark = dice.choice(MARKS)
        borne = [name + self._mark(mark, number) for number, name in enumerate(names)]
        if len(borne) > 1 and (joint == ", and " or (joint == ", " and dice.random() < 0.3)):
            joint = ", "
            borne[-2:] = [f"{borne[-2]}{dice.choice((', and ', ' and ', ' & '))}{borne[-1]}"]
        return self._wrapped(joint.join(borne)) if "\n" not in joint else joint.join(borne)

    def _mark(self, kind: str, number: int) -> str:
        places = max(1, min(9, len(self.paper.places)))
        own = sorted({number % places + 1, self.dice.randint(1, places)})
        star = "*" if number == 0 else ""
        if kind == "digits":
            return ",".join(map(str, own)) + star
        if kind == "raised":
            return "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[one] for one in own[:1]) + star
        if kind == "letters":
            return " " + ",".join("abcdefghi"[one - 1] for one in own) + ("," + star if star else "")
        return {"star": star, "spaced": f" ({own[0]})"}.get(kind, "")

    def _abstract(self) -> str:
        head = self._pick(ABSTRACT_HEADS)
        if "\n" in head:
            return head + self._wrapped(self.paper.abstract)
        return self._wrapped(head + self.paper.abstract)

    def _doi(self) -> str:
        if not self.paper.doi or (self.paper.doi not in self.paper.body and self.dice.random() < 0.08):
            self.printed["doi"] = None
            return ""
        self.printed["doi"] = self.paper.doi
        return self._pick(DOI_FORMS).format(self.paper.doi)

    def _stamp(self) -> str:
        dice = self.dice
        if self.kept or dice.random() < 0.9:
            name = f"{dice.randint(7, 24):02}{dice.randint(1, 12):02}.{dice.randint(1, 19999):05}v{dice.randint(1, 4)}"
        else:
            archive = dice.choice(("math", "cs", "q-bio", "physics"))
            name = f"{archive}/{dice.choice((98, 99))}{dice.randint(1, 12):02}{dice.randint(1, 999):03}v1"
        self.printed["id"] = name
        date = f"{dice.randint(1, 28)} {dice.choice(MONTHS)[:3]} {self.year}"
        return dice.choice((" ", " ", "  ")).join((f"arXiv:{name}", f"[{dice.choice(SUBJECTS)}]", date))

    # -- what stands beside it

    def _places(self) -> str:
        dice, places = self.dice, list(self.paper.places)
        if not places or dice.random() < 0.1:
            return ""
        bare = [re.sub(r"^(?:\d{1,2}(?=\D)|\*)\s*", "", place) for place in places]
        form = dice.choice(("as is", "{}", "{} {}", "{}{}", "({}) {}"))
        if form != "as is":
            numbered = enumerate(bare, 1)
            places = [form.format(n, place) if form.count("{}") == 2 else place for n, place in numbered]
        if dice.random() < 0.15:  # a second column beside the first
            column = [self._date("Received"), self._date("Accepted"), "Keywords", *self._words()][: len(places)]
            places = [f"{one}    {two}" for one, two in zip(places, column, strict=False)] + places[len(column) :]
        return dice.choice(("\n", "\n", "; ")).join(places)

    def _journal(self) -> str:
        dice, name = self.dice, self.paper.journal or "Preprint"
        volume, number, first = dice.randint(1, 90), dice.randint(1, 12), dice.randint(1, 900)
        form = dice.choice(
            (
                "{n} | Volume {v} {y}", "{n} {y}, {v}, {f}", "{n} {v} ({y}) {f}–{l}", "{n}, Vol. {v}, No. {i}",
                "{n} ({y}) {v}:{f}", "{N}", "Published in {n}, {M} {y}", "Contents lists available at {n}",
            )
        )  # fmt: skip
        return form.format(
            n=name,
            N=name.upper(),
            v=volume,
            i=number,
            y=self.year,
            f=first,
            l=first + dice.randint(4, 20),
            M=dice.choice(MONTHS),
        )

    def _running(self) -> str:
        name, dice = self.paper.journal or "Preprint", self.dice
        return dice.choice(
            (f"{self.surname} et al. {name} ({self.year})", f"{self.surname} et al.", f"{name} {self.year}")
        )

    def _date(self, what: str) -> str:
        day, month = self.dice.randint(1, 28), self.dice.choice(MONTHS)
        return self.dice.choice((f"{what}: {day} {month} {self.year}", f"{what} {month} {day}, {self.year}"))

    def _dates(self) -> str:
        kinds = ["Received", "Revised", "Accepted", "Published online"][: self.dice.randint(1, 4)]
        return self.dice.choice(("\n", "; ", " / ")).join(map(self._date, kinds))

    def _words(self) -> list[str]:
        words = [word for word in re.findall(r"[A-Za-z]{6,}", self.paper.abstract) if word.islower()] or ["study"]
        return [self.dice.choice(words) for _ in range(self.dice.randint(3, 6))]

    def _keywords(self) -> str:
        head = self.dice.choice(("Keywords: ", "Key words: ", "KEYWORDS ", "Keywords\n", "Index terms—"))
        return head + self.dice.choice(("; ", ", ", " · ")).join(self._words())

    def _highlights(self) -> str:
        sentences = [
            one for one in re.split(r"(?<=[.?!]) ", self.paper.body[:6000]) if 40 < len(one) < 120 and "\n" not in one
        ]
        chosen = self.dice.sample(sentences, min(3, len(sentences)))
        return "Highlights\n" + "\n".join(f"• {one}" for one in chosen) if chosen else ""

    def _letters(self) -> str:
        address = f"{self.surname.lower()}@example.{self.dice.choice(('org', 'edu', 'net'))}"
        form = self.dice.choice(
            ("* Correspondence: {a}", "Corresponding author: {s} ({a})", "E-mail: {a}", "Correspondence to {s}, {a}")
        )
        return form.format(a=address if address.isascii() else "author@example.org", s=self.surname)

    def _editor(self) -> str:
        return self.dice.choice(("Academic Editor: {}", "Edited by: {}", "Communicated by {}")).format(
            self.dice.choice(EDITORS)
        )

    def _licence(self) -> str:
        return self.dice.choice(
            (
                f"© {self.year} The Author(s). This is an open access article under the CC BY licence.",
                f"Copyright: © {self.year} by the authors. Distributed under the Creative Commons Attribution License.",
                f"Copyright © {self.year} {self.surname} et al.",
            )
        )

    def _body(self, last: list[str]) -> str:
        """The paper after its title page: what was left for later, running heads, other papers' identifiers."""
        dice = self.dice
        parts = [part for part in self.paper.body.split("\n") if part.strip()]
        for extra in last:
            parts.insert(dice.randint(0, min(FURTHER, len(parts))), extra)
        if self.running and dice.random() < 0.5:
            for at in range(min(12, len(parts)), 0, -4):
                parts.insert(at, f"{self.running}")
        if dice.random() < 0.3:
            other = f"{dice.randint(7, 24):02}{dice.randint(1, 12):02}.{dice.randint(1, 19999):05}"
            note = dice.choice(
                ("See also arXiv:{} for a related account.", "An early form of the method is in arXiv:{}.")
            )
            parts.insert(dice.randint(1, 6) if len(parts) > 6 else len(parts), note.format(other))
        if dice.random() < 0.3:
            other = f"10.{dice.randint(1000, 9999)}/{dice.choice(('abc', 'jx', 'pub'))}.{dice.randint(1000, 99999)}"
            note = dice.choice(
                ("Data are kept at https://doi.org/{}.", "The protocol is described elsewhere (doi:{}).")
            )
            parts.insert(dice.randint(1, 6) if len(parts) > 6 else len(parts), note.format(other))
        return "\n".join(parts)

    def _wrapped(self, text: str, *, narrow: bool = False) -> str:
        """Text in lines of the page's width, where it has one; long words may be parted at line ends."""
        width = min(self.width, 60) if narrow and self.width else self.width
        if not width or len(text) <= width:
            return text
        lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
        if self.dice.random() < 0.5:
            for at in range(len(lines) - 1):
                word = lines[at + 1].split(" ")[0]
                if len(word) > 8 and word.isalpha() and word.islower() and self.dice.random() < 0.6:
                    cut = self.dice.randint(3, len(word) - 3)
                    lines[at] += f" {word[:cut]}-"
                    lines[at + 1] = lines[at + 1][cut:]
        return "\n".join(lines)


def _written(name: str, form: str) -> str:
    """A name in another form; one of a single word stays as it is."""
    given, _, surname = name.rpartition(" ")
    if not given:
        return name
    if form == "surname":
        return f"{surname}, {given}"
    if form == "initials":
        letters = [part[0] for part in re.split(r"[\s-]+", given) if part[:1].isalpha()]
        return f"{' '.join(f'{letter}.' for letter in letters)} {surname}" if letters else name
    if form == "capitals":
        return name.upper() if len(name.upper()) == len(name) else name
    return name
