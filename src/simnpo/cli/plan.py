"""`simnpo plan`: what a run will take, before anything is loaded."""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import tyro

from simnpo.cli.lora_options import LoraOptions
from simnpo.cli.options import MaxItems, MethodName, Revision, TrainingOptions, Unset, given
from simnpo.cli.own_sets import OwnSetOptions, warn_of_lengths
from simnpo.cli.prompt_options import ChatOptions
from simnpo.config import MAX_LENGTH, MEASURED_ROWS, TrainingConfig
from simnpo.errors import UserError
from simnpo.system.terminal import write

if TYPE_CHECKING:
    from simnpo.experiments.own_rows import OwnRows
    from simnpo.methods.method import Method
    from simnpo.methods.registry import AnyMethod
    from simnpo.planning.memory import Plan as Planned

EXAMPLES = 200


@dataclass(frozen=True)
class Plan:
    """Estimate the memory and time of an unlearning run from the model's configuration alone.

    Options are those of `unlearn`. With --forget the rows of your files are counted; without, all
    sequences are taken to be --max-length long, so give what yours need.

    Example: simnpo plan --model my-model --forget forget.jsonl --retain retain.jsonl
    """

    model: str
    """Model to unlearn from: a folder, a run of simnpo, or a hub id of any causal LM."""
    revision: Revision = None
    method: MethodName = "simnpo"
    retain_loss: Unset[str] = None
    """none, nll, or kl (KL divergence from the original model) [ga, undial and ceu none, else
    nll]."""
    max_length: int = MAX_LENGTH
    """Tokens of a question with its answer; with --forget at most, longer answers are shortened."""
    examples: Annotated[
        Unset[int],
        tyro.conf.arg(
            help=f"Size of the forget set, without --forget [{EXAMPLES}, as TOFU's forget05]."
        ),
    ] = None
    template: str = "auto"
    """With --forget: how a question becomes a prompt, as in unlearn."""
    no_report: bool = False
    """With --forget: plan a run that is not measured, as in unlearn."""
    max_items: MaxItems = None
    devices: int = 1
    """GPUs, each with the whole model and its own share of a batch."""
    memory: Unset[float] = None
    """Memory of a GPU to plan for, in GiB [that of the device here]."""
    tflops: Unset[float] = None
    """What each device sustains, in 10^12 operations a second [measured here]."""
    trust_remote_code: bool = False
    """Run Python code that comes with the model. Only for models whose code you have read."""
    training: TrainingOptions = field(default_factory=TrainingOptions)
    lora: LoraOptions = field(default_factory=LoraOptions)
    own: OwnSetOptions = field(default_factory=OwnSetOptions)
    chat: ChatOptions = field(default_factory=ChatOptions)

    def run(self) -> None:
        """Print the estimate of memory, whether it fits, and the estimate of time."""
        from simnpo.cli.plan_text import print_plan
        from simnpo.models import quiet

        quiet()
        self._check()
        rows = self._rows() if self.own.forget else None
        plan = self._plan(rows)
        print_plan(plan, rows, self.model, self.memory, self.tflops)
        if self.method == "task_vector":
            write("Note: this is its over-fitting on the forget set, all the training it has.")
        elif plan.method.needs_reinforced:
            write("Note: the over-fitting before it is as in --method task_vector.")

    def _rows(self) -> "OwnRows":
        """Return the rows of your files, as the model's tokenizer has them.

        Raises:
            UserError: a file or the tokenizer cannot be read.
        """
        from simnpo.benchmarks.own import FORGET
        from simnpo.data.encoding import Encoder
        from simnpo.data.prompt_settings import PromptSettings
        from simnpo.experiments.own_rows import OwnRows
        from simnpo.models import load_tokenizer

        seed = TrainingConfig.seed if self.training.seed is None else self.training.seed
        trains = self._trains()
        # As `unlearn`, which does not measure Retrain and trains it on all that is to be kept.
        measured = not self.no_report and trains[0] == FORGET
        tokenizer = load_tokenizer(self.model, self.trust_remote_code)
        prompts = self.chat.apply_to(PromptSettings(self.template))
        encoder = Encoder(tokenizer, prompts, self.max_length)
        sets = self.own.files().read(seed if measured else None)
        warn_of_lengths(sets, encoder)
        return OwnRows.count(
            sets,
            encoder,
            trains,
            self.max_items or MEASURED_ROWS if measured else None,
            during=self._trained() is not None,
        )

    def _trains(self) -> tuple[str, ...]:
        """Return the names of your sets that the method trains on.

        Raises:
            UserError: one of them is not given.
        """
        from simnpo.benchmarks.own import FORGET, RETAIN

        method = self._trained()
        if method is None:  # it over-fits a model on the forget set
            return (FORGET,)
        self.own.check_kept(method)
        terms = {FORGET: method.forget, RETAIN: method.retain}
        return tuple(name for name, term in terms.items() if term is not None)

    def _trained(self) -> "Method | None":
        """Return the method, where it trains what it ends with; None where it edits weights."""
        from simnpo.benchmarks.presets import unlearning_preset
        from simnpo.methods.method import Method

        method = self._method(unlearning_preset(None, None, self.method).method)
        return method if isinstance(method, Method) else None

    def _method(self, method: "AnyMethod") -> "AnyMethod":
        """Return a preset's method with what was given in its place."""
        from simnpo.methods.registry import configure

        return configure(
            method, **({} if self.retain_loss is None else {"retain_loss": self.retain_loss})
        )

    def _check(self) -> None:
        self.own.check_alone(None)
        if not self.own.forget:
            useless = [
                name
                for name in ("no_report", "max_items")
                if getattr(self, name) not in (None, False)
            ]
            useless += [*(["template"] if self.template != "auto" else []), *given(self.chat)]
            if useless:
                raise UserError(f"``{useless[0]}`` does nothing without ``forget``.")
        elif self.examples is not None:
            raise UserError("``examples`` does nothing with ``forget``, whose rows are counted.")
        for name in ("max_length", "examples", "max_items", "devices", "memory", "tflops"):
            value = getattr(self, name)
            least = 2 if name == "max_length" else 1 if isinstance(value, int) else 0
            if value is not None and (not least <= value < math.inf or value == 0):
                above = f"at least {least}" if least else "above 0"
                raise UserError(f"``{name}`` {value}: must be {above}.")

    def _plan(self, rows: "OwnRows | None") -> "Planned":
        import torch

        from simnpo.benchmarks.presets import own_data_preset, unlearning_preset
        from simnpo.config import check_offload
        from simnpo.experiments.reinforce import METHOD, check_four_bits
        from simnpo.methods.base import ActivationObjective
        from simnpo.methods.method import Method
        from simnpo.planning.memory import Plan as Planned
        from simnpo.planning.shape import read_shape
        from simnpo.training.refusals import check_subspace

        shape = read_shape(self.model, self.trust_remote_code)
        preset = unlearning_preset(None, None, self.method)
        if rows is not None and self.method != "retrain":
            preset = own_data_preset(
                self.method,
                rows.forget.pieces,
                shape.parameters,
                self.lora.lora_rank > 0,
                self.lora.reads(self.retain_loss),
            )
        method, training = self._method(preset.method), preset.training
        if isinstance(method, Method) and isinstance(method.forget, ActivationObjective):
            raise UserError(
                f"{method.title} cannot be planned: how much it takes depends on its layer, "
                "of which the estimates know nothing. With the same options it takes less than "
                "grad_diff, which can be planned."
            )
        lora = self.lora.config(preset)
        check_four_bits(method, lora)
        if not isinstance(method, Method):  # over-fitting is all the training it has
            method, training = METHOD, preset.reinforcement.apply_to(training)
        training = self.training.apply_to(training)
        training.accumulation(self.devices)
        check_offload(training, lora, method.needs_original_model)
        check_subspace(lora, method, sharded=False)
        return Planned(
            shape=shape,
            method=method,
            training=training,
            lora=lora,
            length=self.max_length if rows is None else rows.longest,
            examples=(self.examples or EXAMPLES) if rows is None else rows.examples,
            gpu=torch.cuda.is_available() or self.memory is not None,
            devices=self.devices,
        )
