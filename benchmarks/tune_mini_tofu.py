"""Tune every method on mini-tofu with the same budget, and print the setting each rule picks.

Each method gets 12 runs, spent on the settings it has. They are made with seed 0, whose Original
and Retrain the demo never uses. The rule is the same for all: the highest forget quality among the
settings that keep at least 90 % of Original's model utility; where none does, the highest model
utility. A run that diverges counts as a run.

    python benchmarks/tune_mini_tofu.py docs/results/mini_tofu_grid.csv
"""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import pandas as pd

from simnpo.benchmarks.mini_tofu.settings import mini_tofu_study, preset_of
from simnpo.benchmarks.minis import Mini, cache_folder, mini_models
from simnpo.data.encoding import Encoder
from simnpo.errors import TrainingDiverged
from simnpo.jobs import Job
from simnpo.metrics.tofu import tofu_metrics
from simnpo.models import load_model, load_tokenizer, quiet
from simnpo.reinforce import unlearn
from simnpo.scoring.evaluate import evaluate_model
from simnpo.scoring.tables import Tables
from simnpo.training.run import TrainingData

SEED = 0
KEEP = 0.9
Setting = dict[str, float]


def grid(method: str) -> list[Setting]:
    """Return 12 settings of a method."""
    rates = (3e-4, 1e-3, 2e-3)
    if method == "ga":  # it has nothing else
        return [{"learning_rate": 1e-5 * 1.5**n} for n in range(12)]
    if method in ("grad_diff", "weighted_grad_diff", "idk"):
        weights = (0.01, 0.1, 0.3, 1.0)
        return _product(learning_rate=rates, forget_weight=weights)
    betas = (1.5, 2.5, 4.5) if method == "simnpo" else (0.05, 0.1, 0.5)
    return _product(beta=betas, forget_weight=(0.1, 0.3, 1.0, 2.0))


def _product(**values: tuple[float, ...]) -> list[Setting]:
    return [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]


def measure(mini: Mini, original: Path, method: str, setting: Setting, retain: Tables) -> Setting:
    """Unlearn with one setting and return forget quality, utility and retain probability."""
    preset = preset_of(method, setting)
    data = TrainingData(mini.benchmark.forget, mini.benchmark.retain, mini.benchmark.refusals)
    training = replace(preset.training, seed=SEED)
    with tempfile.TemporaryDirectory() as folder:
        job = Job("tune", str(original), preset.method, data, training)
        unlearn(job, preset.reinforcement, Path(folder))
        model, tokenizer = load_model(folder, "fp32"), load_tokenizer(folder)
    tables = evaluate_model(model, Encoder(tokenizer), mini.benchmark)
    metrics = tofu_metrics(tables, retain).metrics
    return {key: float(metrics[key] or 0) for key in ("forget_quality", "model_utility")}


def rows(mini: Mini, methods: list[str]) -> Iterator[dict[str, object]]:
    """Measure Original and every setting of every method."""
    models = mini_models(mini, cache_folder(), SEED)
    encoder = Encoder(load_tokenizer(str(models.retrain)))
    retain = evaluate_model(load_model(str(models.retrain), "fp32"), encoder, mini.benchmark)
    tables = evaluate_model(load_model(str(models.original), "fp32"), encoder, mini.benchmark)
    yield {"method": "original", **tofu_metrics(tables, retain).metrics}
    for method in methods:
        for setting in grid(method):
            try:
                yield {
                    "method": method,
                    **setting,
                    **measure(mini, models.original, method, setting, retain),
                }
            except TrainingDiverged as error:
                yield {"method": method, **setting, "diverged": str(error)}


def choose(table: pd.DataFrame) -> pd.DataFrame:
    """Return the row that the rule picks, for each method."""
    needed = KEEP * table.loc[table["method"] == "original", "model_utility"].item()
    picked = []
    for _, group in table[table["method"] != "original"].groupby("method", sort=False):
        useful = group[group["model_utility"] >= needed]
        column = "forget_quality" if len(useful) else "model_utility"
        picked.append((useful if len(useful) else group).nlargest(1, column))
    return pd.concat(picked)


def main(path: str, methods: list[str]) -> None:
    """Run the grid, write it to `path` row by row, and print what the rule picks."""
    quiet()
    mini = mini_tofu_study("forget10")
    columns = [
        *("method", "learning_rate", "beta", "forget_weight"),
        *("forget_quality", "model_utility", "diverged"),
    ]
    found: list[dict[str, object]] = []
    for row in rows(mini, methods):
        found.append(row)
        table = pd.DataFrame(found).reindex(columns=columns)
        table.to_csv(path, index=False, float_format="%.4g")
        print(table.tail(1).to_string(header=False), flush=True)
    print(choose(table).to_string())


if __name__ == "__main__":
    everything = ["ga", "grad_diff", "weighted_grad_diff", "idk", "idk_dpo", "npo", "simnpo"]
    main(sys.argv[1], sys.argv[2:] or everything)
