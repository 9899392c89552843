"""What synthetic texts with labels are worth: do they carry their labels, and do classifiers learn better with them?

Utility. Classifiers are trained on a part of the real texts (whole people, drawn before anything is trained) and on the
same part with something added: synthetic texts in several amounts, or as many texts made cheaply of the same part
(`alternatives`). All are asked about the same real texts of people that nobody learnt from. Added texts keep the
labels' shares of the part, so that nothing is gained by another balance. The score is macro F1, the mean over seeds; a
seed draws the people of a part, the synthetic texts that are taken and what alternatives draw. Differences are paired
by participant and by seed (`paired.across_seeds`), Holm over all but the one that was named beforehand.

Where a part is not the whole, the generator of the synthetic texts had seen more people than the classifier did. A gain
there is a gain over those few texts, not over what the generator was made of; `ngrams of all` beside it is a cheap
generator that was shown the same.

Agreement. A classifier of real people's labels is asked for the labels of synthetic texts and of real texts of people
it does not know, among texts of the same lengths (`matching.cells`), every label weighing the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewright.core.errors import DataError
from tunewright.core.records import Record
from tunewright.data.split import crossing, is_synthetic, refuse_synthetic
from tunewright.evals import alternatives, classifiers, matching, paired
from tunewright.evals.classifiers import Texts, by_class, label_of, labels_of, macro_f1
from tunewright.evals.intervals import cluster_sums, resampled_sums

Array = NDArray[np.float64]

REAL, SYNTHETIC, OF_ALL = "real", "synthetic", "ngrams of all"

TRIES = 200
"""Draws of people until a part holds every label."""

FEWEST = 2
"""Texts of every label that a part has."""

PEOPLE = 4
"""Held-out people whose agreement says something about others."""


# ---------------------------------------------------------------- refusals


def refuse_leaks(
    train: Sequence[Record], validation: Sequence[Record], test: Sequence[Record], synthetic: Sequence[Record] = ()
) -> None:
    """Raises DataError where what is to be real is not, what is to be synthetic does not say so, or people cross.

    People cross where one stands on two sides, or where a synthetic text says that it was made of somebody held out.
    """
    for side, records in (("train", train), ("validation", validation), ("test", test)):
        refuse_synthetic(records, side)
    real: dict[str, Sequence[Record]] = {"train": train, "validation": validation, "test": test}
    # Without a participant nobody crosses; that texts of test stand in train, the data stage has looked at.
    named: dict[str, Iterable[Record]] = {
        side: [record for record in records if record.group is not None] for side, records in real.items()
    }
    if crossed := crossing(named):
        name, sides = next(iter(crossed.items()))
        raise DataError(
            f"{len(crossed)} participants stand on two sides, first '{name.partition(':')[2]}': {', '.join(sides)}",
            hint="put all texts of each participant on one side",
        )
    if unsaid := [record.id for record in synthetic if not is_synthetic(record)]:
        raise DataError(
            f"{len(unsaid)} texts stand among the synthetic ones and do not say that they are, first {unsaid[0]}",
            hint="their provenance must have synthetic: true",
        )
    refuse_tested(synthetic, [*validation, *test], "synthetic texts were made")


def refuse_tested(records: Iterable[Record], held: Iterable[Record], what: str = "a classifier would learn") -> None:
    """Raises DataError where records to learn from are held out, of somebody held out, or made of such a record.

    held: the records of validation or test. what: is said of it, as "a filter would learn".
    """
    held = list(held)
    ids = {record.id for record in held}
    groups = {record.group for record in held if record.group is not None}
    leaks = []
    for record in records:
        of = record.provenance.get("of", record.provenance.get("made"))
        own = record.id in ids and not is_synthetic(record)
        if own or (record.group is not None and record.group in groups) or (isinstance(of, str) and of in ids):
            leaks.append(record.id)
    if leaks:
        raise DataError(
            f"{what} from {len(leaks)} texts that are held out or of people who are, first {leaks[0]}",
            hint="learn from train alone: what is judged on a text must not have seen its speaker",
        )


# ---------------------------------------------------------------- utility


@dataclass(frozen=True, slots=True)
class Part:
    """Real texts of some of train's people. amount: share of the people; seed: the number of the draw, from 0."""

    amount: float
    seed: int
    records: tuple[Record, ...]

    @property
    def name(self) -> str:
        return f"{self.amount:g}-{self.seed}"

    @property
    def people(self) -> int:
        return len(np.unique(matching.people(self.records)))


def parts(train: Sequence[Record], amounts: Sequence[float], seeds: int, seed: int) -> list[Part]:
    """Parts of train for every amount and number of a draw, by whole people, each with every label of train.

    Raises DataError where so few people cannot hold every label.
    """
    labels = {label_of(record) for record in train}
    owners = matching.people(train)
    everybody = int(owners.max(initial=-1)) + 1
    found = []
    for amount in amounts:
        count = max(1, round(amount * everybody))
        for number in range(seeds):
            draw = np.random.default_rng([seed, number, round(1e6 * amount)])
            for _ in range(TRIES):
                chosen = np.isin(owners, draw.permutation(everybody)[:count])
                records = tuple(record for record, own in zip(train, chosen, strict=True) if own)
                held = Counter(label_of(record) for record in records)
                if set(held) == labels and min(held.values()) >= FEWEST:
                    break
            else:
                raise DataError(
                    f"no {count} of {everybody} people were found who have {FEWEST} texts of every label",
                    hint=f"a larger share than {amount:g} in downstream.amounts",
                )
            found.append(Part(amount, number, records))
    return found


@dataclass(frozen=True, slots=True)
class Arm:
    """What a classifier is trained on: the part of real texts or not, and what is added.

    ratio: synthetic texts for each real one that were asked for; given: that there are; scarce: those are fewer.
    """

    name: str
    real: bool
    added: tuple[Record, ...] = ()
    ratio: float | None = None
    given: float | None = None

    @property
    def scarce(self) -> bool:
        return self.given != self.ratio


def with_ratio(ratio: float) -> str:
    """The name of the arm that has so many synthetic texts for each real one."""
    return f"{REAL} + {SYNTHETIC} ×{ratio:g}"


def beside(name: str) -> str:
    """The name of the arm that has texts of a cheap alternative."""
    return f"{REAL} + {name}"


def reach(among: Iterable[Part], synthetic: Sequence[Record]) -> float:
    """Synthetic texts for each real one that there are in every one of some parts, labels keeping their shares.

    Raises DataError where there is no synthetic text of a label.
    """
    made = {label: len(places) for label, places in matching.by_label(synthetic).items()}
    owned = [Counter(label_of(record) for record in part.records) for part in among]
    if missing := {label for own in owned for label in own} - made.keys():
        raise DataError(f"there is no synthetic text of '{min(missing)}' to be added to the real ones")
    return min(made[label] / count for own in owned for label, count in own.items())


def arms(
    part: Part, synthetic: Sequence[Record], *, ratios: Sequence[float], others: Sequence[str], seed: int,
    most: float | None = None, of_all: alternatives.Alternative | None = None,
) -> list[Arm]:  # fmt: skip
    """Everything that is tried on a part. ratios: the first is the chief one, whose number all alternatives have.

    others: names of alternatives that are made of the part; of_all: one that has seen all of train, for a part that
    has not. most: the ratio that no arm exceeds, so that all draws of an amount have the same ones; None: the reach of
    this part. A ratio that gives no more texts than one before it, for lack of texts, is left out.
    """
    own = Counter(label_of(record) for record in part.records)
    made = matching.by_label(synthetic)
    most = reach([part], synthetic) if most is None else most
    draw = np.random.default_rng([seed, part.seed, round(1e6 * part.amount)])
    order = {label: draw.permutation(places) for label, places in made.items()}

    def counts(ratio: float) -> dict[str, int]:
        return {label: min(len(order[label]), max(1, round(ratio * count))) for label, count in own.items()}

    def taken(ratio: float) -> tuple[Record, ...]:
        return tuple(synthetic[place] for label, count in counts(ratio).items() for place in order[label][:count])

    given = {min(ratio, most): ratio for ratio in reversed(ratios)}  # the first of those that give the same
    chief = min(ratios[0], most)
    found = [Arm(REAL, True), Arm(SYNTHETIC, False, taken(chief), ratios[0], chief)]
    for ratio in ratios:
        if given[least := min(ratio, most)] == ratio:
            found.append(Arm(with_ratio(ratio), True, taken(least), ratio, least))
    sown = seed + 1000 * part.seed
    for name in others:
        made_of_part = alternatives.Alternative(name, part.records).make(counts(chief), sown)
        found.append(Arm(beside(name), True, tuple(made_of_part)))
    if of_all is not None and part.amount < 1:
        found.append(Arm(beside(OF_ALL), True, tuple(of_all.make(counts(chief), sown + 1))))
    return found


def answers(
    part: Part, tried: Sequence[Arm], test: Sequence[Record], names: Sequence[str], texts: Texts
) -> list[dict[str, Any]]:
    """What classifiers trained on each arm call every test text: rows of {"amount", "seed", "arm", "classifier", …}.

    called: numbers of labels in the order of their names, `[test]`. Raises DataError where something learnt from is
    held out.
    """
    classes = sorted({label_of(record) for record in part.records})
    asked = texts.rows(record.text for record in test)
    rows = []
    for arm in tried:
        records = [*(part.records if arm.real else ()), *arm.added]
        refuse_tested(records, test)
        learnt, labels = texts.rows(record.text for record in records), labels_of(records)
        for name in names:
            called = classifiers.learn(name, texts, learnt, labels, part.seed).predict(asked)
            rows.append(
                {
                    "amount": part.amount,
                    "seed": part.seed,
                    "arm": arm.name,
                    "classifier": name,
                    "real": len(part.records) if arm.real else 0,
                    "people": part.people,
                    "added": len(arm.added),
                    "ratio": arm.ratio,
                    "given": arm.given,
                    "scarce": arm.scarce,
                    "called": np.searchsorted(classes, called).tolist(),
                }
            )
    return rows


def together(
    folds: Sequence[tuple[Sequence[Mapping[str, Any]], Sequence[Record]]],
) -> tuple[list[dict[str, Any]], list[Record], list[tuple[float, str]]]:
    """(rows, test, (amount, arm) left out) of several folds as if they were one: (rows of `answers`, test) of each.

    A classifier's calls of all folds stand behind each other; texts that it learnt from are the mean of its folds. What
    some fold had too few people or texts for has not answered every text, and is left out.
    """
    found: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for rows, _ in folds:
        for row in rows:
            found.setdefault(tuple(row[name] for name in ("amount", "seed", "arm", "classifier")), []).append(row)
    whole = [
        dict(own[0])
        | {
            name: float(np.mean([row[name] for row in own]))
            for name in ("real", "people", "added", "given")
            if all(row.get(name) is not None for row in own)
        }
        | {"scarce": any(row["scarce"] for row in own), "called": [one for row in own for one in row["called"]]}
        for own in found.values()
        if len(own) == len(folds)
    ]
    left_out = sorted({(own[0]["amount"], own[0]["arm"]) for own in found.values() if len(own) < len(folds)})
    whole.sort(key=lambda row: (row["amount"], row["seed"]))
    return whole, [record for _, test in folds for record in test], left_out


def compare(
    rows: Sequence[Mapping[str, Any]], test: Sequence[Record], classes: Sequence[str], *, chief: str,
    primary: tuple[float, str] | None, level: float, resamples: int, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """Scores of all arms and what pairs of them show, from rows of `answers` of all parts.

    classes: labels in the order of their numbers; test: the texts that were asked. chief: name of the arm that
    alternatives are compared with. primary: (amount, classifier) of the comparison of it with real texts that was named
    beforehand. An arm that ran out of texts is named by the ratio that it was given.

    Returns {"cells", "comparisons", "n", "people", "classes"}. cells: rows of {"amount", "classifier", "arm", "value",
    "low", "high", "by_seed", …}. comparisons: rows as `paired.compare` gives them, b - a, for every arm against real
    texts and for the chief one against every alternative.
    """
    owners = matching.people(test)
    groups = len(np.unique(owners))
    actual = labels_of(test)
    tested = np.array(classes)
    scores: dict[tuple[float, str, str], tuple[Array, Array]] = {}
    cells: list[dict[str, Any]] = []
    found: dict[tuple[float, str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault((row["amount"], row["classifier"], row["arm"]), []).append(row)
    for key, own in found.items():
        own.sort(key=lambda row: row["seed"])
        sums = [cluster_sums(by_class(tested[row["called"]], actual, classes), owners) for row in own]
        by_seed = np.array([float(macro_f1(one.sum(axis=0))) for one in sums])
        # The same seed draws the same people for every arm: differences of these are paired.
        drawn = np.mean([macro_f1(resampled_sums(one, resamples, seed)) for one in sums], axis=0)
        scores[key] = by_seed, drawn
        value = float(by_seed.mean())
        spread = paired.across_seeds(value, drawn, groups, by_seed.tolist(), level)
        cells.append(
            {
                "amount": key[0],
                "classifier": key[1],
                "arm": key[2],
                "value": value,
                "low": max(0.0, spread["low"]),
                "high": min(1.0, spread["high"]),
                "by_seed": by_seed.tolist(),
                **{name: float(np.mean([row[name] for row in own])) for name in ("real", "people", "added")},
                "scarce": any(row["scarce"] for row in own),
            }
        )
    comparisons = [
        _difference(scores, amount, name, pair, groups, level) | {"n": len(test)}
        for amount, name in dict.fromkeys((amount, name) for amount, name, _ in scores)
        for pair in _pairs([arm for *where, arm in scores if tuple(where) == (amount, name)], chief)
    ]
    for row in comparisons:
        row["chief"] = row["b"] == chief
        row["primary"] = (row["amount"], row["classifier"]) == primary and row["chief"] and row["a"] == REAL
        row["p_holm"] = row["p"]
    rest = [row for row in comparisons if not row["primary"]]
    for row, p in zip(rest, paired.holm([row["p"] for row in rest]), strict=True):
        row["p_holm"] = p
    names = _by_what_was_given(rows)
    for row in comparisons:
        row["verdict"] = paired.verdict(row, level)
        row["a"], row["b"] = (names.get((row["amount"], row[side]), row[side]) for side in ("a", "b"))
    for cell in cells:
        cell["arm"] = names.get((cell["amount"], cell["arm"]), cell["arm"])
    return {
        "cells": cells,
        "comparisons": comparisons,
        "n": len(test),
        "people": groups,
        "classes": list(classes),
        "metric": "macro_f1",
        "level": level,
    }


def _by_what_was_given(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[float, str], str]:
    """(amount, arm) → the name of an arm that ran out of texts, by the mean ratio that it has in all folds."""
    given: dict[tuple[float, str], list[float]] = {}
    for row in rows:
        if row["scarce"] and row["arm"] != SYNTHETIC:
            given.setdefault((row["amount"], row["arm"]), []).append(row["given"])
    known = {(row["amount"], row["arm"]) for row in rows}
    found: dict[tuple[float, str], str] = {}
    for (amount, arm), ratios in given.items():
        names = (with_ratio(float(f"{np.mean(ratios):.{digits}g}")) for digits in (2, 4, 6))
        found[amount, arm] = next((name for name in names if (amount, name) not in known), arm)
        known.add((amount, found[amount, arm]))
    return found


def _pairs(names: Sequence[str], chief: str) -> list[tuple[str, str]]:
    """(a, b): every arm against real texts alone, and the chief one against every alternative."""
    others = [name for name in names if name not in (REAL, SYNTHETIC) and not name.startswith(beside(SYNTHETIC))]
    return [(REAL, name) for name in names if name != REAL] + [(name, chief) for name in others if chief in names]


def _difference(
    scores: Mapping[tuple[float, str, str], tuple[Array, Array]], amount: float, name: str, pair: tuple[str, str],
    groups: int, level: float,
) -> dict[str, Any]:  # fmt: skip
    (one, ones), (other, others) = (scores[amount, name, arm] for arm in pair)
    by_seed = other - one
    difference = float(by_seed.mean())
    return {
        "amount": amount,
        "classifier": name,
        "a": pair[0],
        "b": pair[1],
        "metric": "macro_f1",
        "a_value": float(one.mean()),
        "b_value": float(other.mean()),
        "difference": difference,
        **paired.across_seeds(difference, others - ones, groups, by_seed.tolist(), level),
        "seeds": len(by_seed),
        "by_seed": by_seed.tolist(),
    }


# ---------------------------------------------------------------- agreement


class Listener:
    """A classifier of what people of train say, asked for the labels of other people's texts and of synthetic ones."""

    def __init__(self, name: str, texts: Texts, train: Sequence[Record], seed: int):
        self._name, self._texts, self._train, self._seed = name, texts, train, seed
        self._classes = sorted({label_of(record) for record in train})
        self._model = classifiers.learn(name, texts, texts.rows(r.text for r in train), labels_of(train), seed)

    def agreement(
        self, held: Sequence[Record], synthetic: Sequence[Record], *, margin: float, level: float, resamples: int
    ) -> dict[str, Any]:
        """How often it agrees with the labels of synthetic and of other people's real texts.

        held: real texts of people that train does not know. margin: how far below is still close.

        Returns {"real", "synthetic", "difference", "low", "high", "verdict", "labels", "n", …}: shares among texts of
        the same lengths, every label weighing the same; the interval adds the variance over people (bootstrap) and over
        synthetic texts. verdict: "close" where all of the interval is above -margin, "below" where all of it is under,
        else "not settled". everything: macro F1 of all texts, whatever their lengths.
        Raises DataError where someone of train is held out, no text has a length and label in common, or the real texts
        are of fewer than four people.
        """
        return agreement_in_folds([(self, held, synthetic)], margin=margin, level=level, resamples=resamples)

    def _called(self, records: Sequence[Record]) -> list[str]:
        rows = self._texts.rows(record.text for record in records)
        return [str(label) for label in self._model.predict(rows)] if len(rows) else []


def agreement_in_folds(
    folds: Sequence[tuple[Listener, Sequence[Record], Sequence[Record]]], *, margin: float, level: float,
    resamples: int,
) -> dict[str, Any]:  # fmt: skip
    """`Listener.agreement` over folds, (classifier, held, synthetic) of each: their hits together.

    Records say which fold they are judged in, so that real and synthetic texts are compared that one classifier called.
    """
    for ear, held, _ in folds:
        refuse_tested(ear._train, held)
    real = [record for _, held, _ in folds for record in held]
    made = [record for *_, synthetic in folds for record in synthetic]
    if not real or not made:
        raise DataError(f"there is no {'synthetic' if real else 'real'} text to ask about")
    first = folds[0][0]

    def agreed(records: Sequence[Record], called: list[str]) -> tuple[Array, float]:
        said, actual = np.array(called, dtype=str), labels_of(records)
        return (said == actual).astype(float), float(macro_f1(by_class(said, actual, first._classes).sum(axis=0)))

    ours, of_ours = agreed(real, [label for ear, held, _ in folds for label in ear._called(held)])
    theirs, of_theirs = agreed(made, [label for ear, _, synthetic in folds for label in ear._called(synthetic)])
    rates = _matched(real, ours, made, theirs, level=level, resamples=resamples, seed=first._seed)
    low, high = rates["low"], rates["high"]
    return {
        "classifier": first._name,
        **rates,
        "margin": margin,
        "verdict": "close" if low >= -margin else "below" if high < -margin else "not settled",
        "everything": {"real": of_ours, "synthetic": of_theirs},
        "learnt": round(float(np.mean([len(ear._train) for ear, *_ in folds]))),
    }


def _matched(
    held: Sequence[Record],
    ours: Array,
    synthetic: Sequence[Record],
    theirs: Array,
    *,
    level: float,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Shares of hits (`ours`, `theirs`, 0 or 1 each) among texts of the same kinds and lengths, and their difference.

    Each real text weighs what its cell does, and is set against the synthetic ones of that cell, so that a person who
    is alone in a cell tells, too, how much people differ.
    """
    cells = matching.cells(held, synthetic)
    if not cells:
        raise DataError("no synthetic text has the label and the length of a real one")
    owners = matching.people(held)
    if (groups := len(np.unique(owners))) < PEOPLE:
        raise DataError(f"{groups} held-out people are too few to say how much others would differ; it needs {PEOPLE}")
    labels = sorted({label for label, *_ in cells})
    # Of each label: what real texts got right beyond the synthetic ones of their cells, what they weigh, and got right.
    columns = np.zeros((len(held), 3 * len(labels)))
    rates, weights = np.zeros(len(cells)), np.zeros(len(cells))
    variance = np.zeros(len(cells))
    of_label = np.array([labels.index(label) for label, *_ in cells])
    for number, (_, here, there) in enumerate(cells):
        weights[number] = min(len(here), len(there))
        rates[number] = theirs[there].mean()
        likely = (theirs[there].sum() + 1) / (len(there) + 2)  # all right is not certainly right
        variance[number] = likely * (1 - likely) / len(there)
        each, at = weights[number] / len(here), of_label[number]
        columns[here, at] = each * (rates[number] - ours[here])
        columns[here, len(labels) + at] = each
        columns[here, 2 * len(labels) + at] = each * ours[here]
    inside = np.array([np.where(of_label == at, weights, 0) for at in range(len(labels))])
    inside /= inside.sum(axis=1, keepdims=True)
    sums = cluster_sums(columns, owners)
    apart, weighed, right = np.split(sums.sum(axis=0), 3)
    of_real, of_made = right / weighed, inside @ rates
    beyond, share, _ = np.split(resampled_sums(sums, resamples, seed), 3, axis=1)
    drawn = np.where(share > 0, beyond / np.where(share > 0, share, 1), apart / weighed).mean(axis=1)
    real, made = float(of_real.mean()), float(of_made.mean())
    spread = paired.by_variances(
        made - real,
        (float(np.var(drawn)) * groups / max(1, groups - 1), groups - 1),
        (float(variance @ inside.mean(axis=0) ** 2), len(synthetic) - 1),
        level,
    )
    count = Counter(label_of(record) for record in synthetic)
    return {
        "real": real,
        "synthetic": made,
        "difference": made - real,
        "low": spread["low"],
        "high": spread["high"],
        "labels": {
            label: {"real": float(of_real[at]), "synthetic": float(of_made[at]), "n": count[label]}
            for at, label in enumerate(labels)
        },
        "n": {
            "real": int(sum(len(here) for _, here, _ in cells)),
            "synthetic": int(sum(len(there) for *_, there in cells)),
        },
        "people": groups,
    }
