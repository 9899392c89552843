"""tunewright benchmark: ways of fine-tuning side by side."""

from __future__ import annotations

import click

from tunewright.cli import _options as options


@click.command()
@options.recipe
@click.option(
    "--name",
    metavar="NAME",
    help="The folder of the comparison below --runs; without it, the recipe's name and -methods.",
)
@options.runs
@options.data
@options.code
@click.option(
    "--methods",
    metavar="LIST",
    help="Methods with commas between: full,lora,qlora,dora …; without it, the recipe's benchmark.methods.",
)
@click.option(
    "--skip",
    metavar="LIST",
    help="Methods to leave out; of all: measure what needs no training. With `benchmark` among them: train, and "
    "measure nothing.",
)
@click.option(
    "--dataset",
    metavar="FILE",
    help="Train and test on this file of {prompt, reference} rows. Prompts are asked as they are.",
)
@click.option(
    "--rates", type=click.IntRange(1), metavar="N", help="Learning rates tried for each method (benchmark.rates)."
)
@click.option(
    "--epochs",
    metavar="LIST",
    help="Passes over the data, one whole run for each: 0.5,1,2 (benchmark.epochs).",
)
@click.option(
    "--folds",
    type=click.IntRange(0),
    metavar="K",
    help="Cross-validate the whole runs in K folds of whole groups (evaluate.folds).",
)
@click.option(
    "--curves", is_flag=True, help="Also train each method on 10, 25 and 50 % of the data, and test it on noisy texts."
)
@options.as_json
@options.quiet
@options.debug
def verb(
    recipe: str,
    sets: tuple[str, ...],
    root: str,
    name: str | None,
    data: str | None,
    methods: str | None,
    skip: str | None,
    dataset: str | None,
    rates: int | None,
    epochs: str | None,
    folds: int | None,
    curves: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Train the model of RECIPE by several methods and measure each in the same way, beside what needs no training.

    Every method gets the learning rate that is best for it on validation, after a short training. One table:
    quality with intervals, what was forgotten of general text, trained parameters, memory, time, size. One page,
    report.html, with plots and what the paired comparisons say. Resumes, and keeps what is there when more is asked:
    methods, systems, folds, epochs, curves, or to measure what was only trained.

    \b
      tunewright benchmark invoices
      tunewright benchmark text-to-json --skip lora
      tunewright benchmark text-to-json --dataset pairs.json
      tunewright benchmark receipts --methods full,lora --folds 5
      tunewright benchmark invoices --methods full,lora --epochs 0.4,0.8
    """
    from tunewright import api
    from tunewright.core import files
    from tunewright.core.events import Progress

    skipped = skip.split(",") if skip else []
    folder = api.benchmark(
        recipe,
        methods=methods.split(",") if methods else (),
        skip=skipped,
        folds=folds,
        curves=curves,
        rates=rates,
        epochs=_numbers(epochs) if epochs else (),
        sets=(*_own(dataset), *sets),
        runs=root,
        name=name,
        data=data,
        progress=Progress(quiet=quiet),
    )
    only_trained = "benchmark" in skipped
    if as_json:
        told = folder / ("trained.json" if only_trained else "methods.json")
        options.print_json({"folder": str(folder), **files.read_json(told)})
        return
    if only_trained:
        click.echo(f"trained  {folder / 'methods'}")
        return
    click.echo((folder / "methods.md").read_text(encoding="utf-8"))
    click.echo(f"report  {folder / 'report.html'}")
    click.echo(f"table   {folder / 'methods.csv'}")
    click.echo(f"\nNext: {options.next_command('ls', '--runs', str(folder / 'methods'))}")


def _own(dataset: str | None) -> tuple[str, ...]:
    """Settings for a file of one's own, whose prompts say already what is wanted: they are asked as they are, so that
    further records are made with other values alone. Trainings are as long as the recipe's, for a quarter of a pass
    over its own many records would be a step or two of a small file.
    """
    from tunewright.core.recipe import BenchmarkOptions

    if dataset is None:
        return ()
    share = BenchmarkOptions().search_share
    ways = "data.augment.ways={values: 1}"
    asked = ('task.prompts=["{text}"]', "task.test_prompts=[]", ways)
    return (f"data.source={dataset}", *asked, "benchmark.epochs=[]", f"benchmark.search_share={share}")


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(f"'{text}' is not a list of numbers", param_hint="--epochs") from None
