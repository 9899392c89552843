"""Recipes in miniature, on the small data that ships with the package: every part works, on Wren itself."""

from __future__ import annotations

import pytest

from tunewright import api, cli
from tunewright.core import files


@pytest.mark.parametrize("recipe", ["text-to-json"])
def test_a_recipe_in_miniature(recipe, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("TUNEWRIGHT_DATA", raising=False)
    code = cli.invoke(
        ["run", recipe, "--quick", "--sample", "--runs", str(tmp_path), "--set", "decode.retry_temperatures=[0.5]"]
    )
    said = capsys.readouterr()
    assert code == 0, said.err
    done = api.outcome(tmp_path / recipe)
    assert done.stages == ("data", "train", "evaluate", "compare", "report")
    assert {"tuned/grammar", "tuned/progressive", "tuned/free", "classical/free"} <= set(done.cells["test"])
    assert done.value("json_validity") == 1.0
    assert done.value("schema_adherence") == 1.0
    assert done.value("json_validity", "tuned/progressive") >= done.value("json_validity", "tuned/free")
    rows = list(files.read_lines(tmp_path / recipe / "data" / "test.jsonl"))
    assert {row["provenance"]["slice"]["wording"] for row in rows} == {"unseen"}
    assert {row["doc_type"] for row in rows} == {"snips", "e2e_restaurants", "hinglish_top"}
    page = (tmp_path / recipe / "report.html").read_text(encoding="utf-8")
    assert "tuned with retries" in page
    assert "classical" in page


@pytest.mark.parametrize(
    ("recipe", "scores"),
    [
        ("medical-qa", {"token_f1", "rouge_l", "chrf"}),
        ("finance-qa", {"token_f1", "numeric_match"}),
        pytest.param("reading-qa", {"token_f1", "normalised_match"}, marks=pytest.mark.slow),
    ],
)
def test_questions_in_miniature(recipe, scores, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("TUNEWRIGHT_DATA", raising=False)
    code = cli.invoke(["run", recipe, "--quick", "--sample", "--runs", str(tmp_path)])
    said = capsys.readouterr()
    assert code == 0, said.err
    done = api.outcome(tmp_path / recipe)
    assert done.stages == ("data", "train", "evaluate", "compare", "report")
    assert set(done.cells["test"]) == {"tuned/free", "few-shot/free", "base/free", "classical/free"}  # nothing twice
    assert done.main == "tuned/free"
    assert scores <= set(done.cells["test"]["tuned/free"]["metrics"])
    change = done.likelihood["change"]["answers"]
    assert change["after"] < change["before"]
    assert {"words", "base", "tuned"} <= set(done.ranking["rankers"])
    assert "right answer first" in said.out
    page = (tmp_path / recipe / "report.html").read_text(encoding="utf-8")
    assert "What it finds likely" in page
    assert "Before and after" in page
    known = {record["id"]: record for record in files.read_lines(tmp_path / recipe / "data" / "raw.jsonl")}
    contexts = ["question" in record["provenance"] for record in known.values()]
    assert all(contexts) if recipe != "medical-qa" else not any(contexts)
    groups = [
        {row["group"] for row in files.read_lines(tmp_path / recipe / "data" / f"{side}.jsonl")}
        for side in ("train", "validation", "test")
    ]
    assert sum(map(len, groups)) == len(set().union(*groups))  # no group on two sides


def test_domains_in_miniature(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("TUNEWRIGHT_DATA", raising=False)
    line = ["domains", "medical-qa", "finance-qa", "--quick", "--sample", "--runs", str(tmp_path), "--blends", "cat"]
    line += ["--set", "evaluate.sample=4", "--set", "train.max_steps=2", "--set", "decode.max_new_tokens=8"]
    assert cli.invoke(line) == 0, capsys.readouterr().err
    matrix = files.read_json(tmp_path / "domains" / "matrix.json")
    assert matrix["adapters"] == ["base", "medical-qa", "finance-qa", "joint", "cat"]
    bits = {
        (adapter, domain): cell["bits_per_byte"]["bits_per_byte"]
        for adapter, cells in matrix["cells"].items()
        for domain, cell in cells.items()
    }
    assert len(bits) == 10
    assert len(set(bits.values())) == 10  # ten models on documents of their own: no number stands for another
    assert {one["steps"] for one in matrix["alone"].values()} == {2}
    assert matrix["general"]["base"]["general text"]["difference"] == 0
    assert matrix["general"]["joint"]["general text"]["difference"] != 0
    table = (tmp_path / "domains" / "matrix.md").read_text(encoding="utf-8")
    assert table.count("| joint |") == 1
    measured = {path: path.stat().st_mtime_ns for path in (tmp_path / "domains" / "measured").iterdir()}
    assert cli.invoke(line) == 0  # goes on with what stands
    assert {path: path.stat().st_mtime_ns for path in measured} == measured
    assert files.read_json(tmp_path / "domains" / "matrix.json") == matrix
    assert cli.invoke([*line[:-2], "--set", "decode.max_new_tokens=9"]) == 1
    assert "is a comparison of other domains" in capsys.readouterr().err


def test_methods_side_by_side_in_miniature_on_a_file_of_ones_own(tmp_path, capsys):
    pairs = [
        {
            "prompt": f"create a JSON object from: 'Carla ordered {n} pens'",
            "reference": {"who": "Carla", "pens": str(n)},
        }
        for n in range(100)
    ]
    files.write_json(tmp_path / "pairs.json", pairs)
    line = ["benchmark", "text-to-json", "--quick", "--dataset", str(tmp_path / "pairs.json"), "--runs", str(tmp_path)]
    code = cli.invoke([*line, "--skip", "lora"])
    said = capsys.readouterr()
    assert code == 0, said.err
    folder = tmp_path / "text-to-json-methods"
    rows = files.read_json(folder / "methods.json")["rows"]
    assert [row["method"] for row in rows] == ["classical", "base", "few-shot", "full"]
    asked = next(files.read_lines(folder / rows[-1]["run"] / "data" / "test.jsonl"))
    assert asked["provenance"]["prompt"] == "{text}"  # the file's own prompt is all that is asked
    assert asked["text"].startswith("create a JSON object from: 'Carla")


def test_papers_in_miniature(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("TUNEWRIGHT_DATA", raising=False)
    sets = ["decode.max_new_tokens=400", 'evaluate.exams=["title-pages"]', "data.conversations=llama-3"]
    line = ["run", "paper-metadata", "--quick", "--sample", "--runs", str(tmp_path), "--set", "data.augment.copies=1"]
    code = cli.invoke([*line, *(word for one in sets for word in ("--set", one))])
    said = capsys.readouterr()
    assert code == 0, said.err
    done = api.outcome(tmp_path / "paper-metadata")
    assert {"base/free", "tuned/grammar", "rules/free"} <= set(done.cells["test"])
    assert set(done.cells) == {"test", "title-pages"}
    assert done.value("json_validity") == 1.0
    assert done.value("title_exact", "rules/free") >= done.value("title_exact", "rules/free", "title-pages")
    assert 0 <= done.value("abstract_rouge_l") <= 1
    assert {"authors_f1", "doi_exact", "abstract_starts_late"} <= set(done.cells["test"]["tuned/grammar"]["metrics"])
    assert "title_exact" in {row["metric"] for row in done.pairs}
    page = (tmp_path / "paper-metadata" / "report.html").read_text(encoding="utf-8")
    assert "Authors F1" in page
    assert "Abstract rouge l" not in page
    # What a tuned model answers is what the paper says.
    model = api.load(tmp_path / "paper-metadata")
    record = next(files.read_lines(tmp_path / "paper-metadata" / "data" / "test.jsonl"))
    value = model.extract(record["text"])
    assert set(value) == {"id", "title", "authors", "abstract", "doi"}
    assert value["title"] in " ".join(record["text"].split()) + record["text"]
