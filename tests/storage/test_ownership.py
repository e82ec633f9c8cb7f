"""What simnpo wrote is on a list; whatever else is in a folder stays, and is never replaced."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from simnpo.errors import UserError
from simnpo.storage.files import write_text
from simnpo.storage.folder_lock import held
from simnpo.storage.ownership import LIST, is_own, listed_names, remove_own
from simnpo.storage.runs import check_free, check_room, clear
from simnpo.storage.whole_folders import link_folder, partial_folder, whole_folder

NAMES = ("run.json", "model", "checkpoint-[0-9]*", "log.jsonl", "stage-[0-9]*")


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    """The folder of a run that has ended, held again."""
    out = tmp_path / "out"
    with held(out):
        write_text(out / "run.json", "{}")
        with whole_folder(out / "model", ("config.json",)) as made:
            (made / "config.json").write_text("ours")
            (made / "model.safetensors").write_text("ours")
        for step in (8, 16):
            with whole_folder(out / f"checkpoint-{step}") as made:
                (made / "trainer_state.json").write_text("{}")
        yield out


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {
        LIST,
        ".simnpo.lock",
    }


@pytest.mark.parametrize(
    "name",
    [
        "checkpoint-keep/weights.bin",
        "checkpoint-16-keep/model.safetensors",
        "checkpoint-99/optimizer.pt",
        "checkpoint-8/why-I-keep-this.txt",
        "model/NOTES.md",
        "model/plots/loss.png",
        "stage-9/diary.txt",
        "stage-1-notes/diary.txt",
        ".mine.txt.123-0123abcd.partial",
        ".model.partial/config.json",
    ],
)
def test_a_file_of_the_user_outlives_every_clearing(out: Path, name: str) -> None:
    own = files(out)
    (out / name).parent.mkdir(parents=True, exist_ok=True)
    (out / name).write_text("mine")
    clear(out, NAMES)
    assert files(out) == {name} and (out / name).read_text() == "mine"
    assert own and not listed_names(out)


def test_folders_that_only_held_ours_go_and_empty_ones_of_the_user_stay(out: Path) -> None:
    (out / "checkpoint-3").mkdir()
    clear(out, NAMES)
    assert [path.name for path in sorted(out.iterdir()) if path.is_dir()] == ["checkpoint-3"]


@pytest.mark.parametrize("name", ["log.jsonl", "model/vocab.txt", "checkpoint-8/rng_state.pth"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_of_the_user_in_the_way_is_named_before_anything_is_removed(
    out: Path, name: str, overwrite: bool
) -> None:
    own = files(out)
    (out / name).write_text("mine")
    with pytest.raises(UserError, match=f"{name} is in the way: no run of simnpo lists it"):
        check_free(out, NAMES, overwrite)
    with pytest.raises(UserError, match="is in the way"):
        check_room(out, NAMES)
    assert files(out) == own | {name}


@pytest.mark.parametrize("name", ["notes.txt", "model/NOTES.md", "checkpoint-8/diary.txt"])
def test_a_file_that_is_in_nobodys_way_is_not_mentioned(out: Path, name: str) -> None:
    (out / name).write_text("mine")
    check_free(out, NAMES, overwrite=True)
    with pytest.raises(UserError, match="already holds results"):
        check_free(out, NAMES, overwrite=False)
    clear(out, NAMES)
    check_free(out, NAMES, overwrite=False)  # nothing of a run is left


def test_whatever_comes_while_a_run_goes_on_is_not_replaced(out: Path) -> None:
    (out / "log.jsonl").write_text("mine")
    with pytest.raises(UserError, match="in the way"):
        write_text(out / "log.jsonl", "ours")
    with (
        pytest.raises(UserError, match=r"tokenizer.json is in the way"),
        whole_folder(out / "model", ("config.json",)) as made,
    ):
        (made / "config.json").write_text("new")
        (made / "tokenizer.json").write_text("new")
        (out / "model" / "tokenizer.json").write_text("mine")
    assert (out / "log.jsonl").read_text() == "mine"
    assert (out / "model" / "tokenizer.json").read_text() == "mine"
    assert (out / "model" / "config.json").read_text() == "ours"  # whole, or not at all
    assert not list(out.glob(".*.partial"))


def test_a_folder_is_replaced_around_what_the_user_put_there(out: Path) -> None:
    (out / "model" / "NOTES.md").write_text("mine")
    with whole_folder(out / "model", ("config.json",)) as made:
        (made / "config.json").write_text("new")
        (made / "shard-1.safetensors").write_text("new")
    assert files(out / "model") == {"NOTES.md", "config.json", "shard-1.safetensors"}
    assert (out / "model" / "config.json").read_text() == "new"


def test_what_is_replaced_stays_ours(out: Path) -> None:
    with whole_folder(out / "model", ("config.json",)) as made:
        (made / "config.json").write_text("new")
    assert is_own(out / "model" / "config.json")


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_links_of_the_user_are_neither_followed_nor_removed(out: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (out / "model").rename(elsewhere)  # onto a larger disk, say
    (out / "model").symlink_to(elsewhere)
    with pytest.raises(UserError, match="model is in the way"):
        check_free(out, NAMES, overwrite=True)
    clear(out, NAMES)
    assert files(elsewhere) == {"config.json", "model.safetensors"}
    assert (out / "model").is_symlink()
    with pytest.raises(UserError, match="model is in the way"):
        write_text(out / "model" / "config.json", "new")
    with pytest.raises(UserError, match="model is in the way"):
        link_folder(out / "model", "stage-1")


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_own_links_are_replaced_and_removed(out: Path) -> None:
    for number in (1, 2):
        link_folder(out / "evaluation", f"stage-{number}")
        assert (out / "evaluation").readlink() == Path(f"stage-{number}")
    clear(out, ("evaluation",))
    assert not (out / "evaluation").is_symlink() and not list(out.glob(".*.partial"))


def test_runs_in_a_run_have_lists_of_their_own(out: Path) -> None:
    with held(out / "stage-1"):
        write_text(out / "stage-1" / "run.json", "{}")
    (out / "stage-1" / "diary.txt").write_text("mine")
    assert listed_names(out / "stage-1") == {"run.json"}
    clear(out, NAMES)
    assert files(out) == {"stage-1/diary.txt"}


def test_a_name_that_was_given_up_may_become_the_users(out: Path) -> None:
    remove_own(out, ["run.json"])
    (out / "run.json").write_text("mine")
    assert not is_own(out / "run.json")
    clear(out, NAMES)
    assert (out / "run.json").read_text() == "mine"


def test_a_run_of_a_version_without_lists_goes_on(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    for name in ("run.json", "model/config.json", "thesis.tex"):
        (tmp_path / name).write_text("old")
    with pytest.raises(UserError, match=r"run.json is in the way"):
        check_free(tmp_path, NAMES, overwrite=True)
    check_room(tmp_path, NAMES, adopts=True)
    write_text(tmp_path / "run.json", "new")
    assert listed_names(tmp_path) == {"run.json", "model/config.json"}


def test_what_a_killed_run_was_writing_is_swept_up_when_the_folder_is_held(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with held(out):
        write_text(out / "run.json", "{}")
        write_text(out / "plots" / "a.svg", "")
        with partial_folder(out / "model") as made:
            (made / "config.json").write_text("half")
            made.rename(tmp_path / "kept")  # as if this process was killed in the block
            made.mkdir()
            saved = made.name
            listed = (out / LIST).read_text()
    (out / LIST).write_text(listed)
    (tmp_path / "kept").rename(out / saved)
    for name in (".run.json.1-0123abcd.partial", "plots/.a.svg.1-0123abcd.partial"):
        (out / name).write_text("half")
    mine = [
        ".my.tex.1-0123abcd.partial",
        "plots/.b.svg.1-0123abcd.partial",
        ".run.json.partial",
    ]
    for name in mine:
        (out / name).write_text("mine")
    with held(out):
        assert files(out) == {"run.json", "plots/a.svg", *mine}
