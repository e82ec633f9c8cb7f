"""Texts in the form in which answers are compared."""

import re
import unicodedata
from itertools import groupby
from typing import Any, Literal

# Letters of scripts that put no space between words: Thai, Lao, Burmese, Khmer, the Tai languages',
# Balinese, Javanese, and from the CJK radicals on; without their digits. Korean does, but its
# particles follow a name or number at once.
UNSPACED = (
    r"\u0e00-\u0e4f\u0e5a-\u0ecf\u0eda-\u0eff\u1000-\u103f\u104a-\u109f\u1780-\u17df"
    r"\u1950-\u19cf\u1a20-\u1a7f\u1aa0-\u1aaf\u1b00-\u1b4f\u2e80-\ua4cf\ua960-\ua9cf"
    r"\ua9e0-\ua9ef\ua9fa-\ua9ff\uaa60-\uaadf\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Their ranges, within a regular expression's brackets."""
LETTER = rf"[^\W{UNSPACED}]"
"""A letter, digit or underscore of a script with spaces: where one adjoins, a word goes on."""

DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−", "-"))
_QUOTES = str.maketrans(dict.fromkeys("‘’ʼ‛`´", "'") | dict.fromkeys("“”„«»", '"'))
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"))


_LONG_RUN = re.compile(r"[^\w\s\x00-\x7f]{50,}")  # of marks, perhaps, which are not letters


def normalized(form: Literal["NFC", "NFKC"], text: str) -> str:
    """Return a text in a Unicode form, in a time that is linear in its length.

    Python's own function puts the marks on a letter in their order by moving each past those before
    it, which takes hours for a million of them. Long runs are put in that order before.
    """
    if text.isascii():
        return text
    return unicodedata.normalize(form, _LONG_RUN.sub(_in_order, text))


def _in_order(run: re.Match[str]) -> str:
    classes = groupby(run.group(), key=lambda one: unicodedata.combining(one) != 0)
    return "".join(
        "".join(sorted(marks, key=unicodedata.combining) if are_marks else marks)
        for are_marks, marks in classes
    )


def composed(value: object) -> Any:
    """Return a text in NFC form, or a list of such values: the same letters in the same bytes.

    An accented letter has two Unicode forms, one character or a letter and a mark. Editors and file
    systems change one into the other, and no reader sees a difference.
    """
    if isinstance(value, str):
        return normalized("NFC", value)
    return [composed(one) for one in value] if isinstance(value, list | tuple) else value


def clean(text: str) -> str:
    """Return a text in NFKC form, without invisible characters, white space in lines as spaces."""
    return re.sub(r"[^\S\n]", " ", normalized("NFKC", text.translate(_INVISIBLE)))


def comparable(text: str) -> str:
    """Return a text without case, in NFKC form, with plain dashes, quotes and single spaces."""
    # Some letters' case folds into what NFKC composes again.
    folded = normalized("NFKC", clean(text).casefold())
    return " ".join(folded.translate(DASHES).translate(_QUOTES).split())


def words(text: str) -> list[str]:
    """Return a text's words in their comparable form, without the punctuation around them."""
    stripped = (_stripped(word) for word in comparable(text).split())
    return [word for word in stripped if word]


def _stripped(word: str) -> str:
    begin, end = 0, len(word)
    while begin < end and not word[begin].isalnum():
        begin += 1
    while begin < end and not _belongs(word[end - 1]):
        end -= 1
    return word[begin:end]


def _belongs(letter: str) -> bool:
    """Whether a character is part of a word: a letter, a digit, or a mark on one."""
    return letter.isalnum() or unicodedata.category(letter).startswith("M")
