"""The model card of a run's model: what was done to it, on how much data, and how to load it."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from simnpo.data.template_choice import PRESETS
from simnpo.evaluation.evaluation import EVALUATION, SUMMARY
from simnpo.methods.registry import METHODS
from simnpo.models import ADAPTER, MODEL_FOLDER, hub_id_mistake, split_revision
from simnpo.storage.files import read_json, write_text
from simnpo.storage.json_values import Json
from simnpo.storage.runs import FINISHED, read_run
from simnpo.system.terminal import harmless

CARD = "README.md"
SETTINGS = (
    "forget_loss", "forget_weight", "retain_loss", "retain_weight", "alpha", "epochs", "steps",
    "learning_rate", "batch_size", "weight_decay", "warmup_epochs", "schedule", "max_grad_norm",
    "precision", "optimizer", "seed", "lora_rank", "lora_alpha", "lora_merge", "load_in_4bit",
    "template", "chat_template", "template_date", "max_length", "revision", "commit",
)  # fmt: skip
"""Settings that a card shows; none of them can hold a path."""


def write_model_card(
    out: Path, measured: Mapping[str, object] | None = None, finished: bool = False
) -> Path:
    """Write the card of the finished run in `out` into its model's folder, and return its path.

    Args:
        out: a run's folder.
        measured: see `model_card`; without it, what the run's own evaluation says, if there is one.
        finished: the run is finished but for this card, whatever its record says.
    """
    record, folder = read_run(out), out / MODEL_FOLDER
    record |= {"status": FINISHED} if finished else {}
    given = record["config"].get("model")
    name, is_hub_id = base_of(given)
    # Decided when the run was made: a relative path looks like a hub id from another folder.
    is_hub_id = record.get("base_on_hub", is_hub_id)
    used = record.get("prompt", {}).get("template") or record["config"].get("template")
    config = {**record["config"], "template": _template(used, folder)}
    if is_hub_id:
        config |= {"revision": split_revision(str(given))[1], "commit": record.get("commit")}
    card = model_card(
        {**record, "config": config},
        base=name,
        base_is_hub_id=is_hub_id,
        adapter=(folder / ADAPTER).is_file(),
        measured=measured or measured_of(out),
    )
    write_text(folder / CARD, card)
    return folder / CARD


def _template(given: object, folder: Path) -> object:
    """Return which template a run used: what `auto` means depends on the tokenizer."""
    if given not in ("auto", None):
        return given
    path = folder / "tokenizer_config.json"
    inside = path.is_file() and bool(read_json(path).get("chat_template"))
    return "chat" if inside or (folder / "chat_template.jinja").is_file() else "plain"


def base_of(model: object) -> tuple[str, bool]:
    """Return how a card names the model that a run started from, and whether it is a hub id.

    Of a folder only the last part is named: where it lies is nobody else's business.
    """
    given, _ = split_revision(str(model or ""))
    if not hub_id_mistake(given) and not Path(given).exists():
        return given, True
    return re.split(r"[\\/]", given.rstrip("\\/"))[-1], False


def measured_of(out: Path) -> dict[str, object]:
    """Return what the run in `out` was measured to be, for `model_card`; {} if it was not."""
    found: dict[str, object] = {}
    verdict = read_run(out).get("verdict")
    if isinstance(verdict, Mapping):
        verdict = verdict.get("sentence")
    if verdict:
        found["verdict"] = str(verdict)
    path = out / EVALUATION / SUMMARY
    if path.is_file():
        summary = read_json(path)
        names = (summary.get("benchmark"), summary.get("split"))
        # Sets of a user's own are named by their files, of which only the last part is shown.
        found["on"] = " ".join(re.sub(r"\S*[\\/]", "", str(one)) for one in names if one)
        found["metrics"] = summary.get("metrics", {})
        found["counts"] = summary.get("counts") or {}
        found["items"] = summary.get("items", {})
    return found


def model_card(
    record: Mapping[str, Json],
    *,
    base: str,
    base_is_hub_id: bool,
    adapter: bool,
    measured: Mapping[str, object] | None = None,
) -> str:
    """Return a model card: Markdown after a YAML block that the hub understands.

    It holds no row of the data and no path.

    Args:
        record: what `run.json` holds.
        base: name of the model that the run started from, see `base_of`.
        base_is_hub_id: whether others find it on the hub by this name.
        adapter: whether the model is a LoRA adapter.
        measured: perhaps a `verdict` (a sentence), and an evaluation's `metrics` (numbers by name),
            `counts` (a number of how many, in a metric's place), `on` (what it evaluated on) and
            `items` (how many, by set).
    """
    config = record["config"]
    unlearned = record["command"] in ("unlearn", "demo") and (
        config.get("forget_loss") is not None or config.get("alpha") is not None
    )
    method = str(config.get("method") or record["command"])
    parts = [
        _front_matter(method if unlearned else "", base if base_is_hub_id else None, adapter),
        f"# {escape(base)}, {escape(method)}" if base else f"# {escape(method)}",
        _introduction(record, method, base, unlearned, adapter),
        "## Measured",
        _measured(measured or {}),
        "## How to load",
        _how_to_load(config, adapter, base_is_hub_id),
        "## Settings",
        _table("Setting", _settings(config)),
        "## Data",
        "Sizes and hashes only; the rows are not part of this model's files.",
        _table("Set", _data(record["data"])),
        "## Versions",
        ", ".join(f"{escape(name)} {escape(one)}" for name, one in _versions(record).items()),
        "## Licence",
        f"The base model's: see {escape(base) or 'the base model'}.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(text: object) -> str:
    """Return text that Markdown shows as it stands: no markup, no HTML, one line."""
    one_line = harmless(" ".join(str(text).split()))
    return re.sub(r"([\\`*_{}\[\]<>|~&$])", r"\\\1", one_line)


def _front_matter(method: str, base: str | None, adapter: bool) -> str:
    from huggingface_hub import ModelCardData

    tags = ["simnpo", *(["unlearning", "machine-unlearning"] if method else [])]
    slug = re.sub(r"[^a-z0-9]+", "-", method.lower()).strip("-")
    tags += [slug] if slug and slug not in tags else []
    relation = "adapter" if adapter else "finetune"
    data = ModelCardData(
        base_model=base,
        library_name="peft" if adapter else "transformers",
        pipeline_tag="text-generation",
        tags=tags,
        base_model_relation=relation if base else None,
    )
    return f"---\n{data.to_yaml()}\n---"


def _introduction(
    record: Mapping[str, object], method: str, base: str, unlearned: bool, adapter: bool
) -> str:
    made = f"a LoRA adapter for {escape(base)}" if adapter else f"made from {escape(base)}"
    papers = {one.title: one.paper for one in METHODS.values() if one.paper}
    source = f" ({papers[method]})" if method in papers else ""
    by_method = f"made to forget a forget set with {escape(method)}{source}"
    done = by_method if unlearned else "fine-tuned"
    ended = "" if record.get("status") == FINISHED else " The run has not finished."
    return f"A causal language model, {made} and {done} by simnpo.{ended}"


def _measured(measured: Mapping[str, Json]) -> str:
    lines = [f"**{escape(measured['verdict'])}**"] if measured.get("verdict") else []
    numbers = {
        str(name): f"{value:.4g}"
        for name, value in (measured.get("metrics") or {}).items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    counts = measured.get("counts") or {}
    numbers |= {str(name): f"{count} of {total}" for name, (count, total) in counts.items()}
    if numbers:
        sizes = ", ".join(
            f"{escape(name)} {count}" for name, count in (measured.get("items") or {}).items()
        )
        on = f" on {escape(measured['on'])}" if measured.get("on") else ""
        lines.append(f"Evaluated by simnpo{on}{f' (items: {sizes})' if sizes else ''}.")
        lines.append(_table("Metric", numbers))
    if not lines:
        lines = ["Nothing yet. Whether the model forgot is shown by `simnpo evaluate`."]
    return "\n\n".join(lines)


def _how_to_load(config: Mapping[str, object], adapter: bool, base_is_hub_id: bool) -> str:
    template = config.get("template")
    kind = "AutoPeftModelForCausalLM" if adapter else "AutoModelForCausalLM"
    code = [
        *(["from peft import AutoPeftModelForCausalLM"] if adapter else []),
        f"from transformers import {'' if adapter else 'AutoModelForCausalLM, '}AutoTokenizer",
        "",
        'folder = "."  # this folder, or its name on the hub',
        "tokenizer = AutoTokenizer.from_pretrained(folder)",
        f"model = {kind}.from_pretrained(folder)",
    ]
    asked = (
        "Questions were put into the tokenizer's chat template: prompts are what it writes before "
        "the answer of a finished conversation."
    )
    if template != "chat":
        # In a code block: white space counts.
        text = json.dumps(PRESETS.get(str(template), template), ensure_ascii=False)
        asked = f"Questions were put into this template:\n\n{_fenced(text)}"
    if config.get("system_prompt"):  # which may be nobody else's business
        asked += "\n\nA system prompt came before them; the run's record has it."
    if config.get("chat_template_kwargs"):
        given = _fenced(json.dumps(config["chat_template_kwargs"], ensure_ascii=False), "json")
        asked += f"\n\nThe chat template was given:\n\n{given}"
    text = f"{_fenced(chr(10).join(code), 'python')}\n\n{asked}"
    if adapter and not base_is_hub_id:
        text += (
            "\n\nThe base model is a folder that only its owner has: `simnpo merge` makes a model "
            "that stands alone."
        )
    return text


def _fenced(code: str, language: str = "") -> str:
    """Return a code block whose fence is longer than any run of backticks within."""
    longest = max((len(run) for run in re.findall("`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{code}\n{fence}"


def _settings(config: Mapping[str, object]) -> dict[str, str]:
    shown = {name: config[name] for name in SETTINGS if config.get(name) is not None}
    return {name.replace("_", " "): _value(value) for name, value in shown.items()}


def _value(value: object) -> str:
    if isinstance(value, Mapping):  # a loss with its settings
        inner = [f"{key} {one}" for key, one in value.items() if key != "name"]
        return f"{value.get('name', '')} ({', '.join(inner)})" if inner else str(value.get("name"))
    return json.dumps(value) if isinstance(value, str) and not value.strip() else str(value)


def _data(data: Mapping[str, object]) -> dict[str, str]:
    """Return each set's size and hash; anything else that a record holds is left out."""
    sets: dict[str, list[str]] = {}
    for key, value in data.items():
        name, _, what = key.rpartition("_")
        if what == "size" and isinstance(value, int) and value:
            sets.setdefault(name, []).insert(0, f"{value} rows")
        elif (
            what == "hash" and re.fullmatch("[0-9a-f]+", str(value)) and data.get(f"{name}_size", 1)
        ):
            sets.setdefault(name, []).append(f"hash {value}")
    return {name.replace("_", " "): ", ".join(parts) for name, parts in sets.items()}


def _versions(record: Mapping[str, object]) -> Mapping[str, object]:
    versions = record.get("versions")
    return versions if isinstance(versions, Mapping) else {}


def _table(head: str, rows: Mapping[str, str]) -> str:
    if not rows:
        return ""
    lines: Iterable[str] = (f"| {escape(name)} | {escape(value)} |" for name, value in rows.items())
    return "\n".join([f"| {head} | |", "|---|---|", *lines])
