"""A model whose weights are rounded to few bits (arXiv 2410.16454), with its evaluation.

The rounding is simulated, so it runs anywhere: weights keep their type and take few values.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad
from transformers.pytorch_utils import Conv1D

from simnpo.errors import UserError
from simnpo.evaluation.evaluate import evaluate_into
from simnpo.evaluation.evaluation import EVALUATION
from simnpo.experiments.external_model import ExternalModel
from simnpo.experiments.model_runs import retain_tables
from simnpo.experiments.run import LOADED, Run
from simnpo.forward.lm_head import output_head
from simnpo.models import load_model
from simnpo.models.causal_lm import CausalLM
from simnpo.models.experts import describe_left_out, is_linear, stacked_experts

GROUP = 128
"""Weights of a row that share a scale below 8 bits, as in GPTQ and AWQ."""


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
def quantize_model(model: CausalLM, bits: int) -> float:
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
    return rounded / sum(parameter.numel() for parameter in model.parameters())


def _matrices(model: CausalLM) -> Iterator[tuple[Tensor, bool]]:
    """Yield the weights of linear layers and experts, and whether inputs come before outputs."""
    for module in model.modules():
        if is_linear(module):  # transformers' Conv1D, as GPT-2 has it, is held transposed
            yield module.weight, isinstance(module, Conv1D)
    for experts in stacked_experts(model):
        yield experts.weight, experts.transposed


@dataclass(frozen=True)
class QuantizeRun(Run):
    """A model's weights rounded, and the result evaluated. The seed says nothing here."""

    of: ExternalModel
    bits: int
    per_weight: ClassVar[int] = LOADED

    @property
    def title(self) -> str:
        """The model, and how wide its weights are."""
        return f"{self.of.title}, {self.bits} bits"

    @property
    def needs(self) -> tuple[Run, ...]:
        """The model, and what its metrics compare with."""
        return (self.of, *self.of.needs)

    @property
    def seconds(self) -> float:
        """An evaluation."""
        return self.of.seconds

    @property
    def registered(self) -> frozenset[str]:
        """The benchmark."""
        return frozenset({self.of.site.benchmark})

    def depends_on(self) -> Mapping[str, object]:
        """Return what the weights are rounded to."""
        return {"settings": {"bits": self.bits, "group": GROUP}}

    def execute(self, home: Path) -> dict[str, object]:
        """Round, and evaluate; the model is not kept."""
        site, name = self.of.site, self.of.model
        model = load_model(name, site.precision, site.trust_remote_code)
        share = quantize_model(model, self.bits)
        evaluate_into(
            self.folder(home) / EVALUATION,
            model,
            site.encoder_of(name),
            site.load(),
            retain_tables(self.needs, home),
            name=f"{self.of.name}, {self.bits} bits",
            model_name=name,
            quantized_bits=self.bits,
            quantized_share=round(share, 4),
        )
        left = describe_left_out(model)
        note = f"Note: not rounded, apart from embeddings, head and norms: {left}."
        return {"notes": [note] if left else []}
