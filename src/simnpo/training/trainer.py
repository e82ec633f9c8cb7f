"""`UnlearnTrainer`: transformers' Trainer with forget and retain objectives."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from simnpo.config import MAX_LENGTH
from simnpo.data.encoding import Encoder
from simnpo.data.examples import Example
from simnpo.errors import TrainingDiverged
from simnpo.logprobs import answer_logits, check_ids, output_head, spread
from simnpo.objectives import Method
from simnpo.objectives.base import Forward, Scored
from simnpo.training.callbacks import StepGuard
from simnpo.training.reference import FrozenReference, reference_logps
from simnpo.training.sampling import LengthGroupedSampler
from simnpo.training.terms import Collator, PairedDataset, Term, build_terms


class UnlearnTrainer(Trainer):
    """Minimises `forget_weight * forget + retain_weight * retain` (the paper's eq. 2).

    An epoch is one pass over the forget set (over the retain set where there is no forget term);
    forget and retain rows go through the model in one forward pass. Reference log-probs are
    computed once, at the start of `train`; a method that needs none never computes any.
    """

    def __init__(
        self,
        model: nn.Module,
        args: TrainingArguments,
        *,
        method: Method,
        tokenizer: Any,
        forget: Sequence[Example] = (),
        retain: Sequence[Example] = (),
        refusals: Sequence[str] = (),
        template: str = "auto",
        max_length: int = MAX_LENGTH,
        group_by_length: bool = False,
        callbacks: list[TrainerCallback] | None = None,
    ):
        """Encode the data and set up transformers' Trainer.

        Args:
            model: a causal LM, with LoRA adapters or without.
            args: transformers' training arguments.
            method: see `simnpo.objectives.build_method`.
            tokenizer: the model's tokenizer.
            forget: what to forget.
            retain: what to keep.
            refusals: answers for IDK methods.
            template: see `simnpo.data.templates.choose_template`.
            max_length: tokens of a sequence at most.
            group_by_length: make batches of like lengths, see `LengthGroupedSampler`.
            callbacks: further callbacks of transformers' Trainer.

        Raises:
            UserError: see `build_terms` and `Encoder`.
        """
        encoder = Encoder(tokenizer, template, max_length)
        self.terms: list[Term] = build_terms(
            method, forget, retain, encoder, refusals, seed=args.seed
        )
        check_ids(
            model, [one for term in self.terms for rows in term.encoded.values() for one in rows]
        )
        self._pairs = PairedDataset(self.terms, args.seed)
        self._group_by_length = group_by_length
        self._reference_logps: dict[tuple[str, str], Tensor] = {}
        self._frozen: FrozenReference | None = None
        self._term_sums = torch.zeros(len(self.terms))
        self._steps_summed = 0
        args.remove_unused_columns = False  # the collator's columns are not the model's arguments
        args.logging_nan_inf_filter = False  # a NaN loss must stop the run, not be smoothed over
        super().__init__(
            model=model,
            args=args,
            train_dataset=self._pairs,
            data_collator=Collator(self.terms),
            processing_class=tokenizer,
            callbacks=[StepGuard(self._pairs), *(callbacks or [])],
        )
        # The loss here is a mean over the whole optimizer step, by our own count of examples.
        self.model_accepts_loss_kwargs = True
        self.loss_is_scaled_for_ga = True
        self.remove_callback(PrinterCallback)
        self.remove_callback(ProgressCallback)

    def train(self, resume_from_checkpoint: Any = None, **kwargs: Any) -> Any:
        """Train, computing first what the objectives need of the model as it is now.

        Raises:
            TrainingDiverged: the loss or a gradient became NaN or infinite; the weights are those
                before the step that failed.
        """
        for term in self.terms:
            if term.objective.needs_reference_logps:
                for answer, encoded in term.encoded.items():
                    self._reference_logps[term.name, answer] = reference_logps(self.model, encoded)
            if term.objective.needs_distributions:
                self._frozen = FrozenReference(self.model)
        return super().train(resume_from_checkpoint=resume_from_checkpoint, **kwargs)

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        if not self._group_by_length:
            return super()._get_train_sampler(train_dataset)
        return LengthGroupedSampler(self.terms[0], self._pairs, self._train_batch_size)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """Return this batch's share of the mean loss over the optimizer step."""
        examples = len(inputs["rows"])
        share = examples / float(num_items_in_batch or examples)
        total = inputs["rows"].new_zeros((), dtype=torch.float32)
        for number, (term, forward) in enumerate(self._forwards(model, inputs)):
            loss = term.objective.loss(forward).mean() * share
            total = total + term.weight * loss
            self._term_sums[number] += loss.detach().cpu()
        if not torch.isfinite(total):
            raise TrainingDiverged(
                f"the loss became {float(total.detach())} at step {self.state.global_step + 1}."
            )
        return (total, None) if return_outputs else total

    def _forwards(self, model: nn.Module, inputs: dict[str, Any]) -> list[tuple[Term, Forward]]:
        """Run the model once and part what it said by term and answer."""
        batch: Any = {key: inputs[key] for key in ("input_ids", "answer_mask")}
        head = output_head(self.accelerator.unwrap_model(model))
        scored = answer_logits(model, batch, head)
        logprobs = spread(scored.token_logprobs(), scored.mask)
        forwards: list[tuple[Term, Forward]] = []
        size, first = len(inputs["rows"]), 0
        for number, term in enumerate(self.terms):
            forward: dict[str, Scored] = {}
            for answer in term.encoded:
                rows = slice(first, first + size)
                part = Scored(logprobs[rows], scored.mask[rows])
                if (known := self._reference_logps.get((term.name, answer))) is not None:
                    chosen = known[inputs["rows"][:, number].cpu()]
                    part = part._replace(reference_logps=chosen.to(logprobs.device))
                if term.objective.needs_distributions:
                    assert self._frozen is not None
                    tokens = scored.mask.sum(-1).cumsum(0)
                    begin = int(tokens[first - 1]) if first else 0
                    own = scored.logits[begin : int(tokens[first + size - 1])]
                    with self._frozen.model() as original:
                        kept: Any = {key: value[rows] for key, value in batch.items()}
                        reference = answer_logits(original, kept).log_distributions()
                    part = part._replace(
                        log_distributions=own.float().log_softmax(-1),
                        reference_log_distributions=reference,
                    )
                forward[answer] = part
                first += size
            forwards.append((term, forward))
        return forwards

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: torch.device) -> Any:
        """Count the examples of one optimizer step on this process."""
        return sum(len(batch["rows"]) for batch in batch_samples) or None

    def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
        """Run one forward and backward pass; see transformers."""
        loss: Tensor = super().training_step(*args, **kwargs)
        if self.accelerator.sync_gradients:
            self._steps_summed += 1
        return loss

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Log, adding each term's own mean loss since the last log."""
        if "loss" in logs and self._steps_summed:
            for term, value in zip(self.terms, self._term_sums, strict=True):
                logs[f"{term.name}_loss"] = round(float(value) / self._steps_summed, 6)
            self._term_sums.zero_()
            self._steps_summed = 0
        super().log(logs, *args, **kwargs)
