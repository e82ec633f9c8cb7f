"""The executor of a cluster: each run is a task of Ray, on one CPU, or on one GPU as well."""

import logging
import math
import os
import platform
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import torch

from simnpo.errors import UserError
from simnpo.experiments.executor import work
from simnpo.experiments.key import accept, accepted
from simnpo.experiments.local_processes import largest
from simnpo.experiments.run import Run
from simnpo.models import quiet
from simnpo.system.command_words import with_options
from simnpo.system.terminal import write

ADDRESS = "RAY_ADDRESS"
"""Names the cluster to use."""
RETRIES = 1
"""How often a run is begun again whose process was lost, perhaps with its machine."""


class RayTasks:
    """An `Executor` on the cluster that there is, or on a Ray of this machine alone.

    Results lie in the folder of all runs, which all machines share.
    """

    def __init__(self, home: Path, at_once: int | None = None, runs: Sequence[Run] = ()):
        """Connect to the cluster, or start a Ray here.

        Args:
            home: folder of all runs.
            at_once: runs at a time; None for as many as the cluster has GPUs, or else cores, as
                far as its memory holds them.
            runs: those that will be submitted.

        Raises:
            UserError: Ray is not installed, or `RAY_ADDRESS` leads nowhere.
        """
        self._ray = _import()
        self._started = _connect(self._ray, at_once)
        found = self._ray.cluster_resources()
        self._gpus = 1 if found.get("GPU") else 0
        slots = found.get("GPU") or min(
            found.get("CPU", 1), found.get("memory", math.inf) // largest(runs)
        )
        self._slots = at_once or max(1, int(slots))
        options = {"num_cpus": 1, "num_gpus": self._gpus, "max_retries": RETRIES}
        self._task = self._ray.remote(**options)(_work)
        self._going: dict[Future[str | None], object] = {}

    @property
    def slots(self) -> int:
        """As many as were asked for, or as the cluster can do."""
        return self._slots

    def submit(self, run: Run, home: Path) -> "Future[str | None]":
        """Let the cluster do the run, see `Executor`."""
        reference = self._task.options(name=run.title).remote(
            run, run.key, home.resolve(), os.getcwd(), accepted()
        )
        future: Future[str | None] = reference.future()
        self._going = {one: of for one, of in self._going.items() if not one.done()}
        self._going[future] = reference
        return future

    def reason(self, error: Exception) -> str:
        """Say that a process was lost more often than it is begun again, see `Executor`."""
        if not isinstance(error, self._ray.exceptions.RayError) or isinstance(
            error, self._ray.exceptions.RayTaskError
        ):
            raise error
        return f"its process was lost twice ({type(error).__name__} of Ray)"

    def interrupt(self, number: int) -> None:
        """Cancel what is going on, see `Executor`."""
        for reference in self._going.values():
            with suppress(self._ray.exceptions.RayError):
                self._ray.cancel(reference, force=True)

    def end(self) -> None:
        """Leave the cluster, and end what was started here; see `Executor`."""
        if self._started:
            self._ray.shutdown()


def _import() -> ModuleType:
    try:
        import ray
    except ImportError:
        raise UserError('``executor=ray`` needs Ray: pip install "simnpo[ray]".') from None
    module: ModuleType = ray
    return module


def _connect(ray: ModuleType, at_once: int | None) -> bool:
    """Connect to a cluster unless this process has; return whether it had not."""
    if ray.is_initialized():
        return False
    how = {"log_to_driver": False, "logging_level": logging.ERROR}
    with _own_signals():
        try:
            context = ray.init(address="auto", **how)
        except ConnectionError as error:
            if address := os.environ.get(ADDRESS):
                raise UserError(f"{ADDRESS}={address}: no cluster of Ray answers.") from error
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report its use
            context = ray.init(address="local", num_cpus=at_once, **how)
    address = ray.get_runtime_context().gcs_address
    shown = f"dashboard http://{context.dashboard_url}" if context.dashboard_url else ""
    no_dashboard = 'no dashboard: pip install "ray[default]"'
    write(f"Ray at {address}, {shown or no_dashboard}", to_stderr=True)
    return True


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep our own answer to SIGTERM, which Ray replaces as it starts."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        main = threading.current_thread() is threading.main_thread()
        if main and before is not None:
            signal.signal(signal.SIGTERM, before)


def _work(
    run: Run, key: str, home: Path, folder: str, code: dict[str, dict[str, str]]
) -> str | None:
    """Do a run in a process of Ray; see `work`.

    Args:
        run: what to do.
        key: its key where it was asked for.
        home: folder of all runs.
        folder: the working folder there, which relative paths are of.
        code: see `work`.
    """
    if not torch.cuda.is_available():
        torch.set_num_threads(1)
    quiet()
    with suppress(OSError):  # another machine may not have it
        os.chdir(folder)
    accept(code)
    try:
        same = replace(run).key == key  # made again, by the code, data and libraries here
    except UserError as error:
        return with_options(error)
    if not same:
        return f"{platform.node()} has other code, data or libraries"
    return work(run, home, code)
