"""YAML as recipes use it: plain data, the line of every value, and the faults on the way.

Only mappings, lists, text, numbers, true, false and null are read, so no file makes code run. Numbers and booleans
follow YAML 1.2 (`1e-4` is a number, `no` is a word), and text that looks like a date stays text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any

import yaml

from tunewright.core.errors import Fault

MAX_DEPTH = 64

Key = tuple[str | int, ...]
"""A place in nested data: ("train", "learning_rate"), ("evaluate", "systems", 0)."""


class Loader(yaml.SafeLoader):
    pass


Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("tag:yaml.org,2002:int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    ("tag:yaml.org,2002:float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789")),
    ("tag:yaml.org,2002:float", r"^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$", list("-+.")),
):
    Loader.add_implicit_resolver(_tag, re.compile(_pattern), _first)


class Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


# Text that either we or other YAML readers would take for something else is written in quotes.
Dumper.yaml_implicit_resolvers = {
    first: Loader.yaml_implicit_resolvers.get(first, []) + yaml.SafeDumper.yaml_implicit_resolvers.get(first, [])
    for first in {*Loader.yaml_implicit_resolvers, *yaml.SafeDumper.yaml_implicit_resolvers}
}


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    # PyYAML loses odd line ends (U+0085, U+2028) in every style but the escaped one.
    style = None if all(character.isprintable() or character == "\n" for character in text) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


Dumper.add_representer(str, _text)


class Page:
    """Plain data out of YAML nodes, where every value came from, and what was wrong on the way."""

    def __init__(self) -> None:
        self.where: dict[Key, str] = {}
        self.faults: list[Fault] = []

    def fault(self, message: str, where: str | None, hint: str | None = None) -> None:
        self.faults.append(Fault(message, where=where, hint=hint))

    def compose(self, text: str, origin: str, *, lines: bool = True) -> yaml.Node | None:
        """The one document in `text`, or None with the faults noted."""
        try:
            depth = 0
            for event in yaml.parse(text, Loader=Loader):
                depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
                if depth > MAX_DEPTH:  # before PyYAML's time and stack run away
                    self.fault(f"is nested more than {MAX_DEPTH} levels deep", at(origin, event, lines))
                    return None
                if isinstance(event, yaml.AliasEvent):
                    self.fault("aliases (*name) are not read in recipes; write the value out", at(origin, event, lines))
                    return None
            return yaml.compose(text, Loader=Loader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = f"{origin}:{mark.line + 1}" if mark and lines else origin
            self.fault(f"is not YAML: {error.problem or error.context}", place)
        except (yaml.YAMLError, ValueError, TypeError) as error:
            self.fault(f"is not YAML: {str(error).splitlines()[0]}", origin)
        return None

    def build(self, node: yaml.Node, key: Key, origin: str, *, lines: bool = True) -> Any:
        """Plain data of a node."""
        where = at(origin, node, lines)
        self.where[key] = where
        if not isinstance(node, yaml.ScalarNode) and node.tag not in ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
            self.fault(f"the tag {node.tag} is not read in recipes", where, "write a plain value")
            return None
        if isinstance(node, yaml.MappingNode):
            value: dict[str, Any] = {}
            for name_node, value_node in node.value:
                place = at(origin, name_node, lines)
                if not isinstance(name_node, yaml.ScalarNode) or not isinstance(self._scalar(name_node, place), str):
                    self.fault("a key must be text", place, "put it in quotes")
                    continue
                name = str(name_node.value)
                if name in value:
                    first = self.where[(*key, name)]
                    self.fault(
                        f"{dotted((*key, name))} stands twice (first at {first})", place, "remove one of the two"
                    )
                    continue
                value[name] = self.build(value_node, (*key, name), origin, lines=lines)
                self.where[(*key, name)] = place
            return value
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*key, index), origin, lines=lines) for index, item in enumerate(node.value)]
        return self._scalar(node, where)

    def _scalar(self, node: yaml.Node, where: str) -> Any:
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        text = node.value
        try:
            if kind == "str":
                text.encode("utf-8")
                return text
            if kind == "null":
                return None
            if kind == "bool":
                return text.lower() == "true"
            if kind == "int":
                return int(text)
            if kind == "float":
                number = float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
                if math.isfinite(number):
                    return number
                self.fault(f"{text} is not a number to work with", where)
                return None
        except UnicodeError:
            self.fault("the text holds half a character (a lone surrogate)", where)
        except ValueError:
            self.fault(f"{short(text)} cannot be read as a number", where)
        else:
            self.fault(f"the tag {node.tag} is not read in recipes", where, "write a plain value")
        return None


def at(origin: str, thing: Any, lines: bool) -> str:
    return f"{origin}:{thing.start_mark.line + 1}" if lines else origin


def short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = "".join(character if character.isprintable() else "�" for character in text)
    return f"'{text[:57]}...'" if len(text) > 60 else f"'{text}'" if isinstance(value, str) else text


def dotted(key: Iterable[str | int]) -> str:
    """("train", "learning_rate") → `train.learning_rate`; list places as `[0]`."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
