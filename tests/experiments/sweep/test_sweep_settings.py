"""Which settings a sweep tries, and what is wrong with those it cannot."""

import pytest

from simnpo.errors import UserError
from simnpo.experiments.sweep.settings import drawn, grid, named, read_values
from simnpo.methods.registry import build_method


def test_a_grid_is_every_combination() -> None:
    values = read_values(["beta=1.5,2.5", "forget-weight=0.1,1,2"], build_method("simnpo"))
    assert values == {"beta": (1.5, 2.5), "forget_weight": (0.1, 1, 2)}
    settings = grid(values)
    assert len(settings) == 6
    assert settings[1] == (("beta", 1.5), ("forget_weight", 1))
    assert named(settings[5]) == "beta 2.5, forget_weight 2"


def test_random_draws_differ_and_follow_the_seed() -> None:
    values = {"beta": (1.0, 2.0, 3.0), "gamma": (0.0, 1.0)}
    first = drawn(values, 4, 1)
    assert len(set(first)) == 4 and set(first) < set(grid(values))
    assert first == drawn(values, 4, 1) != drawn(values, 4, 2)
    assert sorted(drawn(values, 100, 1)) == sorted(grid(values))


def test_layers_are_whole_numbers() -> None:
    (layers,) = read_values(["layer=1,2"], build_method("rmu")).values()
    assert layers == (1, 2) and all(isinstance(one, int) for one in layers)
    with pytest.raises(UserError, match="must be a whole number"):
        read_values(["layer=1.5"], build_method("rmu"))


@pytest.mark.parametrize(
    ("over", "method", "words"),
    [
        ([], "npo", "``over`` is empty"),
        (["beta"], "npo", "``over`` beta: give values"),
        (["beta="], "npo", "``over`` beta=: give values"),
        (["beta=a,1"], "npo", "'a' is not a number"),
        (["beta=1,,2"], "npo", "'' is not a number"),
        (["beta=nan"], "npo", "nan is not finite"),
        (["beta=1,1.0"], "npo", "a value is given twice"),
        (["beta=1", "beta=2"], "npo", "``over`` names beta twice"),
        (["gamma=1"], "npo", "has no setting 'gamma'; it has beta, forget_weight, retain_weight"),
        (["retain_weight=1"], "ga", "it has forget_weight, learning_rate, epochs"),
        (["learning_rate=1"], "task_vector", "Task Vector has no setting 'learning_rate'"),
    ],
)
def test_mistakes(over: list[str], method: str, words: str) -> None:
    with pytest.raises(UserError) as error:
        read_values(over, build_method(method))
    assert words in str(error.value)
