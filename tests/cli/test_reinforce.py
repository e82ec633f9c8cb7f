"""`simnpo unlearn` with the methods that over-fit a model first: rkld and task_vector."""

import json
from pathlib import Path
from typing import Any

import pytest
import tiny_models
import torch
from safetensors.torch import load_file, save_file

from simnpo.errors import Interrupted
from simnpo.training.run import train_model

QUICK = ["--reinforce-epochs", 2, "--reinforce-learning-rate", 1e-2, "--batch-size", 4]


@pytest.fixture
def command(files: Any, model_folder: Path) -> list[Any]:
    return ["unlearn", "--model", model_folder, "--forget", files.forget]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model" / "model.safetensors")


def record(folder: Path) -> Any:
    return json.loads((folder / "run.json").read_text())


@pytest.fixture
def swept(simnpo: Any, command: list[Any], tmp_path: Path) -> Path:
    """A sweep of task vectors over alpha."""
    out = tmp_path / "sweep"
    done = simnpo(
        *command, "--method", "task_vector", "--alpha", 0.5, 2, *QUICK, "--no-report", "--out", out
    )
    assert done.code == 0, done.err
    for words in ("Reinforced: 2 steps", "Task Vector: 21 tensors", "alpha-0.5/model"):
        assert words in done.out
    return out


def test_a_sweep_over_fits_once(
    simnpo: Any, swept: Path, tofu_folder: Path, model_folder: Path, tmp_path: Path
) -> None:
    assert sorted(path.name for path in swept.iterdir()) == ["alpha-0.5", "alpha-2", "reinforced"]
    before, after = load_file(model_folder / "model.safetensors"), weights(swept / "reinforced")
    assert any(not torch.equal(before[name], after[name]) for name in before)
    for alpha in (0.5, 2):
        folder = swept / f"alpha-{alpha}"
        for name, tensor in weights(folder).items():
            expected = before[name] - alpha * (after[name] - before[name])
            torch.testing.assert_close(tensor, expected)
        config = record(folder)["config"]
        assert config["method"] == "Task Vector" and config["alpha"] == alpha
        assert config["reinforcement"] == {"epochs": 2, "learning_rate": 0.01}
        assert record(folder)["status"] == "finished"
    assert record(swept / "reinforced")["command"] == "reinforce"
    tofu = ["--benchmark", "tofu", "--data-dir", tofu_folder]
    runs = [swept / "alpha-0.5", swept / "alpha-2"]
    for run in runs:
        done = simnpo("evaluate", "--model", run, *tofu, "--out", run / "evaluation")
        assert done.code == 0, done.err
    done = simnpo("compare", *runs, "--out", tmp_path / "comparison")
    assert done.code == 0, done.err
    page = (tmp_path / "comparison" / "report.html").read_text()
    assert "Task Vector" in page and "alpha-0.5" in page


def old_checkpoint(folder: Path, tokenizer: Any) -> None:
    """GPT-2 as its first checkpoints have it: shorter names, and the mask among the weights."""
    tiny_models.gpt2().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    path = folder / "model.safetensors"
    tensors = {k.removeprefix("transformer."): v for k, v in load_file(path).items()}
    save_file(tensors | {"h.0.attn.bias": torch.ones(1, 1, 8, 8)}, path, metadata={"format": "pt"})


def test_a_checkpoint_of_an_older_version(
    simnpo: Any, files: Any, tokenizer: Any, tmp_path: Path
) -> None:
    old_checkpoint(tmp_path / "old", tokenizer)
    out = tmp_path / "out"
    command = ["unlearn", "--model", tmp_path / "old", "--forget", files.forget, "--no-report"]
    done = simnpo(*command, "--method", "task_vector", *QUICK, "--out", out)
    assert done.code == 0, done.err
    before, after = load_file(tmp_path / "old" / "model.safetensors"), weights(out)
    assert before.keys() == after.keys()
    assert torch.equal(before["h.0.attn.bias"], after["h.0.attn.bias"])
    assert not torch.equal(before["wte.weight"], after["wte.weight"])


def test_what_cannot_be_edited_is_told_before_the_over_fitting(
    simnpo: Any, files: Any, tokenizer: Any, tmp_path: Path
) -> None:
    old_checkpoint(tmp_path / "old", tokenizer)
    path = tmp_path / "old" / "model.safetensors"
    save_file(load_file(path) | {"h.0.extra.weight": torch.ones(4)}, path)
    out = tmp_path / "out"
    command = ["unlearn", "--model", tmp_path / "old", "--forget", files.forget, "--no-report"]
    done = simnpo(*command, "--method", "task_vector", *QUICK, "--out", out)
    assert done.code == 1 and "Not the model's: h.0.extra.weight" in done.err
    assert "Reinforced:" not in done.out and not list(tmp_path.rglob("run.json"))


def test_a_reinforced_model_is_not_rounded(
    simnpo: Any, files: Any, make_llama: Any, tokenizer: Any, tmp_path: Path
) -> None:
    make_llama().to(torch.bfloat16).save_pretrained(tmp_path / "half")
    tokenizer.save_pretrained(tmp_path / "half")
    out = tmp_path / "out"
    command = ["unlearn", "--model", tmp_path / "half", "--forget", files.forget, "--no-report"]
    done = simnpo(*command, "--method", "task_vector", *QUICK, "--out", out)
    assert done.code == 0, done.err
    kinds = [{one.dtype for one in weights(run).values()} for run in (out / "reinforced", out)]
    assert kinds == [{torch.float32}, {torch.bfloat16}]


def test_a_reinforced_model_is_used_again(
    simnpo: Any, command: list[Any], files: Any, swept: Path, model_folder: Path, tmp_path: Path
) -> None:
    reinforced = ["--reinforced", swept / "reinforced"]
    one = tmp_path / "one"
    done = simnpo(*command, "--method", "task_vector", "--alpha", 2, *reinforced, "--out", one)
    assert done.code == 0, done.err
    assert "Reinforced" not in done.out and not (one / "reinforced").exists()
    same = weights(swept / "alpha-2")
    assert all(torch.equal(tensor, same[name]) for name, tensor in weights(one).items())

    other = tmp_path / "rkld"
    rkld = [*command, "--retain", files.retain, "--method", "rkld", "--epochs", 1, "--out", other]
    done = simnpo(*rkld, "--alpha", 4, *reinforced)
    assert done.code == 0, done.err
    config = record(other)["config"]
    assert config["forget_loss"] == {"name": "RKLD", "alpha": 4.0}
    assert config["reinforced"] == str(swept / "reinforced")

    again = ["--method", "task_vector", "--out", tmp_path / "x"]
    for wrong, words in (
        ([*command, "--reinforced", one], "is a run of simnpo unlearn"),
        ([*command[:-1], files.retain, *reinforced], "over-fitted on another forget set"),
        (["unlearn", "--model", one, *command[3:], *reinforced], "was over-fitted from"),
        ([*command, "--reinforced", tmp_path], "is not a model"),
        ([*command, *reinforced, *QUICK], "is trained already"),
    ):
        done = simnpo(*wrong, *again)
        assert done.code == 1 and words in done.err, done.err
    done = simnpo(*command, "--method", "task_vector", *reinforced, "--overwrite", "--out", swept)
    assert done.code == 0, done.err  # the sweep's own runs are other runs
    assert (swept / "reinforced" / "run.json").is_file()


def test_a_finished_sweep_is_left_alone(
    simnpo: Any, command: list[Any], swept: Path, tmp_path: Path
) -> None:
    quick = [*QUICK, "--no-report"]
    sweep = [*command, "--method", "task_vector", *quick, "--out", swept, "--alpha", 0.5, 2]
    assert "already holds" in simnpo(*sweep).err
    done = simnpo(*sweep, "--resume")
    assert done.code == 0 and done.out.count("Nothing to do") == 3
    done = simnpo(*sweep, 3, "--resume")  # one alpha more needs no second over-fitting
    assert done.code == 0, done.err
    assert done.out.count("Nothing to do") == 3 and "alpha-3/model" in done.out
    wrong = simnpo(*sweep, "--resume", "--reinforce-epochs", 3)
    assert wrong.code == 1 and "epochs was 2.0 and is 3.0" in wrong.err, wrong.err
    assert "holds no run" in simnpo(*sweep[:-4], tmp_path / "new", "--resume").err


def test_each_run_of_a_sweep_has_its_own_history(
    simnpo: Any, model_folder: Path, tofu_folder: Path, tmp_path: Path
) -> None:
    done = simnpo(
        "unlearn", "--model", model_folder, "--benchmark", "tofu", "--data-dir", tofu_folder,
        "--method", "rkld", "--alpha", 1, 2, *QUICK, "--micro-batch-size", 4, "--epochs", 1,
        "--evaluate-epochs", 1, "--offload-reference", "--out", tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert not (tmp_path / "history.jsonl").exists()
    for alpha in ("alpha-1", "alpha-2"):
        rows = (tmp_path / alpha / "history.jsonl").read_text().splitlines()
        assert [json.loads(row)["epoch"] for row in rows] == [0, 1]
        assert record(tmp_path / alpha)["config"]["evaluate_epochs"] == 1


@pytest.mark.parametrize("stage", ["Reinforced", "RKLD"])
def test_ctrl_c_at_either_stage_ends_with_the_same_weights(
    simnpo: Any,
    command: list[Any],
    files: Any,
    tmp_path: Path,
    stage: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rkld = [*command, "--retain", files.retain, "--method", "rkld", "--epochs", 2, *QUICK]
    rkld += ["--learning-rate", 1e-2, "--micro-batch-size", 4]
    assert simnpo(*rkld, "--out", tmp_path / "whole").code == 0

    def interrupted(model: Any, tokenizer: Any, method: Any, *rest: Any, **options: Any) -> Any:
        if method.title == stage:
            raise Interrupted("stopped; continue with --resume.")
        return train_model(model, tokenizer, method, *rest, **options)

    cut = tmp_path / "cut"
    with monkeypatch.context() as patch:
        patch.setattr("simnpo.experiments.jobs.train_model", interrupted)
        assert simnpo(*rkld, "--out", cut).code == 130
    assert (cut / "reinforced" / "model").is_dir() == (stage == "RKLD")
    done = simnpo(*rkld, "--out", cut, "--resume")
    assert done.code == 0, done.err
    whole = weights(tmp_path / "whole")
    assert all(torch.equal(whole[name], tensor) for name, tensor in weights(cut).items())


def test_lora(simnpo: Any, command: list[Any], files: Any, tmp_path: Path) -> None:
    """Adapters: kept in rkld, whose original is the model without them; merged for task vectors."""
    lora = ["--lora-rank", 2, *QUICK]
    done = simnpo(*command, "--method", "task_vector", *lora, "--out", tmp_path / "tv")
    assert done.code == 0, done.err
    assert (tmp_path / "tv" / "reinforced" / "model" / "config.json").is_file()
    rkld = ["--method", "rkld", "--retain", files.retain, "--epochs", 1]
    done = simnpo(*command, *rkld, *lora, "--out", tmp_path / "rkld")
    assert done.code == 0, done.err
    for folder in ("rkld", "rkld/reinforced"):
        assert (tmp_path / folder / "model" / "adapter_config.json").is_file()
    adapter = ["unlearn", "--model", tmp_path / "rkld", *command[3:]]
    done = simnpo(*adapter, "--method", "task_vector", *QUICK, "--out", tmp_path / "refused")
    assert done.code == 1 and "is a LoRA adapter" in done.err
    assert not (tmp_path / "refused" / "reinforced").exists()  # told before any over-fitting


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["task_vector", "--epochs", 3], "instead of --epochs give --reinforce-epochs"),
        (["task_vector", "--learning-rate", 1], "give --reinforce-learning-rate"),
        (["task_vector", "--steps", 3], "instead of --steps give --reinforce-epochs"),
        (["task_vector", "--alpha", 1, 1.0], "one is named twice"),
        (["task_vector", "--alpha", "nan"], "alpha must be finite"),
        (["task_vector", "--beta", 1], "Task Vector has no setting 'beta'; it has alpha"),
        (["task_vector", "--retain-loss", "kl"], "has no setting 'retain_loss'"),
        (["task_vector", "--reinforce-epochs", 0], "--reinforce-epochs must be above 0"),
        (["ga", "--reinforce-epochs", 3], "GA needs no reinforced model"),
        (["ga", "--alpha", 3], "GA has no setting 'alpha'"),
        (["rkld", "--alpha", 0], "alpha must be above 0"),
    ],
)
def test_settings_that_do_not_fit(
    simnpo: Any, command: list[Any], tmp_path: Path, options: list[Any], words: str
) -> None:
    done = simnpo(*command, "--out", tmp_path / "run", "--method", *options)
    assert done.code == 1 and words in done.err, done.err
    assert not (tmp_path / "run").exists()


def test_another_architecture_is_named_and_nothing_is_left(
    simnpo: Any, command: list[Any], make_llama: Any, tokenizer: Any, tmp_path: Path
) -> None:
    make_llama(intermediate_size=48).save_pretrained(tmp_path / "narrow")
    tokenizer.save_pretrained(tmp_path / "narrow")
    vector = [*command, "--method", "task_vector", "--reinforced", tmp_path / "narrow"]
    done = simnpo(*vector, "--out", tmp_path / "run")
    assert done.code == 1 and "[32, 64] in" in done.err and "[32, 48] in" in done.err, done.err
    assert not (tmp_path / "run").exists()


def test_every_method_is_in_the_help(simnpo: Any) -> None:
    from simnpo.methods.registry import METHODS

    for command in ("unlearn", "plan"):
        text = simnpo(command, "--help").out
        assert all(name in text for name in METHODS)
