"""Duplicates and contamination: what is there is found, what is not is not, test is never touched."""

from __future__ import annotations

import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.core.errors import DataError
from tunewright.core.records import Record
from tunewright.data import leakage
from tunewright.data.leakage import SHINGLE, duplicates, overlap, read_manifest, text_key, write_manifest

VOCABULARY = [f"word{i}" for i in range(3000)]


def document(rng, length=60):
    return " ".join(rng.choice(VOCABULARY) for _ in range(length))


def made(texts, prefix="r", target=None):
    return [Record(id=f"{prefix}{i}", text=text, target=target) for i, text in enumerate(texts)]


def ids(part):
    return [record.id for record in part]


# duplicates


def test_equal_words_are_exact_duplicates_and_leave_train_alone():
    test = made(["Bill no. 17, total ₹500", "बिल संख्या १८"], "t")
    train = made(["bill NO 17 -- total 500", "बिल  संख्या: १८", "bill no 18 total 500"], "r")
    found = duplicates(train, test, 0.8)
    assert ids(found.train) == ["r2"]
    assert [(p.id, p.other, p.exact) for p in found.across] == [("r0", "t0", True), ("r1", "t1", True)]
    assert ids(test) == ["t0", "t1"]


def test_signs_tell_texts_apart():
    assert len({text_key(text) for text in ("What is C?", "What is C++?", "What is C#?")}) == 3
    assert text_key("5 + 3") != text_key("5 - 3")
    assert text_key("Total: ₹500 -- paid") == text_key("total 500, PAID!")


def test_near_duplicates_are_found_at_the_threshold_and_not_below():
    rng = random.Random(1)
    text = document(rng).split()
    near = " ".join(["changed", *text[1:]])  # one shingle of 56 differs: 55 / 57
    far = " ".join([*text[:30], "changed", *text[31:]])  # five differ: 51 / 61
    test = made([" ".join(text)], "t")
    train = made([near, far, document(rng)], "r")
    found = duplicates(train, test, 0.9)
    assert [(p.id, p.other, p.exact) for p in found.across] == [("r0", "t0", False)]
    assert found.across[0].similarity == pytest.approx(55 / 57)
    assert ids(found.train) == ["r1", "r2"]
    assert ids(duplicates(train, test, 0.83).train) == ["r2"]
    assert ids(duplicates(train, test, 0.0).train) == ["r0", "r1", "r2"]


def test_first_of_train_stays_and_contradictions_are_counted():
    rng = random.Random(2)
    text = document(rng)
    train = [Record("a", text, "x"), Record("b", text, "y"), Record("c", "new " + text, "x"), Record("d", "other", "x")]
    found = duplicates(train, [], 0.9)
    assert ids(found.train) == ["a", "d"]
    assert [(p.id, p.other, p.same_target) for p in found.within] == [("c", "a", True), ("b", "a", False)]
    row = found.to_row()
    assert row["within_train"]["exact"] == 1
    assert row["within_train"]["near"] == 1
    assert row["contradictions"] == 1
    assert row["removed_from_train"] == 2
    assert row["within_train"]["examples"][0]["id"] == "c"
    assert found.note().endswith("(1 of them near, Jaccard ≥ 0.9); 1 had the same text and another target")


def test_alike_texts_with_other_answers_are_other_records_in_train_and_duplicates_of_test_all_the_same():
    rng = random.Random(12)
    text = document(rng)
    alike = [f"{text} total {i}" for i in range(4)]
    records = [Record(f"r{i}", one, {"total": str(i // 2)}) for i, one in enumerate(alike)]
    found = duplicates(records, [], 0.8)
    assert ids(found.train) == ["r0", "r2"], "r1 has the answer of r0, r3 that of r2"
    assert duplicates(records, [Record("t", f"{text} total 9", {"total": "9"})], 0.8).train == []
    turned = [Record("a", alike[0], {"x": "1", "y": "2"}), Record("b", alike[1], {"y": "2", "x": "1"})]
    assert ids(duplicates(turned, [], 0.8).train) == ["a"], "the order of keys makes no other answer"


def test_test_repeats_are_counted_and_kept():
    assert duplicates([], made(["same", "Same", "other"], "t"), 0.8).test_repeats == 1


def test_short_texts_count_as_wholes():
    test = made(["play jazz", "नमस्ते"], "t")
    train = made(["play jazz now", "play", "jazz play", "नमस्ते जी", "!!", "??", "!!"], "r")
    found = duplicates(train, test, 0.5)
    assert ids(found.train) == ["r0", "r1", "r2", "r3", "r4", "r5"]
    assert [(p.id, p.other) for p in found.within] == [("r6", "r4")]


def test_nothing_shared_is_nothing_found():
    rng = random.Random(3)
    found = duplicates(made([document(rng) for _ in range(200)]), made([document(rng) for _ in range(50)], "t"), 0.5)
    assert (found.across, found.within, len(found.train)) == ([], [], 200)
    assert found.note() == "no duplicates of test or within train"


def jaccard(a, b):
    def shingles(text):
        words = text.split()
        return {tuple(words[i : i + SHINGLE]) for i in range(max(1, len(words) - SHINGLE + 1))}

    return len(shingles(a) & shingles(b)) / len(shingles(a) | shingles(b))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=12).map(" ".join), min_size=2, max_size=14),
    st.integers(1, 6),
    st.sampled_from([0.3, 0.5, 0.7, 0.75, 0.9, 1.0]),
    st.lists(st.sampled_from(["x", "y"]), min_size=1, max_size=5),
)
def test_prefix_filtering_loses_nothing_against_comparing_all(texts, cut, threshold, targets):
    test, train = made(texts[:cut], "t"), made(texts[cut:])
    train = [record.replace(target=targets[i % len(targets)]) for i, record in enumerate(train)]
    found = duplicates(train, test, threshold)
    # Plainly: each train text against all of test, then against those of train with its answer that stayed before it.
    stay = []
    for record in train:
        alike = [other for other in stay if other.target == record.target or other.text.split() == record.text.split()]
        if all(jaccard(record.text, other.text) < threshold for other in [*test, *alike]):
            stay.append(record)
    assert ids(found.train) == ids(stay)
    lost = {pair.id for pair in found.across}
    assert lost == {r.id for r in train if any(jaccard(r.text, t.text) >= threshold for t in test)}


def test_crowds_of_alike_texts_stay_cheap():
    rng = random.Random(4)
    base = document(rng).split()

    def alike():
        words = list(base)
        words[rng.randrange(60)] = rng.choice(VOCABULARY)
        return " ".join(words)

    train, test = made([alike() for _ in range(800)]), made([alike() for _ in range(200)], "t")
    found = duplicates(train, test, 0.8)
    assert found.train == []
    assert len(found.across) == 800


def test_thousands_of_documents_with_planted_copies():
    rng = random.Random(5)
    test = made([document(rng) for _ in range(500)], "t")
    train = made([document(rng) for _ in range(2000)])
    planted = rng.sample(range(2000), 40)
    for k, i in enumerate(planted):
        words = test[k].text.split()
        words[0 if k % 2 else -1] = "planted"
        train[i] = train[i].replace(text=" ".join(words))
    found = duplicates(train, test, 0.9)
    assert {p.id for p in found.across} == {f"r{i}" for i in planted}
    assert len(found.train) == 1960


# contamination


def test_shared_run_is_found_and_others_are_not(tmp_path):
    rng = random.Random(6)
    texts = [document(rng, 200) for _ in range(300)]
    counts = write_manifest(texts, tmp_path / "m.bin")
    assert counts["texts"] == 300
    assert counts["words"] == 60_000
    assert 0.15 < counts["runs"] / 56_400 < 0.30
    guaranteed = read_manifest(tmp_path / "m.bin").guaranteed
    assert guaranteed == 20
    records = []
    for i in range(100):
        words = texts[i].split()
        start = rng.randrange(200 - guaranteed)
        borrowed = " ".join(words[start : start + guaranteed])
        records.append(Record(f"leak{i}", f"{document(rng, 20)}; {borrowed.upper()} {document(rng, 20)}"))
        shorter = " ".join(words[start : start + 12])
        records.append(Record(f"clean{i}", f"{document(rng, 20)} {shorter} x{i} {document(rng, 20)}"))
    found = overlap(records, tmp_path / "m.bin")
    assert set(found.hits) == {f"leak{i}" for i in range(100)}
    assert found.share == 0.5
    assert found.to_row()["guaranteed_words"] == 20


def test_a_manifest_may_go_on_from_a_denser_one_and_not_from_a_thinner_one(tmp_path):
    rng = random.Random(9)
    before, after = [[document(rng, 200) for _ in range(60)] for _ in range(2)]
    dense = write_manifest(before, tmp_path / "dense", window=8)
    both = write_manifest(after, tmp_path / "both", window=16, onto=read_manifest(tmp_path / "dense"))
    assert both["texts"] == 120
    assert 1.3 < both["runs"] / dense["runs"] < 1.7, "half as dense"
    guaranteed = read_manifest(tmp_path / "both").guaranteed
    assert guaranteed == 28
    starts = [rng.randrange(200 - guaranteed) for _ in range(120)]
    pieces = [text.split()[at : at + guaranteed] for text, at in zip([*before, *after], starts, strict=True)]
    found = overlap(made([" ".join(piece) for piece in pieces]), tmp_path / "both")
    assert len(found.hits) == 120
    with pytest.raises(ValueError, match="no narrower"):
        write_manifest(after, tmp_path / "no", window=8, onto=read_manifest(tmp_path / "both"))


def test_unrelated_text_is_not_hit_and_short_text_only_by_its_equal(tmp_path):
    rng = random.Random(7)
    write_manifest([document(rng) for _ in range(200)] + ["good morning to you"], tmp_path / "m.bin")
    assert overlap(made([document(rng) for _ in range(300)]), tmp_path / "m.bin").hits == ()
    short = made(["Good morning, to you!", "good morning", "to you", "नमस्ते"])
    found = overlap(short, tmp_path / "m.bin")
    assert (found.hits, found.short) == (("r0",), 4)


def test_a_manifest_with_more_bits_of_each_run_is_read_as_one_with_fewer(tmp_path, monkeypatch):
    rng = random.Random(7)
    texts = [document(rng) for _ in range(60)]
    write_manifest(texts, tmp_path / "now")
    monkeypatch.setattr(leakage, "_BITS", 48)
    write_manifest(texts, tmp_path / "older")
    monkeypatch.undo()
    now, older = read_manifest(tmp_path / "now"), read_manifest(tmp_path / "older")
    assert np.array_equal(now.runs, older.runs)
    assert older.window == now.window
    assert (tmp_path / "older").stat().st_size > 1.05 * (tmp_path / "now").stat().st_size
    monkeypatch.setattr(leakage, "_BITS", 48)
    with pytest.raises(DataError, match="do not agree"):
        read_manifest(tmp_path / "now")


def test_manifest_bytes_do_not_depend_on_order_batches_or_process(tmp_path, monkeypatch):
    rng = random.Random(8)
    texts = [document(rng, rng.randrange(3, 90)) for _ in range(150)] + ["बिल संख्या: १८ राशि ₹५००"]
    write_manifest(texts, tmp_path / "a")
    monkeypatch.setattr("tunewright.data.leakage._batches", lambda texts: ([text] for text in texts))
    write_manifest(texts[::-1], tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    code = "from tunewright.data.leakage import text_key; print(text_key('बिल Bill १८'))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(other.stdout) == text_key("बिल Bill १८")


def test_empty_manifest_and_no_records(tmp_path):
    assert write_manifest([], tmp_path / "m")["runs"] == 0
    assert overlap(made(["some text"]), tmp_path / "m").share == 0
    assert overlap([], tmp_path / "m").share == 0


def test_damaged_manifest_is_refused(tmp_path):
    write_manifest(["a b c d e f g h i j k l m n o p q r s t u v"], tmp_path / "m")
    whole = (tmp_path / "m").read_bytes()
    with pytest.raises(DataError, match="cannot be read"):
        read_manifest(tmp_path / "none")
    for damaged in (b"", b"TWRUNS1\n", whole[:-4], whole.replace(b'"words": 13', b'"words": 12'), b"x" + whole):
        (tmp_path / "m").write_bytes(damaged)
        with pytest.raises(DataError, match=r"damaged|is not a manifest"):
            read_manifest(tmp_path / "m")
