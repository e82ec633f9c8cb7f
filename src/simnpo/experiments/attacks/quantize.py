"""Quantization: round the unlearned model's weights to few bits (arXiv 2410.16454).

Unlearning moves weights little; rounding may put them back to where the original's go. The rounding
is simulated, so it runs anywhere: weights keep their type and take few values.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad
from transformers.pytorch_utils import Conv1D

from simnpo.benchmarks.base import Benchmark
from simnpo.errors import UserError
from simnpo.evaluation.evaluate import evaluate_into
from simnpo.evaluation.evaluation import SUMMARY, read_evaluation
from simnpo.evaluation.tables import Tables
from simnpo.experiments.attacks.targets import Target
from simnpo.forward.lm_head import output_head
from simnpo.models.experts import describe_left_out, is_linear, stacked_experts
from simnpo.report.curves import COLUMNS
from simnpo.system.notes import note_once
from simnpo.system.progress import announced

GROUP = 128
"""Weights of a row that share a scale below 8 bits, as in GPTQ and AWQ."""
FULL = "full"
"""Name of the weights before they are rounded."""


def round_to_nearest(
    weight: Float[Tensor, "outputs inputs"], bits: int
) -> Float[Tensor, "outputs inputs"]:
    """Round a linear layer's weights to `bits` bits, symmetrically, to the nearest level.

    A level is a whole multiple, from `-(2^(bits-1) - 1)` to as much above 0, of a scale that the
    largest absolute value has: in 8 bits one scale per row, in fewer one per `GROUP` weights of a
    row (its last group may be smaller). No weight moves by more than half its scale.
    """
    outputs, inputs = weight.shape
    width = inputs if bits >= 8 else min(GROUP, inputs)
    grouped = pad(weight.float(), (0, -inputs % width)).view(outputs, -1, width)
    most = 2 ** (bits - 1) - 1
    scale = grouped.abs().amax(-1, keepdim=True) / most
    levels = (grouped / scale.where(scale > 0, 1)).round().clamp(-most, most)
    rounded: Tensor = (levels * scale).view(outputs, -1)[:, :inputs]
    return rounded.to(weight.dtype)


@torch.no_grad()
def quantize_model(model: nn.Module, bits: int) -> float:
    """Round the weights of all linear layers but the LM head, and of all experts.

    Embeddings, norms and biases stay; matrices that are neither, such as routers, are named.

    Returns:
        The share of the model's weights that were rounded.

    Raises:
        UserError: the model has no such layer.
    """
    head = output_head(model).weight
    rounded = 0
    for weight, transposed in _matrices(model):
        if weight is head:
            continue
        for matrix in weight if weight.ndim == 3 else (weight,):
            turned = matrix.T if transposed else matrix
            values = round_to_nearest(turned, bits)
            matrix.copy_(values.T if transposed else values)
        rounded += weight.numel()
    if not rounded:
        raise UserError("this model has no linear layer but its LM head: nothing to quantize.")
    if left := describe_left_out(model):
        note_once(f"Note: not rounded, apart from embeddings, head and norms: {left}.")
    return rounded / sum(parameter.numel() for parameter in model.parameters())


def _matrices(model: nn.Module) -> Iterator[tuple[Any, bool]]:
    """Yield the weights of linear layers and experts, and whether inputs come before outputs."""
    for module in model.modules():
        if is_linear(module):  # transformers' Conv1D, as GPT-2 has it, is held transposed
            yield module.weight, isinstance(module, Conv1D)
    for experts in stacked_experts(model):
        yield experts.weight, experts.transposed


@dataclass(frozen=True)
class Quantization:
    """Several models, each rounded to several widths."""

    targets: tuple[Target, ...]
    benchmark: Benchmark
    bits: tuple[int, ...]

    def steps(self) -> tuple[str, ...]:
        """Name what each model is measured as."""
        return (FULL, *(f"{bits} bits" for bits in self.bits))


class Run(NamedTuple):
    """One model at one width."""

    target: Target
    bits: int | None
    """None leaves the weights as they are."""

    @property
    def step(self) -> str:
        """Its width in words, see `Quantization.steps`."""
        return FULL if self.bits is None else f"{self.bits} bits"

    def folder(self, among: Path) -> Path:
        """Return where this run keeps its evaluation."""
        return among / self.target.folder / self.step.replace(" ", "-")


def run_quantization(attack: Quantization, folder: Path, retain: Tables | None) -> pd.DataFrame:
    """Evaluate what `folder` does not hold, and return the metrics of all.

    Args:
        attack: what to do.
        folder: where each evaluation is kept, see `simnpo.evaluation.evaluation`.
        retain: tables of a retain model, for metrics that compare with it.

    Returns:
        A table with `simnpo.report.curves.COLUMNS`: the step is the place in `attack.steps()`.

    Raises:
        UserError: see `quantize_model` and `simnpo.evaluation.evaluate.evaluate_model`.
    """
    runs = [Run(target, bits) for target in attack.targets for bits in (None, *attack.bits)]
    waiting = [run for run in runs if not (run.folder(folder) / SUMMARY).is_file()]
    for run in announced(waiting, lambda run: f"Quantizing: {run.target.name}, {run.step}"):
        model, tokenizer = run.target.load()
        share = quantize_model(model, run.bits) if run.bits else 0.0
        evaluate_into(
            run.folder(folder),
            model,
            run.target.encoder(tokenizer),
            attack.benchmark,
            retain,
            name=run.target.name if run.bits is None else f"{run.target.name}, {run.step}",
            model_name=run.target.model,
            quantized_bits=run.bits,
            quantized_share=round(share, 4),
        )
    steps = attack.steps()
    rows = [
        (run.target.name, "", 0, steps.index(run.step), metric, value)
        for run in runs
        for metric, value in read_evaluation(run.folder(folder)).summary["metrics"].items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"value": "float64"})
