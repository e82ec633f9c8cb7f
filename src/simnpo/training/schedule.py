"""A learning rate that is above 0 at every step: transformers' own begin and end at 0."""

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def schedule(optimizer: Optimizer, steps: int, warmup_ratio: float, *, decay: bool) -> LambdaLR:
    """Return a schedule that rises to the peak in a line, and then falls in a line or stays.

    With 10 steps and a warm-up of .2, in shares of the peak: 1/2, 1, 8/9, 7/9, ..., 1/9.

    Args:
        optimizer: whose learning rate is the peak.
        steps: optimizer steps of the run.
        warmup_ratio: share of the steps in which the rate rises; the last of them has the peak.
        decay: whether it falls after that, to 0 where a further step would be.
    """
    warmup = max(1, round(warmup_ratio * steps))

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return max(0.0, (steps - step) / (steps - warmup + 1)) if decay else 1.0

    return LambdaLR(optimizer, factor)
