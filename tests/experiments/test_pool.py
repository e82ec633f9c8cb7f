"""Runs several at a time: in order, once, and what happens when one fails."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from made_up_runs import Crashes, Dies, Fails, Sees, Slow, Starves, Sum

from simnpo.errors import Interrupted
from simnpo.experiments.executor import LOG
from simnpo.experiments.local_processes import VISIBLE, gpus, runs_at_once
from simnpo.experiments.pool import _longest_first, execute
from simnpo.system.signals import requests_raise


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let spawned processes import the made-up runs."""
    places = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, places)))


def order(home: Path) -> list[str]:
    return (home / "order.txt").read_text().split()


def diamond() -> list[Sum]:
    a = Sum(1, "a")
    b, c = Sum(2, "b", (a,), takes=5), Sum(3, "c", (a,))
    return [Sum(4, "d", (c, b)), a, b, c]


@pytest.mark.parametrize("at_once", [1, 2])
def test_what_is_needed_comes_first(
    tmp_path: Path, at_once: int, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = diamond()
    assert execute(wanted, tmp_path, at_once) == {}
    done = order(tmp_path)
    assert sorted(done) == ["a", "b", "c", "d"] and done[0] == "a" and done[-1] == "d"
    if at_once == 1:
        assert done == ["a", "b", "c", "d"]  # the longest first
    assert [run.record(tmp_path)["value"] for run in wanted] == [4 + 3 + 4, 1, 3, 4]
    # Without a terminal, a line for each run; the last says nothing of the time left.
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0].split()[0] for line in lines] == ["1/4", "2/4", "3/4", "4/4"]
    assert lines[0].startswith("1/4 Sum a, about ") and lines[0].endswith(" left")
    assert lines[-1] == "4/4 Sum d"
    # And found again: no process is started, nothing is said.
    assert execute(wanted, tmp_path, at_once) == {}
    assert order(tmp_path) == done and not capsys.readouterr().err


def test_a_script_needs_no_main_guard(tmp_path: Path) -> None:
    """Spawned processes would run it again, and start processes of their own."""
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\n"
        "from made_up_runs import Sum\n"
        "from simnpo.experiments.pool import execute\n"
        "print('once', execute([Sum(1, 'a')], Path('runs'), 1), __file__ is not None)\n"
    )
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and done.stdout == "once {} True\n", done.stderr
    assert order(tmp_path / "runs") == ["a"]


def test_a_failed_run_names_those_that_need_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken, whole = Fails(1, "a"), Sum(2, "b")
    follower = Sum(3, "c", (broken, whole))
    last = Sum(4, "d", (follower,))
    failed = execute([last, whole], tmp_path, 1)
    assert failed == {
        broken: "a has no numbers.",
        follower: "Sum a failed: a has no numbers.",
        last: "Sum c failed: Sum a failed: a has no numbers.",
    }
    assert order(tmp_path) == ["b"] and whole.finished(tmp_path)
    assert len(capsys.readouterr().err.splitlines()) == 4


def test_a_fault_in_a_program_spares_the_other_runs_and_is_not_hidden(tmp_path: Path) -> None:
    whole, crashes = Sum(1, "a", takes=5), Crashes(2, "b")
    failed = execute([crashes, whole], tmp_path, 1)
    assert whole.finished(tmp_path) and not crashes.finished(tmp_path)
    assert list(failed) == [crashes]
    assert failed[crashes].startswith("ZeroDivisionError") and LOG in failed[crashes]
    assert "Traceback" in (tmp_path / LOG).read_text()


def test_a_killed_process_costs_its_run_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simnpo.experiments.local_processes.gpus", lambda: ["GPU-a"])
    dies, other = Dies(1, "a", takes=5), Sees(2, "b")
    follower, last = Sum(3, "c", (dies,)), Sum(4, "d", (other,))
    failed = execute([dies, follower, last], tmp_path, 1)
    assert failed[dies].startswith("its process was ended, perhaps because memory ran out")
    assert LOG in failed[dies] and "Sum a failed: its process" in failed[follower]
    assert last.record(tmp_path)["value"] == 6 and other.record(tmp_path)["seen"] == ["GPU-a"] * 2


def test_advice_on_memory_comes_out_of_a_worker(tmp_path: Path) -> None:
    starves = Starves(1, "a")
    failed = execute([starves], tmp_path, 1)
    assert failed[starves].startswith("out of memory. ")
    assert "--micro-batch-size" in failed[starves]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_request_to_end_keeps_what_is_finished(tmp_path: Path, number: signal.Signals) -> None:
    first, slow = Sum(1, "a", takes=50), Slow(2, "b")
    wanted = [first, slow, *(Slow(number, f"later {number}") for number in range(20))]

    def press() -> None:
        deadline = time.monotonic() + 60
        while not first.finished(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=press)
    # As in a terminal: another test of this process may have left a handler of its own.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        thread.start()
        with pytest.raises(Interrupted, match="finished runs are kept") as error, requests_raise():
            execute(wanted, tmp_path, 1)
        thread.join()
    finally:
        signal.signal(signal.SIGINT, before)
    assert first.finished(tmp_path) and not wanted[-1].finished(tmp_path)
    assert error.value.number == number


def test_the_longest_way_begins_first() -> None:
    short, long = Sum(1, "short", takes=3), Sum(2, "long", takes=1)
    after: Any = Sum(3, "after", (long,), takes=4)
    assert _longest_first([short, long, after]) == [long, after, short]


def test_each_process_sees_one_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cards = ["GPU-a", "GPU-b"]
    monkeypatch.setattr("simnpo.experiments.local_processes.gpus", lambda: cards)
    monkeypatch.setenv(VISIBLE, "GPU-a,GPU-b,GPU-c")
    labels = ("one", "two", "three")
    # Three at a time, so that two of them share a card.
    wanted = [Sees(number, label, others=labels) for number, label in enumerate(labels)]
    assert execute(wanted, tmp_path, 3) == {}
    records = [run.record(tmp_path) for run in wanted]
    seen = [record["seen"] for record in records]
    assert all(at_start == now for at_start, now in seen)
    assert sorted(at_start for at_start, _ in seen) == ["GPU-a", "GPU-a", "GPU-b"]
    assert len({record["process"] for record in records}) == 3
    assert os.environ[VISIBLE] == "GPU-a,GPU-b,GPU-c"


@pytest.mark.parametrize(
    ("visible", "count", "found"),
    [
        (None, 0, []),
        (None, 2, ["0", "1"]),
        ("", 0, []),
        ("2, 5", 2, ["2", "5"]),
        ("GPU-a,MIG-b,-1,3", 2, ["GPU-a", "MIG-b"]),  # what follows -1 does not count
    ],
)
def test_gpus_go_by_their_names(
    monkeypatch: pytest.MonkeyPatch, visible: str | None, count: int, found: list[str]
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: count > 0)
    monkeypatch.setattr("torch.cuda.device_count", lambda: count)
    monkeypatch.delenv(VISIBLE, raising=False)
    if visible is not None:
        monkeypatch.setenv(VISIBLE, visible)
    assert gpus() == found
    at_once = runs_at_once([Sum(1, "a")])
    assert at_once == count or (not count and at_once >= 1)
