"""What stops a command: a user's mistake, a diverged training, or a request to end."""

import signal

RESUME = "Continue with the same command and ``resume``."
"""What to do after a request to end, where a command takes the option."""


class UserError(ValueError):
    """A mistake in what the user gave: the message names the value, the place and the fix.

    Fields stand in double backticks, ``epochs`` or ``lora_rank=16``, which the command line shows
    as options, see `simnpo.system.command_words.with_options`.
    """


class TrainingDiverged(RuntimeError):
    """A loss or gradient became NaN or infinite; the last good checkpoint is kept."""


class Interrupted(Exception):
    """A run stopped in order, by Ctrl-C or a request of the system; it can be resumed."""

    def __init__(self, message: str = "", number: int = signal.SIGINT):
        """Keep the signal that was the cause."""
        super().__init__(message)
        self.number = number


class Stopped(KeyboardInterrupt):
    """The system asks the process to end, as Ctrl-C does: SIGTERM, or SIGHUP of a terminal."""

    def __init__(self, number: int):
        """Keep the signal."""
        super().__init__()
        self.number = number
