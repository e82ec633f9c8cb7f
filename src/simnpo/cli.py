"""The command `simnpo`: which commands there are, and how a user's mistake is told."""

import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, TypeAlias

import tyro

from simnpo.commands.attack import Attack
from simnpo.commands.chat import Chat
from simnpo.commands.compare import Compare
from simnpo.commands.convert import Convert
from simnpo.commands.demo import Demo
from simnpo.commands.evaluate import Evaluate
from simnpo.commands.example import Example
from simnpo.commands.finetune import Finetune
from simnpo.commands.generate import Generate
from simnpo.commands.markov import Markov
from simnpo.commands.merge import Merge
from simnpo.commands.metrics import Metrics
from simnpo.commands.options import pin_model
from simnpo.commands.plan import Plan
from simnpo.commands.push import Push
from simnpo.commands.reproduce import Reproduce
from simnpo.commands.sweep import Sweep
from simnpo.commands.unlearn import Unlearn
from simnpo.distributed import is_main, let_others_speak, rank, together, world_size
from simnpo.errors import Interrupted, UserError
from simnpo.folder_lock import all_released
from simnpo.terminal import output_may_end, write

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


def parse(argv: Sequence[str]) -> Command:
    """Return the command that `argv` asks for.

    Raises:
        SystemExit: with code 2 and a message for an unknown option or value; 0 for `--help`.
        UserError: see `pin_model`.
    """
    command: Command = tyro.cli(
        Command,
        prog="simnpo",
        description="Unlearn a forget set from a language model, and show what was forgotten and "
        "what was kept. simnpo --version tells the versions.",
        args=list(argv),
        config=(
            tyro.conf.OmitArgPrefixes,
            tyro.conf.FlagCreatePairsOff,
            tyro.conf.DisallowNone,
        ),
    )
    pin_model(command)
    return command


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return 0, or 1 for a user's mistake, or 130 for Ctrl-C."""
    # A tokenizer's threads and transformers' advice are not for the people who read our output.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    arguments = sys.argv[1:] if argv is None else argv
    if list(arguments) in (["--version"], ["-V"]):
        write(_version())
        return 0
    try:
        with output_may_end(), together(), all_released():
            command = parse(arguments)
            if world_size() > 1 and not isinstance(command, Finetune | Unlearn | Evaluate):
                name = type(command).__name__.lower()
                raise UserError(f"{name} runs in one process; leave the launcher out.")
            command.run()
    except (Interrupted, KeyboardInterrupt) as error:
        if not is_main():  # Ctrl-C reaches all processes
            return 130
        return _fail(f"interrupted: {error}" if str(error) else "interrupted.", 130)
    except UserError as error:
        return _fail(f"error: {error}", 1)
    except OSError as error:  # a full disk, a folder that may not be written
        return _fail(f"error: {error}", 1)
    except Exception as error:
        if type(error).__name__ != "OutOfMemoryError" and "allocate memory" not in str(error):
            let_others_speak()  # this may be no more than the loss of a process that failed
            raise
        return _fail(
            "error: out of memory. Lower --micro-batch-size (the result stays the same), or use "
            "--gradient-checkpointing, --lora-rank or --precision bf16; `simnpo plan` says what "
            "makes a run fit.",
            1,
        )
    return 0


def _version() -> str:
    """Return name and version, and the versions of what results depend on most."""
    own, *others = (f"{name} {version(name)}" for name in ("simnpo", "torch", "transformers"))
    return f"{own} ({', '.join(others)}, Python {platform.python_version()})"


def _fail(message: str, code: int) -> int:
    if not is_main():
        let_others_speak()
        message += f" (process {rank()})"
    write(f"simnpo: {message}", to_stderr=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
