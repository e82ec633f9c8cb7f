"""What stops a command, whatever raised it: its words and its exit code."""

import errno
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from simnpo.cli import main as cli
from simnpo.errors import Interrupted, Stopped, TrainingDiverged, UserError
from simnpo.report.endings import ending_of
from simnpo.storage.files import atomic_write
from simnpo.storage.system_errors import writing
from simnpo.system.signals import swallowed_interrupts_return


def raised(error: BaseException, after: BaseException | None = None) -> BaseException:
    """Return an error as it is caught, raised while `after` was handled and hiding it."""
    try:
        if after is None:
            raise error
        try:
            raise after
        except type(after):
            raise error from None
    except BaseException as caught:
        return caught


@pytest.mark.parametrize(
    "lack",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)."),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:127] data. DefaultCPUAllocator: can't allocate memory: "
            "you tried to allocate 4096 bytes. Error code 12 (Cannot allocate memory)"
        ),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 4096 bytes."),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate`"),
        SafetensorError("Error while deserializing header: (os error 12)"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("unable to mmap 4096 bytes from file </m>: Cannot allocate memory (12)"),
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        ImportError("libtorch_cpu.so: cannot allocate memory in static TLS block"),
        ImportError("_socket.so: failed to map segment from shared object"),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_lack_of_memory_is_one_whatever_was_made_of_it(lack: Exception, wrapped: bool) -> None:
    error = raised(UserError("cannot load the model x"), after=lack) if wrapped else raised(lack)
    ending = ending_of(error)
    assert ending.code == 1 and ending.words.startswith("error: out of memory.")
    assert "--micro-batch-size" in ending.words and ending.words[-1] != "x"


def test_an_allocation_that_fails_here() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert ending_of(caught.value).words.startswith("error: out of memory.")


def test_an_unexpected_error_without_memory_left_is_a_lack_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As of Python's parser: "field 'args' is required for FunctionDef"."""
    error = raised(ValueError("field 'args' is required for FunctionDef"))
    assert "not expected" in ending_of(error).words
    monkeypatch.setattr("simnpo.report.endings.LEAST_MEMORY", 2**60)
    assert ending_of(error).words.startswith("error: out of memory.")
    assert ending_of(raised(UserError("a"))).words == "error: a"


def test_a_users_words_about_memory_are_the_users() -> None:
    error = UserError("notes about being out of memory.jsonl does not exist.")
    assert ending_of(raised(error)).words == f"error: {error}"


@pytest.mark.parametrize(
    ("error", "words", "code"),
    [
        (UserError("a"), "error: a", 1),
        (TrainingDiverged("the loss became nan."), "training diverged: the loss became nan.", 3),
        (KeyboardInterrupt(), "interrupted.", 130),
        (Interrupted("stopped at 1."), "interrupted: stopped at 1.", 130),
        (
            Interrupted("stopped at 1.", signal.SIGTERM),
            "interrupted by SIGTERM: stopped at 1.",
            143,
        ),
        (Stopped(signal.SIGTERM), "interrupted by SIGTERM.", 143),
        (PermissionError(13, "Permission denied", "out"), "error: out: Permission denied; give", 1),
        (OSError("We could not\nconnect"), "error: We could not connect", 1),
        (RuntimeError("a\nb"), "error: RuntimeError: a b (outside simnpo). This is not exp", 1),
    ],
)
def test_each_kind_has_its_words_and_code(error: BaseException, words: str, code: int) -> None:
    ending = ending_of(raised(error))
    assert ending.words.startswith(words) and ending.code == code
    assert "\n" not in ending.words


def test_a_request_to_end_is_seen_through_what_was_made_of_it() -> None:
    error = raised(Interrupted("finished runs are kept."), after=Stopped(signal.SIGTERM))
    assert ending_of(error) == ("interrupted by SIGTERM: finished runs are kept.", 143)
    again = pickle.loads(pickle.dumps(Interrupted("kept.", signal.SIGTERM)))  # of a worker
    assert (str(again), again.number) == ("kept.", signal.SIGTERM)


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "make room"),
        (errno.EDQUOT, "make room"),
        (errno.EFBIG, "ulimit -f"),
        (errno.EMFILE, "ulimit -n"),
        (errno.EROFS, "can be written"),
    ],
)
@pytest.mark.parametrize("form", ["plain", "rust", "python", "cause"])
def test_the_systems_limits_in_every_form(number: int, advice: str, form: str) -> None:
    plain = OSError(number, os.strerror(number))
    error: Exception = {
        "plain": plain,
        "rust": Exception(f"Error while serializing: I/O error: x (os error {number})"),
        "python": RuntimeError(f"failed: [Errno {number}] {os.strerror(number)}"),
        "cause": ValueError("no header"),
    }[form]
    ending = ending_of(raised(error, after=plain if form == "cause" else None))
    assert ending.code == 1 and advice in ending.words
    assert ending.words.startswith(f"error: {os.strerror(number)};")


def test_the_cache_has_a_variable_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMNPO_CACHE", str(tmp_path))
    for number in (errno.EROFS, errno.ENOSPC, errno.EACCES):
        error = OSError(number, os.strerror(number), str(tmp_path / "model"))
        assert "SIMNPO_CACHE" in ending_of(error).words
        error = OSError(number, os.strerror(number), str(tmp_path.parent / "model"))
        assert "SIMNPO_CACHE" not in ending_of(error).words


def test_an_error_of_another_kind_is_not_taken_for_the_one_before_it() -> None:
    error = raised(TypeError("a fault"), after=FileNotFoundError(errno.ENOENT, "no file", "x"))
    assert ending_of(error).words.startswith("error: TypeError: a fault")


class Fails:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def run(self) -> None:
        raise self.error


@pytest.mark.parametrize("argv", [["compare"], ["--debug", "compare"], ["compare", "--debug"]])
@pytest.mark.parametrize("error", [UserError("a"), KeyError("a"), KeyboardInterrupt()])
def test_a_traceback_is_shown_on_request(
    argv: list[str],
    error: BaseException,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = []

    def parse(arguments: Any) -> Fails:
        given.append(arguments)
        return Fails(error)

    monkeypatch.setattr(cli, "parse", parse)
    code = cli.main(argv)
    said = capsys.readouterr().err
    assert code == ending_of(error).code and given == [["compare"]]
    assert ("Traceback" in said) == ("in run" in said) == ("--debug" in argv)
    assert said.splitlines()[-1].startswith("simnpo: ")


@pytest.mark.parametrize(
    "argv", [["--help"], ["unlearn", "--help"], ["attack", "relearn", "--help"]]
)
def test_the_help_speaks_of_it(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(argv) == 0
    assert " ".join(capsys.readouterr().out.split()).count("--debug, with any command") == 1


def test_a_file_that_cannot_be_written_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "table.txt"
    path.write_text("old")
    for error in (
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed"),
        Exception("Error while serializing: I/O error: (os error 28)"),
    ):
        with pytest.raises(OSError) as caught, atomic_write(path) as temporary:
            temporary.write_text("ha")
            raise error
        assert caught.value.errno == errno.ENOSPC and caught.value.filename == str(path)
        assert [one.name for one in tmp_path.iterdir()] == ["table.txt"]
        assert path.read_text() == "old"


def test_an_error_of_what_is_read_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, writing(tmp_path / "out" / "made"):
        (tmp_path / "gone").read_text()
    assert caught.value.filename == str(tmp_path / "gone")
    with pytest.raises(OSError) as named, writing(tmp_path / "made"):
        save_file({"a": torch.zeros(1)}, tmp_path / "none" / "file")
    assert named.value.filename == str(tmp_path / "made") and named.value.errno == errno.ENOENT


def test_an_interrupt_within_a_finaliser_is_not_dropped() -> None:
    class Finalised:
        def __del__(self) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), swallowed_interrupts_return():
        one = Finalised()
        del one
        time.sleep(5)


def test_nothing_but_the_standard_library_is_imported_before_errors_are_reported() -> None:
    code = (
        "import sys; import simnpo.cli.main; print({one.partition('.')[0] for one in sys.modules}"
        " - set(sys.stdlib_module_names) - before)"
    )
    words = [sys.executable, "-c", f"import sys; before = set(sys.modules); {code}"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=240, check=True)
    assert done.stdout.strip() == "{'simnpo'}", done.stdout
