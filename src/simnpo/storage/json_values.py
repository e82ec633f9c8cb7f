"""What JSON files hold, for signatures: whoever reads one checks what is taken from it."""

from typing import Any, TypeAlias

Json: TypeAlias = Any
"""A value as JSON has it. How deep and of what kind is said by no type, but by checks."""
JsonObject: TypeAlias = dict[str, Any]
"""An object, such as a run's record or a summary."""
