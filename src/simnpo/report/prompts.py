"""How questions were put to the models: one row as they saw it, and what it depended on."""

from collections.abc import Sequence
from typing import NamedTuple

from simnpo.evaluation.evaluation import Evaluation
from simnpo.storage.json_values import JsonObject
from simnpo.system.terminal import visible

FACTS = {
    "template": "template",
    "template_hash": "template's hash",
    "date": "date",
    "tokenizer_class": "tokenizer class",
    "precision": "precision",
}
"""What is shown of a prompt, by its key in `summary.json`."""


class Prompts(NamedTuple):
    """The prompts of models that were asked alike."""

    names: list[str]
    """The models."""
    facts: str
    parts: dict[str, str]
    """What the model sees, by what it is: prompt and answer, or a text."""


def prompts(evaluations: Sequence[Evaluation]) -> list[Prompts]:
    """Return how each model was asked, those asked alike together; nothing of older evaluations."""
    found: list[tuple[JsonObject, list[str]]] = []
    for one in evaluations:
        record = one.summary.get("prompt")
        if not isinstance(record, dict):
            continue
        names = next((names for known, names in found if known == record), None)
        if names is None:
            found.append((record, [one.name]))
        else:
            names.append(one.name)
    return [
        Prompts(
            names,
            ", ".join(
                f"{fact} {visible(str(one[key]))}" for key, fact in FACTS.items() if key in one
            ),
            {
                name.capitalize(): visible(str(text), breaks=True)
                for name, text in (one.get("example") or {}).items()
            },
        )
        for one, names in found
    ]
