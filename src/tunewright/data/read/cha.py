"""CHAT transcripts (TalkBank's .cha): a file, or a folder with such files in it at any depth.

    rows = read(Path("Pitt"), TranscriptOptions(label="folder", unit="turn"))
    list(rows), rows.notes()

The format is that of MacWhinney, Tools for Analyzing Talk, part 1: The CHAT Transcription Format (TalkBank). Lines are
headers (`@`), what a speaker says (`*PAR:`), tiers about it (`%`, not read) and continuations (a tab). What a line says
stands in `_chat`. A faulty line is set aside alone; the rest of its transcript is read.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from pathlib import Path, PurePosixPath

from tunewright.core import catalogue
from tunewright.core.errors import DataError
from tunewright.core.recipe import CodeOptions, TranscriptOptions
from tunewright.core.records import JSON
from tunewright.data.read._chat import Broken, said
from tunewright.data.read._shared import Rejected, Row, excerpt, head, lines, not_utf8, split_of

suffixes = (".cha",)

STUDIED_ROLES = ("Participant", "Target_Child", "Target_Adult", "Patient", "Subject")
STUDIED_CODES = ("PAR", "CHI")
KINDS = tuple(name for name in CodeOptions.model_fields if name != "all")

_SAID = re.compile(r"\*([^\s:]+):\s*(.*)", re.DOTALL)
_HEADER = re.compile(r"@([^:\t]+)(?::\s*(.*))?", re.DOTALL)
_NOT_SPOKEN = re.compile(r"\[[^\]]*\]|&=\S+|\b(?:xxx?|yyy?|www)\b")
_ID = ("language", "corpus", "code", "age", "sex", "group", "ses", "role", "education", "custom")
_LANGUAGES = {"eng": "en", "hin": "hi", "spa": "es", "deu": "de", "fra": "fr", "zho": "zh", "nld": "nl", "ita": "it"}
_NAMELESS = ("participant", "patient", "subject", "child", "adult", "speaker", "client")


@dataclass(slots=True)
class Speaker:
    """What @Participants and @ID say of one."""

    code: str
    name: str = ""
    role: str = ""
    about: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Transcript:
    """One file. name: its path in the folder. said: (line, speaker's code, what) in order; headers may be missing."""

    name: str
    language: str = ""
    speakers: dict[str, Speaker] = field(default_factory=dict)
    said: list[tuple[int, str, str]] = field(default_factory=list)
    faults: list[Rejected] = field(default_factory=list)

    def fault(self, line: int, reason: str, raw: str | bytes = "") -> None:
        self.faults.append(Rejected(line, reason, excerpt(raw), self.name))


@dataclass(slots=True)
class _Piece:
    """What one line says. codes: kind → how many."""

    line: int
    code: str
    text: str = ""
    codes: Counter[str] = field(default_factory=Counter)


_code, _text = attrgetter("code"), attrgetter("text")


def files_of(folder: Path) -> list[Path]:
    """The transcripts in a folder at any depth, in the order of their paths; hidden files are none."""
    return sorted(file for file in folder.rglob("*.cha") if file.is_file() and not file.name.startswith("."))


def read(path: Path, options: TranscriptOptions | None = None) -> Transcripts:
    """The rows of a file or a folder: {id, text, label, participant, language, split, provenance}.

    split: of a folder above that is named after one. provenance: file, speaker, what @ID says of them, `codes` (kind →
    how many) and `faults`, how much of the transcript was set aside.
    Raises DataError where a file that is asked for alone cannot be read, and where labels are to come from folders or a
    table that do not give any.
    """
    return Transcripts(path, options or TranscriptOptions())


class Transcripts(Iterator[Row | Rejected]):
    """Rows in order, once; `notes` tells afterwards what was done."""

    def __init__(self, path: Path, options: TranscriptOptions):
        self.options = options
        self._path = path
        self._files = files_of(path) if path.is_dir() else [path]
        self._names = [file.relative_to(path).as_posix() if path.is_dir() else file.name for file in self._files]
        self._styles = {kind: options.codes.of(kind) for kind in KINDS}
        self._codes: Counter[str] = Counter()
        self._others: Counter[str] = Counter()
        self._participants: dict[str, set[str]] = defaultdict(set)
        self._labels: Counter[str] = Counter()
        self._label = self._labeller()
        self._rows = self._read()

    def __next__(self) -> Row | Rejected:
        return next(self._rows)

    def notes(self) -> list[str]:
        """Sentences for the screen and the manifest."""
        people = set().union(*self._participants.values())
        how = ", ".join(f"{len(names)} by {by}" for by, names in sorted(self._participants.items()))
        found = [f"{len(self._files)} transcripts of {len(people)} participants ({how}), by {self.options.unit}"]
        if self._labels:
            where = "the group in @ID" if self.options.label == "group" else self.options.label
            found.append(f"labels from {where}: " + _listed(self._labels))
        if self._codes:
            done = (f"{self._codes[kind]} {kind} ({self._styles[kind]})" for kind in KINDS if self._codes[kind])
            found.append(f"codes of the transcripts: {', '.join(done)}")
        if self._others:
            found.append(f"utterances of other speakers, not read: {_listed(self._others)}")
        return found

    def _read(self) -> Iterator[Row | Rejected]:
        for file, name in zip(self._files, self._names, strict=True):
            try:
                transcript = parse(file, name)
            except DataError as error:
                if self._path.is_file():
                    raise
                yield Rejected(1, error.message, name, name)
                continue
            rows = self._rows_of(transcript)
            yield from sorted(transcript.faults, key=lambda fault: fault.line)
            yield from rows

    def _rows_of(self, transcript: Transcript) -> list[Row | Rejected]:
        """The rows of one transcript; faults that are found on the way join its others."""
        people = self._people(transcript)
        if not people:
            return []
        unit = self.options.unit
        pieces = list(self._pieces(transcript, people))
        if unit == "transcript":
            units = [pieces]
        elif unit == "participant":
            units = [[piece for piece in pieces if piece.code == code] for code in people]
        else:
            units = [list(turn) for code, turn in groupby(pieces, key=_code) if code in people]
        rows = (self._row(transcript, people, own, number) for number, own in enumerate(filter(None, units), 1))
        return list(rows)

    def _people(self, transcript: Transcript) -> dict[str, tuple[str, str | None]]:
        """Code of whom the records are → (participant, label)."""
        studied = _studied(transcript, self.options)
        if not studied:
            there = ", ".join(f"{one.code} ({one.role or 'no role'})" for one in transcript.speakers.values()) or "none"
            transcript.fault(1, f"nobody under study; speakers: {there} (data.transcripts.speakers names them)")
        people: dict[str, tuple[str, str | None]] = {}
        for code in studied:
            speaker = transcript.speakers[code]
            by, participant = self._participant(speaker, transcript.name, alone=len(studied) == 1)
            label = self._label(speaker, transcript.name, participant)
            if label is None and self.options.label != "none":
                transcript.fault(1, f"no label of {code}: data.transcripts.label is '{self.options.label}'")
                continue
            people[code] = participant, label
            self._participants[by].add(participant)
        if self.options.unit == "transcript" and len({label for _, label in people.values()}) > 1:
            transcript.fault(1, f"{' and '.join(people)} have different labels: no whole can have one")
            return {}
        return people

    def _pieces(self, transcript: Transcript, people: Mapping[str, object]) -> Iterator[_Piece]:
        """What is said, as the codes are to be written; of speakers who are not read, that they spoke."""
        for line, code, content in transcript.said:
            if code not in people and self.options.unit != "transcript":
                self._others[code] += 1
                yield _Piece(line, code)
                continue
            try:
                text, codes = said(content, self._styles)
            except Broken as broken:
                transcript.fault(line, str(broken), content)
                continue
            self._codes += codes
            yield _Piece(line, code, text, codes)

    def _row(
        self, transcript: Transcript, people: dict[str, tuple[str, str | None]], unit: list[_Piece], number: int
    ) -> Row | Rejected:
        name, stem = transcript.name, transcript.name.removesuffix(".cha")
        code = next(iter(people)) if self.options.unit == "transcript" else unit[0].code
        turns = [(who, " ".join(filter(None, map(_text, turn)))) for who, turn in groupby(unit, key=_code)]
        words = _words(" ".join(text for _, text in turns))
        participant, label = people[code]
        own_id = stem if len(people) == 1 else f"{stem}:{code}"
        text = " ".join(text for _, text in turns if text)
        if self.options.unit == "transcript":
            own_id, participant = stem, " & ".join(who for who, _ in people.values())
            text = "\n".join(f"{who}: {text}" for who, text in turns if text)
        elif self.options.unit == "turn":
            own_id = f"{stem}-{number:03d}"
        if words < self.options.minimum_words:
            return Rejected(unit[0].line, "fewer words than data.transcripts.minimum_words", excerpt(text), name)
        codes = sum((piece.codes for piece in unit), Counter[str]())
        value: dict[str, JSON] = {
            "id": own_id,
            "text": text,
            "participant": participant,
            "provenance": {
                "file": name,
                "speaker": code,
                **transcript.speakers[code].about,
                "codes": dict(codes),
                **({"faults": len(transcript.faults)} if transcript.faults else {}),
            },
        }
        if label is not None:
            value["label"] = label
            self._labels[label] += 1
        if transcript.language:
            value["language"] = transcript.language
        if split := next(filter(None, map(split_of, PurePosixPath(name).parts[:-1])), None):
            value["split"] = split
        return Row(unit[0].line, value)

    def _participant(self, speaker: Speaker, name: str, *, alone: bool) -> tuple[str, str]:
        """(what tells who it is, who it is)"""
        by, path = self.options.participant, PurePosixPath(name)
        named = bool(speaker.name) and speaker.name.lower() not in (*_NAMELESS, speaker.role.lower())
        if by == "name" or (by == "auto" and named):
            return "name", speaker.name or speaker.code
        if by == "folder":
            where = path.parent.as_posix() if len(path.parts) > 1 else self._path.name
            return "folder", where if alone else f"{where}:{speaker.code}"
        stem = re.sub(self.options.visit, "", path.stem) or path.stem
        return "file", stem if alone else f"{stem}:{speaker.code}"

    def _labeller(self) -> Callable[[Speaker, str, str], str | None]:
        """(speaker, file, participant) → label, or None where there is none."""
        chosen = self.options.label
        if chosen == "none":
            return lambda speaker, name, participant: None
        if chosen == "group":
            return lambda speaker, name, participant: speaker.about.get("group")
        if chosen == "folder":
            folder_of = self._folders()
            return lambda speaker, name, participant: folder_of.get(name)
        known = _labels((self._path if self._path.is_dir() else self._path.parent) / chosen)

        def from_table(speaker: Speaker, name: str, participant: str) -> str | None:
            stem = name.removesuffix(".cha")
            keys = (name, stem, PurePosixPath(name).name, PurePosixPath(stem).name, participant)
            return next((known[key] for key in keys if key in known), None)

        return from_table

    def _folders(self) -> dict[str, str]:
        """File → the folder above it on the first level that has several, those named after splits aside."""
        above = {name: [part for part in PurePosixPath(name).parts[:-1] if not split_of(part)] for name in self._names}
        for level in range(max(map(len, above.values()), default=0)):
            found = {name: folders[level] for name, folders in above.items() if len(folders) > level}
            if len(set(found.values())) > 1:
                return found
        raise DataError(
            "the transcripts do not lie in several folders, from whose names labels could be taken",
            where=str(self._path),
            hint="data.transcripts.label: group takes them from @ID",
        )


def _labels(file: Path) -> dict[str, str]:
    """File or participant → label. Raises DataError where a table has no such columns, or gives one of them two."""
    if not file.is_file():
        raise DataError(
            "there is no such table of labels",
            where=str(file),
            hint="data.transcripts.label: a CSV file beside the data",
        )
    found: dict[str, str] = {}
    for row in catalogue.load("reader", "csv").read(file):
        if isinstance(row, Rejected):
            raise DataError(row.reason, where=f"{file}:{row.line}")
        key = next((row.value[name] for name in ("file", "participant", "id") if row.value.get(name)), None)
        label = row.value.get("label")
        if key is None or not label:
            raise DataError(
                "a row without a label or without what has it",
                where=f"{file}:{row.line}",
                hint="its columns are `file` (or `participant`) and `label`",
            )
        if found.setdefault(str(key), str(label)) != label:
            raise DataError(f"gives '{key}' two labels, {found[str(key)]} and {label}", where=f"{file}:{row.line}")
    return found


def _studied(transcript: Transcript, options: TranscriptOptions) -> list[str]:
    """Codes of the speakers whose turns are wanted, in the order of the headers."""
    speakers = transcript.speakers
    if options.speakers:
        return [code for code, one in speakers.items() if code in options.speakers or one.role in options.speakers]
    by_role = [code for code, one in speakers.items() if one.role in STUDIED_ROLES]
    return by_role or [code for code in speakers if code in STUDIED_CODES]


def _words(text: str) -> int:
    return sum(any(sign.isalpha() for sign in word) for word in _NOT_SPOKEN.sub(" ", text).split())


def _listed(table: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(table.items()))


def parse(file: Path, name: str) -> Transcript:
    """A file as a Transcript, with what is wrong in it. Raises DataError where it is no UTF-8 text at all."""
    found = Transcript(name)
    seen: set[str] = set()
    pending: tuple[int, str] | None = None
    swallowing, ended, last = False, 0, 1

    def close() -> None:
        nonlocal pending
        if pending is not None:
            _take(found, seen, *pending)
        pending = None

    sample = head(file)
    end = b"\r" if b"\r" in sample and b"\n" not in sample else b"\n"
    for line in lines(file, end=end):
        if isinstance(line, Rejected):
            close()
            found.fault(line.line, line.reason, line.raw)
            swallowing = True
            continue
        if not line.data.strip():
            continue
        last = line.number
        begins = line.data[:1]
        if begins not in b"\t ":
            close()
            swallowing = False
        if "End" in seen:
            ended = ended or line.number
            continue
        try:
            text = line.data.decode("utf-8").rstrip()
        except UnicodeDecodeError as error:
            # A part of what was said is worse than nothing: its continuations go with the line, and it with them.
            pending, swallowing = None, True
            found.fault(line.number, not_utf8(error, line.offset), line.data)
            continue
        if begins in b"\t ":
            if pending is not None:
                pending = pending[0], f"{pending[1]} {text.strip()}"
            elif not swallowing:
                found.fault(line.number, "a continuation of nothing", text)
        elif begins in b"@*":
            pending = line.number, text
            if text == "@End":
                close()
        elif begins == b"%":
            swallowing = True
        else:
            found.fault(line.number, "neither a header (@), a speaker's line (*), a tier (%) nor a continuation", text)
            swallowing = True
    close()
    if "Begin" not in seen:
        found.fault(1, "no @Begin: the beginning may be missing")
    if "End" not in seen:
        found.fault(last, "no @End: the file may be cut off here")
    if ended:
        found.fault(ended, "stands behind @End and is not read: one transcript a file")
    _check_speakers(found, seen)
    return found


def _take(found: Transcript, seen: set[str], number: int, text: str) -> None:
    """A whole line, continuations joined, into the transcript."""
    if text[0] == "*":
        match = _SAID.fullmatch(text)
        if match is None:
            found.fault(number, "a speaker's line without ':' behind the speaker", text)
        elif not match[2].strip():
            found.fault(number, f"{match[1]} says nothing on this line", text)
        else:
            found.said.append((number, match[1], match[2]))
        return
    match = _HEADER.fullmatch(text)
    if match is None:
        found.fault(number, "a header without a name", text)
        return
    header, value = match[1].strip(), (match[2] or "").strip()
    seen.add(header)
    if header == "Languages":
        first = value.split(",")[0].strip()
        found.language = _LANGUAGES.get(first, first)
    elif header == "Participants":
        for entry in filter(None, (part.split() for part in value.split(","))):
            if len(entry) == 1:
                found.fault(number, f"@Participants gives '{entry[0]}' no role", text)
            speaker = found.speakers.setdefault(entry[0], Speaker(entry[0]))
            speaker.name, speaker.role = " ".join(entry[1:-1]), entry[-1] if len(entry) > 1 else ""
    elif header == "ID":
        fields = [part.strip() for part in value.split("|")]
        about = dict(zip(_ID, fields, strict=False))
        if len(fields) < 8 or not about["code"]:
            found.fault(number, f"@ID has {len(fields)} fields of 10, or names no speaker", text)
            return
        speaker = found.speakers.setdefault(about["code"], Speaker(about["code"]))
        speaker.role = about["role"] or speaker.role
        speaker.about = {key: about[key] for key in ("age", "sex", "group", "education") if about.get(key)}


def _check_speakers(found: Transcript, seen: set[str]) -> None:
    """Set the lines of unknown speakers aside; without any header about them, all who speak are known."""
    if not seen & {"Participants", "ID"}:
        if found.said or not found.faults:
            found.fault(1, "no @Participants and no @ID: who speaks is known by codes alone")
        for _, code, _ in found.said:
            found.speakers.setdefault(code, Speaker(code))
    for number, code, content in found.said:
        if code not in found.speakers:
            found.fault(number, f"the speaker '{code}' is in neither @Participants nor @ID", f"*{code}:\t{content}")
    found.said = [one for one in found.said if one[1] in found.speakers]
