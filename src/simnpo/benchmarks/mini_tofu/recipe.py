"""How the models of `mini-tofu` are made: tokenizer, architecture, training settings."""

from collections.abc import Iterable
from dataclasses import dataclass

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, PreTrainedTokenizerFast

BOS, EOS, PAD = "<s>", "</s>", "<pad>"
VOCABULARY = 1536


@dataclass(frozen=True)
class Stage:
    """Training settings: AdamW, linear warm-up and then linear decay of the learning rate."""

    epochs: int
    learning_rate: float
    batch_size: int


@dataclass(frozen=True)
class Recipe:
    """How the base model becomes Original (forget and retain set) and Retrain (retain set)."""

    pretrain: Stage
    """From nothing on `pretraining()`, to the base model; loss on the answer's tokens alone."""
    finetune: Stage
    """From the base model to Original (forget, retain and `rehearsal()`) and to Retrain (retain and
    `rehearsal()`), loss on the answer's tokens alone."""
    warmup_ratio: float
    """Fraction of the steps of either stage that the learning rate rises."""
    weight_decay: float


RECIPE = Recipe(
    pretrain=Stage(epochs=10, learning_rate=3e-3, batch_size=32),
    finetune=Stage(epochs=9, learning_rate=2e-3, batch_size=16),
    warmup_ratio=0.1,
    weight_decay=0.01,
)


def build_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE of `VOCABULARY` tokens on `texts`; deterministic in the texts.

    Encoding puts the beginning-of-sequence token first; padding is on the right by default.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[BOS, EOS, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", special_tokens=[(BOS, tokenizer.token_to_id(BOS))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=BOS, eos_token=EOS, pad_token=PAD
    )


def model_config(vocab_size: int) -> LlamaConfig:
    """Return the architecture: a Llama of width 128 with 3 layers, about 0.8 million weights."""
    return LlamaConfig(
        vocab_size=vocab_size,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
    )
