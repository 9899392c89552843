"""Tunewright from Python: the same jobs as the command line's.

    from tunewright import api

    outcome = api.run("invoices")                       # data, training, comparison, report
    model = api.load(outcome.path)                      # the tuned model of a run
    model.extract("Bill No: INV-7, Total: Rs 5,000/-")  # {"invoice_number": "INV-7", ...}

Nothing here prints, and torch is loaded only by what needs a model.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunewright.core import recipe_file
from tunewright.core import run as run_folder
from tunewright.core.errors import RunError, UsageError
from tunewright.core.events import Progress
from tunewright.core.recipe import Recipe
from tunewright.core.records import Record
from tunewright.core.run import Run
from tunewright.flow.outcome import Outcome, complete

if TYPE_CHECKING:
    from tunewright.flow.doctor import Check
    from tunewright.flow.plan import Plan
    from tunewright.flow.use import Found, Model, Unreadable
    from tunewright.flow.verify import Verification

__all__ = [
    "Outcome",
    "Progress",
    "Recipe",
    "Record",
    "benchmark",
    "check_metrics",
    "doctor",
    "domains",
    "evaluate",
    "extract",
    "find_run",
    "generate_json",
    "hosted_job",
    "init",
    "load",
    "merge",
    "outcome",
    "plan",
    "plug_in",
    "pretrain",
    "publish",
    "read_recipe",
    "recipes",
    "report",
    "resume",
    "run",
    "runs",
    "synthesise",
    "tune",
    "verify",
]


def recipes() -> dict[str, str]:
    """The shipped recipes: name → what each is for.

    >>> "invoices" in recipes()
    True
    """
    return {name: recipe_file.read(name, environment={}).description for name in recipe_file.shipped()}


def init(folder: str | Path) -> dict[Path, str]:
    """Begin a job of your own in a new folder: a commented recipe and sample rows. Returns file → what it is.

    >>> [path.name for path in init("my-job")]
    ['recipe.yaml', 'schema.json', 'data.jsonl', 'recipe.schema.json']
    """
    from tunewright.flow import begin

    return begin.begin(str(folder))


def doctor(runs: str | Path = "runs") -> list[Check]:
    """What matters on this machine, each ok, warn or fail, with its fix. runs: where run folders will stand.

    >>> {check.status for check in doctor()} <= {"ok", "warn", "fail"}
    True
    """
    from tunewright.flow import doctor as examination

    return examination.examine(runs)


def read_recipe(recipe: Recipe | str | Path, sets: Sequence[str] = ()) -> Recipe:
    """A recipe by shipped name or file, with changes such as `train.learning_rate=1e-4` on top.

    Raises RecipeError with every fault and its line.

    >>> read_recipe("smoke", ["seed=3"]).seed
    3
    """
    if isinstance(recipe, Recipe):
        return recipe_file.parse(recipe_file.resolved(recipe), "the recipe", sets) if sets else recipe
    return recipe_file.read(recipe, sets)


def run(
    recipe: Recipe | str | Path,
    *,
    sets: Sequence[str] = (),
    runs: Path | str = "runs",
    name: str | None = None,
    data: Path | str | None = None,
    until: str = "report",
    processes: int = 1,
    yes: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Do the job of a recipe, or go on with it: the same call after an interruption ends with the same result.

    recipe: a shipped recipe's name, a file, a Recipe, or a run folder, which goes on. sets: changes to it; those of
    `downstream` alone make no other run: its texts are judged anew.
    runs: the folder of run folders, in which the run's own is `name` or the recipe's name.
    data: the folder of data sets that recipes call by name.
    until: the last stage to do: data, train, generate, judge, evaluate, compare or report.
    processes: how many train together on this machine; the result is that of one, up to the order of sums.
    yes: of a recipe with `hosted:`, that its data may go to the provider, at the cost that is estimated.
    progress: where progress is shown.

    >>> outcome = run("smoke")
    >>> outcome.stages
    ('data', 'train', 'evaluate', 'compare', 'report')
    >>> 0.0 <= outcome.value("exact_match") <= 1.0
    True
    """
    from tunewright.flow import job

    if (there := _run_of(recipe, sets, name)) is not None:
        return job.go_on(there, data=data, until=until, processes=processes, yes=yes, progress=progress)
    return job.run(
        read_recipe(recipe, sets),
        runs=runs,
        name=name,
        data=data,
        until=until,
        processes=processes,
        yes=yes,
        progress=progress,
    )


def _run_of(recipe: Recipe | str | Path, sets: Sequence[str], name: str | None) -> Run | None:
    """The run whose folder stands for a recipe, to go on with; changes to it are those that only look at it anew."""
    if isinstance(recipe, Recipe) or name is not None or not is_run(recipe):
        return None
    there = Run.open(recipe)
    told = read_recipe(recipe, sets) if sets else there.recipe
    same = recipe_file.identity(told) == recipe_file.identity(there.recipe)
    return there.judged_by(told) if same else None


def hosted_job(run: Run | str | Path, *, cancel: bool = False) -> dict[str, Any]:
    """How the job of a run is now that a provider tunes (`hosted:`): its state, events and checkpoints. Writes nothing.

    cancel: end it first; what it has cost so far stays spent. Raises RunError where the run has no such job,
    HostedError where the provider does not answer.

    >>> hosted_job("runs/smoke")
    Traceback (most recent call last):
    tunewright.core.errors.RunError: runs/smoke: has no hosted job
    """
    from tunewright.flow import hosted

    return hosted.look(run if isinstance(run, Run) else Run.open(run), cancel=cancel)


def is_run(path: str | Path) -> bool:
    """Whether a path is a run folder."""
    return all((Path(path) / name).is_file() for name in ("recipe.yaml", "lock.json"))


def resume(
    folder: Run | str | Path,
    *,
    data: Path | str | None = None,
    until: str = "report",
    progress: Progress | None = None,
) -> Outcome:
    """Do what is missing of a run folder.

    >>> resume("runs/smoke", until="train").path.name
    'smoke'
    """
    from tunewright.flow import job

    found = folder if isinstance(folder, Run) else Run.open(folder)
    return job.go_on(found, data=data, until=until, progress=progress)


def benchmark(
    recipe: Recipe | str | Path,
    *,
    methods: Sequence[str] = (),
    rates: int | None = None,
    epochs: Sequence[float] = (),
    skip: Sequence[str] = (),
    folds: int | None = None,
    curves: bool = False,
    sets: Sequence[str] = (),
    runs: Path | str = "runs",
    name: str | None = None,
    data: Path | str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Train the model of a recipe by several methods, each at its best learning rate, and measure all in the same way,
    beside the systems without training that the recipe names.

    methods: names such as full, lora, qlora; none: those of the recipe's `benchmark.methods`. rates: learning rates
    tried for each; None: as the recipe says. epochs: passes over the data, one whole run for each. skip: methods that
    are left out, of all: only systems without training are measured; "benchmark": only train (trained.json). folds:
    cross-validate the whole runs over so many; None: as the recipe says. curves: also measure each method with less
    training data and on texts with noise (curves.json, curves.csv). Returns the folder: report.html, methods.json,
    methods.csv, methods.md and the runs below it. The same call after an interruption goes on, and one that asks for
    more keeps what stands.

    >>> folder = benchmark("smoke", methods=["full", "lora"], rates=1)
    >>> sorted(path.name for path in folder.glob("methods.*"))
    ['methods.csv', 'methods.json', 'methods.md']
    """
    from tunewright.flow import benchmark as study

    read = read_recipe(recipe, sets)
    asked = study.Study.of(read, methods=methods, rates=rates, epochs=epochs, skip=skip, folds=folds, curves=curves)
    return study.benchmark(read, asked, runs=runs, name=name, data=data, progress=progress)


def tune(
    recipe: Recipe | str | Path,
    *,
    trials: int | None = None,
    minutes: float | None = None,
    workers: int = 1,
    storage: str | None = None,
    sets: Sequence[str] = (),
    runs: Path | str = "runs",
    name: str | None = None,
    data: Path | str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Search for better options of a recipe (its `tune.space`), judged on validation, and compare the best trial's with
    the recipe's own on test, both trained with several seeds.

    trials, minutes: how long; None: as the recipe says. workers: processes that do trials side by side. storage: a
    database's URL, for several machines that share the folder. Returns the folder: metrics_comparison.json,
    optimization_analysis.md, best.yaml, and the trials, each a run. The same call after an interruption goes on, and
    another process that makes it joins. Raises MissingExtra without Optuna, RunError where no trial was completed.

    >>> folder = tune("smoke", trials=2, sets=["tune.seeds=1"])
    >>> sorted(path.name for path in folder.glob("trials/*"))
    ['0', '1']
    """
    from tunewright.flow import tune as search

    read = read_recipe(recipe, sets)
    given = {"trials": trials, "minutes": minutes}
    budget = {key: value for key, value in given.items() if value is not None}
    asked = read.model_copy(update={"tune": read.tune.model_copy(update=budget)})
    return search.tune(asked, runs=runs, name=name, data=data, workers=workers, storage=storage, progress=progress)


def domains(
    recipes: Sequence[Recipe | str | Path],
    *,
    blends: Sequence[str] = ("linear", "ties"),
    sets: Sequence[str] = (),
    runs: Path | str = "runs",
    name: str = "domains",
    data: Path | str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Train a LoRA adapter for each recipe, one for all, and blends of the first; measure each on every recipe's test.

    blends: of linear, cat, ties. Returns the folder: matrix.json, matrix.md and the runs below it. The same call after
    an interruption goes on. Raises UsageError for recipes of several models, or that answer with JSON.

    >>> few = ["data.sample=true", "train.max_steps=2", "evaluate.sample=4", "benchmark.rates=1"]
    >>> folder = domains(["medical-qa", "finance-qa"], blends=["linear"], sets=few)
    >>> (folder / "matrix.md").is_file()
    True
    """
    from tunewright.flow import domains as study

    read = [read_recipe(recipe, sets) for recipe in recipes]
    return study.compare(study.Study.of(read, blends), runs=runs, name=name, data=data, progress=progress)


def merge(
    run: Run | str | Path,
    *,
    into: Path | str | None = None,
    dtype: str = "bf16",
    progress: Progress | None = None,
) -> Path:
    """Fold a run's adapter into its base model, check it on the validation records, and write it as one model.

    into: the folder; None: below the run. dtype: "bf16" or "fp32". Returns the folder; merge.json in it has the losses.

    >>> folder = merge("runs/smoke")
    >>> (folder / "model.safetensors").is_file()
    True
    """
    from tunewright.flow import merge as merging

    found = run if isinstance(run, Run) else Run.open(run)
    return merging.merge(found, into=into, dtype=dtype, progress=progress)


def publish(
    run: Run | str | Path,
    *,
    repo: str | None = None,
    data: bool = True,
    model: bool = True,
    merged: bool = False,
    base: str | None = None,
    licence: str | None = None,
    public: bool = False,
    replace: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Push a run's data and its adapter or model to the Hugging Face Hub, each with its card; private unless `public`.

    repo: `owner/name`; None: the token's account and the run's name. data, model: whether they go. merged: the adapter
    folded into its base. base: where the adapter's base is on the Hub. licence: your word that the data may go, and
    under which licence. replace: overwrite files that this run did not put there. dry_run: only tell what would go.
    The token is that of HF_TOKEN or of `hf auth login`. Raises DataError where something must not go, HubError.

    >>> told = publish("runs/smoke", repo="me/smoke", dry_run=True)
    >>> told["visibility"], told["repos"][-1]["kind"]
    ('private', 'dataset')
    """
    from tunewright.flow import publish as publishing

    found = run if isinstance(run, Run) else Run.open(run)
    wishes = publishing.Wishes(repo, data, model, merged, base, licence, public, replace)
    return publishing.look(found, wishes) if dry_run else publishing.publish(found, wishes, progress)


def plan(
    recipe: Recipe | str | Path,
    *,
    sets: Sequence[str] = (),
    runs: Path | str = "runs",
    name: str | None = None,
    data: Path | str | None = None,
) -> Plan:
    """What `run` with the same arguments would take: bytes, memory, steps, seconds.

    Writes nothing and loads no weights.

    >>> plan("smoke", name="another").steps > 0
    True
    """
    from tunewright.flow import plan as planning

    if (there := _run_of(recipe, sets, name)) is not None:
        return planning.plan(there.recipe, runs=there.path.parent, name=there.name, data=data)
    return planning.plan(read_recipe(recipe, sets), runs=runs, name=name, data=data)


def plug_in(path: Path | str) -> tuple[str, str]:
    """Make a Python file of your own known: a metric, reader, method or task, told by what it defines.

    Returns (kind, name). From then on recipes may name it; a metric is computed by every evaluation. Raises UsageError
    where the file fits no kind or its name is taken. The command line's `--code`.

    >>> plug_in("short_replies.py")
    ('metric', 'short_replies')
    """
    from tunewright.core import catalogue

    return catalogue.adopt(path)


def check_metrics(names: Iterable[str]) -> None:
    """Raises UsageError with the nearest name where one of `names` is no score that a floor can be set for."""
    from tunewright.flow import judge

    judge.check_metrics(names)


def find_run(name: str | Path | None = None, *, runs: Path | str = "runs", done: str | None = None) -> Run:
    """A run by its folder or its name below `runs`; None: the one last worked on. Its stage `done` is complete.

    Raises RunError where there is none, or where the one named has not got so far.

    >>> find_run().name, find_run("smoke").name
    ('smoke', 'smoke')
    """
    if name is None:
        what = f"a run whose stage {done} is complete" if done else "a run"
        return run_folder.newest(runs, lambda found: done is None or complete(found, done), what=what)
    found = Run.named(name, runs)
    if done is not None and not complete(found, done):
        raise RunError(f"its stage {done} is not complete", where=str(found.path), hint=f"tunewright run {found.path}")
    return found


def outcome(folder: Run | str | Path) -> Outcome:
    """What a run folder says about itself: stages, scores, comparisons, files.

    >>> sorted(outcome("runs/smoke").counts)
    ['rejected', 'test', 'train', 'validation']
    """
    return Outcome.of(folder if isinstance(folder, Run) else Run.open(folder))


def runs(folder: str | Path = "runs") -> list[Outcome]:
    """All runs below a folder, the last worked on first.

    >>> [found.path.name for found in runs()]
    ['smoke']
    """
    return [Outcome.of(found) for found in reversed(run_folder.runs(folder))]


def report(folder: Run | str | Path) -> dict[str, Path]:
    """Write the report of a run, a comparison of methods or of domains, or a search again.

    Returns what was written, by name. Raises RunError where a search has not ended yet.

    >>> report("runs/smoke")["report.html"].name
    'report.html'
    """
    from tunewright.flow import judge
    from tunewright.report import domains, search, study

    if not isinstance(folder, Run):
        if study.is_study(folder):
            return study.build(folder)
        if domains.is_comparison(folder):
            return domains.build(folder)
        if search.is_search(folder):
            return search.build(folder)
    found = folder if isinstance(folder, Run) else Run.open(folder)
    with found.writing():
        return judge.report(found, again=True)


def load(
    run: Run | str | Path | None = None,
    *,
    model: str | None = None,
    adapter: str | Path | None = None,
    schema: Mapping[str, Any] | str | Path | None = None,
    runs: str | Path = "runs",
) -> Model:
    """A model ready to answer documents: `load(...).extract(text)`.

    run: a run folder or its name below `runs`; with nothing named, the newest trained run. model, adapter: in place
    of a run; they need a schema. schema: a JSON Schema or its file, in place of the run's own.
    Raises RunError, ModelError or UsageError where that is not to be had.

    >>> model = load("runs/smoke")
    >>> list(model.extract("Bill No: INV-7, Total: Rs 5,000/-", doc_type="invoice"))
    ['invoice_number', 'customer_name', 'date', 'total_amount']
    """
    from tunewright.flow import use

    return use.load(run, model=model, adapter=adapter, schema=schema, runs=runs)


def extract(
    documents: Sequence[str],
    model: Model | Run | str | Path | None = None,
    *,
    doc_type: str | None = None,
    free: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> Iterator[Found | Unreadable]:
    """Answers to the documents of files and folders, one by one, in order.

    documents: paths of text files, folders, or data files (.jsonl, .json, .csv, .parquet); "-" is stdin.
    model: from `load`, or what `load` takes. doc_type: which of the model's schemas; None: the one that fits best.
    free: do not hold the model to the schema's grammar. say: gets sentences about what was left out.

    >>> [(found.id, type(found.value).__name__) for found in extract(["letter.txt"], "runs/smoke")]
    [('letter.txt', 'dict')]
    """
    from tunewright.flow import use

    chosen = model if isinstance(model, use.Model) else use.load(model)
    chosen.check(doc_type)
    for records in _blocks(use.documents(documents, say), use.AT_ONCE):
        readable = (record for record in records if isinstance(record, Record))
        answers = chosen.answers(
            (record.replace(doc_type=doc_type or record.doc_type) for record in readable), free=free
        )
        for record in records:
            yield record if isinstance(record, use.Unreadable) else next(answers)


def generate_json(
    prompt: str,
    schema: Mapping[str, Any] | None = None,
    *,
    model: Model | Run | str | Path = "wren",
    instruction: str | None = None,
    prefix: str = "",
) -> Any:
    """The JSON that answers a prompt, held to a schema by the grammar: it is always an instance of it.

    model: from `load`, a run (its folder, or its name below runs/), an embedded model's name, a folder or a Hugging
    Face id. schema: a JSON Schema; None: the run's own. instruction: what to do, in place of the task's own; for models
    that are no run, "Extract these fields as JSON". prefix: how the answer begins.

    Raises UsageError for a schema of something else than an object, or none, and for a model that is tuned to answer in
    text; ModelError where no answer comes of it,
    because the reply would not end or the prefix begins no answer of the schema.

    >>> schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    >>> list(generate_json("Order 7 goes to Pune.", schema))
    ['city']
    >>> generate_json("Order 7 goes to Pune.", schema, prefix='{"city": "Agr')["city"][:3]
    'Agr'
    >>> generate_json("Bill No: INV-7", model="runs/smoke", prefix='{"invoice_number": "INV-7"')["invoice_number"]
    'INV-7'
    """
    from tunewright.flow import use

    if schema is not None and schema.get("type", "object") != "object":
        raise UsageError("the schema is not one of an object", hint='{"type": "object", "properties": {…}}')
    if isinstance(model, use.Model):
        chosen = model
    else:
        name = str(model.path if isinstance(model, Run) else model)
        chosen = _asked(name, None if schema is None else json.dumps(schema), _trained(name))
    if instruction is not None or (schema is not None and chosen is model):
        chosen = chosen.asked(instruction, schema)
    return chosen.json(prompt, prefix=prefix)


@functools.lru_cache(maxsize=1)
def _asked(model: str, schema: str | None, trained: int | None) -> Model:
    """The model of a run, or one that is none (`trained` is None). The last is kept until its run is trained again."""
    from tunewright.flow import use

    given = None if schema is None else json.loads(schema)
    return use.load(model=model, schema=given) if trained is None else use.load(model, schema=given)


def _trained(model: str) -> int | None:
    """When the run of this name was trained, in nanoseconds, 0 for not yet; None where it is no run."""
    if not is_run(model) and not is_run(Path("runs") / model):
        return None
    finished = Run.named(model, "runs").path / "systems" / "tuned" / "manifest.json"
    return finished.stat().st_mtime_ns if finished.is_file() else 0


def evaluate(
    model: Model | Run | str | Path | None,
    records: Iterable[Record],
    *,
    decoding: str = "grammar",
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Scores of a model on records with targets: metrics with intervals, slices, cost.

    model: from `load`, or what `load` takes. Returns {"n", "metrics", "slices", "cost", ...} as in a run's
    scores-<decoding>.json; of an embedded model also "pretraining_overlap": how many of the records share text with
    what it was pretrained on.

    >>> records = [Record("1", "Bill No: INV-7", {"invoice_number": "INV-7"}, doc_type="invoice")]
    >>> evaluate("runs/smoke", records)["n"]
    1
    """
    from tunewright.data.clean import clean
    from tunewright.decode.system import LocalSystem
    from tunewright.evals.score import score
    from tunewright.flow import answer, use

    chosen = model if isinstance(model, use.Model) else use.load(model)
    cleaned = clean(records, pages=bool(chosen.reading.get("clean_pages"))).records
    cleaned = [record.replace(text=chosen.read(record.text)[0]) for record in cleaned]
    examples = [chosen.task.example(record) for record in cleaned]
    system = LocalSystem(
        "model",
        chosen.loaded,
        chosen.task,
        decoding=decoding,  # type: ignore[arg-type]
        options=chosen.options,
        **chosen.length,
    )
    scores = score(examples, system.predict(examples), level=level, resamples=resamples, seed=seed)
    overlap = answer.pretraining_overlap(chosen.loaded.name, cleaned)
    return scores if overlap is None else {**scores, "pretraining_overlap": overlap.to_row()}


def _blocks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(items)
    while block := list(itertools.islice(iterator, size)):
        yield block


def synthesise(
    recipe: Recipe | str | Path,
    folder: str | Path,
    *,
    sets: Sequence[str] = (),
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write the synthetic documents of a recipe to a folder of their own, in constant memory, with a data card.

    Returns {"folder", "counts", "sha256"}.

    >>> synthesise("smoke", "documents", sets=["data.documents=20", "data.test_documents=4"])["counts"]
    {'train': 16, 'test': 4}
    """
    from tunewright.flow import synthesis

    return synthesis.synthesise(read_recipe(recipe, sets), folder, progress=progress)


def pretrain(
    model: str = "wren",
    *,
    recipe: str | Path | None = None,
    folder: str | Path | None = None,
    minutes: float | None = None,
    data: str | Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train an embedded base model from its recipe, or go on from its last checkpoint. Returns the metrics.

    recipe: a file; None: the model's own. folder: None: pretraining/MODEL. minutes: stop after so long, with a
    checkpoint. data: the folder that holds the prose (prose_en, prose_hi); None: TUNEWRIGHT_DATA.
    Raises UsageError, RecipeError, DataError, and RunError where another process trains in this folder.

    >>> pretrain("wren", minutes=90, data="nowhere")
    Traceback (most recent call last):
        ...
    tunewright.core.errors.DataError: nowhere: the prose that pretraining reads is not here (prose_en, prose_hi)
    """
    from tunewright.flow import pretraining

    return pretraining.train(model, recipe=recipe, folder=folder, minutes=minutes, data=data, progress=progress)


def verify(
    recipe: Recipe | str | Path,
    *,
    sets: Sequence[str] = (),
    model: str | None = None,
    steps: int = 20,
    data: str | Path | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Try a recipe with its real model (or `model`) for a few steps: loss, stop token, memory, resuming, merging.

    Writes into a folder of its own that it removes. Raises what stands before any training: a model or data that is
    not there; what goes wrong later is a check that fails.

    >>> verify("smoke", steps=4).checks[0].name
    'stop token'
    """
    from tunewright.flow import verify as verification

    return verification.verify(read_recipe(recipe, sets), model=model, steps=steps, data=data, progress=progress)
