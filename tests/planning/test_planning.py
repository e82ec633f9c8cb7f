"""Estimates, worked by hand on a tiny model, and against what autograd keeps of a real one."""

from dataclasses import replace
from typing import Any

import pytest
from kept_bytes import kept_for_backward

from simnpo.config import LoraConfig, TrainingConfig
from simnpo.methods.registry import build_method
from simnpo.planning import flops
from simnpo.planning.fitting import fits, ways_to_fit
from simnpo.planning.memory import Memory, Plan, memory
from simnpo.planning.shape import Shape, shape_of

SHAPE = Shape(
    parameters=1000,
    embedding=100,
    head=100,
    linear=700,
    adapted=60,
    read=20,
    vocabulary=10,
    layers=2,
    width=8,
    inner=16,
    queries=8,
    keys=4,
    heads=2,
)
TRAINING = TrainingConfig(epochs=3, batch_size=4, micro_batch_size=2, precision="fp32")


def plan(method: str = "simnpo", retain_loss: str = "nll", **changes: Any) -> Plan:
    lora = changes.pop("lora", LoraConfig())
    names = ("shape", "length", "examples", "gpu", "devices")
    own = {name: changes.pop(name) for name in names if name in changes}
    start = Plan(
        SHAPE, build_method(method, retain_loss=retain_loss), TRAINING, lora, 5, 8, gpu=False
    )
    return replace(start, training=replace(TRAINING, **changes), **own)


def parts(planned: Plan, *names: str) -> tuple[int, ...]:
    found = memory(planned)
    return tuple(getattr(found, name) for name in names)


def test_bytes_of_full_training() -> None:
    fixed = ("weights", "copies", "gradients", "optimizer", "reference")
    assert parts(plan(), *fixed) == (4000, 0, 4000, 8000, 0)
    assert parts(plan(precision="bf16"), *fixed) == (2000, 0, 2000, 4000, 0)
    assert parts(plan(precision="mixed"), *fixed) == (4000, 2 * 800, 4000, 8000, 0)
    assert parts(plan(devices=2), *fixed) == (4000, 0, 8000, 8000, 0)
    assert parts(plan(retain_loss="kl"), *fixed) == (4000, 0, 4000, 8000, 4000)
    assert parts(plan("rkld"), *fixed) == (4000, 0, 4000, 8000, 8000)
    assert parts(plan("undial"), *fixed) == (4000, 0, 4000, 8000, 4000)
    assert parts(plan("ceu"), *fixed) == (4000, 0, 4000, 8000, 0)  # its own reference


def test_bytes_of_an_offloaded_reference() -> None:
    # 300 weights outside the linear layers, and one of two layers' 700.
    away = {"retain_loss": "kl", "offload_reference": True}
    assert parts(plan(**away, gpu=True, precision="fp32"), "reference") == (4 * 650,)
    assert parts(plan(**away, gpu=True, precision="bf16"), "reference") == (2 * 650,)
    assert parts(plan(**away), "reference") == (4000,)  # a CPU has nowhere else to hold it
    assert parts(plan(offload_reference=True, gpu=True), "reference") == (0,)


def test_bytes_of_optimizers() -> None:
    # 900 weights at one byte and a share of a scale, the embedding's 100 at four.
    assert parts(plan(optimizer="adamw-8bit"), "optimizer") == (round(2 * (900 * 260 / 256 + 400)),)
    assert parts(plan(optimizer="paged-adamw-8bit"), "optimizer") == (0,)


def test_bytes_of_lora() -> None:
    fixed = ("weights", "gradients", "optimizer", "reference")
    lora = LoraConfig(rank=2)  # 120 trained weights, in float32 whatever the base is
    assert parts(plan(lora=lora, retain_loss="kl"), *fixed) == (4480, 480, 960, 0)
    assert parts(plan(lora=lora, precision="bf16"), *fixed) == (2480, 480, 960, 0)
    assert parts(plan("rkld", lora=lora, precision="bf16"), *fixed) == (2480, 480, 960, 2000)
    four = LoraConfig(rank=2, load_in_4bit=True)
    held = 361 + 600 + 480
    assert parts(plan(lora=four, precision="bf16"), *fixed) == (held, 480, 960, 0)
    # The reinforced model is a base of 4 bits with its adapter, too.
    assert parts(plan("rkld", lora=four, precision="bf16"), *fixed) == (held, 480, 960, held)


def test_bytes_of_activations_and_logits() -> None:
    # 2 forget and 2 retain rows of 5 tokens; a layer keeps 104 bytes a token of attention, 192 of
    # the MLP, 128 of the norms, 128 of the linear layers' inputs; 96 are outside the layers.
    assert parts(plan(), "activations", "logits") == (20 * (2 * 552 + 96), 3 * 4 * 200 + 400)
    checkpointed = plan(gradient_checkpointing=True)
    assert parts(checkpointed, "activations") == (20 * (2 * 32 + 552 + 96),)
    assert parts(plan("idk_dpo"), "activations") == (30 * (2 * 552 + 96),)  # two answers to forget
    assert parts(plan(length=10**6, lora=LoraConfig(rank=1)), "logits") == (3 * 4 * 2**24,)


def test_total_is_the_sum() -> None:
    assert Memory(1, 2, 4, 8, 16, 32, 64).total == 127
    found = memory(plan("npo", "kl", precision="mixed", devices=2))
    assert found.total == sum(vars(found).values()) and all(vars(found).values())


def test_auto_precision_follows_the_device() -> None:
    assert plan(precision="auto").precision == "fp32"
    assert plan(precision="auto", gpu=True).precision == "mixed"
    assert plan(precision="auto", gpu=True, lora=LoraConfig(rank=1)).precision == "bf16"


def test_operations() -> None:
    assert flops.per_token(plan()) == 6 * 800
    assert flops.per_token(plan(gradient_checkpointing=True)) == 6 * 800 + 2 * 700
    assert flops.per_token(plan(lora=LoraConfig(rank=2))) == 4 * 800 + 6 * 120
    assert flops.per_step(plan()) == 4 * 2 * 5 * 4800
    assert flops.per_step(plan(retain_loss="kl")) == 4 * 5 * (2 * 4800 + 2 * 800)
    assert flops.per_step(plan("rkld")) == 4 * 5 * (2 * 4800 + 2 * 2 * 800)
    assert flops.per_run(plan()) == 3 * 8 * 2 * 5 * 4800
    assert flops.per_run(plan("npo")) == flops.per_run(plan()) + 2 * 800 * 8 * 5


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("precision", ["fp32", "bf16", "mixed"])
def test_activations_are_what_autograd_keeps(make_llama: Any, precision: Any, rank: int) -> None:
    sizes = {"hidden_size": 64, "intermediate_size": 160, "num_key_value_heads": 2}
    kept = [
        kept_for_backward(make_llama(num_hidden_layers=n, **sizes), precision, rank) for n in (1, 3)
    ]
    shape = shape_of(make_llama(num_hidden_layers=1, **sizes))
    planned = Plan(
        shape,
        build_method("retrain"),
        TrainingConfig(precision=precision, micro_batch_size=1),
        LoraConfig(rank=rank),
        length=128,
        examples=1,
        gpu=False,
    )
    one, three = (
        memory(replace(planned, shape=replace(shape, layers=n, linear=n * shape.linear)))
        for n in (1, 3)
    )
    expected = three.activations + three.copies - one.activations - one.copies
    assert expected == pytest.approx(kept[1] - kept[0], rel=0.06)


def test_what_makes_it_fit() -> None:
    small, large = memory(plan(micro_batch_size=1)).total / 0.8, memory(plan()).total / 0.8
    assert fits(plan(), large) and not fits(plan(), large - 5)
    assert ways_to_fit(plan(), small)[0] == "--micro-batch-size 1"
    assert ways_to_fit(plan(), 100) == []
    for way in ways_to_fit(plan(gpu=True), 13_000):
        assert len(way.split(" --")) >= 2
    copied = plan(retain_loss="kl", gpu=True, micro_batch_size=1, gradient_checkpointing=True)
    offloaded = replace(copied, training=replace(copied.training, offload_reference=True))
    enough = memory(offloaded).total / 0.8
    assert ways_to_fit(copied, enough)[0] == "--offload-reference"
    assert not any("offload" in way for way in ways_to_fit(replace(copied, gpu=False), enough))
    four = LoraConfig(rank=2, load_in_4bit=True)
    bits = plan(
        precision="bf16", gpu=True, micro_batch_size=1, lora=four, gradient_checkpointing=True
    )
    before = replace(bits, lora=LoraConfig(rank=2))
    room = (memory(bits).total + memory(before).total) / 2 / 0.8
    assert ways_to_fit(before, room)[-1].endswith("--load-in-4bit")
    assert not any("4bit" in way for way in ways_to_fit(replace(before, gpu=False), room))
