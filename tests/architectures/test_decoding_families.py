"""Every family decodes as transformers' own greedy `generate` does, token for token in fp32."""

from __future__ import annotations

import copy
import random

import pytest
import torch

import tiny_models
from tunewright.decode.engine import generate, plain
from tunewright.decode.grammar import Grammar
from tunewright.decode.lanes import supported

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string"}, "b": {"type": ["integer", "null"]}},
    "required": ["a", "b"],
}


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_free_decoding_is_transformers_generate(family: str) -> None:
    loaded = tiny_models.loaded(family, 1)
    assert supported(loaded.model)
    dice = random.Random(1)
    shared = [dice.randrange(20, 400) for _ in range(18)]
    # longer than the sliding windows of 16 and 24 tokens
    asked = [
        (shared if i % 2 else []) + [dice.randrange(20, 400) for _ in range(dice.randint(3, 45))] for i in range(6)
    ]
    stops = sorted(loaded.chat.stop_ids)
    for prompt, reply in zip(asked, generate(loaded, asked, max_new_tokens=40, batch_size=4), strict=True):
        theirs = loaded.model.generate(
            torch.tensor([prompt]), max_new_tokens=40, do_sample=False, eos_token_id=stops, pad_token_id=0
        )[0, len(prompt) :].tolist()
        assert reply.ids == [token for token in theirs if token not in stops]
        assert reply.finish == ("stop" if theirs[-1] in stops else "length")


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_grammar_decoding_is_plain_masked_greedy(family: str) -> None:
    loaded = tiny_models.loaded(family, 2)
    grammar = Grammar(loaded.tokenizer, SCHEMA, stop_ids=loaded.chat.stop_ids, head=loaded.chat.head)
    messages = [{"role": "system", "content": "Extract.\na, b"}, {"role": "user", "content": "बिल 7, Asha Verma"}]
    asked = [loaded.chat.prompt_ids(messages), loaded.chat.prompt_ids(messages[1:])]
    slow = [plain(loaded, prompt, max_new_tokens=40, grammar=grammar) for prompt in asked]
    fast = list(generate(loaded, asked, max_new_tokens=40, grammars=grammar))
    assert [r.ids for r in fast] == [r.ids for r in slow]
    assert all(grammar.accepts(reply.text) for reply in fast)
    assert all(loaded.tokenizer.decode(reply.ids).startswith(("{", " {")) for reply in fast)


def test_models_without_ragged_batches_are_decoded_row_by_row() -> None:
    from transformers import AutoModelForCausalLM, BloomConfig

    loaded = tiny_models.loaded("gpt2")
    torch.manual_seed(0)
    config = BloomConfig(vocab_size=len(loaded.tokenizer), hidden_size=32, n_layer=2, n_head=4)
    loaded.model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    assert not supported(loaded.model)
    [reply] = generate(loaded, [[30, 40, 50]], max_new_tokens=8)
    theirs = loaded.model.generate(torch.tensor([[30, 40, 50]]), max_new_tokens=8, do_sample=False, pad_token_id=0)
    assert reply.ids == theirs[0, 3:].tolist()


def test_a_sequence_whose_angles_change_on_the_way_is_decoded_by_itself() -> None:
    """LongRoPE (Phi-3.5 and 4 mini): beyond a length all positions are turned otherwise, those read before as well."""
    from transformers import AutoModelForCausalLM

    turning = 32
    loaded = tiny_models.loaded("phi3", 1)
    config = copy.deepcopy(loaded.model.config)
    config.sliding_window = None
    config.original_max_position_embeddings = turning
    config.rope_parameters = {
        "rope_type": "longrope",
        "rope_theta": 10000.0,
        "partial_rotary_factor": 1.0,
        "original_max_position_embeddings": turning,
        "short_factor": [1.0] * 4,
        "long_factor": [1.0, 2.0, 4.0, 8.0],
    }
    state = loaded.model.state_dict()
    loaded.model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    loaded.model.load_state_dict(state)
    assert supported(loaded.model, turning)
    assert not supported(loaded.model, turning + 1)
    assert not supported(loaded.model)
    dice = random.Random(4)
    asked = [[dice.randrange(20, 400) for _ in range(length)] for length in (12, 20, 40)]
    for prompt, reply in zip(asked, generate(loaded, asked, max_new_tokens=30), strict=True):
        theirs = loaded.model.generate(torch.tensor([prompt]), max_new_tokens=30, do_sample=False, pad_token_id=0)
        assert [*prompt, *reply.ids] == [t for t in theirs[0].tolist() if t not in loaded.chat.stop_ids]
    # the check can fail: read on with the keys from before, and other tokens come out
    loaded.model.config.rope_parameters = {**config.rope_parameters, "rope_type": "default"}
    assert supported(loaded.model, 60)
    wrong = [reply.ids for reply in generate(loaded, asked, max_new_tokens=30)]
    loaded.model.config.rope_parameters = {**config.rope_parameters, "rope_type": "longrope"}
    assert wrong != [reply.ids for reply in generate(loaded, asked, max_new_tokens=30)]
