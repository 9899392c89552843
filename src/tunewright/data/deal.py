"""Groups dealt into folds, so that every kind of record is spread over them.

By stratum (language and type) records count: `by_stratum`. By label groups do, for few people with one label each are
what a small study has: `by_label` is iterative stratification (Sechidis, Tsoumakas & Vlahavas 2011), whose instances
are the groups and whose labels are all that a group has records of. What is dealt hangs on names and a salt, never on
the order of records.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from math import log2

from tunewright.core.records import Record

Stratum = tuple[str, ...]

Kind = Callable[[Record], Stratum]


def by_stratum(records: Sequence[Record], names: Sequence[str], count: int, salt: str) -> dict[str, int]:
    """Group → fold, 0 to `count` - 1. names: the group of each record.

    Large groups come first, those of about one size (powers of two) in the order of a hash. A group goes where its
    strata have the least so far, among the folds that it makes no larger than the smallest one and the largest group
    together.
    """
    tables = by_group(records, names, of_stratum)
    sizes, strata = Counter(names), Counter(map(of_stratum, records))
    order, largest, total = order_of(salt), max(sizes.values()), len(records)
    have = [0] * count
    filled: list[Counter[Stratum]] = [Counter() for _ in range(count)]
    place: dict[str, int] = {}
    for name in sorted(tables, key=lambda name: (-sizes[name].bit_length(), chief(tables[name]), order(name))):
        size, table = sizes[name], sorted(tables[name].items())

        def crowd(fold: int, size: int = size, table: list[tuple[Stratum, int]] = table) -> tuple[float, int]:
            own = sum(part * filled[fold][stratum] / strata[stratum] for stratum, part in table)
            return own + size * have[fold] / total, fold

        chosen = min((fold for fold in range(count) if have[fold] + size <= min(have) + largest), key=crowd)
        place[name] = chosen
        have[chosen] += size
        filled[chosen].update(tables[name])
    return place


def by_label(records: Sequence[Record], names: Sequence[str], count: int, salt: str) -> dict[str, int]:
    """Group → fold, 0 to `count` - 1, every label's groups spread evenly. names: the group of each record.

    The label of the fewest groups comes first. Each of its groups, large ones first (quarters of powers of two), goes
    where that label has the fewest groups so far; then where its other labels have few, where groups are few, and last
    where records of its labels are.
    """
    owned, tables = by_group(records, names, of_label), by_group(records, names, of_label_and_stratum)
    sizes, strata, order = Counter(names), Counter(map(of_label_and_stratum, records)), order_of(salt)
    groups = Counter(label for labels in owned.values() for label in labels)
    have: list[Counter[Stratum]] = [Counter() for _ in range(count)]
    filled: list[Counter[Stratum]] = [Counter() for _ in range(count)]
    place: dict[str, int] = {}
    while left := [name for name in owned if name not in place]:
        waiting = Counter(label for name in left for label in owned[name])
        rarest = min(waiting, key=lambda label: (waiting[label], label))
        own = [name for name in left if rarest in owned[name]]
        for name in sorted(own, key=lambda name: (-round(4 * log2(sizes[name])), order(name))):
            labels, table = sorted(owned[name]), sorted(tables[name].items())
            ranks = [
                (
                    have[fold][rarest],
                    sum(have[fold][label] / groups[label] for label in labels),
                    have[fold].total(),
                    sum(part * filled[fold][kind] / strata[kind] for kind, part in table),
                    fold,
                )
                for fold in range(count)
            ]
            place[name] = chosen = min(ranks)[-1]
            have[chosen].update(labels)
            filled[chosen].update(tables[name])
    return place


def by_group(records: Sequence[Record], names: Sequence[str], kind: Kind) -> dict[str, Counter[Stratum]]:
    """Group → how many of its records are of each kind."""
    tables: dict[str, Counter[Stratum]] = defaultdict(Counter)
    for record, name in zip(records, names, strict=True):
        tables[name][kind(record)] += 1
    return tables


def of_label(record: Record) -> Stratum:
    return (str(record.target),)


def of_label_and_stratum(record: Record) -> Stratum:
    return (str(record.target), *of_stratum(record))


def of_stratum(record: Record) -> Stratum:
    return (record.language or "", record.doc_type or "")


def chief(table: Counter[Stratum]) -> Stratum:
    """The stratum that most records of a group are of."""
    return min(table, key=lambda stratum: (-table[stratum], stratum))


def order_of(salt: str) -> Callable[[str], bytes]:
    return lambda group: hashlib.blake2b(f"{salt}\n{group}".encode("utf-8", "replace"), digest_size=16).digest()
