"""What must not leave this machine: tokens, keys, and where files stand on its disk.

watch = Watch(run.path)
watch.find(text)       what stands in a text that must stay here
watch.hidden(text)     the text without its secrets
watch.reduced(value)   a JSON value with the places of local files cut to the files' names
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tunewright.core.records import JSON

_SECRETS: Mapping[str, str] = {
    "a Hugging Face token": r"\bhf_[A-Za-z0-9]{20,}",
    "a key of the form sk-…": r"(?<![A-Za-z0-9])sk-(?=[\w-]*\d)[\w-]{20,}",
    "a GitHub token": r"\b(?:gh[opsur]_[A-Za-z0-9]{30,}|github_pat_\w{30,})",
    "a GitLab token": r"\bglpat-[\w-]{20,}",
    "an AWS key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a Google key": r"\bAIza[\w-]{35}",
    "a Slack token": r"\bxox[abeoprs]-[\w-]{10,}",
    "a signed web token": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
}
_NAMED_SO = re.compile(r"(TOKEN|API_KEY|SECRET|PASSWORD|ACCESS_KEY)$")
_SHORTEST = 12
"""Characters of the shortest value of an environment variable that is looked for: `none` is no secret."""

# Before the path stands no letter, dot or slash: https://example.org/home/page is a place on the web.
_BEFORE = r"(?:(?<![\w./:~-])|(?<=file://))"
_PATHS = rf"{_BEFORE}/(?:home|root|Users)/[\w.~-]|(?<![A-Za-z])[A-Za-z]:(?:\\+|/)Users(?:\\+|/)\w"
_REST = r"[^\s\"'<>|,;)\]}]*"


@dataclass(frozen=True, slots=True)
class Private:
    """Something that must stay here. what: its kind, in words. shown: a path as it stands; of a secret nothing."""

    what: str
    shown: str = ""

    def __str__(self) -> str:
        return f"{self.what} ({self.shown})" if self.shown else self.what


class Watch:
    """Knows secrets by their form, those of the environment by their value, and paths of this machine.

    places: folders whose paths must not be told, beside the user's home and the working folder.
    """

    def __init__(self, *places: Path | str, secrets: Iterable[str] = (), environment: Mapping[str, str] | None = None):
        environment = os.environ if environment is None else environment
        values = [value for name, value in environment.items() if _NAMED_SO.search(name)]
        values = sorted({value for value in [*values, *secrets] if len(value) >= _SHORTEST})
        self._secrets = {what: re.compile(form) for what, form in _SECRETS.items()}
        if values:
            self._secrets["a secret of this environment"] = re.compile("|".join(map(re.escape, values)))
        own = {str(Path(place).expanduser().absolute()) for place in (*places, Path.home(), Path.cwd())}
        own |= {str(Path(place).resolve()) for place in own}
        # The root of a disk is everybody's.
        literal = [re.escape(place) for place in sorted(own, key=len, reverse=True) if len(Path(place).parts) > 1]
        known = f"{_BEFORE}(?:{'|'.join(literal)})(?![\\w-])|" if literal else ""
        self._path = re.compile(f"(?:{known}{_PATHS}){_REST}")

    def find(self, text: str) -> Private | None:
        """The first thing in a text that must stay here, or None."""
        for what, form in self._secrets.items():
            if form.search(text):
                return Private(what)
        found = self._path.search(text)
        return Private("a local path", found[0][:80]) if found else None

    def hidden(self, text: str) -> str:
        """The text with every secret as `…`; paths stay."""
        for form in self._secrets.values():
            text = form.sub("…", text)
        return text

    def search(self, file: IO[bytes]) -> Iterator[tuple[int, Private]]:
        """(line from 1, what stands there) of a text file that is open for reading bytes."""
        for number, line in enumerate(file, 1):
            found = self.find(line.decode("utf-8", "replace"))
            if found is not None:
                yield number, found

    def reduced(self, value: JSON) -> JSON:
        """The value with every string that is a local path, and nothing else, cut to its last part."""
        if isinstance(value, dict):
            return {key: self.reduced(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.reduced(inner) for inner in value]
        if isinstance(value, str) and "\n" not in value and self._path.match(value):
            return name_of(value)
        return value


def name_of(path: str) -> str:
    """The last part of a path, with either kind of slash; a name without slashes as it is."""
    return re.split(r"[/\\]+", path.rstrip("/\\"))[-1]
