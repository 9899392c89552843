"""report.html: valid, closed to the outside, escaped, readable by everybody."""

from __future__ import annotations

import itertools
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import fixture_run
import pytest

from tunewright.core import files
from tunewright.report import account, evidence, html

VOID = {"meta", "br", "img", "link", "input", "hr", "wbr"}
SVG_ALONE = {"circle", "path", "rect", "line", "polyline"}


class Page(HTMLParser):
    """Elements with their attributes; complains where tags do not match."""

    def __init__(self, text: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.faults: list[str] = []
        self.words: list[str] = []
        self.parents: dict[int, list[str]] = {}
        self.feed(text)
        self.close()
        self.faults += [f"<{tag}> is never closed" for tag in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parents[len(self.elements)] = list(self.open)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parents[len(self.elements)] = list(self.open)
        self.elements.append((tag, dict(attrs)))
        if tag not in SVG_ALONE | VOID:
            self.faults.append(f"<{tag}/> closes itself")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1] != tag:
            self.faults.append(f"</{tag}> inside {self.open[-3:]}")
        else:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).replace("\u00a0", " ").split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def parsed(page: str) -> Page:
    return Page(page)


def test_tags_match_and_ids_are_unique(parsed: Page) -> None:
    assert parsed.faults == []
    ids = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    anchors = [a["href"][1:] for a in parsed.all("a") if (a.get("href") or "").startswith("#")]
    assert len(anchors) > 10
    assert set(anchors) <= set(ids)


def test_nothing_is_loaded_or_run(page: str, parsed: Page) -> None:
    names = {name for name, _ in parsed.elements}
    assert not names & {"script", "link", "img", "iframe", "object", "embed", "video", "audio", "base", "form", "use"}
    for name, attributes in parsed.elements:
        assert not [
            key for key in attributes if key.startswith("on") or key in ("src", "srcset", "action", "xlink:href")
        ]
        if "href" in attributes:
            assert name == "a"
            assert re.match(r"#|https://", attributes["href"] or "")
    css = "".join(re.findall(r"<style>(.*?)</style>", page, re.S))
    assert "@import" not in css
    assert re.findall(r"url\((?!#)", css) == []
    policy = next(m["content"] for m in parsed.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "script" not in policy


def test_headline_is_one_honest_sentence(parsed: Page) -> None:
    assert (
        "On the same 400 test documents, exact match rose from 5.0 % to 94.8 %: +89.8 points "
        "(95 % interval +87.8 to +91.8; exact McNemar, p < 0.001)." in parsed.text
    )
    assert "gain shown" in parsed.text


def test_every_part_is_there(parsed: Page) -> None:
    sections = {attributes.get("id") for attributes in parsed.all("section")}
    wanted = {
        "systems",
        "slices",
        "fields",
        "exam-1",
        "learnt",
        "limits",
        "examples",
        "training",
        "cost",
        "data",
        "recipe",
    }
    assert wanted <= sections
    for words in (
        "Hindi · हिन्दी",
        "Unseen wordings",
        "few-shot",
        "synth:invoices",
        "7,700 train · 300 validation · 2,000 test",
        "3 exact, 11 near",
        "peft 0.21.2",
        "tunewright run recipe.yaml",
        "learning_rate: 0.002",
        "McNemar",
        "21.4 MB",
    ):
        assert words in parsed.text, words


def test_a_difference_inside_its_interval_is_called_so(parsed: Page) -> None:
    assert "Rules → tuned with grammar: No difference shown. On the same 60 handwritten documents" in parsed.text
    assert "in 80 of 100 such tests" in parsed.text


def test_tables_have_captions_and_headings_are_in_order(parsed: Page) -> None:
    assert len(parsed.all("table")) == len(parsed.all("caption")) > 10
    levels = [int(name[1]) for name, _ in parsed.elements if re.fullmatch(r"h[1-6]", name)]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert parsed.all("html")[0]["lang"] == "en"


def test_pictures_speak_or_are_silent(parsed: Page) -> None:
    """Every outer SVG is either named or hidden: its numbers stand as text beside it."""
    for index, (name, attributes) in enumerate(parsed.elements):
        if name == "svg" and "svg" not in parsed.parents[index]:
            assert attributes.get("aria-hidden") == "true" or attributes.get("aria-label")


def test_documents_of_hindi_say_so_and_marks_have_labels(page: str) -> None:
    assert re.search(r'<div class="document" dir="auto" lang="hi">', page)
    assert re.search(r'<mark class="missed">[^<]+<span class="tag missed">date · missed</span></mark>', page)
    assert re.search(
        r'<mark class="taken">[^<]+<span class="tag taken">total_amount · taken instead</span></mark>', page
    )
    assert '<mark class="right">' in page


def test_words_of_others_are_escaped(evil_folder: Path) -> None:
    page = (evil_folder / "report.html").read_text(encoding="utf-8")
    parsed = Page(page)
    assert parsed.faults == []
    assert not parsed.all("script")
    assert not parsed.all("img")
    assert not [a for _, a in parsed.elements if "onerror" in a]
    assert page.count("</style>") == page.count("</title>") == 1
    assert "alert('x')" in parsed.text
    assert "&amp;amp;" in page


def test_words_of_others_in_every_label(tmp_path: Path) -> None:
    """Names of systems, fields, slices, exams and stages come from data too."""
    folder = fixture_run.write(tmp_path / "run")
    evil = fixture_run.EVIL
    for path in folder.rglob("*.json"):
        text = path.read_text(encoding="utf-8")
        for word in ("customer_name", '"hi"', "wordings", "cpu", "all steps done", "exact McNemar", "synth:invoices"):
            text = text.replace(word, '"' + evil.replace('"', "") + '"' if word == '"hi"' else evil)
        path.write_text(text, encoding="utf-8")
    recipe = folder / "recipe.yaml"
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("Hindi and English", evil), encoding="utf-8")
    page = html.render(evidence.read(folder))
    parsed = Page(page)
    assert parsed.faults == []
    assert not parsed.all("script")
    assert not parsed.all("img")
    assert page.count("&lt;script&gt;alert") > 10


def test_half_characters_do_not_stop_the_page(tmp_path: Path) -> None:
    folder = fixture_run.write(tmp_path / "run")
    path = folder / "systems" / "tuned" / "predictions-grammar.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace("INV-2025", "\\ud83d"), encoding="utf-8")
    html.render(evidence.read(folder)).encode("utf-8")


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_contrast(mode: str) -> None:
    """WCAG 2.2 AA: 4.5 for text (1.4.3), 3 for what a chart is read by (1.4.11)."""
    css = (Path(html.__file__).parent / "page.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", css, re.S)[:2]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light))
    if mode == "dark":
        colours |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", dark))
    for text in ("ink", "quiet", "link", "right-ink", "missed-ink", "taken-ink", "warn"):
        assert _contrast(colours[text], colours["paper"]) >= 4.5, text
    assert _contrast(colours["ink"], colours["panel"]) >= 4.5
    for kind in ("right", "missed", "taken"):
        assert _contrast(colours[f"{kind}-ink"], colours[f"{kind}-tint"]) >= 4.5, kind
        assert _contrast(colours["ink"], colours[f"{kind}-tint"]) >= 4.5, kind
    for mark in ("tuned", "base", "few-shot", "rules", "other", "correct", "omitted", "hallucinated"):
        assert _contrast(colours[mark], colours["paper"]) >= 3, mark


def test_dark_is_for_screens_only() -> None:
    css = (Path(html.__file__).parent / "page.css").read_text(encoding="utf-8")
    assert "@media screen and (prefers-color-scheme: dark)" in css
    assert "@media print" in css


def in_folds(folder: Path, trained: int) -> Path:
    """The made-up run as a cross-validation in three folds, of which so many are trained."""
    fixture_run.write(folder, parts=("data", "scores", "compare"))
    page = folder / "recipe.yaml"
    page.write_text(page.read_text(encoding="utf-8").replace("folds: 0", "folds: 3"), encoding="utf-8")
    manifest = json.loads((folder / "data" / "manifest.json").read_text(encoding="utf-8"))
    counts = [{"train": 1200, "validation": 133, "test": 667 - (n == 3)} for n in (1, 2, 3)]
    files.write_json(folder / "data" / "manifest.json", manifest | {"folds": counts, "groups": 41})
    for path in folder.glob("systems/*/scores-*.json"):
        scores = files.read_json(path)
        exact = scores["metrics"]["exact_match"]["value"]
        slices = {
            str(n): {"n": 667, "metrics": fixture_run.metrics(exact + d, 667)}
            for n, d in ((1, -0.02), (2, 0.01), (3, 0.0))
        }
        files.write_json(path, scores | {"slices": scores["slices"] | {"fold": slices}})
    for n in range(1, trained + 1):
        files.write_json(
            folder / f"folds/{n}/systems/tuned/training_metrics.json", {"best_loss": 0.25, "best_step": 120 + n}
        )
    return folder


def test_folds_stand_beside_their_pool(tmp_path: Path) -> None:
    found = evidence.read(in_folds(tmp_path / "run", trained=3))
    page = Page(html.render(found))
    assert page.faults == []
    assert "The records were dealt into 3 folds by whole groups (41 of them)" in page.text
    assert "Tuned with grammar, exact match of single folds: 93.0 % to 96.0 %." in page.text
    assert "no test is made over them (Bengio & Grandvalet 2004)" in page.text
    assert re.search(r"Fold 3 1,200 133 666 .*0\.2500 123 Pooled ", page.text)
    assert "Exact match by fold" not in page.text, "folds are no slice that tells where it holds"
    assert "3 models answered, none of which is for use" in page.text
    assert not any("Training" in line for line in found.missing)
    assert "Hesterberg" in page.text
    manifest = files.read_json(found.path / "data" / "manifest.json")
    files.write_json(found.path / "data" / "manifest.json", manifest | {"groups": 0})
    alone = Page(html.render(evidence.read(found.path))).text
    assert "The records were dealt into 3 folds; each fold" in alone
    assert "draw whole groups" not in alone


def test_folds_without_scores_have_no_row_of_scores(tmp_path: Path) -> None:
    found = evidence.read(in_folds(tmp_path / "run", trained=3))
    found.cells.clear()
    page = html.render(found)
    assert "Records of every fold" in page
    assert '<th scope="row">Pooled</th>' not in page


def test_a_fold_that_is_not_trained_is_named(tmp_path: Path) -> None:
    found = evidence.read(in_folds(tmp_path / "run", trained=1))
    assert "Training: no tuned model has been trained to its end in fold 2, 3." in found.missing
    assert Page(html.render(found)).faults == []


def test_a_run_of_one_split_says_nothing_of_folds(page: str) -> None:
    assert 'id="folds"' not in page
    assert "Bengio" not in page


def test_the_page_says_what_memory_and_time_went_to(page: str) -> None:
    words = Page(page).text
    assert "37.6 MB weights · 3.15 MB gradients · 6.29 MB optimiser · 611 MB activations" in words
    assert "copy of the best" not in words, "what took nothing is not listed"
    assert "load 640 MB · train 1.25 GB · validate 901 MB" in words
    assert "at step 31, then 8 at a time" in words
    assert "Gradient norm" in words


def test_runs_from_before_say_nothing_of_it(tmp_path: Path) -> None:
    folder = fixture_run.write(tmp_path / "old")
    place = folder / "systems" / "tuned" / "training_metrics.json"
    metrics = json.loads(place.read_text())
    for key in ("phases", "memory", "out_of_memory"):
        del metrics[key]
    metrics["out_of_memory"] = []
    place.write_text(json.dumps(metrics))
    words = Page(html.render(evidence.read(folder))).text
    assert "Peak memory" in words
    assert not any(row in words for row in ("Memory for", "Peak by phase", "Time by phase", "Memory ran out"))


def test_names_of_facts_begin_with_a_capital(tmp_path: Path) -> None:
    lock = {"seed": 0, "recipe_sha256": "ab", "memory_bytes": 5, "versions": {"python": "3"}}
    found = evidence.Evidence(tmp_path, "x", lock=lock, manifest={"counts": {"test": 1}, "schemas_inferred": False})
    shown = account.data(found)
    assert shown is not None
    names = [name for name, _ in [*account.machine(found), *shown["facts"]]]
    assert {"Seed", "Recipe sha256", "Memory", "Versions", "Schemas inferred"} <= set(names)
    assert all(name[0].isupper() for name in names)
