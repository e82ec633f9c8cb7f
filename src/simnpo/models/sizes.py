"""Sizes that a configuration gives, before anything of these sizes is made."""

from simnpo.errors import UserError
from simnpo.models.causal_lm import PreTrainedConfig
from simnpo.models.places import CONFIG

MOST_LAYERS = 10_000
MOST_WEIGHTS = 10**14
"""Of an embedding and one matrix a layer: a hundred times the largest models."""
PER_BYTE = 8
"""Weights for each byte of a checkpoint, at most: quantised ones and shared layers need few."""
_SIZES = ("vocab_size", "hidden_size", "num_hidden_layers")
_MAY_BE_NONE = ("num_attention_heads", "num_key_value_heads", "intermediate_size", "head_dim")


def check_sizes(model: str, config: PreTrainedConfig, weighs: int | None = None) -> None:
    """Make sure that a configuration describes a model that may exist.

    transformers builds what it describes before any weight is read: a number with some zeros too
    many takes all memory, or years.

    Args:
        model: for messages.
        config: its configuration.
        weighs: bytes of its weights; None where they are not to be looked at.

    Raises:
        UserError: a size is not a number above 0, or too large for any model or for the weights.
    """
    text = config.get_text_config()
    sizes = {name: getattr(text, name, None) for name in (*_SIZES, *_MAY_BE_NONE)}
    for name, value in sizes.items():
        if value is None or isinstance(value, list | tuple):  # one for each layer
            continue
        least = 1 if name in _SIZES else 0
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise UserError(
                f"cannot load the model {model}: its {CONFIG} says {name} {value!r:.40}, and a "
                f"whole number from {least} on is needed."
            )
    one = {name: value if isinstance(value, int) else 1 for name, value in sizes.items()}
    layers, width = one["num_hidden_layers"], one["hidden_size"]
    least = one["vocab_size"] * width + layers * width * width
    inner = width * max(one["intermediate_size"], one["num_attention_heads"])
    if layers > MOST_LAYERS or max(least, inner) > MOST_WEIGHTS:
        shown = f"{layers} layers of width {width} and a vocabulary of {one['vocab_size']}"
        raise UserError(f"cannot load the model {model}: its {CONFIG} says {shown}, as none has.")
    if weighs is not None and least > PER_BYTE * weighs:
        raise UserError(
            f"cannot load the model {model}: its {CONFIG} describes at least {least} weights "
            f"({layers} layers of width {width}, a vocabulary of {one['vocab_size']}), and its "
            f"files have {weighs} bytes: they do not belong together."
        )
