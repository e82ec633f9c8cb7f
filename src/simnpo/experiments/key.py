"""What a run's result depends on, by parts: their hash is what the run is kept under."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from functools import cached_property

from simnpo.storage.code import code_hashes
from simnpo.storage.runs import fingerprint, versions

_accepted: dict[str, dict[str, str]] = {}
"""Code that stored results were made by and that counts as the present one, by `Key.basis`."""


@dataclass(frozen=True)
class Key:
    """All that a result depends on, as plain values of JSON."""

    kind: str
    """The class of the run."""
    seed: int
    settings: object
    data: object
    """Hashes, by the name of what they are of."""
    needs: list[list[str]]
    """The title and the key of each run that it needs; titles are for people alone."""
    versions: dict[str, str]
    """Of Python and of libraries."""
    code: dict[str, str]
    """Hashes of the modules that compute it."""

    @classmethod
    def of(
        cls,
        kind: type[object],
        seed: int,
        depends: object,
        needs: list[list[str]],
        registered: frozenset[str] | None,
    ) -> "Key":
        """Return the key of a run, with the present versions and code, or with accepted code.

        Args:
            kind: the class of the run.
            seed: its seed.
            depends: see `Run.depends_on`.
            needs: title and key of each run that it needs.
            registered: see `Run.registered`.
        """
        # Through JSON: settings are plain values, whatever types they were made from.
        plain = json.loads(json.dumps(depends, default=str))
        by_name = isinstance(plain, dict) and plain.keys() <= {"settings", "data"}
        settings, data = (plain.get("settings"), plain.get("data")) if by_name else (plain, None)
        found = {name: number for name, number in versions().items() if name != "simnpo"}
        code = code_hashes(kind.__module__, registered)
        key = cls(kind.__name__, seed, settings, data, needs, found, code)
        if (accepted := _accepted.get(key.basis)) is None:
            return key
        return cls(key.kind, seed, settings, data, needs, found, accepted)

    @classmethod
    def read(cls, record: object) -> "Key | None":
        """Return the key that `record` holds; None where it holds none."""
        names = [one.name for one in fields(cls)]
        if not isinstance(record, dict) or not record.keys() >= set(names):
            return None
        return cls(**{name: record[name] for name in names})

    def record(self) -> dict[str, object]:
        """Return it as JSON, for `read`."""
        return asdict(self)

    @cached_property
    def basis(self) -> str:
        """The hash of all but the code."""
        needed = [key for _, key in self.needs]
        parts = [self.kind, self.seed, self.settings, self.data, needed, self.versions]
        return fingerprint(parts)

    @cached_property
    def hash(self) -> str:
        """The hash of all of it."""
        return fingerprint([self.basis, list(self.code.items())])


@contextmanager
def accepting() -> Iterator[None]:
    """Forget after the block which code was accepted in it."""
    before = dict(_accepted)
    try:
        yield
    finally:
        _accepted.clear()
        _accepted.update(before)


def accept(code: Mapping[str, dict[str, str]]) -> None:
    """Let code count as the present one for keys that are made from now on, by `Key.basis`."""
    _accepted.update(code)


def accepted() -> dict[str, dict[str, str]]:
    """Return the code that counts as the present one, for another process to `accept`."""
    return dict(_accepted)
