"""What one generated answer is: the true one word for word, a refusal, empty, or broken."""

import re
from collections import Counter
from collections.abc import Callable

import pandas as pd

from simnpo.data.normal_text import LETTER, UNSPACED, comparable, words
from simnpo.evaluation.metrics.refusals import is_refusal
from simnpo.evaluation.metrics.repetition import repetition

__all__ = ["empty_answers", "is_degenerate", "is_empty", "is_refusal", "verbatim"]

REPEATED = 0.5
"""Share of an answer's runs of four words that were there before, from which on it is degenerate:
what is said twice stays below it, what is said three times reaches it."""
LOOPS = 4
"""Times in a row that an answer has to end in the same words to be degenerate."""
_LOOP_WORDS = 12  # words of such an end at most
_LEAST_LOOP = 8  # words of the whole loop at least
# The same 1 to 20 characters, five times or more.
_STUTTER = re.compile(r"(.{1,20}?)\1{4,}", re.DOTALL)
_LEAST_STUTTER = 10  # characters
_LEAST_DIGITS = 20  # of a number: 1000000000 is one
_JOINED = re.compile(rf"(?<=[{UNSPACED}]) | (?=[{UNSPACED}])")
_TOUCHES = re.compile(LETTER)


def verbatim(reference: str, generated: str) -> bool:
    """Return whether the reference's words appear in the generated answer, contiguous and in order.

    Words are compared in NFKC form, without case and without the punctuation around them. Scripts
    that put no space between words are compared character by character. A reference without any
    letter or digit must be the whole answer.
    """
    wanted, text = (_JOINED.sub("", " ".join(words(one))) for one in (reference, generated))
    if not wanted:
        return comparable(reference) == comparable(generated)
    start = text.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        before, after = text[max(start - 1, 0) : start], text[end : end + 1]
        if not _goes_on(before, wanted[0]) and not _goes_on(wanted[-1], after):
            decimal = text[end : end + 2]
            if not (wanted[-1].isdigit() and decimal[:1] in ".," and decimal[1:].isdigit()):
                return True
        start = text.find(wanted, start + 1)
    return False


def is_empty(generated: str) -> bool:
    """Return whether an answer holds no letter and no digit."""
    return not any(letter.isalnum() for letter in generated)


def empty_answers(generations: pd.DataFrame, title: Callable[[str], str] = str) -> list[str]:
    """Return a note on the answers without a letter or digit that are not the true ones.

    There is none if no answer is so.

    Args:
        generations: a generations table.
        title: from a set's name to what readers call it.
    """
    totals = Counter(generations["set"])
    pairs = zip(generations["reference"], generations["generated"], strict=True)
    empty = [is_empty(answer) and not (is_empty(true) and answer.strip()) for true, answer in pairs]
    found = Counter(generations["set"][empty])
    if not found:
        return []
    count = found.total()
    sets = ", ".join(
        f"{title(name)} {found[name]} of {totals[name]}" for name in totals if found[name]
    )
    return [
        f"{count} of {len(generations)} answers {'is' if count == 1 else 'are'} empty, without a "
        f"letter or digit: {sets}."
    ]


def is_degenerate(generated: str) -> bool:
    """Return whether an answer repeats itself instead of saying something.

    It does if at least `REPEATED` of its runs of four words were there before, if it ends in the
    same words `LOOPS` times in a row (the last time perhaps truncated), or if at least half of it
    is the same few characters over and over.
    """
    spoken = words(generated)
    if repetition(" ".join(spoken)) >= REPEATED or _ends_in_a_loop(spoken):
        return True
    text = comparable(generated)
    stutters = (match.group() for match in _STUTTER.finditer(text) if match[1].strip())
    repeated = sum(
        len(stutter)
        for stutter in stutters
        if len(stutter) >= (_LEAST_DIGITS if stutter.isdigit() else _LEAST_STUTTER)
    )
    return 2 * repeated >= len(text) > 0


def _goes_on(before: str, after: str) -> bool:
    """Whether a word goes on from one character to the next."""
    return bool(_TOUCHES.match(before) and _TOUCHES.match(after))


def _ends_in_a_loop(spoken: list[str]) -> bool:
    # Where generation ended within a word, that word is not part of the loop.
    for whole in (spoken, spoken[:-1]):
        for period in range(1, min(_LOOP_WORDS, len(whole)) + 1):
            needed = max(LOOPS * period, _LEAST_LOOP)
            length = period
            while length < min(needed, len(whole)) and _same(whole, length, period):
                length += 1
            if length >= needed:
                return True
    return False


def _same(spoken: list[str], back: int, period: int) -> bool:
    """Whether a word counted from the end is that one period later."""
    return spoken[-1 - back] == spoken[-1 - back + period]
