"""Which texts that a model wrote are kept. All that a filter knows comes from real records of train.

Every filter says a number or a reason for every text, and one that a text does not pass gives the text its name, the
first in the order of `FILTERS`. Where two texts copy each other, the later one goes.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import regex

from tunewright.core.errors import DataError, MissingExtra
from tunewright.core.recipe import FILTERS, FilterOptions
from tunewright.core.records import JSON, Record, number_of
from tunewright.data.copies import Copies, folded
from tunewright.data.split import is_synthetic
from tunewright.tasks.labelled_text import TRAIN, length
from tunewright.text.unicode import scripts, words

TIMES = 6
"""So often in a row a run of words is said by nobody."""

LONGEST_LOOP = 8
"""Words of the longest run that is looked for again and again."""

SHOWN = 5
"""Records or participants that an error names."""

_STRANGE = regex.compile(r"[\p{Cc}\p{Co}\p{Cn}\uFFFD--[\n\t]]|<\|", regex.VERSION1)


@dataclass(frozen=True, slots=True)
class Written:
    """A text that a model wrote. label: what was asked for. ended: the model ended it, and nothing cut it."""

    text: str
    label: str
    ended: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the filters say of a text. filter: the first one that it does not pass; None: it is kept.

    said: of every filter in use: broken: why, or null; length: words; language: share of known words; label:
    probability of its label; copies, duplicates: containment in the nearest text.
    """

    filter: str | None
    said: dict[str, JSON]


class Filters:
    """The filters that `options` puts to use.

    train: real records of train with their labels. held: groups (participants) of validation and test.
    Raises DataError where `train` has a record of another side, a synthetic one, or one whose group is in `held`;
    MissingExtra where the label filter is in use and scikit-learn is not installed.
    """

    def __init__(self, train: Sequence[Record], options: FilterOptions, held: Collection[str] = ()):
        check_train(train, held)
        self.options = options
        texts = [record.text for record in train]
        self._scripts = {script for text in texts for script in scripts(text)}
        self._words = {word for text in texts for word in folded(text)}
        self._lengths = _bounds(train, options.length)
        self._classifier = LabelClassifier(parted(train)[0], held) if "label" in options.use else None
        self._train = Copies(texts if "copies" in options.use else ())
        self._kept = Copies()

    def anew(self) -> Filters:
        """The same filters, none of whose texts was kept yet."""
        other = copy.copy(self)
        other._kept = Copies()
        return other

    def look(self, written: Sequence[Written]) -> list[Verdict]:
        """A verdict for each text, in order. Those that are kept count as known to the ones behind them."""
        chances = [(0.0, True)] * len(written)
        if self._classifier is not None:
            chances = self._classifier.heard([(one.text, one.label) for one in written])
        found = []
        for one, heard in zip(written, chances, strict=True):
            verdict = self._verdict(one, *heard)
            found.append(verdict)
            if verdict.filter is None and "duplicates" in self.options.use:
                self._kept.add(one.text)
        return found

    def _verdict(self, one: Written, chance: float, likeliest: bool) -> Verdict:
        options = self.options
        low, high = self._lengths.get(one.label, (0, 0))
        own = folded(one.text)
        known = sum(word in self._words for word in own) / max(1, len(own))
        foreign = set(scripts(one.text)) - self._scripts
        said: dict[str, JSON] = {}
        fails = set()
        for name in FILTERS:
            if name not in options.use:
                continue
            match name:
                case "broken":
                    said[name] = broken(one)
                    bad = said[name] is not None
                case "length":
                    said[name] = length(one.text)
                    bad = not low <= length(one.text) <= high
                case "language":
                    said[name] = round(known, 4)
                    bad = known < options.known_words or bool(foreign)
                case "label":
                    said[name] = round(chance, 4)
                    bad = not likeliest or chance < options.label_probability
                case "copies":
                    share, bad = self._train.copied(one.text, options.copied)
                    said[name] = round(share, 4)
                case "duplicates":
                    share, _ = self._kept.nearest(one.text)
                    said[name] = round(share, 4)
                    bad = share >= options.copied
            if bad:
                fails.add(name)
        return Verdict(next((name for name in FILTERS if name in fails), None), said)


def parted(train: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """Train in two, by whole participants: what the label filter learns from, and the others.

    Who judges by the others what that filter let pass asks nobody whom it has asked. Both parts are all of train where
    a half would lack a label. Participants go to the sides in turn, in an order that hangs on their names alone.
    """
    owners = [record.group or record.id for record in train]
    ranked = sorted(set(owners), key=lambda owner: (number_of(f"filter {owner}"), owner))
    first = set(ranked[::2])
    sides = [
        [one for one, owner in zip(train, owners, strict=True) if (owner in first) == own] for own in (True, False)
    ]
    labels = {str(record.target) for record in train}
    whole = any({str(record.target) for record in side} != labels for side in sides)
    return (list(train), list(train)) if whole else (sides[0], sides[1])


class LabelClassifier:
    """Says how likely a text is of a label: TF-IDF of words and pairs of words, logistic regression, classes balanced.

    It is learnt from train alone and knows nothing of the model that writes. Raises as `Filters` does.
    """

    def __init__(self, train: Sequence[Record], held: Collection[str] = ()):
        check_train(train, held)
        check_installed()
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        common = 2 if len(train) >= 1000 else 1
        table = TfidfVectorizer(
            tokenizer=words, token_pattern=None, ngram_range=(1, 2), min_df=common, sublinear_tf=True
        )
        self._model: Any = make_pipeline(table, LogisticRegression(max_iter=1000, class_weight="balanced"))
        self._model.fit([record.text for record in train], [str(record.target) for record in train])
        self.labels = [str(label) for label in self._model.classes_]

    @property
    def vocabulary(self) -> frozenset[str]:
        """The words and pairs of words that it knows."""
        return frozenset(self._model[0].vocabulary_)

    def heard(self, asked: Sequence[tuple[str, str]]) -> list[tuple[float, bool]]:
        """Of (text, label) each: how likely the text is of the label, and whether no other label is likelier.

        0 and False for a label that train does not have.
        """
        if not asked:
            return []
        table = self._model.predict_proba([text for text, _ in asked])
        place = {label: column for column, label in enumerate(self.labels)}
        return [
            (float(row[place[label]]), bool(row[place[label]] >= row.max())) if label in place else (0.0, False)
            for row, (_, label) in zip(table, asked, strict=True)
        ]


def check_installed() -> None:
    """Raises MissingExtra where the label filter cannot work."""
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise MissingExtra("scikit-learn (needed for the filter of labels)", "augment") from None


def check_train(records: Sequence[Record], held: Collection[str] = ()) -> None:
    """Raises DataError where records are not what filters may learn from: real ones of train, no group of `held`."""
    hint = "filters learn from RUN/data/train.jsonl as it was written; begin anew with another --name"
    other = [record for record in records if record.split != TRAIN]
    if other:
        sides = ", ".join(f"{count} of {side or 'no side'}" for side, count in Counter(r.split for r in other).items())
        raise DataError(
            f"{len(other)} records that a filter should learn from are not of train ({sides}), first '{other[0].id}'",
            hint=hint,
        )
    unreal = [record.id for record in records if is_synthetic(record)]
    if unreal:
        raise DataError(
            f"{len(unreal)} records that a filter should learn from are synthetic, first '{unreal[0]}'", hint=hint
        )
    known = set(held)
    crossing = sorted({record.group for record in records if record.group is not None and record.group in known})
    if crossing:
        more = f" and {len(crossing) - SHOWN} more" if len(crossing) > SHOWN else ""
        raise DataError(
            f"{len(crossing)} participants of train are in validation or test, too: "
            f"{', '.join(crossing[:SHOWN])}{more}",
            hint="data.crossing_groups=refuse tells it when the data is read; begin anew with another --name",
        )
    if not records:
        raise DataError("there is no record of train that a filter could learn from", hint=hint)


def broken(one: Written) -> str | None:
    """What is wrong with a text whatever it says, or None."""
    if not one.ended:
        return "does not end"
    said = folded(one.text)
    if not said:
        return "has no word"
    if _STRANGE.search(one.text):
        return "has characters or marks that are no text"
    for size in range(1, LONGEST_LOOP + 1):
        again = 0
        for at in range(size, len(said)):
            again = again + 1 if said[at] == said[at - size] else 0
            if again >= size * (TIMES - 1):
                return "goes round in a circle"
    return None


def _bounds(train: Sequence[Record], share: float) -> dict[str, tuple[int, int]]:
    """Label → (fewest, most words) of its texts, without a share of the shortest and of the longest."""
    by_label: dict[str, list[int]] = {}
    for record in train:
        by_label.setdefault(str(record.target), []).append(length(record.text))
    found = {}
    for label, lengths in by_label.items():
        ordered, cut = sorted(lengths), int(share * len(lengths))
        found[label] = (ordered[cut], ordered[-1 - cut])
    return found
