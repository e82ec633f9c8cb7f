"""The Markov-chain study as runs: a seed's retrained model, and each panel's paths (Fig. 5)."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from simnpo.experiments.run import Run
from simnpo.paper.markov.panels import PANELS, Size
from simnpo.paper.markov.study import Study, run_study
from simnpo.storage.cache import cache_folder
from simnpo.storage.files import write_table

PATHS = "paths.parquet"
METHODS = ("npo", "simnpo")


@dataclass(frozen=True)
class MarkovRun(Run):
    """NPO's and SimNPO's paths in one panel of the study, with Original's and Retrain's places."""

    panel: str
    """A key of `simnpo.paper.markov.panels.PANELS`."""

    @property
    def title(self) -> str:
        """Panel and seed."""
        return f"Markov chains, panel {self.panel}, seed {self.seed}"

    @property
    def needs(self) -> tuple[Run, ...]:
        """Nothing: models that panels share are found by their content."""
        return ()

    @property
    def seconds(self) -> float:
        """Of all runs the longest."""
        return 400

    def study(self) -> Study:
        """Return what is run."""
        methods = tuple((name, None) for name in METHODS)
        return Study((self.panel,), (self.seed,), methods, Size())

    def depends_on(self) -> Any:
        """Return panel and size."""
        return [self.panel, asdict(self.study()), PANELS[self.panel].betas]

    def execute(self, home: Path) -> dict[str, Any]:
        """Run the panel, a model at a time."""
        folder = self.folder(home)
        paths = run_study(self.study(), folder / "parts", cache_folder(), workers=1)
        write_table(folder / PATHS, paths)
        return {}

    def paths(self, home: Path) -> pd.DataFrame:
        """Return the table of paths, see `simnpo.paper.markov.study.COLUMNS`."""
        return pd.read_parquet(self.folder(home) / PATHS)
