"""Compare what `simnpo plan` foretells with what a training run takes, on this machine's CPU.

    python benchmarks/check_plan.py

Trains a Llama of 36 million weights for two steps, twice for each setting, in processes of their
own. Measured memory is a process's peak less what it had after its imports: "held" with everything
freed given back to the system at once (glibc's MALLOC_MMAP_THRESHOLD_), so what torch asked for;
"peak" as it is without, so with what the allocator keeps for later. The precisions mixed and bf16
are not here, since transformers refuses the one on a CPU and most CPUs are slow at the other:
tests/planning/test_planning.py checks what these keep for the backward pass.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simnpo.config import LoraConfig, TrainingConfig
from simnpo.methods.method import Method
from simnpo.methods.registry import METHODS, build_method
from simnpo.planning.flops import per_run
from simnpo.planning.memory import Plan, memory
from simnpo.planning.shape import shape_of

LENGTH, EXAMPLES = 128, 8
TRAINING = TrainingConfig(
    epochs=1, batch_size=4, micro_batch_size=2, precision="fp32", checkpoint_epochs=0
)
FULL, LORA = LoraConfig(), LoraConfig(rank=8)


@dataclass(frozen=True)
class Setting:
    """One run."""

    method: Method = METHODS["simnpo"]
    training: TrainingConfig = TRAINING
    lora: LoraConfig = FULL


CHECKPOINTING = replace(TRAINING, gradient_checkpointing=True)
SETTINGS = {
    "full": Setting(),
    "full, NPO": Setting(METHODS["npo"]),
    "full, KL": Setting(build_method("simnpo", retain_loss="kl")),
    "full, checkpointing": Setting(training=CHECKPOINTING),
    "full, micro-batch 1": Setting(training=replace(TRAINING, micro_batch_size=1)),
    "LoRA": Setting(lora=LORA),
    "LoRA, checkpointing": Setting(training=CHECKPOINTING, lora=LORA),
}


def make_model(device: str) -> Any:
    """Return the model: on "cpu" with random weights, on "meta" without any."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=8192,
        hidden_size=512,
        intermediate_size=1536,
        num_hidden_layers=8,
        num_attention_heads=8,
        bos_token_id=0,
        eos_token_id=1,
    )
    with torch.device(device):
        return LlamaForCausalLM(config)


def measure(setting: Setting) -> dict[str, float]:
    """Train in this process; return peak bytes beyond the imports, and seconds of training."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    from simnpo.data.examples import Example
    from simnpo.models import quiet
    from simnpo.training.run import TrainingData, train_model

    quiet()
    alphabet = ["<s>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    bpe = Tokenizer(models.BPE({letter: n for n, letter in enumerate(alphabet)}, []))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="</s>")
    examples = [Example(None, letter * LENGTH) for letter in "abcdefgh"]
    data = TrainingData(examples, examples, max_length=LENGTH)
    make_model("meta")  # imports what a model needs
    before = _resident()
    model = make_model("cpu")
    with tempfile.TemporaryDirectory() as out:
        results = train_model(
            model, tokenizer, setting.method, data, setting.training, Path(out), lora=setting.lora
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"bytes": peak - before, "seconds": results["seconds"]}


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def in_process(name: str, **environment: str) -> dict[str, float]:
    """Measure a setting in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, name],
        env=os.environ | environment,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def main() -> None:
    """Print a line per setting; with a setting's name, measure it here and print JSON."""
    if len(sys.argv) > 1:
        print(json.dumps(measure(SETTINGS[sys.argv[1]])))
        return
    import torch

    from simnpo.planning.hardware import matmul_rate

    shape, rate = shape_of(make_model("meta")), matmul_rate(torch.float32)
    print(
        f"products: {rate / 1e9:.0f} GFLOP/s. MiB estimated, held, peak; seconds estimated, taken"
    )
    for name, setting in SETTINGS.items():
        plan = Plan(
            shape, setting.method, setting.training, setting.lora, LENGTH, EXAMPLES, gpu=False
        )
        held, usual = in_process(name, MALLOC_MMAP_THRESHOLD_="65536"), in_process(name)
        expected = memory(plan).total
        print(
            f"{name:20} {expected / 2**20:5.0f} {held['bytes'] / 2**20:5.0f} "
            f"{usual['bytes'] / 2**20:5.0f}  ratios {expected / held['bytes']:.2f} "
            f"{expected / usual['bytes']:.2f}  {per_run(plan) / rate:5.1f} {usual['seconds']:5.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
