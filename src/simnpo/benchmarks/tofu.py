"""TOFU (arXiv 2401.06121), from the hub or from a folder with the official files."""

from pathlib import Path
from typing import Any

import numpy as np

from simnpo.benchmarks.base import Benchmark, EvaluationSet, Item
from simnpo.benchmarks.kind import BenchmarkKind
from simnpo.benchmarks.preset import Preset, general_preset
from simnpo.benchmarks.tofu_refusals import REFUSALS
from simnpo.config import TrainingConfig
from simnpo.data.examples import Example
from simnpo.data.layouts import text_of
from simnpo.data.rows import Row, read_file, read_lines, read_rows
from simnpo.errors import UserError
from simnpo.methods.registry import build_method

HUB = "locuslab/TOFU"
RETAIN = {"forget01": "retain99", "forget05": "retain95", "forget10": "retain90"}
"""Each split's retain set."""
REFUSALS_FILE = "idontknow.jsonl"
"""Plain lines, despite its name; in TOFU's code repository, not on the hub. Ours stand in."""
MAX_NEW_TOKENS = 200


def tofu(split: str = "forget05", data_dir: str | None = None) -> Benchmark:
    """Return TOFU at `split`.

    Args:
        split: `forget01`, `forget05` or `forget10`.
        data_dir: a folder with the official files; None takes them from the hub (or its cache).

    Raises:
        UserError: an unknown split, a missing or malformed file.
    """
    if split not in RETAIN:
        raise UserError(f"TOFU has no split {split!r}; use {', '.join(RETAIN)}.")
    folder = Path(data_dir) if data_dir else None
    if folder is not None and not folder.is_dir():
        raise UserError(f"``data_dir`` {data_dir} is not a folder.")

    def examples(name: str) -> tuple[Example, ...]:
        rows = _rows(folder, name)
        return tuple(Example(text_of(row, "question"), text_of(row, "answer")) for row in rows)

    def asked(name: str) -> EvaluationSet:
        items = tuple(_item(row) for row in _rows(folder, f"{name}_perturbed"))
        return EvaluationSet(items, MAX_NEW_TOKENS)

    refusals = folder / REFUSALS_FILE if folder else None
    return Benchmark(
        name="tofu",
        split=split,
        forget=examples(split),
        retain=examples(RETAIN[split]),
        refusals=read_lines(refusals) if refusals and refusals.is_file() else REFUSALS,
        evaluation={
            "forget": asked(split),
            "retain": asked("retain"),
            "real_authors": asked("real_authors"),
            "world_facts": asked("world_facts"),
        },
    )


def _rows(folder: Path | None, name: str) -> list[Row]:
    """Read a set from a folder or, without one, from the hub, where it is a configuration."""
    if folder is None:
        try:
            return read_rows(f"{HUB}:{name}:train")
        except UserError as error:
            raise UserError(
                f"{error} Offline, give a folder with TOFU's files: ``data_dir``."
            ) from None
    path = folder / f"{name}.json"
    if not path.is_file():
        raise UserError(f"{path} does not exist; TOFU's folder must hold the hub's own files.")
    rows = read_file(path)
    if not rows:
        raise UserError(f"{path} holds no row.")
    return rows


def _item(row: Row) -> Item:
    perturbed: Any = row.values.get("perturbed_answer")
    if isinstance(perturbed, str):
        perturbed = [perturbed]
    if perturbed is None or not np.size(perturbed):
        raise UserError(f"{row.place}: no 'perturbed_answer'; it has {sorted(row.values)}.")
    if not isinstance(perturbed, (list, np.ndarray)) or not all(
        isinstance(one, str) and one.strip() for one in perturbed
    ):
        raise UserError(f"{row.place}: 'perturbed_answer' must be texts, got {perturbed!r:.80}.")
    return Item(
        question=text_of(row, "question"),
        answer=text_of(row, "answer"),
        paraphrase=text_of(row, "paraphrased_answer")
        if "paraphrased_answer" in row.values
        else None,
        perturbed=tuple(map(str, perturbed)),
    )


# The released code's tuned value for forget10, with the weight of `simnpo.benchmarks.preset.SIMNPO`
# (neither paper nor release names forget01's, which is as forget05's).
_FORGET10 = {"beta": 4.5, "forget_weight": 0.125}
_TASK_VECTOR = 2.5
"""RKLD's authors' for their task-arithmetic baseline on TOFU (app. A.1)."""


def preset(split: str | None, method: str) -> Preset:
    """Return the settings of a method on TOFU.

    Raises:
        UserError: an unknown method.
    """
    if method == "simnpo" and split == "forget10":
        return Preset(build_method(method, **_FORGET10), TrainingConfig())
    if method == "task_vector":
        return Preset(build_method(method, alpha=_TASK_VECTOR), TrainingConfig())
    return general_preset(method)


BENCHMARK = BenchmarkKind("forget05", lambda split, data_dir, part: tofu(split, data_dir), preset)
