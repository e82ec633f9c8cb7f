"""A finding as a page: parts, tables of groups, sentences with their markup."""

import math
import re

import pytest
from made_up_findings import CLAIMS, HOSTILE, figure, table

from simnpo.evaluation.metrics.intervals import Interval
from simnpo.report.finding import Cell, Column, Finding, Row, Table
from simnpo.report.finding_page import write_finding
from simnpo.report.finding_tables import as_csv
from simnpo.report.marked import Piece, marked

GROUPED = Table(
    "grouped",
    "Before and after",
    (
        Column("a", "before", "before", group="NPO"),
        Column("b", "after", "after", group="NPO"),
        Column("c", "before", "before", group="SimNPO"),
    ),
    (
        Row(
            "Probability",
            {},
            written={"a": Cell(0.5, "0.500"), "c": Cell(math.nan, "—", full=HOSTILE)},
        ),
        Row("ROUGE", {"b": Interval(0.25, 0.2, 0.3, 3)}, order="2"),
    ),
    rows_are="Metric",
    sortable=False,
    legend=(f"**NPO**: {HOSTILE}", "In `out/` and [below](#rest)."),
)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    parts = {
        "tables": Finding((GROUPED, table()), (figure(),), CLAIMS[:1], title="Before and after"),
        "rest": Finding(title="The rest", notes=(f"**Run {HOSTILE}:** it `failed`",)),
    }
    lead = ("**SimNPO** forgets.", "Nobody knows `--how`.")
    whole = Finding(title=HOSTILE, summary=lead, facts={"Set": HOSTILE}, parts=parts)
    out = tmp_path_factory.mktemp("finding")
    return write_finding(whole, out, "simnpo find").read_text(encoding="utf-8")


def test_every_part_is_a_section_that_the_contents_name(page):
    for name, title in (("tables", "Before and after"), ("rest", "The rest")):
        assert f'<li><a href="#{name}">{title}</a></li>' in page
        assert f'<h2 id="{name}">{title}</h2>' in page
    assert "<h3>Before and after</h3>" not in page, "the section's title says it"
    assert "<h3>All methods</h3>" in page and "simnpo find" in page
    assert "SimNPO forgets more than NPO." in page


def test_columns_stand_under_their_groups(page):
    heads = re.findall(r'<th scope="colgroup" colspan="(\d)">(.*?)</th>', page)
    assert [width for width, _ in heads] == ["2", "1"]
    assert all('class="model"' in head for _, head in heads)
    grouped = page.split("</table>")[0]
    assert grouped.count('<th scope="col" class="starts">before</th>') == 2
    assert "data-sortable" not in grouped and page.count(" data-sortable") == 1
    assert 'data-value="0.5">0.500</td>' in grouped
    assert 'data-value="" title="&lt;b&gt;$x">—</td>' in grouped
    assert '<th class="first" scope="row" data-value="2">ROUGE</th>' in grouped
    assert "0.250<small>± 0.050</small>" in grouped


def test_sentences_keep_their_markup_and_gain_none(page):
    assert "<span>SimNPO</span></span> forgets.</p>" in page, "a model has its mark"
    assert "knows <code>--how</code>.</p>" in page
    assert '<li>In <code>out/</code> and <a href="#rest">below</a>.</li>' in page
    assert "<strong>Run &lt;b&gt;$x:</strong> it <code>failed</code>" in page
    assert HOSTILE not in page


def test_a_sentence_in_pieces():
    assert marked("a `b` **c** [d](#e).") == [
        Piece("a ", code="b"),
        Piece(" ", strong="c"),
        Piece(" ", link="d", target="e"),
        Piece("."),
    ]
    for plain in ("", "2 * 3 ** 4", "a ` b", "[x](https://example.org)", "[x](#a b)"):
        assert marked(plain) == [Piece(plain)]


def test_written_values_are_numbers_in_the_csv():
    lines = as_csv(GROUPED).splitlines()
    assert lines[1] == "Probability,here,a,0.5,,,"
    assert lines[3] == "Probability,here,c,,,,"
    assert lines[5] == "ROUGE,here,b,0.25,0.2,0.3,3"
