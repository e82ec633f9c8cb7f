"""When a model has forgotten enough: the measurements of a run, its target, and its best state."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, prod
from typing import Literal, NamedTuple

Until = Literal["target", "end"]
FORWARD_PASSES = 3
"""What training on a token costs, in forward passes: forward, and backward, which is twice that."""
SHARE = 0.15
"""Share of the training's cost that measuring may cost."""
TIMES = 5
"""Measurements of a run at most, evenly spaced."""
LEAST = 2
"""Measurements of a run, whatever they cost: in the middle and at the end."""
HALFWAY = 0.5
"""Share of the original's distance from the target to which a state must come to be kept first."""
ROOM = 0.1
"""Margin at which a run stops."""
ROUNDING = 1e-9


class Scale(NamedTuple):
    """The share of the training's change to the weights that a model has."""

    rest: float = 1.0
    """Of all weights but the attention's."""
    attention: float = 1.0


SCALES = (
    *(Scale(attention=share) for share in (0.5, 0.25, 0.1, 0)),
    *(Scale(rest, 0) for rest in (0.85, 0.7)),
)
"""What is tried once enough is forgotten, from the largest change to the smallest.

The attention's goes first: at SmolLM2-135M-Instruct, which had learned 30 records, it carried less
of the forgetting than the MLPs' and cost more general ability (docs/results/own_data). Facts are
looked up in MLPs (Geva et al., arXiv 2012.14913; Meng et al., arXiv 2202.05262).
"""


class Point(NamedTuple):
    """One measurement of a model, from scoring alone."""

    forget_verbatim: float
    """Share of forget answers whose tokens and end are all the model's first choice."""
    forget_probability: float
    """Mean length-normalised probability of the forget answers."""
    kept: float
    """Mean share of the trained retain answers' tokens that are the first choice."""
    general: float | None = None
    """General ability: exp(-KL per token from the original on its own answers); 1 at the start."""
    refused: float | None = None
    """Share of forget questions whose answer no longer begins as the true one; for refusal methods.
    """
    identifiers: float | None = None
    """Share of all forget answers that have an identifier whose tokens are all the first choice
    after the true ones before them; None where no answer has one."""
    share: float = 1.0
    """Share of the training's change that the measured weights have, the attention's apart."""
    attention_share: float = 1.0
    """Share of the change of the attention's weights."""

    @property
    def scale(self) -> Scale:
        """What the measured weights have of the training's change."""
        return Scale(self.share, self.attention_share)

    def checked(self) -> "Point":
        """This point with the worst value for each that is not finite: nothing was measured."""
        worst = {"forget_verbatim": 1.0, "forget_probability": 1.0, "identifiers": 1.0}
        values = self._asdict().items()
        broken = [name for name, value in values if value is not None and not isfinite(value)]
        return self._replace(**{name: worst.get(name, 0.0) for name in broken})


@dataclass(frozen=True)
class Target:
    """What a run aims at, relative to the original model, and whether it ends there."""

    until: Until = "target"
    """`target` stops as soon as it is reached and the rest is kept; `end` never stops early."""
    verbatim: float = 0.1
    """Share of the answers that come out of the original, word for word or by an identifier, that
    may be left."""
    probability: float = 0.25
    """Share of the original's probability of the forget answers that may be left."""
    level: float | None = None
    """Another limit to the probability: the holdout answers' under the original model."""
    easier: bool = True
    """Which of the two limits to the probability counts: the higher one, or else the lower one."""
    refusal: bool = False
    """Whether refusals count instead of the probability, for methods that teach them."""
    refused: float = 0.9
    """Share of the forget questions that must be refused."""

    def limits(self, original: Point) -> tuple[float, float]:
        """Return how high the verbatim share and the probability may be."""
        limit = self.probability * original.forget_probability
        if self.level is not None:
            limit = (max if self.easier else min)(limit, self.level)
        return self.verbatim * original.forget_verbatim, limit

    def distance(self, point: Point, original: Point) -> float:
        """Return the one number that says how much is left to forget: 1 or less is the target.

        It is the largest of the ratios, value to limit: of the verbatim share, of the probability,
        and of the share with an identifier (for refusal methods: of the verbatim share, and of the
        share that is not refused).
        """
        verbatim, probability = self.limits(original)
        ratios = [_ratio(point.forget_verbatim, verbatim)]
        if self.refusal:
            ratios.append(_ratio(1 - (point.refused or 0.0), 1 - self.refused))
        else:
            ratios.append(_ratio(point.forget_probability, probability))
            if point.identifiers is not None and original.identifiers is not None:
                ratios.append(_ratio(point.identifiers, self._identifiers(original)))
        return max(ratios)

    def reached(self, point: Point, original: Point) -> bool:
        """Return whether `point` has forgotten enough."""
        return self.distance(point, original) <= 1 + ROUNDING

    def describe(self, point: Point, original: Point) -> str:
        """Return the values that the target is about, each with its limit."""
        verbatim, probability = self.limits(original)
        found = f"verbatim {point.forget_verbatim:.2g}, limit {verbatim:.2g}"
        if self.refusal:
            return f"{found}; refused {point.refused or 0:.2g}, at least {self.refused:.2g}"
        found += f"; probability {point.forget_probability:.2g}, limit {probability:.2g}"
        if point.identifiers is None or original.identifiers is None:
            return found
        limit = self._identifiers(original)
        return f"{found}; identifiers {point.identifiers:.2g}, limit {limit:.2g}"

    def _identifiers(self, original: Point) -> float:
        """Return how high the share with an identifier may be: of what came out, as in a verdict.

        Of few answers with an identifier a tenth is none at all: a year in one of thirty would
        decide on the whole run.
        """
        return self.verbatim * max(original.forget_verbatim, original.identifiers or 0.0)


def kept_shares(point: Point, original: Point) -> tuple[float, float]:
    """Return how much is kept, 1 being all, of the retain rows and of general ability."""
    rows = point.kept / original.kept if original.kept else 1.0
    return rows, 1.0 if point.general is None else point.general


def kept_share(point: Point, original: Point) -> float:
    """Return how much is kept of what kept least."""
    return min(kept_shares(point, original))


def keeps(point: Point, original: Point, keep: float) -> bool:
    """Return whether `point` keeps at least the share `keep`."""
    return kept_share(point, original) >= keep - ROUNDING


def margin(point: Point, original: Point, target: Target, keep: float) -> float:
    """Return how far a point is from the nearest limit, as a share of what the limit leaves.

    It is 1 where nothing comes out and all is kept, and above 0 inside all limits.
    """
    lost = 1 - kept_share(point, original)
    return min(1 - target.distance(point, original), 1 - _ratio(lost, 1 - keep))


def best_step(points: Mapping[int, Point], target: Target, keep: float) -> int | None:
    """Return the step whose state a run ends with, of all measured but step 0, the original.

    First come states that reached the target and keep enough, with room (a `margin` of `ROOM`)
    before those without: of these the one that keeps the most, rows times general ability, since a
    few wrong tokens do more harm to generated answers than scoring shows.
    Then those that keep enough and came at least half-way to the target: the nearest.
    Then those that reached the target but kept too little: the one that kept the most.
    Then those that keep enough but forgot less than half: the nearest to the target.
    Then all others: the one that kept the most. Of equal states the earliest wins.
    What went wrong in any but the first kind is in `Outcome`: nothing is saved silently.
    """
    original = points[0]
    start = target.distance(original, original)

    def rank(step: int) -> tuple[float, ...]:
        point = points[step]
        distance, share = target.distance(point, original), kept_share(point, original)
        nearness = (-distance, -point.forget_probability, -step)
        if (inside := margin(point, original, target, keep)) >= -ROUNDING:
            return (4.0, inside >= ROOM, prod(kept_shares(point, original)), *nearness)
        if keeps(point, original, keep):
            halfway = distance <= max(1.0, HALFWAY * start) + ROUNDING
            return (3.0 if halfway else 1.0, *nearness)
        return (2.0 if target.reached(point, original) else 0.0, share, *nearness)

    return max((step for step in points if step > 0), key=rank, default=None)


class Outcome(NamedTuple):
    """How a controlled run ended."""

    steps: int
    """Optimizer steps made."""
    kept_step: int
    """The step whose weights the model has."""
    reached: bool
    """Whether these weights have forgotten enough."""
    kept: bool
    """Whether they keep enough: if not, the model is damaged."""
    why: str
    """The reason for these weights, for the user."""
    points: dict[int, Point]
    """All measurements, by step."""


def outcome(points: Mapping[int, Point], target: Target, keep: float, planned: int) -> Outcome:
    """Return how a run of `planned` steps ended, whose last measurement was at its last step."""
    steps, original, kept_step = max(points), points[0], best_step(points, target, keep)
    assert kept_step is not None
    best = points[kept_step]
    reached, kept = target.reached(best, original), keeps(best, original, keep)
    ended = "stopped" if steps < planned else "ended"
    weights = "" if kept_step == steps else f", with the weights of step {kept_step}"
    if best.scale != Scale():
        weights += (
            f", scaled back to {best.attention_share:.0%} of the attention's change and "
            f"{best.share:.0%} of all others'"
        )
    # A verdict reads generated answers and asks for less, unless a model has learned to refuse.
    stricter = "" if reached or target.refusal else ", which is stricter than the verdict,"
    why = f"Its target{stricter} was {'' if reached else 'not '}reached"
    why += f" ({target.describe(best, original)}). "
    why += f"It kept {'' if kept else 'only '}{kept_share(best, original):.0%} of the rest"
    why += f" ({'' if kept else f'wanted: {keep:.0%}; '}retain rows or general ability, the lower)"
    sentence = f"Training {ended} at step {steps} of {planned}{weights}. {why}."
    return Outcome(steps, kept_step, reached, kept, sentence, dict(points))


def measuring_steps(
    steps: int,
    training_tokens_per_step: float,
    scored_tokens: float,
    share: float = SHARE,
    times: int = TIMES,
) -> tuple[int, ...]:
    """Return the steps after which to measure: evenly spaced, the last one always among them.

    Costs are counted in tokens, so that a run and its resumption measure at the same steps.

    Args:
        steps: optimizer steps of the run.
        training_tokens_per_step: tokens of all sequences that a step trains on.
        scored_tokens: tokens of all sequences that a measurement scores.
        share: what measuring may cost of what training costs.
        times: measurements at most.
    """
    allowed = share * FORWARD_PASSES * training_tokens_per_step * steps
    affordable = int(allowed / scored_tokens + ROUNDING) if scored_tokens else times
    count = min(max(min(times, affordable), LEAST), steps)
    return tuple(round(steps * number / count) for number in range(1, count + 1))


def _ratio(value: float, limit: float) -> float:
    if value <= limit:  # 0 of 0 as well
        return value / limit if limit else 0.0
    return value / limit if limit > ROUNDING else float("inf")
