"""Documents by name, count and seed: the door of the synthesis.

Document i depends on (name, split, seed, i, noise) only, so any number of processes gives the same bytes, and any part of a
data set can be made again by itself.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from tunewright.core import meter
from tunewright.core.errors import DataError, did_you_mean
from tunewright.core.records import JSON, Record, Span
from tunewright.data.synth import (
    amounts,
    cases,
    layouts,
    marks,
    slots,
)
from tunewright.data.synth import (
    noise as ocr,
)
from tunewright.data.synth.draw import Draw
from tunewright.data.synth.parts import Case
from tunewright.data.synth.pools import SEEN, UNSEEN
from tunewright.data.synth.schemas import AMOUNTS, SCHEMAS

assert slots
SPLITS = ("train", "test")
LANGUAGES = ("en", "hi")
DOC_TYPES = ("invoice", "receipt", "form")
CELLS = ((SEEN, SEEN), (SEEN, UNSEEN), (UNSEEN, SEEN), (UNSEEN, UNSEEN))
"""(wordings, entities) of the four quarters of a test set."""
SIDE = ("seen", "unseen")
CHUNK = 128


def generate(
    name: str,
    count: int,
    *,
    seed: int,
    split: str = "train",
    workers: int = 0,
    noise: Mapping[str, float] | None = None,
    start: int = 0,
) -> Iterator[Record]:
    """Documents `start` to `start + count - 1` of the generator `name`, in order.

    split: "train" draws seen atoms only; "test" deals four equal quarters of seen and unseen wordings (layouts included)
    and entities, one document of each in turn.
    workers: processes; 0 is one per core. noise: grade → share (none, light, medium, heavy).
    Raises DataError on an unknown generator, split or grade.
    """
    if name not in SCHEMAS:
        raise DataError(
            f"no generator is named {name}", hint=did_you_mean(name, SCHEMAS) or f"there are {', '.join(SCHEMAS)}"
        )
    if split not in SPLITS:
        raise DataError(f"a synthetic split is train or test, not {split}")
    if count < 0 or start < 0:
        raise DataError("count and start are not below 0")
    shares = ocr.check(ocr.DEFAULT if noise is None else noise)
    processes = workers or max(1, int(meter.cores()))
    processes = min(processes, max(1, count // (2 * CHUNK)))
    job = (name, seed, split, tuple(shares.items()))
    if processes < 2:
        return (document(name, seed, split, at, shares) for at in range(start, start + count))
    return _in_processes(job, start, count, processes)


def _in_processes(job: tuple[Any, ...], start: int, count: int, processes: int) -> Iterator[Record]:
    """The same records, made in chunks by several processes; a bounded number of chunks is under way."""
    chunks = ((job, at, min(CHUNK, start + count - at)) for at in range(start, start + count, CHUNK))
    context = multiprocessing.get_context("fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn")
    with context.Pool(processes, initializer=_quiet) as pool:
        pending: list[Any] = [pool.apply_async(_chunk, chunk) for chunk in islice(chunks, processes * 3)]
        while pending:
            rows = pending.pop(0).get()
            for chunk in islice(chunks, 1):
                pending.append(pool.apply_async(_chunk, chunk))
            yield from rows


def _quiet() -> None:
    """In a worker: Ctrl-C is the parent's business, and a parent that is gone is no news. Faults travel by `get`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def _chunk(job: tuple[Any, ...], start: int, count: int) -> list[Record]:
    name, seed, split, shares = job
    return [document(name, seed, split, at, dict(shares)) for at in range(start, start + count)]


def document(
    name: str,
    seed: int,
    split: str,
    index: int,
    shares: Mapping[str, float],
    trace: list[tuple[str, str, str]] | None = None,
) -> Record:
    """Document `index`. trace: where given, every atom it drew is noted as (kind, pool, atom)."""
    wordings, entities = CELLS[index % 4] if split == "test" else (SEEN, SEEN)
    turn = index // 4 if split == "test" else index
    language = LANGUAGES[turn % 2]
    doc_type = DOC_TYPES[turn // 2 % 3]
    schema = SCHEMAS[name][doc_type]
    draw = Draw(
        f"{name}/{split}/{seed}/{index}", language, doc_type, frozenset(schema["properties"]), wordings, entities, trace
    )
    layout, case, grade, text, values = write(draw, shares)
    return Record(
        id=f"{name}-{split}-{seed}-{index:07d}",
        text=text,
        target=_target(schema, text, values),
        language=language,
        doc_type=doc_type,
        split=split,
        spans=tuple(Span(path, start, end) for path, (start, end) in values.items()),
        provenance={
            "generator": name,
            "layout": layout.name,
            "labels": dict(draw.labels),
            "entities": {"scene": case.scene.name},
            "noise": grade,
            "mix": draw.mix,
            "seed": seed,
            "index": index,
            "slice": {"wordings": SIDE[wordings], "entities": SIDE[entities]},
        },
    )


def write(draw: Draw, shares: Mapping[str, float]) -> tuple[layouts.Layout, Case, str, str, dict[str, tuple[int, int]]]:
    """Lay out one document: (layout, its parts, grade of noise, text, path of a marked value → its place in the text)."""
    layout = draw.weighted(layouts.BY_SIDE[draw.wordings])
    case = cases.build(draw, terse=layout.terse, worded=layout.worded, yearless=layout.yearless)
    page = layout.draw(case)
    grade = draw.weighted(tuple(shares.items()))
    pieces = ocr.spoil(draw, marks.pieces(page), grade, draw.paths)
    return layout, case, grade, *_joined(pieces, draw.paths)


def _joined(pieces: list[tuple[int | None, str]], paths: list[str]) -> tuple[str, dict[str, tuple[int, int]]]:
    """The text, and where each value first stands in it."""
    out: list[str] = []
    values: dict[str, tuple[int, int]] = {}
    at = 0
    for number, piece in pieces:
        if not unicodedata.is_normalized("NFC", piece):
            piece = unicodedata.normalize("NFC", piece)
        if number is not None:
            values.setdefault(paths[number], (at, at + len(piece)))
        out.append(piece)
        at += len(piece)
    return "".join(out), values


def _target(schema: dict[str, Any], text: str, values: Mapping[str, tuple[int, int]]) -> dict[str, JSON]:
    """The gold in schema order, read off the text at the spans; null (or no items) where nothing stands."""

    def value(path: str, key: str) -> str | None:
        place = values.get(path)
        if place is None:
            return None
        printed = text[place[0] : place[1]]
        return amounts.normal(printed) if key in AMOUNTS else printed

    target: dict[str, JSON] = {}
    for key, property_schema in schema["properties"].items():
        if property_schema.get("type") != "array":
            target[key] = value(key, key)
            continue
        rows = sorted({int(path[len(key) + 1 : path.index("]")]) for path in values if path.startswith(f"{key}[")})
        fields = property_schema["items"]["properties"]
        target[key] = [{field: value(f"{key}[{row}].{field}", field) for field in fields} for row in rows]
    return target
