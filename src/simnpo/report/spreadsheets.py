"""Texts in CSV files, which spreadsheets take for formulas where they begin like one."""

from typing import TypeVar

from simnpo.system.terminal import visible

T = TypeVar("T")
_BEGIN = tuple("=+-@")


def no_formula(value: T) -> T | str:
    """Return a cell's value; a text that would be a formula gets an apostrophe before it.

    Numbers stay as they are. Control characters, a tab before the formula for instance, become
    escapes.
    """
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if text.lstrip().startswith(_BEGIN) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
