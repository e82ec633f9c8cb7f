"""transformers' training arguments, from a `TrainingConfig`."""

import math
from pathlib import Path

import torch
from transformers import TrainingArguments
from transformers.integrations import get_reporting_integration_callbacks

from simnpo.config import Optimizer, TrainingConfig
from simnpo.errors import UserError
from simnpo.models import device
from simnpo.system import distributed
from simnpo.system.terminal import write

OPTIMIZERS: dict[Optimizer, str] = {
    "adamw": "adamw_torch_fused",  # torch has it for every device of `simnpo.models.device`
    "adamw-8bit": "adamw_bnb_8bit",
    "paged-adamw-8bit": "paged_adamw_8bit",
}
"""Our names of optimizers, and transformers'."""


def arguments(config: TrainingConfig, out: Path, report_to: str = "none") -> TrainingArguments:
    """Return transformers' arguments, but for what depends on the length of an epoch.

    Raises:
        UserError: see `TrainingConfig.micro_batch`; or a logger is not installed.
    """
    devices = distributed.launched_size()
    accumulation = config.accumulation(devices)
    micro = config.micro_batch(devices)
    if 2 * micro < min(config.micro_batch_size, config.batch_size // devices):
        note = f"Note: {micro} rows a forward pass, as no more make {config.batch_size} evenly."
        write(note, to_stderr=True)
    loggers = check_loggers(report_to)
    try:
        with distributed.alone_unless_launched():
            made = TrainingArguments(
                str(out),
                num_train_epochs=config.epochs or 1,
                max_steps=config.steps or -1,  # which stands above epochs
                learning_rate=config.learning_rate,
                per_device_train_batch_size=micro,
                gradient_accumulation_steps=accumulation,
                optim=OPTIMIZERS[config.optimizer],
                weight_decay=config.weight_decay,
                lr_scheduler_type="linear"
                if config.schedule == "linear"
                else "constant_with_warmup",
                max_grad_norm=config.max_grad_norm,
                bf16=config.precision == "mixed",
                use_cpu=device().type == "cpu",  # without it transformers refuses bf16 there
                save_strategy="steps" if config.checkpoint_epochs else "no",
                save_total_limit=1,
                seed=config.seed,
                data_seed=config.seed,
                report_to=loggers,
                disable_tqdm=True,
                dataloader_pin_memory=torch.cuda.is_available(),
            )
    except (ImportError, ValueError, RuntimeError) as error:
        raise UserError(f"transformers refuses these settings: {error}") from None
    # One process drives one GPU: several in one process would mean torch's DataParallel, which
    # copies the model at every step.
    made._n_gpu = min(made.n_gpu, 1)
    return made


def check_loggers(report_to: str) -> list[str]:
    """Return the names of transformers' logging integrations.

    Raises:
        UserError: one is unknown, or not installed.
    """
    loggers = [] if report_to == "none" else report_to.split(",")
    try:
        get_reporting_integration_callbacks(loggers)
    except (ImportError, ValueError, RuntimeError) as error:
        raise UserError(f"transformers refuses these settings: {error}") from None
    return loggers


def set_pace(made: TrainingArguments, config: TrainingConfig, examples: int) -> None:
    """Set what is counted in epochs: the warm-up, the log, the checkpoints.

    A run of so many steps may end within its first epoch: a tenth of them stands for one then.
    """
    passes = math.ceil(examples / (made.per_device_train_batch_size * made.world_size))
    steps = math.ceil(passes / made.gradient_accumulation_steps)
    if config.steps is not None:
        steps = min(steps, max(1, config.steps // 10))
    made.warmup_steps = round(config.warmup_epochs * steps)
    made.logging_steps = steps
    if config.log_rows is not None:
        total = config.steps or math.ceil((config.epochs or 0) * steps)
        made.logging_steps = math.ceil(total / config.log_rows)
    made.save_steps = max(1, config.checkpoint_epochs * steps)
