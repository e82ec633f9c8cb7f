"""What `--help` says of the settings of the benchmark and method that are typed with it."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

from simnpo.cli.method_options import MethodOptions
from simnpo.cli.options import TrainingOptions, option_words
from simnpo.cli.unlearn import Unlearn
from simnpo.errors import UserError
from simnpo.system.command_words import option, with_options

if TYPE_CHECKING:
    from simnpo.methods.registry import AnyMethod


def preset_help(words: Sequence[str]) -> str | None:
    """Return the options that a benchmark's preset amounts to; None where no benchmark is named.

    Args:
        words: what is typed after `simnpo`, such as unlearn --benchmark tofu --method npo --help.
    """
    named = {name: _typed(words, name) for name in ("benchmark", "split", "method")}
    if words[0] not in ("unlearn", "finetune") or named["benchmark"] is None:
        return None
    from simnpo.benchmarks.presets import finetuning_preset, unlearning_preset

    where = " ".join(filter(None, (named["benchmark"], named["split"])))
    try:
        if words[0] == "finetune":
            options = _options(TrainingOptions, finetuning_preset(named["benchmark"]))
            return f"On {where}: {options}"
        method = named["method"] or Unlearn.method
        preset = unlearning_preset(named["benchmark"], named["split"], method)
    except UserError as error:
        return with_options(error)
    training, own = _options(TrainingOptions, preset.training), _method_options(preset.method)
    return f"{method} on {where}: {training} {own}".rstrip()


def _typed(words: Sequence[str], name: str) -> str | None:
    """Return the value that is typed for an option."""
    for word, after in zip(words, [*words[1:], ""], strict=True):
        if word == option(name):
            return after or None
        if word.startswith(f"{option(name)}="):
            return word.partition("=")[2]
    return None


def _options(options: type, settings: object) -> str:
    """Return the settings that have options, as a user types them; flags that are off stay out."""
    names = [field.name for field in fields(options)]
    return _as_typed({name: getattr(settings, name, None) for name in names})


def _method_options(method: "AnyMethod") -> str:
    from simnpo.methods.kl import KL
    from simnpo.methods.method import Method
    from simnpo.methods.nll import NLL

    if not isinstance(method, Method):
        return _options(MethodOptions, method)
    losses = {type(None): "none", NLL: "nll", KL: "kl"}
    own = {field.name: getattr(method.forget, field.name, None) for field in fields(MethodOptions)}
    own |= {"forget_weight": method.forget_weight} if method.forget else {}
    own |= {"retain_weight": method.retain_weight} if method.retain else {}
    return _as_typed({**own, "retain_loss": losses.get(type(method.retain))})


def _as_typed(values: Mapping[str, object]) -> str:
    words: list[str] = []
    for name, value in values.items():
        if value is not None and value is not False:
            number = isinstance(value, float)
            words += option_words(name, f"{value:g}" if number else value)
    return " ".join(words)
