"""A model that a user names, as a run that unlearning or an attack starts from."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from simnpo.data.encoding import Encoder
from simnpo.experiments.benchmark_setup import BenchmarkSetup, evaluated
from simnpo.experiments.external_scores import ExternalScores
from simnpo.experiments.model_runs import evaluate, retain_tables
from simnpo.experiments.run import LOADED, Run
from simnpo.models import commit_of, resolve
from simnpo.models.adapters import beneath
from simnpo.models.places import short_name
from simnpo.models.whole import load_whole
from simnpo.planning.shape import read_shape
from simnpo.storage.runs import fingerprint


@dataclass(frozen=True)
class ExternalModel(Run):
    """A model as it stands, evaluated. The seed says nothing here."""

    site: BenchmarkSetup
    model: str
    """A folder, a run of simnpo, or a hub id."""
    retrain: "ExternalScores | ExternalModel | None"
    """What the evaluation compares with."""
    name: str = "Original"
    """What tables and figures call it."""
    is_retrain: bool = False
    per_weight: ClassVar[int] = LOADED

    @property
    def title(self) -> str:
        """Both of the model's names, and the benchmark."""
        return f"{self.name} {short_name(self.model)}, {self.site.name}"

    @property
    def needs(self) -> tuple[Run, ...]:
        """What it is compared with."""
        return (self.retrain,) if self.retrain else ()

    @property
    def seconds(self) -> float:
        """An evaluation."""
        return 5

    @cached_property
    def parameters(self) -> int:
        """The model's."""
        return read_shape(self.model, self.site.trust_remote_code).parameters

    @property
    def registered(self) -> frozenset[str]:
        """The benchmark."""
        return frozenset({self.site.benchmark})

    def check(self) -> Encoder:
        """Return the model's tokenizer bound to the template, if no run will stumble over either.

        The weights themselves are read once, by the run.

        Raises:
            UserError: a model's tensors are not those of a causal LM, or it cannot take the forget
                set.
        """
        encoder = self.site.encoder_of(self.model)
        _, base = beneath(self.model)
        load_whole(base, None, self.site.trust_remote_code, shapes_alone=True)
        encoder.encode_all(self.site.load().forget)
        return encoder

    def depends_on(self) -> Mapping[str, object]:
        """Return what is asked of the model, and which it is.

        A folder is known by the sizes and times of its files, since hashing billions of weights
        takes longer than asking them; a hub id by its commit.
        """
        folder = Path(resolve(self.model))
        stamps: list[object] = [
            [path.name, path.stat().st_size, path.stat().st_mtime_ns]
            for path in (sorted(folder.iterdir()) if folder.is_dir() else ())
            if path.is_file()
        ]
        if not folder.is_dir():
            stamps = [commit_of(self.model)]
        settings = {
            "precision": self.site.precision,
            "asked": self.site.asked(),
            "is Retrain": self.is_retrain,
        }
        benchmark = self.site.load()
        data = {
            "forget": fingerprint(benchmark.forget),
            "evaluation": evaluated(benchmark),
            "model": [str(folder), stamps],
        }
        return {"settings": settings, "data": data}

    def execute(self, home: Path) -> dict[str, object]:
        """Evaluate it."""
        folder, retain = self.folder(home), retain_tables(self.needs, home)
        evaluate(
            folder,
            self.model,
            self.site,
            self.site.load(),
            retain,
            name=self.name,
            is_retrain=self.is_retrain,
        )
        return {"model": self.model}
