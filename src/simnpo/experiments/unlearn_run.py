"""A model after unlearning, with its evaluation and what was recorded on the way."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from transformers import TrainerCallback

from simnpo.benchmarks.base import Benchmark
from simnpo.benchmarks.preset import Preset
from simnpo.config import LoraConfig
from simnpo.data.encoding import Encoder
from simnpo.data.tokenizer import Tokenizer
from simnpo.experiments.benchmark_setup import BenchmarkSetup, evaluated
from simnpo.experiments.external_model import ExternalModel
from simnpo.experiments.external_scores import ExternalScores
from simnpo.experiments.jobs import Job
from simnpo.experiments.model_runs import TrainedModel, evaluate, model_of, retain_tables
from simnpo.experiments.reinforce import FOLDER as REINFORCED
from simnpo.experiments.reinforce import unlearn
from simnpo.experiments.run import Run
from simnpo.methods.registry import configure
from simnpo.methods.task_vector import TaskVector
from simnpo.models import MODEL_FOLDER
from simnpo.models.causal_lm import CausalLM
from simnpo.storage.ownership import remove_own
from simnpo.storage.runs import RUN, fingerprint
from simnpo.training.evaluate_callback import EvaluateWhileTraining
from simnpo.training.gradient_weights import RecordWeights
from simnpo.training.run import TrainingData
from simnpo.training.track_kl import TrackKL

Record = Literal["history", "weights", "drift"]
"""What is recorded while training: metrics after every epoch, gradient weights, KL over steps."""


@dataclass(frozen=True)
class UnlearnRun(Run):
    """A method applied to a model, and the result evaluated."""

    site: BenchmarkSetup
    origin: Run
    """The run whose model unlearns."""
    retrain: TrainedModel | ExternalScores | None
    """What the evaluation compares with."""
    method: str
    setting: tuple[tuple[str, float], ...] = ()
    """Settings instead of the preset's: fields of the method, `learning_rate`, `epochs`."""
    records: tuple[Record, ...] = ()
    history_epochs: int = 1
    """Epochs between the rows of a history."""
    reference: Run | None = None
    """The run whose model the reference log-probs come from, instead of `origin`'s."""
    request: int | None = None
    """Which successive request is forgotten; None forgets the whole forget set."""
    keeps_model: bool = False
    """Whether the models it makes stay; if not, they are removed once evaluated."""
    lora: LoraConfig = field(default_factory=LoraConfig)
    """Which adapters are trained; of rank 0 all weights are."""

    @property
    def title(self) -> str:
        """Method, settings, benchmark and seed."""
        adapters = [f"LoRA of rank {self.lora.rank}"] if self.lora.rank else []
        parts = [self.name, *adapters, *(f"{name} {value:g}" for name, value in self.setting)]
        where = f", {self.site.name}, seed {self.seed}"
        if self.request is not None:  # each from the last one's model
            parts.append(f"request {self.request + 1}")
        elif not self._from_original():
            parts.append(f"from {self.origin.title.removesuffix(where)}")
        if self.reference:
            parts.append(f"against {self.reference.title.removesuffix(where)}")
        return ", ".join(parts) + where

    @property
    def name(self) -> str:
        """What tables and figures call the method."""
        return self.preset().method.title

    @property
    def needs(self) -> tuple[Run, ...]:
        """What it starts from and is compared with."""
        others = (self.retrain, self.reference)
        return (self.origin, *(run for run in others if run is not None))

    @property
    def seconds(self) -> float:
        """An evaluation after every epoch takes longer than the training."""
        return 35 if "history" in self.records else 12

    def preset(self) -> Preset:
        """Return the method with its settings, and how it trains."""
        adapted = self.lora.rank > 0
        reads = self.lora.subspace if adapted else None
        preset = self.site.preset(self.method, adapted, reads)
        own = dict(self.setting)
        changed: dict[str, Any] = {
            name: own.pop(name) for name in ("learning_rate", "epochs") if name in own
        }
        if "epochs" in changed:
            changed["steps"] = None
        training = replace(preset.training, seed=self.seed, **changed)
        return replace(preset, method=configure(preset.method, **own), training=training)

    def benchmark(self) -> Benchmark:
        """Return what is forgotten and evaluated."""
        return self.site.load() if self.request is None else self.site.requested(self.request)

    @property
    def registered(self) -> frozenset[str]:
        """The method and the benchmark."""
        return frozenset({self.method, self.site.benchmark})

    def depends_on(self) -> Mapping[str, object]:
        """Return data and settings."""
        preset, benchmark = self.preset(), self.benchmark()
        sets: dict[str, Sequence[object]] = {
            "forget": benchmark.forget,
            "retain": benchmark.retain,
            "refusals": benchmark.refusals,
        }
        data = {name: fingerprint(one) for name, one in sets.items()}
        settings = {
            "method": preset.method.record(),
            "training": asdict(preset.training),
            "reinforcement": asdict(preset.reinforcement),
            # With the keys of `needs`: which of them is which.
            "compared with": [self.retrain is not None, self.reference is not None],
            "records": self.records,
            "epochs between records": self.history_epochs,
            "keeps its model": self.keeps_model,
            "asked": self.site.asked(),
            "lora": asdict(self.lora),
        }
        return {"settings": settings, "data": {**data, "evaluation": evaluated(benchmark)}}

    def check(self) -> None:
        """Refuse what settings and data tell, before any run is made.

        Raises:
            UserError: see `Job.check`; or a setting is out of its range.
        """
        if isinstance(self.origin, ExternalModel):
            self._job(self.origin.model, None).check()
        else:  # a model that may not be made yet
            self._job("the model before unlearning", None).check_settings()

    def _job(self, model: str, reference: str | None) -> Job:
        """Return the unlearning of a model."""
        benchmark, preset = self.benchmark(), self.preset()
        return Job(
            command="unlearn",
            model=model,
            method=preset.method,
            data=TrainingData(
                benchmark.forget,
                benchmark.retain,
                benchmark.refusals,
                template=self.site.template,
                max_length=benchmark.max_length,
            ),
            training=self.site.fitted(preset.training),
            lora=self.lora,
            trust_remote_code=self.site.trust_remote_code,
            reference=reference,
        )

    def execute(self, home: Path) -> dict[str, object]:
        """Unlearn, evaluate, and keep the model where another run starts from it."""
        folder, benchmark, preset = self.folder(home), self.benchmark(), self.preset()
        reference = model_of(self.reference, home) if self.reference else None
        job = self._job(model_of(self.origin, home), reference)
        retain = retain_tables(self.needs, home)

        def watch(_: CausalLM, tokenizer: Tokenizer) -> Sequence[TrainerCallback]:
            encoder = Encoder(tokenizer, self.site.template, benchmark.max_length)
            sets = {"forget": benchmark.forget, "retain": benchmark.retain}
            made: dict[Record, Callable[[], TrainerCallback]] = {
                "history": lambda: EvaluateWhileTraining(
                    benchmark, encoder, folder, self.history_epochs, retain
                ),
                "weights": lambda: RecordWeights(getattr(job.method, "forget", None), folder),
                "drift": lambda: TrackKL(sets, encoder, folder),
            }
            control = self.site.control(job, folder, encoder, self.origin.folder(home))
            return [*control, *(made[name]() for name in self.records)]

        callbacks = None if isinstance(job.method, TaskVector) else watch
        begun = (folder / RUN).is_file()
        unlearn(job, preset.reinforcement, folder, resume=begun, callbacks=callbacks)
        evaluate(
            folder,
            str(folder),
            self.site,
            benchmark,
            retain,
            name=self.name,
            original=self.origin.folder(home),
        )
        if self.keeps_model:
            return {"model": str(folder / MODEL_FOLDER)}
        remove_own(folder, [REINFORCED, MODEL_FOLDER])  # a kill may have come after it
        return {}

    def _from_original(self) -> bool:
        return isinstance(self.origin, TrainedModel) and self.origin.learnt == "all"
