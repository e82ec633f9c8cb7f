"""`simnpo reproduce`: the paper's tables and figures, from nothing to one report."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from simnpo.commands.options import Unset
from simnpo.errors import UserError

if TYPE_CHECKING:
    from simnpo.reproduce.scale import Scale

MOST_SEEDS = 100
RUNS = "runs"
"""Folder of all runs within --out."""


@dataclass(frozen=True)
class Reproduce:
    """Make the paper's tables and figures again, and hold its claims against them.

    Runs are kept in --out by their content: artefacts share them, and an interrupted command goes
    on where it stopped when it is given again.

    Example: simnpo reproduce fig4 table1 --seeds 1 --out reproduction
    """

    artefacts: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Tables and figures by name, e.g. table1 fig4 figA2; `all` for all of them."""
    list: bool = False
    """Print the artefacts and stop."""
    out: Path = Path("simnpo-reproduction")
    """Folder for the runs and the report; what is finished in it is kept."""
    scale: Literal["mini", "paper"] = "mini"
    """mini: embedded benchmarks, minutes on a laptop; paper: its own models and data, on GPUs."""
    seeds: int = 5
    """How many trials, from --seed on."""
    seed: int = 42
    """First seed of every random choice."""
    model: Unset[str] = None
    """With --scale paper: what TOFU's models are fine-tuned from, in the place of Llama-2-7B."""
    data_dir: Unset[str] = None
    """With --scale paper: folder with TOFU's files, in the place of the hub."""
    workers: Unset[int] = None
    """Runs at a time [one for each GPU, or for each core]."""
    dry_run: bool = False
    """Resolve every run's settings and data, print what would be done, and stop."""

    def run(self) -> None:
        """Do the runs, write the report, and say what holds."""
        from simnpo.studies import ARTEFACTS, find_names, load_study

        if self.list:
            width = max(map(len, ARTEFACTS))
            print("\n".join(f"{name:<{width}}  {title}" for name, title in ARTEFACTS.items()))
            return
        if not self.artefacts:
            raise UserError("name an artefact, or all; --list shows them.")
        if not 1 <= self.seeds <= MOST_SEEDS:
            raise UserError(f"--seeds {self.seeds}: must be from 1 to {MOST_SEEDS}.")
        from simnpo.reproduce.pool import carry_out, workers

        scale, seeds = self._scale(), range(self.seed, self.seed + self.seeds)
        studies = {name: load_study(name) for name in find_names(self.artefacts)}
        runs = [run for study in studies.values() for run in study.runs(scale, tuple(seeds))]
        started = time.monotonic()
        home = self.out / RUNS
        failed = carry_out(runs, home, self.workers or workers())
        for run, why in failed.items():
            print(f"{run.title}: {why}", file=sys.stderr)
        print(f"{time.monotonic() - started:.0f} s")

    def _scale(self) -> "Scale":
        from simnpo.reproduce.scale import mini, paper

        if self.scale == "paper":
            return paper(self.model, self.data_dir)
        for name in ("model", "data_dir"):
            if getattr(self, name) is not None:
                option = "--" + name.replace("_", "-")
                raise UserError(f"{option} does nothing at the mini scale: add --scale paper.")
        return mini()
