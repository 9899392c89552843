"""Where a recipe's data comes from: `synth:NAME`, a file, a folder, a named set, or an id of the Hugging Face hub.

found = load("sroie_receipts", folder=Path("../shared/data"))
found.records, found.schemas, found.rejected, found.notes, found.licence
"""

from __future__ import annotations

import hashlib
import heapq
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunewright.core.errors import DataError, UsageError, did_you_mean, nearest
from tunewright.core.files import sha256
from tunewright.core.recipe import DataOptions
from tunewright.core.records import JSON, Record
from tunewright.data import infer, own
from tunewright.data.read import DOCUMENTS, Reading, Rejected, cha, excerpt, read, reader_of, rows_as_records, split_of
from tunewright.data.read._shared import json_reason, kind
from tunewright.text.serialise import STRICT

ENVIRONMENT = "TUNEWRIGHT_DATA"
"""The variable that names the folder of named sets."""

SAMPLES = Path(__file__).parent / "samples"
"""Small sets that ship with the package, under the names of the sets they stand for."""

_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(:[\w.-]+)?(@[\w./-]+)?")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_NOT_DATA = re.compile(
    r"(.*[._-])?schemas?\.json|schemas\.jsonl|dataset_infos?\.json|state\.json|manifest\.json|package\.json"
    r"|contexts\.jsonl(\.gz)?"
)
_LICENCE = re.compile(r"^\W*licen[cs]e\W*:\W*(.+)$", re.IGNORECASE | re.MULTILINE)


@dataclass(slots=True)
class Source:
    """Records and where they came from.

    name: as the recipe names it. kind: synth, file, folder, set (a named one), sample or hub.
    schemas: JSON Schema by doc_type; under `name` where the records have no types; empty where targets are text.
    inferred: whether the schemas were inferred from the targets. rejected: rows set aside.
    notes: sentences for the screen, in order. description, licence: from the README beside the data, where it says.
    sha256: file name → hash of its bytes.
    """

    name: str
    kind: str
    records: list[Record]
    schemas: dict[str, dict[str, JSON]] = field(default_factory=dict)
    inferred: bool = False
    rejected: list[Rejected] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    description: str | None = None
    licence: str | None = None
    sha256: dict[str, str] = field(default_factory=dict)

    def counts(self) -> dict[str, JSON]:
        """Numbers for the manifest: records, rejected rows, and records by language, doc_type and split."""
        tables = {
            name: Counter(str(value) for record in self.records if (value := getattr(record, name)) is not None)
            for name in ("language", "doc_type", "split")
        }
        return {
            "records": len(self.records),
            "rejected": len(self.rejected),
            **{name: dict(sorted(table.items())) for name, table in tables.items()},
        }


def load(
    source: str,
    options: DataOptions | None = None,
    *,
    seed: int = 0,
    folder: Path | str | None = None,
    base: Path | str | None = None,
    sample: bool = False,
) -> Source:
    """The records that `source` names, with their schemas.

    options: layout, columns, documents and what synthesis needs; `options.source` is not looked at.
    folder: where named sets stand; the environment's TUNEWRIGHT_DATA by default. base: the folder that relative paths
    start from; the working folder by default. sample: take the small set of that name that ships with the package.

    Looked for in this order: `synth:`, `hf:`, an existing path, a named set, a hub id.
    Ids are made unique (`x`, `x~2`) and counted in the notes: no row is lost to its name. With `documents`, a sample
    that depends on the seed and the rows, not on their order.
    Raises DataError with near names where nothing is found or no row can be used.
    """
    options = options or DataOptions.model_validate({})
    named = _named_folder(folder)
    if sample and not _NAME.fullmatch(source):
        raise UsageError(
            f"'{source}' has no small sample: those are of named sets ({', '.join(_samples())})",
            hint="data.documents: 200 takes fewer documents",
        )
    if source.startswith("synth:"):
        return _synthesised(source, options, seed)
    if sample:
        return _files(source, "sample", _sample_folder(source), options, seed)
    if source.startswith("hf:"):
        return _hub(source, source[3:], options, seed)
    path = Path(base or ".") / Path(source).expanduser()
    if path.exists():
        return _files(source, "folder" if path.is_dir() else "file", path, options, seed)
    if _NAME.fullmatch(source) and named is not None and _holds_data(named / source):
        return _files(source, "set", named / source, options, seed)
    if _HUB.fullmatch(source) and reader_of(path) is None:
        return _hub(source, source, options, seed)
    raise _missing(source, path, named)


def named_sets(folder: Path | str | None = None) -> list[str]:
    """Names of the sets in `folder` (by default TUNEWRIGHT_DATA's): folders that hold a data file."""
    named = _named_folder(folder)
    if named is None:
        return []
    return sorted(each.name for each in named.iterdir() if each.is_dir() and _holds_data(each))


def _named_folder(folder: Path | str | None) -> Path | None:
    given = folder or os.environ.get(ENVIRONMENT)
    if not given:
        return None
    path = Path(given).expanduser()
    if not path.is_dir():
        where = "the data folder" if folder else ENVIRONMENT
        raise UsageError(f"{where} does not exist", where=str(path), hint="name a folder that holds data sets")
    return path


def _samples() -> list[str]:
    return sorted(each.name for each in SAMPLES.iterdir() if each.is_dir()) if SAMPLES.is_dir() else []


def _sample_folder(source: str) -> Path:
    have = _samples()
    if source not in have:
        raise DataError(
            f"no sample of '{source}' ships with the package",
            hint=did_you_mean(source, have) or f"samples: {', '.join(have) or 'none'}",
        )
    return SAMPLES / source


def _missing(source: str, path: Path, named: Path | None) -> DataError:
    known = named_sets(named) if named else []
    siblings = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
    shipped = SAMPLES / source
    if _NAME.fullmatch(source) and shipped.is_dir():
        hint = f"say where the sets are (--data DIR or {ENVIRONMENT}), or try its small sample with --sample"
        return DataError(f"the data set '{source}' is not here", hint=hint)
    if reader_of(path) is not None or source.startswith((".", "~", os.sep)):
        near = nearest(path.name, siblings, 3)
        said = " or ".join(f"'{path.with_name(name)}'" for name in near)
        hint = f"did you mean {said}?" if near else "give a path from the working folder"
        return DataError("there is no such file or folder", where=source, hint=hint)
    near = nearest(source, known, 3) or nearest(path.name, siblings, 3) or nearest(source, _generators(), 3)
    if near:
        hint = "did you mean " + " or ".join(f"'{name}'" for name in near) + "?"
    elif known:
        hint = f"sets here: {', '.join(known)}"
    else:
        hint = f"a file, a folder, synth:NAME, or a named set (say where they are: --data DIR or {ENVIRONMENT})"
    return DataError(f"there is no data '{source}'", hint=hint)


def changed(source: str, before: Mapping[str, str], folder: Path | str | None = None) -> list[Path]:
    """Files of a local source whose bytes are not those of `before` (name → sha256). What is gone is not counted."""
    path, named = Path(source).expanduser(), _named_folder(folder)
    if not path.exists() and named is not None:
        path = named / source
    where = path if path.is_dir() else path.parent
    there = [where / name for name in before if (where / name).is_file()]
    return [file for file in there if sha256(file) != before[file.relative_to(where).as_posix()]]


# Synthesis


def _generators() -> list[str]:
    try:
        from tunewright.data.synth.schemas import SCHEMAS
    except ImportError:
        return []
    return [f"synth:{name}" for name in SCHEMAS]


def _synthesised(source: str, options: DataOptions, seed: int) -> Source:
    from tunewright.data.synth import documents
    from tunewright.data.synth.schemas import SCHEMAS

    name = source.removeprefix("synth:")
    if name not in SCHEMAS:
        raise DataError(
            f"there is no generator '{name}'", hint=did_you_mean(name, SCHEMAS) or f"known: {', '.join(SCHEMAS)}"
        )
    train, test = options.synthetic
    notes = []
    if test < options.test_documents:
        notes.append(
            f"{test} of {train + test} documents are for testing: {options.test_documents} would leave too few to train"
        )
    shared: dict[str, Any] = {"seed": seed, "workers": options.workers, "noise": options.noise}
    records = list(documents.generate(name, train, split="train", **shared))
    records += documents.generate(name, test, split="test", **shared)
    notes.insert(0, f"{len(records)} documents synthesised by '{name}', seed {seed}")
    description = f"Synthesised by Tunewright's generator '{name}', seed {seed}"
    return Source(source, "synth", records, dict(SCHEMAS[name]), notes=notes, description=description)


# Files, folders, the hub


def _hub(source: str, name: str, options: DataOptions, seed: int) -> Source:
    from tunewright.data.read import huggingface

    if not _HUB.fullmatch(name) and not _NAME.fullmatch(name):
        raise DataError(f"'{name}' is not the name of a Hugging Face data set", hint="owner/name or owner/name:part")
    reading = rows_as_records(huggingface.read_hub(name), name, layout=options.layout, columns=options.columns)
    found = Source(source, "hub", [])
    _fill(found, [(reading, None)], options, seed)
    _add_schemas(found, None)
    return found


def _files(source: str, kind: str, path: Path, options: DataOptions, seed: int) -> Source:
    from tunewright.data.read import huggingface

    found = Source(source, kind, [])
    arguments: dict[str, Any] = {
        "layout": options.layout,
        "columns": options.columns,
        "transcripts": options.transcripts,
    }
    folder = path if path.is_dir() else path.parent
    readings: list[tuple[Reading, str | None]]
    if path.is_file():
        readings = [(read(path, **arguments), None)]
        found.sha256[path.name] = sha256(path)
    elif transcripts := _transcripts(path):
        readings = [(read(path, **arguments), None)]
        labels = [table] if (table := path / options.transcripts.label).is_file() else []
        found.sha256 = {file.relative_to(path).as_posix(): sha256(file) for file in transcripts + labels}
    elif huggingface.is_saved(path) or (not _data_files(path) and any(path.rglob("*.txt"))):
        readings = [(read(path, **arguments), None)]
    else:
        files = _data_files(path)
        if not files:
            known = [each.name for each in sorted(path.iterdir())]
            raise DataError(
                "the folder holds no data file",
                where=str(path),
                hint=f"it holds: {', '.join(known[:10]) or 'nothing'}; "
                "known: .jsonl, .json, .csv, .parquet, .cha, .txt",
            )
        readings = [(read(file, **arguments), split_of(file.name)) for file in files]
        found.sha256 = {file.name: sha256(file) for file in files}
        left = [each.name for each in sorted(path.iterdir()) if reader_of(each) not in (None, *DOCUMENTS)]
        left = [name for name in left if name not in found.sha256 and not _NOT_DATA.fullmatch(name)]
        if left:
            found.notes.append(f"not read beside {', '.join(found.sha256)}: {', '.join(left)}")
    _fill(found, readings, options, seed)
    services = folder / own.SERVICES
    found.records, unfit, notes = own.settle(found.records, services if services.is_file() else None)
    found.rejected += unfit
    found.notes += notes
    if notes and services.is_file():
        found.sha256[services.name] = sha256(services)
    if unfit:
        found.notes.append(f"{len(unfit)} rows set aside: {unfit[0].reason}")
    for reading, _ in readings:
        if reading.contexts is not None and (file := reading.contexts.file) is not None and reading.contexts.joined:
            found.sha256[file.name] = sha256(file)
            found.notes += reading.contexts.notes()
            found.rejected += reading.contexts.unreadable
    _add_schemas(found, _schema_file(path))
    readme = folder / "README.md"
    if path.is_dir() and readme.is_file():
        _describe(found, readme)
    return found


def _holds_data(folder: Path) -> bool:
    return bool(_data_files(folder) or (folder.is_dir() and _transcripts(folder)))


def _transcripts(folder: Path) -> list[Path]:
    """A folder's CHAT transcripts, unless data named so, or after splits, stands in it; a table of labels may."""
    named = any(split_of(each.name) or each.name.split(".")[0] == "data" for each in _data_files(folder))
    return [] if named else cha.files_of(folder)


def _data_files(folder: Path) -> list[Path]:
    """A folder's data: `data.*` alone where there is one, else every file of a known format, splits in their order."""
    if not folder.is_dir():
        return []
    files = [
        each
        for each in sorted(folder.iterdir())
        if each.is_file()
        and not each.name.startswith(".")
        and not _NOT_DATA.fullmatch(each.name)
        and reader_of(each) not in (None, "cha", *DOCUMENTS)
    ]
    named = [each for each in files if each.name.split(".")[0] == "data"]
    order = {"train": 0, "validation": 1, "dev": 2, "test": 3}
    splits = [each for each in files if split_of(each.name)]
    return named[:1] or sorted(splits, key=lambda each: (order[split_of(each.name) or ""], each.name)) or files


def _fill(found: Source, readings: list[tuple[Reading, str | None]], options: DataOptions, seed: int) -> None:
    lines: dict[str, str] = {}
    renamed: list[str] = []

    def records() -> Iterator[Record]:
        for reading, split in readings:
            for record in reading:
                if split is not None and record.split is None:
                    record = record.replace(split=split)
                yield unique(record, lines, renamed)

    found.records = sampled(records(), options.documents, seed)
    total = sum(reading.records for reading, _ in readings)
    for reading, _ in readings:
        found.rejected += reading.rejected
        found.notes.append(f"{reading.name}: {reading.records} records, layout {reading.found}")
        found.notes += reading.notes()
        if reading.unprinted:
            null = " and ".join(f"{name} of {count}" for name, count in reading.unprinted.most_common())
            found.notes.append(f"{reading.name}: not printed in their papers, and so null: {null}")
        if reading.unused:
            names = ", ".join(f"{name} ({count})" for name, count in reading.unused.most_common())
            found.notes.append(f"{reading.name}: columns not used: {names}")
    if not total:
        first = found.rejected[0] if found.rejected else None
        raise DataError(
            f"none of {len(found.rejected)} rows can be used; line {first.line}: {first.reason}"
            if first
            else "there are no rows",
            where=found.name,
            hint="convert it: iconv -f WINDOWS-1252 -t UTF-8"
            if first and first.reason.endswith("is not UTF-8")
            else "look at the file, or name its columns: data.columns: {text: …, target: …}",
        )
    if len(found.records) < total:
        found.notes.append(f"{len(found.records)} of {total} records taken (data.documents)")
    if found.rejected:
        reasons = Counter(re.sub(r"\d+|'[^']*'|\"[^\"]*\"", "…", each.reason) for each in found.rejected)
        most = "; ".join(f"{count} × {reason}" for reason, count in reasons.most_common(3))
        found.notes.append(f"{len(found.rejected)} rows set aside: {most}")
    if renamed:
        found.notes.append(f"{len(renamed)} ids stood more than once and were numbered, first: {renamed[0]}")
    _check_groups(found, [reading for reading, _ in readings], options)
    _targets_as_json(found)


def unique(record: Record, lines: dict[str, str], renamed: list[str]) -> Record:
    place = f"{record.provenance.get('file')}:{record.provenance.get('line')}"
    if record.id not in lines:
        lines[record.id] = place
        return record
    number = 2
    while (name := f"{record.id}~{number}") in lines:
        number += 1
    renamed.append(f"'{record.id}' at {place}, first at {lines[record.id]}")
    lines[name] = place
    return record.replace(id=name)


def sampled(records: Iterable[Record], count: int | None, seed: int) -> list[Record]:
    """`count` of the records in their order, chosen by a hash of seed, id and text; all where there are fewer."""
    if count is None:
        return list(records)
    keyed = ((_key(seed, record), i, record) for i, record in enumerate(records))
    chosen = heapq.nsmallest(count, keyed, key=lambda each: each[:2])
    return [record for _, _, record in sorted(chosen, key=lambda each: each[1])]


def _key(seed: int, record: Record) -> bytes:
    return hashlib.blake2b(f"{seed}\n{record.id}\n{record.text}".encode(), digest_size=8).digest()


def _check_groups(found: Source, readings: list[Reading], options: DataOptions) -> None:
    """Drop groups that were only guessed from a column's name where they do not agree with the data's own split.

    Where a group on two sides is to be refused, they stay: the split refuses it.
    """
    columns = {reading.group_column for reading in readings if reading.group_column and not reading.group_sure}
    if not columns:
        return
    name = ", ".join(sorted(columns))
    sides: dict[str, set[str]] = {}
    for record in found.records:
        if record.group is not None and record.split is not None:
            sides.setdefault(record.group, set()).add("train" if record.split in options.train_splits else "test")
    crossing = sum(len(each) > 1 for each in sides.values())
    if crossing and options.crossing_groups == "drop":
        found.records = [record.replace(group=None) for record in found.records]
        found.notes.append(f"the column '{name}' is not taken for groups: {crossing} of its values are on both splits")
    else:
        found.notes.append(f"groups are read from the column '{name}' (data.columns: {{group: …}} to choose)")


def _targets_as_json(found: Source) -> None:
    """Read targets as JSON where most are the text of an object, as in prompt/completion files of extraction, or are
    JSON already.

    Where all are texts, rows whose answer is something else are set aside; else the task says what it can use.
    """
    texts = sum(isinstance(record.target, str) for record in found.records)
    read_as = {index: _object(record.target) for index, record in enumerate(found.records)}
    objects = {index: value for index, value in read_as.items() if isinstance(value, dict)}
    already = sum(isinstance(record.target, dict) for record in found.records)
    if not objects or 2 * (len(objects) + already) <= len(found.records):
        return
    aside = texts == len(found.records)
    kept = []
    for index, record in enumerate(found.records):
        if index in objects:
            kept.append(record.replace(target=objects[index]))
        elif aside:
            reason = f"the answer is not the text of a JSON object, as most are: {read_as[index]}"
            found.rejected.append(Rejected.of(record, reason, excerpt(record.target)))
        else:
            kept.append(record)
    few = f"; {texts - len(objects)} rows with another one are set aside" if aside and texts > len(objects) else ""
    which = f"{len(objects)} of {len(found.records)} targets" if already else "targets"
    found.notes.append(f"{which} are the text of JSON objects: read as objects{few}")
    found.records = kept


def _object(target: JSON) -> dict[str, JSON] | str:
    """The object whose text this is, or why it is none."""
    if not isinstance(target, str):
        return kind(target)
    try:
        value = STRICT.decode(target.strip())
    except (ValueError, RecursionError) as error:
        return json_reason(error)
    return value if isinstance(value, dict) else kind(value)


# Schemas and what a README says


def _schema_file(path: Path) -> Path | None:
    if path.is_dir():
        candidates = [path / "schema.json"]
    else:
        stem = path.name.split(".")[0]
        candidates = [path.with_name(f"{stem}.schema.json"), path.with_name("schema.json")]
    return next((each for each in candidates if each.is_file()), None)


def _add_schemas(found: Source, file: Path | None) -> None:
    others = [record for record in found.records if "schema" not in record.provenance]
    types = list(dict.fromkeys(record.doc_type for record in others if record.doc_type))
    targets = [record for record in others if record.target is not None and not isinstance(record.target, str)]
    if file is not None and targets:
        found.schemas = read_schemas(file, types or [found.name])
        found.sha256[file.name] = sha256(file)
        found.notes.append(f"schema: {file.name}, beside the data")
        _check_types(found, file)
        return
    if not targets:
        return
    found.inferred = True
    for name in types or [found.name]:
        found.schemas[name] = infer.schema_of(r.target for r in targets if not types or r.doc_type == name)
    for name, schema in found.schemas.items():
        keys = ", ".join(schema.get("properties", {})) or "free keys"
        found.notes.append(f"schema of '{name}' inferred from its targets: {keys}")


def _check_types(found: Source, file: Path) -> None:
    """Set aside the records whose type has no schema. Raises DataError where that is half of them: a wrong schema."""
    astray = [
        record
        for record in found.records
        if record.doc_type and record.doc_type not in found.schemas and "schema" not in record.provenance
    ]
    if not astray:
        return
    name = str(astray[0].doc_type)
    near = did_you_mean(name, found.schemas) or f"it names: {', '.join(found.schemas)}"
    if 2 * len(astray) >= len(found.records):
        raise DataError(f"names no schema for doc_type '{name}'", where=str(file), hint=near)
    gone = {record.id for record in astray}
    found.records = [record for record in found.records if record.id not in gone]
    for record in astray:
        reason = f"{file.name} names no schema for doc_type '{record.doc_type}'"
        found.rejected.append(Rejected.of(record, reason, excerpt(record.text)))
    found.notes.append(f"{len(astray)} rows set aside: {file.name} names no schema for doc_type '{name}'; {near}")


def read_schemas(file: Path, names: Iterable[str]) -> dict[str, Any]:
    """Schemas by doc_type from a file that holds several by name, or one, which then holds for all of `names`.

    Raises DataError for a file that holds neither.
    """
    try:
        given = json.loads(file.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError, OSError) as error:
        raise DataError(f"cannot be read as JSON: {error}", where=str(file)) from None
    if (
        not isinstance(given, dict)
        or not given
        or not (_is_schema(given) or all(isinstance(each, dict) for each in given.values()))
    ):
        raise DataError(
            "is neither a JSON Schema nor an object of schemas by doc_type",
            where=str(file),
            hint='{"type": "object", "properties": {…}} or {"invoice": {"type": "object", …}, …}',
        )
    return dict.fromkeys(names, given) if _is_schema(given) else given


def _is_schema(value: dict[str, Any]) -> bool:
    if "$schema" in value or "$ref" in value or isinstance(value.get("type"), str | list):
        return True
    return any(isinstance(value.get(key), list) for key in ("anyOf", "oneOf", "allOf", "required")) or (
        isinstance(value.get("properties"), dict) and "type" not in value["properties"]
    )


def _describe(found: Source, readme: Path) -> None:
    text = readme.read_text(encoding="utf-8", errors="replace")
    heading = re.search(r"^#\s+(.+)$", text, re.MULTILINE)
    licence = _LICENCE.search(text)
    found.description = heading.group(1).strip() if heading else None
    found.licence = licence.group(1).strip() if licence else None
