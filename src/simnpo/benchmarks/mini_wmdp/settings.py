"""How the models of `mini-wmdp` are made, and the settings of each method on it."""

from simnpo.benchmarks.kind import embedded
from simnpo.benchmarks.mini_model import build_tokenizer, model_config
from simnpo.benchmarks.mini_wmdp.build import mini_wmdp, pretraining, rehearsal
from simnpo.benchmarks.minis import Mini, mini_training
from simnpo.benchmarks.preset import MiniPresets
from simnpo.config import Reinforcement

VOCABULARY = 2048
TEMPLATE = "{question} {answer}"
"""The base model is taught to answer lm-eval's prompts as they stand."""
SHAPE = {"initializer_range": 0.05}
"""From transformers' 0.02, meant for widths of thousands, answering takes much longer to begin."""
# Not grouped by length: batches of questions alone and of texts alone would alternate.
PRETRAIN = mini_training(epochs=9, learning_rate=2e-3, batch_size=16)
FINETUNE = mini_training(epochs=7, learning_rate=2e-3, batch_size=16)
UNLEARN = mini_training(epochs=5, learning_rate=1e-3, batch_size=32)
REINFORCE = Reinforcement(epochs=5, learning_rate=1e-3)
# What benchmarks/tune_mini.py picked, the same budget and rule for every method:
# docs/results/mini_wmdp_grid.csv.
TUNED: dict[str, dict[str, float]] = {
    "ga": {"learning_rate": 2.5629e-4},
    "grad_diff": {"learning_rate": 1e-3, "forget_weight": 0.01},
    "weighted_grad_diff": {"learning_rate": 1e-3, "forget_weight": 0.3},
    "npo": {"beta": 0.1, "forget_weight": 1.0},
    "simnpo": {"beta": 1.5, "forget_weight": 1.0},
    "rkld": {"alpha": 16.0, "forget_weight": 0.1},
    "task_vector": {"alpha": 5.0, "reinforce_epochs": 2.0},
    "rmu": {"layer": 1, "steering_coefficient": 6.5, "retain_weight": 1},
}
PRESETS = MiniPresets(FINETUNE, UNLEARN, REINFORCE, TUNED)


def mini_wmdp_study(split: str) -> Mini:
    """Return `mini-wmdp` with all it takes to make its models.

    Raises:
        UserError: an unknown split.
    """
    benchmark, texts, asked = mini_wmdp(split), pretraining(), rehearsal()
    known = (*texts, *asked, *benchmark.forget, *benchmark.retain)
    tokenizer = build_tokenizer(
        (one.answer if one.question is None else f"{one.question} {one.answer}" for one in known),
        VOCABULARY,
    )
    return Mini(
        benchmark=benchmark,
        pretraining=texts,
        rehearsal=asked,
        tokenizer=tokenizer,
        architecture=model_config(len(tokenizer), **SHAPE),
        pretrain=PRETRAIN,
        finetune=FINETUNE,
        template=TEMPLATE,
    )


BENCHMARK = embedded("craft", mini_wmdp, mini_wmdp_study, PRESETS)
