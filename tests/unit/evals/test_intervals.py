from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tunewright.evals.intervals import (
    bca,
    cluster_sums,
    interval,
    leave_one_out,
    resampled_sums,
    weights,
    wilson,
)


@pytest.mark.parametrize(("right", "n"), [(0, 10), (3, 10), (10, 10), (1999, 2000), (57, 60)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_wilson_equals_scipy(right: int, n: int, level: float):
    expected = stats.binomtest(right, n).proportion_ci(level, method="wilson")
    assert wilson(right / n, n, level) == pytest.approx(tuple(expected), abs=1e-12)


def test_all_right_is_not_certainty():
    low, high, method = interval(1.0, np.ones(500), np.ones(2000), proportion=True, level=0.95)
    assert (high, method) == (1.0, "wilson")
    assert low == pytest.approx(2000 / (2000 + 1.959964**2), abs=1e-6)  # n / (n + z²): 99.81 %
    low, high, _ = interval(0.0, np.zeros(500), np.zeros(60), proportion=True, level=0.95)
    assert low == 0
    assert high == pytest.approx(0.0602, abs=1e-3)
    low, high, method = interval(1.0, np.ones(500), np.ones(60), proportion=False, level=0.95)  # F1 of 1
    assert (high, method) == (1.0, "wilson")
    assert low < 0.95


def test_one_document_says_next_to_nothing():
    low, high, _ = interval(1.0, np.ones(10), np.ones(1), proportion=True, level=0.95)
    assert low < 0.21
    assert high == 1


def test_bca_equals_scipy():
    data = np.random.default_rng(1).exponential(size=40)
    expected = stats.bootstrap((data,), np.mean, method="BCa", n_resamples=999, rng=np.random.default_rng(2))
    jackknife = (data.sum() - data) / (len(data) - 1)
    found = bca(float(data.mean()), expected.bootstrap_distribution, jackknife, 0.95)
    assert found == pytest.approx(tuple(expected.confidence_interval), abs=1e-9)


def test_weights_are_resamples():
    rows = np.concatenate(list(weights(50, 400, np.random.default_rng(0))))
    assert rows.shape == (400, 50)
    assert (rows.sum(axis=1) == 50).all()
    assert rows.mean(axis=0) == pytest.approx(np.ones(50), abs=0.25)
    assert rows.var() == pytest.approx(0.98, abs=0.05)  # multinomial: 1 - 1/50


def test_chunks_do_not_change_what_is_drawn(monkeypatch):
    data = np.random.default_rng(0).random((30, 2))
    whole = resampled_sums(data, 100, seed=5)
    monkeypatch.setattr("tunewright.evals.intervals._DRAWS_AT_ONCE", 90)
    assert resampled_sums(data, 100, seed=5) == pytest.approx(whole, rel=1e-12)  # the product may round otherwise
    assert not np.allclose(resampled_sums(data, 100, seed=6), whole)


def test_cluster_sums_and_leave_one_out():
    sums = cluster_sums(np.array([[1.0, 1], [2, 1], [4, 1]]), np.array([7, 3, 7]))
    assert sums.tolist() == [[2, 1], [5, 2]]
    assert leave_one_out(sums).tolist() == [[5, 2], [2, 1]]


def _coverage(truth: float, alike: float, seed: int) -> tuple[float, float]:
    """Shares of 300 samples, 60 documents of 4 fields, whose interval has the truth: ours, and Wilson over fields.

    alike: share of documents whose fields are all right or all wrong together.
    """
    rng = np.random.default_rng(seed)
    ours = naive = 0
    for _ in range(300):
        together = rng.random((60, 1)) < alike
        right = np.where(together, rng.random((60, 1)) < truth, rng.random((60, 4)) < truth).sum(axis=1)
        sums = np.stack([right, np.full(60, 4)], axis=1).astype(float)
        boot, out = resampled_sums(sums, 300, int(rng.integers(1 << 30))), leave_one_out(sums)
        value = float(right.sum() / 240)
        low, high, _ = interval(value, boot[:, 0] / boot[:, 1], out[:, 0] / out[:, 1], proportion=True, level=0.95)
        ours += low <= truth <= high
        low, high = wilson(value, 240, 0.95)
        naive += low <= truth <= high
    return ours / 300, naive / 300


@pytest.mark.parametrize(("truth", "alike"), [(0.7, 0.0), (0.7, 0.8), (0.97, 0.0), (0.97, 0.5), (0.5, 1.0)])
def test_intervals_of_shares_cover_the_truth(truth: float, alike: float):
    ours, naive = _coverage(truth, alike, seed=7)
    assert ours >= 0.92
    if alike >= 0.8:  # fields of one document are not 4 documents
        assert naive < 0.85


def test_groups_of_records_are_fewer_observations_than_the_records():
    """20 speakers of 5 to 15 records whose shares differ: intervals over records miss the truth far too often."""
    rng = np.random.default_rng(11)
    ours = naive = 0
    for _ in range(300):
        sizes = rng.integers(5, 16, 20)
        right = rng.binomial(sizes, rng.beta(1.4, 0.6, 20))  # 70 % on average
        sums = np.stack([right, sizes], axis=1).astype(float)
        boot, out = resampled_sums(sums, 300, int(rng.integers(1 << 30))), leave_one_out(sums)
        value = float(right.sum() / sizes.sum())
        low, high, _ = interval(value, boot[:, 0] / boot[:, 1], out[:, 0] / out[:, 1], proportion=True, level=0.95)
        ours += low <= 0.7 <= high
        low, high = wilson(value, int(sizes.sum()), 0.95)
        naive += low <= 0.7 <= high
    assert ours / 300 >= 0.92
    assert naive / 300 < 0.75


def test_intervals_of_f1_cover_the_truth():
    rng = np.random.default_rng(3)
    truth, hits = 2 * 0.8 / (2 * 0.8 + 0.2 + 0.2 + 0.1), 0
    for _ in range(300):
        right = (rng.random((60, 4)) < 0.8).sum(axis=1)
        extra = (rng.random((60, 4)) < 0.1).sum(axis=1)
        sums = np.stack([right, 4 - right, extra], axis=1).astype(float)  # wrong ones are substituted

        def f1(s):
            return 2 * s[:, 0] / (2 * s[:, 0] + 2 * s[:, 1] + s[:, 2])

        value = float(f1(sums.sum(axis=0, keepdims=True))[0])
        boot = f1(resampled_sums(sums, 300, int(rng.integers(1 << 30))))
        low, high, method = interval(value, boot, f1(leave_one_out(sums)), proportion=False, level=0.95)
        assert method == "bca"
        hits += low <= truth <= high
    assert hits / 300 >= 0.91
