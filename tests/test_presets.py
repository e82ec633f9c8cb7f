"""Settings of methods on benchmarks that are not embedded."""

import pytest

from simnpo.objectives.npo import NPO
from simnpo.objectives.simnpo import SimNPO
from simnpo.presets import unlearning_preset


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
