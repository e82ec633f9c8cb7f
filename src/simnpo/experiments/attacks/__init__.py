"""The attacks on unlearned models by name: the only list of them. One is a file and a line here."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from simnpo.system.lazy_values import LazyValues

if TYPE_CHECKING:
    from simnpo.experiments.attacks.base import Attack

_HOMES: Mapping[str, str] = {
    "relearn": "simnpo.experiments.attacks.relearn:Relearn",
    "quantize": "simnpo.experiments.attacks.quantize:Quantize",
}


ATTACKS: Mapping[str, "type[Attack]"] = LazyValues(_HOMES)
"""By their names on the command line."""
