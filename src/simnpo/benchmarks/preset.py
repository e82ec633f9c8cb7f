"""A method with its settings: published ones, and those that tuning picked."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from simnpo.config import Reinforcement, Subspace, TrainingConfig
from simnpo.methods.registry import build_method

if TYPE_CHECKING:
    from simnpo.methods.registry import AnyMethod


@dataclass(frozen=True)
class Preset:
    """A method with its settings, and how to train with it."""

    method: "AnyMethod"
    training: TrainingConfig
    reinforcement: Reinforcement = field(default_factory=Reinforcement)
    """How to over-fit the model that the method compares with, if it needs one."""
    subspace: Subspace = "free"
    """What adapters read, where adapters are trained."""


FINETUNE = TrainingConfig(epochs=5)
"""How Original and Retrain are trained: as TOFU's (app. I.2)."""
SIMNPO = {"beta": 2.5, "forget_weight": 0.1375}
"""The released code's values for forget05. Its "lambda" of 0.05 to 0.25 weighs the forget loss,
with a retain weight of 1; read as the retain weight of the paper's eq. 2 it would mean the
opposite."""


def general_preset(method: str) -> Preset:
    """Return the settings of a method where neither a benchmark nor a user's data says more.

    Raises:
        UserError: an unknown method.
    """
    settings = SIMNPO if method == "simnpo" else {}
    training = FINETUNE if method == "retrain" else TrainingConfig()
    return Preset(build_method(method, **settings), training)


@dataclass(frozen=True)
class MiniPresets:
    """How an embedded benchmark's models are fine-tuned, and how each method unlearns from them."""

    finetune: TrainingConfig
    """Original's and Retrain's."""
    unlearn: TrainingConfig
    reinforce: Reinforcement
    tuned: Mapping[str, Mapping[str, float]]
    """What tuning picked, by method: a setting as `with_setting` takes it."""

    def of(self, method: str) -> Preset:
        """Return the tuned settings of `method`.

        Raises:
            UserError: an unknown method.
        """
        if method == "retrain":
            return Preset(build_method(method), self.finetune)
        return self.with_setting(method, self.tuned.get(method, {}))

    def with_setting(self, method: str, setting: Mapping[str, float]) -> Preset:
        """Return `method` with one setting of a grid.

        Args:
            method: a method's name.
            setting: fields of the method, `learning_rate`, and `reinforce_epochs` and
                `reinforce_learning_rate` of a method that needs a reinforced model.

        Raises:
            UserError: an unknown method, or a setting it does not have or allow.
        """
        own = dict(setting)
        rate = own.pop("learning_rate", self.unlearn.learning_rate)
        reinforcement = Reinforcement(
            own.pop("reinforce_epochs", self.reinforce.epochs),
            own.pop("reinforce_learning_rate", self.reinforce.learning_rate),
        )
        return Preset(
            build_method(method, **own), replace(self.unlearn, learning_rate=rate), reinforcement
        )
