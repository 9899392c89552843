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
(`downstream` in the recipe) make no other run: what was judged by earlier ones makes room. In a cross-validation a fold
has parts/ alone, of classifiers that learn from its train and the texts of its own generator; their answers to
all test texts are compared together, and all else is measured of all folds together, too (`likeness`).
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tunewright.core import files
from tunewright.core.errors import DataError, RunError
from tunewright.core.events import Events
from tunewright.core.recipe import Recipe
from tunewright.core.records import Record
from tunewright.core.run import Run
from tunewright.data.split import is_synthetic
from tunewright.flow import folds, prepared
from tunewright.flow.likeness import PARTS, SYNTHETIC, Texts
from tunewright.flow.outcome import complete
from tunewright.report import augmentation

FOLDER = "downstream"


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
                _judge_fold(fold, own)
        _pool(job, events)
    else:
        _judge(job, events)


def _unjudged(job: Run, events: Events) -> Texts | None:
    """The texts to judge, with room made for it; None where these are judged as the recipe says."""
    source = _source(job)
    if _stands(job, source) and job.done(FOLDER):
        return None
    texts = Texts(job)
    _check(texts, events)
    if not _stands(job, source):
        _begin(job, source, events)
    return texts


def _judge(job: Run, events: Events) -> None:
    from tunewright.evals import classifiers

    if (texts := _unjudged(job, events)) is None:
        return
    folder = job.path / FOLDER
    read = classifiers.Texts()
    _parts(job, [texts], read, events)
    if not (folder / "utility.json").is_file():
        if refused := _unsaid(texts):
            _refuse(job, refused, events)
        else:
            _answers(job, texts, read, events)
            _compare(job, [job], events)
    job.finish(FOLDER, {"drawn": len(texts.drawn), "kept": len(texts.kept)})


def _judge_fold(fold: Run, events: Events) -> None:
    """The answers of a fold's classifiers; what they and its texts are worth, a run tells of all folds."""
    from tunewright.evals import classifiers

    if (texts := _unjudged(fold, events)) is None:
        return
    if refused := _unsaid(texts):
        events.say(refused)
    else:
        _answers(fold, texts, classifiers.Texts(), events)
    fold.finish(FOLDER, {"drawn": len(texts.drawn), "kept": len(texts.kept)})


def _check(texts: Texts, events: Events) -> None:
    """Raises DataError where texts cannot be judged by, MissingExtra without scikit-learn."""
    from tunewright.evals import classifiers, downstream

    classifiers.check()
    sides = texts.sides
    downstream.refuse_leaks(sides["train"], sides["validation"], sides["test"], [*texts.drawn, *texts.kept])
    if not sides["test"]:
        raise DataError("no real text is left to judge by", where=str(texts.job.path / "data" / "test.jsonl"))
    if texts.made:
        events.say(f"{texts.made:,} records of train were made of others or are synthetic: they are no part of this")


def _parts(job: Run, told_of: Sequence[Texts], read: Any, events: Events) -> None:
    """The files of what texts are like, those that are not there yet."""
    for name, work in PARTS.items():
        path = job.path / FOLDER / f"{name}.json"
        if not path.is_file():
            level = job.recipe.evaluate.confidence_level
            files.write_json(path, work(job, told_of, read) | {"level": level})
            events.add(FOLDER, "judged", part=name)
            for sentence in augmentation.told(name, files.read_json(path)):
                events.say(sentence)


def _unsaid(texts: Texts) -> str | None:
    """Why texts cannot be added to real ones, where some label has none."""
    from tunewright.evals import classifiers

    lacking = {classifiers.label_of(record) for record in texts.sides["train"]} - set(classifiers.labels_of(texts.kept))
    return f"no synthetic text{f' of {min(lacking)!r}' if texts.kept else ''} was kept" if lacking else None


def _refuse(job: Run, why: str, events: Events) -> None:
    files.write_json(job.path / FOLDER / "utility.json", {"refused": why})
    for sentence in augmentation.told("utility", {"refused": why}):
        events.say(sentence)


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


def _compare(job: Run, runs: Sequence[Run], events: Events) -> None:
    """utility.json of a run, from the parts of itself or of its folds."""
    from tunewright.evals import classifiers, downstream

    options = job.recipe.downstream
    answered = []
    for run in runs:
        paths = sorted((run.path / FOLDER / "parts").glob("*.jsonl"))
        answered.append(([row for path in paths for row in files.read_lines(path)], prepared.records(run, "test")))
    rows, test, left_out = downstream.together(answered)
    classes = sorted({classifiers.label_of(record) for run in runs for record in Texts(run).sides["train"]})
    chief = downstream.with_ratio(options.ratios[0])
    primary = (max(options.amounts), options.classifiers[0])
    found = downstream.compare(rows, test, classes, chief=chief, primary=primary, **job.recipe.draw)
    found |= {"chief": chief, "folds": len(runs) if len(runs) > 1 else 0}
    given: dict[float, dict[str, float]] = {amount: {} for amount in sorted(options.amounts)}
    for own, _ in answered:
        for row in own:
            given[row["amount"]].setdefault(row["arm"], row["given"] or 0)
    short = [f"all at {amount:g} (too few people)" for amount, arms in given.items() if not arms]
    short += [
        f"{downstream.with_ratio(ratio)} at {amount:g} (there are no more than ×{max(arms.values()):.2g})"
        for amount, arms in given.items()
        for ratio in options.ratios
        if arms and downstream.with_ratio(ratio) not in arms
    ]
    found["left_out"] = short + [f"{arm} at {amount:g}" for amount, arm in left_out]
    files.write_json(job.path / FOLDER / "utility.json", found)
    events.add(FOLDER, "compared", comparisons=len(found["comparisons"]))
    for sentence in augmentation.told("utility", found):
        events.say(sentence)


def _pool(job: Run, events: Events) -> None:
    """downstream/ of a run with folds: what its folds' texts are like, and their answers to all test texts together."""
    from tunewright.evals import classifiers

    runs = folds.of(job)
    source = {
        "options": job.recipe.downstream.model_dump(mode="json"),
        "folds": {fold.path.name: _source(fold) for fold in runs},
    }
    folder = job.path / FOLDER
    if _stands(job, source) and job.done(FOLDER):
        return
    told_of = [Texts(run, number) for number, run in enumerate(runs, 1)]
    events.say(f"the texts of {len(runs)} folds together:")
    if not _stands(job, source):
        _begin(job, source, events)
    _parts(job, told_of, classifiers.Texts(), events)
    if not (folder / "utility.json").is_file():
        refused = [f"in fold {texts.job.path.name} {why}" for texts in told_of if (why := _unsaid(texts))]
        if refused:
            _refuse(job, "; ".join(refused), events)
        else:
            _compare(job, runs, events)
    counts = [fold.manifest(FOLDER) for fold in runs]
    job.finish(FOLDER, {name: sum(count[name] for count in counts) for name in ("drawn", "kept")})
