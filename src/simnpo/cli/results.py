"""How the commands that evaluate guard their output folder and show what they made."""

from collections.abc import Mapping
from pathlib import Path

from simnpo.cli.options import OutputOptions, refuse_both
from simnpo.errors import UserError
from simnpo.system.terminal import write


def check_evaluation(
    output: OutputOptions, origin: Mapping[str, object], *inputs: str | Path | None
) -> bool:
    """Return whether an evaluation is to be made in `output.out`.

    Args:
        output: where to.
        origin: what the evaluation depends on, by the keys of `summary.json`.
        inputs: files and folders that are read.

    Raises:
        UserError: one is there and neither --resume nor --overwrite was given, or --resume was and
            it is of something else.
    """
    from simnpo.evaluation.evaluation import FILES, SUMMARY, read_summary
    from simnpo.storage.runs import check_free, take

    path = output.out / SUMMARY
    refuse_both(output.resume, output.overwrite)
    take(output.out)
    if not (output.resume and path.is_file()):
        check_free(output.out, FILES, output.overwrite or output.resume, inputs)
        return True
    stored = read_summary(path)
    for key, value in origin.items():
        if stored.get(key) != value:
            changed = _difference(key, stored.get(key), value)
            raise UserError(f"``resume``: {path} is of another evaluation: {changed}.")
    write(f"Nothing to do: {output.out} is finished.")
    return False


def _difference(key: str, before: object, now: object) -> str:
    """Name the first difference of two unlike values, within objects by its dotted key."""
    if isinstance(before, dict) and isinstance(now, dict):
        inner = next(name for name in {**before, **now} if before.get(name) != now.get(name))
        return _difference(f"{key}.{inner}", before.get(inner), now.get(inner))
    return f"{key} was {before!r} and is {now!r}"


def show(folder: Path, explain: bool) -> None:
    """Print an evaluation's verdict, table and notes, and name its files.

    Args:
        folder: the evaluation's.
        explain: whether to explain the table's columns.
    """
    from simnpo.evaluation.evaluation import FILES, read_evaluation
    from simnpo.report.table import print_table

    evaluation = read_evaluation(folder)
    if verdict := evaluation.summary.get("verdict"):
        write(" ".join([f"{verdict['sentence']}.", *verdict["cautions"]]) + "\n")
    print_table([evaluation], explain=explain)
    for note in evaluation.summary["notes"]:
        write(f"Note: {note}")
    write(f"Results: {folder} ({', '.join(FILES)})")
