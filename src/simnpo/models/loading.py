"""Loading models and tokenizers: local folders, runs of ours, hub ids, adapters, GGUF files."""

from simnpo.config import Precision
from simnpo.data.tokenizer import Tokenizer
from simnpo.data.tokenizer_checks import check_tokenizer, restore_bos
from simnpo.errors import UserError
from simnpo.models.adapters import base_of_adapter, load_beside, load_merged
from simnpo.models.causal_lm import CausalLM
from simnpo.models.device import device, weights_dtype
from simnpo.models.files import is_adapter
from simnpo.models.kinds import check_causal
from simnpo.models.load_errors import cannot_load
from simnpo.models.places import ADAPTER, file_of, pinned
from simnpo.models.precision import mark_four_bits, note_slow_bf16, run_mixed
from simnpo.models.tensors import check_finite
from simnpo.models.whole import load_whole

TOKENIZERS = ("tokenizer.json", "tokenizer_config.json")


def load_tokenizer(model: str, trust_remote_code: bool = False) -> Tokenizer:
    """Load the tokenizer of `model` (see `resolve`); an adapter without one has its base's.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    from transformers import AutoTokenizer

    if file_of(model, ADAPTER) and not any(file_of(model, name) for name in TOKENIZERS):
        model = base_of_adapter(model)
    place, revision = pinned(model)
    try:
        loaded: Tokenizer = AutoTokenizer.from_pretrained(
            place, revision=revision, trust_remote_code=trust_remote_code
        )
    except Exception as error:
        raise UserError(cannot_load("the tokenizer of", model, error)) from None
    restore_bos(loaded)
    check_tokenizer(loaded)
    return loaded


def load_model(
    model: str,
    precision: Precision = "auto",
    trust_remote_code: bool = False,
    load_in_4bit: bool = False,
    merge: bool = True,
) -> CausalLM:
    """Load a causal LM onto the device, in evaluation mode, from safetensors only.

    An adapter is loaded on its base model. Merged into it, all weights can be trained.

    Args:
        model: a folder, a run, or a hub id.
        precision: what it computes in.
        trust_remote_code: whether its own code may run.
        load_in_4bit: whether its linear layers, or those of an adapter's base, are held in 4 bits.
        merge: whether an adapter is merged into its base.

    Raises:
        UserError: there is no such model, it has no safetensors, or its code is remote; or an
            adapter is to be merged into a base of 4 bits; or a weight is NaN or infinite.
    """
    dtype = weights_dtype(precision)
    four_bits = _four_bits(precision) if load_in_4bit else None
    adapter = is_adapter(model)
    if adapter and not merge:
        loaded = load_beside(model, dtype, trust_remote_code, four_bits)
    elif adapter:
        if load_in_4bit:
            raise UserError(
                f"``load_in_4bit``: {model} is an adapter, and merged into a base of 4 bits it "
                "would be rounded: leave out ``load_in_4bit``."
            )
        loaded = load_merged(model, dtype, trust_remote_code)
    else:
        loaded = load_whole(model, dtype, trust_remote_code, four_bits)
    loaded = loaded.to(device()).eval()
    base = loaded.get_base_model() if adapter and not merge else loaded  # which is what is run
    check_finite(base, model)
    check_causal(base, model)
    if precision == "mixed":
        run_mixed(base)
    note_slow_bf16(base)
    if load_in_4bit:
        mark_four_bits(base)
    return loaded


def _four_bits(precision: Precision) -> object:
    """Return QLoRA's way to hold linear layers: NF4, with its scales quantised too (2305.14314)."""
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=weights_dtype(precision),
    )


def longest_sequence(model: CausalLM) -> int:
    """Return how many positions a model was made for; 0 where its configuration does not say."""
    config = getattr(model, "config", None)
    text = config.get_text_config() if config is not None else None
    return int(getattr(text, "max_position_embeddings", None) or 0)
