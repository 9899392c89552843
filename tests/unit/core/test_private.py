"""What must stay on this machine, and what only looks like it."""

from __future__ import annotations

import io

import pytest

from tunewright.core.private import Watch, name_of

WATCH = Watch("/srv/jobs/runs/bills", environment={"SOME_TOKEN": "very-secret-value", "OTHER_TOKEN": "none"})


@pytest.mark.parametrize(
    "text",
    [
        "hf_" + "a1B2" * 8,
        "key: sk-" + "a1" * 12,
        "ghp_" + "a1B2" * 9,
        "the very-secret-value",
        "/home/asha/bill.txt",
        "file:///home/asha/bill.txt",
        '"C:\\\\Users\\\\asha"',
        "D:/Users/asha/x",
        "read from /srv/jobs/runs/bills/data",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abcdefghijklmnop",
    ],
)
def test_what_must_stay_is_found(text: str) -> None:
    assert WATCH.find(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/home/page",
        "at home / root cause",
        "the shoot/root/leaf ratio",
        "risk-a1b2c3d4e5f6a1b2c3d4e5f6",
        "a shelf_full of hf_ words",
        "none of it",
        "/srv/jobs/runs/bills-2",
        "C: Users",
    ],
)
def test_what_only_looks_like_it_may_go(text: str) -> None:
    assert WATCH.find(text) is None


def test_a_find_tells_its_line_and_a_secret_is_not_shown() -> None:
    secret = "hf_" + "a1B2" * 8
    lines = io.BytesIO(f"fine\n{secret}\nfine\n/home/asha/x\n".encode())
    found = list(WATCH.search(lines))
    assert [line for line, _ in found] == [2, 4]
    assert secret not in str(found[0][1])
    assert "/home/asha/x" in str(found[1][1])


def test_only_values_that_are_paths_are_cut() -> None:
    value = {"file": "/home/asha/bill.txt", "text": "see /home/asha/bill.txt", "n": 1, "inner": ["C:\\Users\\a\\b.csv"]}
    assert WATCH.reduced(value) == value | {"file": "bill.txt", "inner": ["b.csv"]}
    assert name_of("/a/b/") == "b"
    assert name_of("plain") == "plain"
