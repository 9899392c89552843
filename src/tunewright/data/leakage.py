"""What test texts share with training texts: equal texts, nearly equal texts, and runs of words.

Near duplicates: Jaccard similarity of the sets of 5-word shingles (Broder 1997), found exactly, not estimated, by
prefix filtering (Bayardo et al. 2007, AllPairs): two sets this similar share one of their rarest members.
Contamination: 13-word runs (as in Brown et al. 2020, appendix C), fingerprinted by winnowing (Schleimer et al. 2003),
which keeps about two of `window + 1` hashes and still finds every shared run of `WORDS + window - 1` words.
"""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import regex

from tunewright.core.errors import DataError
from tunewright.core.files import write_bytes
from tunewright.core.records import JSON, Record
from tunewright.text.unicode import nfc, words

Hashes = npt.NDArray[np.uint64]

SHINGLE = 5
"""Words of a shingle; a shorter text is one shingle of all its words."""

WORDS = 13
"""Words of a run in the manifest."""

WINDOW = 8
"""Neighbouring runs of which at least one stands in the manifest."""

EXAMPLES = 5
"""Pairs of each kind shown in the manifest of a run."""

_LOT = 256  # candidates compared at once
_TOLERANCE = 1e-9  # for shares that floating point puts just beside the threshold
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_MAGIC = b"TWRUNS1\n"
_BITS = 44  # bits kept of a hash in the manifest: one false hit in four million look-ups among four million


# Words as numbers


class _Words:
    """Words → 64-bit numbers that are the same in every process."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def numbers(self, text: str) -> list[int]:
        known = self._known
        if len(known) > 2_000_000:
            known.clear()
        found = []
        for word in _tokens(text):
            number = known.get(word)
            if number is None:
                number = known[word] = _hash(word)
            found.append(number)
        return found


def _tokens(text: str) -> list[str]:
    """What duplicates are judged by: folded words, without punctuation and space; or the bare text if it has none."""
    return words(nfc(text).casefold()) or text.split() or [""]


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


_WORDS_AND_SIGNS = regex.compile(r"[\p{L}\p{M}\p{N}]+|[\p{Sm}*/%#&]|(?<=[\d\s])-(?=\s*\d)")


def text_key(text: str) -> int:
    """A 64-bit hash that is equal for texts of the same words, whatever their case, punctuation and spacing.

    Mathematical and other signs are no punctuation: "C++" is not "C#", "5 + 3" not "5 - 3".
    """
    return _hash("\n".join(_WORDS_AND_SIGNS.findall(nfc(text).casefold()) or text.split() or [""]))


def _runs(numbers: Hashes, lengths: npt.NDArray[np.int64], size: int) -> tuple[Hashes, npt.NDArray[np.int64]]:
    """Hashes of all runs of `size` words, and the text each belongs to. A shorter text is one run of all its words.

    numbers: the words of all texts, one after the other. lengths: words per text, each at least 1.
    """
    ends = np.cumsum(lengths)
    starts = ends - lengths
    counts = np.maximum(lengths - size + 1, 1)
    owners = np.repeat(np.arange(len(lengths)), counts)
    first = np.repeat(starts, counts) + np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    hashes = np.zeros(len(first), dtype=np.uint64)
    stop = ends[owners]
    for step in range(size):
        at = first + step
        inside = at < stop
        value = numbers[np.where(inside, at, 0)]
        # Missing words count as 0 and words never are: a short text cannot equal a part of a longer one.
        hashes = hashes * _MULTIPLIER + np.where(inside, value | np.uint64(1), np.uint64(0))
    return _mixed(hashes), owners


def _mixed(x: Hashes) -> Hashes:
    """Spread the bits (the finaliser of splitmix64), so that order among hashes is as good as random."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _encoded(texts: Iterable[str], known: _Words) -> tuple[Hashes, npt.NDArray[np.int64]]:
    numbers: list[int] = []
    lengths: list[int] = []
    for text in texts:
        found = known.numbers(text)
        numbers.extend(found)
        lengths.append(len(found))
    return np.array(numbers, dtype=np.uint64), np.array(lengths, dtype=np.int64)


# Duplicates


@dataclass(frozen=True, slots=True)
class Pair:
    """A record of train and the one it duplicates. exact: the same words. same_target: whether the targets agree."""

    id: str
    other: str
    similarity: float
    exact: bool
    same_target: bool

    def to_row(self) -> dict[str, JSON]:
        return {
            "id": self.id,
            "other": self.other,
            "similarity": round(self.similarity, 4),
            "exact": self.exact,
            "same_target": self.same_target,
        }


@dataclass(slots=True)
class Duplicates:
    """What was found and what train is left.

    train: records that duplicate nothing, in order. across: pairs (train, test), and repeats of such train records.
    within: pairs (dropped, kept) inside train; the first of several stays. test_repeats: test records whose text
    another test record has; all stay.
    """

    train: list[Record]
    threshold: float
    across: list[Pair] = field(default_factory=list)
    within: list[Pair] = field(default_factory=list)
    test_repeats: int = 0

    def to_row(self) -> dict[str, JSON]:
        """Counts and examples for `data/manifest.json`. Contradictions: equal texts in train with other targets."""

        def part(pairs: list[Pair]) -> dict[str, JSON]:
            exact = sum(pair.exact for pair in pairs)
            return {
                "exact": exact,
                "near": len(pairs) - exact,
                "examples": [pair.to_row() for pair in sorted(pairs, key=lambda p: p.similarity)[:EXAMPLES]],
            }

        return {
            "threshold": self.threshold,
            "shingle_words": SHINGLE,
            "train_test": part(self.across),
            "within_train": part(self.within),
            "contradictions": sum(pair.exact and not pair.same_target for pair in self.within),
            "removed_from_train": len(self.across) + len(self.within),
            "test_repeats": self.test_repeats,
        }

    def note(self) -> str:
        """One sentence for the screen."""
        if not self.across and not self.within:
            return "no duplicates of test or within train"
        said = f"{len(self.across)} duplicates of test and {len(self.within)} within train removed from train"
        row = self.to_row()
        near = row["train_test"]["near"] + row["within_train"]["near"]
        said += f" ({near} of them near, Jaccard ≥ {self.threshold:g})"
        if row["contradictions"]:
            said += f"; {row['contradictions']} had the same text and another target"
        return said


def duplicates(train: Sequence[Record], test: Sequence[Record], threshold: float) -> Duplicates:
    """Find and take out train records that equal, or nearly equal, a test record or an earlier train record.

    threshold: Jaccard similarity of 5-word shingles from which texts count as nearly equal; 0 looks for equal texts
    only (same words, whatever case, punctuation and spacing). Test records are never taken out. Train records that are
    alike and have different targets (two receipts of one shop) are two records; equal texts never are.
    Memory: some 100 bytes a word; time grows with the records and the duplicates among them, not with their square.
    """
    result = Duplicates([], threshold=threshold)
    tests: dict[int, Record] = {}
    for record in test:
        if tests.setdefault(text_key(record.text), record) is not record:
            result.test_repeats += 1
    firsts: dict[int, Record] = {}
    repeats: list[tuple[int, Record]] = []
    for record in train:
        key = text_key(record.text)
        if key in tests:
            result.across.append(_pair(record, tests[key], 1.0, True))
        elif firsts.setdefault(key, record) is not record:
            repeats.append((key, record))
    # In the order of ids, so that what is reported does not depend on the order of test.
    judged = sorted(tests.values(), key=lambda record: record.id)
    near = _near(judged, list(firsts.values()), threshold) if threshold > 0 else {}
    of_test = set()
    for i, (key, record) in enumerate(firsts.items()):
        if i not in near:
            result.train.append(record)
            continue
        other, similarity, in_test = near[i]
        (result.across if in_test else result.within).append(_pair(record, other, similarity, False))
        if in_test:
            of_test.add(key)
    for key, record in repeats:
        (result.across if key in of_test else result.within).append(_pair(record, firsts[key], 1.0, True))
    return result


def _pair(record: Record, other: Record, similarity: float, exact: bool) -> Pair:
    return Pair(record.id, other.id, similarity, exact, record.target == other.target)


def _near(test: list[Record], train: list[Record], threshold: float) -> dict[int, tuple[Record, float, bool]]:
    """Position in train → (a record that it nearly equals, similarity, whether that is a test record).

    A match in test wins over one in train, which has the same target. Records found to be duplicates are matched
    against no more, and others by target, so that a crowd of alike texts costs its size and not its square.
    """
    records = test + train
    if not records:
        return {}
    sets = _shingles([record.text for record in records])
    numbers: dict[str, int] = {}
    targets = [numbers.setdefault(json.dumps(record.target, sort_keys=True), len(numbers)) for record in records]
    of_test: dict[int, list[int]] = defaultdict(list)
    of_train: dict[tuple[int, int], list[int]] = defaultdict(list)
    found: dict[int, tuple[Record, float, bool]] = {}
    for i in range(len(records)):
        size = int(sets.sizes[i])
        prefix = sets.rarest(i, size - math.ceil(threshold * size - _TOLERANCE) + 1)
        if i >= len(test):
            near = {j for shingle in prefix for j in of_test.get(shingle, ())}
            near.update(j for shingle in prefix for j in of_train.get((shingle, targets[i]), ()))
            candidates = np.array(sorted(near), dtype=np.int64)
            match = sets.match(i, candidates, len(test), threshold) if len(candidates) else None
            if match is not None:
                j, similarity = match
                found[i - len(test)] = (records[j], similarity, j < len(test))
                continue
        for shingle in prefix:
            if i < len(test):
                of_test[shingle].append(i)
            else:
                of_train[shingle, targets[i]].append(i)
    return found


@dataclass(frozen=True, slots=True)
class _Sets:
    """Shingles of many texts, one after the other: sorted by value, and with the rarest among all texts first.

    starts, sizes: where each text's shingles begin and how many they are.
    """

    sorted: Hashes
    ranked: Hashes
    starts: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]

    def rarest(self, i: int, count: int) -> list[int]:
        start = self.starts[i]
        return self.ranked[start : start + count].tolist()

    def match(
        self, i: int, candidates: npt.NDArray[np.int64], tests: int, threshold: float
    ) -> tuple[int, float] | None:
        """The most similar of some candidates, those below `tests` first; stops at the first lot that holds one."""
        size = self.sizes[i]
        own = self.sorted[self.starts[i] : self.starts[i] + size]
        others = self.sizes[candidates]
        large_enough = np.minimum(size, others) >= threshold * np.maximum(size, others) - _TOLERANCE
        candidates = candidates[large_enough]
        cut = int(np.searchsorted(candidates, tests))
        for part in (candidates[:cut], candidates[cut:]):
            for first in range(0, len(part), _LOT):
                lot = part[first : first + _LOT]
                sizes = self.sizes[lot]
                offsets = np.cumsum(sizes) - sizes
                at = np.repeat(self.starts[lot] - offsets, sizes) + np.arange(sizes.sum())
                theirs = self.sorted[at]
                place = np.minimum(np.searchsorted(own, theirs), size - 1)
                shared = np.add.reduceat((own[place] == theirs).astype(np.int64), offsets)
                similarity = shared / (size + sizes - shared)
                best = int(np.argmax(similarity))
                if similarity[best] >= threshold - _TOLERANCE:
                    return int(lot[best]), float(similarity[best])
        return None


def _shingles(texts: list[str]) -> _Sets:
    numbers, lengths = _encoded(texts, _Words())
    hashes, owners = _runs(numbers, lengths, SHINGLE)
    order = np.lexsort((hashes, owners))
    hashes, owners = hashes[order], owners[order]
    new = np.ones(len(hashes), dtype=bool)
    new[1:] = (hashes[1:] != hashes[:-1]) | (owners[1:] != owners[:-1])
    hashes, owners = hashes[new], owners[new]
    _, which, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    ranked = hashes[np.lexsort((hashes, counts[which], owners))]
    sizes = np.bincount(owners, minlength=len(texts))
    return _Sets(hashes, ranked, np.cumsum(sizes) - sizes, sizes)


# Contamination


def write_manifest(
    texts: Iterable[str], path: Path | str, *, window: int = WINDOW, onto: Manifest | None = None
) -> dict[str, int]:
    """Write the fingerprints of `texts` to a file; returns {"texts", "words", "runs"} (runs: fingerprints kept).

    About 2 / (window + 1) of the runs are kept, 3 bytes each. The bytes depend on the set of texts alone, not on
    their order. Texts may come from a generator of any length; memory holds the fingerprints.
    onto: what an earlier manifest holds stands in this one too; its window may be narrower (more of its runs are kept).
    """
    if window < 1 or (onto is not None and onto.window > window):
        raise ValueError("window must be at least 1, and no narrower than that of the manifest this one is put onto")
    known = _Words()
    merged = np.empty(0, dtype=np.uint64) if onto is None else onto.runs
    pending: list[Hashes] = []
    count, total, waiting = 0 if onto is None else onto.texts, 0, 0
    for batch in _batches(texts):
        numbers, lengths = _encoded(batch, known)
        count, total = count + len(lengths), total + len(numbers)
        hashes, owners = _runs(numbers, lengths, WORDS)
        pending.append(np.unique(_winnowed(_cut(hashes), owners, window)))
        waiting += len(pending[-1])
        if waiting > len(merged) // 2 + 1_000_000:
            merged, pending, waiting = np.unique(np.concatenate([merged, *pending])), [], 0
    merged = np.unique(np.concatenate([merged, *pending]))
    head = {"words": WORDS, "window": window, "bits": _BITS, "runs": len(merged), "texts": count, "text_words": total}
    steps = np.diff(merged, prepend=np.uint64(0)).astype("<u8")
    # Byte planes: the high bytes of the steps are all zero and pack to nothing.
    packed = zlib.compress(np.ascontiguousarray(steps.view(np.uint8).reshape(-1, 8).T).tobytes(), 6)
    write_bytes(Path(path), _MAGIC + json.dumps(head).encode() + b"\n" + packed)
    return {"texts": count, "words": total, "runs": len(merged)}


def _batches(texts: Iterable[str], size: int = 2**20) -> Iterator[list[str]]:
    """Lists of texts of about `size` characters."""
    batch: list[str] = []
    length = 0
    for text in texts:
        batch.append(text)
        length += len(text)
        if length >= size:
            yield batch
            batch, length = [], 0
    if batch:
        yield batch


def _cut(hashes: Hashes) -> Hashes:
    return hashes >> np.uint64(64 - _BITS)


def _winnowed(hashes: Hashes, owners: npt.NDArray[np.int64], window: int) -> Hashes:
    """Of every `window` neighbouring runs of a text the least hash; of a text with fewer runs the least of all."""
    if not len(hashes):
        return hashes
    counts = np.bincount(owners)
    counts = counts[counts > 0]
    starts = np.cumsum(counts) - counts
    most = np.uint64(2**64 - 1)
    last = np.repeat(starts + counts, counts)
    least = hashes.copy()
    at = np.arange(len(hashes))
    for step in range(1, window):
        inside = at + step < last
        least = np.minimum(least, np.where(inside, hashes[np.minimum(at + step, len(hashes) - 1)], most))
    # Only whole windows count, and the first one of a text that has none.
    whole = (at + window <= last) | (at == np.repeat(starts, counts))
    return least[whole]


@dataclass(frozen=True, slots=True)
class Manifest:
    """Fingerprints of a body of text. runs: sorted `[n]`. guaranteed: words from which a shared run is surely found."""

    runs: Hashes
    words: int
    window: int
    texts: int

    @property
    def guaranteed(self) -> int:
        return self.words + self.window - 1


def read_manifest(path: Path | str) -> Manifest:
    """A manifest that `write_manifest` wrote. Raises DataError where it is missing or damaged."""
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", where=str(path)) from None
    if not data.startswith(_MAGIC):
        raise DataError("is not a manifest of pretraining text", where=str(path))
    try:
        head, _, packed = data[len(_MAGIC) :].partition(b"\n")
        said: dict[str, Any] = json.loads(head)
        planes = np.frombuffer(zlib.decompress(packed), dtype=np.uint8).reshape(8, -1)
        steps = np.ascontiguousarray(planes.T).view("<u8").reshape(-1)
        if said["bits"] < _BITS or said["words"] != WORDS or len(steps) != said["runs"]:
            raise ValueError("its numbers do not agree")
        runs = np.cumsum(steps, dtype=np.uint64)
        if said["bits"] > _BITS:  # an older one
            runs = np.unique(runs >> np.uint64(said["bits"] - _BITS))
        return Manifest(runs, said["words"], said["window"], said["texts"])
    except (ValueError, KeyError, TypeError, zlib.error) as error:
        raise DataError(f"is damaged: {error}", where=str(path)) from None


@dataclass(frozen=True, slots=True)
class Overlap:
    """How many records share a run of words with the manifest's texts.

    hits: ids in order, most shared runs first. short: records of fewer than 13 words, which count only when a whole
    text of the manifest equals them. guaranteed: words from which a shared run is surely found.
    """

    records: int
    hits: tuple[str, ...]
    short: int
    guaranteed: int

    @property
    def share(self) -> float:
        return len(self.hits) / self.records if self.records else 0.0

    def to_row(self) -> dict[str, JSON]:
        return {
            "records": self.records,
            "hits": len(self.hits),
            "share": self.share,
            "short": self.short,
            "guaranteed_words": self.guaranteed,
            "examples": list(self.hits[:EXAMPLES]),
        }


def overlap(records: Iterable[Record], manifest: Manifest | Path | str) -> Overlap:
    """Records whose text shares a run of 13 words with the manifest's texts.

    A run of `guaranteed` words or more is found for sure, a shorter one (from 13 words) with some luck. By chance a run
    is taken for a shared one with probability `len(manifest.runs) / 2**48`.
    """
    known = manifest if isinstance(manifest, Manifest) else read_manifest(manifest)
    ids: list[str] = []
    texts: list[str] = []
    for record in records:
        ids.append(record.id)
        texts.append(record.text)
    if not ids:
        return Overlap(0, (), 0, known.guaranteed)
    numbers, lengths = _encoded(texts, _Words())
    hashes, owners = _runs(numbers, lengths, known.words)
    cut = _cut(hashes)
    at = np.searchsorted(known.runs, cut)
    inside = at < len(known.runs)
    hit = np.zeros(len(cut), dtype=bool)
    hit[inside] = known.runs[at[inside]] == cut[inside]
    shared = np.bincount(owners[hit], minlength=len(ids))
    order = sorted(np.flatnonzero(shared).tolist(), key=lambda i: (-shared[i], i))
    return Overlap(len(ids), tuple(ids[i] for i in order), int((lengths < known.words).sum()), known.guaranteed)
