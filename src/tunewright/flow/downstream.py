"""The judgement of synthetic texts with labels: what they are like, whom they give away, what they are worth.

    downstream/source.json          what was judged and how; another source, another judgement
    downstream/fidelity.json        two-sample tests and the disfluency profile, kept texts beside held-out real ones
    downstream/variety.json         distinct n-grams, self-BLEU, coverage, and why there is no MAUVE
    downstream/privacy.json         disclosure of train and near-copies, drawn texts before any filter
    downstream/agreement.json       what a classifier of other people's labels says of drawn and kept texts
    downstream/parts/<amount>-<draw>.jsonl   what classifiers trained on each arm call every test text
    downstream/utility.json         their scores and differences
    downstream/manifest.json        last

Every file is written whole, so a judgement that was broken off goes on behind the last of them. Other options
(`downstream` in the recipe) make no other run: what was judged by earlier ones makes room. In a cross-validation
each fold is judged, with the texts of its own generator, and their answers to all test texts are compared together.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from tunewright.core import files
from tunewright.core.errors import DataError, RunError
from tunewright.core.events import Events
from tunewright.core.recipe import Recipe
from tunewright.core.records import Record
from tunewright.core.run import Run
from tunewright.data.split import is_synthetic
from tunewright.flow import folds, prepared
from tunewright.flow.outcome import complete
from tunewright.report import augmentation

FOLDER = "downstream"

SYNTHETIC = "synthetic"
"""The folder of the run that holds drawn.jsonl and kept.jsonl."""

SIZES = (1, 2, 3)
"""n-grams that are counted."""


@dataclass
class Texts:
    """The real and the synthetic texts of a run. held: real ones of people that train does not know.

    sides: train, validation and test; train without what was made for training, of which `made` is the number.
    """

    job: Run

    @cached_property
    def _sides(self) -> dict[str, list[Record]]:
        return {name: prepared.records(self.job, name) for name in prepared.SPLITS}

    @cached_property
    def sides(self) -> dict[str, list[Record]]:
        return self._sides | {"train": [record for record in self._sides["train"] if not is_synthetic(record)]}

    @property
    def made(self) -> int:
        return len(self._sides["train"]) - len(self.sides["train"])

    @property
    def held(self) -> list[Record]:
        return [*self.sides["validation"], *self.sides["test"]]

    @cached_property
    def drawn(self) -> list[Record]:
        return _synthetic(self.job, "drawn")

    @cached_property
    def kept(self) -> list[Record]:
        return _synthetic(self.job, "kept")


def _synthetic(job: Run, name: str) -> list[Record]:
    return [Record.from_row(row) for row in files.read_lines(job.path / SYNTHETIC / f"{name}.jsonl")]


def check(recipe: Recipe) -> None:
    """Raises MissingExtra where a judgement is asked for and what learns in it is not installed, before hours pass."""
    if recipe.downstream.judge:
        from tunewright.evals import classifiers

        classifiers.check()


def scarce(recipe: Recipe, train: Sequence[Record]) -> list[str]:
    """What to warn of before anything is trained: amounts at which fewer texts will be kept than ratios ask for."""
    options, kept = recipe.downstream, recipe.generate.per_label
    labels = Counter(str(record.target) for record in train if not is_synthetic(record))
    if not options.judge or not labels:
        return []
    most = kept / max(labels.values())
    short = [f"×{most / amount:.2g} at {amount:g}" for amount in options.amounts if max(options.ratios) > most / amount]
    if not short:
        return []
    asked, told = f"{max(options.ratios):g}", f"about {', '.join(short)} of train's people"
    return [f"downstream.ratios asks for up to {asked} texts for each real one; generate.per_label={kept} gives {told}"]


def foretell(job: Run, events: Events) -> None:
    """Say what `scarce` warns of, where nothing was judged yet."""
    if job.recipe.downstream.judge and not complete(job, "judge"):
        largest = max(folds.of(job) or [job], key=lambda one: len(Texts(one).sides["train"]))
        for warning in scarce(job.recipe, Texts(largest).sides["train"]):
            events.say(f"warning: {warning}")


def judge(job: Run, events: Events) -> None:
    """Write downstream/ of a run, or go on with it; nothing to do where the recipe does not ask, or nothing changed.

    Raises RunError where there are no synthetic texts, DataError where real and synthetic ones or people's sides are
    mixed up, MissingExtra without scikit-learn.
    """
    if not job.recipe.downstream.judge:
        return
    if job.folds:
        for fold in folds.of(job):
            with folds.events_of(fold, events, "judge") as own:
                _judge(fold, own)
        _pool(job, events)
    else:
        _judge(job, events)


def _judge(job: Run, events: Events) -> None:
    from tunewright.evals import classifiers, downstream

    source = _source(job)
    folder = job.path / FOLDER
    if _stands(job, source) and job.done(FOLDER):
        return
    classifiers.check()
    texts = Texts(job)
    sides = texts.sides
    downstream.refuse_leaks(sides["train"], sides["validation"], sides["test"], [*texts.drawn, *texts.kept])
    if not sides["test"]:
        raise DataError("no real text is left to judge by", where=str(job.path / "data" / "test.jsonl"))
    if texts.made:
        events.say(f"{texts.made:,} records of train were made of others or are synthetic: they are no part of this")
    if not _stands(job, source):
        _begin(job, source, events)
    read = classifiers.Texts()
    for name, work in _PARTS.items():
        path = folder / f"{name}.json"
        if not path.is_file():
            level = job.recipe.evaluate.confidence_level
            files.write_json(path, work(job, texts, read) | {"level": level})
            events.add(FOLDER, "judged", part=name)
            for sentence in augmentation.told(name, files.read_json(path)):
                events.say(sentence)
    if not (folder / "utility.json").is_file():
        unsaid = {classifiers.label_of(record) for record in sides["train"]} - set(classifiers.labels_of(texts.kept))
        if unsaid:
            _refuse(job, f"no synthetic text{f' of {min(unsaid)!r}' if texts.kept else ''} was kept", events)
        else:
            _answers(job, texts, read, events)
            _compare(job, [job], events)
    job.finish(FOLDER, {"drawn": len(texts.drawn), "kept": len(texts.kept)})


def _source(job: Run) -> dict[str, Any]:
    paths = [job.path / "data" / f"{name}.jsonl" for name in prepared.SPLITS]
    paths += [job.path / SYNTHETIC / f"{name}.jsonl" for name in ("drawn", "kept")]
    if missing := [path for path in paths if not path.is_file()]:
        raise RunError("there are no texts to judge", where=str(missing[0]), hint=f"tunewright run {job.path}")
    own = {str(path.relative_to(job.path)): files.sha256(path) for path in paths}
    return {"files": own, "options": job.recipe.downstream.model_dump(mode="json"), **job.recipe.draw}


def _stands(job: Run, source: dict[str, Any]) -> bool:
    """Whether what stands in downstream/ was judged of this source."""
    path = job.path / FOLDER / "source.json"
    return path.is_file() and files.read_json(path) == source


def _begin(job: Run, source: dict[str, Any], events: Events) -> None:
    """Make room for a judgement of this source. One that stood is not complete from the first file on that goes."""
    folder = job.path / FOLDER
    path = folder / "source.json"
    if path.is_file():
        events.say(f"{_what_changed(files.read_json(path), source)}: it is judged anew")
    (folder / "manifest.json").unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    if folder.is_dir():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    files.write_json(path, source)


def _what_changed(before: dict[str, Any], source: dict[str, Any]) -> str:
    old, new = before.get("options", {}), source["options"]
    changed = [f"{FOLDER}.{key} {old.get(key)} → {new[key]}" for key in new if old.get(key) != new[key]]
    return f"the recipe has {'; '.join(changed)}" if changed else "what was judged has changed since"


# ---------------------------------------------------------------- what they are like


def _or_refused(work: Callable[[], Any]) -> Any:
    """What was measured, or {"refused": why} where there are too few people or texts for it."""
    try:
        return work()
    except DataError as error:
        return {"refused": error.message}


def _fidelity(job: Run, texts: Texts, read: Any) -> dict[str, Any]:
    from tunewright.evals import matching, two_samples, variety

    options, seed = job.recipe.downstream, job.recipe.seed
    settings = {"most": options.pairs, "permutations": options.permutations, "seed": seed}
    # Real texts of train in the place of the synthetic ones tell how far people are from each other.
    others = matching.as_many(texts.sides["train"], texts.kept, seed)

    def tested(test: Callable[..., dict[str, Any]], name: str) -> dict[str, Any]:
        found = _or_refused(partial(test, name, read, texts.held, texts.kept, **settings))
        return found | {"of_train": _or_refused(partial(test, name, read, texts.held, others, **settings))}

    return {
        "classifier": {name: tested(two_samples.classifier, name) for name in options.classifiers},
        "discrepancy": {name: tested(two_samples.discrepancy, name) for name in two_samples.KERNELS},
        "profile": variety.profile(read, texts.held, texts.kept, **job.recipe.draw),
    }


def _variety(job: Run, texts: Texts, read: Any) -> dict[str, Any]:
    from tunewright.evals import variety

    train, seed = texts.sides["train"], job.recipe.seed
    distinct = [variety.distinct(train, texts.kept, size, seed=seed) for size in SIZES]
    return {
        "distinct": [one for one in distinct if one["words"]],
        "self_bleu": variety.self_bleu(train, texts.kept, seed=seed),
        "coverage": [variety.coverage(texts.held, train, texts.kept, size, seed=seed) for size in SIZES],
        "mauve": variety.mauve(len(texts.held), len(texts.kept)),
    }


def _privacy(job: Run, texts: Texts, read: Any) -> dict[str, Any]:
    from tunewright.evals import disclosure

    options, draw, train = job.recipe.downstream, job.recipe.draw, texts.sides["train"]
    settings = {"most": options.drawn, "permutations": options.permutations}
    found = {
        "disclosed": _or_refused(
            lambda: disclosure.disclosed(
                read, texts.drawn, train, texts.held, level=draw["level"], seed=draw["seed"], **settings
            )
        )
    }
    for name, records in (("drawn", texts.drawn), ("kept", texts.kept)):
        found[f"copied_{name}"] = disclosure.copied(records, train, texts.held, **draw)
    return found


def _agreement(job: Run, texts: Texts, read: Any) -> dict[str, Any]:
    from tunewright.data import filters
    from tunewright.evals import downstream

    options, train, draw = job.recipe.downstream, texts.sides["train"], job.recipe.draw
    sides = {"drawn": (train, texts.held, texts.drawn), "kept": (train, texts.held, texts.kept)}
    if filtered := "label" in job.recipe.generate.filters.use:
        # What a filter chose by label agrees with any classifier of labels, so real texts go through that filter, too.
        alone = filters.Filters(train, job.recipe.generate.filters.model_copy(update={"use": ("label",)}))
        looked = alone.look([filters.Written(one.text, str(one.target)) for one in texts.held])
        passing = [one for one, verdict in zip(texts.held, looked, strict=True) if verdict.filter is None]
        sides["kept"] = (filters.parted(train)[1], passing, texts.kept)
    settings = {"margin": options.margin, "level": draw["level"], "resamples": draw["resamples"]}
    learnt: dict[tuple[str, int], downstream.Listener] = {}

    def agreed(name: str, side: str) -> Any:
        own, real, made = sides[side]
        key = name, id(own)
        if key not in learnt:
            learnt[key] = downstream.Listener(name, read, own, draw["seed"])
        return learnt[key].agreement(real, made, **settings)

    return {
        side: {name: _or_refused(partial(agreed, name, side)) for name in options.classifiers} for side in sides
    } | {"filtered": filtered}


_PARTS: dict[str, Callable[[Run, Texts, Any], dict[str, Any]]] = {
    "fidelity": _fidelity,
    "variety": _variety,
    "privacy": _privacy,
    "agreement": _agreement,
}


# ---------------------------------------------------------------- what they are worth


def _answers(job: Run, texts: Texts, read: Any, events: Events) -> None:
    """parts/ of a run: every amount, every draw. An amount that cannot hold every label is refused, and told."""
    from tunewright.evals import alternatives, downstream

    options, seed = job.recipe.downstream, job.recipe.seed
    folder = job.path / FOLDER / "parts"
    folder.mkdir(exist_ok=True)
    train, test = texts.sides["train"], texts.sides["test"]
    wanted: list[downstream.Part] = []
    for amount in options.amounts:
        try:
            wanted += downstream.parts(train, (amount,), options.seeds, seed)
        except DataError as error:
            events.say(f"{amount:g} of the participants is too little: {error.message}")
    most = {
        amount: downstream.reach([part for part in wanted if part.amount == amount], texts.kept)
        for amount in {part.amount for part in wanted}
    }
    of_all = None
    if "ngrams" in options.alternatives and any(not (folder / f"{part.name}.jsonl").is_file() for part in wanted):
        of_all = alternatives.Alternative("ngrams", train)
    if events.progress is not None:
        events.progress.start("judge", len(wanted), unit="parts")
    for number, part in enumerate(wanted, 1):
        path = folder / f"{part.name}.jsonl"
        if not path.is_file():
            tried = downstream.arms(
                part,
                texts.kept,
                ratios=options.ratios,
                others=options.alternatives,
                seed=seed,
                most=most[part.amount],
                of_all=of_all,
            )
            files.write_lines(path, downstream.answers(part, tried, test, options.classifiers, read))
            events.add(FOLDER, "answered", part=part.name, arms=len(tried))
        if events.progress is not None:
            events.progress.update(number)
    if events.progress is not None:
        events.progress.finish()


def _refuse(job: Run, why: str, events: Events) -> None:
    """utility.json of a run whose texts cannot be learnt from."""
    files.write_json(job.path / FOLDER / "utility.json", {"refused": why})
    for sentence in augmentation.told("utility", {"refused": why}):
        events.say(sentence)


def _compare(job: Run, runs: Sequence[Run], events: Events) -> None:
    """utility.json of a run, from the parts of itself or of its folds."""
    from tunewright.evals import classifiers, downstream

    options = job.recipe.downstream
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    test: list[Record] = []
    for run in runs:
        for path in sorted((run.path / FOLDER / "parts").glob("*.jsonl")):
            for row in files.read_lines(path):
                key = tuple(row[name] for name in ("amount", "seed", "arm", "classifier"))
                if len(rows.get(key, {"called": []})["called"]) == len(test):
                    rows.setdefault(key, row | {"called": []})["called"].extend(row["called"])
        test += prepared.records(run, "test")
    # What some fold had too few people or texts for has not answered every text.
    whole = [row for row in rows.values() if len(row["called"]) == len(test)]
    classes = sorted({classifiers.label_of(record) for run in runs for record in Texts(run).sides["train"]})
    found = downstream.compare(
        sorted(whole, key=lambda row: (row["amount"], row["seed"])),
        test,
        classes,
        chief=downstream.with_ratio(options.ratios[0]),
        primary=(max(options.amounts), options.classifiers[0]),
        **job.recipe.draw,
    )
    found |= {"chief": downstream.with_ratio(options.ratios[0]), "folds": len(runs) if len(runs) > 1 else 0}
    given: dict[float, dict[str, float]] = {}
    for row in rows.values():
        given.setdefault(row["amount"], {}).setdefault(row["arm"], row["given"] or 0)
    short = [
        f"{downstream.with_ratio(ratio)} at {amount:g} (there are no more than ×{max(given[amount].values()):.2g})"
        for amount in sorted(given)
        for ratio in options.ratios
        if downstream.with_ratio(ratio) not in given[amount]
    ]
    found["left_out"] = short + sorted(
        {f"{row['arm']} at {row['amount']:g}" for row in rows.values() if row not in whole}
    )
    files.write_json(job.path / FOLDER / "utility.json", found)
    events.add(FOLDER, "compared", comparisons=len(found["comparisons"]))
    for sentence in augmentation.told("utility", found):
        events.say(sentence)


def _pool(job: Run, events: Events) -> None:
    """downstream/ of a run with folds: their answers to all test texts together."""
    runs = folds.of(job)
    source = {
        "options": job.recipe.downstream.model_dump(mode="json"),
        "folds": {fold.path.name: files.read_json(fold.path / FOLDER / "source.json") for fold in runs},
    }
    if _stands(job, source) and job.done(FOLDER):
        return
    _begin(job, source, events)
    if unjudged := [fold.path.name for fold in runs if not (fold.path / FOLDER / "parts").is_dir()]:
        _refuse(job, f"no synthetic texts of every label were kept in fold {', '.join(unjudged)}", events)
    else:
        _compare(job, runs, events)
    counts = [fold.manifest(FOLDER) for fold in runs]
    job.finish(FOLDER, {name: sum(count[name] for count in counts) for name in ("drawn", "kept")})
