"""Train, validation and test by whole groups; folds for a cross-validation.

Records of one group (a company, a speaker; without one, records of the same words) stand on one side only. Choices
depend on the seed and the groups' names, never on the order of the rows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tunewright.core.errors import DataError
from tunewright.core.recipe import DataOptions
from tunewright.core.records import JSON, Record
from tunewright.data import deal
from tunewright.data.leakage import text_key

VALIDATION_NAMES = ("validation", "valid", "val")
"""Values of a data set's own `split` that are taken for validation where the options do not name them otherwise."""

LARGEST_VALIDATION = 0.2
"""Share of train that validation takes at most."""

FOLD = "fold"
"""What results of a cross-validation are sliced by."""

SHOWN = 5
"""Groups or records that an error names."""

SPARED = 2
"""Groups of every label that validation leaves for training in each fold."""


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
    Raises DataError where there are no records, whole groups cannot make a test set, or a group that the data has on
    two sides is to be refused (`crossing_groups`).
    """
    options = options or DataOptions.model_validate({})
    if not records:
        raise DataError("there are no records to split", hint="look at rejected.jsonl for what was set aside")
    _refuse_crossing(records, options)
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


def folds(
    records: Sequence[Record], count: int, options: DataOptions | None = None, seed: int = 0, *, by_label: bool = False
) -> list[Splits]:
    """`count` splits whose tests together are all records, each once: cross-validation by whole groups.

    options: train_splits, test_splits and validation_documents are looked at. Folds are made of what one split would
    train, validate and test on: the data's own sides count no more, and records of other splits stay unused. Sizes of
    folds differ by the records of the largest group at most; as far as groups allow, each language × doc_type gives
    every fold its part. Validation takes whole groups out of what is left for training, as `split` does.
    by_label: targets are labels. Every fold then gets its part of the groups of each label, and of its records as far
    as groups allow; validation has a group of every label of which `SPARED` others stay for training.
    Every record of a test carries its number, from 1, as `provenance["slice"]["fold"]`.
    Raises DataError where there are fewer groups than folds, and as `split` for groups on two sides; by label also
    where a label's groups are too few for every fold to train on one, and for synthetic records.
    """
    options = options or DataOptions.model_validate({})
    _refuse_crossing(records, options)
    usable = dealt(records, options)
    unused = [record for record in records if record.split is not None and _side(record.split, options) is None]
    names = [group_of(record) for record in usable]
    groups = len(set(names))
    if groups < count:
        raise DataError(
            f"{count} folds need {count} groups, and the {len(usable)} records are of {groups}",
            hint=f"evaluate.folds={groups}"
            if groups > 1
            else "name another column (data.columns: {group: …}), or do without folds: evaluate.folds=0",
        )
    if by_label:
        _refuse_few(usable, names)
        place = deal.by_label(usable, names, count, f"folds:{seed}")
    else:
        place = deal.by_stratum(usable, names, count, f"folds:{seed}")
    placed = [(_in_fold(record, place[name]), place[name]) for record, name in zip(usable, names, strict=True)]
    found = []
    for number in range(count):
        result = Splits(
            [record for record, own in placed if own != number], [], [record for record, own in placed if own == number]
        )
        result.unused = unused.copy()
        if options.validation_documents:
            _take_validation(result, options.validation_documents, seed, by_label=by_label)
        for name in ("train", "validation", "test"):
            setattr(result, name, [_marked(record, name) for record in getattr(result, name)])
        found.append(result)
    _tell_folds(found, groups, seed)
    if by_label:
        found[0].notes.insert(1, _labels_told(found))
    return found


def dealt(records: Iterable[Record], options: DataOptions) -> list[Record]:
    """The records that `folds` deals: what one split would train, validate and test on."""
    return [record for record in records if record.split is None or _side(record.split, options) is not None]


def _in_fold(record: Record, number: int) -> Record:
    marks = (record.provenance.get("slice") or {}) | {FOLD: str(number + 1)}
    return record.replace(provenance=record.provenance | {"slice": marks})


def _tell_folds(found: list[Splits], groups: int, seed: int) -> None:
    """Sentences about all folds, in the notes of the first."""
    sizes = [len(each.test) for each in found]
    between = f"{min(sizes)}" if min(sizes) == max(sizes) else f"{min(sizes)} to {max(sizes)}"
    said = f"{len(found)} folds by whole groups ({groups}), seed {seed}: {between} records each"
    if max(sizes) - min(sizes) > 0.5 * sum(sizes) / len(sizes):
        said += ", not alike, for the groups are large"
    found[0].notes.insert(0, said)
    _tell_unused(found[0])


def _refuse_few(records: Sequence[Record], names: Sequence[str]) -> None:
    """Raises DataError where a label is of one group, or a record is synthetic: folds would test it, too."""
    unreal = [record.id for record in records if is_synthetic(record)]
    if unreal:
        raise DataError(
            f"{len(unreal)} records are synthetic, first {unreal[0]}: folds test every record, and whom these were "
            "made of would not be kept apart from them",
            hint="take them out, or do without folds: evaluate.folds=0",
        )
    people = Counter(label for labels in deal.by_group(records, names, deal.of_label).values() for label in labels)
    alone = sorted(label for (label,), count in people.items() if count < 2)
    if alone:
        many = ", ".join(f"{count:,} of '{label}'" for (label,), count in sorted(people.items()))
        raise DataError(
            f"'{alone[0]}' is of one group (participant, speaker) only: the fold that tests it has none to train on; "
            f"groups: {many}",
            hint="every label needs two groups for folds; more of them, its records left out, or another column of "
            "groups (data.columns: {group: …})",
        )


def _labels_told(found: Sequence[Splits]) -> str:
    """How many groups of each label there are, and stand in the tests of folds."""
    tables = [
        Counter(label for labels in deal.by_group(part.test, [group_of(r) for r in part.test], deal.of_label).values()
                for (label,) in labels)
        for part in found
    ]  # fmt: skip
    said = []
    for label in sorted(set().union(*tables)):
        counts = [table[label] for table in tables]
        between = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
        said.append(f"'{label}' {sum(counts):,}, {between} a fold")
    return f"groups by label: {'; '.join(said)}"


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


def _refuse_crossing(records: Sequence[Record], options: DataOptions) -> None:
    """Raises DataError where a group stands on two of the data's own sides and the options refuse that."""
    if options.crossing_groups != "refuse":
        return
    sides: dict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        side = _side(record.split, options)
        if record.group is not None and side is not None:
            sides[record.group][side] += 1
    found = {group: table for group, table in sorted(sides.items()) if len(table) > 1}
    if not found:
        return
    listed = [f"'{group}' ({_counted(table)})" for group, table in found.items()]
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    raise DataError(
        f"{len(found)} groups (participants, speakers) stand on two sides of the data's own split: "
        f"{'; '.join(listed[:SHOWN])}{more}",
        hint="put all records of each on one side; or data.crossing_groups=drop, which leaves those of train out where "
        "their group is in test, and counts them",
    )


def _side(split: str | None, options: DataOptions) -> str | None:
    """The side that records of this split stand on, or None where nothing says."""
    if split in options.test_splits:
        return "test"
    if split in options.train_splits:
        return "train"
    return "validation" if split in VALIDATION_NAMES else None


def _counted(table: Counter[str]) -> str:
    return ", ".join(f"{count} in {side}" for side, count in sorted(table.items()))


def is_synthetic(record: Record) -> bool:
    """Whether nobody said or wrote it, by provenance: `synthetic` (its row says so), or `made` of another record."""
    return bool(record.provenance.get("synthetic") or record.provenance.get("made"))


def refuse_synthetic(records: Iterable[Record], side: str) -> None:
    """Raises DataError where synthetic records, by provenance, stand on a side that is to be real.

    side: validation or test, for the message.
    """
    found = [record.id for record in records if is_synthetic(record)]
    if found:
        shown = ", ".join(found[:SHOWN]) + (f" and {len(found) - SHOWN} more" if len(found) > SHOWN else "")
        raise DataError(
            f"{len(found)} synthetic records stand in {side}, which must be real: {shown}",
            hint="their provenance says so; give them the split `train`, or take them out",
        )


def _marked(record: Record, name: str) -> Record:
    return record if record.split == name else record.replace(split=name)


def _by_own(records: Sequence[Record], result: Splits, options: DataOptions) -> None:
    train: list[Record] = []
    places = {"test": result.test, "train": train, "validation": result.validation, None: result.unused}
    for record in records:
        places[_side(record.split, options)].append(record)
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
        order = deal.order_of(f"test:{seed}")
        chosen = {min(sizes, key=lambda group: (sizes[group], order(group)))}
    result.test = [record for record, name in zip(usable, names, strict=True) if name in chosen]
    _keep_apart([record for record, name in zip(usable, names, strict=True) if name not in chosen], result)
    said = f"split by whole groups, seed {seed}: {len(result.train)} train, {len(result.test)} test"
    if result.test and not 0.5 <= len(result.test) / max(wanted, 1) <= 1.5:
        said += f", not {wanted}, for the groups are large"
    result.notes.append(said)
    _tell_unused(result)


def _take_validation(result: Splits, wanted: int, seed: int, *, by_label: bool = False) -> None:
    count = min(wanted, int(LARGEST_VALIDATION * len(result.train)))
    names = [group_of(record) for record in result.train]
    salt = f"validation:{seed}"
    chosen = (_of_every_label if by_label else _groups)(result.train, names, count, salt)
    result.validation = [record for record, name in zip(result.train, names, strict=True) if name in chosen]
    result.train = [record for record, name in zip(result.train, names, strict=True) if name not in chosen]
    have = len(result.validation)
    if not have:
        why = "no label has groups to spare" if by_label else "no group of train is small enough"
        result.notes.append(f"no validation: {wanted} records asked for, and {why}")
    elif by_label and have < count:
        result.notes.append(f"validation is {have} records instead of {wanted}")
    elif have < wanted:
        result.notes.append(f"validation is {have} records, a fifth of train, instead of {wanted}")
    else:
        result.notes.append(f"validation is {have} records out of train")


def _of_every_label(records: Sequence[Record], names: Sequence[str], count: int, salt: str) -> set[str]:
    """Groups of about `count` records in all, each label giving its part: a fifth of its groups at most, one at least.

    A group stays in train where a label of it would have fewer than `SPARED` left there. names: as in `_groups`.
    """
    owned, sizes, order = deal.by_group(records, names, deal.of_label), Counter(names), deal.order_of(salt)
    groups = Counter(label for labels in owned.values() for label in labels)
    room = {label: count * share / len(records) for label, share in Counter(map(deal.of_label, records)).items()}
    taken: Counter[deal.Stratum] = Counter()
    chosen: set[str] = set()
    at_random, small_first = sorted(owned, key=order), sorted(owned, key=lambda name: (sizes[name], order(name)))
    for label in sorted(groups, key=lambda label: (groups[label], label)) if count > 0 else ():
        fifth = round(LARGEST_VALIDATION * groups[label])
        tried = [*((name, fifth, True) for name in at_random), *((name, 1, False) for name in small_first)]
        for name, most, fitting in tried:
            wanted = label in owned[name] and name not in chosen and taken[label] < most
            spare = all(groups[own] - taken[own] > SPARED for own in owned[name])
            if wanted and spare and (owned[name][label] / 2 <= room[label] or not fitting):
                chosen.add(name)
                taken.update(owned[name].keys())
                for own, size in owned[name].items():
                    room[own] -= size
    return chosen


def _groups(records: Sequence[Record], names: Sequence[str], count: int, salt: str) -> set[str]:
    """Groups of about `count` records in all, each stratum giving its part; never all groups, perhaps none.

    names: the group of each record.
    """
    sizes = Counter(names)
    strata = deal.by_group(records, names, deal.of_stratum)
    if len(sizes) < 2 or count <= 0:
        return set()
    unreal = {name for record, name in zip(records, names, strict=True) if is_synthetic(record)}
    if len(unreal) < len(sizes):
        # What nobody said or wrote is not drawn where there is anything real: results are to be about that.
        sizes = Counter({name: size for name, size in sizes.items() if name not in unreal})
        strata = {name: table for name, table in strata.items() if name not in unreal}
    members: dict[deal.Stratum, list[str]] = defaultdict(list)
    for name, table in strata.items():
        members[deal.chief(table)].append(name)
    order = deal.order_of(salt)
    parts = _parts({stratum: sum(sizes[name] for name in groups) for stratum, groups in members.items()}, count)
    chosen: set[str] = set()
    for stratum, groups in sorted(members.items()):
        chosen.update(_fill(sorted(groups, key=order), sizes, parts[stratum]))
    return chosen if len(chosen) < len(sizes) else set()


def _parts(sizes: dict[deal.Stratum, int], count: int) -> dict[deal.Stratum, int]:
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
