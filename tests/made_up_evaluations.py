"""Evaluations no model made: realistic in shape, deterministic in their seed."""

import math

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp

from simnpo.evaluation.evaluation import Evaluation
from simnpo.evaluation.tables import GENERATION_COLUMNS, SCORE_COLUMNS, Tables

# name: mean log truth ratio on the forget set, its spread, share of answers kept
SHAPES = {
    "Original": (-0.9, 0.8, 0.98),
    "Retrain": (0.05, 0.5, 0.97),
    "GA": (6.0, 4.0, 0.05),
    "GradDiff": (2.0, 2.0, 0.45),
    "IDK": (-0.7, 0.7, 0.75),
    "NPO": (0.06, 0.5, 0.7),
    "SimNPO": (-0.05, 0.52, 0.9),
    "RKLD": (0.4, 0.8, 0.8),
    "Task vector": (-0.4, 0.9, 0.85),
    "RMU": (0.9, 1.6, 0.6),
}
SETS = ("forget", "retain", "real_authors", "world_facts")
NAMES = ["Oren Vasku", "Mila Tarrent", "Ivo Quessel", "Sanna Brightwater", "Teodor Nyx"]
PLACES = ["Port Alder", "Kessin", "Lower Marrow", "Vantaa Heights", "Dunmere"]


def tables(shape: tuple[float, float, float], items: int, seed: int) -> Tables:
    """Draw scores and answers; truth ratios are log-normal with the shape's centre and spread."""
    draw = np.random.default_rng(seed)
    centre, spread, kept = shape
    scores, generations = [], []
    for set_name in SETS:
        for item in range(items if set_name in ("forget", "retain") else 6):
            shift = draw.normal(centre, spread) if set_name == "forget" else draw.normal(-1.5, 0.6)
            for variant, index, mean in [
                ("answer", 0, -0.2 / kept),
                ("paraphrase", 0, -20.0),
                ("perturbed", 0, -20.0 + shift),
                ("perturbed", 1, -20.0 + shift),
            ]:
                per_token = (5, 2, 2 * mean, float("nan"), 30)
                scores.append((set_name, item, variant, index, mean * 10, 10, *per_token))
            who, place = NAMES[item % 5], PLACES[(item * 3 + 1) % 5]
            reference = f"{who} was born in {place}, where the family kept a small press."
            other = f"{who} was born in {PLACES[draw.integers(5)]}, the child of two teachers."
            generations.append(
                (
                    set_name,
                    item,
                    f"Where was the author {who} born, and what did the family do? ({item})",
                    reference,
                    reference
                    if draw.random() < kept
                    else other
                    if kept > 0.1
                    else "the the the " * 9,
                )
            )
    return Tables(
        pd.DataFrame(scores, columns=list(SCORE_COLUMNS)),
        pd.DataFrame(generations, columns=list(GENERATION_COLUMNS)),
    )


def log_ratios(name: str, items: int) -> np.ndarray:
    scores = tables(SHAPES[name], items, list(SHAPES).index(name)).scores
    wrong = scores[(scores["set"] == "forget") & (scores.variant == "perturbed")]
    right = scores[(scores["set"] == "forget") & (scores.variant == "paraphrase")]
    means = (wrong.logprob / wrong.tokens).groupby(wrong["item"]).mean()
    return means.to_numpy() - (right.logprob / right.tokens).to_numpy()


def evaluation(name: str, items: int = 20, history: bool = False) -> Evaluation:
    """Make one of `SHAPES`' models."""
    shape = SHAPES[name]
    test = ks_2samp(log_ratios(name, items), log_ratios("Retrain", items))
    kept = shape[2]
    metrics: dict[str, float | None] = {
        "forget_quality": float(test.pvalue),
        "forget_quality_statistic": float(test.statistic),
        "forget_quality_log10_p": math.log10(test.pvalue),
        "model_utility": 0.6 * kept + 0.02,
    }
    for place, set_name in enumerate(SETS):
        metrics[f"{set_name}.probability"] = 0.93 * kept - 0.05 * place * kept
        metrics[f"{set_name}.rouge_l"] = 0.9 * kept - 0.03 * place * kept
        metrics[f"{set_name}.truth_ratio"] = 0.4 + 0.1 * kept + 0.02 * place
    run = None
    if name not in ("Original", "Retrain"):
        run = {
            "method": name.lower(),
            "settings": {
                "objective": {"beta": 2.5 if name == "SimNPO" else 0.1, "gamma": 0.0},
                "forget_weight": 1.0,
                "retain_weight": 1.0,
                "learning_rate": 0.001,
                "batch_size": 32,
                "epochs": 10,
                "schedule": "linear, one epoch of warm-up",
                "seed": 0,
            },
            "seconds": 83.4,
        }
        if name == "NPO":
            del run["settings"]["objective"]["gamma"]
    summary = {
        "name": name,
        "benchmark": "mini-tofu",
        "split": "forget10",
        "model": f"runs/{name.lower().replace(' ', '-')}/model",
        "truth_ratio_aggregation": "geometric",
        "metrics": metrics,
        "items": {"forget": items, "retain": items, "real_authors": 6, "world_facts": 6},
        "forget_quality_items": items,
        "notes": [],
        "history": [
            {
                "epoch": float(epoch),
                "forget_quality": 10 ** (-12 + (12 + math.log10(test.pvalue)) * epoch / 10),
                "model_utility": 0.6 - 0.06 * (1 - kept) * epoch,
            }
            for epoch in range(1, 11)
        ]
        if history
        else [],
        "run": run,
        "versions": {"simnpo": "0.1.0", "torch": "2.13.0"},
        "seconds": 12.3,
    }
    seed = list(SHAPES).index(name)
    return Evaluation(name, summary, tables(shape, items, seed))
