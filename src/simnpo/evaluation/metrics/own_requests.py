"""Several requests in one evaluation of own data: each request's rows, and a verdict on the first.

The forget set holds the rows of all requests, one request after the other.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from simnpo.benchmarks.own import CONTINUED, FORGET
from simnpo.evaluation.metrics.own import Identifiers, own_metrics
from simnpo.evaluation.metrics.own_evaluation import OwnEvaluation
from simnpo.evaluation.tables import Tables

FORGET_SETS = (FORGET, FORGET + CONTINUED)


def with_requests(table: pd.DataFrame, sizes: Mapping[str, int]) -> pd.DataFrame:
    """Return a table with the rows of each request once more, as a set of its own.

    Args:
        table: scores or generations.
        sizes: items of each request, by the name of its set, in their order in the forget set.
    """
    parts = [table]
    for name in FORGET_SETS:
        rows, begin = table[table["set"] == name], 0
        for request, size in sizes.items():
            own = rows[rows["item"].between(begin, begin + size - 1)]
            ending = name.removeprefix(FORGET)
            if len(own):
                parts.append(own.assign(set=request + ending, item=own["item"] - begin))
            begin += size
    return pd.concat(parts, ignore_index=True) if len(parts) > 1 else table


def about_first(found: OwnEvaluation, items: int, identifiers: Identifiers) -> OwnEvaluation:
    """Return an evaluation whose forget set is its first items alone.

    Args:
        found: the evaluation.
        items: how many.
        identifiers: see `own_metrics`.
    """
    tables = Tables(*(_first(table, items) for table in found.tables))
    forget = Tables(*(table[table["set"].isin(FORGET_SETS)] for table in tables))
    secrets: Sequence[tuple[str, ...] | None] = identifiers.get(FORGET, ())
    measured = own_metrics(forget, identifiers={FORGET: secrets[:items]})
    return OwnEvaluation(
        {**found.metrics, **measured.metrics}, {**found.counts, **measured.counts}, tables
    )


def _first(table: pd.DataFrame, items: int) -> pd.DataFrame:
    return table[~table["set"].isin(FORGET_SETS) | (table["item"] < items)]
