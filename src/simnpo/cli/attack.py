"""`simnpo attack`: does what an unlearned model forgot come back?"""

from collections.abc import Mapping
from dataclasses import dataclass, field, make_dataclass
from typing import TYPE_CHECKING, Annotated, TypeAlias, Union, cast

import tyro

from simnpo.cli.attack_options import AttackOptions
from simnpo.cli.options import TrainingOptions
from simnpo.experiments.attacks import ATTACKS


def _command(name: str) -> type[AttackOptions]:
    """Return an attack as a command: the options of all attacks, and its own."""
    kind = ATTACKS[name]
    training = ("training", TrainingOptions, field(default_factory=TrainingOptions))
    made = make_dataclass(
        kind.__name__,
        [training] if kind.trains() else [],
        bases=(kind, AttackOptions),
        frozen=True,
        namespace={"__doc__": kind.__doc__, "attack": name},
    )
    return cast("type[AttackOptions]", made)


COMMANDS: Mapping[str, type[AttackOptions]] = {name: _command(name) for name in ATTACKS}
"""By their names on the command line."""
if TYPE_CHECKING:
    Kind: TypeAlias = AttackOptions
else:
    Kind = Union[  # noqa: UP007
        tuple(
            Annotated[made, tyro.conf.subcommand(name, prefix_name=False)]
            for name, made in COMMANDS.items()
        )
    ]


@dataclass(frozen=True)
class Attack:
    """Attack unlearned models: does what they forgot come back?"""

    kind: Kind

    def run(self) -> None:
        """Run the attack that was named."""
        self.kind.run()
