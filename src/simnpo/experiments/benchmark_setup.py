"""A benchmark as a reproduction uses it: which data, which models, at which scale."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

from transformers import TrainerCallback

from simnpo.benchmarks import BENCHMARKS, load_benchmark, load_mini
from simnpo.benchmarks.base import Benchmark
from simnpo.benchmarks.minis import Mini
from simnpo.benchmarks.preset import Preset
from simnpo.benchmarks.presets import unlearning_preset
from simnpo.config import Precision, Subspace, TrainingConfig
from simnpo.data.encoding import Encoder
from simnpo.data.examples import Example
from simnpo.data.prompt_settings import PromptSettings
from simnpo.evaluation.evaluate import evaluation_hashes
from simnpo.experiments.jobs import Job
from simnpo.models import load_tokenizer

Learnt = Literal["all", "retain", "first half"]
"""What a model was trained on: forget and retain set; the retain set alone; the retain set and the
first half of the forget set."""
NAMES: dict[Learnt, str] = {
    "all": "Original",
    "retain": "Retrain",
    "first half": "Original of one half",
}
"""What a model is called that has learnt it."""


@dataclass(frozen=True)
class BenchmarkSetup:
    """A benchmark at one split, where its data lies, and the models it starts from."""

    benchmark: str
    """A key of `simnpo.benchmarks.BENCHMARKS`."""
    split: str
    data_dir: str | None = None
    """Folder with the benchmark's files; None takes them from the hub."""
    base: str | None = None
    """What Original and Retrain are fine-tuned from; None for an embedded benchmark, which makes
    its own, or where both are released."""
    original: str | None = None
    """A released Original."""
    retrain: str | None = None
    """A released Retrain."""
    template: str | PromptSettings = "auto"
    """See `simnpo.data.template_choice.choose_template`."""
    trust_remote_code: bool = False
    """Whether Python code that comes with a model may run."""

    def asked(self) -> list[object]:
        """Return how models are asked, as far as the benchmark's items do not say it."""
        record = PromptSettings.of(self.template).record()
        if record == {"template": "auto"}:
            return []
        return [record if len(record) > 1 else record["template"]]

    def preset(self, method: str, adapted: bool = False, reads: Subspace | None = None) -> Preset:
        """Return the settings of a method on this benchmark.

        Args:
            method: its name.
            adapted: whether adapters are trained, which have other settings on own data.
            reads: what they read, where that is asked for.

        Raises:
            UserError: see `unlearning_preset`.
        """
        return unlearning_preset(self.benchmark, self.split, method)

    @property
    def precision(self) -> Precision:
        """What models are measured in."""
        return "auto"

    @property
    def is_mini(self) -> bool:
        """Whether the benchmark is embedded."""
        kind = BENCHMARKS.get(self.benchmark)
        return kind is not None and kind.mini is not None

    @property
    def has_retrain(self) -> bool:
        """Whether there is a model that never saw the forget set."""
        return self.is_mini or bool(self.base or self.retrain)

    @property
    def name(self) -> str:
        """The benchmark and its split."""
        return f"{self.benchmark} {self.split}"

    def load(self) -> Benchmark:
        """Return the benchmark; each process reads it once.

        Raises:
            UserError: see `simnpo.benchmarks.load_benchmark`.
        """
        return _load(self)

    def encoder_of(self, model: str) -> Encoder:
        """Return a model's tokenizer, bound to the template and the benchmark's limit.

        Raises:
            UserError: see `load_tokenizer`.
        """
        tokenizer = load_tokenizer(model, self.trust_remote_code)
        return Encoder(tokenizer, self.template, self.load().max_length)

    def mini(self) -> Mini:
        """Return an embedded benchmark with all it takes to make its models."""
        return _load_mini(self)

    def requested(self, number: int) -> Benchmark:
        """Return the benchmark whose forget set is successive request `number`, from 0."""
        benchmark = self.load()
        return replace(benchmark, forget=benchmark.requests[number])

    def learnt(self, what: Learnt) -> Sequence[Example]:
        """Return what a model is fine-tuned on."""
        benchmark = self.load()
        forget: Sequence[Example] = {
            "all": benchmark.forget,
            "retain": (),
            "first half": benchmark.forget[: len(benchmark.forget) // 2],
        }[what]
        return (*forget, *benchmark.retain)

    def fitted(self, training: TrainingConfig) -> TrainingConfig:
        """Return how to train so that a large model fits a device; no result depends on it."""
        return training if self.is_mini else replace(training, gradient_checkpointing=True)

    def control(
        self, job: Job, out: Path, encoder: Encoder, original: Path
    ) -> Sequence[TrainerCallback]:
        """Return what measures a training and ends it.

        That is nothing here, since benchmarks keep the paper's fixed schedules.

        Args:
            job: the training.
            out: its folder.
            encoder: the model's tokenizer, bound to a template.
            original: folder of the original model's run.
        """
        return ()

    def released(self, what: Learnt) -> str | None:
        """Return the model to take as it stands, where there is one."""
        return {"all": self.original, "retain": self.retrain}.get(what)


def evaluated(benchmark: Benchmark) -> list[object]:
    """Return all that an evaluation depends on, for keys: the items, and how they are asked."""
    how = {
        name: {one.name: getattr(asked, one.name) for one in fields(asked) if one.name != "items"}
        for name, asked in benchmark.evaluation.items()
    }
    rest = [benchmark.suite, benchmark.utility_sets, benchmark.max_length]
    return [evaluation_hashes(benchmark), how, *rest]


@lru_cache(maxsize=8)
def _load(site: BenchmarkSetup) -> Benchmark:
    return load_benchmark(site.benchmark, site.split, site.data_dir)


@lru_cache(maxsize=4)
def _load_mini(site: BenchmarkSetup) -> Mini:
    return load_mini(site.benchmark, site.split)
