"""TOFU's official evaluation logs as tables, so that they can stand in for a retain model.

Source: https://github.com/locuslab/tofu, the merged `eval_log_aggregated.json` of an evaluation.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from simnpo.errors import UserError
from simnpo.evaluation.tables import ANSWER, PARAPHRASE, PERTURBED, SCORE_COLUMNS, Tables
from simnpo.storage.files import read_json
from simnpo.storage.json_values import Json

SETS = {
    "eval_log_forget.json": "forget",
    "eval_log.json": "retain",
    "eval_real_author_wo_options.json": "real_authors",
    "eval_real_world_wo_options.json": "world_facts",
}
"""The parts of a merged log, and the evaluation set each one holds."""
LOSSES = {
    ANSWER: ("gt_loss", "num_token_gt"),
    PARAPHRASE: ("paraphrased_loss", "num_token_paraphrased"),
    PERTURBED: ("perturb_loss", "num_token_perturb"),
}
"""Keys of the summed negative log-likelihood (nats) and of the answer tokens, by variant."""
TEXTS = "generated_text"
FRAMES = (("[INST]", "[/INST]"), ("Question:", ""))
"""What stands around a question in the prompts of TOFU's models: Llama-2 chat, Phi."""


def read_official_log(path: Path) -> Tables:
    """Read a merged official TOFU log.

    Raises:
        UserError: the file is missing, not JSON, or not such a log.
    """
    return parse_official_log(read_json(path), str(path))


def parse_official_log(log: Json, source: str) -> Tables:
    """Turn the content of a merged official TOFU log into tables.

    The log has no statistics of single tokens, so the columns after `tokens` are NaN; counts are
    floats for that reason, and arithmetic with them stays NaN.

    Args:
        log: parsed JSON: a dict of parts (`SETS`), each a dict of keys to one value per item, as a
            list or as a dict from item number to value.
        source: the file's name, for messages.

    Raises:
        UserError: a part or key is missing, lengths differ, or a value is of the wrong kind.
    """
    _require(log, list(SETS), source, "a merged TOFU log")
    parts = [_read_part(log[part], name, f"{source}, {part}") for part, name in SETS.items()]
    return Tables(
        pd.concat([part.scores for part in parts], ignore_index=True),
        pd.concat([part.generations for part in parts], ignore_index=True),
    )


def _read_part(part: Json, name: str, where: str) -> Tables:
    """Read one evaluation set of the log."""
    keys = [key for pair in LOSSES.values() for key in pair] + [TEXTS]
    _require(part, keys, where, "an evaluation of TOFU")
    texts = _by_item(part[TEXTS], f"{where}, {TEXTS}", _check_texts)
    if not texts:
        raise UserError(f"{where}, {TEXTS} is empty; an evaluation has at least one item.")
    rows: list[tuple[str, int, str, int, float, int]] = []
    for variant, (loss_key, tokens_key) in LOSSES.items():
        losses = _by_item(part[loss_key], f"{where}, {loss_key}", _check_losses)
        tokens = _by_item(part[tokens_key], f"{where}, {tokens_key}", _check_tokens)
        _check_items(losses, texts, f"{where}, {loss_key}")
        _check_items(tokens, texts, f"{where}, {tokens_key}")
        for item in texts:
            if len(losses[item]) != len(tokens[item]):
                raise UserError(
                    f"{where}, {loss_key} has {len(losses[item])} values for item {item} and "
                    f"{tokens_key} has {len(tokens[item])}; the log is damaged."
                )
            rows += [
                (name, item, variant, index, -loss, count)
                for index, (loss, count) in enumerate(zip(losses[item], tokens[item], strict=True))
            ]
    scores = pd.DataFrame(rows, columns=["set", "item", "variant", "index", "logprob", "tokens"])
    scores = scores.reindex(columns=list(SCORE_COLUMNS))
    generations = pd.DataFrame(
        [
            (name, item, _question(prompt), reference.strip(), generated.strip())
            for item, (prompt, generated, reference) in texts.items()
        ],
        columns=["set", "item", "question", "reference", "generated"],
    )
    return Tables(scores, generations)


def _require(value: object, keys: list[str], where: str, what: str) -> None:
    """Refuse anything but a dict that has all `keys`."""
    if not isinstance(value, dict):
        raise UserError(f"{where} is not {what}: expected an object, got {type(value).__name__}.")
    missing = [key for key in keys if key not in value]
    if missing:
        raise UserError(f"{where} is not {what}: it lacks the keys {missing}.")


def _by_item(
    values: object, where: str, check: Callable[[list[object]], str | None]
) -> dict[int, list[Json]]:
    """One list of values per item number, ascending; `check` says what a list of them lacks."""
    if isinstance(values, list):
        pairs = list(enumerate(values))
    elif isinstance(values, dict):
        if not all(re.fullmatch(r"0|[1-9][0-9]*", key) for key in values):
            raise UserError(f"{where}: the keys must be item numbers, got {list(values)[:3]}.")
        pairs = sorted((int(key), value) for key, value in values.items())
    else:
        raise UserError(f"{where} must be a list or an object, got {type(values).__name__}.")
    by_item = {}
    for item, value in pairs:
        several = value if isinstance(value, list) else [value]
        fault = check(several)
        if fault:
            raise UserError(f"{where}, item {item}: expected {fault}, got {value!r}.")
        by_item[item] = several
    return by_item


def _check_texts(values: list[object]) -> str | None:
    good = len(values) == 3 and all(isinstance(value, str) for value in values)
    return None if good else "a list [prompt, generated, reference] of three texts"


def _check_losses(values: list[Json]) -> str | None:
    good = values and all(type(value) in (int, float) and 0 <= value < np.inf for value in values)
    return None if good else "a finite loss of 0 or more"


def _check_tokens(values: list[object]) -> str | None:
    good = values and all(type(value) is int and value >= 1 for value in values)
    return None if good else "a number of tokens of 1 or more"


def _check_items(values: Mapping[int, object], texts: Mapping[int, object], where: str) -> None:
    """Refuse a key whose items are not those of the generated texts."""
    if values.keys() != texts.keys():
        item = min(values.keys() ^ texts.keys())
        raise UserError(
            f"{where} has {len(values)} items and {TEXTS} has {len(texts)} (item {item} is in one "
            "only); the log is damaged or was merged from unequal parts."
        )


def _question(prompt: str) -> str:
    """The question inside a prompt of TOFU's models (`FRAMES`); else the whole prompt."""
    text = prompt.strip()
    for begin, end in FRAMES:
        if text.startswith(begin) and text.endswith(end) and len(text) >= len(begin + end):
            inner = text.removeprefix(begin).removesuffix(end)
            return (inner if end else inner.removesuffix("Answer:")).strip()
    return text
