"""The words that ROUGE-L compares: rouge-score's own in English, and those of all other scripts.

rouge-score (Google's; what TOFU, MUSE and lm-eval use) knows the letters a to z and digits, and
drops everything else: of a Chinese answer nothing is left, of a mixed one its Latin part. Here:

- A text in ASCII has the words that rouge-score gives it.
- Scripts that put no space between words (Chinese, Japanese, Thai, Lao, Burmese, Khmer; Korean,
  whose particles adjoin the word) are compared letter by letter, a letter with its marks. So do
  BERT's tokenizer and sacreBLEU with Chinese, and KorQuAD's F1 with Korean. No dictionary is
  needed, so no number depends on one.
- Any other script's words are what stands between spaces and punctuation.
- An accented letter splits a Latin word, as it does for rouge-score, and belongs to the part before
  it (at the beginning: after it): `García` is `garcí` and `a`. So English texts with such names
  have as many words as they had, and wrong accents are wrong words.
- The Unicode forms of a letter are one letter, and digits count by their value in all scripts.

Only words of ASCII letters are stemmed (Porter's), as rouge-score does.
"""

import re
import unicodedata
from functools import cache

from nltk.stem.porter import PorterStemmer
from rouge_score.tokenize import tokenize
from rouge_score.tokenizers import Tokenizer

from simnpo.data.normal_text import UNSPACED, normalized

_SHORTEST_STEMMED = 4
# Joiners, marks of direction, variation selectors, tatweel: nobody sees a difference. Next to ASCII
# they stay what they are to rouge-score, the end of a word.
_UNSEEN = "\u00ad\u0640\u180b-\u180f\u200b-\u200f\u2060\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef"
_UNSEEN_WITHIN = re.compile(rf"(?<=[^\x00-\x7f{_UNSEEN}])[{_UNSEEN}]+(?=[^\x00-\x7f])")
_UNSEEN_LEFT = re.compile(f"[{_UNSEEN}]")
_ALONE = re.compile(f"[{UNSPACED}]")
# A part of a word: ASCII letters with the others around them.
_PARTS = re.compile(r"([^\x00-\x7f]*)([a-z0-9]+)([^\x00-\x7f]*)|[^\x00-\x7f]+")


class Words(Tokenizer):  # type: ignore[misc]  # rouge-score is untyped
    """Splits texts for rouge-score's scorer."""

    def __init__(self, stemmed: bool):
        self._stemmer = PorterStemmer() if stemmed else None

    def tokenize(self, text: str) -> list[str]:
        """Return the words of a text in their order, each once for each time it is there."""
        if text.isascii():
            return list(tokenize(text, self._stemmer))
        return [self._stem(part) for word in _words(text) for part in _PARTS.finditer(word)]

    def _stem(self, part: re.Match[str]) -> str:
        before, plain, after = part.groups()
        if plain is None:
            return part.group()
        if self._stemmer and len(plain) >= _SHORTEST_STEMMED:
            plain = self._stemmer.stem(plain)
        return f"{before}{plain}{after}"


def _words(text: str) -> list[str]:
    """Return what stands between spaces and punctuation; of scripts without spaces, the letters."""
    text = normalized("NFC", _UNSEEN_WITHIN.sub("", text)).lower()
    text = normalized("NFC", "".join(map(_plain, _UNSEEN_LEFT.sub(" ", text))))
    words, goes_on, alone = list[list[str]](), False, False
    for letter in text:
        if letter == " ":
            goes_on = False
        elif unicodedata.category(letter)[0] == "M":
            if goes_on:  # a mark without its letter is nothing
                words[-1].append(letter)
        else:
            was_alone, alone = alone, bool(_ALONE.match(letter))
            if goes_on and not alone and not was_alone:
                words[-1].append(letter)
            else:
                words.append([letter])
            goes_on = True
    return ["".join(letters) for letters in words]


@cache
def _plain(letter: str) -> str:
    """Return a lower-case letter, digit or mark as it is compared; a space for anything else."""
    kind = unicodedata.category(letter)
    if letter.isascii():
        return letter if letter.isalnum() else " "
    if kind == "Nd":
        return str(unicodedata.digit(letter))
    if kind in ("Mn", "Mc"):
        return letter
    if kind[0] != "L" and kind != "Nl":
        return " "
    # Raised and lowered letters stay apart: 2ⁿ is not 2n.
    if unicodedata.decomposition(letter).startswith(("<super>", "<sub>")):
        return letter
    return unicodedata.normalize("NFKC", letter).lower()
