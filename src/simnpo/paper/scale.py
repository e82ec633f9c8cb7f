"""The two scales of a reproduction: which benchmarks and models a study's runs are made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from simnpo.experiments.models import TrainedModel
from simnpo.experiments.run import Run
from simnpo.experiments.site import Site
from simnpo.experiments.unlearned import Record, Unlearned

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
    tofu: Site
    """In the place of TOFU forget05."""
    tofu_other: Site
    """In the place of TOFU forget10."""
    news: Site
    """In the place of MUSE News."""
    books: Site | None
    """In the place of MUSE Books; None where there is nothing of the kind."""
    wmdp: Site

    def original(self, site: Site, seed: int) -> TrainedModel:
        """Return the run of the model before unlearning."""
        return TrainedModel(seed, site, "all")

    def retrain(self, site: Site, seed: int) -> TrainedModel:
        """Return the run of the model that never saw the forget set, where there is one."""
        assert site.has_retrain
        return TrainedModel(seed, site, "retain")

    def unlearned(self, site: Site, method: str, seed: int, **changes: Any) -> Unlearned:
        """Return the run of a method from Original, with the benchmark's tuned settings.

        Args:
            site: the benchmark.
            method: a method's name.
            seed: the trial.
            changes: fields of `Unlearned` in the place of the usual ones.
        """
        plain = not changes
        usual: dict[str, Any] = {
            "origin": self.original(site, seed),
            "retrain": self.retrain(site, seed) if site.has_retrain else None,
            "records": RECORDS.get(method, ()) if site == self.tofu and plain else (),
            "keeps_model": site == self.tofu and plain and method in ATTACKED,
        }
        return Unlearned(seed=seed, site=site, method=method, **(usual | changes))


def mini() -> Scale:
    """Return the embedded benchmarks: minutes on a laptop, nothing downloaded.

    mini-tofu's larger forget set stands for forget05, since half of the smaller one has too few
    items for a p-value; the smaller one stands for forget10.
    """
    return Scale(
        "mini",
        tofu=Site("mini-tofu", "forget10"),
        tofu_other=Site("mini-tofu", "forget05"),
        news=Site("mini-muse", "gazette"),
        books=None,
        wmdp=Site("mini-wmdp", "craft"),
    )


def paper(model: str | None = None, data_dir: str | None = None) -> Scale:
    """Return the paper's benchmarks and models, from the hub.

    Args:
        model: what TOFU's Original and Retrain are fine-tuned from, in the place of the paper's.
        data_dir: a folder with TOFU's files; None takes them from the hub.
    """
    base = model or TOFU_BASE
    return Scale(
        "paper",
        tofu=Site("tofu", "forget05", data_dir, base),
        tofu_other=Site("tofu", "forget10", data_dir, base),
        news=Site("muse", "news", original=NEWS[0], retrain=NEWS[1]),
        books=Site("muse", "books", original=BOOKS[0], retrain=BOOKS[1]),
        wmdp=Site("wmdp", "bio", original=WMDP),
    )


TOFU_BASE = "NousResearch/Llama-2-7b-chat-hf"
NEWS = ("muse-bench/MUSE-News_target", "muse-bench/MUSE-News_retrain")
BOOKS = ("muse-bench/MUSE-Books_target", "muse-bench/MUSE-Books_retrain")
WMDP = "HuggingFaceH4/zephyr-7b-beta"


def per_seed(seeds: Sequence[int], *makers: Callable[[int], Run]) -> list[Run]:
    """Return what each of `makers` gives for each seed."""
    return [make(seed) for seed in seeds for make in makers]
