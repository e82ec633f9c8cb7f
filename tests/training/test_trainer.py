"""The trainer's loss and gradients against plain torch, and what must not change them."""

import copy
import json
from typing import Any

import pytest
import tiny_models
import torch
from torch.nn.functional import cross_entropy, logsigmoid
from transformers import GenerationConfig, Trainer, TrainingArguments

from simnpo.config import TrainingConfig
from simnpo.data.encoding import Encoder
from simnpo.errors import TrainingDiverged, UserError
from simnpo.methods.registry import METHODS, build_method
from simnpo.methods.rmu import control_vector
from simnpo.training import reference
from simnpo.training.run import TrainingData, checkpoint_activations, train_model
from simnpo.training.trainer import UnlearnTrainer

SETTINGS = {"alpha", "beta", "gamma", "layer", "forget_weight", "retain_weight", "retain_loss"}


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
    if name == "rmu":
        method.setdefault("layer", 1)  # of two
    template = settings.pop("template", "auto")
    forget = [
        one._replace(alternate=f"Nobody knows {number}.") for number, one in enumerate(examples[:4])
    ]
    reinforced = settings.pop("reinforced", None)
    offload = settings.pop("offload_reference", False)
    return UnlearnTrainer(
        model,
        TrainingArguments(str(tmp_path / "run"), **(arguments | settings)),
        method=build_method(name, **method),
        processing_class=tokenizer,
        forget_dataset=forget,
        retain_dataset=examples[4:],
        refusals=["I do not know.", "No idea."],
        template=template,
        reinforced=reinforced,
        offload_reference=offload,
    )


def plain_logp(model: Any, encoded: Any) -> torch.Tensor:
    """Summed log-probability of one answer: one row, no padding, all logits."""
    ids = torch.tensor([encoded.ids])
    logits = model(input_ids=ids).logits[0, :-1].float()
    return -cross_entropy(logits[encoded.start - 1 :], ids[0, encoded.start :], reduction="sum")


def test_settings_for_generation_are_saved_but_in_checkpoints(
    tmp_path: Any, llama: Any, tokenizer: Any, examples: Any
) -> None:
    """Such as transformers refuses once the Trainer has put the tokenizer's tokens into them."""
    own = {"temperature": 0.6, "top_p": 0.9, "eos_token_id": 7}
    (tmp_path / "generation_config.json").write_text(json.dumps(own))
    llama.generation_config = GenerationConfig.from_pretrained(tmp_path)
    trainer = make_trainer(
        tmp_path, llama, tokenizer, examples, "npo", save_strategy="steps", save_steps=1
    )
    trainer.train()
    trainer.save_model(str(tmp_path / "saved"))
    saved, kept = (
        GenerationConfig.from_pretrained(folder).to_diff_dict()
        for folder in (tmp_path / "saved", tmp_path / "run" / "checkpoint-1")
    )
    assert own.items() <= saved.items() and not own.keys() & kept.keys()


@pytest.mark.parametrize("clip", [1.0, 0.0])
def test_training_depends_on_the_ratio_of_the_weights(
    tmp_path: Any, llama: Any, tokenizer: Any, examples: Any, clip: float
) -> None:
    """So that NPO on own data, at 1 and 10, trains as was measured at 0.1 and 1."""
    curves = []
    for scale in (1, 10):
        trainer = make_trainer(
            tmp_path / str(scale), copy.deepcopy(llama), tokenizer, examples, "npo", max_steps=4,
            learning_rate=1e-3, forget_weight=0.1 * scale, retain_weight=1.0 * scale,
            max_grad_norm=clip * scale,
        )  # fmt: skip
        trainer.train()
        steps = trainer.state.log_history[:4]
        assert min(row["grad_norm"] for row in steps) > scale  # clipped, where anything is
        curves.append([[row["forget_loss"], row["retain_loss"]] for row in steps])
    torch.testing.assert_close(*map(torch.tensor, curves), atol=1e-4, rtol=0)


def first_loss(trainer: UnlearnTrainer) -> dict[str, float]:
    trainer.train()
    return trainer.state.log_history[0]


def test_simnpo_loss_and_step_equal_plain_torch(
    tmp_path: Any, llama: Any, tokenizer: Any, examples: Any
) -> None:
    plain = copy.deepcopy(llama)
    encoder = Encoder(tokenizer)
    forget, retain = encoder.encode_all(examples[:4]), encoder.encode_all(examples[4:])
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


def test_rkld_loss_and_step_equal_plain_torch(
    tmp_path: Any, llama: Any, make_llama: Any, tokenizer: Any, examples: Any
) -> None:
    original, reinforced, plain = copy.deepcopy(llama), make_llama(1), copy.deepcopy(llama)
    encoder = Encoder(tokenizer)
    forget_loss, retain_loss = [], []
    for one in (encoder.encode(*example[:2]) for example in examples[:4]):
        ids, tokens = torch.tensor([one.ids]), slice(one.start - 1, -1)
        with torch.no_grad():
            old, strong = (model(ids).logits[0, tokens] for model in (original, reinforced))
        teacher = (old - 3 * torch.where(strong > old, strong - old, 0)).softmax(-1)
        now = plain(ids).logits[0, tokens].softmax(-1)
        forget_loss.append((now * (now / teacher).log()).sum(-1).mean())
    for one in (encoder.encode(*example[:2]) for example in examples[4:]):
        retain_loss.append(-plain_logp(plain, one) / one.answer_length)
    forget, retain = (torch.stack(losses).mean() for losses in (forget_loss, retain_loss))
    (0.5 * forget + retain).backward()

    settings = {"alpha": 3.0, "forget_weight": 0.5, "reinforced": reinforced}
    trainer = make_trainer(tmp_path, llama, tokenizer, examples, "rkld", **settings)
    seen: dict[str, torch.Tensor] = {}
    for name, parameter in llama.named_parameters():
        parameter.register_hook(lambda gradient, name=name: seen.update({name: gradient.clone()}))
    log = first_loss(trainer)

    assert log["forget_loss"] == pytest.approx(forget.item(), rel=1e-4)
    assert log["retain_loss"] == pytest.approx(retain.item(), rel=1e-4)
    for name, parameter in plain.named_parameters():
        torch.testing.assert_close(seen[name], parameter.grad, rtol=1e-3, atol=1e-5)


def test_rkld_needs_a_reinforced_model_of_its_own_vocabulary(
    tmp_path: Any, llama: Any, make_llama: Any, tokenizer: Any, examples: Any
) -> None:
    with pytest.raises(UserError, match="RKLD needs a model that was over-fitted"):
        make_trainer(tmp_path, llama, tokenizer, examples, "rkld")
    other = make_llama(vocab_size=len(tokenizer) + 3)
    with pytest.raises(UserError, match=f"knows {len(tokenizer) + 3} tokens, .* {len(tokenizer)}"):
        make_trainer(tmp_path, llama, tokenizer, examples, "rkld", reinforced=other)


def test_npo_starts_at_its_constant_and_measures_against_the_start(
    tmp_path: Any, llama: Any, tokenizer: Any, examples: Any
) -> None:
    trainer = make_trainer(tmp_path, llama, tokenizer, examples, "npo", beta=0.5, max_steps=3)
    trainer.train()
    losses = [row["forget_loss"] for row in trainer.state.log_history[:3]]
    # log pi = log pi_ref at the start, so the loss is (2 / beta) log 2.
    assert losses[0] == pytest.approx(2 / 0.5 * torch.log(torch.tensor(2.0)).item(), rel=1e-4)
    assert losses[2] < losses[0]


@pytest.mark.parametrize("name", sorted({*METHODS} - {"task_vector"}))
@pytest.mark.parametrize("retain_loss", [None, "kl"])
def test_every_method_trains(
    tmp_path: Any,
    llama: Any,
    make_llama: Any,
    tokenizer: Any,
    examples: Any,
    name: str,
    retain_loss: str | None,
) -> None:
    before = copy.deepcopy(llama.state_dict())
    reinforced = make_llama(1) if METHODS[name].needs_reinforced else None
    log = first_loss(
        make_trainer(
            tmp_path,
            llama,
            tokenizer,
            examples,
            name,
            retain_loss=retain_loss,
            reinforced=reinforced,
        )
    )
    if retain_loss == "kl":
        assert log["retain_loss"] == pytest.approx(0, abs=1e-5)  # the original is where it starts
    if name != "retrain" or retain_loss is None:
        assert any(not torch.equal(before[key], value) for key, value in llama.state_dict().items())


@pytest.mark.parametrize("name", ["npo", "simnpo", "idk_dpo", "satimp", "undial", "ceu", "rmu"])
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


@pytest.mark.parametrize("name", ["simnpo", "ga", "grad_diff", "idk", "wga", "ceu", "rmu"])
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

    monkeypatch.setattr("simnpo.training.forwards.reference_logps", refuse)
    monkeypatch.setattr("simnpo.training.forwards.FrozenReference", refuse)
    make_trainer(tmp_path, llama, tokenizer, examples, name).train()


def test_reference_logps_are_those_before_training(
    tmp_path: Any, llama: Any, tokenizer: Any, examples: Any
) -> None:
    encoder = Encoder(tokenizer)
    encoded = encoder.encode_all(examples)
    expected = [plain_logp(llama, one).item() for one in encoded]
    found = reference.reference_logps(llama, encoded)
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
    from simnpo.training.adapters import add_adapters

    base = copy.deepcopy(llama.state_dict())
    adapted = add_adapters(llama, LoraConfig(rank=4))
    trainer = make_trainer(
        tmp_path, adapted, tokenizer, examples, "npo", retain_loss="kl", max_steps=3
    )
    trainer.train()
    log = trainer.state.log_history
    assert log[0]["retain_loss"] == pytest.approx(0, abs=1e-5)
    assert log[2]["retain_loss"] > 1e-6  # the adapters moved, the reference did not
    frozen = trainer._forwards._frozen
    assert frozen is not None and frozen._copy is None
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
        assert trainer._forwards._frozen is not None and trainer._forwards._frozen._copy is not None
        away = {
            name.split(".")[1]
            for name, weight in trainer._forwards._frozen._copy.named_parameters()
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
        ({"forget_dataset": ()}, "forget set is empty"),
        ({"retain_dataset": ()}, "retain set is empty"),
        ({"method": METHODS["idk"]}, "needs refusals"),
        ({"method": METHODS["altpo"]}, "needs an alternate answer to 'Where was .*``alternate_"),
    ):
        settings = {
            "method": METHODS["npo"],
            "processing_class": tokenizer,
            "forget_dataset": examples[:4],
            "retain_dataset": examples[4:],
        }
        with pytest.raises(UserError, match=words):
            UnlearnTrainer(llama, arguments, **(settings | changes))


def test_rmu_step_equals_plain_torch_and_touches_its_layers_alone(
    tmp_path: Any, make_llama: Any, tokenizer: Any, examples: Any
) -> None:
    """Against hidden states of a whole forward pass, one row at a time; two topics."""
    model = make_llama(num_hidden_layers=5)
    plain, original = copy.deepcopy(model), copy.deepcopy(model)
    topics = ["bio", "cyber", "bio", "cyber"]
    forget = [one._replace(topic=topic) for one, topic in zip(examples[:4], topics, strict=True)]

    def states(encoded: Any) -> torch.Tensor:
        ids = torch.tensor([encoded.ids])
        found = plain(input_ids=ids, output_hidden_states=True).hidden_states
        return found[4][0, encoded.start :]  # the output of layer 3, at the answer's tokens

    goals = [6.5 * control_vector(topic, 42, 32) for topic in topics]
    encoded = Encoder(tokenizer).encode_all(forget)
    losses = [
        (states(one) - goal).square().mean() for one, goal in zip(encoded, goals, strict=True)
    ]
    forget_loss = torch.stack(losses).mean()
    forget_loss.backward()  # at the first step the retain set is where it was: no gradient

    trainer = make_trainer(
        tmp_path, model, tokenizer, (*forget, *examples[4:]), "rmu", layer=3, seed=42
    )
    seen: dict[str, torch.Tensor] = {}
    for name, parameter in model.named_parameters():
        parameter.register_hook(lambda gradient, name=name: seen.update({name: gradient.clone()}))
    log = first_loss(trainer)
    assert log["forget_loss"] == pytest.approx(forget_loss.item(), rel=1e-5)
    assert log["retain_loss"] == pytest.approx(0, abs=1e-9)
    for name, parameter in plain.named_parameters():
        trained = name.startswith(("model.layers.1.", "model.layers.2.", "model.layers.3."))
        assert (name in seen) == trained
        assert model.get_parameter(name).equal(original.get_parameter(name)) != trained
        if trained:
            torch.testing.assert_close(seen[name], parameter.grad, rtol=1e-4, atol=1e-6)
    assert trainer.optimizer is not None and len(trainer.optimizer.state) == len(seen)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_rmu_holds_the_retain_set_where_the_original_had_it(
    tmp_path: Any, make_llama: Any, tokenizer: Any, examples: Any
) -> None:
    logs = []
    for checkpointing in (False, True):
        model = make_llama()
        if checkpointing:
            checkpoint_activations(model)
        trainer = make_trainer(tmp_path, model, tokenizer, examples, "rmu", max_steps=3)
        trainer.train()
        logs.append(trainer.state.log_history[:3])
    plain, checkpointed = logs
    assert plain[0]["retain_loss"] == pytest.approx(0, abs=1e-9)
    assert plain[1]["retain_loss"] > 1e-4
    for one, two in zip(plain, checkpointed, strict=True):
        assert one["loss"] == pytest.approx(two["loss"], rel=1e-4)


@pytest.mark.parametrize("name", ["gpt2", "gemma2"])
@pytest.mark.parametrize("retain_loss", ["nll", "none"])
def test_rmu_on_other_architectures(
    tmp_path: Any, tokenizer: Any, examples: Any, name: str, retain_loss: str
) -> None:
    model = getattr(tiny_models, name)()
    trainer = make_trainer(
        tmp_path, model, tokenizer, examples, "rmu", retain_loss=retain_loss, max_steps=2
    )
    trainer.train()
    losses = [row["forget_loss"] for row in trainer.state.log_history[:2]]
    assert losses[1] < losses[0]


def test_rmu_refuses_what_it_cannot_train(
    tmp_path: Any, llama: Any, tokenizer: Any, examples: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from simnpo.config import LoraConfig
    from simnpo.training.adapters import add_adapters

    with pytest.raises(
        UserError, match="``layer`` 5: LlamaForCausalLM has 2 decoder layers, 0 to 1"
    ):
        make_trainer(tmp_path, llama, tokenizer, examples, "rmu", layer=5)
    prepare = Trainer.create_accelerator_and_postprocess

    def parted(self: Any) -> None:
        prepare(self)
        self.is_fsdp_enabled = True

    with monkeypatch.context() as patch, pytest.raises(UserError, match="FSDP and DeepSpeed shard"):
        patch.setattr(Trainer, "create_accelerator_and_postprocess", parted)
        make_trainer(tmp_path, llama, tokenizer, examples, "rmu")
    adapted = add_adapters(llama, LoraConfig(rank=2))
    with pytest.raises(UserError, match=r"layers 0 to 1 themselves.*: leave out ``lora_rank``"):
        make_trainer(tmp_path, adapted, tokenizer, examples, "rmu")


def test_undial_and_kl_share_one_copy_of_the_original(
    tmp_path: Any, llama: Any, tokenizer: Any, examples: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    class Counted(reference.FrozenReference):
        def __init__(self, *given: Any):
            made.append(1)
            super().__init__(*given)

    monkeypatch.setattr("simnpo.training.forwards.FrozenReference", Counted)
    expected = []
    with torch.no_grad():
        for one in Encoder(tokenizer).encode_all(examples[:4]):
            logits = llama(input_ids=torch.tensor([one.ids])).logits[0, one.start - 1 : -1]
            targets = torch.tensor(one.ids[one.start :])[:, None]
            lowered = logits.scatter_add(1, targets, torch.full(targets.shape, -2.0))
            expected.append(cross_entropy(logits, lowered.softmax(-1)).item())
    trainer = make_trainer(
        tmp_path, llama, tokenizer, examples, "undial", beta=2.0, retain_loss="kl"
    )
    log = first_loss(trainer)
    assert log["forget_loss"] == pytest.approx(sum(expected) / 4, rel=1e-5)
    assert log["retain_loss"] == pytest.approx(0, abs=1e-5)
    assert len(made) == 1


def test_progress_shows_as_in_any_trainer(
    tmp_path: Any,
    llama: Any,
    tokenizer: Any,
    examples: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = {}
    for quiet in (False, True):
        trainer = make_trainer(
            tmp_path, llama, tokenizer, examples, "npo", max_steps=3, disable_tqdm=quiet
        )
        trainer.train()
        shown[quiet] = capsys.readouterr()
    bar, lines = shown[False], shown[True]
    assert "3/3" in bar.err
    assert "3/3" not in lines.err and lines.out.count("'forget_loss'") == 3


def test_a_run_shows_its_own_progress_alone(
    tmp_path: Any,
    llama: Any,
    tokenizer: Any,
    examples: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = TrainingConfig(epochs=2, batch_size=4, micro_batch_size=4, log_rows=1)
    data = TrainingData(examples[:4], examples[4:])
    train_model(llama, tokenizer, build_method("npo"), data, config, tmp_path)
    found = capsys.readouterr()
    assert found.out == "" and "forget_loss" not in found.err and "2/2 [" not in found.err
