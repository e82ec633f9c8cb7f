"""`summary.json`: the metrics of an evaluation and what they were computed from."""

from pathlib import Path
from typing import Any

from simnpo.metrics.tofu import tofu_metrics
from simnpo.metrics.truth_ratio import Aggregation
from simnpo.runs import RUN, read_run, versions
from simnpo.scoring.history import HISTORY, read_history
from simnpo.scoring.tables import Tables

AGGREGATIONS: tuple[Aggregation, ...] = ("geometric", "arithmetic")


def summarise(
    tables: Tables,
    retain: Tables | None,
    aggregation: Aggregation = "geometric",
    **origin: Any,
) -> dict[str, Any]:
    """Return the content of `summary.json`.

    Args:
        tables: the evaluated model's.
        retain: a retain model's, for forget quality.
        aggregation: of the truth ratios in `metrics`; both stand in `metrics_by_aggregation`.
        origin: where the tables come from: name, benchmark, split, model, ...

    Raises:
        UserError: see `simnpo.metrics.tofu.tofu_metrics`.
    """
    results = {one: tofu_metrics(tables, retain, one) for one in AGGREGATIONS}
    chosen = results[aggregation]
    return {
        **origin,
        "truth_ratio_aggregation": aggregation,
        "metrics": chosen.metrics,
        "metrics_by_aggregation": {one: result.metrics for one, result in results.items()},
        "items": chosen.items,
        "forget_quality_items": chosen.forget_quality_items,
        "notes": chosen.notes,
        "versions": versions(),
    }


def run_of(model: str) -> dict[str, Any]:
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


def name_of(model: str, run: dict[str, Any]) -> str:
    """Return what to call a model: its method if it was unlearned, else its folder's name.

    A fine-tuned model goes by its folder, since Original and Retrain are both made so.
    """
    made: dict[str, Any] = run["run"] or {}
    return str(made["method"]) if made.get("command") == "unlearn" else Path(model).name
