"""How a model is trained: typed, checked, and what a run's result depends on."""

import math
from dataclasses import dataclass, replace
from typing import Literal

from simnpo.errors import UserError

Precision = Literal["auto", "fp32", "bf16", "mixed"]
Optimizer = Literal["adamw", "adamw-8bit", "paged-adamw-8bit"]
Schedule = Literal["linear", "constant"]
Dropout = Literal["off", "keep"]
Subspace = Literal["free", "forget"]
Select = Literal["random", "shortest"]
"""Which part of a forget set is relearned: see `simnpo.experiments.relearn_run.select_examples`."""
SUBSPACE_TOKENS = 2048
"""Tokens of each set, at most, whose inputs are kept to find what adapters read."""
MAX_LENGTH = 512
"""Tokens of a question with its answer at most, where nothing else is given."""
MEASURED_ROWS = 200
"""Rows of each of a user's own sets that are measured at most, where nothing else is given."""
LARGEST = 1e6
"""No setting is meant to be as large; an infinite or mistyped one is refused."""


def check_range(least: float, most: float | None = None, **values: float | None) -> None:
    """Refuse values, by their names, that are below `least`, above `most` or infinite.

    Raises:
        UserError: naming the value.
    """
    wanted = f"at least {least}" if most is None else f"from {least} to {most}"
    for name, value in values.items():
        if value is not None and not (least <= value <= (most or value) and value < math.inf):
            raise UserError(f"``{name}`` {value}: must be {wanted}.")


@dataclass(frozen=True)
class LoraConfig:
    """Low-rank adapters instead of full training."""

    rank: int = 0
    """Rank of LoRA adapters; 0 trains all weights."""
    alpha: int = 32
    """Scale of the adapters."""
    merge: bool = False
    """Save the model with the adapters merged into it."""
    load_in_4bit: bool = False
    """Hold the frozen base in 4 bits (QLoRA's NF4); needs ``lora_rank``, bitsandbytes and a GPU."""
    subspace: Subspace = "free"
    """What the adapters read: free (training finds it, as in peft), or forget (fixed before
    training: the directions that set the forget set apart from the retain set)."""

    def __post_init__(self) -> None:
        if not 0 <= self.rank < LARGEST:
            raise UserError(f"``lora_rank`` {self.rank}: must be 0 (off) or more.")
        if not 0 < self.alpha < LARGEST:
            raise UserError(f"``lora_alpha`` {self.alpha}: must be above 0.")
        if self.merge and not self.rank:
            raise UserError("``lora_merge`` without ``lora_rank``: there is no adapter to merge.")
        if self.subspace != "free" and not self.rank:
            raise UserError(
                f"``lora_subspace={self.subspace}`` does nothing without ``lora_rank``."
            )
        if self.load_in_4bit and not self.rank:
            raise UserError(
                "``load_in_4bit`` without ``lora_rank``: weights of 4 bits cannot be trained. Add "
                "``lora_rank=16``, or leave out ``load_in_4bit``."
            )
        if self.load_in_4bit and self.merge:
            raise UserError(
                "``lora_merge`` with ``load_in_4bit`` would round the merged weights to 4 bits: "
                "leave out ``lora_merge``; the saved adapter fits the whole base model."
            )


@dataclass(frozen=True)
class TrainingConfig:
    """Optimisation settings; the defaults are the paper's for TOFU (app. I.2)."""

    epochs: float | None = 10
    """Passes over the forget set (over the data, in fine-tuning and relearning)."""
    steps: int | None = None
    """Optimizer steps, instead of ``epochs``."""
    learning_rate: float = 1e-5
    """Peak learning rate of AdamW."""
    batch_size: int = 32
    """Examples per optimizer step, of the forget set and as many of the retain set."""
    micro_batch_size: int = 8
    """Examples per forward pass and device at most; gradients accumulate up to ``batch_size``."""
    weight_decay: float = 0.01
    """AdamW's weight decay."""
    warmup_epochs: float = 1
    """Epochs over which the learning rate rises from 0; with ``steps`` an epoch counts as a tenth
    of them at most, since a corpus may be larger than what is trained on."""
    warmup_ratio: float | None = None
    """Share of all steps over which the learning rate rises, instead of `warmup_epochs`; the rate
    is then above 0 from the first step to the last, see `simnpo.training.schedule`."""
    schedule: Schedule = "linear"
    """What follows the warm-up: a linear decay to 0, or a constant rate."""
    max_grad_norm: float = 1
    """Gradients are scaled down to this norm; 0 leaves them."""
    precision: Precision = "auto"
    """fp32, mixed (fp32 weights, bf16 compute), bf16 (weights too), or auto: on a GPU mixed, with
    LoRA bf16 (its adapters stay fp32), else fp32; with fp32 and bf16 the model is saved so, else in
    the type it came in."""
    optimizer: Optimizer = "adamw"
    """adamw (torch's fused one), adamw-8bit (its states in 8 bits), or paged-adamw-8bit (and moved
    to host memory where the GPU's is short); these two need bitsandbytes and a GPU."""
    dropout: Dropout = "off"
    """off or keep: whether unlearning keeps a model's dropout, such as GPT-2's. The ratio to a
    reference, which is made without it, would be noise from the first step. Fine-tuning and
    relearning always keep it."""
    gradient_checkpointing: bool = False
    """Recompute activations to save memory."""
    offload_reference: bool = False
    """Hold the frozen copy of the original, for ``retain_loss=kl``, undial and rkld, in host
    memory, and bring its layers to the device one at a time, which takes longer."""
    group_by_length: bool = False
    """Make batches of examples of similar length, which saves padding."""
    checkpoint_epochs: int = 1
    """Epochs between checkpoints to resume from; 0 writes none."""
    log_rows: int | None = None
    """About how many rows `log.jsonl` has, one for each step of a short run; None: one an epoch."""
    seed: int = 42
    """Seed of every random choice."""

    def __post_init__(self) -> None:
        if (self.epochs is None) == (self.steps is None):
            raise UserError("``epochs`` and ``steps`` both say how long to train; give one.")
        length = "steps" if self.epochs is None else "epochs"
        for name in (length, "learning_rate", "batch_size", "micro_batch_size"):
            if not 0 < getattr(self, name) < LARGEST:
                raise UserError(f"``{name}`` must be above 0, got {getattr(self, name)}.")
        for name in ("weight_decay", "warmup_epochs", "max_grad_norm", "checkpoint_epochs"):
            if not 0 <= getattr(self, name) < LARGEST:
                raise UserError(f"``{name}`` must be at least 0, got {getattr(self, name)}.")
        if not 0 <= (self.warmup_ratio or 0) <= 1:
            raise UserError(f"``warmup_ratio`` must be from 0 to 1, got {self.warmup_ratio}.")
        if self.log_rows is not None and not 0 < self.log_rows < LARGEST:
            raise UserError(f"``log_rows`` must be above 0, got {self.log_rows}.")
        if not 0 <= self.seed < 2**32:
            raise UserError(f"``seed`` must be from 0 to {2**32 - 1}, got {self.seed}.")

    def micro_batch(self, devices: int = 1) -> int:
        """Return the examples per forward pass and device: as many as evenly make a batch.

        Raises:
            UserError: the batch size is not a multiple of the number of devices.
        """
        own, rest = divmod(self.batch_size, devices)
        if rest:
            raise UserError(
                f"``batch_size`` {self.batch_size} does not split evenly over {devices} devices; "
                f"the next that does is {(own + 1) * devices}."
            )
        most = min(self.micro_batch_size, own)
        return next(size for size in range(most, 0, -1) if own % size == 0)

    def steps_on(self, examples: int) -> int:
        """Return the optimizer steps on a forget set of so many examples."""
        if self.steps is not None:
            return self.steps
        return round((self.epochs or 1) * -(-examples // self.batch_size))

    def accumulation(self, devices: int = 1) -> int:
        """Return the forward passes per optimizer step.

        Raises:
            UserError: see `micro_batch`.
        """
        return self.batch_size // (self.micro_batch(devices) * devices)


@dataclass(frozen=True)
class Reinforcement:
    """How a model is over-fitted on the forget set, for methods that need one.

    The defaults are RKLD's (its app. A.1) and those of MUSE's scripts for its task vector.
    """

    epochs: float = 10
    """Passes of the over-fitting over the forget set."""
    learning_rate: float = 1e-5
    """Peak learning rate of the over-fitting; all else is as in the unlearning."""

    def __post_init__(self) -> None:
        for name in ("epochs", "learning_rate"):
            if not 0 < getattr(self, name) < LARGEST:
                value = getattr(self, name)
                raise UserError(f"``reinforce_{name}`` must be above 0, got {value}.")

    def apply_to(self, training: TrainingConfig) -> TrainingConfig:
        """Return these settings, with `training`'s for all else."""
        return replace(training, epochs=self.epochs, steps=None, learning_rate=self.learning_rate)


def resolve_precision(precision: Precision, lora: bool, gpu: bool) -> Precision:
    """Return what `auto` means in training.

    On a GPU the weights stay in float32 and compute is bfloat16: a step of 1e-5 on a weight of 0.02
    is lost in bfloat16's rounding. With LoRA the frozen base may be bfloat16; peft keeps the
    adapters in float32.
    """
    if precision != "auto":
        return precision
    if not gpu:
        return "fp32"
    return "bf16" if lora else "mixed"


def check_offload(training: TrainingConfig, lora: LoraConfig, needs_original_model: bool) -> None:
    """Refuse to offload a copy that is never made.

    Args:
        training: the settings.
        lora: with adapters, the model without them is the reference.
        needs_original_model: whether the method needs the original model's distributions.

    Raises:
        UserError: there is no copy.
    """
    if training.offload_reference and (lora.rank or not needs_original_model):
        raise UserError(
            "``offload_reference`` does nothing here: only ``retain_loss=kl``, undial and rkld "
            "hold a copy of the model, and none of them with ``lora_rank``. Leave it out."
        )
