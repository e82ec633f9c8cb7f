"""Extraction strength of TOFU's forget answers (Carlini et al. 2021, arXiv 2012.07805)."""

import math

from simnpo.evaluation.metrics.memorization import extraction_strength
from simnpo.evaluation.suites.base import SuiteInputs
from simnpo.evaluation.suites.display import Column
from simnpo.evaluation.suites.further import Metric


def forget_extraction(inputs: SuiteInputs) -> float | None:
    """Return the mean share, from its end, of a forget answer that greedy decoding continues with.

    None where the forget set was not scored, or by a log that does not have it.
    """
    found = extraction_strength(inputs.tables.scores, "forget")
    mean = float(found.mean()) if len(found) else math.nan
    return None if math.isnan(mean) else mean


METRIC = Metric(
    suites=("tofu",),
    column=Column(
        "forget.extraction_strength",
        "Forget set",
        "ES",
        "Forget set: extraction strength",
        printed=False,
    ),
    measure=forget_extraction,
    caption="ES: mean over items of the share of the answer, from its end, that greedy decoding "
    "continues with, given the question and all before it.",
    missing="the forget set was not scored, or its scores do not have it",
)
