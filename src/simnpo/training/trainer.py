"""`UnlearnTrainer`: transformers' Trainer with forget and retain objectives."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import Sampler
from transformers import Trainer, TrainerCallback, TrainerControl, TrainingArguments

from simnpo.data.encoding import Encoder
from simnpo.data.given_rows import Rows, as_examples
from simnpo.data.prompt_settings import PromptSettings
from simnpo.data.tokenizer import Tokenizer
from simnpo.forward.activations import check_layer, training_only
from simnpo.forward.lm_head import output_head, probe_lm_head
from simnpo.forward.logprobs import check_sequences
from simnpo.forward.packing import packed_step
from simnpo.methods.base import ALTERNATE
from simnpo.methods.method import Method
from simnpo.models.causal_lm import CausalLM, PeftConfig
from simnpo.storage.folder_lock import held
from simnpo.system import distributed
from simnpo.training.checkpoints import whole_checkpoint
from simnpo.training.dropout import without_dropout
from simnpo.training.forwards import Forwards
from simnpo.training.gradient_weights import RecordWeights
from simnpo.training.loss_sums import LossSums
from simnpo.training.model_configs import default_generation, special_tokens_kept
from simnpo.training.reference import check_reference, check_reinforced
from simnpo.training.refusals import check_layers, check_whole
from simnpo.training.sampling import sampler
from simnpo.training.schedule import schedule
from simnpo.training.set_metrics import set_metrics
from simnpo.training.step_guard import StepGuard
from simnpo.training.terms import Collator, PairedBatch, PairedDataset, Term, build_terms
from simnpo.training.unlearn_config import made_ready, resolve


class UnlearnTrainer(Trainer):
    """Minimises `forget_weight * forget + retain_weight * retain` (the paper's eq. 2).

    An epoch is one pass over the forget set (over the retain set where there is no forget term);
    forget and retain rows go through the model in one forward pass. Reference log-probs are
    computed once, at the start of `train`; a method that needs none never computes any. Progress
    is shown as by any Trainer: a bar, or with `disable_tqdm` the rows of the log.
    """

    lr_scheduler: LambdaLR | None
    control: TrainerControl

    def __init__(
        self,
        model: str | CausalLM,
        args: TrainingArguments,
        *,
        processing_class: Tokenizer | None = None,
        forget_dataset: Rows = (),
        retain_dataset: Rows = (),
        eval_dataset: Rows | Mapping[str, Rows] | None = None,
        peft_config: PeftConfig | None = None,
        method: str | Method | None = None,
        refusals: Sequence[str] = (),
        template: str | PromptSettings | None = None,
        max_length: int | None = None,
        group_by_length: bool = False,
        warmup_ratio: float | None = None,
        reinforced: CausalLM | None = None,
        reference: CausalLM | None = None,
        offload_reference: bool | None = None,
        keeps_dropout: bool | None = None,
        callbacks: list[TrainerCallback] | None = None,
    ):
        """Encode the data and set up transformers' Trainer.

        Args:
            model: a causal LM, with LoRA adapters or without; or its name.
            args: an `UnlearnConfig`, or transformers' training arguments. With `bf16` the model
                runs under autocast outside training, too (`simnpo.models.precision`).
            processing_class: the model's tokenizer; None loads it by the model's name.
            forget_dataset: what to forget, see `simnpo.data.given_rows.Rows`.
            retain_dataset: what to keep.
            eval_dataset: what `evaluate` measures, one set or several by name; None takes the
                forget and the retain set.
            peft_config: puts adapters of peft on the model.
            method: a method of losses or its name; None takes the one in `args`, as it is with
                `template`, `max_length`, `offload_reference` and `keeps_dropout`.
            refusals: answers for IDK.
            template: see `simnpo.data.template_choice.choose_template`.
            max_length: tokens of a sequence at most.
            group_by_length: make batches of similar length, see `LengthGroupedSampler`.
            warmup_ratio: see `simnpo.training.schedule`; None leaves transformers' own.
            reinforced: `model` over-fitted on the forget set, for methods that compare with it.
            reference: what objectives with a reference take its log-probs from, instead of
                `model` as it is before training.
            offload_reference: see `FrozenReference`.
            keeps_dropout: whether unlearning keeps the model's dropout; fine-tuning always does.
            callbacks: further callbacks of transformers' Trainer.

        Raises:
            UserError: the method trains some layers alone and does not go with this model or with
                how it is trained; or see `resolve`, `made_ready`, `build_terms`, `Encoder`,
                `check_reinforced` and `check_reference`.
        """
        asked = resolve(args, method, template, max_length, offload_reference, keeps_dropout)
        method = asked.method
        model, processing_class = made_ready(model, processing_class, peft_config, args.bf16)
        check_reinforced(method, model, reinforced)
        check_reference(method, model, reference)
        encoder = self._encoder = Encoder(processing_class, asked.template, asked.max_length)
        alternates = method.forget is not None and ALTERNATE in method.forget.answers
        forget = as_examples(forget_dataset, "forget_dataset", alternates)
        retain = as_examples(retain_dataset, "retain_dataset")
        self.terms: list[Term] = build_terms(method, forget, retain, encoder, refusals, args.seed)
        check_sequences(model, [one for term in self.terms for one in term.sequences])
        self._pairs = PairedDataset(self.terms, args.seed)
        self._group_by_length, self._warmup_ratio = group_by_length, warmup_ratio
        self._keeps_dropout = asked.keeps_dropout or method.forget is None
        self._forwards = Forwards(
            self.terms, args.seed, reinforced, reference, asked.offload_reference
        )
        self._recorders = [one for one in callbacks or () if isinstance(one, RecordWeights)]
        self._check_layers(model)
        self._room: Path | None = None  # where a checkpoint is being made
        self._sums, self._guard = LossSums(len(self.terms)), StepGuard(self._pairs)
        args.remove_unused_columns = False  # the collator's columns are not the model's arguments
        args.logging_nan_inf_filter = False  # a NaN loss must stop the run, not be smoothed over
        # What a batch goes through is not one forward pass that returns the loss: DDP may not
        # trace it, nor send the model's constant buffers around at each of its parts.
        args.ddp_find_unused_parameters = False
        args.ddp_broadcast_buffers = False
        sets = {"forget": forget, "retain": retain}
        settings = model.config
        use_cache = vars(settings).get("use_cache")
        super().__init__(
            model=model,
            args=args,
            train_dataset=self._pairs,
            eval_dataset=sets if eval_dataset is None else eval_dataset,
            data_collator=Collator(self.terms),
            processing_class=processing_class,
            callbacks=[self._guard, *(callbacks or [])],
        )
        sharded = self.is_fsdp_enabled or self.is_deepspeed_enabled
        check_layers(self._forwards.trained_layers, False, sharded)
        # The Trainer writes into what is saved; our passes say themselves whether they use a cache.
        del settings.use_cache
        if use_cache is not None:
            settings.use_cache = use_cache
        # The loss here is a mean over the whole optimizer step, by our own count of examples.
        self.model_accepts_loss_kwargs = True
        self.loss_is_scaled_for_ga = True

    def train(self, resume_from_checkpoint: str | bool | None = None, **kwargs: object) -> object:
        """Train, computing first what the objectives need of the model as it is now.

        Raises:
            TrainingDiverged: the loss or a gradient became NaN or infinite; the weights are those
                before the step that failed.
        """
        if distributed.world_size() > 1:
            self._read_head()
        self._forwards.prepare(self.model)
        if isinstance(resume_from_checkpoint, str):
            self._sums.load(Path(resume_from_checkpoint))
        layers = self._forwards.trained_layers
        with (
            held(Path(self.args.output_dir)),
            special_tokens_kept(self.model),
            training_only(self.model, layers) if layers else nullcontext(),
            nullcontext() if self._keeps_dropout else without_dropout(self.model),
        ):
            return super().train(resume_from_checkpoint=resume_from_checkpoint, **kwargs)

    def evaluate(
        self,
        eval_dataset: Rows | Mapping[str, Rows] | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        """Return how well answers are known, from scoring alone: see `set_metrics`.

        Args:
            eval_dataset: one set or several by name; None takes the trainer's own.
            ignore_keys: of no use here.
            metric_key_prefix: what names of metrics begin with.

        Raises:
            UserError: a set cannot be read, or the weights are sharded.
        """
        check_whole(distributed.is_sharded(self.model))
        asked = self.eval_dataset if eval_dataset is None else eval_dataset
        model = self.accelerator.unwrap_model(self.model)
        found = set_metrics(model, self._encoder, asked, metric_key_prefix)
        self.log(dict(found))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, found)
        return found

    def _check_layers(self, model: CausalLM) -> None:
        """Make sure that single layers of `model` can be trained, where a method does that."""
        layers = self._forwards.trained_layers
        check_layers(layers, hasattr(model, "peft_config"), sharded=False)
        if layers is not None:
            check_layer(model, layers[-1])

    def _read_head(self) -> None:
        """Find out what comes after the LM head on every process, before the model is wrapped.

        Later it would take a forward pass, and only of the processes that did not know yet.
        """
        first = next(iter(self.terms[0].encoded.values()))[0]
        ids = torch.tensor([first.ids], device=next(self.model.parameters()).device)
        probe_lm_head(self.model, output_head(self.model), ids)

    def _get_train_sampler(self, train_dataset: object = None) -> Sampler[int]:
        seed = self.args.seed if self.args.data_seed is None else self.args.data_seed
        term = self.terms[0] if self._group_by_length else None
        return sampler(self._pairs, seed, self._train_batch_size, term)

    def _save_checkpoint(self, model: CausalLM, trial: object) -> None:
        """Write a checkpoint that appears whole or not at all; see transformers.

        The model's settings for generation stay out of it: with the tokenizer's special tokens in
        them transformers counts them as changed, and refuses values that it had loaded.
        """
        self._guard.settle()
        out, step = Path(self.args.output_dir), self.state.global_step
        limit = self.args.save_total_limit
        with (
            default_generation(self.accelerator.unwrap_model(self.model)),
            whole_checkpoint(out, step, self.callback_handler.callbacks, limit) as self._room,
        ):
            super()._save_checkpoint(model, trial)
            self._sums.save(self._room / f"checkpoint-{step}")
        self._room = None

    def _get_output_dir(self, trial: object) -> str:
        return str(self._room) if self._room else super()._get_output_dir(trial)

    def create_scheduler(
        self, num_training_steps: int, optimizer: Optimizer | None = None
    ) -> object:
        """Make the schedule of the learning rate; see transformers."""
        if self._warmup_ratio is None or self.lr_scheduler is not None:
            return super().create_scheduler(num_training_steps, optimizer)
        self.lr_scheduler = schedule(
            optimizer or self.optimizer,
            num_training_steps,
            self._warmup_ratio,
            decay=self.args.lr_scheduler_type == "linear",
        )
        return self.lr_scheduler

    def compute_loss(
        self,
        model: CausalLM,
        inputs: PairedBatch,
        return_outputs: bool = False,
        num_items_in_batch: float | None = None,
    ) -> Tensor | tuple[Tensor, None]:
        """Return this batch's share of the mean loss over the optimizer step."""
        examples = inputs["examples"]
        share = examples / (num_items_in_batch or examples)
        total = inputs["rows"].new_zeros((), dtype=torch.float32)
        forwards = self._forwards.run(model, self.accelerator.unwrap_model(model), inputs)
        for recorder in self._recorders:
            recorder.on_forward(self._pairs.epoch, self.terms, forwards, inputs["rows"])
        for number, (term, forward) in enumerate(zip(self.terms, forwards, strict=True)):
            loss = term.objective.loss(forward).mean() * share
            total = total + term.weight * loss
            self._sums.add_term(number, loss)
        self._guard.add(total)
        return (total, None) if return_outputs else total

    def _get_num_items_in_batch(
        self, batch_samples: list[PairedBatch], device: torch.device
    ) -> float | None:
        """Return the examples of one optimizer step per process, on average.

        Gradients are averaged over the processes, so a process's loss is its sum over this average.
        """
        own = float(sum(batch["examples"] for batch in batch_samples))
        if distributed.world_size() > 1:
            own = distributed.mean(torch.tensor(own)).item()
        return own or None

    def training_step(self, model: CausalLM, inputs: PairedBatch, *others: object) -> Tensor:
        """Run one forward and backward pass; see transformers."""
        longest = max(span.length for span in inputs["spans"])
        with packed_step(model, longest):
            loss: Tensor = super().training_step(model, inputs, *others)
        self._sums.add(loss, bool(self.accelerator.sync_gradients))
        return loss

    def log(self, logs: dict[str, float], *args: object, **kwargs: object) -> None:
        """Log, adding each term's own mean loss since the last log."""
        self._guard.settle()  # a row of the log has finite numbers
        if "loss" in logs:
            logs |= self._sums.take(term.name for term in self.terms)
        super().log(logs, *args, **kwargs)
