"""Chat templates that come with a model: programs, so each is tried where it can be stopped."""

import sys
import time
from typing import Any

import pytest
from made_templates import TEMPLATES

from simnpo.data import chat_template as chat_template_module
from simnpo.data import template_trial
from simnpo.data.chat_template import Renderer
from simnpo.data.encoding import Encoder
from simnpo.data.prompt_settings import DATE, PromptSettings
from simnpo.data.template_trial import tried
from simnpo.errors import UserError

LOOP = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
SHOWN = "{{ eos_token }}{% for m in messages %}{{ m.content }}{{ eos_token }}{% endfor %}"
HOSTILE = {
    "loops": (LOOP, "does not end within"),
    "loops-with-a-system-prompt": (
        "{% if messages[0].role == 'system' %}" + LOOP + "{% endif %}" + SHOWN,
        "does not end within",
    ),
    "loops-with-parts": (
        "{% if messages[0].content is not string %}" + LOOP + "{% endif %}" + SHOWN,
        "does not end within",
    ),
    "allocates": ("{{ 'a' * 10 ** 11 }}", "takes more than 1024 MiB"),
    "allocates-with-padding": ("{{ '%9999999999d' % messages|length }}", "takes more than"),
    "writes": ("{{ messages[0].content * 100000 }}" + SHOWN, "writes more than 1000000"),
    "recurses": ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "recursion"),
    "nests": ("{{ " + "(" * 50_000 + "1" + ")" * 50_000 + " }}", "broken"),
    "raises": ("{{ raise_exception('\x1b]0;no\x07\n' * 9999) }}", "refuses this conversation"),
    "escapes": ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "unsafe"),
    "no-text": (7, "is not a text but 7"),
}


@pytest.fixture
def templated(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(template: object) -> Any:
        monkeypatch.setattr(tokenizer, "chat_template", template)
        return tokenizer

    return make


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_template_ends_in_one_line(
    name: str, templated: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "loop" in name:
        monkeypatch.setattr(template_trial, "SECONDS", 0.4)
    template, message = HOSTILE[name]
    with pytest.raises(UserError, match=message) as raised:
        Encoder(templated(template), "chat")
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 600


def test_a_named_template_is_tried_too(templated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_trial, "SECONDS", 0.4)
    tokenizer = templated({"default": SHOWN, "tool_use": LOOP + "{# named #}"})
    assert Encoder(tokenizer).template.name == "chat"
    with pytest.raises(UserError, match="does not end"):
        Encoder(tokenizer, PromptSettings(chat_template="tool_use"))


def test_the_machine_has_much_else_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_trial, "PATIENCE", 0.2)
    begun = time.monotonic()
    with pytest.raises(UserError, match="does not end"):
        tried(LOOP + "{# patience #}", [{"messages": []}], DATE)
    assert time.monotonic() - begun < 20


def test_a_process_that_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false" if sys.platform != "win32" else "where")
    with pytest.raises(UserError, match=r"ends the process that renders it \(exit code"):
        tried("{# dies #}", [{}], DATE)


def test_once_for_each_template(templated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[object] = []
    run = template_trial._run

    def counted(given: Any) -> Any:
        started.append(given)
        return run(given)

    monkeypatch.setattr(template_trial, "_run", counted)
    for _ in range(3):
        Encoder(templated(SHOWN + "{# counted #}"))
    assert len(started) == 1
    Encoder(templated(SHOWN + "{# another #}"))
    assert len(started) == 2


@pytest.mark.parametrize("name", [*TEMPLATES, "generation", "tools"])
def test_the_child_writes_what_transformers_write(
    name: str, templated: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = {
        "generation": "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}"
        "{{ m.content }}{{ eos_token }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}"
        "{% endfor %}",
        "tools": "{% for m in messages %}{% if m.role == 'system' %}{% continue %}{% endif %}"
        "{{ m | tojson(indent=2) }}{{ strftime_now('%Y') }}{{ eos_token }}{% endfor %}",
    }
    monkeypatch.setattr(chat_template_module, "tried", lambda *given: seen.append(given))
    seen: list[Any] = []
    renderer = Renderer(templated({**TEMPLATES, **more}[name]), PromptSettings())
    (source, conversations, date), *_ = seen
    texts = tried(source, conversations, date)
    assert len(texts) == len(conversations) >= 5 and texts[0]
    for text, given in zip(texts, conversations, strict=True):
        try:
            theirs = renderer._compiled.render(**{**renderer._values, **given})
        except Exception:
            theirs = None
        assert text == theirs
