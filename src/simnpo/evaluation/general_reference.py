"""The original's answers to generic prompts with its distributions, as a value and as a file."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open
from torch import Tensor

from simnpo.data.encoding import Encoded, Encoder
from simnpo.data.tokenizer import Tokenizer
from simnpo.errors import UserError
from simnpo.storage.files import write_tensors

_TENSORS = ("choices", "logprobs", "ids", "lengths", "starts")


class GeneralReference(NamedTuple):
    """What the original model answers, and how likely it found the alternatives."""

    prompts: tuple[str, ...]
    answers: tuple[str, ...]
    """The answers as text."""
    encoded: tuple[Encoded, ...]
    """Each prompt with its answer."""
    choices: Int[Tensor, "tokens kept"]
    """The likeliest tokens at each answer token, the likeliest first; answer after answer."""
    logprobs: Float[Tensor, "tokens outcomes"]
    """Their log-probs, and last that of all other tokens together; float32, nats."""
    max_new_tokens: int
    template: str
    vocabulary: str
    """See `vocabulary_hash`."""

    def by_row(self) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
        """Return `choices` and `logprobs` of each answer."""
        lengths = [one.answer_length for one in self.encoded]
        return torch.split(self.choices, lengths), torch.split(self.logprobs, lengths)

    def check(self, encoder: Encoder) -> None:
        """Make sure that a model with this encoder can be compared with the original.

        Raises:
            UserError: its tokenizer has another vocabulary, or its template makes other prompts.
        """
        if vocabulary_hash(encoder.tokenizer) != self.vocabulary:
            raise UserError(
                "general ability: the original model has another tokenizer than this one; give "
                "the model that training started from."
            )
        if [encoder.prompt(one) for one in self.prompts] != [
            e.ids[: e.start] for e in self.encoded
        ]:
            raise UserError(
                f"general ability: the original was asked with template {self.template!r}, and "
                f"{encoder.template.name!r} makes other prompts of the same questions; give the "
                "same ``template``."
            )

    def save(self, path: Path) -> None:
        """Write it as one safetensors file, which appears complete or not at all."""
        ids = [one.ids for one in self.encoded]
        tensors = {
            "choices": self.choices.to(torch.int32).contiguous(),
            "logprobs": self.logprobs.contiguous(),
            "ids": torch.tensor([token for one in ids for token in one], dtype=torch.int32),
            "lengths": torch.tensor([len(one) for one in ids], dtype=torch.int32),
            "starts": torch.tensor([one.start for one in self.encoded], dtype=torch.int32),
        }
        metadata = {
            "prompts": self.prompts,
            "answers": self.answers,
            "max_new_tokens": self.max_new_tokens,
            "template": self.template,
            "vocabulary": self.vocabulary,
        }
        write_tensors(path, tensors, {"simnpo": json.dumps(metadata)})

    @classmethod
    def load(cls, path: Path) -> "GeneralReference":
        """Read what `save` wrote.

        Raises:
            UserError: it cannot be read.
        """
        try:
            with safe_open(path, framework="pt") as file:
                found = {name: file.get_tensor(name) for name in _TENSORS}
                metadata = json.loads(file.metadata()["simnpo"])
            sequences = found["ids"].split(found["lengths"].tolist())
            encoded = tuple(
                Encoded(tuple(ids.tolist()), start)
                for ids, start in zip(sequences, found["starts"].tolist(), strict=True)
            )
            return cls(
                prompts=tuple(metadata["prompts"]),
                answers=tuple(metadata["answers"]),
                encoded=encoded,
                choices=found["choices"].long(),
                logprobs=found["logprobs"],
                max_new_tokens=metadata["max_new_tokens"],
                template=metadata["template"],
                vocabulary=metadata["vocabulary"],
            )
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"{path}, the original model's answers to generic prompts, cannot be read: {error}"
            ) from None


def vocabulary_hash(tokenizer: Tokenizer) -> str:
    """Return a short hash of a tokenizer's tokens and their ids."""
    listed = sorted(tokenizer.get_vocab().items())
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()[:16]
