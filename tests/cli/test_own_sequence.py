"""Successive requests on a user's own files: measured, judged, and resumed after a kill."""

import json
from datetime import date
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from small_data import QUESTIONS, write_rows

from simnpo.evaluation.history import read_history
from simnpo.experiments.own_sequence import OwnSequence
from simnpo.storage.runs import read_run

ROWS = [{"question": question, "answer": answer} for question, answer in QUESTIONS]


def summary(out: Path, stage: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (out / f"stage-{stage}" / "evaluation" / "summary.json").read_text()
    )
    return found


def test_requests_are_measured_and_judged_and_resumed(
    simnpo: Any, taught: Path, tmp_path: Path, one_prompt: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = {"monday": ROWS[:2], "tuesday": ROWS[2:4], "retain": ROWS[4:], "both": ROWS[:4]}
    files = {name: write_rows(tmp_path / f"{name}.jsonl", rows) for name, rows in parts.items()}
    out = tmp_path / "out"
    command = [
        "unlearn", "--model", taught, "--requests", files["monday"], files["tuesday"],
        "--retain", files["retain"], "--out", out,
    ]  # fmt: skip
    measure = OwnSequence.measure

    def killed(self: OwnSequence, number: int, *others: Any) -> None:
        if number == 2:
            raise KeyboardInterrupt
        measure(self, number, *others)

    monkeypatch.setattr(OwnSequence, "measure", killed)
    assert simnpo(*command).code == 130
    trained = (out / "stage-2" / "model" / "model.safetensors").read_bytes()
    monkeypatch.setattr(OwnSequence, "measure", measure)
    done = simnpo(*command, "--resume")
    assert done.code == 0, done.err
    assert (out / "stage-2" / "model" / "model.safetensors").read_bytes() == trained

    before = summary(out, 0)["counts"]
    assert before["request_1.extracted"] == before["request_2.extracted"] == [2, 2]
    assert before["forget.extracted"] == [4, 4] and summary(out, 0)["metrics"]["kept_share"] == 1
    said = " ".join(done.out.split())
    for stage in (1, 2):
        found, run = summary(out, stage), read_run(out / f"stage-{stage}")
        assert found["name"] == f"Stage {stage}" and found["run"]["settings"]["held_out"] == 2
        total = sum(found["counts"][f"request_{one}.extracted"][0] for one in (1, 2))
        assert found["counts"]["forget.extracted"] == [total, 4]
        assert "kept_share" in found["metrics"]
        # The verdict is about the requests so far.
        assert f" of {2 * stage} answers" in found["verdict"]["sentence"]
        assert run["verdict"] == found["verdict"]
        # The run stops by what the first model knew of this stage's request.
        points = read_history(out / f"stage-{stage}" / "control.jsonl")
        assert points[0]["step"] == 0 and points[0]["forget_verbatim"] == 1
        assert run["data"]["forget_size"] == run["data"]["retain_size"] == 2
        assert f"Stage {stage}: {found['verdict']['sentence']}" in said
    record = read_run(out)
    assert record["verdict"] == summary(out, 2)["verdict"] and record["status"] == "finished"

    assert "Answers that come out request 1 request 2 all" in said
    assert "Before 2 of 2 2 of 2 4 of 4" in said
    page = unescape((out / "report.html").read_text())
    assert "unlearns 2 requests" in page and "Request 2" in page and "2 of 2" in page
    assert f"SimNPO on model, {date.today().isoformat()}: 2 requests" in page
    # All answers before and after, each once.
    assert all(page.count(f"<h4>{row['question']} ") == 1 for row in ROWS)
    assert record["verdict"]["sentence"] in page and "of before (--keep)" in page
    assert "Nothing to do" in simnpo(*command, "--resume").out
    secret = write_rows(tmp_path / "secret.jsonl", [{**ROWS[2], "identifiers": "Lune"}, ROWS[3]])
    other = [secret if one == files["tuesday"] else one for one in command]
    refused = simnpo(*other, "--resume")
    assert "request_2_rows was" in refused.err and "request_1_rows" not in refused.err

    compared = simnpo("compare", out / "before", out, "--out", tmp_path / "compared")
    assert compared.code == 0, compared.err
    # The same rows in one file are the same forget set, so the run's own original serves.
    evaluated = simnpo(
        "evaluate", "--model", out, "--forget", files["both"], "--retain", files["retain"],
        "--out", tmp_path / "evaluation",
    )  # fmt: skip
    assert evaluated.code == 0, evaluated.err
    again = json.loads((tmp_path / "evaluation" / "summary.json").read_text())
    assert again["verdict"]["sentence"] == record["verdict"]["sentence"]


def test_mistakes(simnpo: Any, model_folder: Path, tmp_path: Path, one_prompt: None) -> None:
    asked = write_rows(tmp_path / "asked.jsonl", ROWS[:2])
    text = write_rows(tmp_path / "text.jsonl", [{"text": "A long story of a small town."}])
    retain = write_rows(tmp_path / "retain.jsonl", ROWS[4:])
    base = ["unlearn", "--model", model_folder, "--retain", retain, "--out", tmp_path / "out"]
    for options, words in (
        (["--requests", asked, text], "some are questions and some are plain texts"),
        (["--requests", asked, "--also", f"request_1={text}"], "this name is a request's"),
    ):
        refused = simnpo(*base, *options)
        assert refused.code == 1 and words in refused.err, refused.err
        assert not list(tmp_path.glob("out/*"))
