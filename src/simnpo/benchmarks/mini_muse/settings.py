"""How the models of `mini-muse` are made, and the settings of each method on it."""

from dataclasses import replace

from simnpo.benchmarks.mini_model import build_tokenizer, model_config
from simnpo.benchmarks.mini_muse.build import mini_muse, pretraining, rehearsal
from simnpo.benchmarks.minis import Mini
from simnpo.config import Reinforcement, TrainingConfig
from simnpo.presets import MiniPresets

VOCABULARY = 1280
PRETRAIN = TrainingConfig(
    epochs=8,
    learning_rate=3e-3,
    batch_size=8,
    micro_batch_size=8,
    precision="fp32",
    group_by_length=True,
    checkpoint_epochs=0,
)
FINETUNE = replace(PRETRAIN, epochs=20, learning_rate=2e-3)
UNLEARN = TrainingConfig(
    epochs=10,
    learning_rate=5e-4,
    batch_size=16,
    micro_batch_size=16,
    precision="fp32",
    checkpoint_epochs=0,
)
REINFORCE = Reinforcement(epochs=5, learning_rate=5e-4)
TUNED: dict[str, dict[str, float]] = {"rmu": {"layer": 1}}
PRESETS = MiniPresets(FINETUNE, UNLEARN, REINFORCE, TUNED)


def mini_muse_study(split: str) -> Mini:
    """Return `mini-muse` at `split` with all it takes to make its models.

    Raises:
        UserError: an unknown split.
    """
    texts = pretraining()
    tokenizer = build_tokenizer((one.answer for one in texts), VOCABULARY)
    return Mini(
        benchmark=mini_muse(split),
        pretraining=texts,
        rehearsal=rehearsal(),
        tokenizer=tokenizer,
        architecture=model_config(len(tokenizer)),
        pretrain=PRETRAIN,
        finetune=FINETUNE,
    )
