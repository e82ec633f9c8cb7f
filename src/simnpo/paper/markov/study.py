"""The study: which runs it takes, and the paths that they leave."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from simnpo.paper.markov.panels import PANELS, Size
from simnpo.paper.markov.runs import MarkovModel, MarkovPath, MarkovRun


@dataclass(frozen=True)
class Study:
    """What to run."""

    panels: tuple[str, ...]
    seeds: tuple[int, ...]
    methods: tuple[tuple[str, float | None], ...]
    """Methods with their beta; the paper's for each panel where it is None."""
    size: Size

    def runs(self) -> list[MarkovRun]:
        """List all runs, in the order of the table of paths."""
        listed: list[MarkovRun] = []
        for seed in self.seeds:
            originals = {panel: MarkovModel(seed, self.size, panel) for panel in self.panels}
            listed += originals.values()
            for panel, original in originals.items():
                for method, beta in self.methods:
                    chosen = PANELS[panel].betas.get(method) if beta is None else beta
                    listed.append(MarkovPath(seed, original, method, chosen))
            listed.append(MarkovModel(seed, self.size))
        return list(dict.fromkeys(listed))

    def paths(self, home: Path) -> pd.DataFrame:
        """Return the paths of all runs, which are finished in `home`.

        Returns:
            A table with `simnpo.paper.markov.runs.COLUMNS`, in the order of `runs`.
        """
        paths = pd.concat([run.paths(home) for run in self.runs()])
        return paths[paths["panel"].isin(self.panels)].reset_index(drop=True)
