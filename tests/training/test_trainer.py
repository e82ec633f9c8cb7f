"""The trainer's loss and gradients against plain torch, and what must not change them."""

import copy
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy, logsigmoid
from transformers import TrainingArguments

from simnpo.data.encoding import Encoder
from simnpo.errors import TrainingDiverged, UserError
from simnpo.objectives import METHODS, build_method
from simnpo.training import reference
from simnpo.training.trainer import UnlearnTrainer

SETTINGS = {"beta", "gamma", "forget_weight", "retain_weight", "retain_loss"}


def make_trainer(
    tmp_path: Any, model: Any, tokenizer: Any, examples: Any, name: str, **settings: Any
) -> UnlearnTrainer:
    arguments = {
        "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 1,
        "max_steps": 1,
        "learning_rate": 1e-2,
        "max_grad_norm": 0,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": [],
        "use_cpu": True,
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
    }
    method = {key: settings.pop(key) for key in SETTINGS & set(settings)}
    template = settings.pop("template", "auto")
    offload = settings.pop("offload_reference", False)
    return UnlearnTrainer(
        model,
        TrainingArguments(str(tmp_path / "run"), **(arguments | settings)),
        method=build_method(name, **method),
        tokenizer=tokenizer,
        forget=examples[:4],
        retain=examples[4:],
        refusals=["I do not know.", "No idea."],
        template=template,
        offload_reference=offload,
    )


def plain_logp(model: Any, encoded: Any) -> torch.Tensor:
    """Summed log-probability of one answer: one row, no padding, all logits."""
    ids = torch.tensor([encoded.ids])
    logits = model(input_ids=ids).logits[0, :-1].float()
    return -cross_entropy(logits[encoded.start - 1 :], ids[0, encoded.start :], reduction="sum")


def first_loss(trainer: UnlearnTrainer) -> dict[str, float]:
    trainer.train()
    return trainer.state.log_history[0]


def test_simnpo_loss_and_step_equal_plain_torch(
    tmp_path: Any, llama: Any, tokenizer: Any, examples: Any
) -> None:
    plain = copy.deepcopy(llama)
    encoder = Encoder(tokenizer)
    forget = [encoder.encode(*one) for one in examples[:4]]
    retain = [encoder.encode(*one) for one in examples[4:]]
    beta, weight = 0.2, 0.5
    forget_loss = torch.stack(
        [
            -2 / beta * logsigmoid(-beta / one.answer_length * plain_logp(plain, one))
            for one in forget
        ]
    ).mean()
    retain_loss = torch.stack(
        [-plain_logp(plain, one) / one.answer_length for one in retain]
    ).mean()
    (weight * forget_loss + retain_loss).backward()

    trainer = make_trainer(
        tmp_path, llama, tokenizer, examples, "simnpo", beta=beta, forget_weight=weight
    )
    seen: dict[str, torch.Tensor] = {}
    for name, parameter in llama.named_parameters():
        parameter.register_hook(lambda gradient, name=name: seen.update({name: gradient.clone()}))
    log = first_loss(trainer)

    assert log["forget_loss"] == pytest.approx(forget_loss.item(), rel=1e-5)
    assert log["retain_loss"] == pytest.approx(retain_loss.item(), rel=1e-5)
    assert log["loss"] == pytest.approx(weight * forget_loss.item() + retain_loss.item(), rel=1e-5)
    for name, parameter in plain.named_parameters():
        torch.testing.assert_close(seen[name], parameter.grad, rtol=1e-4, atol=1e-6)


def test_npo_starts_at_its_constant_and_measures_against_the_start(
    tmp_path: Any, llama: Any, tokenizer: Any, examples: Any
) -> None:
    trainer = make_trainer(tmp_path, llama, tokenizer, examples, "npo", beta=0.5, max_steps=3)
    trainer.train()
    losses = [row["forget_loss"] for row in trainer.state.log_history[:3]]
    # log pi = log pi_ref at the start, so the loss is (2 / beta) log 2.
    assert losses[0] == pytest.approx(2 / 0.5 * torch.log(torch.tensor(2.0)).item(), rel=1e-4)
    assert losses[2] < losses[0]


@pytest.mark.parametrize("name", sorted(METHODS))
@pytest.mark.parametrize("retain_loss", [None, "kl"])
def test_every_method_trains(
    tmp_path: Any, llama: Any, tokenizer: Any, examples: Any, name: str, retain_loss: str | None
) -> None:
    before = copy.deepcopy(llama.state_dict())
    log = first_loss(
        make_trainer(tmp_path, llama, tokenizer, examples, name, retain_loss=retain_loss)
    )
    if retain_loss == "kl":
        assert log["retain_loss"] == pytest.approx(0, abs=1e-5)  # the original is where it starts
    if name != "retrain" or retain_loss is None:
        assert any(not torch.equal(before[key], value) for key, value in llama.state_dict().items())


@pytest.mark.parametrize("name", ["npo", "simnpo", "idk_dpo"])
def test_accumulation_does_not_change_the_step(
    tmp_path: Any, make_llama: Any, tokenizer: Any, examples: Any, name: str
) -> None:
    """1 x 4 = 4 x 1 = 2 x 2, for the loss and the weights after a step."""
    weights, losses = [], []
    for micro in (4, 2, 1):
        model = make_llama()
        trainer = make_trainer(
            tmp_path,
            model,
            tokenizer,
            examples,
            name,
            per_device_train_batch_size=micro,
            gradient_accumulation_steps=4 // micro,
            optim="sgd",
        )
        losses.append(first_loss(trainer)["loss"])
        weights.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert losses[1:] == pytest.approx([losses[0]] * 2, rel=1e-5)
    for other in weights[1:]:
        torch.testing.assert_close(other, weights[0], rtol=1e-4, atol=1e-6)


def test_uneven_last_micro_batch_weighs_examples_alike(
    tmp_path: Any, make_llama: Any, tokenizer: Any, examples: Any
) -> None:
    """3 + 1 examples in one step are the mean of 4, not the mean of two means."""
    losses = []
    for micro, steps in ((4, 1), (3, 2)):
        trainer = make_trainer(
            tmp_path,
            make_llama(),
            tokenizer,
            examples,
            "npo",
            retain_loss="none",
            per_device_train_batch_size=micro,
            gradient_accumulation_steps=steps,
            beta=2.0,
        )
        losses.append(first_loss(trainer)["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_padding_does_not_change_the_loss(
    tmp_path: Any, make_llama: Any, tokenizer: Any, examples: Any
) -> None:
    """pad = eos masks nothing but padding."""
    losses = []
    for pad in (None, "</s>", "a"):
        padded = copy.deepcopy(tokenizer)
        padded.pad_token = pad
        losses.append(
            first_loss(make_trainer(tmp_path, make_llama(), padded, examples, "simnpo"))["loss"]
        )
    assert losses[1:] == pytest.approx([losses[0]] * 2, rel=1e-6)


@pytest.mark.parametrize("name", ["simnpo", "ga", "grad_diff", "weighted_grad_diff", "idk"])
def test_methods_without_a_reference_never_compute_one(
    tmp_path: Any,
    llama: Any,
    tokenizer: Any,
    examples: Any,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a reference was computed")

    monkeypatch.setattr("simnpo.training.trainer.reference_logps", refuse)
    monkeypatch.setattr("simnpo.training.trainer.FrozenReference", refuse)
    make_trainer(tmp_path, llama, tokenizer, examples, name).train()


def test_reference_logps_are_those_before_training(
    tmp_path: Any, llama: Any, tokenizer: Any, examples: Any
) -> None:
    encoder = Encoder(tokenizer)
    expected = [plain_logp(llama, encoder.encode(*one)).item() for one in examples]
    found = reference.reference_logps(llama, [encoder.encode(*one) for one in examples])
    assert found.tolist() == pytest.approx(expected, rel=1e-5)


def test_nan_stops_before_the_step_and_names_it(
    tmp_path: Any, llama: Any, tokenizer: Any, examples: Any
) -> None:
    trainer = make_trainer(
        tmp_path, llama, tokenizer, examples, "grad_diff", learning_rate=1e30, max_steps=20
    )
    with pytest.raises(TrainingDiverged, match=r"at step \d+"):
        trainer.train()


def test_infinite_gradient_leaves_the_weights_alone(
    tmp_path: Any, llama: Any, tokenizer: Any, examples: Any
) -> None:
    before = copy.deepcopy(llama.state_dict())
    trainer = make_trainer(tmp_path, llama, tokenizer, examples, "simnpo")
    llama.lm_head.weight.register_hook(lambda gradient: gradient * torch.inf)
    with pytest.raises(TrainingDiverged, match="gradient became NaN or infinite at step 1"):
        trainer.train()
    for key, value in llama.state_dict().items():
        assert torch.equal(before[key], value)


def test_lora_kl_reference_is_the_model_without_adapters(
    tmp_path: Any, llama: Any, tokenizer: Any, examples: Any
) -> None:
    from simnpo.config import LoraConfig
    from simnpo.training.run import add_adapters

    base = copy.deepcopy(llama.state_dict())
    adapted = add_adapters(llama, LoraConfig(rank=4))
    trainer = make_trainer(
        tmp_path, adapted, tokenizer, examples, "npo", retain_loss="kl", max_steps=3
    )
    trainer.train()
    log = trainer.state.log_history
    assert log[0]["retain_loss"] == pytest.approx(0, abs=1e-5)
    assert log[2]["retain_loss"] > 1e-6  # the adapters moved, the reference did not
    assert trainer._frozen is not None and trainer._frozen._copy is None
    merged = {
        key.replace(".base_layer", "").removeprefix("base_model.model."): value
        for key, value in adapted.state_dict().items()
        if "lora_" not in key
    }
    for key, value in base.items():
        assert torch.equal(merged[key], value)


@pytest.mark.parametrize("tied", [False, True])
def test_offloaded_kl_reference_changes_nothing(
    tmp_path: Any, make_llama: Any, tokenizer: Any, examples: Any, tied: bool
) -> None:
    found = []
    for offload in (False, True):
        model = make_llama(tie_word_embeddings=tied)
        trainer = make_trainer(
            tmp_path,
            model,
            tokenizer,
            examples,
            "grad_diff",
            retain_loss="kl",
            max_steps=3,
            offload_reference=offload,
        )
        trainer.train()
        assert trainer._frozen is not None and trainer._frozen._copy is not None
        away = {
            name.split(".")[1]
            for name, weight in trainer._frozen._copy.named_parameters()
            if weight.is_meta
        }
        assert away == ({"layers"} if offload else set())
        losses = [row["retain_loss"] for row in trainer.state.log_history[:3]]
        assert losses[2] > 1e-6  # the model moved, the reference did not
        found.append((losses, model.state_dict()))
    assert found[0][0] == found[1][0]
    for name, weight in found[0][1].items():
        assert torch.equal(weight, found[1][1][name])


def test_a_reference_without_known_layers_is_not_offloaded(llama: Any) -> None:
    llama._no_split_modules = None
    with pytest.raises(UserError, match="LlamaForCausalLM does not tell"):
        reference.FrozenReference(llama, offload=True)


def test_empty_sets_and_missing_refusals_are_refused(
    tmp_path: Any, llama: Any, tokenizer: Any, examples: Any
) -> None:
    arguments = TrainingArguments(str(tmp_path), report_to=[], use_cpu=True)
    for changes, words in (
        ({"forget": ()}, "forget set is empty"),
        ({"retain": ()}, "retain set is empty"),
        ({"method": METHODS["idk"]}, "needs refusals"),
    ):
        settings = {
            "method": METHODS["npo"],
            "tokenizer": tokenizer,
            "forget": examples[:4],
            "retain": examples[4:],
        }
        with pytest.raises(UserError, match=words):
            UnlearnTrainer(llama, arguments, **(settings | changes))
