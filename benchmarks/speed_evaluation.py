"""The full TOFU evaluation, against the same metrics computed separately with fixed padding.

    python benchmarks/speed_evaluation.py [--data-dir tofu] [--model DIR] \
        [--peer DIR --peer-python PYTHON]

The plain side does what the first releases do: a pass over every set for each metric that needs one
(probability: the answers; truth ratio: the paraphrases, then each wrong answer), every row padded
to 500 tokens, logits of every position; and answers generated 32 at a time by `generate`. Both
sides must give the same numbers. The model is a Llama of 1.4 million weights, fine-tuned here for
one pass over TOFU so that its answers end; or --model.

With --peer, instead, `simnpo evaluate` is timed against open-unlearning's evaluation, each a
command of its own: see `peer.py`. Both ask the same items, 32 rows at a time on its side.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import plain
import torch
from common import (
    Subject,
    alternate,
    cpu_arguments,
    describe,
    ratio,
    seconds,
    start,
    subject,
)
from peer import NAME, Evaluated, Peer, PeerOptions, largest_difference, peer_of

from simnpo.benchmarks.tofu import MAX_NEW_TOKENS
from simnpo.data.encoding import Encoder
from simnpo.evaluation.evaluate import evaluate_model
from simnpo.evaluation.metrics.tofu import tofu_metrics
from simnpo.methods.registry import METHODS
from simnpo.models import load_model, load_tokenizer, quiet
from simnpo.training.trainer import UnlearnTrainer

WIDTH, ROWS = 500, 32


@dataclass
class Options(PeerOptions):
    """What to measure."""

    data_dir: str | None = None
    """Folder with TOFU's files; without it they come from the hub."""
    model: str | None = None
    """Folder of a model to evaluate, instead of the one made here."""
    rounds: int = 3
    """Evaluations of each side."""


def trained(of: Subject) -> Any:
    """Fine-tune for one pass over forget and retain set."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = cpu_arguments(
            folder, num_train_epochs=1, learning_rate=2e-3, per_device_train_batch_size=32
        )
        trainer = UnlearnTrainer(
            of.model,
            arguments,
            method=METHODS["retrain"],
            processing_class=of.tokenizer,
            retain_dataset=(*of.benchmark.forget, *of.benchmark.retain),
            template="llama2",
        )
        trainer.train()
    return of.model.eval()


@torch.no_grad()
def plainly(model: Any, encoder: Encoder, of: Subject) -> dict[str, float]:
    """Return each set's mean probability and truth ratio, and the generated answers' length."""
    found: dict[str, float] = {}
    for name, asked in of.benchmark.evaluation.items():
        items = asked.items
        own = averages(model, encoder, [(one.question, one.answer) for one in items])
        found[f"{name}.logprob"] = float(np.mean(own))
        if items[0].paraphrase is not None:
            texts = [(one.question, one.paraphrase or "") for one in items]
            found[f"{name}.paraphrase"] = float(np.mean(averages(model, encoder, texts)))
        wrong = [
            averages(model, encoder, [(one.question, one.perturbed[which]) for one in items])
            for which in range(min(len(one.perturbed) for one in items))
        ]
        found[f"{name}.perturbed"] = float(np.mean(wrong))
        answers = list(generated(model, encoder, [one.question for one in items], of))
        found[f"{name}.length"] = float(np.mean(list(map(len, answers))))
    return found


def averages(model: Any, encoder: Encoder, texts: list[tuple[str, str]]) -> list[float]:
    """Return each answer's log-probability per token."""
    encoded = [encoder.encode(*one) for one in texts]
    means: list[float] = []
    for first in range(0, len(encoded), ROWS):
        logps, lengths = plain.sums(model, plain.padded(encoded[first : first + ROWS], WIDTH))
        means += (logps / lengths).tolist()
    return means


def generated(model: Any, encoder: Encoder, questions: list[str], of: Subject) -> Iterator[str]:
    """Yield greedy answers."""
    prompts = [encoder.prompt(question) for question in questions]
    for first in range(0, len(prompts), ROWS):
        some = prompts[first : first + ROWS]
        width = max(map(len, some))
        ids = torch.zeros(len(some), width, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(some):
            ids[row, width - len(prompt) :] = torch.tensor(prompt)
            mask[row, width - len(prompt) :] = 1
        new = model.generate(
            ids,
            attention_mask=mask,
            do_sample=False,
            max_new_tokens=MAX_NEW_TOKENS,
            eos_token_id=encoder.template.end_id,
            pad_token_id=0,
        )[:, width:]
        for text in encoder.tokenizer.batch_decode(new, skip_special_tokens=True):
            yield text.strip()


def ours(model: Any, encoder: Encoder, of: Subject) -> dict[str, float]:
    """Evaluate all metrics, and return the numbers that the plain side has too."""
    tables = evaluate_model(model, encoder, of.benchmark)
    tofu_metrics(tables, tables)
    scores = tables.scores.assign(mean=tables.scores["logprob"] / tables.scores["tokens"])
    found: dict[str, float] = {}
    for name, asked in of.benchmark.evaluation.items():
        items = asked.items
        own = scores[scores["set"] == name]
        least = min(len(one.perturbed) for one in items)
        for key, kept in (
            ("logprob", own["variant"] == "answer"),
            ("paraphrase", own["variant"] == "paraphrase"),
            ("perturbed", (own["variant"] == "perturbed") & (own["index"] < least)),
        ):
            if kept.any():
                found[f"{name}.{key}"] = float(own.loc[kept, "mean"].mean())
        answers = tables.generations.loc[tables.generations["set"] == name, "generated"]
        found[f"{name}.length"] = float(answers.str.len().mean())
    return found


def compare(model: Any, encoder: Encoder, of: Subject, rounds: int) -> None:
    """Print both sides' seconds in this process, and by how much their numbers differ."""
    numbers: dict[str, dict[str, float]] = {}
    sides = {
        name: lambda name=name, work=work: seconds(
            lambda: numbers.update({name: work(model, encoder, of)})
        )
        for name, work in (("ours", ours), ("plain", plainly))
    }
    found = alternate(sides, rounds, warm_up=0)
    off = max(abs(numbers["ours"][key] - value) for key, value in numbers["plain"].items())
    print(f"Largest difference between the two sides' numbers: {off:.1e}")
    one, other = (median(found[side]) for side in ("ours", "plain"))
    print(f"{one:.1f} s, plain {other:.1f} s: {ratio(found['ours'], found['plain'])}")


def compare_commands(peer: Peer, rounds: int) -> None:
    """Print both commands' seconds, and the metric that differs most."""
    print(f"{NAME}: {peer.versions}")
    found: dict[str, list[Evaluated]] = {"ours": [], NAME: []}
    for _ in range(rounds):
        found["ours"].append(peer.evaluate_ours())
        found[NAME].append(peer.evaluate())
    name, off = largest_difference(found[NAME][-1].metrics, found["ours"][-1].metrics)
    print(f"Largest difference between the two sides' metrics: {off:.1e} ({name})")
    for what, which in (("evaluation", "alone"), ("whole command", "whole")):
        times = [[getattr(one, which) for one in side] for side in found.values()]
        one, other = map(median, times)
        print(f"{what}: {one:.1f} s, {NAME} {other:.1f} s: {ratio(*times)}")


def main(options: Options) -> None:
    """Print the comparison."""
    quiet()
    with tempfile.TemporaryDirectory() as folder:
        peer = peer_of(options, options.data_dir, Path(folder))
        of = subject(options.data_dir)
        if options.model:
            model, tokenizer = load_model(options.model, "fp32"), load_tokenizer(options.model)
        else:
            model, tokenizer = trained(of), of.tokenizer
        print(f"Full TOFU forget05 evaluation; {describe()}", flush=True)
        if peer:
            peer.take(model, tokenizer)
            compare_commands(peer, options.rounds)
        else:
            compare(model, Encoder(tokenizer, "llama2"), of, options.rounds)


if __name__ == "__main__":
    start(main, Options)
