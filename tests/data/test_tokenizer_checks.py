"""What is looked at once of a tokenizer: what it adds, what it loses, whether its files agree."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import made_tokenizers
import pytest
from tokenizers import normalizers

from simnpo.data.tokenizer_checks import begin_ids, check_tokenizer, restore_bos
from simnpo.models import load_tokenizer
from simnpo.system.notes import note_once


@pytest.fixture(autouse=True)
def fresh_notes() -> Iterator[None]:
    note_once.cache_clear()
    yield
    note_once.cache_clear()


def saved(tokenizer: Any, folder: Path, **changes: Any) -> Path:
    """Save a tokenizer as a model's folder has it, its configuration changed."""
    tokenizer.save_pretrained(folder)
    (folder / "config.json").write_text("{}")
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return folder


@pytest.mark.parametrize(
    ("post", "begin"), [("$A", ()), ("<s> $A", (0,)), ("<s> $A </s>", (0,)), ("$A </s>", ())]
)
def test_what_begins_every_text(post: str, begin: tuple[int, ...]) -> None:
    assert begin_ids(made_tokenizers.byte_level(post)) == begin


def test_a_tokenizer_without_faults_says_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load_tokenizer(str(saved(made_tokenizers.byte_level("<s> $A"), tmp_path)))
    assert capsys.readouterr().err == ""


def test_a_declared_bos_that_transformers_drops_is_restored_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = saved(made_tokenizers.byte_level("$A"), tmp_path / "a", add_bos_token=True)
    for _ in range(2):
        tokenizer = load_tokenizer(str(folder))
        assert tokenizer("a")["input_ids"][0] == 0 and begin_ids(tokenizer) == (0,)
    assert capsys.readouterr().err.count("says add_bos_token") == 1
    again = load_tokenizer(str(saved(tokenizer, tmp_path / "b")))
    assert again("a")["input_ids"][0] == 0
    none = load_tokenizer(str(saved(made_tokenizers.byte_level("$A"), tmp_path / "c")))
    assert begin_ids(none) == ()
    said = saved(made_tokenizers.byte_level("<s> $A"), tmp_path / "d", add_bos_token=True)
    note_once.cache_clear()
    capsys.readouterr()
    restore_bos(load_tokenizer(str(said)))
    assert capsys.readouterr().err == ""


def test_texts_that_do_not_come_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tokenizer = made_tokenizers.byte_level("<s> $A")
    tokenizer.backend_tokenizer.normalizer = normalizers.Lowercase()
    for _ in range(2):
        load_tokenizer(str(saved(tokenizer, tmp_path)))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Warning: the tokenizer does not give texts back: \"Ada's 3 cats")
    assert "comes back as \"ada's 3 cats" in line


def test_a_class_that_makes_other_tokens_than_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A byte-level tokenizer.json under the name of a class that knows SentencePiece alone."""
    folder = saved(made_tokenizers.byte_level("<s> $A"), tmp_path, tokenizer_class="GemmaTokenizer")
    tokenizer = load_tokenizer(str(folder))
    assert type(tokenizer).__name__ == "GemmaTokenizer"
    check_tokenizer(tokenizer)
    said = capsys.readouterr().err
    assert said.count("the tokenizer's class GemmaTokenizer makes other tokens than its") == 1
