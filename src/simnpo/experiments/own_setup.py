"""A user's own sets as something a sweep tries settings on."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from transformers import TrainerCallback

from simnpo.benchmarks.base import Benchmark
from simnpo.benchmarks.own import OwnSets, own_benchmark
from simnpo.benchmarks.own_files import OwnFiles
from simnpo.benchmarks.preset import Preset
from simnpo.benchmarks.presets import own_data_preset
from simnpo.config import Precision, Subspace, TrainingConfig
from simnpo.data.encoding import Encoder
from simnpo.data.lengths import SetTokens
from simnpo.evaluation.evaluate import evaluate_into
from simnpo.evaluation.evaluation import EVALUATION
from simnpo.evaluation.tables import Tables
from simnpo.experiments.benchmark_setup import BenchmarkSetup
from simnpo.experiments.jobs import Job
from simnpo.experiments.original import Original, measure_original, measured_sets
from simnpo.experiments.own_run import OwnRun
from simnpo.models import load_model, load_tokenizer, training_precision
from simnpo.models.precision import own_data_precision
from simnpo.planning.shape import read_shape


@dataclass(frozen=True)
class OwnSetup(BenchmarkSetup):
    """Files to forget and to keep, and the model that they are measured on."""

    files: OwnFiles = field(kw_only=True)
    model: str = field(kw_only=True)
    """Whose tokenizer splits texts, and whose size sets the learning rate."""
    max_length: int = 512
    held_out: int | None = 0
    """Seed by which retain rows are held out; None holds out none."""
    max_items: int | None = None

    @property
    def precision(self) -> Precision:
        """What the model is trained and measured in, as `simnpo unlearn` does."""
        return training_precision(own_data_precision(_parameters(self)), lora=False)

    @property
    def name(self) -> str:
        """The forget file."""
        return self.split

    def asked(self) -> list[object]:
        """Return how models are asked and judged, as far as the benchmark's items do not say it."""
        how = [self.max_length, self.trust_remote_code]
        return [*(super().asked() or ["auto"]), *how, self.own_sets().fingerprints()]

    def load(self) -> Benchmark:
        """Return the sets as a benchmark; each process reads them once."""
        return _benchmark(self)

    def encoder(self) -> Encoder:
        """Return the model's tokenizer, bound to the template."""
        return _encoder(self)

    def own_sets(self) -> OwnSets:
        """Return the sets as they were read."""
        return _sets(self)

    def preset(self, method: str, adapted: bool = False, reads: Subspace | None = None) -> Preset:
        """Return the method's settings for own data, see `BenchmarkSetup.preset`."""
        pieces = SetTokens.of(self.own_sets().forget, self.encoder()).pieces
        return own_data_preset(method, pieces, _parameters(self), adapted, reads)

    def fitted(self, training: TrainingConfig) -> TrainingConfig:
        """Return how `simnpo unlearn` would train by itself."""
        return training

    def control(
        self, job: Job, out: Path, encoder: Encoder, original: Path
    ) -> Sequence[TrainerCallback]:
        """Return what `simnpo unlearn` ends a run on own data by.

        Raises:
            UserError: the original's evaluation cannot be read.
        """
        run = OwnRun(self.own_sets(), max_items=self.max_items)
        if not run.controls(job):
            return ()
        return [run.control(job, out, encoder, Original.read(original / EVALUATION))]


def evaluate_own(
    target: Path,
    model: str,
    site: OwnSetup,
    retain: Tables | None,
    name: str,
    original: Path | None,
) -> None:
    """Evaluate a model on a user's own sets; against the original where that is another."""
    made = load_model(model, site.precision, site.trust_remote_code)
    if original is None:
        measure_original(
            target,
            made,
            site.encoder(),
            site.own_sets(),
            retain=retain,
            max_items=site.max_items,
            model_name=model,
            name=name,
        )
        return
    before = Original.read(original)
    evaluate_into(
        target,
        made,
        site.encoder(),
        measured_sets(site.own_sets(), site.encoder(), before.general, site.max_items),
        retain,
        name=name,
        model_name=model,
        general=before.general,
        before=before.evaluation,
    )


@lru_cache(maxsize=4)
def _parameters(site: OwnSetup) -> int:
    return read_shape(site.model, site.trust_remote_code).parameters


@lru_cache(maxsize=4)
def _encoder(site: OwnSetup) -> Encoder:
    return Encoder(
        load_tokenizer(site.model, site.trust_remote_code), site.template, site.max_length
    )


@lru_cache(maxsize=4)
def _sets(site: OwnSetup) -> OwnSets:
    return site.files.read(site.held_out)


@lru_cache(maxsize=4)
def _benchmark(site: OwnSetup) -> Benchmark:
    return own_benchmark(site.own_sets(), site.encoder(), site.max_items)
