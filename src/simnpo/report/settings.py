"""Training runs' settings, set against each other."""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from simnpo.evaluation.evaluation import Evaluation
from simnpo.report.numbers import DASH
from simnpo.storage.json_values import JsonObject


class Settings(NamedTuple):
    """Settings of several runs, flattened to dotted keys."""

    names: tuple[str, ...]
    """The runs."""
    differing: dict[str, tuple[str, ...]]
    """Key to one value per run; a run without the key has a dash."""
    shared: dict[str, str]
    """Key to the value that all runs have."""


def settings(evaluations: Sequence[Evaluation]) -> Settings:
    """Collect the settings of the evaluations that come from a training run.

    How long a run took is left out: it is a result, not a setting.
    """
    return set_against(
        {e.name: flatten(e.summary["run"]) for e in evaluations if e.summary.get("run")}
    )


def set_against(runs: Mapping[str, Mapping[str, str]]) -> Settings:
    """Part the settings of runs, flattened, into those that differ and those that are shared."""
    keys = dict.fromkeys(key for run in runs.values() for key in run if key != "seconds")
    rows = {key: tuple(run.get(key, DASH) for run in runs.values()) for key in keys}
    shared = {key: row[0] for key, row in rows.items() if len(runs) > 1 and len(set(row)) == 1}
    differing = {key: row for key, row in rows.items() if key not in shared}
    return Settings(tuple(runs), differing, shared)


def flatten(value: JsonObject, prefix: str = "") -> dict[str, str]:
    """Flatten nested JSON objects to dotted keys, `settings.` left out, with values as text."""
    flat: dict[str, str] = {}
    for key, inner in value.items():
        if isinstance(inner, dict) and inner:
            path = prefix if key == "settings" and not prefix else f"{prefix}{key}."
            flat |= flatten(inner, path)
        else:
            text = inner if isinstance(inner, str) else json.dumps(inner, ensure_ascii=False)
            flat[prefix + key] = text
    return flat
