"""Membership inference: can a model's scores tell the forget texts from texts it never saw?

Every attack gives a text a score that is higher the more it looks trained on. Its AUC is the
probability that a forget text scores above a holdout text: 0.5 where the two cannot be
distinguished, 1 where every forget text is recognised.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float64

from simnpo.errors import UserError
from simnpo.evaluation.metrics.auc import auc
from simnpo.evaluation.tables import ANSWER

FORGET, HOLDOUT = "forget", "holdout"
Scores = Float64[np.ndarray, " items"]


def loss_score(rows: pd.DataFrame) -> Scores:
    """Return minus the mean loss per token (Yeom et al. 2018, arXiv 1709.01604)."""
    return (rows["logprob"] / rows["tokens"]).to_numpy(dtype=np.float64)


def zlib_score(rows: pd.DataFrame) -> Scores:
    """Return minus the mean loss over the compressed text's bytes (Carlini et al. 2021)."""
    return (rows["logprob"] / rows["tokens"] / rows["zlib_bytes"]).to_numpy(dtype=np.float64)


def min_k_score(rows: pd.DataFrame) -> Scores:
    """Return the mean log-prob of the least likely tokens (Min-K %, arXiv 2310.16789)."""
    return rows["min40_logprob"].to_numpy(dtype=np.float64)


def min_k_plus_plus_score(rows: pd.DataFrame) -> Scores:
    """Return the same of log-probs standardised at each token (Min-K++, arXiv 2404.02936)."""
    return rows["min40_plus_plus"].to_numpy(dtype=np.float64)


ATTACKS: Mapping[str, Callable[[pd.DataFrame], Scores]] = {
    "loss": loss_score,
    "zlib": zlib_score,
    "min_k": min_k_score,
    "min_k_plus_plus": min_k_plus_plus_score,
}
"""Attacks by the model's own scores."""


def attack_aucs(scores: pd.DataFrame, reference: pd.DataFrame | None) -> dict[str, float]:
    """Return the AUC of every attack, and of `reference` where another model's scores are given.

    Args:
        scores: the attacked model's scores table, with the sets `forget` and `holdout`.
        reference: a model's that was not trained on the forget set.

    Raises:
        UserError: the reference's scores are of other texts.
    """
    member, other = (texts(scores, name) for name in (FORGET, HOLDOUT))
    found = {name: auc(attack(member), attack(other)) for name, attack in ATTACKS.items()}
    if reference is not None:
        differences = [
            loss_score(rows) - loss_score(_same_texts(rows, reference, name))
            for rows, name in ((member, FORGET), (other, HOLDOUT))
        ]
        found["reference"] = auc(*differences)
    return found


def texts(scores: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the scored texts of a set, by item; none where it was not scored.

    Raises:
        UserError: an item is repeated.
    """
    rows = scores[(scores["set"] == name) & (scores["variant"] == ANSWER)].sort_values("item")
    if rows["item"].duplicated().any():
        item = rows["item"][rows["item"].duplicated()].iloc[0]
        raise UserError(f"{name} set, item {item} appears twice in the scores; keep one row.")
    return rows


def _same_texts(rows: pd.DataFrame, reference: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the reference's scores of the same texts, predicted from their compressed size."""
    theirs = texts(reference, name)
    if list(theirs["item"]) != list(rows["item"]):
        raise UserError(
            f"the reference model's scores have {len(theirs)} texts of the {name} set, and the "
            f"evaluated model's {len(rows)}: evaluate both on the same benchmark and split."
        )
    differ = rows["zlib_bytes"].to_numpy() != theirs["zlib_bytes"].to_numpy()
    known = ~(rows["zlib_bytes"].isna().to_numpy() | theirs["zlib_bytes"].isna().to_numpy())
    if (differ & known).any():
        item = rows["item"].iloc[int((differ & known).argmax())]
        raise UserError(
            f"{name} set, item {item} is another text in the reference model's scores: evaluate "
            "both on the same benchmark and split."
        )
    return theirs
