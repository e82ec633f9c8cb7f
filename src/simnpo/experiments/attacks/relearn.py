"""Relearning: fine-tune the unlearned model on a part of what it forgot (paper, sec. 6, Fig. 6)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from simnpo.benchmarks.base import Benchmark
from simnpo.config import TrainingConfig
from simnpo.data.encoding import Encoder
from simnpo.data.examples import Example
from simnpo.errors import UserError
from simnpo.evaluation.history import HISTORY, read_history, write_history
from simnpo.evaluation.tables import Tables
from simnpo.experiments.attacks.targets import Target
from simnpo.methods.nll import RETRAIN
from simnpo.report.curves import COLUMNS
from simnpo.storage.folder_lock import held
from simnpo.system.progress import announced
from simnpo.training.checkpoints import remove_checkpoints
from simnpo.training.evaluate_callback import EvaluateWhileTraining
from simnpo.training.run import TrainingData, train_model

Select = Literal["random", "shortest"]


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
class Relearning:
    """A relearning attack on several models."""

    targets: tuple[Target, ...]
    benchmark: Benchmark
    """Whose forget set is relearned, and what is measured after every epoch."""
    fraction: float
    """Share of the forget set that is relearned."""
    selects: tuple[Select, ...]
    seeds: tuple[int, ...]
    """Each draws an order of training and, for `random`, a part of the forget set."""
    training: TrainingConfig
    """How it is relearned; its seed is not used."""

    def __post_init__(self) -> None:
        if not 0 < self.fraction <= 1:
            raise UserError(f"--fraction {self.fraction}: must be above 0 and at most 1.")
        if not self.selects:
            raise UserError("--select: name random, shortest or both.")
        epochs = self.training.epochs
        if epochs is None or epochs % 1:
            given = f"--steps {self.training.steps}" if epochs is None else f"--epochs {epochs}"
            raise UserError(f"{given}: an attack is measured after whole epochs; give --epochs.")

    @property
    def epochs(self) -> int:
        """Passes over the part that is relearned."""
        return int(self.training.epochs or 0)

    def runs(self) -> list["Run"]:
        """List all runs, those of a model together."""
        return [
            Run(target, select, seed)
            for target in self.targets
            for select in self.selects
            for seed in self.seeds
        ]


class Run(NamedTuple):
    """One model relearning one part of the forget set."""

    target: Target
    select: Select
    seed: int

    @property
    def name(self) -> str:
        """What progress calls it."""
        return f"Relearning: {self.target.name}, {self.select}, seed {self.seed}"

    def folder(self, among: Path) -> Path:
        """Return where this run keeps its history."""
        return among / self.target.folder / f"{self.select}-{self.seed}"


def run_relearning(attack: Relearning, folder: Path, retain: Tables | None) -> pd.DataFrame:
    """Do all runs that `folder` does not hold, and return the metrics over epochs of all.

    A run that was killed starts again; no relearned model is kept.

    Args:
        attack: what to do.
        folder: where the runs' histories are kept.
        retain: tables of a retain model, for metrics that compare with it.

    Returns:
        A table with `simnpo.report.curves.COLUMNS`: the series is what was selected, the step the
        epoch; epoch 0 is the model before the attack.

    Raises:
        UserError: see `simnpo.training.run.train_model`.
    """
    runs = attack.runs()
    for run in announced([run for run in runs if not _done(attack, run, folder)], lambda r: r.name):
        with held(run.folder(folder)):
            _relearn(attack, run, folder, retain)
    for run in runs:
        remove_checkpoints(run.folder(folder))
    rows = [
        (run.target.name, run.select, run.seed, int(row["epoch"]), metric, row[metric])
        for run in runs
        for row in read_history(run.folder(folder) / HISTORY)
        for metric in row
        if metric not in ("epoch", "seconds")
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"value": "float64"})


def _done(attack: Relearning, run: Run, folder: Path) -> bool:
    return len(read_history(run.folder(folder) / HISTORY)) == attack.epochs + 1


def _relearn(attack: Relearning, run: Run, folder: Path, retain: Tables | None) -> None:
    target, out = run.target, run.folder(folder)
    model, tokenizer = target.load()
    encoder = target.encoder(tokenizer)
    benchmark = attack.benchmark
    chosen = select_examples(benchmark.forget, encoder, attack.fraction, run.select, run.seed)
    if not (out / HISTORY).is_file():
        # Before the attack all runs of a model are the same, so its first run measures for all.
        first = next(one for one in attack.runs() if one.target == target)
        known = read_history(first.folder(folder) / HISTORY)
        write_history(out / HISTORY, [row for row in known if row["epoch"] == 0])
    train_model(
        model,
        tokenizer,
        replace(RETRAIN, title="Relearning"),
        TrainingData(retain=chosen, template=target.template, max_length=target.max_length),
        replace(attack.training, seed=run.seed),
        out,
        resume=True,  # Ctrl-C leaves a checkpoint
        callbacks=[EvaluateWhileTraining(benchmark, encoder, out, retain=retain)],
        keep_model=False,
    )
