"""What `simnpo plan` prints."""

from typing import TYPE_CHECKING

from simnpo.report.plain_text import write_wrapped
from simnpo.system.terminal import write

if TYPE_CHECKING:
    from simnpo.experiments.own_rows import OwnRows
    from simnpo.planning.memory import Plan

PARTS = {
    "weights": "weights",
    "copies": "bf16 copies of weights",
    "gradients": "gradients",
    "optimizer": "optimizer states",
    "activations": "activations",
    "logits": "logits, a chunk at a time",
    "reference": "frozen models to compare with",
}
"""The parts of `simnpo.planning.memory.Memory` as a reader sees them."""


def print_plan(
    plan: "Plan", rows: "OwnRows | None", model: str, memory: float | None, tflops: float | None
) -> None:
    """Print the estimate of memory, whether it fits, and the estimate of time.

    Args:
        plan: what is planned.
        rows: the user's rows, where they were counted.
        model: what the user calls it.
        memory: of a device, in GiB; None takes this machine's.
        tflops: what a device sustains; None measures this machine's.
    """
    from simnpo.planning.memory import subspace_inputs

    if rows is not None:
        write(rows.describe(plan.training))
    _print_memory(plan, model)
    _print_verdict(plan, memory)
    if plan.training.optimizer == "paged-adamw-8bit":
        write_wrapped("Note: paged optimizer states lie in host memory and are not counted.")
    if plan.lora.rank and plan.shape.left_out:
        write_wrapped(
            f"Note: LoRA leaves out, apart from embeddings, head and norms: {plan.shape.left_out}."
        )
    if inputs := subspace_inputs(plan):
        write_wrapped(
            f"Note: before training, {_size(inputs)} of host memory hold the inputs that show "
            "what the adapters should read."
        )
    if plan.training.offload_reference and plan.gpu:
        write_wrapped("Note: the frozen copy's layers lie in host memory; one of them is counted.")
    _print_time(plan, rows, tflops)


def _print_memory(plan: "Plan", model: str) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from simnpo.planning.memory import memory

    estimate = memory(plan)
    write_wrapped(
        f"{model}: {_count(plan.shape.parameters)} weights, {_count(plan.trainable)} "
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


def _print_verdict(plan: "Plan", memory: float | None) -> None:
    from simnpo.planning.fitting import USABLE, fits, ways_to_fit
    from simnpo.planning.hardware import device_memory

    room = memory * 2**30 if memory is not None else device_memory()
    usable = f"{_size(room)}, of which a run can plan with {USABLE:.0%}"
    if fits(plan, room):
        write_wrapped(f"It fits into {usable}.")
        return
    write_wrapped(f"It does not fit into {usable}.")
    ways = ways_to_fit(plan, room)
    for way in ways:
        write_wrapped(f"  It would fit with {way}")
    if not ways:
        write_wrapped("  No option makes it fit; a shorter --max-length or a smaller model may.")


def _print_time(plan: "Plan", rows: "OwnRows | None", tflops: float | None) -> None:
    from dataclasses import replace

    import torch

    from simnpo.planning import flops
    from simnpo.planning.hardware import matmul_rate
    from simnpo.report.numbers import seconds

    if rows is not None:  # the longest row decides the memory, and the mean the time
        plan = replace(plan, length=rows.mean)
    step, run = flops.per_step(plan), flops.per_run(plan)
    write_wrapped(f"Operations: {step:.2e} in an optimizer step, {run:.2e} in the run.")
    if tflops is not None:
        rate, source = tflops * 1e12, "as given"
    elif plan.gpu and not torch.cuda.is_available():
        write_wrapped(
            "Time: there is no such GPU here to measure; give what it sustains in training as "
            "--tflops, commonly a third to a half of its peak."
        )
        return
    else:
        rate = matmul_rate(torch.float32 if plan.precision == "fp32" else torch.bfloat16)
        source = "matrix products measured here, which training seldom reaches"
    each = " on each device" if plan.devices > 1 else ""
    cost = rows.cost(plan.training) if rows is not None else None
    training = "of training" if cost else "in all"
    write_wrapped(
        f"Time: {seconds(step / rate / plan.devices)} a step, "
        f"{seconds(run / rate / plan.devices)} {training}, at {rate / 1e12:.3g} TFLOP/s{each} "
        f"({source})."
    )
    if cost is None:
        return
    forward = 2 * flops.products(plan) / rate / plan.devices
    total = run / rate / plan.devices + forward * cost.total
    text = f"Measurements: {seconds(forward * cost.around)} before and as long after"
    if cost.times:
        text += f", {seconds(forward * cost.once)} each of {cost.times} times during training"
    text += (
        f"; with these {seconds(total)} in all. Generating answers seldom comes near that rate, so "
        "they take longer."
    )
    if cost.times:
        text += " A run may reach its target and stop before its last step."
    write_wrapped(text)


def _size(count: float) -> str:
    if count < 2**30:
        return f"{count / 2**20:.1f} MiB"
    return f"{count / 2**30:.1f} GiB"


def _count(number: int) -> str:
    for unit, name in ((1e9, "billion"), (1e6, "million")):
        if number >= unit:
            return f"{number / unit:.2f} {name}"
    return str(number)
