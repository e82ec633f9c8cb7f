"""`Control`: measurements while training that end a run at its target and keep its best state."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from simnpo.errors import UserError
from simnpo.evaluation.history import read_history, write_history
from simnpo.evaluation.metrics.verdict_rules import KEEP
from simnpo.models.causal_lm import CausalLM
from simnpo.system import distributed
from simnpo.training.refusals import check_whole
from simnpo.training.states import START, STATES, States
from simnpo.training.target import (
    ROOM,
    SCALES,
    SHARE,
    TIMES,
    Outcome,
    Point,
    Target,
    best_step,
    margin,
    measuring_steps,
    outcome,
)

__all__ = ["CONTROL", "Control", "Outcome", "Point", "Target", "measuring_steps"]
CONTROL = "control.jsonl"
"""A row for each measurement: its step, 0 being the original, and its `Point`."""


class Control(TrainerCallback):
    """Measures a model about five times while it is trained; see `Target` and `best_step`.

    Weights that have forgotten enough are scaled back: of the change that training made, the
    `Scale` with the largest `margin` is kept. If that is not `ROOM`, training goes on from where it
    was.

    Which steps are measured depends on counts of tokens alone, and all that later decisions need
    is on disk before a checkpoint: a run that was killed and resumed ends with the same weights
    and the same `control.jsonl` as one that was not. A run that was interrupted keeps its last
    state, to be resumed; one that is finished has its best state. `remove_states` clears the disk.
    """

    def __init__(
        self,
        measure: Callable[[CausalLM], Point],
        out: Path,
        target: Target,
        keep: float = KEEP,
        *,
        training_tokens_per_step: float,
        scored_tokens: float,
        before: Point | None = None,
        scale_back: bool = True,
        share: float = SHARE,
        times: int = TIMES,
    ):
        """Bind measurements to a run's folder.

        Args:
            measure: scores a model, in evaluation mode and without gradients, on all processes.
            out: the run's folder.
            target: what the run aims at.
            keep: share of the original's kept and general ability that a state must have.
            training_tokens_per_step: see `measuring_steps`.
            scored_tokens: see `measuring_steps`.
            before: the original's measurement, if it is known; else it is measured first.
            scale_back: whether weights that have forgotten enough are scaled back.
            share: see `measuring_steps`.
            times: see `measuring_steps`.

        Raises:
            UserError: `keep` is not a share.
        """
        if not 0 < keep <= 1:
            raise UserError(f"``keep`` {keep}: must be above 0 and at most 1.")
        self._measure, self._target, self._keep, self._before = measure, target, keep, before
        self._scales = SCALES if scale_back else ()
        self._path, self._states = out / CONTROL, States(out / STATES)
        self._costs = (training_tokens_per_step, scored_tokens, share, times)
        self._points: dict[int, Point] = {}
        self._steps: tuple[int, ...] = ()
        self._planned = 0

    def on_train_begin(
        self, args: object, state: TrainerState, control: object, model: CausalLM, **kwargs: object
    ) -> None:
        """Measure the original; after a resume, take up what was measured before the checkpoint.

        Raises:
            UserError: the weights are sharded, or what the resumed run needs is missing.
        """
        check_whole(distributed.is_sharded(model))
        self._planned = state.max_steps
        tokens, scored, share, times = self._costs
        self._steps = measuring_steps(state.max_steps, tokens, scored, share, int(times))
        rows = distributed.broadcast_from_main(lambda: read_history(self._path))
        done = state.global_step
        self._points = {row.pop("step"): Point(**row) for row in rows if row["step"] <= done}
        if done:
            self._check_resumable(done)
        elif 0 not in self._points:
            self._points[0] = self._before.checked() if self._before else self._score(model)
        if not done and self._scales:
            self._states.save(model, START)
        self._write_points()
        self._prune()

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: CausalLM,
        **kwargs: object,
    ) -> None:
        """Measure at the chosen steps: keep the state if it is the best, stop at the target."""
        step = state.global_step
        if step not in self._steps:
            return
        point = self._score(model)
        if self._scales and self._target.reached(point, self._points[0]):
            with self._states.set_aside(model) as trained:
                point = self._scaled_back(model, trained, point)
                self._states.interpolate(model, trained, point.scale)
                self._settle(point, state, control, model)
                if not control.should_training_stop and step < state.max_steps:
                    self._states.load(model, trained)
        else:
            self._settle(point, state, control, model)
        if args.save_strategy == "no":
            self._prune()

    def on_save(self, args: object, state: object, control: object, **kwargs: object) -> None:
        """Remove states that a resumption from the checkpoint just written cannot need."""
        self._prune()

    def on_train_end(
        self, args: object, state: TrainerState, control: object, model: CausalLM, **kwargs: object
    ) -> None:
        """Put the best state back, unless the run is to be resumed or its last state is best."""
        best, last = self._best(), max(self._points)
        finished = last == state.global_step and (last == self._planned or self._stopped_early())
        if finished and best is not None and best != last:
            self._states.load(model, _name(best))

    def outcome(self) -> Outcome:
        """Return how the run ended, once it has."""
        return outcome(self._points, self._target, self._keep, self._planned)

    def _stopped_early(self) -> bool:
        last = self._points[max(self._points)]
        return self._target.until == "target" and self._margin(last) >= ROOM

    def _scaled_back(self, model: CausalLM, trained: str, point: Point) -> Point:
        """Return the measurement with the largest margin: of the trained weights, or scaled back.

        The smaller the change, the less is forgotten: the first scale whose distance from the
        target alone makes its margin smaller than the best is the last one measured.
        """
        original, best = self._points[0], self._margin(point)
        for scale in self._scales:
            self._states.interpolate(model, trained, scale)
            found = self._score(model)._replace(share=scale.rest, attention_share=scale.attention)
            if self._margin(found) > best:
                point, best = found, self._margin(found)
            elif 1 - self._target.distance(found, original) < best:
                break
        return point

    def _margin(self, point: Point) -> float:
        return margin(point, self._points[0], self._target, self._keep)

    def _settle(
        self, point: Point, state: TrainerState, control: TrainerControl, model: CausalLM
    ) -> None:
        """Record a step's measurement; stop at the target, and else keep the state if it is best.

        Args:
            point: the measurement.
            state: the Trainer's.
            control: the Trainer's.
            model: with the weights that were measured.
        """
        step = state.global_step
        self._points[step] = point
        self._write_points()
        if self._stopped_early() and step < state.max_steps:
            control.should_training_stop = True
            # A checkpoint of this step would be trained on if it were resumed from.
            control.should_save = False
            control.should_log = True
        elif self._best() == step < state.max_steps:
            self._states.save(model, _name(step))

    def _best(self) -> int | None:
        return best_step(self._points, self._target, self._keep)

    def _score(self, model: CausalLM) -> Point:
        was_training = model.training
        model.eval()
        devices = list(range(torch.cuda.device_count()))
        with torch.no_grad(), torch.random.fork_rng(devices):
            point = self._measure(model)
        model.train(was_training)
        return distributed.broadcast_from_main(point.checked)

    def _write_points(self) -> None:
        if distributed.is_main():
            rows = [{"step": step, **point._asdict()} for step, point in self._points.items()]
            write_history(self._path, rows)

    def _check_resumable(self, done: int) -> None:
        measured = {0, *(step for step in self._steps if step <= done)}
        best = self._best() if measured <= set(self._points) else None
        missing = measured != set(self._points) or (
            best not in (None, done) and not self._states.path(_name(best or 0)).is_file()
        )
        missing = missing or (bool(self._scales) and not self._states.path(START).is_file())
        if missing:
            raise UserError(
                f"``resume``: {self._path} or {self._states.folder} lacks what was measured before "
                f"step {done}; start the run again with ``overwrite``."
            )

    def _prune(self) -> None:
        """Remove all states that nothing needs any more."""
        best = self._best()
        self._states.keep_only(START, *([] if best is None else [_name(best)]))


def ending(callbacks: Sequence[TrainerCallback]) -> dict[str, object]:
    """Return what `run.json` says of how a training ended that one of its callbacks controlled."""
    for one in callbacks:
        if isinstance(one, Control):
            how = one.outcome()
            return {"control": {**how._asdict(), "points": len(how.points)}}
    return {}


def _name(step: int) -> str:
    return f"step-{step}"
