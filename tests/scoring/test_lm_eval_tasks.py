"""lm-eval's own scoring against ours, on a task over a local file; skipped without lm-eval."""

import json
from pathlib import Path
from typing import Any

import pytest

from simnpo.benchmarks.multiple_choice import choice_files
from simnpo.data.encoding import Encoder
from simnpo.errors import UserError
from simnpo.metrics.multiple_choice import multiple_choice_metrics
from simnpo.scoring.evaluate import evaluate_model
from simnpo.scoring.lm_eval_tasks import lm_eval_tables

ROWS = [
    {
        "question": f" What is {number} and {number % 3}? ",
        "choices": [f"{number + other}" for other in (0, 2, 1, 3)],
        "answer": (number * 7) % 4,
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
def tasks(tmp_path: Path) -> Path:
    (tmp_path / "sums.json").write_text(json.dumps(ROWS))
    (tmp_path / "sums.yaml").write_text(TASK.format(path=tmp_path / "sums.json"))
    return tmp_path


@pytest.mark.lm_eval
@pytest.mark.filterwarnings("default")  # lm-eval's and its libraries'
def test_lm_eval_and_our_own_scoring_agree(
    llama: Any, tokenizer: Any, tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    theirs = lm_eval_tables(llama, tokenizer, ["sums"], tasks)
    benchmark = choice_files([tasks / "sums.json"])
    ours = evaluate_model(llama, Encoder(tokenizer), benchmark)
    keys = ["set", "item", "variant", "index"]
    both = theirs.scores.merge(ours.scores, on=keys, how="outer", suffixes=("", "_ours"))
    assert len(both) == len(ROWS) * 4
    assert both["logprob"].to_numpy() == pytest.approx(both["logprob_ours"], abs=1e-4)
    assert both["tokens"].equals(both["tokens_ours"])
    assert theirs.scores["matches"].isna().all(), "what lm-eval does not tell is missing"
    metrics = [multiple_choice_metrics(one).metrics for one in (theirs, ours)]
    assert metrics[0]["sums.accuracy"] == metrics[1]["sums.accuracy"]
    assert 0 < float(metrics[0]["sums.accuracy"] or 0) < 1


@pytest.mark.lm_eval
@pytest.mark.filterwarnings("default")
def test_unknown_tasks_are_named(llama: Any, tokenizer: Any, tasks: Path) -> None:
    with pytest.raises(UserError, match="no_such_task"):
        lm_eval_tables(llama, tokenizer, ["no_such_task"], tasks)


def test_without_lm_eval_the_extra_is_named(
    llama: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "lm_eval", None)
    with pytest.raises(UserError, match=r"pip install 'simnpo\[lm-eval\]'"):
        lm_eval_tables(llama, tokenizer, ["wmdp_bio"])
