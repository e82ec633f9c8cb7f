"""`mini-tofu`: TOFU's shape in miniature, with a recipe for its models that fits a laptop."""

from simnpo.benchmarks.mini_tofu.build import mini_tofu, pretraining, rehearsal
from simnpo.benchmarks.mini_tofu.recipe import RECIPE, Recipe, Stage, build_tokenizer, model_config

__all__ = [
    "RECIPE",
    "Recipe",
    "Stage",
    "build_tokenizer",
    "mini_tofu",
    "model_config",
    "pretraining",
    "rehearsal",
]
