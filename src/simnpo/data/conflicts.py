"""Rows to keep that hold what is to be forgotten: training on them would defeat the job."""

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from simnpo.data.identifiers import LEAST_DIGITS, identifiers_of
from simnpo.data.leaks import contained
from simnpo.data.normal_text import UNSPACED, comparable
from simnpo.data.own_rows import OwnRow

NEARLY = 0.9
"""Share of their words, by weight, that two rows have in common if they nearly equal each other."""

_WORDS = re.compile(rf"[^\W_{UNSPACED}]+|[{UNSPACED}]+")
_UNSPACED = re.compile(rf"[{UNSPACED}]")
_DIGITS = re.compile(r"\d(?:\W{0,3}\d)*")
_SCHEMES = {"http", "https", "ftp", "www"}


class Conflict(NamedTuple):
    """A retain row that holds what a forget row is to lose."""

    retain: str
    """The retain row's place."""
    forget: str
    """The forget row's place; of several, the first."""
    identifiers: tuple[str, ...] = ()
    """Identifiers of forget rows that the retain row contains; none where it nearly equals one."""

    @property
    def reason(self) -> str:
        """What is wrong, as a phrase that begins with the retain row's place."""
        if not self.identifiers:
            return f"{self.retain} nearly equals {self.forget}"
        return f"{self.retain} contains {', '.join(self.identifiers)} of {self.forget}"


def find_conflicts(forget: Sequence[OwnRow], retain: Sequence[OwnRow]) -> tuple[Conflict, ...]:
    """Return the retain rows that would keep what is to be forgotten, each once.

    These rows contain an identifier of a forget row's answer that its question does not give away,
    or nearly equal a forget row: they share `NEARLY` of all their words, where a word weighs
    log(1 + rows / rows with the word), so that records that differ in names alone are not equal.

    The identifiers of a row are those that it names, else those in its answer. Rows that nearly
    equal one come first, then those whose identifiers the fewest retain rows contain: a year that
    many contain says little.
    """
    retained = [_text(row) for row in retain]
    equal = _nearly_equal([_words(_text(row)) for row in forget], [_words(t) for t in retained])
    contained = _contained(forget, retained)
    having = Counter(one for _, identifiers in contained.values() for one in identifiers)
    found: list[tuple[int, Conflict]] = []
    for place, row in enumerate(retain):
        if place in equal:
            found.append((0, Conflict(row.place, forget[equal[place]].place)))
        elif place in contained:
            source, identifiers = contained[place]
            conflict = Conflict(row.place, forget[source].place, identifiers)
            found.append((min(having[one] for one in identifiers), conflict))
    return tuple(conflict for _, conflict in sorted(found, key=lambda one: one[0]))


def _text(row: OwnRow) -> str:
    return "\n".join(filter(None, (row.example.question, row.example.answer)))


def _words(text: str) -> frozenset[str]:
    """Return a text's words; of scripts without spaces, its letters and pairs of them."""
    found = set()
    for word in _WORDS.findall(comparable(text)):
        if _UNSPACED.match(word):
            found.update(word)
            found.update(word[n : n + 2] for n in range(len(word) - 1))
        else:
            found.add(word)
    return frozenset(found)


def _nearly_equal(
    forget: Sequence[frozenset[str]], retain: Sequence[frozenset[str]]
) -> dict[int, int]:
    """Return the first forget row that each of some retain rows nearly equals, by their numbers."""
    having = Counter(word for words in (*forget, *retain) for word in words)
    rows = len(forget) + len(retain)
    weight = {word: math.log1p(rows / count) for word, count in having.items()}
    totals = [_total(words, weight) for words in retain]
    index = _index(retain)
    found: dict[int, int] = {}
    for number, words in enumerate(forget):
        total = _total(words, weight)
        # Rows that share none of the rarest words share too little, whatever else they share.
        left, candidates = total, set[int]()
        for word in sorted(words, key=lambda one: (-weight[one], one)):
            if left < NEARLY * total:
                break
            candidates.update(index.get(word, ()))
            left -= weight[word]
        for place in candidates - found.keys():
            if min(total, totals[place]) < NEARLY * max(total, totals[place]):
                continue
            common = _total(words & retain[place], weight)
            if common >= NEARLY * (total + totals[place] - common):
                found[place] = number
    return found


def _contained(
    forget: Sequence[OwnRow], retained: Sequence[str]
) -> dict[int, tuple[int, tuple[str, ...]]]:
    """Return the identifiers in each of some retain texts, and the forget row of the first."""
    sources: dict[str, int] = {}
    for number, row in enumerate(forget):
        named = row.identifiers
        identifiers = identifiers_of(row.example.answer) if named is None else named
        given = set(contained(identifiers, row.example.question or ""))
        for one in identifiers:
            if one not in given:
                sources.setdefault(one, number)
    index = _index(_words(text) | set(_digit_groups(text)) for text in retained)
    candidates = defaultdict(list)
    for one in sources:
        for place in _places_of(one, index):
            candidates[place].append(one)
    found = {}
    for place, ones in candidates.items():
        if held := contained(ones, retained[place]):
            found[place] = (sources[held[0]], held)
    return found


def _places_of(identifier: str, index: Mapping[str, list[int]]) -> Iterable[int]:
    """Return the places of all texts that may contain an identifier, by its rarest part."""
    digits = list(_digit_groups(identifier))
    by_text = [index.get(word, []) for word in _words(identifier) - _SCHEMES]
    by_number = [index.get(digits[-1], [])] if digits else []
    # A number may be written otherwise, so its words need not be there; a code's may.
    rarest = min(by_text, key=len, default=[])
    return {*rarest, *min(by_number, key=len, default=[])}


def _digit_groups(text: str) -> Iterator[str]:
    """Yield all `LEAST_DIGITS` digits that follow each other, whatever separates them."""
    for run in _DIGITS.findall(text):
        digits = "".join(str(unicodedata.digit(one)) for one in run if one.isdecimal())
        for n in range(len(digits) - LEAST_DIGITS + 1):
            yield "#" + digits[n : n + LEAST_DIGITS]


def _index(rows: Iterable[Collection[str]]) -> dict[str, list[int]]:
    index = defaultdict(list)
    for place, words in enumerate(rows):
        for word in words:
            index[word].append(place)
    return index


def _total(words: Iterable[str], weight: Mapping[str, float]) -> float:
    return sum(weight[word] for word in words)
