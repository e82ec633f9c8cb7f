"""MUSE's tables as small as can be, with numbers to work out by hand."""

from collections.abc import Sequence

import pandas as pd

from simnpo.evaluation.tables import GENERATION_COLUMNS, SCORE_COLUMNS, Tables


def text_rows(name: str, min_k: Sequence[float], loss: float = 1.0) -> pd.DataFrame:
    """Score rows of one text each: 10 tokens, 4 of them first choices, 3 of these at its end."""
    rows = [
        (name, item, "answer", 0, -10 * (loss + item), 10, 4, 3, value, 2 * value, 20 + item)
        for item, value in enumerate(min_k)
    ]
    return pd.DataFrame(rows, columns=list(SCORE_COLUMNS)).astype(SCORE_COLUMNS)


def tables(forget: Sequence[float], holdout: Sequence[float], loss: float = 1.0) -> Tables:
    """Make tables with these Min-40 % log-probs, and one answer in each set that is answered."""
    generations = pd.DataFrame(
        [
            ("verbmem", 0, "The cat", "sat on the mat", "sat on a mat"),
            ("knowmem_forget", 0, "Who?", "Ada Vell", " Ada Vell\n\nQuestion: Ada Vell"),
            ("knowmem_forget", 1, "Where?", "in Hask", "Torrin"),
            ("knowmem_retain", 0, "What?", "1472", "1472 AD"),
        ],
        columns=list(GENERATION_COLUMNS),
    )
    scores = [text_rows("forget", forget, loss), text_rows("holdout", holdout, loss + 0.5)]
    return Tables(pd.concat(scores, ignore_index=True), generations.astype(GENERATION_COLUMNS))
