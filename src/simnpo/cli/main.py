"""The command `simnpo`: runs a command, and reports in a line or two what keeps it from its end.

Nothing but the standard library is imported before the block that reports errors, Ctrl-C and a
lack of memory among them.
"""

import os
import platform
import signal
import sys
from collections.abc import Sequence
from traceback import format_exception  # later there may be no file left to open
from typing import TYPE_CHECKING, Any

from simnpo.errors import Interrupted, UserError
from simnpo.report.endings import DEBUG, OUT_OF_MEMORY, ending_of
from simnpo.system.distributed import (
    is_main,
    launched_size,
    let_others_speak,
    process_group,
    rank,
    world_size,
)
from simnpo.system.signals import requests_raise, swallowed_interrupts_return
from simnpo.system.terminal import check_width, output_may_end, write

if TYPE_CHECKING:
    from simnpo.cli.command_line import Command


def parse(argv: Sequence[str]) -> "Command":
    """Return the command that `argv` asks for; see `simnpo.cli.command_line.parse`."""
    from simnpo.cli import command_line

    return command_line.parse(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return 0, or the exit code of `simnpo.report.endings` for what stopped it."""
    check_width()
    # A tokenizer's threads and transformers' advice are not for the people who read our output.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    given = sys.argv[1:] if argv is None else argv
    arguments = [one for one in given if one != DEBUG]
    debug = len(arguments) < len(given)
    with output_may_end() as output:
        try:
            _check_working_folder()
            try:
                _run(arguments)
            except SystemExit as ended:  # of `--help`, and of options that there are not
                if ended.code:
                    raise
            output.flush()
            if output.lost:
                reason = output.lost.strerror
                raise UserError(f"standard output was not written to its end: {reason}.")
        except (Exception, KeyboardInterrupt) as error:
            _ignore_interrupts(argv)
            return _report(error, debug)
        _ignore_interrupts(argv)
    return 0


def _ignore_interrupts(argv: Sequence[str] | None) -> None:
    """Let one more Ctrl-C do nothing, as nothing is left to stop: where this ends a process."""
    if argv is None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _check_working_folder() -> None:
    """Refuse to start where libraries would end the process without a word of ours.

    Raises:
        UserError: the working folder was deleted.
    """
    try:
        os.getcwd()
    except OSError:
        raise UserError(
            "the working folder is not there any more: change to another one."
        ) from None


def _run(arguments: Sequence[str]) -> None:
    if list(arguments) in (["--version"], ["-V"]):
        write(_version())
        return
    from simnpo.storage.folder_lock import all_released

    if launched_size() > 1:  # a launcher that has lost one process ends the others, at once
        with process_group(), all_released():
            _run_command(arguments)
        return
    with swallowed_interrupts_return(), requests_raise(), process_group(), all_released():
        _run_command(arguments)


def _run_command(arguments: Sequence[str]) -> None:
    command: Any = parse(arguments)
    if world_size() > 1:
        from simnpo.cli.command_line import LAUNCHED

        if not isinstance(command, LAUNCHED):
            name = type(command).__name__.lower()
            raise UserError(f"{name} runs in one process; leave the launcher out.")
    command.run()


def _version() -> str:
    """Return name and version, and the versions of what results depend on most."""
    from importlib.metadata import version

    own, *others = (f"{name} {version(name)}" for name in ("simnpo", "torch", "transformers"))
    return f"{own} ({', '.join(others)}, Python {platform.python_version()})"


def _report(error: BaseException, debug: bool) -> int:
    """Say what stopped a command, and return its exit code."""
    try:
        words, code = ending_of(error)
    except MemoryError:
        words, code = OUT_OF_MEMORY
    if not is_main():
        if isinstance(error, Interrupted | KeyboardInterrupt):  # Ctrl-C reaches all processes
            return code
        let_others_speak()  # this may be no more than the loss of a process that failed
        words += f" (process {rank()})"
    try:
        if debug:
            write("".join(format_exception(error)), end="", to_stderr=True)
        write(f"simnpo: {words}", to_stderr=True)
    except MemoryError:  # not even enough for the words
        os.write(2, b"simnpo: error: out of memory.\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
