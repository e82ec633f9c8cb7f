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

# The released code's for MUSE; the other methods train alike, with weights of 1 as in MUSE.
_MUSE_SIMNPO = {"news": 0.7, "books": 0.75}
_MUSE = TrainingConfig(
    epochs=10,
    learning_rate=1e-5,
    batch_size=4,
    micro_batch_size=4,
    warmup_epochs=0,
    schedule="constant",
)


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
    if benchmark == "mini-muse":
        from simnpo.benchmarks.mini_muse.settings import mini_muse_preset

        return mini_muse_preset(method)
    if benchmark == "muse" and method != "retrain":
        return Preset(_muse_method(split, method), _MUSE)
    if method == "simnpo":
        settings, forget_weight = _TOFU_SIMNPO.get(split or "", _TOFU_SIMNPO["forget05"])
        built = build_method(method, **settings, forget_weight=forget_weight)
        return Preset(built, TrainingConfig())
    if method == "retrain":
        return Preset(METHODS[method], finetuning_preset(benchmark))
    return Preset(build_method(method), TrainingConfig())


def _muse_method(split: str | None, method: str) -> Method:
    if method != "simnpo":
        return build_method(method)
    beta = _MUSE_SIMNPO["books" if split == "books" else "news"]
    return build_method(method, beta=beta, gamma=0.1, forget_weight=1, retain_weight=0.1)


def finetuning_preset(benchmark: str | None) -> TrainingConfig:
    """Return how Original and Retrain are trained; TOFU's settings (app. I.2) in general."""
    if benchmark == "mini-tofu":
        from simnpo.benchmarks.mini_tofu.settings import FINETUNE

        return FINETUNE
    if benchmark == "mini-muse":
        from simnpo.benchmarks.mini_muse.settings import FINETUNE as MINI_MUSE_FINETUNE

        return MINI_MUSE_FINETUNE
    return replace(TrainingConfig(), epochs=5)
