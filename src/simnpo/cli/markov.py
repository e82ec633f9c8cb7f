"""`simnpo markov`: the paper's study on mixtures of Markov chains (Fig. 5)."""

import json
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from simnpo.cli.options import OutputOptions, check_output
from simnpo.config import TrainingConfig, check_range
from simnpo.errors import RESUME, UserError
from simnpo.system.command_words import command_text
from simnpo.system.terminal import write

if TYPE_CHECKING:
    from simnpo.paper.markov.study import Study

METHODS = ("npo", "simnpo", "ga", "grad_diff", "weighted_grad_diff")
MOST_SEEDS = 1000
RUNS = "runs"
"""Folder of the finished runs within --out, until all are done."""


@dataclass(frozen=True)
class Markov:
    """Run the paper's Markov-chain study: NPO, SimNPO and the GA family against Retrain.

    Needs no model or data. Trained models are kept, for the next time.

    Example: simnpo markov --panel both --seeds 5 --out markov
    """

    output: OutputOptions
    panel: Literal["short", "unseen", "both"] = "both"
    """short: Forget2's sequences are short; unseen: the original model never learnt Forget2."""
    seeds: int = 5
    """How many seeds, from --seed on."""
    seed: int = TrainingConfig.seed
    """First seed of every random choice."""
    methods: tuple[str, ...] = METHODS
    """Methods to run: npo, simnpo, ga, grad_diff, weighted_grad_diff."""
    grid: bool = False
    """Also search beta of npo and simnpo over six values each, as the paper did."""

    def run(self) -> None:
        """Run the study, print its tables, and say where the report is."""
        from simnpo.experiments.pool import KEPT, execute
        from simnpo.models import quiet
        from simnpo.paper.markov.printed import print_results
        from simnpo.paper.markov.report import FILES, write_study
        from simnpo.report.rendering import REPORT
        from simnpo.storage import runs

        started = time.monotonic()
        quiet()
        study, out = self._study(), self.output.out
        config = json.loads(json.dumps(asdict(study)))  # as it is read again
        names = (runs.RUN, *FILES, RUNS)
        if not check_output(
            self.output, names, lambda: runs.check_resumable(out, "markov", config, {})
        ):
            return
        if not self.output.resume:
            runs.clear(out, names)
            runs.begin(out, "markov", config, {})
        failed = execute(study.runs(), out / RUNS, advice=RESUME)
        if failed:
            run, why = next(iter(failed.items()))
            raise UserError(f"{run.title} failed: {why.rstrip('.')}; {KEPT} {RESUME}")
        paths = study.paths(out / RUNS)
        seconds = time.monotonic() - started
        found = write_study(paths, study, out, command_text(), seconds)
        runs.finish(out, {"seconds": round(seconds, 1)})
        runs.clear(out, (RUNS,))
        print_results(found)
        write(f"Report: {out / REPORT} ({time.monotonic() - started:.0f} s)")

    def _study(self) -> "Study":
        """Check the options.

        Raises:
            UserError: a number of seeds out of range, an unknown method, or one named twice.
        """
        from simnpo.paper.markov.panels import BETA_GRID, PANELS, Size
        from simnpo.paper.markov.study import Study

        check_range(1, MOST_SEEDS, seeds=self.seeds)
        check_range(0, 2**32 - MOST_SEEDS - 1, seed=self.seed)
        for name in self.methods:
            if name not in METHODS or self.methods.count(name) > 1:
                what = (
                    "is named twice" if name in METHODS else f"is not one of {', '.join(METHODS)}"
                )
                raise UserError(f"``methods``: {name} {what}.")
        if not self.methods:
            raise UserError("``methods``: name at least one.")
        if self.grid and not set(self.methods) & set(BETA_GRID):
            raise UserError("``grid`` searches beta of npo and simnpo: name one in ``methods``.")
        methods: list[tuple[str, float | None]] = [(name, None) for name in self.methods]
        if self.grid:
            methods += [(m, beta) for m in self.methods for beta in BETA_GRID.get(m, ())]
        return Study(
            panels=tuple(PANELS) if self.panel == "both" else (self.panel,),
            seeds=tuple(range(self.seed, self.seed + self.seeds)),
            methods=tuple(methods),
            size=Size(),
        )
