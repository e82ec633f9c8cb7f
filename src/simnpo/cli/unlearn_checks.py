"""What `unlearn` refuses of options that do not fit each other, and warns of in the data."""

from typing import TYPE_CHECKING

from simnpo.cli.method_options import ReinforceOptions
from simnpo.cli.options import TrainingOptions, given, marked
from simnpo.cli.own_sets import warn_of_lengths
from simnpo.cli.watch_options import WatchOptions
from simnpo.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simnpo.benchmarks.own import OwnSets
    from simnpo.data.encoding import Encoder
    from simnpo.methods.registry import AnyMethod


def check_reinforce(
    method: "AnyMethod", reinforce: ReinforceOptions, training: TrainingOptions
) -> None:
    """Refuse options of over-fitting, or of training, that do nothing for this method.

    Raises:
        UserError: naming them.
    """
    from simnpo.methods.task_vector import TaskVector

    useless = list(given(reinforce))
    if useless and not method.needs_reinforced:
        raise UserError(f"{method.title} needs no reinforced model: leave out {marked(useless)}.")
    if not isinstance(method, TaskVector):
        return
    instead = {
        "epochs": "reinforce_epochs",
        "steps": "reinforce_epochs",
        "learning_rate": "reinforce_learning_rate",
    }
    own = [name for name in instead if name in given(training)]
    if own:
        theirs = marked(dict.fromkeys(instead[name] for name in own))
        raise UserError(
            f"{method.title} trains nothing but its reinforced model: instead of "
            f"{marked(own)} give {theirs}."
        )


def check_reference(method: "AnyMethod", reference: str | None) -> None:
    """Refuse a reference where nothing compares with it.

    Raises:
        UserError: naming the method.
    """
    if reference is not None and not method.needs_reference_logps:
        raise UserError(
            f"{method.title} compares with no reference's log-probs: leave out ``reference``."
        )


def check_requests(
    watch: WatchOptions, reinforce: ReinforceOptions, reference: str | None, methods: int
) -> None:
    """Refuse what does not fit successive requests.

    Args:
        watch: how the run is watched.
        reinforce: how models are over-fitted.
        reference: the model that is compared with, where one was named.
        methods: how many settings of the method were asked for.

    Raises:
        UserError: naming the option.
    """
    if watch.evaluate_epochs:
        raise UserError("requests are evaluated after each stage; leave out ``evaluate_epochs``.")
    if reinforce.reinforced:
        raise UserError(
            "``reinforced`` is one model, and each request needs its own: leave it out, and each "
            "stage over-fits one first."
        )
    if reference:
        raise UserError(
            "``reference`` is one model, and each request is compared with the model that its "
            "stage starts from: leave it out."
        )
    if methods > 1:
        raise UserError("``alpha``: requests are unlearned with one alpha; give one.")


def warn_of_conflicts(sets: "Sequence[OwnSets]") -> None:
    """Name the retain rows that work against forgetting, once each."""
    from simnpo.data.conflicts import find_conflicts
    from simnpo.system.notes import note_once

    for one in sets:
        for conflict in find_conflicts(one.forget, (*one.retain, *one.kept)):
            note_once(f"Warning: {conflict.reason}")


def warn_of_shortened(sets: "Sequence[OwnSets]", encoder: "Encoder") -> None:
    """Say which answers are shortened."""
    from simnpo.benchmarks.own import OwnSets

    for number, one in enumerate(sets):  # requests differ in what is forgotten alone
        warn_of_lengths(OwnSets(one.forget) if number else one, encoder)
