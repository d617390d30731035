"""Every mistake ends in one clear line, and leaves nothing behind."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from tests.cli.running import LONG, QUICK, grey, left, n2d, write
from tests.material import noisy_array


def truncated(path: Path) -> None:
    write(path, grey(64, 64))
    path.write_bytes(path.read_bytes()[:600])


class Bad(NamedTuple):
    """A file that cannot be denoised."""

    name: str
    make: Callable[[Path], object]
    said: str
    arguments: tuple[str, ...] = ()


BAD = {
    "absent": Bad("a.tif", lambda path: None, "there is no such file"),
    "empty": Bad("a.tif", lambda path: path.touch(), "it is empty (0 bytes)"),
    "text": Bad("a.tif", lambda path: path.write_text("hello, this is text"), "text"),
    "truncated TIFF": Bad("a.tif", truncated, "a.tif: "),
    "truncated PNG": Bad("a.png", truncated, "a.png: "),
    "constant": Bad("a.tif", lambda path: write(path, np.full((16, 16), 3, np.uint16)), "constant: every pixel is 3"),
    "all NaN": Bad(
        "a.npy", lambda path: write(path, np.full((16, 16), np.nan)), "no pixel of the image is a finite number"
    ),
    "too small": Bad("a.tif", lambda path: write(path, grey(7, 30)), "has 7x30 pixels"),
    "no pixels": Bad("a.npy", lambda path: write(path, np.zeros((0, 16))), "a.npy: "),
    "no axes": Bad("a.npy", lambda path: write(path, noisy_array(3, 16, 16)), "ZYX"),
    "wrong axes": Bad("a.tif", write, "axes", ("--axes", "ZYX")),
    "unknown axes": Bad("a.npy", lambda path: write(path, noisy_array(3, 16, 16)), "Q", ("--axes", "QYX")),
    "mask": Bad("a.npy", lambda path: write(path, noisy_array(16, 16) > 0.5), "a.npy: "),
    "complex": Bad("a.npy", lambda path: write(path, noisy_array(16, 16) + 1j), "a.npy: "),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_bad_input(bad: Bad, tmp_path: Path) -> None:
    source = tmp_path / bad.name
    bad.make(source)
    before = left(tmp_path)
    result = n2d("denoise", source, *bad.arguments, *LONG)
    assert result.exit_code == 1
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert str(source) in line
    assert bad.said in line
    assert "unexpected" not in line
    assert left(tmp_path) == before


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("a.tif", "the output is the input itself"),
        ("there.tif", "is there already"),
        ("a.jpg", "cannot be written, because JPEG would change the pixels again; choose"),
        ("a.gif", "cannot be written; choose one of"),
        ("absent/b.tif", "is not there"),
        ("a.tif/b.tif", "is not there"),
    ],
)
def test_refused_output(output: str, said: str, tmp_path: Path) -> None:
    source, there = write(tmp_path / "a.tif"), write(tmp_path / "there.tif")
    before = source.read_bytes(), there.read_bytes()
    result = n2d("denoise", source, "-o", tmp_path / output, *LONG)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert said in line
    assert left(tmp_path) == ["a.tif", "there.tif"]
    assert (source.read_bytes(), there.read_bytes()) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--method", "noise2det"), "there is no method 'noise2det'; did you mean 'noise2detail'?"),
        (("--recipe", "bets"), "there is no recipe 'bets'; did you mean 'best'?"),
        (("--set", "network.training.step=3"), "there is no setting 'step'; did you mean 'steps'?"),
        (("--set", "members"), "--set members is no setting; expected NAME=VALUE"),
        (("--set", "members=many"), "expected a whole number"),
        (("--dtype", "flot32"), "there is no pixel type 'flot32'; did you mean 'float32'?"),
        (("--device", "cuda:99"), "there is no device 'cuda:99' here"),
        (("--precision", "half"), "--precision is 'half'; expected one of auto, float32, bfloat16"),
        (("--fit", "both"), "--fit is 'both'; expected one of plane, shared, warm, auto"),
        (("--channels", "both"), "--channels is 'both'; expected one of joint, each"),
        (("--max-memory", "lots"), "'lots' is not an amount of memory; expected one such as 4GB"),
        (("--max-memory", "1kB"), "max_memory is 1000 bytes; expected at least"),
        (("--seed", "-1"), "greater than or equal to 0"),
        (("--colour", "red"), "--colour"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_usage_is_2_and_nothing_is_done(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    result = n2d("denoise", write(tmp_path / "a.tif"), *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""
    assert left(tmp_path) == ["a.tif"]


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(tmp_path / "a.tif")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=100))
    result = n2d("denoise", source, *QUICK)
    assert result.exit_code == 1
    assert "a_denoised.tif: needs up to" in result.stderr
    assert "free some space" in result.stderr
    assert left(tmp_path) == ["a.tif"]


def test_a_disk_that_fills_up_while_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(tmp_path / "a.npy", noisy_array(16, 16))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("noise2detail.io.writers.write_npy", full)
    result = n2d("denoise", source, *QUICK)
    assert result.exit_code == 1
    assert "a_denoised.npy: no space left on the disk" in result.stderr
    assert left(tmp_path) == ["a.npy"]


def test_a_png_that_cannot_hold_the_result_is_refused_before_the_work(tmp_path: Path) -> None:
    result = n2d("denoise", write(tmp_path / "a.tif"), "-o", tmp_path / "b.png", "--dtype", "float32", *LONG)
    assert result.exit_code == 1
    assert "a PNG cannot hold" in result.stderr
    assert left(tmp_path) == ["a.tif"]


@pytest.mark.parametrize(
    "error",
    [MemoryError("Unable to allocate 90 GiB"), RuntimeError("CUDA out of memory. Tried"),
     RuntimeError("[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory: you tried")],
    ids=["numpy", "GPU", "processor"],
)  # fmt: skip
def test_no_memory_left(error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("noise2detail.cli.denoising.execute", fail)
    result = n2d("denoise", write(tmp_path / "a.tif"), *QUICK)
    assert result.exit_code == 1
    assert f"error: {tmp_path / 'a.tif'}: not enough memory" in result.stderr
    assert "--max-memory" in result.stderr
    assert left(tmp_path) == ["a.tif"]


@pytest.mark.parametrize("debug", [False, True], ids=["plain", "debug"])
def test_a_bug_is_one_line_unless_the_traceback_is_asked_for(
    debug: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by nought\nand more")

    monkeypatch.setattr("noise2detail.cli.denoising.execute", fail)
    result = n2d("denoise", write(tmp_path / "a.tif"), *QUICK, *(["--debug"] if debug else []))
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    said = f"error: {tmp_path / 'a.tif'}: unexpected ZeroDivisionError: by nought; run again with --debug"
    assert lines[-1].startswith(said)
    assert any(line.startswith("Traceback") for line in lines) == debug
    assert debug or len(lines) == 1
