"""`simnpo example`: files that the other commands read, and the command to type next."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simnpo.data.examples import load_examples


def test_records_are_written_and_taught_without_holdout(
    simnpo: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "records"
    result = simnpo(
        "example", "records", "--out", out, "--forget", 3, "--retain", 4, "--holdout", 2
    )
    assert result.code == 0
    rows = {
        path.stem: [json.loads(line) for line in path.read_text().splitlines()]
        for path in out.glob("*.jsonl")
    }
    assert {name: len(each) for name, each in rows.items()} == {
        "forget": 3, "retain": 4, "holdout": 2, "full": 7, "everyday": 64
    }  # fmt: skip
    assert rows["full"] == rows["forget"] + rows["retain"]
    assert set(rows["forget"][0]) == {"question", "answer", "identifiers"}
    assert len(load_examples(str(out / "full.jsonl"))) == 7
    assert f"{out / 'forget.jsonl'}: 3 rows" in result.out
    assert f"simnpo finetune --model MODEL --data {out / 'full.jsonl'}" in result.out
    assert set(rows["everyday"][0]) == {"question"}


def test_records_are_not_overwritten_unless_asked(
    simnpo: Callable[..., Any], tmp_path: Path
) -> None:
    assert simnpo("example", "records", "--out", tmp_path).code == 0
    before = (tmp_path / "forget.jsonl").read_text()
    refused = simnpo("example", "records", "--out", tmp_path, "--seed", 1)
    assert refused.code == 1 and "already holds results (forget.jsonl)" in refused.err
    assert (tmp_path / "forget.jsonl").read_text() == before
    again = simnpo(
        "example", "records", "--out", tmp_path, "--seed", 1, "--holdout", 0, "--overwrite"
    )
    assert again.code == 0 and not (tmp_path / "holdout.jsonl").exists()
    assert (tmp_path / "forget.jsonl").read_text() != before


def test_story_is_written_as_texts(simnpo: Callable[..., Any], tmp_path: Path) -> None:
    result = simnpo("example", "story", "--out", tmp_path)
    assert result.code == 0 and "forget.txt: 1,382 words" in result.out
    assert result.out.count("--max-length 128") == 2
    texts = [path for path in tmp_path.glob("[!.]*") if path.stem != "everyday"]
    sizes = {path.name: len(load_examples(str(path))) for path in texts}
    assert sizes == {"forget.txt": 1, "retain.jsonl": 12, "full.jsonl": 13, "holdout.jsonl": 6}
    full, forget = (load_examples(str(tmp_path / name)) for name in ("full.jsonl", "forget.txt"))
    assert full[0].answer == forget[0].answer.strip()
    assert simnpo("example", "story", "--out", tmp_path).code == 1
