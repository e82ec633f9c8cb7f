"""An embedded benchmark, and all it takes to make its models."""

from dataclasses import dataclass

from transformers import PreTrainedConfig

from simnpo.benchmarks.base import Benchmark
from simnpo.config import TrainingConfig
from simnpo.data.examples import Example
from simnpo.data.tokenizer import Tokenizer


@dataclass(frozen=True)
class Mini:
    """An embedded benchmark with all it takes to make its models."""

    benchmark: Benchmark
    pretraining: tuple[Example, ...]
    """What the base model is trained on: the language, never what it is then fine-tuned on."""
    rehearsal: tuple[Example, ...]
    """What fine-tuning repeats of it, for Original and Retrain alike."""
    tokenizer: Tokenizer
    architecture: PreTrainedConfig
    pretrain: TrainingConfig
    finetune: TrainingConfig
    template: str = "auto"
    """How the questions of its training data are put, see `simnpo.data.templates`."""


def mini_training(
    epochs: float, learning_rate: float, batch_size: int, group_by_length: bool = False
) -> TrainingConfig:
    """Return how a model as small is trained: batches whole, in float32, without checkpoints."""
    return TrainingConfig(
        epochs=epochs,
        learning_rate=learning_rate,
        batch_size=batch_size,
        micro_batch_size=batch_size,
        precision="fp32",
        group_by_length=group_by_length,
        checkpoint_epochs=0,
    )
