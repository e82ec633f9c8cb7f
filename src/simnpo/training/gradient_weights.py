"""Gradient weights while training: how hard each example is pushed (paper, Fig. 3 and 4)."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch
from jaxtyping import Int
from torch import Tensor
from transformers import TrainerCallback, TrainerState, TrainingArguments

from simnpo.errors import UserError
from simnpo.methods.base import ANSWER, Forward, Objective
from simnpo.storage.files import read_table, write_table
from simnpo.system.distributed import world_size
from simnpo.training.terms import FORGET, Term

WEIGHTS = "weights.parquet"
COLUMNS = ("epoch", "example", "tokens", "weight")
"""A row for each time an example of the forget set was trained on: its epoch, from 1, its place in
the forget set, its answer's tokens, and the weight of `grad logp` in its loss's gradient."""


class RecordWeights(TrainerCallback):
    """Writes `weights.parquet` into a run's folder, at the end of every epoch.

    The values come from the forward pass that training makes anyway.
    """

    def __init__(self, objective: Objective | None, out: Path):
        """Watch a training in `out` whose forget objective is `objective`.

        Raises:
            UserError: see `check_recordable`.
        """
        check_recordable(objective)
        self._path = out / WEIGHTS
        self._seen: list[tuple[int, Tensor, Tensor, Tensor]] = []

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: object, **kwargs: object
    ) -> None:
        """Begin the file; after a resume, with the rows that the checkpoint came with."""
        kept = self._beside_checkpoint(args, state)
        write_table(self._path, read_table(kept) if kept.is_file() else _no_rows())

    def keep_record(self, checkpoint: Path, step: int) -> None:
        """Keep all rows so far in a checkpoint, which may come in the middle of an epoch."""
        self._add_seen()
        write_table(checkpoint / WEIGHTS, read_table(self._path))

    def on_forward(
        self,
        epoch: int,
        terms: Sequence[Term],
        forwards: Sequence[Forward],
        rows: Int[Tensor, "batch terms"],
    ) -> None:
        """Keep the weights of a batch; nothing waits for the device here."""
        for number, term in enumerate(terms):
            if term.name == FORGET:
                with torch.no_grad():
                    weights = term.objective.gradient_weights(forwards[number])
                lengths = forwards[number][ANSWER].lengths
                self._seen.append((epoch + 1, rows[:, number], lengths, weights.detach()))

    def on_epoch_end(self, args: object, state: object, control: object, **kwargs: object) -> None:
        """Add the epoch's rows to the file."""
        self._add_seen()

    def _add_seen(self) -> None:
        made = [read_table(self._path)]
        for epoch, rows, lengths, weights in self._seen:
            columns = (epoch, rows.cpu().numpy(), lengths.long().cpu().numpy(), weights.cpu())
            made.append(pd.DataFrame(dict(zip(COLUMNS, columns, strict=True))))
        self._seen.clear()
        write_table(self._path, pd.concat(made, ignore_index=True).astype({"weight": "float64"}))

    def _beside_checkpoint(self, args: TrainingArguments, state: TrainerState) -> Path:
        return Path(args.output_dir) / f"checkpoint-{state.global_step}" / WEIGHTS


def _no_rows() -> pd.DataFrame:
    whole = dict.fromkeys(COLUMNS[:-1], "int64")
    return pd.DataFrame(columns=list(COLUMNS)).astype(whole | {"weight": "float64"})


def check_recordable(objective: Objective | None) -> None:
    """Make sure that the gradient weights of a forget objective can be recorded.

    Raises:
        UserError: its gradient has no weight of an example, or several processes train.
    """
    if objective is None or not objective.has_weights:
        raise UserError(
            "``record_weights``: only the gradients of NPO and SimNPO weigh examples; leave it out."
        )
    if world_size() > 1:
        raise UserError("``record_weights`` records in one process; leave the launcher out.")
