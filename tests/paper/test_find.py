"""From runs to findings, with what is lacking, and the claims in the terminal."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from made_up_findings import shown
from made_up_runs import Fails, Sum
from rich.console import Console

from simnpo.errors import UserError
from simnpo.experiments.run import Run
from simnpo.paper.find import find_all
from simnpo.paper.report import Shown
from simnpo.paper.results import Results
from simnpo.paper.scale import mini
from simnpo.paper.studies.base import Study
from simnpo.paper.summary import print_findings
from simnpo.report.finding import Claim, Finding

WHOLE = Finding(claims=(Claim("It is.", "held", "1 above 0."),))


def study(find: Callable[[Results], Finding] = lambda results: WHOLE) -> Study:
    return Study("The paper shows it.", lambda scale, seeds: [], find)


def found(
    studies: dict[str, Study], wanted: dict[str, list[Run]], failed: dict[Run, str]
) -> dict[str, Shown]:
    results = Results(mini(), (1,), Path("nowhere"))
    return find_all(studies, wanted, results, dict.fromkeys(studies, "A title"), failed, {})


def test_an_artefact_of_a_failed_run_is_not_asked_what_it_finds() -> None:
    def never(results: Results) -> Finding:
        raise AssertionError("its runs failed")

    broken, whole = Fails(1, "a"), Sum(2, "b")
    studies = {"fig4": study(never), "table1": study(), "fig5": study(never)}
    wanted: dict[str, list[Run]] = {
        "fig4": [whole, broken],
        "table1": [whole],
        "fig5": [Sum(3, "c", (broken,))],  # what a run needs is one of its runs
    }
    shown = found(studies, wanted, {broken: "no numbers."})
    assert list(shown) == ["fig4", "table1", "fig5"]
    assert shown["fig4"].finding == shown["fig5"].finding == "Sum a failed: no numbers."
    assert shown["table1"] == Shown("A title", "The paper shows it.", WHOLE, (whole,))


def test_a_study_that_cannot_find_says_why() -> None:
    def lacking(results: Results) -> Finding:
        raise UserError("there is no history.")

    shown = found({"fig4": study(lacking)}, {"fig4": []}, {})
    assert shown["fig4"].finding == "there is no history."


def test_a_fault_in_a_study_is_not_hidden() -> None:
    def faulty(results: Results) -> Finding:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        found({"fig4": study(faulty)}, {"fig4": []}, {})


def printed(shown: dict[str, Shown]) -> str:
    console = Console(width=120, file=io.StringIO())
    print_findings(shown, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_every_claim_and_how_many_there_are_of_each_verdict() -> None:
    text = printed(shown())
    lines = [line.split() for line in text.splitlines()]
    held = [line for line in lines if line[-1:] == ["held"] and line[-2] != "not"]
    assert [line[0] for line in held] == ["fig3c", "fig4"]
    (lacking,) = [line for line in text.splitlines() if line.startswith("tableA4")]
    assert "Original, mini-wmdp craft, seed 42: out of <memory>." in lacking
    assert lacking.rstrip().endswith("not made")
    assert text.splitlines()[-1] == "Claims: 2 held, 1 not held, 1 undecided, 1 not testable."
    assert "<b>$x leaks nothing." in text


def test_what_looks_like_markup_is_printed_as_it_stands() -> None:
    shown = {
        "fig4": Shown("A title", "It.", Finding(claims=(Claim("In [0, 1] [b]", "held", ""),))),
        "fig5": Shown("A title", "It.", "pip install simnpo[sweep], or give [/elsewhere/x]."),
    }
    text = printed(shown)
    assert "In [0, 1] [b]" in text
    assert "simnpo[sweep], or give [/elsewhere/x]." in text


def test_nothing_is_printed_where_there_are_no_claims() -> None:
    assert printed({"tableA5": Shown("A title", "It.", Finding())}) == ""


def test_nothing_made_has_no_count() -> None:
    text = printed({"fig4": Shown("A title", "It.", "no memory.")})
    assert "not made" in text and "Claims" not in text
