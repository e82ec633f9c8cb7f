"""`mini-tofu`: TOFU's shape in miniature, with a recipe for its models that fits a laptop."""

from simnpo.benchmarks.mini_tofu.build import mini_tofu, pretraining, rehearsal

__all__ = ["mini_tofu", "pretraining", "rehearsal"]
