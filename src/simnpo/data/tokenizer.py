"""What simnpo asks of a tokenizer, for type checkers: transformers' own classes are untyped."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from transformers import AddedToken

    class Tokenizer(Protocol):
        """A tokenizer of transformers, fast or slow."""

        name_or_path: str
        chat_template: str | dict[str, str] | None
        add_bos_token: bool
        bos_token: str | None
        bos_token_id: int | None
        eos_token: str | None
        eos_token_id: int | None
        all_special_tokens: list[str]
        special_tokens_map: dict[str, str]
        added_tokens_decoder: dict[int, AddedToken]

        def __call__(self, text: str, **options: bool) -> Mapping[str, list[int]]:
            """Return the ids of a text, as `input_ids`."""

        def decode(self, token_ids: Sequence[int], **options: bool) -> str:
            """Return what ids say."""

        def batch_decode(self, sequences: Sequence[Sequence[int]]) -> list[str]:
            """Return what each row of ids says."""

        def convert_tokens_to_ids(self, tokens: str) -> int:
            """Return a token's id."""

        def get_vocab(self) -> dict[str, int]:
            """Return the id of each token."""

        def add_tokens(self, new_tokens: Sequence[AddedToken], special_tokens: bool) -> int:
            """Add tokens, and return how many are new."""

        def save_pretrained(self, save_directory: str | Path) -> object:
            """Write the tokenizer's files into a folder."""

else:
    Tokenizer = object  # whatever tests put in a tokenizer's place
