import json
import resource
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from model.checkpoint import FORMAT, load_checkpoint, save_checkpoint
from model.errors import BadCheckpoint
from model.files import write_whole

WEIGHTS = {"layer.weight": torch.arange(6.0).view(2, 3), "steps": torch.tensor([3])}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / "model.safetensors"
    save_checkpoint(target, "generator", {"size": 3}, WEIGHTS, half=True)
    return target


def test_round_trip_widens_half_weights_and_keeps_integers(path: Path) -> None:
    found = load_checkpoint(path, "generator")
    assert found.header["size"] == 3
    assert found.weights["layer.weight"].dtype == torch.float32
    assert torch.equal(found.weights["layer.weight"], WEIGHTS["layer.weight"])
    assert found.weights["steps"].dtype == torch.int64
    assert found.part("layer").keys() == {"weight"}
    assert len(found.digest) == 12


def test_matrices_stored_as_bytes_come_back_close(tmp_path: Path) -> None:
    torch.manual_seed(0)
    weights = {
        "matrix": torch.randn(5, 300) * torch.tensor([[1e-3], [1], [50], [0], [1e-8]]),
        "convolution": torch.randn(4, 64, 3, 3),
        "depthwise": torch.randn(70, 1, 3, 3),
        "bias": torch.randn(300),
        "steps": torch.tensor(3),
    }
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, "captioner", {}, weights, half=True, int8=True)
    assert path.stat().st_size < 1.1 * sum(w.numel() for w in weights.values()) + 1500
    found = load_checkpoint(path, "captioner").weights
    assert found.keys() == weights.keys()
    for name in ("matrix", "convolution"):
        rows = weights[name].flatten(1)
        # Half a step of 127 to the row's largest number.
        assert ((found[name].flatten(1) - rows).abs() <= rows.abs().amax(1, keepdim=True) / 253).all()
    for name in ("depthwise", "bias"):
        assert torch.equal(found[name], weights[name].half().float())
    assert found["steps"] == 3
    again = tmp_path / "again.safetensors"
    save_checkpoint(
        again, "captioner", load_checkpoint(path, "captioner").header, found, half=True, int8=True
    )
    assert all(torch.equal(w, found[name]) for name, w in load_checkpoint(again, "captioner").weights.items())


def test_files_of_the_first_format_still_load(tmp_path: Path) -> None:
    path = tmp_path / "old.safetensors"
    halves = {"layer.weight": WEIGHTS["layer.weight"].half(), "steps": WEIGHTS["steps"]}
    save_file(halves, path, metadata={"songwriter": json.dumps({"format": 1, "kind": "generator"})})
    found = load_checkpoint(path, "generator").weights
    assert all(torch.equal(found[name], weight) for name, weight in WEIGHTS.items())


def test_bytes_without_their_scale_are_refused(path: Path) -> None:
    header = json.dumps({"format": FORMAT, "kind": "generator", "int8": ["layer.weight"]})
    save_file(WEIGHTS, path, metadata={"songwriter": header})
    with pytest.raises(BadCheckpoint, match=r"layer\.weight\.scale"):
        load_checkpoint(path, "generator")


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match="cannot be read"):
        load_checkpoint(tmp_path / "none.safetensors", "generator")


@pytest.mark.parametrize("size", [0, 5, 100])
def test_truncated(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(BadCheckpoint, match="damaged"):
        load_checkpoint(path, "generator")


def test_of_another_kind_version_or_program(path: Path) -> None:
    with pytest.raises(BadCheckpoint, match="is a generator"):
        load_checkpoint(path, "captioner")
    header = json.dumps({"format": FORMAT + 1, "kind": "generator"})
    save_file(WEIGHTS, path, metadata={"songwriter": header})
    with pytest.raises(BadCheckpoint, match=f"format {FORMAT + 1}"):
        load_checkpoint(path, "generator")
    save_file(WEIGHTS, path)
    with pytest.raises(BadCheckpoint, match="not one of ours"):
        load_checkpoint(path, "generator")


def test_a_full_disk_leaves_the_old_file(path: Path) -> None:
    """RLIMIT_FSIZE makes the write fail half-way, as a full disk does."""
    old = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
        with pytest.raises(OSError, match="too large"):
            save_checkpoint(path, "generator", {}, {"big": torch.zeros(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert path.read_bytes() == old
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_ctrl_c_while_writing_leaves_the_old_file(path: Path) -> None:
    old = path.read_bytes()
    script = textwrap.dedent(f"""
        import os, signal
        from pathlib import Path
        from model import files
        # A shell that runs this in the background has it ignore the signal.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # The signal arrives between writing and renaming.
        files.os.fsync = lambda number: os.kill(os.getpid(), signal.SIGINT)
        files.write_whole(Path({str(path)!r}), b"new")
    """)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "KeyboardInterrupt" in ended.stderr
    assert path.read_bytes() == old
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_write_whole_makes_folders(tmp_path: Path) -> None:
    write_whole(tmp_path / "a" / "b", b"x")
    assert (tmp_path / "a" / "b").read_bytes() == b"x"


def test_any_byte_that_changed_is_found(path: Path) -> None:
    """In the list of tensors, in the header and in the weights."""
    whole = path.read_bytes()
    for place in range(len(whole)):
        if whole[place : place + 1] != b" ":
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(BadCheckpoint, match=f"{path} is damaged"):
                load_checkpoint(path, "generator")


def test_a_file_cut_short_is_found(path: Path) -> None:
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(BadCheckpoint, match=f"{path} is damaged"):
            load_checkpoint(path, "generator")


def test_what_is_saved_again_is_sealed_anew(path: Path) -> None:
    found = load_checkpoint(path, "generator")
    save_checkpoint(path, "generator", {**found.header, "size": 4}, found.weights)
    assert load_checkpoint(path, "generator").header["size"] == 4


@pytest.mark.parametrize(("name", "kind"), [("captioner", "captioner"), ("names", "names")])
def test_what_ships_is_sealed(checkpoints: Path, tmp_path: Path, name: str, kind: str) -> None:
    whole = bytearray((checkpoints / f"{name}.safetensors").read_bytes())
    whole[len(whole) // 2] ^= 4
    path = tmp_path / f"{name}.safetensors"
    path.write_bytes(whole)
    with pytest.raises(BadCheckpoint, match="damaged"):
        load_checkpoint(path, kind)
