"""How the models of `mini-tofu` are made, and the tuned settings of each method on it."""

from simnpo.benchmarks.mini_tofu.build import mini_tofu, pretraining, rehearsal
from simnpo.benchmarks.mini_tofu.model import build_tokenizer, model_config
from simnpo.benchmarks.minis import Mini
from simnpo.config import TrainingConfig
from simnpo.data.templates import PLAIN
from simnpo.objectives import build_method
from simnpo.presets import Preset

PRETRAIN = TrainingConfig(
    epochs=12,
    learning_rate=3e-3,
    batch_size=32,
    micro_batch_size=32,
    precision="fp32",
    group_by_length=True,
    checkpoint_epochs=0,
)
FINETUNE = TrainingConfig(
    epochs=10,
    learning_rate=2e-3,
    batch_size=16,
    micro_batch_size=16,
    precision="fp32",
    group_by_length=True,
    checkpoint_epochs=0,
)
UNLEARN = TrainingConfig(
    epochs=10,
    learning_rate=1e-3,
    batch_size=32,
    micro_batch_size=32,
    precision="fp32",
    checkpoint_epochs=0,
)
TUNED: dict[str, dict[str, float]] = {
    "simnpo": {"forget_weight": 1.0},
}


def mini_tofu_preset(method: str) -> Preset:
    """Return the tuned settings of `method`.

    Raises:
        UserError: an unknown method.
    """
    return Preset(build_method(method, **TUNED.get(method, {})), UNLEARN)


def mini_tofu_study(split: str) -> Mini:
    """Return `mini-tofu` at `split` with all it takes to make its models.

    Raises:
        UserError: an unknown split.
    """
    texts = pretraining()
    asked = [PLAIN.format(question=one.question, answer=one.answer) for one in texts]
    tokenizer = build_tokenizer(asked)
    return Mini(
        benchmark=mini_tofu(split),
        pretraining=texts,
        rehearsal=rehearsal(),
        tokenizer=tokenizer,
        architecture=model_config(len(tokenizer)),
        pretrain=PRETRAIN,
        finetune=FINETUNE,
    )
