"""Errors a user can cause and mend; the command line prints them without a traceback."""


class UserError(ValueError):
    """A mistake in what the user gave: the message names the value, the place and the fix."""


class TrainingDiverged(UserError):
    """A loss or gradient became NaN or infinite; the last good checkpoint is kept."""


class Interrupted(UserError):
    """The user pressed Ctrl-C; the run can be resumed."""
