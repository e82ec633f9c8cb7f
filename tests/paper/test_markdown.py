"""The report as Markdown: claims, tables, and the pictures that the page's report wrote."""

import re
from dataclasses import replace
from pathlib import Path

from made_up_findings import figure

from simnpo.paper.markdown import write_markdown
from simnpo.paper.report import Shown, write_reproduction
from simnpo.report.finding import Claim, Column, Finding, Table, row

TABLE = Table(
    "numbers",
    "Numbers",
    (Column("x", "X", "The x"),),
    (row("SimNPO", {"x": [1.0, 3.0]}), row("NPO", {"x": []})),
    {"NPO": {"x": 0.5}},
)
CLAIM = Claim("It is so.", "held", "2 against 1.")
SHOWN = {
    "table1": Shown("A table", "what it shows.", Finding((TABLE,), (), (CLAIM,), notes=("So.",))),
    "fig4": Shown("A figure", "something.", Finding(figures=(figure(),))),
    "figA2": Shown("Another", "something else.", "its run failed"),
}


def written(folder: Path) -> str:
    told = {"title": "Title", "command": "simnpo reproduce", "settings": {"Seeds": "42"}}
    return write_markdown(SHOWN, folder, **told).read_text()


def test_claims_tables_and_reasons_are_written(tmp_path: Path) -> None:
    text = written(tmp_path)
    assert text.startswith("# Title\n\nMade by `simnpo reproduce`; seeds 42.")
    assert "| [Table 1](#table1) | It is so. | **held** | 2 against 1. |" in text
    assert "| [Fig. A2](#figa2) | | not made | its run failed |" in text
    assert '<a id="figa2"></a>\n\n## Fig. A2: Another' in text and "Not made: its run" in text
    # Mean 2, standard error 1, Student's t(1) at 97.5 % 12.706.
    assert "| SimNPO | 2.000 ± 12.706 |" in text and "| NPO | — |" in text
    assert "| NPO (paper, 7B) | 0.500 |" in text and "- So." in text


def test_a_collapsed_table_is_one_that_a_reader_opens(tmp_path: Path) -> None:
    shown = {"fig4": Shown("A figure", "something.", Finding((replace(TABLE, collapsed=True),)))}
    text = write_markdown(shown, tmp_path, title="Title", command="", settings={}).read_text()
    before, rest = text.split("<details><summary>Numbers</summary>\n\n|  | X |\n")
    assert "| SimNPO | 2.000 ± 12.706 |" in rest.split("\n\n</details>")[0]
    assert "SimNPO" not in before


def test_its_pictures_are_those_of_the_page(tmp_path: Path) -> None:
    write_reproduction(SHOWN, tmp_path, title="Title", command=None, settings={}, failed={})
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", written(tmp_path))
    assert pictures and all((tmp_path / one).is_file() for one in pictures)
