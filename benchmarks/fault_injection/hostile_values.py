"""The hostile texts, files, names, templates and settings, with what must become of each."""

import json
from typing import Any

from fault_injection.mutations import ESCAPE
from fault_injection.trial import Expected
from fault_injection.world import rows

TEXTS = {
    "NUL": "a\x00b", "a lone surrogate": "a\ud800b", "20,000 spaces": " " * 20_000,
    "two megabytes": "word " * 400_000, "escape sequences": ESCAPE, "only spaces": "   ",
    "nothing": "", "special tokens": "</s><s></s>", "combining marks": "e" + "\u0301" * 5_000,
    "a format": "{question} %s {0} {}", "line breaks": "\n\r\n\u2028\n",
    "right to left": "\u202eabc",
    "a byte order mark": "\ufeffWhere?", "no spaces": "x" * 100_000,
}  # fmt: skip
FILES: dict[str, tuple[bytes, Expected]] = {
    "an empty file": (b"", "refuse"),
    "a line break": (b"\n", "refuse"),
    "UTF-16": ("".join(json.dumps(row) + "\n" for row in rows()).encode("utf-16"), "refuse"),
    "Latin-1": ('{"question": "Où?", "answer": "Là."}\n'.encode("latin-1"), "refuse"),
    "a number": (b"17\n", "refuse"),
    "a list a line": (b'["question", "answer"]\n' * 3, "refuse"),
    "an unknown column": (b'{"frage": "Wo?", "antwort": "Da."}\n', "refuse"),
    "NaN": (b'{"question": "Where?", "answer": NaN}\n', "refuse"),
    "a deep nest": (b'{"question": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n", "refuse"),
    "a long number": (b'{"question": "Where?", "answer": ' + b"9" * 10_000 + b"}\n", "any"),
    "a key twice": (b'{"question": "a", "question": "b", "answer": "c"}\n', "any"),
    "half a line": (b'{"question": "Where?", "answer": "Here."}\n{"question": "W', "refuse"),
    "HTML": (b"<!doctype html><html><title>404</title></html>", "refuse"),
    "a pointer of Git LFS": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "refuse",
    ),
    "null": (b'{"question": null, "answer": null}\n', "refuse"),
    "a list for an answer": (b'{"question": "Where?", "answer": ["a", "b"]}\n', "refuse"),
    "messages without roles": (b'{"messages": [{"content": "Where?"}]}\n', "refuse"),
    "messages of one role": (b'{"messages": [{"role": "user", "content": "Where?"}]}\n', "refuse"),
    "messages as text": (b'{"messages": "Where? Here."}\n', "refuse"),
}
NAMES = (
    "\x1b[2J\x1b]0;x\x07.jsonl", "two words.jsonl", "line\nbreak.jsonl", "name.JSONL", "東京.jsonl",
    "-leading.jsonl", "colon:train.jsonl", "at@main.jsonl", "per%cent{0}.jsonl", "name.unknown",
    "name", "bytes\udcff.jsonl",
)  # fmt: skip
TEMPLATES = {
    "loops": "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
    "allocates": "{{ 'a' * 20000000000 }}{{ messages }}",
    "doubles": "{% set ns = namespace(x='aa') %}{% for i in range(60) %}"
               "{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x }}",
    "raises": "{{ raise_exception('no such role') }}",
    "raises escapes": "{{ raise_exception('\x1b]0;x\x07\x1b[2J') }}",
    "divides by zero": "{{ 1 // 0 }}{{ messages[0].content }}",
    "breaks off": "{% for message in messages %}{{ message.content ",
    "calls itself": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "reaches for Python": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "ignores the contents": "<|user|>hello<|assistant|>",
    "writes nothing": "",
    "is in capitals": "{% for m in messages %}{{ m.content | upper }}</s>{% endfor %}",
    "writes backwards": "{% for m in messages | reverse %}{{ m.content }}</s>{% endfor %}",
    "writes twice": "{% for m in messages %}{{ m.content }}{{ m.content }}</s>{% endfor %}",
    "reads past the end": "{{ messages[7].content }}",
    "includes a file": "{% include '/etc/passwd' %}{{ messages[0].content }}",
    "is long": "{# " + "x" * 2_000_000 + " #}{% for m in messages %}{{ m.content }}{% endfor %}",
    "writes controls": "{% for m in messages %}\x1b[2J\x00{{ m.content }}</s>{% endfor %}",
    "is a number": 17,
    "is a list": [{"name": "default", "template": None}],
    "is random": "{% for m in messages %}{{ range(10000) | random }}{{ m.content }}{% endfor %}",
}  # fmt: skip
FIELDS: dict[str, tuple[str, Any, Expected]] = {
    "huge vocabulary": ("vocab_size", 10**12, "refuse"),
    "small vocabulary": ("vocab_size", 5, "refuse"),
    "no layers": ("num_hidden_layers", 0, "refuse"),
    "many layers": ("num_hidden_layers", 3, "refuse"),
    "endless layers": ("num_hidden_layers", 10**9, "refuse"),
    "heads that do not divide": ("num_attention_heads", 3, "refuse"),
    "no heads": ("num_attention_heads", 0, "refuse"),
    "other width": ("hidden_size", 24, "refuse"),
    "negative width": ("hidden_size", -16, "refuse"),
    "one position": ("max_position_embeddings", 1, "any"),
    "unknown architecture": ("model_type", "nothing", "refuse"),
    "an encoder": ("model_type", "bert", "refuse"),
    "an encoder-decoder": ("model_type", "t5", "refuse"),
    "escapes in the architecture": ("model_type", ESCAPE, "refuse"),
    "unknown type": ("dtype", "float7", "refuse"),
    "unknown activation": ("hidden_act", "nothing", "refuse"),
    "code of its own": (
        "auto_map",
        {"AutoModelForCausalLM": "evil.Model", "AutoConfig": "evil.C"},
        "any",
    ),
    "quantised": ("quantization_config", {"quant_method": "gptq", "bits": 4}, "refuse"),
    "dropout above one": ("attention_dropout", 7, "any"),
    "end of text beyond the vocabulary": ("eos_token_id", 10**7, "any"),
    "positions' base of zero": ("rope_theta", 0, "any"),
}
