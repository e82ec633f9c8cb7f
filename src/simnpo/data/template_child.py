"""Renders a chat template in a process of its own, which may be ended: see `template_trial`.

It imports nothing but jinja2, so that it costs a tenth of a second; the environment is the one that
transformers makes, without what only restricts templates further.
"""

import json
import sys
from contextlib import suppress
from datetime import date, datetime, time
from typing import Any

from jinja2 import Environment, TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment


class _Generation(Extension):
    """`{% generation %}`, which marks the answers in some templates."""

    def __init__(self, environment: Environment):
        super().__init__(environment)
        self.tags = {"generation"}

    def parse(self, parser: Parser) -> nodes.Node:
        """Take what stands in it as it is."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body, lineno=line)


def _limit(memory: int, seconds: int) -> None:
    """Let an allocation beyond `memory` bytes fail, where the system can do that.

    The processor's time is limited too, for a child whose parent has died.
    """
    try:
        import resource
    except ImportError:  # not Unix: the process that waits for this one watches its memory
        return
    for kind, limit in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, seconds)):
        with suppress(ValueError, OSError):
            hard = resource.getrlimit(kind)[1]
            resource.setrlimit(kind, (limit if hard < 0 else min(limit, hard), hard))


def _raise(message: object) -> None:
    raise TemplateError(str(message))


def _to_json(value: object, ensure_ascii: bool = False, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, **options)


def main() -> None:
    """Read a template and conversations from standard input; write the texts, or null for each."""
    given = json.load(sys.stdin)
    sys.stdin.close()
    _limit(given["memory"], given["seconds"])
    today = datetime.combine(date.fromisoformat(given["date"]), time())
    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
    )
    made.filters["tojson"] = _to_json
    made.globals |= {"raise_exception": _raise, "strftime_now": today.strftime}
    texts: list[str | None] = []
    try:
        template = made.from_string(given["source"])
        for values in given["conversations"]:
            try:
                text = template.render(**values)
                if len(text) > given["most"]:
                    sys.exit(given["too_long"])
                texts.append(text)
            except MemoryError:
                raise
            except Exception:  # refused: whoever renders it again says why
                texts.append(None)
    except MemoryError:
        sys.exit(given["no_memory"])
    except Exception:
        texts = []
    json.dump(texts, sys.stdout)


if __name__ == "__main__":
    main()
