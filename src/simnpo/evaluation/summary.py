"""`summary.json`: the metrics of an evaluation and what they were computed from."""

import os
from collections.abc import Sequence
from pathlib import Path

from simnpo.evaluation.history import HISTORY, read_history
from simnpo.evaluation.suites import measure
from simnpo.evaluation.suites.base import SuiteInputs
from simnpo.models.places import short_name
from simnpo.storage.json_values import JsonObject
from simnpo.storage.runs import RUN, read_run, versions


def summarise(suite: str, inputs: SuiteInputs, **origin: object) -> dict[str, object]:
    """Return the content of `summary.json`.

    Args:
        suite: what to measure by, a key of `simnpo.evaluation.suites.SUITES`.
        inputs: the tables, and what else the suite compares with.
        origin: where the tables come from: name, benchmark, split, model, ...

    Raises:
        UserError: see `simnpo.evaluation.suites.measure`.
    """
    found = measure(suite, inputs)
    return {
        **origin,
        "suite": suite,
        "metrics": found.metrics,
        "items": found.items,
        "notes": found.notes,
        **found.details,
        "versions": versions(),
    }


def run_of(model: str) -> JsonObject:
    """Return what the run in folder `model`, if it is one, says of itself: settings and history."""
    folder = Path(model)
    if not (folder / RUN).is_file():
        return {"run": None, "history": []}
    record = read_run(folder)
    run = {
        "command": record["command"],
        "method": record["config"].get("method"),
        "settings": record["config"],
        "seconds": record.get("seconds"),
    }
    return {"run": run, "history": read_history(folder / HISTORY)}


def display_name(model: str, run: JsonObject) -> str:
    """Return what to call a model: its method if it was unlearned, else its folder's name.

    A fine-tuned model goes by its folder, since Original and Retrain are both made so.
    """
    made = run["run"] or {}
    return str(made["method"]) if made.get("command") in ("unlearn", "demo") else short_name(model)


def disambiguate(names: Sequence[str], places: Sequence[str | Path]) -> list[str]:
    """Return the names; models of one name go by their folders, as far as these differ."""
    whole = [Path(place).resolve() for place in places]
    common = os.path.commonpath([place.parent for place in whole])
    return [
        str(place.relative_to(common)) if names.count(name) > 1 else name
        for name, place in zip(names, whole, strict=True)
    ]
