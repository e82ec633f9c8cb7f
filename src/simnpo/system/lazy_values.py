"""`LazyValues`: values by name that are imported when they are looked up."""

from collections.abc import Iterator, Mapping
from pkgutil import resolve_name
from typing import TypeVar

T = TypeVar("T")


class LazyValues(Mapping[str, T]):
    """A registry whose names cost no import of what they stand for."""

    def __init__(self, homes: Mapping[str, str]):
        """Bind names to the places of their values, as `module:NAME`."""
        self._homes = homes

    def __getitem__(self, name: str) -> T:
        found: T = resolve_name(self._homes[name])
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._homes)

    def __len__(self) -> int:
        return len(self._homes)
