"""Inject faults into commands, and judge what is left: the campaign.

    python benchmarks/faults.py --work faults --jobs 2

Every case is a command in a process forked from this one, which has imported everything once. It
is killed, its disk is full, its input is hostile, its surroundings are odd, or a second command
works in the same folder. The outcome is compared with an undisturbed run. A line for each case goes
into a file in --work as soon as the case ends, and cases that have one are not done again. Folders
of cases that found something are kept in --work/cases.
"""

import hashlib
import importlib
import json
import os
import pkgutil
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro
from fault_injection import cases, interpose, processes, recipes, summary
from fault_injection.cases import Case
from fault_injection.recipes import Undisturbed
from fault_injection.world import World, build

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false", "TRANSFORMERS_VERBOSITY": "error", "HF_HUB_OFFLINE": "1",
    "MPLBACKEND": "agg", "PYTHONHASHSEED": "0", "HF_HUB_DISABLE_PROGRESS_BARS": "1",
}  # fmt: skip
"""What must stand before anything is imported: a process is forked before it has threads."""
LEFT_OUT = ("lm_eval", "__main__", "optuna")


@dataclass
class Options:
    """What to inject."""

    work: Path = Path("faults")
    """Folder for models, cases and results."""
    jobs: int = 2
    """Cases at a time."""
    only: tuple[str, ...] = ()
    """Kinds of cases, or names of cases such as kill-007 [all kinds]."""
    seed: int = 0
    """Seed of all cases."""
    limit: int | None = None
    """Cases at most, of all kinds in turn."""
    report: Path | None = None
    """Markdown file for the summary, such as docs/results/faults.md."""


def main(options: Options) -> int:
    """Do the cases that are not done, and print a table; 1 if a case found something."""
    work = options.work.resolve()
    product = source_hash("simnpo")
    own = source_hash("fault_injection")
    results = work / f"results-{product}-{own}-{options.seed}.jsonl"
    world = build(work / f"world-{product}")
    wanted = cases.interleaved(cases.schedule(options.seed))
    if options.only:
        wanted = [one for one in wanted if one.kind in options.only or one.name in options.only]
    wanted = wanted[: options.limit]
    lacking = [one for one in wanted if cases.needs_library(one) and not interpose.loaded()]
    if lacking:
        print(f"{len(lacking)} cases are left out: they need Linux and a C compiler.")
        wanted = [one for one in wanted if one not in lacking]
    done = {line["name"]: line for line in summary.read(results)}
    home = work / f"undisturbed-{product}"
    home.mkdir(exist_ok=True)
    left = [one for one in wanted if one.name not in done]
    expected = {
        name: recipes.undisturbed(name, world, home) for name in {one.recipe for one in left}
    }
    started = time.monotonic()
    inject(left, world, expected, work / "cases", results, options.jobs)
    lines = {line["name"]: line for line in summary.read(results)}
    found = [lines[one.name] for one in wanted if one.name in lines]
    print(summary.table(found))
    for line in found:
        if line["verdict"] != "ok":
            print(summary.one_line(line))
    if options.report:
        minutes = (time.monotonic() - started) / 60
        options.report.write_text(summary.page(found, product, sys.argv[1:], minutes))
    return int(len(found) < len(wanted) or any(line["verdict"] != "ok" for line in found))


def inject(
    left: list[Case],
    world: World,
    expected: dict[str, Undisturbed],
    folder: Path,
    results: Path,
    jobs: int,
) -> None:
    """Do cases, `jobs` at a time, each watched over by a process of its own."""
    waiting, running = list(reversed(left)), dict[int, Case]()
    while waiting or running:
        while waiting and len(running) < jobs:
            case = waiting.pop()
            sys.stdout.flush()
            pid = os.fork()
            if pid == 0:
                watch_over(case, world, expected[case.recipe], folder / case.name, results)
            running[pid] = case
        pid, _ = os.wait()
        running.pop(pid, None)


def watch_over(
    case: Case, world: World, expected: Undisturbed, folder: Path, results: Path
) -> None:
    """Do a case in this process, append its line to the results, and end the process."""
    try:
        processes.adopt_orphans()
        line = cases.execute(case, world, expected, folder)
        data = json.dumps(line, default=str).encode() + b"\n"
        file = os.open(results, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(file, data)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(0)


def import_product() -> None:
    """Import all of the product and what it would import later, so that no case has to."""
    import simnpo

    for module in pkgutil.walk_packages(simnpo.__path__, "simnpo."):
        if not any(part in module.name for part in LEFT_OUT):
            importlib.import_module(module.name)
    for name in ("matplotlib.pyplot", "pyarrow.parquet", "datasets", "peft", "transformers"):
        importlib.import_module(name)
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast, Trainer

    assert LlamaForCausalLM and PreTrainedTokenizerFast and Trainer  # imported when first named


def source_hash(package: str) -> str:
    """Return a hash of a package's source: results hold for the product's and our own alone."""
    folder = Path(str(importlib.import_module(package).__file__)).parent
    found: Any = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        found.update(path.read_bytes())
    return str(found.hexdigest()[:8])


def prepared(work: Path) -> None:
    """Begin this process again with what must stand before Python does."""
    if interpose.LIBRARY in os.environ:
        return
    library = interpose.build(work.resolve())
    added = {interpose.LIBRARY: str(library or "")}
    if library:
        added["LD_PRELOAD"] = f"{library} {os.environ.get('LD_PRELOAD', '')}".strip()
    os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | ENVIRONMENT | added)


if __name__ == "__main__":
    chosen = tyro.cli(Options)
    prepared(chosen.work)
    import_product()
    sys.exit(main(chosen))
