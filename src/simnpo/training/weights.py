"""Gradient weights while training: how hard each example is pushed (paper, Fig. 3 and 4)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from jaxtyping import Int
from torch import Tensor
from transformers import TrainerCallback

from simnpo.distributed import world_size
from simnpo.errors import UserError
from simnpo.files import read_table, write_table
from simnpo.objectives.base import ANSWER, Forward, Objective
from simnpo.training.terms import Term

WEIGHTS = "weights.parquet"
COLUMNS = ("epoch", "example", "tokens", "weight")
"""A row for each time an example of the forget set was trained on: its epoch, from 1, its place in
the forget set, its answer's tokens, and the weight of `grad logp` in its loss's gradient."""


class RecordWeights(TrainerCallback):
    """Writes `weights.parquet` into a run's folder, at the end of every epoch.

    The values come from the forward pass that training makes anyway.
    """

    def __init__(self, objective: Objective | None, out: Path):
        """Watch the forget objective of a training in `out`.

        Raises:
            UserError: see `check_recordable`.
        """
        check_recordable(objective)
        self._objective, self._path = objective, out / WEIGHTS
        self._seen: list[tuple[int, Tensor, Tensor, Tensor]] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """After a resume, drop what came later than the checkpoint."""
        done = int(state.epoch or 0) if state.global_step else 0
        write_table(self._path, (known := self._known())[known["epoch"] <= done])

    def on_forward(
        self,
        epoch: int,
        terms: Sequence[Term],
        forwards: Sequence[Forward],
        rows: Int[Tensor, "batch terms"],
    ) -> None:
        """Keep the weights of a batch; nothing waits for the device here."""
        for number, term in enumerate(terms):
            if term.objective is self._objective:
                with torch.no_grad():
                    weights = self._objective.gradient_weights(forwards[number])
                lengths = forwards[number][ANSWER].lengths
                self._seen.append((epoch + 1, rows[:, number], lengths, weights.detach()))

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Add the epoch's rows to the file."""
        made = [self._known()]
        for epoch, rows, lengths, weights in self._seen:
            columns = (epoch, rows.cpu().numpy(), lengths.long().cpu().numpy(), weights.cpu())
            made.append(pd.DataFrame(dict(zip(COLUMNS, columns, strict=True))))
        self._seen.clear()
        write_table(self._path, pd.concat(made, ignore_index=True).astype({"weight": "float64"}))

    def _known(self) -> pd.DataFrame:
        if self._path.is_file():
            return read_table(self._path)
        whole = dict.fromkeys(COLUMNS[:-1], "int64")
        return pd.DataFrame(columns=list(COLUMNS)).astype(whole | {"weight": "float64"})


def check_recordable(objective: Objective | None) -> None:
    """Make sure that the gradient weights of a forget objective can be recorded.

    Raises:
        UserError: its gradient has no weight of an example, or several processes train.
    """
    if objective is None or not objective.has_weights:
        raise UserError(
            "--record-weights: only the gradients of NPO and SimNPO weigh examples; leave it out."
        )
    if world_size() > 1:
        raise UserError("--record-weights records in one process; leave the launcher out.")
