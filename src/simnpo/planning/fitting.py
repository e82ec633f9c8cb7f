"""Which options would make a run fit that does not, or not yet."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations

from simnpo.planning.memory import Plan, memory

USABLE = 0.8
"""Share of a device's memory that a run may plan with. What the allocator cannot reuse, the CUDA
context and the libraries' workspaces take the rest: on a CPU benchmarks/check_plan.py measures up
to a quarter more than torch holds in full training, and 200 to 270 MiB more in LoRA runs that hold
some 300. No GPU has been measured."""
MOST = 3
"""Combinations of options that are worth reading."""


def fits(plan: Plan, device_memory: float) -> bool:
    """Tell whether `plan` fits a device of so many bytes."""
    return memory(plan).total <= USABLE * device_memory


@dataclass(frozen=True)
class _Lever:
    """An option that saves memory, and the plan with it; None where it is in use already."""

    option: str
    apply: Callable[[Plan], Plan | None]


def ways_to_fit(plan: Plan, device_memory: float) -> list[str]:
    """Return the fewest options that make `plan` fit, those that change the result least first.

    Args:
        plan: a run that does not fit.
        device_memory: of each device, in bytes.
    """
    found: list[tuple[_Lever, ...]] = []
    for count in range(1, len(_LEVERS) + 1):
        for chosen in combinations(_LEVERS, count):
            if len(found) == MOST or any(set(less) <= set(chosen) for less in found):
                continue
            changed = _apply(plan, chosen)
            if changed is not None and fits(changed, device_memory):
                found.append(chosen)
    return [" ".join(lever.option for lever in chosen) for chosen in found]


def _apply(plan: Plan, levers: tuple[_Lever, ...]) -> Plan | None:
    changed: Plan | None = plan
    for lever in levers:
        changed = lever.apply(changed) if changed is not None else None
    return changed


def _micro_batch(plan: Plan) -> Plan | None:
    at_once = plan.training.micro_batch(plan.devices)
    return _training(plan, micro_batch_size=1) if at_once > 1 else None


def _checkpointing(plan: Plan) -> Plan | None:
    on = plan.training.gradient_checkpointing
    return None if on else _training(plan, gradient_checkpointing=True)


def _offload(plan: Plan) -> Plan | None:
    copied = plan.method.needs_original_model and not plan.lora.rank and plan.gpu
    if plan.training.offload_reference or not copied:
        return None
    return _training(plan, offload_reference=True)


def _eight_bits(plan: Plan) -> Plan | None:
    if plan.training.optimizer != "adamw" or not plan.gpu:
        return None
    return _training(plan, optimizer="adamw-8bit")


def _bf16(plan: Plan) -> Plan | None:
    return None if plan.precision == "bf16" else _training(plan, precision="bf16")


def _lora(plan: Plan) -> Plan | None:
    return None if plan.lora.rank else replace(plan, lora=replace(plan.lora, rank=16))


def _four_bits(plan: Plan) -> Plan | None:
    if plan.lora.load_in_4bit or plan.lora.merge or not plan.lora.rank or not plan.gpu:
        return None
    return replace(plan, lora=replace(plan.lora, load_in_4bit=True))


def _training(plan: Plan, **changes: object) -> Plan:
    return replace(plan, training=replace(plan.training, **changes))  # type: ignore[arg-type]


_LEVERS = (
    _Lever("--micro-batch-size 1", _micro_batch),
    _Lever("--gradient-checkpointing", _checkpointing),
    _Lever("--offload-reference", _offload),
    _Lever("--optimizer adamw-8bit", _eight_bits),
    _Lever("--precision bf16", _bf16),
    _Lever("--lora-rank 16", _lora),
    _Lever("--load-in-4bit", _four_bits),
)
"""In the order of how much they change: the first three leave the result as it is."""
