from __future__ import annotations

import random
from collections import Counter

from tunewright.core.records import Record
from tunewright.evals.sampling import sample
from tunewright.evals.score import slices_of


def _records(n: int = 400) -> list[Record]:
    rng = random.Random(0)
    return [
        Record(
            f"r{i}",
            "",
            {},
            language="hi" if i % 4 else "en",
            doc_type=rng.choice(["invoice", "form"]),
            provenance={
                "slice": {"wordings": rng.choice(["seen", "unseen"]), "entities": rng.choice(["seen", "unseen"])}
            },
        )
        for i in range(n)
    ]


def test_strata_keep_their_shares():
    records = _records()
    chosen = sample(records, 100)
    assert len(chosen) == 100

    def strata(some: list[Record]) -> Counter:
        return Counter((r.language, r.doc_type, slices_of(r)["cell"]) for r in some)

    whole = strata(records)
    for key, count in strata(chosen).items():
        assert abs(count - whole[key] / 4) < 1
    assert len(strata(chosen)) == len(whole)


def test_the_choice_does_not_hang_on_file_order():
    records = _records()
    shuffled = random.Random(1).sample(records, len(records))
    assert {r.id for r in sample(records, 77)} == {r.id for r in sample(shuffled, 77)}
    assert {r.id for r in sample(records, 77)} != {r.id for r in sample(records, 77, seed=1)}


def test_order_is_kept_and_small_sets_are_taken_whole():
    records = _records(50)
    chosen = [records.index(r) for r in sample(records, 20)]
    assert chosen == sorted(chosen)
    assert sample(records, 50) == records
    assert sample(records, 500) == records
