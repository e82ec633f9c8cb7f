"""The text of a file, gzipped or not, and what is wrong with one that has none."""

import gzip
import io
import zlib
from pathlib import Path

from simnpo.errors import UserError
from simnpo.storage.file_checks import RATIO, bomb, check_regular

MOST_BYTES = 1 << 28
"""That a `.gz` file may hold if that is `RATIO` times its own size."""


def read_text(path: Path) -> str:
    r"""Return the text of a UTF-8 file, without a byte order mark; a `.gz` file is unpacked.

    Every line ends in `\n`, whatever it ends in there.

    Raises:
        UserError: the file is missing, is none but a pipe, cannot be read, or holds something
            other than UTF-8 text.
    """
    check_regular(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path} does not exist.") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
    if path.suffix.lower() == ".gz":
        content = _unpacked(path, content)
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise UserError(f"{path} is UTF-16 text; save it as UTF-8.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path} is not UTF-8 text (byte {error.start}, line {line}); save it as UTF-8."
        ) from None
    if (nul := content.find(b"\0")) >= 0:
        line = content.count(b"\n", 0, nul) + 1
        raise UserError(f"{path} is not a text file: byte {nul} (line {line}) is NUL.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _unpacked(path: Path, content: bytes) -> bytes:
    most = max(MOST_BYTES, RATIO * len(content))
    try:
        with gzip.open(io.BytesIO(content)) as file:
            unpacked = file.read(most + 1)
    except EOFError:
        raise UserError(f"{path} ends too early: it is not a complete gzip file.") from None
    except (OSError, zlib.error) as error:
        raise UserError(f"{path} is not a gzip file ({error}).") from None
    if len(unpacked) > most:
        raise bomb(path, most)
    return unpacked
