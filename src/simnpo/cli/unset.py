"""The type of an option whose default stands in its own text."""

from typing import Annotated, TypeVar

import tyro

T = TypeVar("T")
Unset = Annotated[T | None, tyro.conf.arg(help_behavior_hint="")]
"""An option whose default stands in its own text, in brackets, where there is one."""
