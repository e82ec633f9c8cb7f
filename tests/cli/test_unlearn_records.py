"""`simnpo unlearn` with --record-weights and with --reference."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest


@pytest.fixture
def command(files: Any, model_folder: Path) -> list[Any]:
    sets = ["--forget", files.forget, "--retain", files.retain]
    return ["unlearn", "--model", model_folder, *sets, "--epochs", 2, "--learning-rate", 1e-2]


@pytest.fixture
def other_model(make_llama: Any, tokenizer: Any, tmp_path: Path) -> Path:
    folder = tmp_path / "other"
    make_llama(seed=1).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def weights(folder: Path) -> bytes:
    return (folder / "model" / "model.safetensors").read_bytes()


def test_weights_are_recorded_without_changing_the_model(
    simnpo: Any, command: list[Any], tmp_path: Path
) -> None:
    recorded, plain = tmp_path / "recorded", tmp_path / "plain"
    done = simnpo(*command, "--record-weights", "--out", recorded)
    assert done.code == 0, done.err
    table = pd.read_parquet(recorded / "weights.parquet")
    assert sorted(zip(table["epoch"], table["example"], strict=True)) == [
        (epoch, example) for epoch in (1, 2) for example in range(4)
    ]
    assert (table["weight"] > 0).all() and (table["weight"] < 2 / table["tokens"]).all()
    assert json.loads((recorded / "run.json").read_text())["config"]["record_weights"] is True
    assert simnpo(*command, "--out", plain).code == 0
    assert weights(plain) == weights(recorded) and not (plain / "weights.parquet").exists()
    refused = simnpo(*command, "--out", recorded, "--resume")
    assert "record_weights was True and is None" in refused.err


def test_each_request_has_its_own_weights(
    simnpo: Any, command: list[Any], files: Any, tmp_path: Path
) -> None:
    model, retain = command[1:3], command[5:]
    requests = ["--requests", files.forget, files.forget, "--method", "npo", "--record-weights"]
    done = simnpo("unlearn", *model, *retain, *requests, "--out", tmp_path / "run")
    assert done.code == 0, done.err
    for stage in ("stage-1", "stage-2"):
        assert len(pd.read_parquet(tmp_path / "run" / stage / "weights.parquet")) == 8


@pytest.mark.parametrize("method", ["ga", "idk_dpo", "retrain", "task_vector"])
def test_other_methods_weigh_no_examples(
    simnpo: Any, command: list[Any], tmp_path: Path, method: str
) -> None:
    short = [*command[:7]] if method == "task_vector" else command
    done = simnpo(*short, "--method", method, "--record-weights", "--out", tmp_path / "run")
    assert done.code == 1 and "only the gradients of NPO and SimNPO" in done.err, done.err
    assert not (tmp_path / "run").exists()


def test_npo_compares_with_the_reference(
    simnpo: Any, command: list[Any], other_model: Path, model_folder: Path, tmp_path: Path
) -> None:
    npo = [*command, "--method", "npo"]
    for name, reference in (("usual", []), ("same", [model_folder]), ("other", [other_model])):
        given = ["--reference", *reference] if reference else []
        done = simnpo(*npo, *given, "--out", tmp_path / name)
        assert done.code == 0, done.err
    assert weights(tmp_path / "usual") == weights(tmp_path / "same")
    assert weights(tmp_path / "usual") != weights(tmp_path / "other")
    refused = simnpo(*npo, "--out", tmp_path / "other", "--resume")
    assert f"reference was '{other_model}' and is None" in refused.err
    # Neither a run's model nor its folder is removed while it is read.
    for reference in (tmp_path / "other", tmp_path / "other" / "model"):
        refused = simnpo(*npo, "--reference", reference, "--out", tmp_path / "other", "--overwrite")
        assert refused.code == 1 and "--overwrite would remove" in refused.err, refused.err
    assert (tmp_path / "other" / "model").is_dir()


@pytest.mark.parametrize("method", ["simnpo", "ga", "retrain", "task_vector"])
def test_a_reference_that_nothing_compares_with(
    simnpo: Any, command: list[Any], other_model: Path, tmp_path: Path, method: str
) -> None:
    short = [*command[:7]] if method == "task_vector" else command
    done = simnpo(*short, "--method", method, "--reference", other_model, "--out", tmp_path / "x")
    assert done.code == 1 and "leave out --reference" in done.err, done.err
    assert not (tmp_path / "x").exists()


def test_requests_have_references_of_their_own(
    simnpo: Any, command: list[Any], files: Any, other_model: Path, tmp_path: Path
) -> None:
    rest = [*command[1:3], *command[5:], "--method", "npo", "--reference", other_model]
    done = simnpo("unlearn", "--requests", files.forget, *rest, "--out", tmp_path / "x")
    assert done.code == 1 and "each request is compared with" in done.err, done.err


def test_a_reference_of_another_vocabulary(
    simnpo: Any,
    command: list[Any],
    make_llama: Any,
    tokenizer: Any,
    other_model: Path,
    tmp_path: Path,
) -> None:
    """Told by the tokens' texts, and by their number where the tokenizers are the same."""
    npo = [*command, "--method", "npo", "--out", tmp_path / "run", "--reference"]
    make_llama(vocab_size=len(tokenizer) + 8).save_pretrained(tmp_path / "wide")
    tokenizer.save_pretrained(tmp_path / "wide")
    done = simnpo(*npo, tmp_path / "wide")
    wide = f"the reference model knows {len(tokenizer) + 8} tokens"
    assert done.code == 1 and wide in done.err, done.err
    text = (other_model / "tokenizer.json").read_text()
    vocabulary = json.loads(text)
    ids = vocabulary["model"]["vocab"]
    ids["!"], ids["A"] = ids["A"], ids["!"]
    (other_model / "tokenizer.json").write_text(json.dumps(vocabulary))
    done = simnpo(*npo, other_model)
    assert done.code == 1 and "has another tokenizer" in done.err, done.err
    done = simnpo(*npo, tmp_path / "nothing-here")
    assert done.code == 1 and "no such folder" in done.err, done.err
    assert not (tmp_path / "run" / "run.json").exists()
