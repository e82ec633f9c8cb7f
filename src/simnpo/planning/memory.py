"""What a training run will take, from a model's sizes and the settings: memory, and time.

Memory is counted at its peak, the beginning of the backward pass of a micro-batch that is not the
first of its optimizer step: gradients, optimizer states and all activations are there. Sizes are
those of a decoder with RMSNorm, rotary positions, a gated MLP or a mixture of them, and attention
that never stores its scores (Llama, Mistral, Mixtral, Qwen, Gemma); GPT-2 and its like take less.
All sequences are taken to be as long as the limit, and all their tokens to be answers: what comes
out is what must fit, and short answers take less.
"""

from dataclasses import dataclass

from simnpo.config import SUBSPACE_TOKENS, LoraConfig, Precision, TrainingConfig, resolve_precision
from simnpo.forward.fused import CHUNK
from simnpo.methods.method import Method
from simnpo.planning.shape import Shape

CHUNK_ARRAYS = 3
"""Arrays of so many values, in float32, that the backward pass through a chunk holds."""
NF4_BYTES = 0.5 + 1 / 64 + 4 / (64 * 256)
"""Per weight: 4 bits, and for each block of 64 a scale of 8 bits, and for each 256 of these one of
32 (QLoRA, arXiv 2305.14314, section 3)."""
STATE_8BIT_BYTES = 1 + 4 / 256
"""Per weight and state: 8 bits, and a float32 scale for each block of 256 (bitsandbytes)."""


@dataclass(frozen=True)
class Plan:
    """A model's sizes and everything a run's memory and time depend on."""

    shape: Shape
    method: Method
    training: TrainingConfig
    lora: LoraConfig
    length: int
    """Tokens of each sequence."""
    examples: int
    """Size of the set that an epoch passes over: the forget set, if the method has one."""
    gpu: bool
    """Whether it runs on a GPU, which decides what precision `auto` means."""
    devices: int = 1
    """Devices, one process each; each holds the whole model."""

    @property
    def precision(self) -> Precision:
        """The precision, `auto` resolved."""
        return resolve_precision(self.training.precision, self.lora.rank > 0, self.gpu)

    @property
    def trainable(self) -> int:
        """Weights that are trained."""
        if self.lora.rank:
            return self.shape.adapter_weights(self.lora)
        return self.shape.parameters - self.shape.frozen

    @property
    def sequences(self) -> int:
        """Sequences that go through the model for each example of a batch, of all terms."""
        terms = (self.method.forget, self.method.retain)
        return sum(len(term.answers) for term in terms if term)

    @property
    def tokens(self) -> int:
        """Tokens of a micro-batch on one device: rows of all terms go together."""
        rows = self.training.micro_batch(self.devices)
        return rows * self.sequences * self.length


@dataclass(frozen=True)
class Memory:
    """Bytes on one device."""

    weights: int
    """The model's, with its adapters."""
    copies: int
    """bf16 copies of the fp32 weights that autocast keeps through the pass (precision mixed)."""
    gradients: int
    """One per trained weight; twice with several devices, where DDP sends them in buckets."""
    optimizer: int
    """Two states per trained weight, Adam's."""
    activations: int
    """What the backward pass needs of the forward pass."""
    logits: int
    """Chunks of logits, and the LM head's gradient while it is summed over chunks."""
    reference: int
    """The frozen models that are compared with: the original for `--retain-loss kl`, UNDIAL and
    RKLD, which with LoRA is the model itself, and of which offloading leaves one layer and what is
    outside the layers; and RKLD's reinforced model."""

    @property
    def total(self) -> int:
        """The sum of all parts."""
        return sum(vars(self).values())


def memory(plan: Plan) -> Memory:
    """Return the memory of `plan` at its peak, on each device."""
    shape, lora = plan.shape, plan.lora.rank > 0
    size = 2 if plan.precision == "bf16" else 4
    if plan.lora.load_in_4bit:
        held = shape.linear - shape.experts
        base = round(NF4_BYTES * held) + size * (shape.parameters - held)
    else:
        base = size * shape.parameters
    trained_size = 4 if lora else size  # peft keeps adapters in float32
    gradients = trained_size * plan.trainable
    copy = _copy(plan, size) if plan.method.needs_original_model and not lora else 0
    head_gradient = 0 if lora else 4 * shape.head
    chunk = min(CHUNK, plan.tokens * shape.vocabulary)
    mixed = plan.precision == "mixed"
    weights = base + (trained_size * plan.trainable if lora else 0)
    # Merged into the base it was over-fitted on, which 4 bits do not allow.
    reinforced = weights if plan.lora.load_in_4bit else base
    return Memory(
        weights=weights,
        copies=2 * (shape.linear + shape.head) if mixed else 0,
        gradients=gradients * (2 if plan.devices > 1 else 1),
        optimizer=_optimizer_states(plan, trained_size),
        activations=_activations(plan),
        logits=4 * CHUNK_ARRAYS * chunk + head_gradient,
        reference=copy + (reinforced if plan.method.needs_reinforced else 0),
    )


def subspace_inputs(plan: Plan) -> int:
    """Return the bytes of host memory that the inputs of linear layers take before training.

    What adapters read is found from those of some tokens of both sets, as many of each, see
    `simnpo.training.adapter_subspace`; layers that read the same input keep it once.
    """
    if plan.lora.subspace != "forget":
        return 0
    shape = plan.shape
    values = shape.layers * (2 * shape.width + shape.queries + shape.inner)
    tokens = min(SUBSPACE_TOKENS, plan.examples * plan.length)
    return 2 * tokens * values * (2 if plan.precision == "bf16" else 4)


def _copy(plan: Plan, size: int) -> int:
    """Return the bytes of the frozen copy; on a CPU the host's memory is the device's."""
    shape = plan.shape
    if not plan.training.offload_reference or not plan.gpu:
        return size * shape.parameters
    return size * (shape.parameters - shape.linear + shape.linear // shape.layers)


def _optimizer_states(plan: Plan, size: int) -> int:
    """Return the bytes of Adam's two states; torch keeps them in the weights' own type.

    bitsandbytes' 8-bit states leave the embedding's in float32, as transformers asks it to. Paged
    states live in host memory and visit the device, so they take nothing where it is short.
    """
    if plan.training.optimizer == "paged-adamw-8bit":
        return 0
    if plan.training.optimizer == "adamw":
        return 2 * size * plan.trainable
    whole = 0 if plan.lora.rank else plan.shape.embedding
    return round(2 * (STATE_8BIT_BYTES * (plan.trainable - whole) + 4 * whole))


def _activations(plan: Plan) -> int:
    """Return the bytes that the forward pass keeps for the backward pass.

    With checkpointing each layer keeps its input alone, and one layer at a time is run again.
    """
    shape, layer = plan.shape, _layer_bytes(plan)
    stream = 2 if plan.precision == "bf16" else 4
    ends = (4 + 2 * stream) * shape.width  # the last norm's input, its output and the embedding's
    # An adapter on experts is added to their weights, and the sum is kept.
    sums = stream * shape.experts if plan.lora.rank else 0
    if plan.training.gradient_checkpointing:
        kept = shape.layers * stream * shape.width + layer + ends
        return plan.tokens * kept + sums // shape.layers
    return plan.tokens * (shape.layers * layer + ends) + sums


def _layer_bytes(plan: Plan) -> int:
    """Return the bytes that one layer keeps per token.

    Counted over what transformers' Llama hands to autograd, in the way of arXiv 2205.05198, section
    4: queries, keys, values and output of attention with a float32 logsumexp per head; the gate,
    its SiLU and the up-projection; the two norms' inputs, in float32, and what their own gradient
    needs; the inputs of the linear layers. These are shared by layers of one input unless each
    casts it for itself, as autocast does, and peft with its float32 adapters on a bf16 base. Each
    expert that a token goes through has its own copy of its input and its output.
    """
    shape, lora = plan.shape, plan.lora.rank > 0
    stream = 2 if plan.precision == "bf16" else 4
    compute = 4 if plan.precision == "fp32" else 2
    attention = compute * 2 * (shape.queries + shape.keys) + 4 * shape.heads
    mlp = compute * 3 * shape.inner
    norms = 2 * 4 * shape.width + (0 if lora else 2 * stream * shape.width)
    cast = plan.precision == "mixed" or (lora and plan.precision == "bf16")
    inputs = (5 if cast else 2) * shape.width + shape.inner
    mlp += compute * 2 * shape.chosen * shape.width
    if lora and plan.precision == "bf16":
        if shape.experts:  # which are adapted in their own type
            return attention + mlp + norms + 4 * (inputs - shape.inner + shape.queries)
        return attention + mlp + norms + 4 * (inputs + shape.queries)
    return attention + mlp + norms + compute * inputs
