"""An invented story to forget, and tales of the same kind to keep and to compare with."""

from importlib.resources import files
from typing import NamedTuple


class Story(NamedTuple):
    """A story, and other texts that share no name with it."""

    forget: str
    retain: tuple[str, ...]
    holdout: tuple[str, ...]


def load_story() -> Story:
    """Return the story and the tales, which were written for this package."""
    retain, holdout = (tuple(_read(name).split("\n\n")) for name in ("retain", "holdout"))
    return Story(_read("forget"), retain, holdout)


def _read(name: str) -> str:
    return (files(__name__) / f"{name}.txt").read_text(encoding="utf-8").strip()
