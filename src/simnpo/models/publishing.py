"""A run's model on the Hugging Face hub: its files alone, private unless asked otherwise."""

import glob
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from simnpo.errors import UserError
from simnpo.models import ADAPTER, hub_id_mistake, resolve
from simnpo.storage.files import read_json
from simnpo.storage.runs import FINISHED, RUN, read_run

KINDS = (
    "README.md", "*.safetensors", "*.safetensors.index.json", "config.json", ADAPTER,
    "generation_config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model",
    "special_tokens_map.json", "added_tokens.json", "vocab.json", "vocab.txt", "merges.txt",
    "spiece.model", "sentencepiece.bpe.model", "chat_template.jinja", "*.py",
)  # fmt: skip
"""Names of files that make up a model; nothing else is uploaded."""


def model_files(model: str) -> tuple[Path, list[Path]]:
    """Return the folder of a finished model, and which of its files are the model's.

    Raises:
        UserError: there is no such folder, its run is unfinished, it holds no weights, or it is an
            adapter on a base that lies on this machine.
    """
    given = Path(model)
    if not given.is_dir():
        raise UserError(f"{model} is not a folder here; give a run of simnpo, or a model's folder.")
    if (given / RUN).is_file() and read_run(given)["status"] != FINISHED:
        raise UserError(f"{model} is unfinished: continue it with ``resume``.")
    folder = Path(resolve(model))
    files = [
        path
        for path in sorted(folder.iterdir())
        if path.is_file() and any(fnmatch(path.name, kind) for kind in KINDS)
    ]
    if not any(path.suffix == ".safetensors" for path in files):
        raise UserError(f"{model} holds no weights (*.safetensors).")
    if (folder / ADAPTER).is_file():
        base = str(read_json(folder / ADAPTER).get("base_model_name_or_path"))
        if Path(base).exists() or Path(base).is_absolute():
            raise UserError(
                f"{model} is an adapter on a base model that only this machine has: make a whole "
                "model with simnpo merge, and push that."
            )
    return folder, files


def push(
    folder: Path, files: list[Path], repo: str, public: bool, api: Any = None
) -> tuple[str, bool]:
    """Upload a model's files.

    Args:
        folder: where the files are.
        files: what to upload, see `model_files`.
        repo: name on the hub, user/name.
        public: whether everyone may see it.
        api: a `huggingface_hub.HfApi`; None makes one.

    Returns:
        The repository's address, and whether it is private.

    Raises:
        UserError: the name is not possible, nobody is logged in, the hub cannot be reached or
            refuses, or the repository is there and public although `public` is false.
    """
    from huggingface_hub import HfApi, get_token

    if mistake := hub_id_mistake(repo):
        raise UserError(f"``repo`` {repo}: {mistake}")
    if get_token() is None:
        raise UserError("not logged in to the Hugging Face hub: run `hf auth login` first.")
    api = api or HfApi()
    try:
        address = str(api.create_repo(repo, private=not public, exist_ok=True))
        # A repository that was there before stays as visible as it was.
        private = bool(api.model_info(repo).private)
        if not public and not private:
            raise UserError(
                f"``repo`` {repo} exists and is public: add ``public`` if that is meant, or give "
                "another name."
            )
        api.upload_folder(
            repo_id=repo,
            folder_path=folder,
            allow_patterns=[glob.escape(path.name) for path in files],
            commit_message="Model made by simnpo",
        )
    except UserError:
        raise
    except Exception as error:  # the hub's own kinds, and those of its HTTP client
        raise UserError(f"cannot push to {repo}: {_reason(error)}") from None
    return address, private


def _reason(error: Exception) -> str:
    """Say in one line why the hub could not be used."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status == 401:
        return "the hub does not know this token; log in again with `hf auth login`."
    if status == 403:
        return "this token may not write there; use one with write access, and your own name."
    first = next(iter(str(error).strip().splitlines()), "")
    if type(error).__name__ == "OfflineModeIsEnabled":
        return "the hub is switched off by HF_HUB_OFFLINE; unset it."
    if status is None and type(error).__module__.startswith(("httpx", "requests", "urllib3")):
        return f"the hub cannot be reached ({first})."
    return f"{type(error).__name__}: {first}"
