"""``n2d fit`` and ``n2d apply``: one denoiser for a whole experiment."""

import json
from pathlib import Path

import numpy as np
import pytest

import noise2detail
from noise2detail.io import open_image
from tests.cli.running import LONG, QUICK, grey, left, n2d, records, write

EXACT = noise2detail.Run(precision="float32")
"""As the command runs here, whatever this machine is faster with."""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A denoiser that was fitted to ``control.tif``."""
    control = write(tmp_path / "control.tif")
    result = n2d("fit", control, "-o", tmp_path / "x.safetensors", *QUICK)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{control} -> {tmp_path / 'x.safetensors'}")
    return tmp_path / "x.safetensors"


def test_apply_gives_what_the_library_gives(model: Path, tmp_path: Path) -> None:
    pixels = grey(20, 28, seed=1)
    treated = write(tmp_path / "treated.tif", pixels)
    result = n2d("apply", model, tmp_path / "control.tif", treated, "-o", tmp_path / "out", "--json", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert [r["method"] for r in records(result)] == ["noise2detail", "noise2detail"]
    assert records(result)[1]["shape"] == [20, 28]
    expected = noise2detail.apply(noise2detail.load(model, run=EXACT), pixels)
    np.testing.assert_array_equal(open_image(tmp_path / "out" / "treated.tif").array, expected)
    said = json.loads((tmp_path / "out" / "treated.tif.n2d.json").read_text())["plan"]
    assert said["shape"] == [20, 28]
    assert said["why"][-1] == "the denoiser is that of x.safetensors, fitted to 24 x 24 uint8"


def test_apply_in_another_type(model: Path, tmp_path: Path) -> None:
    result = n2d("apply", model, tmp_path / "control.tif", "--dtype", "float32", "--device", "cpu")
    assert result.exit_code == 0, result.output
    found = np.asarray(open_image(tmp_path / "control_denoised.tif").array)
    assert found.dtype == np.float32
    expected = noise2detail.apply(noise2detail.load(model, run=EXACT), grey())
    np.testing.assert_array_equal(np.rint(found).clip(0, 255), expected)


def test_fit_says_what_it_did(tmp_path: Path) -> None:
    result = n2d("fit", write(tmp_path / "a.tif"), "-o", tmp_path / "x.safetensors", "--json", "--seed", "4", *QUICK)
    (record,) = records(result)
    assert (record["output"], record["seed"]) == (str(tmp_path / "x.safetensors"), 4)
    assert record["seconds_denoise"] > 0


@pytest.mark.parametrize(
    ("output", "said", "code"),
    [
        ("a.tif", "is no name for a denoiser; expected one that ends in .safetensors", 2),
        ("there.safetensors", "is there already", 1),
        ("absent/x.safetensors", "is not there", 1),
    ],
)
def test_fit_refuses_outputs_before_the_work(output: str, said: str, code: int, tmp_path: Path) -> None:
    source = write(tmp_path / "a.tif")
    (tmp_path / "there.safetensors").write_bytes(b"precious")
    result = n2d("fit", source, "-o", tmp_path / output, *LONG)
    assert result.exit_code == code
    assert said in result.stderr
    assert left(tmp_path) == ["a.tif", "there.safetensors"]
    assert (tmp_path / "there.safetensors").read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("control", "said", "code"),
    [("absent.tif", "there is no such file", 1), ("", "is a folder; expected one image", 2)],
    ids=["absent", "folder"],
)
def test_fit_refuses_inputs(control: str, said: str, code: int, tmp_path: Path) -> None:
    result = n2d("fit", tmp_path / control, "-o", tmp_path / "x.safetensors", *LONG)
    assert result.exit_code == code
    assert said in result.stderr
    assert left(tmp_path) == []


def test_apply_refuses_what_is_no_denoiser(tmp_path: Path) -> None:
    source = write(tmp_path / "a.tif")
    result = n2d("apply", source, source)
    assert result.exit_code == 1
    assert f"error: {source}: not a denoiser" in result.stderr
    assert left(tmp_path) == ["a.tif"]


def test_apply_refuses_other_channels(model: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "c.npy", np.stack([grey(), grey(seed=1)]))
    result = n2d("apply", model, source, "--axes", "CYX", "--device", "cpu")
    assert result.exit_code == 1
    assert f"error: {source}: the image has 2 channels" in result.stderr
    assert "c_denoised.npy" not in left(tmp_path)
