"""What each of two processes runs for `test_two_processes.py`, all of it in one launch.

Its arguments are a folder for the results, the folder of a model and one in TOFU's layout.
"""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from small_data import QUESTIONS
from transformers import TrainerCallback

from simnpo.benchmarks import load_benchmark
from simnpo.cli.main import parse
from simnpo.config import TrainingConfig
from simnpo.data.encoding import Encoder
from simnpo.data.examples import Example
from simnpo.errors import Interrupted
from simnpo.evaluation.generate import generate
from simnpo.evaluation.score import score
from simnpo.methods.method import Method
from simnpo.methods.registry import build_method
from simnpo.models import load_model, load_tokenizer
from simnpo.system.distributed import is_main, process_group, rank
from simnpo.training.control import Control, Point, Target
from simnpo.training.run import TrainingData, train_model

CONFIG = TrainingConfig(
    epochs=3, learning_rate=1e-2, batch_size=4, micro_batch_size=1, precision="fp32"
)
CASES: dict[str, tuple[Method, int, TrainingConfig]] = {
    # 5 rows make 3 passes of two processes, the last with a filler.
    "npo": (build_method("npo"), 5, CONFIG),
    # 3 rows fit into one process's pass; the other has none.
    "simnpo": (build_method("simnpo"), 3, replace(CONFIG, batch_size=8, micro_batch_size=4)),
    "grouped": (build_method("grad_diff"), 5, replace(CONFIG, group_by_length=True)),
    # One of two layers is trained, and the model stops at it.
    "rmu": (build_method("rmu", layer=0, retain_weight=1.0), 5, CONFIG),
}
"""Method, size of the forget set, settings."""
TOKENS_PER_BATCH = 200
"""Small, so that there are batches for both processes."""


def train(model: Path, out: Path, case: str, **options: Any) -> dict[str, Any]:
    """Unlearn from the model in a folder, by one of `CASES`."""
    method, size, config = CASES[case]
    examples = [Example(*pair) for pair in QUESTIONS]
    data = TrainingData(forget=examples[:size], retain=examples[size:])
    loaded, tokenizer = load_model(str(model), "fp32"), load_tokenizer(str(model))
    return train_model(loaded, tokenizer, method, data, config, out, **options)


def tables(model: Path, tofu: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score and generate in small batches."""
    loaded = load_model(str(model), "fp32")
    encoder = Encoder(load_tokenizer(str(model)))
    sets = load_benchmark("tofu", "forget05", str(tofu)).evaluation
    asked = {name: replace(one, max_new_tokens=8) for name, one in sets.items()}
    return (
        score(loaded, encoder, asked, TOKENS_PER_BATCH),
        generate(loaded, encoder, asked, TOKENS_PER_BATCH),
    )


def reinforced(out: Path) -> list[list[str]]:
    """Return the options of a task vector, and of RKLD with the same reinforced model."""
    batch = ["--batch-size", "2", "--micro-batch-size", "1"]
    vector = ["--method", "task_vector", "--reinforce-epochs", "1", "--out", str(out / "vector")]
    known = ["--reinforced", str(out / "vector" / "reinforced")]
    rkld = ["--method", "rkld", "--epochs", "1", *known, "--out", str(out / "rkld")]
    return [[*vector, *batch], [*rkld, *batch]]


class Measured:
    """Half is forgotten at first, and then all is lost; only the main process knows."""

    def __init__(self) -> None:
        whole, lost = Point(1.0, 0.8, 0.9, 1.0), Point(0.0, 0.0, 0.1, 0.1)
        self.script = [whole, Point(0.5, 0.4, 0.9, 1.0), lost]

    def __call__(self, model: Any) -> Point:
        if not is_main():
            return Point(0.0, 0.0, 1.0, 1.0)
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]


def controlled(model: Path, out: Path) -> None:
    """Train so that the state after step 2 of 6 is the best; leave what each process then has."""
    costs = {"training_tokens_per_step": 100, "scored_tokens": 1, "times": 3}
    control = Control(Measured(), out, Target(), **costs)
    weights: list[float] = []

    class Note(TrainerCallback):
        def on_train_end(self, *_: Any, model: Any = None, **kwargs: Any) -> None:
            weights.extend(float(one.detach().double().sum()) for one in model.parameters())

    train(model, out, "npo", callbacks=[control, Note()])
    (out / f"weights_{rank()}").write_text(repr((control.outcome()[:4], weights)))


class PressCtrlC(TrainerCallback):
    """Presses Ctrl-C on one of the two, in the middle of a step."""

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if rank() == 1 and state.global_step == 2:
            os.kill(os.getpid(), signal.SIGINT)


def main(out: Path, model: Path, tofu: Path) -> None:
    """Leave in `out` what the tests look at."""
    for case in CASES:
        train(model, out / case, case)
    controlled(model, out / "controlled")
    try:
        train(model, out / "cut", "npo", callbacks=[PressCtrlC()])
    except Interrupted as error:
        (out / f"interrupted_{rank()}").write_text(str(error))
    results = train(model, out / "cut", "npo", resume=True)
    assert results["resumed_from"] == "checkpoint-3" and results["processes"] == 2
    scores, generations = tables(model, tofu)
    (out / "found").mkdir(exist_ok=True)
    scores.to_parquet(out / "found" / f"scores_{rank()}.parquet")
    generations.to_parquet(out / "found" / f"generations_{rank()}.parquet")
    benchmark = ["--benchmark", "tofu", "--split", "forget05", "--data-dir", str(tofu)]
    common = ["--model", str(model), *benchmark]
    settings = ["--batch-size", "2", "--micro-batch-size", "1", "--epochs", "1"]
    watched = [*settings, "--evaluate-epochs", "1", "--out", str(out / "watched")]
    parse(["unlearn", *common, *watched]).run()
    parse(["evaluate", *common, "--out", str(out / "evaluation")]).run()
    for arguments in reinforced(out):
        parse(["unlearn", *common, *arguments]).run()


if __name__ == "__main__":
    with process_group():
        main(*map(Path, sys.argv[1:]))
    if is_main():
        print("both are done")
