"""Peak memory of the loss at a 128k vocabulary and 4,096 answer tokens, against full logits.

    python benchmarks/memory_loss.py

Both sides go forward and backward from the same hidden states and LM head in processes of their
own; the memory of inputs and of their gradients, which both need, is left out. Prints the time too.
"""

import subprocess
import sys
import time
from pathlib import Path

import torch
from common import forget_peak, memory_now, memory_peak
from torch.nn.functional import cross_entropy, linear

from simnpo.forward.fused import LogitTransform, linear_logprobs

TOKENS, WIDTH, VOCABULARY = 4096, 256, 128_256


def measure(side: str) -> None:
    """Print peak memory in MiB beyond inputs and gradients, seconds, and the loss."""
    torch.manual_seed(0)
    hidden = torch.randn(TOKENS, WIDTH, requires_grad=True)
    weight = (torch.randn(VOCABULARY, WIDTH) / 16).requires_grad_()
    targets = torch.randint(VOCABULARY, (TOKENS,))
    for leaf in (hidden, weight):  # gradients are there before the measurement begins
        leaf.grad = torch.zeros_like(leaf)
    before, started = memory_now(), time.perf_counter()
    forget_peak()
    if side == "fused":
        loss = -linear_logprobs(hidden, weight, None, targets, LogitTransform()).logprobs.mean()
    else:
        loss = cross_entropy(linear(hidden, weight).float(), targets)
    loss.backward()
    elapsed = time.perf_counter() - started
    print(memory_peak() - before, elapsed, float(loss.detach()))


def main() -> None:
    """Print both sides and the ratio."""
    if len(sys.argv) > 1:
        measure(sys.argv[1])
        return
    found = {}
    for side in ("fused", "full"):
        command = [sys.executable, str(Path(__file__)), side]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found[side] = [float(number) for number in said.split()]
        memory, elapsed, loss = found[side]
        print(f"{side}: {memory:.0f} MiB, {elapsed:.1f} s, loss {loss:.6f}")
    print(f"Peak memory: 1/{found['full'][0] / found['fused'][0]:.1f} of full logits")


if __name__ == "__main__":
    main()
