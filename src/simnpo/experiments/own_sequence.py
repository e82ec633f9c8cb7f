"""Successive requests on a user's own data: measured before the first and after each, and judged.

The model before the first request is what every stage is compared with. The forget set that is
measured holds the rows of all requests, at every stage the same; the verdict on a stage is about
the requests so far.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from simnpo.benchmarks.base import Benchmark
from simnpo.benchmarks.set_titles import REQUEST
from simnpo.data.encoding import Encoder
from simnpo.data.tokenizer import Tokenizer
from simnpo.evaluation.evaluate import evaluate_into, evaluate_model
from simnpo.evaluation.evaluation import SUMMARY, read_evaluation
from simnpo.evaluation.general import reference_answers
from simnpo.evaluation.general_reference import GeneralReference
from simnpo.evaluation.metrics.own_requests import with_requests
from simnpo.evaluation.metrics.verdict import Verdict
from simnpo.evaluation.tables import Tables
from simnpo.experiments.jobs import Job
from simnpo.experiments.measuring import Measuring, teaches_refusals
from simnpo.experiments.original import REFERENCE, Original, check_rows
from simnpo.experiments.own_run import OwnRun, load_measured
from simnpo.experiments.own_texts import (
    counts_text,
    next_steps,
    outcome_text,
    page_title,
    plan_text,
)
from simnpo.experiments.request_sets import request_sets
from simnpo.methods.method import Method
from simnpo.models import load_tokenizer, training_precision
from simnpo.models.causal_lm import CausalLM
from simnpo.report.stages import write_stages
from simnpo.storage.files import read_json, write_json
from simnpo.system.distributed import broadcast_from_main, is_main
from simnpo.system.terminal import write
from simnpo.training.reference import check_trainable
from simnpo.training.target import Point

POINTS = "points.json"
"""What measurements during each stage compare with: the model before the first, on its request."""


@dataclass(frozen=True)
class OwnSequence:
    """How the stages of successive requests are measured."""

    runs: tuple[OwnRun, ...]
    """One for each request; they differ in what is to be forgotten, and in `usual`."""

    def record(self) -> dict[str, object]:
        """Return what `run.json` says of these settings."""
        first = self.runs[0]
        requests = {f"{REQUEST}{n}": run.sets.forget for n, run in enumerate(self.runs, 1)}
        asked = replace(first.sets, forget=(), also={**first.sets.also, **requests})
        return replace(first, sets=asked).record()

    def check(self, job: Job) -> None:
        """Refuse what cannot be measured, before a model is loaded.

        Raises:
            UserError: see `OwnRun.check`; or some requests are questions and others texts.
        """
        tokenizer = load_tokenizer(job.model, job.trust_remote_code)
        encoder = Encoder(tokenizer, job.data.template, job.data.max_length)
        benchmark, _ = self._benchmark(encoder, None)
        self.runs[0].check_measured(job, benchmark)

    def measure_before(self, folder: Path, job: Job) -> None:
        """Evaluate the model before the first request into `folder`; what is finished is kept.

        Raises:
            UserError: see `evaluate_into`.
        """
        if (folder / SUMMARY).is_file():
            return
        model, encoder = _load(job, job.model)
        if isinstance(job.method, Method):
            check_trainable(job.method, model, job.training.offload_reference)
        for run in self.runs:
            check_rows(model, encoder, run.sets)
        reference = reference_answers(model, encoder)
        points = []
        if self.runs[0].controls(job):
            refuses = teaches_refusals(job)
            measured = [Measuring(run.sets, encoder, reference, refuses) for run in self.runs]
            points = [one.measure(model)._asdict() for one in measured]
        if is_main():
            folder.mkdir(parents=True, exist_ok=True)
            reference.save(folder / REFERENCE)
            write_json(folder / POINTS, points)
        self._evaluate(folder, model, encoder, job.model, reference, "Before", is_original=True)

    def start(
        self, number: int, job: Job, out: Path, before: Path, model: CausalLM, tokenizer: Tokenizer
    ) -> Sequence[TrainerCallback]:
        """Print what a stage is about to do, and return what controls its training.

        Args:
            number: the stage's, from 1.
            job: the stage's.
            out: the stage's folder.
            before: where `measure_before` wrote.
            model: what the stage starts from.
            tokenizer: the model's.

        Raises:
            UserError: what was measured before cannot be read.
        """
        run = self.runs[number - 1]
        encoder = Encoder(tokenizer, job.data.template, job.data.max_length)
        if is_main():
            write(plan_text(job, run.sets, model, encoder))
        if not run.controls(job):
            return ()
        points = broadcast_from_main(lambda: read_json(before / POINTS))
        known = Point(**points[number - 1])
        return [run.control(job, out, encoder, Original.read(before), known)]

    def measure(self, number: int, folder: Path, before: Path, job: Job, model_name: str) -> None:
        """Evaluate the model after a stage into `folder`; what is finished is kept.

        Raises:
            UserError: see `evaluate_into`.
        """
        if (folder / SUMMARY).is_file():
            return
        evaluation, reference = Original.read(before)
        assert evaluation is not None
        model, encoder = _load(job, model_name)
        self._evaluate(
            folder,
            model,
            encoder,
            model_name,
            reference,
            f"Stage {number}",
            before=evaluation,
            keep=self.runs[0].keep,
            requests=number,
        )

    def verdict(self, folder: Path) -> Verdict:
        """Return the verdict on a stage, from its evaluation."""
        return Verdict.of_record(read_evaluation(folder).summary["verdict"])

    def finish(self, out: Path, folders: Sequence[Path], job: Job, command: str) -> str:
        """Write the report.

        Args:
            out: the sequence's folder.
            folders: the evaluations, the first of the model before.
            job: the sequence's.
            command: the command that made it.

        Returns:
            What to print.
        """
        evaluations = [read_evaluation(folder) for folder in folders]
        verdict = self.verdict(folders[-1])
        sizes = [len(run.sets.forget) for run in self.runs]
        usual = self.runs[-1].usual
        title = f"{page_title(job, evaluations[-1])}: {len(sizes)} requests, one after the other"
        steps = next_steps(evaluations[-1], verdict, usual)
        write_stages(evaluations, out, job.method.title, sizes, command, verdict, title, steps)
        outcome = outcome_text(out, evaluations[0], evaluations[-1], verdict, usual)
        return f"\n{counts_text(evaluations, len(self.runs))}\n\n{outcome}"

    def _evaluate(
        self,
        folder: Path,
        model: CausalLM,
        encoder: Encoder,
        model_name: str,
        reference: GeneralReference | None,
        name: str,
        requests: int | None = None,
        **options: Any,
    ) -> None:
        benchmark, sizes = self._benchmark(encoder, reference)
        asked = {
            name: one for name, one in benchmark.evaluation.items() if not name.startswith(REQUEST)
        }
        once = replace(benchmark, evaluation=asked)

        def ask() -> Tables:  # each row is asked once, though it is in two sets
            tables = evaluate_model(model, encoder, once)
            return Tables(*(with_requests(table, sizes) for table in tables))

        evaluate_into(
            folder,
            model,
            encoder,
            benchmark,
            self.runs[0].retain_tables(),
            name=name,
            model_name=model_name,
            ask=ask,
            general=reference,
            judged=requests and sum(list(sizes.values())[:requests]),
            date=date.today().isoformat(),
            **options,
        )

    def _benchmark(
        self, encoder: Encoder, reference: GeneralReference | None
    ) -> tuple[Benchmark, dict[str, int]]:
        """Return what is measured, and the items of each request, see `request_sets`."""
        sets, most = [run.sets for run in self.runs], self.runs[0].max_items
        return request_sets(sets, encoder, reference, most)


def _load(job: Job, name: str) -> tuple[CausalLM, Encoder]:
    """Return a model as training has it, and its tokenizer bound to the template."""
    precision = training_precision(job.training.precision, job.lora.rank > 0)
    return load_measured(job, name, precision, job.lora.load_in_4bit)
