"""The models of an embedded benchmark, trained on the spot and shared by all commands."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

from simnpo.benchmarks import BENCHMARKS
from simnpo.config import TrainingConfig
from simnpo.data.examples import Example
from simnpo.experiments.benchmark_setup import NAMES, BenchmarkSetup, Learnt
from simnpo.experiments.run import Run
from simnpo.methods.nll import RETRAIN
from simnpo.models import MODEL_FOLDER, load_model, load_tokenizer
from simnpo.storage.cache import cache_folder
from simnpo.storage.ownership import remove_own
from simnpo.storage.runs import fingerprint
from simnpo.training.run import FILES, TrainingData, train_model


@dataclass(frozen=True)
class MiniModel(Run):
    """A model of an embedded benchmark, kept in the user's cache and not with other runs."""

    site: BenchmarkSetup
    learnt: Learnt | None
    """What it is fine-tuned on, from the base; None for the base, which has learnt the language."""

    @property
    def title(self) -> str:
        """Name, benchmark and seed; all splits share a base."""
        where = self.site.name if self.learnt else self.site.benchmark
        return f"Training {self._name}, {where}, seed {self.seed}"

    @property
    def needs(self) -> tuple[Run, ...]:
        """The base."""
        if self.learnt is None:
            return ()
        usual = BENCHMARKS[self.site.benchmark].split  # equal bases are one run
        return (MiniModel(self.seed, replace(self.site, split=usual), None),)

    @property
    def seconds(self) -> float:
        """A base sees more text."""
        return 25 if self.learnt else 60

    @property
    def patience(self) -> float:
        """Wait for another command that trains the same model."""
        return -1

    @property
    def registered(self) -> frozenset[str]:
        """The benchmark."""
        return frozenset({self.site.benchmark})

    def folder_of(self, key: str, home: Path) -> Path:
        """Return a folder in the cache, wherever `home` is.

        Raises:
            UserError: see `cache_folder`.
        """
        name = self._name.lower().replace(" ", "-")
        return cache_folder() / self.site.benchmark / f"{name}-{key}"

    def model(self, home: Path) -> str:
        """Return the folder of the weights."""
        return str(self.folder(home) / MODEL_FOLDER)

    def depends_on(self) -> Mapping[str, object]:
        """Return data and settings."""
        mini, (examples, training) = self.site.mini(), self._lesson()
        settings = {
            "training": asdict(training),
            "template": mini.template,
            "max_length": mini.benchmark.max_length,
            "architecture": mini.architecture.to_dict(),
        }
        return {"settings": settings, "data": {"learnt": fingerprint(examples)}}

    def execute(self, home: Path) -> dict[str, object]:
        """Train it, from the base or from random weights."""
        mini, folder, (examples, training) = self.site.mini(), self.folder(home), self._lesson()
        if self.learnt:
            (base,) = self.needs
            assert isinstance(base, MiniModel)
            origin = base.model(home)
            tokenizer, model = load_tokenizer(origin), load_model(origin, "fp32")
        else:
            torch.manual_seed(self.seed)
            tokenizer = mini.tokenizer
            # A copy: making a model writes into its configuration, which is part of the key.
            model = AutoModelForCausalLM.from_config(copy.deepcopy(mini.architecture))
        remove_own(folder, FILES)  # what a killed run may have left
        train_model(
            model,
            tokenizer,
            replace(RETRAIN, title=f"Training {self._name}"),
            TrainingData(
                retain=examples, template=mini.template, max_length=mini.benchmark.max_length
            ),
            replace(training, seed=self.seed),
            folder,
        )
        return {}

    @property
    def _name(self) -> str:
        return NAMES[self.learnt] if self.learnt else "Base"

    def _lesson(self) -> tuple[Sequence[Example], TrainingConfig]:
        """Return what it learns and how: fine-tuning repeats some of what the base has learnt."""
        mini = self.site.mini()
        if self.learnt is None:
            return mini.pretraining, mini.pretrain
        return (*self.site.learnt(self.learnt), *mini.rehearsal), mini.finetune
