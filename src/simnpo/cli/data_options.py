"""What `unlearn` forgets and keeps: a benchmark's sets or files, at once or in requests."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from simnpo.cli.options import BenchmarkOptions, Unset
from simnpo.cli.own_sets import OwnSetOptions
from simnpo.cli.prompt_options import PromptOptions
from simnpo.errors import UserError

if TYPE_CHECKING:
    from simnpo.benchmarks.own import OwnSets
    from simnpo.data.examples import Example
    from simnpo.data.own_rows import OwnRow
    from simnpo.methods.registry import AnyMethod
    from simnpo.training.run import TrainingData


@dataclass(frozen=True)
class DataOptions(OwnSetOptions):
    """Forget set and retain set: files, or a benchmark's."""

    requests: tuple[str, ...] = ()
    """Forget sets instead of --forget, unlearned one after the other: each stage starts from
    the last one's model, in stage-1, stage-2, ... of --out."""
    sequential: bool = False
    """Unlearn the benchmark's successive requests like --requests, and evaluate after each."""
    refusals: Unset[str] = None
    """Text file of refusals, one a line, for idk and idk_dpo [the benchmark's, else 20 of ours]."""
    alternate_column: str = "alternate"
    """Column of the forget set with a plausible other answer to each question, for altpo."""
    topic_column: Unset[str] = None
    """Column of the forget set with each row's topic: rmu steers every topic to a place of its own
    [all are one topic]."""
    benchmark: BenchmarkOptions = field(default_factory=BenchmarkOptions)

    @property
    def inputs(self) -> tuple[str | None, ...]:
        """The user's files that are read."""
        return (*self.own_files, self.refusals, *self.requests)

    def own(self, held_out: int | None) -> "OwnSets | None":
        """Return your own sets, where what to forget is one file; else None.

        Args:
            held_out: seed by which rows of the retain set are held out; None holds out none.

        Raises:
            UserError: see `OwnSetOptions`.
        """
        chosen = self.benchmark.benchmark
        if self.sequential and not chosen:
            raise UserError(
                "``sequential`` needs a ``benchmark``; name your own files in ``requests``."
            )
        if not self.requests:
            self.check_alone(chosen)
        given = self.forget and not chosen and not self.requests
        return self.files().read(held_out) if given else None

    def own_requests(self, held_out: int | None) -> "tuple[OwnSets, ...]":
        """Return your own sets once for each of --requests, which is then what is to be forgotten.

        Args:
            held_out: see `own`; the same rows are held out for all.

        Raises:
            UserError: see `OwnSetOptions`.
        """
        from dataclasses import replace

        from simnpo.benchmarks.set_titles import REQUEST

        if self.forget or self.benchmark.benchmark:
            return ()  # `load_requests` refuses what does not go together
        for one in self.also:
            if one.startswith(REQUEST):
                raise UserError(f"``also`` {one}: this name is a request's; choose another.")
        return tuple(replace(self, forget=one).files().read(held_out) for one in self.requests)

    def load(
        self, method: "AnyMethod", prompt: PromptOptions, own: "OwnSets | None" = None
    ) -> "TrainingData":
        """Read what `method` needs.

        Args:
            method: what is done with it.
            prompt: how it becomes prompts.
            own: the sets, where they were read already.

        Raises:
            UserError: options that contradict each other, a set that is missing, or a file that
                cannot be read.
        """
        from simnpo.benchmarks.mini_tofu.words import REFUSALS
        from simnpo.benchmarks.tofu_refusals import REFUSALS as STAND_INS
        from simnpo.data.checks import check_sets
        from simnpo.data.own_rows import numbered
        from simnpo.data.rows import read_lines
        from simnpo.methods.base import REFUSAL
        from simnpo.methods.task_vector import TaskVector
        from simnpo.system.notes import note_once
        from simnpo.training.run import TrainingData

        loss = None if isinstance(method, TaskVector) else method
        forgets = loss is None or loss.forget is not None
        retains = loss is not None and loss.retain is not None
        loaded = None
        refusals = read_lines(Path(self.refusals)) if self.refusals else ()
        if self.benchmark.benchmark:
            if self.requests:
                raise UserError("``benchmark`` brings its own sets; leave out ``requests``.")
            if self.topic_column:
                raise UserError(
                    "``topic_column`` names a column of ``forget``; a benchmark has none."
                )
            loaded = self.benchmark.load("training")
            forget = numbered("forget set", loaded.forget)
            retain = numbered("retain set", self.benchmark.kept(loaded) if retains else ())
            refusals = refusals or loaded.refusals
            if refusals is STAND_INS and REFUSAL in _answers(method):
                note_once(
                    f"Note: {loaded.name}'s own refusals are not with its data, so {len(refusals)} "
                    "of ours stand in; --refusals takes a file."
                )
        else:
            if self.benchmark.split or self.benchmark.data_dir:
                raise UserError("``split`` and ``data_dir`` need a ``benchmark``.")
            if forgets and not (self.forget or self.requests):
                raise UserError("give what to forget: ``forget=FILE``, or a ``benchmark``.")
            self.check_kept(method)
            named = self.requests or ((self.forget,) if self.forget else ())
            forget = tuple(one for name in named for one in self._read_forget(name, method))
            retain = own.retain if own is not None else self._read_retain()
        if forget and own is None:  # else they are checked
            for warning in check_sets(forget, retain):
                note_once(f"Warning: {warning}")
        return TrainingData(
            tuple(row.example for row in forget) if forgets else (),
            tuple(row.example for row in retain) if retains else (),
            refusals or REFUSALS,
            prompt.settings,
            prompt.limit(loaded),
        )

    def load_requests(self, method: "AnyMethod") -> "tuple[tuple[Example, ...], ...]":
        """Return the successive forget requests; none where all is forgotten at once.

        Raises:
            UserError: options that contradict each other, a benchmark without requests, or a file
                that cannot be read.
        """
        if not (self.requests or self.sequential):
            return ()
        if method.title == "Retrain":
            raise UserError("retrain forgets nothing, so it has no successive requests.")
        if self.sequential:
            loaded = self.benchmark.load()
            if not loaded.requests:
                raise UserError(f"{loaded.name} {loaded.split} has no successive requests.")
            return loaded.requests
        if self.forget:
            raise UserError("``requests`` come instead of ``forget``; leave one of them out.")
        return tuple(
            tuple(row.example for row in self._read_forget(name, method)) for name in self.requests
        )

    def _read_forget(self, source: str, method: "AnyMethod") -> "tuple[OwnRow, ...]":
        from simnpo.data.own_rows import load_own_rows
        from simnpo.methods.base import ALTERNATE

        return load_own_rows(
            source,
            **asdict(self.columns),
            topic_column=self.topic_column,
            alternate_column=self.alternate_column if ALTERNATE in _answers(method) else None,
        )

    def _read_retain(self) -> "tuple[OwnRow, ...]":
        from simnpo.data.own_rows import load_own_rows

        return load_own_rows(self.retain, **asdict(self.columns)) if self.retain else ()


def _answers(method: "AnyMethod") -> tuple[str, ...]:
    """Return the answers that a method scores on what is to be forgotten."""
    from simnpo.methods.method import Method

    return tuple(method.forget.answers) if isinstance(method, Method) and method.forget else ()
