"""Builders of tiny tables and logs for the tests of this folder."""

from typing import Any

import pandas as pd

from simnpo.evaluation.tables import GENERATION_COLUMNS, SCORE_COLUMNS, Tables

SETS = ("forget", "retain", "real_authors", "world_facts")


def scores(rows: list[tuple[str, int, str, int, float, int]]) -> pd.DataFrame:
    """Rows of set, item, variant, index, logprob, tokens."""
    table = pd.DataFrame(rows, columns=["set", "item", "variant", "index", "logprob", "tokens"])
    rest = {name: 0 for name in SCORE_COLUMNS if name not in table.columns}
    return table.assign(**rest).astype(SCORE_COLUMNS)


def generations(rows: list[tuple[str, int, str, str]]) -> pd.DataFrame:
    """Rows of set, item, reference, generated."""
    table = pd.DataFrame(rows, columns=["set", "item", "reference", "generated"])
    return table.assign(question="Who?").astype(GENERATION_COLUMNS)


def item_rows(
    name: str,
    item: int,
    answer: float,
    perturbed: list[float],
    paraphrase: float | None = None,
    tokens: int = 2,
) -> list[tuple[str, int, str, int, float, int]]:
    """Score rows of one item from log-probabilities per token."""
    rows = [(name, item, "answer", 0, answer * tokens, tokens)]
    if paraphrase is not None:
        rows.append((name, item, "paraphrase", 0, paraphrase * tokens, tokens))
    return rows + [
        (name, item, "perturbed", index, value * tokens, tokens)
        for index, value in enumerate(perturbed)
    ]


def tiny_tables() -> Tables:
    """Two items in each of TOFU's sets; retain and forget have paraphrases, the others do not."""
    rows, texts = [], []
    for place, name in enumerate(SETS):
        for item in range(2):
            answer = -0.5 - 0.1 * place - 0.2 * item
            wrong = [answer - 0.3, answer - 0.9 - 0.1 * item]
            paraphrase = answer - 0.2 if name in ("forget", "retain") else None
            rows += item_rows(name, item, answer, wrong, paraphrase, tokens=3 + item)
            texts.append(
                (name, item, f"answer {name} {item}", "answer" if item else f"answer {item}")
            )
    return Tables(scores(rows), generations(texts))


def tiny_log(items: int = 3, wrong: int = 2) -> dict[str, dict[str, Any]]:
    """A merged official log with lists."""
    part = {
        "avg_gt_loss": [0.5 + item for item in range(items)],
        "gt_loss": [(0.5 + item) * 4 for item in range(items)],
        "num_token_gt": [4] * items,
        "paraphrased_loss": [(0.6 + item) * 5 for item in range(items)],
        "num_token_paraphrased": [5] * items,
        "perturb_loss": [[1.0 + item + index for index in range(wrong)] for item in range(items)],
        "num_token_perturb": [[3 + index for index in range(wrong)] for _ in range(items)],
        "generated_text": [
            [f"[INST] Question {item}? [/INST]", f"said {item}", f"true {item}"]
            for item in range(items)
        ],
    }
    names = ("eval_log", "eval_log_forget")
    names += ("eval_real_author_wo_options", "eval_real_world_wo_options")
    return {f"{name}.json": dict(part) for name in names}
