"""Errors name fields; the command line names options."""

import pytest

from simnpo.system.command_words import with_options


@pytest.mark.parametrize(
    ("error", "typed"),
    [
        ("``batch_size`` must be above 0, got 0.", "--batch-size must be above 0, got 0."),
        ("use ``lora_rank=16`` or ``lora_merge``.", "use --lora-rank 16 or --lora-merge."),
        ("``also=facts=facts.jsonl``", "--also facts=facts.jsonl"),
        ("``split=bio or cyber``, or none", "--split bio or cyber, or none"),
        # What users and libraries write is left as it is.
        ("transformers: `eos_token` is None", "transformers: `eos_token` is None"),
        ("the question 'What is ``x - y``?' is long", "the question 'What is ``x - y``?' is long"),
    ],
)
def test_fields_become_options(error: str, typed: str) -> None:
    assert with_options(ValueError(error)) == typed
