"""The settings of each method on each benchmark, with their sources."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from simnpo.config import Reinforcement, TrainingConfig
from simnpo.methods import build

if TYPE_CHECKING:
    from simnpo.methods import AnyMethod

# The released code's tuned values. Its "lambda" of 0.05 to 0.25 weighs the forget loss, beside a
# retain weight of 1; read as the retain weight of the paper's eq. 2 it would mean the opposite.
_TOFU_SIMNPO = {
    "forget01": ({"beta": 2.5}, 0.1375),  # as forget05: neither paper nor release names it
    "forget05": ({"beta": 2.5}, 0.1375),
    "forget10": ({"beta": 4.5}, 0.125),
}
_TOFU_TASK_VECTOR = 2.5
"""RKLD's authors' for their task-arithmetic baseline on TOFU (app. A.1)."""


@dataclass(frozen=True)
class Preset:
    """A method with its settings, and how to train with it."""

    method: "AnyMethod"
    training: TrainingConfig
    reinforcement: Reinforcement = field(default_factory=Reinforcement)
    """How to over-fit the model that the method compares with, if it needs one."""


def unlearning_preset(benchmark: str | None, split: str | None, method: str) -> Preset:
    """Return the settings of `method`; without a benchmark, the general ones.

    Raises:
        UserError: an unknown method.
    """
    if benchmark == "mini-tofu":
        from simnpo.benchmarks.mini_tofu.settings import mini_tofu_preset

        return mini_tofu_preset(method)
    if method == "simnpo":
        settings, forget_weight = _TOFU_SIMNPO.get(split or "", _TOFU_SIMNPO["forget05"])
        built = build(method, **settings, forget_weight=forget_weight)
        return Preset(built, TrainingConfig())
    if method == "task_vector" and benchmark == "tofu":
        return Preset(build(method, alpha=_TOFU_TASK_VECTOR), TrainingConfig())
    if method == "retrain":
        return Preset(build(method), finetuning_preset(benchmark))
    return Preset(build(method), TrainingConfig())


def finetuning_preset(benchmark: str | None) -> TrainingConfig:
    """Return how Original and Retrain are trained; TOFU's settings (app. I.2) in general."""
    if benchmark == "mini-tofu":
        from simnpo.benchmarks.mini_tofu.settings import FINETUNE

        return FINETUNE
    return replace(TrainingConfig(), epochs=5)
