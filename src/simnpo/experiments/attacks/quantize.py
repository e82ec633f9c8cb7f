"""Quantization: round the unlearned model's weights to few bits (arXiv 2410.16454).

Unlearning moves weights little; rounding may put them back to where the original's go.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simnpo.config import Precision
from simnpo.errors import UserError
from simnpo.experiments.attacks.base import Attack, Measured

if TYPE_CHECKING:
    import pandas as pd

    from simnpo.experiments.attacks.finding import Attacked
    from simnpo.experiments.attacks.setup import AttackSetup
    from simnpo.experiments.external_model import ExternalModel


@dataclass(frozen=True)
class Quantize(Attack):
    """Round unlearned models' weights to few bits: how much comes back?

    Example: simnpo attack quantize --model runs/npo runs/simnpo --retrain runs/retrain --benchmark
    tofu --out quantize
    """

    bits: tuple[Literal[8, 4], ...] = (8, 4)
    """Bits of a weight: 8 (one scale per row) or 4 (one per 128 weights)."""
    precision: Precision = "auto"
    """What the weights are before: fp32, bf16, or auto: bf16 on a GPU, else fp32."""

    @property
    def widths(self) -> tuple[Literal[8, 4], ...]:
        """Each of `bits` once."""
        return tuple(dict.fromkeys(self.bits))

    @property
    def steps(self) -> tuple[str, ...]:
        """What a model is measured as, in words."""
        return ("full", *(f"{bits} bits" for bits in self.widths))

    def check(self) -> None:
        """Refuse to round to nothing.

        Raises:
            UserError: naming the option.
        """
        if not self.bits:
            raise UserError("``bits``: name 8, 4 or both.")

    def runs(self, model: "ExternalModel") -> list[Measured]:
        """Return the model as it is, and rounded to each width."""
        from simnpo.experiments.quantize_run import QuantizeRun

        rounded = [QuantizeRun(model.seed, model, bits) for bits in self.widths]
        return [Measured(run, step=step) for step, run in enumerate((model, *rounded))]

    def config(self) -> dict[str, object]:
        """Return all settings."""
        return {"bits": list(self.widths), "precision": self.precision}

    def table(self, curve: "pd.DataFrame") -> "pd.DataFrame":
        """Return the metrics by the weights' width."""
        weights = curve["step"].map(lambda step: self.steps[step])
        return curve.assign(weights=weights)[["model", "weights", "metric", "value"]]

    def report(self, setup: "AttackSetup", curve: "pd.DataFrame") -> "Attacked":
        """Return what was rounded, and how."""
        from simnpo.experiments.attacks.finding import Attacked
        from simnpo.experiments.attacks.outcomes import Ending
        from simnpo.experiments.quantize_run import GROUP
        from simnpo.report.curves import Steps

        return Attacked(
            title=f"Quantization, {setup.name}",
            lead="The weights of each unlearned model's linear layers are rounded to few bits. "
            "Unlearning moves weights little, so rounding may bring back what was forgotten "
            "(arXiv 2410.16454).",
            notes=(
                "Rounding: to the nearest of symmetric levels, without data; in 8 bits one scale "
                f"per output row, in 4 bits one per {GROUP} weights of a row. It is simulated: "
                "weights keep their type, activations are not rounded.",
                "Embeddings, the LM head, norms, biases and routers of experts stay as they are.",
                "Each rounded model's evaluation is kept in runs/, for simnpo compare.",
            ),
            facts={setup.named: setup.name, "Weights": ", ".join(self.steps)},
            curve=curve,
            endings=tuple(Ending(name, "", step) for step, name in enumerate(self.steps) if step),
            steps=Steps("Weights", self.steps),
            view=setup.display(curve),
        )
