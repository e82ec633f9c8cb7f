"""One process in an output folder; a second is refused with the first one's id."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simnpo.errors import UserError
from simnpo.storage.files import write_text
from simnpo.storage.folder_lock import held, hold, release, release_all
from simnpo.storage.ownership import LIST, LOCK
from simnpo.storage.runs import check_free

HOLDER = """
import sys, time
from pathlib import Path
from simnpo.storage.folder_lock import hold
hold(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def other(tmp_path: Path) -> "Iterator[subprocess.Popen[str]]":
    """Another process that holds `out`."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "held\n"
        yield process


def test_a_second_process_is_refused_until_the_first_is_killed(
    tmp_path: Path, other: "subprocess.Popen[str]"
) -> None:
    out = tmp_path / "out"
    try:
        for refused in (
            lambda: hold(out),
            lambda: hold(tmp_path / "." / "out"),
            lambda: check_free(out, ("run.json",), overwrite=True),
            lambda: check_free(tmp_path, ("out",), overwrite=True),  # that of a run within
        ):
            with pytest.raises(UserError, match=rf"out is in use by .*\(pid {other.pid}\)") as got:
                refused()
            assert "\n" not in str(got.value)
    finally:
        other.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        other.wait()
    assert (out / LOCK).exists()  # stale, and in nobody's way
    with held(out):
        assert (out / LOCK).read_text().splitlines()[0] == str(os.getpid())
    release_all()


def test_a_folder_that_nothing_was_written_into_is_gone_after_it(tmp_path: Path) -> None:
    with held(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b" / LOCK).exists()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("by", ["user", "run"])
def test_a_folder_with_anything_in_it_stays_without_the_lock(tmp_path: Path, by: str) -> None:
    with held(tmp_path / "out"):
        if by == "run":
            write_text(tmp_path / "out" / "run.json", "{}")
        else:
            (tmp_path / "out" / "notes").write_text("mine")
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert left == ({"run.json", LIST} if by == "run" else {"notes"})
    (tmp_path / "empty").mkdir()
    with held(tmp_path / "empty"):
        pass
    assert (tmp_path / "empty").is_dir()


def test_a_process_may_hold_a_folder_twice_and_a_raise_lets_go(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(ZeroDivisionError), held(out):
        assert not hold(out)
        with held(out):
            pass
        assert (out / LOCK).exists()
        raise ZeroDivisionError
    assert hold(out)
    release(out)


@pytest.mark.skipif(os.name != "posix", reason="forks")
def test_a_forked_child_does_not_give_the_folder_away(tmp_path: Path) -> None:
    with held(tmp_path / "out"):
        if not (child := os.fork()):
            release_all()
            os._exit(0)
        os.waitpid(child, 0)
        assert (tmp_path / "out" / LOCK).exists()
