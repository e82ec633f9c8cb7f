"""`simnpo reproduce`: the paper's tables and figures, from nothing to one report."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from simnpo.cli.engine_options import EngineOptions
from simnpo.cli.options import Unset
from simnpo.config import TrainingConfig, check_range
from simnpo.errors import UserError
from simnpo.system.command_words import command_text, with_options
from simnpo.system.terminal import write

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simnpo.experiments.run import Run
    from simnpo.paper.scale import Scale
    from simnpo.paper.studies.base import Study

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
    seed: int = TrainingConfig.seed
    """First seed of every random choice."""
    model: Unset[str] = None
    """With --scale paper: what TOFU's models are fine-tuned from, instead of Llama-2-7B."""
    data_dir: Unset[str] = None
    """With --scale paper: folder with TOFU's files, instead of the hub."""
    dry_run: bool = False
    """Resolve every run's settings and data, print what would be done, and stop."""
    engine: EngineOptions = field(default_factory=EngineOptions)

    def run(self) -> None:
        """Do the runs, write the report, and say what holds."""
        from simnpo.experiments.key import accepting
        from simnpo.paper.studies import ARTEFACTS, find_names, load_study

        if self.list:
            width = max(map(len, ARTEFACTS))
            write("\n".join(f"{name:<{width}}  {title}" for name, title in ARTEFACTS.items()))
            return
        if not self.artefacts:
            raise UserError("name an artefact, or all; ``list`` shows them.")
        check_range(1, MOST_SEEDS, seeds=self.seeds)
        if self.seed < 0:
            raise UserError(f"``seed`` {self.seed}: must be 0 or more.")
        check_range(1, workers=self.engine.workers)
        names, scale = find_names(self.artefacts), self._scale()
        seeds = tuple(range(self.seed, self.seed + self.seeds))
        studies = {name: load_study(name) for name in names}
        with accepting():
            if self.dry_run or self.engine.explain_cache:
                self._describe(studies, scale, seeds)
            else:
                self._reproduce(studies, scale, seeds)

    def _describe(
        self, studies: "Mapping[str, Study]", scale: "Scale", seeds: tuple[int, ...]
    ) -> None:
        runs: dict[Run, None] = {}
        for name, study in studies.items():
            try:
                runs |= dict.fromkeys(study.runs(scale, seeds))
            except UserError as error:  # how many runs there are depends on data
                write(f"fails     {name}: {with_options(error)}")
        self.engine.describe(list(runs), self.out / RUNS)

    def _reproduce(
        self, studies: "Mapping[str, Study]", scale: "Scale", seeds: tuple[int, ...]
    ) -> None:
        from simnpo.experiments.run import Run
        from simnpo.models import quiet
        from simnpo.paper.find import find_all
        from simnpo.paper.markdown import write_markdown
        from simnpo.paper.report import files, write_reproduction
        from simnpo.paper.results import Results
        from simnpo.paper.studies import ARTEFACTS
        from simnpo.paper.summary import print_findings
        from simnpo.storage.runs import check_room

        started = time.monotonic()
        quiet()
        check_room(self.out, files(studies))
        home = self.out / RUNS
        wanted, unresolved = dict[str, list[Run]](), dict[str, str]()
        for name, study in studies.items():
            try:
                wanted[name] = study.runs(scale, seeds)
            except UserError as error:  # how many runs there are depends on data
                wanted[name], unresolved[name] = [], with_options(error)
        every = [run for runs in wanted.values() for run in runs]
        failed = self.engine.execute(every, home)
        results = Results(scale, seeds, home)
        shown = find_all(studies, wanted, results, ARTEFACTS, failed, unresolved)
        several = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else str(seeds[0])
        title = f"SimNPO, reproduced at the {scale.name} scale"
        command = command_text()
        settings = {"Scale": scale.name, "Seeds": several}
        if note := self.engine.note(every):
            settings["Code"] = note
        path = write_reproduction(
            shown,
            self.out,
            title=title,
            command=command,
            settings=settings,
            failed={run.title: why for run, why in failed.items()},
        )
        write_markdown(shown, self.out, title=title, command=command, settings=settings)
        print_findings(shown)
        if note:
            write(note)
        for run, why in failed.items():
            write(f"failed: {run.title}: {why}", to_stderr=True)
        write(f"Report: {path} ({time.monotonic() - started:.0f} s)")
        if unresolved and not failed:
            raise UserError(f"{', '.join(unresolved)} could not be made; the report says why.")
        if failed:
            count = "1 run" if len(failed) == 1 else f"{len(failed)} runs"
            raise UserError(f"{count} failed; the report shows what could be made.")

    def _scale(self) -> "Scale":
        from simnpo.paper.scale import mini, paper

        if self.scale == "paper":
            return paper(self.model, self.data_dir)
        for name in ("model", "data_dir"):
            if getattr(self, name) is not None:
                raise UserError(f"``{name}`` does nothing at the mini scale: add ``scale=paper``.")
        return mini()
