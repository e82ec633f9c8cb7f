"""Mean losses between two rows of the log, which go on through a kill and a resumption."""

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from simnpo.storage.files import read_json, write_json
from simnpo.system import distributed

FILE = "loss_sums.json"
"""In a checkpoint: what was summed since the last row of the log."""


class LossSums:
    """Sums of the loss and of each term's share of it since the last row of the log.

    transformers keeps its own sum in memory alone, so that after a resumption its next row is the
    mean over the steps since then.
    """

    def __init__(self, terms: int):
        """Begin with no step."""
        self.terms = torch.zeros(terms)
        self._loss, self._steps = torch.zeros(()), 0

    def add_term(self, number: int, loss: Tensor) -> None:
        """Add a term's share of a forward pass's loss."""
        self.terms = self.terms.to(loss.device)
        self.terms[number] += loss.detach()

    def add(self, loss: Tensor, is_step: bool) -> None:
        """Add a forward pass's loss, which may end an optimizer step."""
        self._loss = self._loss.to(loss.device) + loss.detach()
        self._steps += is_step

    def take(self, names: Iterable[str]) -> dict[str, float]:
        """Return the means for a row of the log, on all processes, and begin again."""
        if not self._steps:
            return {}
        values = distributed.mean(self.terms)
        row = {"loss": distributed.mean(self._loss).item() / self._steps}
        for name, value in zip(names, values, strict=True):
            row[f"{name}_loss"] = round(float(value) / self._steps, 6)
        self.terms = torch.zeros(len(self.terms))
        self._loss, self._steps = torch.zeros(()), 0
        return row

    def save(self, checkpoint: Path) -> None:
        """Keep the sums in a checkpoint: their mean over all processes, which all of them load."""
        loss, terms = distributed.mean(self._loss), distributed.mean(self.terms)
        if distributed.is_main():
            sums = {"loss": loss.item(), "terms": terms.tolist(), "steps": self._steps}
            write_json(checkpoint / FILE, sums)

    def load(self, checkpoint: Path) -> None:
        """Go on with the sums of a checkpoint."""
        path = checkpoint / FILE
        if path.is_file():
            sums = read_json(path)
            self.terms = torch.tensor(sums["terms"])
            self._loss, self._steps = torch.tensor(sums["loss"]), sums["steps"]


def log_rows(history: Sequence[dict[str, float]]) -> list[dict[str, float]]:
    """Return the rows of a log, the last one with the mean loss of all steps.

    transformers' own counts those since a resumption.
    """
    rows = [dict(row) for row in history]
    losses = [row for row in rows if "loss" in row]
    steps = [0, *(row["step"] for row in losses)]
    lengths = [after - before for before, after in itertools.pairwise(steps)]
    if rows and "train_loss" in rows[-1] and sum(lengths):
        total = sum(row["loss"] * length for row, length in zip(losses, lengths, strict=True))
        rows[-1]["train_loss"] = total / sum(lengths)
    return rows
