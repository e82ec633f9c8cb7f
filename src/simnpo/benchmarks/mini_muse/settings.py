"""How the models of `mini-muse` are made, and the settings of each method on it."""

from simnpo.benchmarks.kind import embedded
from simnpo.benchmarks.mini_model import build_tokenizer, model_config
from simnpo.benchmarks.mini_muse.build import mini_muse, pretraining, rehearsal
from simnpo.benchmarks.minis import Mini, mini_training
from simnpo.benchmarks.preset import MiniPresets
from simnpo.config import Reinforcement

VOCABULARY = 1280
PRETRAIN = mini_training(epochs=8, learning_rate=3e-3, batch_size=8, group_by_length=True)
FINETUNE = mini_training(epochs=20, learning_rate=2e-3, batch_size=8, group_by_length=True)
UNLEARN = mini_training(epochs=10, learning_rate=5e-4, batch_size=16)
REINFORCE = Reinforcement(epochs=5, learning_rate=5e-4)
# What benchmarks/tune_mini.py picked, the same budget and rule for every method:
# docs/results/mini_muse_grid.csv.
TUNED: dict[str, dict[str, float]] = {
    "ga": {"learning_rate": 5.0625e-5},
    "grad_diff": {"learning_rate": 3e-4, "forget_weight": 0.01},
    "weighted_grad_diff": {"learning_rate": 3e-4, "forget_weight": 0.3},
    "npo": {"beta": 0.05, "forget_weight": 0.1},
    "simnpo": {"beta": 1.5, "forget_weight": 1.0},
    "rkld": {"alpha": 16.0, "forget_weight": 1.0},
    "task_vector": {"alpha": 1.0, "reinforce_epochs": 10.0},
    "rmu": {"layer": 1, "steering_coefficient": 2.0, "retain_weight": 1},
}
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


BENCHMARK = embedded("gazette", mini_muse, mini_muse_study, PRESETS)
