"""NIfTI and Analyze: what nibabel writes and reads, we read the same; what is broken is refused in our words."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from tests.io.refusing import refused

from noise2detail.errors import AxesError, PixelTypeError
from noise2detail.io import describe, find_images, open_image, save_image

nib: Any = nibabel

Noise = Callable[..., Any]
Real = Callable[[str], Path]

WHOLE = [
    *("anatomical.nii", "example4d.nii.gz", "example_ct.nii.gz", "example_mr_sm.nii.gz", "example_nifti2.nii.gz"),
    *("functional.nii", "reoriented_anat_moved.nii", "resampled_anat_moved.nii", "standard.nii.gz"),
]


def write(path: Path, pixels: Any, kind: Any = nib.Nifti1Image, order: str = "<", **fields: Any) -> Path:
    header = kind.header_class(endianness=order)
    header.set_data_dtype(pixels.dtype)
    for name, value in fields.items():
        if name == "units":
            header.set_xyzt_units(*value)
        elif name == "zooms":
            header.set_data_shape(pixels.shape)
            header.set_zooms(value)
    image = kind(pixels, None, header)
    if "zooms" in fields:
        image.header.set_zooms(fields["zooms"])
    nib.save(image, path)
    return path


def patch(path: Path, form: str, at: int, *values: float) -> Path:
    content = bytearray(path.read_bytes())
    struct.pack_into(form, content, at, *values)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
@pytest.mark.parametrize(
    ("kind", "name"),
    [(nib.Nifti1Image, "v.nii"), (nib.Nifti2Image, "v.nii.gz"), (nib.Nifti1Pair, "v.hdr"), (nib.Nifti2Pair, "v.hdr")],
    ids=["one", "two-gzip", "pair", "pair-two"],
)
def test_pixels_of_every_type(tmp_path: Path, noise: Noise, kind: Any, name: str, dtype: str, order: str) -> None:
    pixels = noise((9, 8, 3), np.dtype(dtype).name)
    image = open_image(write(tmp_path / name, pixels, kind, order))
    assert (image.axes, image.format) == ("ZYX", "nifti")
    np.testing.assert_array_equal(image.array, pixels.transpose(2, 1, 0), strict=True)
    assert np.asarray(image.array).flags.c_contiguous
    assert np.asarray(image.array).flags.writeable


@pytest.mark.parametrize("name", ["v.hdr", "v.img"])
def test_analyze(tmp_path: Path, noise: Noise, name: str) -> None:
    pixels = noise((9, 8, 3), "int16")
    nib.save(nib.AnalyzeImage(pixels, None), tmp_path / "v.hdr")
    image = open_image(tmp_path / name)
    np.testing.assert_array_equal(image.array, pixels.T, strict=True)
    assert image.pixel_size_um == {"X": 1000.0, "Y": 1000.0, "Z": 1000.0}
    patch(tmp_path / "v.hdr", "<f", 112, 0.5)  # SPM's factor
    np.testing.assert_array_equal(open_image(tmp_path / name).array, pixels.T * np.float32(0.5), strict=True)
    assert [path.name for path in find_images([tmp_path]).images] == ["v.hdr"], "a pair is one image"
    (tmp_path / "v.img").unlink()
    refused(tmp_path / "v.hdr", "v.img is not beside it")


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((9, 8), "YX"),
        ((9, 8, 1), "YX"),
        ((9, 8, 3), "ZYX"),
        ((9, 8, 1, 4), "TYX"),
        ((9, 8, 3, 4), "TZYX"),
        ((9, 8, 3, 1, 1, 1, 1), "ZYX"),
        ((9, 1), "YX"),
    ],
)
def test_axes(tmp_path: Path, noise: Noise, shape: tuple[int, ...], axes: str) -> None:
    pixels = noise(shape, "int16")
    image = open_image(write(tmp_path / "v.nii", pixels))
    assert image.axes == axes
    kept = pixels.reshape([n for i, n in enumerate(shape) if i < 2 or n > 1])
    np.testing.assert_array_equal(image.array, kept.T, strict=True)


def test_more_dimensions_need_a_name(tmp_path: Path, noise: Noise) -> None:
    pixels = noise((9, 8, 3, 2, 4), "int16")
    path = write(tmp_path / "v.nii", pixels)
    refused(path, "9 x 8 x 3 x 2 x 4", "axes")
    image = open_image(path, "CTZYX")
    np.testing.assert_array_equal(image.array, pixels.T)
    with pytest.raises(AxesError, match="the array has 5"):
        open_image(path, "ZYX")


@pytest.mark.parametrize(("slope", "intercept"), [(0.25, -7.5), (2.0, 0.0), (-1.0, 100.0)])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_scaled_values(tmp_path: Path, noise: Noise, kind: Any, slope: float, intercept: float) -> None:
    path = write(tmp_path / "v.nii", noise((9, 8, 3), "int16"), kind)
    patch(path, "<ff" if kind is nib.Nifti1Image else "<dd", 112 if kind is nib.Nifti1Image else 176, slope, intercept)
    image = open_image(path)
    assert image.array.dtype == np.float32
    np.testing.assert_allclose(image.array, nib.load(path).get_fdata().T, rtol=1e-6)
    assert f"scaled by {slope:g}" in dict(describe(image))["stored as"]


@pytest.mark.parametrize("slope", [0.0, float("nan"), float("inf"), 1.0])
def test_values_as_stored(tmp_path: Path, noise: Noise, slope: float) -> None:
    pixels = noise((9, 8), "int16")
    path = patch(write(tmp_path / "v.nii", pixels), "<ff", 112, slope, 0.0)
    np.testing.assert_array_equal(open_image(path).array, pixels.T, strict=True)


def test_not_a_number_stays(tmp_path: Path) -> None:
    pixels = np.array([[1.0, np.nan], [-np.inf, 2.0]], np.float32)
    np.testing.assert_array_equal(open_image(write(tmp_path / "v.nii", pixels)).array, pixels.T)


@pytest.mark.parametrize(
    ("units", "sizes", "increment"),
    [
        (("mm", "sec"), {"X": 500.0, "Y": 600.0, "Z": 2000.0}, 3.0),
        (("micron", "msec"), {"X": 0.5, "Y": 0.6, "Z": 2.0}, 0.003),
        (("meter", "usec"), {"X": 5e5, "Y": 6e5, "Z": 2e6}, 3e-6),
        (("unknown", "unknown"), {"X": 500.0, "Y": 600.0, "Z": 2000.0}, None),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_units(
    tmp_path: Path, noise: Noise, units: tuple[str, str], sizes: dict[str, float], increment: float | None
) -> None:
    path = write(tmp_path / "v.nii", noise((9, 8, 3, 2), "int16"), units=units, zooms=(0.5, 0.6, 2.0, 3.0))
    image = open_image(path)
    assert image.pixel_size_um == pytest.approx(sizes)
    assert image.time_increment == (None if increment is None else pytest.approx(increment))
    assert ("unit of length" in dict(describe(image))) == (units[0] == "unknown")


def test_pixel_sizes_that_are_none(tmp_path: Path, noise: Noise) -> None:
    path = patch(write(tmp_path / "v.nii", noise((9, 8, 3), "int16")), "<3f", 80, -2.0, 0.0, float("nan"))
    assert open_image(path).pixel_size_um == {"X": 2000.0}, "the sign of the first says nothing about its length"


@pytest.mark.parametrize(("samples", "code"), [(3, 128), (4, 2304)])
def test_colours(tmp_path: Path, noise: Noise, samples: int, code: int) -> None:
    flat = noise((9, 8, 2, samples), "uint8")
    kind = np.dtype([(name, "u1") for name in "RGBA"[:samples]])
    path = write(tmp_path / "v.nii", flat.copy().view(kind)[..., 0])
    assert int(nib.load(path).header["datatype"]) == code
    image = open_image(path)
    assert image.axes == "ZYXS"
    np.testing.assert_array_equal(image.array, flat[..., :3].transpose(2, 1, 0, 3), strict=True)


def test_complex_numbers(tmp_path: Path) -> None:
    with pytest.raises(PixelTypeError, match=r"v\.nii: holds complex numbers; denoise the magnitude"):
        open_image(write(tmp_path / "v.nii", np.zeros((9, 8), np.complex64)))


@pytest.mark.parametrize(
    ("form", "at", "values", "found"),
    [
        ("<h", 70, (1,), "of 1 bit"),
        ("<h", 70, (77,), "type code 77"),
        ("<3h", 40, (3, -5, 8), "dimensions (-5, 8, 3)"),
        ("<h", 40, (1,), "dimensions (9,)"),
        ("<f", 108, (20.0,), "inside the header"),
        ("<ff", 112, (2.0, float("nan")), "intercept nan"),
        ("<f", 108, (1e12,), "announces"),
        ("<4h", 40, (3, 32000, 32000, 20), "announces 41.0 GB"),
        ("<h", 68, (3001,), "CIFTI"),
    ],
)
def test_headers_that_make_no_sense(
    tmp_path: Path, noise: Noise, form: str, at: int, values: tuple[float, ...], found: str
) -> None:
    refused(patch(write(tmp_path / "v.nii", noise((9, 8, 3), "int16")), form, at, *values), found)


def test_compressed_bomb(tmp_path: Path, noise: Noise) -> None:
    path = patch(write(tmp_path / "v.nii", noise((9, 8, 3), "int16")), "<4h", 40, 3, 32000, 32000, 20)
    packed = tmp_path / "v.nii.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    refused(packed, "announces 41.0 GB")


@pytest.mark.parametrize(("kind", "name"), [(nib.Nifti1Image, "v.nii"), (nib.Nifti2Image, "v.nii.gz")])
def test_every_shorter_file_is_refused(tmp_path: Path, noise: Noise, kind: Any, name: str) -> None:
    path = write(tmp_path / name, noise((9, 8, 3), "int16"), kind)
    whole = path.read_bytes()
    for length in [*range(0, len(whole) - 12, 11), *range(len(whole) - 12, len(whole))]:
        path.write_bytes(whole[:length])
        refused(path)


def test_corrupt_compressed_file(tmp_path: Path, noise: Noise) -> None:
    path = write(tmp_path / "v.nii.gz", noise((9, 8, 3), "int16"))
    whole = path.read_bytes()
    assert open_image(path).axes == "ZYX"
    path.write_bytes(whole[:-8] + bytes([whole[-8] ^ 1]) + whole[-7:])
    refused(path, "CRC")
    path.write_bytes(gzip.compress(b"hello" * 99))
    refused(path, "gzip archive of something else")


def test_short_pair(tmp_path: Path, noise: Noise) -> None:
    write(tmp_path / "v.hdr", noise((9, 8, 3), "int16"), nib.Nifti1Pair)
    pixels = tmp_path / "v.img"
    pixels.write_bytes(pixels.read_bytes()[:-1])
    refused(tmp_path / "v.hdr", "announces 432 bytes", "431 bytes")


@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz"])
def test_a_tif_keeps_the_pixel_size(tmp_path: Path, noise: Noise, name: str) -> None:
    path = write(tmp_path / name, noise((9, 8, 3, 2), "int16"), units=("mm", "sec"), zooms=(0.5, 0.6, 2.0, 3.0))
    image = open_image(path)
    assert [found.name for found in find_images([tmp_path]).images] == [name]
    again = open_image(save_image(image, tmp_path / "out.tif", source=path))
    np.testing.assert_array_equal(again.array, image.array, strict=True)
    assert (again.axes, again.time_increment) == ("TZYX", 3.0)
    assert again.pixel_size_um == pytest.approx(image.pixel_size_um)
    with pytest.raises(OSError, match=r"\.hdr can be read, but not written; choose one of .*\.nii\.gz"):
        save_image(image, tmp_path / "out.hdr")


@pytest.mark.parametrize("name", WHOLE)
def test_real_files(name: str, real: Real) -> None:
    path = real(f"formats/nifti/{name}")
    image, oracle = open_image(path), nib.load(path)
    np.testing.assert_allclose(image.array, oracle.get_fdata().squeeze().T, rtol=1e-6)
    assert [image.pixel_size_um[axis] / 1000 for axis in "XYZ"] == pytest.approx(oracle.header.get_zooms()[:3])


@pytest.mark.parametrize("name", ["analyze.hdr", "nifti1.hdr", "nifti2.hdr"])
def test_real_headers_without_pixels(name: str, real: Real) -> None:
    refused(real(f"formats/nifti/{name}"), "is not beside it")


def test_real_cifti(real: Real) -> None:
    refused(real("formats/nifti/row_major.dconn.nii"), "CIFTI")
