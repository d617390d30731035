"""MRC: what mrcfile writes and reads, we read the same; DeltaVision's variant by its published layout."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
from tests.io.refusing import refused

from noise2detail.errors import PixelTypeError
from noise2detail.io import describe, find_images, open_image, save_image

mrc: Any = mrcfile

Noise = Callable[..., Any]
Real = Callable[[str], Path]


def write(path: Path, pixels: Any, voxel: Any = (2.0, 3.0, 4.0), **settings: Any) -> Path:
    with mrc.new(path, overwrite=True) as file:
        file.set_data(pixels)
        if voxel is not None:
            file.voxel_size = voxel
        for name, value in settings.items():
            if name == "extended":
                file.set_extended_header(value)
            else:
                setattr(file.header, name, value)
    return path


def patch(path: Path, form: str, at: int, *values: float) -> Path:
    content = bytearray(path.read_bytes())
    struct.pack_into(form, content, at, *values)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("shape", [(9, 8), (3, 9, 8), (4, 3, 9, 8)])
@pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "float32", "float16"])
def test_pixels_of_every_mode(tmp_path: Path, noise: Noise, dtype: str, shape: tuple[int, ...]) -> None:
    pixels = noise(shape, dtype)
    image = open_image(write(tmp_path / "v.mrc", pixels))
    assert image.axes == {2: "YX", 3: "ZYX", 4: "TZYX"}[len(shape)]
    assert image.format == "mrc"
    expected = pixels.astype("float32" if dtype == "float16" else dtype)
    np.testing.assert_array_equal(image.array, expected, strict=True)
    assert image.pixel_size_um == pytest.approx({"X": 2e-4, "Y": 3e-4} | ({"Z": 4e-4} if len(shape) > 2 else {}))


@pytest.mark.parametrize("dtype", [">i2", ">f4", ">u2"])
def test_big_endian(tmp_path: Path, noise: Noise, dtype: str) -> None:
    pixels = noise((3, 9, 8), np.dtype(dtype).newbyteorder("=").name)
    image = open_image(write(tmp_path / "v.mrc", pixels.astype(dtype)))
    np.testing.assert_array_equal(image.array, pixels, strict=True)
    assert "big-endian" in dict(describe(image))["stored as"]


@pytest.mark.parametrize("order", ["<", ">"])
def test_wrong_machine_stamp(tmp_path: Path, noise: Noise, order: str) -> None:
    pixels = noise((3, 9, 8), "int16")
    path = write(tmp_path / "v.mrc", pixels.astype(order + "i2"))
    for stamp in (b"\0\0\0\0", b"\x11\x11\0\0", b"\x44\x44\0\0"):
        patch(path, "4s", 212, stamp)  # type: ignore[arg-type]
        np.testing.assert_array_equal(open_image(path).array, pixels, strict=True)


def test_extended_header_is_skipped(tmp_path: Path, noise: Noise) -> None:
    pixels = noise((3, 9, 8), "int16")
    path = write(tmp_path / "v.mrc", pixels, extended=np.frombuffer(bytes(range(160)), "V160"))
    assert path.stat().st_size == 1024 + 160 + pixels.nbytes
    np.testing.assert_array_equal(open_image(path).array, pixels)


def test_rotated_axes(tmp_path: Path, noise: Noise) -> None:
    # Columns run along Z, rows along X, sections along Y.
    stored = noise((3, 9, 8), "int16")
    path = write(tmp_path / "v.map", stored, mapc=3, mapr=1, maps=2)
    patch(path, "<3i", 28, 9, 3, 8)
    patch(path, "<3f", 40, 18.0, 9.0, 32.0)
    image = open_image(path)
    assert image.array.shape == (8, 3, 9)
    assert image.array[5, 2, 7] == stored[2, 7, 5]
    assert image.pixel_size_um == pytest.approx({"X": 2e-4, "Y": 3e-4, "Z": 4e-4})


def test_bytes_of_imod(tmp_path: Path, noise: Noise) -> None:
    pixels = noise((9, 8), "uint8")
    path = write(tmp_path / "v.mrc", pixels.view("int8"))
    for flags, dtype in ((0, "uint8"), (1, "int8")):
        patch(path, "<4si", 152, b"IMOD", flags)  # type: ignore[arg-type]
        np.testing.assert_array_equal(open_image(path).array, pixels.view(dtype), strict=True)


def test_colours(tmp_path: Path, noise: Noise) -> None:
    pixels = noise((9, 8, 3), "uint8")
    path = write(tmp_path / "v.mrc", np.zeros((9, 8), "int8"))
    path.write_bytes(path.read_bytes()[:1024] + pixels.tobytes())
    image = open_image(patch(path, "<i", 12, 16))
    assert image.axes == "YXS"
    np.testing.assert_array_equal(image.array, pixels, strict=True)


def test_unknown_scale(tmp_path: Path, noise: Noise) -> None:
    assert open_image(write(tmp_path / "v.mrc", noise((3, 9, 8), "int16"), None)).pixel_size_um == {}


@pytest.mark.parametrize("dtype", ["complex64"])
def test_transforms(tmp_path: Path, dtype: str) -> None:
    with pytest.raises(PixelTypeError, match=r"v\.mrc: a transform of complex numbers \(mode 4\)"):
        open_image(write(tmp_path / "v.mrc", np.zeros((9, 8), dtype)))


@pytest.mark.parametrize(
    ("at", "value", "found"),
    [
        (12, 101, "4 bits"),
        (12, 99, "mode 99"),
        (0, -3, "(-3, 9, 3)"),
        (0, 2**23, "announces"),
        (92, 10**9, "announces"),
    ],
)
def test_headers_that_make_no_sense(tmp_path: Path, noise: Noise, at: int, value: int, found: str) -> None:
    refused(patch(write(tmp_path / "v.mrc", noise((3, 9, 8), "int16")), "<i", at, value), found)


def test_every_shorter_file_is_refused(tmp_path: Path, noise: Noise) -> None:
    path = write(tmp_path / "v.mrc", noise((3, 9, 8), "int16"))
    whole = path.read_bytes()
    for length in [*range(0, len(whole) - 12, 29), *range(len(whole) - 12, len(whole))]:
        path.write_bytes(whole[:length])
        refused(path)


def deltavision(path: Path, pixels: Any, times: int, waves: int, sequence: int, swapped: bool) -> Path:
    content = bytearray(1024)
    struct.pack_into("<4i", content, 0, 8, 9, len(pixels), 6)
    struct.pack_into("<3i3f", content, 28, 1, 1, 1, 0.25, 0.25, 0.5)
    struct.pack_into("<3i", content, 64, 1, 2, 3)
    for at, pair in ((96, (-16224, 0)), (180, (times, sequence)), (196, (waves, 525))):
        struct.pack_into("<2h", content, at, *(pair[::-1] if swapped else pair))
    path.write_bytes(bytes(content) + pixels.astype("<u2").tobytes())
    return path


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(
    ("times", "waves", "sequence", "axes"),
    [(0, 1, 0, "ZYX"), (2, 3, 0, "CTZYX"), (2, 3, 1, "TZCYX"), (2, 3, 2, "TCZYX"), (12, 1, 1, "TYX"), (5, 1, 0, "ZYX")],
)
def test_deltavision(
    tmp_path: Path, noise: Noise, times: int, waves: int, sequence: int, axes: str, swapped: bool
) -> None:
    pixels = noise((12, 9, 8))
    image = open_image(deltavision(tmp_path / "v.dv", pixels, times, waves, sequence, swapped))
    assert image.axes == axes
    np.testing.assert_array_equal(np.asarray(image.array).reshape(12, 9, 8), pixels)
    lengths = dict(zip(axes, image.array.shape, strict=True))
    assert [lengths.get(axis, 1) for axis in "TC"] == ([times, waves] if 12 % max(1, times) == 0 and times else [1, 1])
    assert image.pixel_size_um == {"X": 0.25, "Y": 0.25} | ({"Z": 0.5} if "Z" in axes else {}), (
        "micrometres, not Angstrom"
    )


@pytest.mark.parametrize("name", ["t.mrc", "t.map", "t.rec", "t.st"])
def test_a_tif_keeps_the_pixel_size(tmp_path: Path, noise: Noise, name: str) -> None:
    path = write(tmp_path / name, noise((3, 9, 8), "int16"))
    assert [found.name for found in find_images([tmp_path]).images] == [name]
    image = open_image(path)
    again = open_image(save_image(image, tmp_path / "out.tif", source=path))
    np.testing.assert_array_equal(again.array, image.array, strict=True)
    assert again.pixel_size_um == pytest.approx(image.pixel_size_um)


def test_real_file(real: Real) -> None:
    path = real("biosr/Microtubules_mrc/SIM_gt.mrc")
    image = open_image(path)
    with pytest.warns(RuntimeWarning), mrc.open(path, permissive=True) as file:
        np.testing.assert_array_equal(image.array, file.data, strict=True)
    assert image.pixel_size_um == pytest.approx({"X": 0.0313, "Y": 0.0313})
