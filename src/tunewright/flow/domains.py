"""Several domains: an adapter for each, one for all, and blends of the first, every one of them on every domain.

    runs/<name>/
      domains.json           what was asked last; the same command goes on with it, also with other blends
      documents/<recipe>/    each recipe's documents: no domain is tested on what another trains on
      rates/<recipe>/        short trainings: validation loss chooses each domain's learning rate
      alone/<recipe>/        a run up to training for each recipe
      joint/                 one adapter trained on what all of them train on, each example as often as alone
      blends/<how>/          adapters made of those alone
      measured/              likelihoods and answers, one file for an adapter on a domain
      matrix.json matrix.md report.html

Everything is measured on the test documents of the recipes' samples, with each domain's own prompts, under LoRA: what
is blended has to be an adapter.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright.core import files, recipe_file
from tunewright.core.errors import RunError, UsageError
from tunewright.core.events import Events, Progress
from tunewright.core.recipe import TEXT_TASKS, Recipe
from tunewright.core.records import Example, Prediction, Record
from tunewright.core.run import Run
from tunewright.flow import benchmark, hosted, job, likelihood, prepared
from tunewright.report import domains as page
from tunewright.report.figures import NBSP, p_value

BASE, JOINT = "base", "joint"

SCORE = "token_f1"


@dataclass(frozen=True)
class Study:
    """What is asked: recipes of one model, and how their adapters are blended."""

    recipes: tuple[Recipe, ...]
    blends: tuple[str, ...]

    @classmethod
    def of(cls, recipes: Sequence[Recipe], blends: Sequence[str]) -> Study:
        """Raises UsageError for fewer than two recipes, of one name, of several models, that answer with JSON, or whose
        adapters cannot be blended as asked.
        """
        from tunewright.models.blend import BLENDS

        names = [recipe.name for recipe in recipes]
        if len(names) < 2 or len(set(names)) < len(names):
            raise UsageError("a comparison of domains needs two recipes or more, each once", hint=", ".join(names))
        if taken := next((name for name in names if name in (BASE, JOINT, *BLENDS)), None):
            raise UsageError(
                f"'{taken}' is what an adapter of the comparison is called", hint="--set name=… of a recipe"
            )
        if len({recipe.model for recipe in recipes}) > 1:
            raise UsageError("the recipes are of several models", hint="--set model=wren")
        for recipe in recipes:
            hosted.refuse(recipe, "a comparison of domains")
            if recipe.task.name not in TEXT_TASKS:
                raise UsageError(f"'{recipe.name}' answers with JSON: domains are compared on answers in text")
        for how in blends:
            if how not in BLENDS:
                raise UsageError(f"there is no blend '{how}'", hint=f"known: {', '.join(BLENDS)}")
        ranks = sorted({recipe.method.lora_r for recipe in recipes})
        if len(ranks) > 1 and (unfit := [how for how in blends if how != "cat"]):
            raise UsageError(
                f"adapters of the ranks {' and '.join(map(str, ranks))} have no {' and no '.join(unfit)} blend",
                hint=f"--set method.lora_r={ranks[-1]}, or --blends cat",
            )
        return cls(tuple(map(job.settled, recipes)), tuple(blends))

    @property
    def adapters(self) -> list[str]:
        """All that is measured, in the order of the matrix."""
        return [BASE, *(recipe.name for recipe in self.recipes), JOINT, *self.blends]


def alone(recipe: Recipe, folder: Path, data: Path | str | None, progress: Progress | None) -> Recipe:
    """The recipe with an adapter in the place of whatever it trains, at the rate that does best on validation.

    folder: where the short trainings stand that tell it (`benchmark.rates` of them; one: ten times a whole model's).
    """
    asked = benchmark.Study.of(recipe, methods=("lora",))
    rate, _ = benchmark.best_rate(recipe, asked, "lora", folder, data, progress)
    changed = benchmark.variant(recipe, "lora", rate)
    return changed.model_copy(update={"evaluate": changed.evaluate.model_copy(update={"systems": ("base", "tuned")})})


def compare(
    study: Study,
    *,
    runs: Path | str = "runs",
    name: str = "domains",
    data: Path | str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Train and measure all of a study; returns its folder. Raises RunError where the folder is another study's."""
    folder = Path(runs) / name
    folder.mkdir(parents=True, exist_ok=True)
    with files.one_writer(folder, "wait for it, stop it, or give this one its own --name"):
        _claim(folder, study)
        read = folder / "documents"
        for one in study.recipes:
            job.run(one, runs=read, name=one.name, data=data, until="data", progress=progress)
        apart([Run.open(read / one.name) for one in study.recipes])
        done = []
        for one in study.recipes:
            recipe = alone(one, folder / "rates" / one.name, data, progress)
            made = job.run(recipe, runs=folder / "alone", name=recipe.name, data=data, until="train", progress=progress)
            done.append(Run.open(made.path))
        with Events(folder, progress=progress) as events:
            weights = {run.recipe.name: run.path / "systems" / "tuned" / "adapter" for run in done}
            weights[JOINT] = _joint(done, folder, events)
            for how in study.blends:
                weights[how] = _blend(study, done, folder / "blends" / how, how)
            for adapter in study.adapters:
                _measure(study, done, adapter, weights.get(adapter), folder, events)
            matrix = _matrix(study, done, folder)
            files.write_json(folder / "matrix.json", matrix)
            files.write_text(folder / "matrix.md", text(matrix))
            page.build(folder)
    return folder


def _claim(folder: Path, study: Study) -> None:
    path = folder / "domains.json"
    if path.is_file():
        earlier = [recipe_file.of_plain(told, str(path)) for told in files.read_json(path)["recipes"]]
        if [recipe_file.identity(one) for one in earlier] != [recipe_file.identity(one) for one in study.recipes]:
            raise RunError("is a comparison of other domains", where=str(folder), hint="give another --name")
    told = [recipe_file.plain(recipe) for recipe in study.recipes]
    files.write_json(path, {"recipes": told, "blends": list(study.blends)})


def apart(runs: Sequence[Run]) -> None:
    """Raises RunError where a test document of one run equals what another trains or validates on, or nearly."""
    from tunewright.data import leakage
    from tunewright.flow import dress

    def compared(run: Run, *sides: str) -> list[Record]:
        return dress.compared_by(prepared.task_of(run))([one for side in sides for one in prepared.records(run, side)])

    read = [(run.recipe, compared(run, "train", "validation"), compared(run, "test")) for run in runs]
    for (trained, shown, _), (tested, _, held) in itertools.permutations(read, 2):
        found = {pair.other for pair in leakage.duplicates(shown, held, tested.data.near_duplicates).across}
        if found:
            raise RunError(
                f"{len(found)} test documents of '{tested.name}' are trained on by '{trained.name}', or nearly: "
                f"{', '.join(sorted(found)[:3])}",
                hint="compare domains of different documents, or split both recipes alike",
            )


def as_often(examples: Sequence[Example], passes: float, seed: int) -> list[Example]:
    """Every example `passes` times: in whole passes, and a random part of one.

    >>> [len(as_often(["a", "b", "c", "d"], passes, 0)) for passes in (0.5, 1, 2.25)]
    [2, 4, 9]
    """
    whole, rest = divmod(round(passes * len(examples)), max(1, len(examples)))
    part = set(random.Random(seed).sample(range(len(examples)), rest))
    return [*examples] * whole + [one for place, one in enumerate(examples) if place in part]


def _joint(done: Sequence[Run], folder: Path, events: Events) -> Path:
    """The adapter of all domains: one pass over all examples, each as often there as its domain's own adapter saw it.

    Its options are those of the recipe with the lowest rate; which of them others have set otherwise is said and kept.
    """
    from tunewright.train.finetune import finetune

    place = folder / JOINT
    if not (place / "done.json").is_file():
        first = min((run.recipe for run in done), key=lambda recipe: recipe.train.learning_rate)
        longest = max(run.recipe.train.max_length for run in done)
        train = first.train.model_copy(update={"num_train_epochs": 1, "max_steps": -1, "max_length": longest})
        shown: list[Example] = []
        for run in done:
            args = files.read_json(run.path / "systems" / "tuned" / "training_args.json")
            shown += as_often(_examples(run, "train"), args["total_steps"] / args["steps_per_epoch"], first.seed)
        held = [one for run in done for one in _examples(run, "validation")]
        unlike = _unlike([run.recipe for run in done])
        said = f"; {', '.join(unlike)} as {first.name} has it" if unlike else ""
        events.say(f"{JOINT}: {len(shown):,} examples of {len(done)} domains{said}")
        place.mkdir(exist_ok=True)
        recipe = first.model_copy(update={"name": JOINT, "train": train})
        told = finetune(recipe.model, shown, held, recipe, place, events, events.progress)
        made = {"examples": len(shown), "best_loss": told.get("best_loss"), "as": first.name, "unlike": unlike}
        files.write_json(place / "done.json", made)
    return place / "adapter"


def _unlike(recipes: Sequence[Recipe]) -> list[str]:
    """Options of training that the recipes have set otherwise, but for those that a joint training settles itself."""
    own = {"num_train_epochs", "max_steps", "max_length"}
    told = [recipe.train.model_dump(mode="json", exclude=own) for recipe in recipes]
    return [name for name, value in told[0].items() if any(one[name] != value for one in told[1:])]


def _blend(study: Study, done: Sequence[Run], folder: Path, how: Any) -> Path:
    from tunewright.models.blend import blend

    if not (folder / "adapter_config.json").is_file():
        folder.parent.mkdir(exist_ok=True)
        adapters = [run.path / "systems" / "tuned" / "adapter" for run in done]
        blend(study.recipes[0].model, adapters, folder, how)
    return folder


def _examples(run: Run, side: str) -> list[Example]:
    task = prepared.task_of(run)
    return [task.example(record) for record in prepared.records(run, side)]


def _measure(
    study: Study, done: Sequence[Run], adapter: str, weights: Path | None, folder: Path, events: Events
) -> None:
    """Likelihoods and answers of one adapter on every domain, and what it has kept of general text."""
    from tunewright.decode.system import LocalSystem
    from tunewright.evals import forgetting
    from tunewright.evals import likelihood as likely
    from tunewright.models.load import load

    place, model = folder / "measured", study.recipes[0].model
    place.mkdir(exist_ok=True)
    names = [f"{adapter}-general.json"]
    names += [_file(adapter, run, what) for run in done for what in ("likelihood", "answers")]
    if all((place / name).is_file() for name in names):
        return
    loaded = load(model, adapter=weights)
    if not (place / names[0]).is_file():
        files.write_json(place / names[0], forgetting.measure(loaded, model))
    for run in done:
        asked, length = likelihood.sampled(run), prepared.length_of(run)
        if not (path := place / _file(adapter, run)).is_file():
            files.write_lines(path, likely.measure(loaded, asked, **length))
        if not (path := place / _file(adapter, run, "answers")).is_file():
            system = LocalSystem(adapter, loaded, prepared.task_of(run), options=run.recipe.decode, **length)
            files.write_lines(path, (answer.to_row() for answer in list(system.predict(asked))))
        events.say(f"{adapter} on {run.recipe.name}: {len(asked)} documents")


def _file(adapter: str, run: Run, what: str = "likelihood") -> str:
    return f"{adapter}-on-{run.recipe.name}-{what}.jsonl"


def _matrix(study: Study, done: Sequence[Run], folder: Path) -> dict[str, Any]:
    """Rows of adapters, columns of domains, and every adapter against the one that the domain has of its own (Holm)."""
    from tunewright.evals import forgetting, paired
    from tunewright.evals import likelihood as likely
    from tunewright.evals.score import score

    place, options = folder / "measured", study.recipes[0].evaluate
    draw = study.recipes[0].draw
    cells: dict[str, dict[str, Any]] = {adapter: {} for adapter in study.adapters}
    pairs: list[dict[str, Any]] = []
    for run in done:
        domain, asked = run.recipe.name, likelihood.sampled(run)
        rows = {adapter: list(files.read_lines(place / _file(adapter, run))) for adapter in study.adapters}
        for adapter in study.adapters:
            answers = [Prediction.from_row(row) for row in files.read_lines(place / _file(adapter, run, "answers"))]
            scores = score(asked, answers, metrics=[SCORE], **draw)["metrics"][SCORE]
            both = {domain: rows[domain], adapter: rows[adapter]}
            found = likely.compare(asked, both, pair=(domain, adapter), **draw)
            cells[adapter][domain] = {
                "n": found["n"],
                "asked": len(asked),
                "groups": found["groups"],
                "bits_per_byte": found["systems"][adapter]["answers"],
                SCORE: {key: scores[key] for key in ("value", "low", "high")},
            }
            if adapter != domain:
                pairs.append({"domain": domain, "a": domain, "b": adapter} | found["change"]["answers"])
    for pair, p in zip(pairs, paired.holm([pair["p"] for pair in pairs]), strict=True):
        pair["p_holm"] = p
        pair["verdict"] = paired.verdict(pair, options.confidence_level, falling=True)
    general = {adapter: files.read_json(place / f"{adapter}-general.json") for adapter in study.adapters}
    kept = {
        adapter: {part: forgetting.compare(general[BASE][part], own[part], **draw) for part in own}
        for adapter, own in general.items()
    }
    return {
        "domains": [run.recipe.name for run in done],
        "adapters": study.adapters,
        "level": options.confidence_level,
        "cells": cells,
        "pairs": pairs,
        "general": kept,
        "alone": {run.recipe.name: _alone(run, folder) for run in done},
        "joint": files.read_json(folder / JOINT / "done.json"),
    }


def _alone(run: Run, folder: Path) -> dict[str, Any]:
    trained = files.read_json(run.path / "systems" / "tuned" / "training_metrics.json")
    return {
        "learning_rate": run.recipe.train.learning_rate,
        "trial_steps": benchmark.trial_steps(folder / "rates" / run.recipe.name, "lora"),
        "steps": trained["last_step"],
        "best_loss": trained["best_loss"],
    }


def text(matrix: dict[str, Any]) -> str:
    """The matrix in Markdown, with what it says."""
    domains, kept = matrix["domains"], matrix["general"]
    parts = list(next(iter(kept.values())))
    heads = [f"{domain}: {what}" for domain in domains for what in ("bits/byte", "token F1")]
    heads = ["adapter", *heads, *(f"{part}: bits/byte" for part in parts)]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for adapter in matrix["adapters"]:
        line = [adapter]
        for domain in domains:
            cell = matrix["cells"][adapter][domain]
            bits, score = cell["bits_per_byte"], cell[SCORE]
            line.append(f"{bits['bits_per_byte']:.3f} ({bits['low']:.3f}–{bits['high']:.3f})")
            line.append(f"{100 * score['value']:.1f} % ({100 * score['low']:.1f}–{100 * score['high']:.1f})")
        for part in parts:
            one = kept[adapter][part]
            change = f" ({one['difference']:+.3f}; {one['low']:+.3f} to {one['high']:+.3f})"
            line.append(f"{one['after']:.3f}" + ("" if adapter == BASE else change))
        lines.append(f"| {' | '.join(line)} |")
    level = f"{100 * matrix['level']:g} %"
    notes = [
        f"Test documents: {', '.join(page.counted(domain, matrix['cells'][BASE][domain]) for domain in domains)}.",
        "Bits per byte of the right answers of test documents, fewer is better; token F1 of greedy answers;",
        f"{level} intervals over whole groups, each by itself. Behind general text: the difference to the base with",
        "its interval, above 0 is forgotten. A verdict also needs its p after Holm's correction over all these",
        "differences.",
        page.alone(matrix.get("alone", {})),
        page.joint(matrix["joint"]),
    ]
    said = [_sentence(pair) for pair in matrix["pairs"] if pair["b"] != BASE]
    return "\n".join([*lines, "", *notes, "", *said]).strip() + "\n"


def _sentence(pair: dict[str, Any]) -> str:
    low, high = pair["low"], pair["high"]
    said = (
        f"- On {pair['domain']}, {pair['b']} against the adapter of its own: {pair['difference']:+.3f} bits per byte "
        f"({low:+.3f} to {high:+.3f}; {p_value(pair['p_holm'])} after Holm): {pair['verdict']}."
    )
    return said.replace(NBSP, " ")
