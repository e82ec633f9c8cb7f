"""Runs are values: what changes their keys, and that they are done once."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_up_runs import Crashes, Fails, Sum

from simnpo.benchmarks.base import Benchmark
from simnpo.data.prompt_settings import PromptSettings
from simnpo.errors import UserError
from simnpo.experiments import benchmark_setup as sites
from simnpo.experiments.benchmark_setup import BenchmarkSetup
from simnpo.experiments.external_model import ExternalModel
from simnpo.experiments.model_runs import Perturbed, TrainedModel
from simnpo.experiments.relearn_run import RelearnRun
from simnpo.experiments.run import Run, unfinished, with_needs
from simnpo.experiments.unlearn_run import UnlearnRun
from simnpo.paper.markov.panels import Size
from simnpo.paper.markov.runs import MarkovModel, MarkovPath
from simnpo.paper.scale import mini, paper


def runs() -> dict[str, Run]:
    scale = mini()
    npo = scale.unlearned(scale.tofu, "npo", 42)
    chains = MarkovModel(42, Size(retain=60, forget=30), "short")
    return {
        "original": scale.original(scale.tofu, 42),
        "npo": npo,
        "relearned": RelearnRun(1, npo, "random"),
        "perturbed": Perturbed(42, scale.original(scale.tofu, 42)),
        "request": scale.unlearned(scale.news, "simnpo", 42, request=1),
        "chains": chains,
        "path": MarkovPath(42, chains, "simnpo", 4),
    }


def test_equal_runs_have_equal_keys_and_folders(tmp_path: Path) -> None:
    one, other = runs(), runs()
    assert one == other
    for name in one:
        assert one[name].key == other[name].key
        assert one[name].folder(tmp_path) == other[name].folder(tmp_path)
    assert len({run.key for run in one.values()}) == len(one)


def test_keys_do_not_depend_on_the_process() -> None:
    program = "import test_runs; print(*(run.key for run in test_runs.runs().values()))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**_environment(), "PYTHONHASHSEED": "7"},
    )
    assert done.stdout.split() == [run.key for run in runs().values()]


def _environment() -> dict[str, str]:
    import os

    import simnpo

    folder = Path(__file__).parent
    places = [folder, folder.parent, Path(simnpo.__file__).parents[1]]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places))}


def test_every_field_of_a_run_is_in_its_key() -> None:
    scale = mini()
    original = scale.original(scale.tofu, 42)
    run = scale.unlearned(scale.tofu, "npo", 42)
    changes: dict[str, Any] = {
        "seed": 43,
        "site": scale.tofu_other,
        "origin": scale.original(scale.tofu, 43),
        "retrain": scale.retrain(scale.tofu, 43),
        "method": "simnpo",
        "setting": (("beta", 0.2),),
        "records": ("history",),
        "reference": Perturbed(42, original),
        "keeps_model": False,
    }
    keys = {replace(run, **{name: value}).key for name, value in changes.items()}
    assert len(keys) == len(changes) and run.key not in keys
    for setting in ((("learning_rate", 1e-4),), (("epochs", 3),), (("forget_weight", 0.5),)):
        assert replace(run, setting=setting).key not in {*keys, run.key}
    half = TrainedModel(42, scale.tofu, "first half")
    assert len({half.key, original.key, scale.retrain(scale.tofu, 42).key}) == 3


def test_changed_data_is_another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    scale = mini()
    before = scale.unlearned(scale.tofu, "npo", 42).key
    load = sites._load

    def fewer(site: BenchmarkSetup) -> Benchmark:
        return replace(load(site), forget=load(site).forget[1:])

    monkeypatch.setattr(sites, "_load", fewer)
    assert scale.unlearned(scale.tofu, "npo", 42).key != before


def first_asked(benchmark: Benchmark, **changes: Any) -> Benchmark:
    name, asked = next(iter(benchmark.evaluation.items()))
    return replace(benchmark, evaluation={**benchmark.evaluation, name: replace(asked, **changes)})


@pytest.mark.parametrize("change", ["refusals", "max_new_tokens", "max_length", "cut_reference"])
def test_keys_cover_all_that_a_benchmark_says(monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    scale, load = mini(), sites._load

    def changed(site: BenchmarkSetup) -> Benchmark:
        benchmark = load(site)
        if change in ("max_new_tokens", "cut_reference"):
            return first_asked(benchmark, **{change: 7 if change == "max_new_tokens" else True})
        return replace(benchmark, **{change: 99 if change == "max_length" else ("Never.",)})

    asked = [
        scale.unlearned(scale.tofu, "idk", 42),
        scale.original(scale.tofu, 42),
        ExternalModel(0, scale.tofu, "a/model", None),
    ]
    before = [one.key for one in asked]
    monkeypatch.setattr(sites, "_load", changed)
    after = [replace(one).key for one in asked]
    assert after[0] != before[0]
    # What refuses is trained on by unlearning alone.
    assert (after[1:] == before[1:]) == (change == "refusals")
    assert len({*after[1:], *before[1:]}) == (2 if change == "refusals" else 4)


def test_a_released_model_is_known_by_its_name(tofu_folder: Path) -> None:
    site = paper("a/base", str(tofu_folder)).tofu
    trained = TrainedModel(42, site, "retain")
    assert trained.key != TrainedModel(42, replace(site, base="another/base"), "retain").key
    released = TrainedModel(42, replace(site, retrain="a/retrain"), "retain")
    assert released.key not in (
        trained.key,
        TrainedModel(42, replace(site, retrain="b/retrain"), "retain").key,
    )


def test_papers_runs_find_each_other(tofu_folder: Path) -> None:
    """The same runs asked for twice are equal; of another model, of other runs."""
    first, again = (paper("base", str(tofu_folder)) for _ in range(2))
    other = paper("other", str(tofu_folder))
    one, same, third = (s.unlearned(s.tofu, "simnpo", 42) for s in (first, again, other))
    assert one == same and one.key == same.key != third.key
    assert isinstance(one, UnlearnRun) and one.preset().method.record()["forget_weight"] == 0.1375
    assert first.books is not None and not mini().books


def test_a_run_is_done_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Sum(3, "a")
    with pytest.raises(UserError, match="does not exist"):
        run.record(tmp_path)
    run.ensure(tmp_path)
    assert run.finished(tmp_path)
    assert run.record(tmp_path) | {"seconds": 0} == {"title": "Sum a", "value": 3, "seconds": 0}
    run.ensure(tmp_path)
    assert (tmp_path / "order.txt").read_text() == "a\n"


@pytest.mark.parametrize("kind", [Fails, Crashes])
def test_a_run_that_failed_is_not_finished(tmp_path: Path, kind: type[Run]) -> None:
    run = kind(1, "a")  # type: ignore[call-arg]
    with pytest.raises((UserError, ZeroDivisionError)):
        run.ensure(tmp_path)
    assert not run.finished(tmp_path)


def test_needs_come_first_and_once(tmp_path: Path) -> None:
    a, b = Sum(1, "a"), Sum(2, "b")
    c, d = Sum(3, "c", (b, a)), Sum(4, "d", (a,))
    assert with_needs([d, c, a]) == [a, d, b, c]
    assert list(unfinished([d, c], tmp_path)) == [a, d, b, c]
    a.ensure(tmp_path)
    d.ensure(tmp_path)
    assert list(unfinished([d, c], tmp_path)) == [b, c]


def test_keys_know_other_prompts_and_keep_those_of_the_usual_ones() -> None:
    def key(template: str | PromptSettings) -> list[object]:
        return BenchmarkSetup("mini-tofu", "forget10", template=template).asked()

    assert key("auto") == key(PromptSettings()) == []
    assert key("llama2") == key(PromptSettings("llama2")) == ["llama2"]
    other = key(PromptSettings(system_prompt="Be brief."))
    assert other == [{"template": "auto", "system_prompt": "Be brief."}]
