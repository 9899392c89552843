from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny_models
from tunewright.models.rows import by_tokens
from tunewright.train.batch import FAMILY, GRAIN, Batch, Tokens, collate, epoch_batches, families, shared_prefix
from tunewright.train.loss import loss_sum
from tunewright.train.pointers import Pointing, watching


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


def test_lengths_are_whole_grains_that_the_model_reads() -> None:
    rows = [Tokens((*range(1, 41), last, 5), 41) for last in (3, 4)]
    for context, prefix, time in ((None, 40, 2), (200, 32, 16), (45, 32, 13), (42, 32, 10), (8, 32, 10)):
        batch = collate(rows, 0, share_prefix=True, context=context)
        assert batch.prefix is not None
        assert (batch.prefix.shape[1], batch.input_ids.shape[1]) == (prefix, time)
        assert batch.labels.tolist() == [5, 5]
        assert batch.input_ids.reshape(-1)[batch.rows].tolist() == [3, 4]


def test_nothing_is_shared_by_one_example_or_by_different_beginnings() -> None:
    assert shared_prefix([Tokens((1, 2, 3), 2)]) == 0
    assert shared_prefix([Tokens((1, 2, 3), 2), Tokens((2, 2, 3), 2)]) == 0


def ragged(share_prefix: bool) -> Batch:
    """Five rows of different lengths with a common beginning, copied tokens and linked ones."""
    made = []
    for i in range(5):
        ids = (7, 8, 9, *range(10 + i, 20 + 2 * i))
        links = ((4, (1,), 1.0), (5, (0,), 0.5)) if i != 1 else ()
        made.append(Tokens(ids, 7 + i % 3, ((8 + i % 3, (3, 4)), (9, (4,))) if i != 2 else (), links))
    return collate(made, 0, share_prefix=share_prefix)


@pytest.mark.parametrize("share_prefix", [False, True])
@pytest.mark.parametrize("parts", [1, 2, 3, 5, 9])
def test_the_parts_of_a_batch_add_up_to_it(parts: int, share_prefix: bool) -> None:
    whole = ragged(share_prefix)
    model, pointing = tiny_models.model("wren"), [Pointing(0, 1, 0.5), Pointing(1, 0, 0.7, "links")]

    def losses(batches: list[Batch]) -> list[float]:
        with torch.no_grad(), watching(model) as seen:
            found = [
                [float(loss_sum(model, batch)), *(float(one.loss_sum(seen, batch)) for one in pointing)]
                for batch in batches
            ]
        return [sum(column) for column in zip(*found, strict=True)]

    cut = whole.split(parts)
    sizes = [len(part.input_ids) for part in cut]
    assert len(cut) == min(parts, 5)
    assert sum(sizes) == 5
    assert max(sizes) - min(sizes) <= 1
    assert torch.equal(torch.cat([part.input_ids for part in cut]), whole.input_ids)
    assert torch.equal(torch.cat([part.labels for part in cut]), whole.labels)
    assert all(part.prefix is whole.prefix for part in cut)
    assert losses(cut) == pytest.approx(losses([whole]), rel=1e-5)
    if parts == 2:
        assert losses(cut[:1]) != pytest.approx(losses([whole]), rel=1e-2), "a part alone is not the whole"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 300), st.integers(0, 3)), min_size=1, max_size=200),
    st.integers(1, 17),
    st.integers(0, 5),
)
def test_every_epoch_has_every_example_once_and_as_many_batches(rows: list, size: int, epoch: int) -> None:
    lengths, numbers = [a for a, _ in rows], [b for _, b in rows]
    batches = epoch_batches(lengths, numbers, size, 3, epoch)
    assert sorted(i for batch in batches for i in batch) == list(range(len(rows)))
    assert all(len({numbers[i] for i in batch}) == 1 and len(batch) <= size for batch in batches)
    assert len(batches) == len(epoch_batches(lengths, numbers, size, 3, epoch + 1))
    assert batches == epoch_batches(lengths, numbers, size, 3, epoch)


def test_epochs_differ_in_order() -> None:
    lengths, numbers = list(range(100)), [0] * 100
    assert epoch_batches(lengths, numbers, 4, 0, 0) != epoch_batches(lengths, numbers, 4, 0, 1)


def _asked(beginning: tuple[int, ...], count: int, first: int) -> list[Tokens]:
    """Examples that begin alike and go on each in another way."""
    return [Tokens((*beginning, 1000 + first + i, 3), len(beginning) + 1) for i in range(count)]


def test_families_are_those_that_begin_alike_for_longest() -> None:
    system, wording, keys = (7,) * 2, (8,) * GRAIN, (9,) * (3 * GRAIN)
    long = _asked((*system, *wording, *keys), FAMILY, 0)
    short = _asked((*system, *wording), FAMILY, 100)
    other = _asked((*system, 5), FAMILY, 200)
    found = families([*long, *short, *other], 4)
    assert [len(set(found[i : i + FAMILY])) for i in range(0, len(found), FAMILY)] == [1, 1, 1]
    assert len(set(found)) == 3
    assert found[-1] == 0, "what begins alike for less than a grain is not parted off"
    assert len(set(families([*long, *short], FAMILY))) == 1, "each alone has not enough for two such batches"
    few = families([*long[1:], *short], 4)
    assert len(set(few)) == 1, "one too few: they stay with those that begin alike for less"
    assert families([], 4) == []


def test_batches_of_families_put_less_through_the_model() -> None:
    rows = [*_asked((8,) * 64, 96, 0), *_asked((8,) * 20 + (9,) * 44, 96, 100)]
    lengths = [len(one.ids) for one in rows]

    def seen(numbers: list[int]) -> int:
        order = epoch_batches(lengths, numbers, 16, 0, 0)
        return sum(collate([rows[i] for i in some], 0, share_prefix=True).seen for some in order)

    assert seen(families(rows, 16)) < 0.5 * seen([0] * len(rows))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(1, 2), min_size=3, max_size=60), max_size=150), st.integers(1, 40))
def test_a_family_has_enough_and_begins_alike(ids: list, size: int) -> None:
    rows = [Tokens(tuple(one), len(one) - 1) for one in (*ids, *[[1] * 40] * 70)]
    found = families(rows, size)
    members = [[one for one, number in zip(rows, found, strict=True) if number == key] for key in set(found) - {0}]
    assert all(shared_prefix(some) >= GRAIN for some in members)
    assert members or size > 35


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 500), min_size=1, max_size=80), st.integers(1, 1000))
def test_token_budget_is_kept_unless_one_example_is_longer(lengths: list, budget: int) -> None:
    batches = by_tokens(lengths, budget)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= budget
