"""What all tests share: no network, checked shapes, tiny models made on the spot, real data."""

import gc
import itertools
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"  # for the processes that tests start
os.environ["TOKENIZERS_PARALLELISM"] = "false"

from jaxtyping import install_import_hook

# Every shape in a signature is checked while tests run: NPO given shapes 3 and 1 would broadcast
# silently without it.
install_import_hook("simnpo", "checking.typecheck")

import fetch_model
import groups
import pytest
import torch
from small_data import QUESTIONS, write_rows

torch.set_num_threads(1)  # models this small only wait for a second one
# Whoever starts the tests in the background of a script has Ctrl-C ignored, and so would they.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):  # ... and nohup ignores that one
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_configure(config: pytest.Config) -> None:
    groups.register(config)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    groups.skip_where_missing(item)
    if next(_TESTS) in (20, 100, 400):
        # From here on the garbage collector passes over what libraries are made of, which takes a
        # tenth of the time of tests that train.
        gc.collect()
        gc.freeze()


_TESTS = itertools.count()
"""Tests that this process has begun."""


@pytest.fixture(scope="session")
def real_model() -> Path:
    """The folder of the real model, for tests marked `real`."""
    return fetch_model.MODEL.folder


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    """A small byte-level BPE with BOS, EOS and no pad token."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [f"Question: {question}\nAnswer: {answer}" for question, answer in QUESTIONS]
    bpe.train_from_iterator(texts, trainer)
    bpe.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token="<s>", eos_token="</s>")


@pytest.fixture(scope="session")
def make_llama(tokenizer: Any) -> Callable[..., Any]:
    """A function that makes a tiny Llama with random weights, the same for the same seed."""
    from transformers import LlamaConfig, LlamaForCausalLM

    def make(seed: int = 0, **changes: Any) -> Any:
        torch.manual_seed(seed)
        settings = {
            "vocab_size": len(tokenizer),
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "max_position_embeddings": 512,
            "bos_token_id": 0,
            "eos_token_id": 1,
            # Weights large enough that two models differ by more than rounding.
            "initializer_range": 0.2,
        }
        return LlamaForCausalLM(LlamaConfig(**(settings | changes))).eval()

    return make


@pytest.fixture
def llama(make_llama: Callable[..., Any]) -> Any:
    """A tiny Llama."""
    return make_llama()


@pytest.fixture(scope="session")
def model_folder(
    make_llama: Callable[..., Any], tokenizer: Any, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with a tiny Llama and its tokenizer, as transformers saves them."""
    folder = tmp_path_factory.mktemp("models") / "tiny-llama"
    make_llama().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def examples() -> tuple[Any, ...]:
    """Eight questions with answers of different lengths."""
    from simnpo.data.examples import Example

    return tuple(Example(*pair) for pair in QUESTIONS)


@pytest.fixture(scope="session")
def tofu_folder(tmp_path_factory: pytest.TempPathFactory, examples: Any) -> Path:
    """A folder in TOFU's own layout with eight items a set."""
    folder = tmp_path_factory.mktemp("tofu")
    plain = [one._asdict() for one in examples]
    perturbed = [
        row
        | {
            "paraphrased_answer": f"Indeed: {row['answer']}",
            "perturbed_answer": [f"Indeed: {word}." for word in ("no", "yes", "never", "x", "y")],
        }
        for row in plain
    ]
    controls = [row | {"perturbed_answer": ["Never.", "Always."]} for row in plain]
    for name, rows in {
        "forget05": plain[:4],
        "retain95": plain[4:],
        "forget05_perturbed": perturbed[:4],
        "retain_perturbed": perturbed[4:],
        "real_authors_perturbed": controls,
        "world_facts_perturbed": controls[:3],
    }.items():
        write_rows(folder / f"{name}.json", rows)
    (folder / "idontknow.jsonl").write_text("I do not know.\nNo idea.\n")
    return folder
