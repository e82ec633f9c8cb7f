"""The files that a model's weights are in: safetensors, and never a pickle."""

from pathlib import Path, PurePosixPath, PureWindowsPath

import torch
from safetensors import SafetensorError, safe_open

from simnpo.errors import UserError
from simnpo.models.places import (
    ADAPTER,
    ADAPTER_WEIGHTS,
    CONFIG,
    INDEX,
    WEIGHTS,
    file_of,
    pinned,
)
from simnpo.storage.file_checks import check_regular
from simnpo.storage.files import read_json

PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json")
DTYPES = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
ADAPTER_PICKLE = "adapter_model.bin"
LFS = b"version https://git-lfs"


def check_weights(model: str) -> None:
    """Make sure that the weights of `model` lie in safetensors alone.

    Raises:
        UserError: there are none, they are pickles, or an index names other files than safetensors.
    """
    explicit = _explicit(model)
    single = explicit or WEIGHTS
    if single.endswith(".safetensors") and file_of(model, single):
        check_file(model, single)
        return
    name = explicit or INDEX
    index = file_of(model, name)
    if index is None:
        raise UserError(f"cannot load the model {model}: {without_safetensors(model)}")
    for shard in shards(index):
        if not shard.endswith(".safetensors"):
            raise UserError(
                f"cannot load the model {model}: {name} names {shard}, and only safetensors are "
                "read: a pickle may run code as it is read."
            )
        check_file(model, shard)


def _explicit(model: str) -> str | None:
    """Return the file of weights that a configuration names itself, as few do.

    Raises:
        UserError: it is not safetensors.
    """
    config = file_of(model, CONFIG)
    settings = read_json(config) if config else {}
    named = settings.get("transformers_weights") if isinstance(settings, dict) else None
    if config is None or named is None:
        return None
    if not str(named).endswith((".safetensors", ".safetensors.index.json")):
        raise UserError(
            f"cannot load the model {model}: its {CONFIG} names {named}, and only safetensors are "
            "read: a pickle may run code as it is read."
        )
    return _inside(config, str(named))


def _is_local(model: str) -> bool:
    return Path(pinned(model)[0]).is_dir()


def check_file(model: str, name: str) -> None:
    """Refuse a file of weights in a folder that is not a safetensors file, by its header.

    Raises:
        UserError: `name` in the folder of `model` is what git left in its place, or no regular
            file, or its header is not true.
    """
    path = Path(pinned(model)[0]) / name
    if not path.exists():
        return
    check_regular(path)
    with path.open("rb") as file:
        if file.read(len(LFS)) == LFS:
            raise UserError(
                f"cannot load the model {model}: {name} is a pointer of Git LFS and not the file: "
                "run git lfs pull in that folder."
            )
    try:
        with safe_open(path, "pt"):
            pass
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(
            f"cannot load the model {model}: {name} is not a safetensors file, or a damaged one "
            f"({error})."
        ) from None


def shards(index: Path) -> list[str]:
    """Return the files that an index of weights names.

    Raises:
        UserError: it is no such index.
    """
    found = read_json(index)
    names = found.get("weight_map") if isinstance(found, dict) else None
    if not isinstance(names, dict) or not all(isinstance(one, str) for one in names.values()):
        raise UserError(f"{index} is not an index of weights: it has no weight_map.")
    return sorted({_inside(index, one) for one in names.values()})


def _inside(where: Path, name: str) -> str:
    """Return the name of a file that another one gives, if that names a file next to it.

    Raises:
        UserError: it leads out of the folder.
    """
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    if not name or posix.is_absolute() or windows.anchor or ".." in (*posix.parts, *windows.parts):
        raise UserError(
            f"{where} names {name!r:.200}, which is outside its folder, and a model's files are "
            "in one folder."
        )
    return name


def weighed(model: str) -> int:
    """Return how many bytes the safetensors of `model` have, once `check_weights` is content."""
    index = None if file_of(model, WEIGHTS) else file_of(model, INDEX)
    names = shards(index) if index else [_explicit(model) or WEIGHTS]
    paths = [file_of(model, name) for name in names]
    return sum(path.stat().st_size for path in paths if path)


def first_dtype(model: str) -> torch.dtype | None:
    """Return the type of the first floating tensor of `model`, once `check_weights` is content."""
    index = file_of(model, INDEX)
    path = file_of(model, WEIGHTS) or (index and file_of(model, shards(index)[0]))
    if not path:
        return None
    with safe_open(path, "pt") as opened:
        named = (opened.get_slice(name).get_dtype() for name in opened.keys())  # noqa: SIM118
        return next((DTYPES[one] for one in named if one in DTYPES), None)


def without_safetensors(model: str) -> str:
    """Say why a model without safetensors is not loaded, and what to do."""
    if any(file_of(model, name) for name in PICKLES):
        return (
            f"it has no safetensors, and pickles (pytorch_model.bin) may run code as they are "
            f"read: convert it once with `simnpo convert --model {model} --out FOLDER`."
        )
    advice = "" if _is_local(model) else " They may lie in another branch: name it by ``revision``."
    return f"it has no safetensors, neither {WEIGHTS} nor {INDEX}.{advice}"


def is_adapter(model: str) -> bool:
    """Tell whether `model` is an adapter and not whole weights.

    Raises:
        UserError: it is both, or an adapter in a pickle; or see `file_of`.
    """
    if file_of(model, ADAPTER) is None:
        return False
    if _is_local(model) and any(file_of(model, name) for name in (WEIGHTS, INDEX)):
        raise UserError(
            f"{model} holds both an adapter ({ADAPTER}) and whole weights ({WEIGHTS}), and either "
            "may be meant: move the files of the other elsewhere."
        )
    if file_of(model, ADAPTER_WEIGHTS) is None and file_of(model, ADAPTER_PICKLE):
        raise UserError(
            f"{model} has its adapter in {ADAPTER_PICKLE}, and pickles may run code as they are "
            f"read: convert it once with `simnpo convert --model {model} --out FOLDER`."
        )
    return True
