"""Where a model is: a folder, a run of ours, a GGUF file, or a hub id, perhaps at a revision."""

import os
from functools import cache
from pathlib import Path

from simnpo.errors import UserError
from simnpo.models.load_errors import cannot_load
from simnpo.storage.runs import RUN
from simnpo.system.notes import note_once

MODEL_FOLDER = "model"
"""Where a run keeps its trained model."""
ADAPTER, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
GGUF = ".gguf"


def at_revision(model: str, revision: str | None) -> str:
    """Return `model` at a revision, as one name: `name@revision`.

    Raises:
        UserError: a folder or file, which has no revisions, or a model that names another one.
    """
    if revision is None:
        return model
    name, named = split_revision(model)
    if Path(model).exists():
        raise UserError(
            f"``revision`` {revision}: {model} is not a hub id, so it has no revisions."
        )
    if named not in (None, revision):
        raise UserError(
            f"``model`` {model} and ``revision`` {revision} name two revisions; give one."
        )
    return f"{name}@{revision}"


def at_run(model: str) -> str:
    """Return the run that saved a model, where `model` is the folder in it; else `model`.

    A run knows how its model was asked, and what was measured; its folder `model` alone does not.
    """
    folder = Path(model)
    inside = folder.name == MODEL_FOLDER and (folder.parent / RUN).is_file()
    return str(folder.parent) if inside else model


def short_name(model: str) -> str:
    """Return what a table calls a model: the name of its folder, or of its hub id without owner."""
    place = Path(model)  # a link keeps the name that the user gave it
    return Path(os.path.abspath(place)).name if place.exists() else place.name


def split_revision(model: str) -> tuple[str, str | None]:
    """Return a model's name and its revision; None where none is named, and for what is here."""
    name, at, revision = model.partition("@")
    if not at or Path(model).exists():
        return model, None
    return name, revision or None


def resolve(model: str) -> str:
    """Return what can be loaded: a run's folder means the model it trained.

    A GGUF file is converted into the cache, the first time, and means the folder there.

    Raises:
        UserError: a folder that holds no model, a run that has not finished, a file that is no
            GGUF, or a name that is neither here nor a hub id's.
    """
    if not model:
        raise UserError("``model`` is empty; give the folder of a model, or a hub id.")
    folder = Path(model)
    if not folder.is_dir():
        if not folder.is_file():
            if hub_id_mistake(split_revision(model)[0]):
                raise UserError(
                    f"cannot load the model {model}: there is no such folder, and no hub id is "
                    "written so."
                )
            return model
        if folder.suffix.lower() != GGUF:
            raise UserError(f"{model} is a file; give the folder of a model, or a hub id.")
        from simnpo.models.gguf import converted_folder

        return str(converted_folder(folder).resolve())
    if (folder / RUN).is_file():
        if not (folder / MODEL_FOLDER).is_dir():
            raise UserError(f"{model} holds a run without its model: continue it with ``resume``.")
        folder = folder / MODEL_FOLDER
    if not any((folder / name).is_file() for name in (CONFIG, ADAPTER)):
        files = sorted(folder.glob(f"*{GGUF}"))
        if files:
            raise UserError(f"{model} holds GGUF files; give one of them, such as {files[0]}.")
        raise UserError(
            f"{model} is not a model: it has neither {CONFIG} nor {ADAPTER}. Give a folder that "
            "transformers saved, a run of simnpo, or a hub id."
        )
    return str(folder.resolve())  # an adapter remembers its base by this path


def file_of(model: str, name: str) -> Path | None:
    """Return a file of `model`, fetched from the hub if it is there; None if it has no such file.

    Raises:
        UserError: there is no such model or revision, or see `resolve`.
    """
    place, revision = pinned(model)
    if Path(place).is_dir():
        path = Path(place) / name
        return path if path.is_file() else None
    from transformers.utils import cached_file

    try:
        found = cached_file(
            place,
            name,
            revision=revision,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
        )
    except OSError as error:
        raise UserError(cannot_load(f"{name} of", model, error)) from None
    return Path(found) if found else None


def pinned(model: str) -> tuple[str, str | None]:
    """Return where `model` is and at which revision, for transformers.

    A hub id stays at the commit that it means when it is first asked for, so that all files of a
    command are of one state.

    Raises:
        UserError: see `resolve`.
    """
    place, revision = split_revision(resolve(model))
    return (place, revision) if Path(place).is_dir() else (place, _commit(place, revision))


@cache
def _commit(place: str, revision: str | None) -> str | None:
    from transformers.utils.hub import resolve_revision

    if "/" not in place:  # more often a folder that is not here than one of the hub's few such ids
        note_once(f"Note: {place} is not a folder here, so it is looked up on the hub.")
    found: str | None = resolve_revision(place, revision)
    return found


def commit_of(model: str) -> str | None:
    """Return the commit that a hub id means, as far as it is known here; None for what is here."""
    found = pinned(model)[1]
    return getattr(found, "resolved", found)


def hub_id_mistake(name: str) -> str:
    """Return what keeps `name` from being a repository's on the hub; nothing if it may be one."""
    from huggingface_hub.utils import (  # type: ignore[attr-defined]
        HFValidationError,
        validate_repo_id,
    )

    try:
        validate_repo_id(name)
    except HFValidationError as error:
        return str(error).splitlines()[0]
    return ""
