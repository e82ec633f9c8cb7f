"""Files that are not read: folders, pipes, and compressed ones that hold far more than text."""

import stat
from pathlib import Path

from simnpo.errors import UserError

RATIO = 200
"""How many times its size a compressed file may stand for: texts shrink to a fifth or a tenth."""


def check_regular(path: Path) -> None:
    """Refuse what is not a file: folders, and pipes or devices, which may never end.

    Raises:
        UserError: it is so, or does not exist, or cannot be looked at.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{path} does not exist.") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in a name
        raise UserError(f"{path} cannot be read: {getattr(error, 'strerror', error)}.") from None
    if stat.S_ISDIR(mode):
        raise UserError(f"{path} cannot be read: it is a folder.")
    if not stat.S_ISREG(mode):
        raise UserError(
            f"{path} is a pipe or a device, and may never end: save what it gives to a file first."
        )


def bomb(path: Path, unpacked: int) -> UserError:
    """Return the refusal of a compressed file that stands for far more bytes than it has."""
    return UserError(
        f"{path} holds more than {unpacked >> 20} MiB in {path.stat().st_size} bytes, as no file "
        "of texts does: it is not read."
    )
