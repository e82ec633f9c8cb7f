"""Processes that work for another one end with it, even after SIGKILL."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills by signal")
POOL = """
import sys, torch
from pathlib import Path
from made_up_runs import Endless
from simnpo.experiments.pool import execute
if __name__ == "__main__":
    execute([Endless(1, "a"), Endless(2, "b")], Path(sys.argv[1]), 2)
"""
RANKS = """
import os, sys, time
from pathlib import Path
from simnpo.system.distributed import rank, process_group
if __name__ == "__main__":
    with process_group():
        Path(sys.argv[1], f"{rank()}.pid").write_text(str(os.getpid()))
        time.sleep(600)
"""
WITHOUT_A_SIGNAL = """
import os, subprocess, sys, time
from pathlib import Path
from simnpo.system import parent
if len(sys.argv) == 3:
    sys.platform = "made-up"
    parent.end_with_parent(int(sys.argv[2]))
    Path(sys.argv[1], "child.pid").write_text(str(os.getpid()))
else:
    subprocess.Popen([sys.executable, __file__, sys.argv[1], str(os.getpid())])
time.sleep(600)
"""


def started(folder: Path, count: int, process: "subprocess.Popen[str]") -> Iterator[psutil.Process]:
    """Yield the processes that have written their ids, once there are so many."""
    deadline = time.monotonic() + 240
    while len(found := [one for one in folder.rglob("*.pid") if one.read_text()]) < count:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    for one in found:
        yield psutil.Process(int(one.read_text()))


@pytest.mark.parametrize(
    ("program", "launcher", "count"),
    [
        (POOL, (), 2),
        (RANKS, ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"), 2),
        (WITHOUT_A_SIGNAL, (), 1),
    ],
    ids=["a sweep's or reproduction's workers", "processes of a launcher", "by looking alone"],
)
def test_nobody_outlives_a_killed_parent(
    program: str, launcher: tuple[str, ...], count: int, tmp_path: Path
) -> None:
    script = tmp_path / "program.py"
    script.write_text(program)
    folder = tmp_path / "out"
    folder.mkdir()
    places = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, places))}
    command = [sys.executable, *launcher, str(script), str(folder)]
    with subprocess.Popen(command, env=environment, text=True, stderr=subprocess.DEVNULL) as parent:
        try:
            left = list(started(folder, count, parent))
            assert len(left) == count
        finally:
            parent.send_signal(signal.SIGKILL)
            parent.wait()
        _, alive = psutil.wait_procs(left, timeout=15)
        for one in alive:
            one.kill()
        assert not alive
