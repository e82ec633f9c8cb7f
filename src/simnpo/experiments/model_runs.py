"""Models that unlearning starts from and is held against, each with its evaluation."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, set_seed

from simnpo.benchmarks.base import Benchmark
from simnpo.benchmarks.presets import finetuning_preset
from simnpo.errors import UserError
from simnpo.evaluation.evaluate import evaluate_into
from simnpo.evaluation.evaluation import EVALUATION, SUMMARY, read_evaluation
from simnpo.evaluation.tables import Tables
from simnpo.experiments.benchmark_setup import NAMES, BenchmarkSetup, Learnt, evaluated
from simnpo.experiments.jobs import Job
from simnpo.experiments.mini_models import MiniModel
from simnpo.experiments.own_setup import OwnSetup, evaluate_own
from simnpo.experiments.run import Run
from simnpo.methods.method import Method
from simnpo.methods.registry import build_method
from simnpo.models import MODEL_FOLDER, load_model, load_tokenizer, resolve, save_model
from simnpo.planning.shape import read_shape
from simnpo.storage.runs import RUN, fingerprint
from simnpo.training.run import TrainingData

OTHER_DRAW = 1_000_003
"""Added to the seed that draws a model to average with: by the seed itself an embedded benchmark's
base was drawn, and the two would be the same weights."""


@dataclass(frozen=True)
class TrainedModel(Run):
    """A model that has learnt a part of a benchmark, fine-tuned here or released; evaluated."""

    site: BenchmarkSetup
    learnt: Learnt

    @property
    def title(self) -> str:
        """Name, benchmark and seed."""
        return f"{NAMES[self.learnt]}, {self.site.name}, seed {self.seed}"

    @property
    def needs(self) -> tuple[Run, ...]:
        """An embedded benchmark's model; and Retrain, which the evaluation compares with."""
        trained = (MiniModel(self.seed, self.site, self.learnt),) if self.site.is_mini else ()
        if self.is_retrain or not self.site.has_retrain:
            return trained
        return (TrainedModel(self.seed, self.site, "retain"), *trained)

    @property
    def is_retrain(self) -> bool:
        """Whether it never learnt the forget set."""
        return self.learnt == "retain"

    @property
    def seconds(self) -> float:
        """An evaluation."""
        return 5

    @cached_property
    def parameters(self) -> int:
        """Those of the model that is released or fine-tuned; an embedded benchmark's are few."""
        origin = self.site.released(self.learnt) or self.site.base
        return read_shape(origin, self.site.trust_remote_code).parameters if origin else 0

    @property
    def registered(self) -> frozenset[str]:
        """The benchmark, and fine-tuning."""
        return frozenset({self.site.benchmark, "retrain"})

    def depends_on(self) -> Mapping[str, object]:
        """Return the data, the settings, or the released model's name."""
        site = self.site
        settings: dict[str, object] = {"benchmark": site.name, "learnt": self.learnt}
        data: dict[str, object] = {"evaluation": evaluated(site.load())}
        if released := site.released(self.learnt):
            return {"settings": {**settings, "released": released}, "data": data}
        if not site.is_mini:  # what an embedded benchmark's model learns is what it needs
            settings |= {"finetuning": vars(finetuning_preset(site.benchmark)), "base": site.base}
            data["learnt"] = fingerprint(site.learnt(self.learnt))
        return {"settings": settings, "data": data}

    def finished(self, home: Path) -> bool:
        """Tell whether it is evaluated, and the cache, which a user may empty, has the model."""
        trained = [run for run in self.needs if isinstance(run, MiniModel)]
        return super().finished(home) and all(run.finished(home) for run in trained)

    def execute(self, home: Path) -> dict[str, object]:
        """Make the model, or find it, and evaluate it."""
        folder, benchmark = self.folder(home), self.site.load()
        model = self._model(home, benchmark)
        evaluate(
            folder,
            model,
            self.site,
            benchmark,
            retain_tables(self.needs, home),
            name=NAMES[self.learnt],
            is_retrain=self.is_retrain,
        )
        return {"model": model}

    def _model(self, home: Path, benchmark: Benchmark) -> str:
        site, folder = self.site, self.folder(home)
        if released := site.released(self.learnt):
            return released
        if site.is_mini:
            return MiniModel(self.seed, site, self.learnt).model(home)
        if site.base is None:
            raise UserError(f"{site.name} has neither a released model nor a base to fine-tune.")
        method = build_method("retrain")
        assert isinstance(method, Method)
        job = Job(
            command="finetune",
            model=site.base,
            method=method,
            data=TrainingData(retain=site.learnt(self.learnt), max_length=benchmark.max_length),
            training=site.fitted(replace(finetuning_preset(site.benchmark), seed=self.seed)),
        )
        begun = (folder / RUN).is_file()
        if not begun or job.unfinished(folder):
            job.execute(folder, resume=begun)
        return str(folder / MODEL_FOLDER)


@dataclass(frozen=True)
class Perturbed(Run):
    """A model averaged, weight by weight, with one of the same shape that has learnt nothing.

    The paper's perturbed reference (app. B).
    """

    of: TrainedModel

    @property
    def title(self) -> str:
        """What of."""
        return f"Perturbed {self.of.title}"

    @property
    def needs(self) -> tuple[Run, ...]:
        """The model."""
        return (self.of,)

    @property
    def registered(self) -> frozenset[str]:
        """Nothing: the model is there."""
        return frozenset()

    def depends_on(self) -> Mapping[str, object]:
        """Return what, with the seed, draws the other weights."""
        return {"settings": {"draw": OTHER_DRAW}}

    @torch.no_grad()
    def execute(self, home: Path) -> dict[str, object]:
        """Average the weights and save the model; its tokenizer comes along."""
        origin = model_of(self.of, home)
        model = load_model(origin)
        set_seed(self.seed + OTHER_DRAW)
        config = copy.deepcopy(AutoConfig.from_pretrained(resolve(origin)))
        other = AutoModelForCausalLM.from_config(config)
        for own, drawn in zip(model.parameters(), other.parameters(), strict=True):
            own.copy_((own + drawn.to(own)) / 2)
        folder = self.folder(home) / MODEL_FOLDER
        save_model(model, load_tokenizer(origin), folder)
        return {"model": str(folder)}


def model_of(run: Run, home: Path) -> str:
    """Return the model that a finished run made or found.

    Raises:
        UserError: it kept none.
    """
    model = run.record(home).get("model")
    if model is None:
        raise UserError(f"{run.title} kept no model.")
    return str(model)


def retain_tables(runs: tuple[Run, ...], home: Path) -> Tables | None:
    """Return the tables of the Retrain among `runs`, None where there is none."""
    for run in runs:
        if run.is_retrain:
            return read_evaluation(run.folder(home)).tables
    return None


def evaluate(
    folder: Path,
    model: str,
    site: BenchmarkSetup,
    benchmark: Benchmark,
    retain: Tables | None,
    *,
    name: str,
    is_retrain: bool = False,
    original: Path | None = None,
) -> None:
    """Evaluate a model into `folder`, unless that is done already.

    Args:
        folder: the run's.
        model: a folder, a run, or a hub id.
        site: where the benchmark is from.
        benchmark: what to evaluate on.
        retain: see `evaluate_into`.
        name: see `evaluate_into`.
        is_retrain: see `evaluate_into`.
        original: on a user's own sets, folder of the original model's run, which a verdict and
            general ability compare with; None for the original itself.
    """
    target = folder / EVALUATION
    if (target / SUMMARY).is_file():
        return
    if isinstance(site, OwnSetup):
        evaluate_own(target, model, site, retain, name, original and original / EVALUATION)
        return
    evaluate_into(
        target,
        load_model(model, site.precision, site.trust_remote_code),
        site.encoder_of(model),
        benchmark,
        retain,
        name=name,
        model_name=model,
        is_retrain=is_retrain,
    )
