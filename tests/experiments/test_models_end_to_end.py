"""Every kind of run once on a mini of a handful of examples, and what studies read of them."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from small_mini import reduced_mini

from simnpo.errors import UserError
from simnpo.experiments import benchmark_setup as sites
from simnpo.experiments.benchmark_setup import BenchmarkSetup
from simnpo.experiments.model_runs import Perturbed, TrainedModel, model_of
from simnpo.experiments.relearn_run import RelearnRun
from simnpo.experiments.run import with_needs
from simnpo.experiments.unlearn_run import UnlearnRun
from simnpo.models import load_model
from simnpo.paper.results import Results, noise_runs
from simnpo.paper.scale import mini
from simnpo.training.reference import reference_logps

SITE = BenchmarkSetup("mini-tofu", "forget01")
SCALE = replace(mini(), tofu=SITE)


@pytest.fixture(scope="module", autouse=True)
def reduced(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Let runs find the reduced mini, and keep its models apart."""
    made = reduced_mini()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sites, "_load", lambda site: made.benchmark)
        patch.setattr(sites, "_load_mini", lambda site: made)
        patch.setenv("SIMNPO_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield made


def unlearned(method: str, **changes: Any) -> UnlearnRun:
    changes.setdefault("setting", (("epochs", 2),))
    return SCALE.unlearned(SITE, method, 42, **changes)


RECORDED = unlearned("npo", records=("history", "weights", "drift"), keeps_model=True)
RELEARNED = RelearnRun(7, RECORDED, "random")
PERTURBED = Perturbed(42, TrainedModel(42, SITE, "all"))
AGAINST = unlearned("npo", reference=PERTURBED)
VECTOR = unlearned("task_vector", setting=())


@pytest.fixture(scope="module")
def home(reduced: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for run in with_needs([RELEARNED, AGAINST, VECTOR, *noise_runs(SCALE, SITE, (42,))]):
        run.ensure(folder)
    return folder


@pytest.fixture(scope="module")
def results(home: Path) -> Results:
    return Results(SCALE, (42,), home)


def test_an_unlearned_model_is_measured(home: Path, results: Results) -> None:
    evaluation = results.evaluation(RECORDED)
    assert evaluation.name == "NPO" and results.evaluation(RECORDED) is evaluation
    assert 0 <= results.metric(RECORDED, "forget_quality") <= 1
    assert math.isnan(results.metric(RECORDED, "no such metric"))
    assert results.metric(RECORDED.origin, "forget_quality_statistic") >= 0
    history = results.history(RECORDED)
    assert list(history["epoch"]) == [0, 1, 2]
    assert history["model_utility"].iloc[-1] == pytest.approx(
        results.metric(RECORDED, "model_utility")
    )
    weights = results.weights(RECORDED)
    assert sorted(zip(weights["epoch"], weights["example"], strict=True)) == [
        (epoch, example) for epoch in (1, 2) for example in range(6)
    ]
    drift = results.drift(RECORDED)
    assert (drift[drift["step"] == 0]["kl"] == 0).all() and drift["step"].max() > 0


def test_only_models_that_others_need_are_kept(home: Path) -> None:
    load_model(model_of(RECORDED, home))
    for run in (AGAINST, VECTOR):
        assert not (run.folder(home) / "model").exists()
        assert not (run.folder(home) / "reinforced").exists()
        with pytest.raises(UserError, match="kept no model"):
            model_of(run, home)


def test_a_kill_between_model_and_record_is_made_good(home: Path) -> None:
    (AGAINST.folder(home) / "done.json").unlink()
    AGAINST.ensure(home)
    assert AGAINST.finished(home)


def test_relearning_has_a_history(home: Path, results: Results) -> None:
    history = results.history(RELEARNED)
    assert list(history["epoch"]) == [0, 1, 2, 3]
    assert RELEARNED.record(home)["relearned"] == 1  # a fifth of six
    # It begins where unlearning ended.
    assert history["model_utility"].iloc[0] == pytest.approx(
        results.metric(RECORDED, "model_utility")
    )


def test_a_perturbed_model_is_the_mean_of_two(home: Path) -> None:
    mean, origin = (load_model(model_of(run, home)) for run in (PERTURBED, PERTURBED.of))
    drawn = {
        name: 2 * value - origin.state_dict()[name] for name, value in mean.state_dict().items()
    }
    embedding = drawn["model.embed_tokens.weight"]
    # What is left is a fresh model: normal weights of the configuration's deviation, norms of 1.
    assert float(embedding.std()) == pytest.approx(0.02, rel=0.1)
    assert abs(float(embedding.mean())) < 1e-3
    norm = drawn["model.norm.weight"]
    torch.testing.assert_close(norm, torch.ones_like(norm))
    learnt = origin.state_dict()["model.embed_tokens.weight"]
    together = torch.stack([embedding.flatten(), learnt.flatten()])
    assert abs(float(torch.corrcoef(together)[0, 1])) < 0.1


def test_reference_log_probs_come_from_the_reference(
    reduced: Any, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def noted(model: Any, encoded: Any) -> Any:
        seen.append({name: value.clone() for name, value in model.state_dict().items()})
        return reference_logps(model, encoded)

    monkeypatch.setattr("simnpo.training.forwards.reference_logps", noted)
    one = replace(AGAINST, setting=(("epochs", 1),))
    one.ensure(home)
    expected = load_model(model_of(PERTURBED, home)).state_dict()
    (found,) = seen
    assert all(torch.equal(value, expected[name]) for name, value in found.items())


def test_forget_quality_on_slices_and_the_noise_floor(home: Path, results: Results) -> None:
    retrain = TrainedModel(42, SITE, "retain")
    ratios = results.log_ratios(RECORDED)
    assert list(ratios.index) == list(range(6)) and ratios.notna().all()
    whole = results.slice_quality(RECORDED, retrain, range(6))
    assert whole.p_value == pytest.approx(results.metric(RECORDED, "forget_quality"))
    assert results.slice_quality(RECORDED, retrain, [0, 2, 4]).items == 3
    assert results.slice_quality(retrain, retrain, [0, 1]).statistic == 0
    (floor,) = results.noise_floor(SITE)
    assert floor.items == 6
    assert f"of {floor.p_value:.2f} against each other (6 items)" in results.floor_note(SITE)


def test_a_row_of_a_table(results: Results) -> None:
    found = results.row("NPO", lambda seed: RECORDED, ["model_utility", "no such metric"])
    assert found.values["model_utility"].mean == results.metric(RECORDED, "model_utility")
    assert math.isnan(found.values["no such metric"].mean)
