"""One batch through the model: what each objective asked for, of the model and of its reference."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from simnpo.data.batching import rows_of
from simnpo.forward.activations import layer_activations
from simnpo.forward.divergences import answer_divergences
from simnpo.forward.lm_head import output_head
from simnpo.forward.logprobs import answer_logprobs
from simnpo.methods.base import (
    ORIGINAL,
    REINFORCED,
    ActivationObjective,
    DivergenceObjective,
    Forward,
    Scored,
    trained_layers,
)
from simnpo.methods.rmu import control_vector
from simnpo.models.causal_lm import CausalLM
from simnpo.training.reference import FrozenLayers, FrozenReference, reference_logps
from simnpo.training.terms import PairedBatch, Term


class Forwards:
    """Runs a model on the rows of all terms and splits its output by term and answer."""

    def __init__(
        self,
        terms: Sequence[Term],
        seed: int,
        reinforced: CausalLM | None = None,
        reference: CausalLM | None = None,
        offload_reference: bool = False,
    ):
        """Bind the terms of a loss.

        Args:
            terms: in the order of `Collator`'s rows.
            seed: of the control vectors.
            reinforced: the model over-fitted on the forget set, where an objective compares
                with it.
            reference: the model that reference log-probs come from; None takes the one that is
                trained, as it is before that.
            offload_reference: see `FrozenReference`.
        """
        self._terms, self._seed, self._reinforced = terms, seed, reinforced
        self._reference = reference
        self._offload_reference = offload_reference
        self._places = [
            (number, answer) for number, term in enumerate(terms) for answer in term.encoded
        ]
        self._reference_logps: dict[tuple[int, str], Tensor] = {}
        self._frozen: FrozenReference | None = None
        self._frozen_layers: FrozenLayers | None = None

    @property
    def trained_layers(self) -> range | None:
        """The decoder layers that are trained, where it is not the whole model."""
        return trained_layers(term.objective for term in self._terms)

    def prepare(self, model: CausalLM) -> None:
        """Compute and keep what the objectives need of the model as it is before training."""
        for number, answer in self._places:
            term = self._terms[number]
            if term.objective.needs_reference_logps:
                logps = reference_logps(self._reference or model, term.encoded[answer])
                self._reference_logps[number, answer] = logps
        objectives = [term.objective for term in self._terms]
        if any(
            isinstance(one, DivergenceObjective) and ORIGINAL in one.references
            for one in objectives
        ):
            self._frozen = FrozenReference(model, self._offload_reference)
        layers = self.trained_layers
        self._reference = None  # it is not needed any more
        if layers and any(
            isinstance(one, ActivationObjective) and one.needs_reference_activations
            for one in objectives
        ):
            self._frozen_layers = FrozenLayers(model, layers)

    def run(self, model: CausalLM, base: CausalLM, inputs: PairedBatch) -> list[Forward]:
        """Return what each term's objective is given.

        Args:
            model: the model, possibly wrapped.
            base: the causal LM inside `model`.
            inputs: a batch of `Collator` on the model's device.
        """
        scored: dict[int, Scored] = {}
        compared, activated, plain = list[int](), list[int](), list[int]()
        for place, (number, _) in enumerate(self._places):
            objective = self._terms[number].objective
            if isinstance(objective, DivergenceObjective):
                compared.append(place)
            elif isinstance(objective, ActivationObjective):
                activated.append(place)
            else:
                plain.append(place)
        for place in compared:
            scored[place] = self._compared(model, base, inputs, place)
        if activated:
            scored |= self._activated(model, base, inputs, activated)
        if plain:
            scored |= self._plain(model, base, inputs, plain)
        forwards: list[dict[str, Scored]] = [{} for _ in self._terms]
        for place, (number, answer) in enumerate(self._places):
            forwards[number][answer] = scored[place]
        return list(forwards)

    def _plain(
        self, model: CausalLM, base: CausalLM, inputs: PairedBatch, places: list[int]
    ) -> dict[int, Scored]:
        """Score answers by their tokens' log-probs, all in one forward pass."""
        rows = [row for place in places for row in _rows(inputs, place)]
        scores = answer_logprobs(model, rows_of(inputs, rows), output_head(base))
        scored, size = {}, len(inputs["rows"])
        for index, place in enumerate(places):
            own = slice(index * size, (index + 1) * size)
            reference = self._reference_of(place, inputs["rows"])
            scored[place] = Scored(scores.logprobs[own], scores.mask[own], reference)
        return scored

    def _reference_of(self, place: int, rows: Tensor) -> Tensor | None:
        """Return the reference log-probs of a batch's rows of a term, where it has any."""
        number, answer = self._places[place]
        known = self._reference_logps.get((number, answer))
        if known is None:
            return None
        if known.device != rows.device:  # once, before the first step
            known = self._reference_logps[number, answer] = known.to(rows.device)
        return known[rows[:, number]]

    def _compared(self, model: CausalLM, base: CausalLM, inputs: PairedBatch, place: int) -> Scored:
        """Compare distributions with the reference's, by the objective's own divergence."""
        objective = self._terms[self._places[place][0]].objective
        assert isinstance(objective, DivergenceObjective)
        scores = answer_divergences(
            model,
            [self._frozen_model(name) for name in objective.references],
            rows_of(inputs, _rows(inputs, place)),
            objective.divergence,
            output_head(base),
            objective.reference_logits,
        )
        return Scored(scores.logprobs, scores.mask, divergences=scores.divergences)

    def _frozen_model(self, name: str) -> AbstractContextManager[CausalLM]:
        """Return a context in which the frozen model of that name can be run."""
        if name == REINFORCED:
            assert self._reinforced is not None
            return nullcontext(self._reinforced)
        assert self._frozen is not None
        return self._frozen.model()

    def _activated(
        self, model: CausalLM, base: CausalLM, inputs: PairedBatch, places: list[int]
    ) -> dict[int, Scored]:
        """Read the activations of a layer, which is the same for all, in one forward pass."""
        layers = self.trained_layers
        assert layers is not None
        rows = [row for place in places for row in _rows(inputs, place)]
        found = layer_activations(model, base, rows_of(inputs, rows), layers[-1])
        scored, size = {}, len(inputs["rows"])
        for index, place in enumerate(places):
            objective = self._terms[self._places[place][0]].objective
            assert isinstance(objective, ActivationObjective)
            own = slice(index * size, (index + 1) * size)
            batch = rows_of(inputs, _rows(inputs, place))
            mask = batch["answer_mask"]
            one = Scored(torch.full(mask.shape, torch.nan), mask, activations=found[own])
            if objective.needs_reference_activations:
                assert self._frozen_layers is not None
                before = self._frozen_layers.activations(base, batch, layers[-1])
                one = one._replace(reference_activations=before)
            if objective.needs_control_vectors:
                vectors = self._control_vectors(place, inputs["rows"], found.shape[-1])
                one = one._replace(control_vectors=vectors)
            scored[place] = one
        return scored

    def _control_vectors(self, place: int, rows: Tensor, width: int) -> Tensor:
        """Return the control vector of each row's topic."""
        number, answer = self._places[place]
        encoded = self._terms[number].encoded[answer]
        topics = [encoded[row].topic for row in rows[:, number].tolist()]
        vectors = [control_vector(topic, self._seed, width) for topic in topics]
        return torch.stack(vectors).to(rows.device)


def _rows(inputs: PairedBatch, place: int) -> list[int]:
    """Return where a batch holds the rows of a term's answer."""
    size = len(inputs["rows"])
    return list(range(place * size, (place + 1) * size))
