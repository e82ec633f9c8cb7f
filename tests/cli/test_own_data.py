"""A user's own two files, from teaching to the verdict, on a model that learns them in seconds."""

import json
from collections.abc import Callable
from datetime import date
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from small_data import QUESTIONS, write_rows

from simnpo.data.encoding import Encoder
from simnpo.data.examples import Example
from simnpo.storage.runs import read_run

ROWS = [{"question": question, "answer": answer} for question, answer in QUESTIONS]


@pytest.fixture
def sets(tmp_path: Path) -> dict[str, Path]:
    """Files to forget and to keep."""
    return {
        "forget": write_rows(tmp_path / "forget.jsonl", ROWS[:4]),
        "retain": write_rows(tmp_path / "retain.jsonl", ROWS[4:]),
    }


@pytest.fixture
def unlearn(simnpo: Callable[..., Any], taught: Path, sets: dict[str, Path]) -> Callable[..., Any]:
    def run(*options: object) -> Any:
        files = ("--forget", sets["forget"], "--retain", sets["retain"])
        return simnpo("unlearn", "--model", taught, *files, *options)

    return run


def test_a_weak_setting_is_not_forgotten_and_says_what_to_raise(
    unlearn: Callable[..., Any], tmp_path: Path
) -> None:
    found = unlearn("--learning-rate", "1e-6", "--forget-weight", "0.1", "--out", tmp_path / "out")
    assert found.code == 0
    # The plan, with one row exactly as the model sees it.
    assert "Retain rows held out  2 rows" in found.out
    assert "<s>Question: Where was Ada Vell born?" in found.out
    # The verdict, and what to change.
    assert "NOT FORGOTTEN: 4 of 4 answers still come out word for word" in found.out
    assert "raise --learning-rate from 1e-06" in found.out
    assert "raise --forget-weight from 0.1 to 1" in found.out
    # The page says the same, and its title which run this is.
    page = unescape((tmp_path / "out" / "report.html").read_text())
    title = f"SimNPO on model, {date.today().isoformat()}: forget.jsonl"
    assert page.count(title) == 2 and "Raise --learning-rate from 1e-06" in page
    record = read_run(tmp_path / "out")
    assert record["verdict"]["kind"] == "not forgotten"
    assert not record["control"]["reached"]


def test_a_run_that_works_is_forgotten_and_evaluate_agrees(
    unlearn: Callable[..., Any], simnpo: Callable[..., Any], sets: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    found = unlearn("--learning-rate", "5e-4", "--keep", "0.01", "--out", out)
    assert found.code == 0
    # A model this small keeps nothing that it is not trained on.
    assert read_run(out)["verdict"]["kind"] in ("forgotten", "damaged"), found.out
    assert "4 of 4 answers no longer come out" in " ".join(found.out.split())
    report = (out / "report.html").read_text()
    assert "4 of 4 answers no longer come out" in report
    assert "1 % of before (--keep)" in report
    for row in ROWS[:4]:
        assert row["question"] in report
    assert 'id="answers-general"' in report and "Generic prompts, item 0" in report
    # No heading without answers: sets of questions have no continued passages.
    assert "_continued" not in report and "No question of this set" not in report
    again = simnpo(
        *("evaluate", "--model", out, "--forget", sets["forget"], "--retain", sets["retain"]),
        *("--out", tmp_path / "again"),
    )
    assert again.code == 0
    summary = json.loads((tmp_path / "again" / "summary.json").read_text())
    own = json.loads((out / "evaluation" / "summary.json").read_text())
    assert summary["verdict"]["kind"] == own["verdict"]["kind"]
    assert summary["counts"] == own["counts"]
    assert summary["metrics"] == pytest.approx(own["metrics"])


def test_a_finished_run_whose_report_is_missing_gets_it_on_resume(
    unlearn: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ("--learning-rate", "5e-4", "--out", out)
    unlearn(*options)
    before = (out / "report.html").read_text()
    (out / "report.html").unlink()
    (out / "evaluation" / "summary.json").unlink()
    assert unlearn(*options, "--resume").code == 0
    assert (out / "report.html").read_text().count("Ada Vell") == before.count("Ada Vell")
    assert "Nothing to do" in unlearn(*options, "--resume").out


@pytest.mark.parametrize("how", [(), ("--no-report", "--evaluate-epochs", 1)])
def test_resuming_with_other_measured_rows_names_them(
    unlearn: Callable[..., Any], sets: dict[str, Path], tmp_path: Path, how: tuple[object, ...]
) -> None:
    out, asked = tmp_path / "out", tmp_path / "asked.jsonl"
    write_rows(asked, [{"question": "Who is Ed Fane?", "answer": "A baker of Torrin."}])
    options = ("--steps", 1, *how, "--out", out, "--holdout", asked, "--also")
    assert unlearn(*options, f"facts={asked}").code == 0
    assert "Nothing to do" in unlearn(*options, f"facts={asked}", "--resume").out
    moved = asked.rename(tmp_path / "moved.jsonl")  # the rows count, not where they are
    again = ("--holdout", moved, "--resume")
    assert "Nothing to do" in unlearn(*options, f"facts={moved}", *again).out
    write_rows(tmp_path / "other.jsonl", [{"question": "Who is Ed Fane?", "answer": "A smith."}])
    for changed, name in (
        ((f"facts={tmp_path / 'other.jsonl'}", *again), "facts_rows was"),
        ((f"facts={moved}", "--resume", "--holdout", tmp_path / "other.jsonl"), "holdout_rows was"),
        ((f"news={moved}", *again), "news_rows was None and is"),
    ):
        refused = unlearn(*options, *changed)
        assert refused.code == 1 and name in refused.err, refused.err
        assert refused.err.count("\n") == 1
    secret = [{**ROWS[0], "identifiers": "Torrin"}, *ROWS[1:4]]
    write_rows(sets["forget"], secret)  # trained on as before, but judged otherwise
    assert "forget_rows was" in unlearn(*options, f"facts={moved}", *again).err


def test_no_report_measures_nothing(unlearn: Callable[..., Any], tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = unlearn("--no-report", "--steps", "2", "--out", out)
    assert found.code == 0 and "Model:" in found.out
    assert not (out / "before").exists() and not (out / "report.html").exists()
    assert "verdict" not in read_run(out)


def test_overwrite_replaces_the_measurements_too(
    unlearn: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    unlearn("--learning-rate", "1e-6", "--steps", "2", "--out", out)
    first = json.loads((out / "evaluation" / "summary.json").read_text())["metrics"]
    assert unlearn("--learning-rate", "5e-4", "--out", out).code == 1  # nothing is lost
    assert unlearn("--learning-rate", "5e-4", "--out", out, "--overwrite").code == 0
    assert json.loads((out / "evaluation" / "summary.json").read_text())["metrics"] != first


def test_a_run_that_is_not_measured_leaves_no_measurements_of_the_last_one(
    unlearn: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    unlearn("--steps", "2", "--out", out)
    assert (out / "before").is_dir()
    assert unlearn("--steps", "2", "--no-report", "--overwrite", "--out", out).code == 0
    left = ("before", "evaluation/summary.json", "report.html")
    assert not any((out / name).exists() for name in left)


def test_evaluate_measures_another_original_anew(
    simnpo: Callable[..., Any],
    taught: Path,
    model_folder: Path,
    sets: dict[str, Path],
    tmp_path: Path,
) -> None:
    out = tmp_path / "evaluated"

    def evaluate(original: Path, *options: object) -> Any:
        files = ("--forget", sets["forget"], "--retain", sets["retain"])
        models = ("--model", model_folder, "--original", original)
        found = simnpo("evaluate", *models, *files, "--out", out, *options)
        assert found.code == 0, found.err
        return found

    assert "NOTHING KNOWN" in evaluate(model_folder).out
    assert "NOTHING KNOWN" not in evaluate(taught, "--overwrite").out
    assert json.loads((out / "before" / "summary.json").read_text())["model"] == str(taught)


def test_evaluate_reads_the_rows_of_a_task_vector_as_its_run_did(
    unlearn: Callable[..., Any], simnpo: Callable[..., Any], sets: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ("--method", "task_vector", "--reinforce-epochs", "1", "--seed", "7", "--out", out)
    found = unlearn(*options)
    assert found.code == 0, found.err
    own = ("--forget", sets["forget"], "--retain", sets["retain"])
    again = simnpo("evaluate", "--model", out, *own, "--out", tmp_path / "again")
    assert again.code == 0, again.err
    hashes = [
        json.loads((folder / "summary.json").read_text())["data"]
        for folder in (out / "evaluation", tmp_path / "again")
    ]
    assert hashes[0] == hashes[1] and "kept" in hashes[0]
    assert read_run(out)["verdict"]["sentence"] in again.out


def test_evaluate_says_why_there_is_no_verdict(
    unlearn: Callable[..., Any], simnpo: Callable[..., Any], sets: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    unlearn("--steps", "2", "--out", out)
    found = simnpo(
        *("evaluate", "--model", out, "--forget", sets["forget"], "--retain", sets["retain"]),
        *("--max-items", "1", "--out", tmp_path / "again"),
    )
    assert found.code == 0 and "no verdict" in found.err and "--max-items" in found.err


def test_a_verdict_on_some_of_the_rows_says_so(unlearn: Callable[..., Any], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert unlearn("--steps", "2", "--max-items", "2", "--out", out).code == 0
    assert "2 of 4 rows to forget were measured" in read_run(out)["verdict"]["cautions"][0]


def test_an_answer_beyond_the_length_limit_is_compared_with_what_was_learnt_of_it(
    simnpo: Callable[..., Any],
    teach: Callable[[int], Path],
    tokenizer: Any,
    sets: dict[str, Path],
    tmp_path: Path,
    one_prompt: None,
) -> None:
    lengths = [
        len(one.ids) for one in Encoder(tokenizer).encode_all(Example(*one) for one in QUESTIONS)
    ]
    limit = max(lengths[:4]) - 4
    long = sum(length > limit for length in lengths[:4])
    model, out = teach(limit), tmp_path / "out"
    own = ("--forget", sets["forget"], "--retain", sets["retain"], "--max-length", limit)
    weak = ("--learning-rate", "1e-7", "--steps", 1)
    found = simnpo("unlearn", "--model", model, *own, *weak, "--out", out)
    assert found.code == 0, found.err
    # Said before anything is measured, in one line, with the sets.
    (line,) = [one for one in found.err.splitlines() if "lose their end" in one]
    assert line.startswith(f"Warning: {long} of 4 answers of the forget set lose their end")
    # The model knows what it was shown of it, which is not silently "forgotten".
    before = json.loads((out / "before" / "summary.json").read_text())
    assert before["counts"]["forget.verbatim"] == [4, 4]
    verdict = read_run(out)["verdict"]
    assert verdict["sentence"].startswith("NOT FORGOTTEN: 4 of 4")
    assert f"{long} of 4 answers to forget are judged word for word by" in verdict["cautions"][-1]
    assert any("of the forget set are longer than --max-length" in one for one in before["notes"])
    # Under another limit other words were asked for: no verdict compares the two.
    again = simnpo(
        "evaluate", "--model", out, *own[:4], "--max-length", 99, "--out", tmp_path / "a"
    )
    assert "no verdict" in again.err and "--max-length" in again.err


def test_retrain_keeps_every_row(unlearn: Callable[..., Any], tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = unlearn("--method", "retrain", "--epochs", "1", "--out", out)
    assert found.code == 0, found.err
    assert read_run(out)["data"]["retain_size"] == 4


def test_idk_hides(unlearn: Callable[..., Any], tmp_path: Path) -> None:
    options = ("--learning-rate", "3e-3", "--keep", "0.01", "--out", tmp_path / "out")
    found = unlearn("--method", "idk", *options)
    assert found.code == 0
    assert "refused" in read_run(tmp_path / "out")["control"]["why"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--keep", "0"), "--keep 0"),
        (("--max-items", "0"), "--max-items 0"),
        (("--also", "facts"), "give a name and a file"),
        (("--benchmark", "mini-tofu"), "brings its own sets; leave out --forget and --retain"),
    ],
)
def test_mistakes(
    options: tuple[str, ...], says: str, unlearn: Callable[..., Any], tmp_path: Path
) -> None:
    found = unlearn(*options, "--out", tmp_path / "out")
    assert found.code == 1 and says in found.err
    assert not (tmp_path / "out").exists()
