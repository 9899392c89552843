"""Layouts: how a row of a file says what the text is and what should come of it.

    record             {text, json} or {text, target}; our own rows, with id, language, doc_type, group, split, spans
    messages           {messages: [{role, content}, …]}; the last turn is the assistant's
    sharegpt           {conversations: [{from, value}, …]}
    alpaca             {instruction, input, output}, with system and history where there are any
    prompt_completion  {prompt, completion}: strings, or lists of messages
    prompt_reference   {prompt, reference}
    question_answer    {question, answer}, with context where there is one; `scale` stands behind the answer
    paper              {article_text, title, authors, abstract, doi}; its id is asked for, too, where the text prints it
    labelled           {text, label}; the label is the target, a string
    text               {text} alone

Of a conversation the last reply is the target and the turn before it the text; earlier turns stand as messages in
`provenance["before"]`. A question with a context is one text, the question at its end, and again in
`provenance["question"]`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tunewright.core.records import JSON, Message, Record, Span
from tunewright.data.read._shared import fault, kind
from tunewright.text import papers
from tunewright.text.serialise import STRICT

SURE_GROUPS = ("group", "group_id", "participant", "participant_id")
GROUPS = (*SURE_GROUPS, "series", "speaker_id", "speaker", "subject", "article", "context_id", "block", "focus")
"""Columns known to hold groups, the surest first; those that are not sure give way to the data's own split."""

LANGUAGES = ("language", "lang")
COMMON = ("id", *LANGUAGES, "doc_type", "split", "spans", "provenance")
OWN = {"schema": dict, "functions": list, "services": list, "accept": list}
"""Columns of `record` rows that say what their own answers look like (`data.own`), with the type they have then."""
_FIELD = 200  # characters up to which further columns are kept in the provenance
_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "chatgpt": "assistant",
}

Row = dict[str, JSON]


class Misfit(Exception):
    """A row that does not fit its layout; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a layout makes of a row.

    accept: texts that are right as well as the target. unprinted: what the row tells and its text does not, which is
    null therefore.
    """

    text: str
    target: JSON = None
    before: tuple[Message, ...] = ()
    group: str | None = None
    slices: tuple[tuple[str, str], ...] = ()
    question: str | None = None
    accept: tuple[str, ...] = ()
    unprinted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """keys: how it is shown. uses: the columns it reads beside the common ones. build: raises Misfit."""

    name: str
    keys: str
    uses: frozenset[str]
    build: Callable[[Row], Turn]


def _text(row: Row, key: str) -> str:
    """A required text that is not blank."""
    if key not in row or row[key] is None:
        raise Misfit(f"no {key}")
    value = row[key]
    if not isinstance(value, str):
        raise Misfit(f"{key} is {kind(value)}, not a string")
    if not value.strip():
        raise Misfit(f"{key} is empty")
    return value


def _optional(row: Row, key: str) -> str | None:
    value = row.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise Misfit(f"{key} is {kind(value)}, not a string")
    return value


def _blank(value: JSON) -> bool:
    """Whether this says nothing: no value, or a text of white space alone."""
    return value is None or (isinstance(value, str) and not value.strip())


def _in_words(answer: JSON) -> JSON:
    """An answer to a turn: a number or a truth value is what a person would write for it; all else as it is."""
    return json.dumps(answer) if isinstance(answer, int | float) else answer


def _parsed(value: JSON, key: str) -> JSON:
    """A value that may stand as JSON text, as in the cells of a table."""
    if not isinstance(value, str):
        return value
    try:
        found = STRICT.decode(value.strip())
    except (ValueError, RecursionError) as error:
        raise Misfit(f"{key} is a string that is not JSON: {str(error)[:80]}") from None
    reason = fault(found)
    if reason:
        raise Misfit(f"{key} holds {reason}")
    return found


def _record(row: Row) -> Turn:
    text = _text(row, "text")
    if not _blank(row.get("json")):
        return Turn(text, _parsed(row["json"], "json"))
    if not _blank(row.get("target")):
        return Turn(text, row["target"])
    raise Misfit("no target (json or target)")


def _plain(row: Row) -> Turn:
    text = _text(row, "text")
    try:
        return _record(row)
    except Misfit:
        if not _blank(row.get("json")):
            raise
        return Turn(text)


def _content(value: JSON) -> str:
    """A message's content: a string, or a list of text parts."""
    if isinstance(value, list):
        parts: list[str] = []
        for part in value:
            text = part.get("text") if isinstance(part, dict) else part
            if not isinstance(text, str):
                raise Misfit("a message has a part that is not text")
            parts.append(text)
        return "".join(parts)
    if not isinstance(value, str):
        raise Misfit(f"a message's content is {kind(value)}, not a string")
    return value


def _messages(value: JSON, key: str) -> list[Message]:
    value = _parsed(value, key)
    if not isinstance(value, list):
        raise Misfit(f"{key} is {kind(value)}, not a list")
    messages: list[Message] = []
    for turn in value:
        if not isinstance(turn, dict):
            raise Misfit(f"a turn of {key} is {kind(turn)}, not an object")
        role = turn.get("role", turn.get("from"))
        if not isinstance(role, str) or role.lower() not in _ROLES:
            raise Misfit(f"a turn of {key} has the role {json.dumps(role, ensure_ascii=False)[:40]}")
        messages.append({"role": _ROLES[role.lower()], "content": _content(turn.get("content", turn.get("value")))})
    return messages


def _conversation(messages: list[Message]) -> Turn:
    if not messages:
        raise Misfit("the conversation is empty")
    *before, last = messages
    if last["role"] != "assistant":
        raise Misfit("the last turn is not the assistant's")
    if not before or before[-1]["role"] != "user":
        raise Misfit("no user's turn before the last reply")
    if not before[-1]["content"].strip():
        raise Misfit("the user's turn is empty")
    if not last["content"].strip():
        raise Misfit("the reply is empty")
    return Turn(before[-1]["content"], last["content"], tuple(before[:-1]))


def _openai(row: Row) -> Turn:
    if row.get("messages") in (None, ""):
        raise Misfit("no messages")
    return _conversation(_messages(row["messages"], "messages"))


def _sharegpt(row: Row) -> Turn:
    if row.get("conversations") in (None, ""):
        raise Misfit("no conversations")
    messages = _messages(row["conversations"], "conversations")
    system = _optional(row, "system")
    return _conversation([{"role": "system", "content": system}, *messages] if system else messages)


def _alpaca(row: Row) -> Turn:
    instruction = _text(row, "instruction")
    further = _optional(row, "input")
    output = row.get("output")
    if _blank(output):
        raise Misfit("no output")
    before: list[Message] = []
    system = _optional(row, "system")
    if system:
        before.append({"role": "system", "content": system})
    history = row.get("history")
    turns = _parsed(history, "history") if history not in (None, "") else []
    for pair in turns if isinstance(turns, list) else [turns]:
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(side, str) for side in pair)):
            raise Misfit("history is not a list of [question, answer]")
        before += [{"role": "user", "content": pair[0]}, {"role": "assistant", "content": pair[1]}]
    text = f"{instruction}\n{further}" if further and further.strip() else instruction
    return Turn(text, _in_words(output), tuple(before))


def _prompt_completion(row: Row) -> Turn:
    for key in ("prompt", "completion"):
        if row.get(key) == [] or _blank(row.get(key)):
            raise Misfit(f"no {key}")
    prompt, completion = row["prompt"], row["completion"]
    if isinstance(prompt, str) and not isinstance(completion, list):
        return Turn(_text(row, "prompt"), _in_words(completion))
    turns = (
        _messages(prompt, "prompt") if isinstance(prompt, list) else [{"role": "user", "content": _text(row, "prompt")}]
    )
    if isinstance(completion, list):
        return _conversation(turns + _messages(completion, "completion"))
    if not isinstance(completion, str):
        raise Misfit(f"completion is {kind(completion)}, not a string or messages")
    return _conversation([*turns, {"role": "assistant", "content": completion}])


def _prompt_reference(row: Row) -> Turn:
    prompt = _text(row, "prompt")
    if _blank(row.get("reference")):
        raise Misfit("no reference")
    return Turn(prompt, row["reference"])


def _question_answer(row: Row) -> Turn:
    question = _text(row, "question").strip()
    context = _optional(row, "context")
    scale = _optional(row, "scale")
    right = [
        _scaled(_in_words(answer), scale)
        for answer in (row.get("answer"), *_several(row.get("answers")))
        if not _blank(answer)
    ]
    if not right:
        raise Misfit("no answer")
    answer, others = right[0], dict.fromkeys(text for text in right[1:] if isinstance(text, str) and text != right[0])
    if context and context.strip():
        return Turn(f"{context}\n\n{question}", answer, question=question, accept=tuple(others))
    return Turn(question, answer, accept=tuple(others))


def _several(answers: JSON) -> list[JSON]:
    """Answers that are right: a list of them, or SQuAD's [{text}, …] or {text: […]}."""
    if isinstance(answers, dict):
        answers = answers.get("text")
    listed = answers if isinstance(answers, list) else []
    return [one.get("text") if isinstance(one, dict) else one for one in listed]


def _scaled(answer: JSON, scale: str | None) -> JSON:
    return f"{answer} {scale}" if scale and not isinstance(answer, list | dict) else answer


def _paper(row: Row) -> Turn:
    """A journal is a group, however it is written: what is learnt of one says little of another. Results are sliced by
    it."""
    text = _text(row, "article_text")
    target: dict[str, JSON] = {"id": papers.printed(_name(row, "id") or "", text), "title": _text(row, "title")}
    authors = row.get("authors")
    if isinstance(authors, str):
        authors = papers.listed(authors)
    if not isinstance(authors, list):
        raise Misfit(f"authors is {kind(authors)}, not a list of names")
    if astray := [name for name in authors if not isinstance(name, str)]:
        raise Misfit(f"authors holds {kind(astray[0])}, not names alone")
    target["authors"] = [" ".join(name.split()) for name in authors if name.strip()]
    told = {"id": _name(row, "id"), "doi": _optional(row, "doi")}
    target["abstract"] = _optional(row, "abstract")
    target["doi"] = papers.printed_doi(told["doi"], text) if told["doi"] else None
    unprinted = tuple(key for key, value in told.items() if value and target[key] is None)
    target = {key: " ".join(value.split()) if isinstance(value, str) else value for key, value in target.items()}
    name = _optional(row, "journal")
    journal = papers.journal(name) if name else None
    slices = (("journal", journal),) if journal else ()
    return Turn(text, target, group=journal, slices=slices, unprinted=unprinted)


def _labelled(row: Row) -> Turn:
    text, label = _text(row, "text"), row.get("label")
    if label is None or (isinstance(label, str) and not label.strip()):
        raise Misfit("no label")
    if isinstance(label, dict | list):
        raise Misfit(f"label is {kind(label)}, not a name")
    return Turn(text, label.strip() if isinstance(label, str) else json.dumps(label))


def _layout(name: str, keys: str, build: Callable[[Row], Turn], *uses: str) -> Layout:
    return Layout(name, keys, frozenset(uses), build)


_ASKED = ("question", "answer", "answers", "context", "context_id", "scale")

LAYOUTS = {
    layout.name: layout
    for layout in (
        _layout("record", "{text, json or target}", _record, "text", "json", "target"),
        _layout("messages", "{messages: [{role, content}]}", _openai, "messages"),
        _layout("sharegpt", "{conversations: [{from, value}]}", _sharegpt, "conversations", "system"),
        _layout(
            "alpaca", "{instruction, input, output}", _alpaca, "instruction", "input", "output", "system", "history"
        ),
        _layout("prompt_completion", "{prompt, completion}", _prompt_completion, "prompt", "completion"),
        _layout("prompt_reference", "{prompt, reference}", _prompt_reference, "prompt", "reference"),
        _layout("question_answer", "{question, answer}", _question_answer, *_ASKED),
        _layout(
            "paper",
            "{article_text, title, authors, abstract, doi}",
            _paper,
            *("article_text", "title", "authors", "abstract", "doi", "journal"),
        ),
        _layout("labelled", "{text, label}", _labelled, "text", "label"),
        _layout("text", "{text}", _plain, "text", "json", "target"),
    )
}
"""Name → layout, the most telling first: a row that fits several belongs to the first."""

OUR_NAMES = tuple(
    dict.fromkeys(
        [*COMMON, "group", "participant", *(name for layout in LAYOUTS.values() for name in sorted(layout.uses))]
    )
)
"""The names that `columns` can give to a file's columns."""


def first_fit(row: Row) -> str | None:
    """The most telling layout that a row fits, or None."""
    for name, layout in LAYOUTS.items():
        try:
            layout.build(row)
        except Misfit:
            continue
        return name
    return None


OTHER_NAMES = {
    "text": ("document", "body", "content", "sentence"),
    "json": ("gold", "reference", "extraction"),
    "question": ("q", "query"),
    "answer": ("a", "response", "reply"),
    "prompt": ("input", "instruction", "query"),
    "completion": ("response", "output", "reply", "target"),
    "reference": ("expected", "ground_truth"),
    "article_text": ("text", "full_text", "fulltext", "body", "content"),
    "authors": ("author",),
    "label": ("class", "category"),
}
"""Our names of columns → what others call them, in small letters: what is asked about, and never assumed."""

_NEEDED = {
    "paper": ("article_text", "title", "authors"),
    "question_answer": ("question", "answer"),
    "prompt_reference": ("prompt", "reference"),
    "alpaca": ("instruction", "output"),
    "prompt_completion": ("prompt", "completion"),
    "record": ("text", "json"),
    "labelled": ("text", "label"),
}
"""The columns without which a layout is none, the layouts with most of them first."""


def meant(have: Sequence[str]) -> dict[str, str]:
    """What columns that fit no layout could be: ours → theirs, for `data.columns`; empty where nothing comes near."""
    plain = {"_".join(name.lower().split()): name for name in reversed(have)}
    for names in (dict[str, tuple[str, ...]](), OTHER_NAMES):
        for layout, needed in _NEEDED.items():
            found = {
                ours: next((plain[each] for each in (ours, *names.get(ours, ())) if each in plain), None)
                for ours in needed
            }
            theirs = {ours: name for ours, name in found.items() if name is not None}
            if len(set(theirs.values())) < len(needed):
                continue
            further = {ours: plain[ours] for ours in ("id", *sorted(LAYOUTS[layout].uses)) if ours in plain}
            return {ours: name for ours, name in {**further, **theirs}.items() if ours != name}
    return {}


def renamed(row: Row, columns: dict[str, str]) -> Row:
    """The row with the columns that `columns` names (ours → theirs) under our names.

    A column in an object is named with dots: `target.company`. A column that a row lacks is left out.
    """
    if not columns:
        return row
    values: Row = {}
    for ours, theirs in columns.items():
        if theirs in row:
            values[ours] = row[theirs]
            continue
        found: Any = row
        for part in theirs.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        if found is not None:
            values[ours] = found
    moved = {theirs for ours, theirs in columns.items() if theirs in row and theirs != ours}
    return {**{key: value for key, value in row.items() if key not in moved and key not in columns}, **values}


def record(row: Row, layout: Layout, *, line: int, file: str, stem: str, group_column: str | None) -> Record:
    """The row as a Record. Raises Misfit. A row without an id gets `<stem>-<line>`."""
    turn = layout.build(row)
    provenance = row.get("provenance")
    if provenance in (None, ""):
        provenance = {}
    provenance = _parsed(provenance, "provenance")
    if not isinstance(provenance, dict):
        raise Misfit(f"provenance is {kind(provenance)}, not an object")
    provenance = {"file": file, "line": line, **provenance}
    if turn.before:
        provenance["before"] = list(turn.before)
    if turn.question is not None:
        provenance["question"] = turn.question
    own = _own(row, layout)
    provenance |= own
    if _synthetic(row):
        provenance["synthetic"] = True
    if turn.accept:
        provenance["accept"] = list(turn.accept)
    if turn.unprinted:
        provenance["unprinted"] = list(turn.unprinted)
    if turn.slices:
        provenance["slice"] = dict(turn.slices) | (provenance.get("slice") or {})
    fields = {key: value for key, value in row.items() if kept(key, value, layout, group_column)}
    if fields:
        provenance["fields"] = fields
    return Record(
        id=_name(row, "id") or f"{stem}-{line:06d}",
        text=turn.text,
        target=turn.target,
        language=next((found for key in LANGUAGES if (found := _word(row, key))), None),
        doc_type=_word(row, "doc_type"),
        group=_name(row, group_column) if group_column else turn.group,
        split=split if isinstance(split := row.get("split"), str) and split else None,  # a number is a fold
        spans=_spans(row.get("spans")),
        provenance=provenance,
    )


def _synthetic(row: Row) -> bool:
    """Whether the row says that nobody said or wrote it: `synthetic: true` or `source: synthetic`."""
    said = row.get("synthetic")
    return said is True or said == 1 or str(said).lower() in ("true", "yes", "1") or row.get("source") == "synthetic"


def _own(row: Row, layout: Layout) -> Row:
    """What a row says of its own answer."""
    if layout.name != "record":
        return {}
    found = {key: row.get(key) for key in OWN}
    found = {key: _parsed(value, key) if _looks_like_json(value) else value for key, value in found.items()}
    return {key: value for key, value in found.items() if value and isinstance(value, OWN[key])}


def _looks_like_json(value: JSON) -> bool:
    return isinstance(value, str) and value.lstrip()[:1] in ("{", "[")


def kept(key: str, value: JSON, layout: Layout, group_column: str | None) -> bool:
    """Whether a further column is kept in the provenance: short and not a list or an object."""
    if key in layout.uses or key in COMMON or key == group_column:
        return False
    return isinstance(value, int | float) or (isinstance(value, str) and len(value) <= _FIELD)


def _name(row: Row, key: str) -> str | None:
    value = row.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Misfit(f"{key} is {kind(value)}, not a name")
    return str(value)


def _word(row: Row, key: str) -> str | None:
    """What a column of ours says of a row; None where it holds something else than a word or a number."""
    value = row.get(key)
    plain = isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""
    return str(value) if plain else None


def _spans(value: JSON) -> tuple[Span, ...]:
    if value in (None, "", []):
        return ()
    value = _parsed(value, "spans")
    if not isinstance(value, list):
        raise Misfit(f"spans is {kind(value)}, not a list")
    spans = []
    for item in value:
        if not isinstance(item, dict):
            raise Misfit(f"a span is {kind(item)}, not an object")
        path, start, end = item.get("path"), item.get("start"), item.get("end")
        if not (isinstance(path, str) and type(start) is int and type(end) is int and 0 <= start <= end):
            raise Misfit("a span is not {path, start, end} with 0 ≤ start ≤ end")
        spans.append(Span(path, start, end))
    return tuple(spans)
