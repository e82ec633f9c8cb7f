"""Closed lists of words, as the embedded benchmarks are made of them."""


def word_list(text: str) -> tuple[str, ...]:
    """Return the values in `text`, separated by commas."""
    return tuple(value.strip() for value in text.split(","))
