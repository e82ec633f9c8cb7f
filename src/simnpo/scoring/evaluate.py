"""A model evaluated on a benchmark: where scoring and generation meet."""

from typing import Any

from simnpo.benchmarks.base import Benchmark
from simnpo.data.encoding import Encoder
from simnpo.distributed import is_sharded
from simnpo.scoring.generate import generate
from simnpo.scoring.score import score
from simnpo.scoring.tables import Tables


def evaluate_model(model: Any, encoder: Encoder, benchmark: Benchmark) -> Tables:
    """Score every answer variant and answer every question, each once.

    The model is put into evaluation mode for it, and back.

    Raises:
        UserError: see `simnpo.scoring.score.score`.
    """
    # With adapters the base holds them, too. FSDP gathers weights only for the model it was given.
    unwrap = hasattr(model, "get_base_model") and not is_sharded(model)
    plain = model.get_base_model() if unwrap else model
    was_training = plain.training
    plain.eval()
    try:
        scores = score(plain, encoder, benchmark.evaluation)
        answers = generate(plain, encoder, benchmark.evaluation)
    finally:
        plain.train(was_training)
    return Tables(scores, answers)
