"""The report of a reproduction: all of it on the page, and beside it as files."""

import csv
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import pytest
from made_up_findings import CLAIMS, HOSTILE, shown, table

from simnpo.paper.page_settings import unlearning_settings
from simnpo.paper.report import Shown, label_of, write_reproduction
from simnpo.paper.scale import mini
from simnpo.paper.studies import ARTEFACTS
from simnpo.report.differences import pieces
from simnpo.report.finding import Finding
from simnpo.report.finding_tables import as_csv, as_markdown
from simnpo.storage.folder_lock import held

SETTINGS = {"Scale": "mini", "Seeds": "42, 43, 44"}
FAILED = {"RMU, mini-tofu forget10, seed 42": "the loss is not finite <nan>"}


def write(findings, folder):
    return write_reproduction(
        findings,
        folder,
        title="The paper, again",
        command="simnpo reproduce fig3c --seeds 3",
        settings=SETTINGS,
        failed=FAILED,
    )


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return write(shown(), tmp_path_factory.mktemp("reproduction"))


class Text(HTMLParser):
    def __init__(self):
        super().__init__()
        self.parts, self.ids, self.links, self.tags = [], [], [], []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if tag == "a" else []

    def handle_data(self, data):
        self.parts.append(data)


def read(page):
    reader = Text()
    reader.feed(page.read_text(encoding="utf-8"))
    return reader


def test_every_part_of_every_finding_is_on_the_page(page):
    text = " ".join(" ".join(read(page).parts).split())
    for name, one in shown().items():
        assert f"{label_of(name)}: {ARTEFACTS[name]}" in text
        assert text.count(one.shows) == len(shown())
    for claim in CLAIMS:
        assert claim.text in text and claim.why in text
    for said in ("Noise floor: 0.9.", "Forget quality over epochs; means over the seeds."):
        assert said in text
    assert "out of <memory>." in text and "the loss is not finite <nan>" in text
    assert "simnpo reproduce fig3c --seeds 3" in text and "42, 43, 44" in text
    assert re.search(r"torch \d", text)


def test_each_verdict_is_told_in_words_and_by_a_shape_in_contents_summary_and_section(page):
    source = page.read_text(encoding="utf-8")
    contents, rest = source.split("</nav>")
    summary, sections = rest.split('<section aria-labelledby="fig3c">')
    section = sections.split("</section>")[0]
    for verdict in ("held", "not held", "undecided", "not testable"):
        slug = verdict.replace(" ", "-")
        shape = f'<use href="#verdict-{slug}"/></svg>{verdict}'
        for part in (contents, summary, section):
            assert shape in part
        assert f'<symbol id="verdict-{slug}"' in source
    assert '#verdict-not-made"/></svg>not made' in contents
    # Held: once in Fig. 3c and once in Fig. 4.
    assert "</svg>held ×2</span>" in summary


def test_numbers_are_written_with_their_interval_and_missing_ones_as_dashes(page):
    source = page.read_text(encoding="utf-8")
    body, paper = re.findall(r"<tbody.*?</tbody>", source[source.index('id="fig3c"') :], re.S)[:2]
    rows = re.findall(r"<tr>(.*?)</tr>", body, re.S)
    cells = [re.findall(r'data-value="([^"]*)" title="([^"]*)">(.*?)</td>', r) for r in rows]
    # 0.8 over three seeds: the standard error is 0.1 / sqrt(3), Student's t with 2 degrees 4.303.
    assert float(cells[0][0][0]) == pytest.approx(0.8)
    assert cells[0][0][2] == "0.800<small>± 0.248</small>"
    assert cells[0][0][1].endswith("0.800, 95 % interval 0.552 to 1.048 over 3 seeds")
    assert cells[0][2] == ("", "PrivLeak (%): missing", "—")
    assert cells[1][0][2] == "2.5×10⁻²¹"
    assert cells[1][2][2] == "−67.2<small>± 2.8</small>"
    assert [one[2] for one in cells[2]] == ["—", "—", "1.0"]
    assert "another scale" in paper and "<small>paper, 7B</small>" in paper
    assert ">0.790</td>" in paper and paper.count(">—</td>") == 2


def test_nothing_a_finding_says_becomes_markup(page):
    source = page.read_text(encoding="utf-8")
    assert HOSTILE not in source.replace("<b>$x_1$", "") and "&lt;b&gt;$x" in source
    assert "<memory>" not in source and "<nan>" not in source


def test_ids_are_unique_and_every_link_leads_somewhere(page):
    reader = read(page)
    assert len(reader.ids) == len(set(reader.ids))
    for link in reader.links:
        target = link.startswith("#") and link[1:] in reader.ids
        assert target or (page.parent / link).is_file(), link
    assert "plots/fig3c-curve.pdf" in reader.links and "tables/fig3c-methods.csv" in reader.links


def test_the_page_fetches_nothing(page):
    source = page.read_text(encoding="utf-8")
    assert not re.search(r"https?://|@import|fetch\(|src=", source)
    assert source.count("<script>") == 1


def test_figures_keep_their_values_and_are_written_in_every_kind(page):
    plots = sorted(path.name for path in (page.parent / "plots").iterdir())
    assert plots == [f"fig3c-curve.{kind}" for kind in ("pdf", "png", "svg")]
    source = page.read_text(encoding="utf-8")
    (drawing,) = re.findall(r"<svg [^>]*role=\"group\".*?</svg>", source, re.DOTALL)
    titles = [one.text for one in ElementTree.fromstring(drawing).iter("title")]
    assert titles[0] == "SimNPO, epoch 1: FQ 0.11" and len(titles) == 6


def test_answers_are_side_by_side_with_their_differences_marked(page):
    section = page.read_text(encoding="utf-8").split('<section aria-labelledby="tableA5">')[1]
    cards = re.findall(r"<article.*?</article>", section, re.S)
    assert len(cards) == 40  # all 20 questions of both sets
    assert all(">Original</span>" in card and ">SimNPO</span>" in card for card in cards)
    changed = [card for card in cards if "<mark>" in card]
    assert changed and len(changed) < len(cards)
    assert all("child of two teachers.</mark>" in card for card in changed)
    assert "Filter answers" in section


def test_files_of_an_earlier_report_on_the_same_artefact_are_removed_and_others_kept(tmp_path):
    with held(tmp_path):
        write(shown(), tmp_path)
        mine = tmp_path / "plots" / "fig3c-notes.txt"
        mine.touch()
        write({"fig3c": Shown("t", "s", "failed"), "fig4": Shown("t", "s", Finding())}, tmp_path)
    assert list((tmp_path / "plots").iterdir()) == [mine]
    assert list((tmp_path / "tables").iterdir()) == []


def test_the_csv_has_a_line_per_cell_in_the_tables_order():
    lines = list(csv.DictReader(as_csv(table()).splitlines()))
    assert len(lines) == 4 * 3
    assert [line["row"] for line in lines[::3]] == ["SimNPO", "NPO", HOSTILE, "NPO"]
    assert [line["source"] for line in lines[::3]] == ["here"] * 3 + ["paper, 7B"]
    first = lines[0]
    assert float(first["mean"]) == pytest.approx(0.8) and first["seeds"] == "3"
    assert float(first["low"]) == pytest.approx(0.8 - 4.30265 * 0.1 / 3**0.5, abs=1e-6)
    assert (lines[2]["mean"], lines[2]["seeds"]) == ("", "")
    assert (lines[3]["mean"], lines[3]["low"]) == ("2.5e-21", "")
    assert lines[9]["mean"] == "0.79"


def test_the_markdown_has_the_same_numbers_and_no_name_becomes_markup():
    lines = as_markdown(table()).splitlines()
    assert lines[0] == "|  | FQ | MU | PrivLeak |"
    assert lines[2].startswith("| SimNPO | 0.800 ± 0.248 |") and lines[2].endswith("| — |")
    assert lines[4] == r"| \<b>\$x | — | — | 1.0 |"
    assert lines[5] == "| NPO (paper, 7B) | 0.790 | — | — |"


def test_settings_of_unlearning_runs_are_set_against_each_other_seeds_taken_together():
    scale = mini()
    runs = [
        scale.unlearned(scale.tofu, method, seed) for method in ("npo", "simnpo") for seed in (1, 2)
    ]
    found = unlearning_settings([scale.original(scale.tofu, 1), *runs])
    assert found.names == ("NPO, mini-tofu forget10", "SimNPO, mini-tofu forget10")
    assert found.differing["method"] == ("NPO", "SimNPO")
    assert "seed" not in found.shared | found.differing and found.shared["batch_size"] == "32"


@pytest.mark.parametrize(
    ("name", "label"), [("fig1b", "Fig. 1b"), ("figA2", "Fig. A2"), ("tableA5", "Table A5")]
)
def test_artefacts_are_called_as_in_the_paper(name, label):
    assert label_of(name) == label


def test_pieces_mark_what_the_reference_does_not_say():
    text = "in the Old harbour,  of Kessin"
    found = list(pieces("In the harbour, of Dunmere", text))
    assert "".join(piece.text for piece in found) == text
    assert [piece.text for piece in found if piece.differs] == ["Old", "Kessin"]
    assert list(pieces("a", "")) == []
