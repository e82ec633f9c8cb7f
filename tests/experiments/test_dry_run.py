"""What a dry run tells, and that the paper's scale resolves on real data."""

from pathlib import Path

from made_up_runs import Sum, Unresolved
from real_data import data_folder

from simnpo.experiments.dry_run import describe
from simnpo.paper.scale import mini, paper
from simnpo.paper.studies import load_study


def test_each_run_is_told_once_and_after_what_it_needs(tmp_path: Path) -> None:
    first, second = Sum(1, "a"), Sum(2, "b")
    first.ensure(tmp_path)
    lines = describe([Sum(3, "c", (first, second)), second], tmp_path)
    assert lines == [
        f"finished  {first.key[:10]}  Sum a",
        f"to do     {second.key[:10]}  Sum b",
        f"to do     {Sum(3, 'c', (first, second)).key[:10]}  Sum c",
    ]


def test_what_cannot_be_resolved_is_told_and_not_tried_again(tmp_path: Path) -> None:
    broken = Unresolved(1, "a")
    lines = describe([Sum(2, "b", (broken,)), Sum(3, "c")], tmp_path / "nothing")
    assert lines[0] == "fails     ----------  Sum a: there is no such data."
    assert lines[1] == "fails     ----------  Sum b: needs Sum a, which fails."
    assert lines[2].startswith("to do")
    assert not (tmp_path / "nothing").exists()


def test_table1_at_the_paper_scale_on_its_own_data(model_folder: Path, tmp_path: Path) -> None:
    scale = paper(str(model_folder), str(data_folder("tofu")))
    runs = load_study("table1").runs(scale, (42, 43))
    lines = describe(runs, tmp_path)
    assert all(line.startswith("to do") for line in lines), lines
    # Original and eight methods at two seeds, and a Retrain more for the noise floor.
    assert len(lines) == 2 * 9 + 3
    assert len({line.split()[2] for line in lines}) == len(lines)  # keys
    assert runs[0].title == "Original, tofu forget05, seed 42"


def test_data_on_the_hub_is_told_where_there_is_no_network(tmp_path: Path) -> None:
    scale = paper()
    lines = describe([scale.unlearned(scale.news, "npo", 42)], tmp_path)
    titles = ("Retrain, muse news", "Original, muse news", "NPO, muse news")
    for line, title in zip(lines, titles, strict=True):
        assert line.startswith("fails") and title in line, line
    assert "needs Retrain, muse news, seed 42, which fails." in lines[1]


def test_the_mini_scale_resolves_without_a_network(tmp_path: Path) -> None:
    lines = describe(load_study("table1").runs(mini(), (1,)), tmp_path)
    assert all(line.startswith("to do") for line in lines), lines
