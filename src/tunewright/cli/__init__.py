"""The command line: one file per verb, loaded only when it is called."""

from __future__ import annotations

import importlib
import os
import shlex
import sys
from collections.abc import Sequence
from typing import Any

import click

from tunewright.core import processes
from tunewright.core.errors import RecipeError, TunewrightError, UsageError, did_you_mean
from tunewright.core.events import quieten
from tunewright.core.files import is_full

VERBS = {
    "run": "Do a whole job: data, training, evaluation, comparison, report.",
    "synth": "Write synthetic documents with gold JSON to a folder.",
    "prepare": "Read or synthesise the data of a job, clean it, split it.",
    "train": "Fine-tune the model of a job.",
    "evaluate": "Let every system of a run answer the test, and score the answers.",
    "compare": "Say which system of a run is better, and by how much.",
    "report": "Write the report of a run again.",
    "benchmark": "Fine-tune by several methods, each at its best learning rate.",
    "tune": "Search for better options: learning rate, batch, rank, targets …",
    "domains": "Train adapters of several domains, blend them, compare them.",
    "hosted": "Look at the job that a provider does for a run, or cancel it.",
    "merge": "Fold a run's adapter into its base model, and check the result.",
    "publish": "Push a run's data and model to the Hugging Face Hub.",
    "extract": "Use a tuned model: documents in, JSON lines out.",
    "recipes": "List the shipped recipes, or print one with every default.",
    "init": "Begin a job of your own: a commented recipe and sample rows.",
    "ls": "List the runs: how far they are, and how well they do.",
    "show": "Show one run: what it did, how well, and its files.",
    "verify": "Try a recipe for a few steps, and check what usually goes wrong.",
    "doctor": "Check this machine: versions, memory, fonts, optional parts.",
    "pretrain": "Train an embedded base model from scratch.",
}
SHARED = ("run", "train", "pretrain")
"""Verbs that several processes do together, started by torchrun."""
RESUMABLE = ("run", "prepare", "train", "evaluate", "benchmark", "tune", "domains", "pretrain", "publish")

WELCOME = """\
Tunewright: from a task to a small language model that does it, offline.

  tunewright run invoices          synthesise, fine-tune, compare and report: the whole job
  tunewright extract letter.txt    use the newest run on a document of yours
  tunewright init my-job           a commented recipe and sample rows for your own data

Next: tunewright run invoices --dry-run shows what that takes. All verbs: tunewright --help
"""


class Verbs(click.Group):
    """Names and one-line helps are known without importing any verb."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"tunewright.cli.{name}").verb
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in VERBS and not args[0].startswith("-"):
            hint = did_you_mean(args[0], VERBS) or "tunewright --help lists the verbs"
            raise click.UsageError(f"there is no verb '{args[0]}'\n{hint}", ctx=context)
        return super().resolve_command(context, args)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


def _version(context: click.Context, option: click.Parameter, asked: bool) -> None:
    if asked:
        from tunewright import __version__

        click.echo(f"tunewright {__version__}")
        context.exit()


@click.group(
    cls=Verbs,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="What takes long goes on where it stopped when the same command is given again. Errors end with what to do "
    "about them; --debug after any verb shows the traceback.",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
@click.pass_context
def tunewright(context: click.Context) -> None:
    """From a task to a small language model that does it: synthesise, fine-tune, compare, report, use."""
    if context.invoked_subcommand is None:
        click.echo(WELCOME, nl=False)


def main(arguments: Sequence[str] | None = None) -> None:
    """The program. Exit codes: 0 done, 1 failed, 2 usage, 3 quality gate missed, 130 interrupted."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if "--debug" not in given:
        quieten()
    sys.exit(invoke(given))


def invoke(arguments: list[str]) -> int:
    """Run one command line and answer with its exit code."""
    debug = "--debug" in arguments or bool(os.environ.get("TUNEWRIGHT_DEBUG"))
    try:
        if processes.count() > 1:
            _join(arguments)
        result: Any = tunewright.main(arguments, prog_name="tunewright", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except (click.Abort, KeyboardInterrupt):
        if not _speaks():
            return 130
        if processes.count() > 1:
            _print("interrupted; nothing that was finished is lost, and the same command goes on")
        elif arguments and arguments[0] in RESUMABLE:
            _print(f"interrupted; nothing that was finished is lost. Go on with:\n  {_again(arguments)}")
        else:
            _print("interrupted")
        return 130
    except click.ClickException as error:
        message, _, hint = error.format_message().partition("\n")
        context = getattr(error, "ctx", None)
        _error([_sentence(message)], hint or f"{context.command_path if context else 'tunewright'} --help")
        return 2
    except TunewrightError as error:
        if debug:
            raise
        _error(str(error).splitlines() if isinstance(error, RecipeError) else [str(error)], error.hint)
        return error.exit_code
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except MemoryError:
        _error(["the memory is full"], "tunewright run RECIPE --dry-run shows what a job takes; choose smaller batches")
        return 1
    except Exception as error:
        if debug:
            raise
        if is_full(error):
            _error([f"the disk is full: {error}"], "make room and give the same command again")
            return 1
        where = _place(error)
        _error([f"unexpected {type(error).__name__}: {error}{where}"], "the same command with --debug shows where")
        return 1


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f" (in {os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno})" if trace else ""


def _sentence(text: str) -> str:
    text = text.rstrip(".")
    return text[:1].lower() + text[1:] if text[:2].istitle() else text


def _again(arguments: list[str]) -> str:
    return shlex.join(["tunewright", *arguments])


def _print(text: str) -> None:
    from tunewright.core.events import visible

    click.echo(visible(text), err=True)


def _join(arguments: list[str]) -> None:
    """Take part as one of the processes that torchrun started; all but the first print nothing."""
    from tunewright.flow import scale

    scale.leave_with(os.getppid())
    if not processes.first():
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    if arguments and arguments[0] in VERBS and arguments[0] not in SHARED:
        raise UsageError(f"{arguments[0]} is done by one process, not by {processes.count()}", hint=_again(arguments))


def _speaks() -> bool:
    """Whether this process is the one that says what went wrong."""
    if processes.count() == 1:
        return True
    from tunewright.flow import scale

    return scale.first_to_fail()


def _error(lines: list[str], hint: str | None) -> None:
    if not _speaks():
        return
    _print("\n".join(f"error: {line}" for line in lines))
    if hint:
        _print(f"\nhint: {hint}")
