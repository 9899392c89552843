"""Train, validation and test by whole groups.

Records of one group (a company, a speaker; without one, records of the same words) stand on one side only. Choices
depend on the seed and the groups' names, never on the order of the rows.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tunewright.core.errors import DataError
from tunewright.core.recipe import DataOptions
from tunewright.core.records import JSON, Record
from tunewright.data.leakage import text_key

VALIDATION_NAMES = ("validation", "valid", "val")
"""Values of a data set's own `split` that are taken for validation where the options do not name them otherwise."""

LARGEST_VALIDATION = 0.2
"""Share of train that validation takes at most."""

Stratum = tuple[str, str]


@dataclass(slots=True)
class Splits:
    """Three lists in the order the records came in.

    unused: records whose own split is none of those asked for. moved: train records that were taken out because their
    group stands in test or validation. notes: sentences for the screen.
    """

    train: list[Record]
    validation: list[Record]
    test: list[Record]
    unused: list[Record] = field(default_factory=list)
    moved: list[Record] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, JSON]:
        return {name: len(getattr(self, name)) for name in ("train", "validation", "test", "unused", "moved")}


def split(records: Sequence[Record], options: DataOptions | None = None, seed: int = 0) -> Splits:
    """Split by the data's own `split` where it has one for testing, else by shares of whole groups.

    options: train_splits, test_splits, test_share and validation_documents are looked at.
    By its own: test is left as it is; a train record whose group is in test is taken out and counted. By shares and
    for validation: each language × doc_type gives its part, groups in the order of a hash. Every returned record
    carries the split it is in. Validation takes whole groups out of train, at most a fifth of it, unless the data has
    its own.
    Raises DataError where there are no records, or whole groups cannot make a test set.
    """
    options = options or DataOptions.model_validate({})
    if not records:
        raise DataError("there are no records to split", hint="look at rejected.jsonl for what was set aside")
    result = Splits([], [], [])
    if any(record.split in options.test_splits for record in records):
        _by_own(records, result, options)
    else:
        _by_share(records, result, options, seed)
    if options.validation_documents and not result.validation:
        _take_validation(result, options.validation_documents, seed)
    if not result.train:
        held = dict(Counter(str(record.split) for record in records))
        raise DataError(
            "no record is left for training",
            hint=f"the data's own splits: {held}; data.train_splits: {', '.join(options.train_splits)}",
        )
    for name in ("train", "validation", "test"):
        setattr(result, name, [_marked(record, name) for record in getattr(result, name)])
    return result


def group_of(record: Record) -> str:
    """What keeps records together: the group, or without one the words of the text."""
    return f"group:{record.group}" if record.group is not None else f"text:{text_key(record.text):016x}"


def crossing(sides: dict[str, Iterable[Record]]) -> dict[str, list[str]]:
    """Groups that stand on more than one side: group → names of its sides, sorted. Empty when all is well."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, records in sides.items():
        for record in records:
            found[group_of(record)].add(name)
    return {group: sorted(names) for group, names in sorted(found.items()) if len(names) > 1}


def _marked(record: Record, name: str) -> Record:
    return record if record.split == name else record.replace(split=name)


def _by_own(records: Sequence[Record], result: Splits, options: DataOptions) -> None:
    train: list[Record] = []
    for record in records:
        if record.split in options.test_splits:
            result.test.append(record)
        elif record.split in options.train_splits:
            train.append(record)
        elif record.split in VALIDATION_NAMES:
            result.validation.append(record)
        else:
            result.unused.append(record)
    _keep_apart(train, result)
    said = f"split by the data's own column: {len(result.train)} train, {len(result.test)} test"
    result.notes.append(said + (f", {len(result.validation)} validation" if result.validation else ""))
    _tell_unused(result)


def _tell_unused(result: Splits) -> None:
    if result.unused:
        names = Counter(str(record.split) for record in result.unused)
        said = ", ".join(f"'{name}' ({count})" for name, count in names.items())
        result.notes.append(f"not used, being in other splits: {said}")


def _keep_apart(train: list[Record], result: Splits) -> None:
    """Take train records out whose group is in test or validation, and validation records whose group is in test."""
    held = {record.group for record in result.test if record.group is not None}
    validation = [record for record in result.validation if record.group not in held]
    dropped = [record for record in result.validation if record.group in held]
    held |= {record.group for record in validation if record.group is not None}
    result.validation = validation
    result.moved = dropped + [record for record in train if record.group in held]
    result.train = [record for record in train if record.group not in held]
    if result.moved:
        groups = {record.group for record in result.moved}
        result.notes.append(
            f"{len(result.moved)} records taken out of train: their {len(groups)} groups are in test or validation too"
        )


def _by_share(records: Sequence[Record], result: Splits, options: DataOptions, seed: int) -> None:
    usable: list[Record] = []
    for record in records:
        if record.split is None or record.split in options.train_splits:
            usable.append(record)
        elif record.split in VALIDATION_NAMES:
            result.validation.append(record)
        else:
            result.unused.append(record)
    share = options.test_share
    wanted = round(share * len(usable))
    names = [group_of(record) for record in usable]
    chosen = _groups(usable, names, wanted, f"test:{seed}")
    if share > 0 and len(usable) > 1 and not chosen:
        # Every group is too large for its part: the smallest is better than none, and is told.
        sizes = Counter(names)
        if len(sizes) == 1:
            raise DataError(
                f"all {len(usable)} records are of one group: no test set can be taken out",
                hint="name another column (data.columns: {group: …}), or train without a test set: data.test_share=0",
            )
        order = _order(f"test:{seed}")
        chosen = {min(sizes, key=lambda group: (sizes[group], order(group)))}
    result.test = [record for record, name in zip(usable, names, strict=True) if name in chosen]
    _keep_apart([record for record, name in zip(usable, names, strict=True) if name not in chosen], result)
    said = f"split by whole groups, seed {seed}: {len(result.train)} train, {len(result.test)} test"
    if result.test and not 0.5 <= len(result.test) / max(wanted, 1) <= 1.5:
        said += f", not {wanted}, for the groups are large"
    result.notes.append(said)
    _tell_unused(result)


def _take_validation(result: Splits, wanted: int, seed: int) -> None:
    count = min(wanted, int(LARGEST_VALIDATION * len(result.train)))
    names = [group_of(record) for record in result.train]
    chosen = _groups(result.train, names, count, f"validation:{seed}")
    result.validation = [record for record, name in zip(result.train, names, strict=True) if name in chosen]
    result.train = [record for record, name in zip(result.train, names, strict=True) if name not in chosen]
    have = len(result.validation)
    if not have:
        result.notes.append(f"no validation: {wanted} records asked for, and no group of train is small enough")
    elif count < wanted:
        result.notes.append(f"validation is {have} records, a fifth of train, instead of {wanted}")
    else:
        result.notes.append(f"validation is {have} records out of train")


def _groups(records: Sequence[Record], names: Sequence[str], count: int, salt: str) -> set[str]:
    """Groups of about `count` records in all, each stratum giving its part; never all groups, perhaps none.

    names: the group of each record.
    """
    sizes = Counter(names)
    strata: dict[str, Counter[Stratum]] = defaultdict(Counter)
    for record, name in zip(records, names, strict=True):
        strata[name][(record.language or "", record.doc_type or "")] += 1
    if len(sizes) < 2 or count <= 0:
        return set()
    members: dict[Stratum, list[str]] = defaultdict(list)
    for name, table in strata.items():
        members[min(table, key=lambda stratum: (-table[stratum], stratum))].append(name)
    order = _order(salt)
    parts = _parts({stratum: sum(sizes[name] for name in groups) for stratum, groups in members.items()}, count)
    chosen: set[str] = set()
    for stratum, groups in sorted(members.items()):
        chosen.update(_fill(sorted(groups, key=order), sizes, parts[stratum]))
    return chosen if len(chosen) < len(sizes) else set()


def _order(salt: str) -> Callable[[str], bytes]:
    return lambda group: hashlib.blake2b(f"{salt}\n{group}".encode("utf-8", "replace"), digest_size=16).digest()


def _parts(sizes: dict[Stratum, int], count: int) -> dict[Stratum, int]:
    """`count` shared out in proportion to `sizes`, by largest remainders (Hamilton's method)."""
    total = sum(sizes.values())
    parts = {stratum: count * size // total for stratum, size in sizes.items()}
    rest = sorted(sizes, key=lambda stratum: (-(count * sizes[stratum] % total), stratum))
    for stratum in rest[: count - sum(parts.values())]:
        parts[stratum] += 1
    return parts


def _fill(groups: list[str], sizes: Counter[str], count: int) -> list[str]:
    """Groups in order until `count` is reached; one that would overshoot by more than half of itself is passed over."""
    taken: list[str] = []
    have = 0
    for group in groups:
        if have >= count:
            break
        if have + sizes[group] / 2 <= count:
            taken.append(group)
            have += sizes[group]
    return taken
