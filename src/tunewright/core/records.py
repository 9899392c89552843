"""What flows through the house: Record → Example → Prediction.

All are plain, immutable values that turn into one JSON line and back.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any

JSON = Any
"""A JSON value: dict, list, str, int, float, bool or None."""


def number_of(id: str) -> int:
    """A number of 64 bits that depends on an id alone, for what is drawn for a record whatever stands beside it."""
    return int.from_bytes(hashlib.blake2b(id.encode("utf-8", "replace"), digest_size=8).digest())


@dataclass(frozen=True, slots=True)
class Span:
    """Where a value stands in a text: `text[start:end]`, counted in characters (code points).

    path: the value's place in the target, `total_amount` or `items[0].price`.
    """

    path: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Record:
    """One piece of data: a text and what should come of it.

    target: a JSON value for extraction, a string for question answering and text.
    group: records of one group (a company, a speaker) never stand on two sides of a split.
    provenance: how it came to be: source file and line, or generator, layout, wordings, entities, noise, seed.
      `provenance["question"]`: the question at the text's end, where the text is a context and a question.
      `provenance["synthetic"]`: true where nobody said or wrote it; `provenance["made"]`: of which record it was made.
      `provenance["slice"]` holds what results are sliced by, such as {"wordings": "seen", "entities": "unseen"}.
    """

    id: str
    text: str
    target: JSON = None
    language: str | None = None
    doc_type: str | None = None
    group: str | None = None
    split: str | None = None
    spans: tuple[Span, ...] = ()
    provenance: dict[str, JSON] = field(default_factory=dict)

    @property
    def question(self) -> str:
        """What a question asks: the text, or what stands at its end where a context stands before."""
        return str(self.provenance.get("question", self.text))

    @property
    def context(self) -> str:
        """What a question is asked of: what stands before it in the text; "" where nothing does."""
        asked = self.provenance.get("question")
        return self.text[: -len(asked)].rstrip() if asked and self.text.endswith(asked) else ""

    def to_row(self) -> dict[str, JSON]:
        """The record as one JSON object. A target that is not a string is written as `json`."""
        row: dict[str, JSON] = {"id": self.id, "text": self.text}
        row["target" if isinstance(self.target, str) else "json"] = self.target
        for name in ("language", "doc_type", "group", "split"):
            value = getattr(self, name)
            if value is not None:
                row[name] = value
        if self.spans:
            row["spans"] = [{"path": s.path, "start": s.start, "end": s.end} for s in self.spans]
        if self.provenance:
            row["provenance"] = self.provenance
        return row

    @classmethod
    def from_row(cls, row: dict[str, JSON]) -> Record:
        """The inverse of `to_row`. Raises KeyError where `id` or `text` is missing."""
        return cls(
            id=str(row["id"]),
            text=row["text"],
            target=row["json"] if "json" in row else row.get("target"),
            language=row.get("language"),
            doc_type=row.get("doc_type"),
            group=row.get("group"),
            split=row.get("split"),
            spans=tuple(Span(s["path"], s["start"], s["end"]) for s in row.get("spans") or ()),
            provenance=row.get("provenance") or {},
        )

    def replace(self, **changes: Any) -> Record:
        return replace(self, **changes)


Message = dict[str, str]
"""{"role": "system" | "user" | "assistant", "content": text}"""


@dataclass(frozen=True, slots=True)
class Example:
    """A record as a model meets it.

    messages: the conversation up to the reply (system, user, and for few-shot earlier turns).
    completion: the reply to learn, in the one canonical serialisation; "" where none is known.
    schema: the JSON Schema that the reply obeys, or None for free text.
    document: (start, end) in characters of the last message: what may be cut where the prompt is too long; None: all.
    trained: indices of earlier messages, the assistant's, that are to be learnt like the completion; shots never are.
    """

    record: Record
    messages: tuple[Message, ...]
    completion: str = ""
    schema: dict[str, JSON] | None = None
    document: tuple[int, int] | None = None
    trained: tuple[int, ...] = ()

    @property
    def id(self) -> str:
        return self.record.id


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a system answered to one example.

    text: the raw reply, always kept. value: the parsed reply, or None with `failure` saying why.
    finish: "stop" (the model ended), "length" (cut at the budget) or "error".
    spans: where the values stand in the record's text. confidence: path → probability in 0..1.
    seconds: wall-clock share of this example; prompt_tokens, tokens: tokens read and written;
    passes: forward passes of the model spent on the reply; cut: tokens of the document that the model was not shown.
    attempts: replies that were drawn until one was valid, or all that were allowed; the costs are those of all.
    """

    id: str
    text: str
    value: JSON = None
    failure: str | None = None
    finish: str = "stop"
    spans: tuple[Span, ...] = ()
    confidence: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    prompt_tokens: int = 0
    tokens: int = 0
    passes: int = 0
    cut: int = 0
    attempts: int = 1

    def to_row(self) -> dict[str, JSON]:
        row: dict[str, JSON] = {
            "id": self.id,
            "text": self.text,
            "value": self.value,
            "failure": self.failure,
            "finish": self.finish,
            "seconds": round(self.seconds, 6),
            "prompt_tokens": self.prompt_tokens,
            "tokens": self.tokens,
            "passes": self.passes,
        }
        if self.spans:
            row["spans"] = [{"path": s.path, "start": s.start, "end": s.end} for s in self.spans]
        if self.cut:
            row["cut"] = self.cut
        if self.attempts > 1:
            row["attempts"] = self.attempts
        if self.confidence:
            row["confidence"] = {path: round(p, 6) for path, p in self.confidence.items()}
        return row

    @classmethod
    def from_row(cls, row: dict[str, JSON]) -> Prediction:
        return cls(
            id=str(row["id"]),
            text=row["text"],
            value=row.get("value"),
            failure=row.get("failure"),
            finish=row.get("finish", "stop"),
            spans=tuple(Span(s["path"], s["start"], s["end"]) for s in row.get("spans") or ()),
            confidence=row.get("confidence") or {},
            seconds=row.get("seconds", 0.0),
            prompt_tokens=row.get("prompt_tokens", 0),
            tokens=row.get("tokens", 0),
            passes=row.get("passes", 0),
            cut=row.get("cut", 0),
            attempts=row.get("attempts", 1),
        )
