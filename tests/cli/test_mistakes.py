"""What a user can get wrong: a message with value, place and fix, and nothing lost."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from datasets import Dataset

from simnpo.data.encoding import Encoder
from simnpo.storage.runs import begin


@pytest.fixture
def unlearn(simnpo: Any, files: Any, model_folder: Path, tmp_path: Path) -> Any:
    """Run `simnpo unlearn` on good files, with some options changed."""

    def run(**changes: object) -> Any:
        options: dict[str, object] = {
            "model": model_folder,
            "forget": files.forget,
            "retain": files.retain,
            "epochs": 1,
            "out": tmp_path / "run",
        } | changes
        flags = [
            part
            for name, value in options.items()
            if value is not None
            for part in ([f"--{name.replace('_', '-')}"] + ([] if value is True else [value]))
        ]
        return simnpo("unlearn", *flags)

    return run


def refused(result: Any, *words: object) -> None:
    assert result.code == 1, result.err
    assert result.err.startswith("simnpo: error: "), result.err
    for word in words:
        assert str(word) in result.err


def test_malformed_line(unlearn: Any, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"question": "a?", "answer": "b"}\n{"question": "c?", \n')
    refused(unlearn(forget=bad), f"{bad}, line 2", "not JSON")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "holds no row"),
        ("\n\n", "holds no row"),
        ("[]", "holds no row"),
        ('{"prompt": "a?", "answer": "b"}', "--question-column"),
        ('{"question": "a?", "answer": " "}', "line 1: 'answer' is empty"),
        ('{"question": "a?", "answer": 3}', "line 1: 'answer' must be text, got 3"),
        ('{"question": "a?", "answer": "b"}\n{"question": "a?"}', "line 2: no column 'answer'"),
        ("3", "line 1: expected an object"),
    ],
)
def test_bad_forget_sets(unlearn: Any, tmp_path: Path, content: str, words: str) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text(content)
    refused(unlearn(forget=bad), bad, words)


def test_plain_text_has_no_other_answers(unlearn: Any, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("A plain text, of some words, that asks nothing at all.")
    for method in ("idk", "altpo"):
        refused(unlearn(method=method, forget=text), "plain text has no questions")


def test_a_reference_that_is_not_held_is_not_offloaded(unlearn: Any) -> None:
    refused(unlearn(offload_reference=True), "--offload-reference does nothing here")


def test_missing_files_and_sets(unlearn: Any, tmp_path: Path) -> None:
    refused(unlearn(forget=tmp_path / "none.jsonl"), "none.jsonl does not exist")
    refused(unlearn(forget=tmp_path), "is a folder")
    refused(unlearn(forget=None), "--forget FILE, or a --benchmark")
    refused(unlearn(retain=None), "SimNPO keeps a retain set", "--retain-loss none")
    assert unlearn(retain=None, retain_loss="none").code == 0


def test_answer_cut_away_by_the_length_limit(unlearn: Any, tmp_path: Path) -> None:
    refused(unlearn(max_length=8), "leaves none of its answer")
    assert not (tmp_path / "run" / "model").exists()


def test_shortened_answers_are_counted(unlearn: Any, tokenizer: Any, examples: Any) -> None:
    lengths = [len(one.ids) for one in Encoder(tokenizer).encode_all(examples)]
    limit = max(lengths) - 1
    done = unlearn(max_length=limit)
    assert done.code == 0
    cut = sum(length > limit for length in lengths)
    assert f"Note: --max-length {limit} shortened {cut} answers." in done.out


def test_rows_in_both_sets(unlearn: Any, files: Any, tmp_path: Path) -> None:
    both = tmp_path / "both.jsonl"
    both.write_text(files.forget.read_text() + files.retain.read_text())
    where = f"{files.forget}, line 1 = {both}, line 1"
    refused(unlearn(retain=both), "retain set would keep all that is forgotten", where)
    refused(unlearn(retain=files.forget), "the forget and the retain set are the same")
    refused(unlearn(holdout=files.forget), "of the holdout are in the forget set", "line 1 = ")
    assert not (tmp_path / "run").exists()
    both.write_text("".join(files.forget.read_text().splitlines(True)[:1]) + "\n")
    both.write_text(both.read_text() + files.retain.read_text())
    done = unlearn(retain=both, no_report=True)
    assert done.code == 0
    assert done.err.count("Warning: 1 of 4 rows of the forget set are in the retain set") == 1
    assert where in done.err


def test_sets_of_one_row_as_a_table_and_a_saved_dataset(unlearn: Any, tmp_path: Path) -> None:
    pd.DataFrame({"instruction": ["a?"], "output": ["b"]}).to_csv(tmp_path / "f.csv", index=False)
    turns = [{"role": "user", "content": "c?"}, {"role": "assistant", "content": "d"}]
    Dataset.from_list([{"messages": turns}]).save_to_disk(tmp_path / "r")
    done = unlearn(forget=tmp_path / "f.csv", retain=tmp_path / "r", no_report=True)
    assert done.code == 0, done.err
    assert "Warning" not in done.err and "Note" not in done.err


def test_no_model(unlearn: Any, simnpo: Any, files: Any, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    refused(unlearn(model=empty), f"{empty} is not a model", "config.json")
    refused(unlearn(model=files.forget), "is a file")
    refused(unlearn(model="no-such/model"), "looked up on the hub")
    assert not (tmp_path / "run").exists() or not any((tmp_path / "run").iterdir())


def test_broken_weights(unlearn: Any, model_folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(model_folder, broken)
    (broken / "model.safetensors").write_bytes(b"not weights")
    refused(unlearn(model=broken), f"cannot load the model {broken}")
    (broken / "model.safetensors").unlink()
    (broken / "pytorch_model.bin").write_bytes(b"pickle")  # never unpickled
    refused(unlearn(model=broken), f"cannot load the model {broken}", "safetensors")


def test_remote_code_does_not_run_unasked(unlearn: Any, model_folder: Path, tmp_path: Path) -> None:
    remote = tmp_path / "remote"
    shutil.copytree(model_folder, remote)
    config = json.loads((remote / "config.json").read_text())
    config |= {"model_type": "odd", "auto_map": {
        "AutoConfig": "odd.Config", "AutoModelForCausalLM": "odd.Model"
    }}  # fmt: skip
    (remote / "config.json").write_text(json.dumps(config))
    marker = tmp_path / "ran"
    (remote / "odd.py").write_text(f"open({str(marker)!r}, 'w').close()\n")
    refused(unlearn(model=remote), "--trust-remote-code")
    assert not marker.exists()


def test_output_that_holds_a_run(unlearn: Any, tmp_path: Path) -> None:
    assert unlearn().code == 0
    kept = (tmp_path / "run" / "run.json").read_bytes()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    refused(unlearn(), "already holds results (run.json)", "--resume", "--overwrite")
    assert (tmp_path / "run" / "run.json").read_bytes() == kept
    refused(unlearn(beta=9.0, resume=True), "was started otherwise", "beta")
    assert unlearn(overwrite=True).code == 0
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"
    refused(unlearn(resume=True, out=tmp_path / "new"), "holds no run")
    occupied = tmp_path / "file"
    occupied.write_text("x")
    refused(unlearn(out=occupied), "is a file")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "magic"}, "unknown method 'magic'; there are"),
        ({"method": "ga", "beta": 1.0}, "GA has no setting 'beta'"),
        ({"method": "npo", "gamma": 1.0}, "NPO has no setting 'gamma'; it has beta"),
        ({"beta": 0.0}, "beta must be above 0 and finite, got 0.0"),
        ({"gamma": -1.0}, "gamma must be"),
        ({"retain_loss": "l2"}, "unknown retain loss 'l2'"),
        ({"method": "ga", "retain": None, "retain_weight": 2.0}, "no retain loss"),
        ({"epochs": 0}, "--epochs must be above 0, got 0"),
        ({"batch_size": 0}, "--batch-size must be above 0, got 0"),
        ({"template": "Q: {question}"}, "ends in {answer}"),
        ({"template": "chat"}, "no chat template"),
        (
            {"benchmark": "mini-tofu", "split": "forget99", "forget": None, "retain": None},
            "no split 'forget99'",
        ),
        ({"split": "forget99"}, "need a --benchmark"),
        ({"epochs": float("inf")}, "--epochs must be above 0, got inf"),
        ({"seed": -1}, "--seed must be from 0"),
        ({"lora_rank": 2, "lora_alpha": -1}, "--lora-alpha -1"),
        ({"evaluate_epochs": -2}, "--evaluate-epochs must be at least 0"),
        ({"resume": True, "overwrite": True}, "contradict"),
        ({"lora_merge": True}, "without --lora-rank"),
        ({"split": "forget05"}, "need a --benchmark"),
        ({"benchmark": "tofu"}, "leave out --forget"),
        ({"retain_scores": "x", "no_report": True}, "without --evaluate-epochs"),
        ({"report_to": "nowhere"}, "nowhere"),
    ],
)
def test_settings_that_do_not_fit(unlearn: Any, changes: dict[str, Any], words: str) -> None:
    refused(unlearn(**changes), words)


def test_unknown_options_and_values(simnpo: Any, tmp_path: Path) -> None:
    for arguments in (
        ["unlearn", "--model", "m", "--out", "o", "--betta", "1"],
        ["unlearn", "--model", "m", "--out", "o", "--beta", "much"],
        ["unlearn", "--out", "o"],
        ["forget", "everything"],
        [],
    ):
        assert simnpo(*arguments).code == 2


def test_evaluate_mistakes(
    simnpo: Any, model_folder: Path, tofu_folder: Path, tmp_path: Path
) -> None:
    base = ["evaluate", "--model", model_folder, "--out", tmp_path / "out"]
    tofu = ["--benchmark", "tofu", "--data-dir", tofu_folder]
    refused(simnpo(*base), "--benchmark tofu")
    refused(simnpo(*base, "--benchmark", "muse9"), "unknown benchmark 'muse9'")
    refused(simnpo(*base, *tofu, "--split", "forget07"), "no split 'forget07'")
    refused(simnpo(*base, *tofu, "--split", "forget01"), "forget01.json does not exist")
    refused(simnpo(*base, *tofu, "--max-items", 0), "at least 1")
    refused(simnpo(*base, *tofu, "--retain-scores", tmp_path / "no"), "does not exist")
    refused(simnpo(*base, *tofu, "--retain-scores", tofu_folder), "is not an evaluation")
    refused(simnpo(*base, "--benchmark", "tofu", "--data-dir", tmp_path / "no"), "is not a folder")
    refused(simnpo(*base, "--benchmark", "tofu"), "locuslab/TOFU", "--data-dir")
    assert simnpo(*base, *tofu).code == 0
    refused(simnpo(*base, *tofu), "already holds")
    assert "Nothing to do" in simnpo(*base, *tofu, "--resume").out


def test_compare_mistakes(simnpo: Any, tmp_path: Path) -> None:
    refused(simnpo("compare", tmp_path, "--out", tmp_path / "c"), "is not an evaluation")
    assert simnpo("compare").code in (1, 2)


def test_metrics_mistakes(simnpo: Any, tmp_path: Path) -> None:
    log = tmp_path / "log.json"
    log.write_text('{"eval_log.json": {}}')
    refused(simnpo("metrics", "tofu", "--scores", log, "--out", tmp_path / "o"), log)
    log.write_text("{")
    refused(simnpo("metrics", "tofu", "--scores", log, "--out", tmp_path / "o"), "not JSON")


def test_overwrite_never_removes_what_is_read(
    unlearn: Any, simnpo: Any, tofu_folder: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert unlearn(no_report=True).code == 0
    weights = (run / "model" / "model.safetensors").read_bytes()
    refused(unlearn(model=run, overwrite=True), "would remove", "another --out")
    refused(unlearn(model=run / "model", overwrite=True), "would remove")
    refused(unlearn(model=tmp_path / "nope", overwrite=True), "cannot load")
    assert (run / "model" / "model.safetensors").read_bytes() == weights
    evaluation = ["--benchmark", "tofu", "--data-dir", tofu_folder, "--out", run / "evaluation"]
    assert simnpo("evaluate", "--model", run, *evaluation).code == 0
    summary = (run / "evaluation" / "summary.json").read_bytes()
    refused(
        simnpo("evaluate", "--model", tmp_path / "nope", *evaluation, "--overwrite"), "cannot load"
    )
    scores = ["--scores", run, "--out", run / "evaluation", "--overwrite"]
    refused(simnpo("metrics", "tofu", *scores), "would remove")
    again = simnpo("evaluate", "--model", run, *evaluation, "--max-items", 2, "--resume")
    refused(again, "is of another evaluation: max_items was None and is 2")
    resumed = ["evaluate", "--model", run, *evaluation, "--resume"]
    assert "Nothing to do" in simnpo(*resumed).out
    refused(simnpo(*resumed, "--max-length", 64), "max_length was 512 and is 64")
    refused(simnpo(*resumed, "--template", "llama2"), "template was", "is 'llama2'")
    refused(simnpo(*resumed, "--precision", "bf16"), "precision was 'fp32' and is 'bf16'")
    assert (
        unlearn(no_report=True, seed=7, overwrite=True).code == 0
    )  # another model, in the same folder
    refused(simnpo(*resumed), "run.settings.seed was 42 and is 7")
    assert (run / "evaluation" / "summary.json").read_bytes() == summary


def test_reports_leave_other_files_alone(
    simnpo: Any, model_folder: Path, tofu_folder: Path, tmp_path: Path
) -> None:
    tofu = ["--benchmark", "tofu", "--data-dir", tofu_folder]
    one = tmp_path / "a" / "evaluation"
    assert simnpo("evaluate", "--model", model_folder, *tofu, "--out", one).code == 0
    assert simnpo("evaluate", "--model", model_folder, *tofu, "--out", tmp_path / "b").code == 0
    out = tmp_path / "report"
    (out / "plots").mkdir(parents=True)
    (out / "plots" / "mine.png").write_bytes(b"mine")
    done = simnpo("compare", one, tmp_path / "b", "--out", out)  # of one name: told by folder
    assert done.code == 0, done.err
    page = (out / "report.html").read_text()
    assert "<span>a/evaluation</span>" in page and "<span>b</span>" in page
    refused(simnpo("compare", one, "--out", out), "already holds")
    assert simnpo("compare", one, "--out", out, "--overwrite").code == 0
    assert (out / "plots" / "mine.png").read_bytes() == b"mine"
    mine = tmp_path / "other" / "original" / "config.json"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    refused(simnpo("demo", "--out", tmp_path / "other", "--overwrite"), "config.json is in the way")
    assert mine.read_text() == "mine"


def test_a_demo_goes_on_as_it_was_begun(simnpo: Any, tmp_path: Path) -> None:
    begin(tmp_path, "demo", {"benchmark": "mini-tofu", "split": "forget10", "seed": 1}, {})
    refused(simnpo("demo", "--out", tmp_path, "--resume"), "seed was 1 and is 42")


def test_a_corrected_command_is_not_in_its_own_way(unlearn: Any, tmp_path: Path) -> None:
    refused(unlearn(max_length=8), "leaves none of its answer")
    refused(unlearn(batch_size=0), "must be above 0")
    assert unlearn().code == 0


def test_an_adapter_is_not_put_on_an_adapter(unlearn: Any, tmp_path: Path) -> None:
    assert unlearn(lora_rank=2).code == 0
    second: dict[str, Any] = {"model": tmp_path / "run", "lora_rank": 2, "out": tmp_path / "second"}
    refused(unlearn(**second), "is itself an adapter", "--lora-merge")
    assert unlearn(**second, lora_merge=True).code == 0


def test_tokens_outside_the_embedding(unlearn: Any, model_folder: Path, tmp_path: Path) -> None:
    """A pad token that was added to the tokenizer alone is fine; one in the text is not."""
    from simnpo.models import load_tokenizer

    copied = tmp_path / "padded"
    shutil.copytree(model_folder, copied)
    tokenizer = load_tokenizer(str(copied))
    tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    tokenizer.save_pretrained(copied)
    assert unlearn(model=copied).code == 0
    tokenizer.add_tokens(["Torrin"])
    tokenizer.save_pretrained(copied)
    refused(unlearn(model=copied, out=tmp_path / "other"), "the model knows only")


def test_generation_settings_that_transformers_would_not_save(
    unlearn: Any, model_folder: Path, tmp_path: Path
) -> None:
    copied = tmp_path / "loose"
    shutil.copytree(model_folder, copied)
    (copied / "generation_config.json").write_text('{"temperature": 0.6, "top_p": 0.9}')
    assert unlearn(model=copied).code == 0
    kept = json.loads((tmp_path / "run/model/generation_config.json").read_text())
    assert kept["temperature"] == 0.6


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "1" * 5000, '{"question": "\\ud800?", "answer": "b"}']
)
def test_odd_json(unlearn: Any, tmp_path: Path, text: str) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text(text)
    refused(unlearn(forget=bad), f"{bad}, ")


@pytest.mark.parametrize("text", ["{}", "[]", "3", '{"command": "unlearn"}'])
def test_broken_records(unlearn: Any, simnpo: Any, tmp_path: Path, text: str) -> None:
    assert unlearn().code == 0
    (tmp_path / "run" / "run.json").write_text(text)
    refused(unlearn(resume=True), "is not a record of a run")
    (tmp_path / "summary.json").write_text(text)
    refused(simnpo("compare", tmp_path, "--out", tmp_path / "c"), "is not a summary")


def test_a_demo_of_plain_text_refuses_methods_that_need_questions(
    simnpo: Any, tmp_path: Path
) -> None:
    out = tmp_path / "demo"
    for method in ("idk", "altpo"):
        said = simnpo("demo", "--benchmark", "mini-muse", "--methods", "npo", method, "--out", out)
        refused(said, "--methods", method, "mini-muse is plain text")
    assert not out.exists()
