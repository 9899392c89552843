"""Texts that the tuned model writes: drawn, filtered, kept until there are enough of every label and length.

    synthetic/drawn.jsonl      every text that was drawn; while that goes on drawn.part.jsonl, as they come
    synthetic/kept.jsonl       those that passed every filter
    synthetic/set_aside.jsonl  the others, with the name of the first filter that they did not pass
    synthetic/compared.json    other ways to have texts written, where the recipe compares some (`flow.variants`)
    synthetic/manifest.json    counts by label and filter, hashes of files; written last

Only data/train.jsonl is learnt from: lengths, filters, and before them the model. Of validation and test nothing but
the names of participants is read, to refuse train where it has one of them.

What is asked of text number n hangs on the recipe and on what was kept of the texts before its batch, and what is drawn
on the recipe's seed and n alone. So a start that finds texts of an earlier one looks at them as they were looked at
then, and goes on with the same texts: with whole batches of those drawn here, as how a model computes hangs a little
on what is computed beside it; with every single one that a provider was paid for.
"""

from __future__ import annotations

import functools
import hashlib
import os
import random
import time
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tunewright.core import files
from tunewright.core.errors import RunError
from tunewright.core.events import Events
from tunewright.core.recipe import GenerateOptions, Recipe
from tunewright.core.records import Message, Record
from tunewright.core.run import Run
from tunewright.data.filters import Filters, Written
from tunewright.data.split import is_synthetic
from tunewright.flow import answer, hosted, prepared
from tunewright.tasks.labelled_text import LabelledText, length

STAGE = "synthetic"
SURPLUS = "surplus"
"""What texts are set aside for that are as long as enough others: the name that stands where filters have theirs."""

BINS = 8
"""Parts of a label's lengths, about equally full, each of which gets its part of the texts."""

LEAST = 32
"""Texts in a batch where few are missing, to be chosen from."""

BASE = "base"
"""The model as it was before it was tuned."""

DRAWING = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "no_repeat_ngram_size")


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of the model for one text."""

    number: int
    label: str
    words: int

    @property
    def id(self) -> str:
        return f"synthetic-{self.number:06d}"


class Lengths:
    """How many texts of each length a label still needs, for its lengths to be as in train.

    real: words of its texts in train. wanted: texts in all, shared out among parts of the lengths in proportion.
    """

    def __init__(self, real: Sequence[int], wanted: int):
        ordered = sorted(real)
        edges = sorted({ordered[len(ordered) * part // BINS] for part in range(1, BINS)} - {ordered[0]})
        self._edges = edges
        self._real: list[list[int]] = [[] for _ in range(len(edges) + 1)]
        for words in ordered:
            self._real[self._bin(words)].append(words)
        shares = [wanted * len(part) / len(ordered) for part in self._real]
        self._room = [int(share) for share in shares]
        rest = sorted(range(len(shares)), key=lambda place: (self._room[place] - shares[place], place))
        for place in rest[: wanted - sum(self._room)]:
            self._room[place] += 1

    def _bin(self, words: int) -> int:
        return bisect_right(self._edges, words)

    @property
    def missing(self) -> int:
        return sum(self._room)

    def ask(self, chance: random.Random) -> int:
        """A length that is still needed: one of train's, from a part drawn by what it lacks."""
        (part,) = chance.choices(self._real, weights=self._room)
        return chance.choice(part)

    def take(self, words: int) -> bool:
        """Whether a text of so many words is still needed; then one less is."""
        place = self._bin(words)
        if not self._room[place]:
            return False
        self._room[place] -= 1
        return True

    def take_any(self) -> bool:
        """Whether any text is still needed; then one less is, of the first length that lacks one."""
        place = next((place for place, room in enumerate(self._room) if room), None)
        if place is None:
            return False
        self._room[place] -= 1
        return True


class Harvest:
    """The texts looked at so far, and what is still missing.

    train: real records of train. held: participants of validation and test. Raises as `data.filters.Filters`.
    """

    def __init__(self, train: Sequence[Record], held: set[str], options: GenerateOptions, seed: int):
        self.options, self.seed = options, seed
        self.filters = Filters(train, options.filters, held)
        real: defaultdict[str, list[int]] = defaultdict(list)
        for record in train:
            real[str(record.target)].append(length(record.text))
        self.lengths = {label: Lengths(real[label], options.per_label) for label in sorted(real)}
        self.most = options.limit(len(self.lengths))
        self.drawn = 0
        self.kept: list[Record] = []
        self.aside: list[tuple[str, Record]] = []

    @property
    def missing(self) -> dict[str, int]:
        return {label: lengths.missing for label, lengths in self.lengths.items()}

    def requests(self) -> list[Request]:
        """The next batch, labels in proportion to what they lack; empty where nothing is missing or may be drawn."""
        missing = self.missing
        total = sum(missing.values())
        rate = max(0.1, len(self.kept) / self.drawn) if self.drawn else 0.5
        size = min(self.options.batch, self.most - self.drawn, max(LEAST, round(total / rate)))
        if not total or size < 1:
            return []
        found = []
        for number in range(self.drawn, self.drawn + size):
            chance = random.Random(f"{self.seed} {number}")
            (label,) = chance.choices(list(missing), weights=list(missing.values()))
            found.append(Request(number, label, self.lengths[label].ask(chance)))
        return found

    def look(self, records: Sequence[Record]) -> None:
        """Keep what passes every filter and is still needed, set the rest aside with the reason."""
        verdicts = self.filters.look(
            [Written(one.text, str(one.target), one.provenance["finish"] == "stop") for one in records]
        )
        self.drawn += len(records)
        for record, verdict in zip(records, verdicts, strict=True):
            told = record.replace(provenance=record.provenance | {"filters": verdict.said})
            if verdict.filter is not None:
                self.aside.append((verdict.filter, told))
            elif self.lengths[str(record.target)].take(length(record.text)):
                self.kept.append(told)
            else:
                self.aside.append((SURPLUS, told))

    def fill(self) -> int:
        """Where the last text was drawn and some are missing, take those that are only of a common length. How many."""
        left = []
        for name, record in self.aside:
            if name == SURPLUS and self.lengths[str(record.target)].take_any():
                self.kept.append(record)
            else:
                left.append((name, record))
        taken = len(self.aside) - len(left)
        self.aside = left
        self.kept.sort(key=lambda record: record.id)
        return taken

    def counts(self) -> dict[str, Any]:
        """Label → {"asked", "drawn", "kept", "set_aside": {filter: n}}."""
        kept = Counter(str(record.target) for record in self.kept)
        aside: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for name, record in self.aside:
            aside[str(record.target)][name] += 1
        return {
            label: {
                "asked": self.options.per_label,
                "drawn": kept[label] + aside[label].total(),
                "kept": kept[label],
                "set_aside": dict(sorted(aside[label].items())),
            }
            for label in self.lengths
        }


def generate(job: Run, events: Events) -> None:
    """Fill synthetic/; nothing to do where the recipe asks for no texts, or they are finished.

    Raises RunError where they are of another model than stands there now or were changed, DataError where train has
    what filters may not learn from, and as `answer.load_tuned`.
    """
    recipe = job.recipe
    options = recipe.generate
    if not options.per_label:
        return
    adapter = weights_sha256(job)
    if job.done(STAGE):
        _unchanged(job, adapter)
        return
    everything = prepared.records(job, "train")
    train = [one for one in everything if not is_synthetic(one)]
    if unreal := len(everything) - len(train):
        events.say(f"synthetic records in train: {unreal:,}; lengths and filters do not learn from them")
    held = {one.group for side in ("validation", "test") for one in prepared.records(job, side) if one.group}
    harvest = Harvest(train, held, options, recipe.seed)
    folder = job.path / STAGE
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / "drawn.part.jsonl"
    if (folder / "drawn.jsonl").is_file():  # a start that died while it finished
        os.replace(folder / "drawn.jsonl", partial)
    earlier = {record.id: record for record in map(Record.from_row, files.whole_lines(partial))}
    writes = _Writer(job, adapter)
    wanted = sum(harvest.missing.values())
    rows: list[Record] = []
    began = time.monotonic()
    while asked := harvest.requests():
        found = _standing(earlier, asked, adapter, single=single(recipe))
        if waiting := [one for one in asked if one.id not in found]:
            if not writes.begun:
                files.write_lines(partial, (one.to_row() for one in [*rows, *found.values()]))
                earlier = {}
                if stand := len(rows) + len(found):
                    events.say(f"goes on after {stand} texts")
                if events.progress is not None:
                    events.progress.start("texts kept", wanted, done=len(harvest.kept))
            with files.appending(partial) as add:
                for record in writes.write(waiting):
                    add(record.to_row())
                    found[record.id] = record
                    if events.progress is not None:
                        events.progress.update(len(harvest.kept), drawn=harvest.drawn + len(found))
        batch = [found[one.id] for one in asked]
        rows += batch
        harvest.look(batch)
        if events.progress is not None:
            events.progress.update(len(harvest.kept), drawn=harvest.drawn)
    filled = harvest.fill()
    if options.compare:
        from tunewright.flow import variants

        writes.let_go()
        variants.compare(job, writes.task, harvest.filters.anew(), train, events)
    files.write_lines(folder / "drawn.jsonl", (one.to_row() for one in rows))
    partial.unlink(missing_ok=True)
    _finish(job, harvest, adapter, filled, events, round(time.monotonic() - began, 1))


class Drawn(Protocol):
    """What came of one prompt. finish: "stop", "length" or "error"."""

    @property
    def text(self) -> str: ...

    @property
    def finish(self) -> str: ...


Prompts = Sequence[Sequence[Message]]

Draw = Callable[[Prompts, Sequence[int], Mapping[str, Any]], Iterable[tuple[int, Drawn]]]
"""(prompts, numbers, drawing) → (place of a prompt, what came of it), as they come.

What comes hangs on the recipe's seed and the number. drawing: `DRAWING` → how it is drawn.
"""


def single(recipe: Recipe) -> bool:
    """Whether a text is the same whatever is drawn beside it: those of a provider."""
    return recipe.hosted.provider is not None


class _Writer:
    """The tuned model, loaded when the first text is asked of it."""

    def __init__(self, job: Run, adapter: str):
        self.job, self.adapter = job, adapter
        task = prepared.task_of(job)
        if not isinstance(task, LabelledText):
            raise RunError("only labelled_text writes texts of labels", where=str(job.path))
        self.task = task
        self._draw: Draw | None = None

    def let_go(self) -> None:
        """Leave the memory of the model to others."""
        self._draw = None

    @property
    def begun(self) -> bool:
        return self._draw is not None

    def write(self, asked: Sequence[Request]) -> Iterator[Record]:
        """A record for each request, as they come: its text, its label as the target, and how it came to be."""
        recipe = self.job.recipe
        if self._draw is None:
            answer.note_machine(self.job)
            self._draw = writer(self.job)
        prompts = [self.task.prompt(one.id, one.label, one.words) for one in asked]
        drawing = {name: getattr(recipe.generate, name) for name in DRAWING}
        for place, reply in self._draw(prompts, [one.number for one in asked], drawing):
            one = asked[place]
            provenance = {
                "synthetic": True,
                "label": one.label,
                "prompt": [dict(message) for message in prompts[place]],
                "words": one.words,
                "number": one.number,
                "seed": recipe.seed,
                "model": recipe.model,
                "adapter": self.adapter,
                **drawing,
                "finish": reply.finish,
            }
            yield Record(one.id, reply.text.strip(), one.label, split="train", provenance=provenance)


def writer(job: Run, model: str | None = None) -> Draw:
    """Who writes the texts of a run: its tuned model, `base`, or another model by name.

    A run at a provider asks that provider's models; every other loads one here, which lives as long as what is
    returned. Raises ModelError where it is not here.
    """
    recipe = job.recipe
    if recipe.hosted.provider is not None:
        return functools.partial(hosted.write, job, model)
    if model is None:
        loaded = answer.load_tuned(job)
    elif model == BASE:
        loaded = answer.load_base(recipe)
    else:
        from tunewright.models.load import load

        loaded = load(model)

    def draw(prompts: Prompts, numbers: Sequence[int], drawing: Mapping[str, Any]) -> Iterable[tuple[int, Drawn]]:
        from tunewright.decode import engine
        from tunewright.decode.sampling import Sampling

        return enumerate(
            engine.generate(
                loaded,
                [loaded.chat.prompt_ids(prompt) for prompt in prompts],
                max_new_tokens=recipe.generate.max_new_tokens,
                batch_size=recipe.decode.batch_size,
                sampling=Sampling(seed=recipe.seed, **drawing),
                numbers=numbers,
            )
        )

    return draw


def weights_sha256(job: Run) -> str:
    """One hash for the tuned weights of a run: that of their file, or of the hashes of several.

    A hosted model's weights are nobody's to hash: its name stands for them, which its provider gives once.
    """
    if not job.done("systems/tuned"):
        raise RunError("its model is not trained", where=str(job.path), hint=f"tunewright train {job.path}")
    if job.recipe.hosted.provider is not None:
        return hosted.tuned_model(job)
    hashes = job.manifest("systems/tuned")["sha256"]
    weights = {name: value for name, value in sorted(hashes.items()) if name.endswith(".safetensors")}
    if len(weights) == 1:
        return str(next(iter(weights.values())))
    return hashlib.sha256("".join(f"{name} {value}\n" for name, value in weights.items()).encode()).hexdigest()


def _standing(
    earlier: Mapping[str, Record], asked: Sequence[Request], adapter: str, *, single: bool
) -> dict[str, Record]:
    """The records of an earlier start that are what was asked for; none where one is missing and not each is single."""
    found = {
        one.id: record
        for one in asked
        if (record := earlier.get(one.id)) is not None
        and (record.target, record.provenance.get("words"), record.provenance.get("adapter"))
        == (one.label, one.words, adapter)
    }
    return found if single or len(found) == len(asked) else {}


def _finish(job: Run, harvest: Harvest, adapter: str, filled: int, events: Events, seconds: float) -> None:
    folder, recipe = job.path / STAGE, job.recipe
    files.write_lines(folder / "kept.jsonl", (record.to_row() for record in harvest.kept))
    files.write_lines(
        folder / "set_aside.jsonl", ({**record.to_row(), "filter": name} for name, record in harvest.aside)
    )
    counts = harvest.counts()
    for label, row in counts.items():
        events.add("generate", "label", label=label, **row)
        events.say(told(label, row))
    if filled:
        events.say(f"{filled} of the kept texts are of lengths that train has fewer of: nothing else was left to take")
    if short := {label: row["kept"] for label, row in counts.items() if row["kept"] < row["asked"]}:
        said = ", ".join(f"{n} of {recipe.generate.per_label} {label}" for label, n in short.items())
        events.say(
            f"warning: fewer texts than asked for ({said}) after {harvest.drawn} were drawn; raise generate.most, or "
            "look at what set_aside.jsonl says"
        )
    names = ["drawn.jsonl", "kept.jsonl", "set_aside.jsonl"]
    names += ["compared.json"] if recipe.generate.compare else []
    job.finish(
        STAGE,
        {
            "counts": counts,
            "drawn": harvest.drawn,
            "kept": len(harvest.kept),
            "of_common_lengths": filled,
            "model": recipe.model,
            "adapter": adapter,
            "seed": recipe.seed,
            "options": recipe.generate.model_dump(mode="json"),
            "data_sha256": files.sha256(job.path / "data" / "manifest.json"),
            "seconds": seconds,
            "sha256": {name: files.sha256(folder / name) for name in names},
            "bytes": {name: (folder / name).stat().st_size for name in names},
        },
    )


def told(label: str, row: Mapping[str, Any]) -> str:
    """A label's numbers in words."""
    aside = ", ".join(f"{count} {name}" for name, count in row["set_aside"].items())
    return f"{label}: {row['kept']:,} texts kept of {row['drawn']:,} drawn" + (f"; set aside: {aside}" if aside else "")


def _unchanged(job: Run, adapter: str) -> None:
    manifest = job.manifest(STAGE)
    hint = f"remove {job.path / STAGE} to write them again"
    if manifest["adapter"] != adapter:
        raise RunError("its texts were written by other weights than stand here now", where=str(job.path), hint=hint)
    if (fault := job.altered(STAGE)) is not None:
        raise RunError(f"its texts are not as they were written: {fault}", where=str(job.path / STAGE), hint=hint)


def check(recipe: Recipe) -> None:
    """Refuse, before anything is trained, what texts could not be written or filtered with.

    Raises MissingExtra where a filter of the recipe cannot work, ModelError where a model to compare with is not here.
    """
    from tunewright.data.filters import check_installed

    if recipe.generate.per_label and "label" in recipe.generate.filters.use:
        check_installed()
    for way in recipe.generate.variants.values() if recipe.generate.per_label else ():
        if way.model not in (None, "base"):
            from tunewright.models.load import locate

            locate(str(way.model))
