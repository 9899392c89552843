"""What a report cites: only the methods and tools that the run used."""

from __future__ import annotations

from dataclasses import dataclass

from tunewright.report.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Reference:
    """used_for: a few words that say why it stands here."""

    used_for: str
    authors: str
    year: int
    title: str
    where: str
    link: str


LORA = Reference(
    "low-rank adapters", "E. J. Hu, Y. Shen, P. Wallis, Z. Allen-Zhu, Y. Li, S. Wang, L. Wang, W. Chen", 2022,
    "LoRA: Low-Rank Adaptation of Large Language Models", "ICLR 2022; arXiv:2106.09685", "https://arxiv.org/abs/2106.09685",
)  # fmt: skip
RSLORA = Reference(
    "rank-stabilised scaling", "D. Kalajdzievski", 2023,
    "A Rank Stabilization Scaling Factor for Fine-Tuning with LoRA", "arXiv:2312.03732", "https://arxiv.org/abs/2312.03732",
)  # fmt: skip
DORA = Reference(
    "weight-decomposed adapters", "S.-Y. Liu, C.-Y. Wang, H. Yin, P. Molchanov, et al.", 2024,
    "DoRA: Weight-Decomposed Low-Rank Adaptation", "ICML 2024; arXiv:2402.09353", "https://arxiv.org/abs/2402.09353",
)  # fmt: skip
QLORA = Reference(
    "adapters over 4-bit weights", "T. Dettmers, A. Pagnoni, A. Holtzman, L. Zettlemoyer", 2023,
    "QLoRA: Efficient Finetuning of Quantized LLMs", "NeurIPS 2023; arXiv:2305.14314", "https://arxiv.org/abs/2305.14314",
)  # fmt: skip
PISSA = Reference(
    "adapters that begin as principal parts", "F. Meng, Z. Wang, M. Zhang", 2024,
    "PiSSA: Principal Singular Values and Singular Vectors Adaptation of Large Language Models",
    "NeurIPS 2024; arXiv:2404.02948", "https://arxiv.org/abs/2404.02948",
)  # fmt: skip
LORA_PLUS = Reference(
    "two learning rates in an adapter", "S. Hayou, N. Ghosh, B. Yu", 2024,
    "LoRA+: Efficient Low Rank Adaptation of Large Models", "ICML 2024; arXiv:2402.12354", "https://arxiv.org/abs/2402.12354",
)  # fmt: skip
ADALORA = Reference(
    "adapters whose rank is allotted", "Q. Zhang, M. Chen, A. Bukharin, P. He, Y. Cheng, W. Chen, T. Zhao", 2023,
    "AdaLoRA: Adaptive Budget Allocation for Parameter-Efficient Fine-Tuning", "ICLR 2023; arXiv:2303.10512",
    "https://arxiv.org/abs/2303.10512",
)  # fmt: skip
IA3 = Reference(
    "learnt rescaling", "H. Liu, D. Tam, M. Muqeeth, J. Mohta, T. Huang, M. Bansal, C. Raffel", 2022,
    "Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper than In-Context Learning",
    "NeurIPS 2022; arXiv:2205.05638", "https://arxiv.org/abs/2205.05638",
)  # fmt: skip
PEFT = Reference(
    "adapter library", "S. Mangrulkar, S. Gugger, L. Debut, Y. Belkada, S. Paul, B. Bossan", 2022,
    "PEFT: State-of-the-art Parameter-Efficient Fine-Tuning methods", "software", "https://github.com/huggingface/peft",
)  # fmt: skip
LLAMA = Reference(
    "the architecture of the embedded base model", "H. Touvron, T. Lavril, G. Izacard, et al.", 2023,
    "LLaMA: Open and Efficient Foundation Language Models", "arXiv:2302.13971", "https://arxiv.org/abs/2302.13971",
)  # fmt: skip
TRANSFORMER = Reference(
    "the architecture", "A. Vaswani, N. Shazeer, N. Parmar, J. Uszkoreit, et al.", 2017,
    "Attention Is All You Need", "NeurIPS 2017; arXiv:1706.03762", "https://arxiv.org/abs/1706.03762",
)  # fmt: skip
TRANSFORMERS = Reference(
    "model library", "T. Wolf, L. Debut, V. Sanh, J. Chaumond, et al.", 2020,
    "Transformers: State-of-the-Art Natural Language Processing", "EMNLP 2020: System Demonstrations, pp. 38–45",
    "https://aclanthology.org/2020.emnlp-demos.6",
)  # fmt: skip
PYTORCH = Reference(
    "tensor library", "A. Paszke, S. Gross, F. Massa, A. Lerer, et al.", 2019,
    "PyTorch: An Imperative Style, High-Performance Deep Learning Library", "NeurIPS 2019; arXiv:1912.01703",
    "https://arxiv.org/abs/1912.01703",
)  # fmt: skip
ADAMW = Reference(
    "optimiser", "I. Loshchilov, F. Hutter", 2019,
    "Decoupled Weight Decay Regularization", "ICLR 2019; arXiv:1711.05101", "https://arxiv.org/abs/1711.05101",
)  # fmt: skip
MUON = Reference(
    "optimiser of the matrices", "K. Jordan, Y. Jin, V. Boza, J. You, F. Cesista, L. Newhouse, J. Bernstein", 2024,
    "Muon: An optimizer for hidden layers in neural networks", "blog", "https://kellerjordan.github.io/posts/muon/",
)  # fmt: skip
COSINE = Reference(
    "cosine learning-rate schedule", "I. Loshchilov, F. Hutter", 2017,
    "SGDR: Stochastic Gradient Descent with Warm Restarts", "ICLR 2017; arXiv:1608.03983", "https://arxiv.org/abs/1608.03983",
)  # fmt: skip
SMOOTHING = Reference(
    "label smoothing", "C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens, Z. Wojna", 2016,
    "Rethinking the Inception Architecture for Computer Vision", "CVPR 2016; arXiv:1512.00567", "https://arxiv.org/abs/1512.00567",
)  # fmt: skip
NEFTUNE = Reference(
    "noise on the embeddings", "N. Jain, P.-y. Chiang, Y. Wen, J. Kirchenbauer, et al.", 2024,
    "NEFTune: Noisy Embeddings Improve Instruction Finetuning", "ICLR 2024; arXiv:2310.05914", "https://arxiv.org/abs/2310.05914",
)  # fmt: skip
LLGUIDANCE = Reference(
    "decoding under a grammar", "M. Moskal and the Guidance contributors", 2024,
    "llguidance: Super-fast Structured Outputs", "software", "https://github.com/guidance-ai/llguidance",
)  # fmt: skip
MCNEMAR = Reference(
    "paired test of two shares", "Q. McNemar", 1947,
    "Note on the sampling error of the difference between correlated proportions or percentages",
    "Psychometrika 12(2), pp. 153–157", "https://doi.org/10.1007/BF02295996",
)  # fmt: skip
BOOTSTRAP = Reference(
    "intervals", "B. Efron", 1979,
    "Bootstrap Methods: Another Look at the Jackknife", "The Annals of Statistics 7(1), pp. 1–26", "https://doi.org/10.1214/aos/1176344552",
)  # fmt: skip
EXPANDED = Reference(
    "intervals and tests of few groups", "T. C. Hesterberg", 2015,
    "What Teachers Should Know About the Bootstrap: Resampling in the Undergraduate Statistics Curriculum",
    "The American Statistician 69(4), pp. 371–386", "https://doi.org/10.1080/00031305.2015.1089789",
)  # fmt: skip
HOLM = Reference(
    "correction for several tests", "S. Holm", 1979,
    "A Simple Sequentially Rejective Multiple Test Procedure", "Scandinavian Journal of Statistics 6(2), pp. 65–70",
    "https://www.jstor.org/stable/4615733",
)  # fmt: skip
FOLDS = Reference(
    "why nothing is tested over folds", "Y. Bengio, Y. Grandvalet", 2004,
    "No Unbiased Estimator of the Variance of K-Fold Cross-Validation",
    "Journal of Machine Learning Research 5, pp. 1089–1105", "https://www.jmlr.org/papers/v5/grandvalet04a.html",
)  # fmt: skip
POOLED = Reference(
    "pooled answers of folds", "G. Forman, M. Scholz", 2010,
    "Apples-to-Apples in Cross-Validation Studies: Pitfalls in Classifier Performance Measurement",
    "ACM SIGKDD Explorations 12(1), pp. 49–57", "https://doi.org/10.1145/1882471.1882479",
)  # fmt: skip
CROSS_VALIDATION = Reference(
    "what the interval of a cross-validation leaves out", "S. Bates, T. Hastie, R. Tibshirani", 2024,
    "Cross-Validation: What Does It Estimate and How Well Does It Do It?",
    "Journal of the American Statistical Association 119(546), pp. 1434–1445; arXiv:2104.00673",
    "https://arxiv.org/abs/2104.00673",
)  # fmt: skip
CHRF = Reference(
    "chrF++", "M. Popović", 2017,
    "chrF++: words helping character n-grams", "WMT 2017, pp. 612–618", "https://aclanthology.org/W17-4770",
)  # fmt: skip
BLEU = Reference(
    "BLEU", "K. Papineni, S. Roukos, T. Ward, W.-J. Zhu", 2002,
    "Bleu: a Method for Automatic Evaluation of Machine Translation", "ACL 2002, pp. 311–318", "https://aclanthology.org/P02-1040",
)  # fmt: skip
SACREBLEU = Reference(
    "BLEU and chrF++ as computed here", "M. Post", 2018,
    "A Call for Clarity in Reporting BLEU Scores", "WMT 2018, pp. 186–191", "https://aclanthology.org/W18-6319",
)  # fmt: skip
ROUGE = Reference(
    "ROUGE-L", "C.-Y. Lin", 2004,
    "ROUGE: A Package for Automatic Evaluation of Summaries", "Text Summarization Branches Out, pp. 74–81",
    "https://aclanthology.org/W04-1013",
)  # fmt: skip
SROIE = Reference(
    "the data", "Z. Huang, K. Chen, J. He, X. Bai, D. Karatzas, S. Lu, C. V. Jawahar", 2019,
    "ICDAR2019 Competition on Scanned Receipt OCR and Information Extraction", "ICDAR 2019; arXiv:2103.10213",
    "https://arxiv.org/abs/2103.10213",
)  # fmt: skip
HINER = Reference(
    "the data", "R. Murthy, P. Bhattacharjee, R. Sharnagat, J. Khatri, D. Kanojia, P. Bhattacharyya", 2022,
    "HiNER: A Large Hindi Named Entity Recognition Dataset", "LREC 2022; arXiv:2204.13743", "https://arxiv.org/abs/2204.13743",
)  # fmt: skip


TFIDF = Reference(
    "weights of words in the plain classifier", "G. Salton, C. Buckley", 1988,
    "Term-weighting approaches in automatic text retrieval", "Information Processing & Management 24(5), pp. 513–523",
    "https://doi.org/10.1016/0306-4573(88)90021-0",
)  # fmt: skip
SCIKIT = Reference(
    "the plain classifiers", "F. Pedregosa, G. Varoquaux, A. Gramfort, V. Michel, B. Thirion, et al.", 2011,
    "Scikit-learn: Machine Learning in Python", "Journal of Machine Learning Research 12, pp. 2825–2830",
    "https://jmlr.org/papers/v12/pedregosa11a.html",
)  # fmt: skip
EDA = Reference(
    "edits of real texts", "J. Wei, K. Zou", 2019,
    "EDA: Easy Data Augmentation Techniques for Boosting Performance on Text Classification Tasks",
    "EMNLP-IJCNLP 2019, pp. 6382–6388; arXiv:1901.11196", "https://arxiv.org/abs/1901.11196",
)  # fmt: skip
TWO_SAMPLES = Reference(
    "classifier two-sample test", "D. Lopez-Paz, M. Oquab", 2017,
    "Revisiting Classifier Two-Sample Tests", "ICLR 2017; arXiv:1610.06545", "https://arxiv.org/abs/1610.06545",
)  # fmt: skip
MMD = Reference(
    "maximum mean discrepancy", "A. Gretton, K. M. Borgwardt, M. J. Rasch, B. Schölkopf, A. Smola", 2012,
    "A Kernel Two-Sample Test", "Journal of Machine Learning Research 13, pp. 723–773",
    "https://jmlr.org/papers/v13/gretton12a.html",
)  # fmt: skip
DISCLOSURE = Reference(
    "disclosure by nearest records", "M. Platzer, T. Reutterer", 2021,
    "Holdout-Based Empirical Assessment of Mixed-Type Synthetic Data", "Frontiers in Big Data 4:679939",
    "https://doi.org/10.3389/fdata.2021.679939",
)  # fmt: skip
DISTINCT = Reference(
    "distinct n-grams", "J. Li, M. Galley, C. Brockett, J. Gao, B. Dolan", 2016,
    "A Diversity-Promoting Objective Function for Neural Conversation Models", "NAACL 2016, pp. 110–119",
    "https://aclanthology.org/N16-1014",
)  # fmt: skip
SELF_BLEU = Reference(
    "self-BLEU", "Y. Zhu, S. Lu, L. Zheng, J. Guo, W. Zhang, J. Wang, Y. Yu", 2018,
    "Texygen: A Benchmarking Platform for Text Generation Models", "SIGIR 2018; arXiv:1802.01886",
    "https://arxiv.org/abs/1802.01886",
)  # fmt: skip
MAUVE = Reference(
    "why there is no MAUVE", "K. Pillutla, S. Swayamdipta, R. Zellers, J. Thickstun, S. Welleck, et al.", 2021,
    "MAUVE: Measuring the Gap Between Neural Text and Human Text using Divergence Frontiers",
    "NeurIPS 2021; arXiv:2102.01454", "https://arxiv.org/abs/2102.01454",
)  # fmt: skip
JUDGED = (TFIDF, SCIKIT, EDA, TWO_SAMPLES, MMD, DISCLOSURE, DISTINCT, SELF_BLEU, MAUVE)
"""What the judgement of synthetic texts rests on."""


WHOLE = ("full", "last-layers")
"""Methods that train weights of the model itself and no adapter."""


def of(evidence: Evidence) -> list[Reference]:
    """What this run used, in the order data, model, training, decoding, scores, statistics, software."""
    setting = evidence.setting
    source = str(setting("data.source") or evidence.manifest.get("source") or "")
    here = setting("hosted.provider") is None
    trained = here and bool(evidence.trained)  # what a provider trains by, it does not say
    method = str(setting("method.name") or "lora")
    adapter = trained and method not in WHOLE
    low_rank = adapter and method not in ("adalora", "ia3")
    measured = {name for cell in evidence.cells for name in cell.metrics()}
    tests = " ".join(pair.test.lower() for pair in evidence.pairs)
    intervals = any(e.low is not None for cell in evidence.cells for e in cell.metrics().values())
    judged = (evidence.path / "downstream" / "manifest.json").is_file()
    used = [
        (SROIE, "sroie" in source),
        (HINER, "hiner" in source),
        (LLAMA, str(setting("model") or "").startswith("wren")),
        (TRANSFORMER, True),
        (LORA, low_rank),
        (RSLORA, low_rank and bool(setting("method.use_rslora"))),
        (DORA, low_rank and bool(setting("method.use_dora"))),
        (PISSA, low_rank and setting("method.init_lora_weights") == "pissa"),
        (LORA_PLUS, low_rank and float(setting("method.loraplus_lr_ratio") or 1) > 1),
        (ADALORA, trained and method == "adalora"),
        (IA3, trained and method == "ia3"),
        (QLORA, adapter and bool(setting("method.load_in_4bit"))),
        (ADAMW, trained),
        (MUON, trained and setting("train.optim") == "muon"),
        (COSINE, trained and str(setting("train.lr_scheduler_type")).startswith("cosine")),
        (SMOOTHING, trained and float(setting("train.label_smoothing_factor") or 0) > 0),
        (NEFTUNE, trained and float(setting("train.neftune_noise_alpha") or 0) > 0),
        (LLGUIDANCE, any(cell.decoding == "grammar" for cell in evidence.cells)),
        (ROUGE, "rouge_l" in measured),
        (BLEU, "bleu" in measured),
        (CHRF, "chrf" in measured),
        (SACREBLEU, bool(measured & {"bleu", "chrf"})),
        *((reference, judged) for reference in JUDGED),
        (BOOTSTRAP, judged or intervals or "bootstrap" in tests),
        (EXPANDED, "bootstrap" in tests),
        (MCNEMAR, "mcnemar" in tests),
        (HOLM, judged or any(pair.p_holm is not None for pair in evidence.pairs)),
        (FOLDS, bool(evidence.folds)),
        (POOLED, bool(evidence.folds)),
        (CROSS_VALIDATION, bool(evidence.folds)),
        (PEFT, adapter),
        (TRANSFORMERS, here),
        (PYTORCH, here),
    ]
    return [reference for reference, applies in used if applies]
