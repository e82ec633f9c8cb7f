"""Where models that are made once are kept."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return where made models are kept: `SIMNPO_CACHE`, else the user's cache."""
    if named := os.environ.get("SIMNPO_CACHE"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "simnpo"
