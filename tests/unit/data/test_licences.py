"""Licences in words, by the name that the Hub knows."""

from __future__ import annotations

import pytest

from tunewright.data.licences import identify


@pytest.mark.parametrize(
    ("text", "id", "sharable"),
    [
        ("MIT (file LICENSE); a mirror says cc-by-4.0", "mit", True),
        ("CC BY-SA 4.0, Attribution-ShareAlike", "cc-by-sa-4.0", True),
        ("Creative Commons Attribution-NonCommercial 4.0 International", "cc-by-nc-4.0", True),
        ("cc-by-nc-nd-4.0", "cc-by-nc-nd-4.0", False),
        ("Creative Commons Attribution-NoDerivatives 4.0", "cc-by-nd-4.0", False),
        ("Per article: CC BY 4.0, CC BY 3.0 or CC0; NoDerivatives were left out", "cc-by-4.0", True),
        ("CC-BY", "cc", True),
        ("CC0", "cc0-1.0", True),
        ("Apache License, Version 2.0", "apache-2.0", True),
        ("CDLA-Permissive-2.0", "cdla-permissive-2.0", True),
        ("in the public domain", "other", True),
    ],
)
def test_the_first_that_is_named_counts(text: str, id: str, sharable: bool) -> None:
    found = identify(text)
    assert found is not None
    assert (found.id, found.sharable) == (id, sharable)


@pytest.mark.parametrize("text", [None, "", "all rights reserved", "permit", "for research"])
def test_an_unknown_one_is_none(text: str | None) -> None:
    assert identify(text) is None
