"""How much of a text a model has by heart, from the scores of its tokens."""

import numpy as np
import pandas as pd
from jaxtyping import Float64

from simnpo.evaluation.metrics.membership import texts


def exact_memorization(scores: pd.DataFrame, name: str) -> Float64[np.ndarray, " items"]:
    """Return, for each text of a set, the share of its tokens that are the model's first choice.

    Tirumala et al. 2022 (arXiv 2205.10770). NaN where the scores do not say.
    """
    rows = texts(scores, name)
    return (rows["matches"] / rows["tokens"]).to_numpy(dtype=np.float64)


def extraction_strength(scores: pd.DataFrame, name: str) -> Float64[np.ndarray, " items"]:
    """Return, for each text of a set, the share at its end that greedy decoding gives back.

    Carlini et al. 2021 (arXiv 2012.07805): one minus the shortest prefix's share from which the
    model continues with the rest of the text. NaN where the scores do not say.
    """
    rows = texts(scores, name)
    return (rows["tail_matches"] / rows["tokens"]).to_numpy(dtype=np.float64)
