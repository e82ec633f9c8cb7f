"""What a checkpoint may hold to do harm: each ends in a line, at once, and runs nothing."""

import json
import os
import pickle
import shutil
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from simnpo.errors import UserError
from simnpo.models import load_model, load_tokenizer
from simnpo.models.kinds import read_config
from simnpo.training.checkpoint_checks import DIGESTS, check_checkpoint, write_digests

UNIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pipes among files")


@pytest.fixture
def folder(model_folder: Path, tmp_path: Path) -> Path:
    """A copy of a good checkpoint, to be spoilt."""
    return Path(shutil.copytree(model_folder, tmp_path / "model"))


class Evil:
    """Touches a file as it is unpickled."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self) -> Any:
        return (os.mkdir, (str(self.marker),))


def one_line(load: Callable[[], object], message: str) -> None:
    with pytest.raises(UserError, match=message) as raised:
        load()
    said = str(raised.value)
    assert said.count("\n") <= 1 and len(said) < 700, said  # of other libraries two lines


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vocab_size": 10**12}, "a vocabulary of 1000000000000.*bytes: they do not belong"),
        ({"vocab_size": 10**6, "hidden_size": 10**6}, "bytes: they do not belong"),
        ({"num_hidden_layers": 10**9}, "1000000000 layers of width 32.*as none has"),
        ({"num_hidden_layers": 9999}, "bytes: they do not belong"),
        ({"hidden_size": 10**9}, "as none has"),
        ({"intermediate_size": 10**18}, "as none has"),
        ({"num_hidden_layers": -3}, "num_hidden_layers -3"),
        ({"vocab_size": 0}, "vocab_size 0"),
        ({"hidden_size": "wide"}, "hidden_size"),
        ({"num_attention_heads": -4}, "num_attention_heads -4"),
        ({"vocab_size": float("inf")}, "vocab_size"),
        ({"transformers_weights": "../../x.safetensors"}, "is outside its folder"),
        ({"transformers_weights": "x.pkl"}, "only safetensors"),
    ],
)
def test_absurd_configurations(folder: Path, changes: dict[str, Any], message: str) -> None:
    edit(folder / "config.json", **changes)
    one_line(lambda: load_model(str(folder), "fp32"), message)


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"model_type": ' + "9" * 10**6 + "}", '{"a":' * 50_000, "[]", "", "\0", "NaN"],
    ids=["nested", "digits", "objects", "list", "empty", "nul", "nan"],
)
@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "tokenizer.json"])
def test_json_that_is_none(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    load = load_model if name == "config.json" else load_tokenizer
    with pytest.raises(UserError, match="cannot load") as raised:
        load(str(folder))
    assert len(str(raised.value)) < 1500 and str(raised.value).count("\n") < 5


def lying(header: dict[str, Any] | bytes, length: int | None = None, rest: int = 64) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + b"\0" * rest


def entry(begin: int, end: int, dtype: str = "F32", shape: tuple[int, ...] = (8,)) -> Any:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


HEADERS = {
    "huge": lying(b"{}", 2**63),
    "beyond": lying(b"{}", 10**6),
    "overlap": lying({"a": entry(0, 32), "b": entry(16, 48)}),
    "outside": lying({"a": entry(0, 10**12, shape=(10**12 // 4,))}),
    "negative": lying(b'{"a":{"dtype":"F32","shape":[-8],"data_offsets":[0,32]}}'),
    "dtype": lying({"a": entry(0, 32, "F64")}),
    "no-dtype": lying({"a": entry(0, 32, "PICKLE")}),
    "overflow": lying({"a": entry(0, 64, shape=(2**40, 2**40))}),
    "nested": lying(b"[" * 10**5),
    "pickle": pickle.dumps({"a": 1}),
    "empty": b"",
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_that_lie(folder: Path, name: str) -> None:
    (folder / "model.safetensors").write_bytes(HEADERS[name])
    edit(folder / "config.json", dtype=None)
    one_line(lambda: load_model(str(folder)), "not a safetensors file, or a damaged one")


@pytest.mark.parametrize(
    ("shard", "message"),
    [
        ("../../x.safetensors", "outside its folder"),
        ("/elsewhere/x.safetensors", "outside its folder"),
        ("..\\x.safetensors", "outside its folder"),
        ("C:\\x.safetensors", "outside its folder"),
        ("pytorch_model.bin", "only safetensors are read"),
        ("model.pkl", "only safetensors are read"),
        ("model.pt", "only safetensors are read"),
        ("", "outside its folder"),
    ],
)
def test_an_index_that_leads_astray(folder: Path, shard: str, message: str) -> None:
    (folder / "model.safetensors").unlink()
    index = {"metadata": {}, "weight_map": {"lm_head.weight": shard}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    one_line(lambda: load_model(str(folder)), message)


@UNIX
@pytest.mark.parametrize("kind", ["fifo", "device", "folder", "loop"])
def test_weights_that_are_no_file(folder: Path, kind: str) -> None:
    path = folder / "model.safetensors"
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if kind == "device" else path)
    one_line(lambda: load_model(str(folder)), "no safetensors|pipe or a device")


def test_pickles_beside_an_adapter(folder: Path, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    settings = {"peft_type": "LORA", "base_model_name_or_path": str(folder), "r": 2}
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps(settings))
    (adapter / "adapter_model.bin").write_bytes(pickle.dumps(Evil(marker)))
    one_line(lambda: load_model(str(adapter)), "pickles may run code")
    assert not marker.exists()


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_code_of_a_checkpoint_is_not_run(folder: Path, tmp_path: Path, name: str) -> None:
    marker = tmp_path / "ran"
    (folder / "evil.py").write_text(f"import os\nos.mkdir({str(marker)!r})\n")
    auto = {
        "AutoConfig": "evil.C",
        "AutoModelForCausalLM": "evil.M",
        "AutoTokenizer": ["evil.T"] * 2,
    }
    edit(folder / name, auto_map=auto, model_type="evil", tokenizer_class="EvilTokenizer")
    for pickled in ("vocab.pkl", "tokenizer.bin", "training_args.bin", "optimizer.pt"):
        (folder / pickled).write_bytes(pickle.dumps(Evil(marker)))
    for load in (load_model, load_tokenizer, read_config):
        try:
            load(str(folder))
        except UserError as error:
            assert str(error).count("\n") < 5
    assert not marker.exists()


@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt", "rng_state.pth", "own.pkl"])
@pytest.mark.parametrize("how", ["pickle", "torch", "empty", "text"])
def test_states_to_resume_from(tmp_path: Path, name: str, how: str) -> None:
    marker, folder = tmp_path / "ran", tmp_path / "checkpoint-3"
    folder.mkdir()
    torch.save({"a": torch.ones(2), "b": [1, 2.0]}, folder / "good.pt")
    (folder / "training_args.bin").write_bytes(pickle.dumps(Evil(marker)))
    check_checkpoint(folder)
    if how == "torch":
        torch.save({"a": torch.ones(2), "evil": Evil(marker)}, folder / name)
    else:
        content = {"pickle": pickle.dumps(Evil(marker)), "empty": b"", "text": b"hello"}[how]
        (folder / name).write_bytes(content)
    one_line(lambda: check_checkpoint(folder), f"{name} .*``overwrite``")
    assert not marker.exists()


def test_weights_of_a_state_are_no_pickle(tmp_path: Path) -> None:
    torch.save({}, tmp_path / "pytorch_model.bin")
    one_line(lambda: check_checkpoint(tmp_path), "pytorch_model.bin is a pickle")


@pytest.mark.parametrize("change", ["value", "gone", "digests"])
def test_a_checkpoint_that_was_changed_is_not_gone_on_from(tmp_path: Path, change: str) -> None:
    """A loss that is missing from the log's rows would show nowhere."""
    state, digests = tmp_path / "trainer_state.json", tmp_path / DIGESTS
    state.write_text('{"log_history": [{"loss": 1.5, "step": 2}]}')
    write_digests(tmp_path)
    check_checkpoint(tmp_path)
    if change == "value":
        state.write_text('{"log_history": [{"step": 2}]}')
    elif change == "gone":
        state.unlink()
    else:
        digests.write_text("[1]")
    named = DIGESTS if change == "digests" else "trainer_state.json"
    one_line(lambda: check_checkpoint(tmp_path), f"{named} is not as it was written: remove")
