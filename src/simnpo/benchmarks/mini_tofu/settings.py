"""How the models of `mini-tofu` are made, and the tuned settings of each method on it."""

from simnpo.benchmarks.kind import embedded
from simnpo.benchmarks.mini_model import build_tokenizer, model_config
from simnpo.benchmarks.mini_tofu.build import mini_tofu, pretraining, rehearsal
from simnpo.benchmarks.minis import Mini, mini_training
from simnpo.benchmarks.preset import MiniPresets
from simnpo.config import Reinforcement
from simnpo.data.templates import PLAIN

VOCABULARY = 1536
PRETRAIN = mini_training(epochs=12, learning_rate=3e-3, batch_size=32, group_by_length=True)
FINETUNE = mini_training(epochs=10, learning_rate=2e-3, batch_size=16, group_by_length=True)
UNLEARN = mini_training(epochs=10, learning_rate=1e-3, batch_size=32)
REINFORCE = Reinforcement(epochs=5, learning_rate=1e-3)
# What benchmarks/tune_mini.py picked, the same budget and rule for every method:
# docs/results/mini_tofu_grid.csv.
TUNED: dict[str, dict[str, float]] = {
    "ga": {"learning_rate": 2.563e-4},
    "grad_diff": {"learning_rate": 2e-3, "forget_weight": 0.01},
    "weighted_grad_diff": {"learning_rate": 1e-3, "forget_weight": 0.3},
    "idk": {"learning_rate": 2e-3, "forget_weight": 0.01},
    "idk_dpo": {"beta": 0.05, "forget_weight": 2.0},
    "npo": {"beta": 0.5, "forget_weight": 0.3},
    "simnpo": {"beta": 2.5, "forget_weight": 2.0},
    "rkld": {"alpha": 16.0, "forget_weight": 1.0},
    "rmu": {"layer": 1},  # not tuned: of three layers, the middle one
}
PRESETS = MiniPresets(FINETUNE, UNLEARN, REINFORCE, TUNED)


def mini_tofu_study(split: str) -> Mini:
    """Return `mini-tofu` at `split` with all it takes to make its models.

    Raises:
        UserError: an unknown split.
    """
    texts = pretraining()
    asked = [PLAIN.format(question=one.question, answer=one.answer) for one in texts]
    tokenizer = build_tokenizer(asked, VOCABULARY)
    return Mini(
        benchmark=mini_tofu(split),
        pretraining=texts,
        rehearsal=rehearsal(),
        tokenizer=tokenizer,
        architecture=model_config(len(tokenizer)),
        pretrain=PRETRAIN,
        finetune=FINETUNE,
    )


BENCHMARK = embedded("forget10", mini_tofu, mini_tofu_study, PRESETS)
