"""Options of `unlearn` that only some methods have."""

from dataclasses import dataclass, fields, replace
from typing import Any

from simnpo.cli.described import described_by
from simnpo.cli.options import Unset, given
from simnpo.config import Reinforcement
from simnpo.errors import UserError


@dataclass(frozen=True)
class MethodOptions:
    """Settings; without them, the benchmark's; on your own data, see docs/choosing.md."""

    alpha: Unset[tuple[float, ...]] = None
    """Strength of rkld and task_vector, power of a token's probability in its weight for wga;
    several make a run each, in --out/alpha-... [rkld 8, task_vector 5, on tofu 2.5, wga 1]."""
    beta: Unset[float] = None
    """Temperature of simnpo, npo, idk_dpo and altpo, and how far undial lowers the logit of an
    answer's token [simnpo 1, on benchmarks 2.5; undial 10, else 0.1]."""
    beta1: Unset[float] = None
    """Power of a token's probability in its weight, for satimp [5]."""
    beta2: Unset[float] = None
    """Power of one minus a token's probability in its weight, for satimp [1]."""
    gamma: Unset[float] = None
    """Reward margin of simnpo [0]."""
    layer: Unset[int] = None
    """Decoder layer, from 0, whose activations rmu steers; it trains this one and the two before it
    [7; embedded benchmarks 1]."""
    steering_coefficient: Unset[float] = None
    """Length of the vector that rmu steers activations to [6.5]."""
    forget_weight: Unset[float] = None
    """Weight of the forget loss [simnpo on benchmarks 0.1375, else 1]."""
    retain_weight: Unset[float] = None
    """Weight of the retain loss [1; npo on own data 10; rmu 1200 for its own]."""
    setting: Unset[tuple[str, ...]] = None
    """Settings of a method of your own, as in tau=0.5."""
    retain_loss: Unset[str] = None
    """none, nll, or kl (KL divergence from the original model) [ga, undial and ceu none, rmu the
    distance from the original's activations, else nll]."""

    def settings(self) -> dict[str, Any]:
        """Return what was given, by the names of the method's settings; `alpha` is a tuple.

        Raises:
            UserError: a --setting without a number, or one that has an option of its own.
        """
        found = given(self)
        for text in found.pop("setting", ()):
            name, _, value = text.partition("=")
            name = name.replace("-", "_")
            if name in {field.name for field in fields(self)}:
                raise UserError(f"``setting`` {text}: this is ``{name}``.")
            try:
                found[name] = float(value)
            except ValueError:
                raise UserError(f"``setting`` {text}: give a number, as in tau=0.5.") from None
        return found


@described_by(Reinforcement, "reinforce_")
@dataclass(frozen=True)
class ReinforceOptions:
    """The model over-fitted on the forget set that rkld and task_vector compare with."""

    reinforced: Unset[str] = None
    """One that is there, such as another run's reinforced/ [trained first, as --out/reinforced]."""
    reinforce_epochs: Unset[float] = None
    reinforce_learning_rate: Unset[float] = None

    def apply_to(self, preset: Reinforcement) -> Reinforcement:
        """Return `preset` with what was given in its place.

        Raises:
            UserError: a value out of its range; or a model is given, and how to train one.
        """
        how = given(self)
        how.pop("reinforced", None)
        if how and self.reinforced is not None:
            raise UserError(
                "``reinforced`` is trained already; leave out the other --reinforce-...."
            )
        return replace(
            preset, **{name.removeprefix("reinforce_"): value for name, value in how.items()}
        )
