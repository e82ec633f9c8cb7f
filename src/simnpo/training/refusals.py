"""What a training refuses, as far as its settings tell: before a model is loaded or measured."""

from simnpo.config import LoraConfig
from simnpo.errors import UserError
from simnpo.methods.method import Method


def check_layers(layers: range | None, adapted: bool, sharded: bool) -> None:
    """Refuse to train single layers through adapters, or with their weights sharded.

    Args:
        layers: what is trained; None where it is not single layers.
        adapted: whether adapters are trained.
        sharded: whether FSDP or DeepSpeed parts weights or what belongs to them.

    Raises:
        UserError: see above.
    """
    if layers is None:
        return
    if adapted:
        raise UserError(
            f"RMU trains the weights of layers {layers[0]} to {layers[-1]} themselves, and few "
            "of them: leave out ``lora_rank``."
        )
    if sharded:
        raise UserError(
            "RMU trains three layers with their weights whole, and FSDP and DeepSpeed shard "
            "them: launch it without, as its optimizer states are few."
        )


def check_merging(lora: LoraConfig, sharded: bool) -> None:
    """Refuse to merge adapters into weights that are sharded.

    Args:
        lora: the adapters.
        sharded: see `check_layers`.

    Raises:
        UserError: see above.
    """
    if lora.merge and sharded:
        raise UserError(
            "``lora_merge`` needs whole weights, and FSDP and DeepSpeed shard them: leave it out, "
            "and `simnpo evaluate` merges the adapter as it loads it."
        )


def check_subspace(lora: LoraConfig, method: Method, sharded: bool) -> None:
    """Refuse adapters that read what sets the forget set apart, where that cannot be found.

    Args:
        lora: the adapters.
        method: what trains them.
        sharded: see `check_layers`.

    Raises:
        UserError: see above.
    """
    if lora.subspace == "free":
        return
    if not method.compares_sets:
        raise UserError(
            f"``lora_subspace=forget`` compares a forget set with a retain set, and {method.title} "
            "does not train on both: leave it out."
        )
    if sharded:
        raise UserError(
            "``lora_subspace=forget`` needs whole weights, and FSDP and DeepSpeed shard them: use "
            "``lora_subspace=free``."
        )


def check_whole(sharded: bool) -> None:
    """Refuse a run that measures itself on sharded weights.

    Args:
        sharded: whether FSDP or ZeRO-3 parts them.

    Raises:
        UserError: see above.
    """
    if sharded:
        raise UserError(
            "A run that measures itself needs unsharded weights, and FSDP and ZeRO-3 shard them: "
            "launch it without, or leave the measurements out with ``no_report``."
        )
