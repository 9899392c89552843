"""Devanagari in drawn pictures: shaped rightly, or in Latin letters with word of how to get a font."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib import font_manager

from tunewright.report import evidence, fonts, html, picture


@pytest.fixture
def no_font(monkeypatch: pytest.MonkeyPatch) -> None:
    fonts.devanagari.cache_clear()
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [])
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda *a, **k: [])
    assert fonts.devanagari() is None
    yield
    fonts.devanagari.cache_clear()


@pytest.mark.parametrize(
    ("hindi", "latin"),
    [
        ("तारीख", "tārīkh"),
        ("कुल राशि", "kul rāśi"),
        ("ग्राहक", "grāhak"),
        ("बिल संख्या", "bil saṁkhyā"),
        ("ज़िला", "zilā"),
        ("न", "na"),
        ("२०२५", "2025"),
        ("date", "date"),
        ("हिन्दी: नाम", "hindī: nām"),
    ],
)
def test_latin_letters(hindi: str, latin: str) -> None:
    assert fonts.latin(hindi) == latin


def test_a_font_that_is_named_has_the_letters() -> None:
    path = fonts.devanagari()
    if path is None:
        pytest.skip("no Devanagari font on this machine")
    assert path.is_file()
    assert font_manager.FontProperties(fname=path).get_name() in fonts.family()
    assert fonts.label("तारीख") == "तारीख"


def test_devanagari_is_shaped() -> None:
    """The sign of कि stands before its consonant and र् becomes a hook: shaped words are narrower than their parts."""
    path = fonts.devanagari()
    if path is None:
        pytest.skip("no Devanagari font on this machine")
    from matplotlib.textpath import TextPath

    font = font_manager.FontProperties(fname=path)
    whole = TextPath((0, 0), "र्क", size=100, prop=font).get_extents().width
    parts = sum(TextPath((0, 0), part, size=100, prop=font).get_extents().width for part in ("र", "क"))
    assert whole < 0.85 * parts


@pytest.mark.usefixtures("no_font")
def test_without_a_font_the_picture_uses_latin_and_the_page_says_how_to_get_one(run_folder: Path) -> None:
    found = evidence.read(run_folder)
    assert fonts.label("तारीख") == "tārīkh"
    assert fonts.family() == ["DejaVu Sans"]
    page = html.render(found)
    assert "apt install fonts-noto-core" in page
    assert "हिन्दी" in page


def test_pictures_are_png_of_one_size(run_folder: Path) -> None:
    drawn = (run_folder / "benchmark_results.png").read_bytes()
    assert drawn.startswith(b"\x89PNG\r\n\x1a\n")
    assert int.from_bytes(drawn[16:20], "big") == 2640
    assert picture.draw(evidence.Evidence(run_folder, "empty")) is None


def test_a_dollar_in_a_name_is_no_formula(tmp_path: Path) -> None:
    """matplotlib reads what stands between two of them as mathematics, and fails on most of it."""
    from matplotlib.figure import Figure

    figure = Figure()
    for name in ("price_$_per_$", "$total_$", "$"):
        figure.text(0, 0, fonts.label(name))
    figure.savefig(tmp_path / "a.png")
    bad = Figure()
    bad.text(0, 0, "price_$_per_$")
    with pytest.raises(ValueError, match=r"(?i)pars"):
        bad.savefig(tmp_path / "b.png")


def test_a_font_is_missed_only_where_there_is_hindi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "devanagari", lambda: None)
    for languages, missed in (({"en": 9}, False), ({"en": 9, "hi": 2}, True)):
        shown = html.view(evidence.Evidence(tmp_path, "x", manifest={"counts": {"test": 11}, "languages": languages}))
        assert bool(shown["shaping"]) == missed
