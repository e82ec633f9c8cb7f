"""No step with a loss or gradient that is not finite: its update is left out, and training ends.

On a GPU asking for a number waits for all work that is queued, so nothing asks within a step. The
optimizer leaves the update out on the device, and the host learns of it one step later.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.optim import AdamW, Optimizer
from transformers import TrainerCallback, TrainerState

from simnpo.errors import TrainingDiverged
from simnpo.models.causal_lm import CausalLM
from simnpo.system import distributed
from simnpo.training.terms import PairedDataset


class _Copied(NamedTuple):
    """A step's loss and gradient norm on their way to the host."""

    step: int
    values: Tensor
    arrived: torch.Event | None


class StepGuard(TrainerCallback):
    """Tells the dataset its epoch, and lets no step change weights that is not finite."""

    def __init__(self, pairs: PairedDataset):
        """Watch over the training on `pairs`."""
        self._pairs = pairs
        self._loss: Tensor | None = None
        self._copied: _Copied | None = None

    def on_epoch_begin(
        self, args: object, state: TrainerState, control: object, **kwargs: object
    ) -> None:
        """Set the epoch that decides which rows are paired."""
        self._pairs.epoch = int(state.epoch or 0)

    def add(self, loss: Tensor) -> None:
        """Note the loss of a forward pass, a part of the step's."""
        self._loss = loss.detach() if self._loss is None else self._loss + loss.detach()

    def on_pre_optimizer_step(
        self,
        args: object,
        state: TrainerState,
        control: object,
        model: CausalLM,
        optimizer: Optimizer,
        **kwargs: object,
    ) -> None:
        """Refuse the step if its loss or gradient is NaN or infinite, now or at the next step.

        Raises:
            TrainingDiverged: this step's is, or that of the step before was.
        """
        self.settle()
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        if hasattr(norm, "full_tensor"):  # of gradients that FSDP shards over the processes
            norm = norm.full_tensor()
        loss = norm.new_zeros(()) if self._loss is None else self._loss.to(norm)
        self._loss = None
        # On all processes at once: one that stopped alone would leave the others waiting.
        values = distributed.mean(torch.stack([loss, norm]))
        step = state.global_step + 1
        inner: Optimizer = getattr(optimizer, "optimizer", optimizer)  # within accelerate's
        if not leaves_out(inner, values):
            self._copied = _Copied(step, values, None)
            self.settle()
            return
        vars(inner)["found_inf"] = 1 - values.isfinite().all().float()  # read by torch's fused step
        event = torch.Event(values.device) if values.is_cuda else None
        self._copied = _Copied(step, values.to("cpu", non_blocking=True), event)
        if event is not None:
            event.record()

    def on_train_end(self, args: object, state: object, control: object, **kwargs: object) -> None:
        """See `settle`."""
        self.settle()

    def settle(self) -> None:
        """Look at what is known of the last step.

        Raises:
            TrainingDiverged: its loss or gradient was NaN or infinite; it changed no weight.
        """
        if self._copied is None:
            return
        (step, values, arrived), self._copied = self._copied, None
        if arrived is not None:
            arrived.synchronize()  # of the step before, so it has long arrived
        loss, norm = values.tolist()
        if not math.isfinite(loss):
            raise TrainingDiverged(f"the loss became {loss} at step {step}.")
        if not math.isfinite(norm):
            raise TrainingDiverged(f"a gradient became NaN or infinite at step {step}.")


def leaves_out(optimizer: Optimizer, values: Tensor) -> bool:
    """Return whether an optimizer can leave an update out on a GPU, as torch's fused AdamW does."""
    fused = isinstance(optimizer, AdamW) and optimizer.defaults.get("fused")
    return bool(values.is_cuda and fused)
