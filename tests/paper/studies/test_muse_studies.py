"""Table 2, Fig. 1d and Fig. A5: all methods on MUSE, and requests one after another."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from stored_muse_runs import ORIGINAL, history, metrics, store_muse
from stored_tofu_runs import SEEDS, claim, draw_all, mean, results, store, verdicts

from simnpo.experiments.unlearn_run import UnlearnRun
from simnpo.paper.results import Results
from simnpo.paper.scale import mini
from simnpo.paper.studies import load_study, table2
from simnpo.paper.studies.figa5 import stages_of, throughout

AS_IN_THE_PAPER = {"npo": (50.0, 30.0, 90.0), "simnpo": (40.0, 45.0, -70.0)}


def test_claims_are_about_the_picked_epoch(tmp_path: Path) -> None:
    # SimNPO's second epoch keeps nothing, so its first is picked, and the claims look at that.
    curves = {
        "npo": history(ORIGINAL, (50.0, 46.0, 95.0), (50.0, 47.0, 90.0)),
        "simnpo": history(ORIGINAL, (55.0, 46.0, -80.0), (40.0, 0.0, -1.0)),
    }
    store_muse(tmp_path, AS_IN_THE_PAPER, curves)
    found = load_study("table2").find(results(tmp_path))
    assert verdicts(found) == ["not held", "not held", "held", "not testable"]
    assert "difference in the distance of PrivLeak from 0 10" in found.claims[2].why
    last, picked = found.tables
    assert [one.name for one in last.rows] == [
        "Original", "Retrain", "GA", "GradDiff", "NPO", "Task Vector", "SimNPO"
    ]  # fmt: skip
    assert [one.name for one in picked.rows] == ["GA", "GradDiff", "NPO", "SimNPO"]
    assert mean(last, "SimNPO", "privleak") == -70
    assert mean(picked, "SimNPO", "epoch") == 1 and mean(picked, "SimNPO", "privleak") == -80
    assert mean(picked, "NPO", "epoch") == 2 and mean(picked, "NPO", "knowmem_retain") == 47
    assert last.paper["SimNPO"]["privleak"] == 72.93


def test_methods_changed_over_are_not_held(tmp_path: Path) -> None:
    changed = {"simnpo": AS_IN_THE_PAPER["npo"], "npo": AS_IN_THE_PAPER["simnpo"]}
    store_muse(tmp_path, changed)
    assert verdicts(load_study("table2").find(results(tmp_path)))[:3] == ["not held"] * 3
    assert verdicts(load_study("fig1d").find(results(tmp_path))) == ["not held", "not held"]


def test_privleak_is_drawn_against_what_is_kept(tmp_path: Path) -> None:
    store_muse(tmp_path, AS_IN_THE_PAPER)
    found = load_study("fig1d").find(results(tmp_path))
    assert verdicts(found) == ["held", "held"]
    assert "keeps more" in found.claims[0].text and "nearer to 0" in found.claims[1].text
    svg = draw_all(found, tmp_path / "plots")
    assert "SimNPO: PrivLeak −70.0, KnowMem 45.0" in svg
    assert "Retrain: PrivLeak 0.0, KnowMem 50.0" in svg


def test_books_are_taken_along_where_there_are_any() -> None:
    scale = mini()
    assert table2.sites(scale) == [scale.news]
    with_books = replace(scale, books=scale.news)
    assert len(table2.runs(with_books, SEEDS)) == 2 * len(table2.runs(scale, SEEDS))
    records = {run.method: run.records for run in table2.runs(scale, SEEDS[:1])
               if isinstance(run, UnlearnRun)}  # fmt: skip
    assert records == {
        "ga": ("history",),
        "grad_diff": ("history",),
        "npo": ("history",),
        "task_vector": (),
        "simnpo": ("history",),
    }


def test_books_are_judged_by_their_own_runs(tmp_path: Path) -> None:
    store_muse(tmp_path, AS_IN_THE_PAPER)
    scale = replace(mini(), books=mini().news)
    found = table2.find(Results(scale, SEEDS, tmp_path))
    assert verdicts(found) == ["held"] * 6 and len(found.tables) == 4


def store_stages(
    home: Path, npo: Sequence[tuple[float, float]], simnpo: Sequence[tuple[float, float]]
) -> None:
    scale = mini()
    store(home, scale.original(scale.news, SEEDS[0]), (), metrics(*ORIGINAL))
    for method, values in (("npo", npo), ("simnpo", simnpo)):
        for run, (forget, retain) in zip(stages_of(scale, method, SEEDS[0]), values, strict=True):
            store(home, run, (), metrics(forget, retain, 0.0))


NPO = ((50.0, 40.0), (40.0, 30.0), (30.0, 20.0), (20.0, 10.0))
SIMNPO = ((45.0, 45.0), (35.0, 41.0), (25.0, 37.0), (15.0, 33.0))


def test_each_request_starts_from_the_model_before() -> None:
    scale = mini()
    stages = stages_of(scale, "simnpo", 1)
    assert [one.request for one in stages] == [0, 1, 2, 3]
    assert [one.origin for one in stages] == [scale.original(scale.news, 1), *stages[:-1]]
    assert all(one.keeps_model for one in stages)


def test_requests_are_compared_each(tmp_path: Path) -> None:
    store_stages(tmp_path, NPO, SIMNPO)
    found = load_study("figA5").find(results(tmp_path))
    assert verdicts(found) == ["held", "held"]
    assert "4 of 4 requests" in found.claims[0].why
    (table,) = found.tables
    assert len(table.rows) == 1 + 2 * 4
    assert mean(table, "Original", "knowmem_forget") == 60
    assert mean(table, "NPO, after request 1", "knowmem_retain") == 40
    assert mean(table, "SimNPO, after request 4", "knowmem_forget") == 15
    svg = draw_all(found, tmp_path / "plots")
    assert "SimNPO, after request 4: 33.0 %" in svg and "NPO, Original: 60.0 %" in svg
    store_stages(tmp_path, SIMNPO, NPO)
    assert verdicts(load_study("figA5").find(results(tmp_path))) == ["not held", "not held"]


def test_one_request_the_other_way_refutes(tmp_path: Path) -> None:
    store_stages(tmp_path, NPO, (*SIMNPO[:3], (25.0, 33.0)))
    found = load_study("figA5").find(results(tmp_path))
    assert claim(found, "forget set").verdict == "not held"
    assert "3 of 4 requests" in claim(found, "forget set").why
    assert claim(found, "retain set").verdict == "held"


@pytest.mark.parametrize(
    ("npo", "simnpo", "expected"),
    [
        ((9.0, 5.0, 5.0), (9.0, 4.0, 4.0), "held"),  # what was before the first does not count
        ((9.0, 5.0, 5.0), (9.0, 4.0, 5.0), "undecided"),  # equal once
        ((9.0, 5.0, 5.0), (9.0, 5.0, 6.0), "not held"),
        ((9.0, 5.0, math.nan), (9.0, 4.0, 4.0), "not testable"),
        ((9.0,), (9.0,), "not testable"),
    ],
)
def test_throughout(npo: Sequence[float], simnpo: Sequence[float], expected: str) -> None:
    found = {"NPO": {"k": npo}, "SimNPO": {"k": simnpo}}
    assert throughout("Less", found, "k", -1).verdict == expected
    mirrored = {name: {"k": [-one for one in own["k"]]} for name, own in found.items()}
    assert throughout("More", mirrored, "k", 1).verdict == expected
