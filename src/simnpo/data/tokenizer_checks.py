"""What a tokenizer adds to texts, and whether it gives them back."""

import json
from functools import cache
from pathlib import Path

from simnpo.data.tokenizer import Tokenizer
from simnpo.system.notes import note_once

SAMPLE = "Ada's 3 cats, née Zoë, said:\n\n  Hello (twice), and left ."
"""Capitals, accents, digits, spaces and line breaks, as any tokenizer of English has them."""


def begin_ids(tokenizer: Tokenizer) -> tuple[int, ...]:
    """Return what a tokenizer puts before every text: nothing, or a beginning-of-sequence token."""
    plain = list(tokenizer("a", add_special_tokens=False)["input_ids"])
    whole = list(tokenizer("a")["input_ids"])
    places = [n for n in range(len(whole)) if plain and whole[n : n + len(plain)] == plain]
    if places and places[0]:
        return tuple(whole[: places[0]])
    begin = tokenizer.bos_token_id
    return (begin,) if begin is not None and _declares_bos(tokenizer) else ()


def restore_bos(tokenizer: Tokenizer) -> None:
    """Have a tokenizer add the beginning-of-sequence token that its configuration declares.

    transformers 5 passes over `add_bos_token` where there is a `tokenizer.json`, whose own rule
    may not add it (DeepSeek's); what is saved after training would have lost it altogether.
    """
    if _declares_bos(tokenizer) and tokenizer("a")["input_ids"][:1] != [tokenizer.bos_token_id]:
        tokenizer.add_bos_token = True
        note_once(
            "Note: the tokenizer's configuration says add_bos_token, and its tokenizer.json does "
            f"not do it: texts begin with {tokenizer.bos_token} here, and with the saved tokenizer."
        )


def check_tokenizer(tokenizer: Tokenizer) -> None:
    """Warn of a tokenizer that does not give texts back, or whose class and file disagree."""
    ids = tokenizer(SAMPLE, add_special_tokens=False)["input_ids"]
    back = str(tokenizer.decode(ids, skip_special_tokens=True))
    if back.strip() != SAMPLE:
        note_once(
            f"Warning: the tokenizer does not give texts back: {SAMPLE!r} comes back as {back!r}. "
            "What is lost can neither be forgotten nor kept nor scored."
        )
    path = _file(tokenizer, "tokenizer.json")
    own = type(tokenizer).__name__
    if path is None or own in _AS_IN_FILE:
        return
    for text, found in _ids_of_file(path, tokenizer.eos_token or "").items():
        if found != tuple(tokenizer(text, add_special_tokens=False)["input_ids"]):
            note_once(
                f"Warning: of {text!r} the tokenizer's class {own} makes other tokens than its "
                "tokenizer.json; models that were trained with the file's see others here. "
                '"tokenizer_class": "PreTrainedTokenizerFast" in tokenizer_config.json takes the '
                "file's."
            )
            return


_AS_IN_FILE = ("TokenizersBackend", "PreTrainedTokenizerFast")
"""Classes that take tokenizer.json as it is."""


@cache
def _ids_of_file(path: Path, end: str) -> dict[str, tuple[int, ...]]:
    """Return texts with their ids as tokenizer.json alone makes them."""
    import tokenizers

    read = tokenizers.Tokenizer.from_file(str(path))
    texts = (SAMPLE, " a", f"a{end}b {end} c")
    return {text: tuple(read.encode(text, add_special_tokens=False).ids) for text in texts}


def _declares_bos(tokenizer: Tokenizer) -> bool:
    """Return whether a tokenizer's configuration says that it adds BOS."""
    path = _file(tokenizer, "tokenizer_config.json")
    return tokenizer.bos_token_id is not None and path is not None and _adds_bos(path)


@cache
def _adds_bos(path: Path) -> bool:
    return bool(json.loads(path.read_text(encoding="utf-8")).get("add_bos_token"))


def _file(tokenizer: Tokenizer, name: str) -> Path | None:
    """Return one of the files that a tokenizer was read from; None where it is not to be found."""
    from huggingface_hub import try_to_load_from_cache

    where = str(tokenizer.name_or_path or "")
    if not where:
        return None
    if Path(where).is_dir():
        path = Path(where) / name
        return path if path.is_file() else None
    try:
        found = try_to_load_from_cache(where, name)
    except ValueError:  # no name that the hub could have
        return None
    return Path(found) if isinstance(found, str) else None
