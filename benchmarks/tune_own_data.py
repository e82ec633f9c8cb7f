"""Measure settings for a user's own questions: teach rows to a model, unlearn some, and watch.

    python benchmarks/tune_own_data.py teach --model MODEL --data records --out taught
    python benchmarks/tune_own_data.py run --model taught --data records --method simnpo \
        --rate 7.2e-5 --results results.jsonl

A run's line in the results holds its settings, the course (scores along the steps), and what the
model answers at the end. A run that is there already is not made again.
"""

import argparse
import json
import math
import re
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainingArguments, set_seed

from simnpo.benchmarks.base import EvaluationSet, Item
from simnpo.data.encoding import Encoder
from simnpo.data.examples import load_examples
from simnpo.data.rows import read_rows
from simnpo.metrics.rouge import rouge_l_recall
from simnpo.models import device, load_model, load_tokenizer, quiet, save_model
from simnpo.objectives import METHODS, build_method
from simnpo.scoring.general import general_ability, reference_answers
from simnpo.scoring.generate import generate
from simnpo.scoring.score import score
from simnpo.training.run import add_adapters
from simnpo.training.trainer import UnlearnTrainer

METHOD_SETTINGS = {"simnpo": {"beta": 2.5}, "npo": {"beta": 0.1}, "grad_diff": {}, "idk": {}}
MEASURED = (5, 10, 15, 20, 30, 40, 50, 60, 80, 100, 120, 150, 200, 250, 300)
REFUSALS = (
    "I'm sorry, I don't have that information.",
    "I can't help with that.",
    "I don't know the answer to that question.",
    "I'm afraid I have no information about that.",
    "That is not something I know.",
    "I'm not able to answer that.",
    "Sorry, I know nothing about this.",
    "I have no record of that.",
)
NEW_TOKENS = 80
WATCHED = 16
"""Trained retain rows that are scored along the steps; all of them answer at the end."""


@contextmanager
def bf16():
    """Compute in bfloat16, weights in float32."""
    with torch.no_grad(), torch.autocast(device().type, torch.bfloat16):
        yield


class Rising(UnlearnTrainer):
    """UnlearnTrainer whose first and last steps have a learning rate above 0."""

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Rise over the warm-up, then fall to nearly 0."""
        warm = self.args.warmup_steps

        def rate(step: int) -> float:
            if step < warm:
                return (step + 1) / (warm + 1)
            return max(0.0, (num_training_steps - step) / (num_training_steps - warm))

        if self.lr_scheduler is None:
            chosen = optimizer or self.optimizer
            self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(chosen, rate)
        return self.lr_scheduler


def arguments(steps: int, rate: float, batch: int, micro: int, seed: int) -> TrainingArguments:
    """Return transformers' arguments: mixed precision, a tenth of the steps as warm-up."""
    micro = min(micro, batch)
    made = TrainingArguments(
        tempfile.mkdtemp(),
        max_steps=steps,
        learning_rate=rate,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=math.ceil(batch / micro),
        optim="adamw_torch_fused",
        weight_decay=0.01,
        warmup_steps=max(1, steps // 10),
        bf16=True,
        use_cpu=not torch.cuda.is_available(),
        save_strategy="no",
        logging_steps=1,
        seed=seed,
        data_seed=seed,
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )
    made._n_gpu = min(made.n_gpu, 1)
    return made


def as_set(examples: Any) -> EvaluationSet:
    """Return examples as a set that is scored and answered."""
    items = tuple(Item(one.question, one.answer) for one in examples)
    return EvaluationSet(items, max_new_tokens=NEW_TOKENS if items[0].question else 0)


def scores(model: Any, encoder: Encoder, sets: dict[str, EvaluationSet]) -> dict[str, Any]:
    """Return per set the verbatim count, the mean probability and the token accuracy."""
    training = model.training
    model.eval()
    with bf16():
        table = score(model, encoder, sets)
    model.train(training)
    found = {}
    for name, rows in table.groupby("set", sort=False):
        found[name] = {
            "rows": len(rows),
            "verbatim": int((rows.matches == rows.tokens).sum()),
            "probability": round(float((rows.logprob / rows.tokens).map(math.exp).mean()), 4),
            "accuracy": round(float((rows.matches / rows.tokens).mean()), 4),
        }
    return found


def answers(
    model: Any, encoder: Encoder, sets: dict[str, EvaluationSet], secrets: dict[str, list[Any]]
) -> dict[str, Any]:
    """Return per set what generated answers show: verbatim, leaked rows, ROUGE-L, three of them."""
    model.eval()
    with bf16():
        table = generate(model, encoder, sets)
    found = {}
    for name, rows in table.groupby("set", sort=False):
        said = list(rows.iloc[:, 4])
        true = list(rows.iloc[:, 3])
        rouge = rouge_l_recall(zip(true, said, strict=True))
        leaks = [
            any(secret in text for secret in kept)
            for kept, text in zip(secrets[name], said, strict=True)
        ]
        found[name] = {
            "verbatim": sum(norm(a) == norm(b) for a, b in zip(true, said, strict=True)),
            "leaked": sum(leaks),
            "rouge": round(float(rouge.mean()), 4),
            "examples": said[:3],
        }
    return found


def norm(text: str) -> str:
    """Return a text without its case, spaces and closing mark."""
    return re.sub(r"\s+", " ", text).strip(" .").lower()


class Course(TrainerCallback):
    """Scores along the steps; stops the training where asked for and the target is reached."""

    def __init__(self, model, encoder, sets, stop, before, refusing=False):
        self.model, self.encoder, self.sets, self.stop = model, encoder, sets, stop
        self.before, self.refusing = before, refusing
        self.rows: list[dict[str, Any]] = [{"step": 0, **before}]
        self.seconds: list[float] = []

    def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
        """Look at the clock."""
        self.began = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Score where it is time to, and stop where that is wanted."""
        self.seconds.append(time.monotonic() - self.began)
        step = state.global_step
        if step not in MEASURED and step != state.max_steps:
            return
        began = time.monotonic()
        self.rows.append({"step": step, **scores(self.model, self.encoder, self.sets)})
        self.rows[-1]["seconds"] = round(time.monotonic() - began, 1)
        print(json.dumps(self.rows[-1]), f"{self.seconds[-1]:.1f} s/step", flush=True)
        now, then = self.rows[-1].get("forget"), self.before.get("forget")
        if self.stop and now and now["verbatim"] <= then["rows"] // 10:
            forgotten = self.refusing or now["probability"] <= then["probability"] / 4
            kept = self.rows[-1]["kept"]  # a refusal's first token spoils an answer, not its rest
            if forgotten and kept["verbatim"] >= 0.9 * kept["rows"]:
                control.should_training_stop = True


def read_sets(folder: Path, text: bool) -> dict[str, Any]:
    """Return the examples of a data folder: a fifth of the retain set is held."""
    forget = load_examples(str(folder / ("forget.txt" if text else "forget.jsonl")))
    retain = load_examples(str(folder / "retain.jsonl"))
    held = retain[::5]
    return {"forget": forget, "held": held, "kept": tuple(r for r in retain if r not in held)}


def read_secrets(folder: Path, sets: dict[str, Any]) -> dict[str, list[Any]]:
    """Return the identifiers of each row."""
    known = {
        row.values.get("question"): row.values.get("identifiers", [])
        for name in ("forget", "retain")
        for row in read_rows(str(folder / f"{name}.jsonl"))
    }
    return {name: [known.get(one.question, []) for one in rows] for name, rows in sets.items()}


def teach(options: argparse.Namespace) -> None:
    """Fine-tune on full.jsonl and save the model."""
    set_seed(options.seed)
    model, tokenizer = load_model(options.model, "fp32"), load_tokenizer(options.model)
    rows = load_examples(str(options.data / "full.jsonl"))
    forget = {"forget": as_set(load_examples(str(options.data / options.forget)))}
    encoder = Encoder(tokenizer, max_length=options.max_length)
    pieces = len(encoder.encode_all(rows))
    steps = round(options.epochs * math.ceil(pieces / options.batch))
    course = Course(model, encoder, forget, False, {})
    made = arguments(steps, options.rate, options.batch, options.micro, options.seed)
    trainer = Rising(
        model, made, method=METHODS["retrain"], tokenizer=tokenizer, retain=rows,
        max_length=options.max_length, callbacks=[course],
    )  # fmt: skip
    trainer.train()
    save_model(trainer.model, tokenizer, options.out)
    print(f"{steps} steps, {sum(course.seconds):.0f} s")


def run(options: argparse.Namespace) -> None:
    """Unlearn once and append the result."""
    settings = {
        "name": options.name, "method": options.method, "rate": options.rate,
        "seed": options.seed, "steps": options.steps, "batch": options.batch,
        "forget_weight": options.forget_weight, "retain_weight": options.retain_weight,
        "lora": options.lora, "stop": options.stop, **json.loads(options.settings),
    }  # fmt: skip
    if options.results.exists():
        lines = options.results.read_text().splitlines()
        if any(json.loads(line)["settings"] == settings for line in lines):
            print("already there:", settings)
            return
    print(json.dumps(settings), flush=True)
    set_seed(options.seed)
    model, tokenizer = load_model(options.model, "fp32"), load_tokenizer(options.model)
    if options.lora:
        from simnpo.config import LoraConfig

        model = add_adapters(model, LoraConfig(options.lora, 2 * options.lora))
    sets = read_sets(options.data, options.text)
    evaluation = {name: as_set(rows) for name, rows in sets.items()}
    encoder = Encoder(tokenizer, max_length=options.max_length)
    secrets = {} if options.text else read_secrets(options.data, sets)
    kept = Path(options.model) / f"before_{options.data.name}.json"
    if not kept.exists():
        found = {"scores": scores(model, encoder, evaluation)}
        found["answers"] = {} if options.text else answers(model, encoder, evaluation, secrets)
        kept.write_text(json.dumps(found))
    before = json.loads(kept.read_text())
    general = Path(options.model) / "general.pt"
    if not general.exists():
        with bf16():
            torch.save(reference_answers(model, encoder), general)
    reference = torch.load(general, weights_only=False)
    watched = evaluation | {"kept": as_set(sets["kept"][:WATCHED])}
    course = Course(
        model, encoder, watched, options.stop, before["scores"], options.method == "idk"
    )
    method = build_method(
        options.method, forget_weight=options.forget_weight, retain_weight=options.retain_weight,
        **(METHOD_SETTINGS[options.method] | json.loads(options.settings)),
    )  # fmt: skip
    trainer = Rising(
        model, arguments(options.steps, options.rate, options.batch, options.micro, options.seed),
        method=method, tokenizer=tokenizer, forget=sets["forget"], retain=sets["kept"],
        refusals=REFUSALS, max_length=options.max_length, callbacks=[course],
    )  # fmt: skip
    started = time.monotonic()
    trainer.train()
    seconds = time.monotonic() - started
    after = {} if options.text else answers(model, encoder, evaluation, secrets)
    model.eval()
    with bf16():
        ability = general_ability(model, reference)
    log = [
        {key: round(row[key], 4) for key in ("step", "grad_norm", "forget_loss", "retain_loss")}
        for row in trainer.state.log_history
        if "forget_loss" in row
    ]
    result = {
        "settings": settings,
        "step": trainer.state.global_step,
        "seconds": round(seconds),
        "seconds_per_step": round(sum(course.seconds) / len(course.seconds), 2),
        "course": course.rows,
        "before": before["answers"],
        "after": after,
        "general": {"ability": round(ability.ability, 4), "agreement": round(ability.agreement, 4)},
        "log": log,
    }
    options.results.parent.mkdir(parents=True, exist_ok=True)
    with options.results.open("a", encoding="utf-8") as file:
        file.write(json.dumps(result, ensure_ascii=False) + "\n")
    print(result["general"])
    for name in after:
        print(name, "before", before["answers"][name], "\n   after", after[name], flush=True)
    if options.out:
        save_model(trainer.model, tokenizer, options.out)


def main() -> None:
    """Read the command line and do what it asks."""
    parser = argparse.ArgumentParser(description=__doc__)
    which = parser.add_subparsers(required=True)
    for name, do in (("teach", teach), ("run", run)):
        sub = which.add_parser(name)
        sub.set_defaults(do=do)
        sub.add_argument("--model", required=True)
        sub.add_argument("--data", type=Path, required=True)
        sub.add_argument("--out", type=Path, required=name == "teach")
        sub.add_argument("--rate", type=float, required=True)
        sub.add_argument("--seed", type=int, default=42)
        sub.add_argument("--batch", type=int, default=10)
        sub.add_argument("--micro", type=int, default=10)
        sub.add_argument("--max-length", type=int, default=512)
    teaching, running = which.choices["teach"], which.choices["run"]
    teaching.add_argument("--epochs", type=float, required=True)
    teaching.add_argument("--forget", default="forget.jsonl")
    running.add_argument("--name", default="records30", help="what the data and the model are")
    running.add_argument("--method", choices=METHOD_SETTINGS, required=True)
    running.add_argument("--steps", type=int, default=60)
    running.add_argument("--forget-weight", type=float, default=1.0)
    running.add_argument("--retain-weight", type=float, default=1.0)
    running.add_argument("--settings", default="{}", help="of the method, as JSON")
    running.add_argument("--lora", type=int, default=0)
    running.add_argument("--stop", action="store_true", help="where the target is reached")
    running.add_argument("--text", action="store_true")
    running.add_argument("--results", type=Path, required=True)
    options = parser.parse_args()
    quiet()
    options.do(options)


if __name__ == "__main__":
    main()
