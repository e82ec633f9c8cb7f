"""`simnpo demo`: the main job on the embedded benchmark, from nothing to the report."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

METHODS = ("ga", "grad_diff", "weighted_grad_diff", "idk", "idk_dpo", "npo", "simnpo")


@dataclass(frozen=True)
class Demo:
    """Unlearn with every method on the embedded benchmark mini-tofu, and compare them.

    Trains a small Original and Retrain first (kept for the next time), takes minutes on two CPU
    cores and downloads nothing.
    """

    out: Path = Path("simnpo-demo")
    """Folder for the runs and the report; it is made if it is not there."""
    split: str = "forget10"
    """What to forget: forget01, forget05 or forget10."""
    methods: tuple[str, ...] = METHODS
    """Methods to run."""
    evaluate_epochs: int = 0
    """Evaluate every so many epochs while unlearning, for curves in the report; 0 does not."""
    seed: int = 42
    """Seed of every random choice."""
    resume: bool = False
    """Keep the runs in --out that are finished, and do the rest."""
    overwrite: bool = False
    """Replace the demo in --out."""

    def run(self) -> None:
        """Run the demo, print the table, and say where the report is."""
        from dataclasses import replace

        from simnpo.benchmarks.mini_tofu.settings import mini_tofu_preset, mini_tofu_study
        from simnpo.benchmarks.minis import cache_folder
        from simnpo.demo import run_demo
        from simnpo.models import quiet
        from simnpo.presets import Preset
        from simnpo.report.table import print_table
        from simnpo.runs import claim

        started = time.monotonic()
        quiet()
        presets = []
        for name in self.methods:
            preset = mini_tofu_preset(name)
            presets.append(Preset(preset.method, replace(preset.training, seed=self.seed)))
        mini = mini_tofu_study(self.split)
        folders = ["original", "retrain", *(one.method.title.lower() for one in presets)]
        if not self.resume:
            claim(self.out, ("report.html", "plots", *folders), self.overwrite)
        command = "simnpo " + " ".join(sys.argv[1:])
        evaluations = run_demo(
            mini,
            presets,
            self.out,
            cache_folder(),
            seed=self.seed,
            resume=self.resume,
            evaluate_epochs=self.evaluate_epochs,
            command=command,
        )
        print_table(evaluations)
        print(f"Report: {self.out / 'report.html'} ({time.monotonic() - started:.0f} s)")
