"""Strings that identify a person or a record, found in texts.

Every pattern has bounded repetitions or consumes what it matches, so that the time is linear in the
length of the text, whatever the text is.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from simnpo.data.normal_text import DASHES, LETTER, UNSPACED, clean

LEAST_DIGITS = 4
"""Digits of a number that identifies something."""

_GAP = r"(?:[ .\-/()]|\ \(|\)\ |\)-)?"
_PHONE = rf"""
    \+\ ?\d (?:{_GAP}\d){{6,14}}                               # +44 (0)20 7946 0123
    | (?:1[ -]?)? \([1-9]\d\d\) [ -]? (?:\d{{3}}[ .-]?\d{{4}}|\d{{4}}) # (212) 555-0123, (555) 0123
    | \(0\d{{1,4}}\) [ -]? \d{{3,8}} (?:[ -]\d{{2,6}}){{0,2}}          # (020) 7946 0123
    | (?<!{LETTER}) (?:
        (?:1[ .-])? \d{{3}}[ .-]\d{{3}}[ .-]\d{{4}}            # 212-555-0123
        | 0\d{{1,5}} [/-] \d{{2,8}} (?:\ \d{{2,8}}){{1,3}}     # 0171/123 45 67
        | 0\d{{1,5}} (?P<gap>[ .\-/]) \d{{2,8}} (?:(?P=gap)\d{{2,8}}){{0,3}}  # 01 23 45 67 89
        | \d{{3}}[ .-]\d{{4}}                                  # 555-0123
    )
"""
_YEARS = r"(?:1\d|20)\d\d-(?:\d\d|(?:1\d|20)\d\d)(?![\w-])"
_NUMBER = rf"""
    (?:{_PHONE}
    | (?<!{LETTER}) (?:
        \d{{4}}(?:[ -]\d{{4}}){{2,4}}(?:[ -]\d{{1,4}})?        # 4111 1111 1111 1111
        | \d{{3}}[ -]\d{{2}}[ -]\d{{4}}                        # 078-05-1120
        | \d{{1,3}}(?:\.\d{{1,3}}){{3}}                        # 192.0.2.1
        | \d{{1,2}}[./]\d{{1,2}}[./]\d{{2,4}}                  # 12/05/1984
        | \d{{1,3}}(?:(?P<mark>[,.' ’])\d{{3}})(?:(?P=mark)\d{{3}}){{0,9}}(?:[.,]\d{{1,9}})?
        | (?!{_YEARS})(?=\d{{1,12}}-)(?=(?:-?\d){{6}}) \d{{1,12}}(?:-\d{{1,12}}){{1,9}}
        | \d{{1,12}}[.,]\d{{1,12}}
    )) (?!{LETTER})(?!-\d)
"""
_HOST = rf"[^\W_{UNSPACED}](?:{LETTER}|-){{0,62}}\."  # a label of a host name
_EMAIL = rf"""
    (?<!{LETTER}) [^\W_{UNSPACED}] (?:{LETTER}|[.+%'-]){{0,63}}
    @ (?:{_HOST}){{1,8}} [^\W\d_{UNSPACED}]{{2,24}} (?!{LETTER})
"""
# Endings of bare host names: the common ones that are no English words, and the reserved ones.
_TOP = (
    "com|org|net|edu|gov|info|io|dev|app|uk|de|fr|nl|eu|ch|es|se|fi|dk|pl|ca|au|jp|cn|br|ru|example"
    "|invalid|test"
)
_REST = rf"[^\s<>\"{UNSPACED}]"
_URL = rf"""
    (?<!{LETTER})(?i:https?|ftp)://(?=[^\W_]){_REST}+
    | (?<!{LETTER})(?i:www)\.(?=[^\W_]){_REST}+
    | (?<!{LETTER})(?<![@.-])(?:{_HOST}){{1,6}}(?:{_TOP})(?!{LETTER}|[@-]|\.\w)(?:/{_REST}*)?
"""
_WORD = rf"[^\W_{UNSPACED}]+"
PARTS = re.compile(
    rf"(?P<email>{_EMAIL})|(?P<url>{_URL})|(?P<number>{_NUMBER})|(?P<word>{_WORD})", re.VERBOSE
)
NUMBERS = re.compile(rf"(?P<number>{_NUMBER})|(?P<word>{_WORD})", re.VERBOSE)
_PUNCTUATION = ".,;:!?'\"…”’»*_"


class Found(NamedTuple):
    """An identifier: an `email`, a `url`, a `number`, or a `word` with digits."""

    kind: str
    text: str


def identifiers_of(text: str) -> tuple[str, ...]:
    """Return the identifiers in a text, in order, each once.

    These are e-mail addresses, URLs (with a scheme, with `www.`, or a bare host name with a common
    ending), phone numbers in the usual written forms, and other numbers and codes of at least
    `LEAST_DIGITS` digits, separators within them included: `1,234.50`, `2019-03-04`, `AB1234`.

    Args:
        text: any text; the identifiers are returned in its NFKC form.
    """
    return tuple(dict.fromkeys(found.text for found in find(PARTS, clean(text))))


def find(pattern: re.Pattern[str], text: str) -> Iterator[Found]:
    """Yield the identifiers in a text as `clean` returns it, by `PARTS` or `NUMBERS`."""
    for match in pattern.finditer(text.translate(DASHES)):
        kind = str(match.lastgroup)
        found = text[match.start() : match.end()]
        if kind == "url":
            found = _without_punctuation(found)
        elif kind != "email" and len(digits_of(found)) < LEAST_DIGITS:
            continue
        if kind == "word" and found.isdecimal():
            kind = "number"
        yield Found(kind, found)


def _without_punctuation(url: str) -> str:
    """Return a URL without what ends the sentence or the brackets around it."""
    unopened = url.count(")") - url.count("(")
    end = len(url)
    while url[end - 1] in _PUNCTUATION or (url[end - 1] == ")" and unopened > 0):
        end -= 1
        unopened -= url[end] == ")"
    return url[:end]


def digits_of(text: str) -> str:
    """Return a text's decimal digits, as ASCII ones."""
    return "".join(str(unicodedata.digit(letter)) for letter in text if letter.isdecimal())
