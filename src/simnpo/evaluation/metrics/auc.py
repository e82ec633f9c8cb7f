"""The area under the ROC curve of a score that tells one kind of item from another."""

import numpy as np
from jaxtyping import Float64
from scipy.stats import rankdata


def auc(
    positive: Float64[np.ndarray, " positive"], negative: Float64[np.ndarray, " negative"]
) -> float:
    """Return the probability that a positive item scores above a negative one; ties count half.

    This is the area under the ROC curve, and the Mann-Whitney statistic over the number of pairs.
    NaN where a kind has no item or a score is NaN.
    """
    scores = np.concatenate([positive, negative])
    if not len(positive) or not len(negative) or np.isnan(scores).any():
        return float("nan")
    ranks = rankdata(scores)[: len(positive)]
    above = ranks.sum() - len(positive) * (len(positive) + 1) / 2
    return float(above / (len(positive) * len(negative)))
