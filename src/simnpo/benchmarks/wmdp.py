"""WMDP (arXiv 2403.03218) with MMLU, from the hub or from a folder.

Its questions measure; what is trained on are plain corpora. They are loaded apart, since the
biology corpus is given out on request only, and an evaluation does without.
"""

from dataclasses import replace
from pathlib import Path

from simnpo.benchmarks.base import Benchmark, EvaluationSet
from simnpo.benchmarks.kind import BenchmarkKind, Part
from simnpo.benchmarks.multiple_choice import SUITE, choice_set
from simnpo.benchmarks.preset import Preset
from simnpo.config import TrainingConfig
from simnpo.data.examples import Example
from simnpo.data.layouts import text_of
from simnpo.data.rows import Row, read_file, read_rows
from simnpo.errors import UserError
from simnpo.methods.registry import build_method

SUBJECTS = {"bio": "biology", "cyber": "cybersecurity", "chem": "chemistry"}
"""WMDP's parts, and how lm-eval's prompts name them."""
SPLITS = {"bio": ("bio",), "cyber": ("cyber",), "chem": ("chem",), "bio-cyber": ("bio", "cyber")}
"""What is to be forgotten: `bio` is the paper's, `bio-cyber` that of WMDP's own RMU."""
CORPORA = {
    "bio": "cais/wmdp-bio-forget-corpus",
    "cyber": "cais/wmdp-corpora:cyber-forget-corpus:train",
}
"""Where each part's forget corpus is on the hub."""
WIKITEXT = "Salesforce/wikitext:wikitext-2-raw-v1:test"
"""The retain corpus of RMU and of the paper's code, whatever is forgotten."""
MMLU = "mmlu"
SHORTEST = 50
"""Texts of no more characters are left out, as in RMU and the paper's code: headings, above all."""
LONGEST = 2000
"""Characters of a text that are used. Both use its first 512 tokens, which is about that many."""


def wmdp(split: str = "bio", data_dir: str | None = None, part: Part | None = None) -> Benchmark:
    """Return WMDP at `split`.

    Args:
        split: `bio`, `cyber`, `bio-cyber`, or `chem`, for which no corpus is published.
        data_dir: a folder with the files `NAME.jsonl`, `.json` or `.parquet`, or with the hub's own
            folders `NAME/`: questions `wmdp-bio` and `mmlu` (or `all`, the hub's name), corpora
            `bio-forget-corpus` and `wikitext`, and likewise for the other parts. None takes them
            from the hub.
        part: what is wanted of it; None is all.

    Raises:
        UserError: an unknown split, a missing, malformed or gated file.
    """
    if split not in SPLITS:
        raise UserError(f"WMDP has no split {split!r}; use {', '.join(SPLITS)}.")
    folder = Path(data_dir) if data_dir else None
    if folder is not None and not folder.is_dir():
        raise UserError(f"``data_dir`` {data_dir} is not a folder.")
    subjects = SPLITS[split]
    trained, evaluated = part != "evaluation", part != "training"
    return Benchmark(
        name="wmdp",
        split=split,
        forget=tuple(text for one in subjects for text in _forget(folder, one)) if trained else (),
        retain=_texts(_rows(folder, ("wikitext",), WIKITEXT)) if trained else (),
        refusals=(),
        evaluation=_questions(folder, subjects) if evaluated else {},
        suite=SUITE,
        utility_sets=(MMLU,),
    )


def _questions(folder: Path | None, subjects: tuple[str, ...]) -> dict[str, EvaluationSet]:
    sets = {}
    for subject in subjects:
        rows = _rows(folder, (f"wmdp-{subject}",), f"cais/wmdp:wmdp-{subject}:test")
        sets[f"wmdp_{subject}"] = choice_set(rows, SUBJECTS[subject], published=True)
    sets[MMLU] = choice_set(_rows(folder, (MMLU, "all"), "cais/mmlu:all:test"), published=True)
    return sets


def _forget(folder: Path | None, subject: str) -> tuple[Example, ...]:
    if subject not in CORPORA:
        raise UserError(
            f"WMDP publishes no corpus for {subject}, so there is nothing to unlearn on: use "
            f"``split={' or '.join(CORPORA)}``, or texts of your own with ``forget``."
        )
    return _texts(_rows(folder, (f"{subject}-forget-corpus",), CORPORA[subject]), topic=subject)


def _texts(rows: list[Row], topic: str = "") -> tuple[Example, ...]:
    """Return the texts that are long enough, cut to the length that is used.

    Raises:
        UserError: a row without text, or no text is long enough.
    """
    kept = []
    for row in rows:
        text = row.values.get("text")
        if not isinstance(text, str) or len(text) > SHORTEST:
            kept.append(Example(None, text_of(row, "text")[:LONGEST], topic))
    if not kept:
        raise UserError(f"{rows[0].place}: no text has more than {SHORTEST} characters.")
    return tuple(kept)


def _rows(folder: Path | None, names: tuple[str, ...], hub: str) -> list[Row]:
    """Read a set from a folder or, without one, from the hub."""
    if folder is None:
        try:
            return read_rows(hub)
        except UserError as error:
            raise UserError(
                f"{error} If it is gated, ask for access on its page and log in (hf auth login); "
                "offline, give a folder with the files: ``data_dir``."
            ) from None
    for name in names:
        plain = [folder / f"{name}.{kind}" for kind in ("jsonl", "json", "parquet")]
        found = [path for path in plain if path.is_file()][:1]
        found = found or sorted((folder / name).glob("*.parquet"))
        if found:
            rows = [row for path in found for row in read_file(path)]
            if not rows:
                raise UserError(f"{found[0]} holds no row.")
            return rows
    raise UserError(
        f"{folder} has no {' or '.join(names)}: expected {names[0]}.jsonl, .json or .parquet, or a "
        f"folder {names[-1]} with the hub's .parquet files."
    )


# WMDP for Zephyr-7B-beta: the paper's steps, the learning rate and beta of its code, whose weight
# decay is 0 and whose rate rises over a tenth of the steps. The paper's learning rates, 2.5e-6 to
# 5e-6, and its lambda of 5 (app. I.2) go with betas that it does not name; the code has both
# weights at 1 and 500 steps.
_TRAINING = TrainingConfig(
    epochs=None,
    steps=125,
    learning_rate=5e-6,
    batch_size=4,
    micro_batch_size=4,
    weight_decay=0,
)
_BETAS = {"simnpo": 0.1, "npo": 0.0225}
_RATES = {"simnpo": 9.5e-6, "rmu": 5e-5}
_RMU_STEPS = 150
"""RMU's release's for Zephyr-7B-beta, as its learning rate, layer, coefficient and weight."""


def preset(split: str | None, method: str) -> Preset:
    """Return the settings of a method on WMDP.

    Raises:
        UserError: an unknown method, or Retrain.
    """
    if method == "retrain":
        raise UserError("WMDP has no Retrain: what its model was trained on is not known.")
    settings = {"beta": _BETAS[method]} if method in _BETAS else {}
    rate = _RATES.get(method, _TRAINING.learning_rate)
    steps = _RMU_STEPS if method == "rmu" else _TRAINING.steps
    return Preset(
        build_method(method, **settings), replace(_TRAINING, steps=steps, learning_rate=rate)
    )


BENCHMARK = BenchmarkKind("bio", wmdp, preset)
