"""How long a user's rows are for a model."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from simnpo.data.encoding import Encoded, Encoder
from simnpo.data.own_rows import OwnRow
from simnpo.errors import UserError


class SetTokens(NamedTuple):
    """How large a set is for a model."""

    rows: int
    pieces: int
    """Sequences that it is trained in: a long text is several."""
    tokens: int
    longest: int
    """Tokens of the longest sequence."""

    @classmethod
    def of(cls, rows: Iterable[OwnRow], encoder: Encoder) -> "SetTokens":
        """Count a set.

        Raises:
            UserError: a row cannot be encoded, see `Encoder.encode`; the message names it.
        """
        pieces = [list(_pieces(row, encoder)) for row in rows]
        lengths = [len(one.ids) for row in pieces for one in row]
        return cls(len(pieces), len(lengths), sum(lengths), max(lengths, default=0))

    @property
    def mean(self) -> float:
        """Tokens of a sequence on average."""
        return self.tokens / max(1, self.pieces)


def _pieces(row: OwnRow, encoder: Encoder) -> Iterator[Encoded]:
    try:
        yield from encoder.encode_all([row.example])
    except UserError as error:
        raise UserError(f"{row.place}: {error}") from None
