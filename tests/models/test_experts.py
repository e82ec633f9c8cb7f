"""Experts of a mixture: found, rounded, adapted and counted, in each way that models keep them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import tiny_models
import torch
import transformers
from kept_bytes import kept_for_backward
from tiny_models import SHAPE
from torch import nn

from simnpo.config import LoraConfig, TrainingConfig
from simnpo.data.encoding import Encoded
from simnpo.experiments.quantize_run import quantize_model, round_to_nearest
from simnpo.methods.registry import build_method
from simnpo.models.experts import (
    count_weights,
    describe_left_out,
    left_out,
    linear_layers,
    named_as_experts,
    stacked_experts,
)
from simnpo.planning import flops
from simnpo.planning.memory import NF4_BYTES, Plan, memory
from simnpo.planning.shape import shape_of
from simnpo.system.notes import note_once
from simnpo.training.adapter_subspace import fix_subspace, set_subspace
from simnpo.training.adapters import add_adapters, trained_parameters

WIDE = SHAPE | {"head_dim": 8}
DEEPSEEK = {
    "num_key_value_heads": 4,
    "n_routed_experts": 4,
    "n_group": 1,
    "topk_group": 1,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 48,
    "first_k_dense_replace": 1,
    "q_lora_rank": 8,
    "kv_lora_rank": 8,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "v_head_dim": 8,
}
MIXTURES: dict[str, Callable[[], Any]] = {
    "Mixtral": tiny_models.mixtral,
    "Qwen2Moe": lambda: transformers.Qwen2MoeForCausalLM(
        transformers.Qwen2MoeConfig(
            **SHAPE,
            num_experts=4,
            num_experts_per_tok=2,
            moe_intermediate_size=48,
            shared_expert_intermediate_size=40,
        )
    ),
    "Qwen3Moe": lambda: transformers.Qwen3MoeForCausalLM(
        transformers.Qwen3MoeConfig(
            **WIDE, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=48
        )
    ),
    "DeepSeek V3": lambda: transformers.DeepseekV3ForCausalLM(
        transformers.DeepseekV3Config(**(SHAPE | DEEPSEEK))
    ),
    "GPT-OSS": lambda: transformers.GptOssForCausalLM(
        transformers.GptOssConfig(**WIDE, num_local_experts=4, num_experts_per_tok=2)
    ),
    "Llama 4": lambda: transformers.Llama4ForCausalLM(
        transformers.Llama4TextConfig(
            **WIDE, intermediate_size_mlp=48, num_local_experts=2, num_experts_per_tok=1
        )
    ),
    "GraniteMoe": lambda: transformers.GraniteMoeForCausalLM(
        transformers.GraniteMoeConfig(**SHAPE, num_local_experts=4, num_experts_per_tok=2)
    ),
    "OLMoE": lambda: transformers.OlmoeForCausalLM(
        transformers.OlmoeConfig(**SHAPE, num_experts=4, num_experts_per_tok=2)
    ),
    "JetMoe": lambda: transformers.JetMoeForCausalLM(
        transformers.JetMoeConfig(
            **{name: value for name, value in SHAPE.items() if name != "num_attention_heads"},
            num_local_experts=4,
            num_experts_per_tok=2,
            kv_channels=8,
        )
    ),
}
TRANSPOSED = ("GPT-OSS", "Llama 4")


@pytest.fixture(params=MIXTURES)
def mixture(request: pytest.FixtureRequest) -> Any:
    """A tiny mixture of experts, and its name."""
    torch.manual_seed(0)
    model = MIXTURES[request.param]().eval()
    model.named = request.param
    return model


def test_experts_are_found_and_which_way_they_lie(mixture: Any) -> None:
    found = list(stacked_experts(mixture))
    names = [name for name, one in mixture.named_parameters() if one.ndim == 3]
    assert sorted(one.name for one in found) == sorted(names) and found
    assert {one.transposed for one in found} == {mixture.named in TRANSPOSED}
    gate = next(one for one in found if "down" not in one.name and "output" not in one.name)
    inputs = gate.weight.shape[1 if gate.transposed else 2]
    assert inputs == SHAPE["hidden_size"]


def test_no_experts_where_there_are_none(make_llama: Any) -> None:
    for model in (make_llama(), tiny_models.falcon_h1(), tiny_models.lfm2(), tiny_models.gpt2()):
        assert not list(stacked_experts(model)) and not describe_left_out(model)


def test_each_expert_is_rounded_by_its_own_rows(mixture: Any) -> None:
    before = {name: one.clone() for name, one in mixture.named_parameters()}
    share = quantize_model(mixture, 4)
    after = dict(mixture.named_parameters())
    for experts in stacked_experts(mixture):
        for old, new in zip(before[experts.name], after[experts.name], strict=True):
            due = round_to_nearest(old.T, 4).T if experts.transposed else round_to_nearest(old, 4)
            assert torch.equal(new, due) and not torch.equal(new, old)
    moved = sum(one.numel() for name, one in after.items() if not torch.equal(one, before[name]))
    assert share == pytest.approx(moved / sum(map(torch.numel, after.values())), rel=1e-3)
    table = sum(
        one.weight.numel()
        for one in {mixture.get_input_embeddings(), mixture.get_output_embeddings()}
    )
    rest = sum(map(torch.numel, after.values())) - table
    assert moved > 0.95 * rest  # all but routers, norms and biases
    left, described = left_out(mixture), describe_left_out(mixture)
    assert bool(left) == bool(described)  # what the attack's note names
    # JetMoe's routers are linear layers.
    assert all(name in described for name in left) and bool(left) == (mixture.named != "JetMoe")


def test_adapters_are_on_everything_that_is_counted(
    mixture: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    note_once.cache_clear()
    shape, ids = shape_of(mixture), torch.tensor([[5, 6, 7, 8, 9, 10, 11]])
    layers, experts = linear_layers(mixture), [one.name for one in stacked_experts(mixture)]
    plain = mixture(input_ids=ids).logits.detach()
    adapted = add_adapters(mixture, LoraConfig(rank=2))
    said = capsys.readouterr().err
    assert said.count("not adapted") == bool(left_out(mixture)) and ".experts" not in said
    trained = {name: one for name, one in adapted.named_parameters() if one.requires_grad}
    assert sum(one.numel() for one in trained.values()) == 2 * shape.adapted
    assert len(trained) == 2 * (len(layers) + len(experts))
    torch.testing.assert_close(adapted(input_ids=ids).logits, plain)
    with torch.no_grad():
        for one in trained.values():
            one.add_(0.02 * torch.randn_like(one))
    adapted(input_ids=ids).logits.sum().backward()
    idle = [name for name, one in trained.items() if one.grad is None or not one.grad.any()]
    assert not idle
    with adapted.disable_adapter():
        torch.testing.assert_close(adapted(input_ids=ids).logits, plain)


def test_a_fixed_subspace_leaves_experts_free(mixture: Any) -> None:
    shape, lora = shape_of(mixture), LoraConfig(rank=2, subspace="forget")
    experts = list(stacked_experts(mixture))
    stacked = [*experts, *named_as_experts(linear_layers(mixture), experts)]
    adapted = add_adapters(mixture, lora)
    fix_subspace(adapted)
    row = Encoded((5, 6, 7, 8, 9, 10, 11), 4)
    was = {name: one.detach().clone() for name, one in adapted.named_parameters()}
    set_subspace(adapted, [row], [Encoded((11, 12, 13, 14), 1)])
    trained = {name: one for name, one in adapted.named_parameters() if one.requires_grad}
    assert sum(one.numel() for one in trained.values()) == shape.adapter_weights(lora)
    assert sum("lora_A" in name for name in trained) == len(stacked)
    for name, one in adapted.named_parameters():
        fixed = "lora_A" in name and not one.requires_grad
        assert torch.equal(one, was[name]) != fixed, name


def test_sizes_of_a_mixture() -> None:
    shape = shape_of(tiny_models.mixtral())
    assert shape.experts == 2 * 4 * 3 * 32 * 64  # layers, experts, matrices, their sizes
    assert (shape.used, shape.chosen, shape.inner) == (0.5, 2, 2 * 64)
    attention = 2 * (2 * 32 * 32 + 2 * 32 * 16)
    assert shape.linear == attention + shape.experts
    assert shape.multiplied == attention + shape.experts // 2
    assert shape.adapted == 2 * (2 * 64 + 2 * 48 + 4 * (32 + 128 + 64 + 32))
    assert "mlp.gate.weight" in shape.left_out
    dense = shape_of(MIXTURES["Qwen2Moe"]())
    assert dense.inner == 2 * 48 + 40  # two experts, and the one that all tokens go through


def pack(model: Any) -> None:
    """Hold linear layers as bitsandbytes does in 4 bits: two weights a byte, in one column."""
    layers: list[Any] = list(linear_layers(model).values())
    for module in layers:
        size = module.weight.numel() // 2
        packed = torch.zeros(size, 1, dtype=torch.uint8)
        module.weight = nn.Parameter(packed, requires_grad=False)


@pytest.mark.parametrize("make", [tiny_models.mixtral, MIXTURES["Qwen2Moe"]])
def test_a_model_in_4_bits_has_as_many_weights(make: Any) -> None:
    model = make()
    before, left = shape_of(model), describe_left_out(model)
    pack(model)
    assert shape_of(model) == before and describe_left_out(model) == left
    assert count_weights(model) == before.parameters
    assert trained_parameters(model, LoraConfig(rank=2)) == 2 * before.adapted


def test_plans_of_a_mixture() -> None:
    shape = shape_of(tiny_models.mixtral())
    training = TrainingConfig(precision="fp32", batch_size=1, micro_batch_size=1)
    full = Plan(shape, build_method("retrain"), training, LoraConfig(), 8, 8, gpu=False)
    assert flops.per_token(full) == 6 * (shape.multiplied + shape.head)
    four = replace(full, lora=LoraConfig(rank=2, load_in_4bit=True))
    held = shape.linear - shape.experts  # bitsandbytes knows linear layers alone
    base = round(NF4_BYTES * held) + 4 * (shape.parameters - held)
    assert memory(four).weights == base + 4 * four.trainable
    seeing = replace(full, shape=replace(shape, frozen=1000))
    assert seeing.trainable == shape.parameters - 1000


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("precision", ["fp32", "bf16", "mixed"])
def test_activations_of_experts_are_about_what_autograd_keeps(precision: Any, rank: int) -> None:
    def make(layers: int) -> Any:
        sizes = {"hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": layers}
        config = transformers.MixtralConfig(**(SHAPE | sizes), num_local_experts=4)
        return transformers.MixtralForCausalLM(config)

    counted = [kept_for_backward(make(layers), precision, rank) for layers in (1, 3)]
    shape = shape_of(make(1))
    training = TrainingConfig(precision=precision, micro_batch_size=1)
    planned = Plan(
        shape, build_method("retrain"), training, LoraConfig(rank=rank), 128, 1, gpu=False
    )

    def at(n: int) -> Any:
        sizes = {"layers": n, "linear": n * shape.linear, "experts": n * shape.experts}
        return memory(replace(planned, shape=replace(shape, **sizes)))

    one, three = at(1), at(3)
    expected = three.activations + three.copies - one.activations - one.copies
    assert expected == pytest.approx(counted[1] - counted[0], rel=0.2)
