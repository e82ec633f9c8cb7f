"""The numbers that a verdict on own data goes by, and a run on own data aims at; and in words."""

STILL_OUT = 0.1
"""Share of what came out before that may still come out."""
STILL_LIKELY = 0.25
"""Share of the true answers' probability before that they may still have."""
HOLDOUT_MOST = 0.5
"""Share of before, of either, to which a holdout set's level may raise these limits: a model that
answers a holdout as well as what it was taught has seen it, or its answers need no knowledge."""
KEEP = 0.95
"""Share of what was there before that is to be kept."""
KEPT_ROW = 0.9
"""Share of its ROUGE-L before that an answer has at least that counts as kept."""
HELD_OUT_KEEP, HELD_OUT_CAUTION = 0.5, 0.8
"""Shares of before that ROUGE-L on rows held out is to keep: below the first a model is damaged,
below the second there is a caution. These rows are as close to the forget rows as the retain rows
are, and nothing trains the model to keep them, so details suffer first there."""


def in_words(keep: float, holdout: bool) -> tuple[str, ...]:
    """Return the rules of a verdict, a sentence each.

    Args:
        keep: the run's `--keep`.
        holdout: whether a holdout set was measured.
    """
    raised = (
        "The holdout set raises these limits to its own level, but to no more than "
        f"{_percent(HOLDOUT_MOST)} of before.",
    )
    return (
        "An answer comes out where it holds the true one word for word, or one of its identifiers.",
        "Not forgotten: of the answers that came out before, more than "
        f"{_percent(STILL_OUT)} still do, word for word or by an identifier.",
        "Hidden: they no longer come out, but the true answers keep more than "
        f"{_percent(STILL_LIKELY)} of their probability before.",
        *(raised if holdout else ()),
        "Damaged: forgotten, but ROUGE-L on the trained retain rows or general ability is below "
        f"{_percent(keep)} of before (--keep), or ROUGE-L on retain rows held out is "
        f"significantly below {_percent(HELD_OUT_KEEP)} of before; below "
        f"{_percent(HELD_OUT_CAUTION)} there is a caution.",
        "A retain row is kept where its answer holds the true one word for word, or has a ROUGE-L "
        f"of at least {_percent(KEPT_ROW)} of before.",
    )


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"
