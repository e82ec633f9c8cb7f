"""The tables an evaluation keeps: one row per item and answer variant, one per generation.

A metric sees these tables and never a model, so another model's tables, or an official log turned
into them, can stand in anywhere.
"""

from typing import NamedTuple

import pandas as pd

from simnpo.errors import UserError

ANSWER, PARAPHRASE, PERTURBED = "answer", "paraphrase", "perturbed"
"""Answer variants: the true answer, a paraphrase, a wrong one in the paraphrase's form.
"""

SCORE_COLUMNS = {
    "set": "str",  # evaluation set, e.g. "forget"
    "item": "int64",  # index of the item within its set, from 0
    "variant": "str",  # ANSWER, PARAPHRASE or PERTURBED
    # Which one of several variants of this name, from 0; where the answers of an item have an
    # order, its place in it: a right answer D has index 3, and the wrong ones 0, 1 and 2.
    "index": "int64",
    "logprob": "float64",  # summed log-probability of the answer's tokens, nats
    "tokens": "int64",  # number of answer tokens, the end-of-sequence token among them
    "matches": "int64",  # answer tokens that are the model's first choice
    "tail_matches": "int64",  # length of the longest tail of the answer made of such tokens
    "min40_logprob": "float64",  # mean log-probability of the 40 % least likely answer tokens
    "min40_plus_plus": "float64",  # the same of tokens by Min-K++; NaN where no text was scored
    "zlib_bytes": "int64",  # bytes of the answer's text (NFC), compressed
}
ADDED_COLUMNS = ("min40_plus_plus", "zlib_bytes")
"""Score columns that older evaluations lack; they are read as NaN."""
GENERATION_COLUMNS = {
    "set": "str",
    "item": "int64",
    "question": "str",
    "reference": "str",  # the true answer
    "generated": "str",  # the model's greedy answer, special tokens removed
}


class Tables(NamedTuple):
    """What one evaluation measured, before any metric."""

    scores: pd.DataFrame
    generations: pd.DataFrame


def check_columns(table: pd.DataFrame, columns: dict[str, str], what: str) -> None:
    """Refuse a table that lacks one of `columns`.

    Raises:
        UserError: naming `what` and the missing columns.
    """
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise UserError(f"{what} lacks the columns {missing}; it has {list(table.columns)}.")
