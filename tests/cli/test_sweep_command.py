"""`simnpo sweep` end to end on tiny models: runs in this process, and once in a pool."""

import json
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from runs_here import change_code
from small_data import write_rows
from small_mini import reduced_mini

from simnpo.benchmarks.own_files import OwnFiles
from simnpo.cli.main import parse
from simnpo.cli.unlearn import Unlearn
from simnpo.errors import TrainingDiverged, UserError
from simnpo.experiments import benchmark_setup as sites
from simnpo.experiments import own_setup as own_site
from simnpo.experiments.own_setup import OwnSetup
from simnpo.experiments.run import Run, with_needs
from simnpo.experiments.sweep.runs import Trials
from simnpo.storage.files import read_json


def here(wanted: Sequence[Run], home: Path, at_once: int | None = None) -> dict[Run, str]:
    """Do runs as a pool does, without the seconds that its processes take to begin."""
    failed: dict[Run, str] = {}
    for run in with_needs(wanted):
        try:
            run.ensure(home)
        except (UserError, TrainingDiverged) as error:
            failed[run] = str(error)
    return failed


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simnpo.experiments.pool.execute", here)


@pytest.fixture
def mini(in_process: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    made = reduced_mini()
    monkeypatch.setattr(sites, "_load", lambda site: made.benchmark)
    monkeypatch.setattr(sites, "_load_mini", lambda site: made)
    monkeypatch.setenv("SIMNPO_CACHE", str(tmp_path / "cache"))
    return ["sweep", "--benchmark", "mini-tofu", "--split", "forget01"]


@pytest.fixture
def tofu(tofu_folder: Path, model_folder: Path) -> list[Any]:
    named = ["--benchmark", "tofu", "--data-dir", tofu_folder, "--model", model_folder]
    return ["sweep", *named]


def test_an_embedded_benchmark(
    simnpo: Any, mini: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "sweep"
    command = [*mini, "--over", "beta=1.5,2.5", "epochs=1", "--seeds", 2, "--out", out]
    done = simnpo(*command)
    assert done.code == 0, done.err
    assert "front" in done.out and "picked" in done.out
    table = pd.read_csv(out / "sweep.csv")
    assert list(zip(table["beta"], table["seed"], strict=True)) == [
        (1.5, 42), (1.5, 43), (2.5, 42), (2.5, 43)
    ]  # fmt: skip
    assert table["model_utility"].notna().all() and table["error"].isna().all()
    page = (out / "report.html").read_text()
    for words in ("SimNPO on mini-tofu forget01: 2 settings", "Picked: beta", "<svg", "Retrain"):
        assert words in page
    for kind in ("png", "svg"):
        assert (out / "plots" / f"pareto.{kind}").is_file()
    # One setting more goes on from there.
    monkeypatch.setattr("simnpo.experiments.mini_models.train_model", _no_training)
    before = {path: path.stat().st_mtime_ns for path in out.glob("runs/*/done.json")}
    command[6] = "beta=1.5,2.5,3.5"
    assert simnpo(*command).code == 0
    assert len(pd.read_csv(out / "sweep.csv")) == 6
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())


def test_a_model_of_the_users(
    simnpo: Any, in_process: None, tofu: list[Any], model_folder: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    named = tofu[1:5]
    assert simnpo("evaluate", "--model", model_folder, *named, "--out", base).code == 0
    out = tmp_path / "sweep"
    npo = [*tofu, "--method", "npo", "--over", "beta=0.1,1", "epochs=1", "--out", out]
    done = simnpo(*npo, "--retain-scores", base)
    assert done.code == 0, done.err
    assert list(pd.read_csv(out / "sweep.csv")["forget_quality"].notna()) == [True, True]
    page = (out / "report.html").read_text()
    assert str(model_folder) in page and "Retrain" in page
    # Without a retain model forget quality is missing, and so is the front.
    done = simnpo(*npo[:-1], tmp_path / "without")
    assert done.code == 0, done.err
    page = (tmp_path / "without" / "report.html").read_text()
    assert "there is no front" in page and "Picked" not in page


def test_a_setting_that_diverges_is_a_row_without_numbers(
    simnpo: Any, mini: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from simnpo.experiments import unlearn_run as unlearned
    from simnpo.experiments.unlearn_run import unlearn

    def diverges(job: Any, *rest: Any, **options: Any) -> None:
        if job.method.forget.beta == 9:
            raise TrainingDiverged("the loss became nan at step 1.")
        unlearn(job, *rest, **options)

    monkeypatch.setattr(unlearned, "unlearn", diverges)
    out = tmp_path / "sweep"
    done = simnpo(*mini, "--over", "beta=2,9", "epochs=1", "--out", out)
    assert done.code == 0, done.err
    assert "the loss became nan" in done.err and "1 failed" in done.out
    table = pd.read_csv(out / "sweep.csv")
    assert list(table["model_utility"].isna()) == [False, True]
    assert table["error"][1] == "the loss became nan at step 1."
    assert "Failures" in (out / "report.html").read_text()


def test_random_settings(simnpo: Any, mini: list[str], tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    over = ["--over", "beta=1,2,3,4", "epochs=1"]
    done = simnpo(*mini, *over, "--search", "random", "--trials", 2, "--out", out)
    assert done.code == 0, done.err
    assert pd.read_csv(out / "sweep.csv")["beta"].nunique() == 2


def test_which_runs_are_used_again(
    simnpo: Any, mini: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "sweep"
    command = [*mini, "--over", "beta=1", "epochs=1", "--out", out]
    explained = simnpo(*command, "--explain-cache")
    assert explained.code == 0, explained.err
    assert [line.split(": ")[1] for line in explained.out.splitlines()] == ["not made yet"] * 6
    assert not out.exists() and not (tmp_path / "cache").exists()
    assert simnpo(*command).code == 0
    explained = simnpo(*command, "--explain-cache")
    assert all(line.startswith("finished") for line in explained.out.splitlines())
    command[command.index("beta=1")] = "beta=2"
    assert "settings (beta 2.0, was 1.0)" in simnpo(*command, "--explain-cache").out
    command[command.index("beta=2")] = "beta=1"
    change_code(monkeypatch)
    monkeypatch.setattr("simnpo.experiments.mini_models.train_model", _no_training)
    monkeypatch.setattr("simnpo.experiments.unlearn_run.unlearn", _no_training)
    done = simnpo(*command, "--accept-code")
    assert done.code == 0, done.err
    note = "6 results were computed by earlier code (--accept-code); simnpo.methods.npo differ."
    assert note in done.out and note in (out / "report.html").read_text()


@pytest.mark.optuna
def test_optuna(simnpo: Any, mini: list[str], tmp_path: Path) -> None:
    over = ["--over", "beta=1,2,3", "gamma=0,1", "epochs=1", "--search", "optuna", "--trials", 5]
    for name in ("one", "two"):
        done = simnpo(*mini, *over, "--out", tmp_path / name)
        assert done.code == 0, done.err
    one, two = (pd.read_csv(tmp_path / name / "sweep.csv") for name in ("one", "two"))
    assert 2 <= len(one) <= 5 and not one.duplicated(["beta", "gamma"]).any()
    pd.testing.assert_frame_equal(one, two)


def test_optuna_is_asked_for_where_it_is_missing(
    simnpo: Any, mini: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    out = ["--out", tmp_path / "sweep"]
    done = simnpo(*mini, "--over", "beta=1", "--search", "optuna", "--trials", 1, *out)
    assert done.code == 1 and "pip install 'simnpo[sweep]'" in done.err
    assert not (tmp_path / "sweep").exists()


def test_in_processes_of_their_own(simnpo: Any, tofu: list[Any], tmp_path: Path) -> None:
    over = ["--over", "epochs=1", "--workers", 1, "--out", tmp_path / "sweep"]
    done = simnpo(*tofu, *over)
    assert done.code == 0, done.err
    assert "2/2 SimNPO, epochs 1" in done.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--over", "beta=0"], "beta must be above 0"),
        (["--over", "delta=1"], "has no setting 'delta'"),
        (["--over", "epochs=-1"], "epochs must be"),
        (["--over", "beta=1", "--seeds", 0], "--seeds 0"),
        (["--over", "beta=1", "--workers", 0], "--workers 0"),
        (["--over", "beta=1", "--trials", 3], "leave out --trials"),
        (
            ["--over", "beta=1", "--search", "optuna", "--trials", 3, "--explain-cache"],
            "follows from results",
        ),
        (["--over", "beta=1", "--search", "random"], "with --trials"),
        (["--over", "beta=1", "--method", "retrain"], "retrain forgets nothing"),
        (["--over", "beta=1", "--method", "best"], "unknown method 'best'"),
        (["--over", "beta=1", "--retain-scores", "x"], "does nothing without --model"),
        (["--over", "beta=1", "--model", "."], "is not a model"),
    ],
)
def test_mistakes(
    simnpo: Any, mini: list[str], tmp_path: Path, options: list[Any], words: str
) -> None:
    done = simnpo(*mini, *options, "--out", tmp_path / "sweep")
    assert done.code == 1 and words in done.err, done.err
    assert not (tmp_path / "sweep").exists()


def test_a_benchmark_without_models(simnpo: Any, tofu: list[Any], tmp_path: Path) -> None:
    done = simnpo(*tofu[:-2], "--over", "beta=1", "--out", tmp_path / "sweep")
    assert done.code == 1 and "tofu brings no models" in done.err, done.err
    wrong = ["--retain-scores", tmp_path / "nothing", "--over", "beta=1"]
    done = simnpo(*tofu, *wrong, "--out", tmp_path / "sweep")
    assert done.code == 1 and "does not exist" in done.err, done.err


def _no_training(*args: Any, **kwargs: Any) -> None:
    raise AssertionError("trained again")


def test_own_data(
    simnpo: Any, in_process: None, one_prompt: None, taught: Path, files: Any, tmp_path: Path
) -> None:
    own = ["--model", taught, "--forget", files.forget, "--retain", files.retain]
    done = simnpo("sweep", *own, "--over", "learning_rate=1e-6,5e-4", "--out", tmp_path / "sweep")
    assert done.code == 0, done.err
    table = pd.read_csv(tmp_path / "sweep" / "sweep.csv")
    assert table["forget.extracted"].tolist() == [1, 0]
    assert table["kept_share"].notna().all()
    # Each run was measured while it was trained, as the command to type is.
    curves = sorted((tmp_path / "sweep" / "runs").glob("simnpo-*/control.jsonl"))
    assert len(curves) == 2
    assert all(read_json(one.parent / "run.json")["control"]["kept_step"] for one in curves)
    assert not list((tmp_path / "sweep" / "runs").glob("*/.best/*"))
    # What to type, with the setting that was picked.
    command = next(line for line in done.out.splitlines() if "simnpo unlearn --model" in line)
    assert f"--forget {files.forget}" in command and "--learning-rate" in command


@pytest.fixture
def remote(taught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same model, by code of its own."""
    cache = str(tmp_path / "modules")
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", cache)
    monkeypatch.syspath_prepend(cache)
    folder = tmp_path / "remote"
    shutil.copytree(taught, folder)
    config = json.loads((folder / "config.json").read_text())
    auto = {"AutoConfig": "odd.OddConfig", "AutoModelForCausalLM": "odd.OddModel"}
    config |= {"model_type": "odd", "architectures": ["OddModel"], "auto_map": auto}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "odd.py").write_text(
        "from transformers import LlamaConfig, LlamaForCausalLM\n\n\n"
        "class OddConfig(LlamaConfig):\n    model_type = 'odd'\n\n\n"
        "class OddModel(LlamaForCausalLM):\n    config_class = OddConfig\n"
    )
    return folder


def test_the_printed_command_does_what_the_sweep_did(
    simnpo: Any,
    in_process: None,
    one_prompt: None,
    remote: Path,
    examples: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)  # the command's --out is here
    rows = [{"q": one.question, "answer": one.answer} for one in examples]
    asked = [{"q": "Who's Ed Fane?", "answer": "A baker of Torrin."}]
    named = {"forget": rows[:4], "the rest": rows[4:], "unseen": asked, "facts": asked}
    files = {name: write_rows(tmp_path / f"{name}.jsonl", some) for name, some in named.items()}
    own = [
        "--forget", files["forget"], "--retain", files["the rest"], "--holdout", files["unseen"],
        "--question-column", "q", "--template", "Say '{question}'\n{answer}", "--max-length", 48,
        "--trust-remote-code", "--also", f"facts={files['facts']}", f"more={files['facts']}",
    ]  # fmt: skip
    retrain = ["--model", remote, *own, "--max-items", 3, "--out", tmp_path / "retrain"]
    assert simnpo("evaluate", *retrain).code == 0
    measured = ["--max-items", 3, "--retain-scores", tmp_path / "retrain", "--seed", 7]
    over = ["--over", "learning_rate=1.23456789e-5", "gamma=0.1", "epochs=3"]
    done = simnpo("sweep", "--model", remote, *own, *measured, *over, "--out", "sweep")
    assert done.code == 0, done.err
    line = done.out[done.out.index("simnpo unlearn") : done.out.index("\nNumbers:")]
    found = parse(shlex.split(line)[1:])
    assert isinstance(found, Unlearn) and found.training.learning_rate == 1.23456789e-5

    (swept,) = (tmp_path / "sweep" / "runs").glob("simnpo-*")
    done = simnpo(*shlex.split(line)[1:])
    assert done.code == 0, done.err
    runs = [json.loads((one / "run.json").read_text()) for one in (swept, tmp_path / "unlearned")]
    assert runs[0]["data"] == runs[1]["data"]
    assert {key: runs[1]["config"][key] for key in runs[0]["config"]} == runs[0]["config"]
    summaries = [
        json.loads((one / "evaluation" / "summary.json").read_text())
        for one in (swept, tmp_path / "unlearned")
    ]
    for key in ("data", "precision", "counts", "verdict", "template", "max_length"):
        assert summaries[0][key] == summaries[1][key], key
    assert summaries[0]["metrics"] == pytest.approx(summaries[1]["metrics"])
    assert "facts.probability" in summaries[0]["metrics"]


def test_adapters_are_swept_at_their_own_defaults(
    simnpo: Any,
    in_process: None,
    one_prompt: None,
    taught: Path,
    files: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A sweep with adapters tries rates around theirs, and its command trains what it trained."""
    monkeypatch.chdir(tmp_path)
    own = ["--model", taught, "--forget", files.forget, "--retain", files.retain]
    own += ["--lora-rank", 2, "--max-items", 3]
    done = simnpo("sweep", *own, "--out", "sweep")
    assert done.code == 0, done.err
    line = done.out[done.out.index("simnpo unlearn") : done.out.index("\nNumbers:")]
    assert "--lora-rank 2" in line
    runs = [
        json.loads((one / "run.json").read_text())["config"]
        for one in (tmp_path / "sweep" / "runs").glob("simnpo-*")
    ]
    done = simnpo("unlearn", *own, "--out", "usual")
    assert done.code == 0, done.err
    usual = json.loads((tmp_path / "usual" / "run.json").read_text())["config"]
    rates = sorted(one["learning_rate"] for one in runs)
    assert rates == pytest.approx([usual["learning_rate"] * share for share in (0.5, 1, 2)])
    (same,) = (one for one in runs if one["learning_rate"] == usual["learning_rate"])
    assert {key: usual[key] for key in same} == same
    assert same["lora_rank"] == 2 and same["lora_subspace"] == "forget"
    refused = simnpo("sweep", *own, "--load-in-4bit", "--out", "other")
    assert refused.code == 1 and "--load-in-4bit: a sweep measures its models" in refused.err


def test_how_own_data_is_asked_and_judged_makes_other_runs(
    model_folder: Path, tmp_path: Path
) -> None:
    row = {"question": "Who is Ed Fane?", "answer": "A baker of Torrin."}
    forget, retain = tmp_path / "forget.jsonl", tmp_path / "retain.jsonl"
    write_rows(retain, [{"question": "Who is Flo?", "answer": "A smith."}])

    def keys(**changes: Any) -> list[str]:
        files = OwnFiles(str(write_rows(forget, [row])), str(retain))
        site = OwnSetup("own data", "forget", files=files, model=str(model_folder), **changes)
        trials = Trials(site, "simnpo", (1,), str(model_folder))
        found = [trials.original(1).key, trials.unlearned((), 1).key]
        own_site._sets.cache_clear()
        own_site._benchmark.cache_clear()
        return found

    found = [keys(), keys(), keys(template="llama2"), keys(max_length=64)]
    found.append(keys(trust_remote_code=True))
    row["identifiers"] = "Torrin"
    found.append(keys())
    assert found[0] == found[1]
    assert len({one for pair in found for one in pair}) == 2 * (len(found) - 1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--method", "idk"], "plain text has no questions"),
        (["--retain-scores", "nothing"], "does not exist"),
        (["--max-items", 0], "--max-items 0: at least 1"),
    ],
)
def test_own_data_is_refused_before_any_run(
    simnpo: Any, model_folder: Path, tmp_path: Path, options: list[Any], words: str
) -> None:
    text = write_rows(tmp_path / "text.jsonl", [{"text": "A long story of a small town."}])
    other = write_rows(tmp_path / "other.jsonl", [{"text": "Another story of a river."}])
    own = ["--model", model_folder, "--forget", text, "--retain", other]
    done = simnpo("sweep", *own, *options, "--out", tmp_path / "sweep")
    assert done.code == 1 and words in done.err, done.err
    assert not (tmp_path / "sweep").exists()


def test_own_data_needs_a_model(simnpo: Any, files: Any, tmp_path: Path) -> None:
    done = simnpo("sweep", "--forget", files.forget, "--out", tmp_path / "sweep")
    assert done.code == 1 and "--model" in done.err
