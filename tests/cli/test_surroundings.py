"""Real processes in places that lack something: one line, an exit code, nothing half-written."""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a shell's limits and redirections")
SIMNPO = shlex.join([sys.executable, "-m", "simnpo"])
EXAMPLE = f"{SIMNPO} example records --out out"
FILES = {"forget.jsonl", "retain.jsonl", "holdout.jsonl"}


def shell(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=240,
    )
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    return done


def made(folder: Path) -> set[str]:
    return {one.name for one in (folder / "out").glob("*.jsonl")}


@pytest.mark.parametrize("streams", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_are_missed_by_nobody(tmp_path: Path, streams: str) -> None:
    """Else the first file that is opened would get the stream's number, and what is printed."""
    done = shell(f"{EXAMPLE} {streams}; echo code $? >code", tmp_path)
    assert (tmp_path / "code").read_text() == "code 0\n", done.stderr
    assert made(tmp_path) >= FILES and done.stderr == ""
    for path in (tmp_path / "out").glob("*.jsonl"):
        assert all(line.startswith("{") for line in path.read_text().splitlines())


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux")
@pytest.mark.parametrize("argv", ["example records --out out", "--version", "example --help"])
def test_output_onto_a_full_disk_is_reported_after_the_work(tmp_path: Path, argv: str) -> None:
    done = shell(f"{SIMNPO} {argv} >/dev/full", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("simnpo: error: standard output was not written to its end: ")
    assert done.stderr.count("\n") == 1 and "No space left" in done.stderr
    assert "out" not in argv or made(tmp_path) >= FILES


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux")
def test_lost_messages_keep_nothing_from_its_end(tmp_path: Path) -> None:
    assert shell(f"{EXAMPLE} 2>/dev/full", tmp_path).returncode == 0
    assert shell(f"{EXAMPLE} 2>/dev/full", tmp_path).returncode == 1  # it is there already
    assert shell(f"{SIMNPO} example records 2>/dev/full", tmp_path).returncode == 2


def test_a_limit_of_file_sizes(tmp_path: Path) -> None:
    done = shell(f"ulimit -f 4; {EXAMPLE}", tmp_path)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "File too large; raise the limit of file sizes (ulimit -f)" in done.stderr
    assert f"{Path('out')}/" in done.stderr and "tmp" not in done.stderr
    for path in (tmp_path / "out").glob("*"):  # no part of a file
        assert not path.name.startswith(".") and path.read_text().endswith("}\n")


@pytest.mark.parametrize(
    ("lacks", "cached"),
    [
        ("NOFILE, (3, 3)", True),
        ("FSIZE, (0, 0)", True),
        ("AS, (1, 1)", True),
        ("AS, (1, 1)", False),
    ],
)
def test_a_limit_that_is_met_at_once(tmp_path: Path, lacks: str, cached: bool) -> None:
    """Before a command is imported: of open files, of what a file may hold, and of memory.

    Also where modules are not compiled yet: without memory the parser raises almost anything.
    """
    code = (
        "import resource, sys; from simnpo.cli.main import main; "
        f"resource.setrlimit(resource.RLIMIT_{lacks}); sys.exit(main(sys.argv[1:]))"
    )
    words = [sys.executable, "-c", code, "--debug", "example", "records", "--out", "out"]
    variables = dict(os.environ)
    if not cached:
        variables |= {"PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        words, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 1, done.stderr
    said = done.stderr.splitlines()[-1]
    expected = {
        "N": "Too many open files; raise",
        "F": "File too large; raise",
        "A": "out of memory.",
    }
    assert said.startswith("simnpo: error: ") and expected[lacks[0]] in said, done.stderr
    assert made(tmp_path) == set()


@pytest.mark.parametrize("argv", ["example records --out out", "plan --model m"])
def test_a_working_folder_that_is_gone(tmp_path: Path, argv: str) -> None:
    (tmp_path / "gone").mkdir()
    done = shell(f"cd gone && rmdir ../gone && {SIMNPO} {argv}", tmp_path)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONIOENCODING": "ascii", "COLUMNS": "0", "TMPDIR": "/no/where"},
        {"PYTHONIOENCODING": "latin-1", "COLUMNS": "-5", "TZ": "No/Where"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "COLUMNS": "many"},
        {"COLUMNS": "1"},
        {"COLUMNS": "100000000"},
    ],
    ids=str,
)
def test_odd_surroundings(tmp_path: Path, variables: dict[str, str]) -> None:
    folder = "a-ö" if "LC_ALL" not in variables else "a"
    done = shell(f"{SIMNPO} example records --out {folder}", tmp_path, **variables)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert {one.name for one in (tmp_path / folder).glob("*.jsonl")} >= FILES
    done = shell(f"{SIMNPO} example --help", tmp_path, **variables)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 400


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_request_to_end(tmp_path: Path, number: signal.Signals) -> None:
    """At any time from the first import on."""
    code = """
import os, sys
from simnpo.cli import main as cli
class Waits:
    def run(self):
        os.kill(os.getpid(), int(sys.argv[1]))
        sys.exit("it went on")
def parse(argv):
    if sys.argv[2] == "parsing":
        Waits().run()
    return Waits()
cli.parse = parse
sys.exit(cli.main(["compare"]))
"""
    for where in ("parsing", "running"):
        words = [sys.executable, "-c", code, str(int(number)), where]
        done = shell(shlex.join(words), tmp_path)
        assert done.returncode == 128 + number
        name = "" if number == signal.SIGINT else f" by {number.name}"
        assert done.stderr == f"simnpo: interrupted{name}.\n"
        ignored = shell(f"trap '' {number.name[3:]}; {shlex.join(words)}", tmp_path)
        if number != signal.SIGINT:  # which `trap` cannot make Python ignore
            assert ignored.returncode == 1 and ignored.stderr == "it went on\n"
