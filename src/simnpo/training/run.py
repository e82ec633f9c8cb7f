"""One training run in its folder: checkpoints, Ctrl-C, divergence, and the model at the end."""

import json
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import TrainerCallback, set_seed
from transformers.trainer_callback import PrinterCallback

from simnpo.config import MAX_LENGTH, LoraConfig, TrainingConfig
from simnpo.data.encoding import Encoder
from simnpo.data.examples import Example
from simnpo.data.prompt_settings import PromptSettings
from simnpo.data.tokenizer import Tokenizer
from simnpo.errors import RESUME, Interrupted, TrainingDiverged, UserError
from simnpo.methods.base import ANSWER
from simnpo.methods.method import Method
from simnpo.models import MODEL_FOLDER, save_model
from simnpo.models.causal_lm import CausalLM
from simnpo.models.merging import Rounding, merge
from simnpo.models.saving import try_saving
from simnpo.storage.files import write_text
from simnpo.system import distributed
from simnpo.system.notes import note_once
from simnpo.training.adapter_subspace import fix_subspace, set_subspace
from simnpo.training.adapters import add_adapters
from simnpo.training.arguments import arguments, set_pace
from simnpo.training.callbacks import ShowProgress, StopOnInterrupt
from simnpo.training.checkpoint_checks import check_checkpoint
from simnpo.training.checkpoints import CHECKPOINTS, last_checkpoint
from simnpo.training.loss_sums import log_rows
from simnpo.training.refusals import check_merging
from simnpo.training.terms import count_truncated_answers
from simnpo.training.trainer import UnlearnTrainer

LOG, LAST_GOOD = "log.jsonl", "last_good_model"
FILES = (MODEL_FOLDER, LAST_GOOD, CHECKPOINTS, LOG)
"""What a training run writes, besides `run.json`."""


@dataclass(frozen=True)
class TrainingData:
    """What a model is trained on, and how it is put into prompts."""

    forget: Sequence[Example] = ()
    retain: Sequence[Example] = ()
    refusals: Sequence[str] = ()
    template: str | PromptSettings = "auto"
    max_length: int = MAX_LENGTH

    @property
    def prompts(self) -> PromptSettings:
        """All that prompts depend on."""
        return PromptSettings.of(self.template)

    def encoder(self, tokenizer: Tokenizer) -> Encoder:
        """Return a tokenizer, bound to the template."""
        return Encoder(tokenizer, self.prompts, self.max_length)


def train_model(
    model: CausalLM,
    tokenizer: Tokenizer,
    method: Method,
    data: TrainingData,
    config: TrainingConfig,
    out: Path,
    *,
    lora: LoraConfig | None = None,
    reinforced: CausalLM | None = None,
    reference: CausalLM | None = None,
    resume: bool = False,
    report_to: str = "none",
    callbacks: Sequence[TrainerCallback] = (),
    keep_model: bool = True,
    saved_dtype: torch.dtype | None = None,
) -> dict[str, object]:
    """Train `model` and save it as `out/model`; checkpoints are left for the caller to remove.

    Without `keep_model` the trained weights are not saved: callbacks have seen them. Else they are
    rounded to `saved_dtype`, where one is given, as they are saved.

    Returns:
        What `run.json` records: the steps made and those planned (a callback may have stopped
        before, which is not a failure), the checkpoint it was resumed from, processes, seconds
        since then, the mean loss, peak memory in MiB (of the main process), and how many answers
        the length limit shortened.

    Raises:
        TrainingDiverged: the loss or a gradient became NaN or infinite; `out` then holds a
            checkpoint of the last good weights.
        Interrupted: Ctrl-C, or another request to end; `out` holds a checkpoint.
        UserError: see `UnlearnTrainer` and `try_saving`; or adapters are to be merged into a model
            that is sharded over the processes.
    """
    set_seed(config.seed)
    fixed = lora is not None and lora.subspace == "forget"
    if lora and lora.rank:
        model = add_adapters(model, lora)
    if fixed:
        fix_subspace(model)
    if config.gradient_checkpointing:
        checkpoint_activations(model)
    interrupt, bar = StopOnInterrupt(), ShowProgress(method.title)
    trainer = UnlearnTrainer(
        model,
        arguments(config, out, report_to),
        method=method,
        processing_class=tokenizer,
        forget_dataset=data.forget,
        retain_dataset=data.retain,
        refusals=data.refusals,
        template=data.template,
        max_length=data.max_length,
        group_by_length=config.group_by_length,
        warmup_ratio=config.warmup_ratio,
        reinforced=reinforced,
        reference=reference,
        offload_reference=config.offload_reference,
        keeps_dropout=config.dropout == "keep",
        callbacks=[bar, *callbacks, interrupt],  # last: whether another one stops first
    )
    trainer.remove_callback(PrinterCallback)  # `bar` shows the log
    set_pace(trainer.args, config, len(trainer.terms[0]))
    if lora:
        check_merging(lora, trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled)
    if keep_model and distributed.is_main():
        try_saving(model, tokenizer, out)
    checkpoint = distributed.broadcast_from_main(lambda: last_checkpoint(out)) if resume else None
    if checkpoint:
        check_checkpoint(checkpoint)
    elif fixed:
        forget, retain = trainer.terms
        alone = set(forget.encoded) == {ANSWER}
        set_subspace(trainer.model, forget.sequences, retain.sequences, answers=alone)
    started = time.monotonic()
    try:
        with interrupt.listening():
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except TrainingDiverged as error:
        advice = "Try a lower ``learning_rate``."
        if keep_model:
            advice = _keep_last_good(trainer, out, saved_dtype)
        raise TrainingDiverged(f"{error} {advice}") from None
    finally:
        bar.close()
        if distributed.is_main():
            # The order of a row's numbers is that of rows that came with a checkpoint.
            rows = log_rows(trainer.state.log_history)
            log = [json.dumps(row, sort_keys=True) + "\n" for row in rows]
            write_text(out / LOG, "".join(log))
    if interrupt.stopped:
        kept = distributed.broadcast_from_main(lambda: last_checkpoint(out))
        raise Interrupted(
            f"stopped at step {trainer.state.global_step} of {trainer.state.max_steps}; "
            f"{kept} is kept. {RESUME}",
            interrupt.number or signal.SIGINT,
        )
    seconds = time.monotonic() - started
    if not distributed.all_finite(trainer.model.parameters()):
        raise TrainingDiverged(
            f"the last step, {trainer.state.global_step}, left weights that are NaN or infinite. "
            "Try a lower ``learning_rate``."
        )
    if keep_model:
        trained, lost = trainer.model, Rounding(saved_dtype)
        if lora and lora.merge:
            trained = merge(trainer.model, str(out), lost)
            if lost_bits := lost.describe(str(out)):
                note_once(f"Note: {lost_bits}: measure the saved model.")
        _save(trainer, trained, out / MODEL_FOLDER, saved_dtype)
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    return {
        "steps": trainer.state.global_step,
        "planned_steps": trainer.state.max_steps,
        "resumed_from": checkpoint.name if checkpoint else None,
        "micro_batch_size": trainer.args.per_device_train_batch_size,
        "processes": distributed.world_size(),
        "seconds": round(seconds, 2),
        "training_loss": sum(losses) / len(losses) if losses else None,
        "peak_memory_mib": peak_memory_mib(),
        "shortened_answers": count_truncated_answers(trainer.terms),
    }


def checkpoint_activations(model: CausalLM) -> None:
    """Let a model compute activations again in the backward pass, instead of keeping them.

    Raises:
        UserError: its architecture cannot.
    """
    # transformers 5.23 renamed it.
    enable = getattr(model, "activation_checkpointing_enable", None)
    try:
        (enable or model.gradient_checkpointing_enable)({"use_reentrant": False})
    except ValueError as error:
        raise UserError(f"``gradient_checkpointing``: {error}") from None


def _keep_last_good(trainer: UnlearnTrainer, out: Path, dtype: torch.dtype | None) -> str:
    """Save the weights as they were before the failed step, and say where they are."""
    step = trainer.state.global_step
    if step == 0:
        return "No step was made, so the model is as it was."
    _save(trainer, trainer.model, out / LAST_GOOD, dtype)
    return (
        f"The last good weights, from before that step, are in {out / LAST_GOOD}. "
        "Try a lower ``learning_rate``."
    )


def _save(
    trainer: UnlearnTrainer, model: CausalLM, folder: Path, dtype: torch.dtype | None
) -> None:
    """Save `model` from the main process, put together first where it is sharded over several."""
    weights = None
    if distributed.is_sharded(model):
        weights = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    if distributed.is_main():
        save_model(model, trainer.processing_class, folder, weights, dtype)
    distributed.barrier()


def peak_memory_mib() -> float:
    """Return the most memory that this process has held, of the GPU if there is one, in MiB."""
    if torch.cuda.is_available():
        return round(torch.cuda.max_memory_allocated() / 2**20, 1)
    return round(_peak_memory() / 2**20, 1)


def _peak_memory() -> int:
    """Return the most bytes of main memory that this process has held."""
    try:
        import resource
    except ImportError:  # Windows counts elsewhere
        import psutil

        held = psutil.Process().memory_info()
        return int(getattr(held, "peak_wset", held.rss))
    unit = 1 if sys.platform == "darwin" else 2**10  # macOS counts bytes
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
