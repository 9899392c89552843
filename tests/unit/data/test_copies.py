"""How much of a text stands in another one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.data.copies import SIZE, Copies, runs

TEXTS = st.lists(st.text(alphabet="abc ", max_size=20), max_size=12)


def test_the_share_of_word_triples_that_one_text_has():
    known = Copies(["we met in the park on Sunday", "the park was open", "nothing of it"])
    assert known.nearest("We met, in the PARK on sunday!") == (1.0, 0)
    assert known.nearest("in the park on Monday then") == (2 / 4, 0)
    assert known.nearest("a long road home") == (0.0, None)
    # Pieces of several texts do not add up: each is looked at alone.
    assert known.nearest("met in the park was open")[0] == 2 / 4


def test_a_part_of_a_long_text_is_a_copy_and_a_long_text_with_a_known_part_is_less_of_one():
    known = Copies(["one two three four five six seven eight"])
    assert known.nearest("three four five six")[0] == 1.0
    assert known.nearest("three four five six and then something else")[0] == 2 / 6


def test_short_texts_equal_only_each_other():
    known = Copies(["oh yes", "well then we go"])
    assert known.nearest("Oh, yes.") == (1.0, 0)
    assert known.nearest("well then") == (0.0, None)
    assert known.nearest("...") == (0.0, None)
    assert runs("") == runs("?!") == {()}


def test_a_copy_has_as_much_in_common_as_eight_words_in_a_row():
    said = "we could put the big round button on top of the remote control"
    known = Copies([said, "i think that is fine"])
    whole = said.split()
    assert known.copied(" ".join(whole[:8]), 0.5) == (1.0, True)
    assert known.copied(" ".join(whole[:7]), 0.5) == (1.0, False)  # many say seven words alike
    assert known.copied("i think that is fine", 0.5) == (1.0, False)
    assert known.copied(" ".join([*whole[:7], "or", "what"]), 0.5) == (5 / 7, False)
    assert known.copied(" ".join([*whole[:8], "or", "what", "say", "you", "all", "of"]), 0.5) == (6 / 12, True)
    assert known.copied(" ".join([*whole[:8], *["or", "what", "say", "you", "all", "of", "you"]]), 0.5) == (
        6 / 13,
        False,
    )
    assert known.copied("nothing", 0.5) == (0.0, False)


def test_runs_of_other_sizes_and_words():
    known = Copies(["one, two three four"], size=2, of=str.split)
    assert known.nearest("one two three") == (0.5, 0)
    assert known.nearest("one, two three") == (1.0, 0)


def test_words_of_any_script_count():
    known = Copies(["मैं कल बाज़ार गया था", "x y z"])
    assert known.nearest("कल बाज़ार गया")[0] == 1.0


@settings(deadline=None)
@given(TEXTS, st.text(alphabet="abc ", max_size=20))
def test_the_index_finds_what_a_comparison_with_each_finds(texts, asked):
    known, own = Copies(texts), runs(asked)
    shares = [len(own & runs(text)) / len(own) for text in texts]
    best = max(shares, default=0.0)
    assert known.nearest(asked) == (best, shares.index(best) if best else None)
    assert len(known) == len(texts)
    assert all(len(run) <= SIZE for run in own)
