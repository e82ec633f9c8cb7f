"""Callbacks of a run: progress, and requests to stop after the step."""

import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import FrameType

from transformers import TrainerCallback, TrainerControl, TrainerState

from simnpo.system import distributed
from simnpo.system.progress import Advance, progress
from simnpo.system.signals import REQUESTS, handled, postpone

NOTE = len("forget -1.23 retain -1.23 grad 1.23 lr 1.2e-5")
"""Characters of the longest note after the progress."""


class ShowProgress(TrainerCallback):
    """A line of progress over optimizer steps: the time left, and the newest row of the log."""

    def __init__(self, what: str):
        self._what = what
        self._stack = ExitStack()
        self._advance: Advance | None = None

    def on_train_begin(
        self, args: object, state: TrainerState, control: object, **kwargs: object
    ) -> None:
        """Open the bar where training (or its resumption) begins."""
        self._advance = self._stack.enter_context(progress(self._what, state.max_steps, NOTE))
        self._advance(state.global_step)

    def on_step_end(self, args: object, state: object, control: object, **kwargs: object) -> None:
        """Advance by one step."""
        if self._advance:
            self._advance(1)

    def on_log(
        self,
        args: object,
        state: object,
        control: object,
        logs: Mapping[str, float],
        **kwargs: object,
    ) -> None:
        """Show losses, gradient norm and learning rate, which the log has as numbers already."""
        if self._advance and "loss" in logs:
            self._advance(0, note_of(logs))

    def close(self) -> None:
        """Take the bar away, whether training ended well or not."""
        self._stack.close()


def note_of(logs: Mapping[str, float]) -> str:
    """Return a row of the log as a note of at most `NOTE` characters."""
    names = {"forget_loss": "forget", "retain_loss": "retain", "grad_norm": "grad"}
    if "forget_loss" not in logs:  # nothing is forgotten, so there is one loss
        names["retain_loss"] = "loss"
    parts = [f"{name} {_short(logs[key])}" for key, name in names.items() if key in logs]
    rate = re.sub(r"e-0*", "e-", f"{logs['learning_rate']:.1e}") if logs["learning_rate"] else "0"
    return " ".join([*parts, f"lr {rate}"])


def _short(value: float) -> str:
    """Return a number in 4 characters and a sign, or 5 where it is tiny or huge."""
    for below, digits in ((9.995, 2), (99.95, 1), (999.5, 0)):
        if 0.005 <= abs(value) < below or not value:
            return f"{value:.{digits}f}"
    return re.sub(r"e\+?(-?)0*", r"e\1", f"{value:.0e}")


class StopOnInterrupt(TrainerCallback):
    """Turns a request to end into: finish the step, write a checkpoint, stop.

    Requests are Ctrl-C, of which a second one stops at once, and those of `simnpo.system.signals`.
    """

    number: signal.Signals | None = None
    """The signal that came."""
    stopped = False
    """Whether it ended the training, and not a last step or a target reached before it."""

    def on_step_end(
        self, args: object, state: object, control: TrainerControl, **kwargs: object
    ) -> None:
        """Ask the Trainer for a checkpoint and an end, once a request came."""
        # The signal reaches processes at different steps; they stop at the same one.
        interrupted = distributed.any_rank(self.number is not None)
        if interrupted and not control.should_training_stop:
            self.stopped = True
            control.should_save = True
            control.should_training_stop = True

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Catch requests for as long as the block runs.

        Of several processes a launcher ends those that are left when one has failed: they get
        SIGTERM, and must not wait for a step that never ends.
        """
        before = signal.getsignal(signal.SIGINT)

        def note(number: int, frame: FrameType | None) -> None:
            self.number = signal.Signals(number)
            if number == signal.SIGINT:
                signal.signal(signal.SIGINT, before)

        others = REQUESTS if distributed.launched_size() == 1 else ()
        with handled((signal.SIGINT, *others), note):
            yield
        postpone(None if self.stopped else self.number)  # what was made is saved first
