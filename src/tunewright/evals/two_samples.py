"""Can synthetic texts be told from real ones? Two tests with p from permutations of whole blocks of people.

- `classifier`: the classifier two-sample test (Lopez-Paz & Oquab 2017, section 3): a classifier learns one half of both
  sides and is asked about the other half; its accuracy is 50 % where both are drawn from the same. No person stands in
  both halves, so that what is known is what texts are like, not who speaks.
- `discrepancy`: the maximum mean discrepancy (Gretton et al. 2012, section 2), squared and biased as in equation 5.
  Its kernel is named: for `words` the cosine of TF-IDF rows of words and pairs, which sees how often each is said; for
  `disfluency` a Gaussian of the ranks of rates (its width the median distance), which sees any difference between
  their distributions.

A person's texts resemble each other, so it is not texts that are exchanged but blocks: each person, and beside them as
many synthetic texts of the same labels (`matching.pairs`). p is (1 + permutations at least as far) / (1 + permutations)
(Phipson & Smyth 2010), and so never below one over the number of permutations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist, squareform
from scipy.stats import rankdata

from tunewright.core.errors import DataError
from tunewright.core.records import Record
from tunewright.evals import classifiers, matching
from tunewright.evals.classifiers import Texts, Tfidf

Array = NDArray[np.float64]

KERNELS = {"words": "cosine of TF-IDF", "disfluency": "Gaussian of ranked rates, median width"}

FEWEST = 4
"""People that a half must have; fewer can be exchanged in too few ways."""


def classifier(
    name: str, texts: Texts, real: Sequence[Record], synthetic: Sequence[Record], *, most: int, permutations: int,
    seed: int,
) -> dict[str, Any]:  # fmt: skip
    """Held-out accuracy of telling real from synthetic texts, over all labels: {"accuracy", "p", "n", "people", …}.

    name: of the classifier. most: pairs of texts at most. n: texts that were asked about, both sides together.
    Raises DataError where there are fewer than eight people.
    """
    rows, owners = _beside(texts, real, synthetic, most, seed)
    blocks = np.unique(owners)
    if len(blocks) < 2 * FEWEST:
        raise DataError(
            f"{len(blocks)} people are too few to be dealt into halves",
            hint=f"a two-sample test needs the texts of {2 * FEWEST} people that the generator was not shown",
        )
    learnt = _half(owners, seed)
    sides = np.repeat(["real", "synthetic"], len(owners))
    known = np.tile(learnt, 2)
    model = classifiers.learn(name, texts, np.concatenate(rows)[known], sides[known], seed)
    asked = ~learnt
    called = [model.predict(side[asked]) == "synthetic" for side in rows]
    # How many more of a block's synthetic texts than of its real ones are called synthetic; exchanging turns the sign.
    gains = np.bincount(owners[asked], called[1].astype(float) - called[0])[np.unique(owners[asked])]
    n = int(asked.sum())
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (permutations, len(gains)))
    found = float(gains.sum())
    return {
        "test": "classifier two-sample",
        "classifier": name,
        "accuracy": 0.5 + found / (2 * n),
        "p": _p(found, signs @ gains),
        "n": 2 * n,
        "learnt": 2 * int(learnt.sum()),
        "people": len(gains),
        "permutations": permutations,
    }


def discrepancy(
    name: str, texts: Texts, real: Sequence[Record], synthetic: Sequence[Record], *, most: int, permutations: int,
    seed: int,
) -> dict[str, Any]:  # fmt: skip
    """The squared maximum mean discrepancy of real and synthetic texts: {"mmd2", "p", "kernel", "n", "people", …}.

    name: of `KERNELS`. expected: the mean of the permutations, which the biased estimate has without any difference.
    """
    rows, owners = _beside(texts, real, synthetic, most, seed)
    kernel = _kernel(name, texts, np.concatenate(rows))
    n, blocks = len(owners), int(owners.max()) + 1
    # Sums over blocks: real ones first, then the synthetic texts that stand beside them.
    member = np.zeros((2 * blocks, 2 * n))
    member[np.concatenate([owners, owners + blocks]), np.arange(2 * n)] = 1
    summed = member @ kernel @ member.T / n**2
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (permutations, blocks))
    weights = np.hstack([signs, -signs])
    drawn = np.einsum("pi,ij,pj->p", weights, summed, weights, optimize=True)
    own = np.repeat([1.0, -1.0], blocks)
    found = float(own @ summed @ own)
    return {
        "test": "maximum mean discrepancy",
        "kernel": KERNELS[name],
        "mmd2": max(0.0, found),
        "expected": float(drawn.mean()),
        "p": _p(found, drawn),
        "n": 2 * n,
        "people": len(np.unique(owners)),
        "permutations": permutations,
    }


def _beside(
    texts: Texts, real: Sequence[Record], synthetic: Sequence[Record], most: int, seed: int
) -> tuple[tuple[classifiers.Rows, classifiers.Rows], matching.Index]:
    """Rows of both sides, pair by pair, and the person of each pair."""
    left, right = matching.pairs(real, synthetic, most, seed)
    owners = matching.people([real[place] for place in left])
    rows = texts.rows(real[place].text for place in left), texts.rows(synthetic[place].text for place in right)
    return rows, owners


def _half(owners: matching.Index, seed: int) -> NDArray[np.bool_]:
    """Pairs whose people are learnt from: about half of the texts, people in random order."""
    blocks = np.random.default_rng(seed).permutation(int(owners.max()) + 1)
    sizes = np.bincount(owners)[blocks]
    order = np.argsort(blocks)
    first = np.cumsum(sizes) - sizes / 2 < len(owners) / 2
    first[:FEWEST], first[-FEWEST:] = True, False
    return first[order][owners]


def _kernel(name: str, texts: Texts, rows: classifiers.Rows) -> Array:
    if name == "words":
        counts = texts.grams(rows)
        weighted = Tfidf(counts)(counts)
        return np.asarray((weighted @ weighted.T).toarray(), dtype=float)
    profiles = texts.profiles(rows)
    ranks = np.apply_along_axis(rankdata, 0, profiles) / len(profiles)
    apart = pdist(ranks, "sqeuclidean")
    width = float(np.median(apart)) or 1.0
    return np.exp(-squareform(apart) / width)


def _p(found: float, drawn: Array) -> float:
    # Permutations that give the same up to rounding are as far.
    return float((1 + np.sum(drawn >= found - 1e-12 * max(1.0, abs(found)))) / (1 + len(drawn)))
