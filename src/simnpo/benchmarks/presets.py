"""The settings of each method on each benchmark, with their sources."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from simnpo.benchmarks.preset import MiniPresets, Preset
from simnpo.config import TrainingConfig
from simnpo.errors import UserError
from simnpo.methods.registry import build_method

if TYPE_CHECKING:
    from simnpo.methods.registry import AnyMethod

# The released code's tuned values. Its "lambda" of 0.05 to 0.25 weighs the forget loss, beside a
# retain weight of 1; read as the retain weight of the paper's eq. 2 it would mean the opposite.
_TOFU_SIMNPO = {
    "forget01": ({"beta": 2.5}, 0.1375),  # as forget05: neither paper nor release names it
    "forget05": ({"beta": 2.5}, 0.1375),
    "forget10": ({"beta": 4.5}, 0.125),
}
_TOFU_TASK_VECTOR = 2.5
"""RKLD's authors' for their task-arithmetic baseline on TOFU (app. A.1)."""

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
_WMDP_RATES = {"simnpo": 9.5e-6, "rmu": 5e-5}
_RMU_STEPS = 150
"""RMU's release's for Zephyr-7B-beta, as its learning rate, layer, coefficient and weight."""


def mini_presets(benchmark: str | None) -> MiniPresets | None:
    """Return an embedded benchmark's presets; None for any other."""
    if benchmark == "mini-tofu":
        from simnpo.benchmarks.mini_tofu.settings import PRESETS

        return PRESETS
    if benchmark == "mini-muse":
        from simnpo.benchmarks.mini_muse.settings import PRESETS as MINI_MUSE

        return MINI_MUSE
    if benchmark == "mini-wmdp":
        from simnpo.benchmarks.mini_wmdp.settings import PRESETS as MINI_WMDP

        return MINI_WMDP
    return None


def unlearning_preset(benchmark: str | None, split: str | None, method: str) -> Preset:
    """Return the settings of `method`; without a benchmark, the general ones.

    Raises:
        UserError: an unknown method.
    """
    if mini := mini_presets(benchmark):
        return mini.of(method)
    if benchmark == "muse" and method != "retrain":
        return Preset(_muse_method(split, method), _MUSE)
    if benchmark == "wmdp":
        return _wmdp_preset(method)
    if method == "simnpo":
        settings, forget_weight = _TOFU_SIMNPO.get(split or "", _TOFU_SIMNPO["forget05"])
        built = build_method(method, **settings, forget_weight=forget_weight)
        return Preset(built, TrainingConfig())
    if method == "task_vector" and benchmark == "tofu":
        return Preset(build_method(method, alpha=_TOFU_TASK_VECTOR), TrainingConfig())
    if method == "retrain":
        return Preset(build_method(method), finetuning_preset(benchmark))
    return Preset(build_method(method), TrainingConfig())


_OWN_DATA: Mapping[str, Mapping[str, float]] = {
    "simnpo": {"beta": 1.0},
    # NPO's loss sums over an answer's tokens: at equal weights it drowns the retain loss, a mean.
    "npo": {"retain_weight": 10},
}
FULL_RATE, LORA_RATE = 1e-5, 5e-5
"""Learning rates of full weights and of LoRA for a model of 7 billion parameters. On a model of 135
million, half of the first, scaled, left 5 of 30 answers that give an identifier away."""
LARGE = 7e9
WARMUP = 0.1
"""Share of the steps over which the learning rate rises."""
CHECKPOINT_STEPS = 15
"""Steps between checkpoints at least: one takes as long as a step of a small set."""
LOG_ROWS = 100
"""Steps below which every one is logged."""
SMALL_SETS = 100
"""Rows of a forget set below which a step has few of them."""


def own_data_preset(method: str, rows: int, parameters: int, lora: bool) -> Preset:
    """Return the settings of `method` for own data (docs/choosing.md says how they were found).

    Smaller models need larger learning rates: the paper's, for 7 billion parameters, grows with the
    inverse square root of their number.

    Args:
        method: a method's name.
        rows: rows of the forget set, or the pieces that texts are trained in, see
            `simnpo.data.lengths.SetTokens`.
        parameters: of the model.
        lora: whether adapters are trained.

    Raises:
        UserError: an unknown method.
    """
    from simnpo.models.precision import own_data_precision

    batch = 10 if rows < SMALL_SETS else 32
    epoch = math.ceil(rows / batch)
    steps = max(60, 10 * epoch)
    rate = (LORA_RATE if lora else FULL_RATE) * math.sqrt(LARGE / parameters)
    settings = _OWN_DATA.get(method, {})
    training = TrainingConfig(
        epochs=None,
        steps=steps,
        learning_rate=float(f"{rate:.2g}"),
        # Adam looks at the ratio of the two weights alone, but clipping at their size.
        max_grad_norm=TrainingConfig.max_grad_norm * settings.get("retain_weight", 1),
        batch_size=batch,
        micro_batch_size=batch,
        precision=own_data_precision(parameters),
        warmup_ratio=WARMUP,
        log_rows=LOG_ROWS,
        checkpoint_epochs=math.ceil(CHECKPOINT_STEPS / epoch),
    )
    return Preset(build_method(method, **settings), training)


def _muse_method(split: str | None, method: str) -> "AnyMethod":
    if method != "simnpo":
        return build_method(method)
    beta = _MUSE_SIMNPO["books" if split == "books" else "news"]
    return build_method(method, beta=beta, gamma=0.1, forget_weight=1, retain_weight=0.1)


def relearning_preset(benchmark: str | None, split: str | None) -> TrainingConfig:
    """Return how a relearning attack trains: three epochs at unlearning's learning rate.

    Both are the paper's (sec. 6.1, app. I.2: 1e-5 on TOFU). It names neither batch size nor
    schedule; few examples are relearned, so these are 4 a step, at a constant rate.
    """
    return _relearning(unlearning_preset(benchmark, split, "npo").training)


def own_relearning_preset(parameters: int) -> TrainingConfig:
    """Return how a relearning attack on own data trains: see `relearning_preset`."""
    return _relearning(own_data_preset("retrain", 1, parameters, lora=False).training)


def _relearning(unlearning: TrainingConfig) -> TrainingConfig:
    return replace(
        unlearning,
        epochs=3,
        steps=None,
        batch_size=4,
        micro_batch_size=4,
        schedule="constant",
        warmup_epochs=0,
        warmup_ratio=None,
        log_rows=None,
        checkpoint_epochs=0,
    )


def finetuning_preset(benchmark: str | None) -> TrainingConfig:
    """Return how Original and Retrain are trained; TOFU's settings (app. I.2) in general."""
    if mini := mini_presets(benchmark):
        return mini.finetune
    return replace(TrainingConfig(), epochs=5)


def _wmdp_preset(method: str) -> Preset:
    if method == "retrain":
        raise UserError("WMDP has no Retrain: what its model was trained on is not known.")
    settings = {"beta": _WMDP_BETAS[method]} if method in _WMDP_BETAS else {}
    rate = _WMDP_RATES.get(method, _WMDP.learning_rate)
    steps = _RMU_STEPS if method == "rmu" else _WMDP.steps
    return Preset(build_method(method, **settings), replace(_WMDP, steps=steps, learning_rate=rate))
