"""The two scales of a reproduction: which benchmarks and models a study's runs are made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from simnpo.experiments.benchmark_setup import BenchmarkSetup
from simnpo.experiments.model_runs import TrainedModel
from simnpo.experiments.run import Run
from simnpo.experiments.unlearn_run import Record, UnlearnRun

SEEDS = 5
"""Trials, as the paper's."""
FIRST_SEED = 42
RECORDS: dict[str, tuple[Record, ...]] = {
    "ga": ("drift",),
    "grad_diff": (),
    "npo": ("history", "weights", "drift"),
    "simnpo": ("history", "weights", "drift"),
}
"""What runs on TOFU record. One run of a method serves every study."""
ATTACKED = ("npo", "simnpo")
"""Methods whose models other runs start from."""


@dataclass(frozen=True)
class Scale:
    """The benchmarks of the paper at one scale."""

    name: str
    tofu: BenchmarkSetup
    """Instead of TOFU forget05."""
    tofu_other: BenchmarkSetup
    """Instead of TOFU forget10."""
    news: BenchmarkSetup
    """Instead of MUSE News."""
    books: BenchmarkSetup | None
    """Instead of MUSE Books; None where there is nothing of the kind."""
    wmdp: BenchmarkSetup

    def original(self, site: BenchmarkSetup, seed: int) -> TrainedModel:
        """Return the run of the model before unlearning."""
        return TrainedModel(seed, site, "all")

    def retrain(self, site: BenchmarkSetup, seed: int) -> TrainedModel:
        """Return the run of the model that never saw the forget set, where there is one."""
        assert site.has_retrain
        return TrainedModel(seed, site, "retain")

    def unlearned(self, site: BenchmarkSetup, method: str, seed: int, **changes: Any) -> UnlearnRun:
        """Return the run of a method from Original, with the benchmark's tuned settings.

        Args:
            site: the benchmark.
            method: a method's name.
            seed: the trial.
            changes: fields of `UnlearnRun` instead of the usual ones.
        """
        plain = not changes
        usual: dict[str, Any] = {
            "origin": self.original(site, seed),
            "retrain": self.retrain(site, seed) if site.has_retrain else None,
            "records": RECORDS.get(method, ()) if site == self.tofu and plain else (),
            "keeps_model": site == self.tofu and plain and method in ATTACKED,
        }
        return UnlearnRun(seed=seed, site=site, method=method, **(usual | changes))


def mini() -> Scale:
    """Return the embedded benchmarks: minutes on a laptop, nothing downloaded.

    mini-tofu's larger forget set stands for forget05, since half of the smaller one has too few
    items for a p-value; the smaller one stands for forget10.
    """
    return Scale(
        "mini",
        tofu=BenchmarkSetup("mini-tofu", "forget10"),
        tofu_other=BenchmarkSetup("mini-tofu", "forget05"),
        news=BenchmarkSetup("mini-muse", "gazette"),
        books=None,
        wmdp=BenchmarkSetup("mini-wmdp", "craft"),
    )


def paper(model: str | None = None, data_dir: str | None = None) -> Scale:
    """Return the paper's benchmarks and models, from the hub.

    Args:
        model: what TOFU's Original and Retrain are fine-tuned from, instead of the paper's.
        data_dir: a folder with TOFU's files; None takes them from the hub.
    """
    base = model or TOFU_BASE
    return Scale(
        "paper",
        tofu=BenchmarkSetup("tofu", "forget05", data_dir, base),
        tofu_other=BenchmarkSetup("tofu", "forget10", data_dir, base),
        news=BenchmarkSetup("muse", "news", original=NEWS[0], retrain=NEWS[1]),
        books=BenchmarkSetup("muse", "books", original=BOOKS[0], retrain=BOOKS[1]),
        wmdp=BenchmarkSetup("wmdp", "bio", original=WMDP),
    )


TOFU_BASE = "NousResearch/Llama-2-7b-chat-hf"
NEWS = ("muse-bench/MUSE-News_target", "muse-bench/MUSE-News_retrain")
BOOKS = ("muse-bench/MUSE-Books_target", "muse-bench/MUSE-Books_retrain")
WMDP = "HuggingFaceH4/zephyr-7b-beta"


def per_seed(seeds: Sequence[int], *makers: Callable[[int], Run]) -> list[Run]:
    """Return what each of `makers` gives for each seed."""
    return [make(seed) for seed in seeds for make in makers]
