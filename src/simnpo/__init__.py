"""Unlearn a forget set from a language model, and show what was forgotten and what was kept.

The public API; each name is imported when it is first used, so that `import simnpo` is light.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "Example": "simnpo.data.examples",
    "Interrupted": "simnpo.errors",
    "METHODS": "simnpo.objectives",
    "Method": "simnpo.objectives",
    "TrainingConfig": "simnpo.config",
    "TrainingDiverged": "simnpo.errors",
    "UnlearnTrainer": "simnpo.training.trainer",
    "UserError": "simnpo.errors",
    "build_method": "simnpo.objectives",
    "dpo_loss": "simnpo.objectives.dpo",
    "ga_loss": "simnpo.objectives.ga",
    "kl_loss": "simnpo.objectives.kl",
    "load_benchmark": "simnpo.benchmarks",
    "load_examples": "simnpo.data.examples",
    "nll_loss": "simnpo.objectives.nll",
    "npo_loss": "simnpo.objectives.npo",
    "npo_weights": "simnpo.objectives.npo",
    "satimp_loss": "simnpo.objectives.wga",
    "simnpo_loss": "simnpo.objectives.simnpo",
    "simnpo_weights": "simnpo.objectives.simnpo",
    "tofu_metrics": "simnpo.metrics.tofu",
    "weighted_ga_loss": "simnpo.objectives.ga",
    "wga_loss": "simnpo.objectives.wga",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'simnpo' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
