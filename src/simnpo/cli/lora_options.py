"""Options of LoRA, by the same names for every command that trains or plans a training."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simnpo.cli.unset import Unset
from simnpo.config import LoraConfig, Subspace

if TYPE_CHECKING:
    from simnpo.benchmarks.preset import Preset


@dataclass(frozen=True)
class LoraOptions:
    """LoRA through peft."""

    lora_rank: int = LoraConfig.rank
    """Rank of LoRA adapters; 0 trains all weights."""
    lora_alpha: int = LoraConfig.alpha
    """Scale of the adapters."""
    lora_subspace: Unset[Subspace] = None
    """What the adapters read: free (training finds it, as in peft), or forget (fixed before
    training: the directions that set the forget set apart from the retain set) [free; unlearn on
    own data forget]."""
    lora_merge: bool = False
    """Save the model with the adapters merged into it."""
    load_in_4bit: bool = False
    """Hold the frozen base in 4 bits (QLoRA's NF4); needs --lora-rank, bitsandbytes and a GPU."""

    def reads(self, retain_loss: str | None) -> Subspace | None:
        """Return what the adapters read; None leaves it to the preset of the method.

        Args:
            retain_loss: the one that is asked for; without any, there is nothing to compare with.
        """
        return "free" if retain_loss == "none" else self.lora_subspace

    def config(self, preset: "Preset | None" = None) -> LoraConfig:
        """Return these options, checked.

        Args:
            preset: says what the adapters read where nothing is asked for; None for `free`.

        Raises:
            UserError: a value out of its range, or a contradiction.
        """
        usual = preset.subspace if preset and self.lora_rank else "free"
        return LoraConfig(
            self.lora_rank,
            self.lora_alpha,
            self.lora_merge,
            self.load_in_4bit,
            self.lora_subspace or usual,
        )
