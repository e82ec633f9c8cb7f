"""How many floating-point operations a planned run takes, by the weights that tokens meet.

A token costs 2 operations for each weight of a product in the forward pass, and as many for each of
the two gradients, of its input and of the weight: 6 N in all (Kaplan et al., arXiv 2001.08361,
section 2.1). Left out are attention's scores, which cost less than a tenth of that up to some
thousand tokens, and everything that is not a product.
"""

from simnpo.methods.base import DivergenceObjective
from simnpo.planning.memory import Plan


def per_token(plan: Plan) -> int:
    """Return the operations of a token that is trained on.

    With LoRA the frozen weights have no gradient of their own (4 N), the adapters have; gradient
    checkpointing runs the layers forward once more.
    """
    adapters = plan.trainable if plan.lora.rank else 0
    again = 2 * (plan.shape.multiplied + adapters) if plan.training.gradient_checkpointing else 0
    frozen = 4 if plan.lora.rank else 6
    return frozen * products(plan) + 6 * adapters + again


def products(plan: Plan) -> int:
    """Return the weights that a token is multiplied with: all but the embedding, norms, biases."""
    return plan.shape.multiplied + plan.shape.head


def per_step(plan: Plan) -> int:
    """Return the operations of one optimizer step, on all devices together."""
    return _on(plan, plan.training.batch_size)


def per_run(plan: Plan) -> int:
    """Return the operations of the whole run, with the reference's log-probs at its beginning."""
    terms = (plan.method.forget, plan.method.retain)
    once = sum(len(term.answers) for term in terms if term and term.needs_reference_logps)
    reference = 2 * products(plan) * once * plan.examples * plan.length
    training = plan.training
    if training.epochs is None:
        assert training.steps is not None
        return _on(plan, training.steps * training.batch_size) + reference
    return _on(plan, training.epochs * plan.examples) + reference


def _on(plan: Plan, examples: float) -> int:
    """Return the operations of training on so many examples of each set."""
    terms = (plan.method.forget, plan.method.retain)
    compared = sum(
        len(term.answers) * len(term.references)
        for term in terms
        if isinstance(term, DivergenceObjective)
    )
    own = plan.sequences * per_token(plan)
    return round(examples * plan.length * (own + compared * 2 * products(plan)))
