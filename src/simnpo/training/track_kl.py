"""How far training takes a model from where it began: KL over steps (paper, app. G, Fig. A4)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import torch
from transformers import TrainerCallback, TrainerState

from simnpo.data.batching import pad, token_budget_batches
from simnpo.data.encoding import Encoded, Encoder
from simnpo.data.examples import Example
from simnpo.forward.divergences import answer_divergences
from simnpo.methods.kl import KL
from simnpo.models.causal_lm import CausalLM
from simnpo.storage.files import read_table, write_table
from simnpo.training.reference import TOKENS_PER_BATCH, FrozenReference

DRIFT = "drift.parquet"
COLUMNS = ("step", "epoch", "set", "kl")
"""A row per measured step and set of examples; `kl` in nats per answer token."""
MEASURES = 25
"""Measurements of a training at most, about evenly over its steps."""
EXAMPLES = 64
"""Examples of each set that are measured, evenly drawn from it."""


class TrackKL(TrainerCallback):
    """Writes `drift.parquet`: KL(original || current) on answer tokens as training goes on.

    Holds a copy of the model as it is before training.
    """

    def __init__(self, sets: Mapping[str, Sequence[Example]], encoder: Encoder, out: Path):
        """Take up to `EXAMPLES` of each set."""
        self._path = out / DRIFT
        self._encoded = {
            name: encoder.encode_all([examples[place] for place in _spread(len(examples))])
            for name, examples in sets.items()
        }
        self._rows: list[tuple[int, float, str, float]] = []
        self._original: FrozenReference | None = None

    def on_init_end(
        self, args: object, state: object, control: object, model: CausalLM, **kwargs: object
    ) -> None:
        """Copy the model, before a checkpoint that is resumed from takes its place."""
        self._original = FrozenReference(model)

    def on_train_begin(
        self, args: object, state: TrainerState, control: object, **kwargs: object
    ) -> None:
        """Begin at the first step, where nothing has moved, or with what a checkpoint knows."""
        self._rows = [(0, 0.0, name, 0.0) for name in self._encoded]
        if state.global_step and self._path.is_file():
            known = read_table(self._path)
            kept = known[known["step"] <= state.global_step]
            self._rows = list(kept.itertuples(index=False, name=None))

    def on_step_end(
        self, args: object, state: TrainerState, control: object, model: CausalLM, **kwargs: object
    ) -> None:
        """Measure every so many steps, and at the last."""
        every = max(1, -(-state.max_steps // MEASURES))
        if state.global_step % every and state.global_step < state.max_steps:
            return
        for name, encoded in self._encoded.items():
            value = self._mean_kl(model, encoded)
            self._rows.append((state.global_step, float(state.epoch), name, value))

    def keep_record(self, checkpoint: Path, step: int) -> None:
        """Write the measurements so far, which a resumption goes on from."""
        self._write()

    def on_train_end(self, args: object, state: object, control: object, **kwargs: object) -> None:
        """Write all measurements."""
        self._write()

    def _write(self) -> None:
        table = pd.DataFrame(self._rows, columns=list(COLUMNS)).astype({"kl": "float64"})
        write_table(self._path, table)

    @torch.no_grad()
    def _mean_kl(self, model: CausalLM, encoded: Sequence[Encoded]) -> float:
        assert self._original is not None
        was_training = model.training
        model.eval()
        where = next(model.parameters()).device
        total, tokens = 0.0, 0
        for rows in token_budget_batches([len(one.ids) for one in encoded], TOKENS_PER_BATCH):
            batch = pad([encoded[row] for row in rows], device=where)
            scores = answer_divergences(model, [self._original.model()], batch, KL().divergence)
            total += float(scores.divergences.sum())
            tokens += int(scores.mask.sum())
        model.train(was_training)
        return total / tokens


def _spread(count: int) -> list[int]:
    """Return the places of up to `EXAMPLES` of `count` examples, evenly apart."""
    taken = min(count, EXAMPLES)
    return [place * count // taken for place in range(taken)]
