"""`mini-muse`: news about fictitious places, built in, in the shape of MUSE (arXiv 2407.06460)."""

from simnpo.benchmarks.mini_muse.build import mini_muse, pretraining, rehearsal

__all__ = ["mini_muse", "pretraining", "rehearsal"]
