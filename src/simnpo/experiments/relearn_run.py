"""A relearning attack on an unlearned model (paper, sec. 6.3, Fig. 6)."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from simnpo.benchmarks.presets import relearning_preset
from simnpo.data.encoding import Encoder
from simnpo.experiments.attacks.relearn import Select, select_examples
from simnpo.experiments.model_runs import model_of, retain_tables
from simnpo.experiments.run import Run
from simnpo.experiments.unlearn_run import UnlearnRun
from simnpo.methods.nll import RETRAIN
from simnpo.models import load_model, load_tokenizer, training_precision
from simnpo.training.checkpoints import remove_checkpoints
from simnpo.training.evaluate_callback import EvaluateWhileTraining
from simnpo.training.run import TrainingData, train_model

FRACTION = 0.2
"""Share of the forget set that is relearned (app. I.2)."""


@dataclass(frozen=True)
class RelearnRun(Run):
    """An unlearned model fine-tuned on a part of what it forgot, measured after every epoch.

    Its seed draws the part, and the order of training.
    """

    of: UnlearnRun
    select: Select

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

    def depends_on(self) -> Any:
        """Return the settings."""
        site = self.of.site
        preset = asdict(relearning_preset(site.benchmark, site.split))
        return {"settings": {"select": self.select, "fraction": FRACTION, "training": preset}}

    def execute(self, home: Path) -> dict[str, Any]:
        """Relearn; the history is all that is kept."""
        folder, benchmark = self.folder(home), self.of.benchmark()
        model = model_of(self.of, home)
        tokenizer = load_tokenizer(model)
        template = self.of.site.template
        encoder = Encoder(tokenizer, template, benchmark.max_length)
        chosen = select_examples(benchmark.forget, encoder, FRACTION, self.select, self.seed)
        settings = relearning_preset(self.of.site.benchmark, self.of.site.split)
        precision = training_precision(settings.precision, lora=False)
        retain = retain_tables(self.needs, home)
        train_model(
            load_model(model, precision),
            tokenizer,
            replace(RETRAIN, title="Relearning"),
            TrainingData(retain=chosen, template=template, max_length=benchmark.max_length),
            replace(settings, seed=self.seed, precision=precision),
            folder,
            resume=True,
            callbacks=[EvaluateWhileTraining(benchmark, encoder, folder, retain=retain)],
            keep_model=False,
        )
        remove_checkpoints(folder)
        return {"relearned": len(chosen)}
