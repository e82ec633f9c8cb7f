"""`UnlearnConfig`: transformers' training arguments, with a method and how data becomes prompts."""

from dataclasses import dataclass, field
from typing import NamedTuple

from transformers import TrainingArguments

from simnpo.config import MAX_LENGTH
from simnpo.data.prompt_settings import PromptSettings
from simnpo.data.tokenizer import Tokenizer
from simnpo.errors import UserError
from simnpo.methods.method import Method
from simnpo.methods.registry import build_method
from simnpo.methods.task_vector import TaskVector
from simnpo.models import load_model, load_tokenizer
from simnpo.models.causal_lm import CausalLM, PeftConfig
from simnpo.models.precision import is_mixed, run_mixed


@dataclass
class UnlearnConfig(TrainingArguments):
    """What `UnlearnTrainer` takes besides model and data; all else is transformers' own.

    Its defaults are transformers', not those of the command: `per_device_train_batch_size` counts
    rows of the forget set, each with a row of the retain set.
    """

    method: str = field(
        default="simnpo", metadata={"help": "A key of simnpo.METHODS, or path/to/file.py:Name."}
    )
    method_settings: dict[str, object] | None = field(
        default=None, metadata={"help": "As build_method takes them, such as beta."}
    )
    template: str = field(
        default="auto", metadata={"help": "How questions become prompts, see docs/prompts.md."}
    )
    max_length: int = field(default=MAX_LENGTH, metadata={"help": "Tokens of a sequence at most."})
    keep_dropout: bool = field(
        default=False, metadata={"help": "Keep the model's dropout while it unlearns."}
    )
    offload_reference: bool = field(
        default=False, metadata={"help": "Hold the frozen copy of the model in host memory."}
    )


class Asked(NamedTuple):
    """What a trainer was asked for: by its own arguments, else by its configuration."""

    method: Method
    template: str | PromptSettings
    max_length: int
    offload_reference: bool
    keeps_dropout: bool


def resolve(
    args: TrainingArguments,
    method: str | Method | None,
    template: str | PromptSettings | None,
    max_length: int | None,
    offload_reference: bool | None,
    keeps_dropout: bool | None,
) -> Asked:
    """Fill in from `args` what is None; from `UnlearnConfig`'s defaults where that says nothing.

    Raises:
        UserError: the method has no loss, or see `simnpo.methods.registry.build_method`.
    """
    known = args if isinstance(args, UnlearnConfig) else UnlearnConfig
    if method is None:
        built = build_method(known.method, **(known.method_settings or {}))
    else:
        built = build_method(method) if isinstance(method, str) else method
    if isinstance(built, TaskVector):
        raise UserError(f"{built.title} edits weights and trains nothing; use `simnpo unlearn`.")
    return Asked(
        built,
        known.template if template is None else template,
        known.max_length if max_length is None else max_length,
        known.offload_reference if offload_reference is None else offload_reference,
        known.keep_dropout if keeps_dropout is None else keeps_dropout,
    )


def made_ready(
    model: str | CausalLM,
    processing_class: Tokenizer | None,
    peft_config: PeftConfig | None,
    bf16: bool,
) -> tuple[CausalLM, Tokenizer]:
    """Return the model that is trained, and its tokenizer.

    Args:
        model: a model, or its name.
        processing_class: the tokenizer; None loads it by the model's name.
        peft_config: puts adapters of peft on the model.
        bf16: whether the model computes under autocast.

    Raises:
        UserError: there is no tokenizer; or see `simnpo.models`.
    """
    if isinstance(model, str):
        processing_class = processing_class or load_tokenizer(model)
        made = load_model(model, "mixed" if bf16 else "fp32")
    else:
        made = model
    if processing_class is None:
        raise UserError("UnlearnTrainer: give the model's tokenizer as processing_class.")
    if peft_config is not None:
        import peft

        made = peft.get_peft_model(made, peft_config)
    if bf16 and not is_mixed(made):
        run_mixed(made)
    return made, processing_class
