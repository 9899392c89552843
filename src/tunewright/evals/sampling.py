"""A fixed sample of documents that looks like the whole: stratified, and the same whoever draws it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from tunewright.core.records import Record
from tunewright.evals.score import slices_of


def sample(records: Sequence[Record], n: int, *, seed: int = 0) -> list[Record]:
    """`n` records, in their own order, strata in proportion: language × doc_type × cell of seen and unseen.

    Shares of strata are rounded by largest remainder. Within a stratum, records come in the order of a hash of their
    id, so the choice does not hang on file order. All records where there are no more than `n`.
    """
    if len(records) <= n:
        return list(records)
    strata: dict[tuple[str, ...], list[int]] = {}
    for place, record in enumerate(records):
        marks = slices_of(record)
        key = tuple(marks.get(name, "") for name in ("language", "doc_type", "cell"))
        strata.setdefault(key, []).append(place)
    exact = {key: n * len(places) / len(records) for key, places in strata.items()}
    quota = {key: int(share) for key, share in exact.items()}
    by_remainder = sorted(exact, key=lambda key: (quota[key] - exact[key], key))
    for key in by_remainder[: n - sum(quota.values())]:
        quota[key] += 1
    chosen: list[int] = []
    for key, places in strata.items():
        chosen += sorted(places, key=lambda place: _rank(records[place].id, seed))[: quota[key]]
    return [records[place] for place in sorted(chosen)]


def _rank(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{name}".encode()).digest()
