"""What to change after a verdict on own data, from the run's own settings."""

from collections.abc import Mapping
from typing import Any

from simnpo.metrics.verdict import Kind

_MORE_RETAIN = "add rows like those that suffered to --retain"


def advice(kind: Kind, settings: Mapping[str, Any], usual: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what to change next, the most promising first; nothing where nothing is wrong.

    Args:
        kind: of the verdict.
        settings: of the run, as `run.json` has them.
        usual: settings that a run on this model and data has by default, by the same names.
    """
    if kind == "not forgotten":
        more = _more(settings, usual)
        hardest = str(settings.get("method", "")).startswith("NPO")
        return more if hardest else (*more, "try --method npo, which pushes harder")
    if kind == "hidden":
        return _hidden(settings, usual)
    if kind == "damaged":
        rate = settings.get("learning_rate")
        found = [f"lower --learning-rate from {rate:g} to {rate / 2:g}"] if rate else []
        weight = settings.get("retain_weight")
        if weight:
            found.append(f"raise --retain-weight from {weight:g} to {2 * weight:g}")
        return (*found, _MORE_RETAIN)
    if kind == "nothing known":
        return (
            "check --template: it must be the format that the model learnt these rows in",
            "check that --model is the model that was trained on them",
        )
    return ()


def _hidden(settings: Mapping[str, Any], usual: Mapping[str, Any]) -> tuple[str, ...]:
    """Refusals hide an answer; other methods need to go on."""
    if str(settings.get("method", "")).startswith("IDK"):
        return (
            "use --method simnpo or npo, which lower the answer's probability; IDK teaches the "
            "model to refuse and leaves what it knows",
        )
    return _more(settings, usual)


def _more(settings: Mapping[str, Any], usual: Mapping[str, Any]) -> tuple[str, ...]:
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
