"""A method applied to a model, as a run in its folder: a loss is minimised, or weights edited."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from transformers import TrainerCallback

from simnpo.config import LoraConfig, TrainingConfig, check_offload
from simnpo.data.as_seen import prompt_record
from simnpo.data.tokenizer import Tokenizer
from simnpo.errors import RESUME, UserError
from simnpo.evaluation.history import HISTORY
from simnpo.experiments.model_card import base_of, write_model_card
from simnpo.methods.method import Method
from simnpo.methods.task_vector import EditedModel, TaskVector
from simnpo.models import (
    MODEL_FOLDER,
    commit_of,
    is_adapter,
    load_model,
    load_tokenizer,
    save_model,
    training_precision,
)
from simnpo.models.causal_lm import CausalLM
from simnpo.planning.hardware import check_hardware
from simnpo.storage import runs
from simnpo.storage.folder_lock import held
from simnpo.storage.json_values import JsonObject
from simnpo.storage.ownership import adopt
from simnpo.system import distributed
from simnpo.system.signals import raise_postponed
from simnpo.training.arguments import check_loggers
from simnpo.training.checkpoints import last_checkpoint, remove_checkpoints
from simnpo.training.control import CONTROL, ending
from simnpo.training.gradient_weights import WEIGHTS
from simnpo.training.reference import (
    check_reference,
    check_reinforced,
    check_same_tokens,
    check_trainable,
)
from simnpo.training.refusals import check_layers, check_merging, check_subspace
from simnpo.training.run import (
    FILES,
    TrainingData,
    peak_memory_mib,
    train_model,
)
from simnpo.training.states import STATES, remove_states
from simnpo.training.terms import check_answers
from simnpo.training.track_kl import DRIFT

NAMES = (runs.RUN, HISTORY, WEIGHTS, DRIFT, CONTROL, STATES, *FILES)
"""What a job writes into its folder."""
Callbacks: TypeAlias = Callable[[CausalLM, Tokenizer], Sequence[TrainerCallback]]
"""Given the model as it is before and its tokenizer, further callbacks of transformers' Trainer."""


@dataclass(frozen=True)
class Job:
    """A model, what to do to it, and all else that the result depends on."""

    command: str
    model: str
    method: Method | TaskVector
    data: TrainingData
    training: TrainingConfig
    lora: LoraConfig = field(default_factory=LoraConfig)
    trust_remote_code: bool = False
    reinforced: str | None = None
    """The model over-fitted on the forget set, for a method that needs one."""
    reference: str | None = None
    """The model that a method's reference log-probs come from, instead of `model`."""
    further: Mapping[str, object] = field(default_factory=dict)
    """What `run.json` records besides these settings."""
    keeps_type: bool = True
    """Whether the model is saved in the type that it came in, where no type is asked for."""
    also_writes: tuple[str, ...] = ()
    """What else is written into the run's folder, by whoever measures the run."""

    @property
    def names(self) -> tuple[str, ...]:
        """Patterns of all that is written into the run's folder."""
        return (*NAMES, *self.also_writes)

    def config(self) -> dict[str, object]:
        """Return the settings that `run.json` records."""
        named = {"model": self.model, **self.method.record()}
        if isinstance(self.method, TaskVector):
            return {**named, **self.further}
        if self.reference is not None:
            named["reference"] = self.reference
        return {
            **named,
            **asdict(self.training),
            # Fine-tuning keeps dropout, whatever its settings say.
            **({"dropout": "keep"} if self.method.forget is None else {}),
            "lora_rank": self.lora.rank,
            "lora_alpha": self.lora.alpha,
            "lora_merge": self.lora.merge,
            "load_in_4bit": self.lora.load_in_4bit,
            # Of before there was a choice, records say nothing.
            **({} if self.lora.subspace == "free" else {"lora_subspace": self.lora.subspace}),
            **self.data.prompts.record(),
            "max_length": self.data.max_length,
            "trust_remote_code": self.trust_remote_code,
            **self.further,
        }

    def fingerprints(self) -> dict[str, object]:
        """Return what `run.json` records of the data."""
        sets = {name: getattr(self.data, name) for name in ("forget", "retain", "refusals")}
        return {
            f"{name}_{what}": value
            for name, examples in sets.items()
            for what, value in (("size", len(examples)), ("hash", runs.fingerprint(examples)))
        }

    def unfinished(self, out: Path) -> bool:
        """Return whether the run in `out`, which is to be resumed, has anything left to do.

        Raises:
            UserError: see `simnpo.storage.runs.check_resumable`.
        """
        left = runs.check_resumable(out, self.command, self.config(), self.fingerprints())
        if not left and distributed.is_main():
            with held(out):
                tidy(out)
        return left

    def check(self, report_to: str = "none") -> None:
        """Refuse what settings, data and the model tell, before anything is loaded or measured.

        Raises:
            UserError: see `check_settings` and `check_loggers`; or an adapter would be put on
                another.
        """
        self.check_settings()
        check_loggers(report_to)
        if isinstance(self.method, TaskVector):
            return
        if self.lora.rank and not self.lora.merge and is_adapter(self.model):
            raise UserError(
                f"{self.model} is itself an adapter, and one adapter cannot be saved on another: "
                "add ``lora_merge``."
            )

    def check_settings(self) -> None:
        """Refuse what settings and data tell, whether the model is there yet or not.

        Raises:
            UserError: this machine or launcher cannot serve an option, an option does nothing, or
                the sets lack what the method needs.
        """
        check_hardware(self.training, self.lora)
        check_offload(self.training, self.lora, self.method.needs_original_model)
        self.training.accumulation(distributed.world_size())
        if isinstance(self.method, TaskVector):
            return
        check_answers(self.method, self.data.forget, self.data.retain, self.data.refusals)
        sharded = bool(distributed.sharding())
        check_layers(self.method.trained_layers, self.lora.rank > 0, sharded)
        check_merging(self.lora, sharded)
        check_subspace(self.lora, self.method, sharded)

    def execute(
        self,
        out: Path,
        *,
        resume: bool = False,
        report_to: str = "none",
        callbacks: Callbacks | None = None,
    ) -> JsonObject:
        """Do the job in `out`: the model is saved as `out/model`, the record as `out/run.json`.

        What an earlier job wrote there is removed once all that this one reads has been loaded.

        Args:
            out: the run's folder.
            resume: go on with the unfinished run in `out`.
            report_to: transformers' logging integrations, by comma.
            callbacks: further callbacks of a training.

        Returns:
            What `run.json` records of the results: seconds, peak memory, and so on.

        Raises:
            UserError: something it reads cannot be read, or see `check`, `train_model` and
                `EditedModel`.
        """
        self.check(report_to)
        with held(out):
            return self._execute(out, resume, report_to, callbacks)

    def _execute(
        self, out: Path, resume: bool, report_to: str, callbacks: Callbacks | None
    ) -> JsonObject:
        edits = isinstance(self.method, TaskVector)
        work, shown = self._edit(out) if edits else self._train(out)
        distributed.barrier()  # no process looks into `out` while another writes there
        fresh = not resume and distributed.is_main()
        if fresh:
            runs.clear(out, self.names)
            runs.begin(out, self.command, self.config(), self.fingerprints())
        elif distributed.is_main():
            adopt(out, self.names)
        if distributed.is_main():  # a kill may have come before it
            runs.add(out, {"prompt": shown})
        distributed.barrier()  # nor takes what is being removed for a result of this run
        try:
            results = work(resume, report_to, callbacks)
        except (UserError, OSError):  # OSError: a full disk
            if fresh and last_checkpoint(out) is None:  # nothing was made: leave nothing in the way
                runs.clear(out, self.names)
            raise
        if distributed.is_main():
            _, on_hub = base_of(self.model)
            commit = {"commit": commit_of(self.model)} if on_hub else {}
            runs.add(out, {**results, "base_on_hub": on_hub, **commit})
            write_model_card(out, finished=True)
            runs.finish(out, {})
            tidy(out)
        raise_postponed(f"the training in {out} is finished. {RESUME}")
        return results

    def _train(self, out: Path) -> "tuple[_Work, dict[str, object]]":
        """Load what training needs, and return the training and a record of its prompts."""
        lora, trust = self.lora, self.trust_remote_code
        precision = training_precision(self.training.precision, lora.rank > 0)
        tokenizer = load_tokenizer(self.model, trust)
        model = load_model(self.model, precision, trust, lora.load_in_4bit)
        # fp32 and bf16 name the weights' type; otherwise they are saved in the one they came in.
        keep = self.keeps_type and self.training.precision not in ("fp32", "bf16")
        saved_dtype = getattr(model, "stored_dtype", None) if keep else None
        reinforced = None
        if self.reinforced:  # on 4 bits where it was trained on them, its adapter unmerged
            four_bits = lora.load_in_4bit
            reinforced = load_model(
                self.reinforced, precision, trust, four_bits, merge=not four_bits
            )
        reference = None
        if self.reference:
            check_same_tokens(tokenizer, load_tokenizer(self.reference, trust), self.reference)
            reference = load_model(self.reference, precision, trust)
        assert isinstance(self.method, Method)
        check_trainable(self.method, model, self.training.offload_reference)
        check_reinforced(self.method, model, reinforced)
        check_reference(self.method, model, reference)

        def work(resume: bool, report_to: str, callbacks: Callbacks | None) -> dict[str, object]:
            assert isinstance(self.method, Method)
            watching = callbacks(model, tokenizer) if callbacks else ()
            results = train_model(
                model,
                tokenizer,
                self.method,
                self.data,
                replace(self.training, precision=precision),
                out,
                lora=lora,
                reinforced=reinforced,
                reference=reference,
                resume=resume,
                report_to=report_to,
                callbacks=watching,
                saved_dtype=saved_dtype,
            )
            return results | ending(watching)

        return work, self._prompts(tokenizer) | {"precision": precision}

    def _edit(self, out: Path) -> "tuple[_Work, dict[str, object]]":
        """Find the tensors that are edited, and return the edit and a record of the prompts."""
        assert isinstance(self.method, TaskVector) and self.reinforced
        tokenizer = load_tokenizer(self.model, self.trust_remote_code)
        edited = EditedModel(self.model, self.reinforced, self.method.alpha)

        def work(_: bool, __: str, callbacks: Callbacks | None) -> dict[str, object]:
            if callbacks:  # there is nothing to call them in, but they measure the model before
                callbacks(load_model(self.model, "auto", self.trust_remote_code), tokenizer)
            started = time.monotonic()
            if distributed.is_main():
                save_model(edited, tokenizer, out / MODEL_FOLDER)
            distributed.barrier()
            return {
                "tensors": len(edited),
                "seconds": round(time.monotonic() - started, 2),
                "peak_memory_mib": peak_memory_mib(),
            }

        return work, self._prompts(tokenizer)

    def _prompts(self, tokenizer: Tokenizer) -> dict[str, object]:
        """Return what prompts depend on, with the first row of the data as an example."""
        encoder = self.data.encoder(tokenizer)
        row = next(iter((*self.data.forget[:1], *self.data.retain[:1])), None)
        return prompt_record(encoder, *row[:2]) if row else prompt_record(encoder)


def tidy(out: Path) -> None:
    """Remove what only an unfinished run needs, which a kill may have left in a finished one."""
    remove_checkpoints(out)
    remove_states(out)


_Work: TypeAlias = Callable[[bool, str, Callbacks | None], dict[str, object]]
