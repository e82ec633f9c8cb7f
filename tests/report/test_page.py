"""The page: whole, safe, offline, and true to its evaluations."""

import hashlib
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import pytest
from made_up_evaluations import evaluation
from matplotlib.image import imread

from simnpo.errors import UserError
from simnpo.evaluation.evaluation import Evaluation
from simnpo.evaluation.metrics.verdict import Verdict
from simnpo.evaluation.tables import Tables
from simnpo.report.drawing import KINDS
from simnpo.report.page import check_comparable, write_report
from simnpo.storage.files import write_text
from simnpo.storage.folder_lock import held

SCRIPT = "<script>alert('x')</script>"
VOID = {"meta", "link", "br", "hr", "img", "input"}


class Reader(HTMLParser):
    """Collects tags, ids and text, and the tags left open."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.text.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def read(page: Path) -> Reader:
    reader = Reader()
    reader.feed(page.read_text(encoding="utf-8"))
    assert reader.open == []
    return reader


def test_a_verdict_comes_with_the_rules_it_followed(tmp_path: Path) -> None:
    verdict = Verdict("damaged", "DAMAGED: x", "the model before", keep=0.8, holdout=True)
    steps = ("lower --x", "add <rows>")
    page = write_report([evaluation("NPO", 4)], tmp_path, "title", verdict=verdict, advice=steps)
    text = " ".join(read(page).text)
    assert "Judged against the model before." in text
    assert text.index("DAMAGED: x") < text.index("Lower --x.") < text.index("Add <rows>.")
    assert verdict.rules and all(rule in text for rule in verdict.rules)
    assert "80 % of before (--keep)" in text and "95 % of before" not in text


def hostile(made: Evaluation) -> Evaluation:
    """Rename an evaluation, and let its model, its notes and its settings speak HTML."""
    generations = made.tables.generations.assign(generated=f"It is {SCRIPT} & $x_1$")
    summary = made.summary | {"notes": [SCRIPT], "run": {"method": SCRIPT, "settings": {}}}
    return Evaluation(f"SimNPO {SCRIPT}", summary, Tables(made.tables.scores, generations))


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    """A report with every section, one missing forget quality and one hostile model."""
    missing = evaluation("RMU")
    for key in missing.summary["metrics"]:
        if key.startswith("forget_quality"):
            missing.summary["metrics"][key] = None
    missing.summary["notes"] = ["forget_quality is missing: no retain model was given."]
    made = [evaluation("Original"), evaluation("Retrain"), evaluation("NPO", history=True)]
    made += [hostile(evaluation("SimNPO", history=True)), missing]
    return write_report(made, tmp_path_factory.mktemp("report"), "A <b>title</b>", "simnpo report")


def test_every_name_and_section_is_on_the_page(report):
    text = "".join(read(report).text)
    for name in ("Original", "Retrain", "NPO", f"SimNPO {SCRIPT}", "RMU", "A <b>title</b>"):
        assert name in text
    assert "geometric mean" in text
    assert "simnpo report" in text


def test_nothing_a_model_says_becomes_markup(report):
    reader = read(report)
    assert len(reader.named("script")) == 1
    assert not reader.named("b")
    source = report.read_text(encoding="utf-8")
    assert "<script>alert" not in source
    assert source.count("It is &lt;script&gt;") == 24


def test_the_page_fetches_nothing(report):
    source = report.read_text(encoding="utf-8")
    assert not re.search(r"https?://|@import|\bimport\(|fetch\(|src=", source)
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", source))
    for tag, attributes in read(report).tags:
        allowed = ("#", "data:", "plots/") if tag in ("a", "link") else ("#",)
        assert (attributes.get("href") or "#").startswith(allowed), (tag, attributes)
    policy = [m for m in read(report).named("meta") if m.get("http-equiv")]
    assert policy[0]["content"].startswith("default-src 'none'")


def test_ids_are_unique_and_every_reference_meets_one(report):
    reader = read(report)
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    source = report.read_text(encoding="utf-8")
    targets = re.findall(r'(?:href|aria-labelledby)="#?([\w-]+)"', source)
    assert set(targets) | set(re.findall(r"url\(#([^)]*)\)", source)) <= set(ids) | {"data:"}
    assert len(targets) > 50


def test_inline_drawings_are_described_and_follow_the_colour_scheme(report):
    source = report.read_text(encoding="utf-8")
    drawings = re.findall(r"<svg (?=[^>]*role=\"img\").*?</svg>", source, re.DOTALL)
    assert len(drawings) == 3
    for drawing in drawings:
        root = ElementTree.fromstring(drawing)
        assert len(root.attrib["aria-label"]) > 40
        # Every colour is a variable of the page, none is left from matplotlib.
        assert not re.findall(r"(?:fill|stroke): #(?!000000)", drawing)
        used = set(re.findall(r"var\((--[\w-]+)\)", drawing))
        assert used <= set(re.findall(r"(--[\w-]+):", source))


def test_a_missing_forget_quality_is_a_dash_with_its_reason(report):
    source = report.read_text(encoding="utf-8")
    row = re.search(r'<tr>\s*<th class="first" scope="row" data-value="RMU">.*?</tr>', source, re.S)
    cells = re.findall(r'<td[^>]*data-value="([^"]*)">(.*?)</td>', row[0])
    assert len(cells) == 16
    assert [value for value, _ in cells[:3]] == ["", "", ""]
    assert all('href="#notes"' in shown and ">—<" in shown for _, shown in cells[:3])
    assert cells[3][1] == "0.380"  # model utility: 0.6 * 0.6 + 0.02
    assert "<strong>RMU:</strong> forget_quality is missing: no retain model was given." in source
    assert "RMU: " not in re.search('aria-label="(Scatter[^"]*)"', source)[1]


def test_plots_lie_beside_the_page_and_are_whole(report):
    files = {path.name: path for path in (report.parent / "plots").iterdir()}
    names = ("trade_off", "truth_ratios", "history")
    assert set(files) == {f"{name}.{end}" for name in names for end in KINDS}
    for name, path in files.items():
        if name.endswith("png"):
            height, width, _ = imread(path).shape
            assert height > 500
            assert width > 1000
        elif name.endswith("pdf"):
            # No date: the same figure gives the same bytes.
            assert path.read_bytes().startswith(b"%PDF-") and b"Date" not in path.read_bytes()
        else:
            assert ElementTree.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"


def test_a_bare_evaluation_alone_makes_a_report_and_the_same_one_again(tmp_path):
    made = evaluation("NPO")
    for key in ("history", "run", "versions", "seconds", "notes"):
        del made.summary[key]
    made.summary["metrics"] = {"model_utility": 0.5}
    stale = tmp_path / "plots" / "history.png"
    with held(tmp_path):  # as an earlier report left it
        write_text(stale, "")
        path = write_report([made], tmp_path, "One")
    source = path.read_text(encoding="utf-8")
    assert "None of these runs was evaluated during training" in source
    assert "None of these evaluations records a training run." in source
    assert "Retrain is not among the models" in source
    assert "Missing without a reason in the evaluation: Forget quality (p-value)" in source
    assert sorted(p.name for p in stale.parent.iterdir()) == [
        "truth_ratios.pdf",
        "truth_ratios.png",
        "truth_ratios.svg",
    ]

    def digest() -> list[str]:
        found = sorted(p for p in tmp_path.rglob("*") if p.is_file())
        return [hashlib.sha256(p.read_bytes()).hexdigest() for p in found]

    before = digest()
    write_report([made], tmp_path, "One")
    assert digest() == before


def test_evaluations_that_do_not_compare_are_refused():
    one, other = evaluation("NPO"), evaluation("SimNPO")
    with pytest.raises(UserError, match="at least one"):
        check_comparable([])
    with pytest.raises(UserError, match="'NPO'"):
        check_comparable([one, one])
    other.summary["truth_ratio_aggregation"] = "arithmetic"
    with pytest.raises(UserError, match=r"geometric \(NPO\), arithmetic \(SimNPO\)"):
        check_comparable([one, other])
