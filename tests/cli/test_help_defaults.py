"""The defaults in the help's brackets are those of the settings."""

import inspect
import re
from typing import Any

import pytest

from simnpo.benchmarks.preset import FINETUNE
from simnpo.benchmarks.presets import SMALL_SETS, own_data_preset, relearning_preset
from simnpo.benchmarks.presets import unlearning_preset as preset
from simnpo.cli.attack_options import AttackOptions
from simnpo.cli.method_options import MethodOptions, ReinforceOptions
from simnpo.cli.options import TrainingOptions
from simnpo.cli.own_run_options import ReportOptions
from simnpo.cli.plan import EXAMPLES, Plan
from simnpo.cli.prompt_options import ChatOptions, PromptOptions
from simnpo.cli.sweep import Sweep
from simnpo.config import MAX_LENGTH, Reinforcement, TrainingConfig
from simnpo.data.prompt_settings import DATE
from simnpo.experiments.own_run import MOST_ROWS
from simnpo.methods.registry import build_method

OPTION = re.compile(r'^    (\w+): Unset\[.*? = None\n    """(.*?)"""', re.DOTALL | re.MULTILINE)
DEFAULTS = TrainingConfig()


def brackets(options: type) -> dict[str, str]:
    """Return what stands in brackets in the help of a class's options, by their names."""
    texts = {
        name: " ".join(text.split()) for name, text in OPTION.findall(inspect.getsource(options))
    }
    found = {name: re.findall(r"\[([^]]*)\]", text) for name, text in texts.items()}
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


def test_the_rest() -> None:
    shown = brackets(ReinforceOptions)
    assert float(shown["reinforce_epochs"]) == Reinforcement.epochs
    assert float(shown["reinforce_learning_rate"]) == Reinforcement.learning_rate
    for options in (AttackOptions, Plan, ReportOptions, Sweep):
        assert brackets(options)["max_items"] == str(MOST_ROWS)
    assert brackets(PromptOptions)["max_length"].startswith(f"{MAX_LENGTH}, muse 2048")
    assert brackets(ChatOptions)["template_date"].startswith(DATE)
    assert brackets(Plan)["examples"].startswith(str(EXAMPLES))
