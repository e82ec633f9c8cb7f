"""How the models of `mini-muse` are made, and the settings of each method on it."""

from dataclasses import replace

from simnpo.benchmarks.mini_model import build_tokenizer, model_config
from simnpo.benchmarks.mini_muse.build import mini_muse, pretraining, rehearsal
from simnpo.benchmarks.minis import Mini
from simnpo.config import TrainingConfig
from simnpo.objectives import build_method
from simnpo.presets import Preset

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
TUNED: dict[str, dict[str, float]] = {}
"""What a method takes in the place of its defaults, by its name."""


def mini_muse_preset(method: str) -> Preset:
    """Return the settings of `method`.

    Raises:
        UserError: an unknown method.
    """
    if method == "retrain":
        return Preset(build_method(method), FINETUNE)
    settings = dict(TUNED.get(method, {}))
    rate = settings.pop("learning_rate", UNLEARN.learning_rate)
    return Preset(build_method(method, **settings), replace(UNLEARN, learning_rate=rate))


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
