"""`simnpo evaluate`: every metric of a benchmark, for one model."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from simnpo.cli.options import (
    BenchmarkOptions,
    OutputOptions,
    Revision,
    Unset,
    check_retain_scores,
    marked,
)
from simnpo.cli.own_sets import OwnSetOptions, warn_of_lengths
from simnpo.cli.prompt_options import PromptOptions, note_other_prompts
from simnpo.config import Precision, check_range
from simnpo.errors import UserError
from simnpo.evaluation.metrics.verdict_rules import KEEP
from simnpo.storage.json_values import JsonObject
from simnpo.system.distributed import world_size
from simnpo.system.terminal import write

if TYPE_CHECKING:
    from simnpo.benchmarks.base import Benchmark
    from simnpo.benchmarks.own import OwnSets
    from simnpo.data.encoding import Encoder
    from simnpo.evaluation.tables import Tables
    from simnpo.experiments.original import Original


@dataclass(frozen=True)
class ChoiceOptions:
    """Multiple-choice questions instead of a benchmark."""

    choices: tuple[Path, ...] = ()
    """Files with the columns question, choices and answer (a place from 0, or a letter), and
    perhaps subject; each is a set, named by its file."""
    lm_eval: tuple[str, ...] = ()
    """Multiple-choice tasks of lm-eval, such as wmdp_bio mmlu; needs the extra lm-eval."""
    lm_eval_include: Unset[Path] = None
    """Folder with task files of your own for lm-eval."""
    utility_sets: tuple[str, ...] = ()
    """Names of the sets that ask for what must be kept."""

    def check(self, benchmark: str | None) -> None:
        """Make sure that there is one thing to evaluate on.

        Raises:
            UserError: there are several, or an option is there for nothing.
        """
        given = {"benchmark": benchmark, "choices": self.choices, "lm_eval": self.lm_eval}
        named = [name for name, value in given.items() if value]
        if len(named) > 1:
            raise UserError(f"{marked(named)}: an evaluation is on one of them.")
        if self.utility_sets and not (self.choices or self.lm_eval):
            raise UserError(
                "``utility_sets`` names sets of ``choices`` or ``lm_eval``; give one of these."
            )
        sets = [*(path.stem for path in self.choices), *self.lm_eval]
        for name in self.utility_sets:
            if name not in sets:
                raise UserError(f"``utility_sets``: there is no set {name!r}; the sets are {sets}.")
        if self.lm_eval_include and not self.lm_eval:
            raise UserError("``lm_eval_include`` does nothing without ``lm_eval``.")
        if self.lm_eval and world_size() > 1:
            raise UserError("``lm_eval`` runs in one process; leave the launcher out.")


@dataclass(frozen=True)
class Evaluate:
    """Measure what a model has forgotten and what it has kept.

    Example: simnpo evaluate --model out --benchmark tofu --split forget05 --out out/evaluation
    """

    model: str
    """Model to evaluate: a folder, a run of simnpo, or a hub id of any causal LM."""
    output: OutputOptions
    revision: Revision = None
    retain_scores: Unset[str] = None
    """A retain model's evaluation (its folder) or an official TOFU eval_log_aggregated.json, for
    forget quality and PrivLeak; without it forget quality is missing."""
    reference_scores: Unset[str] = None
    """Evaluation of the model that the reference attack compares with [that of --retain-scores]."""
    aggregation: Literal["geometric", "arithmetic"] = "geometric"
    """How truth ratios combine the wrong answers."""
    max_items: Unset[int] = None
    """Items of each set at most; 300 is the official TOFU cut. With --forget they are evenly
    spaced."""
    original: Unset[str] = None
    """With --forget: the model before unlearning, which verdict and general ability compare with
    [what a run of unlearn has kept of it]."""
    name: Unset[str] = None
    """Name in tables and reports [the method, else the model's folder]."""
    explain: bool = False
    """Say at length what each column of the table is."""
    precision: Precision = "auto"
    """fp32, mixed (fp32 weights, bf16 compute), bf16, or auto: bf16 on a GPU, else fp32; with
    --forget, what the run was measured in, weights of 4 bits included where this machine can."""
    own: OwnSetOptions = field(default_factory=OwnSetOptions)
    benchmark: BenchmarkOptions = field(default_factory=BenchmarkOptions)
    questions: ChoiceOptions = field(default_factory=ChoiceOptions)
    prompt: PromptOptions = field(default_factory=PromptOptions)

    def run(self) -> None:
        """Evaluate, print the table, and say where the results are."""
        from simnpo.benchmarks.own import own_benchmark
        from simnpo.cli.results import check_evaluation, show
        from simnpo.data.encoding import Encoder
        from simnpo.data.prompt_settings import USUAL
        from simnpo.evaluation.evaluate import evaluate_into, evaluation_hashes
        from simnpo.evaluation.evaluation import read_scores, score_files
        from simnpo.evaluation.suites import SUITES
        from simnpo.evaluation.summary import display_name, run_of
        from simnpo.experiments.original import Original, measured_sets
        from simnpo.models import is_adapter, load_model, load_tokenizer, quiet, resolve
        from simnpo.planning.hardware import has_four_bits
        from simnpo.system.distributed import is_main

        quiet()
        own = self._own_sets()
        benchmark = None if own else self._benchmark()
        files, tasks = self.questions.choices, self.questions.lm_eval
        include = self.questions.lm_eval_include
        origin: JsonObject = {
            "retain_scores": self.retain_scores,
            "reference_scores": self.reference_scores,
            "max_items": self.max_items,
        }
        if files:
            origin["choices"] = [str(path) for path in files]
        if tasks:
            from simnpo.evaluation.lm_eval_tasks import lm_eval_tables, lm_eval_version

            origin["lm_eval"] = lm_eval_version()
            origin["lm_eval_include"] = include and str(include)
        tokenizer = load_tokenizer(self.model, self.prompt.trust_remote_code)
        prompt = self.prompt.like_run(self.model) if own else self.prompt
        encoder = Encoder(tokenizer, prompt.settings, prompt.limit(benchmark))
        run = run_of(self.model)
        if benchmark is None:
            assert own is not None
            warn_of_lengths(own, encoder)
            benchmark = own_benchmark(own, encoder, self.max_items)
            origin["original"] = self.original
        wanted = origin | {
            "model": self.model,
            "benchmark": benchmark.name,
            "split": benchmark.split,
            "suite": benchmark.suite,
            "data": evaluation_hashes(benchmark),
            **dict.fromkeys(USUAL),
            **encoder.record(),
            "run": run["run"],
        }
        if self.precision != "auto":
            wanted["precision"] = self.precision
        settings: dict[str, object] = {
            "truth_ratio_aggregation": self.aggregation,
            "utility_sets": list(benchmark.utility_sets),
        }
        wanted |= {name: settings[name] for name in SUITES[benchmark.suite].settings}
        given = [Path(one) if one else None for one in (self.retain_scores, self.reference_scores)]
        read = [*files, *(path for one in given for path in score_files(one))]
        read += [Path(one) for one in self.own.own_files if one is not None]
        if not check_evaluation(self.output, wanted, resolve(self.model), *read):
            return
        if own is None:
            note_other_prompts(self.model, encoder, benchmark)
        retain, reference = (read_scores(one) if one else None for one in given)
        before, precision, four_bits = Original(), self.precision, False
        if own is not None:
            before = self._original(own, benchmark, encoder, retain)
            if self.precision == "auto" and before.evaluation is not None:
                precision = before.evaluation.summary["precision"]
                rounded = before.evaluation.summary.get("load_in_4bit", False)
                four_bits = rounded and is_adapter(self.model) and has_four_bits()
            benchmark = measured_sets(own, encoder, before.general, self.max_items)
        trust = self.prompt.trust_remote_code
        model = load_model(self.model, precision, trust, four_bits, merge=not four_bits)
        evaluate_into(
            self.output.out,
            model,
            encoder,
            benchmark,
            retain,
            name=self.name or display_name(self.model, run),
            model_name=self.model,
            aggregation=self.aggregation,
            reference=reference,
            ask=(lambda: lm_eval_tables(model, tokenizer, tasks, include)) if tasks else None,
            general=before.general,
            before=before.evaluation,
            keep=(run["run"] or {}).get("settings", {}).get("keep", KEEP),
            **origin,
        )
        if is_main():
            show(self.output.out, self.explain)

    def _own_sets(self) -> "OwnSets | None":
        """Return your own sets, split as the run that made the model did; None without --forget."""
        others = [name for name in ("choices", "lm_eval") if getattr(self.questions, name)]
        self.own.check_alone(self.benchmark.benchmark, *others)
        check_range(1, max_items=self.max_items)
        if not self.own.forget:
            if self.original:
                raise UserError("``original`` does nothing without ``forget``.")
            return None
        return self.own.read_like_run(self.model)

    def _original(
        self, own: "OwnSets", benchmark: "Benchmark", encoder: "Encoder", retain: "Tables | None"
    ) -> "Original":
        """Return the original model's evaluation and answers: --original's, else the run's own."""
        from simnpo.experiments.original import BEFORE, Original, measure_original
        from simnpo.models import load_model

        if not self.original:
            known = Original.read(Path(self.model) / BEFORE)
            found = known.on_same_rows(benchmark)
            if known.evaluation is not None and found.evaluation is None:
                write(
                    "Note: no verdict, since the run measured other rows: give its --forget and "
                    "--retain, its --max-items (200 unless it was given) and --max-length; or give "
                    "--original.",
                    to_stderr=True,
                )
            return found
        folder = self.output.out / BEFORE
        model = load_model(self.original, self.precision, self.prompt.trust_remote_code)
        measure_original(
            folder,
            model,
            encoder,
            own,
            retain=retain,
            max_items=self.max_items,
            model_name=self.original,
        )
        return Original.read(folder)

    def _benchmark(self) -> "Benchmark":
        benchmark = self._loaded()
        check_retain_scores(benchmark, self.retain_scores)
        if self.max_items is None:
            return benchmark
        if self.questions.lm_eval:
            raise UserError("``max_items`` does not reach lm-eval's tasks; leave it out.")
        cut = {
            name: replace(asked, items=asked.items[: self.max_items])
            for name, asked in benchmark.evaluation.items()
        }
        return replace(benchmark, evaluation=cut)

    def _loaded(self) -> "Benchmark":
        from simnpo.benchmarks.base import Benchmark
        from simnpo.benchmarks.multiple_choice import SUITE, choice_files

        asked = self.questions
        asked.check(self.benchmark.benchmark)
        if asked.choices:
            return choice_files(asked.choices, asked.utility_sets)
        if asked.lm_eval:
            # lm-eval makes its sets itself.
            tasks = ", ".join(asked.lm_eval)
            return Benchmark(
                "lm-eval", tasks, (), (), (), {}, SUITE, utility_sets=asked.utility_sets
            )
        return self.benchmark.load("evaluation")
