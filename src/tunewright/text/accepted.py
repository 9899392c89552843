"""Answers of which several are right: the one of them that a reply comes nearest to.

`provenance["accept"]` of a record whose target is a list of calls, [{name, arguments}], holds for each of them, in the
same order, what is accepted, {name: {argument: [values]}}; "" among the values: the argument may be left out. So it
stands in the Berkeley Function-Calling Leaderboard. Calls may be made in any order. Of a record whose target is a text
it holds the texts that are right, as several people answered a question of SQuAD.
"""

from __future__ import annotations

from typing import Any

from tunewright.core.records import JSON, Record
from tunewright.text.outcomes import equal, outcomes
from tunewright.text.words import answer_words, f1

LEFT_OUT = ""


def target_for(record: Record, reply: JSON) -> JSON:
    """What a reply is compared with: the record's target, with the values of `reply` where those are accepted, too."""
    accept, target = record.provenance.get("accept"), record.target
    if isinstance(target, str) and isinstance(reply, str):
        texts = [target, *accepted_texts(record)]
        return max(texts, key=lambda text: (answer_words(text) == answer_words(reply), f1(text, reply)))
    if not isinstance(accept, list) or not isinstance(target, list) or not isinstance(reply, list):
        return target
    if len(accept) != len(target) or not all(map(_is_call, target)):
        return target
    beside = {one.at[0]: one.said[0] for one in outcomes(target, reply) if one.at and one.said}
    placed: list[tuple[float, int, JSON]] = []
    for place, (call, known) in enumerate(zip(target, accept, strict=True)):
        at = beside.get(place, len(reply))
        said: Any = reply[at] if isinstance(at, int) and at < len(reply) else None
        same = _is_call(said) and said["name"] == call["name"] and isinstance(known, dict)
        arguments = known.get(call["name"]) if same else None
        if isinstance(arguments, dict):
            call = {**call, "arguments": _arguments(call["arguments"], said["arguments"], arguments)}
        placed.append((float(at), place, call))
    return [call for _, _, call in sorted(placed, key=lambda one: one[:2])]


def accepted_texts(record: Record) -> list[str]:
    """The texts that are right as well as a record's target, where that is a text."""
    accept = record.provenance.get("accept")
    texts = accept if isinstance(accept, list) and isinstance(record.target, str) else []
    return [text for text in texts if isinstance(text, str)]


def _arguments(gold: dict[str, JSON], said: dict[str, JSON], known: dict[str, Any]) -> dict[str, JSON]:
    found = {}
    for name in dict.fromkeys([*gold, *(name for name in said if name in known)]):
        values = known.get(name)
        values = values if isinstance(values, list) else []
        if name in said and any(_matches(value, said[name]) for value in values):
            found[name] = said[name]
        elif name in gold and (name in said or LEFT_OUT not in values):
            found[name] = gold[name]
    return found


def _matches(accepted: JSON, value: JSON) -> bool:
    """Whether a value is an accepted one; of an object each key holds a list of what is accepted of it."""
    if isinstance(accepted, dict) and isinstance(value, dict):
        if not set(value) <= set(accepted):
            return False
        for key, each in accepted.items():
            among = each if isinstance(each, list) else [each]
            if key in value and not any(_matches(one, value[key]) for one in among):
                return False
            if key not in value and LEFT_OUT not in among:
                return False
        return True
    if isinstance(accepted, list) and isinstance(value, list):
        return len(accepted) == len(value) and all(map(_matches, accepted, value))
    return equal(accepted, value)


def _is_call(value: JSON) -> bool:
    return isinstance(value, dict) and isinstance(value.get("name"), str) and isinstance(value.get("arguments"), dict)
