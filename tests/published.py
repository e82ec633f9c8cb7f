"""Tokenizers of published models, with the chat templates that two of them lack in their files."""

from functools import cache
from typing import Any

from fetch_tokenizers import ARCHIVES, tokenizer_folder

NAMES = tuple(ARCHIVES)
# As in meta-llama/Llama-2-7b-chat-hf: strict roles, contents trimmed, spaces around an answer.
LLAMA_2 = (
    "{% if messages[0]['role'] == 'system' %}{% set system_message = messages[0]['content'] %}"
    "{% set loop_messages = messages[1:] %}{% else %}{% set loop_messages = messages %}"
    "{% set system_message = false %}{% endif %}{% for message in loop_messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}"
    "{% endif %}{% if loop.index0 == 0 and system_message != false %}"
    "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}"
    "{% else %}{% set content = message['content'] %}{% endif %}"
    "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}"
    "{% endif %}{% endfor %}"
)
# What gpt-oss's long template writes of plain conversations: a date, a channel before an answer,
# another end for the last one.
GPT_OSS = (
    "<|start|>system<|message|>You are ChatGPT, a large language model trained by OpenAI.\n"
    "Current date: {{ strftime_now('%Y-%m-%d') }}\n\nReasoning: {{ reasoning_effort or 'medium' }}"
    "<|end|>{% for message in messages %}{% if message.role == 'system' %}<|start|>developer"
    "<|message|># Instructions\n\n{{ message.content }}<|end|>{% elif message.role == 'user' %}"
    "<|start|>user<|message|>{{ message.content }}<|end|>{% else %}<|start|>assistant<|channel|>"
    "final<|message|>{{ message.content }}{{ '<|return|>' if loop.last else '<|end|>' }}"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}<|start|>assistant{% endif %}"
)


@cache
def published(name: str) -> Any:
    """Return a tokenizer as `simnpo.models.load_tokenizer` does."""
    from transformers import AutoTokenizer

    from simnpo.data.tokenizer_checks import restore_bos

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder(name))
    restore_bos(tokenizer)
    own = {"llama2": LLAMA_2, "gptoss": GPT_OSS}
    tokenizer.chat_template = own.get(name, tokenizer.chat_template)
    return tokenizer
