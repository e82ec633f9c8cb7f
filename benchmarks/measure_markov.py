"""Where the time of the Markov study goes: both panels, NPO and SimNPO, one seed, from nothing.

    python benchmarks/measure_markov.py [--parts-only]

Prints each part's processor time on one thread (measured on a tenth of it), what the same matrix
products take at this machine's own peak, and then the whole command's wall time on all cores.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from simnpo.methods.registry import build_method
from simnpo.paper.markov import training
from simnpo.paper.markov.distance import distances
from simnpo.paper.markov.model import CONFIG, new_model
from simnpo.paper.markov.panels import PANELS, Size, panel_data

SEED, SHARE = 42, 10
SIZE = Size()
PER_TOKEN = 2 * CONFIG["n_layer"] * 12 * CONFIG["n_embd"] ** 2
"""Operations of a token's forward pass: query, key, value and output, and the two MLP layers."""


def peak() -> float:
    """Return the rate of the model's largest matrix product on one thread, in operations/s."""
    rows, width = 2432, CONFIG["n_embd"]
    one, other = torch.randn(rows, width), torch.randn(width, 4 * width)
    rates = []
    for _ in range(20):
        started = time.perf_counter()
        for _ in range(10):
            one @ other
        rates.append(10 * 2 * rows * width * 4 * width / (time.perf_counter() - started))
    return max(rates)


def parts() -> dict[str, tuple[float, float]]:
    """Return seconds on one thread and operations of every part."""
    found: dict[str, tuple[float, float]] = {}

    def measure(name: str, tokens: float, times: int, work: Callable[[], object]) -> None:
        started = time.perf_counter()
        work()
        found[name] = (times * (time.perf_counter() - started), tokens * PER_TOKEN)

    for panel in PANELS.values():
        data = panel_data(panel, SEED, SIZE)
        groups = [torch.cat([data.retain.train, data.forget1.train])]
        groups += [data.forget2.train] if panel.pretrain_on_forget2 else []
        jobs = {f"pretraining, {panel.name}": groups}
        if panel.name == "short":
            jobs["retraining"] = [data.retain.train]
        for name, sequences in jobs.items():
            tokens = 3 * SIZE.epochs * sum(group[:, 1:].numel() for group in sequences)
            some = [group[: len(group) // SHARE] for group in sequences]
            model = new_model(SEED)
            measure(
                name,
                tokens,
                SHARE * SIZE.epochs,
                lambda some=some, model=model: training.pretrain(model, some, 1, SEED, print_none),
            )
        model, tests = new_model(SEED), data.test_tokens
        for method, beta in panel.betas.items():
            name = f"unlearning and evaluation, {panel.name}, {method}"
            built = build_method(method, beta=beta)
            steps = SIZE.iterations // SHARE
            measure(
                name,
                tests * SIZE.iterations,
                SHARE,
                lambda b=built, m=model, d=data, n=steps: training.unlearn(
                    m, b, d, n, SEED, print_none
                ),
            )
        measure(
            f"  of which one evaluation, {panel.name}",
            tests,
            1,
            lambda model=model, data=data: distances(model, data),
        )
    return found


def print_none(_: int) -> None:
    """Take progress and say nothing."""


def main() -> None:
    """Print the breakdown."""
    torch.set_num_threads(1)
    rate = peak()
    print(f"Peak of one thread: {rate / 1e9:.0f} GFLOP/s")
    print(f"{'part':50} {'seconds':>8} {'at peak':>8} {'TFLOP':>7}")
    found = parts()
    for name, (seconds, operations) in found.items():
        print(f"{name:50} {seconds:8.1f} {operations / rate:8.1f} {operations / 1e12:7.2f}")
    whole = [value for name, value in found.items() if not name.startswith(" ")]
    seconds, operations = (sum(column) for column in zip(*whole, strict=True))
    print(
        f"{'all, one thread':50} {seconds:8.1f} {operations / rate:8.1f} {operations / 1e12:7.2f}"
    )
    if "--parts-only" in sys.argv:
        return
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "simnpo", "markov", "--seeds", "1"]
        command += ["--methods", "npo", "simnpo", "--out", str(Path(folder) / "out")]
        started = time.perf_counter()
        environment = os.environ | {"SIMNPO_CACHE": str(Path(folder) / "cache")}
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        print(f"simnpo markov, whole: {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
