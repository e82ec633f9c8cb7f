"""The settings of each method on each benchmark, with their sources."""

from dataclasses import dataclass, replace

from simnpo.config import TrainingConfig
from simnpo.objectives import METHODS, Method, build_method

# The released code's tuned values. Its "lambda" of 0.05 to 0.25 weighs the forget loss, beside a
# retain weight of 1; read as the retain weight of the paper's eq. 2 it would mean the opposite.
_TOFU_SIMNPO = {
    "forget01": ({"beta": 2.5}, 0.1375),  # as forget05: neither paper nor release names it
    "forget05": ({"beta": 2.5}, 0.1375),
    "forget10": ({"beta": 4.5}, 0.125),
}


@dataclass(frozen=True)
class Preset:
    """A method's objectives and weights, and how to train with them."""

    method: Method
    training: TrainingConfig


def unlearning_preset(benchmark: str | None, split: str | None, method: str) -> Preset:
    """Return the settings of `method`; without a benchmark, the general ones.

    Raises:
        UserError: an unknown method.
    """
    if benchmark == "mini-tofu":
        from simnpo.benchmarks.mini_tofu.settings import mini_tofu_preset

        return mini_tofu_preset(method)
    if method == "simnpo":
        settings, forget_weight = _TOFU_SIMNPO.get(split or "", _TOFU_SIMNPO["forget05"])
        built = build_method(method, **settings, forget_weight=forget_weight)
        return Preset(built, TrainingConfig())
    if method == "retrain":
        return Preset(METHODS[method], finetuning_preset(benchmark))
    return Preset(build_method(method), TrainingConfig())


def relearning_preset(benchmark: str | None, split: str | None) -> TrainingConfig:
    """Return how a relearning attack trains: three epochs at unlearning's learning rate.

    Both are the paper's (sec. 6.1, app. I.2: 1e-5 on TOFU). It names neither batch size nor
    schedule; few examples are relearned, so these are 4 a step, at a constant rate.
    """
    unlearning = unlearning_preset(benchmark, split, "npo").training
    return replace(
        unlearning,
        epochs=3,
        batch_size=4,
        micro_batch_size=4,
        schedule="constant",
        warmup_epochs=0,
        checkpoint_epochs=0,
    )


def finetuning_preset(benchmark: str | None) -> TrainingConfig:
    """Return how Original and Retrain are trained; TOFU's settings (app. I.2) in general."""
    if benchmark == "mini-tofu":
        from simnpo.benchmarks.mini_tofu.settings import FINETUNE

        return FINETUNE
    return replace(TrainingConfig(), epochs=5)
