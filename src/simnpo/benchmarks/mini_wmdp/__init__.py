"""`mini-wmdp`: WMDP's shape in miniature, with a harmless invented craft as its hazard."""

from simnpo.benchmarks.mini_wmdp.build import mini_wmdp, pretraining, rehearsal

__all__ = ["mini_wmdp", "pretraining", "rehearsal"]
