"""What `unlearn` and `finetune` share: the run's folder, its record, the training, the report."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from simnpo.commands.options import LoraOptions, OutputOptions, PromptOptions, refuse_both
from simnpo.errors import Interrupted, TrainingDiverged, UserError

if TYPE_CHECKING:
    from transformers import TrainerCallback

    from simnpo.config import TrainingConfig
    from simnpo.objectives import Method
    from simnpo.training.run import TrainingData


@dataclass(frozen=True)
class TrainingJob:
    """A model, a method, data and settings, all of them resolved."""

    command: str
    model: str
    method: "Method"
    data: "TrainingData"
    training: "TrainingConfig"
    lora: LoraOptions
    prompt: PromptOptions
    output: OutputOptions
    report_to: str
    inputs: tuple[str | None, ...]
    """Files that are read, beside the model: never to be overwritten."""

    def run(self, callbacks: Callable[[Any], Sequence["TrainerCallback"]] | None = None) -> None:
        """Train in `output.out` and say where the model is.

        Args:
            callbacks: given the tokenizer, further callbacks of the Trainer.

        Raises:
            UserError: see `simnpo.runs` and `simnpo.training.run.train_model`.
        """
        from simnpo import distributed, runs
        from simnpo.hardware import check_hardware
        from simnpo.models import (
            MODEL_FOLDER,
            is_adapter,
            load_model,
            load_tokenizer,
            quiet,
            resolve,
            training_precision,
        )
        from simnpo.scoring.history import HISTORY
        from simnpo.training.checkpoints import remove_checkpoints
        from simnpo.training.run import FILES, train_model

        quiet()
        out, trust = self.output.out, self.prompt.trust_remote_code
        lora = self.lora.config()
        check_hardware(self.training, lora)
        precision = training_precision(self.training.precision, lora.rank > 0)
        training = replace(self.training, precision=precision)
        config, data = self.config(), self._fingerprints()
        names = (runs.RUN, HISTORY, *FILES)
        refuse_both(self.output.resume, self.output.overwrite)
        if not self.output.resume:
            runs.check_free(out, names, self.output.overwrite, (resolve(self.model), *self.inputs))
        elif not runs.check_resumable(out, self.command, config, data):
            print(f"Nothing to do: {out} is finished.")
            return
        if lora.rank and not lora.merge and is_adapter(self.model):
            raise UserError(
                f"{self.model} is itself an adapter, and one adapter cannot be saved on another: "
                "add --lora-merge."
            )
        tokenizer = load_tokenizer(self.model, trust)
        model = load_model(self.model, precision, trust, lora.load_in_4bit)
        distributed.barrier()  # no process looks into --out while another writes there
        if not self.output.resume and distributed.is_main():
            runs.clear(out, names)
            runs.begin(out, self.command, config, data)
        try:
            results = train_model(
                model,
                tokenizer,
                self.method,
                self.data,
                training,
                out,
                lora=lora,
                resume=self.output.resume,
                report_to=self.report_to,
                callbacks=callbacks(tokenizer) if callbacks else (),
            )
        except (TrainingDiverged, Interrupted):
            raise
        except UserError:
            # Nothing was trained: leave nothing in the way.
            if not self.output.resume and distributed.is_main():
                runs.clear(out, names)
            raise
        if not distributed.is_main():
            return
        runs.finish(out, results)
        remove_checkpoints(out)
        print(
            f"{self.method.title}: {results['steps']} steps in {results['seconds']:.0f} s, "
            f"peak memory {results['peak_memory_mib']:.0f} MiB."
        )
        if shortened := results["shortened_answers"]:
            print(f"Note: --max-length {self.prompt.max_length} shortened {shortened} answers.")
        print(f"Model: {out / MODEL_FOLDER}\nRecord: {out / runs.RUN}")

    def config(self) -> dict[str, Any]:
        """Return the settings that the result depends on, for `run.json`."""
        return {
            "model": self.model,
            **self.method.record(),
            **asdict(self.training),
            **asdict(self.lora),
            **asdict(self.prompt),
        }

    def _fingerprints(self) -> dict[str, Any]:
        from simnpo.runs import fingerprint

        sets = {name: getattr(self.data, name) for name in ("forget", "retain", "refusals")}
        return {
            f"{name}_{what}": value
            for name, examples in sets.items()
            for what, value in (("size", len(examples)), ("hash", fingerprint(examples)))
        }
