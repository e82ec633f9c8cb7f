"""Relearning: fine-tune the unlearned model on a part of what it forgot (paper, sec. 6, Fig. 6)."""

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from simnpo.config import Precision, Select, TrainingConfig, check_range
from simnpo.errors import UserError
from simnpo.experiments.attacks.base import Attack, Measured

if TYPE_CHECKING:
    import pandas as pd

    from simnpo.experiments.attacks.finding import Attacked
    from simnpo.experiments.attacks.setup import AttackSetup
    from simnpo.experiments.external_model import ExternalModel

MOST_SEEDS = 1000


@dataclass(frozen=True)
class Relearn(Attack):
    """Fine-tune unlearned models on a part of the forget set: how much comes back?

    Example: simnpo attack relearn --model runs/npo runs/simnpo --retrain runs/retrain --benchmark
    tofu --out relearn
    """

    fraction: float = 0.2
    """Share of the forget set that the attacker holds."""
    select: tuple[Select, ...] = ("random",)
    """Which share: a random one, drawn by each seed, or the shortest answers."""
    seeds: int = 5
    """How many seeds, from --seed on."""
    training: TrainingConfig = field(default_factory=TrainingConfig)

    @classmethod
    def preset(cls, setup: "AttackSetup") -> TrainingConfig:
        """Return three epochs at unlearning's learning rate."""
        from simnpo.benchmarks.presets import own_relearning_preset, relearning_preset
        from simnpo.planning.shape import read_shape

        if setup.own is None:
            return relearning_preset(setup.benchmark, setup.split)
        shape = read_shape(setup.own.model, setup.trust_remote_code)
        return own_relearning_preset(shape.parameters)

    @property
    def precision(self) -> Precision:
        """What the models are trained in, so that epoch 0 is comparable."""
        return self.training.precision

    @property
    def selects(self) -> tuple[Select, ...]:
        """Each of `select` once."""
        return tuple(dict.fromkeys(self.select))

    @property
    def draws(self) -> tuple[int, ...]:
        """The seeds, each of which draws an order of training and, for `random`, a part."""
        return tuple(range(self.training.seed, self.training.seed + self.seeds))

    @property
    def epochs(self) -> int:
        """Passes over the part that is relearned."""
        return int(self.training.epochs or 0)

    def check(self) -> None:
        """Refuse what no attacker can hold, no draws, and parts of epochs.

        Raises:
            UserError: naming the option.
        """
        if not 0 < self.fraction <= 1:
            raise UserError(f"``fraction`` {self.fraction}: must be above 0 and at most 1.")
        if not self.select:
            raise UserError("``select``: name random, shortest or both.")
        check_range(1, MOST_SEEDS, seeds=self.seeds)
        epochs = self.training.epochs
        if epochs is None or epochs % 1:
            given = f"steps={self.training.steps}" if epochs is None else f"epochs={epochs}"
            raise UserError(
                f"``{given}``: an attack is measured after whole epochs; give ``epochs``."
            )

    def runs(self, model: "ExternalModel") -> list[Measured]:
        """Return every draw of every part; each history begins before the attack."""
        from simnpo.experiments.relearn_run import RelearnRun

        return [
            Measured(RelearnRun(seed, model, select, self.training, self.fraction), select)
            for select in self.selects
            for seed in self.draws
        ]

    def config(self) -> dict[str, object]:
        """Return all settings."""
        training = {key: value for key, value in asdict(self.training).items() if key != "seed"}
        return {
            "fraction": self.fraction,
            "select": list(self.selects),
            "seeds": list(self.draws),
            **training,
        }

    def table(self, curve: "pd.DataFrame") -> "pd.DataFrame":
        """Return the metrics by selection, seed and epoch."""
        return curve.rename(columns={"series": "select", "step": "epoch"})

    def report(self, setup: "AttackSetup", curve: "pd.DataFrame") -> "Attacked":
        """Return what was relearned, and how."""
        from simnpo.experiments.attacks.finding import Attacked
        from simnpo.experiments.attacks.outcomes import Ending
        from simnpo.report.curves import Steps

        training, epochs = self.training, f"{self.epochs} epoch{'s'[: self.epochs > 1]}"
        share = f"{100 * self.fraction:g} %"
        what = {"random": f"a random {share}", "shortest": f"the {share} of shortest answers"}
        return Attacked(
            title=f"Relearning {setup.name}",
            lead=f"An attacker fine-tunes each unlearned model on {share} of the forget set, for "
            f"{epochs}. {setup.measured} measured before and after every "
            "epoch, on the whole forget set, so what was relearned is part of it.",
            notes=(
                f"Relearning: NLL on answers, AdamW, learning rate {training.learning_rate:g}, "
                f"{training.batch_size} examples a step, {training.schedule} schedule, warm-up "
                f"over {training.warmup_epochs:g} epochs, weight decay {training.weight_decay:g}.",
                "Each seed draws an order of training; for random also its own part of the forget "
                "set, the same for every model. The shortest answers are the same for all seeds.",
                "No relearned model is kept.",
            ),
            facts={
                setup.named: setup.name,
                "Seeds": ", ".join(map(str, self.draws)),
                "Epochs": str(self.epochs),
            },
            curve=curve,
            endings=tuple(
                Ending(f"{epochs} on {what[select]}", select, self.epochs)
                for select in self.selects
            ),
            steps=Steps("Epoch"),
            view=setup.display(curve),
        )
