"""The list of methods: every entry works with what it declares, wrong settings are refused."""

import pytest
import torch
from tiny_scored import scored

from simnpo.errors import UserError
from simnpo.forward.logprobs import scatter_to_rows
from simnpo.forward.passes import places_of
from simnpo.methods.base import ActivationObjective, DivergenceObjective, Objective, Scored
from simnpo.methods.ga import GA
from simnpo.methods.kl import KL
from simnpo.methods.method import Method
from simnpo.methods.nll import NLL
from simnpo.methods.npo import NPO
from simnpo.methods.registry import METHODS, build_method, configure
from simnpo.methods.rmu import RMU, KeepActivations
from simnpo.methods.simnpo import SimNPO

PAPER = ["retrain", "ga", "grad_diff", "weighted_grad_diff", "npo", "simnpo", "idk", "idk_dpo"]
PAPER += ["rkld"]
LOSSES = {name: method for name, method in METHODS.items() if isinstance(method, Method)}
OTHERS = ["altpo", "wga", "satimp", "undial", "ceu", "rmu"]


def declared_forward(objective: Objective) -> dict[str, Scored]:
    """Only what the objective declares, so that an undeclared need is a failure."""
    given = {}
    for name in objective.answers:
        one = scored([[-0.5, -1.5], [-3.0]])
        one.token_logprobs.requires_grad_()
        if objective.needs_reference_logps:
            one = one._replace(reference_logps=torch.tensor([-1.0, -2.0]).double())
        if isinstance(objective, DivergenceObjective):
            now, *before = (
                torch.randn(3, 4, generator=torch.Generator().manual_seed(seed)).double()
                for seed in range(1 + len(objective.references))
            )
            now.requires_grad_()
            targets = torch.tensor([0, 1, 3])
            reference = objective.reference_logits(*before) if before else now.detach()
            current = now.log_softmax(-1)
            compared = objective.divergence(current, reference.log_softmax(-1), targets)
            one = one._replace(divergences=scatter_to_rows(compared, places_of(one.mask), one.mask))
        if isinstance(objective, ActivationObjective):
            states, before = torch.randn(2, 2, 2, 4, generator=torch.Generator().manual_seed(0))
            one = one._replace(
                token_logprobs=torch.full(one.mask.shape, torch.nan),
                activations=states.requires_grad_(),
                reference_activations=before if objective.needs_reference_activations else None,
                control_vectors=before[0] if objective.needs_control_vectors else None,
            )
        given[name] = one
    return given


def objectives() -> dict[str, Objective]:
    found = {f"{name}.forget": method.forget for name, method in LOSSES.items()}
    found |= {f"{name}.retain": method.retain for name, method in LOSSES.items()}
    found |= {"nll": NLL(), "kl": KL()}
    return {name: objective for name, objective in found.items() if objective is not None}


@pytest.mark.parametrize("name", objectives())
def test_every_objective_gives_a_finite_loss_per_example_from_what_it_declares(name: str) -> None:
    objective = objectives()[name]
    loss = objective.loss(declared_forward(objective))
    assert loss.shape == (2,)
    assert loss.isfinite().all()
    assert loss.requires_grad


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, method in LOSSES.items()
        if method.forget
        and not isinstance(method.forget, DivergenceObjective | ActivationObjective)
    ],
)
def test_forget_losses_push_the_answer_down_or_the_refusal_up(name: str) -> None:
    objective = LOSSES[name].forget
    assert objective is not None
    forward = declared_forward(objective)
    objective.loss(forward).sum().backward()
    for answer, one in forward.items():
        gradient = one.token_logprobs.grad
        assert gradient is not None
        upwards = gradient[one.mask] > 0  # minimising goes against the gradient
        assert upwards.all() if answer == "answer" else not upwards.any(), answer


@pytest.mark.parametrize("name", ["undial", "ceu"])
def test_divergences_to_forget_by_push_the_answers_token_down(name: str) -> None:
    objective = LOSSES[name].forget
    assert isinstance(objective, DivergenceObjective)
    logits = torch.tensor([[3.0, 1.0, 0.0]]).requires_grad_()
    dists = logits.log_softmax(-1)
    objective.divergence(dists, dists.detach(), torch.tensor([0])).sum().backward()
    assert logits.grad is not None
    assert (logits.grad[0] > 0).tolist() == [True, False, False]


def test_the_papers_methods_are_all_there_with_its_parts() -> None:
    assert set(METHODS) == {*PAPER, *OTHERS, "task_vector"}
    parts = {
        name: (type(one.forget).__name__, type(one.retain).__name__) for name, one in LOSSES.items()
    }
    assert parts == {
        "retrain": ("NoneType", "NLL"),
        "ga": ("GA", "NoneType"),
        "grad_diff": ("GA", "NLL"),
        "weighted_grad_diff": ("WeightedGA", "NLL"),
        "npo": ("NPO", "NLL"),
        "simnpo": ("SimNPO", "NLL"),
        "idk": ("RefusalNLL", "NLL"),
        "idk_dpo": ("RefusalDPO", "NLL"),
        "altpo": ("AlternateDPO", "NLL"),
        "wga": ("WGA", "NLL"),
        "satimp": ("SatImp", "NLL"),
        "undial": ("UNDIAL", "NoneType"),
        "ceu": ("CEU", "NoneType"),
        "rmu": ("RMU", "KeepActivations"),
        "rkld": ("RKLD", "NLL"),
    }
    assert all(one.forget_weight == 1 for one in LOSSES.values())
    weighed = {name: one.retain_weight for name, one in LOSSES.items() if one.retain_weight != 1}
    assert weighed == {"rmu": 1200}


def test_methods_without_a_reference_declare_none() -> None:
    with_reference = {
        name for name, one in LOSSES.items() if one.forget and one.forget.needs_reference_logps
    }
    assert with_reference == {"npo", "idk_dpo", "altpo"}
    assert {name for name, one in LOSSES.items() if one.needs_reinforced} == {"rkld"}


def test_settings_reach_the_method_and_leave_the_list_alone() -> None:
    method = build_method(
        "simnpo", beta=4.5, gamma=0.1, forget_weight=0.125, retain_weight=2.0, retain_loss="kl"
    )
    assert method == Method("SimNPO", SimNPO(4.5, 0.1), KL(), 0.125, 2.0)
    assert LOSSES["simnpo"] == Method("SimNPO", SimNPO(2.5, 0.0), NLL(), 1.0, 1.0)
    assert build_method("npo", retain_loss="none") == Method("NPO", NPO(0.1), None)
    assert configure(method) == method
    assert configure(method, forget_weight=0.0).forget_weight == 0


def test_rmus_layer_is_that_of_both_losses_and_its_retain_weight_that_of_its_own() -> None:
    assert build_method("rmu", layer=4, steering_coefficient=20.0) == Method(
        "RMU", RMU(4, 20.0), KeepActivations(4), 1.0, 1200.0
    )
    assert list(RMU(4).trained_layers) == [2, 3, 4] and list(RMU(1).trained_layers) == [0, 1]
    assert build_method("rmu", retain_loss="nll") == Method("RMU", RMU(), NLL())
    assert build_method("rmu", retain_loss="kl", retain_weight=3.0).retain_weight == 3
    with pytest.raises(UserError, match="RMU is of one layer"):
        Method("RMU", RMU(4), KeepActivations(7))


def test_record_says_what_is_used() -> None:
    assert build_method("simnpo", beta=4.5, retain_loss="none").record() == {
        "method": "SimNPO",
        "forget_loss": {"name": "SimNPO", "beta": 4.5, "gamma": 0.0},
        "forget_weight": 1.0,
        "retain_loss": None,
        "retain_weight": None,
    }
    assert LOSSES["retrain"].record()["forget_loss"] is None


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("simpno", {}, ["'simpno'", "simnpo", "idk_dpo"]),
        ("npo", {"gamma": 0.1}, ["NPO", "'gamma'", "beta"]),
        ("ga", {"beta": 0.1}, ["GA", "'beta'", "none"]),
        ("retrain", {"beta": 0.1}, ["Retrain", "'beta'"]),
        ("npo", {"retain_loss": "mse"}, ["'mse'", "none, nll, kl"]),
        ("npo", {"beta": 0.0}, ["NPO", "beta", "0.0"]),
        ("simnpo", {"beta": -2.5}, ["SimNPO", "beta", "-2.5"]),
        ("simnpo", {"beta": float("nan")}, ["SimNPO", "beta", "nan"]),
        ("idk_dpo", {"beta": 0.0}, ["IDK-DPO", "beta", "0.0"]),
        ("rkld", {"alpha": 0.0}, ["RKLD", "alpha", "0.0"]),
        ("rkld", {"beta": 1.0}, ["RKLD", "'beta'", "alpha"]),
        ("simnpo", {"gamma": -0.5}, ["SimNPO", "gamma", "-0.5"]),
        ("simnpo", {"gamma": float("nan")}, ["SimNPO", "gamma", "nan"]),
        ("simnpo", {"beta": float("inf")}, ["SimNPO", "beta", "inf"]),
        ("undial", {"beta": 0.0}, ["UNDIAL", "beta", "0.0"]),
        ("wga", {"alpha": -0.1}, ["WGA", "alpha", "-0.1"]),
        ("wga", {"beta": 1.0}, ["WGA", "'beta'", "alpha"]),
        ("satimp", {"beta1": float("inf")}, ["SatImp", "beta1", "inf"]),
        ("satimp", {"beta2": -1.0}, ["SatImp", "beta2", "-1.0"]),
        ("rmu", {"layer": -1}, ["RMU", "layer", "-1"]),
        ("rmu", {"steering_coefficient": 0.0}, ["RMU", "steering_coefficient", "0.0"]),
        ("ceu", {"retain_weight": 1.0}, ["CE-U", "``retain_weight``"]),
        ("npo", {"forget_weight": -1.0}, ["forget_weight", "-1.0"]),
        ("npo", {"retain_weight": float("nan")}, ["retain_weight", "nan"]),
        ("npo", {"retain_weight": float("inf")}, ["retain_weight", "inf"]),
        ("ga", {"retain_weight": 1.0}, ["GA", "``retain_weight``"]),
        ("retrain", {"forget_weight": 1.0}, ["Retrain", "``forget_weight``"]),
        ("retrain", {"retain_loss": "none"}, ["forget", "retain"]),
    ],
)
def test_wrong_settings_are_named(name: str, given: dict[str, object], words: list[str]) -> None:
    with pytest.raises(UserError) as error:
        build_method(name, **given)
    for word in words:
        assert word in str(error.value)


def test_a_method_needs_an_objective() -> None:
    with pytest.raises(UserError, match="needs a forget or a retain"):
        Method("Nothing", None, None)
    assert Method("Only forget", GA(), None).retain is None
