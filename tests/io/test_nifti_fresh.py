"""NIfTI files of images from elsewhere, judged by nibabel."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from noise2detail.errors import UnwritableFileError
from noise2detail.image import Image
from noise2detail.io import open_image, save_image

nib: Any = nibabel

Noise = Callable[..., Any]


def test_same_bytes_every_time(tmp_path: Path, noise: Noise) -> None:
    image = Image(noise((3, 9, 8)), "ZYX", {"X": 1000.0, "Y": 1000.0, "Z": 1000.0})
    one, other = (save_image(image, tmp_path / name).read_bytes() for name in ("a.nii.gz", "b.nii.gz"))
    assert one == other
    assert gzip.decompress(one) == save_image(image, tmp_path / "a.nii").read_bytes()


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_integers_from_elsewhere(tmp_path: Path, noise: Noise, dtype: str) -> None:
    pixels = noise((2, 3, 9, 8), dtype)
    image = Image(pixels, "TZYX", {"X": 0.5, "Y": 0.6, "Z": 2.0}, 1.5)
    found = nib.load(save_image(image, tmp_path / "v.nii.gz"))
    np.testing.assert_array_equal(np.asarray(found.dataobj).T, pixels.astype("uint8" if dtype == "bool" else dtype))
    assert found.header.get_zooms() == pytest.approx((0.5, 0.6, 2.0, 1.5))
    assert found.header.get_xyzt_units() == ("micron", "sec")
    assert (int(found.header["qform_code"]), int(found.header["sform_code"])) == (0, 0)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4"])
def test_floats_from_elsewhere(tmp_path: Path, noise: Noise, dtype: str) -> None:
    pixels = noise((9, 8), np.dtype(dtype).newbyteorder("=").name).astype(dtype)
    pixels[2, 3] = np.nan
    found = nib.load(save_image(Image(pixels, "YX", {"X": 500.0, "Y": 600.0}), tmp_path / "v.nii"))
    np.testing.assert_array_equal(np.asarray(found.dataobj).T, pixels)
    assert found.header.get_xyzt_units() == ("mm", "unknown")
    assert found.header.get_zooms() == pytest.approx((0.5, 0.6))


@pytest.mark.parametrize(
    ("shape", "axes", "dim"),
    [
        ((5, 9, 8), "TYX", [4, 8, 9, 1, 5, 1, 1, 1]),
        ((1, 5, 1, 9, 8), "TZCYX", [3, 8, 9, 5, 1, 1, 1, 1]),
        ((5, 9, 8, 3), "ZYXS", [3, 8, 9, 5, 1, 1, 1, 1]),
        ((1, 40000), "YX", [2, 40000, 1, 1, 1, 1, 1, 1]),
    ],
    ids=["movie", "single", "colour", "long"],
)
def test_axes_from_elsewhere(
    tmp_path: Path, noise: Noise, shape: tuple[int, ...], axes: str, dim: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    sizes = {"X": 20.0, "Y": 20.0, "Z": 20.0}
    found = nib.load(
        save_image(Image(noise(shape, "uint8"), axes, sizes, 2.0, ("a",) if "C" in axes else ()), tmp_path / "v.nii")
    )
    assert found.header["dim"].tolist() == dim
    assert int(found.header["sizeof_hdr"]) == (540 if dim[1] == 40000 else 348)
    assert ("not carried over: channel names, time increment" in caplog.text) == ("C" in axes)


def test_unknown_pixel_size_is_said(tmp_path: Path, noise: Noise, caplog: pytest.LogCaptureFixture) -> None:
    save_image(Image(noise((3, 9, 8)), "ZYX"), tmp_path / "a.nii")
    assert "pixel size along X, Y, Z is unknown; NIfTI has no word for that and says 1 mm" in caplog.text
    caplog.clear()
    save_image(Image(noise((3, 9, 8)), "ZYX", {"X": 0.1, "Y": 0.1}), tmp_path / "b.nii")
    assert "pixel size along Z is unknown; NIfTI has no word for that and says 1 um" in caplog.text


@pytest.mark.parametrize(
    ("shape", "axes", "dtype", "found"),
    [
        ((2, 9, 8), "CYX", "uint8", "axes CYX (2, 9, 8)"),
        ((2, 3, 9, 8), "ZTYX", "uint8", "axes ZTYX"),
        ((9, 8, 3), "YXS", "uint16", "colours of uint8 alone, not of uint16"),
        ((9, 8, 4), "YXS", "uint8", "axes YXS"),
        ((9, 8, 1), "YXC", "uint8", "axes YXC"),
    ],
)
def test_refused(tmp_path: Path, noise: Noise, shape: tuple[int, ...], axes: str, dtype: str, found: str) -> None:
    with pytest.raises(UnwritableFileError) as caught:
        save_image(Image(noise(shape, dtype), axes), tmp_path / "v.nii")
    assert found in str(caught.value)
    assert ".tif" in caught.value.remedy
    assert not list(tmp_path.iterdir())


def test_a_tiff_becomes_nifti(tmp_path: Path, noise: Noise) -> None:
    pixels = noise((3, 9, 8))
    tif = save_image(Image(pixels, "ZYX", {"X": 0.25, "Y": 0.25, "Z": 1.0}), tmp_path / "v.tif")
    found = nib.load(save_image(open_image(tif), tmp_path / "v.nii.gz"))
    np.testing.assert_array_equal(np.asarray(found.dataobj).T, pixels)
    assert found.header.get_zooms() == pytest.approx((0.25, 0.25, 1.0))
