"""The stopwatch of a training: the same one on every side, whichever interpreter runs it.

    PYTHON benchmarks/clock.py TIMES STAND_INS SCRIPT [ARGUMENT ...]

As a script it runs another project's SCRIPT in this process, puts the stopwatch into transformers'
Trainers, and writes the seconds of each step into the file TIMES. Modules that the interpreter
lacks are looked for in the folder STAND_INS. Nothing of this project is imported: PYTHON has an
environment of its own.
"""

import json
import runpy
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from transformers import TrainerCallback


class Clock(TrainerCallback):
    """Takes the time from each step's end to the next one's: a step with all that it takes."""

    def __init__(self) -> None:
        self._ends: list[float] = []

    @property
    def times(self) -> list[float]:
        """Seconds of each step, the first one's left out."""
        return [after - before for before, after in pairwise(self._ends)]

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Take the time."""
        self._ends.append(time.perf_counter())


def run_clocked(times: str, stand_ins: str, script: str, *arguments: str) -> None:
    """Run `script` as the main program and write its seconds per step; see above."""
    from transformers import trainer

    sys.path[0] = str(Path(script).parent)
    sys.path.append(stand_ins)
    sys.argv = [script, *arguments]
    clock = Clock()
    trainer.DEFAULT_CALLBACKS.append(clock)
    runpy.run_path(script, run_name="__main__")
    Path(times).write_text(json.dumps(clock.times))


if __name__ == "__main__":
    run_clocked(*sys.argv[1:])
