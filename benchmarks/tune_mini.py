"""Tune every method on an embedded benchmark with the same budget and the same rule.

    python benchmarks/tune_mini.py mini-tofu docs/results/mini_tofu_grid.csv [METHOD ...]

Each method gets as many runs (`RUNS`), spent on the settings it has. They are made with seed 0,
whose Original and Retrain the demo never uses. The rule is the same for all: of the settings that
keep at least 90 % of what Original can, the one that comes closest to Retrain on the forget set
(`CLOSENESS`); where none keeps that much, the one that keeps most. A run that diverges counts as a
run. Runs that the file holds already are not made again.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from simnpo.benchmarks import BENCHMARKS
from simnpo.benchmarks.minis import Mini
from simnpo.data.encoding import Encoder
from simnpo.errors import TrainingDiverged
from simnpo.evaluation.evaluate import evaluate_model
from simnpo.evaluation.suites import measure
from simnpo.evaluation.suites.base import SuiteInputs
from simnpo.evaluation.tables import Tables
from simnpo.experiments.benchmark_setup import BenchmarkSetup
from simnpo.experiments.jobs import Job
from simnpo.experiments.mini_models import MiniModel
from simnpo.experiments.reinforce import unlearn
from simnpo.experiments.run import with_needs
from simnpo.models import load_model, load_tokenizer, quiet
from simnpo.storage.cache import cache_folder
from simnpo.training.run import TrainingData

SEED = 0
KEEP = 0.9
Setting = dict[str, float]
Metrics = dict[str, float | None]

KEPT = {"mini-tofu": "model_utility", "mini-muse": "knowmem_retain", "mini-wmdp": "kept"}
"""The metric that says what is left of everything else."""
CLOSENESS: dict[str, Callable[[Metrics, Metrics], float]] = {
    "mini-tofu": lambda own, retrain: _value(own, "forget_quality"),
    "mini-muse": lambda own, retrain: -_gap(own, retrain, "verbmem", "knowmem_forget", "privleak"),
    "mini-wmdp": lambda own, retrain: -_gap(own, retrain, "forgotten"),
}
"""From a model's metrics and Retrain's to how close the two are on the forget set."""


def _value(metrics: Metrics, name: str) -> float:
    value = metrics[name]
    return 0.0 if value is None else float(value)


def _gap(own: Metrics, retrain: Metrics, *names: str) -> float:
    gaps = [abs(_value(own, name) - _value(retrain, name)) for name in names]
    return sum(gaps) / len(gaps)


RUNS = {"mini-tofu": 12, "mini-muse": 6, "mini-wmdp": 6}


def grid(name: str, method: str) -> list[Setting]:
    """Return the settings of a method that are tried on a benchmark, evenly spaced over all."""
    settings = every_setting(method)
    return settings[:: len(settings) // RUNS[name]]


def every_setting(method: str) -> list[Setting]:
    """Return 12 settings of a method."""
    rates = (3e-4, 1e-3, 2e-3)
    weights = (0.1, 0.3, 1.0, 2.0)
    if method == "ga":  # it has nothing else
        return [{"learning_rate": 1e-5 * 1.5**n} for n in range(12)]
    if method in ("grad_diff", "weighted_grad_diff", "idk"):
        return _product(learning_rate=rates, forget_weight=(0.01, 0.1, 0.3, 1.0))
    if method in ("undial", "ceu"):  # without a retain loss a weight changes little
        return [{"learning_rate": 1e-5 * 1.6**n} for n in range(12)]
    if method == "wga":
        return _product(alpha=(0.5, 1.0, 2.0), forget_weight=(0.01, 0.1, 0.3, 1.0))
    if method == "satimp":
        return _product(beta1=(2.0, 5.0, 10.0), forget_weight=(0.03, 0.1, 0.3, 1.0))
    if method == "rkld":
        return _product(alpha=(4.0, 8.0, 16.0), forget_weight=weights)
    if method == "task_vector":
        return _product(reinforce_epochs=(2.0, 5.0, 10.0), alpha=(1.0, 2.0, 5.0, 10.0))
    if method == "rmu":
        chosen = _product(steering_coefficient=(2.0, 6.5, 20.0), retain_weight=(1, 10, 100, 1200))
        return [{"layer": 1, **one} for one in chosen]
    betas = (1.5, 2.5, 4.5) if method == "simnpo" else (0.05, 0.1, 0.5)
    return _product(beta=betas, forget_weight=weights)


def _product(**values: tuple[float, ...]) -> list[Setting]:
    return [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]


class Bench:
    """An embedded benchmark with its models at the seed of tuning."""

    def __init__(self, name: str):
        self.name = name
        site = BenchmarkSetup(name, BENCHMARKS[name].split)
        self.mini: Mini = site.mini()
        original, retrain = (MiniModel(SEED, site, learnt) for learnt in ("all", "retain"))
        home = cache_folder()
        for run in with_needs([original, retrain]):
            run.ensure(home)
        self.original = original.model(home)
        self.retrain = self.tables(retrain.model(home))

    def tables(self, model: str) -> Tables:
        """Evaluate a model."""
        tokenizer = load_tokenizer(model)
        encoder = Encoder(tokenizer, max_length=self.mini.benchmark.max_length)
        return evaluate_model(load_model(model, "fp32"), encoder, self.mini.benchmark)

    def metrics(self, tables: Tables) -> Metrics:
        """Measure by the benchmark's suite, against Retrain."""
        mini = self.mini.benchmark
        question = SuiteInputs(
            tables, self.retrain, split=mini.split, utility_sets=mini.utility_sets
        )
        return measure(mini.suite, question).metrics

    def row(self, method: str, setting: Setting, metrics: Metrics) -> dict[str, Any]:
        """Return a row of the file."""
        own = self.metrics(self.retrain)
        judged = {
            "closeness": CLOSENESS[self.name](metrics, own),
            "kept": _value(metrics, KEPT[self.name]),
        }
        return {"method": method, **setting, **judged, **metrics}

    def try_setting(self, method: str, setting: Setting) -> dict[str, Any]:
        """Unlearn with one setting and measure."""
        presets = BENCHMARKS[self.name].presets
        assert presets is not None
        preset = presets.with_setting(method, setting)
        mini = self.mini.benchmark
        data = TrainingData(mini.forget, mini.retain, mini.refusals, max_length=mini.max_length)
        training = replace(preset.training, seed=SEED)
        with tempfile.TemporaryDirectory() as folder:
            job = Job("tune", self.original, preset.method, data, training)
            try:
                unlearn(job, preset.reinforcement, Path(folder))
            except TrainingDiverged as error:
                return {"method": method, **setting, "diverged": str(error)}
            return self.row(method, setting, self.metrics(self.tables(folder)))


_BENCH: list[Bench] = []


def _begin(name: str) -> None:
    """Load what a worker needs."""
    torch.set_num_threads(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # progress bars of several processes
    quiet()
    _BENCH.append(Bench(name))


def _try(method: str, setting: Setting) -> dict[str, Any]:
    return _BENCH[0].try_setting(method, setting)


def rows(name: str, methods: list[str], known: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Measure Original and every setting of every method that `known` does not hold."""
    bench = Bench(name)  # trains the models before the workers look for them
    if known.empty:
        original = bench.metrics(bench.tables(bench.original))
        yield bench.row("original", {}, original)
        yield bench.row("retrain", {}, bench.metrics(bench.retrain))
    waiting = [
        (method, one)
        for method in methods
        for one in grid(name, method)
        if not _held(known, method, one)
    ]
    workers = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(workers, initializer=_begin, initargs=(name,)) as pool:
        yield from pool.map(_try, *zip(*waiting, strict=True)) if waiting else ()


def _held(known: pd.DataFrame, method: str, setting: Setting) -> bool:
    if known.empty:
        return False
    same = known["method"] == method
    for key, value in setting.items():
        same &= (known[key] - value).abs() <= 1e-3 * value if key in known else False
    return bool(same.any())


def choose(table: pd.DataFrame) -> pd.DataFrame:
    """Return the row that the rule picks, for each method."""
    needed = KEEP * table.loc[table["method"] == "original", "kept"].item()
    picked = []
    tried = table[~table["method"].isin(["original", "retrain"])]
    for _, group in tried.groupby("method", sort=False):
        useful = group[group["kept"] >= needed]
        column = "closeness" if len(useful) else "kept"
        picked.append((useful if len(useful) else group).nlargest(1, column))
    return pd.concat(picked)


def main(name: str, path: str, methods: list[str]) -> None:
    """Run the grid, write it to `path` row by row, and print what the rule picks."""
    quiet()
    known = pd.read_csv(path) if Path(path).is_file() else pd.DataFrame()
    found = known.to_dict("records")
    for row in rows(name, methods, known):
        found.append(row)
        pd.DataFrame(found).to_csv(path, index=False, float_format="%.4g")
        print({key: value for key, value in row.items() if value is not None}, flush=True)
    print(choose(pd.DataFrame(found)).dropna(axis="columns", how="all").to_string())


if __name__ == "__main__":
    asking = ("idk", "idk_dpo") if sys.argv[1] == "mini-tofu" else ()
    plain = ("ga", "grad_diff", "weighted_grad_diff", "npo", "simnpo", "rkld", "task_vector", "rmu")
    everything = [*plain, *asking]  # the paper's
    main(sys.argv[1], sys.argv[2], sys.argv[3:] or everything)
