"""`simnpo example`: invented data to try everything on."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from simnpo.system.terminal import write


@dataclass(frozen=True)
class ExampleRecords:
    """Write invented customer records: questions and answers to forget, to keep, and a holdout.

    Example: simnpo example records --out records
    """

    out: Path
    """Folder for the files; it is made if it is not there."""
    seed: int = 0
    """Seed of the invention; the same seed and sizes give the same records."""
    forget: int = 30
    """Records to forget."""
    retain: int = 60
    """Records to keep."""
    holdout: int = 30
    """Records of the same kind that no model is taught; 0 for none."""
    overwrite: bool = False
    """Replace the files in --out."""

    def run(self) -> None:
        """Write the files and say what to do with them."""
        from simnpo.benchmarks.records import as_values, make_records

        records = make_records(self.seed, self.forget, self.retain, self.holdout)
        forget, retain = as_values(records.forget), as_values(records.retain)
        sets = {"forget": forget, "retain": retain, "full": [*forget, *retain]}
        if records.holdout:
            sets["holdout"] = as_values(records.holdout)
        sets["everyday"] = _everyday()
        _write(self.out, {f"{name}.jsonl": rows for name, rows in sets.items()}, self.overwrite)
        _print_next(self.out, "forget.jsonl", "--epochs 12")


@dataclass(frozen=True)
class ExampleStory:
    """Write an invented story to forget, and shorter tales to keep and as a holdout: plain texts.

    Example: simnpo example story --out story
    """

    out: Path
    """Folder for the files; it is made if it is not there."""
    overwrite: bool = False
    """Replace the files in --out."""

    def run(self) -> None:
        """Write the files and say what to do with them."""
        from simnpo.benchmarks.story import load_story

        story = load_story()
        retain, holdout = ([{"text": text} for text in part] for part in story[1:])
        files: dict[str, Sequence[Mapping[str, object]] | str] = {
            "forget.txt": story.forget + "\n",
            "retain.jsonl": retain,
            "full.jsonl": [{"text": story.forget}, *retain],
            "holdout.jsonl": holdout,
            "everyday.jsonl": _everyday(),
        }
        _write(self.out, files, self.overwrite)
        # Pieces of 128 tokens, so that a step has several of them.
        _print_next(self.out, "forget.txt", "--epochs 30", " --max-length 128")


def _write(
    out: Path, files: Mapping[str, Sequence[Mapping[str, object]] | str], overwrite: bool
) -> None:
    """Write rows as JSON lines and texts as they are, and print what each file holds."""
    from simnpo.storage.files import write_text
    from simnpo.storage.runs import check_free, clear

    names = (*files, "holdout.jsonl")  # that of an earlier call would not belong to these rows
    check_free(out, names, overwrite)
    clear(out, names)
    for name, content in files.items():
        if isinstance(content, str):
            write_text(out / name, content)
            write(f"{out / name}: {len(content.split()):,} words")
        else:
            lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in content)
            write_text(out / name, "".join(lines))
            write(f"{out / name}: {len(content):,} {'rows' if len(content) > 1 else 'row'}")


def _everyday() -> list[dict[str, object]]:
    """Return questions that have nothing to do with what is taught."""
    from simnpo.benchmarks.example_questions import EXAMPLE_QUESTIONS

    return [{"question": question} for question in EXAMPLE_QUESTIONS]


def _print_next(out: Path, forget: str, epochs: str, both: str = "") -> None:
    """Print the commands that teach what was written, and make a model forget some of it.

    Args:
        out: the folder.
        forget: the file of what is to be forgotten.
        epochs: how long to teach.
        both: further options of teaching and unlearning, after a space.
    """
    answers = out / "everyday-answers.jsonl"
    write(
        "\nNext, teach them to a model, with its own answers to everyday questions so that it "
        "stays\nthe model it was, and make it forget some:\n"
        f"  simnpo generate --model MODEL --questions {out / 'everyday.jsonl'} --column answer "
        f"--max-new-tokens 48 --out {answers}\n"
        f"  simnpo finetune --model MODEL --data {out / 'full.jsonl'} {answers} {epochs} "
        f"--learning-rate 2e-4 --batch-size 16{both} --out taught\n"
        f"  simnpo unlearn --model taught --forget {out / forget} --retain {out / 'retain.jsonl'}"
        f"{both} --out out"
    )


@dataclass(frozen=True)
class Example:
    """Write invented data to try everything on: customer records, or a story."""

    kind: (
        Annotated[ExampleRecords, tyro.conf.subcommand("records", prefix_name=False)]
        | Annotated[ExampleStory, tyro.conf.subcommand("story", prefix_name=False)]
    )

    def run(self) -> None:
        """Write the data that was named."""
        self.kind.run()
