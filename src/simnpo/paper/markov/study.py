"""The study from nothing to its paths: models, unlearning runs, several at a time, resumable."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch
from safetensors.torch import load_model, save_model

from simnpo.methods.method import Method
from simnpo.methods.registry import METHODS, build_method
from simnpo.paper.markov import training
from simnpo.paper.markov.distance import Distances, distances
from simnpo.paper.markov.model import CONFIG, new_model
from simnpo.paper.markov.panels import PANELS, PanelData, Size, panel_data
from simnpo.storage.files import atomic_write, read_table, write_table
from simnpo.storage.runs import fingerprint, versions
from simnpo.system.progress import progress

ORIGINAL, RETRAIN = "original", "retrain"
COLUMNS = ("panel", "seed", "method", "beta", "iteration", *Distances._fields)
"""A table of paths: a row per panel, seed, method and iteration; `beta` is NaN where there is
none. Original and Retrain are methods of one row, iteration 0."""


class Run(NamedTuple):
    """One model to make and measure."""

    panel: str
    """Empty for Retrain, which all panels share."""
    seed: int
    method: str
    """`original`, `retrain`, or a key of `METHODS`."""
    beta: float | None = None

    @property
    def name(self) -> str:
        """A file name."""
        parts = (self.panel, self.seed, self.method, self.beta)
        return "-".join(str(part) for part in parts if part not in ("", None))


@dataclass(frozen=True)
class Study:
    """What to run."""

    panels: tuple[str, ...]
    seeds: tuple[int, ...]
    methods: tuple[tuple[str, float | None], ...]
    """Methods with their beta; the paper's for each panel where it is None."""
    size: Size

    def runs(self) -> list[Run]:
        """List all runs, each after what it starts from."""
        listed: list[Run] = []
        for seed in self.seeds:
            listed += [Run(panel, seed, ORIGINAL) for panel in self.panels]
            for panel in self.panels:
                for method, beta in self.methods:
                    chosen = PANELS[panel].betas.get(method) if beta is None else beta
                    listed.append(Run(panel, seed, method, chosen))
            listed.append(Run("", seed, RETRAIN))
        return list(dict.fromkeys(listed))


def run_study(study: Study, folder: Path, cache_folder: Path, workers: int) -> pd.DataFrame:
    """Do all runs that are not in `folder` yet, and return the paths of all.

    Args:
        study: what to run.
        folder: where each finished run is kept.
        cache_folder: where trained models are kept, for this study and others.
        workers: runs at a time, each on one thread, so that no result depends on their number.

    Returns:
        A table with `COLUMNS`, in the order of `Study.runs`.
    """
    runs, finished = study.runs(), dict[Run, pd.DataFrame]()
    for run in runs:
        if (folder / f"{run.name}.parquet").is_file():
            finished[run] = read_table(folder / f"{run.name}.parquet")
    work = _Work(study, folder, cache_folder / "markov")
    waiting = [run for run in runs if run not in finished]
    with _one_thread_each(), progress("Markov study", sum(map(work.cost, waiting))) as advance:
        lock = threading.Lock()

        def done(steps: int) -> None:
            if work.stopped.is_set():
                raise _Stopped
            with lock:
                advance(steps)

        running: dict[Future[pd.DataFrame], Run] = {}
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            try:
                while waiting or running:
                    for run in [run for run in waiting if work.ready(run, finished)]:
                        if len(running) < workers:
                            waiting.remove(run)
                            running[pool.submit(work.do, run, finished, done)] = run
                    ended, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in ended:
                        finished[running.pop(future)] = future.result()
            except BaseException:
                work.stopped.set()
                raise
    return pd.concat([finished[run] for run in runs], ignore_index=True)


class _Stopped(Exception):
    """Ends a run's thread, once another failed or Ctrl-C was pressed."""


@contextmanager
def _one_thread_each() -> Iterator[None]:
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class _Work:
    """How each kind of run is done; safe to use from several threads."""

    def __init__(self, study: Study, folder: Path, models: Path):
        self._study, self._folder, self._models = study, folder, models
        self._new_model = threading.Lock()
        self.stopped = threading.Event()
        self._data: Callable[[str, int], PanelData] = cache(
            lambda panel, seed: panel_data(PANELS[panel], seed, study.size)
        )

    def ready(self, run: Run, finished: dict[Run, pd.DataFrame]) -> bool:
        """Tell whether the model that `run` starts from is there."""
        return run.method in (ORIGINAL, RETRAIN) or _origin(run) in finished

    def cost(self, run: Run) -> int:
        """Return the work of a run, in forward passes of a token."""
        if run.method in METHODS and run.method != RETRAIN:
            return self._data(run.panel, run.seed).test_tokens * self._study.size.iterations
        if self._model_file(run).is_file():
            return 0
        tokens = sum(group[:, 1:].numel() for group in self._training_groups(run))
        return 3 * tokens * self._study.size.epochs

    def do(
        self, run: Run, finished: dict[Run, pd.DataFrame], done: Callable[[int], None]
    ) -> pd.DataFrame:
        """Do `run` and keep its rows in the study's folder."""
        if run.method in (ORIGINAL, RETRAIN):
            model = self._trained(run, done)
            panels = self._study.panels if run.method == RETRAIN else (run.panel,)
            rows = [
                self._row(run, panel, 0, distances(model, self._data(panel, run.seed)))
                for panel in panels
            ]
        else:
            origin = _origin(run)
            (start,) = finished[origin][list(Distances._fields)].to_numpy()
            settings = {} if run.beta is None else {"beta": run.beta}
            method = build_method(run.method, **settings)
            assert isinstance(method, Method)
            path = training.unlearn(
                self._trained(origin, done),
                method,
                self._data(run.panel, run.seed),
                self._study.size.iterations,
                run.seed,
                done,
            )
            rows = [
                self._row(run, run.panel, iteration, reached)
                for iteration, reached in enumerate([Distances(*start), *path])
            ]
        table = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"beta": "float64"})
        write_table(self._folder / f"{run.name}.parquet", table)
        return table

    def _row(self, run: Run, panel: str, iteration: int, reached: Distances) -> tuple[Any, ...]:
        return (panel, run.seed, run.method, run.beta, iteration, *reached)

    def _training_groups(self, run: Run) -> Sequence[torch.Tensor]:
        """Return what a model is trained on, sequences of one length together."""
        if run.method == RETRAIN:
            return [self._data(self._study.panels[0], run.seed).retain.train]
        data = self._data(run.panel, run.seed)
        long = torch.cat([data.retain.train, data.forget1.train])
        return [long, data.forget2.train] if PANELS[run.panel].pretrain_on_forget2 else [long]

    def _trained(self, run: Run, done: Callable[[int], None]) -> torch.nn.Module:
        path = self._model_file(run)
        with self._new_model:  # drawing weights uses torch's one global generator
            model: torch.nn.Module = new_model(run.seed)
        if path.is_file():
            load_model(model, path)
        else:
            groups, epochs = self._training_groups(run), self._study.size.epochs
            training.pretrain(model, groups, epochs, run.seed, done)
            with atomic_write(path) as temporary:
                save_model(model, str(temporary))
        return model

    def _model_file(self, run: Run) -> Path:
        """Name a model by all it depends on, so that any change trains anew."""
        settings = [training.LEARNING_RATE, training.BATCH, self._study.size.epochs]
        groups = self._training_groups(run)
        data = [hashlib.sha256(group.numpy().tobytes()).hexdigest() for group in groups]
        key = fingerprint([CONFIG, settings, run.seed, data, versions()])
        return self._models / f"{run.method}-{key}.safetensors"


def _origin(run: Run) -> Run:
    return Run(run.panel, run.seed, ORIGINAL)
