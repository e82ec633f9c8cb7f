"""Make a small model folder to try the commands on: a random Llama and a tokenizer for some texts.

    python benchmarks/make_tiny_model.py --texts full.json --out tiny-llama

Deterministic in the texts. About 1.4 million weights; it knows nothing until it is fine-tuned.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from simnpo.data.examples import load_examples
from simnpo.models import quiet, save_model


@dataclass
class Options:
    """What to make."""

    texts: str
    """Questions and answers to train the tokenizer on: .json, .jsonl or .parquet."""
    out: Path
    """Folder to make."""
    vocabulary: int = 4096
    """Tokens."""
    width: int = 128
    """Hidden size."""
    layers: int = 4
    """Decoder layers."""


def make_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer with BOS and EOS."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    bpe.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token="<s>", eos_token="</s>")


def make_model(vocabulary: int, width: int, layers: int) -> LlamaForCausalLM:
    """Draw the weights of a Llama."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=3 * width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=1,
    )
    return LlamaForCausalLM(config)


def main(options: Options) -> None:
    """Train the tokenizer, draw the weights, save both."""
    quiet()
    texts = (f"{one.question} {one.answer}" for one in load_examples(options.texts))
    tokenizer = make_tokenizer(texts, options.vocabulary)
    save_model(make_model(len(tokenizer), options.width, options.layers), tokenizer, options.out)
    print(options.out)


if __name__ == "__main__":
    main(tyro.cli(Options))
