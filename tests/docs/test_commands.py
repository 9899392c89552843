"""Every command that the pages show is one that works: flags exist, recipes exist, cheap ones are run."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest

from tunewright import cli
from tunewright.core import recipe_file
from tunewright.core.run import Run

ROOT = Path(__file__).resolve().parents[2]
WREN = ROOT / "src" / "tunewright" / "models" / "wren"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]
INLINE = re.compile(r"`(tunewright [a-z][^`\n]*)`")
BLOCK = re.compile(r"```bash\n(.*?)```", re.DOTALL)


def commands() -> list[tuple[str, str]]:
    """(page, command line) of every `tunewright …` in the pages: in shell blocks, pipes included, and inline."""
    found: list[tuple[str, str]] = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        text = re.sub(r"<!-- begin: .*?<!-- end -->", "", text, flags=re.DOTALL)
        for block in BLOCK.findall(text):
            for line in block.replace("\\\n", " ").splitlines():
                for part in re.split(r"[|;]|&&", line.split("  #")[0]):
                    part = re.split(r"\s[<>]", part)[0].strip().removeprefix(".venv/bin/")
                    if part.startswith("tunewright "):
                        found.append((page.name, part))
        found += [(page.name, line) for line in INLINE.findall(BLOCK.sub("", text))]
    return sorted(set(found))


def parsed(line: str) -> tuple[click.Command, dict]:
    """The verb of a command line and its raw parameters. Raises click.UsageError for a flag that does not exist."""
    words = shlex.split(line)[1:]
    context = click.Context(cli.tunewright, info_name="tunewright", **cli.tunewright.context_settings)
    if words[0].startswith("-"):
        cli.tunewright.make_parser(context).parse_args(list(words))
        return cli.tunewright, {}
    _, verb, rest = cli.tunewright.resolve_command(context, words)
    assert verb is not None
    values, _, _ = verb.make_parser(click.Context(verb, info_name=words[0], parent=context)).parse_args(list(rest))
    return verb, values


def test_the_pages_show_every_verb_that_people_begin_with():
    shown = {line.split()[1] for _, line in commands()}
    assert {"run", "extract", "init", "recipes", "doctor"} <= shown
    assert len(commands()) >= 15


@pytest.mark.parametrize(("page", "line"), commands())
def test_documented_commands_parse(page, line):
    verb, values = parsed(line)
    if verb.name == "run":
        recipe = values.get("recipe")
        assert recipe, line
        own = recipe == "RECIPE" or recipe.startswith("mine") or "/" in recipe
        assert own or recipe in recipe_file.shipped(), f"{recipe} is no shipped recipe"
    for change in values.get("sets") or ():
        key = change.split("=")[0]
        assert key == "KEY" or key in recipe_file.keys(), f"{key} is no key of a recipe"  # noqa: SIM118


def test_a_flag_that_does_not_exist_would_be_noticed():
    with pytest.raises(click.UsageError):
        parsed("tunewright run invoices --no-such-flag")
    with pytest.raises(click.UsageError):
        parsed("tunewright no-such-verb")


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("TUNEWRIGHT_DATA", "TUNEWRIGHT_RUNS", "TUNEWRIGHT_SET"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def says(capsys, line: str) -> str:
    """What a command prints on stdout; it must end well."""
    code = cli.invoke(shlex.split(line)[1:])
    said = capsys.readouterr()
    assert code == 0, f"{line} → {code}\n{said.out}\n{said.err}"
    return said.out


def test_recipes_lists_every_shipped_recipe_and_the_jobs_of_the_readme(here, capsys):
    said = says(capsys, "tunewright recipes")
    assert all(name in said for name in recipe_file.shipped())
    assert {"invoices", "receipts", "hindi-entities"} <= set(recipe_file.shipped())


def test_init_writes_a_recipe_that_reads(here, capsys):
    says(capsys, "tunewright init mine")
    assert recipe_file.read(here / "mine" / "recipe.yaml", environment={}).name


@pytest.mark.skipif(not list(WREN.glob("wren-*/model.safetensors")), reason="no Wren weights in the source yet")
def test_dry_run_writes_nothing(here, capsys):
    says(capsys, "tunewright run invoices --dry-run --set data.documents=200 --set data.test_documents=40")
    assert list(here.iterdir()) == []


def test_doctor_prints_every_check_as_words_and_as_json(here, capsys, monkeypatch):
    from tunewright.flow import doctor

    found = [doctor.Check("python", "ok", "3.12"), doctor.Check("fonts", "warn", "no font", "apt install fonts")]
    monkeypatch.setattr(doctor, "examine", lambda *_, **__: found)
    said = says(capsys, "tunewright doctor")
    assert all(word in said for word in ("python", "3.12", "fonts", "apt install fonts"))
    assert [row["status"] for row in json.loads(says(capsys, "tunewright doctor --json"))] == ["ok", "warn"]


def test_doctor_exits_with_1_where_something_fails(here, capsys, monkeypatch):
    from tunewright.flow import doctor

    monkeypatch.setattr(doctor, "examine", lambda *_: [doctor.Check("memory", "fail", "none", "buy some")])
    assert cli.invoke(["doctor"]) == 1
    assert "buy some" in capsys.readouterr().out


def test_the_make_targets_that_the_pages_name_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {"demo", "test", "test-all", "check", "bench"} <= targets
    for page in PAGES:
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            for line in re.findall(r"^make ([^#\n]+)", block, re.MULTILINE):
                assert {word for word in line.split() if "=" not in word} <= targets, f"{page.name}: make {line}"


def test_exit_codes_in_the_pages_are_those_of_the_errors():
    from tunewright.core import errors

    table = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|.*\| (\d) \|$", table, re.MULTILINE)
    assert {name: int(code) for name, code in rows} == {
        name: kind.exit_code
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.TunewrightError) and kind is not errors.TunewrightError
    }


def test_help_in_the_makefile_names_every_target():
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert all(f"make {target}" in said.stdout for target in ("demo", "test", "test-all", "check", "bench", "clean"))


def test_files_that_the_run_folder_page_names_for_a_run_are_those_it_makes(tmp_path):
    page = (ROOT / "docs" / "run-folder.md").read_text(encoding="utf-8")
    run = Run.create(tmp_path, recipe_file.parse("name: x\n", "x", environment={}))
    assert all(path.name in page for path in run.path.iterdir())
