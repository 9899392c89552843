from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.train.batch import Tokens, by_tokens, collate, epoch_batches, shared_prefix


def test_rows_point_at_the_token_before_each_trained_one() -> None:
    batch = collate([Tokens((5, 6, 7, 8, 9), 3), Tokens((5, 6, 4), 2)], 0, share_prefix=False)
    assert batch.input_ids.tolist() == [[5, 6, 7, 8, 9], [5, 6, 4, 0, 0]]
    assert batch.rows.tolist() == [2, 3, 5 + 1]
    assert batch.labels.tolist() == [8, 9, 4]


def test_several_replies_are_trained_and_what_stands_between_is_not() -> None:
    one = Tokens((1, 2, 3, 4, 5, 6, 7, 8), 2, gaps=((4, 6),))
    assert one.spans == ((2, 4), (6, 8))
    assert one.trained == 4
    for share in (False, True):
        batch = collate([one, Tokens((1, 9, 3), 2)], 0, share_prefix=share)
        cut = 0 if batch.prefix is None else batch.prefix.shape[1]
        assert cut == (1 if share else 0)
        time = 8 - cut
        assert [row + cut for row in batch.rows.tolist()] == [1, 2, 5, 6, time + 1]
        assert batch.labels.tolist() == [3, 4, 7, 8, 3]
    assert Tokens((1, 2, 3, 4), 1, gaps=((3, 4),)).spans == ((1, 3),)


def test_the_shared_prefix_leaves_the_predicting_token_in_its_row() -> None:
    rows = [Tokens((1, 2, 3, 4), 3), Tokens((1, 2, 3, 9), 3)]
    assert shared_prefix(rows) == 2
    batch = collate(rows, 0, share_prefix=True)
    assert batch.prefix is not None
    assert batch.prefix.tolist() == [[1, 2]]
    assert batch.input_ids.tolist() == [[3, 4], [3, 9]]
    assert batch.rows.tolist() == [0, 2]


def test_nothing_is_shared_by_one_example_or_by_different_beginnings() -> None:
    assert shared_prefix([Tokens((1, 2, 3), 2)]) == 0
    assert shared_prefix([Tokens((1, 2, 3), 2), Tokens((2, 2, 3), 2)]) == 0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 300), st.integers(0, 3)), min_size=1, max_size=200),
    st.integers(1, 17),
    st.integers(0, 5),
)
def test_every_epoch_has_every_example_once_and_as_many_batches(rows: list, size: int, epoch: int) -> None:
    lengths, keys = [a for a, _ in rows], [b for _, b in rows]
    batches = epoch_batches(lengths, keys, size, 3, epoch)
    assert sorted(i for batch in batches for i in batch) == list(range(len(rows)))
    assert all(len({keys[i] for i in batch}) == 1 and len(batch) <= size for batch in batches)
    assert len(batches) == len(epoch_batches(lengths, keys, size, 3, epoch + 1))
    assert batches == epoch_batches(lengths, keys, size, 3, epoch)


def test_epochs_differ_in_order() -> None:
    lengths, keys = list(range(100)), [0] * 100
    assert epoch_batches(lengths, keys, 4, 0, 0) != epoch_batches(lengths, keys, 4, 0, 1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 500), min_size=1, max_size=80), st.integers(1, 1000))
def test_token_budget_is_kept_unless_one_example_is_longer(lengths: list, budget: int) -> None:
    batches = by_tokens(lengths, budget)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= budget
