"""How the commands that evaluate guard their output folder and show what they made."""

from pathlib import Path

from simnpo.commands.options import OutputOptions


def claim_evaluation(output: OutputOptions) -> bool:
    """Make `output.out` ready for an evaluation; return False where one is there to go on from.

    Raises:
        UserError: one is there, and neither --resume nor --overwrite was given.
    """
    from simnpo.runs import claim
    from simnpo.scoring.evaluation import FILES, SUMMARY

    if output.resume and (output.out / SUMMARY).is_file():
        print(f"Nothing to do: {output.out} is finished.")
        return False
    claim(output.out, FILES, output.overwrite or output.resume)
    return True


def show(folder: Path) -> None:
    """Print an evaluation's table and notes, and name its files."""
    from simnpo.report.table import print_table
    from simnpo.scoring.evaluation import FILES, read_evaluation

    evaluation = read_evaluation(folder)
    print_table([evaluation])
    for note in evaluation.summary["notes"]:
        print(f"Note: {note}")
    print(f"Results: {folder} ({', '.join(FILES)})")
