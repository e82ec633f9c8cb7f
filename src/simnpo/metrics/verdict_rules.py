"""The numbers that a verdict on own data goes by, and a run on own data aims at."""

STILL_OUT = 0.1
"""Share of what came out before that may still come out."""
STILL_LIKELY = 0.25
"""Share of the true answers' probability before that they may still have."""
KEEP = 0.95
"""Share of what was there before that is to be kept."""
