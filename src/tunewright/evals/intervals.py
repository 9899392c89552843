"""Confidence intervals for scores, clustered by document or group.

Two methods, named beside every interval:

- "wilson" for shares (exact match, field accuracy, …): Wilson's score interval (Wilson 1927) with the effective
  sample size p(1-p)/v, v being the share's variance over a bootstrap of whole clusters, so fields of one document do
  not count as independent (Franco, Little, Louis & Slud 2019), less Korn & Graubard's (1998) factor (z/t)² for how
  few clusters that variance rests on, but never below the number of clusters for it. At 0 % and 100 %, where a
  bootstrap knows no spread and would answer [100, 100], the sample size is the number of clusters.
- "bca" for everything else (F1, ROUGE-L, BLEU, chrF++): the bias-corrected and accelerated bootstrap (Efron 1987)
  over clusters, acceleration from the jackknife. Where all resamples agree, Wilson's as above.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

Array = NDArray[np.float64]

_DRAWS_AT_ONCE = 2_000_000  # bounds memory: draws of one chunk, 16 MB


class Interval(NamedTuple):
    low: float
    high: float
    method: Literal["wilson", "bca"]


def cluster_sums(matrix: Array, clusters: NDArray[np.int64]) -> Array:
    """Rows `[n, k]` summed within clusters: `[g, k]`. clusters: `[n]`, any integers."""
    _, index = np.unique(clusters, return_inverse=True)
    sums = np.zeros((int(index.max(initial=-1)) + 1, matrix.shape[1]))
    np.add.at(sums, index, matrix)
    return sums


def weights(size: int, resamples: int, rng: np.random.Generator) -> Iterator[Array]:
    """How often each of `size` clusters stands in each resample, chunk by chunk: `[chunk, size]`, rows sum to size."""
    chunk = max(1, _DRAWS_AT_ONCE // max(1, size))
    for start in range(0, resamples, chunk):
        rows = min(chunk, resamples - start)
        draws = rng.integers(0, size, (rows, size)) + np.arange(rows)[:, None] * size
        yield np.bincount(draws.ravel(), minlength=rows * size).reshape(rows, size).astype(float)


def resampled_sums(clustered: Array, resamples: int, seed: int) -> Array:
    """Sums of statistics over resampled clusters: `[g, k]` → `[resamples, k]`. The same seed, the same resamples."""
    rng = np.random.default_rng(seed)
    return np.concatenate([chunk @ clustered for chunk in weights(len(clustered), resamples, rng)])


def wilson(share: float, n: float, level: float) -> tuple[float, float]:
    """Wilson's score interval of a share of `n`; at 0 and 1 it keeps a width of about z²/n."""
    z = float(ndtri((1 + level) / 2))
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    low = 0.0 if share <= 0 else max(0.0, centre - half)
    return low, 1.0 if share >= 1 else min(1.0, centre + half)


def bca(value: float, replicates: Array, jackknife: Array, level: float) -> tuple[float, float]:
    """Efron's BCa interval. replicates: `[resamples]`; jackknife: `[g]` scores without each cluster."""
    count = len(replicates)
    below = (np.sum(replicates < value) + 0.5 * np.sum(replicates == value)) / count
    bias = ndtri(np.clip(below, 1 / (count + 1), count / (count + 1)))
    apart = jackknife.mean() - jackknife
    spread = np.sum(apart**2)
    acceleration = np.sum(apart**3) / (6 * spread**1.5) if spread > 0 else 0.0
    tails = bias + ndtri(np.array([(1 - level) / 2, (1 + level) / 2]))
    places = ndtr(bias + tails / (1 - acceleration * tails))
    low, high = np.quantile(replicates, places)
    return float(low), float(high)


def interval(value: float, replicates: Array, jackknife: Array, *, proportion: bool, level: float) -> Interval:
    """The interval of a score in 0..1 from `[resamples]` bootstrap and `[g]` leave-one-cluster-out scores.

    Where there are none, nothing was judged, and the interval is all of 0..1.
    """
    clusters = len(jackknife)
    if not clusters or not len(replicates):
        return Interval(0.0, 1.0, "wilson")
    variance = float(np.var(replicates))
    flat = variance < 1e-18
    if proportion or flat:
        n = clusters if flat or not 0 < value < 1 else _effective_size(value, variance, jackknife, level)
        return Interval(*wilson(value, n, level), "wilson")
    low, high = bca(value, replicates, jackknife, level)
    return Interval(max(0.0, low), min(1.0, high), "bca")


def _effective_size(share: float, variance: float, jackknife: Array, level: float) -> float:
    """How many independent observations a share from clusters is worth."""
    size = share * (1 - share) / variance
    apart = (jackknife - jackknife.mean()) ** 2
    # Satterthwaite: a variance that a handful of clusters makes has a handful of degrees of freedom.
    freedom = max(1.0, float(apart.sum() ** 2 / (apart**2).sum())) if apart.any() else 1.0
    tail = (1 + level) / 2
    return max(min(size, len(jackknife)), size * float(ndtri(tail) / stdtrit(freedom, tail)) ** 2)


def leave_one_out(clustered: Array) -> Array:
    """Sums without each cluster in turn: `[g, k]` → `[g, k]`."""
    return clustered.sum(axis=0) - clustered
