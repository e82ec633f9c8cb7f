"""The words for a model that cannot be loaded."""

from pathlib import Path

from simnpo.errors import UserError

MOST_CHARACTERS = 300
"""Of a line of another library's message."""


def cannot_load(what: str, model: str, error: Exception) -> str:
    """Say that `what` (with its preposition) of `model` cannot be loaded, and what may help.

    What our own messages say is enough; of another library's the first lines are kept.
    """
    if isinstance(error, UserError):
        return f"cannot load {what} {model}: {error}"
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()][:3]
    summary = "\n".join(
        line if len(line) <= MOST_CHARACTERS else f"{line[:MOST_CHARACTERS]}..." for line in lines
    )
    hint = ""
    if "trust_remote_code" in str(error):
        hint = "\nIts code is not part of transformers: add ``trust_remote_code`` if you trust it."
    elif "/" not in model and not Path(model).exists():
        hint = "\nGive the folder of a model, or its id on the hub, which most often is owner/name."
    elif not Path(model).exists():
        hint = "\nIt is not a folder here, so it was looked up on the hub."
    return f"cannot load {what} {model}: {type(error).__name__}: {summary}{hint}"
