"""The invented story: its length, and that nothing of it is in the other texts."""

import re

from simnpo.benchmarks.story import load_story


def _names(text: str) -> set[str]:
    """Return what is capitalised in the middle of a sentence."""
    return set(re.findall(r"(?<=[a-z,] )[A-Z][a-z]+", text))


def test_story_shares_no_name_with_the_other_texts() -> None:
    story = load_story()
    assert 1200 <= len(story.forget.split()) <= 1800
    assert len(story.retain) == 12 and len(story.holdout) == 6
    texts = (*story.retain, *story.holdout)
    assert len(set(texts)) == 18 and all(60 <= len(text.split()) <= 120 for text in texts)
    ordinary = {"In", "Sunday", "Friday", "Saturday", "Thursday", "Tuesday", "It", "I", "Miss"}
    retain = _names(" ".join(story.retain))
    holdout = _names(" ".join(story.holdout))
    forget = _names(story.forget)
    assert {"Orrowby", "Osric", "Quell"} <= forget
    assert not (forget & (retain | holdout)) - ordinary
    assert not (retain & holdout) - ordinary
