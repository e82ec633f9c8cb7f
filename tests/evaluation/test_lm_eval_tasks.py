"""lm-eval's own scoring against ours, on a task over a local file; skipped without lm-eval."""

import json
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from simnpo.benchmarks.multiple_choice import choice_files
from simnpo.cli.main import main
from simnpo.data.encoding import Encoder
from simnpo.errors import UserError
from simnpo.evaluation.evaluate import evaluate_model
from simnpo.evaluation.lm_eval_tasks import lm_eval_tables
from simnpo.evaluation.metrics.multiple_choice import multiple_choice_metrics
from simnpo.evaluation.tables import SCORE_COLUMNS

ROWS = [
    {
        "question": f" What is {number} and {number % 3}? ",
        "choices": [f"{number + other}" for other in (0, 2, 1, 3)],
        "answer": (number * 7) % 4,
        "letters": "ABCD",
        "subject": "elementary_sums",
    }
    for number in range(24)
]
# The template of lm-eval's tasks wmdp and mmlu.
TASK = """task: sums
dataset_path: json
dataset_kwargs:
  data_files:
    test: {path}
test_split: test
output_type: multiple_choice
description: "The following are multiple choice questions (with answers) about elementary \
sums.\\n\\n"
doc_to_text: "{{{{question.strip()}}}}\\nA. {{{{choices[0]}}}}\\nB. {{{{choices[1]}}}}\\nC. \
{{{{choices[2]}}}}\\nD. {{{{choices[3]}}}}\\nAnswer:"
doc_to_choice: ["A", "B", "C", "D"]
doc_to_target: answer
metric_list:
  - metric: acc
"""


@pytest.fixture
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "sums.json").write_text(json.dumps(ROWS))
    task = TASK.format(path=tmp_path / "sums.json")
    (tmp_path / "sums.yaml").write_text(task)
    for name, old, new in [
        ("again", "\ndataset_path", "\ntag: tagged\ndataset_path"),
        ("thrice", "task: sums", "task: thrice"),
        # Each answer also without its question.
        ("mutual", "  - metric: acc\n", "  - metric: acc\n  - metric: acc_mutual_info\n"),
        # The right answer by its text.
        ("texts", "doc_to_target: answer", 'doc_to_target: "{{letters[answer]}}"'),
        ("several", "doc_to_target: answer", 'doc_to_target: "{{[answer, 0]}}"'),
        ("plain", "multiple_choice\n", "loglikelihood\n"),
    ]:
        text = task.replace(old, new).replace("task: sums", f"task: {name}")
        assert text.count(new) == 1
        if name == "plain":
            text = text.replace("doc_to_target: answer", 'doc_to_target: "no"')
        (tmp_path / f"{name}.yaml").write_text(text)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    if find_spec("lm_eval"):  # reading its thousands of own tasks takes longer than these tests
        import lm_eval.tasks

        few = partial(lm_eval.tasks.TaskManager, include_defaults=False)
        monkeypatch.setattr(lm_eval.tasks, "TaskManager", few)
    group = {"group": "all_sums", "task": ["thrice", "mutual", "again"]}
    (tmp_path / "group.yaml").write_text(json.dumps(group))
    return tmp_path


@pytest.mark.lm_eval
@pytest.mark.filterwarnings("default")  # lm-eval's and its libraries'
def test_lm_eval_and_our_own_scoring_agree(llama: Any, tokenizer: Any, tasks: Path) -> None:
    theirs = lm_eval_tables(llama, tokenizer, ["sums"], tasks)
    benchmark = choice_files([tasks / "sums.json"])
    ours = evaluate_model(llama, Encoder(tokenizer), benchmark)
    keys = ["set", "item", "variant", "index"]
    both = theirs.scores.merge(ours.scores, on=keys, how="outer", suffixes=("", "_ours"))
    assert len(both) == len(ROWS) * 4
    assert both["logprob"].to_numpy() == pytest.approx(both["logprob_ours"], abs=1e-4)
    assert both["tokens"].equals(both["tokens_ours"])
    assert both["zlib_bytes"].equals(both["zlib_bytes_ours"])
    unknown = ["matches", "tail_matches", "min40_logprob", "min40_plus_plus"]
    assert theirs.scores[unknown].isna().all(axis=None), "what lm-eval does not tell is missing"
    assert {name: str(kind) for name, kind in theirs.scores.dtypes.items()} == SCORE_COLUMNS | {
        "matches": "Int64",
        "tail_matches": "Int64",
    }
    metrics = [multiple_choice_metrics(one).metrics for one in (theirs, ours)]
    assert metrics[0]["sums.accuracy"] == metrics[1]["sums.accuracy"]
    assert 0 < float(metrics[0]["sums.accuracy"] or 0) < 1


@pytest.mark.lm_eval
@pytest.mark.filterwarnings("default")
def test_groups_and_kinds_of_answers(llama: Any, tokenizer: Any, tasks: Path) -> None:
    names = ["all_sums", "sums", "texts"]
    scores = lm_eval_tables(llama, tokenizer, names, tasks).scores
    assert list(dict.fromkeys(scores["set"])) == names
    alone = scores[scores["set"] == "sums"].reset_index(drop=True)
    group = scores[scores["set"] == "all_sums"]
    assert len(group) == 3 * len(alone) and group["item"].nunique() == 3 * len(ROWS)
    for part in range(3):
        own = group[group["item"] // len(ROWS) == part].reset_index(drop=True)
        own = own.assign(set="sums", item=own["item"] % len(ROWS))
        assert own.drop(columns="logprob").equals(alone.drop(columns="logprob"))
        assert own["logprob"].to_numpy() == pytest.approx(alone["logprob"].to_numpy(), abs=1e-4)
    texts = scores[(scores["set"] == "texts") & (scores["variant"] == "answer")]
    assert texts["index"].tolist() == [row["answer"] for row in ROWS]


@pytest.mark.lm_eval
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no_such_task", "no_such_task"),
        ("tagged", r"tagged is a tag, and no task or group: name tasks of it \(again\)"),
        ("several", r"several, item 0 has no single right answer: \[0, 0\]"),
        ("plain", "plain is of the kind loglikelihood; only multiple_choice counts"),
    ],
)
def test_what_cannot_be_asked_is_named(
    llama: Any,
    tokenizer: Any,
    tasks: Path,
    name: str,
    words: str,
) -> None:
    with pytest.raises(UserError, match=words):
        lm_eval_tables(llama, tokenizer, [name], tasks)


@pytest.mark.lm_eval
@pytest.mark.filterwarnings("default")
def test_the_command_and_what_reads_its_tables(
    model_folder: Path,
    tasks: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    asked = [
        "--lm-eval",
        "sums",
        "again",
        "--lm-eval-include",
        str(tasks),
        "--utility-sets",
        "again",
    ]
    evaluate = ["evaluate", "--model", str(model_folder), *asked, "--out", str(out)]
    assert main(evaluate) == 0
    summary = json.loads((out / "summary.json").read_text())
    assert summary["items"] == {"sums": 24, "again": 24} and summary["lm_eval"]
    assert summary["metrics"]["kept"] == summary["metrics"]["sums.accuracy"]
    assert summary["metrics"]["forgotten"] == 1 - summary["metrics"]["kept"]
    again = ["metrics", "multiple_choice", "--scores", str(out)]
    assert main([*again, "--out", str(tmp_path / "again")]) == 0
    found = json.loads((tmp_path / "again" / "summary.json").read_text())
    assert found["metrics"] == summary["metrics"]
    assert main(["compare", str(out), "--out", str(tmp_path / "comparison")]) == 0
    assert "Traceback" not in capsys.readouterr().err


def test_without_lm_eval_the_extra_is_named(
    llama: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "lm_eval", None)
    with pytest.raises(UserError, match=r"pip install 'simnpo\[lm-eval\]'"):
        lm_eval_tables(llama, tokenizer, ["wmdp_bio"])
