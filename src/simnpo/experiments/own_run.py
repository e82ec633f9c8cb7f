"""An unlearning run on a user's own sets: measured before, during and after, and judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
from transformers import TrainerCallback

from simnpo.benchmarks.base import Benchmark
from simnpo.benchmarks.own import OwnSets, own_benchmark
from simnpo.config import MEASURED_ROWS, Precision
from simnpo.data.encoding import Encoder
from simnpo.data.tokenizer import Tokenizer
from simnpo.evaluation.evaluate import evaluate_into
from simnpo.evaluation.evaluation import EVALUATION, SUMMARY, read_evaluation, read_scores
from simnpo.evaluation.evaluation import FILES as EVALUATED
from simnpo.evaluation.metrics.holdout import holdout_level
from simnpo.evaluation.metrics.own_comparisons import check_retrain
from simnpo.evaluation.metrics.verdict import Verdict
from simnpo.evaluation.metrics.verdict_rules import KEEP
from simnpo.evaluation.score import rows_to_score
from simnpo.evaluation.suites.own import own_evaluation
from simnpo.evaluation.tables import Tables
from simnpo.experiments.jobs import Job
from simnpo.experiments.measuring import Measuring, step_tokens, teaches_refusals
from simnpo.experiments.model_card import write_model_card
from simnpo.experiments.original import BEFORE, Original, measure_original, measured_sets
from simnpo.experiments.own_texts import next_steps, outcome_text, page_title, plan_text
from simnpo.methods.method import Method
from simnpo.models import load_model, load_tokenizer
from simnpo.models.causal_lm import CausalLM
from simnpo.report.page import FILES as PAGE
from simnpo.report.page import write_report
from simnpo.storage import runs
from simnpo.storage.files import read_json
from simnpo.system import distributed
from simnpo.system.distributed import is_main
from simnpo.system.terminal import write
from simnpo.training.control import Control
from simnpo.training.evaluate_callback import EvaluateWhileTraining
from simnpo.training.refusals import check_whole
from simnpo.training.target import Point, Target, Until

FILES = (BEFORE, *PAGE, *(f"{EVALUATION}/{name}" for name in EVALUATED))
"""What is written in addition to the job's own files."""


@dataclass(frozen=True)
class OwnRun:
    """How a job on own data is measured."""

    sets: OwnSets
    until: Until = "target"
    """Whether the run stops once its target is reached, or goes on to its last step."""
    keep: float = KEEP
    """Share of before that ROUGE-L on retain rows and general ability must keep."""
    scale_back: bool = True
    """Whether weights that have forgotten enough are scaled back, see `Control`."""
    max_items: int | None = MEASURED_ROWS
    retain_scores: str | None = None
    usual: Mapping[str, object] = field(default_factory=dict)
    """Settings that such a run has by default, for advice."""

    def record(self) -> dict[str, object]:
        """Return what `run.json` says of these settings."""
        return {
            "until": self.until,
            "keep": self.keep,
            "scale_back": self.scale_back,
            "retain_scores": self.retain_scores,
            "held_out": len(self.sets.kept),
            **self.asked(),
        }

    def asked(self) -> dict[str, object]:
        """Return what measurements ask: a resumed run must ask the same."""
        return {"max_items": self.max_items, **self.sets.fingerprints()}

    def check(self, job: Job) -> None:
        """Refuse what cannot be measured, before a model is loaded.

        Raises:
            UserError: the weights are sharded, a set cannot be measured, or the Retrain was
                measured on other rows.
        """
        tokenizer = load_tokenizer(job.model, job.trust_remote_code)
        encoder = Encoder(tokenizer, job.data.template, job.data.max_length)
        self.check_measured(job, own_benchmark(self.sets, encoder, self.max_items))

    def check_measured(self, job: Job, benchmark: Benchmark) -> None:
        """Refuse what cannot be measured on a benchmark of own data.

        Raises:
            UserError: see `check`.
        """
        if self.controls(job):
            check_whole(distributed.sharding() in ("FSDP", "ZeRO-3"))
        if (retain := self.retain_tables()) is not None:
            check_retrain(rows_to_score(benchmark.evaluation), retain)

    def start(
        self, job: Job, out: Path, model: CausalLM, tokenizer: Tokenizer
    ) -> Sequence[TrainerCallback]:
        """Measure the original model, and return what controls the training.

        Raises:
            UserError: see `measure_original`.
        """
        encoder = Encoder(tokenizer, job.data.template, job.data.max_length)
        if is_main():
            write(plan_text(job, self.sets, model, encoder))
        measure_original(
            out / BEFORE,
            model,
            encoder,
            self.sets,
            retain=self.retain_tables(),
            max_items=self.max_items,
            model_name=job.model,
        )
        if not self.controls(job):
            return ()
        return [self.control(job, out, encoder, Original.read(out / BEFORE))]

    def controls(self, job: Job) -> bool:
        """Return whether measurements can end a job: it is trained, and to forget."""
        return isinstance(job.method, Method) and job.method.forget is not None

    def control(
        self, job: Job, out: Path, encoder: Encoder, original: Original, before: Point | None = None
    ) -> Control:
        """Return what measures the training and ends it.

        Args:
            job: the training.
            out: its folder.
            encoder: the model's tokenizer, bound to a template.
            original: the model that is compared with, as it was evaluated.
            before: its measurement; None where it is the model that is trained, see `Control`.
        """
        evaluation, reference = original
        assert evaluation is not None
        refuses = teaches_refusals(job)
        measuring = Measuring(self.sets, encoder, reference, refuses)
        level = holdout_level(own_evaluation(evaluation))
        return Control(
            measuring.measure,
            out,
            Target(
                until=self.until,
                level=None if np.isnan(level) else level,
                refusal=refuses,
            ),
            self.keep,
            training_tokens_per_step=step_tokens(job, encoder),
            scored_tokens=measuring.tokens,
            before=before,
            scale_back=self.scale_back,
        )

    def watch(self, encoder: Encoder, out: Path, every: int) -> TrainerCallback:
        """Return what evaluates these sets every so many epochs, compared with the original."""
        before, reference = Original.read(out / BEFORE)
        benchmark = measured_sets(self.sets, encoder, reference, self.max_items)
        return EvaluateWhileTraining(
            benchmark, encoder, out, every, self.retain_tables(), reference, before
        )

    def finish(self, job: Job, out: Path, command: str) -> str:
        """Measure the unlearned model, write the report, and record the verdict.

        Returns:
            What to print.

        Raises:
            UserError: see `evaluate_into`.
        """
        before, reference = Original.read(out / BEFORE)
        assert before is not None
        precision = before.summary["precision"]
        if not _is_judged(out / EVALUATION):
            four_bits = before.summary["load_in_4bit"]
            model, encoder = load_measured(job, str(out), precision, four_bits)
            evaluate_into(
                out / EVALUATION,
                model,
                encoder,
                measured_sets(self.sets, encoder, reference, self.max_items),
                self.retain_tables(),
                name="After",
                model_name=str(out),
                general=reference,
                before=before,
                keep=self.keep,
                date=date.today().isoformat(),
            )
        after = read_evaluation(out / EVALUATION)
        verdict = Verdict.of_record(after.summary["verdict"])
        if is_main():
            runs.add(out, {"verdict": verdict.record()})
            write_model_card(out)  # once more, with what was measured
            title = f"{page_title(job, after)}: {self.sets.title}"
            steps = next_steps(after, verdict, self.usual)
            write_report([before, after], out, title, command, verdict, steps)
        return outcome_text(out, before, after, verdict, self.usual)

    def retain_tables(self) -> Tables | None:
        """Return the tables of the Retrain that is compared with, if one is."""
        return read_scores(Path(self.retain_scores)) if self.retain_scores else None


def load_measured(
    job: Job, name: str, precision: Precision, four_bits: bool
) -> tuple[CausalLM, Encoder]:
    """Return a model as it is measured, and its tokenizer bound to the template.

    On a base of 4 bits an adapter is measured as it was trained: unmerged. Merged into it, it
    would be rounded, and on whole weights it would be compared with an original of 4 bits.

    Args:
        job: says how prompts are made.
        name: the model.
        precision: what it computes in.
        four_bits: whether its weights, or an adapter's base, are held in 4 bits.

    Raises:
        UserError: see `simnpo.models`.
    """
    trust = job.trust_remote_code
    model = load_model(name, precision, trust, four_bits, merge=not four_bits)
    tokenizer = load_tokenizer(name, trust)
    return model, Encoder(tokenizer, job.data.template, job.data.max_length)


def was_measured(folder: Path) -> bool:
    """Return whether `folder` holds a run that measured itself, and so its evaluation."""
    return (folder / runs.RUN).is_file() and "until" in runs.read_run(folder)["config"]


def _is_judged(folder: Path) -> bool:
    """Return whether `folder` holds a finished evaluation with a verdict."""
    path = folder / SUMMARY
    return path.is_file() and bool(read_json(path).get("verdict"))
