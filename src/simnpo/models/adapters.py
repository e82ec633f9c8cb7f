"""Adapters: found, loaded on their base, and merged into it."""

from collections.abc import Mapping
from pathlib import Path

import torch

from simnpo.errors import UserError
from simnpo.models.causal_lm import CausalLM, PeftConfig
from simnpo.models.files import check_file, is_adapter
from simnpo.models.load_errors import cannot_load
from simnpo.models.merging import Rounding, merge, tensors_of, unmergeable
from simnpo.models.places import ADAPTER, ADAPTER_WEIGHTS, at_revision, file_of
from simnpo.models.tensors import WRAPPED, listed, unwrapped
from simnpo.models.whole import load_whole, train_text_alone
from simnpo.storage.files import read_json
from simnpo.system.notes import note_once


def base_of_adapter(model: str) -> str:
    """Return the model that an adapter was trained on, with its revision.

    Raises:
        UserError: the adapter names none.
    """
    path = file_of(model, ADAPTER)
    settings = read_json(path) if path else {}
    base = settings.get("base_model_name_or_path") if isinstance(settings, dict) else None
    if not base:
        raise UserError(f"{ADAPTER} of {model} names no base model.")
    return str(base) if Path(base).exists() else at_revision(base, settings.get("revision"))


def beneath(model: str) -> tuple[list[str], str]:
    """Return the adapters that `model` is made of, the last trained first, and the model below.

    Raises:
        UserError: an adapter names no base, or itself.
    """
    adapters: list[str] = []
    try:
        while is_adapter(model):
            if model in adapters:
                raise UserError("it is its own base.")
            adapters.append(model)
            model = base_of_adapter(model)
    except UserError as error:
        if not adapters:
            raise
        raise UserError(cannot_load("the adapter and its base", adapters[0], error)) from None
    return adapters, model


def load_merged(
    model: str, dtype: torch.dtype | None = None, trust_remote_code: bool = False
) -> CausalLM:
    """Load an adapter's base with the adapter merged into it, in evaluation mode, onto the CPU.

    The sum is made in float32 and rounded once; weights that the adapter leaves alone keep every
    bit. All weights can be trained.

    Args:
        model: a folder, a run or a hub id with an adapter.
        dtype: type of the weights; None is the one that the base is stored in.
        trust_remote_code: whether the base's own code may run.

    Raises:
        UserError: it is not an adapter; it or its base cannot be loaded, or it is of a kind that
            cannot be merged.
    """
    adapters, base = beneath(model)
    if not adapters:
        raise UserError(f"{model} is a complete model, not an adapter: there is nothing to merge.")
    settings = {one: _settings(one) for one in adapters}  # before anything large is read

    def load_base(kind: torch.dtype | None) -> CausalLM:
        return _load_base(model, base, kind, trust_remote_code)

    # Rounded to a narrower type before the sum, a base would be rounded twice.
    merged = load_base(dtype if dtype in (None, torch.float32) else None)
    if dtype not in (None, torch.float32, merged.dtype) and merged.dtype != torch.float32:
        merged = load_base(torch.float32)
    lost = Rounding(dtype)
    for one in reversed(adapters):
        merged = merge(_adapted(one, merged, settings[one]), one, lost)
    if note := lost.describe(model):
        if dtype is not None:
            note_once(f"Note: {note}; it is merged in float32, and runs in it.")
            merged = load_merged(model, torch.float32, trust_remote_code)
            merged.stored_dtype = torch.float32  # what is trained from it would be rounded as well
            return merged
        note_once(f"Note: {note}: measure the merged model.")
    if dtype not in (None, merged.dtype):
        _cast(merged, load_base(dtype))  # some tensors stay in float32 in every type
    train_text_alone(merged)
    return merged.eval()


def load_beside(
    model: str, dtype: torch.dtype, trust_remote_code: bool, four_bits: object = None
) -> CausalLM:
    """Load an adapter on its base without merging it, as it was trained on a base of 4 bits.

    Args:
        model: see `load_merged`.
        dtype: type of the weights.
        trust_remote_code: whether the base's own code may run.
        four_bits: how the base's linear layers are held in 4 bits; None holds them whole.

    Raises:
        UserError: see `load_merged`.
    """
    adapters, base = beneath(model)
    if len(adapters) != 1:
        raise UserError(f"{model} is no adapter on a complete model, so it cannot stay unmerged.")
    settings = _settings(model)
    loaded = _load_base(model, base, dtype, trust_remote_code, four_bits)
    return _adapted(model, loaded, settings).eval()


def _load_base(
    model: str,
    base: str,
    dtype: torch.dtype | None,
    trust_remote_code: bool,
    four_bits: object = None,
) -> CausalLM:
    """Load the base of the adapter `model`; an error names both."""
    try:
        return load_whole(base, dtype, trust_remote_code, four_bits)
    except UserError as error:
        raise UserError(cannot_load("the adapter and its base", model, error)) from None


def _settings(model: str) -> PeftConfig:
    """Return an adapter's configuration.

    Raises:
        UserError: it cannot be read, or says that the adapter cannot be merged into a causal LM.
    """
    from peft import PeftConfig

    path = file_of(model, ADAPTER)
    assert path is not None
    try:
        settings = PeftConfig.from_pretrained(path.parent)
    except Exception as error:
        raise UserError(cannot_load("the adapter", model, error)) from None
    kind = str(getattr(settings.peft_type, "value", settings.peft_type))
    if settings.task_type not in (None, "CAUSAL_LM"):
        raise UserError(f"{model} is an adapter for {settings.task_type}, and not for a causal LM.")
    if settings.is_prompt_learning or getattr(settings, "layer_replication", None):
        raise UserError(unmergeable(model, kind))
    return settings


def _adapted(model: str, base: CausalLM, settings: PeftConfig) -> CausalLM:
    """Return `base` with the adapter on it.

    Raises:
        UserError: its tensors are not safetensors, or not those that its configuration describes.
    """
    from peft import PeftModel
    from safetensors import safe_open

    path = file_of(model, ADAPTER_WEIGHTS)
    if path is None:
        raise UserError(f"cannot load the adapter {model}: it has no {ADAPTER_WEIGHTS}.")
    check_file(model, ADAPTER_WEIGHTS)
    renamed = dict(getattr(base, "_checkpoint_conversion_mapping", None) or {})
    try:
        with safe_open(path, "pt") as opened:
            shapes = {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
        if any(unwrapped(name) != name for name in shapes):
            renamed[WRAPPED.pattern] = ""
            note_once(
                f"Note: the tensors of {model} have a wrapper's names: they are read without."
            )
        _fit_vocabulary(base, shapes)
        adapted = PeftModel(base, settings)
        found = adapted.load_adapter(
            path.parent, "default", key_mapping=renamed, torch_device="cpu"
        )
    except Exception as error:
        raise UserError(cannot_load("the adapter", model, error)) from None
    # peft writes a trained embedding twice, where it also saves a vocabulary that has grown.
    left = [
        one
        for one in found.unexpected_keys
        if one not in shapes or one.replace(".modules_to_save", "") not in {*shapes} - {one}
    ]
    parts = {"Missing": found.missing_keys, "Not the adapter's": left}
    differences = [f"{what}: {listed(sorted(names))}." for what, names in parts.items() if names]
    if differences:
        wrong = f"its tensors are not those that {ADAPTER} describes on {base.config.name_or_path}."
        raise UserError("\n".join([f"cannot load the adapter {model}: {wrong}", *differences]))
    made: CausalLM = adapted
    return made


def _fit_vocabulary(base: CausalLM, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Enlarge the vocabulary of `base` to that of an adapter which brings embeddings of its own."""
    own = {
        id(module): module.weight.shape[0]
        for module in (base.get_input_embeddings(), base.get_output_embeddings())
        if module is not None
    }
    places = [name for name, module in base.named_modules() if id(module) in own]
    sizes = [
        shape[0]
        for name, shape in shapes.items()
        if name.endswith(tuple(f"{place}.weight" for place in places))
    ]
    if sizes and max(sizes) > max(own.values()):
        base.resize_token_embeddings(max(sizes))


def _cast(merged: CausalLM, like: CausalLM) -> None:
    """Round the tensors of `merged` to the types that they have in `like`."""
    dtypes = {name: one.dtype for name, one in tensors_of(like)}
    for name, one in tensors_of(merged):
        one.data = one.data.to(dtypes.get(name, like.dtype))
    merged.config.dtype = like.dtype
