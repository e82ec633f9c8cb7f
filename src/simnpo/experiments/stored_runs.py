"""The finished runs of a folder: which a run may use again, and why it does not use another."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from simnpo.errors import UserError
from simnpo.experiments.key import Key, accept, accepted
from simnpo.experiments.run import DONE, KEY, Run, with_needs
from simnpo.storage.code import code_hashes
from simnpo.storage.files import read_json

MOST_NAMED = 4
"""Differences of a kind that are named, and characters (times ten) that a value is shown by."""


class Stored(NamedTuple):
    """A finished run as its record has it."""

    folder: Path
    title: str
    key: Key | None
    """None where the record is from before keys were recorded."""


class StoredRuns:
    """The finished runs of a folder, and of the cache where a run is kept there; read once."""

    def __init__(self, home: Path):
        """Bind the folder of all runs; it need not exist."""
        self._home = home
        self._read: dict[Path, list[Stored]] = {}

    def _near(self, run: Run) -> list[Stored]:
        """Return those in the folder that `run` is kept in, the newest first."""
        place = run.folder(self._home).parent
        if place in self._read:
            return self._read[place]
        found = self._read[place] = []
        for path in sorted(place.glob(f"*/{DONE}"), key=lambda one: -one.stat().st_mtime_ns):
            with suppress(UserError):  # no record: whoever needs it says so
                record = read_json(path)
                if isinstance(record, dict):
                    title = str(record.get("title"))
                    found.append(Stored(path.parent, title, Key.read(record.get(KEY))))
        return found

    def by_other_code(self, run: Run) -> Key | None:
        """Return the key of a result that differs in the code alone, the newest one."""
        basis = run.key_parts.basis
        for one in self._near(run):
            key = one.key
            if key and key.basis == basis and one.folder == run.folder_of(key.hash, self._home):
                return key
        return None

    def reason(self, run: Run) -> str:
        """Return why a run that is not finished uses no stored result."""
        own, stored = run.key_parts, self._near(run)
        kept = [one for one in stored if one.title == run.title]
        like = [one for one in kept or stored if one.key and one.key.kind == own.kind]
        if not like:
            return "made before keys were recorded" if kept else "not made yet"
        by_count = {
            sum(map(len, found.values())): (one, found)
            for one in reversed(like)
            if one.key and (found := differences(own, one.key))
        }
        if not by_count:
            return "not made yet"
        nearest, found = by_count[min(by_count)]
        changes = "; ".join(f"{part} ({_listed(of)})" for part, of in found.items())
        return f"differs from {nearest.folder.name} in {changes}"


def differences(new: Key, old: Key) -> dict[str, list[str]]:
    """Return what differs between two keys, by part: each difference in a few words."""
    now, before = dict(new.needs), dict(old.needs)
    needs = [title for title, key in now.items() if key not in before.values()]
    needs += [f"no {title}" for title in before if title not in now] if not needs else []
    found = {
        "settings": list(_changed(new.settings, old.settings, "")),
        "data": _names_of(new.data, old.data),
        "seed": [] if new.seed == old.seed else [f"{new.seed}, was {old.seed}"],
        "versions": list(_changed(new.versions, old.versions, "")),
        "needs": needs,
        "code": _names_of(new.code, old.code),
    }
    return {part: of for part, of in found.items() if of}


def accept_code(runs: Iterable[Run], home: Path) -> None:
    """Let stored results whose only difference is the code count as those of `runs`.

    The keys of runs that are made later follow; whoever has asked `runs` for theirs is too early.
    """
    stored = StoredRuns(home)
    for run in with_needs(runs):
        with suppress(UserError):  # its settings or data fail, which the engine says
            if not run.finished(home) and (key := stored.by_other_code(run)):
                accept({key.basis: key.code})
                run.forget_key()


def accepted_note(runs: Iterable[Run]) -> str | None:
    """Say which results of `runs` and of what they need are by other code; None if none is."""
    titles, modules = list[str](), set[str]()
    for run in with_needs(runs):
        with suppress(UserError):
            if before := accepted().get(run.key_parts.basis):
                titles.append(run.title)
                now = code_hashes(type(run).__module__, run.registered)
                modules |= set(_names_of(now, before))
    if not titles:
        return None
    count = "1 result was" if len(titles) == 1 else f"{len(titles)} results were"
    return f"{count} computed by earlier code (--accept-code); {_listed(sorted(modules))} differ."


def _changed(new: object, old: object, name: str) -> Iterator[str]:
    """Yield the values that differ within two of JSON, each by its innermost name."""
    if isinstance(new, dict) and isinstance(old, dict):
        for key in {**new, **old}:
            yield from _changed(new.get(key), old.get(key), key)
    elif isinstance(new, list) and isinstance(old, list) and len(new) == len(old):
        for one, other in zip(new, old, strict=True):
            yield from _changed(one, other, name)
    elif new != old:
        change = f"{_short(new)}, was {_short(old)}"
        yield f"{name} {change}" if name else change


def _short(value: object) -> str:
    text, most = repr(value), 10 * MOST_NAMED
    return text if len(text) <= most else f"{text[:most]}..."


def _names_of(new: object, old: object) -> list[str]:
    """Return the names whose hashes differ."""
    if not (isinstance(new, Mapping) and isinstance(old, Mapping)):
        return [] if new == old else ["all of it"]
    return [name for name in {**new, **old} if new.get(name) != old.get(name)]


def _listed(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
