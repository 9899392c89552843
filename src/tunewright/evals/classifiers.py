"""The two plain classifiers that texts with labels are judged by, and the matrices that they share.

- `words`: TF-IDF over single words and pairs of neighbours (Salton & Buckley 1988; idf = ln((1 + n) / (1 + df)) + 1,
  rows of length 1), logistic regression with an L2 penalty (C = 1), classes weighted alike.
- `disfluency`: how often a text is not fluent (`text.disfluency`) and how long it is; gradient boosting over binned
  features (Friedman 2001; histograms as in Ke et al. 2017), classes weighted alike. Early stopping is off: left to
  itself scikit-learn turns it on from 10,000 rows, and what is learnt would change with the amount. A leaf has a
  twentieth of the texts, 2 at least and 20 at most: with scikit-learn's 20 forty texts are never split.

Neither is meant to be the best that there is: they are what a study of few transcripts would use, they know nothing
but the texts that they are given, and they learn in seconds, so that an answer can be asked for many times.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import regex
from numpy.typing import NDArray
from scipy import sparse

from tunewright.core.errors import DataError, MissingExtra
from tunewright.core.records import Record
from tunewright.text import disfluency

Rows = NDArray[np.int64]
Labels = NDArray[np.str_]

ITERATIONS = 1000
"""Steps after which logistic regression gives up; it needs dozens."""

_TOKEN = regex.compile(r"[\p{L}\p{M}\p{N}]+(?:['’][\p{L}\p{M}]+)*-?|[^\s\p{L}\p{M}\p{N}]+")


def label_of(record: Record) -> str:
    """The label of a record. Raises DataError where it has none."""
    if record.target is None or isinstance(record.target, dict | list):
        raise DataError("the record has no label", where=record.id, hint="its target must be a label, such as fluent")
    return str(record.target)


def labels_of(records: Iterable[Record]) -> Labels:
    """The labels of records, in order: `[n]`. Raises DataError where one has none."""
    return np.array([label_of(record) for record in records], dtype=str)


def tokens(text: str) -> list[str]:
    """Words in small letters, with apostrophes and a fragment's dash; runs of other signs (`...`, `[/]`) count too."""
    return _TOKEN.findall(text.casefold())


class Texts:
    """What classifiers see of texts; each text is read once, however many of them learn from it."""

    def __init__(self) -> None:
        self._row: dict[str, int] = {}
        self._column: dict[str, int] = {}
        self._ends, self._columns, self._counts = array("q", [0]), array("q"), array("d")
        self._texts: list[str] = []
        self._slips: dict[int, tuple[int, ...]] = {}
        self._matrix: sparse.csr_matrix | None = None

    def rows(self, texts: Iterable[str]) -> Rows:
        """Where texts stand, in order: `[n]`. Those that are new are read."""
        return np.array([self._row[text] if text in self._row else self._read(text) for text in texts], dtype=np.int64)

    def _read(self, text: str) -> int:
        said = tokens(text)
        grams = Counter(said) + Counter(f"{one} {other}" for one, other in pairwise(said))
        for gram, count in grams.items():
            self._columns.append(self._column.setdefault(gram, len(self._column)))
            self._counts.append(count)
        self._ends.append(len(self._columns))
        self._row[text] = len(self._row)
        self._texts.append(text)
        self._matrix = None
        return self._row[text]

    def grams(self, rows: Rows) -> sparse.csr_matrix:
        """Counts of words and pairs: `[n, grams]`, grams being all that have been read so far."""
        if self._matrix is None:
            parts = (np.array(self._counts), np.array(self._columns), np.array(self._ends))
            self._matrix = sparse.csr_matrix(parts, shape=(len(self._row), len(self._column)))
        return self._matrix[rows]

    def slips(self, rows: Rows) -> NDArray[np.float64]:
        """`disfluency.COUNTS` of texts: `[n, counts]`. Each text is counted once."""
        for row in set(rows.tolist()) - self._slips.keys():
            self._slips[row] = tuple(disfluency.counts(self._texts[row]).values())
        return np.array([self._slips[row] for row in rows.tolist()], dtype=float).reshape(-1, len(disfluency.COUNTS))

    def profiles(self, rows: Rows) -> NDArray[np.float64]:
        """Words, utterances and the rates of `text.disfluency`: `[n, features]`."""
        counts = dict(zip(disfluency.COUNTS, self.slips(rows).T, strict=True))
        return np.column_stack([counts["words"], counts["utterances"], *disfluency.rates(counts).values()])


class Tfidf:
    """Weights of the grams that stand in the texts it was made of; others are not seen."""

    def __init__(self, counts: sparse.csr_matrix):
        found = np.bincount(counts.indices, minlength=counts.shape[1])
        self.columns = np.flatnonzero(found)
        self.idf = np.log((1 + counts.shape[0]) / (1 + found[self.columns])) + 1

    def __call__(self, counts: sparse.csr_matrix) -> sparse.csr_matrix:
        """`[n, grams]` → `[n, columns]`, rows of length 1; a text without a known gram is all 0."""
        # Texts that were read later may have widened the matrix, never renumbered it.
        weighted = sparse.csr_matrix(counts[:, self.columns].multiply(self.idf))
        lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
        return sparse.csr_matrix(sparse.diags(1 / np.where(lengths > 0, lengths, 1)) @ weighted)


class Classifier(Protocol):
    """What `learn` gives back."""

    def predict(self, rows: Rows) -> Labels:
        """The label of each row of its `Texts`: `[n]`."""
        ...


class _Words:
    def __init__(self, texts: Texts, rows: Rows, labels: Labels, seed: int):
        from sklearn.linear_model import LogisticRegression

        self._texts, counts = texts, texts.grams(rows)
        self._weigh = Tfidf(counts)
        self._model = LogisticRegression(class_weight="balanced", max_iter=ITERATIONS, random_state=seed)
        self._model.fit(self._weigh(counts), labels)

    def predict(self, rows: Rows) -> Labels:
        return np.asarray(self._model.predict(self._weigh(self._texts.grams(rows))), dtype=str)


class _Disfluency:
    def __init__(self, texts: Texts, rows: Rows, labels: Labels, seed: int):
        from sklearn.ensemble import HistGradientBoostingClassifier

        self._texts = texts
        leaf = min(20, max(2, len(rows) // 20))
        self._model: Any = HistGradientBoostingClassifier(
            class_weight="balanced", early_stopping=False, min_samples_leaf=leaf, random_state=seed
        )
        with _one_thread():
            self._model.fit(texts.profiles(rows), labels)

    def predict(self, rows: Rows) -> Labels:
        with _one_thread():
            return np.asarray(self._model.predict(self._texts.profiles(rows)), dtype=str)


def _one_thread() -> Any:
    """Within, loops are not shared out: a dozen features are done before threads have met, and busy ones wait long."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="openmp")


def check() -> None:
    """Raises MissingExtra where scikit-learn, which learns here, is not installed."""
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise MissingExtra("scikit-learn (needed to judge texts by classifiers)", "augment") from None


def learn(name: str, texts: Texts, rows: Rows, labels: Labels | Sequence[str], seed: int = 0) -> Classifier:
    """Train `words` or `disfluency` on rows `[n]` of `texts` with labels `[n]`; the same seed, the same classifier.

    Raises DataError where there are fewer than two labels to tell apart, MissingExtra without scikit-learn.
    """
    check()
    labels = np.asarray(labels, dtype=str)
    if len(set(labels.tolist())) < 2:
        raise DataError(
            f"a classifier needs texts of two labels, and all {len(labels)} are of "
            + (f"'{labels[0]}'" if len(labels) else "none"),
        )
    return (_Words if name == "words" else _Disfluency)(texts, rows, labels, seed)


def by_class(predicted: Labels, actual: Labels, classes: Sequence[str]) -> NDArray[np.float64]:
    """What scores are sums of, by text: right, called and being of each class: `[n, 3 × classes]`."""
    own, called = (np.asarray(side)[:, None] == np.asarray(classes) for side in (actual, predicted))
    return np.hstack([own & called, called, own]).astype(float)


def macro_f1(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean F1 of the classes from sums of `by_class`, `[..., 3 × classes]` → `[...]`; a class never seen counts 0."""
    right, called, own = np.split(sums, 3, axis=-1)
    both = called + own
    return np.mean(np.where(both > 0, 2 * right / np.maximum(both, 1), 0.0), axis=-1)
