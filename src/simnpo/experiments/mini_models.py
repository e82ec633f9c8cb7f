"""The models of an embedded benchmark, trained on the spot and kept by what they depend on."""

import copy
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch
from transformers import AutoModelForCausalLM

from simnpo.benchmarks.minis import Mini
from simnpo.config import TrainingConfig
from simnpo.data.examples import Example
from simnpo.methods.nll import RETRAIN
from simnpo.models import MODEL_FOLDER, load_model, load_tokenizer
from simnpo.storage.cache import made_by_one
from simnpo.storage.code import code_hashes
from simnpo.storage.folder_lock import held
from simnpo.storage.ownership import remove_own
from simnpo.storage.runs import fingerprint, versions
from simnpo.training.run import FILES, TrainingData, train_model


class MiniModels(NamedTuple):
    """Folders of the trained models."""

    original: Path
    """Fine-tuned from the base on forget and retain set."""
    retrain: Path
    """Fine-tuned from the base on the retain set alone."""


def mini_models(mini: Mini, cache: Path, seed: int) -> MiniModels:
    """Return Original and Retrain, training what `cache` does not hold.

    Every model is kept under a hash of its data, its settings, the code that trains it and the
    versions of libraries, so a change in any of them trains anew.
    """
    benchmark = mini.benchmark
    full = (*benchmark.forget, *benchmark.retain)
    return MiniModels(
        mini_model(mini, cache, seed, "original", full),
        mini_model(mini, cache, seed, "retrain", benchmark.retain),
    )


def mini_model(mini: Mini, cache: Path, seed: int, name: str, learns: Sequence[Example]) -> Path:
    """Return the folder of a model fine-tuned from the base on `learns` and the rehearsal.

    Args:
        mini: the embedded benchmark.
        cache: where trained models are kept, see `mini_models`.
        seed: seed of the base and of the fine-tuning.
        name: what the folder and the progress call it.
        learns: what it is fine-tuned on, beside what is repeated of its pretraining.
    """
    base = _Recipe("base", None, mini.pretraining, mini.pretrain, seed)
    return _model(mini, _Recipe(name, base, (*learns, *mini.rehearsal), mini.finetune, seed), cache)


def mini_base(mini: Mini, cache: Path, seed: int) -> Path:
    """Return the folder of the base model; see `mini_model`."""
    return _model(mini, _Recipe("base", None, mini.pretraining, mini.pretrain, seed), cache)


@dataclass(frozen=True)
class _Recipe:
    name: str
    parent: "_Recipe | None"
    examples: Sequence[Example]
    training: TrainingConfig
    seed: int

    def key(self, mini: Mini) -> str:
        """Return the hash of all that this model depends on."""
        parent = self.parent.key(mini) if self.parent else mini.architecture.to_dict()
        how = (mini.template, mini.benchmark.max_length)
        code = list(code_hashes(__name__, frozenset()).items())
        described = (asdict(self.training), *how, self.seed, versions(), code)
        return fingerprint([parent, self.examples, *described])


def _model(mini: Mini, recipe: _Recipe, cache: Path) -> Path:
    folder = cache / mini.benchmark.name / f"{recipe.name}-{recipe.key(mini)}"
    if (folder / MODEL_FOLDER).is_dir():
        return folder / MODEL_FOLDER
    parent = _model(mini, recipe.parent, cache) if recipe.parent else None
    with made_by_one(folder):
        if not (folder / MODEL_FOLDER).is_dir():
            _train(mini, recipe, parent, folder)
    return folder / MODEL_FOLDER


def _train(mini: Mini, recipe: _Recipe, parent: Path | None, folder: Path) -> None:
    if parent:
        tokenizer, model = load_tokenizer(str(parent)), load_model(str(parent), "fp32")
    else:
        torch.manual_seed(recipe.seed)
        tokenizer = mini.tokenizer
        # A copy: making a model writes into its configuration, which is part of the cache's key.
        model = AutoModelForCausalLM.from_config(copy.deepcopy(mini.architecture))
    with held(folder):
        remove_own(folder, FILES)  # what a killed run may have left
        train_model(
            model,
            tokenizer,
            replace(RETRAIN, title=f"Training {recipe.name}"),
            TrainingData(
                retain=recipe.examples,
                template=mini.template,
                max_length=mini.benchmark.max_length,
            ),
            replace(recipe.training, seed=recipe.seed),
            folder,
        )
