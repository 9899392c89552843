"""How much each varied option had to do with how good a trial was.

Functional ANOVA over a forest (Hutter, Hoos & Leyton-Brown 2014; Optuna's, on scikit-learn): the share of the forest's
variance over the whole space that one option alone explains. Where a range is logarithmic its logarithm is taken, so
that every factor of it counts the same. What two options do together only is nobody's share.

A share is never zero, also where nothing matters, and a forest on few trials finds something in any noise. So
- its interval is that of bootstrapped trials (percentiles), and
- it is held against what comes out when the same values are dealt to the trials at random (a permutation test, Holm
  over the options): only an option that explains more than that `matters`.

An option that only some trials have is judged among those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10
from typing import Any

import numpy as np

from tunewright.core.recipe import Range
from tunewright.evals.paired import holm

FEWEST = 10
"""Trials below which no shares are told."""
TREES = 8
BOOTSTRAPS = 100
DEALS = 299
"""As many as it takes for one option of ten to stand out at 95 % after Holm."""

Trial = tuple[Mapping[str, Any], float]
"""(option → value, how good)."""


def measure(
    trials: Sequence[Trial],
    axes: Mapping[str, Any],
    *,
    level: float,
    seed: int,
) -> list[dict[str, Any]]:
    """Shares of the options in `axes`, the greatest first.

    Returns rows {"option", "n", "share", "low", "high", "chance", "p_holm", "matters", "beats"}: n the trials that have
    the option, chance the share that random dealing stays below at this level, beats the options whose share is lower
    in all but a few of the bootstraps. An option that fewer than FEWEST trials have, or all at one value, or that all
    of equal value have, gets {"option", "n", "share": None}.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rows, judged = [], []
    shares: dict[str, Any] = {}
    made: dict[tuple[int, ...], Any] = {}  # options that the same trials have share their forests
    for key in axes:
        own = [trial for trial in trials if key in trial[0]]
        varied = len({str(options[key]) for options, _ in own}) > 1 and len({value for _, value in own}) > 1
        if len(own) < FEWEST or not varied:
            rows.append({"option": key, "n": len(own), "share": None})
            continue
        who = tuple(i for i, trial in enumerate(trials) if key in trial[0])
        if who not in made:
            made[who] = _shares(own, axes, seed)
        found, boots, deals = made[who]
        shares[key] = boots[key]
        tail = (1 - level) / 2
        low, high = (float(q) for q in np.quantile(boots[key], (tail, 1 - tail)))
        p = float((1 + np.sum(deals[key] >= found[key])) / (1 + len(deals[key])))
        judged.append(
            {
                "option": key,
                "n": len(own),
                "share": found[key],
                "low": min(low, found[key]),
                "high": max(high, found[key]),
                "chance": float(np.quantile(deals[key], level)),
                "p": p,
            }
        )
    for row, p in zip(judged, holm([row["p"] for row in judged]), strict=True):
        row["p_holm"] = p
        row["matters"] = bool(p <= 1 - level)
    for row in judged:
        row["beats"] = [
            other["option"]
            for other in judged
            if other["n"] == row["n"]
            and other is not row
            and float(np.mean(shares[row["option"]] > shares[other["option"]])) >= (1 + level) / 2
        ]
    return sorted(judged, key=lambda row: -row["share"]) + rows


def _shares(trials: Sequence[Trial], axes: Mapping[str, Any], seed: int) -> tuple[Any, Any, Any]:
    """(share, shares of bootstraps, shares of deals) by option, of the options that all these trials have."""
    keys = [key for key in axes if all(key in options for options, _ in trials)]
    given, kinds = _encoded(trials, {key: axes[key] for key in keys})
    values = np.array([value for _, value in trials])
    draw = np.random.default_rng(seed)
    whole = _forest(given, values, kinds, seed)
    resampled, dealt = [], []
    for i in range(BOOTSTRAPS):
        rows = draw.integers(0, len(values), len(values))
        resampled.append(_forest([given[row] for row in rows], values[rows], kinds, seed + i))
    for i in range(DEALS):
        dealt.append(_forest(given, draw.permutation(values), kinds, seed + i))
    boots, deals = np.array(resampled), np.array(dealt)
    return (
        {key: float(whole[i]) for i, key in enumerate(keys)},
        {key: boots[:, i] for i, key in enumerate(keys)},
        {key: deals[:, i] for i, key in enumerate(keys)},
    )


def _encoded(trials: Sequence[Trial], axes: Mapping[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """(the trials with their numbers from 0 to 1 and their choices as text, Optuna's distribution of each option)."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    kinds: dict[str, Any] = {}
    given: list[dict[str, Any]] = [{} for _ in trials]
    for key, axis in axes.items():
        found: list[Any]
        if isinstance(axis, Range):
            place = log10 if axis.log else float
            low, high = place(axis.low), place(axis.high)
            kinds[key] = FloatDistribution(0.0, 1.0)
            found = [min(1.0, max(0.0, (place(options[key]) - low) / (high - low))) for options, _ in trials]
        else:
            found = [str(options[key]) for options, _ in trials]
            kinds[key] = CategoricalDistribution(sorted(set(found)))
        for row, value in zip(given, found, strict=True):
            row[key] = value
    return given, kinds


def _forest(given: Sequence[Mapping[str, Any]], values: Any, kinds: Mapping[str, Any], seed: int) -> Any:
    """The share of every option in the variance of one forest; zeros where all values are equal."""
    import optuna

    if np.ptp(values) == 0:
        return np.zeros(len(kinds))
    study = optuna.create_study()
    for options, value in zip(given, values, strict=True):
        study.add_trial(optuna.create_trial(params=dict(options), distributions=dict(kinds), value=float(value)))
    judge = optuna.importance.FanovaImportanceEvaluator(n_trees=TREES, seed=seed % 2**32)
    found = judge.evaluate(study, params=list(kinds))
    return np.array([max(0.0, found[key]) for key in kinds])
