"""The runs of a sweep: one for each setting and seed, from the same model for all settings."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from simnpo.benchmarks.preset import Preset
from simnpo.config import LoraConfig
from simnpo.experiments.benchmark_setup import BenchmarkSetup
from simnpo.experiments.external_model import ExternalModel
from simnpo.experiments.external_scores import ExternalScores
from simnpo.experiments.model_runs import TrainedModel
from simnpo.experiments.run import Run
from simnpo.experiments.sweep.settings import Setting
from simnpo.experiments.unlearn_run import UnlearnRun

GIVEN_SEED = 0
"""Of what a user brings, which has no random choices."""


@dataclass(frozen=True)
class Trials:
    """What a sweep tries settings on."""

    site: BenchmarkSetup
    method: str
    seeds: tuple[int, ...]
    model: str | None = None
    """What unlearns; None takes an embedded benchmark's own Original of each seed."""
    retain_scores: str | None = None
    """Evaluation of a retain model, for metrics that compare with it; with `model` alone."""
    lora: LoraConfig = field(default_factory=LoraConfig)
    """Which adapters are trained; of rank 0 all weights are."""

    def original(self, seed: int) -> TrainedModel | ExternalModel:
        """Return the run of the model before unlearning."""
        if self.model is None:
            return TrainedModel(seed, self.site, "all")
        return ExternalModel(GIVEN_SEED, self.site, self.model, self._scores())

    def retrain(self, seed: int) -> TrainedModel | ExternalScores | None:
        """Return the run of the model that never saw the forget set, where there is one."""
        return TrainedModel(seed, self.site, "retain") if self.model is None else self._scores()

    def unlearned(self, setting: Setting, seed: int) -> UnlearnRun:
        """Return the run of one setting."""
        origin, retrain = self.original(seed), self.retrain(seed)
        return UnlearnRun(seed, self.site, origin, retrain, self.method, setting, lora=self.lora)

    def preset(self) -> Preset:
        """Return the method's settings where no other is tried."""
        return self.unlearned((), self.seeds[0]).preset()

    def of(self, settings: Sequence[Setting]) -> list[Run]:
        """Return all runs of these settings, and that of the models they are held against."""
        return [
            *(self.original(seed) for seed in self.seeds),
            *(self.unlearned(setting, seed) for setting in settings for seed in self.seeds),
        ]

    def _scores(self) -> ExternalScores | None:
        if self.retain_scores is None:
            return None
        return ExternalScores(GIVEN_SEED, self.site, self.retain_scores)
