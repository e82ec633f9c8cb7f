"""`simnpo.unlearn` and its like: each does what the command of its name does.

Options that a function does not name are those of the command, with underscores:
`simnpo.unlearn(..., learning_rate=1e-5, lora_rank=16)`; `simnpo unlearn --help` lists them. Data
may be files, `datasets.Dataset`s or lists of dicts. Mistakes are `simnpo.UserError`s.
"""

from collections.abc import Mapping, Sequence
from os import fspath
from pathlib import Path
from tempfile import TemporaryDirectory

from simnpo.api.calls import Data, Option, Place, call, files_of
from simnpo.api.results import Comparison, Measured, Run
from simnpo.errors import UserError
from simnpo.report.rendering import REPORT


def unlearn(
    model: Place,
    *,
    output_dir: Place,
    forget: Data | None = None,
    retain: Data | None = None,
    benchmark: str | None = None,
    split: str | None = None,
    method: str = "simnpo",
    **options: Option,
) -> Run:
    """Make a model forget a forget set and keep a retain set.

    Args:
        model: a folder, a run, or a hub id.
        output_dir: the run's folder.
        forget: rows to forget; or give a benchmark.
        retain: rows to keep.
        benchmark: `tofu`, `muse` or `wmdp`, or an embedded one.
        split: the benchmark's.
        method: a key of `simnpo.METHODS`, or `file.py:Name`.
        options: see `simnpo unlearn --help`.

    Returns:
        The run; on your own data it has measured itself, see `Run.verdict`.

    Raises:
        TypeError: an unknown option.
        UserError: see the command.
    """
    with files_of({"forget": forget, "retain": retain}) as files:
        given = {**options, **files, "benchmark": benchmark, "split": split, "method": method}
        call(["unlearn"], {**given, "model": fspath(model), "out": fspath(output_dir)})
    return Run(Path(output_dir))


def finetune(
    model: Place, *, output_dir: Place, data: Data | None = None, **options: Option
) -> Run:
    """Fine-tune a model: how Original and Retrain are made.

    Args:
        model: a folder, a run, or a hub id.
        output_dir: the run's folder.
        data: what it learns; or give `benchmark=` and `part=`.
        options: see `simnpo finetune --help`.

    Raises:
        TypeError: an unknown option.
        UserError: see the command.
    """
    with files_of({"data": data}) as files:
        given = {**options, **files, "model": fspath(model), "out": fspath(output_dir)}
        call(["finetune"], given)
    return Run(Path(output_dir))


def evaluate(
    model: Place,
    benchmark: str | None = None,
    *,
    forget: Data | None = None,
    retain: Data | None = None,
    holdout: Data | None = None,
    also: Mapping[str, Data] | None = None,
    retain_scores: Place | None = None,
    output_dir: Place | None = None,
    **options: Option,
) -> Measured:
    """Measure what a model has forgotten and what it has kept.

    Args:
        model: a folder, a run, or a hub id.
        benchmark: `tofu`, `muse` or `wmdp`, or an embedded one; or give your own sets.
        forget: rows that were to be forgotten.
        retain: rows that were to be kept.
        holdout: rows like those to forget that no model has seen.
        also: further sets to measure, by name.
        retain_scores: a Retrain's evaluation or run, for forget quality and PrivLeak.
        output_dir: where the evaluation is kept; None keeps it in memory alone.
        options: see `simnpo evaluate --help`.

    Raises:
        TypeError: an unknown option.
        UserError: see the command.
    """
    sets: dict[str, Data | None] = {"forget": forget, "retain": retain, "holdout": holdout}
    with TemporaryDirectory(prefix="simnpo-") as room, files_of({**sets, **(also or {})}) as files:
        out = fspath(output_dir) if output_dir is not None else str(Path(room) / "evaluation")
        named = [f"{name}={files.pop(name)}" for name in also or {}]
        given: dict[str, Option] = {**options, **files, "benchmark": benchmark}
        given |= {"also": named or None, "retain_scores": retain_scores}
        call(["evaluate"], {**given, "model": fspath(model), "out": out})
        return Measured.read(out)


def compare(evaluations: Sequence[Measured | Run | Place]) -> Comparison:
    """Put evaluations side by side.

    Args:
        evaluations: of one benchmark; or folders that hold one, or runs that have one.

    Raises:
        UserError: there is none, one cannot be read, or they are not of the same benchmark.
    """
    from simnpo.report.page import check_comparable

    found = [one if isinstance(one, Measured) else Measured.read(one) for one in evaluations]
    if not found:
        raise UserError("compare: give one or more evaluations.")
    check_comparable([one._evaluation for one in found])
    return Comparison(found)


def attack(
    kind: str,
    models: Sequence[Place],
    *,
    output_dir: Place,
    **options: Option,
) -> Path:
    """Attack unlearned models: does what they forgot come back?

    Args:
        kind: `relearn` fine-tunes on a part of the forget set, `quantize` rounds the weights; see
            `simnpo attack --help`.
        models: the unlearned models.
        output_dir: where the report is written.
        options: see `simnpo attack relearn --help`, or that of another attack.

    Returns:
        The report.

    Raises:
        TypeError: an unknown option.
        UserError: see the command.
    """
    given: dict[str, Option] = {**options, "model": [fspath(one) for one in models]}
    call(["attack", kind], {**given, "out": fspath(output_dir)})
    return Path(output_dir) / REPORT


def sweep(
    model: Place | None = None,
    *,
    output_dir: Place,
    forget: Data | None = None,
    retain: Data | None = None,
    method: str = "simnpo",
    over: Mapping[str, Sequence[float]] | None = None,
    **options: Option,
) -> Path:
    """Try a method's settings out.

    Args:
        model: a folder, a run, or a hub id; not for embedded benchmarks.
        output_dir: where runs and report are kept.
        forget: rows to forget; or give `benchmark=`.
        retain: rows to keep.
        method: a key of `simnpo.METHODS`, or `file.py:Name`.
        over: values of each setting.
        options: see `simnpo sweep --help`.

    Returns:
        The report.

    Raises:
        TypeError: an unknown option.
        UserError: see the command.
    """
    values = [f"{name}={','.join(map(repr, tried))}" for name, tried in (over or {}).items()]
    with files_of({"forget": forget, "retain": retain}) as files:
        given: dict[str, Option] = {**options, **files, "method": method, "over": values or None}
        given["model"] = None if model is None else fspath(model)
        call(["sweep"], {**given, "out": fspath(output_dir)})
    return Path(output_dir) / REPORT
