"""Styles, settings, answers and the drawing of distributions."""

import re
import warnings
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as settings_of
from hypothesis import strategies as st
from made_up_evaluations import NAMES, evaluation
from scipy.stats import ks_2samp

from simnpo.errors import UserError
from simnpo.evaluation.evaluation import Evaluation
from simnpo.evaluation.tables import Tables
from simnpo.report.answers import cards
from simnpo.report.colours import is_retrain, styles
from simnpo.report.drawing import draw, tip
from simnpo.report.notes import notes
from simnpo.report.settings import flatten, settings
from simnpo.report.svg import inline
from simnpo.report.truth_ratios import largest_gap

samples = st.lists(st.floats(-5, 5).map(lambda x: round(x, 1)), min_size=1, max_size=30)


@settings_of(max_examples=50, deadline=None)
@given(samples, samples)
def test_the_gap_shown_is_the_ks_statistic(one, other):
    a, b = np.array(one), np.array(other)
    at = largest_gap(a, b)
    gap = abs(np.mean(a <= at) - np.mean(b <= at))
    with warnings.catch_warnings():  # about the p-value, which is not looked at
        warnings.simplefilter("ignore", RuntimeWarning)
        assert gap == pytest.approx(ks_2samp(a, b).statistic)


def test_a_method_keeps_its_colour_and_no_two_models_look_the_same():
    alone = styles(["SimNPO"])["SimNPO"]
    names = ["Original", "Retrain", "mine", "SimNPO", "NPO"] + [f"run {i}" for i in range(30)]
    chosen = styles(names)
    assert chosen["SimNPO"] == alone
    assert is_retrain("retrain")
    assert len({(style.variable, style.marker) for style in chosen.values()}) == len(names)
    first_twelve = list(chosen.values())[:12]
    assert len({style.light for style in first_twelve}) == 12


def test_settings_are_split_into_shared_and_differing():
    found = settings([evaluation(name, items=4) for name in ("Original", "NPO", "SimNPO")])
    assert found.names == ("NPO", "SimNPO")
    assert found.differing == {
        "method": ("npo", "simnpo"),
        "objective.beta": ("0.1", "2.5"),
        "objective.gamma": ("—", "0.0"),
    }
    assert found.shared["learning_rate"] == "0.001"
    assert "seconds" not in found.shared


def test_flatten_keeps_empty_objects_and_nulls_visible():
    assert flatten({"settings": {"a": {}, "b": None, "c": {"d": [1, 2]}}, "method": "npo"}) == {
        "a": "{}",
        "b": "null",
        "c.d": "[1, 2]",
        "method": "npo",
    }


def test_cards_spread_over_the_items_that_every_model_answered():
    one, other = evaluation("NPO", items=9), evaluation("SimNPO", items=30)
    found = cards([one, other], "forget", shown=3)
    assert [card.item for card in found] == [0, 3, 6]
    assert found[1].question.startswith(f"Where was the author {NAMES[3]} born")
    assert [answer.name for answer in found[0].answers] == ["NPO", "SimNPO"]
    for card in found:
        for answer in card.answers:
            assert answer.exact == (answer.text == card.reference)
            assert answer.score == 1.0 or not answer.exact


def test_cards_refuse_evaluations_of_different_questions():
    one, other = evaluation("NPO", items=4), evaluation("SimNPO", items=4)
    table = other.tables.generations.copy()
    table.loc[(table["set"] == "retain") & (table["item"] == 2), "question"] = "What else?"
    other = Evaluation("SimNPO", other.summary, Tables(other.tables.scores, table))
    assert len(cards([one, other], "forget")) == 4
    with pytest.raises(UserError, match=r"NPO and SimNPO .* item 2 of 'retain'"):
        cards([one, other], "retain")


def test_notes_are_said_once_and_warn_of_different_item_counts():
    one, other = evaluation("NPO", items=4), evaluation("SimNPO", items=6)
    one.summary["notes"] = other.summary["notes"] = ["Scored in bf16."]
    found = notes([one, other])
    assert "geometric mean" in found[0].text
    assert [note.names for note in found if note.text == "Scored in bf16."] == [("NPO", "SimNPO")]
    assert any(n.text.endswith("do not compare: 4 (NPO), 6 (SimNPO).") for n in found)


def test_inline_svg_prefixes_ids_and_drops_what_would_leak_into_the_page():
    source = """<svg xmlns="http://www.w3.org/2000/svg" width="9pt" viewBox="0 0 1 1"
      xmlns:xlink="http://www.w3.org/1999/xlink"><metadata>m</metadata>
      <defs><style>*{fill:red}</style><path id="p"/></defs>
      <g id="g" clip-path="url(#c)"><use xlink:href="#p" style="fill: #0072b2"/>
      <text>a &lt; b #0072b2</text></g></svg>"""
    drawn = inline(source, "x", 'said "so"', {"#0072b2": "var(--m)"})
    assert 'id="x-p"' in drawn
    assert 'href="#x-p"' in drawn
    assert 'clip-path="url(#x-c)"' in drawn
    assert 'style="fill: var(--m)"' in drawn
    assert "a &lt; b #0072b2" in drawn
    assert 'aria-label="said &quot;so&quot;"' in drawn
    assert not any(gone in drawn for gone in ("http", "xmlns", "metadata", "<style", "9pt"))


def test_a_tip_is_the_title_of_its_artist_in_the_page_and_in_the_file(tmp_path):
    texts = ["NPO, epoch 3: FQ 0.49", 'a <b> "$x" & y', 'it\'s "so" β', "band"]

    def paint(figure):
        axes = figure.add_subplot()
        (line,) = axes.plot([1, 2], [3, 4], "o-")
        artists = [line, axes.scatter([1], [2]), axes.bar([1], [1])[0]]
        artists.append(axes.fill_between([1, 2], [1, 2], [2, 3]))
        for artist, text in zip(artists, texts, strict=True):
            tip(artist, text)

    drawn = draw(tmp_path, "x", (4, 3), "A figure.", {}, paint)
    root = ElementTree.fromstring(drawn.svg)
    shown = [group for group in root.iter("g") if group.get("class") == "tip"]
    assert sorted(group.findtext("title") for group in shown) == sorted(texts)
    assert all(group.get("aria-label") == group.findtext("title") for group in shown)
    assert root.get("role") == "group" and root.get("aria-label") == "A figure."
    saved = (tmp_path / "x.svg").read_text(encoding="utf-8")
    namespace = "{http://www.w3.org/2000/svg}"
    groups = ElementTree.fromstring(saved).iter(f"{namespace}g")
    titles = [group.findtext(f"{namespace}title") for group in groups if group.get("class")]
    assert sorted(titles) == sorted(texts)
    assert not re.search(r"id=.tip:", saved + drawn.svg)


def test_the_same_figure_gives_the_same_bytes_in_every_kind(tmp_path):
    def paint(figure):
        figure.add_subplot().plot([1, 2], [3, 4])

    for folder in ("one", "other"):
        draw(tmp_path / folder, "x", (4, 3), "A figure.", {}, paint)
    files = sorted((tmp_path / "one").iterdir())
    assert [path.suffix for path in files] == [".pdf", ".png", ".svg"]
    assert all(p.read_bytes() == (tmp_path / "other" / p.name).read_bytes() for p in files)
