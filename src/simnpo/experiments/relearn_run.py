"""A relearning attack on an unlearned model (paper, sec. 6, Fig. 6)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from simnpo.benchmarks.presets import relearning_preset
from simnpo.config import Select, TrainingConfig
from simnpo.data.encoding import Encoder
from simnpo.data.examples import Example
from simnpo.evaluation.evaluation import read_evaluation
from simnpo.evaluation.history import HISTORY, write_history
from simnpo.experiments.external_model import ExternalModel
from simnpo.experiments.model_runs import model_of, retain_tables
from simnpo.experiments.run import Run
from simnpo.experiments.unlearn_run import UnlearnRun
from simnpo.methods.nll import RETRAIN
from simnpo.models import load_model, training_precision
from simnpo.training.checkpoints import remove_checkpoints
from simnpo.training.evaluate_callback import EvaluateWhileTraining
from simnpo.training.run import TrainingData, train_model

FRACTION = 0.2
"""Share of the forget set that is relearned (app. I.2)."""


def select_examples(
    forget: Sequence[Example], encoder: Encoder, fraction: float, select: Select, seed: int
) -> tuple[Example, ...]:
    """Return the part of the forget set that an attacker holds, in the forget set's order.

    Args:
        forget: the forget set.
        encoder: counts an answer's tokens, its end token included.
        fraction: share of the examples, above 0 and at most 1; one example at least is taken.
        select: `random`, drawn by `seed`, or `shortest`, the answers of fewest tokens (of equal
            ones the first), whatever the seed.
        seed: see `select`.
    """
    count = max(1, round(fraction * len(forget)))
    if select == "random":
        chosen = np.random.default_rng(seed).permutation(len(forget))[:count].tolist()
    else:
        lengths = [
            sum(one.answer_length for one in encoder.encode_all([example])) for example in forget
        ]
        chosen = sorted(range(len(forget)), key=lambda place: (lengths[place], place))[:count]
    return tuple(forget[place] for place in sorted(chosen))


@dataclass(frozen=True)
class RelearnRun(Run):
    """A model fine-tuned on a part of what it forgot, measured after every epoch.

    Its seed draws the part, and the order of training.
    """

    of: UnlearnRun | ExternalModel
    select: Select
    training: TrainingConfig | None = None
    """How it is relearned, whose seed is not used; None takes the benchmark's preset."""
    fraction: float = FRACTION
    """Share of the forget set that is relearned."""

    @property
    def title(self) -> str:
        """What is relearned, from which model."""
        return f"Relearning {self.select}, draw {self.seed}, of {self.of.title}"

    @property
    def needs(self) -> tuple[Run, ...]:
        """The model, and what its metrics compare with."""
        return (self.of, *((self.of.retrain,) if self.of.retrain else ()))

    @property
    def registered(self) -> frozenset[str]:
        """The benchmark."""
        return frozenset({self.of.site.benchmark})

    @property
    def settings(self) -> TrainingConfig:
        """How it is relearned."""
        site = self.of.site
        return self.training or relearning_preset(site.benchmark, site.split)

    def depends_on(self) -> Mapping[str, object]:
        """Return the settings; the forget set is in the model's key."""
        settings = {
            "select": self.select,
            "fraction": self.fraction,
            "training": asdict(self.settings),
        }
        return {"settings": settings}

    def execute(self, home: Path) -> dict[str, object]:
        """Relearn; the history is all that is kept."""
        folder, site = self.folder(home), self.of.site
        benchmark = site.load()
        model = model_of(self.of, home)
        encoder = site.encoder_of(model)
        chosen = select_examples(benchmark.forget, encoder, self.fraction, self.select, self.seed)
        precision = training_precision(self.settings.precision, lora=False)
        if precision == site.precision and not (folder / HISTORY).is_file():
            # The model's own evaluation, in the same precision, is what epoch 0 would measure.
            before = read_evaluation(self.of.folder(home)).summary
            row = {"epoch": 0.0, **before["metrics"], "seconds": before["seconds"]}
            write_history(folder / HISTORY, [row])
        retain = retain_tables(self.needs, home)
        train_model(
            load_model(model, precision, site.trust_remote_code),
            encoder.tokenizer,
            replace(RETRAIN, title="Relearning"),
            TrainingData(retain=chosen, template=site.template, max_length=benchmark.max_length),
            replace(self.settings, seed=self.seed, precision=precision),
            folder,
            resume=True,  # Ctrl-C leaves a checkpoint
            callbacks=[EvaluateWhileTraining(benchmark, encoder, folder, retain=retain)],
            keep_model=False,
        )
        remove_checkpoints(folder)
        return {"relearned": len(chosen)}
