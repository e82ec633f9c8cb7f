"""Runs on Ray: the same results as in local processes, and what happens when a process is lost."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_up_runs import Crashes, Dies, DiesOnce, Draws, Fails, Sum

from simnpo.errors import UserError
from simnpo.experiments.executor import LOG
from simnpo.experiments.pool import execute
from simnpo.experiments.run import Run

pytestmark = pytest.mark.filterwarnings("ignore")  # of Ray


@pytest.fixture(scope="module")
def importable() -> Iterator[None]:
    """Let processes of Ray import the made-up runs."""
    places = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, places)))
        yield


@pytest.fixture(scope="module")
def cluster(importable: None) -> Iterator[None]:
    """Start a Ray of two processes."""
    import ray

    ray.init(address="local", num_cpus=2, num_gpus=0, log_to_driver=False)
    yield
    ray.shutdown()


def results(runs: list[Run], home: Path) -> list[dict[str, object]]:
    return [run.record(home) | {"seconds": 0} for run in runs]


@pytest.mark.ray
def test_a_ray_is_started_where_there_is_none(
    importable: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import ray

    from simnpo.experiments.ray_tasks import RayTasks

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    before = signal.getsignal(signal.SIGTERM)
    assert execute([Draws(1, "a")], tmp_path, 1, RayTasks) == {}
    assert Draws(1, "a").finished(tmp_path) and not ray.is_initialized()
    assert "Ray at " in (said := capsys.readouterr().err) and "dashboard" in said
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.ray
def test_the_same_results_as_here(cluster: None, tmp_path: Path) -> None:
    from simnpo.experiments.ray_tasks import RayTasks

    first = Draws(1, "a")
    wanted: list[Run] = [Draws(3, "c", (first, Draws(2, "b"))), first, Draws(2, "b")]
    there, here = tmp_path / "there", tmp_path / "here"
    assert RayTasks(there).slots == 2
    assert execute(wanted, there, None, RayTasks) == {}
    here.mkdir()
    for run in reversed(wanted):
        run.ensure(here)
    assert results(wanted, there) == results(wanted, here)


@pytest.mark.ray
def test_a_lost_process_is_made_up_for_once(cluster: None, tmp_path: Path) -> None:
    from simnpo.experiments.ray_tasks import RayTasks

    once, always = DiesOnce(1, "a"), Dies(2, "b")
    broken, crashes = Fails(3, "c"), Crashes(4, "d")
    after, follower = Sum(5, "e", (once,)), Sum(6, "f", (always,))
    failed = execute([after, follower, broken, crashes], tmp_path, 2, RayTasks)
    assert once.record(tmp_path)["value"] == 1 and after.record(tmp_path)["value"] == 6
    assert (tmp_path / "a.begun").read_text() == "xx"
    assert failed[always].startswith("its process was lost twice")
    assert failed[broken] == "c has no numbers."
    assert failed[follower].startswith("Sum b failed: its process was lost")
    assert failed[crashes].startswith("ZeroDivisionError")
    assert "Traceback" in (tmp_path / LOG).read_text()
    assert set(failed) == {always, follower, broken, crashes}


def test_ray_is_asked_for_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from simnpo.experiments.ray_tasks import RayTasks

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r'pip install "simnpo\[ray\]"'):
        execute([Sum(1, "a")], tmp_path, None, RayTasks)
    assert not Sum(1, "a").finished(tmp_path)
