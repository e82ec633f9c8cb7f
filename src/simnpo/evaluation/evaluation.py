"""An evaluation's folder: `scores.parquet`, `generations.parquet`, `summary.json`."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simnpo.errors import UserError
from simnpo.evaluation.metrics.official_logs import read_official_log
from simnpo.evaluation.tables import (
    ADDED_COLUMNS,
    GENERATION_COLUMNS,
    SCORE_COLUMNS,
    Tables,
    check_columns,
)
from simnpo.storage.files import read_json, read_table, write_json, write_table
from simnpo.storage.json_values import Json, JsonObject
from simnpo.storage.ownership import claim
from simnpo.system.terminal import visible

EVALUATION = "evaluation"
"""Where a run's folder keeps its evaluation, if it has one."""
SCORES, GENERATIONS, SUMMARY = "scores.parquet", "generations.parquet", "summary.json"
FILES = (SCORES, GENERATIONS, SUMMARY)
RENAMED = {"controls": "utility_sets"}
"""Keys of earlier summaries, and what they are called now."""


class Evaluation(NamedTuple):
    """One evaluated model: its label, `summary.json`'s content and the per-item tables."""

    name: str
    summary: JsonObject
    tables: Tables


def computed_in(summary: Mapping[str, object]) -> str:
    """Return the precision that a summary's model computed in; empty where it does not say."""
    precision = str(summary.get("precision") or "")
    return f"{precision} on weights of 4 bits" if summary.get("load_in_4bit") else precision


def write_evaluation(folder: Path, summary: dict[str, object], tables: Tables) -> None:
    """Write the three files; the summary last, so that a summary means a whole evaluation."""
    claim(*(folder / name for name in FILES))
    (folder / SUMMARY).unlink(missing_ok=True)
    write_table(folder / SCORES, tables.scores)
    write_table(folder / GENERATIONS, tables.generations)
    write_json(folder / SUMMARY, summary)


def read_summary(path: Path) -> Json:
    """Return the content of a `summary.json`, of an earlier release as well.

    Raises:
        UserError: it cannot be read.
    """
    found = read_json(path)
    if not isinstance(found, dict):
        return found
    return {RENAMED.get(key, key): value for key, value in found.items()}


def read_tables(folder: Path) -> Tables:
    """Read the per-item tables of an evaluation's folder.

    Raises:
        UserError: a file is missing, unreadable, or lacks columns.
    """
    scores, generations = read_table(folder / SCORES), read_table(folder / GENERATIONS)
    older = {name: kind for name, kind in SCORE_COLUMNS.items() if name not in ADDED_COLUMNS}
    check_columns(scores, older, str(folder / SCORES))
    for column in ADDED_COLUMNS:
        if column not in scores.columns:
            scores[column] = np.nan
    check_columns(generations, GENERATION_COLUMNS, str(folder / GENERATIONS))
    return Tables(scores, generations)


def read_scores(source: Path) -> Tables:
    """Read per-item tables from an evaluation's folder or from an official TOFU log.

    Raises:
        UserError: there is neither, or it cannot be read.
    """
    if source.is_file():
        return read_official_log(source)
    if not source.is_dir():
        raise UserError(f"{source} does not exist: give an evaluation's folder or a TOFU log.")
    return read_tables(evaluation_folder(source))


def score_files(source: Path | None) -> tuple[Path, ...]:
    """Return the files that `read_scores` reads, those that are there."""
    if source is None or source.is_file():
        return (source,) if source else ()
    candidates = (folder / name for folder in (source, source / EVALUATION) for name in FILES)
    return tuple(path for path in candidates if path.is_file())


def evaluation_folder(folder: Path) -> Path:
    """Return `folder`, or the evaluation in it where it is a run's folder.

    Raises:
        UserError: neither is an evaluation.
    """
    for candidate in (folder, folder / EVALUATION):
        if (candidate / SUMMARY).is_file():
            return candidate
    raise UserError(
        f"{folder} is not an evaluation: it has no {SUMMARY}. Make one with simnpo evaluate --out."
    )


def read_evaluation(folder: Path, name: str | None = None) -> Evaluation:
    """Read an evaluation's folder; `name` defaults to the summary's, then to the folder's name.

    Raises:
        UserError: a file is missing or unreadable.
    """
    folder = evaluation_folder(folder)
    summary = read_summary(folder / SUMMARY)
    needed = {"benchmark": object, "split": object, "metrics": dict, "notes": list}
    if not isinstance(summary, dict) or any(
        key not in summary or not isinstance(summary[key], kind) for key, kind in needed.items()
    ):
        raise UserError(f"{folder / SUMMARY} is not a summary of an evaluation of simnpo.")
    called = visible(str(name or summary.get("name") or folder.name))
    return Evaluation(called, summary, read_tables(folder))
