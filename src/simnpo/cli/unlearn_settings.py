"""The settings of a run of `unlearn`: the preset of what it runs on, and what options change."""

from pathlib import Path
from typing import TYPE_CHECKING

from simnpo.cli.lora_options import LoraOptions
from simnpo.cli.method_options import MethodOptions
from simnpo.cli.options import BenchmarkOptions, MethodName
from simnpo.cli.prompt_options import PromptOptions
from simnpo.errors import UserError

if TYPE_CHECKING:
    from simnpo.benchmarks.own import OwnSets
    from simnpo.benchmarks.preset import Preset
    from simnpo.data.encoding import Encoder
    from simnpo.methods.registry import AnyMethod


def benchmark_preset(benchmark: BenchmarkOptions, method: MethodName) -> "Preset":
    """Return a method's settings on a benchmark.

    Raises:
        UserError: see `simnpo.benchmarks.presets.unlearning_preset`.
    """
    from simnpo.benchmarks.presets import unlearning_preset

    return unlearning_preset(benchmark.benchmark, benchmark.split, method)


def own_preset(
    own: "OwnSets",
    model: str,
    method: MethodName,
    prompt: PromptOptions,
    lora: LoraOptions,
    retain_loss: str | None,
) -> "Preset":
    """Return a method's settings on own data, by its size and the model's.

    Raises:
        UserError: a row cannot be encoded, or see `simnpo.benchmarks.presets.own_data_preset`.
    """
    from simnpo.benchmarks.presets import own_data_preset
    from simnpo.data.lengths import SetTokens
    from simnpo.planning.shape import read_shape

    shape = read_shape(model, prompt.trust_remote_code)
    pieces = SetTokens.of(own.forget, encoder_of(model, prompt)).pieces
    return own_data_preset(
        method, pieces, shape.parameters, lora.lora_rank > 0, lora.reads(retain_loss)
    )


def encoder_of(model: str, prompt: PromptOptions) -> "Encoder":
    """Return the model's tokenizer, bound to the template."""
    from simnpo.data.encoding import Encoder
    from simnpo.models import load_tokenizer

    tokenizer = load_tokenizer(model, prompt.trust_remote_code)
    return Encoder(tokenizer, prompt.settings, prompt.limit())


def methods_of(preset: "Preset", options: MethodOptions, out: Path) -> "dict[Path, AnyMethod]":
    """Return the method with its settings; for each alpha and in its own folder, if several.

    Raises:
        UserError: an alpha is named twice, or see `simnpo.methods.registry.configure`.
    """
    from simnpo.methods.registry import configure

    settings = options.settings()
    alphas = settings.pop("alpha", ())
    if len(set(alphas)) < len(alphas):
        raise UserError(f"``alpha`` {' '.join(map(str, alphas))}: one is named twice.")
    if len(alphas) == 1:
        settings["alpha"] = alphas[0]
    if len(alphas) < 2:
        return {out: configure(preset.method, **settings)}
    return {
        out / f"alpha-{str(alpha).removesuffix('.0')}": configure(
            preset.method, **settings, alpha=alpha
        )
        for alpha in alphas
    }
