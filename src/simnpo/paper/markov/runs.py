"""The study's runs: models that have learnt chains, and paths of unlearning from them."""

import hashlib
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import pandas as pd
import torch
from safetensors.torch import load_model, save_model
from torch import Tensor

from simnpo.experiments.run import Run
from simnpo.methods.method import Method
from simnpo.methods.registry import METHODS, build_method
from simnpo.models.causal_lm import CausalLM
from simnpo.paper.markov import training
from simnpo.paper.markov.distance import Distances, distances
from simnpo.paper.markov.model import CONFIG, new_model
from simnpo.paper.markov.panels import PANELS, PanelData, Size, panel_data
from simnpo.storage.cache import cache_folder, made_by_one
from simnpo.storage.files import atomic_write, read_table, write_table
from simnpo.system.progress import progress

ORIGINAL, RETRAIN = "original", "retrain"
COLUMNS = ("panel", "seed", "method", "beta", "iteration", *Distances._fields)
"""A table of paths: a row per panel, seed, method and iteration; `beta` is NaN where there is
none. Original and Retrain are methods of one row, iteration 0."""
PATHS = "paths.parquet"
"""Such a table, in a run's folder and in a study's."""


@dataclass(frozen=True)
class MarkovRun(Run):
    """A run of the study: it measures a model, or a path of models, into a table of paths."""

    uses_gpu: ClassVar[bool] = False

    @property
    def seconds(self) -> float:
        """Training a model takes about as long as a path, whose every iteration is measured."""
        return 100

    def execute(self, home: Path) -> dict[str, object]:
        """Measure on one thread, so that no result depends on how many there are."""
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # where there is a GPU, a pool leaves them all
        try:
            rows = self._rows(home)
        finally:
            torch.set_num_threads(threads)
        table = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"beta": "float64"})
        write_table(self.folder(home) / PATHS, table)
        return {}

    @abstractmethod
    def _rows(self, home: Path) -> list[tuple[object, ...]]:
        """Make and measure; return rows with `COLUMNS`."""

    def paths(self, home: Path) -> pd.DataFrame:
        """Return a finished run's table, with `COLUMNS`."""
        return read_table(self.folder(home) / PATHS)


@dataclass(frozen=True)
class MarkovModel(MarkovRun):
    """Original, which has learnt a panel's chains, or Retrain, which has learnt the retain chain.

    A trained model is kept in the cache, so that other studies find it.
    """

    size: Size
    panel: str | None = None
    """A key of `PANELS`; None for Retrain, which is the same in all of them."""

    @property
    def method(self) -> str:
        """What tables of paths call it."""
        return RETRAIN if self.panel is None else ORIGINAL

    @property
    def title(self) -> str:
        """Name, panel and seed."""
        panel = f"panel {self.panel}, " if self.panel else ""
        return f"{self.method.title()}, Markov chains, {panel}seed {self.seed}"

    @property
    def needs(self) -> tuple[Run, ...]:
        """Nothing."""
        return ()

    @property
    def registered(self) -> frozenset[str]:
        """Nothing: pretraining has no method."""
        return frozenset()

    def depends_on(self) -> Mapping[str, object]:
        """Return the architecture, how it is trained, and what it learns and is measured on."""
        settings = {
            "architecture": CONFIG,
            "learning_rate": training.LEARNING_RATE,
            "batch": training.BATCH,
            "epochs": self.size.epochs,
        }
        tests = (split.test for panel in self._panels for split in self.data(panel))
        data = {"learnt": _hashes(self._learns()), "evaluation": _hashes(tests)}
        return {"settings": settings, "data": data}

    def data(self, panel: str) -> PanelData:
        """Return a panel's sequences at this seed and size."""
        return _data(panel, self.seed, self.size)

    def model(self) -> CausalLM:
        """Return the trained model: from the cache, where it is put if it is not there."""
        path = cache_folder() / "markov" / f"{self.method}-{self.key}.safetensors"
        if not path.is_file():
            with made_by_one(path):
                if not path.is_file():
                    self._train(path)
        model: CausalLM = new_model(self.seed)
        load_model(model, path)
        return model

    @property
    def _panels(self) -> Sequence[str]:
        return tuple(PANELS) if self.panel is None else (self.panel,)

    def _learns(self) -> Sequence[Tensor]:
        """Return what the model is trained on, sequences of one length together."""
        data = self.data(self._panels[0])
        if self.panel is None:
            return [data.retain.train]
        long = torch.cat([data.retain.train, data.forget1.train])
        return [long, data.forget2.train] if PANELS[self.panel].pretrain_on_forget2 else [long]

    def _train(self, path: Path) -> None:
        model, groups, epochs = new_model(self.seed), self._learns(), self.size.epochs
        tokens = sum(group[:, 1:].numel() for group in groups)
        with progress(self.title, 3 * tokens * epochs) as done:
            training.pretrain(model, groups, epochs, self.seed, done)
        with atomic_write(path) as temporary:
            save_model(model, str(temporary))

    def _rows(self, home: Path) -> list[tuple[object, ...]]:
        model = self.model()
        return [
            (panel, self.seed, self.method, None, 0, *distances(model, self.data(panel)))
            for panel in self._panels
        ]


@dataclass(frozen=True)
class MarkovPath(MarkovRun):
    """Unlearning from Original, measured after every iteration."""

    origin: MarkovModel
    method: str
    """A key of `simnpo.methods.registry.METHODS`."""
    beta: float | None = None
    """None for a method without one."""

    @property
    def title(self) -> str:
        """Method, panel and seed."""
        beta = "" if self.beta is None else f", beta {self.beta:g}"
        panel = f"Markov chains, panel {self.origin.panel}, seed {self.seed}"
        return f"{METHODS[self.method].title}{beta}, {panel}"

    @property
    def needs(self) -> tuple[Run, ...]:
        """Original, where the path begins."""
        return (self.origin,)

    @property
    def registered(self) -> frozenset[str]:
        """The method."""
        return frozenset({self.method})

    def depends_on(self) -> Mapping[str, object]:
        """Return the method with its settings, and how long the path is."""
        settings = {
            "method": self._method().record(),
            "learning_rate": training.LEARNING_RATE,
            "batch": training.UNLEARN_BATCH,
            "iterations": self.origin.size.iterations,
        }
        return {"settings": settings}

    def _method(self) -> Method:
        settings = {} if self.beta is None else {"beta": float(self.beta)}
        method = build_method(self.method, **settings)
        assert isinstance(method, Method)
        return method

    def _rows(self, home: Path) -> list[tuple[object, ...]]:
        panel, iterations = self.origin.panel, self.origin.size.iterations
        assert panel is not None
        data = self.origin.data(panel)
        (start,) = self.origin.paths(home)[list(Distances._fields)].to_numpy()
        model, method = self.origin.model(), self._method()
        with progress(self.title, data.test_tokens * iterations) as done:
            path = training.unlearn(model, method, data, iterations, self.seed, done)
        return [
            (panel, self.seed, self.method, self.beta, iteration, *reached)
            for iteration, reached in enumerate([Distances(*start), *path])
        ]


@lru_cache(maxsize=4)
def _data(panel: str, seed: int, size: Size) -> PanelData:
    return panel_data(PANELS[panel], seed, size)


def _hashes(groups: Iterable[Tensor]) -> list[str]:
    return [hashlib.sha256(group.numpy().tobytes()).hexdigest() for group in groups]
