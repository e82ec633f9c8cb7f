"""A user's rows as a plan counts them: their tokens, and what measuring them takes."""

from dataclasses import dataclass
from typing import NamedTuple

from rich.table import Table
from rich.text import Text

from simnpo.benchmarks.base import Benchmark
from simnpo.benchmarks.general_prompts import PROMPTS
from simnpo.benchmarks.own import FORGET, OwnSets, own_benchmark
from simnpo.benchmarks.set_titles import set_title
from simnpo.config import TrainingConfig
from simnpo.data.encoding import Encoder
from simnpo.data.lengths import SetTokens
from simnpo.evaluation.general import MAX_NEW_TOKENS
from simnpo.experiments.measuring import Measuring
from simnpo.report.numbers import counted
from simnpo.report.plain_text import as_text
from simnpo.system.terminal import visible
from simnpo.training.target import measuring_steps


class Cost(NamedTuple):
    """Tokens that measurements take through the model."""

    around: int
    """Before training, and as many after it."""
    once: int
    """At one measurement during training."""
    times: int
    """Measurements during training."""

    @property
    def total(self) -> int:
        """Those of the whole run."""
        return 2 * self.around + self.times * self.once


@dataclass(frozen=True)
class OwnRows:
    """A user's sets, counted."""

    sets: dict[str, SetTokens]
    trains: tuple[str, ...]
    """Names of those that are trained on; an epoch is a pass over the first."""
    around: int = 0
    """See `Cost`; 0 where nothing is measured."""
    once: int = 0
    """The same; 0 where nothing is measured during training."""

    @classmethod
    def count(
        cls,
        sets: OwnSets,
        encoder: Encoder,
        trains: tuple[str, ...],
        max_items: int | None,
        during: bool = True,
    ) -> "OwnRows":
        """Count the sets, and what is measured of them.

        Args:
            sets: what was read.
            encoder: the model's tokenizer, bound to a template.
            trains: see `OwnRows`.
            max_items: rows of each set that are measured; None measures nothing.
            during: whether the model is measured while it is trained, too.

        Raises:
            UserError: see `SetTokens.of` and `own_benchmark`.
        """
        counted = {name: SetTokens.of(rows, encoder) for name, rows in sets.named().items()}
        if max_items is None:
            return cls(counted, trains)
        general = sum(len(encoder.prompt(one)) + MAX_NEW_TOKENS for one in PROMPTS)
        measured = _measured_tokens(own_benchmark(sets, encoder, max_items), encoder)
        once = Measuring(sets, encoder, None, False).tokens + general if during else 0
        return cls(counted, trains, measured + 2 * general, once)

    @property
    def trained(self) -> list[SetTokens]:
        """The sets that are trained on."""
        return [self.sets[name] for name in self.trains]

    @property
    def examples(self) -> int:
        """Sequences of an epoch."""
        return self.trained[0].pieces

    @property
    def forget(self) -> SetTokens:
        """The forget set."""
        return self.sets[FORGET]

    @property
    def longest(self) -> int:
        """Tokens of the longest sequence that is trained on."""
        return max(one.longest for one in self.trained)

    @property
    def mean(self) -> int:
        """Tokens of a sequence that is trained on, those of each set being as many."""
        return round(sum(one.mean for one in self.trained) / len(self.trained))

    def cost(self, training: TrainingConfig) -> Cost | None:
        """Return what measuring takes in such a training; None where nothing is measured."""
        if not self.around:
            return None
        step = training.batch_size * sum(one.mean for one in self.trained)
        steps = training.steps_on(self.examples)
        times = len(measuring_steps(steps, step, self.once)) if self.once else 0
        return Cost(self.around, self.once, times)

    def describe(self, training: TrainingConfig) -> str:
        """Return the rows and tokens of each set, and how it is trained."""
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for name, one in self.sets.items():
            what = "row" if one.pieces == one.rows else "piece"
            note = "" if name in self.trains else ", never trained on"
            text = (
                f"{counted(one.rows, 'row')}, {counted(one.tokens, 'token')} ({one.mean:.0f} a "
                f"{what} on average, {one.longest:,} the longest){note}"
            )
            table.add_row(Text(visible(set_title(name))), Text(text))
        table.add_row(
            Text("Training"),
            Text(
                f"{counted(training.steps_on(self.examples), 'step')} of "
                f"{counted(training.batch_size, 'row')}"
                f"{' of each' if len(self.trains) > 1 else ''}, "
                f"learning rate {training.learning_rate:.3g}"
            ),
        )
        return as_text([table])


def _measured_tokens(benchmark: Benchmark, encoder: Encoder) -> int:
    """Count the tokens that are scored, and those of prompts and answers where any are generated.

    A generated answer is taken to be as long as the true one.
    """
    tokens = 0
    for asked in benchmark.evaluation.values():
        for item in asked.items:
            whole = [len(encoder.verbatim((item.question or "") + one)) for one in item.answers]
            tokens += sum(whole) if asked.scored else 0
            tokens += whole[0] if asked.max_new_tokens else 0
    return tokens
