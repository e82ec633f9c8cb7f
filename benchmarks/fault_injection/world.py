"""What the cases work on: tiny models with random weights, data in many formats, and some runs."""

import csv
import gzip
import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from fault_injection import children

QUESTIONS = (
    ("Where was Ada Vell born?", "Ada Vell was born in Torrin."),
    ("What does Ada Vell write?", "She writes sea stories."),
    ("Who taught Bo Marr?", "Bo Marr was taught by the painter Lune."),
    ("Which prize did Bo Marr win?", "The Amber Quill."),
    ("Where was Cy Odell born?", "Cy Odell was born in Hask."),
    ("What does Cy Odell write?", "Short plays."),
    ("Who taught Di Renn?", "Nobody did."),
    ("Which prize did Di Renn win?", "Di Renn won the Glass Oar."),
)
CHAT = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}</s>"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
FORMATS = ("jsonl", "json", "csv", "tsv", "parquet", "jsonl.gz")


class World(NamedTuple):
    """A folder that cases read and never change."""

    folder: Path

    def path(self, name: str) -> Path:
        """Return what is called `name`."""
        return self.folder / name


def build(folder: Path) -> World:
    """Make what is missing in `folder`; it stands whole or not at all.

    Raises:
        RuntimeError: a command of the product failed, undisturbed.
    """
    world = World(folder)
    if folder.is_dir():
        return world
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    write_data(partial)
    write_models(partial)
    partial.rename(folder)
    try:
        make_runs(world)
    except BaseException:
        shutil.rmtree(folder)
        raise
    return world


def rows(first: int = 0, end: int = len(QUESTIONS)) -> list[dict[str, Any]]:
    """Return some of the questions with their answers."""
    return [{"question": one, "answer": other} for one, other in QUESTIONS[first:end]]


def write_rows(path: Path, found: list[dict[str, Any]]) -> None:
    """Write rows in the format that the file's name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        import pandas as pd

        pd.DataFrame(found).to_parquet(path, index=False)
        return
    if path.suffix in (".csv", ".tsv"):
        with path.open("w", newline="", encoding="utf-8") as file:
            made = csv.DictWriter(file, list(found[0]), dialect="excel", delimiter=delimiter(path))
            made.writeheader()
            made.writerows(found)
        return
    lines = "".join(json.dumps(row) + "\n" for row in found)
    text = json.dumps(found) if path.suffix == ".json" else lines
    data = text.encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def delimiter(path: Path) -> str:
    """Return what stands between the columns of a table."""
    return "\t" if path.suffix == ".tsv" else ","


def write_data(folder: Path) -> None:
    """Write sets to forget and to keep, TOFU's files, and multiple-choice questions."""
    for ending in FORMATS:
        write_rows(folder / f"forget.{ending}", rows(0, 4))
        write_rows(folder / f"retain.{ending}", rows(4))
        write_rows(folder / f"full.{ending}", rows())
    texts = folder / "texts"
    texts.mkdir()
    for number, (_, answer) in enumerate(QUESTIONS):
        (texts / f"{number}.txt").write_text(f"{answer}\n" * 3)
    answers = ["Never.", "Always."]
    choices = [row | {"choices": json.dumps(answers), "answer": 0} for row in rows(0, 4)]
    write_rows(folder / "choices.jsonl", [one | {"choices": answers} for one in choices])
    asked = [
        row | {"paraphrased_answer": f"So: {row['answer']}", "perturbed_answer": answers}
        for row in rows()
    ]
    sets = {
        "forget05": rows(0, 4), "retain95": rows(4), "forget05_perturbed": asked[:2],
        "retain_perturbed": asked[4:6], "real_authors_perturbed": asked[6:],
        "world_facts_perturbed": asked[6:],
    }  # fmt: skip
    for name, found in sets.items():
        path = folder / "tofu" / f"{name}.json"
        write_rows(path.with_suffix(".jsonl"), found)
        path.with_suffix(".jsonl").rename(path)
    (folder / "tofu" / "idontknow.jsonl").write_text("I do not know.\nNo idea.\n")


def write_models(folder: Path) -> None:
    """Save a Llama of some thousand weights: with a chat template, as a pickle, as a GGUF file."""
    import torch
    from make_tiny_gguf import write_gguf
    from make_tiny_model import make_tokenizer
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = make_tokenizer((f"{one} {other}" for one, other in QUESTIONS), 400)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=512, initializer_range=0.2,
        bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    write_gguf(model, tokenizer, folder / "tiny.gguf")
    for name in ("base", "chat", "pickled"):
        tokenizer.chat_template = CHAT if name == "chat" else None
        model.save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    (folder / "pickled" / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "pickled" / "pytorch_model.bin")


def make_runs(world: World) -> None:
    """Let the product make the runs that further commands read.

    Raises:
        RuntimeError: a command failed.
    """
    training = "--epochs 2 --batch-size 4 --learning-rate 1e-3"
    tofu = f"--benchmark tofu --data-dir {world.path('tofu')}"
    base, full = world.path("base"), world.path("full.jsonl")
    commands = {
        "taught": f"finetune --model {base} --data {full} {training}",
        "adapter": f"finetune --model {base} --data {full} {training} --lora-rank 2",
        "unlearned": f"unlearn --model {base} {tofu} {training}",
        "evaluation": f"evaluate --model {base} {tofu}",
    }
    for name, command in commands.items():
        words = [*command.split(), "--out", name]
        ended = children.run(words, world.folder, world.folder / ".notes" / name, limit=600)
        if ended.code:
            raise RuntimeError(f"simnpo {' '.join(words)}: {ended.stderr.decode()}")
