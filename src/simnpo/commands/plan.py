"""`simnpo plan`: what a run will take, before anything is loaded."""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simnpo.commands.options import LoraOptions, MethodName, TrainingOptions, Unset
from simnpo.config import MAX_LENGTH
from simnpo.errors import UserError

if TYPE_CHECKING:
    from simnpo.planning import Plan as Planned

PARTS = {
    "weights": "weights",
    "copies": "bf16 copies of weights",
    "gradients": "gradients",
    "optimizer": "optimizer states",
    "activations": "activations",
    "logits": "logits, a chunk at a time",
    "reference": "frozen models to compare with",
}
"""The parts of `simnpo.planning.Memory` as a reader sees them."""


@dataclass(frozen=True)
class Plan:
    """Estimate the memory and time of an unlearning run from the model's configuration alone.

    Options are those of `unlearn`. All sequences are taken to be --max-length long, so give what
    yours need.

    Example: simnpo plan --model my-model --lora-rank 16 --max-length 256 --memory 24
    """

    model: str
    """Model to unlearn from: a folder, a run of simnpo, or a hub id of any causal LM."""
    method: MethodName = "simnpo"
    retain_loss: Unset[str] = None
    """none, nll, or kl (KL divergence from the original model) [ga, undial and ceu none, else
    nll]."""
    max_length: int = MAX_LENGTH
    """Tokens of a question with its answer."""
    examples: int = 200
    """Size of the forget set; TOFU's forget05 has 200."""
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

    def run(self) -> None:
        """Print the estimate of memory, the verdict, and the estimate of time."""
        from simnpo.models import quiet

        quiet()
        self._check()
        plan = self._plan()
        self._print_memory(plan)
        self._print_verdict(plan)
        if plan.training.optimizer == "paged-adamw-8bit":
            print("Note: paged optimizer states lie in host memory and are not counted.")
        if plan.training.offload_reference and plan.gpu:
            print("Note: the frozen copy's layers lie in host memory; one of them is counted.")
        self._print_time(plan)
        if self.method == "task_vector":
            print("Note: this is its over-fitting on the forget set, all the training it has.")
        elif plan.method.needs_reinforced:
            print("Note: the over-fitting before it is as in --method task_vector.")

    def _check(self) -> None:
        for name in ("max_length", "examples", "devices", "memory", "tflops"):
            value = getattr(self, name)
            least = 2 if name == "max_length" else 1 if isinstance(value, int) else 0
            if value is not None and (not least <= value < math.inf or value == 0):
                above = f"at least {least}" if least else "above 0"
                raise UserError(f"--{name.replace('_', '-')} {value}: must be {above}.")

    def _plan(self) -> "Planned":
        import torch

        from simnpo.config import check_offload
        from simnpo.methods import adjust
        from simnpo.objectives import Method
        from simnpo.objectives.base import ActivationObjective
        from simnpo.planning import Plan as Planned
        from simnpo.presets import unlearning_preset
        from simnpo.reinforce import METHOD
        from simnpo.shape import read_shape

        preset = unlearning_preset(None, None, self.method)
        given = {} if self.retain_loss is None else {"retain_loss": self.retain_loss}
        method, training = adjust(preset.method, **given), preset.training
        if isinstance(method, Method) and isinstance(method.forget, ActivationObjective):
            raise UserError(
                f"{method.title} cannot be planned: how much it takes depends on its layer, "
                "of which the estimates know nothing. With the same options it takes less than "
                "grad_diff, which can be planned."
            )
        if not isinstance(method, Method):  # over-fitting is all the training it has
            method, training = METHOD, preset.reinforcement.over(training)
        training = self.training.over(training)
        training.accumulation(self.devices)
        lora = self.lora.config()
        check_offload(training, lora, method.compares)
        return Planned(
            shape=read_shape(self.model, self.trust_remote_code),
            method=method,
            training=training,
            lora=lora,
            length=self.max_length,
            examples=self.examples,
            gpu=torch.cuda.is_available() or self.memory is not None,
            devices=self.devices,
        )

    def _print_memory(self, plan: "Planned") -> None:
        from rich import box
        from rich.console import Console
        from rich.table import Table

        from simnpo.planning import memory

        estimate = memory(plan)
        print(
            f"{self.model}: {_count(plan.shape.parameters)} weights, {_count(plan.trainable)} "
            f"trained, precision {plan.precision}, {plan.tokens} tokens in a forward pass."
        )
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False)
        table.add_column("Memory of each device" if plan.devices > 1 else "Memory")
        table.add_column("", justify="right")
        for name, title in PARTS.items():
            if size := getattr(estimate, name):
                table.add_row(title, _size(size))
        table.add_section()
        table.add_row("total", _size(estimate.total))
        Console().print(table)

    def _print_verdict(self, plan: "Planned") -> None:
        from simnpo.fitting import USABLE, fits, ways_to_fit
        from simnpo.hardware import device_memory

        room = self.memory * 2**30 if self.memory is not None else device_memory()
        usable = f"{_size(room)}, of which a run can plan with {USABLE:.0%}"
        if fits(plan, room):
            print(f"It fits into {usable}.")
            return
        print(f"It does not fit into {usable}.")
        ways = ways_to_fit(plan, room)
        for way in ways:
            print(f"  It would fit with {way}")
        if not ways:
            print("  No option makes it fit; a shorter --max-length or a smaller model may.")

    def _print_time(self, plan: "Planned") -> None:
        import torch

        from simnpo import flops
        from simnpo.hardware import matmul_rate
        from simnpo.report.numbers import seconds

        step, run = flops.per_step(plan), flops.per_run(plan)
        print(f"Operations: {step:.2e} in an optimizer step, {run:.2e} in the run.")
        if self.tflops is not None:
            rate, source = self.tflops * 1e12, "as given"
        elif plan.gpu and not torch.cuda.is_available():
            print(
                "Time: there is no such GPU here to measure; give what it sustains in training as "
                "--tflops, commonly a third to a half of its peak."
            )
            return
        else:
            rate = matmul_rate(torch.float32 if plan.precision == "fp32" else torch.bfloat16)
            source = "matrix products measured here, which training seldom reaches"
        each = " on each device" if plan.devices > 1 else ""
        print(
            f"Time: {seconds(step / rate / plan.devices)} a step, "
            f"{seconds(run / rate / plan.devices)} in all, at {rate / 1e12:.3g} TFLOP/s{each} "
            f"({source})."
        )


def _size(count: float) -> str:
    if count < 2**30:
        return f"{count / 2**20:.1f} MiB"
    return f"{count / 2**30:.1f} GiB"


def _count(number: int) -> str:
    for unit, name in ((1e9, "billion"), (1e6, "million")):
        if number >= unit:
            return f"{number / unit:.2f} {name}"
    return str(number)
