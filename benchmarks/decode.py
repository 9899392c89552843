"""Decoding against transformers' `generate`, in one run on this machine.

    python benchmarks/decode.py [--documents 64] [--batch-size 64] [--rounds 3] [--json]

The model is a random Llama (width 256, 8 layers, 8 heads, vocabulary 6,144, in the precision `load` would choose). A random
model cannot extract, so for the second table both sides are told the right answer: its next token gets the highest
score, after all computing is done. Acceptance of drafts is then that of a perfect model, and the texts are alike.
Seconds are processor seconds, so that other work on the machine does not count.

free: 70 tokens, nothing stops them. grammar: the invoice's JSON under its schema's grammar; transformers gets the same
grammar as a logits processor. Best of the rounds, sides in turn.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llguidance
import torch
import transformers
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, LogitsProcessor, PreTrainedTokenizerFast

from tunewright.core.recipe import TaskOptions
from tunewright.core.records import Record
from tunewright.decode import engine
from tunewright.decode.grammar import Grammar
from tunewright.decode.lanes import Lanes, Reader
from tunewright.models.chat import Chat
from tunewright.models.load import Loaded, best_dtype
from tunewright.tasks.extraction import Extraction

SPECIALS = ["<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
KEYS = ("invoice_number", "customer_name", "date", "total_amount")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {key: {"type": ["string", "null"]} for key in KEYS},
    "required": list(KEYS),
    "additionalProperties": False,
}
_PARTS = (  # noqa: SIM905
    "ka ki ku ra ri ta ti mo no la lo sha va vi pra deh gan su na me po zu xi be dar fen gol hu jin "
    "राम कु मार शर् मा वि जय"
).split()


def _word(dice: random.Random) -> str:
    return "".join(dice.choice(_PARTS) for _ in range(dice.randint(1, 3)))


def document(dice: random.Random) -> Record:
    """An invoice of a few dozen words among other lines."""
    name = f"{_word(dice).title()} {_word(dice).title()}"
    number = f"INV-{dice.randint(2000, 2030)}-{dice.randint(1, 99999):05d}"
    date = f"{dice.randint(1, 28):02d}/{dice.randint(1, 12):02d}/{dice.randint(2000, 2030)}"
    total = f"{dice.randint(10, 99999)}.{dice.randint(0, 99):02d}"
    lines = [
        f"Invoice no: {number}",
        f"Billed to {name}",
        f"Dated {date}",
        f"Grand total Rs {total}" if dice.random() < 0.9 else "",
    ]
    lines += [
        f"{_word(dice)} {_word(dice)} {dice.randint(1, 50)} x {dice.randint(1, 999)}.{dice.randint(0, 99):02d}"
        for _ in range(9)
    ]
    dice.shuffle(lines)
    value = {
        "invoice_number": number,
        "customer_name": name,
        "date": date,
        "total_amount": total if any("Grand" in x for x in lines) else None,
    }
    return Record(id=str(dice.random()), text="\n".join(lines), target=value)


def make(documents: int, layers: int, width: int) -> tuple[Loaded, list[list[int]], list[list[int]]]:
    """The random model, prompts, and right answers as token ids."""
    dice = random.Random(0)
    task = Extraction(TaskOptions.model_validate({"json_schema": SCHEMA}))
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\d|\s|[\p{L}\p{M}]+|[^\s\p{L}\p{M}\d]"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    raw.decoder = decoders.ByteLevel()
    corpus = [task.example(document(dice)) for _ in range(3000)]
    texts = [text for example in corpus for text in (example.messages[-1]["content"], example.completion)]
    trainer = trainers.BpeTrainer(
        vocab_size=6144,
        special_tokens=SPECIALS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<|end|>", pad_token="<|pad|>")
    tokenizer.chat_template = TEMPLATE
    config = LlamaConfig(
        vocab_size=6144,
        hidden_size=width,
        intermediate_size=width * 8 // 3 // 32 * 32,
        num_hidden_layers=layers,
        num_attention_heads=8,
        num_key_value_heads=8,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        eos_token_id=1,
        pad_token_id=0,
        bos_token_id=None,
    )
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = LlamaForCausalLM(config).to(dtype=best_dtype(device), device=device).eval()
    weights = list(model.parameters())
    loaded = Loaded(
        model=model,
        tokenizer=tokenizer,
        chat=Chat(tokenizer),
        name="random",
        parameters=sum(p.numel() for p in weights),
        bytes=sum(p.numel() * p.element_size() for p in weights),
        path=Path("."),
    )
    records = [document(dice) for _ in range(documents)]
    examples = [task.example(record) for record in records]
    prompts = [loaded.chat.prompt_ids(example.messages) for example in examples]
    answers = [loaded.chat.reply_ids(example.completion) for example in examples]
    return loaded, prompts, answers


class Script:
    """What comes next after a prompt and a part of its answer."""

    def __init__(self, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]):
        self.known = {tuple(prompt[-60:]): list(answer) for prompt, answer in zip(prompts, answers, strict=True)}
        self.lengths = {tuple(prompt[-60:]): len(prompt) for prompt in prompts}
        self.of_lane: dict[int, tuple[int, list[int]]] = {}

    def admit(self, lane: int, tokens: Sequence[int], start: int) -> None:
        """A lane reads a prompt's end: from now on its answer is the prompt's."""
        if 4 in tokens and tokens[0] != 4:  # the assistant's mark ends the prompt
            end = len(tokens) - tokens[::-1].index(4)
            key = tuple(tokens[end - 60 : end])
            if key in self.known:
                self.of_lane[lane] = (start + end, self.known[key])

    def token(self, lane: int, position: int) -> int:
        """The right token after the one at `position` of a lane."""
        first, answer = self.of_lane.get(lane, (position + 1, [1]))
        return answer[min(max(position + 1 - first, 0), len(answer) - 1)]


class ScriptedReader(Reader):
    script: Script

    def __call__(
        self,
        lanes: Lanes,
        rows: Sequence[int],
        tokens: Sequence[Sequence[int]],
        starts: Sequence[int],
        wanted: Sequence[tuple[int, int]],
    ) -> torch.Tensor:
        scores = super().__call__(lanes, rows, tokens, starts, wanted)
        for lane, read, start in zip(rows, tokens, starts, strict=True):
            if len(read) > 60:
                self.script.admit(lane, list(read), start)
        right = [self.script.token(rows[i], starts[i] + step) for i, step in wanted]
        if right:
            scores[torch.arange(len(right)), torch.tensor(right, device=scores.device)] = 100.0
        return scores


def _follow_lanes(script: Script) -> None:
    """Lanes are renumbered when a batch shrinks: the script follows."""
    keep = Lanes.keep

    def keeping(self: Lanes, rows: Sequence[int]) -> None:
        script.of_lane = {new: script.of_lane[old] for new, old in enumerate(rows) if old in script.of_lane}
        keep(self, rows)

    Lanes.keep = keeping  # type: ignore[method-assign]


class ScriptedMask(LogitsProcessor):
    """transformers' side: the same script, then the grammar's mask, row by row."""

    def __init__(self, grammar: Grammar, answers: Sequence[Sequence[int]], length: int):
        self.matchers = [grammar.matcher() for _ in answers]
        self.words, self.answers, self.length = grammar.vocabulary, answers, length
        self.open = [True] * len(answers)

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        step = input_ids.shape[1] - self.length
        for row, answer in enumerate(self.answers):
            scores[row, answer[min(step, len(answer) - 1)]] = 100.0
            if step and self.open[row]:
                last = int(input_ids[row, -1])
                self.open[row] = last != 1 and self.matchers[row].consume_token(last)
            if self.open[row]:
                mask = torch.from_numpy(self.words.mask(self.matchers[row]))
                scores[row, : len(mask)].masked_fill_(~mask.to(scores.device), -torch.inf)
        return scores


def theirs(
    loaded: Loaded, prompts: list[list[int]], batch: int, budget: int, grammar: Grammar | None, answers: list[list[int]]
) -> tuple[list[list[int]], int]:
    """transformers.generate, batches sorted by length, padded left. Returns replies and forward passes."""
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    replies: list[list[int]] = [[] for _ in prompts]
    passes = 0
    for first in range(0, len(order), batch):
        part = order[first : first + batch]
        length = max(len(prompts[i]) for i in part)
        ids = torch.tensor([[0] * (length - len(prompts[i])) + prompts[i] for i in part], device=loaded.device)
        mask = torch.tensor(
            [[0] * (length - len(prompts[i])) + [1] * len(prompts[i]) for i in part], device=loaded.device
        )
        processors = [ScriptedMask(grammar, [answers[i] for i in part], length)] if grammar else []
        with torch.inference_mode():
            output = loaded.model.generate(
                ids,
                attention_mask=mask,
                max_new_tokens=budget,
                do_sample=False,
                eos_token_id=1 if grammar else None,
                pad_token_id=0,
                logits_processor=processors,
            )
        passes += output.shape[1] - length
        for row, i in enumerate(part):
            reply = output[row, length:].tolist()
            replies[i] = reply[: reply.index(1)] if grammar and 1 in reply else reply
    return replies, passes


def ours(
    loaded: Loaded, prompts: list[list[int]], batch: int, budget: int, grammar: Grammar | None, drafts: bool
) -> tuple[list[list[int]], int]:
    counted = 0
    forward = loaded.model.forward

    def count(*arguments: Any, **named: Any) -> Any:
        nonlocal counted
        counted += 1
        return forward(*arguments, **named)

    loaded.model.forward = count
    try:
        replies = engine.generate(
            loaded, prompts, max_new_tokens=budget, grammars=grammar, batch_size=batch, drafts=drafts
        )
        return [reply.ids for reply in replies], counted
    finally:
        del loaded.model.forward


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    loaded, prompts, answers = make(options.documents, options.layers, options.width)
    grammar = Grammar(loaded.tokenizer, SCHEMA)
    never = Loaded(**{name: getattr(loaded, name) for name in Loaded.__dataclass_fields__})
    never.chat = Chat(loaded.tokenizer)
    never.chat.stop_ids = frozenset()
    size = options.batch_size
    bare, scripted = engine.Reader, ScriptedReader
    ScriptedReader.script = Script(prompts, answers)
    _follow_lanes(ScriptedReader.script)
    sides: dict[str, Any] = {
        "free/transformers": lambda: theirs(loaded, prompts, size, 70, None, answers),
        "free/tunewright": lambda: ours(never, prompts, size, 70, None, False),
        "free/tunewright+drafts": lambda: ours(never, prompts, size, 70, None, True),
        "grammar/transformers": lambda: theirs(loaded, prompts, size, 160, grammar, answers),
        "grammar/tunewright": lambda: ours(loaded, prompts, size, 160, grammar, False),
        "grammar/tunewright+drafts": lambda: ours(loaded, prompts, size, 160, grammar, True),
    }
    best: dict[str, tuple[float, int, int]] = {}
    right: dict[str, float] = {}
    for _ in range(options.rounds):
        for name, side in sides.items():
            engine.Reader = scripted if name.startswith("grammar") else bare  # type: ignore[misc]
            # processor time: what else runs on the machine does not count
            started = time.process_time()
            replies, passes = side()
            seconds = time.process_time() - started
            tokens = sum(len(reply) for reply in replies)
            print(f"{name}: {seconds:.2f} s", file=sys.stderr, flush=True)
            if name not in best or seconds < best[name][0]:
                best[name] = (seconds, passes, tokens)
            if name.startswith("grammar"):
                right[name] = sum(r == a[:-1] for r, a in zip(replies, answers, strict=True)) / len(answers)
    rows = [
        {
            "side": name,
            "seconds": round(seconds, 3),
            "passes": passes,
            "tokens": tokens,
            "tokens_per_second": round(tokens / seconds),
            "documents_per_second": round(len(prompts) / seconds, 1),
            "times_transformers": round(best[name.split("/")[0] + "/transformers"][0] / seconds, 2),
            "as_scripted": right.get(name),
        }
        for name, (seconds, passes, tokens) in best.items()
    ]
    lengths = sorted(len(prompt) for prompt in prompts)
    setting = {
        "documents": len(prompts),
        "batch_size": size,
        "prompt_tokens": f"{lengths[0]}..{lengths[-1]}, median {lengths[len(lengths) // 2]}",
        "parameters": loaded.parameters,
        "dtype": str(loaded.dtype),
        "device": str(loaded.device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "llguidance": llguidance.__version__,
    }
    if options.json:
        print(json.dumps({"setting": setting, "rows": rows}, indent=1))
        return
    print(", ".join(f"{key} {value}" for key, value in setting.items()))
    for row in rows:
        print(
            f"{row['side']:28} {row['seconds']:8.2f} s {row['passes']:6} passes {row['tokens_per_second']:7} tokens/s "
            f"{row['documents_per_second']:7} documents/s  {row['times_transformers']}x"
            + (f"  {row['as_scripted']:.0%} as scripted" if row["as_scripted"] is not None else "")
        )


if __name__ == "__main__":
    main()
