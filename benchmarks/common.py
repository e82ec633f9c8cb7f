"""What the benchmark scripts share: the model and data they measure on, and how they compare."""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, TypeVar

import torch
import tyro
from make_tiny_model import make_model, make_tokenizer
from transformers import TrainingArguments

from simnpo.benchmarks.base import Benchmark
from simnpo.benchmarks.tofu import tofu
from simnpo.errors import UserError

T = TypeVar("T")


class Subject(NamedTuple):
    """A model with random weights, its tokenizer and TOFU."""

    model: Any
    tokenizer: Any
    benchmark: Benchmark


def subject(data_dir: str | None, width: int = 128, layers: int = 4) -> Subject:
    """Return TOFU forget05 and a Llama of 1.4 million weights (by default) for it."""
    benchmark = tofu("forget05", data_dir)
    texts = [f"{one.question} {one.answer}" for one in (*benchmark.forget, *benchmark.retain)]
    tokenizer = make_tokenizer(texts, 4096)
    return Subject(make_model(len(tokenizer), width, layers), tokenizer, benchmark)


def cpu_arguments(folder: str, **settings: Any) -> TrainingArguments:
    """Return transformers' arguments for a measured training on the CPU, with nothing beside."""
    return TrainingArguments(
        folder,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        dataloader_pin_memory=False,
        **settings,
    )


def alternate(
    sides: dict[str, Callable[[], float]], rounds: int, warm_up: int = 1
) -> dict[str, list[float]]:
    """Run the sides in turn, round after round, and return what each gave, warm-up left out."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(warm_up + rounds):
        for name, side in sides.items():
            value = side()
            if number >= warm_up:
                found[name].append(value)
    return found


def seconds(work: Callable[[], object]) -> float:
    """Return the wall time of `work`."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def ratio(ours: Sequence[float], plain: Sequence[float]) -> str:
    """Return the median of the ratios round by round, with their range."""
    ratios = [other / one for one, other in zip(ours, plain, strict=True)]
    return f"{median(ratios):.2f}x ({min(ratios):.2f} to {max(ratios):.2f})"


def memory_now() -> float:
    """Return this process's memory, in MiB (Linux)."""
    return _status("VmRSS:")


def memory_peak() -> float:
    """Return the most memory this process has held since `forget_peak`, in MiB."""
    return _status("VmHWM:")


def forget_peak() -> None:
    """Begin to take the peak anew."""
    Path("/proc/self/clear_refs").write_text("5")


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def describe() -> str:
    """Say what the numbers were measured on."""
    return f"torch {torch.__version__}, {torch.get_num_threads()} threads, float32"


def start(main: Callable[[T], None], options: type[T]) -> None:
    """Run a script with the command line's options; a mistake in them is told in one message."""
    try:
        main(tyro.cli(options))
    except UserError as error:
        sys.exit(f"error: {error}")
