"""Settings of the unlearning runs behind an artefact, set against each other."""

from collections.abc import Sequence
from dataclasses import asdict

from simnpo.experiments.run import Run
from simnpo.experiments.unlearn_run import UnlearnRun
from simnpo.report.settings import Settings, flatten, set_against


def unlearning_settings(runs: Sequence[Run]) -> Settings:
    """Return the settings of each unlearning run among `runs`; seeds of the same are one."""
    found: dict[str, dict[str, str]] = {}
    for run in runs:
        name = run.title.removesuffix(f", seed {run.seed}")
        if isinstance(run, UnlearnRun) and name not in found:
            preset = run.preset()
            training = {key: one for key, one in asdict(preset.training).items() if key != "seed"}
            found[name] = flatten({**preset.method.record(), **training})
    return set_against(found)
