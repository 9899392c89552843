"""What a run's synthetic texts are like, whom they give away, and whether they carry their labels.

In a cross-validation the texts of each fold's generator stand beside the people whom that fold tests, and all of them
are told together: a fold alone may test one person, or one label. So everybody is held out once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from tunewright.core import files
from tunewright.core.errors import DataError
from tunewright.core.records import Record
from tunewright.core.run import Run
from tunewright.data.split import is_synthetic
from tunewright.flow import prepared

SYNTHETIC = "synthetic"
"""The folder of the run that holds drawn.jsonl and kept.jsonl."""

SIZES = (1, 2, 3)
"""n-grams that are counted."""


@dataclass
class Texts:
    """The real and the synthetic texts of a run, or of one of its folds.

    sides: train, validation and test; train without what was made for training, of which `made` is the number.
    held: real ones of people that train does not know. fold: the number of the fold that they are judged in, 0 where
    there are none; its held ones are those that it tests, for others are tested elsewhere.
    """

    job: Run
    fold: int = 0

    @cached_property
    def _sides(self) -> dict[str, list[Record]]:
        return {name: self._judged(prepared.records(self.job, name)) for name in prepared.SPLITS}

    @cached_property
    def sides(self) -> dict[str, list[Record]]:
        return self._sides | {"train": [record for record in self._sides["train"] if not is_synthetic(record)]}

    @property
    def made(self) -> int:
        return len(self._sides["train"]) - len(self.sides["train"])

    @property
    def held(self) -> list[Record]:
        return self.sides["test"] if self.fold else [*self.sides["validation"], *self.sides["test"]]

    @cached_property
    def drawn(self) -> list[Record]:
        return self._synthetic("drawn")

    @cached_property
    def kept(self) -> list[Record]:
        return self._synthetic("kept")

    def _synthetic(self, name: str) -> list[Record]:
        rows = files.read_lines(self.job.path / SYNTHETIC / f"{name}.jsonl")
        return self._judged([Record.from_row(row) for row in rows])

    def _judged(self, records: list[Record]) -> list[Record]:
        from tunewright.evals import matching

        return matching.in_fold(records, self.fold) if self.fold else records


Folds = Sequence[Texts]
"""Those of every fold, or of the run alone."""


def _all(folds: Folds, side: Callable[[Texts], Sequence[Record]]) -> list[Record]:
    return [record for texts in folds for record in side(texts)]


def _held(texts: Texts) -> list[Record]:
    return texts.held


def _kept(texts: Texts) -> list[Record]:
    return texts.kept


def _or_refused(work: Callable[[], Any]) -> Any:
    """What was measured, or {"refused": why} where there are too few people or texts for it."""
    try:
        return work()
    except DataError as error:
        return {"refused": error.message}


def _fidelity(job: Run, folds: Folds, read: Any) -> dict[str, Any]:
    from tunewright.evals import matching, two_samples, variety

    options, seed = job.recipe.downstream, job.recipe.seed
    settings = {"most": options.pairs, "permutations": options.permutations, "seed": seed}
    held, kept = _all(folds, _held), _all(folds, _kept)
    # Real texts of train in the place of the synthetic ones tell how far people are from each other.
    others = _all(folds, lambda texts: matching.as_many(texts.sides["train"], texts.kept, seed))

    def tested(test: Callable[..., dict[str, Any]], name: str) -> dict[str, Any]:
        found = _or_refused(partial(test, name, read, held, kept, **settings))
        return found | {"of_train": _or_refused(partial(test, name, read, held, others, **settings))}

    return {
        "classifier": {name: tested(two_samples.classifier, name) for name in options.classifiers},
        "discrepancy": {name: tested(two_samples.discrepancy, name) for name in two_samples.KERNELS},
        "profile": variety.profile(read, held, kept, **job.recipe.draw),
    }


def _variety(job: Run, folds: Folds, read: Any) -> dict[str, Any]:
    from tunewright.evals import variety

    seed, held, kept = job.recipe.seed, _all(folds, _held), _all(folds, _kept)
    # Of folds everybody is in some train, and tested once.
    train = held if len(folds) > 1 else folds[0].sides["train"]
    distinct = [variety.distinct(train, kept, size, seed=seed) for size in SIZES]
    known = [(texts.held, texts.sides["train"], texts.kept) for texts in folds]
    return {
        "distinct": [one for one in distinct if one["words"]],
        "self_bleu": variety.self_bleu(train, kept, seed=seed),
        "coverage": [variety.coverage_in_folds(known, size, seed=seed) for size in SIZES],
        "mauve": variety.mauve(len(held), len(kept)),
    }


def _privacy(job: Run, folds: Folds, read: Any) -> dict[str, Any]:
    from tunewright.evals import disclosure, disclosure_in_folds

    options, draw = job.recipe.downstream, job.recipe.draw
    settings: dict[str, Any] = {"most": options.drawn, "permutations": options.permutations}
    settings |= {name: draw[name] for name in ("level", "seed")}
    sides = {
        name: [(getattr(texts, name), texts.sides["train"], texts.held) for texts in folds]
        for name in ("drawn", "kept")
    }

    def disclosed() -> dict[str, Any]:
        if len(folds) > 1:
            return disclosure_in_folds.disclosed(read, sides["drawn"], **settings)
        return disclosure.disclosed(read, *sides["drawn"][0], **settings)

    copied = {f"copied_{name}": disclosure.copied_in_folds(own, **draw) for name, own in sides.items()}
    return {"disclosed": _or_refused(disclosed)} | copied


def _agreement(job: Run, folds: Folds, read: Any) -> dict[str, Any]:
    from tunewright.data import filters
    from tunewright.evals import downstream

    options, use, draw = job.recipe.downstream, job.recipe.generate.filters, job.recipe.draw
    filtered = "label" in use.use
    sides: dict[str, list[tuple[list[Record], list[Record], list[Record]]]] = {"drawn": [], "kept": []}
    for texts in folds:
        train, held = texts.sides["train"], texts.held
        sides["drawn"].append((train, held, texts.drawn))
        if filtered:
            # What a filter chose by label agrees with any classifier of labels, so real texts go through it, too.
            alone = filters.Filters(train, use.model_copy(update={"use": ("label",)}))
            looked = alone.look([filters.Written(one.text, str(one.target)) for one in held])
            held = [one for one, verdict in zip(held, looked, strict=True) if verdict.filter is None]
            train = filters.parted(train)[1]
        sides["kept"].append((train, held, texts.kept))
    settings = {"margin": options.margin, "level": draw["level"], "resamples": draw["resamples"]}
    learnt: dict[tuple[str, int], downstream.Listener] = {}

    def agreed(name: str, side: str) -> Any:
        heard = []
        for own, real, made in sides[side]:
            key = name, id(own)
            if key not in learnt:
                learnt[key] = downstream.Listener(name, read, own, draw["seed"])
            heard.append((learnt[key], real, made))
        return downstream.agreement_in_folds(heard, **settings)

    found = {side: {name: _or_refused(partial(agreed, name, side)) for name in options.classifiers} for side in sides}
    return found | {"filtered": filtered}


PARTS: dict[str, Callable[[Run, Folds, Any], dict[str, Any]]] = {
    "fidelity": _fidelity,
    "variety": _variety,
    "privacy": _privacy,
    "agreement": _agreement,
}
"""File of downstream/ → what is written into it."""
