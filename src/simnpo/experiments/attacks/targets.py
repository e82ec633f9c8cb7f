"""The models under attack, and how each is opened."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from simnpo.benchmarks.base import Benchmark
from simnpo.config import Precision
from simnpo.data.encoding import Encoder
from simnpo.data.prompt_settings import PromptSettings
from simnpo.errors import UserError
from simnpo.evaluation.evaluate import evaluate_into
from simnpo.evaluation.evaluation import SUMMARY, read_tables
from simnpo.evaluation.summary import disambiguate, display_name, run_of
from simnpo.evaluation.tables import Tables
from simnpo.models import load_model, load_tokenizer, resolve
from simnpo.report.colours import RETRAIN, is_retrain


@dataclass(frozen=True)
class Target:
    """A model under attack."""

    name: str
    """As tables and figures call it."""
    model: str
    """A folder, a run, or a hub id."""
    folder: str
    """Name of its folder among the attack's runs."""
    precision: Precision
    """What its weights are loaded in, see `simnpo.models.load_model`."""
    template: str | PromptSettings
    max_length: int
    trust_remote_code: bool

    def load(self) -> tuple[nn.Module, Any]:
        """Return the model and its tokenizer, fresh from the disk.

        Raises:
            UserError: see `simnpo.models`.
        """
        tokenizer = load_tokenizer(self.model, self.trust_remote_code)
        return load_model(self.model, self.precision, self.trust_remote_code), tokenizer

    def encoder(self, tokenizer: Any) -> Encoder:
        """Return the tokenizer bound to the template."""
        return Encoder(tokenizer, self.template, self.max_length)


def targets(
    models: Sequence[str],
    retrain: str | None,
    precision: Precision,
    template: str | PromptSettings,
    max_length: int,
    trust_remote_code: bool,
) -> list[Target]:
    """Name the models, `retrain` last and as Retrain; two of one name go by their folders.

    Raises:
        UserError: no model, one that is not there or given twice, or Retrain among the others.
    """
    given = [*models, *([retrain] if retrain else [])]
    if not models:
        raise UserError("--model: name at least one model.")
    resolved = [resolve(model) for model in given]
    for model, path in zip(given, resolved, strict=True):
        if resolved.count(path) > 1:
            raise UserError(f"{model} is given twice: each model is attacked once.")
    names = [display_name(model, run_of(model)) for model in models]
    for model, name in zip(models, names, strict=True):
        if is_retrain(name):
            raise UserError(f"--model {model} is called {name}: give it as --retrain.")
    named = disambiguate(names, models)
    return [
        Target(
            name,
            model,
            f"{number}-{Path(name).name.lower()}",
            precision,
            template,
            max_length,
            trust_remote_code,
        )
        for number, (name, model) in enumerate(
            zip([*named, *([RETRAIN] if retrain else [])], given, strict=True), 1
        )
    ]


def own_tables(retrain: Target, benchmark: Benchmark, folder: Path) -> Tables:
    """Return Retrain's tables before any attack, from `folder` where they were made already."""
    kept = folder / retrain.folder / "retain-scores"
    if not (kept / SUMMARY).is_file():
        model, tokenizer = retrain.load()
        encoder = retrain.encoder(tokenizer)
        evaluate_into(
            kept, model, encoder, benchmark, None, name=retrain.name, model_name=retrain.model
        )
    return read_tables(kept)
