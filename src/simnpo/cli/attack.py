"""`simnpo attack`: does what an unlearned model forgot come back?"""

import time
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from simnpo.cli.attack_options import RUNS, AttackOptions
from simnpo.cli.options import TrainingOptions
from simnpo.config import LoraConfig, Precision
from simnpo.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from simnpo.benchmarks.base import Benchmark
    from simnpo.config import TrainingConfig
    from simnpo.experiments.attacks.quantize import Quantization
    from simnpo.experiments.attacks.relearn import Relearning
    from simnpo.experiments.attacks.report import Attacked

MOST_SEEDS = 1000


@dataclass(frozen=True)
class Relearn(AttackOptions):
    """Fine-tune unlearned models on a part of the forget set: how much comes back?

    Example: simnpo attack relearn --model runs/npo runs/simnpo --retrain runs/retrain --benchmark
    tofu --out relearn
    """

    fraction: float = 0.2
    """Share of the forget set that the attacker holds."""
    select: tuple[Literal["random", "shortest"], ...] = ("random",)
    """Which share: a random one, drawn by each seed, or the shortest answers."""
    seeds: int = 5
    """How many seeds, from --seed on."""
    training: TrainingOptions = field(default_factory=TrainingOptions)

    def run(self) -> None:
        """Attack, print the tables, and say where the report is."""
        from simnpo.config import check_offload
        from simnpo.experiments.attacks.relearn import Relearning, run_relearning
        from simnpo.experiments.attacks.report import files
        from simnpo.models import quiet, training_precision
        from simnpo.planning.hardware import check_hardware

        started = time.monotonic()
        quiet()
        benchmark = self.measured_on()
        training = self.training.apply_to(self._preset(benchmark))
        check_hardware(training, LoraConfig())
        check_offload(training, LoraConfig(), needs_original_model=False)
        precision = training_precision(training.precision, lora=False)
        targets = self.targets(precision, benchmark)
        attack = Relearning(
            targets=tuple(targets),
            benchmark=benchmark,
            fraction=self.fraction,
            selects=tuple(dict.fromkeys(self.select)),
            seeds=self._seeds(training.seed),
            training=replace(training, precision=precision),
        )
        config = {
            "fraction": attack.fraction,
            "select": list(attack.selects),
            "seeds": list(attack.seeds),
            **{key: value for key, value in asdict(attack.training).items() if key != "seed"},
        }
        table = "relearn.parquet"
        if not self.begin("attack relearn", config, files(table), targets, benchmark):
            return
        retain = self.retain_tables(targets, benchmark)
        curve = run_relearning(attack, self.output.out / RUNS, retain)
        named = curve.rename(columns={"series": "select", "step": "epoch"})
        self.finish(self._attacked(attack, curve), named, table, started)

    def _preset(self, benchmark: "Benchmark") -> "TrainingConfig":
        from simnpo.benchmarks.presets import own_relearning_preset, relearning_preset
        from simnpo.planning.shape import read_shape

        if not self.own.forget:
            return relearning_preset(benchmark.name, benchmark.split)
        shape = read_shape(self.model[0], self.prompt.trust_remote_code)
        return own_relearning_preset(shape.parameters)

    def _seeds(self, first: int) -> tuple[int, ...]:
        if not 1 <= self.seeds <= MOST_SEEDS:
            raise UserError(f"--seeds {self.seeds}: must be from 1 to {MOST_SEEDS}.")
        return tuple(range(first, first + self.seeds))

    def _attacked(self, attack: "Relearning", curve: "pd.DataFrame") -> "Attacked":
        from simnpo.evaluation.suites import SUITES
        from simnpo.experiments.attacks.outcomes import Ending
        from simnpo.experiments.attacks.report import Attacked
        from simnpo.report.curves import Steps

        training, epochs = attack.training, attack.epochs
        share = f"{100 * attack.fraction:g} %"
        benchmark = f"{attack.benchmark.name} {attack.benchmark.split}"
        what = {"random": f"a random {share}", "shortest": f"the {share} of shortest answers"}
        return Attacked(
            title=f"Relearning {benchmark}",
            lead=f"An attacker fine-tunes each unlearned model on {share} of the forget set, for "
            f"{epochs} epoch{'s'[: epochs > 1]}. {self.measured} measured before and after every "
            "epoch, on the whole forget set, so what was relearned is part of it.",
            notes=(
                f"Relearning: NLL on answers, AdamW, learning rate {training.learning_rate:g}, "
                f"{training.batch_size} examples a step, {training.schedule} schedule, warm-up "
                f"over {training.warmup_epochs:g} epochs, weight decay {training.weight_decay:g}.",
                "Each seed draws an order of training; for random also its own part of the forget "
                "set, the same for every model. The shortest answers are the same for all seeds.",
                "No relearned model is kept.",
            ),
            facts={
                self.named: benchmark,
                "Seeds": ", ".join(map(str, attack.seeds)),
                "Epochs": str(epochs),
            },
            curve=curve,
            endings=tuple(
                Ending(f"{epochs} epoch{'s'[: epochs > 1]} on {what[select]}", select, epochs)
                for select in attack.selects
            ),
            steps=Steps("Epoch"),
            view=SUITES[attack.benchmark.suite].display(
                list(attack.benchmark.evaluation), list(curve["metric"].unique())
            ),
        )


@dataclass(frozen=True)
class Quantize(AttackOptions):
    """Round unlearned models' weights to few bits: how much comes back?

    Example: simnpo attack quantize --model runs/npo runs/simnpo --retrain runs/retrain --benchmark
    tofu --out quantize
    """

    bits: tuple[Literal[8, 4], ...] = (8, 4)
    """Bits of a weight: 8 (one scale per row) or 4 (one per 128 weights)."""
    precision: Precision = "auto"
    """What the weights are before: fp32, bf16, or auto: bf16 on a GPU, else fp32."""

    def run(self) -> None:
        """Attack, print the tables, and say where the report is."""
        from simnpo.experiments.attacks.quantize import Quantization, run_quantization
        from simnpo.experiments.attacks.report import files
        from simnpo.models import quiet

        started = time.monotonic()
        quiet()
        benchmark = self.measured_on()
        targets = self.targets(self.precision, benchmark)
        attack = Quantization(tuple(targets), benchmark, tuple(dict.fromkeys(self.bits)))
        if not attack.bits:
            raise UserError("--bits: name 8, 4 or both.")
        config: dict[str, Any] = {"bits": list(attack.bits), "precision": self.precision}
        table = "quantize.parquet"
        if not self.begin("attack quantize", config, files(table), targets, benchmark):
            return
        retain = self.retain_tables(targets, benchmark)
        curve = run_quantization(attack, self.output.out / RUNS, retain)
        weights = curve["step"].map(lambda step: attack.steps()[step])
        named = curve.assign(weights=weights)[["model", "weights", "metric", "value"]]
        self.finish(self._attacked(attack, curve), named, table, started)

    def _attacked(self, attack: "Quantization", curve: "pd.DataFrame") -> "Attacked":
        from simnpo.evaluation.suites import SUITES
        from simnpo.experiments.attacks.outcomes import Ending
        from simnpo.experiments.attacks.quantize import GROUP
        from simnpo.experiments.attacks.report import Attacked
        from simnpo.report.curves import Steps

        benchmark = f"{attack.benchmark.name} {attack.benchmark.split}"
        steps = attack.steps()
        return Attacked(
            title=f"Quantization, {benchmark}",
            lead="The weights of each unlearned model's linear layers are rounded to few bits. "
            "Unlearning moves weights little, so rounding may bring back what was forgotten "
            "(arXiv 2410.16454).",
            notes=(
                "Rounding: to the nearest of symmetric levels, without data; in 8 bits one scale "
                f"per output row, in 4 bits one per {GROUP} weights of a row. It is simulated: "
                "weights keep their type, activations are not rounded.",
                "Embeddings, the LM head, norms, biases and routers of experts stay as they are.",
                "Each rounded model's evaluation is kept in runs/, for simnpo compare.",
            ),
            facts={self.named: benchmark, "Weights": ", ".join(steps)},
            curve=curve,
            endings=tuple(Ending(name, "", step) for step, name in enumerate(steps) if step),
            steps=Steps("Weights", steps),
            view=SUITES[attack.benchmark.suite].display(
                list(attack.benchmark.evaluation), list(curve["metric"].unique())
            ),
        )


@dataclass(frozen=True)
class Attack:
    """Attack unlearned models: does what they forgot come back?"""

    kind: (
        Annotated[Relearn, tyro.conf.subcommand("relearn", prefix_name=False)]
        | Annotated[Quantize, tyro.conf.subcommand("quantize", prefix_name=False)]
    )

    def run(self) -> None:
        """Run the attack that was named."""
        self.kind.run()
