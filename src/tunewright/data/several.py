"""Several sources as one: `snips + e2e_restaurants`, each under the name of its own as the type of its records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tunewright.core.errors import DataError
from tunewright.core.recipe import DataOptions
from tunewright.core.records import Record
from tunewright.data import sources
from tunewright.data.sources import Source

PLUS = " + "


def names(source: str) -> list[str]:
    """The sources that a recipe's `data.source` names."""
    return [name.strip() for name in source.split(PLUS)]


def load(source: str, options: DataOptions | None = None, *, seed: int = 0, **where: Any) -> Source:
    """As `sources.load`, of one source or of several with ` + ` between them.

    Of several, records without a type get their source's name, hashes its name before the file's, and `documents` are
    drawn from all together. Raises DataError where two sources have a type of the same name.
    """
    if len(names(source)) == 1:
        return sources.load(source, options, seed=seed, **where)
    options = options or DataOptions.model_validate({})
    whole = Source(source, "several", [])
    lines: dict[str, str] = {}
    renamed: list[str] = []
    for name in names(source):
        one = sources.load(name, options.model_copy(update={"documents": None}), seed=seed, **where)
        if twice := whole.schemas.keys() & one.schemas.keys():
            raise DataError(f"two of its sources have records of the type '{min(twice)}'", where=source)
        whole.records += [sources.unique(_typed(record, name), lines, renamed) for record in one.records]
        whole.schemas |= one.schemas
        whole.inferred |= one.inferred
        whole.rejected += one.rejected
        whole.notes += one.notes
        whole.sha256 |= {f"{name}/{file}": digest for file, digest in one.sha256.items()}
        for kind in ("description", "licence"):
            said = getattr(one, kind)
            if said is not None:
                setattr(whole, kind, "; ".join(filter(None, (getattr(whole, kind), f"{name}: {said}"))))
    if renamed:
        whole.notes.append(f"{len(renamed)} ids stood in more than one source and were numbered, first: {renamed[0]}")
    total = len(whole.records)
    whole.records = sources.sampled(whole.records, options.documents, seed)
    if len(whole.records) < total:
        whole.notes.append(f"{len(whole.records)} of {total} records taken (data.documents)")
    return whole


def changed(source: str, before: Mapping[str, str], folder: Path | str | None = None) -> list[Path]:
    """As `sources.changed`, of one source or of several."""
    if len(names(source)) == 1:
        return sources.changed(source, before, folder)
    found = []
    for name in names(source):
        own = {file.removeprefix(f"{name}/"): sha for file, sha in before.items() if file.startswith(f"{name}/")}
        found += sources.changed(name, own, folder)
    return found


def _typed(record: Record, name: str) -> Record:
    return record if record.doc_type is not None else replace(record, doc_type=name)
