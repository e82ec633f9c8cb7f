"""How well a model knows the answers of sets, from scoring alone: `UnlearnTrainer.evaluate`."""

from collections.abc import Mapping

from simnpo.data.encoding import Encoder
from simnpo.data.given_rows import Rows, as_examples
from simnpo.evaluation.quick import quick_scores
from simnpo.models.causal_lm import CausalLM


def set_metrics(
    model: CausalLM, encoder: Encoder, sets: Rows | Mapping[str, Rows], prefix: str = ""
) -> dict[str, float]:
    """Measure a model on one set, or on several by name; empty ones are left out.

    Returns:
        By `prefix_name_metric`, for each set the mean length-normalised `probability` of its
        answers, the share of their tokens that are the model's first choice (`accuracy`), and the
        share of answers of which all are (`verbatim`).

    Raises:
        UserError: a set cannot be read.
    """
    named = sets if isinstance(sets, Mapping) else {"": sets}
    was_training = model.training
    model.eval()
    metrics: dict[str, float] = {}
    try:
        for name, rows in named.items():
            examples = as_examples(rows, name or "eval_dataset")
            if not examples:
                continue
            found = quick_scores(model, encoder.encode_all(examples))
            values = {
                "probability": found.probability.mean(),
                "accuracy": found.accuracy.mean(),
                "verbatim": (found.tail >= 1).mean(),
            }
            for metric, value in values.items():
                key = "_".join(part for part in (prefix, name, metric) if part)
                metrics[key] = float(value)
    finally:
        model.train(was_training)
    return metrics
