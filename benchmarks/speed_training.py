"""Seconds per optimizer step on real TOFU forget05, against the plain way (see `plain.py`).

    python benchmarks/speed_training.py [--data-dir tofu] [--peer DIR --peer-python PYTHON]

Both sides take 32 forget and 32 retain examples a step through the same Llama of 1.4 million
weights with fused AdamW, in turn, and start every block from the same weights. Prints medians and
the ratio; and the peak memory of NPO's training against SimNPO's, each in a process of its own.

With --peer the blocks of open-unlearning's training run in turn with these, each in a process of
its own (its start is not counted): see `peer.py`.
"""

import copy
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import plain
import torch
from clock import Clock
from common import (
    Subject,
    alternate,
    cpu_arguments,
    describe,
    forget_peak,
    memory_now,
    memory_peak,
    ratio,
    start,
    subject,
)
from peer import NAME, Peer, PeerOptions, peer_of

from simnpo.data.encoding import Encoder
from simnpo.methods.registry import build_method
from simnpo.models import quiet
from simnpo.training.trainer import UnlearnTrainer

STEPS, ROWS, LEAST = 6, 32, 1e-5


@dataclass
class Options(PeerOptions):
    """What to measure."""

    data_dir: str | None = None
    """Folder with TOFU's files; without it they come from the hub."""
    rounds: int = 5
    """Blocks of steps of each side."""
    memory_of: str | None = None
    """Used by the script itself: train with this method and print the peak memory."""


def ours(name: str, of: Subject) -> Callable[[], float]:
    """Return a block of steps of `UnlearnTrainer`, giving its median seconds per step."""

    def block() -> float:
        clock = Clock()
        with tempfile.TemporaryDirectory() as folder:
            arguments = cpu_arguments(
                folder,
                max_steps=STEPS,
                learning_rate=LEAST,
                per_device_train_batch_size=ROWS,
                max_grad_norm=0,
                optim="adamw_torch_fused",
            )
            trainer = UnlearnTrainer(
                copy.deepcopy(of.model),
                arguments,
                method=build_method(name),
                processing_class=of.tokenizer,
                forget_dataset=of.benchmark.forget,
                retain_dataset=of.benchmark.retain,
                template="llama2",
                callbacks=[clock],
            )
            trainer.train()
        return median(clock.times)

    return block


def plainly(name: str, of: Subject) -> Callable[[], float]:
    """Return the same block done the plain way."""
    encoder = Encoder(of.tokenizer, "llama2")
    forget, retain = (encoder.encode_all(one) for one in (of.benchmark.forget, of.benchmark.retain))

    def block() -> float:
        model = copy.deepcopy(of.model).train()
        reference = copy.deepcopy(of.model).eval() if name == "npo" else None
        optimizer = torch.optim.AdamW(model.parameters(), LEAST, weight_decay=0, fused=True)
        draw = torch.Generator().manual_seed(0)
        times = []
        for _ in range(STEPS):
            started = time.perf_counter()
            batches = [
                plain.padded([rows[n] for n in torch.randperm(len(rows), generator=draw)[:ROWS]])
                for rows in (forget, retain)
            ]
            plain.loss(name, model, reference, *batches).backward()
            optimizer.step()
            optimizer.zero_grad()
            times.append(time.perf_counter() - started)
        return median(times[1:])

    return block


def peak_memory(name: str, of: Subject) -> None:
    """Train one block and print its peak memory in MiB, beyond what the process held before."""
    before = memory_now()
    forget_peak()
    ours(name, of)()
    print(f"{memory_peak() - before:.1f}")


def compare(of: Subject, peer: Peer | None, rounds: int) -> None:
    """Print seconds per step of each side, and the ratios to ours."""
    for name in ("simnpo", "npo"):
        sides = {"ours": ours(name, of), "plain": plainly(name, of)}
        if peer:
            sides[NAME] = partial(peer.seconds_per_step, name, STEPS, ROWS)
        found = alternate(sides, rounds)
        print(f"{name}: ours {median(found['ours']):.3f} s", flush=True)
        for side in list(sides)[1:]:
            against = ratio(found["ours"], found[side])
            print(f"  {side} {median(found[side]):.3f} s: {against}", flush=True)


def main(options: Options) -> None:
    """Print the comparison."""
    quiet()
    with tempfile.TemporaryDirectory() as folder:
        peer = peer_of(options, options.data_dir, Path(folder))
        of = subject(options.data_dir)
        if options.memory_of:
            peak_memory(options.memory_of, of)
            return
        print(f"Seconds per optimizer step, {ROWS} + {ROWS} rows of TOFU forget05; {describe()}")
        if peer:
            print(f"{NAME}: {peer.versions}")
            peer.take(of.model, of.tokenizer)
        compare(of, peer, options.rounds)
    peaks = {}
    for name in ("simnpo", "npo"):
        command = [sys.executable, str(Path(__file__)), "--memory-of", name]
        command += ["--data-dir", options.data_dir] if options.data_dir else []
        peaks[name] = float(subprocess.run(command, check=True, capture_output=True).stdout)
    print(
        f"Peak memory of training: NPO {peaks['npo']:.0f} MiB, SimNPO {peaks['simnpo']:.0f} MiB: "
        f"{peaks['npo'] / peaks['simnpo']:.3f}x"
    )


if __name__ == "__main__":
    start(main, Options)
