"""What readers call the sets of a user's own data."""

from simnpo.benchmarks.own import CONTINUED, FORGET, GENERAL, HOLDOUT, KEPT, RETAIN

TITLES = {
    FORGET: "Forget set",
    RETAIN: "Retain set",
    KEPT: "Retain rows held out",
    HOLDOUT: "Holdout set",
    GENERAL: "Generic prompts",
}
REQUEST = "request_"
"""Beginning of the name of one of several requests' set; its number follows."""


def set_title(name: str) -> str:
    """Return what readers call a set."""
    number = name.removeprefix(REQUEST)
    return f"Request {number}" if number != name else TITLES.get(name, name)


def title_in_text(name: str) -> str:
    """Return what readers call a set within a sentence; its continued passages are called alike."""
    name = name.removesuffix(CONTINUED)
    title = set_title(name)
    return title if title == name else title.lower()
