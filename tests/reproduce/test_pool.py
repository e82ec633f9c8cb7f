"""Runs several at a time: in order, once, and what happens when one fails."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from made_up_runs import Crashes, Fails, Slow, Sum

from simnpo.errors import Interrupted
from simnpo.reproduce.pool import LOG, _longest_first, carry_out


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let spawned processes import the made-up runs."""
    places = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
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
    assert carry_out(wanted, tmp_path, at_once) == {}
    done = order(tmp_path)
    assert sorted(done) == ["a", "b", "c", "d"] and done[0] == "a" and done[-1] == "d"
    if at_once == 1:
        assert done == ["a", "b", "c", "d"]  # the longest first
    assert [run.done(tmp_path)["value"] for run in wanted] == [4 + 3 + 4, 1, 3, 4]
    # Without a terminal, a line for each run; the last says nothing of the time left.
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0].split()[0] for line in lines] == ["1/4", "2/4", "3/4", "4/4"]
    assert lines[0].startswith("1/4 Sum a, about ") and lines[0].endswith(" left")
    assert lines[-1] == "4/4 Sum d"
    # And found again: no process is started, nothing is said.
    assert carry_out(wanted, tmp_path, at_once) == {}
    assert order(tmp_path) == done and not capsys.readouterr().err


def test_a_failed_run_names_those_that_need_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken, whole = Fails(1, "a"), Sum(2, "b")
    follower = Sum(3, "c", (broken, whole))
    last = Sum(4, "d", (follower,))
    failed = carry_out([last, whole], tmp_path, 1)
    assert failed == {
        broken: "a has no numbers.",
        follower: "Sum a failed: a has no numbers.",
        last: "Sum c failed: Sum a failed: a has no numbers.",
    }
    assert order(tmp_path) == ["b"] and whole.finished(tmp_path)
    assert len(capsys.readouterr().err.splitlines()) == 4


def test_a_fault_in_a_program_spares_the_other_runs_and_is_not_hidden(tmp_path: Path) -> None:
    whole, crashes = Sum(1, "a", takes=5), Crashes(2, "b")
    failed = carry_out([crashes, whole], tmp_path, 1)
    assert whole.finished(tmp_path) and not crashes.finished(tmp_path)
    assert list(failed) == [crashes]
    assert failed[crashes].startswith("ZeroDivisionError") and LOG in failed[crashes]
    assert "Traceback" in (tmp_path / LOG).read_text()


def test_ctrl_c_keeps_what_is_finished(tmp_path: Path) -> None:
    first, slow = Sum(1, "a", takes=50), Slow(2, "b")
    wanted = [first, slow, *(Slow(number, f"later {number}") for number in range(20))]

    def press() -> None:
        deadline = time.monotonic() + 60
        while not first.finished(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    # As in a terminal: another test of this process may have left a handler of its own.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        thread.start()
        with pytest.raises(Interrupted, match="finished runs are kept"):
            carry_out(wanted, tmp_path, 1)
        thread.join()
    finally:
        signal.signal(signal.SIGINT, before)
    assert first.finished(tmp_path) and not wanted[-1].finished(tmp_path)


def test_the_longest_way_begins_first() -> None:
    short, long = Sum(1, "short", takes=3), Sum(2, "long", takes=1)
    after: Any = Sum(3, "after", (long,), takes=4)
    assert _longest_first([short, long, after]) == [long, after, short]
