"""Two systems on the same documents: is the difference more than chance?

- Exact match, each document by itself: McNemar's exact test (McNemar 1947; two-sided binomial on the documents that
  just one of the two got right), interval of Bonett & Price (2012), which keeps its width when no document differs.
- Every other metric, and exact match of grouped documents: paired bootstrap over whole groups (Efron & Tibshirani
  1993, ch. 16; Koehn 2004): percentile interval of the difference, p twice the smaller tail, both widened for how few
  groups there are (the expanded percentile interval of Hesterberg 2015: √(g/(g-1)) × Student's quantile
  with g - 1 degrees of freedom in the place of the normal one). Where fewer than ten
  resamples make that tail, Student's p on difference / bootstrap standard error is taken if it is smaller: resampling
  2,000 times cannot tell 0.0005 from less, and a correction over many comparisons needs it told.
- One comparison may be named before there is an answer (the primary one): its p stands as it is. Holm (1979) over all
  others made together. A verdict needs both: this p below 1 - level, and an interval without zero.
- Minimum detectable effect: the smallest true difference that a test of this n would have found in 80 of 100 tries
  (McNemar's exact power; (z + z') × standard error otherwise), were it the only comparison made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import comb, sqrt
from typing import Any

import numpy as np
from scipy.special import bdtr, bdtrik, gammaln, ndtr, ndtri, stdtr, stdtrit, xlog1py, xlogy

from tunewright.core.errors import UsageError, did_you_mean
from tunewright.core.recipe import EvaluateOptions
from tunewright.core.records import Example, Prediction
from tunewright.evals.intervals import Array, cluster_sums, resampled_sums
from tunewright.evals.metrics import fields as _fields
from tunewright.evals.table import Table, clusters_of, lower_is_better, matches, metrics_for, paired_by_id

POWER = 0.8
TEXT_SCORES = ("exact_match", "token_f1", "rouge_l", "chrf")
"""What free answers are compared by."""
FIELD = "field:"
"""`field:date` compares the accuracy of one field."""


@dataclass(frozen=True)
class Trial:
    """One set of documents and what each cell ("tuned/grammar") answered, each to all of it or to a sample."""

    on: str
    examples: Sequence[Example]
    cells: Mapping[str, Sequence[Prediction]]


def mcnemar(only_a: int, only_b: int) -> float:
    """Exact two-sided p of McNemar's test. only_a, only_b: documents that only a, only b got right."""
    only_a, only_b = int(only_a), int(only_b)  # numpy's would overflow below
    n = only_a + only_b
    tail = sum(comb(n, i) for i in range(min(only_a, only_b) + 1))
    return min(1.0, 2 * tail / 2**n)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction, in the order given."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        corrected[i] = highest
    return corrected


def difference_of_shares(only_a: float, only_b: float, n: float, level: float) -> tuple[float, float]:
    """Bonett & Price's interval of share b - share a on the same n documents."""
    z = float(ndtri((1 + level) / 2))
    up, down = (only_b + 1) / (n + 2), (only_a + 1) / (n + 2)
    half = z * sqrt((up + down - (up - down) ** 2) / (n + 2))
    return max(-1.0, up - down - half), min(1.0, up - down + half)


def detectable_share(only_a: float, only_b: float, n: float, level: float) -> float:
    """Smallest difference that McNemar's exact test finds with 80 % power at the share of differing documents seen.

    Two are added to those that differ, so that a sample where none does is not called certain; and at least as many
    documents differ as the difference itself needs. 1 where no difference would be found so often.
    """
    seen = min(1.0, (only_a + only_b + 2) / (n + 2))
    low, high = 0.0, 1.0
    if mcnemar_power(1.0, 1.0, int(n), level) < POWER:
        return 1.0
    while high - low > 1e-4:
        middle = (low + high) / 2
        if mcnemar_power(middle, max(seen, middle), int(n), level) < POWER:
            low = middle
        else:
            high = middle
    return high


def mcnemar_power(difference: float, differing: float, n: int, level: float) -> float:
    """How often McNemar's exact test of n documents finds a difference of two shares, 0..1.

    differing: share of documents that just one of the two gets right; the number that do is binomial, and so is, given
    it, the number that the better one gets (Connor 1987, without his normal approximation).
    """
    most = _most_of_the_worse(n, level)
    count = np.arange(n + 1)
    chance = np.exp(
        gammaln(n + 1) - gammaln(count + 1) - gammaln(n - count + 1)
        + xlogy(count, differing) + xlog1py(n - count, -differing)
    )  # fmt: skip
    likely = (chance > 1e-15) & (most >= 0)
    share = (differing + difference) / (2 * differing)
    return float(chance[likely] @ bdtr(most[likely], count[likely], 1 - share))


@cache
def _most_of_the_worse(n: int, level: float) -> Array:
    """For 0..n differing documents, how many the worse one may get at most for the test to reject; -1: it cannot."""
    count, tail = np.arange(n + 1), (1 - level) / 2
    most = np.floor(bdtrik(tail, count, 0.5))
    return np.where(bdtr(np.maximum(most, 0), count, 0.5) <= tail, most, most - 1)


def compare(
    trials: Sequence[Trial],
    *,
    pairs: Sequence[tuple[str, str]] | None = None,
    metrics: Sequence[str] | None = None,
    primary: tuple[str, str, str, str] | None = None,
    chief: str | None = None,
    level: float,
    resamples: int,
    seed: int,
    options: EvaluateOptions | None = None,
) -> list[dict[str, Any]]:
    """Compare cells pairwise on the documents that both answered, Holm-corrected over all but the primary one.

    pairs: (a, b), a the one to beat; a pair is taken on every trial that has both cells. None: `usual_pairs`.
    metrics: names of scores (`exact_match`, `field_accuracy`, `chrf`, `field:date`, …); None: exact match, field
    accuracy and field F1 for JSON, `TEXT_SCORES` for text, and the chief scores of fields that have some of their own
    (`x-score`).
    chief: the cell that the usual pairs are about. primary: (a, b, on, metric) of the comparison that the work was made
    for, chosen before any answer is known. options: of the recipe, for metrics that can be set.

    Returns rows of {"a", "b", "on", "metric", "n", "a_value", "b_value", "difference", "low", "high", "test", "p",
    "p_holm", "primary", "minimum_detectable_effect", "verdict"}; difference is b - a, n the common documents, p_holm
    the p that is judged (the primary comparison's own), and the verdict ("better", "worse", "no difference shown") is
    about b.

    Raises UsageError for a metric or a cell that no trial has.
    """
    known = {cell for trial in trials for cell in trial.cells}
    for cell in {cell for pair in pairs or () for cell in pair}:
        if cell not in known:
            raise UsageError(f"there is no cell '{cell}' to compare", hint=did_you_mean(cell, known))
    rows: list[dict[str, Any]] = []
    for trial in trials:
        wanted = usual_pairs(trial.cells, chief) if pairs is None else pairs
        answers = {
            cell: {pair[0].id: pair for pair in paired_by_id(trial.examples, said, partial=True)}
            for cell, said in trial.cells.items()
            if any(cell in pair for pair in wanted)
        }
        for a, b in wanted:
            if a in answers and b in answers:
                common = [name for name in answers[a] if name in answers[b]]
                if common:
                    both = [[answers[cell][name] for name in common] for cell in (a, b)]
                    found = _differences(both[0], both[1], metrics, level, resamples, seed, options)
                    rows += [{"a": a, "b": b, "on": trial.on, **row} for row in found]
    for row in rows:
        row["primary"] = (row["a"], row["b"], row["on"], row["metric"]) == primary
        row["p_holm"] = row["p"]
    others = [row for row in rows if not row["primary"]]
    for row, p in zip(others, holm([row["p"] for row in others]), strict=True):
        row["p_holm"] = p
    for row in rows:
        row["verdict"] = verdict(row, level, falling=lower_is_better(row["metric"]))
    return rows


def over_seeds(
    examples: Sequence[Example],
    a: Sequence[Sequence[Prediction]],
    b: Sequence[Sequence[Prediction]],
    *,
    metrics: Sequence[str] | None = None,
    level: float,
    resamples: int,
    seed: int,
    options: EvaluateOptions | None = None,
) -> list[dict[str, Any]]:
    """Compare two ways of training on the same documents, each trained with several seeds, Holm over the metrics.

    a, b: the answers to `examples` of one training after the other; the i-th of both have the same seed. metrics,
    options: as in `compare`. A score is that of all answers of all seeds together. Its difference varies for two
    reasons, whose variances are added:
    - documents: the bootstrap over whole groups, in which a document comes with its answers of every seed, so that one
      document answered by three trainings is not taken for three;
    - seeds: the sample variance of the differences of single seeds over their number. It holds some of the documents'
      variance as well, so the sum is rather too large than too small.
    Interval and p are Student's with the degrees of freedom of Welch and Satterthwaite (Satterthwaite 1946): few seeds
    that differ make a wide interval. With one seed nothing is said about others, and only documents count.

    Returns rows as `compare` does, for "own" and "best", with "seeds" and "by_seed", the differences of single seeds.
    """
    if len(a) != len(b) or not a:
        raise UsageError("the two were not trained with the same seeds")
    pairs = [[paired_by_id(examples, answers) for answers in side] for side in (a, b)]
    names = _usual_metrics(examples, pairs[0][0][0], options) if metrics is None else metrics
    owners = _owners(examples, pairs[0][0][0], names, options)
    modules = list({id(owner): owner for owner in owners.values()}.values())
    tables = [[Table.of(one, modules) for one in side] for side in pairs]
    first, width = tables[0][0], tables[0][0].matrix.shape[1]
    summed = [np.sum([table.matrix for table in side], axis=0) for side in tables]
    sums = resampled_sums(cluster_sums(np.hstack(summed), first.clusters), resamples, seed)
    groups = len(cluster_sums(first.matrix, first.clusters))
    values = [first.summarise(side.sum(axis=0)) for side in summed]
    replicates = [first.summarise(side) for side in (sums[:, :width], sums[:, width:])]
    single = [[table.summarise(table.matrix.sum(axis=0)) for table in side] for side in tables]
    rows = []
    for name in names:
        by_seed = [float(two[name]) - float(one[name]) for one, two in zip(*single, strict=True)]
        difference = float(values[1][name]) - float(values[0][name])
        apart = replicates[1][name] - replicates[0][name]
        both = float(values[0][name]), float(values[1][name])
        told = across_seeds(difference, apart, groups, by_seed, level)
        rows.append(_over_seeds_row(name, len(examples), both, difference, told, by_seed))
    return corrected(rows, level)


def _over_seeds_row(
    metric: str,
    n: int,
    values: tuple[float, float],
    difference: float,
    told: Mapping[str, Any],
    by_seed: list[float],
) -> dict[str, Any]:
    return {
        "a": "own",
        "b": "best",
        "on": "test",
        "metric": metric,
        "n": n,
        "seeds": len(by_seed),
        "a_value": values[0],
        "b_value": values[1],
        "difference": difference,
        **told,
        "by_seed": by_seed,
        "primary": False,
    }


def corrected(rows: list[dict[str, Any]], level: float, *, falling: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The rows with "p_holm" and "verdict", Holm over all of them. falling: scores, beside those that say so
    themselves, that are better when lower."""
    for row, p in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = p
        lower = row["metric"] in falling or lower_is_better(row["metric"])
        row["verdict"] = verdict(row, level, falling=lower)
    return rows


Weighted = Mapping[str, tuple[float, float]]
"""Document → (amount, weight): the score of some documents is their amounts' sum over their weights'."""


def ratios_over_seeds(
    metric: str,
    examples: Sequence[Example],
    a: Sequence[Weighted],
    b: Sequence[Weighted],
    *,
    bound: float = 1.0,
    level: float,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """A row as `over_seeds` makes them, of a score that is measured beside answers and is a ratio of sums.

    a, b: of one training after the other; the i-th of both have the same seed, and what only one of them measured is
    left out. Different seeds may have measured different documents. bound: what the score can differ by at most.
    Without "p_holm" and "verdict", for it is one of several rows.
    """
    place = {example.id: at for at, example in enumerate(examples)}
    tables = np.zeros((len(a), len(examples), 4))
    for table, one, other in zip(tables, a, b, strict=True):
        for name in one.keys() & other.keys():
            table[place[name]] = (*one[name], *other[name])
    seen = np.flatnonzero(tables[:, :, 1].sum(axis=0)).tolist()
    if not seen:
        raise UsageError("the two have measured no document in common")
    clustered = cluster_sums(tables.sum(axis=0)[seen], clusters_of([examples[at] for at in seen]))
    sums, drawn = clustered.sum(axis=0), resampled_sums(clustered, resamples, seed)
    single = [table.sum(axis=0) for table in tables]
    by_seed = [float(one[2] / one[3] - one[0] / one[1]) for one in single if one[1] > 0]
    difference = float(sums[2] / sums[3] - sums[0] / sums[1])
    apart = drawn[:, 2] / drawn[:, 3] - drawn[:, 0] / drawn[:, 1]
    told = across_seeds(difference, apart, len(clustered), by_seed, level, bound=bound)
    both = float(sums[0] / sums[1]), float(sums[2] / sums[3])
    return _over_seeds_row(metric, len(seen), both, difference, told, by_seed)


def across_seeds(
    difference: float, replicates: Array, groups: int, by_seed: Sequence[float], level: float, *, bound: float = 1.0
) -> dict[str, Any]:
    """{"low", "high", "test", "p", "minimum_detectable_effect"} of a difference that seeds have a part in.

    replicates: the difference in resamples of whole groups, `[resamples]`. by_seed: of single seeds. The variances of
    both are added, as `over_seeds` says. bound: what can differ at most.
    """
    documents = float(np.var(replicates)) * groups / max(1, groups - 1)
    if documents < 1e-24:  # no spread was seen, which is not the same as none
        leaning = groups * min(1.0, abs(difference))
        least, most = difference_of_shares(leaning * (difference < 0), leaning * (difference > 0), groups, level)
        documents = ((most - least) / (2 * float(ndtri((1 + level) / 2)))) ** 2
    seeds = float(np.var(by_seed, ddof=1)) / len(by_seed) if len(by_seed) > 1 else 0.0
    return by_variances(difference, (documents, groups - 1), (seeds, len(by_seed) - 1), level, bound=bound)


def by_variances(
    difference: float, documents: tuple[float, int], seeds: tuple[float, int], level: float, *, bound: float = 1.0
) -> dict[str, Any]:
    """Student's interval and p of a difference. documents, seeds: two variances that add, with degrees of freedom.

    bound: what can differ at most.
    """
    variance = documents[0] + seeds[0]
    parts = sum(one**2 / free for one, free in (documents, seeds) if free > 0)
    free = variance**2 / parts if parts > 0 else 0.0
    spread = sqrt(variance)
    if free <= 0:  # nothing varied that could tell how much it may vary
        low, high, p, effect = -bound, bound, 1.0, bound
    else:
        reach = float(stdtrit(free, (1 + level) / 2)) * spread
        low, high = difference - reach, difference + reach
        p = 2 * float(stdtr(free, -abs(difference) / spread))
        effect = min(bound, reach + float(stdtrit(free, POWER)) * spread)
    test = "Welch and Satterthwaite" if seeds[1] > 0 else "bootstrap variance"
    return {"low": low, "high": high, "test": test, "p": p, "minimum_detectable_effect": effect}


def usual_pairs(cells: Iterable[str], chief: str | None = None) -> list[tuple[str, str]]:
    """Every other cell against the chief one, and base against few-shot and tuned, all free.

    chief: by default tuned/grammar, or tuned/free where there is no other.
    """
    cells = list(cells)
    if chief not in cells:
        chief = "tuned/grammar" if "tuned/grammar" in cells else "tuned/free"
    pairs = [(cell, chief) for cell in cells if cell != chief]
    pairs += [("base/free", "few-shot/free"), ("base/free", "tuned/free")]
    return [pair for pair in dict.fromkeys(pairs) if pair[0] in cells and pair[1] in cells]


def gates(metrics: Mapping[str, Mapping[str, Any]], floors: Mapping[str, float]) -> list[dict[str, Any]]:
    """Whether scores (the "metrics" of `score`) reach their floors: rows of {"metric", "floor", "value", "met"}.

    Raises UsageError for a metric that was not scored, or one that is better when lower.
    """
    rows = []
    for name, floor in floors.items():
        if lower_is_better(name):
            raise UsageError(f"'{name}' is better when lower and cannot have a floor", hint="use field_accuracy")
        if name not in metrics:
            raise UsageError(f"there is no score '{name}' to hold to a floor", hint=did_you_mean(name, metrics))
        value = float(metrics[name]["value"])
        rows.append({"metric": name, "floor": floor, "value": value, "met": value >= floor})
    return rows


_Pairs = list[tuple[Example, Prediction]]


def _differences(
    a: _Pairs,
    b: _Pairs,
    names: Sequence[str] | None,
    level: float,
    resamples: int,
    seed: int,
    options: EvaluateOptions | None,
) -> list[dict[str, Any]]:
    examples = [example for example, _ in a]
    if names is None:
        names = _usual_metrics(examples, a[0], options)
    owners = _owners(examples, a[0], names, options)
    metrics = list({id(owner): owner for owner in owners.values()}.values())
    first, second = Table.of(a, metrics), Table.of(b, metrics)
    width = first.matrix.shape[1]
    clustered = cluster_sums(np.hstack([first.matrix, second.matrix]), first.clusters)
    sums = resampled_sums(clustered, resamples, seed)
    values = [first.summarise(table.matrix.sum(axis=0)) for table in (first, second)]
    replicates = [first.summarise(side) for side in (sums[:, :width], sums[:, width:])]
    alone = len(clustered) == len(a)
    rows = []
    for name in names:
        own = [i for i, (metric, _) in enumerate(first.columns) if metric == owners[name].name]
        a_value, b_value = float(values[0][name]), float(values[1][name])
        row = {"metric": name, "n": len(a), "a_value": a_value, "b_value": b_value, "difference": b_value - a_value}
        binary = getattr(owners[name], "binary", None)
        if alone and binary is not None:
            column = first.columns.index((owners[name].name, binary))
            row |= _by_mcnemar(first.matrix[:, column], second.matrix[:, column], level)
        else:
            differing = int(np.any(clustered[:, own] != clustered[:, [width + i for i in own]], axis=1).sum())
            spread = replicates[1][name] - replicates[0][name]
            row |= by_bootstrap(b_value - a_value, spread, len(clustered), differing, level)
        rows.append(row)
    return rows


def _usual_metrics(
    examples: Sequence[Example], pair: tuple[Example, Prediction], options: EvaluateOptions | None
) -> Sequence[str]:
    """Scores to compare where none is named, with those of single fields that their metrics name (`paired`)."""
    text = all(isinstance(example.record.target, str) for example in examples)
    names = TEXT_SCORES if text else ("exact_match", "field_accuracy", "field_f1")
    givers = _givers(examples, pair, options)
    return (*names, *(name for name, module in givers.items() if matches(name, getattr(module, "paired", ()))))


def _givers(
    examples: Sequence[Example], pair: tuple[Example, Prediction], options: EvaluateOptions | None
) -> dict[str, Any]:
    """Score → the metric that gives it."""
    found: dict[str, Any] = {}
    for module in metrics_for(examples, options=options):
        if getattr(module, "measures", "quality") == "quality":
            sums = {key: np.float64(value) for key, value in module.statistics(*pair).items()}
            found |= dict.fromkeys(module.summarise(sums), module)
    return found


def _owners(
    examples: Sequence[Example],
    pair: tuple[Example, Prediction],
    names: Sequence[str],
    options: EvaluateOptions | None,
) -> dict[str, Any]:
    """The metric that gives each score named. Raises UsageError for a score that none gives."""
    found = _givers(examples, pair, options)
    found |= {name: _OneField(name.removeprefix(FIELD)) for name in names if name.startswith(FIELD)}
    for name in names:
        if name not in found:
            raise UsageError(f"there is no score '{name}' to compare", hint=did_you_mean(name, found))
    return {name: found[name] for name in names}


def _by_mcnemar(a: Array, b: Array, level: float) -> dict[str, Any]:
    n, only_a, only_b = len(a), int(np.sum(a > b)), int(np.sum(b > a))
    low, high = difference_of_shares(only_a, only_b, n, level)
    effect = detectable_share(only_a, only_b, n, level)
    return {
        "low": low,
        "high": high,
        "test": "exact McNemar",
        "p": mcnemar(only_a, only_b),
        "minimum_detectable_effect": effect,
    }


def tails(clusters: int, level: float) -> Array:
    """Between which quantiles of its resamples a score of so many clusters lies: the expanded percentiles."""
    if clusters < 2:
        return np.array([0.0, 1.0])
    reach = float(stdtrit(clusters - 1, (1 + level) / 2)) * sqrt(clusters / (clusters - 1))
    return np.asarray(ndtr([-reach, reach]))


def by_bootstrap(difference: float, replicates: Array, clusters: int, differing: int, level: float) -> dict[str, Any]:
    """Interval, p and detectable effect of a difference of shares from its `[resamples]` over whole clusters.

    differing: clusters in which the two sides are not equal.
    """
    count = len(replicates)
    # Few groups vary less among their resamples than they do themselves, and say little of how much that is.
    shrunk = sqrt((clusters - 1) / clusters)
    low, high = (float(q) for q in np.quantile(replicates, tails(clusters, level)))
    spread = float(np.std(replicates)) / (shrunk or 1.0)
    tail = float(min(np.sum(replicates <= 0), np.sum(replicates >= 0)))
    p = 2 * (tail + 1) / (count + 1)
    if clusters > 1:
        p = min(1.0, 2 * float(stdtr(clusters - 1, ndtri(min(0.5, p / 2)) * shrunk)))
        if tail < 10 and spread > 1e-12:
            p = min(p, 2 * float(stdtr(clusters - 1, -abs(difference) / spread)))
    # No paired test can go below 2^(1-m) on m groups that differ; resampling alone would, when all lean one way.
    p = min(1.0, max(p, 2.0 ** (1 - differing)))
    if spread < 1e-12:  # all resamples agree: no spread was seen, which is not the same as none
        leaning = clusters * min(1.0, abs(difference))
        low, high = difference_of_shares(leaning * (difference < 0), leaning * (difference > 0), clusters, level)
        spread = (high - low) / (2 * float(ndtri((1 + level) / 2)))
    effect = min(1.0, (float(ndtri((1 + level) / 2)) + float(ndtri(POWER))) * spread)
    return {"low": low, "high": high, "test": "paired bootstrap", "p": p, "minimum_detectable_effect": effect}


def verdict(row: Mapping[str, Any], level: float, *, falling: bool = False) -> str:
    """What a row of {"difference", "low", "high", "p_holm"} shows of its second side. falling: less is better."""
    if row["p_holm"] > 1 - level or row["low"] <= 0 <= row["high"]:
        return "no difference shown"
    return "better" if (row["difference"] > 0) != falling else "worse"


class _OneField:
    """The accuracy of one field as a metric."""

    def __init__(self, path: str):
        self.path, self.name = path, FIELD + path

    def statistics(self, example: Example, prediction: Prediction) -> dict[str, float]:
        counts = _fields.by_field(example, prediction).get(self.path, {})
        return {"right": counts.get("correct", 0.0) + counts.get("null", 0.0), "n": sum(counts.values())}

    def summarise(self, sums: dict[str, Any]) -> dict[str, Any]:
        return {self.name: np.where(sums["n"] > 0, sums["right"] / np.maximum(sums["n"], 1), 0.0)}
