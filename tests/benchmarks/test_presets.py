"""Settings of methods on benchmarks that are not embedded."""

import pytest

from simnpo.benchmarks.presets import (
    own_data_preset,
    own_relearning_preset,
    relearning_preset,
    unlearning_preset,
)
from simnpo.errors import UserError
from simnpo.methods.method import Method
from simnpo.methods.npo import NPO
from simnpo.methods.simnpo import SimNPO


@pytest.mark.parametrize(
    ("split", "beta"), [(None, 0.7), ("news", 0.7), ("news-scal3", 0.7), ("books", 0.75)]
)
def test_muse_simnpo_is_the_released_codes(split: str | None, beta: float) -> None:
    preset = unlearning_preset("muse", split, "simnpo")
    method, training = preset.method, preset.training
    assert isinstance(method.forget, SimNPO)
    assert (method.forget.beta, method.forget.gamma) == (beta, 0.1)
    assert (method.forget_weight, method.retain_weight) == (1, 0.1)
    assert (training.learning_rate, training.schedule, training.warmup_epochs) == (
        1e-5,
        "constant",
        0,
    )
    assert (training.epochs, training.batch_size) == (10, 4)


def test_muse_methods_train_alike() -> None:
    presets = [unlearning_preset("muse", "news", name) for name in ("ga", "npo", "simnpo")]
    assert len({repr(one.training) for one in presets}) == 1
    npo = presets[1].method.forget
    assert isinstance(npo, NPO) and npo.beta == 0.1
    assert (presets[1].method.forget_weight, presets[1].method.retain_weight) == (1, 1)


def test_wmdp_is_the_released_codes() -> None:
    presets = {name: unlearning_preset("wmdp", "bio", name) for name in ("simnpo", "npo", "rmu")}
    found = {
        name: (one.training.steps, one.training.epochs, one.training.learning_rate)
        for name, one in presets.items()
    }
    assert found == {
        "simnpo": (125, None, 9.5e-6),
        "npo": (125, None, 5e-6),
        "rmu": (150, None, 5e-5),
    }
    assert [presets[name].method.forget.beta for name in ("simnpo", "npo")] == [0.1, 0.0225]
    assert presets["rmu"].method.retain_weight == 1200
    with pytest.raises(UserError, match="WMDP has no Retrain"):
        unlearning_preset("wmdp", "bio", "retrain")


@pytest.mark.parametrize(
    ("benchmark", "rate"), [("tofu", 1e-5), ("muse", 1e-5), ("wmdp", 5e-6), (None, 1e-5)]
)
def test_relearning_is_three_epochs_at_unlearnings_rate(benchmark: str | None, rate: float) -> None:
    training = relearning_preset(benchmark, None)
    assert (training.epochs, training.steps, training.learning_rate) == (3, None, rate)


def test_own_data_follows_the_size_of_model_and_set() -> None:
    large, small = (
        own_data_preset("simnpo", 30, size, lora=False) for size in (7 * 10**9, 7 * 10**7)
    )
    assert large.training.learning_rate == 1e-5
    assert small.training.learning_rate == 1e-4  # ten times, for a hundredth of the weights
    adapters = own_data_preset("npo", 30, 7 * 10**9, lora=True)
    assert (adapters.subspace, adapters.training.learning_rate) == ("forget", 3e-4)
    free = own_data_preset("npo", 30, 7 * 10**9, lora=True, subspace="free")
    assert (free.subspace, free.training.learning_rate) == ("free", 5e-5)
    alone = own_data_preset("ga", 30, 7 * 10**9, lora=True)  # without a retain set to compare with
    assert (alone.subspace, alone.training.learning_rate) == ("free", 5e-5)
    assert (large.training.batch_size, large.training.steps) == (10, 60)
    many = own_data_preset("simnpo", 1000, 7 * 10**9, lora=False).training
    assert (many.batch_size, many.steps, many.checkpoint_epochs) == (32, 320, 1)
    assert isinstance(large.method, Method) and large.method.forget_weight == 1
    assert large.training.warmup_ratio == 0.1  # so that the first step has a rate


def test_npo_on_own_data_starts_at_its_own_loss_and_keeps_more() -> None:
    """NPO's loss sums over tokens: ten retain losses, and the clip for gradients of that size."""
    npo = own_data_preset("npo", 30, 7 * 10**9, lora=False)
    assert isinstance(npo.method, Method)
    assert (npo.method.forget_weight, npo.method.retain_weight) == (1, 10)
    assert npo.training.max_grad_norm == 10
    simnpo = own_data_preset("simnpo", 30, 7 * 10**9, lora=False)
    assert simnpo.training.max_grad_norm == 1


def test_relearning_on_own_data_has_a_constant_rate() -> None:
    training = own_relearning_preset(135_000_000)
    assert (training.epochs, training.steps, training.batch_size) == (3, None, 4)
    assert training.schedule == "constant" and training.warmup_ratio is None
    assert training.max_grad_norm == 1  # not NPO's
    assert (
        training.learning_rate
        == own_data_preset("npo", 1, 135_000_000, False).training.learning_rate
    )
