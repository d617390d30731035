"""Leica LIF: files made here, and real ones that are taken apart into files of one image each."""

import re
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
import tifffile
from tests.io.refusing import refused

from noise2detail.io import default_output, describe, find_images, open_image, save_image
from noise2detail.io.open import readable

tiff: Any = tifffile
mrc: Any = mrcfile

Noise = Callable[..., Any]
Real = Callable[[str], Path]
Damaged = Callable[..., Counter[str]]

UPRIGHT = "formats/lif/xz-example/xz-example.lif"
SPECTRA = "formats/lif/misc/LeicaLASX_wavelength-sweep_example.lif"
IDS = {"X": 1, "Y": 2, "Z": 3, "T": 4, "λ": 5, "A": 6, "Λ": 9, "M": 10}


def assemble(path: Path, xml: str, blocks: dict[str, bytes]) -> Path:
    content = struct.pack("<IIBI", 0x70, 2 * len(xml) + 5, 0x2A, len(xml)) + xml.encode("utf-16-le")
    for name, block in blocks.items():
        size = 2 * len(name) + 14
        content += struct.pack("<IIBQBI", 0x70, size, 0x2A, len(block), 0x2A, len(name)) + name.encode("utf-16-le")
        content += block
    path.write_bytes(content)
    return path


def element(name: str, number: int, pixels: Any, axes: str, luts: tuple[str, ...], **changes: str) -> str:
    """XML of an image whose channels, if there are several, lie beneath its columns and rows."""
    bits = pixels.dtype.itemsize * 8
    strides = dict(zip(axes, pixels.strides, strict=True))
    lengths = dict(zip(axes, pixels.shape, strict=True))
    tags = {"Red": 1, "Green": 2, "Blue": 3} if "S" in axes else {}
    step = strides.get("C", strides.get("S", 0))
    channels = "".join(
        f'<ChannelDescription DataType="{int(pixels.dtype.kind == "f")}" ChannelTag="{tags.get(lut, 0)}"'
        f' Resolution="{bits}" Unit=""'
        f' NameOfMeasuredQuantity="" Min="0" Max="1" LUTName="{lut}" IsLUTInverted="0" BytesInc="{index * step}"'
        ' BitInc="0"/>'
        for index, lut in enumerate(luts)
    )
    dimensions = "".join(
        f'<DimensionDescription DimID="{IDS[axis]}" NumberOfElements="{lengths[axis]}" Origin="5e-7"'
        f' Length="{changes.get(axis, str((lengths[axis] - 1) * (2.0 if axis == "T" else 1e-8)))}"'
        f' Unit="{"s" if axis == "T" else changes.get("unit", "m")}" BitInc="0" BytesInc="{strides[axis]}"/>'
        for axis in reversed(axes)
        if axis not in "CS"
    )
    return (
        f'<Element Name="{name}" UniqueID="{number}"><Data><Image><ImageDescription><Channels>{channels}</Channels>'
        f"<Dimensions>{dimensions}</Dimensions></ImageDescription></Image></Data>"
        f'<Memory Size="{pixels.nbytes}" MemoryBlockID="MemBlock_{number}"/></Element>'
    )


def make(path: Path, images: dict[str, Any], axes: str, luts: tuple[str, ...] = ("Gray",), **changes: str) -> Path:
    elements = "".join(
        element(name, number, pixels, axes, luts, **changes) for number, (name, pixels) in enumerate(images.items())
    )
    xml = (
        f'<LMSDataContainerHeader Version="2"><Element Name="file" UniqueID="f"><Children>{elements}</Children>'
        '<Memory Size="0" MemoryBlockID="MemBlock_f"/></Element></LMSDataContainerHeader>'
    )
    return assemble(
        path,
        xml,
        {"MemBlock_f": b""} | {f"MemBlock_{number}": pixels.tobytes() for number, pixels in enumerate(images.values())},
    )


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "float32"])
@pytest.mark.parametrize("axes", ["YX", "ZYX", "TZYX", "CYX", "TZCYX"])
def test_pixels_and_scale(tmp_path: Path, noise: Noise, axes: str, dtype: str) -> None:
    shape = tuple({"T": 2, "Z": 3, "C": 2, "Y": 9, "X": 8}[axis] for axis in axes)
    pixels = noise(shape, dtype)
    luts = ("Green", "Red") if "C" in axes else ("Gray",)
    image = open_image(make(tmp_path / "a.lif", {"one": pixels}, axes, luts))
    assert (image.axes, image.format) == (axes, "lif")
    np.testing.assert_array_equal(image.array, pixels, strict=True)
    assert image.pixel_size_um == pytest.approx({axis: 0.01 for axis in "XYZ" if axis in axes})
    assert image.time_increment == (2.0 if "T" in axes else None)
    assert image.channel_names == (luts if "C" in axes else ())


def test_several_images_are_listed(tmp_path: Path, noise: Noise) -> None:
    images = {f"series {number}": noise((9, 8)) for number in range(23)}
    path = make(tmp_path / "a.lif", images, "YX")
    refused(path, "holds 23 images: 0 'series 0', 1 'series 1'", "and 3 more", "--image 0")


def test_several_images_of_one_name(tmp_path: Path, noise: Noise) -> None:
    path = make(tmp_path / "a.lif", {"one": noise((9, 8)), "two": noise((9, 8))}, "YX")
    path.write_bytes(path.read_bytes().replace('"two"'.encode("utf-16-le"), '"one"'.encode("utf-16-le")))
    refused(path, "holds", "images", "one")


@pytest.mark.parametrize(
    ("axes", "changes", "found"),
    [
        ("MYX", {}, "2 positions of the stage (M)"),
        ("AYX", {}, "2 rotations (A)"),
        ("ΛλYX", {}, "wavelengths"),
        ("ZX", {"unit": "s"}, "in the unit 's'"),
        ("TX", {}, "is no image: its dimensions are TX"),
    ],
)
def test_what_is_no_single_image(tmp_path: Path, noise: Noise, axes: str, changes: Any, found: str) -> None:
    refused(make(tmp_path / "a.lif", {"one": noise((2,) * len(axes))}, axes, **changes), found)


@pytest.mark.parametrize("luts", [("Red", "Green", "Blue"), ("Blue", "Green", "Red")])
def test_colours_come_red_first(tmp_path: Path, noise: Noise, luts: tuple[str, ...]) -> None:
    pixels = noise((9, 8, 3), "uint8")
    image = open_image(make(tmp_path / "a.lif", {"one": pixels}, "YXS", luts))
    assert image.axes == "YXS"
    np.testing.assert_array_equal(image.array, pixels[..., :: 1 if luts[0] == "Red" else -1], strict=True)


def test_unknown_scale(tmp_path: Path, noise: Noise) -> None:
    image = open_image(make(tmp_path / "a.lif", {"one": noise((9, 8))}, "YX", unit=""))
    assert image.pixel_size_um == {}


def test_wavelengths_become_channels(tmp_path: Path, noise: Noise) -> None:
    pixels = noise((3, 9, 8))
    image = open_image(make(tmp_path / "a.lif", {"one": pixels}, "λYX"))
    assert image.axes == "CYX"
    assert image.channel_names == ("500 nm", "510 nm", "520 nm")
    np.testing.assert_array_equal(image.array, pixels, strict=True)


def test_an_mrc_image_of_112_columns_is_no_lif(tmp_path: Path, noise: Noise) -> None:
    pixels = noise((42, 9, 112), "int16")
    with mrc.new(tmp_path / "a.mrc") as file:
        file.set_data(pixels)
    assert (tmp_path / "a.mrc").read_bytes()[:9] == b"\x70\0\0\0\x09\0\0\0\x2a"
    np.testing.assert_array_equal(open_image(tmp_path / "a.mrc").array, pixels, strict=True)
    (tmp_path / "b.lif").write_bytes(b"\x70\0\0\0")
    assert not readable(tmp_path / "b.lif")


def test_without_the_library(tmp_path: Path, noise: Noise, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path / "a.lif", {"one": noise((9, 8))}, "YX")
    monkeypatch.setitem(__import__("sys").modules, "liffile", None)
    refused(path, "needs the library liffile", 'pip install "noise2detail[lif]"')


def test_damaged_anywhere(tmp_path: Path, noise: Noise, damaged: Damaged) -> None:
    path = make(tmp_path / "a.lif", {"one": noise((2, 3, 2, 9, 8))}, "TZCYX", ("Green", "Red"))
    came = damaged(path.read_bytes(), ".lif", cuts=100, changes=500)
    assert came["refused"] > 100
    assert came["read"] > 0


def alone(source: Path, path: Path, name: str) -> Path:
    """A real file with all its images but one taken out."""
    content = source.read_bytes()
    (length,) = struct.unpack_from("<I", content, 9)
    xml = content[13 : 13 + 2 * length].decode("utf-16-le")
    at, blocks = 13 + 2 * length, {}
    while at < len(content):
        _, _, _, size, _, letters = struct.unpack_from("<IIBQBI", content, at)
        at += 22 + 2 * letters
        blocks[content[at - 2 * letters : at].decode("utf-16-le")] = content[at : at + size]
        at += size
    starts = [match.start() for match in re.finditer(r'<Element Name="[^"]*"[^>]*>\s*<Data>\s*<Image', xml)]
    for start in reversed(starts):
        if f'<Element Name="{name}"' not in xml[start : start + 60]:
            depth, end = 0, start
            for tag in re.finditer(r"<(/?)Element[ >]", xml[start:]):
                depth += -1 if tag[1] else 1
                end = start + tag.end()
                if depth == 0:
                    break
            xml = xml[:start] + xml[end:]
    return assemble(path, xml, blocks)


def test_real_files_hold_several(real: Real) -> None:
    refused(real(UPRIGHT), "holds 3 images: 0 'xzt', 1 'xzy', 2 'xz'")
    refused(real(SPECTRA), "holds 3 images: 0 'x_y_lambdaEmi'")


def test_scan_along_x_and_z(real: Real, tmp_path: Path) -> None:
    image = open_image(alone(real(UPRIGHT), tmp_path / "a.lif", "xzt"))
    assert (image.axes, image.array.shape) == ("TCYX", (20, 2, 128, 128))
    for time, channel in ((0, 0), (8, 1)):
        expected = real(f"formats/lif/xz-example/expected-outputs/c{channel}t{time}.tif")
        np.testing.assert_array_equal(image.array[time, channel], tiff.imread(expected).squeeze())
    assert image.pixel_size_um == pytest.approx({"X": 17.81554 / 127, "Y": 17.8154 / 127})
    assert image.time_increment == pytest.approx(0.53)
    assert image.channel_names == ("Green", "Red")
    assert dict(describe(image))["rows"] == "along z"


def test_stack_along_y(real: Real, tmp_path: Path) -> None:
    image = open_image(alone(real(UPRIGHT), tmp_path / "a.lif", "xzy"))
    assert (image.axes, image.array.shape) == ("ZCYX", (23, 2, 128, 128))
    assert image.pixel_size_um["Z"] == pytest.approx(5.039354 / 22)
    assert dict(describe(image))["rows"] == "along z; its depth is along y"


def test_real_wavelengths(real: Real, tmp_path: Path) -> None:
    image = open_image(alone(real(SPECTRA), tmp_path / "a.lif", "x_y_z_t_lambdaEmi"))
    assert (image.axes, image.array.shape) == ("TCZYX", (2, 10, 11, 64, 64))
    assert image.channel_names[:2] == ("550 nm", "555 nm")
    assert image.pixel_size_um == pytest.approx({"X": 6.603309 / 63, "Y": 6.603309 / 63, "Z": 5.002027 / 10})
    assert image.time_increment == pytest.approx(80.91)
    output = save_image(image, default_output(tmp_path / "a.lif"))
    assert output.name == "a_denoised.ome.tif"
    again = open_image(output)
    np.testing.assert_array_equal(again.array, image.array, strict=True)
    assert again.pixel_size_um == pytest.approx(image.pixel_size_um)
    assert again.time_increment == pytest.approx(80.91)
    assert again.channel_names == image.channel_names
    assert [found.name for found in find_images([tmp_path]).images] == ["a.lif", "a_denoised.ome.tif"]
