"""Measure what a newcomer meets: start-up, the demo from nothing, the demo with cached models.

    python benchmarks/measure_demo.py

Prints wall seconds and peak memory of whole processes; the models are cached in a folder of this
script's own, so that "from nothing" is from nothing.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def measure(arguments: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Run `simnpo` once; return wall seconds and peak memory in MiB."""
    started = time.monotonic()
    command = [sys.executable, "-m", "simnpo", *arguments]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed with exit code {process.returncode}")
    return time.monotonic() - started, usage.ru_maxrss / 1024


def main() -> None:
    """Print one line per measurement."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"SIMNPO_CACHE": str(Path(folder) / "cache")}
        starts = [measure(["--help"], environment)[0] for _ in range(5)]
        print(f"simnpo --help: median {sorted(starts)[2]:.2f} s of 5", flush=True)
        for what in ("from nothing", "with cached models"):
            out = str(Path(folder) / what.replace(" ", "-"))
            seconds, memory = measure(["demo", "--out", out], environment)
            print(f"simnpo demo, {what}: {seconds:.0f} s, {memory:.0f} MiB at most", flush=True)


if __name__ == "__main__":
    main()
