"""Where the stages of successive requests are, and what the model is measured by after each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from simnpo.system.command_words import command_text
from simnpo.system.terminal import write

if TYPE_CHECKING:
    from simnpo.benchmarks.base import Benchmark
    from simnpo.data.examples import Example
    from simnpo.evaluation.tables import Tables
    from simnpo.experiments.jobs import Job
    from simnpo.experiments.own_sequence import OwnSequence


@dataclass(frozen=True)
class Stages:
    """The folders of a sequence: `stage-1`, `stage-2`, ... are runs; `stage-0` only measures."""

    out: Path
    """The sequence's own."""
    first: str
    """The model before the first request."""

    def folder(self, number: int) -> Path:
        """Return the folder of stage `number`."""
        return self.out / f"stage-{number}"

    def model(self, number: int) -> str:
        """Return the model after stage `number`."""
        return str(self.folder(number)) if number else self.first

    def evaluation(self, number: int) -> Path:
        """Return where that model's evaluation is."""
        from simnpo.evaluation.evaluation import EVALUATION

        return self.folder(number) / EVALUATION


@dataclass(frozen=True)
class StageEvaluations:
    """Evaluations of the model before the first request and after each; on own data, judged."""

    stages: Stages
    job: "Job"
    requests: Sequence[tuple["Example", ...]]
    benchmark: "Benchmark | None"
    """What is evaluated; None evaluates nothing but own data."""
    retain: "Tables | None"
    """Tables of a retain model, for metrics that compare with it."""
    own: "OwnSequence | None"
    """How the stages are measured, where they are on the user's own sets."""

    def evaluate(self, number: int) -> None:
        """Evaluate the model after stage `number`, 0 being the one before; what is done is kept.

        Raises:
            UserError: see `evaluate_into`.
        """
        from simnpo.data.encoding import Encoder
        from simnpo.evaluation.evaluate import evaluate_into
        from simnpo.evaluation.evaluation import SUMMARY
        from simnpo.models import load_model, load_tokenizer

        if self.own:
            self._measure(self.own, number)
        folder = self.stages.evaluation(number)
        if not self.benchmark or (folder / SUMMARY).is_file():
            return
        name, data, trust = self.stages.model(number), self.job.data, self.job.trust_remote_code
        evaluate_into(
            folder,
            load_model(name, "auto", trust),
            Encoder(load_tokenizer(name, trust), data.template, data.max_length),
            self.benchmark,
            self.retain,
            name=f"Stage {number}",
            model_name=name,
        )

    def report(self) -> dict[str, object]:
        """Write and print what all stages have done; return what `run.json` is to say of it."""
        if self.own:
            return {"verdict": self._judge(self.own)}
        if self.benchmark:
            self._table()
        return {}

    @property
    def _numbers(self) -> range:
        return range(len(self.requests) + 1)

    def _measure(self, own: "OwnSequence", number: int) -> None:
        """Evaluate on own data, and print and record the verdict on the requests so far."""
        from simnpo.storage import runs
        from simnpo.system import distributed

        folder = self.stages.evaluation(number)
        if not number:
            own.measure_before(folder, self.job)
            return
        own.measure(number, folder, self.stages.evaluation(0), self.job, self.stages.model(number))
        if distributed.is_main():
            verdict = own.verdict(folder)
            runs.add(self.stages.folder(number), {"verdict": verdict.record()})
            write(f"Stage {number}: {verdict.sentence}")

    def _judge(self, own: "OwnSequence") -> dict[str, object]:
        """Write and print what was forgotten and kept, and return the verdict's record."""
        from simnpo.evaluation.evaluation import EVALUATION
        from simnpo.experiments.original import BEFORE
        from simnpo.storage.whole_folders import link_folder

        out = self.stages.out
        folders = [self.stages.evaluation(number) for number in self._numbers]
        for name, folder in ((BEFORE, folders[0]), (EVALUATION, folders[-1])):
            link_folder(out / name, f"{folder.parent.name}/{folder.name}")
        write(own.finish(out, folders, self.job, command_text()))
        return own.verdict(folders[-1]).record()

    def _table(self) -> None:
        """Write the report on a benchmark, and print its table."""
        from simnpo.evaluation.evaluation import read_evaluation
        from simnpo.report.stages import write_stages
        from simnpo.report.table import print_table

        out = self.stages.out
        evaluations = [read_evaluation(self.stages.folder(number)) for number in self._numbers]
        command = command_text()
        sizes = [len(request) for request in self.requests]
        report = write_stages(evaluations, out, self.job.method.title, sizes, command)
        print_table(evaluations)
        write(f"Report: {report}")
