"""Unlearn a forget set from a language model, and show what was forgotten and what was kept.

The public API; each name is imported when it is first used, so that `import simnpo` is light.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "Example": "simnpo.data.examples",
    "Interrupted": "simnpo.errors",
    "METHODS": "simnpo.methods.losses",
    "Method": "simnpo.methods.losses",
    "TrainingConfig": "simnpo.config",
    "TrainingDiverged": "simnpo.errors",
    "UnlearnTrainer": "simnpo.training.trainer",
    "UserError": "simnpo.errors",
    "build_method": "simnpo.methods.losses",
    "dpo_loss": "simnpo.methods.dpo",
    "ga_loss": "simnpo.methods.ga",
    "kl_loss": "simnpo.methods.kl",
    "load_benchmark": "simnpo.benchmarks",
    "load_examples": "simnpo.data.examples",
    "nll_loss": "simnpo.methods.nll",
    "npo_loss": "simnpo.methods.npo",
    "npo_weights": "simnpo.methods.npo",
    "satimp_loss": "simnpo.methods.wga",
    "simnpo_loss": "simnpo.methods.simnpo",
    "simnpo_weights": "simnpo.methods.simnpo",
    "tofu_metrics": "simnpo.evaluation.metrics.tofu",
    "weighted_ga_loss": "simnpo.methods.ga",
    "wga_loss": "simnpo.methods.wga",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'simnpo' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
