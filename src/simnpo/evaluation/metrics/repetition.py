"""How much a text repeats itself."""

from collections import Counter

WORDS = 4
"""Words of the runs that are counted."""


def repetition(text: str, words: int = WORDS) -> float:
    """Return the share of a text's runs of `words` words that stood in it before.

    0 where no run comes twice, or where the text has no run as long.
    """
    parts = text.casefold().split()
    runs = Counter(tuple(parts[at : at + words]) for at in range(len(parts) - words + 1))
    total = sum(runs.values())
    return 1 - len(runs) / total if total else 0.0
