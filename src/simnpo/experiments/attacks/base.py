"""What an attack is: options, runs, and the words of its report."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

    from simnpo.config import Precision, TrainingConfig
    from simnpo.experiments.attacks.finding import Attacked
    from simnpo.experiments.attacks.setup import AttackSetup
    from simnpo.experiments.external_model import ExternalModel
    from simnpo.experiments.run import Run


class Measured(NamedTuple):
    """A run, and where its metrics stand in the attack's table."""

    run: "Run"
    series: str = ""
    """Which of several curves they belong to."""
    step: int | None = None
    """The step that its evaluation is of; None where its history has a row for each epoch."""


@dataclass(frozen=True)
class Attack(ABC):
    """An attack with its settings.

    Its fields, their docstrings and that of the class are the options and the help of
    `simnpo attack NAME`; a field `training` stands for all options of training. The command line
    imports the class before it knows the command, so what is heavy is imported within methods.
    """

    @property
    @abstractmethod
    def precision(self) -> "Precision":
        """What the models are measured in before the attack."""

    @abstractmethod
    def check(self) -> None:
        """Refuse settings that are out of their range.

        Raises:
            UserError: naming the option.
        """

    @abstractmethod
    def runs(self, model: "ExternalModel") -> list[Measured]:
        """Return what is measured of a model, before the attack (step 0) and after."""

    @abstractmethod
    def config(self) -> dict[str, object]:
        """Return what `run.json` records of the settings."""

    @abstractmethod
    def table(self, curve: "pd.DataFrame") -> "pd.DataFrame":
        """Return `curve`, see `simnpo.report.curves.COLUMNS`, as it is written for the user."""

    @abstractmethod
    def report(self, setup: "AttackSetup", curve: "pd.DataFrame") -> "Attacked":
        """Return what the report shows."""

    @classmethod
    def preset(cls, setup: "AttackSetup") -> "TrainingConfig":
        """Return how the attack trains where the user says nothing; asked if it trains."""
        raise NotImplementedError

    @classmethod
    def trains(cls) -> bool:
        """Tell whether there are options of training."""
        return "training" in {one.name for one in fields(cls)}
