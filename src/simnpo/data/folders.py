"""The records of a folder: one of text files, or one that `datasets.save_to_disk` wrote."""

from collections.abc import Iterator
from pathlib import Path

from simnpo.data.text_files import read_text
from simnpo.errors import UserError

SAVED, SAVED_SPLITS = "state.json", "dataset_dict.json"
"""What marks the folder of a `Dataset`, and that of a `DatasetDict`."""
SHOWN = 5
"""Names of other files that an error lists."""


def folder_of(source: str) -> tuple[Path, str] | None:
    """Return the folder and the split that `folder` or `folder:split` names; None if no folder."""
    if Path(source).is_dir():
        return Path(source), ""
    folder, colon, split = source.rpartition(":")
    return (Path(folder), split) if colon and folder and Path(folder).is_dir() else None


def folder_records(folder: Path, split: str = "") -> Iterator[tuple[str, dict[str, object]]]:
    """Yield place and values of each record of a folder.

    Args:
        folder: holds a saved dataset, or text files, each of them one text; folders in it count.
        split: which split of a saved dataset; may be left out where there is one only.

    Raises:
        UserError: the folder is neither, or the split is needed or not there.
    """
    if (folder / SAVED_SPLITS).is_file() or (folder / SAVED).is_file():
        return _saved(folder, split)
    if split:
        raise UserError(f"{folder}:{split}: {folder} is not a saved dataset, so it has no splits.")
    return _texts(folder)


def _saved(folder: Path, split: str) -> Iterator[tuple[str, dict[str, object]]]:
    from datasets import DatasetDict, load_from_disk

    try:
        loaded = load_from_disk(str(folder))
    except IndexError:  # it cannot load an empty dataset that it has saved itself
        raise UserError(f"{folder} holds no row.") from None
    except Exception as error:  # it raises many kinds; all mean the same to a user
        raise UserError(
            f"{folder} is not a dataset that this version of `datasets` can load "
            f"({type(error).__name__}: {error})"
        ) from None
    if isinstance(loaded, DatasetDict):
        names = list(loaded)
        if not split and len(names) == 1:
            split = names[0]
        if split not in names:
            wanted = f"has no split {split!r}" if split else f"has {len(names)} splits"
            listed = ", ".join(f"{folder}:{name}" for name in names)
            raise UserError(f"{folder} {wanted}; give one of: {listed}.")
        loaded = loaded[split]
    elif split:
        raise UserError(f"{folder}:{split}: this dataset has no splits; give {folder}.")
    for number, record in enumerate(loaded, 1):
        yield f"{folder}, row {number}", dict(record)


def _texts(folder: Path) -> Iterator[tuple[str, dict[str, object]]]:
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    others = [path for path in files if path.suffix.lower() != ".txt"]
    if others or not files:
        named = ", ".join(str(path.relative_to(folder)) for path in others[:SHOWN])
        named += ", ..." if len(others) > SHOWN else ""
        raise UserError(
            f"{folder} is a folder {f'with {named}' if others else 'without files'}. Give a folder "
            "of .txt files only, one that datasets.save_to_disk wrote, or a file."
        )
    for path in files:
        yield str(path), {"text": read_text(path)}
