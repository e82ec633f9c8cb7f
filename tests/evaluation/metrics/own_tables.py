"""Tables of own data made by hand: what a model answers, and how likely the true answers are."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from simnpo.evaluation.tables import GENERATION_COLUMNS, SCORE_COLUMNS, Tables


class Row(NamedTuple):
    """One row of a set, with the model's answer to it."""

    true: str
    generated: str
    probability: float = 0.5
    """Of each of the answer's tokens."""
    question: str = "Who is it?"


def tables(sets: Mapping[str, Sequence[Row]]) -> Tables:
    """Return the tables of a model that answered so; a true answer has as many tokens as words."""
    scores, generations = [], []
    for name, rows in sets.items():
        for item, row in enumerate(rows):
            tokens = len(row.true.split())
            logprob = tokens * math.log(row.probability)
            known = tokens if row.generated == row.true else 0
            scores.append(
                (
                    name,
                    item,
                    "answer",
                    0,
                    logprob,
                    tokens,
                    known,
                    known,
                    -1.0,
                    np.nan,
                    len(row.true),
                )
            )
            generations.append((name, item, row.question, row.true, row.generated))
    return Tables(
        pd.DataFrame(scores, columns=list(SCORE_COLUMNS)).astype(SCORE_COLUMNS),
        pd.DataFrame(generations, columns=list(GENERATION_COLUMNS)).astype(GENERATION_COLUMNS),
    )
