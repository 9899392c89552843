"""What is forgotten: bits per byte of texts that nobody trains on, before and after."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import stdtrit

import tiny_models
from tunewright.evals import forgetting


def test_general_text_is_of_two_languages() -> None:
    texts = forgetting.prose()
    assert len(texts) == len(set(texts)) == 20
    assert sum("।" in text for text in texts) == 8


def test_bits_per_byte_of_a_model_that_knows_nothing_are_those_of_its_vocabulary() -> None:
    loaded = tiny_models.loaded("gpt2")
    flat = copy.deepcopy(loaded.model)
    with torch.no_grad():
        flat.get_output_embeddings().weight.zero_()
    found = forgetting.measure(replace(loaded, model=flat), "somebody/else")
    assert list(found) == ["general text"]
    texts = forgetting.prose()
    for (bits, size), text in zip(found["general text"], texts, strict=True):
        tokens = len(loaded.tokenizer(text)["input_ids"]) - 1
        assert size == len(text.encode())
        assert bits == pytest.approx(tokens * math.log2(flat.config.vocab_size), rel=1e-5)


def test_a_difference_of_every_text_is_shown_and_none_is_not() -> None:
    before = [(100.0 + i, 50 + i) for i in range(20)]
    worse = forgetting.compare(before, [(bits * 1.2, size) for bits, size in before], level=0.95)
    assert worse["low"] > 0
    assert worse["difference"] == pytest.approx(worse["after"] - worse["before"])
    mixed = [(bits + (5 if i % 2 else -5), size) for i, (bits, size) in enumerate(before)]
    same = forgetting.compare(before, mixed, level=0.95)
    assert same["low"] < 0 < same["high"]
    assert worse["p"] < 0.05 < same["p"]


def test_an_interval_of_few_texts_is_as_wide_as_students() -> None:
    """Twenty texts of one size: the interval of their mean difference is Student's, not a narrower one."""
    draw = np.random.default_rng(3).normal(0, 1, 20)
    found = forgetting.compare([(100.0, 50)] * 20, [(100.0 + one, 50) for one in draw], level=0.95, resamples=20_000)
    half = stdtrit(19, 0.975) * draw.std(ddof=1) / math.sqrt(20) / 50
    assert (found["high"] - found["low"]) / 2 == pytest.approx(half, rel=0.04)


def test_other_texts_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="the same texts"):
        forgetting.compare([(1.0, 2)], [(1.0, 3)], level=0.95)
