"""What to change after a verdict on own data, from the run's own settings."""

from collections.abc import Mapping

from simnpo.evaluation.metrics.verdict import Kind
from simnpo.storage.json_values import Json

_MORE_RETAIN = "add rows like those that suffered to --retain"


def advice(
    kind: Kind, settings: Mapping[str, Json], usual: Mapping[str, Json], damaged: bool = False
) -> tuple[str, ...]:
    """Return what to change next, the most promising first; nothing where nothing is wrong.

    Args:
        kind: of the verdict.
        settings: of the run, as `run.json` has them.
        usual: settings that a run on this model and data has by default, by the same names.
        damaged: whether something was not kept either. Then a higher rate alone, or whatever else
            forgets more, would damage more.
    """
    if kind == "nothing known":
        return (
            "check --template: it must be the format that the model learnt these rows in",
            "check that --model is the model that was trained on them",
        )
    if kind == "damaged":
        rate = settings.get("learning_rate")
        lower = [f"lower --learning-rate from {rate:g} to {rate / 2:g}"] if rate else []
        return (*lower, *_keep_more(settings))
    if kind == "forgotten":
        return ()
    method = str(settings.get("method", ""))
    keep = _keep_more(settings) if damaged else ()
    if kind == "hidden" and method.startswith("IDK"):
        return (
            "use --method simnpo or npo, which lower the answer's probability; IDK teaches the "
            "model to refuse and leaves what it knows",
            *keep,
        )
    more = _forget_more(settings, usual)
    found = [*keep, *(f"only then {one}" for one in more[:1])] if damaged else [*more]
    if rank := settings.get("lora_rank"):
        found.append(
            f"raise --lora-rank from {rank} to {2 * rank}, or leave it out to train full weights"
        )
    if damaged:
        other = "npo" if method.startswith("SimNPO") else "simnpo"
        found.append(f"or try another method: --method {other}")
    elif kind == "not forgotten" and not method.startswith("NPO"):
        found.append("try --method npo, which pushes harder")
    return tuple(found)


def _keep_more(settings: Mapping[str, Json]) -> tuple[str, ...]:
    """Return what makes a run damage less without forgetting less."""
    weight = settings.get("retain_weight")
    if weight is not None:
        return (f"raise --retain-weight from {weight:g} to {2 * weight or 1:g}", _MORE_RETAIN)
    if "retain_weight" in settings:  # a method that trains on nothing to keep
        return ("train on the rows to keep, too: --retain with --retain-loss nll",)
    return (_MORE_RETAIN,)


def _forget_more(settings: Mapping[str, Json], usual: Mapping[str, Json]) -> tuple[str, ...]:
    """Return what makes a run forget more: first what is below its default, else twice the rate."""
    found = []
    for name in ("learning_rate", "forget_weight"):
        own, default = settings.get(name), usual.get(name)
        if own is not None and default is not None and own < default:
            found.append(f"raise --{name.replace('_', '-')} from {own:g} to {default:g}")
    steps, default = settings.get("steps"), usual.get("steps")
    if steps is not None and default is not None and steps < default:
        found.append(f"raise --steps from {steps:g} to {default:g}")
    rate = settings.get("learning_rate")
    if not found and rate is not None:
        found.append(f"raise --learning-rate from {rate:g} to {2 * rate:g}")
    return tuple(found)
