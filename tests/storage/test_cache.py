"""Two processes that need the same model, and an empty cache: one makes it, the other waits."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from simnpo.errors import UserError
from simnpo.storage.cache import cache_folder, made_by_one
from simnpo.storage.folder_lock import held

HERE = Path(__file__).parents[1]
MAKES = """
import sys
from pathlib import Path
from small_mini import reduced_mini
import simnpo.experiments.benchmark_setup as sites
import simnpo.experiments.mini_models as minis
from simnpo.experiments.run import with_needs

trained, made = Path(sys.argv[1]), reduced_mini()
sites._load, sites._load_mini = lambda site: made.benchmark, lambda site: made
train = minis.train_model

def counted(*args, **options):
    with trained.open("a") as file:
        file.write(args[5].parent.name + "/" + args[5].name + "\\n")
    return train(*args, **options)

minis.train_model = counted
site = sites.BenchmarkSetup("mini-tofu", "forget01")
runs = [minis.MiniModel(42, site, learnt) for learnt in ("all", "retain")]
for run in with_needs(runs):
    run.ensure(trained.parent)
print(*(run.model(trained.parent) for run in runs), sep="\\n")
"""
HOLDS = """
import os, sys
from pathlib import Path
from simnpo.storage.cache import made_by_one

with made_by_one(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
    os._exit(9) if sys.argv[2] == "dies" else None
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        **pipes,
    )


def test_two_commands_in_one_empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMNPO_CACHE", str(tmp_path / "cache"))
    both = [start(MAKES, tmp_path / "trained.txt") for _ in range(2)]
    done = [one.communicate(timeout=240) for one in both]
    assert [one.returncode for one in both] == [0, 0], done
    assert done[0][0] == done[1][0] and len(done[0][0].splitlines()) == 2
    trained = (tmp_path / "trained.txt").read_text().splitlines()
    assert len(trained) == len(set(trained)) == 3, "base, Original and Retrain, each once"


@pytest.mark.parametrize("how", ["ends", "dies"])
def test_whoever_waits_goes_on(tmp_path: Path, how: str) -> None:
    path = tmp_path / "cache" / "model"
    first = start(HOLDS, path, how)
    assert first.stdout and first.stdout.readline() == "held\n"
    second = start(HOLDS, path, "ends")
    assert second.stderr
    assert second.stderr.readline() == f"Waiting for another process, which is making {path}.\n"
    first.communicate(timeout=60)
    out, _ = second.communicate(timeout=60)
    assert (out, second.returncode) == ("held\n", 0)
    assert first.returncode == (9 if how == "dies" else 0)


@pytest.mark.parametrize("hold", [made_by_one, held])
def test_a_file_system_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hold: Any
) -> None:
    def fails(*args: object, **options: object) -> None:
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr("filelock.FileLock.acquire", fails)
    with (
        pytest.raises(UserError, match=r"without locks: .* another .* SIMNPO_CACHE"),
        hold(tmp_path / "model"),
    ):
        pass


def test_where_the_cache_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIMNPO_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "")  # the same as none
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert cache_folder() == tmp_path / ".cache" / "simnpo"

    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    with pytest.raises(UserError, match=r"no home folder.* SIMNPO_CACHE"):
        cache_folder()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "simnpo"
    monkeypatch.setenv("SIMNPO_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
