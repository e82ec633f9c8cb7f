"""Options that several commands share, by the same names."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import tyro

from simnpo.benchmarks import BENCHMARKS
from simnpo.cli.described import described_by
from simnpo.cli.unset import Unset as Unset
from simnpo.config import (
    MEASURED_ROWS,
    Dropout,
    Optimizer,
    Precision,
    Schedule,
    TrainingConfig,
)
from simnpo.errors import UserError
from simnpo.methods.registry import METHODS
from simnpo.system.command_words import option
from simnpo.system.terminal import write

if TYPE_CHECKING:
    from simnpo.benchmarks.base import Benchmark
    from simnpo.data.examples import Example


MethodName = Annotated[
    str,
    tyro.conf.arg(
        help=f"One of {', '.join(METHODS)} (which needs a base model); or your own, as "
        "path/to/file.py:Name."
    ),
]
"""A method's name."""


BENCHMARK = f"One of {', '.join(BENCHMARKS)}: fills in the data and the paper's settings."
REVISION = "Branch, tag or commit of a --model on the hub, as in name@revision [main]."
Revision = Annotated[str | None, tyro.conf.arg(help=REVISION, help_behavior_hint="")]
"""Which state of a hub repository is meant."""
MaxItems = Annotated[
    Unset[int],
    tyro.conf.arg(
        help="Rows of each of your own sets that are measured at most, evenly spaced "
        f"[{MEASURED_ROWS}]."
    ),
]
"""How much of a user's own sets is measured."""


NAMES_MODEL = ("model", "compare", "original")
"""Options that name a model, or several."""


def pin_model(command: Any) -> None:
    """Make a command's models unambiguous: `name@revision`, and a run for the model in its folder.

    So whatever names the model, a record too, says which state of it was meant, and `out/model` is
    asked as its run was trained.

    Raises:
        UserError: there is no model, or see `simnpo.models.at_revision`.
    """
    for name in NAMES_MODEL:
        named = getattr(command, name, None)
        if isinstance(named, str):
            object.__setattr__(command, name, _at_run(named))
        elif isinstance(named, tuple):
            object.__setattr__(command, name, tuple(map(_at_run, named)))
    revision = getattr(command, "revision", None)
    if revision is None:
        return
    if command.model is None:
        raise UserError(f"``revision`` {revision} does nothing without ``model``.")
    from simnpo.models import at_revision

    object.__setattr__(command, "model", at_revision(command.model, revision))


def _at_run(model: str) -> str:
    if Path(model).name != "model":  # nothing heavy is imported for most
        return model
    from simnpo.models.places import at_run

    return at_run(model)


@dataclass(frozen=True)
class OutputOptions:
    """Where results go."""

    out: Path
    """Folder for the results; it is made if it is not there."""
    resume: bool = False
    """Continue the run in --out where it stopped; its settings must be the same."""
    overwrite: bool = False
    """Replace the results in --out."""


@dataclass(frozen=True)
class ColumnOptions:
    """Names of the columns in your files.

    Found without these: question and answer; messages; prompt and completion; instruction, input
    and output; text.
    """

    question_column: str = "question"
    """Column with the question."""
    answer_column: str = "answer"
    """Column with the answer."""
    text_column: str = "text"
    """Column with plain text, where there are no questions and answers."""


@dataclass(frozen=True)
class BenchmarkOptions:
    """A benchmark instead of your files."""

    benchmark: Annotated[Unset[str], tyro.conf.arg(help=BENCHMARK)] = None
    split: Unset[str] = None
    """What to forget. tofu and mini-tofu: forget01, forget05 or forget10 [tofu forget05, mini-tofu
    forget10]; muse: news, books, news-scal1 to 4 [news]; wmdp: bio, cyber, bio-cyber or chem [bio];
    mini-muse: gazette, gazette-scal1 to 4 [gazette]; mini-wmdp: craft."""
    data_dir: Unset[str] = None
    """Folder with the benchmark's files; without it they come from the hub."""

    def load(self, part: Literal["training", "evaluation"] | None = None) -> "Benchmark":
        """Load the benchmark, or what is needed of it.

        Raises:
            UserError: none is named, or see `simnpo.benchmarks.load_benchmark`.
        """
        from simnpo.benchmarks import BENCHMARKS, load_benchmark

        if self.benchmark is None:
            raise UserError(f"name a benchmark: ``benchmark={', '.join(BENCHMARKS)}``.")
        return load_benchmark(self.benchmark, self.split, self.data_dir, part)

    def kept(self, benchmark: "Benchmark") -> "tuple[Example, ...]":
        """Return the benchmark's retain set.

        Raises:
            UserError: a folder without it was given, which does for evaluation alone.
        """
        if not benchmark.retain:
            raise UserError(
                f"``data_dir`` {self.data_dir} has no retain set (raw/retain1.json or .txt), and "
                "this needs it; only an evaluation does without."
            )
        return benchmark.retain


@described_by(
    TrainingConfig,
    epochs="finetune 5; attack relearn 3",
    steps="wmdp 125, rmu there 150; unlearn on own data 60, or 10 epochs if that is more",
    learning_rate="unlearn on own data 1e-5 * sqrt(7e9 / parameters), with LoRA 30 times that, or "
    "5 times with --lora-subspace free",
    batch_size="unlearn on fewer than 100 rows 10",
    max_grad_norm="npo on own data 10",
    precision="on own data mixed for large models on CPUs with fast bf16",
)
@dataclass(frozen=True)
class TrainingOptions:
    """Training; without them, the benchmark's; on your own data, see docs/choosing.md."""

    epochs: Unset[float] = None
    steps: Unset[int] = None
    learning_rate: Unset[float] = None
    batch_size: Unset[int] = None
    micro_batch_size: Unset[int] = None
    weight_decay: Unset[float] = None
    warmup_epochs: Unset[float] = None
    schedule: Unset[Schedule] = None
    max_grad_norm: Unset[float] = None
    precision: Unset[Precision] = None
    optimizer: Unset[Optimizer] = None
    dropout: Unset[Dropout] = None
    gradient_checkpointing: Unset[bool] = None
    offload_reference: Unset[bool] = None
    group_by_length: Unset[bool] = None
    checkpoint_epochs: Unset[int] = None
    seed: Unset[int] = None

    def apply_to(self, preset: TrainingConfig) -> TrainingConfig:
        """Return `preset` with what was given in its place.

        Raises:
            UserError: a value out of its range, or both --epochs and --steps.
        """
        settings = given(self)
        if self.steps is not None:
            settings["epochs"] = None
        if self.epochs is not None:
            settings["steps"] = None
        if self.warmup_epochs is not None:  # as the paper counts it, whatever the preset has
            settings["warmup_ratio"] = None
        return replace(preset, **settings)


def check_output(
    output: OutputOptions,
    names: Sequence[str],
    unfinished: Callable[[], bool],
    inputs: Callable[[], Iterable[str | None]] = tuple,
) -> bool:
    """Return whether there is anything to do in `output.out`; if not, a message says so.

    Args:
        output: where to.
        names: see `simnpo.storage.runs.check_free`.
        unfinished: tells it of the run that is to be resumed, see
            `simnpo.storage.runs.check_resumable`.
        inputs: gives the files and folders that are read; asked for if nothing is resumed.

    Raises:
        UserError: --resume and --overwrite were both given, or see these two.
    """
    from simnpo.storage.runs import RUN, check_free, check_room

    refuse_both(output.resume, output.overwrite)
    if not output.resume:
        check_free(output.out, names, output.overwrite, inputs())
        return True
    if (output.out / RUN).is_file():
        check_room(output.out, names, adopts=True)
    if not unfinished():
        write(f"Nothing to do: {output.out} is finished.")
        return False
    return True


def refuse_both(resume: bool, overwrite: bool) -> None:
    """Refuse --resume together with --overwrite.

    Raises:
        UserError: both were given.
    """
    if resume and overwrite:
        raise UserError("``resume`` and ``overwrite`` contradict each other; give one.")


def check_retain_scores(benchmark: "Benchmark", retain_scores: str | None) -> None:
    """Refuse scores of a retain model where no metric compares with one.

    Raises:
        UserError: the benchmark has no such metric.
    """
    from simnpo.evaluation.suites import SUITES

    if retain_scores is not None and not SUITES[benchmark.suite].compares_with_retrain:
        raise UserError("``retain_scores`` does nothing here: accuracies need no retain model.")


def marked(names: Iterable[str]) -> str:
    """Return fields as errors mark them."""
    return " and ".join(f"``{name}``" for name in names)


def as_words(options: object) -> list[str]:
    """Return the options of a dataclass that differ from their defaults, as a user types them."""
    words: list[str] = []
    for field in fields(options):  # type: ignore[arg-type]
        value = getattr(options, field.name)
        if is_dataclass(value):
            words += as_words(value)
        elif value != field.default:
            words += option_words(field.name, value)
    return words


def option_words(name: str, value: object) -> list[str]:
    """Return an option as a user types it.

    Args:
        name: of its field.
        value: True for a flag, a value, or several values.
    """
    several = isinstance(value, Iterable) and not isinstance(value, str | PathLike)
    values = () if value is True else cast("Iterable[object]", value) if several else (value,)
    return [option(name), *map(str, values)]


def given(options: object) -> dict[str, Any]:
    """Return the options of a dataclass that are not None."""
    named = {field.name: getattr(options, field.name) for field in fields(options)}  # type: ignore[arg-type]
    return {name: value for name, value in named.items() if value is not None}
