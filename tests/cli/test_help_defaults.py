"""The defaults in the help's brackets are those of the settings."""

import re
from dataclasses import dataclass
from typing import Any, get_type_hints

import pytest

from simnpo.benchmarks.preset import FINETUNE
from simnpo.benchmarks.presets import SMALL_SETS, own_data_preset, relearning_preset
from simnpo.benchmarks.presets import unlearning_preset as preset
from simnpo.cli.attack_options import AttackOptions
from simnpo.cli.command_line import parse
from simnpo.cli.described import _texts, described_by, field_texts
from simnpo.cli.lora_options import LoraOptions
from simnpo.cli.method_options import MethodOptions, ReinforceOptions
from simnpo.cli.options import TrainingOptions
from simnpo.cli.own_run_options import ReportOptions
from simnpo.cli.plan import EXAMPLES, Plan
from simnpo.cli.preset_help import preset_help
from simnpo.cli.prompt_options import ChatOptions, PromptOptions
from simnpo.cli.sweep import Sweep
from simnpo.cli.unlearn import Unlearn
from simnpo.config import MAX_LENGTH, MEASURED_ROWS, Reinforcement, TrainingConfig
from simnpo.data.prompt_settings import DATE
from simnpo.methods.registry import build_method, configure

DEFAULTS = TrainingConfig()


def help_texts(options: type) -> dict[str, str]:
    """Return the help of a class's options, by their names."""
    hints = get_type_hints(options, include_extras=True)
    marks = {name: getattr(hint, "__metadata__", ()) for name, hint in hints.items()}
    given = {name: [one.help for one in of if one.help] for name, of in marks.items()}
    return {name: texts[-1] for name, texts in given.items() if texts} | dict(field_texts(options))


def brackets(options: type) -> dict[str, str]:
    """Return what stands in brackets in the help of a class's options, by their names."""
    found = {name: re.findall(r"\[([^]]*)\]", text) for name, text in help_texts(options).items()}
    return {name: shown[-1] for name, shown in found.items() if shown}


def of(method: Any, name: str) -> str:
    """Return a setting of a method, or of its way to forget, as it is typed."""
    return f"{getattr(method if hasattr(method, name) else method.forget, name):g}"


def setting(method: str, name: str) -> str:
    return of(build_method(method), name)


TRAINING = brackets(TrainingOptions)


@pytest.mark.parametrize("name", [name for name in TRAINING if name != "steps"])
def test_training(name: str) -> None:
    first, default = re.split("[;,]", TRAINING[name])[0], getattr(DEFAULTS, name)
    number = isinstance(default, int | float) and not isinstance(default, bool)
    assert (float(first) if number else first) == (default if number else str(default))


def test_training_elsewhere() -> None:
    small, npo = (own_data_preset(name, 9, 10**9, lora=False) for name in ("simnpo", "npo"))
    relearning = relearning_preset("tofu", "forget05")
    rest = f"finetune {FINETUNE.epochs}; attack relearn {relearning.epochs}"
    assert TRAINING["epochs"].endswith(rest)
    npo_steps, rmu_steps = (preset("wmdp", "bio", name).training.steps for name in ("npo", "rmu"))
    steps = f"wmdp {npo_steps}, rmu there {rmu_steps}"
    assert TRAINING["steps"].startswith(f"{steps}; unlearn on own data {small.training.steps},")
    rows = f"fewer than {SMALL_SETS} rows {small.training.batch_size}"
    assert TRAINING["batch_size"].endswith(rows)
    norm = f"npo on own data {npo.training.max_grad_norm:g}"
    assert TRAINING["max_grad_norm"].endswith(norm)


def test_methods() -> None:
    shown: dict[str, str] = brackets(MethodOptions)
    own = own_data_preset("simnpo", 9, 10**9, lora=False).method
    npo = own_data_preset("npo", 9, 10**9, lora=False).method
    tofu = preset("tofu", "forget05", "simnpo").method
    vector = preset("tofu", "forget05", "task_vector").method
    assert shown == {
        "alpha": f"rkld {setting('rkld', 'alpha')}, task_vector {setting('task_vector', 'alpha')}, "
        f"on tofu {of(vector, 'alpha')}, wga {setting('wga', 'alpha')}",
        "beta": f"simnpo {of(own, 'beta')}, on benchmarks {of(tofu, 'beta')}; "
        f"undial {setting('undial', 'beta')}, else {setting('npo', 'beta')}",
        "beta1": setting("satimp", "beta1"),
        "beta2": setting("satimp", "beta2"),
        "gamma": setting("simnpo", "gamma"),
        "layer": f"{setting('rmu', 'layer')}; embedded benchmarks "
        f"{of(preset('mini-wmdp', 'craft', 'rmu').method, 'layer')}",
        "steering_coefficient": setting("rmu", "steering_coefficient"),
        "forget_weight": f"simnpo on benchmarks {of(tofu, 'forget_weight')}, "
        f"else {setting('npo', 'forget_weight')}",
        "retain_weight": f"{setting('simnpo', 'retain_weight')}; npo on own data "
        f"{of(npo, 'retain_weight')}; rmu {setting('rmu', 'retain_weight')} for its own",
        "retain_loss": shown["retain_loss"],  # see `test_methods` of the registry
    }


@dataclass
class Rates:
    """Settings, for the test below."""

    steps: int = 3
    """How many, instead of ``epochs``.
    See `elsewhere`."""
    rate: float = 1e-5
    """How fast."""
    most: int | None = None
    """How far."""


@described_by(Rates, "my_", steps="there 4")
@dataclass
class RateOptions:
    """Options, for the test below."""

    steps: int | None = None
    my_rate: float | None = None
    most: int | None = None
    other: str | None = None
    """Of its own."""


def test_texts_come_from_the_settings() -> None:
    assert help_texts(RateOptions) == {
        "steps": "How many, instead of --epochs. See elsewhere [3; there 4].",
        "my_rate": "How fast [1e-05].",
        "most": "How far.",
        "other": "Of its own.",
    }


def test_without_sources_options_work_and_have_no_help(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(module: object) -> str:
        raise OSError("could not get source code")

    monkeypatch.setattr("inspect.getsource", lost)
    _texts.cache_clear()
    try:

        @described_by(Rates, "my_", steps="there 4")
        @dataclass
        class Bare:
            steps: int | None = None

    finally:
        _texts.cache_clear()
    assert Bare(3).steps == 3 and Bare.__annotations__ == {"steps": int | None}


def test_a_default_of_an_option_that_is_not_there() -> None:
    with pytest.raises(AssertionError, match="other"):
        described_by(Rates, "my_", other="4")(RateOptions)


def test_the_rest() -> None:
    lora: dict[str, str] = brackets(LoraOptions)
    assert lora["lora_alpha"] == str(LoraOptions().lora_alpha)
    assert lora["lora_subspace"] == "free; unlearn on own data forget"
    shown = brackets(ReinforceOptions)
    assert float(shown["reinforce_epochs"]) == Reinforcement.epochs
    assert float(shown["reinforce_learning_rate"]) == Reinforcement.learning_rate
    for options in (AttackOptions, Plan, ReportOptions, Sweep):
        assert brackets(options)["max_items"] == str(MEASURED_ROWS)
    assert brackets(PromptOptions)["max_length"].startswith(f"{MAX_LENGTH}; muse 2048")
    assert brackets(ChatOptions)["template_date"].startswith(DATE)
    assert brackets(Plan)["examples"].startswith(str(EXAMPLES))


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (
            "unlearn --benchmark tofu --method=npo",
            "npo on tofu: --epochs 10 --learning-rate 1e-05 --batch-size 32",
        ),
        ("unlearn --benchmark mini-wmdp --method rmu --split craft", "rmu on mini-wmdp craft: "),
        ("unlearn --benchmark tofu --method task_vector", "--alpha 2.5"),
        ("finetune --benchmark tofu", "On tofu: --epochs 5"),
        ("unlearn --benchmark nope", "unknown benchmark 'nope'"),
        ("unlearn --benchmark tofu --method nope", "unknown method 'nope'"),
    ],
)
def test_help_beside_a_benchmark_shows_its_settings(words: str, shown: str) -> None:
    assert shown in (preset_help([*words.split(), "--help"]) or "")


@pytest.mark.parametrize("words", ["unlearn --method npo", "evaluate --benchmark tofu", "demo"])
def test_help_has_nothing_to_add(words: str) -> None:
    assert preset_help([*words.split(), "--help"]) is None


@pytest.mark.parametrize("name", ["npo", "grad_diff", "rmu", "task_vector", "wga", "retrain"])
def test_what_help_shows_can_be_typed(name: str) -> None:
    shown = preset_help(["unlearn", "--benchmark", "tofu", "--method", name]) or ""
    words = shown.partition(": ")[2].split()
    typed = ["unlearn", "--model", "m", "--out", "o", "--benchmark", "tofu", "--method", name]
    command = parse([*typed, *words])
    assert isinstance(command, Unlearn)
    usual = preset("tofu", None, name)
    assert command.training.apply_to(usual.training) == usual.training
    settings = {k: v for k, v in command.settings.settings().items() if k != "alpha"}
    assert configure(usual.method, **settings) == usual.method
