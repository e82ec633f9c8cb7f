"""Count the operations of a training step's forward and backward pass, as a GPU would launch them.

    python benchmarks/count_operations.py

64 rows of 30 to 109 tokens through a Llama of 30 small layers: packed, in groups of similar length,
and, to compare, transformers' own loss of the padded rows. Operations that only look at a tensor in
another way (views) are not counted.
"""

from collections import Counter
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import LlamaConfig, LlamaForCausalLM

from simnpo.data.batching import pad
from simnpo.data.encoding import Encoded
from simnpo.forward import passes
from simnpo.forward.logprobs import answer_logprobs

VIEWS = (
    "view", "_unsafe_view", "expand", "transpose", "t", "permute", "slice", "select", "unsqueeze",
    "squeeze", "detach", "alias", "split", "split_with_sizes", "as_strided", "unbind",
)  # fmt: skip


class Operations(TorchDispatchMode):
    """Counts operations by name within a block."""

    def __init__(self) -> None:
        """Begin with none."""
        super().__init__()
        self.count: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        """Count an operation and let it run."""
        name = func._schema.name.split("::")[1]
        if name not in VIEWS:
            self.count[name] += 1
        return func(*args, **(kwargs or {}))


def main() -> None:
    """Print the counts."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=300, hidden_size=64, intermediate_size=128, num_hidden_layers=30,
        num_attention_heads=4, num_key_value_heads=2,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    lengths = torch.randint(30, 110, (64,)).tolist()
    rows = [torch.randint(300, (length,)).tolist() for length in lengths]
    batch = pad([Encoded(tuple(row), len(row) // 3) for row in rows])

    def ours() -> None:
        answer_logprobs(model, batch).logprobs.sum().backward()

    def plain() -> None:
        ids = batch["input_ids"]
        model(input_ids=ids, labels=ids).loss.backward()

    ours()  # the model and its head are tried once
    counted = {"packed": _count(ours), "plain, padded": _count(plain)}
    passes.can_pack = lambda model, longest: False
    counted["in groups"] = _count(ours)
    for name, count in counted.items():
        print(f"{name:15} {count:6,} operations, {count / counted['plain, padded']:.2f} of plain")


def _count(work: Any) -> int:
    with Operations() as operations:
        work()
    return operations.count.total()


if __name__ == "__main__":
    main()
