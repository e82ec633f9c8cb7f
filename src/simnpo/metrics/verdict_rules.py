"""The numbers that a verdict on own data goes by, and a run on own data aims at."""

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
