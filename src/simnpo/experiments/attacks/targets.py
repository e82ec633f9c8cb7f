"""The models under attack: what they are called, and what they are held against."""

from collections.abc import Sequence

from simnpo.errors import UserError
from simnpo.evaluation.summary import disambiguate, display_name, run_of
from simnpo.experiments.attacks.setup import AttackSetup
from simnpo.experiments.external_model import ExternalModel
from simnpo.experiments.external_scores import ExternalScores
from simnpo.models import resolve
from simnpo.report.colours import RETRAIN, is_retrain

GIVEN_SEED = 0
"""Of what a user brings, which has no random choices."""


def targets(
    models: Sequence[str], retrain: str | None, retain_scores: str | None, setup: AttackSetup
) -> list[ExternalModel]:
    """Name the models, `retrain` last and as Retrain; two of one name go by their folders.

    Args:
        models: folders, runs, or hub ids.
        retrain: Retrain, likewise, which is put under the same attack.
        retain_scores: what metrics compare with; None takes Retrain's own evaluation.
        setup: what they are measured on.

    Raises:
        UserError: no model, one that is not there or given twice, or Retrain among the others.
    """
    given = [*models, *([retrain] if retrain else [])]
    if not models:
        raise UserError("``model``: name at least one model.")
    resolved = [resolve(model) for model in given]
    for model, path in zip(given, resolved, strict=True):
        if resolved.count(path) > 1:
            raise UserError(f"{model} is given twice: each model is attacked once.")
    names = [display_name(model, run_of(model)) for model in models]
    for model, name in zip(models, names, strict=True):
        if is_retrain(name):
            raise UserError(f"``model`` {model} is called {name}: give it as ``retrain``.")
    scores = ExternalScores(GIVEN_SEED, setup, retain_scores) if retain_scores else None
    last = (
        [ExternalModel(GIVEN_SEED, setup, retrain, scores, RETRAIN, is_retrain=scores is None)]
        if retrain
        else []
    )
    compared = scores or next(iter(last), None)
    return [
        *(
            ExternalModel(GIVEN_SEED, setup, model, compared, name)
            for name, model in zip(disambiguate(names, models), models, strict=True)
        ),
        *last,
    ]
