"""Unlearn a forget set from a language model, and show what was forgotten and what was kept.

The public API; each name is imported when it is first used, so that `import simnpo` is light.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simnpo.api.functions import attack as attack
    from simnpo.api.functions import compare as compare
    from simnpo.api.functions import evaluate as evaluate
    from simnpo.api.functions import finetune as finetune
    from simnpo.api.functions import sweep as sweep
    from simnpo.api.functions import unlearn as unlearn
    from simnpo.api.results import Comparison as Comparison
    from simnpo.api.results import Measured as Measured
    from simnpo.api.results import Run as Run
    from simnpo.benchmarks import load_benchmark as load_benchmark
    from simnpo.config import TrainingConfig as TrainingConfig
    from simnpo.data.examples import Example as Example
    from simnpo.data.examples import load_examples as load_examples
    from simnpo.errors import Interrupted as Interrupted
    from simnpo.errors import TrainingDiverged as TrainingDiverged
    from simnpo.errors import UserError as UserError
    from simnpo.evaluation.metrics.tofu import tofu_metrics as tofu_metrics
    from simnpo.methods.base import Objective as Objective
    from simnpo.methods.dpo import dpo_loss as dpo_loss
    from simnpo.methods.ga import ga_loss as ga_loss
    from simnpo.methods.ga import weighted_ga_loss as weighted_ga_loss
    from simnpo.methods.kl import kl_loss as kl_loss
    from simnpo.methods.method import Method as Method
    from simnpo.methods.nll import nll_loss as nll_loss
    from simnpo.methods.npo import npo_loss as npo_loss
    from simnpo.methods.npo import npo_weights as npo_weights
    from simnpo.methods.registry import METHODS as METHODS
    from simnpo.methods.registry import build_method as build_method
    from simnpo.methods.simnpo import simnpo_loss as simnpo_loss
    from simnpo.methods.simnpo import simnpo_weights as simnpo_weights
    from simnpo.methods.wga import satimp_loss as satimp_loss
    from simnpo.methods.wga import wga_loss as wga_loss
    from simnpo.training.trainer import UnlearnTrainer as UnlearnTrainer
    from simnpo.training.unlearn_config import UnlearnConfig as UnlearnConfig

_HOMES = {
    "simnpo.api.functions": ("attack", "compare", "evaluate", "finetune", "sweep", "unlearn"),
    "simnpo.api.results": ("Comparison", "Measured", "Run"),
    "simnpo.benchmarks": ("load_benchmark",),
    "simnpo.config": ("TrainingConfig",),
    "simnpo.data.examples": ("Example", "load_examples"),
    "simnpo.errors": ("Interrupted", "TrainingDiverged", "UserError"),
    "simnpo.evaluation.metrics.tofu": ("tofu_metrics",),
    "simnpo.methods.base": ("Objective",),
    "simnpo.methods.dpo": ("dpo_loss",),
    "simnpo.methods.ga": ("ga_loss", "weighted_ga_loss"),
    "simnpo.methods.kl": ("kl_loss",),
    "simnpo.methods.method": ("Method",),
    "simnpo.methods.nll": ("nll_loss",),
    "simnpo.methods.npo": ("npo_loss", "npo_weights"),
    "simnpo.methods.registry": ("METHODS", "build_method"),
    "simnpo.methods.simnpo": ("simnpo_loss", "simnpo_weights"),
    "simnpo.methods.wga": ("satimp_loss", "wga_loss"),
    "simnpo.training.trainer": ("UnlearnTrainer",),
    "simnpo.training.unlearn_config": ("UnlearnConfig",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}
__all__ = [*_HOME, "__version__"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("simnpo")
    if name not in _HOME:
        raise AttributeError(f"module 'simnpo' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
