"""The trainer as a program uses it: names instead of models, rows of any kind, peft, `evaluate`."""

import math
from pathlib import Path
from typing import Any

import datasets
import peft
import pytest
import torch

from simnpo import UnlearnConfig, UnlearnTrainer, UserError
from simnpo.data.given_rows import as_examples
from simnpo.models import load_model, load_tokenizer


@pytest.fixture
def config(tmp_path: Path) -> UnlearnConfig:
    return UnlearnConfig(
        str(tmp_path / "out"),
        method="npo",
        method_settings={"beta": 0.2, "retain_weight": 2},
        template="plain",
        max_steps=3,
        learning_rate=5e-3,
        per_device_train_batch_size=4,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        logging_steps=1,
        dataloader_pin_memory=False,
    )


def dicts(examples: Any) -> list[dict[str, Any]]:
    return [{"question": one.question, "answer": one.answer} for one in examples]


def test_names_and_rows_train_as_models_and_examples_do(
    config: UnlearnConfig, model_folder: Path, examples: Any
) -> None:
    by_name = UnlearnTrainer(
        str(model_folder),
        config,
        forget_dataset=datasets.Dataset.from_list(dicts(examples[:4])),
        retain_dataset=dicts(examples[4:]),
    )
    by_value = UnlearnTrainer(
        load_model(str(model_folder), "fp32"),
        config,
        processing_class=load_tokenizer(str(model_folder)),
        forget_dataset=examples[:4],
        retain_dataset=examples[4:],
    )
    for trainer in (by_name, by_value):
        trainer.train()
        first = next(row for row in trainer.state.log_history if "forget_loss" in row)
        assert first["forget_loss"] == pytest.approx(2 / 0.2 * math.log(2), rel=1e-4)
        assert trainer.terms[1].weight == 2
    weights = [dict(one.model.named_parameters()) for one in (by_name, by_value)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())


def test_evaluate_measures_both_sets_and_others(
    config: UnlearnConfig, model_folder: Path, examples: Any
) -> None:
    rows = {"forget_dataset": examples[:4], "retain_dataset": examples[4:]}
    trainer = UnlearnTrainer(str(model_folder), config, **rows)
    before = trainer.evaluate()
    assert set(before) == {
        f"eval_{name}_{metric}"
        for name in ("forget", "retain")
        for metric in ("probability", "accuracy", "verbatim")
    }
    model, encoder = trainer.model, trainer._encoder
    expected = []
    for one in encoder.encode_all(examples[:4]):
        with torch.no_grad():
            logprobs = model(torch.tensor([one.ids])).logits[0, :-1].log_softmax(-1)
        own = logprobs.gather(-1, torch.tensor(one.ids[1:])[:, None])[one.start - 1 :]
        expected.append(float(own.mean().exp()))
    assert before["eval_forget_probability"] == pytest.approx(sum(expected) / 4, rel=1e-4)
    trainer.train()
    assert trainer.evaluate()["eval_forget_probability"] < before["eval_forget_probability"]
    other = trainer.evaluate(dicts(examples[:2]), metric_key_prefix="mine")
    assert set(other) == {"mine_probability", "mine_accuracy", "mine_verbatim"}
    assert any("mine_verbatim" in row for row in trainer.state.log_history)
    named = trainer.evaluate({"facts": examples[:2]})
    assert named["eval_facts_probability"] == other["mine_probability"]


def test_evaluation_while_training(
    config: UnlearnConfig, model_folder: Path, examples: Any
) -> None:
    config.eval_strategy, config.eval_steps = "steps", 2  # type: ignore[assignment]
    trainer = UnlearnTrainer(
        str(model_folder),
        config,
        forget_dataset=examples[:4],
        retain_dataset=examples[4:],
        eval_dataset={"facts": dicts(examples[:3])},
    )
    trainer.train()
    measured = [row["step"] for row in trainer.state.log_history if "eval_facts_accuracy" in row]
    assert measured == [2, 3]


def test_adapters_of_peft(config: UnlearnConfig, model_folder: Path, examples: Any) -> None:
    trainer = UnlearnTrainer(
        str(model_folder),
        config,
        forget_dataset=examples[:4],
        retain_dataset=examples[4:],
        peft_config=peft.LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    trainer.train()
    names = [name for name, one in trainer.model.named_parameters() if one.requires_grad]
    assert names and all("lora_" in name for name in names)


def test_what_is_given_stands_above_the_configuration(
    config: UnlearnConfig, model_folder: Path, examples: Any
) -> None:
    trainer = UnlearnTrainer(
        str(model_folder), config, forget_dataset=examples[:4], method="ga", max_length=40
    )
    assert len(trainer.terms) == 1 and trainer._encoder.max_length == 40


def test_mistakes_are_named(config: UnlearnConfig, llama: Any, tokenizer: Any) -> None:
    rows: Any = {"forget_dataset": ["A text."], "retain_dataset": ["Another."]}
    with pytest.raises(UserError, match="give the model's tokenizer as processing_class"):
        UnlearnTrainer(llama, config, **rows)
    given: Any = {"processing_class": tokenizer, **rows}
    with pytest.raises(UserError, match="Task Vector edits weights and trains nothing"):
        UnlearnTrainer(llama, config, method="task_vector", **given)
    with pytest.raises(UserError, match=r"forget_dataset\[0\]: found the columns \['prompts'\]"):
        UnlearnTrainer(llama, config, **{**given, "forget_dataset": [{"prompts": "Who?"}]})
    with pytest.raises(UserError, match="NPO has no setting 'gamma'"):
        config.method_settings = {"gamma": 1}
        UnlearnTrainer(llama, config, **given)


def test_rows_become_examples(examples: Any, tmp_path: Path) -> None:
    assert as_examples(examples, "rows") == tuple(examples)
    assert as_examples(["One.", "Two."], "rows")[1] == (None, "Two.", "", None)
    row = {"question": "Who?", "answer": "Me.", "topic": "people", "alternate": "You."}
    assert as_examples([row], "rows", alternates=True)[0] == ("Who?", "Me.", "people", "You.")
    path = tmp_path / "rows.txt"
    path.write_text("A text.")
    assert as_examples(path, "rows")[0].answer == "A text."
    assert as_examples([], "rows") == ()
