"""Unlearning and evaluation of a 7B model on one GPU: seconds, MFU and peak memory.

    python benchmarks/gpu_7b.py [--data-dir tofu] [--tiny]

A Llama of Llama-2-7B's shape with random weights, TOFU forget05, ten epochs, all parameters, 32
forget and 32 retain examples a step, in bfloat16. A random model never ends its answers, so the
evaluation generates every answer to its full length: an upper bound. `--tiny` runs the same script
with a small model for two steps, on a CPU too, to see that it works.
"""

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import tyro
from common import subject
from transformers import LlamaConfig, LlamaForCausalLM, TrainerCallback

from simnpo.config import TrainingConfig
from simnpo.data.encoding import Encoder
from simnpo.evaluation.evaluate import evaluate_model
from simnpo.methods.registry import build_method
from simnpo.models import device, quiet
from simnpo.training.run import TrainingData, train_model

PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}
"""Dense bfloat16 operations per second that the makers state."""


@dataclass
class Options:
    """What to measure."""

    data_dir: str | None = None
    """Folder with TOFU's files; without it they come from the hub."""
    method: str = "simnpo"
    """simnpo or npo."""
    micro_batch_size: int = 32
    """Forget examples per forward pass."""
    gradient_checkpointing: bool = True
    """Recompute activations."""
    tiny: bool = False
    """A small model, two steps, eight items of each set."""


class StepTimes(TrainerCallback):
    """The time at which each step ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Take the time, once the device is done."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.ends.append(time.perf_counter())


def main(options: Options) -> None:
    """Print the measurements."""
    quiet()
    of = subject(options.data_dir)
    shape = {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32}
    heads = 32
    if options.tiny:
        shape, heads = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2}, 4
    config = LlamaConfig(vocab_size=32000, num_attention_heads=heads, eos_token_id=1, **shape)
    torch.manual_seed(0)
    with torch.device(device()):
        model = LlamaForCausalLM(config).to(torch.bfloat16)
    weights = sum(one.numel() for one in model.parameters())
    training = TrainingConfig(
        micro_batch_size=options.micro_batch_size,
        precision="bf16",
        gradient_checkpointing=options.gradient_checkpointing,
        checkpoint_epochs=0,
    )
    benchmark, clock = of.benchmark, StepTimes()
    if options.tiny:
        cut = {
            name: replace(asked, items=asked.items[:8])
            for name, asked in benchmark.evaluation.items()
        }
        benchmark = replace(benchmark, forget=benchmark.forget[:64], evaluation=cut)
        training = replace(training, epochs=1)
    data = TrainingData(benchmark.forget, benchmark.retain, template="llama2")
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        results = train_model(
            model,
            of.tokenizer,
            build_method(options.method),
            data,
            training,
            Path(folder),
            callbacks=[clock],
        )
    whole = time.perf_counter() - started
    encoder = Encoder(of.tokenizer, "llama2")
    rows = [encoder.encode_all(one) for one in (benchmark.forget, benchmark.retain)]
    means = [sum(len(one.ids) for one in some) / len(some) for some in rows]
    gaps = [b - a for a, b in zip(clock.ends, clock.ends[1:], strict=False)]
    step = sorted(gaps)[len(gaps) // 2]
    tokens = training.batch_size * sum(means)
    rate = 6 * weights * tokens / step
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    peak = next((value for key, value in PEAKS.items() if key in name), None)
    print(f"{name}; {weights / 1e9:.3f}e9 weights; {tokens:.0f} tokens a step, padding left out")
    print(
        f"unlearning: {results['steps']} steps, {results['seconds']:.1f} s ({whole:.1f} s in all)"
    )
    print(f"steady state: {step:.3f} s a step, {rate / 1e12:.2f} TFLOP/s", end="")
    print(f", MFU {rate / peak:.1%}" if peak else ", no peak known: no MFU")
    print(f"peak memory of training: {results['peak_memory_mib'] / 1024:.1f} GiB")
    started = time.perf_counter()
    evaluate_model(model.eval(), encoder, benchmark)
    print(f"evaluation: {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main(tyro.cli(Options))
