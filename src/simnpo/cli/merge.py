"""`simnpo merge`: an adapter into a complete model."""

from dataclasses import dataclass
from pathlib import Path

from simnpo.cli.options import Revision
from simnpo.system.command_words import command_words
from simnpo.system.terminal import write


@dataclass(frozen=True)
class Merge:
    """Merge a LoRA adapter into its base model; the result needs neither of them.

    Example: simnpo merge --model adapter-run --out merged
    """

    model: str
    """Adapter to merge: a run of simnpo with --lora-rank, or a folder that peft saved."""
    out: Path
    """Folder for the merged model, as any run's: model/ and run.json."""
    revision: Revision = None
    overwrite: bool = False
    """Replace the model in --out."""
    trust_remote_code: bool = False
    """Run Python code that comes with the base. Only for models whose code you have read."""

    def run(self) -> None:
        """Merge, and say where the model is."""
        from simnpo.errors import UserError
        from simnpo.experiments.model_card import write_model_card
        from simnpo.models import MODEL_FOLDER, load_tokenizer, quiet, resolve, save_model
        from simnpo.models.adapters import load_merged
        from simnpo.storage import runs
        from simnpo.storage.files import write_json

        quiet()
        names = (runs.RUN, MODEL_FOLDER)
        runs.check_free(self.out, names, self.overwrite, (resolve(self.model),))
        record = self._record()
        if record.get("status") != runs.FINISHED:
            raise UserError(f"{self.model} is unfinished: continue it with ``resume``.")
        tokenizer = load_tokenizer(self.model, self.trust_remote_code)
        merged = load_merged(self.model, None, self.trust_remote_code)
        runs.clear(self.out, names)
        save_model(merged, tokenizer, self.out / MODEL_FOLDER)
        write_json(self.out / runs.RUN, {**record, "status": runs.RUNNING})
        write_model_card(self.out, finished=True)
        write_json(self.out / runs.RUN, record)  # last: nothing is finished before
        write(f"Model: {self.out / MODEL_FOLDER}\nRecord: {self.out / runs.RUN}")

    def _record(self) -> dict[str, object]:
        """Return what `run.json` records: the adapter's run, as if --lora-merge had been given."""
        from simnpo.config import MAX_LENGTH
        from simnpo.storage import runs

        merged = {"merged_from": self.model, "argv": command_words(), "versions": runs.versions()}
        if (Path(self.model) / runs.RUN).is_file():
            record = runs.read_run(Path(self.model))
            return {**record, "config": {**record["config"], "lora_merge": True}, **merged}
        config = {"model": self.model, "template": "auto", "max_length": MAX_LENGTH}
        whole = {"command": "merge", "config": config, "data": {}, "status": runs.FINISHED}
        return {**whole, "base_on_hub": False, **merged}
