"""Several domains: no document of one is tested that another trains on; the joint training is as long for each."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tunewright.core import files, recipe_file
from tunewright.core.errors import RunError, UsageError
from tunewright.core.run import Run
from tunewright.flow import domains, job


def asked(folder: Path, name: str, first: int, last: int) -> Run:
    """A run whose questions are those of some numbers, each about a thing of its own."""
    rows = [
        {"question": f"Who lives in house {n} of street {n * 7}?", "answer": f"person {n * 11}"}
        for n in range(first, last)
    ]
    files.write_lines(folder / f"{name}.jsonl", rows)
    sets = [f"name={name}", f"data.source={folder / name}.jsonl", "data.train_splits=[]", "data.test_splits=[]"]
    job.run(recipe_file.read("medical-qa", sets, environment={}), runs=folder, name=name, until="data")
    return Run.open(folder / name)


def test_a_document_that_another_domain_trains_on_is_found(tmp_path: Path) -> None:
    one, other = asked(tmp_path, "one", 0, 60), asked(tmp_path, "other", 60, 120)
    domains.apart([one, other])
    same = asked(tmp_path, "same", 30, 90)
    with pytest.raises(RunError, match=r"test documents of '(one|same)' are trained on by '(same|one)'"):
        domains.apart([one, same])


@pytest.mark.parametrize("passes", [0.2, 1.0, 1.5, 3.0])
def test_every_example_comes_as_often_as_alone(passes: float) -> None:
    given = list(range(40))
    counts = Counter(domains.as_often(given, passes, 3))
    assert counts.total() == round(40 * passes)
    assert max(counts.values()) - min(counts.get(one, 0) for one in given) <= 1
    assert domains.as_often(given, passes, 3) == domains.as_often(given, passes, 3)
    assert domains.as_often([], passes, 3) == []


def test_ranks_that_differ_are_refused_before_anything_is_trained() -> None:
    one = recipe_file.read("medical-qa", [], environment={})
    other = recipe_file.read("finance-qa", ["method.lora_r=8"], environment={})
    with pytest.raises(UsageError, match="ranks 8 and 32 have no linear and no ties blend"):
        domains.Study.of([one, other], ["linear", "cat", "ties"])
    assert domains.Study.of([one, other], ["cat"]).blends == ("cat",)
