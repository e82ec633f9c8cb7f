"""Options of LoRA, by the same names for every command that trains or plans a training."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simnpo.cli.described import described_by
from simnpo.cli.unset import Unset
from simnpo.config import LoraConfig, Subspace

if TYPE_CHECKING:
    from simnpo.benchmarks.preset import Preset


@described_by(LoraConfig, "lora_", lora_subspace="unlearn on own data forget")
@dataclass(frozen=True)
class LoraOptions:
    """LoRA through peft."""

    lora_rank: int = LoraConfig.rank
    lora_alpha: int = LoraConfig.alpha
    lora_subspace: Unset[Subspace] = None
    lora_merge: bool = False
    load_in_4bit: bool = False

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
