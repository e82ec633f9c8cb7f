"""Files that appear whole or not at all."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pandas as pd

from simnpo.errors import UserError
from simnpo.storage.file_checks import check_regular
from simnpo.storage.json_values import Json
from simnpo.storage.ownership import claim, is_open, partial_name
from simnpo.storage.system_errors import writing
from simnpo.storage.whole_folders import partial_folder, remove_abandoned

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to `path`; it takes the name `path` only if the block succeeds.

    Raises:
        OSError: it cannot be written; the error names `path`.
        UserError: `path` is in a run's folder, and what is there now is not simnpo's.
    """
    with writing(path), _temporary(path) as temporary:
        yield temporary


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not is_open(path):  # else all are, once the folder is held
        remove_abandoned(path)
    claim(path)
    temporary = path.with_name(partial_name(path.name))
    temporary.touch()  # with the permissions of any new file
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path`, whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: object) -> None:
    """Write `value` as indented JSON; NaN is refused, since JSON has none (use None)."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    if not _is_text(text):  # a file's name may be no text, and is read again as it was
        text = json.dumps(value, indent=2, allow_nan=False)
    write_text(path, f"{text}\n")


def _is_text(text: str) -> bool:
    """Whether a string is text that a file can hold: no half of a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def plain(value: object) -> Json:
    """Return `value` as JSON has it: named tuples as objects, NaN as None."""
    if isinstance(value, float):
        return None if pd.isna(value) else value
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write `table` as Parquet."""
    with atomic_write(path) as temporary:
        table.to_parquet(temporary, index=False)


def write_tensors(
    path: Path, tensors: "dict[str, Tensor]", metadata: dict[str, str] | None = None
) -> None:
    """Write `tensors` as one safetensors file."""
    from safetensors.torch import save_file

    with writing(path):
        claim(path)
        with partial_folder(path) as room:  # safetensors writes under a name of its own first
            save_file(tensors, room / path.name, metadata)
            (room / path.name).replace(path)


def read_json(path: Path) -> Json:
    """Read JSON from `path`.

    Raises:
        UserError: the file is missing or is not JSON; the message names file and line.
    """
    return _read(path, lambda: json.loads(path.read_text(encoding="utf-8")))


def read_yaml(path: Path) -> Json:
    """Read YAML from `path`, plain values alone.

    Raises:
        UserError: the file is missing or is not YAML; the message names file and line.
    """
    import yaml

    try:
        return _read(path, lambda: yaml.safe_load(path.read_text(encoding="utf-8")))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UserError(f"{path}, line {line}: not YAML ({error.problem}).") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not YAML ({' '.join(str(error).split()):.200}).") from None


def read_table(path: Path) -> pd.DataFrame:
    """Read the Parquet table at `path`.

    Raises:
        UserError: see `simnpo.storage.parquet.read_parquet`.
    """
    from simnpo.storage.parquet import read_parquet

    return read_parquet(path)


def _read(path: Path, read: Callable[[], T]) -> T:
    check_regular(path)
    try:
        return read()
    except FileNotFoundError:
        raise UserError(f"{path} does not exist.") from None
    except json.JSONDecodeError as error:
        raise UserError(f"{path}, line {error.lineno}: not JSON ({error.msg}).") from None
    except RecursionError:
        raise UserError(f"{path} is nested too deeply.") from None
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} cannot be read: {reason:.300}") from None
