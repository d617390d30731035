"""SimpleITK, which shares no code with the libraries that write, sees the same place, scale and pixels."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pydicom
import pytest
import SimpleITK
from tests.io.test_dicom_series import series
from tests.io.test_mrc_write import patch, volume
from tests.io.test_nifti_write import scan

from noise2detail.image import Image
from noise2detail.io import open_image, save_image

itk: Any = SimpleITK  # its annotations say less than it returns

Noise = Callable[..., Any]
Real = Callable[[str], Path]


def seen(path: Path) -> Any:
    """The image as SimpleITK reads it: a file, or a folder of slices."""
    if not path.is_dir():
        return itk.ReadImage(str(path))
    reader = itk.ImageSeriesReader()
    names = reader.GetGDCMSeriesFileNames(str(path))
    reader.SetFileNames(names)
    return reader.Execute()


def place(image: Any) -> tuple[Any, ...]:
    return image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection(), image.GetPixelIDTypeAsString()


def check_again(source: Path, output: Path, change: Callable[[Any], Any]) -> None:
    """Write the changed image; SimpleITK must see the change, and everything else as in the source."""
    image = open_image(source)
    save_image(replace(image, array=change(np.asarray(image.array))), output, source=source)
    before, after = seen(source), seen(output)
    assert place(after) == place(before)
    np.testing.assert_array_equal(itk.GetArrayFromImage(after), change(itk.GetArrayFromImage(before)), strict=True)


def halved(pixels: Any) -> Any:
    return (pixels // 2).astype(pixels.dtype) if pixels.dtype.kind in "iu" else pixels / 2


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("shape", [(9, 8), (9, 8, 3), (9, 8, 3, 2)])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32"])
def test_nifti(tmp_path: Path, noise: Noise, dtype: str, shape: tuple[int, ...], suffix: str) -> None:
    check_again(scan(tmp_path / f"in{suffix}", noise(shape, dtype)), tmp_path / f"out{suffix}", halved)


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "float32"])
def test_mrc(tmp_path: Path, noise: Noise, dtype: str) -> None:
    source = volume(tmp_path / "in.mrc", noise((3, 9, 8), dtype), extended=0)
    patch(source, "<3i", 16, 0, 0, 0)  # it refuses a start that is not 0, and angles that are not right
    patch(source, "<3f", 52, 90.0, 90.0, 90.0)
    check_again(source, tmp_path / "out.mrc", halved)


def test_dicom_series(tmp_path: Path) -> None:
    folder, _ = series(tmp_path / "in")
    check_again(folder, tmp_path / "out", lambda pixels: np.maximum(pixels, -700))


def test_real_dicom_series(tmp_path: Path, real: Real) -> None:
    check_again(real("formats/dicom_series/dicom"), tmp_path / "out", lambda pixels: np.minimum(pixels, 150))


@pytest.mark.parametrize("name", ["CT_small", "MR_small", "MR_small_jp2klossless", "MR_small_RLE"])
def test_real_dicom(tmp_path: Path, real: Real, name: str) -> None:
    source = real(f"formats/dicom/{name}.dcm")
    check_again(source, tmp_path / "out.dcm", lambda pixels: np.minimum(pixels, 500))


@pytest.mark.parametrize("mode", ["L", "I;16", "RGB", "RGBA"])
@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_pictures(tmp_path: Path, noise: Noise, suffix: str, mode: str) -> None:
    if suffix == ".bmp" and mode in {"I;16", "RGBA"}:
        pytest.skip("a BMP holds neither 16 bits nor, for SimpleITK, a fourth sample")
    pixels = noise((6, 7, len(mode)) if "RGB" in mode else (6, 7), "uint16" if "16" in mode else "uint8")
    pixels[..., -1] |= 1  # nothing is wholly transparent
    PIL.Image.fromarray(pixels).save(tmp_path / f"in{suffix}", dpi=(254, 127))
    image = open_image(tmp_path / f"in{suffix}")
    output = save_image(replace(image, array=halved(np.asarray(image.array))), tmp_path / f"out{suffix}")
    before, after = seen(tmp_path / f"in{suffix}"), seen(output)
    assert place(after) == place(before)
    expected = halved(pixels)
    if suffix == ".bmp" and mode == "L":
        expected = np.stack([expected] * 3, axis=-1)  # it shows a palette of greys as colours
    if mode == "RGBA":
        expected[..., 3] = pixels[..., 3]
    np.testing.assert_array_equal(itk.GetArrayFromImage(after), expected, strict=True)


MM = {"X": 250.0, "Y": 200.0, "Z": 1500.0}


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32"])
@pytest.mark.parametrize("suffix", [".nii.gz", ".mrc", ".tif", ".ome.tif"])
def test_stack_from_elsewhere(tmp_path: Path, noise: Noise, suffix: str, dtype: str) -> None:
    if suffix == ".mrc" and dtype == "uint8":
        pytest.skip("an MRC has no such type, so it is written as another")
    pixels = noise((3, 9, 8), dtype)
    found = seen(save_image(Image(pixels, "ZYX", MM), tmp_path / f"out{suffix}"))
    np.testing.assert_array_equal(itk.GetArrayFromImage(found), pixels, strict=True)
    if suffix in {".nii.gz", ".mrc"}:  # of a TIFF it knows nothing but the resolution in X and Y
        unit = 1e3 if suffix == ".nii.gz" else 1e-4  # millimetres, and for MRC angstroms
        assert found.GetSpacing() == pytest.approx([MM[axis] / unit for axis in "XYZ"])


@pytest.mark.parametrize("microns", [0.25, 250.0])
def test_nifti_of_a_microscope_is_as_large_as_it_is(tmp_path: Path, noise: Noise, microns: float) -> None:
    image = Image(noise((3, 9, 8)), "ZYX", dict.fromkeys("XYZ", microns))
    assert seen(save_image(image, tmp_path / "out.nii")).GetSpacing() == pytest.approx([microns / 1000] * 3)


def test_slices_are_taken_for_one_series(tmp_path: Path) -> None:
    folder, _ = series(tmp_path / "in")
    output = save_image(open_image(folder), tmp_path / "out")
    (uid,) = itk.ImageSeriesReader().GetGDCMSeriesIDs(str(output))
    assert {pydicom.dcmread(path).SeriesInstanceUID for path in output.iterdir()} == {uid}
    (former,) = itk.ImageSeriesReader().GetGDCMSeriesIDs(str(folder))
    assert former != uid
