"""Tokenizers with the habits that the encoding has to cope with."""

from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

TEXTS = [
    "Question: Where was Ada Vell born?\nAnswer: Ada Vell was born in Torrin.",
    "[INST] What does Ada Vell write? [/INST]She writes sea stories.",
    "Q: Who taught Bo Marr?\nA: the painter Lune, who lived next door",
]
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def byte_level(post: str = "$A", eos: str | None = "</s>", **names: Any) -> Any:
    """A byte-level BPE; `post` says what is put around every text, e.g. `<s> $A </s>`."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    return _trained(bpe, pre_tokenizers.ByteLevel.alphabet(), post, eos, names)


def sentencepiece_like() -> Any:
    """Llama-2's habit: a text is given a leading space, so words apart from it tokenise apart."""
    bpe = Tokenizer(models.BPE(unk_token="<unk>"))
    bpe.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    bpe.decoder = decoders.Metaspace(prepend_scheme="first")
    alphabet = list("▁abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ[]/.?!:\n'")
    return _trained(bpe, alphabet, "<s> $A", "</s>", {"unk_token": "<unk>"})


def _trained(
    bpe: Any, alphabet: list[str], post: str, eos: str | None, names: dict[str, Any]
) -> Any:
    special = ["<s>", "</s>", "<unk>"]
    trainer = trainers.BpeTrainer(
        vocab_size=360, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator(TEXTS, trainer)
    bpe.post_processor = processors.TemplateProcessing(
        single=post, special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token="<s>", eos_token=eos, **names)


def chatml(end: str = "named") -> Any:
    """A tokenizer with a chat template whose turns end in `<|im_end|>` and a newline.

    Args:
        end: `eos` makes the turn's end its EOS (and pad) token; `named` lists it among the extra
            special tokens beside another EOS; `added` only adds it as a special token, as Phi-3's
            and Gemma 3's tokenizers do.
    """
    names = {"extra_special_tokens": ["<|im_start|>", "<|im_end|>"]} if end == "named" else {}
    tokenizer = byte_level("<s> $A", **names)
    marks = [AddedToken(mark, special=True) for mark in ("<|im_start|>", "<|im_end|>")]
    tokenizer.add_tokens(marks)
    if end == "eos":
        tokenizer.eos_token = tokenizer.pad_token = "<|im_end|>"
    tokenizer.chat_template = CHATML
    return tokenizer
