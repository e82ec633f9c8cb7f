"""Which tokens of an answer hold a string."""

from collections.abc import Iterable

from simnpo.data.encoding import Encoded
from simnpo.data.tokenizer import Tokenizer


def token_spans(
    tokenizer: Tokenizer, encoded: Encoded, strings: Iterable[str]
) -> tuple[slice, ...]:
    """Return the answer's tokens that hold each string, in whatever case.

    A string that the answer does not have, as where the length limit cut it away, is left out.

    Args:
        tokenizer: what made the tokens.
        encoded: a question with its answer.
        strings: what is looked for, its first occurrence.

    Returns:
        Slices of `encoded.ids[encoded.start:]`.
    """
    ids = encoded.ids[encoded.start :]
    # Tokens are decoded together: apart, some lose a space, or are half a character.
    ends = [len(tokenizer.decode(ids[: count + 1])) for count in range(len(ids))]
    text = tokenizer.decode(ids).lower()
    found = []
    for string in strings:
        begin = text.find(string.lower())
        if begin < 0 or not string:
            continue
        end = begin + len(string)
        first = next(place for place, reached in enumerate(ends) if reached > begin)
        last = next(place for place, reached in enumerate(ends) if reached >= end)
        found.append(slice(first, last + 1))
    return tuple(found)
