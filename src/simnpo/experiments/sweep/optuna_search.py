"""Optuna asks for settings by what those before have shown."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simnpo.errors import UserError
from simnpo.experiments.sweep.settings import Setting

AT_ONCE = 4
"""Settings asked for together, whatever the number of workers, so that all machines, and a sweep
that goes on, ask for the same ones."""
Judge = Callable[[Sequence[Setting]], Sequence[tuple[float, float]]]
"""Tries settings, and gives for each what was forgotten and what was kept: higher is better, and a
NaN says that it failed."""


def optuna_settings(
    values: Mapping[str, Sequence[float]], trials: int, seed: int, judge: Judge
) -> list[Setting]:
    """Return the settings that optuna's sampler for several aims (TPE) asked to try.

    Args:
        values: what each setting may be.
        trials: how many are asked for; one that comes again counts, and is not tried again.
        seed: of the sampler.
        judge: see `Judge`.

    Raises:
        UserError: optuna is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise UserError(
            "``search=optuna`` needs optuna: pip install 'simnpo[sweep]', or use ``search=random``."
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        directions=["maximize", "maximize"], sampler=optuna.samplers.TPESampler(seed=seed)
    )
    tried: dict[Setting, None] = {}
    for begin in range(0, trials, AT_ONCE):
        asked: list[Any] = [study.ask() for _ in range(min(AT_ONCE, trials - begin))]
        settings = [
            tuple((name, one.suggest_categorical(name, list(of))) for name, of in values.items())
            for one in asked
        ]
        for one, found in zip(asked, judge(settings), strict=True):
            if any(map(math.isnan, found)):
                study.tell(one, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(one, list(found))
        tried |= dict.fromkeys(settings)
    return list(tried)
