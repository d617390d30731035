"""Results in another type than the input's."""

from pathlib import Path

import numpy as np
import pytest

from noise2detail.cli.pixel_type import convert, working_type
from noise2detail.errors import InputError
from noise2detail.io import open_image
from noise2detail.pipeline.values import to_type
from tests.cli.running import QUICK, grey, left, n2d, write
from tests.material import noisy_array


@pytest.mark.parametrize("recipe", ["fast", "paper"])
def test_float_keeps_the_decimals_of_the_same_result(recipe: str, tmp_path: Path) -> None:
    source = write(tmp_path / "a.tif", grey(16, 16) // 2)
    for name, more in (("same", []), ("float", ["--dtype", "float32"])):
        quick = ("--method", "zs_n2n", "--recipe", recipe, "--set", "training.steps=2", "--device", "cpu")
        result = n2d("denoise", source, "-o", tmp_path / f"{name}.tif", *quick, *more)
        assert result.exit_code == 0, result.output
    same, exact = (np.asarray(open_image(tmp_path / f"{name}.tif").array) for name in ("same", "float"))
    assert (str(same.dtype), str(exact.dtype)) == ("uint8", "float32")
    assert not np.array_equal(exact, np.rint(exact))
    # equal to rounding only if the values were mapped as those of a uint8 image
    np.testing.assert_array_equal(to_type(exact.astype(np.float64), np.dtype("uint8")), same)


def test_a_png_becomes_a_tiff_for_floats(tmp_path: Path) -> None:
    result = n2d("denoise", write(tmp_path / "a.png"), "--dtype", "float32", *QUICK)
    assert result.exit_code == 0, result.output
    assert open_image(tmp_path / "a_denoised.tif").array.dtype == np.float32


def test_clipped_pixels_are_counted(tmp_path: Path) -> None:
    source = write(tmp_path / "a.tif", grey(16, 16).astype(np.uint16) * 100)
    result = n2d("denoise", source, "--dtype", "uint8", *QUICK)
    assert result.exit_code == 0, result.output
    assert "of the pixels do not fit into uint8 and were clipped" in result.stderr
    assert open_image(tmp_path / "a_denoised.tif").array.dtype == np.uint8


def test_nan_does_not_fit_into_integers(tmp_path: Path) -> None:
    pixels = noisy_array(16, 16)
    pixels[2, 3:5] = np.nan
    result = n2d("denoise", write(tmp_path / "a.npy", pixels), "--dtype", "uint16", *QUICK)
    assert result.exit_code == 1
    assert "2 pixels are NaN or infinite, which uint16 cannot hold" in result.stderr
    assert left(tmp_path) == ["a.npy"]


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("uint8", "uint8", "uint8"),
        ("uint8", "float32", "float32"),
        ("uint8", "float64", "float64"),
        ("uint8", "float16", "float32"),
        ("uint16", "uint8", "float32"),
        ("int32", "uint8", "float64"),
        ("float64", "uint16", "float64"),
        ("float32", "uint16", "float32"),
        ("float16", "float16", "float16"),
    ],
)
def test_nothing_is_rounded_before_the_end(source: str, target: str, expected: str) -> None:
    assert working_type(np.dtype(source), np.dtype(target)) == np.dtype(expected)


def test_rounding_and_clipping() -> None:
    found = convert(np.array([-3.0, 0.5, 1.5, 255.4, 255.6, 300], np.float32), np.dtype("uint8"))
    assert found.array.tolist() == [0, 0, 2, 255, 255, 255]
    assert found.clipped == pytest.approx(3 / 6)


def test_infinite_pixels_stay_infinite_in_small_floats() -> None:
    with np.errstate(all="raise"):
        found = convert(np.array([np.inf, -np.inf, np.nan, 1e6, 0.5], np.float32), np.dtype("float16"))
    np.testing.assert_array_equal(found.array, np.array([np.inf, -np.inf, np.nan, 65504, 0.5], np.float16))
    assert found.clipped == pytest.approx(1 / 5)


def test_the_error_is_one_of_the_input() -> None:
    from noise2detail.cli.pixel_type import check_convertible

    with pytest.raises(InputError, match="1 pixels are NaN"):
        check_convertible(np.array([1, np.inf]), np.dtype("int16"))
    check_convertible(np.array([1, np.inf]), np.dtype("float16"))
