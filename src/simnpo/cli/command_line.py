"""The command line: which commands there are, and what their options mean."""

from collections.abc import Sequence
from typing import Annotated, TypeAlias, get_args

import tyro

from simnpo.cli.attack import COMMANDS as ATTACKS
from simnpo.cli.attack import Attack
from simnpo.cli.chat import Chat
from simnpo.cli.compare import Compare
from simnpo.cli.config_file import CONFIG, expand
from simnpo.cli.convert import Convert
from simnpo.cli.demo import Demo
from simnpo.cli.evaluate import Evaluate
from simnpo.cli.example import Example
from simnpo.cli.finetune import Finetune
from simnpo.cli.generate import Generate
from simnpo.cli.markov import Markov
from simnpo.cli.merge import Merge
from simnpo.cli.metrics import Metrics
from simnpo.cli.options import pin_model
from simnpo.cli.plan import Plan
from simnpo.cli.preset_help import preset_help
from simnpo.cli.push import Push
from simnpo.cli.reproduce import Reproduce
from simnpo.cli.sweep import Sweep
from simnpo.cli.unlearn import Unlearn
from simnpo.report.endings import DEBUG
from simnpo.report.plain_text import write_wrapped
from simnpo.system.command_words import set_command

WITH_ANY = (
    f"{DEBUG}, with any command, shows where in the code an error comes from; {CONFIG} FILE reads "
    "options from YAML, JSON or an earlier run's run.json."
)


Command: TypeAlias = (
    Annotated[Demo, tyro.conf.subcommand("demo")]
    | Annotated[Finetune, tyro.conf.subcommand("finetune")]
    | Annotated[Unlearn, tyro.conf.subcommand("unlearn")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[Metrics, tyro.conf.subcommand("metrics")]
    | Annotated[Attack, tyro.conf.subcommand("attack")]
    | Annotated[Chat, tyro.conf.subcommand("chat")]
    | Annotated[Generate, tyro.conf.subcommand("generate")]
    | Annotated[Merge, tyro.conf.subcommand("merge")]
    | Annotated[Convert, tyro.conf.subcommand("convert")]
    | Annotated[Push, tyro.conf.subcommand("push")]
    | Annotated[Compare, tyro.conf.subcommand("compare")]
    | Annotated[Example, tyro.conf.subcommand("example")]
    | Annotated[Markov, tyro.conf.subcommand("markov")]
    | Annotated[Plan, tyro.conf.subcommand("plan")]
    | Annotated[Reproduce, tyro.conf.subcommand("reproduce")]
    | Annotated[Sweep, tyro.conf.subcommand("sweep")]
)
LAUNCHED = (Finetune, Unlearn, Evaluate)
"""Those that several processes may run together."""


def command_class(words: Sequence[str]) -> type | None:
    """Return the dataclass of the command that the first words name, None where there is none."""
    if words[0] == "attack":
        return ATTACKS.get(words[1]) if len(words) > 1 else None
    found = {kind.__name__.lower(): kind for kind, _ in map(get_args, get_args(Command))}
    return found.get(words[0])


def parse(argv: Sequence[str]) -> Command:
    """Return the command that `argv` asks for.

    Raises:
        SystemExit: with code 2 and a message for an unknown option or value; 0 for `--help`.
        UserError: see `expand` and `pin_model`.
    """
    words = expand(argv, command_class)
    set_command(words)
    try:
        command: Command = tyro.cli(
            Command,
            prog="simnpo",
            description="Unlearn a forget set from a language model, and show what was forgotten "
            f"and what was kept. simnpo --version prints the versions. {WITH_ANY}",
            args=words,
            config=(
                tyro.conf.OmitArgPrefixes,
                tyro.conf.FlagCreatePairsOff,
                tyro.conf.DisallowNone,
            ),
        )
    except SystemExit as ended:
        if not ended.code and len(argv) > 1:  # a command's own help; the other one has it on top
            for text in filter(None, (preset_help(words), WITH_ANY)):
                write_wrapped(text)
        raise
    pin_model(command)
    return command
