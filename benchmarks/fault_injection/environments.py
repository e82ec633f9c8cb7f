"""Commands in odd surroundings: they work as ever, or say in a line why they cannot."""

import os
import pty
import resource
from collections.abc import Callable
from typing import Any

from fault_injection import children
from fault_injection.children import Setting
from fault_injection.interruptions import Scene, compared
from fault_injection.judging import Finding, Plants, behaved
from fault_injection.recipes import setting, words

RECIPES = ("finetune", "unlearn", "evaluate", "generate", "merge", "example", "metrics", "convert")
QUIET = ("closed errors", "all closed", "errors to a full device", "closed terminal")
"""Those under which a message cannot be seen."""
MAY_FAIL = (
    "full device", "deleted folder", "few files", "little memory", "closed errors",
    "errors to a full device", "closed terminal", "no temporary folder", "variables of a cluster",
)  # fmt: skip


def execute(scene: Scene, fault: str) -> list[Finding]:
    """Give a command in odd surroundings, and compare its result with the usual one."""
    plants = Plants(scene.room, ("NOTES.md", "keep/mine.bin"))
    plants.plant()
    around = setting(scene.folder, FAULTS[fault](scene))
    notes = scene.folder / "notes"
    ended = children.run(words(scene.recipe, scene.world), scene.room, notes, around, scene.limit)
    found = behaved(ended, killed=fault in QUIET)
    if fault == "colour forced":  # it was asked for
        found = [one for one in found if not one.detail.startswith("raw")]
    if fault == "deleted folder":
        return found if ended.code else [*found, Finding("lost", "exit code 0, and no result")]
    if ended.code == 0:
        found += compared(scene, plants)
    elif fault not in MAY_FAIL and not found:
        said = ended.stderr.strip().split(b"\n")[-1].decode(errors="replace")
        found.append(Finding("lost", f"exit code {ended.code}: {said[:200]}"))
    return found + plants.lost()


def _variables(**changes: str | None) -> Callable[[Scene], Setting]:
    return lambda scene: Setting(environment=changes)


def _before(prepare: Callable[[], Any]) -> Callable[[Scene], Setting]:
    return lambda scene: Setting(prepare=prepare)


def _limited(name: int, value: int) -> Callable[[Scene], Setting]:
    return _before(lambda: resource.setrlimit(name, (value, value)))


def _to(number: int, path: str) -> Callable[[Scene], Setting]:
    return _before(lambda: os.dup2(os.open(path, os.O_WRONLY), number))


def _little_memory(scene: Scene) -> Setting:
    more = scene.draw.choice((1, 8, 64)) << 20

    def prepare() -> None:
        with open("/proc/self/statm") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + more, used + more))

    return Setting(prepare=prepare)


def _pipe_without_reader(number: int) -> Callable[[Scene], Setting]:
    def prepare() -> None:
        reading, writing = os.pipe()
        os.dup2(writing, number)
        os.close(reading)
        os.close(writing)

    return _before(prepare)


def _closed_terminal(scene: Scene) -> Setting:
    def prepare() -> None:
        master, slave = pty.openpty()
        os.dup2(slave, 1)
        os.dup2(slave, 2)
        os.close(slave)
        os.close(master)

    return Setting(prepare=prepare)


def _deleted_folder(scene: Scene) -> Setting:
    def prepare() -> None:
        gone = scene.folder / "gone"
        gone.mkdir()
        os.chdir(gone)
        gone.rmdir()

    return Setting(prepare=prepare)


def _home_that_is_a_file(scene: Scene) -> Setting:
    path = scene.folder / "file"
    path.write_text("")
    return Setting(environment={"HOME": str(path)})


FAULTS: dict[str, Callable[[Scene], Setting]] = {
    "no HOME": _variables(HOME=None),
    "HOME that is not there": _variables(HOME="/nonexistent/home"),
    "HOME that is a file": _home_that_is_a_file,
    "relative HOME": _variables(HOME="."),
    "no USER": _variables(USER=None, LOGNAME=None, USERNAME=None),
    "ascii terminal": lambda scene: Setting({"LC_ALL": "C", "LANG": "C"}, "ascii"),
    "latin-1 terminal": lambda scene: Setting({"LC_ALL": "en_US.ISO-8859-1"}, "latin-1"),
    "cp1252 terminal": lambda scene: Setting({}, "cp1252"),
    "unknown locale": _variables(LC_ALL="xx_YY.UTF-8", LANG="xx"),
    "closed input": _before(lambda: os.close(0)),
    "closed output": _before(lambda: os.close(1)),
    "closed errors": _before(lambda: os.close(2)),
    "all closed": _before(lambda: os.closerange(0, 3)),
    "pipe without reader": _pipe_without_reader(1),
    "errors to a pipe without reader": _pipe_without_reader(2),
    "full device": _to(1, "/dev/full"),
    "errors to a full device": _to(2, "/dev/full"),
    "closed terminal": _closed_terminal,
    "deleted folder": _deleted_folder,
    "umask 0077": _before(lambda: os.umask(0o077)),
    "umask 0": _before(lambda: os.umask(0)),
    "few files": _limited(resource.RLIMIT_NOFILE, 24),
    "little memory": _little_memory,
    "small stack": _limited(resource.RLIMIT_STACK, 256 << 10),
    "no core, no locked memory": _limited(resource.RLIMIT_MEMLOCK, 0),
    "no temporary folder": _variables(TMPDIR="/nonexistent/tmp"),
    "narrow terminal": _variables(COLUMNS="1", LINES="1"),
    "wide terminal": _variables(COLUMNS="100000"),
    "COLUMNS that is not a number": _variables(COLUMNS="x", LINES="-1"),
    "variables of a cluster": _variables(WORLD_SIZE="4", RANK="2", LOCAL_RANK="2"),
    "MASTER_ADDR of nobody": _variables(WORLD_SIZE="2", MASTER_ADDR="nobody.invalid"),
    "cache that is not there": _variables(
        XDG_CACHE_HOME="/nonexistent/c", SIMNPO_CACHE="/dev/null"
    ),
    "hub cache that is a device": _variables(HF_HOME="/dev/null", HF_DATASETS_CACHE="/dev/null"),
    "figures' settings that are nowhere": _variables(
        MPLCONFIGDIR="/dev/null", MPLBACKEND="nothing"
    ),
    "colour forced": _variables(FORCE_COLOR="1", CLICOLOR_FORCE="1", TERM="xterm-256color"),
    "no TERM": _variables(TERM=None),
    "GPUs that are not there": _variables(CUDA_VISIBLE_DEVICES="7,abc"),
    "odd time zone": _variables(TZ="Nowhere/Never"),
    "a proxy that does not answer": _variables(https_proxy="http://127.0.0.1:1", no_proxy=None),
    "threads that are not number": _variables(OMP_NUM_THREADS="many", TOKENIZERS_PARALLELISM="?"),
}
