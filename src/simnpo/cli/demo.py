"""`simnpo demo`: the main job on the embedded benchmark, from nothing to the report."""

import time
from dataclasses import dataclass
from pathlib import Path

from simnpo.cli.options import Unset, refuse_both
from simnpo.config import TrainingConfig
from simnpo.errors import UserError
from simnpo.system.command_words import command_text
from simnpo.system.terminal import write

METHODS = ("ga", "grad_diff", "weighted_grad_diff", "idk", "idk_dpo", "npo", "simnpo")
NEED_QUESTIONS = ("idk", "idk_dpo", "altpo")
"""Methods that answer a question otherwise, which plain text does not ask."""


@dataclass(frozen=True)
class Demo:
    """Unlearn with every method on an embedded benchmark, and compare them.

    Trains a small Original and Retrain first (kept for the next time), takes minutes on two CPU
    cores and downloads nothing.
    """

    out: Path = Path("simnpo-demo")
    """Folder for the runs and the report; it is made if it is not there."""
    benchmark: str = "mini-tofu"
    """An embedded benchmark: mini-tofu, mini-muse or mini-wmdp."""
    split: Unset[str] = None
    """What to forget. mini-tofu: forget01, forget05 or forget10 [forget10]; mini-muse: gazette or
    gazette-scal1 to 4 [gazette]; mini-wmdp: craft."""
    methods: Unset[tuple[str, ...]] = None
    """Methods to run, of those that `simnpo unlearn` has [ga, grad_diff, weighted_grad_diff, idk,
    idk_dpo, npo, simnpo; where there are no questions, all of these but idk and idk_dpo]."""
    evaluate_epochs: int = 0
    """Evaluate every so many epochs while unlearning, for curves in the report; 0 does not."""
    seed: int = TrainingConfig.seed
    """Seed of every random choice."""
    resume: bool = False
    """Keep the runs in --out that are finished, and do the rest."""
    overwrite: bool = False
    """Replace the demo in --out."""

    def run(self) -> None:
        """Run the demo, print the table, and say where the report is."""
        from simnpo.benchmarks import BENCHMARKS
        from simnpo.experiments.benchmark_setup import BenchmarkSetup
        from simnpo.experiments.demo import demo_runs, run_demo
        from simnpo.models import quiet
        from simnpo.report.rendering import REPORT
        from simnpo.report.table import print_table
        from simnpo.storage import runs

        started = time.monotonic()
        quiet()
        kind = BENCHMARKS.get(self.benchmark)
        split = self.split or (kind.split if kind else "")
        site = BenchmarkSetup(self.benchmark, split)
        asks = site.mini().benchmark.forget[0].question is not None
        methods = self.methods
        if methods is None:
            methods = tuple(name for name in METHODS if asks or name not in NEED_QUESTIONS)
        for name in methods:
            if name == "retrain" or methods.count(name) > 1:
                raise UserError(f"``methods``: {name} is always there, or named twice.")
            if name in NEED_QUESTIONS and not asks:
                raise UserError(
                    f"``methods``: {name} answers questions otherwise, and {self.benchmark} is "
                    "plain text; leave it out."
                )
        made = demo_runs(site, methods, self.seed, self.evaluate_epochs)
        config = {"benchmark": self.benchmark, "split": split, "seed": self.seed}
        self._check_out(list(made), config)
        if not self.resume:
            runs.begin(self.out, "demo", config, {})
        command = command_text()
        evaluations, failed = run_demo(made, self.out, site.name, command)
        print_table(evaluations)
        write(f"Report: {self.out / REPORT} ({time.monotonic() - started:.0f} s)")
        if failed:
            reasons = " ".join(f"{run.title}: {why}" for run, why in failed.items())
            raise UserError(f"{reasons} The report has the others.")
        runs.finish(self.out, {"seconds": round(time.monotonic() - started, 1)})

    def _check_out(self, folders: list[str], config: dict[str, object]) -> None:
        """Make room in --out; the folders in it are removed only if a demo made them."""
        from simnpo.experiments.demo import RUNS
        from simnpo.report.rendering import REPORT
        from simnpo.storage import runs

        refuse_both(self.resume, self.overwrite)
        runs.take(self.out)
        ours = (self.out / runs.RUN).is_file() and runs.read_run(self.out)["command"] == "demo"
        if self.resume and not ours:
            raise UserError(f"``resume``: {self.out} holds no demo; leave ``resume`` out.")
        if self.resume:  # a finished one may be given more methods
            runs.check_resumable(self.out, "demo", config, {})
            return
        own = (f"{RUNS}/{name}-mini-*" for name in folders)  # on any embedded benchmark
        names = (runs.RUN, REPORT, "plots", *folders, *own)
        runs.check_free(self.out, names, self.overwrite and ours)
        runs.clear(self.out, names)
