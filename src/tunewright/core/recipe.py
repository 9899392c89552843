"""The recipe: every choice of a run in one strict, typed page.

This module holds the models and so the only place of every default. Reading YAML with line numbers, `--set`
and the JSON Schema for editors stand in `core.recipe_file`.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from tunewright.core.errors import did_you_mean

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[int, Field(ge=1)]


class Options(BaseModel):
    """A strict page of a recipe: unknown keys are errors, values do not change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


LayoutName = Literal[
    "auto",
    "record",
    "messages",
    "sharegpt",
    "alpaca",
    "prompt_completion",
    "prompt_reference",
    "question_answer",
    "paper",
    "labelled",
    "text",
]
NOISE_GRADES = ("none", "light", "medium", "heavy")


INSTRUCTIONS: dict[str, str] = {
    "conversation": "",
    "text_to_json": "",
    "question_answering": "Answer the question.",
    "labelled_text": "",
}
"""Default instructions of tasks that are not extraction."""

TEXT_TASKS = ("conversation", "question_answering", "labelled_text")
"""Tasks that answer with text: no schema, so no grammar to hold an answer to."""

UNSCORED_TASKS = ("labelled_text",)
"""Tasks whose answers have no right one: systems write none, and are compared by how likely they find the real ones."""


class TaskOptions(Options):
    """What the job is."""

    name: str = Field(
        "extraction",
        description="Kind of task: extraction, text_to_json, question_answering, conversation, labelled_text; or one "
        "of your own (--code).",
    )
    json_schema: dict[str, Any] | str | None = Field(
        None, description="JSON Schema of the answer: inline or a file. None: the data's own, by doc_type."
    )
    instruction: str = Field(
        "Extract these fields as JSON. Use null for what the document does not give.",
        description="First line of the system message; of questions and conversations all of it. By default a "
        "conversation has none.",
    )
    schema_style: Literal["keys", "json_schema", "example"] = Field(
        "keys", description="How the schema stands in the prompt: bare keys, the whole JSON Schema, or an example."
    )

    prompts: tuple[str, ...] = Field(
        ("{text}",),
        min_length=1,
        description="text_to_json: what the user may say, with {text} and, where the prompt names what it wants, "
        "{keys}, {schema} or {example}. Every record of train gets one; the first is asked where nobody chooses.",
    )
    test_prompts: tuple[str, ...] = Field(
        (), description="text_to_json: those that are kept for testing; empty: `prompts`, too."
    )

    roles: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(
        {},
        description="labelled_text: label → system messages that training shows with its texts, one drawn for each "
        "record; none for any label, or for every one of them. What is asked for later has a neutral one.",
    )
    neutral_roles: tuple[str, ...] = Field(
        ("You write down what people say, word for word.",),
        min_length=1,
        description="labelled_text: system messages that say nothing of the label.",
    )
    neutral_share: Share = Field(
        0.25,
        description="labelled_text: share of the training records that have a neutral role as well, so that it is not "
        "new to the model later.",
    )
    request: str = Field(
        "Label: {label}\nWords: {words}",
        description="labelled_text: the user's message, with {label} and, where lengths are asked for, {words}.",
    )

    @model_validator(mode="before")
    @classmethod
    def _own_instruction(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        own = {"instruction": INSTRUCTIONS[given["name"]]} if given.get("name") in INSTRUCTIONS else {}
        # Behind a validator JSON's lists are no longer taken for tuples.
        named = ("prompts", "test_prompts", "neutral_roles")
        lists: dict[str, Any] = {key: tuple(given[key]) for key in named if isinstance(given.get(key), list)}
        if isinstance(roles := given.get("roles"), dict):
            lists["roles"] = {key: tuple(one) if isinstance(one, list) else one for key, one in roles.items()}
        return {**own, **given, **lists}

    @field_validator("request")
    @classmethod
    def _label_in_it(cls, request: str) -> str:
        if "{label}" not in request or not set(re.findall(r"{(\w*)}", request)) <= {"label", "words"}:
            raise ValueError(f"a request with {{label}}, perhaps {{words}}, and no other braces, unlike {request!r}")
        return request

    @field_validator("prompts", "test_prompts")
    @classmethod
    def _places(cls, prompts: tuple[str, ...]) -> tuple[str, ...]:
        for prompt in prompts:
            if prompt.count("{text}") != 1:
                raise ValueError(f"prompts that have {{text}} once, unlike {prompt!r}")
        return prompts


SYNTH_DOCUMENTS = 10_000
"""How many documents are synthesised where the recipe does not say."""


AUGMENTATIONS = ("prompt", "keys", "values", "noise", "together", "front", "head", "mixed", "mixed_head")


def _shares_of(names: tuple[str, ...], given: dict[str, float]) -> dict[str, float]:
    if not set(given) <= set(names) or min(given.values(), default=0) < 0 or not sum(given.values()) > 0:
        raise ValueError(f"shares of {', '.join(names)}, none below 0 and not all 0")
    return given


class AugmentOptions(Options):
    """Further records made of those of train, each of them still right by construction and looked at again."""

    copies: float = Field(0.0, ge=0, description="Records made of each record of train, on average; 0: none.")
    ways: dict[str, float] = Field(
        {"prompt": 0.15, "keys": 0.2, "values": 0.4, "noise": 0.15, "together": 0.1},
        description="Shares of what is done. prompt: asked in other words. keys: asked for some of its keys, in other "
        "orders. values: with other records' values, in text and answer. noise: other words, case and spelling around "
        "its values. together: two records as one. front: a paper with its title page set otherwise. "
        "head: the same, or as it is, cut behind what it is asked for, which is all but the abstract. mixed: a paper "
        "as it is, with the title, names, journal and DOI of others. mixed_head: a head of such a paper.",
    )
    key_sets: Positive = Field(24, description="How many choices of keys there are for each type of record.")

    @field_validator("ways")
    @classmethod
    def _shares(cls, ways: dict[str, float]) -> dict[str, float]:
        return _shares_of(AUGMENTATIONS, ways)


CodeStyle = Literal["keep", "words", "drop"]


class CodeOptions(Options):
    """How the codes of CHAT transcripts are written in the text. keep: as CHAT writes them. words: as it was heard.
    drop: as if it had not happened.
    """

    all: CodeStyle = Field("words", description="Every kind that is not set itself.")
    pauses: CodeStyle | None = Field(None, description="`(.)`, `(..)`, `(1.5)`. words: `...`.")
    fillers: CodeStyle | None = Field(None, description="`&-um`. words: `um`.")
    fragments: CodeStyle | None = Field(None, description="`&+fr`, `&~gub`. words: `fr`, `gub`.")
    repetitions: CodeStyle | None = Field(
        None, description="`<the boy> [/] the boy`, `no [x 3]`. words: said again. drop: said once."
    )
    retracings: CodeStyle | None = Field(
        None, description="`<the boy> [//] the girl`, a false start `[/-]`. words: both. drop: the correction alone."
    )
    reformulations: CodeStyle | None = Field(None, description="`<it was> [///] I saw`. As retracings.")
    unintelligible: CodeStyle | None = Field(None, description="`xxx`, `yyy`, `www`. words: `[unintelligible]`.")
    endings: CodeStyle | None = Field(
        None,
        description="Trailing off `+...`, interruptions `+/.` and `+//.`. words: `...` and `—`. drop: `.`, or `?` of a "
        "question. Not kept, marks stand at their words without a space.",
    )
    events: CodeStyle | None = Field(None, description="`&=laughs`, `[=! whispers]`. words: `[laughs]`.")
    replacements: CodeStyle | None = Field(None, description="`gonna [: going to]`. words: `gonna`. drop: `going to`.")
    shortenings: CodeStyle | None = Field(None, description="`(be)cause`. words: `cause`. drop: `because`.")
    errors: CodeStyle | None = Field(None, description="`slip [* p:w]`. words, drop: `slip`.")
    marks: CodeStyle | None = Field(
        None,
        description="What else is noted on words: `[?]`, `[= …]`, `[>]`, `[+ gram]`, `goo@o`, `bana:na`, `ice+cream`, "
        "omitted `0is`, `+<`. words, drop: the words alone.",
    )

    def of(self, kind: str) -> CodeStyle:
        """How one kind is written."""
        own: CodeStyle | None = getattr(self, kind)
        return own or self.all


class TranscriptOptions(Options):
    """How CHAT transcripts (.cha) become records."""

    unit: Literal["turn", "participant", "transcript"] = Field(
        "participant",
        description="A record is a turn (one speaker's utterances up to another's), all that a participant says in one "
        "transcript, or the whole transcript, a line for each turn behind its speaker.",
    )
    speakers: tuple[str, ...] = Field(
        (),
        description="Whose turns: codes (PAR) or roles (Participant); empty: who is under study, by role (Participant, "
        "Target_Child, Target_Adult, Patient, Subject), or by code (PAR, CHI).",
    )
    minimum_words: Positive = Field(1, description="Records of fewer words are set aside.")
    label: str = Field(
        "group",
        description="Where the label comes from: `group` (of @ID), `folder` (the first level whose names differ), a "
        "CSV file beside the transcripts (a column `file` or `participant`, and `label`), or `none`.",
    )
    participant: Literal["auto", "file", "name", "folder"] = Field(
        "auto",
        description="Who is one participant: those of one `file` name without the `visit`, of one `name` in "
        "@Participants, or of one `folder`. auto: by name where there is one, else by file.",
    )
    visit: str = Field(
        r"-\d+$",
        description="Regular expression: what names the visit in a file's name, so that 001-0 and 001-2 are one.",
    )
    codes: CodeOptions = CodeOptions()

    @field_validator("label")
    @classmethod
    def _place(cls, label: str) -> str:
        if label not in ("group", "folder", "none") and not label.lower().endswith((".csv", ".tsv")):
            raise ValueError(f"group, folder, none or the name of a .csv file, unlike {label!r}")
        return label

    @field_validator("visit")
    @classmethod
    def _pattern(cls, visit: str) -> str:
        try:
            re.compile(visit)
        except re.error as error:
            raise ValueError(f"a regular expression, unlike {visit!r} ({error})") from None
        return visit


class DataOptions(Options):
    """Where records come from and how they are split."""

    source: str = Field(
        "synth:invoices",
        description="synth:NAME, a file, a folder, a Hugging Face id or a data set's name; several with ` + ` between.",
    )
    sample: bool = Field(False, description="Take the small set of that name that ships with the package instead.")
    layout: LayoutName = Field("auto", description="What a row looks like; auto recognises it.")
    columns: dict[str, str] = Field(
        {}, description="Renaming: our name (text, target, id, group, ...) → the file's column."
    )
    documents: Positive | None = Field(
        None, description="How many to synthesise or read; None: all (10,000 for synth)."
    )
    test_documents: int = Field(
        2000, ge=0, description="Synthesis: how many of them are for testing (four slices of 25 %)."
    )
    validation_documents: int = Field(300, ge=0, description="Taken out of train, whole groups, for choosing.")
    train_share: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Share of the training records that is used, drawn by their ids: a larger share has what a "
        "smaller one has. Schemas stay those of all.",
    )
    train_splits: tuple[str, ...] = Field(("train",), description="Values of the data's own `split` used for training.")
    test_splits: tuple[str, ...] = Field(
        ("test", "dev"), description="Values of the data's own `split` used for testing."
    )
    test_share: Share = Field(0.2, description="Share of groups for testing, where the data has no split of its own.")
    crossing_groups: Literal["drop", "refuse"] = Field(
        "drop",
        description="A group that the data's own splits have on two sides. drop: its records stay in test, or else in "
        "validation, and leave the other sides, counted. refuse: an error that lists such groups.",
    )
    near_duplicates: Share = Field(
        0.8,
        description="Jaccard similarity of 5-word shingles from which a train record duplicates one of test, "
        "or one of train that has its target; 0: off.",
    )
    noise: dict[str, float] = Field(
        {"none": 0.6, "light": 0.25, "medium": 0.1, "heavy": 0.05},
        description="Synthesis: shares of OCR noise grades.",
    )
    workers: int = Field(
        0, ge=0, description="Processes for synthesis; 0: one per core. The bytes do not depend on it."
    )
    close_schemas: bool = Field(
        False,
        description="Narrow the schemas to what answers in train are like: free keys to those met, keys in the order "
        "in which answers mostly have them, strings of few values that are not copied from the text to a choice "
        "between them.",
    )
    clean_pages: bool = Field(
        False,
        description="Texts come from printed pages: words parted at line ends are joined, ligatures written out, "
        "running heads and page numbers left out, in training and in use.",
    )
    max_document_tokens: Positive | None = Field(
        None,
        description="Longest document in the model's tokens, in training and in use. A longer one keeps its beginning "
        "and its `keep_lines`, which is counted. None: all of it.",
    )
    keep_lines: tuple[str, ...] = Field(
        (), description="Short lines with one of these words stay where a document is cut before them."
    )
    conversations: str | None = Field(
        None,
        description="Also write <split>_conversations.json: `messages`, or with a `text` in the template `llama-3`, a "
        "model's, or a Jinja file's.",
    )
    augment: AugmentOptions = AugmentOptions()
    transcripts: TranscriptOptions = TranscriptOptions()

    @property
    def synthetic(self) -> tuple[int, int]:
        """(train, test): how many documents are synthesised; `test_documents`, or a fifth where that is over half."""
        total = self.documents or SYNTH_DOCUMENTS
        test = self.test_documents if self.test_documents * 2 <= total else total // 5
        return total - test, test

    @field_validator("noise")
    @classmethod
    def _shares(cls, noise: dict[str, float]) -> dict[str, float]:
        return _shares_of(NOISE_GRADES, noise)


Quantisation = tuple[Literal["nf4", "fp4"], bool]
"""How weights are kept in 4 bits: the data type, and whether the constants are quantised, too."""

PRESETS: dict[str, dict[str, Any]] = {
    "full": {"adapter": "full"},
    "last-layers": {"adapter": "full", "trainable_layers": 2},
    "lora": {"adapter": "lora"},
    "qlora": {"adapter": "lora", "load_in_4bit": True},
    "dora": {"adapter": "lora", "use_dora": True},
    "qdora": {"adapter": "lora", "use_dora": True, "load_in_4bit": True},
    "rslora": {"adapter": "lora", "use_rslora": True},
    "pissa": {"adapter": "lora", "init_lora_weights": "pissa"},
    "lora-plus": {"adapter": "lora", "loraplus_lr_ratio": 16.0},
    "adalora": {"adapter": "adalora"},
    "ia3": {"adapter": "ia3"},
    "hybrid": {"adapter": "lora", "trainable_layers": 1},
}
"""The well-known methods: what each name means where the recipe does not say otherwise."""

_BELOW = ("load_in_4bit", "bnb_4bit_quant_type", "bnb_4bit_use_double_quant")
_TARGETS = ("target_modules", "modules_to_save")
ADAPTER_OPTIONS: dict[str, frozenset[str]] = {
    "full": frozenset(("trainable_layers",)),
    "lora": frozenset(
        (*_BELOW, *_TARGETS, "lora_r", "lora_alpha", "lora_dropout", "use_rslora", "use_dora", "init_lora_weights",
         "loraplus_lr_ratio", "trainable_layers")
    ),
    "adalora": frozenset(
        (*_BELOW, *_TARGETS, "lora_alpha", "lora_dropout", "target_r", "init_r", "tinit", "tfinal", "delta_t",
         "orth_reg_weight")
    ),
    "ia3": frozenset((*_BELOW, *_TARGETS)),
}  # fmt: skip
"""The options of a method that each adapter reads; the others change nothing of what it does."""


class MethodOptions(Options):
    """How weights are made trainable (PEFT names). A name stands for settings (`PRESETS`); each can be set alone."""

    name: str = Field(
        "lora",
        description="full, last-layers, lora, qlora, dora, qdora, rslora, pissa, lora-plus, adalora, ia3, hybrid; "
        "or one of your own (--code).",
    )
    load_in_4bit: bool = Field(False, description="Keep the frozen weights in 4 bits (QLoRA, Dettmers et al. 2023).")
    bnb_4bit_quant_type: Literal["nf4", "fp4"] = Field("nf4", description="The 4-bit data type.")
    bnb_4bit_use_double_quant: bool = Field(True, description="Quantise the quantisation's own constants, too.")
    lora_r: Positive = Field(32, description="Rank of the adapter.")
    lora_alpha: float = Field(64, gt=0, description="The adapter counts lora_alpha / lora_r times.")
    lora_dropout: Share = Field(0.0, description="Dropout before the adapter; above 0 the prompt prefix is not shared.")
    target_modules: str | tuple[str, ...] = Field(
        "all-linear", description="`all-linear`, `attention`, module names, or a regular expression over whole paths."
    )
    use_rslora: bool = Field(False, description="Rank-stabilised: lora_alpha / √lora_r (Kalajdzievski 2023).")
    use_dora: bool = Field(False, description="Weight-decomposed (Liu et al. 2024): direction and length apart.")
    init_lora_weights: Literal["default", "pissa"] = Field(
        "default", description="pissa: begin with the weights' principal parts (Meng et al. 2024)."
    )
    loraplus_lr_ratio: float = Field(
        1.0, ge=1, description="How many times faster B learns than A (LoRA+, Hayou et al. 2024)."
    )
    modules_to_save: tuple[str, ...] = Field(
        (), description="Modules that are trained whole beside the adapter and stored with it (embed_tokens, lm_head)."
    )
    trainable_layers: int = Field(
        0, ge=0, description="The last so many layers are trained whole: beside an adapter, or (full) nothing else."
    )
    target_r: Positive = Field(8, description="AdaLoRA: mean rank at the end (Zhang et al. 2023).")
    init_r: Positive = Field(12, description="AdaLoRA: rank at the beginning.")
    tinit: Share = Field(0.1, description="AdaLoRA: share of the steps before the first pruning.")
    tfinal: Share = Field(0.3, description="AdaLoRA: share of the steps after the last pruning.")
    delta_t: Positive = Field(10, description="AdaLoRA: steps between two prunings.")
    orth_reg_weight: float = Field(0.5, ge=0, description="AdaLoRA: weight of the orthogonality penalty.")

    @property
    def quantisation(self) -> Quantisation | None:
        """How the frozen weights are kept, or None for as they are."""
        return (self.bnb_4bit_quant_type, self.bnb_4bit_use_double_quant) if self.load_in_4bit else None

    @property
    def adapter(self) -> str:
        """The file of tunewright.models.methods (or one of the user's own) that does it."""
        return str(PRESETS.get(self.name, {}).get("adapter", self.name))

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        name = given.get("name", cls.model_fields["name"].default)
        known = PRESETS.get(name, {}) if isinstance(name, str) else {}
        settings = {key: value for key, value in known.items() if key in cls.model_fields} | given
        # Behind a validator JSON's lists are no longer taken for tuples.
        return {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}

    @model_validator(mode="after")
    def _fits(self) -> MethodOptions:
        if self.adapter == "full" and self.load_in_4bit:
            raise ValueError("used without load_in_4bit: weights in 4 bits cannot be trained")
        if self.load_in_4bit and self.init_lora_weights == "pissa":
            raise ValueError(
                "used without load_in_4bit where init_lora_weights is pissa: what it takes out is not 4-bit"
            )
        if self.load_in_4bit and self.trainable_layers:
            raise ValueError(
                "used without load_in_4bit where trainable_layers is set: weights in 4 bits cannot be trained"
            )
        if self.adapter == "adalora" and self.target_r >= self.init_r:
            raise ValueError("used with target_r below init_r: AdaLoRA takes ranks away")
        if self.adapter == "adalora" and self.tinit + self.tfinal >= 1:
            raise ValueError("used with tinit + tfinal under 1: AdaLoRA prunes between them")
        return self


AUTO_BATCH = 32
"""Examples of one batch where `per_device_train_batch_size` is auto: what is learnt does not hang on the machine."""
Tracker = Literal["tensorboard", "wandb", "mlflow", "trackio"]

SCHEDULES: dict[str, dict[str, float]] = {
    "linear": {},
    "cosine": {},
    "constant": {},
    "constant_with_warmup": {},
    "cosine_with_restarts": {"num_cycles": 1},
    "polynomial": {"power": 1.0, "lr_end": 1e-7},
    "inverse_sqrt": {"timescale": 0},
    "cosine_with_min_lr": {"min_lr_rate": 0.1},
    "warmup_stable_decay": {"decay_ratio": 0.2, "min_lr_ratio": 0.0},
}
"""How the learning rate may fall (Hugging Face names), and what each takes beside the warm-up."""


class TrainOptions(Options):
    """The training loop (Hugging Face names)."""

    learning_rate: float = Field(2e-3, gt=0, description="The highest rate, after warm-up.")
    num_train_epochs: float = Field(1.0, gt=0, description="Passes over the training examples; parts of one count.")
    max_steps: int = Field(-1, ge=-1, description="Optimiser steps; -1: from num_train_epochs.")
    per_device_train_batch_size: Positive | Literal["auto"] = Field(
        32,
        description=f"Examples in one forward pass; auto: {AUTO_BATCH}, in as many passes as is fastest here, "
        "which changes nothing of what is learnt.",
    )
    per_device_eval_batch_size: Positive = Field(32, description="The same, for validation.")
    gradient_accumulation_steps: Positive = Field(1, description="Forward passes in one optimiser step.")
    max_length: Positive = Field(2048, description="Longest prompt + reply in tokens.")
    over_length: Literal["refuse", "drop", "truncate_head", "truncate_tail", "truncate_middle"] = Field(
        "refuse",
        description="What happens to longer examples. truncate_…: that part of the document is cut, in training and "
        "in evaluation, never the instruction or the reply. All are counted.",
    )
    mask_history: bool = Field(
        False, description="Of a conversation train the last reply only; else every reply of the assistant."
    )
    gradient_checkpointing: bool = Field(
        False, description="Keep less for the way back and compute it again: less memory, about a third more time."
    )
    optim: Literal["adamw", "adamw_8bit", "paged_adamw", "paged_adamw_8bit", "muon"] = Field(
        "adamw",
        description="muon: Muon on matrices, AdamW on the rest (full training). 8bit, paged: bitsandbytes' AdamW with "
        "its state in 8 bits, or out on the processor's memory when it must; plain AdamW stands in without a GPU.",
    )
    weight_decay: float = Field(0.0, ge=0, description="Decoupled, times the rate (Loshchilov & Hutter 2019).")
    adam_beta1: float = Field(0.9, ge=0, lt=1, description="Memory of AdamW's mean gradient.")
    adam_beta2: float = Field(0.99, ge=0, lt=1, description="Memory of AdamW's squared gradient.")
    max_grad_norm: float = Field(1.0, ge=0, description="Longer gradients are shortened to this norm; 0: never.")
    label_smoothing_factor: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of the target that is spread over all tokens (Szegedy et al. 2016), in training only: "
        "the validation loss is never smoothed.",
    )
    neftune_noise_alpha: float = Field(
        0.0,
        ge=0,
        description="Noise on the embeddings in training, at most alpha / √(tokens · width) (Jain et al. 2023); "
        "above 0 the prompt prefix is not shared.",
    )
    pointer_weight: float = Field(
        0.0, ge=0, description="Weight of a loss that teaches one attention head where copied values stand; 0: none."
    )
    link_weight: float = Field(
        0.0, ge=0, description="Weight of a loss that teaches one attention head which key a value belongs to; 0: none."
    )
    lr_scheduler_type: Literal[
        "linear",
        "cosine",
        "constant",
        "constant_with_warmup",
        "cosine_with_restarts",
        "polynomial",
        "inverse_sqrt",
        "cosine_with_min_lr",
        "warmup_stable_decay",
    ] = Field("cosine", description="How the rate falls after warm-up; constant has no warm-up either.")
    lr_scheduler_kwargs: dict[str, float] = Field(
        {},
        validate_default=True,
        description="What the schedule takes: num_cycles (cosine_with_restarts), power and lr_end (polynomial), "
        "timescale (inverse_sqrt; 0: the warm-up), min_lr_rate (cosine_with_min_lr), decay_ratio and min_lr_ratio "
        "(warmup_stable_decay).",
    )
    warmup_ratio: Share = Field(0.05, description="Share of the steps over which the rate rises.")
    warmup_steps: int | None = Field(None, ge=0, description="The same in steps; `warmup_ratio` then does not count.")
    bf16: bool | Literal["auto"] = Field("auto", description="bf16 autocast; auto: where the processor has it.")
    fp16: bool | Literal["auto"] = Field(
        "auto", description="fp16 autocast with a scaled loss, on a GPU; auto: on those that have no bf16."
    )
    share_prefix: bool = Field(
        True,
        description="Compute the prompt prefix that a batch shares once, those that begin alike in one batch (needs "
        "dropout 0).",
    )
    packing: bool = Field(
        False, description="Put short examples into one row, each for itself; the prompt prefix is then not shared."
    )
    eval_steps: Positive | None = Field(
        None, description="Validation loss every so many steps; None: up to ten times a run."
    )
    save_steps: Positive | None = Field(
        None, description="Checkpoint every so many steps; None: with every validation."
    )
    save_total_limit: Positive = Field(2, description="Checkpoints kept; older ones are deleted.")
    logging_steps: Positive = Field(10, description="A line in the log every so many steps.")
    early_stopping_patience: int = Field(0, ge=0, description="Validations without gain before stopping; 0: never.")
    early_stopping_threshold: float = Field(
        0.0, ge=0, description="A gain counts for that only where the validation loss falls by more (nats per token)."
    )
    load_best_model_at_end: bool = Field(True, description="End with the weights of the lowest validation loss.")
    report_to: Literal["none", "environment"] | Tracker | tuple[Tracker, ...] = Field(
        "none",
        description="Who is told of the curves: tensorboard, wandb, mlflow, trackio, a list of them, or none. "
        "environment: wandb where WANDB_API_KEY is set, mlflow where MLFLOW_TRACKING_URI is, if they are installed.",
    )

    @property
    def batch_size(self) -> int:
        """Examples of one batch, in however many passes they go through the model."""
        size = self.per_device_train_batch_size
        return AUTO_BATCH if size == "auto" else size

    @property
    def trackers(self) -> tuple[Tracker, ...]:
        """Who is told of the curves by name; whom the environment names, `train.trackers` knows."""
        asked = self.report_to
        if isinstance(asked, tuple):
            return asked
        return () if asked == "none" or asked == "environment" else (asked,)

    @model_validator(mode="after")
    def _one_precision(self) -> TrainOptions:
        if self.bf16 is True and self.fp16 is True:
            raise ValueError("used with bf16 or with fp16, not with both")
        return self

    def warmup(self, total_steps: int) -> int:
        """Steps of warm-up in a training of so many steps."""
        if self.warmup_steps is not None:
            return self.warmup_steps
        return max(1, round(self.warmup_ratio * total_steps)) if self.warmup_ratio else 0

    @field_validator("lr_scheduler_kwargs")
    @classmethod
    def _scheduled(cls, given: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        kind = info.data.get("lr_scheduler_type")
        if kind is None:
            return given  # the kind has a fault of its own
        known = SCHEDULES[kind]
        if unknown := set(given) - set(known):
            raise ValueError(f"used without {min(unknown)}: {kind} takes {', '.join(known) or 'nothing'}")
        settings = {**known, **given}
        for name, value in settings.items():
            if name in ("min_lr_rate", "min_lr_ratio", "decay_ratio") and not 0 <= value <= 1:
                raise ValueError(f"used with {name} from 0 to 1")
            if name in ("num_cycles", "power") and value <= 0:
                raise ValueError(f"used with {name} above 0")
            if name == "timescale" and value < 0:
                raise ValueError("used with timescale of at least 0")
            if name == "lr_end" and not 0 <= value < info.data.get("learning_rate", math.inf):
                raise ValueError("used with lr_end from 0 to below learning_rate")
        return settings


class DecodeOptions(Options):
    """How replies are written."""

    batch_size: Positive = Field(64, description="Documents answered together.")
    max_new_tokens: Positive = Field(256, description="Where a reply is cut that does not end.")
    grammar: bool = Field(
        True,
        description="Hold `extract` and the tuned system to the schema's grammar. Tasks that answer with text have "
        "none: their systems answer freely, and once.",
    )
    retry_temperatures: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (),
        description="Without the grammar: temperatures of further attempts where a reply is no valid answer, such as "
        "[0.3, 0.6, 0.9], after a greedy one. Systems then also answer so, as `progressive`.",
    )
    candidates: Positive = Field(
        1,
        description="Under the grammar: most replies to each document, the greedy one and those that part from it "
        "where the model doubted most; the likeliest of them is the answer. 1: the greedy one alone.",
    )
    verbatim: bool = Field(
        True, description="Under the grammar, hold values that the schema marks `x-verbatim` to what the document says."
    )


MODEL_FREE = ("rules", "classical")
"""Systems that need no model: labels and regular expressions; words and phrases learnt from train."""


OVERALL = ("structure", "fields", "semantic", "validity")
"""Parts of the overall score."""


class RankingOptions(Options):
    """Right answers among answers to other questions about the same subject: which does the model find likeliest?"""

    distractors: int = Field(
        0, ge=0, description="Answers that stand beside the right one, at most; 0: no ranking. Those of test."
    )
    subject: str | None = Field(
        None,
        description="Column whose value makes a subject. null: the context, or without one the record's group.",
    )


class EvaluateOptions(Options):
    """What is compared, on how many documents, and what must be reached."""

    systems: tuple[Literal["base", "few-shot", "tuned", "rules", "classical"], ...] = Field(
        ("base", "few-shot", "tuned", "rules"),
        description="Who answers the test documents. rules: labels and regular expressions. classical: naive Bayes and "
        "phrases, learnt from train; of questions, the answer of the nearest one, or the sentence of the context.",
    )
    folds: int = Field(
        0,
        ge=0,
        description="Cross-validation: so many parts of whole groups, each tested by a model trained on the others; "
        "0: one split.",
    )
    sample: Positive = Field(
        400, description="Stratified test documents for every cell but the chief one (tuned), which takes all."
    )
    shots: int = Field(2, ge=0, description="Earlier turns shown to the few-shot system, drawn from train.")
    workers: int = Field(
        0,
        ge=0,
        description="Processes that answer side by side; 0: one per core, for small models on a CPU.",
    )
    exams: tuple[str, ...] = Field(
        (),
        description="More test sets by name, never trained on; skipped with a word where absent. The tuned system "
        "answers them as it is used, the others without a grammar.",
    )
    likelihood: bool = Field(
        False,
        description="Bits per byte and perplexity of the right answers, of everything and of general text, base "
        "against tuned; on the same sample of test.",
    )
    ranking: RankingOptions = RankingOptions()
    prompts: tuple[str, ...] = Field(
        (), description="Prompts that base and tuned are shown as they are; the replies stand in the report."
    )
    confidence_level: float = Field(0.95, gt=0.5, lt=1, description="Of every interval.")
    bootstrap_resamples: Positive = Field(2000, description="Draws of every bootstrap.")
    gates: dict[str, float] = Field({}, description="Metric → floor for the chief cell; below it `compare` exits 3.")
    weights: dict[str, float] = Field(
        {"structure": 0.2, "fields": 0.4, "semantic": 0.3, "validity": 0.1},
        description="What the overall score is a mean of: structure_similarity, field_f1, semantic_f1, json_validity. "
        "A part that is not named does not count.",
    )
    embedding_model: str | None = Field(
        None,
        description="A sentence-embedding model that texts are also compared by (semantic_embedding): a folder, or a "
        "Hugging Face id that is on this machine already; never downloaded.",
    )

    @field_validator("weights")
    @classmethod
    def _parts(cls, weights: dict[str, float]) -> dict[str, float]:
        return _shares_of(OVERALL, weights)

    @field_validator("folds")
    @classmethod
    def _several(cls, folds: int) -> int:
        if folds == 1:
            raise ValueError("0 (one split), or 2 or more")
        return folds


Filter = Literal["broken", "length", "language", "label", "copies", "duplicates"]
FILTERS: tuple[Filter, ...] = get_args(Filter)
"""What texts that a model wrote can be set aside for, in the order in which they are looked at."""


class FilterOptions(Options):
    """Which of the texts that a model wrote are kept. What a filter knows, it knows from train alone."""

    use: tuple[Filter, ...] = Field(
        FILTERS,
        description="broken: without a word or an end, with marks of the prompt, a run of words said over and over. "
        "length: outside what train has of the label. language: other letters or words than train. label: a classifier "
        "of words and pairs of words, learnt from half of train's participants, takes it for another label. copies: of "
        "a text of train. duplicates: of a text kept before.",
    )
    length: Share = Field(0.01, lt=0.5, description="Share of a label's shortest and longest texts not to match.")
    known_words: Share = Field(0.85, description="language: least share of words that train has, too.")
    label_probability: Share = Field(
        0.0, description="label: least probability of the label that was asked for; it is always to be the likeliest."
    )
    copied: Share = Field(
        0.5,
        gt=0,
        description="copies, duplicates: share of a text's word triples that one other text has, from which on it is a "
        "copy (containment, Broder 1997); copies: of six triples at least, as eight words in a row have.",
    )


class Variant(Options):
    """Another way to have texts written, to be compared: what is not set is as the recipe's own texts have it."""

    model: str | None = Field(None, min_length=1)
    roles: Literal["neutral", "label"] = "neutral"
    request: str | None = None
    temperature: float | None = Field(None, gt=0)
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=0)
    min_p: Share | None = None
    repetition_penalty: float | None = Field(None, gt=0)

    @field_validator("request")
    @classmethod
    def _label_in_it(cls, request: str | None) -> str | None:
        return request if request is None else TaskOptions(request=request).request


class GenerateOptions(Options):
    """Texts that the tuned model of labelled_text writes, drawn and filtered, in synthetic/."""

    per_label: int = Field(0, ge=0, description="Texts to keep of every label; 0: none are written.")
    most: float = Field(
        4.0, ge=1, description="Texts are drawn until so many are kept, or this many times as many are drawn."
    )
    draws: Positive | None = Field(
        None, description="Texts drawn at most, whatever is missing then; None: `most` says."
    )
    batch: Positive = Field(256, description="Texts drawn between two looks at what is still missing.")
    temperature: float = Field(1.0, gt=0, description="Below 1 likely words become likelier.")
    top_p: float = Field(0.95, gt=0, le=1, description="Draw from the likeliest that have this probability together.")
    top_k: int = Field(0, ge=0, description="Draw from so many of the likeliest; 0: from all.")
    min_p: Share = Field(0.0, description="Draw from those at least this share as likely as the likeliest.")
    repetition_penalty: float = Field(1.0, gt=0, description="Above 1 what the text has already is less likely.")
    no_repeat_ngram_size: int = Field(0, ge=0, description="So many tokens never stand in a text twice; 0: they may.")
    max_new_tokens: Positive = Field(512, description="Where a text is cut that does not end; such are broken.")
    compare: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")], dict[str, float | int | str]] = Field(
        {},
        description="Ways to have texts written that are compared with the recipe's own on the same requests: name → "
        "any of model (`base`, or any other, untuned), roles (`label`: those of training), request, temperature, "
        "top_p, top_k, min_p, repetition_penalty.",
    )
    compared: Positive = Field(200, description="compare: texts that each of them writes, labels in turn.")
    filters: FilterOptions = FilterOptions()

    @field_validator("compare")
    @classmethod
    def _known(cls, given: dict[str, dict[str, float | int | str]]) -> dict[str, dict[str, float | int | str]]:
        for name, own in given.items():
            if name == "own":
                raise ValueError("used with another name for own, which is the recipe's")
            if unknown := set(own) - set(Variant.model_fields):
                hint = did_you_mean(min(unknown), Variant.model_fields) or f"known: {', '.join(Variant.model_fields)}"
                raise ValueError(f"used without {min(unknown)} in {name} ({hint})")
            try:
                Variant.model_validate(own)
            except ValidationError as error:
                first = error.errors()[0]
                raise ValueError(f"used with another {first['loc'][0]} in {name}: {first['msg']}") from None
        return given

    @property
    def variants(self) -> dict[str, Variant]:
        """What is compared, by name."""
        return {name: Variant.model_validate(own) for name, own in self.compare.items()}

    def limit(self, labels: int) -> int:
        """Texts of so many labels that are drawn at most."""
        most = round(self.most * self.per_label * labels)
        return most if self.draws is None else min(most, self.draws)


Auto = Literal["auto"]


class HostedOptions(Options):
    """Fine-tuning at a provider: `model` is then that provider's name of it, and `method` and `train` do not count but
    for `train.mask_history` and, of `train.over_length`, refuse and drop.
    """

    provider: str | None = Field(None, description="Who fine-tunes: openai. null: nobody, the model is trained here.")
    epochs: Positive | Auto = Field("auto", description="Passes over the training examples; auto: the provider's.")
    batch_size: Positive | Auto = Field("auto", description="Examples of one step; auto: the provider's.")
    learning_rate_multiplier: Annotated[float, Field(gt=0)] | Auto = Field(
        "auto", description="Times the provider's own learning rate; auto: the provider's."
    )
    suffix: str | None = Field(None, pattern=r"^[A-Za-z0-9-]{1,64}$", description="Stands in the tuned model's name.")
    base_url: str | None = Field(
        None,
        description="Where a compatible service answers, such as https://api.example.org/v1; null: the provider's own.",
    )
    api_version: str | None = Field(
        None, pattern=r"^[A-Za-z0-9.-]+$", description="Of services like Azure's, which ask for one."
    )
    key_name: str = Field(
        "OPENAI_API_KEY",
        pattern=r"^[A-Z][A-Z0-9_]*$",
        description="Name of the environment variable that holds the key, or of the keyring's entry (service "
        "`tunewright`). The key itself stands in no recipe.",
    )
    metadata: bool = Field(
        True, description="Mark the job with the run's own number; false for services that do not take metadata."
    )
    deployments: dict[Literal["base", "tuned"], str] = Field(
        {}, description="Under which names models answer where that is not their own, as in Azure."
    )
    max_example_tokens: Positive | None = Field(
        None, description="Longest example in tokens; null: what is known of the model."
    )
    poll_seconds: float = Field(20.0, gt=0, description="How often a job is looked at.")
    timeout_seconds: float = Field(120.0, gt=0, description="How long an answer is waited for.")
    max_retries: int = Field(
        6, ge=0, description="Further attempts, each after a longer pause, where the service is busy or fails."
    )
    concurrency: Positive = Field(4, description="Documents that are asked about at the same time.")

    @field_validator("base_url")
    @classmethod
    def _plain(cls, url: str | None) -> str | None:
        # What is refused is not told again: it may hold a key.
        if url is not None and not re.fullmatch(r"https?://[A-Za-z0-9.\-\[\]:]+(/[\w./~-]*)?", url):
            raise ValueError("http(s)://host/path without a name, a key or a question in it")
        return url


class BenchmarkOptions(Options):
    """`tunewright benchmark`: several methods on the same job."""

    methods: tuple[str, ...] = Field(
        ("full", "lora", "qlora", "dora", "adalora", "hybrid"),
        min_length=1,
        description="What is compared; the first is what the others are compared with.",
    )
    epochs: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (), description="Passes over the data of the whole trainings, one run each; none: as many as `train` says."
    )
    rates: Positive = Field(3, description="Learning rates tried for each; 1: the recipe's own, or ten times it.")
    search_share: float = Field(
        0.25, gt=0, le=1, description="How long a trial of a rate is, of a training as long as `train` says."
    )


def searchable() -> dict[str, type[Options]]:
    """What a search may vary: the options of `method` and `train` by their own names, `method` its name."""
    own = {"name", "report_to", "lr_scheduler_kwargs"}
    pages = (MethodOptions, TrainOptions)
    return {"method": MethodOptions} | {key: page for page in pages for key in page.model_fields if key not in own}


def _is_searchable(key: str) -> str:
    known = searchable()
    if key not in known:
        hint = did_you_mean(key.rpartition(".")[2], known)
        raise ValueError(f"under the name of an option of method or train{f': {hint}' if hint else ''}")
    return key


class Range(Options):
    """Numbers from `low` to `high`, both included; whole ones where the option is."""

    low: float = Field(description="The least.")
    high: float = Field(description="The most.")
    log: bool = Field(False, description="Factors count, not differences: as many values from 1 to 10 as to 100.")
    step: float | None = Field(None, gt=0, description="Only low, low + step, … ; None: any.")

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if self.low >= self.high:
            raise ValueError("a range whose low is below its high")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("used with log only where low is above 0 and there is no step")
        return self


Choice = bool | int | float | str | tuple[str, ...]
Axis = Annotated[
    Annotated[Range, Tag("range")] | Annotated[tuple[Choice, ...], Tag("choices")],
    Discriminator(lambda given: "range" if isinstance(given, dict | Range) else "choices"),
]
"""What an option may be in a search: a range of numbers, or one of several values."""


class TuneOptions(Options):
    """`tunewright tune`: a search for better options of `method` and `train`."""

    space: dict[Annotated[str, AfterValidator(_is_searchable)], Axis] = Field(
        {
            "learning_rate": Range(low=1e-4, high=1e-2, log=True),
            "per_device_train_batch_size": (8, 16, 32, 64),
            "lora_r": (8, 16, 32, 64),
            "lora_alpha": Range(low=8, high=128, log=True),
            "lora_dropout": Range(low=0, high=0.1, step=0.05),
            "target_modules": ("all-linear", "attention"),
        },
        min_length=1,
        description="What is varied: an option of method or train → {low, high, log, step} or a list of values; "
        "`method` → a list of names. An option that a method does not read is not varied where that method is.",
    )
    sampler: Literal["tpe", "grid", "random"] = Field(
        "tpe",
        description="Who chooses: tpe goes where it was good (Bergstra et al. 2011), random anywhere, grid everywhere.",
    )
    grid_points: Positive = Field(3, description="grid: values of a range without a step.")
    pruner: Literal["median", "hyperband", "none"] = Field(
        "median",
        description="Who gives up trials by their validation loss on the way: median, those that are worse than half "
        "of the others were; hyperband, more and sooner (Li et al. 2018).",
    )
    n_startup_trials: int = Field(
        5, ge=0, description="Trials that tpe draws at random first, and that end before median gives one up."
    )
    n_warmup_steps: int = Field(3, ge=0, le=10, description="Tenths of a training in which median gives none up.")
    metric: str = Field(
        "validation_loss",
        description="What is best: validation_loss, or a score of the answers to the validation records.",
    )
    trials: Positive = Field(20, description="How many are tried, whatever becomes of them.")
    minutes: float | None = Field(
        None,
        gt=0,
        description="After so many minutes of search, over all starts, no further trial begins; None: never.",
    )
    seeds: int = Field(
        3, ge=0, description="Trainings of the best trial's options and of the recipe's own that are compared on test."
    )
    test_documents: Positive | None = Field(
        None, description="Stratified test documents that those trainings are compared on; None: all."
    )
    max_retry: Positive = Field(
        5, description="A trial that was killed so often without getting further counts as failed."
    )

    @field_validator("space")
    @classmethod
    def _allowed(cls, space: dict[str, Any]) -> dict[str, Any]:
        pages = searchable()
        for key, axis in space.items():
            field = "name" if key == "method" else key
            if isinstance(axis, Range) and not is_number(key):
                raise ValueError(f"a mapping in which {key} has a list of values: it is no number")
            if not isinstance(axis, Range) and len(set(axis)) < max(1, len(axis)):
                raise ValueError(f"a mapping in which {key} has different values, one at least")
            for value in (axis.low, axis.high) if isinstance(axis, Range) else axis:
                whole = isinstance(axis, Range) and is_whole(key)
                if whole and value != int(value):
                    raise ValueError(f"a mapping in which {key} has whole numbers, unlike {value:g}")
                try:
                    pages[key].model_validate({field: int(value) if whole else value}, strict=True)
                except ValidationError as error:
                    raise ValueError(
                        f"a mapping in which {key} has values that it may have: {value!r} is none"
                    ) from error
        return space


def _types(key: str) -> set[Any]:
    """The plain types that an option's values may have."""

    def within(annotation: Any) -> set[Any]:
        inner = get_args(annotation)
        if get_origin(annotation) is Literal:
            return {str}
        return set().union(*map(within, inner)) if inner else {annotation}

    return within(searchable()[key].model_fields["name" if key == "method" else key].annotation)


def is_whole(key: str) -> bool:
    """Whether an option that a search may vary takes whole numbers only."""
    return int in _types(key) and float not in _types(key)


def is_number(key: str) -> bool:
    """Whether an option that a search may vary takes numbers."""
    return bool(_types(key) & {int, float})


EMBEDDED = "wren"
"""The model of a recipe that names none."""


class DownstreamOptions(Options):
    """How synthetic texts with labels are judged: beside real ones, and by what classifiers learn from them."""

    judge: bool = Field(False, description="Judge the texts that `generate` has written.")
    amounts: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        (0.1, 0.3, 1.0),
        min_length=1,
        description="Shares of train's participants whose real texts classifiers learn from.",
    )
    ratios: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (1.0, 4.0),
        min_length=1,
        description="Synthetic texts added for each real one, as far as there are enough. The first is the chief one: "
        "alternatives add as many, and with it at the largest amount the first classifier's gain is the one comparison "
        "that is named beforehand.",
    )
    seeds: Positive = Field(
        5, description="Draws of every amount: of its participants, of the texts that are added, of what is made."
    )
    alternatives: tuple[Literal["oversampling", "edits", "ngrams"], ...] = Field(
        ("oversampling", "edits", "ngrams"),
        description="Cheap texts that are added in their place. oversampling: real ones again. edits: real ones with a "
        "tenth of the words exchanged, added, swapped and left out. ngrams: by a model of three words of each label.",
    )
    classifiers: tuple[Literal["words", "disfluency"], ...] = Field(
        ("words", "disfluency"),
        min_length=1,
        description="Who learns. words: TF-IDF of words and pairs, logistic regression. disfluency: rates of fillers, "
        "repetitions and the like, gradient boosting.",
    )
    pairs: Positive = Field(1000, description="Real texts, and as many synthetic ones, in two-sample tests at most.")
    drawn: Positive = Field(2000, description="Drawn texts whose nearest real text is looked for, at most.")
    permutations: Positive = Field(2000, description="Of every permutation test.")
    margin: float = Field(
        0.05,
        gt=0,
        lt=1,
        description="How far a classifier of other people's texts may agree less with the labels of synthetic texts "
        "than with those of real ones and still be called close.",
    )

    @field_validator("amounts", "ratios", "alternatives", "classifiers")
    @classmethod
    def _each_once(cls, given: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(set(given)) < len(given):
            raise ValueError("different values")
        return given


class Recipe(Options):
    """One job, from data to report."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="Names the run folder.")
    description: str = Field("", description="One line for lists and the report.")
    seed: int = Field(0, ge=0, le=2**63 - 1, description="Of everything that is drawn.")
    model: str = Field(
        EMBEDDED, description="An embedded model's name, a folder, a Hugging Face id, or (`hosted`) a provider's name."
    )
    task: TaskOptions = TaskOptions()
    data: DataOptions = DataOptions()
    method: MethodOptions = MethodOptions()
    train: TrainOptions = TrainOptions()
    decode: DecodeOptions = DecodeOptions()
    generate: GenerateOptions = GenerateOptions()
    evaluate: EvaluateOptions = EvaluateOptions()
    hosted: HostedOptions = HostedOptions()
    benchmark: BenchmarkOptions = BenchmarkOptions()
    downstream: DownstreamOptions = DownstreamOptions()
    tune: TuneOptions = TuneOptions()

    @field_validator("generate")
    @classmethod
    def _written(cls, generate: GenerateOptions, info: ValidationInfo) -> GenerateOptions:
        task = info.data.get("task")
        if generate.per_label and task is not None and task.name != "labelled_text":
            raise ValueError("used with per_label only where task.name is labelled_text")
        return generate

    @field_validator("downstream")
    @classmethod
    def _judged(cls, downstream: DownstreamOptions, info: ValidationInfo) -> DownstreamOptions:
        generate = info.data.get("generate")
        if downstream.judge and generate is not None and not generate.per_label:
            raise ValueError("used with judge only where generate.per_label is set: there are no texts to judge")
        return downstream

    @field_validator("evaluate")
    @classmethod
    def _scored(cls, evaluate: EvaluateOptions, info: ValidationInfo) -> EvaluateOptions:
        task, generate = info.data.get("task"), info.data.get("generate")
        if evaluate.gates and task is not None and task.name in UNSCORED_TASKS:
            raise ValueError(f"used without gates where task.name is {task.name}: no answer is scored")
        if "tuned" not in evaluate.systems and generate is not None and generate.per_label:
            raise ValueError("used with tuned among systems where generate.per_label is set: it is who writes")
        return evaluate

    @property
    def likelihood(self) -> bool:
        """Whether it is measured how likely models find the right answers: where that is asked, or all there is."""
        return self.evaluate.likelihood or (self.task.name in UNSCORED_TASKS and self.hosted.provider is None)

    @model_validator(mode="after")
    def _hosted_elsewhere(self) -> Recipe:
        if self.hosted.provider is None:
            return self
        asked = self.evaluate
        unfit = {
            f"with `model:` set to {self.hosted.provider}'s name of one": self.model == EMBEDDED,
            "without evaluate.folds": asked.folds > 0,
            "without evaluate.likelihood, which needs a model's probabilities": asked.likelihood,
            "without evaluate.ranking, which needs a model's probabilities": asked.ranking.distractors > 0,
            "without evaluate.prompts": bool(asked.prompts),
            "without decode.retry_temperatures": bool(self.decode.retry_temperatures),
            "without decode.candidates": self.decode.candidates > 1,
            "without data.max_document_tokens, which are counted by a local model": (
                self.data.max_document_tokens is not None
            ),
            "with train.over_length refuse or drop": self.train.over_length not in ("refuse", "drop"),
            **{
                f"without generate.{name}, which it does not know": getattr(self.generate, name) != plain
                or any(getattr(way, name, None) is not None for way in self.generate.variants.values())
                for name, plain in (("top_k", 0), ("min_p", 0), ("repetition_penalty", 1), ("no_repeat_ngram_size", 0))
            },
        }
        for what in (what for what, found in unfit.items() if found):
            raise ValueError(f"used with a hosted model {what}")
        return self

    @property
    def grammar(self) -> bool:
        """Whether answers are held to a grammar: where the recipe asks for it and the task's answers have one."""
        return self.decode.grammar and self.task.name not in TEXT_TASKS and self.hosted.provider is None

    @property
    def draw(self) -> dict[str, Any]:
        """How intervals and tests are drawn: level, resamples and seed."""
        options = self.evaluate
        return {"level": options.confidence_level, "resamples": options.bootstrap_resamples, "seed": self.seed}
