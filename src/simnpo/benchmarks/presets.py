"""The settings of each method on a benchmark, or on a user's own data."""

import math
from collections.abc import Mapping
from dataclasses import replace

from simnpo.benchmarks import benchmark_kind
from simnpo.benchmarks.preset import FINETUNE, Preset, general_preset
from simnpo.config import Subspace, TrainingConfig
from simnpo.methods.method import Method
from simnpo.methods.registry import build_method
from simnpo.system.distributed import sharding


def unlearning_preset(benchmark: str | None, split: str | None, method: str) -> Preset:
    """Return the settings of `method`; without a benchmark, the general ones.

    Raises:
        UserError: an unknown benchmark or method.
    """
    if benchmark is None:
        return general_preset(method)
    return benchmark_kind(benchmark).preset(split, method)


_OWN_DATA: Mapping[str, Mapping[str, float]] = {
    "simnpo": {"beta": 1.0},
    # NPO's loss sums over an answer's tokens: at equal weights it drowns the retain loss, a mean.
    "npo": {"retain_weight": 10},
}
FULL_RATE = 1e-5
"""Learning rate of full weights for a model of 7 billion parameters. On one of 135 million, half of
it, scaled, left 5 of 30 answers that give an identifier away."""
LORA_RATES: Mapping[Subspace, float] = {"free": 5e-5, "forget": 3e-4}
"""Learning rates of adapters for a model of 7 billion parameters, by what they read: a change that
other inputs do not see may be larger."""
LARGE = 7e9
WARMUP = 0.1
"""Share of the steps over which the learning rate rises."""
CHECKPOINT_STEPS = 15
"""Steps between checkpoints at least: one takes as long as a step of a small set."""
LOG_ROWS = 100
"""Steps below which every one is logged."""
SMALL_SETS = 100
"""Rows of a forget set below which a step has few of them."""


def own_data_preset(
    method: str, rows: int, parameters: int, lora: bool, subspace: Subspace | None = None
) -> Preset:
    """Return the settings of `method` for own data (docs/choosing.md says how they were found).

    Smaller models need larger learning rates: the paper's, for 7 billion parameters, grows with the
    inverse square root of their number.

    Args:
        method: a method's name.
        rows: rows of the forget set, or the pieces that texts are trained in, see
            `simnpo.data.lengths.SetTokens`.
        parameters: of the model.
        lora: whether adapters are trained.
        subspace: what they read; None for what sets the forget set apart, where the method trains
            on a retain set and no launcher shards the weights.

    Raises:
        UserError: an unknown method.
    """
    from simnpo.models.precision import own_data_precision

    batch = 10 if rows < SMALL_SETS else 32
    epoch = math.ceil(rows / batch)
    steps = max(60, 10 * epoch)
    settings = _OWN_DATA.get(method, {})
    built = build_method(method, **settings)
    if subspace is None:
        compares = isinstance(built, Method) and built.compares_sets
        subspace = "forget" if compares and not sharding() else "free"
    rate = (LORA_RATES[subspace] if lora else FULL_RATE) * math.sqrt(LARGE / parameters)
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
    return Preset(built, training, subspace=subspace)


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
    """Return how Original and Retrain are trained; TOFU's settings (app. I.2) in general.

    Raises:
        UserError: an unknown benchmark.
    """
    return FINETUNE if benchmark is None else benchmark_kind(benchmark).finetune
