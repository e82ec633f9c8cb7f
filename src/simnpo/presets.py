"""The settings of each method on each benchmark, with their sources."""

from dataclasses import dataclass, replace

from simnpo.config import TrainingConfig
from simnpo.errors import UserError
from simnpo.objectives import METHODS, Method, build_method

# The released code's tuned values. Its "lambda" of 0.05 to 0.25 weighs the forget loss, beside a
# retain weight of 1; read as the retain weight of the paper's eq. 2 it would mean the opposite.
_TOFU_SIMNPO = {
    "forget01": ({"beta": 2.5}, 0.1375),  # as forget05: neither paper nor release names it
    "forget05": ({"beta": 2.5}, 0.1375),
    "forget10": ({"beta": 4.5}, 0.125),
}

# WMDP for Zephyr-7B-beta: the paper's steps, the learning rate and beta of its code, whose weight
# decay is 0 and whose rate rises over a tenth of the steps. The paper's learning rates, 2.5e-6 to
# 5e-6, and its lambda of 5 (app. I.2) go with betas that it does not name; the code has both
# weights at 1 and 500 steps.
_WMDP = TrainingConfig(
    epochs=None,
    steps=125,
    learning_rate=5e-6,
    batch_size=4,
    micro_batch_size=4,
    weight_decay=0,
)
_WMDP_BETAS = {"simnpo": 0.1, "npo": 0.0225}
_WMDP_RATES = {"simnpo": 9.5e-6}


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
    if benchmark == "mini-wmdp":
        from simnpo.benchmarks.mini_wmdp.settings import mini_wmdp_preset

        return mini_wmdp_preset(method)
    if benchmark == "wmdp":
        return _wmdp_preset(method)
    if method == "simnpo":
        settings, forget_weight = _TOFU_SIMNPO.get(split or "", _TOFU_SIMNPO["forget05"])
        built = build_method(method, **settings, forget_weight=forget_weight)
        return Preset(built, TrainingConfig())
    if method == "retrain":
        return Preset(METHODS[method], finetuning_preset(benchmark))
    return Preset(build_method(method), TrainingConfig())


def finetuning_preset(benchmark: str | None) -> TrainingConfig:
    """Return how Original and Retrain are trained; TOFU's settings (app. I.2) in general."""
    if benchmark == "mini-tofu":
        from simnpo.benchmarks.mini_tofu.settings import FINETUNE

        return FINETUNE
    if benchmark == "mini-wmdp":
        from simnpo.benchmarks.mini_wmdp.settings import FINETUNE as FINETUNE_WMDP

        return FINETUNE_WMDP
    return replace(TrainingConfig(), epochs=5)


def _wmdp_preset(method: str) -> Preset:
    if method == "retrain":
        raise UserError("WMDP has no Retrain: what its model was trained on is not known.")
    settings = {"beta": _WMDP_BETAS[method]} if method in _WMDP_BETAS else {}
    rate = _WMDP_RATES.get(method, _WMDP.learning_rate)
    return Preset(build_method(method, **settings), replace(_WMDP, learning_rate=rate))
