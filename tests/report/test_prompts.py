"""How models were asked, on the page: those asked alike together, texts made harmless."""

from pathlib import Path

from made_up_evaluations import evaluation

from simnpo.report.page import write_report
from simnpo.report.prompts import prompts

RECORD = {
    "template": "chat",
    "template_hash": "0123456789abcdef",
    "tokenizer_class": "Qwen2Tokenizer",
    "precision": "fp32",
    "example": {"prompt": "<|im_start|>user\nWho?\x1b[2J", "answer": "Bo.<|im_end|>"},
}


def test_models_that_were_asked_alike_are_shown_once(tmp_path: Path) -> None:
    three = [evaluation(name) for name in ("Original", "Retrain", "NPO")]
    assert prompts(three) == []
    assert 'id="prompts"' not in write_report(three, tmp_path / "none", "T").read_text()
    other = RECORD | {"precision": "bf16", "date": "2024-07-26"}
    for one, record in zip(three, (RECORD, other, RECORD), strict=True):
        one.summary["prompt"] = record
    first, second = prompts(three)
    assert (first.names, second.names) == (["Original", "NPO"], ["Retrain"])
    assert first.facts == (
        "template chat, template's hash 0123456789abcdef, tokenizer class Qwen2Tokenizer, "
        "precision fp32"
    )
    assert "date 2024-07-26" in second.facts
    page = write_report(three, tmp_path / "page", "T").read_text()
    assert page.count("&lt;|im_start|&gt;user\\n\nWho?\\x1b[2J") == 2 and "\x1b" not in page
    assert '<a href="#prompts">Prompts</a>' in page
