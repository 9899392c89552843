"""The command line's manners: fast helps, clear errors, exit codes, nothing but data on stdout."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import click
import pytest

from tunewright import cli
from tunewright.core.errors import GateMissed, RunError, TunewrightError

HEAVY = {"torch", "transformers", "peft", "numpy", "pydantic", "yaml", "matplotlib", "llguidance", "scipy", "datasets"}


def tunewright(capsys, *arguments: str) -> tuple[int, str, str]:
    code = cli.invoke(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("TUNEWRIGHT_RUNS", "TUNEWRIGHT_DATA", "TUNEWRIGHT_SET", "TUNEWRIGHT_DEBUG"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("arguments", [["--help"], *([verb, "--help"] for verb in cli.VERBS), ["--version"], []])
def test_help_of_every_verb_loads_nothing_heavy(arguments):
    code = (
        f"import sys; from tunewright import cli; code = cli.invoke({arguments!r}); "
        f"print('LOADED', code, sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED 0 []"
    assert done.stderr == ""


def test_help_fits_a_screen_of_80_columns():
    def page(command: click.Command, name: str, above: click.Context | None) -> tuple[click.Context, str]:
        settings = {**command.context_settings, "terminal_width": 80, "max_content_width": 80}
        context = click.Context(command, info_name=name, parent=above, **settings)
        return context, context.get_help()

    program, first = page(cli.tunewright, "tunewright", None)
    for verb, said in cli.VERBS.items():
        assert f"  {verb:<9}  {said}" in first.splitlines()
        command = cli.tunewright.get_command(program, verb)
        assert command is not None
        for line in page(command, verb, program)[1].splitlines():
            assert len(line) <= 80, f"{verb}: {line}"
            assert " RANGE " not in line, f"{verb}: {line}"
            assert not re.match(r"  --[a-z-]+ TEXT", line), f"{verb}: {line}"


def test_every_verb_has_a_file_help_with_an_example_and_debug(capsys):
    for verb in cli.VERBS:
        code, out, _ = tunewright(capsys, verb, "--help")
        assert code == 0
        assert f"tunewright {verb}" in out.split("Options:")[0].partition("\n")[2], verb
        assert "--debug" in out
    for verb in (
        "recipes",
        "ls",
        "show",
        "doctor",
        "compare",
        "evaluate",
        "extract",
        "report",
        "run",
        "prepare",
        "train",
    ):
        assert "--json" in tunewright(capsys, verb, "--help")[1] or verb == "extract"


def test_without_a_verb_it_says_what_it_is_with_examples_and_the_next_step(capsys):
    code, out, _ = tunewright(capsys)
    assert code == 0
    assert out.startswith("Tunewright: ")
    examples = [line for line in out.splitlines() if line.startswith("  tunewright ")]
    assert len(examples) == 3
    assert all(line.split()[1] in cli.VERBS for line in examples)
    assert "Next: tunewright" in out


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (["rnu"], "there is no verb 'rnu'", "did you mean 'run'?"),
        (["run"], "missing argument 'RECIPE'", "tunewright run --help"),
        (["run", "x", "--nmae", "y"], "'--nmae'", "--name"),
        (["run", "nowhere.yaml"], "nowhere.yaml: there is no such recipe file", "tunewright recipes"),
        (["recipes", "a", "b"], "unexpected extra argument", "tunewright recipes --help"),
        (["compare", "--fail-under", "exact_match"], "METRIC=VALUE", "tunewright compare --help"),
    ],
)
def test_usage_errors_say_what_where_and_what_to_do(capsys, arguments, error, hint):
    code, out, err = tunewright(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("error: ")
    said, _, hinted = err.partition("\n\nhint: ")
    assert error.lower() in said.lower()
    assert hint in hinted + said
    assert "Traceback" not in err


def test_all_faults_of_a_recipe_are_shown(capsys, tmp_path):
    (tmp_path / "r.yaml").write_text("name: x\nmodle: y\ntrain: {learning_rate: 0}\n")
    code, out, err = tunewright(capsys, "run", "r.yaml", "--set", "sed=1")
    assert (code, out) == (2, "")
    assert err.splitlines()[:3] == [
        "error: r.yaml:2: unknown key 'modle' (did you mean 'model'?)",
        "error: r.yaml:3: train.learning_rate: 0 is not allowed; it must be greater than 0",
        "error: --set sed=1: unknown key 'sed' (did you mean 'seed'?)",
    ]
    assert list(tmp_path.iterdir()) == [tmp_path / "r.yaml"]


@pytest.fixture
def failing(monkeypatch):
    """A verb that raises what the test wants."""

    def raising(error: BaseException) -> None:
        @click.command()
        @click.option("--debug", is_flag=True)
        def verb(debug: bool) -> None:
            raise error

        monkeypatch.setattr(cli.Verbs, "get_command", lambda self, context, name: verb)

    return raising


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TunewrightError("it broke", hint="mend it", where="a.json:3"), 1),
        (GateMissed("too low", hint="train more"), 3),
        (RunError("locked", hint="wait"), 1),
    ],
)
def test_exit_codes_and_the_form_of_errors(capsys, failing, error, code):
    failing(error)
    got, out, err = tunewright(capsys, "run")
    assert (got, out) == (code, "")
    assert err == f"error: {error}\n\nhint: {error.hint}\n"


def test_the_unexpected_is_one_line_and_a_traceback_only_with_debug(capsys, failing):
    failing(ZeroDivisionError("division by zero"))
    code, _, err = tunewright(capsys, "run")
    assert code == 1
    assert err.startswith("error: unexpected ZeroDivisionError: division by zero (in test_screens.py:")
    assert "--debug" in err
    with pytest.raises(ZeroDivisionError):
        cli.invoke(["run", "--debug"])


def test_an_interrupt_prints_the_command_that_resumes(capsys, failing):
    failing(KeyboardInterrupt())
    code, _, err = (
        tunewright(capsys, "run", "my recipe.yaml", "--set", "seed=1") if False else tunewright(capsys, "run")
    )
    assert code == 130
    assert err.strip().endswith("tunewright run")
    code, _, err = tunewright(capsys, "ls")
    assert (code, err.strip()) == (130, "interrupted")


def test_the_resume_command_is_quoted_for_the_shell():
    assert cli._again(["run", "my recipe.yaml"]) == "tunewright run 'my recipe.yaml'"


def test_a_reader_that_goes_away_is_no_error():
    code = "from tunewright import cli; cli.main(['recipes', '--schema'])"
    done = subprocess.run(
        f'"{sys.executable}" -c "{code}" | head -c 1', shell=True, capture_output=True, text=True, check=True
    )
    assert done.stdout == "{"
    assert "Traceback" not in done.stderr


def test_recipes_are_listed_and_printed_so_that_they_read_back(capsys, tmp_path):
    code, out, _ = tunewright(capsys, "recipes", "--json")
    names = [row["name"] for row in json.loads(out)]
    assert code == 0
    for name in names:
        code, out, _ = tunewright(capsys, "recipes", name, "--set", "seed=5")
        assert code == 0
        (tmp_path / "r.yaml").write_text(out)
        code, again, _ = tunewright(capsys, "recipes", "r.yaml")
        assert again == out
        assert "seed: 5" in out


def test_the_schema_for_editors_is_json(capsys):
    code, out, _ = tunewright(capsys, "recipes", "--schema")
    assert code == 0
    assert json.loads(out)["additionalProperties"] is False


def test_ls_of_nothing_is_empty_data_and_a_hint(capsys):
    code, out, err = tunewright(capsys, "ls")
    assert (code, out) == (0, "")
    assert "hint: tunewright run" in err
    assert json.loads(tunewright(capsys, "ls", "--json")[1]) == []
    code, _, err = tunewright(capsys, "show")
    assert code == 1
    assert "there is no run here yet" in err


def test_the_installed_program_runs():
    program = os.path.join(os.path.dirname(sys.executable), "tunewright")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("tunewright 0.")
