"""Forty injected faults of the campaign, and its judges: they see what is wrong, and only that."""

import json
import os
import struct
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from fault_injection import cases, judging, trees
from fault_injection.children import Outcome
from fault_injection.interpose import Counts
from fault_injection.judging import Finding, Plants, behaved, worst
from fault_injection.processes import descendants

CAMPAIGN = Path(__file__).parents[1] / "benchmarks" / "faults.py"
WANTED = {
    "kill": 5, "crash": 4, "signals": 4, "disk": 5, "conversion": 2, "hostile": 11,
    "environment": 5, "two": 4,
}  # fmt: skip
QUICK = ("finetune", "unlearn", "evaluate", "generate", "merge", "example", "gguf")


def forty() -> list[str]:
    """Return the first cases of each kind with quick commands, each with a fault of its own."""
    found: list[str] = []
    for kind, count in WANTED.items():
        of_kind = [one for one in cases.schedule(0) if one.kind == kind and one.recipe in QUICK]
        first = {(one.fault, one.recipe): one for one in reversed(of_kind)}
        chosen = sorted(first.values(), key=lambda one: one.number)[:count]
        found += [one.name for one in chosen]
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="processes are watched through /proc")
def test_forty_faults(tmp_path: Path) -> None:
    names = forty()
    assert len(names) == len(set(names)) == sum(WANTED.values()) == 40
    command = [sys.executable, CAMPAIGN, "--work", tmp_path, "--only", *names]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    results = [*tmp_path.glob("results-*.jsonl")]
    assert results, done.stderr
    lines = [json.loads(line) for line in results[0].read_text().splitlines()]
    wrong = [f"{one['name']}: {one['verdict']}: {one['detail']}" for one in lines
             if one["verdict"] != "ok"]  # fmt: skip
    assert not wrong, "\n".join(wrong)
    left_out = sum(cases.needs_library(one) for one in cases.schedule(0) if one.name in names)
    assert len(lines) in (40, 40 - left_out), done.stdout + done.stderr
    assert done.returncode == 0


def test_the_campaign_is_the_same_for_the_same_seed() -> None:
    wanted = cases.schedule(0)
    assert wanted == cases.schedule(0) != cases.schedule(1)
    assert Counter(one.kind for one in wanted) == {
        "kill": 150, "crash": 100, "signals": 80, "disk": 100, "conversion": 30, "hostile": 350,
        "environment": 120, "two": 100,
    }  # fmt: skip
    assert len({one.name for one in wanted}) == 1030
    assert {one.kind for one in cases.interleaved(wanted)[:20]} == set(WANTED)


def ended(code: int = 0, out: bytes = b"", err: bytes = b"", hung: bool = False) -> Outcome:
    return Outcome(code, out, err, 1.0, hung, (), Counts(0, 0))


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        (ended(), "ok"),
        (ended(1, err=b"Note: x\nsimnpo: error: no such file.\n"), "ok"),
        (ended(130, err=b"simnpo: interrupted.\n"), "ok"),
        (ended(-15), "ok"),
        (ended(2, err=b"\xe2\x95\xad\n" * 9), "ok"),
        (ended(1, err=b"Traceback (most recent call last):\n  x\nKeyError: 'a'\n"), "traceback"),
        (ended(0, out=b"Traceback (most recent call last):\n"), "traceback"),
        (ended(-11), "traceback"),
        (ended(1), "silently wrong"),
        (ended(0, out=b"\x1b[2J"), "silently wrong"),
        (ended(0, err="\u009b2J".encode()), "silently wrong"),
        (ended(1, err=b"simnpo: error: " + b"line\n" * 6), "verbose"),
        (ended(1, err=b"simnpo: error: " + b"x" * 3000), "verbose"),
        (ended(0, err=b"a.py:1: UserWarning: old\n"), "verbose"),
        (ended(0, hung=True), "hang"),
        (ended()._replace(orphans=("7: python",)), "orphan"),
    ],
)
def test_how_a_command_behaved(outcome: Outcome, verdict: str) -> None:
    assert worst(behaved(outcome)).verdict == verdict


def test_the_worst_counts() -> None:
    assert worst([]) == Finding("ok")
    found = [Finding(verdict) for verdict in reversed(judging.VERDICTS[1:])]
    assert [worst(found[: n + 1]) for n in range(len(found))] == found


def test_plants(tmp_path: Path) -> None:
    plants = Plants(tmp_path, ("a.md", "b/c.bin"))
    plants.plant()
    assert not plants.lost()
    (tmp_path / "a.md").write_text("other")
    (tmp_path / "b" / "c.bin").unlink()
    assert [one.verdict for one in plants.lost()] == ["lost", "lost"]


def safetensors(values: bytes, **changes: object) -> bytes:
    one = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | changes
    header = json.dumps({"x": one}).encode()
    return struct.pack("<Q", len(header)) + header + values


def test_trees_ignore_times_and_see_all_else(tmp_path: Path) -> None:
    weights = safetensors(b"12345678")
    files = {
        "run.json": b'{"seconds": 1.5, "steps": 3, "status": "finished"}',
        "log.jsonl": b'{"loss": 1}\n{"train_runtime": 7}\n',
        "model/model.safetensors": weights,
        "report.html": b"<p>took 1.5 s</p></html>",
        "x.parquet": b"PAR1",
    }
    other = files | {
        "run.json": b'{"status": "finished",  "steps": 3, "seconds": 2}',
        "log.jsonl": b'{"loss": 1}\n{"train_runtime": 8}\n',
        "report.html": b"<p>took 12 s</p></html>",
    }
    for folder, content in (("a", files), ("b", other)):
        for name, data in content.items():
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    expected = trees.snapshot(tmp_path / "a")
    assert not trees.differences(expected, trees.snapshot(tmp_path / "b"))
    assert trees.finished(tmp_path / "b")
    for name, data in {
        "run.json": b'{"steps": 4, "status": "finished"}',
        "log.jsonl": b'{"loss": 1}\n',
        "model/model.safetensors": safetensors(b"12345679"),
        "report.html": b"<p>took 12 s</p>",
        "x.parquet": b"PAR2",
        "new": b"",
    }.items():
        path = tmp_path / "b" / name
        path.write_bytes(data)
        (line,) = trees.differences(expected, trees.snapshot(tmp_path / "b"))
        assert line.startswith(name)
        path.write_bytes(other[name]) if name in other else path.unlink()
    (tmp_path / "b" / "run.json").unlink()
    assert trees.differences(expected, trees.snapshot(tmp_path / "b")) == ["run.json is missing"]
    assert not trees.finished(tmp_path / "b")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 8,
        safetensors(b"1234567"),
        safetensors(b"123456789"),
        safetensors(b"12345678", shape=[3]),
        safetensors(b"12345678", dtype="F7"),
        safetensors(b"12345678", data_offsets=[8, 0]),
    ],
)
def test_broken_weights_are_seen(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    assert str(trees.content(path)).startswith("broken")


@pytest.mark.parametrize("text", ["{", '{"a": NaN}', "\ud800"])
def test_broken_json_is_seen(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert str(trees.content(path)).startswith("broken")


@pytest.mark.skipif(sys.platform != "linux", reason="processes are watched through /proc")
def test_processes_below_processes_are_seen() -> None:
    waits = "import sys; sys.stdin.read()"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {waits!r}])"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE) as parent:
        end = time.monotonic() + 30
        while len(descendants(os.getpid()).keys() & descendants(parent.pid).keys()) < 1:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert parent.pid in descendants(os.getpid())
