"""Which stored result a run uses again, and why it does not use another."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from made_up_runs import Sum

from simnpo.experiments.dry_run import describe
from simnpo.experiments.key import Key, accepting
from simnpo.experiments.run import DONE, KEY, Run, with_needs
from simnpo.experiments.stored_runs import StoredRuns, accept_code, accepted_note
from simnpo.storage.files import read_json, write_json


@pytest.fixture
def code(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return hashes of the code, to change."""
    found = {"simnpo.forward": "1", "simnpo.methods.npo": "1"}
    for place in ("key", "stored_runs"):
        monkeypatch.setattr(
            f"simnpo.experiments.{place}.code_hashes", lambda module, registered: dict(found)
        )
    return found


@dataclass(frozen=True)
class Settled(Sum):
    """A run with named settings and data."""

    rate: float = 0.1
    rows: str = "a"

    def depends_on(self) -> Any:
        return {"settings": {"training": {"rate": self.rate}}, "data": {"forget": self.rows}}


def chain() -> Sum:
    return Sum(3, "c", (Sum(2, "b", (Sum(1, "a"),)),))


def do(run: Run, home: Path) -> None:
    for one in with_needs([run]):
        one.ensure(home)


def test_a_record_holds_the_parts_of_its_key(tmp_path: Path) -> None:
    run = chain()
    do(run, tmp_path)
    record = read_json(run.folder(tmp_path) / DONE)
    key = Key.read(record[KEY])
    assert key == run.key_parts and key.hash == run.key
    assert key.needs == [["Sum b", run.needs[0].key]] and key.seed == 3
    assert "torch" in key.versions and "simnpo" not in key.versions
    assert {"made_up_runs.py", "simnpo.storage.files"} <= set(key.code)
    assert not list(run.folder(tmp_path).glob("*.partial"))


def test_code_is_part_of_the_key(code: dict[str, str]) -> None:
    before = chain().key
    assert chain().key == before
    code["simnpo.methods.npo"] = "2"
    assert chain().key != before


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (Settled(2, "a"), "seed (2, was 1)"),
        (Settled(1, "a", rate=0.3), "settings (rate 0.3, was 0.1)"),
        (Settled(1, "a", rows="b"), "data (forget)"),
        (Settled(1, "a", (Sum(1, "b"),)), "needs (Sum b)"),
        (Settled(2, "a", rate=0.3), "settings (rate 0.3, was 0.1); seed (2, was 1)"),
    ],
)
def test_why_a_result_is_not_used(tmp_path: Path, run: Run, reason: str) -> None:
    stored = Settled(1, "a")
    do(stored, tmp_path)
    found = StoredRuns(tmp_path).reason(run)
    assert found == f"differs from {stored.folder(tmp_path).name} in {reason}"


def test_other_code_is_named(tmp_path: Path, code: dict[str, str]) -> None:
    do(chain(), tmp_path)
    code["simnpo.methods.npo"] = "2"
    lines = describe([chain()], tmp_path, explains=True)
    assert [line.split(" in ")[1] for line in lines] == [
        "code (simnpo.methods.npo)",
        "needs (Sum a); code (simnpo.methods.npo)",
        "needs (Sum b); code (simnpo.methods.npo)",
    ]
    assert all(line.startswith("to do") for line in lines)


def test_versions_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    do(Sum(1, "a"), tmp_path)
    monkeypatch.setattr("simnpo.experiments.key.versions", lambda: {"torch": "1.0"})
    assert "versions (" in StoredRuns(tmp_path).reason(Sum(1, "a"))


def test_the_nearest_is_the_one_with_fewest_differences(tmp_path: Path) -> None:
    near, far = Settled(1, "a", rate=0.2), Settled(7, "a", rows="z")
    do(near, tmp_path)
    do(far, tmp_path)
    assert near.folder(tmp_path).name in StoredRuns(tmp_path).reason(Settled(1, "a"))


def test_records_without_a_key_stay_readable(tmp_path: Path) -> None:
    run = Sum(1, "a")
    assert StoredRuns(tmp_path / "nothing").reason(run) == "not made yet"
    write_json(tmp_path / "sum-a-0123456789" / DONE, {"title": "Sum a", "value": 1})
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / DONE).write_text("{")
    assert StoredRuns(tmp_path).reason(run) == "made before keys were recorded"
    # In its own place it counts as it did.
    write_json(run.folder(tmp_path) / DONE, {"title": "Sum a", "value": 5})
    assert run.finished(tmp_path) and run.record(tmp_path)["value"] == 5


def test_accepted_code_is_used_again_and_noted(tmp_path: Path, code: dict[str, str]) -> None:
    do(chain(), tmp_path)
    old = chain().key
    code["simnpo.methods.npo"] = "2"
    new = chain().key
    with accepting():
        accept_code([run := chain()], tmp_path)
        assert run.key == chain().key == old
        assert all(one.finished(tmp_path) for one in with_needs([chain()]))
        assert accepted_note([chain()]) == (
            "3 results were computed by earlier code (--accept-code); simnpo.methods.npo differ."
        )
        # What is computed on top says so by the keys of what it needs.
        on_top = Sum(4, "d", (chain(),))
        accept_code([on_top], tmp_path)
        assert not on_top.finished(tmp_path) and on_top.key_parts.needs[0][1] == old
        assert on_top.key_parts.code["simnpo.methods.npo"] == "2"
        on_top.ensure(tmp_path)
    assert chain().key == new and not chain().finished(tmp_path)
    assert not Sum(4, "d", (chain(),)).finished(tmp_path)
    assert accepted_note([chain()]) is None


def test_only_code_is_accepted(tmp_path: Path, code: dict[str, str]) -> None:
    do(Settled(1, "a"), tmp_path)
    code["simnpo.methods.npo"] = "2"
    others = [Settled(2, "a"), Settled(1, "a", rate=0.3), Settled(1, "a", rows="b")]
    with accepting():
        accept_code(others, tmp_path)
        assert not any(one.finished(tmp_path) for one in others)
        # What the present code has made comes first.
        do(Settled(1, "a"), tmp_path)
        accept_code([Settled(1, "a")], tmp_path)
        assert Settled(1, "a").key_parts.code["simnpo.methods.npo"] == "2"
        assert accepted_note([Settled(1, "a")]) is None
