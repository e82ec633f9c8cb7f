"""What `chat` and `generate` share: how a model answers, and the prompts it was trained with."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simnpo.cli.options import Unset
from simnpo.cli.prompt_options import ChatOptions, run_settings
from simnpo.config import MAX_LENGTH, Precision, TrainingConfig, check_range

if TYPE_CHECKING:
    from simnpo.data.encoding import Encoder


@dataclass(frozen=True)
class AnswerOptions(ChatOptions):
    """How questions are answered."""

    max_new_tokens: int = 256
    """Tokens of an answer at most."""
    temperature: float = 0.0
    """Draw answers at this temperature; 0 answers greedily, as evaluations do."""
    seed: int = TrainingConfig.seed
    """Seed of drawn answers."""
    template: Unset[str] = None
    """How a question becomes a prompt, as in unlearn [that of the run in --model, else auto]."""
    precision: Precision = "auto"
    """fp32, bf16, mixed (bf16 autocast over fp32 weights), or auto: bf16 on a GPU, else fp32."""
    trust_remote_code: bool = False
    """Run Python code that comes with the model. Only for models whose code you have read."""

    def check(self) -> None:
        """Make sure that the values are in their ranges.

        Raises:
            UserError: one is not.
        """
        check_range(1, max_new_tokens=self.max_new_tokens)
        check_range(0, temperature=self.temperature)

    def encoder(self, model: str) -> "Encoder":
        """Return the encoder of `model`: its tokenizer with the prompts of its run.

        Raises:
            UserError: the tokenizer cannot be loaded, or does not go with the template.
        """
        from dataclasses import replace

        from simnpo.data.encoding import Encoder
        from simnpo.data.prompt_settings import PromptSettings
        from simnpo.models import load_tokenizer

        run = run_settings(model)
        known = PromptSettings.of_record(run)
        prompts = self.apply_to(replace(known, template=self.template or known.template))
        limit = run.get("max_length", MAX_LENGTH)
        return Encoder(load_tokenizer(model, self.trust_remote_code), prompts, limit)
