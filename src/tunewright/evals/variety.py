"""How varied synthetic texts are, and how fluent, beside real ones of the same labels.

- `distinct`: distinct n-grams over all (Li et al. 2016, distinct-n), at the same number of words on both sides, for it
  falls with the length of what is looked at.
- `self_bleu`: how well each text is foretold by the others (Zhu et al. 2018, Texygen), at the same number of texts of
  the same labels and lengths; less is more varied.
- `coverage`: how much of what unknown people say stands in the synthetic texts, beside as many words of train.
- `profile`: rates of what is not fluent (`text.disfluency`) by label, real and synthetic, with intervals: real ones
  over people (bootstrap), synthetic ones over texts. In the place of the type-token ratio, which falls with the length
  of a text, stands its moving average (MATTR; Covington & McFall 2010, Journal of Quantitative Linguistics 17(2)).
- `mauve`: told only why it is not given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from math import exp, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewright.core.records import Record
from tunewright.evals import matching, paired
from tunewright.evals.classifiers import Texts, tokens
from tunewright.evals.intervals import cluster_sums, resampled_sums
from tunewright.text import disfluency

Array = NDArray[np.float64]

WORDS = 20_000
"""Words on each side that distinct-n is counted in, at most."""

DRAWS = 20
"""Draws of so many words; their range is told."""

FORETOLD = 200
"""Texts on each side that self-BLEU is made of, at most."""

ORDER = 4
"""Longest n-grams of BLEU and of coverage."""

MAUVE_TEXTS = 5000
"""Texts on each side that MAUVE is made of (Pillutla et al. 2021, section 4 and appendix)."""

WINDOW = 10
"""Words of a window of the moving-average type-token ratio; of shorter texts it says nothing."""

_COUNTS = (*disfluency.COUNTS, "window_types", "window_words")

RATES = {name: of for name, of in disfluency.RATES.items() if name != "type_token_ratio"} | {
    "moving_average_type_token_ratio": ("window_types", "window_words")
}
"""What the profile tells: one count over another."""


def distinct(real: Sequence[Record], synthetic: Sequence[Record], size: int, *, seed: int) -> dict[str, Any]:
    """Distinct n-grams of `size` words over all, mean of draws: {"real", "synthetic", "ratio", "low", "high", "words"}.

    Every label gives both sides the same number of words: half of what the side with fewer has, so that draws differ.
    low, high: the least and the most ratio of the draws.
    """
    draw = np.random.default_rng(seed)
    sides = [_said(records) for records in (real, synthetic)]
    budget = {label: min(sum(map(len, side[label])) for side in sides) // 2 for label in sides[0] if label in sides[1]}
    total = sum(budget.values())
    budget = {label: words * min(WORDS, total) // max(1, total) for label, words in budget.items()}
    found = np.array([[_distinct(side, budget, size, draw) for side in sides] for _ in range(DRAWS)])
    ratios = found[:, 1] / np.maximum(found[:, 0], 1e-12)
    means = found.mean(axis=0)
    return {
        "n": size,
        "real": float(means[0]),
        "synthetic": float(means[1]),
        "ratio": float(means[1] / means[0]) if means[0] else 0.0,
        "low": float(ratios.min()),
        "high": float(ratios.max()),
        "words": sum(budget.values()),
    }


def _said(records: Sequence[Record]) -> dict[str, list[list[str]]]:
    """Label → the words of its texts."""
    places = matching.by_label(records)
    return {label: [tokens(records[place].text) for place in own] for label, own in places.items()}


def distinct_share(texts: Iterable[Sequence[str]], size: int) -> float:
    """Different n-grams of the texts, as words, as a share of all; 0 where there is none."""
    seen: set[tuple[str, ...]] = set()
    count = 0
    for said in texts:
        grams = list(_grams(said, size))
        count += len(grams)
        seen.update(grams)
    return len(seen) / count if count else 0.0


def _distinct(side: dict[str, list[list[str]]], budget: dict[str, int], size: int, draw: np.random.Generator) -> float:
    return distinct_share((said for label, words in budget.items() for said in _words(side[label], words, draw)), size)


def _words(texts: Sequence[list[str]], count: int, draw: np.random.Generator) -> Iterable[list[str]]:
    """Texts in random order up to so many words; the last is cut."""
    for place in draw.permutation(len(texts)):
        if count <= 0:
            return
        yield texts[place][:count]
        count -= len(texts[place])


def _grams(words: Sequence[str], size: int) -> Iterable[tuple[str, ...]]:
    return (tuple(words[at : at + size]) for at in range(len(words) - size + 1))


def self_bleu(real: Sequence[Record], synthetic: Sequence[Record], *, seed: int) -> dict[str, Any] | None:
    """Mean BLEU of each text against the others of its side, 0..1: {"real", "synthetic", "n"}; None below two pairs."""
    left, right = matching.same_lengths(real, synthetic, seed)
    chosen = np.random.default_rng(seed).permutation(len(left))[:FORETOLD]
    if len(chosen) < 2:
        return None
    return {
        "real": _foretold([real[place].text for place in left[chosen]]),
        "synthetic": _foretold([synthetic[place].text for place in right[chosen]]),
        "n": len(chosen),
        "order": ORDER,
    }


def _foretold(texts: Sequence[str]) -> float:
    return float(np.mean(bleu_of_each([tokens(text) for text in texts])))


def bleu_of_each(texts: Sequence[Sequence[str]]) -> list[float]:
    """BLEU of each text, as words, against all others, 0..1; what sacrebleu says of sentences, with effective order.

    Papineni et al. (2002); exponential smoothing of Chen & Cherry (2014). Each n-gram's two highest counts are told
    once, so that the time grows with the words of the texts and not with the pairs of them.
    """
    counted = [[Counter(_grams(words, size)) for words in texts] for size in range(1, ORDER + 1)]
    highest: list[dict[tuple[str, ...], tuple[int, int]]] = []
    for of_size in counted:
        top: dict[tuple[str, ...], tuple[int, int]] = {}
        for grams in of_size:
            for gram, count in grams.items():
                most, second = top.get(gram, (0, 0))
                top[gram] = (count, most) if count > most else (most, max(second, count))
        highest.append(top)
    lengths = np.array([len(words) for words in texts])
    scores = []
    for place, words in enumerate(texts):
        others = np.delete(lengths, place)
        nearest = int(others[np.lexsort((others, abs(others - lengths[place])))[0]]) if len(others) else 0
        logs: list[float] = []
        smooth, any_right = 1, False
        for of_size, top in zip(counted, highest, strict=True):
            grams = of_size[place]
            if not grams:
                break
            # Where the highest count is this text's own, the others have the second at most.
            right = sum(min(count, top[gram][top[gram][0] == count]) for gram, count in grams.items())
            any_right |= right > 0
            smooth *= 1 if right else 2
            logs.append(log((right or 1 / smooth) / grams.total()))
        brief = min(0.0, 1 - nearest / len(words)) if len(words) else 0.0
        scores.append(exp(brief + sum(logs) / len(logs)) if any_right else 0.0)
    return scores


def coverage(
    held: Sequence[Record], train: Sequence[Record], synthetic: Sequence[Record], size: int, *, seed: int
) -> dict[str, Any]:
    """Share of the n-grams that unknown people said, each as often as said, that stand in train and in synthetic texts.

    Both are given the same number of words of each label: {"train", "synthetic", "words", "n"}.
    """
    return coverage_in_folds([(held, train, synthetic)], size, seed=seed)


def coverage_in_folds(
    folds: Sequence[tuple[Sequence[Record], Sequence[Record], Sequence[Record]]], size: int, *, seed: int
) -> dict[str, Any]:
    """The same over folds, (held, train, synthetic) of each: what is said beside the texts of its own fold."""
    draw = np.random.default_rng(seed)
    told, stood, given_words = 0, Counter({"train": 0, "synthetic": 0}), 0
    for held, train, synthetic in folds:
        sides = {"train": _said(train), "synthetic": _said(synthetic)}
        labels = [label for label in sides["train"] if label in sides["synthetic"]]
        budget = {label: min(sum(map(len, side[label])) for side in sides.values()) for label in labels}
        said = Counter(gram for record in held for gram in _grams(tokens(record.text), size))
        told += said.total()
        given_words += sum(budget.values())
        for name, side in sides.items():
            given = (own for label, count in budget.items() for own in _words(side[label], count, draw))
            known = {gram for own in given for gram in _grams(own, size)}
            stood[name] += sum(count for gram, count in said.items() if gram in known)
    found: dict[str, Any] = {"n": size, "words": round(given_words / len(folds))}
    return found | {name: count / max(1, told) for name, count in stood.items()}


def profile(
    texts: Texts, real: Sequence[Record], synthetic: Sequence[Record], *, level: float, resamples: int, seed: int
) -> list[dict[str, Any]]:
    """Rates of each label on both sides: rows of {"label", "rate", "real", "synthetic", "difference", "p", "p_holm",
    "verdict", …}; none for a rate that no text of one side has.

    Each of the three is {"value", "low", "high"}, expanded percentile intervals of the bootstrap (`paired`), each taken
    alone; the difference has as many clusters as the side with fewer. verdict: "more" or "less" of it in synthetic
    texts where the interval of the difference is without zero and p, by Holm over all rows, is below 1 - level; else
    "no difference shown". people: real ones that the rate is of.
    """
    rows: list[dict[str, Any]] = []
    made = matching.by_label(synthetic)
    for label, own in matching.by_label(real).items():
        if label not in made:
            continue
        sides = [[real[place] for place in own], [synthetic[place] for place in made[label]]]
        told = [_rates(texts, records, resamples, seed + number) for number, records in enumerate(sides)]
        for rate in [name for name in RATES if all(name in side for side in told)]:
            (one, ones, people), (other, others, alone) = (side[rate] for side in told)
            clusters = min(people, alone)
            tested = paired.by_bootstrap(other - one, others - ones, clusters, clusters, level)
            rows.append(
                {
                    "label": label,
                    "rate": rate,
                    "real": _estimate(one, ones, people, level),
                    "synthetic": _estimate(other, others, alone, level),
                    "difference": {"value": other - one, "low": tested["low"], "high": tested["high"]},
                    "p": tested["p"],
                    "texts": [len(side) for side in sides],
                    "people": people,
                }
            )
    for row, p in zip(rows, paired.holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = p
        apart = row["difference"]
        shown = paired.verdict(apart | {"difference": apart["value"], "p_holm": p}, level)
        row["verdict"] = {"better": "more", "worse": "less"}.get(shown, shown)
    return rows


def _rates(texts: Texts, records: Sequence[Record], resamples: int, seed: int) -> dict[str, tuple[float, Array, int]]:
    """Rate → its value, `[resamples]` of it over people, and how many people it is of; texts of nobody are each alone.

    A resample in which nobody has it counts as the value. Rates over nothing are left out.
    """
    slips = texts.slips(texts.rows(record.text for record in records))
    sums = cluster_sums(np.hstack([slips, [_windows(record.text) for record in records]]), matching.people(records))
    drawn, total = resampled_sums(sums, resamples, seed), sums.sum(axis=0)
    found = {}
    for name, counts in RATES.items():
        one, other = map(_COUNTS.index, counts)
        if total[other]:
            value, over = float(total[one] / total[other]), drawn[:, other]
            again = np.where(over > 0, drawn[:, one] / np.maximum(over, 1), value)
            found[name] = value, again, int(np.count_nonzero(sums[:, other]))
    return found


def _windows(text: str) -> tuple[int, int]:
    """Different words in each run of `WINDOW` words, and words in it, summed over all runs of a text."""
    runs = list(_grams(disfluency.tokens(text), WINDOW))
    return sum(len(set(run)) for run in runs), WINDOW * len(runs)


def _estimate(value: float, drawn: Array, clusters: int, level: float) -> dict[str, float]:
    low, high = np.quantile(drawn, paired.tails(clusters, level))
    return {"value": value, "low": float(low), "high": float(high)}


def mauve(real: int, synthetic: int) -> str:
    """Why MAUVE is not given for so many real and synthetic texts."""
    if min(real, synthetic) < MAUVE_TEXTS:
        return (
            f"MAUVE is refused: it needs {MAUVE_TEXTS:,} texts on each side, and there are {real:,} real and "
            f"{synthetic:,} synthetic ones. Below that its clusters hold too few texts, and it says more about the "
            "number of texts than about them."
        )
    return (
        "MAUVE is not measured: it needs the features of a large model of English; the two-sample tests ask the same "
        "question with a p-value."
    )
