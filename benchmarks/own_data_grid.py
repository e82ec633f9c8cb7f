"""Measure methods and learning rates on small sets of questions, with a real model.

    python benchmarks/own_data_grid.py FOLDER PART [...]

FOLDER is where `walk_own_data.py` taught its model. Every part is a few `simnpo sweep` commands, so
a run is what `simnpo unlearn` does with that method, rate and seed. A line of
docs/results/own_data/grid.csv that is there already is not measured again.
"""

import csv
import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from walk_own_data import MODEL, RESULTS

from simnpo.benchmarks.presets import own_data_preset
from simnpo.planning.shape import read_shape

GRID, COURSES = RESULTS / "grid.csv", RESULTS / "courses.csv"
METHODS = ("simnpo", "npo", "grad_diff", "idk")
TEACH = "--learning-rate 2e-4 --batch-size 16 --checkpoint-epochs 0"
RUN = ("data", "method", "forget_weight", "learning_rate", "seed")
"""What tells one run from another; the forget weight is the one to a retain weight of 1."""
COLUMNS = (
    *RUN, "steps", "kept_step", "verdict",
    "rows", "verbatim", "leaked", "probability", "retain_rouge_l", "held_out_rouge_l",
    "general_ability",
)  # fmt: skip
POINT = (
    "share", "attention_share",
    "forget_verbatim", "forget_probability", "identifiers", "kept", "general", "refused",
)  # fmt: skip
"""A measurement during a run, see `simnpo.training.target.Point`."""


class Data(NamedTuple):
    """Rows to forget and to keep, and how a model learns them."""

    name: str
    rows: int
    """To forget."""
    epochs: int
    """Of teaching."""
    taught: str = ""
    """Folder of the taught model, where another part made it."""


RECORDS = {
    30: Data("records", 30, 12, "taught"),
    200: Data("records200", 200, 6),
    1000: Data("records1000", 1000, 3),
}


class Wanted(NamedTuple):
    """Runs of one part."""

    data: Data
    methods: tuple[str, ...]
    rates: tuple[float, ...]
    """As multiples of the default."""
    seeds: tuple[int, ...]
    settings: str = ""
    """Further settings for --over."""


TOFU = Data("tofu", 30, 12)
PARTS = {
    "grid": Wanted(RECORDS[30], METHODS, (0.5, 1, 2), (42,)),
    "npo-weight": Wanted(RECORDS[30], ("npo",), (0.5, 1, 2), (42,), "forget_weight=3,10"),
    "seeds": Wanted(RECORDS[30], ("simnpo", "npo", "idk"), (1,), (42, 43, 44)),
    "tofu": Wanted(TOFU, METHODS, (1,), (42,)),
    "200": Wanted(RECORDS[200], METHODS, (0.5, 1, 2), (42,)),
    "200-default": Wanted(RECORDS[200], METHODS, (1,), (42,)),
    "1000": Wanted(RECORDS[1000], ("simnpo",), (1,), (42,)),
}


def main() -> int:
    """Do the parts that are named."""
    folder = Path(sys.argv[1]).resolve()
    for part in sys.argv[2:]:
        wanted = PARTS[part]
        prepare(wanted.data, folder)
        for method in wanted.methods:
            sweep(wanted, method, folder)
            rows = list(rows_of(wanted.data, folder))
            write(GRID, COLUMNS, RUN, [row for row, _ in rows])
            points = [point for _, course in rows for point in course]
            write(COURSES, (*RUN, "step", *POINT), (*RUN, "step"), points)
    return 0


def simnpo(folder: Path, command: str) -> None:
    """Type a command, showing what it prints.

    Raises:
        CalledProcessError: it failed.
    """
    print(f"$ simnpo {command}", flush=True)
    program = str(Path(sys.executable).with_name("simnpo"))
    subprocess.run([program, *command.split()], cwd=folder, check=True)


def prepare(data: Data, folder: Path) -> None:
    """Write the rows and teach them to the model, unless both are there."""
    taught = folder / (data.taught or f"{data.name}-taught")
    if (taught / "model").is_dir():
        return
    rows = folder / data.name
    if data is TOFU:
        write_tofu(rows)
    else:
        sizes = f"--forget {data.rows} --retain {2 * data.rows} --overwrite"
        simnpo(folder, f"example records --out {data.name} {sizes}")
    teach = f"--epochs {data.epochs} {TEACH} --out {taught.name} --overwrite"
    known = f"{data.name}/full.jsonl records/everyday-answers.jsonl"
    simnpo(folder, f"finetune --model {MODEL} --data {known} {teach}")


def write_tofu(folder: Path) -> None:
    """Write 30 rows of TOFU's forget05 and 60 of authors that are kept, and both together."""
    source = Path(__file__).resolve().parents[2] / "shared" / "data" / "tofu"
    folder.mkdir(exist_ok=True)
    forget = _questions(source / "forget05.json")[:30]
    retain = _questions(source / "retain95.json")[:60]
    for name, rows in (("forget", forget), ("retain", retain), ("full", [*forget, *retain])):
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")


def _questions(path: Path) -> list[dict[str, str]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    return [{name: row[name] for name in ("question", "answer")} for row in rows]


def sweep(wanted: Wanted, method: str, folder: Path) -> None:
    """Measure what the grid lacks of a method."""
    data = wanted.data
    taught = data.taught or f"{data.name}-taught"
    parameters = read_shape(str(folder / taught)).parameters
    preset = own_data_preset(method, data.rows, parameters, lora=False)
    usual, title = preset.training.learning_rate, preset.method.title
    weight = f"{forget_weight(preset.method.record()):g}"
    known = {
        (row["data"], row["method"], row["seed"], row["learning_rate"])
        for row in read(GRID)
        if row["forget_weight"] == weight
    }
    for seed in wanted.seeds:
        rates = [f"{share * usual:g}" for share in wanted.rates]
        if not wanted.settings:
            rates = [rate for rate in rates if (data.name, title, str(seed), rate) not in known]
        if not rates:
            continue
        # One folder for all methods, so that the original is measured once.
        simnpo(
            folder,
            f"sweep --model {taught} --method {method} --forget {data.name}/forget.jsonl "
            f"--retain {data.name}/retain.jsonl --over learning_rate={','.join(rates)} "
            f"{wanted.settings} --seed {seed} --out grid-{data.name}",
        )


def rows_of(data: Data, folder: Path) -> Iterable[tuple[dict[str, str], list[dict[str, str]]]]:
    """Yield a line of the grid for every finished run, and the lines of its course."""
    for done in sorted((folder / f"grid-{data.name}" / "runs").glob("*/done.json")):
        if (done.parent / "run.json").is_file():
            row = row_of(data.name, done)
            lines = (done.parent / "control.jsonl").read_text(encoding="utf-8").splitlines()
            run = {name: row[name] for name in RUN}
            yield row, [run | as_text(json.loads(line)) for line in lines]


def row_of(data: str, done: Path) -> dict[str, str]:
    """Return a line of the grid."""
    run, summary = (
        json.loads((done.parent / name).read_text(encoding="utf-8"))
        for name in ("run.json", "evaluation/summary.json")
    )
    config, metrics, counts = run["config"], summary["metrics"], summary["counts"]
    return as_text({
        "data": data,
        "method": json.loads(done.read_text(encoding="utf-8"))["title"].split(",")[0],
        "forget_weight": forget_weight(config),
        "learning_rate": f"{config['learning_rate']:g}",
        "seed": config["seed"],
        "steps": run["steps"],
        "kept_step": run["control"]["kept_step"],
        "verdict": summary["verdict"]["kind"],
        "rows": counts["forget.verbatim"][1],
        "verbatim": counts["forget.verbatim"][0],
        "leaked": counts["forget.leaked"][0],
        "probability": metrics["forget.probability"],
        "retain_rouge_l": metrics["retain.rouge_l"],
        "held_out_rouge_l": metrics["kept.rouge_l"],
        "general_ability": metrics["general.ability"],
    })  # fmt: skip


def forget_weight(config: dict[str, Any]) -> float:
    """Return the forget weight to a retain weight of 1: training depends on their ratio."""
    return float(config["forget_weight"] / (config["retain_weight"] or 1))


def as_text(values: dict[str, Any]) -> dict[str, str]:
    """Return values as a table has them."""
    return {
        name: f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
        for name, value in values.items()
    }


def read(path: Path) -> list[dict[str, str]]:
    """Return a table's lines."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(
    path: Path, columns: Sequence[str], keys: Sequence[str], rows: Iterable[dict[str, str]]
) -> None:
    """Add lines to a table, each once by its keys."""
    merged = {tuple(row[name] for name in keys): row for row in (*read(path), *rows)}
    with path.open("w", encoding="utf-8", newline="") as file:
        made = csv.DictWriter(file, columns, lineterminator="\n")
        made.writeheader()
        made.writerows(merged[key] for key in sorted(merged))


if __name__ == "__main__":
    sys.exit(main())
