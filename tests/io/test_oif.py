"""Olympus OIF and OIB: files made here, compared with what oiffile reads in them. No real one was at hand."""

import io
import struct
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import oiffile
import pytest
import tifffile
from tests.io.compound_material import compound
from tests.io.refusing import refused

from noise2detail.errors import OutputExistsError, UnreadableFileError
from noise2detail.io import default_output, describe, find_images, open_image, save_image

tiff: Any = tifffile

Noise = Callable[..., Any]
Damaged = Callable[..., Counter[str]]

UNITS = {"X": "um", "Y": "um", "Z": "nm", "T": "ms", "C": ""}


def main_file(lengths: Mapping[str, int], **changes: Mapping[str, Any]) -> bytes:
    """``lengths`` from the slowest axis to the fastest; ``changes`` replace or add to what a section says."""
    order = "".join(lengths)[::-1]
    sections: dict[str, dict[str, Any]] = {
        "ProfileSaveInfo": {"Name": "made", "Version": "2.1.1.5"},
        "Axis Parameter Common": {"AxisOrder": order, "AxisCount": 8},
        "Reference Image Parameter": {
            "ValidBitCounts": 12,
            "WidthConvertValue": 0.25,
            "WidthUnit": "um",
            "HeightConvertValue": 0.5,
            "HeightUnit": "um",
        },
    }
    for number in range(8):
        axis = order[number] if number < len(order) else ""
        steps = {"Z": 750.0, "T": 1500.0}
        sections[f"Axis {number} Parameters Common"] = {
            "AxisCode": axis,
            "MaxSize": lengths.get(axis, 0),
            "StartPosition": 0.0,
            "EndPosition": (lengths.get(axis, 1) - 1) * steps.get(axis, 0.0),
            "Interval": steps.get(axis, 0.0),
            "UnitName": UNITS.get(axis, ""),
        }
    for number in range(lengths.get("C", 1)):
        sections[f"GUI Channel {number + 1} Parameters"] = {
            "DyeName": f"dye {number}",
            "CH Name": f"CHS{number + 1}",
            "EmissionWavelength": 500 + 20 * number,
        }
    for name, change in changes.items():
        sections.setdefault(name.replace("_", " "), {}).update(change)
    lines = []
    for name, section in sections.items():
        lines += [f"[{name}]", *(f'{k}="{v}"' if isinstance(v, str) else f"{k}={v}" for k, v in section.items())]
    return b"\xff\xfe" + "\r\n".join([*lines, ""]).encode("utf-16-le")


def parts(pixels: Any, axes: str) -> dict[str, bytes]:
    """A TIFF for each plane."""
    found = {}
    for index in np.ndindex(pixels.shape[:-2]):
        numbers = dict(zip(axes, index, strict=False))
        label = "".join(f"{axis}{numbers.get(axis, 0) + 1:03}" for axis in "CZT" if axis in numbers or axis == "C")
        stream = io.BytesIO()
        tiff.imwrite(stream, pixels[index], metadata=None, byteorder="<")
        found[f"s_{label}.tif"] = stream.getvalue()
    return found


def oif(folder: Path, pixels: Any, axes: str, **changes: Mapping[str, Any]) -> Path:
    path = folder / "made.oif"
    inside = folder / "made.oif.files"
    inside.mkdir(exist_ok=True)
    path.write_bytes(main_file(dict(zip(axes, pixels.shape, strict=True)), **changes))
    for name, content in parts(pixels, axes).items():
        (inside / name).write_bytes(content)
    (inside / "s_C001.pty").write_bytes(b"\xff\xfe" + "[File Info]\r\n".encode("utf-16-le"))
    (inside / "made-R001_C001.tif").write_bytes(b"a reference image, which is no plane")
    return path


def oib(folder: Path, pixels: Any, axes: str, **changes: Mapping[str, Any]) -> Path:
    names = {f"Stream{number:05}": name for number, name in enumerate(parts(pixels, axes))}
    listed = "".join(f"{stream}=Storage00001/{name}\r\n" for stream, name in names.items())
    info = (
        "[OibSaveInfo]\r\nName=made\r\nVersion=2.0.0.0\r\nMainFileName=Stream99999\r\nStream99999=made.oif\r\n"
        f"Storage00001=made.oif.files\r\n{listed}"
    )
    streams = {
        "OibInfo.txt": b"\xff\xfe" + info.encode("utf-16-le"),
        "Stream99999": main_file(dict(zip(axes, pixels.shape, strict=True)), **changes),
    }
    contents = parts(pixels, axes)
    streams |= {f"Storage00001/{stream}": contents[name] for stream, name in names.items()}
    path = folder / "made.oib"
    path.write_bytes(compound(streams))
    return path


BOTH = pytest.mark.parametrize("make", [oif, oib])


@BOTH
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("axes", ["YX", "CYX", "ZYX", "TYX", "ZCYX", "TZCYX"])
def test_pixels_and_scale(tmp_path: Path, noise: Noise, make: Any, axes: str, dtype: str) -> None:
    shape = tuple({"T": 2, "Z": 3, "C": 2, "Y": 9, "X": 8}[axis] for axis in axes)
    pixels = noise(shape, dtype)
    path = make(tmp_path, pixels, axes)
    image = open_image(path)
    ordered = "".join(axis for axis in "TCZYX" if axis in axes)
    assert (image.axes, image.format) == (ordered, make.__name__)
    np.testing.assert_array_equal(image.array, pixels.transpose([axes.index(axis) for axis in ordered]), strict=True)
    assert image.pixel_size_um == {"X": 0.25, "Y": 0.5} | ({"Z": 0.75} if "Z" in axes else {})
    assert image.time_increment == (1.5 if "T" in axes else None)
    assert image.channel_names == (("dye 0", "dye 1") if "C" in axes else ())


@BOTH
def test_planes_lie_as_the_library_reads_them(tmp_path: Path, noise: Noise, make: Any) -> None:
    path = make(tmp_path, noise((3, 2, 70, 60)), "ZCYX")  # so large that no stream is a small one
    (tmp_path / "made.oif.files" / "made-R001_C001.tif").unlink(missing_ok=True)
    with oiffile.OifFile(path) as file:
        np.testing.assert_array_equal(open_image(path).array, file.asarray(), strict=True)
        assert file.axes == "ZCYX"


@BOTH
def test_result_is_an_ome_tiff(tmp_path: Path, noise: Noise, make: Any) -> None:
    path = make(tmp_path, noise((2, 3, 2, 9, 8)), "TZCYX")
    image = open_image(path)
    assert dict(describe(image))["significant bits"] == "12"
    output = save_image(image, default_output(path), source=path)
    assert output.name == "made_denoised.ome.tif"
    again = open_image(output)
    np.testing.assert_array_equal(again.array, image.array, strict=True)
    assert again.pixel_size_um == pytest.approx(image.pixel_size_um)
    assert again.time_increment == pytest.approx(1.5)
    with tiff.TiffFile(output) as file:
        channels = tiff.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]["Channel"]
    assert [(one["Name"], one["EmissionWavelength"]) for one in channels] == [("dye 0", 500), ("dye 1", 520)]


def test_scale_where_less_is_said(tmp_path: Path, noise: Noise) -> None:
    nothing = {"Interval": 0.0}
    path = oif(tmp_path, noise((3, 9, 8)), "ZYX", Axis_2_Parameters_Common=nothing)
    assert open_image(path).pixel_size_um["Z"] == 0.75
    path = oif(tmp_path, noise((3, 9, 8)), "ZYX", Axis_2_Parameters_Common={"UnitName": ""})
    assert open_image(path).pixel_size_um == {"X": 0.25, "Y": 0.5}
    path = oif(tmp_path, noise((3, 9, 8)), "ZYX", Reference_Image_Parameter={"WidthUnit": "pixel"})
    assert open_image(path).pixel_size_um == {"Y": 0.5, "Z": 0.75}
    (tmp_path / "other").mkdir()
    path = oif(tmp_path / "other", noise((2, 9, 8)), "CYX", GUI_Channel_1_Parameters={"DyeName": "None"})
    assert open_image(path).channel_names == ("CHS1", "dye 1")


@BOTH
def test_planes_that_are_missing_or_too_many(tmp_path: Path, noise: Noise, make: Any) -> None:
    pixels = noise((3, 2, 9, 8))
    refused(make(tmp_path, pixels, "ZCYX", Axis_3_Parameters_Common={"MaxSize": 4}), "6 planes are there", "says 8")
    refused(make(tmp_path, pixels, "ZCYX", Axis_3_Parameters_Common={"MaxSize": 2}), "6 planes are there", "says 4")
    refused(make(tmp_path, pixels, "ZCYX", Axis_3_Parameters_Common={"MaxSize": 0}), "its dimensions are XYCZ")
    refused(make(tmp_path, pixels, "ZCYX", Axis_0_Parameters_Common={"MaxSize": 7}), "expected one plane of (9, 7)")


@BOTH
def test_what_is_no_image(tmp_path: Path, noise: Noise, make: Any) -> None:
    refused(make(tmp_path, noise((3, 9, 8)), "LYX"), "3 wavelengths (L)")
    refused(make(tmp_path, noise((9, 8)), "ZX"), "its dimensions are XZ")


def test_announced_size(tmp_path: Path) -> None:
    path = oif(tmp_path, np.zeros((1, 8, 8), np.uint8), "ZYX")
    plane = tmp_path / "made.oif.files" / "s_C001Z001.tif"
    sizes = {"ImageWidth": 2**16, "ImageLength": 2**16, "RowsPerStrip": 2**16}
    with tiff.TiffFile(plane, mode="r+b") as file:
        for name, size in sizes.items():
            file.pages[0].tags[name].overwrite(size, dtype="I")
    path.write_bytes(main_file({"Z": 1, "Y": 2**16, "X": 2**16}))
    refused(path, "announces 4.3 GB of pixels, but the file has")


def test_the_folder_of_an_oif(tmp_path: Path, noise: Noise) -> None:
    path = oif(tmp_path, noise((2, 9, 8)), "ZYX")
    found = find_images([tmp_path])
    assert found.images == (path,)
    with pytest.raises(OutputExistsError, match="a part of the input"):
        save_image(open_image(path), tmp_path / "made.oif.files" / "new.tif", source=path)
    plane = tmp_path / "made.oif.files" / "s_C001Z002.tif"
    plane.rename(tmp_path / "elsewhere.tif")
    plane.symlink_to(tmp_path / "elsewhere.tif")
    refused(path, "leads out of its folder")
    plane.unlink()
    refused(path, "1 planes are there, and its header says 2")
    (tmp_path / "made.oif.files").rename(tmp_path / "other")
    refused(path, "without the folder made.oif.files")


def test_other_compound_files(tmp_path: Path) -> None:
    path = tmp_path / "letter.doc"
    path.write_bytes(compound({"WordDocument": bytes(5000), "small": b"x"}))
    refused(path, "a compound file, but none of Olympus")


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({16: 5}, "two chains of sectors cross"),
        ({0: 0xFFFFFFFE, 16: 1}, "runs in a circle"),
        ({16: 10**6}, "leaves the file"),
        ({5: 0xFFFFFFFE}, "made.oib"),
    ],
)
def test_chains_of_sectors(tmp_path: Path, noise: Noise, changes: dict[int, int], found: str) -> None:
    path = oib(tmp_path, noise((2, 70, 60)), "ZYX")
    changed = bytearray(path.read_bytes())
    table = 512 * (1 + struct.unpack_from("<I", changed, 76)[0])
    assert struct.unpack_from("<18I", changed, table)[15:] == (16, 0xFFFFFFFE, 18)
    for place, following in changes.items():
        struct.pack_into("<I", changed, table + 4 * place, following)
    path.write_bytes(changed)
    refused(path, found)


@BOTH
def test_without_the_library(tmp_path: Path, noise: Noise, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path, noise((2, 9, 8)), "ZYX")
    monkeypatch.setitem(sys.modules, "oiffile", None)
    refused(path, "needs the library oiffile", 'pip install "noise2detail[oif]"')


def test_oib_damaged_anywhere(tmp_path: Path, noise: Noise, damaged: Damaged) -> None:
    whole = oib(tmp_path, noise((2, 5, 4)), "ZYX").read_bytes()
    came = damaged(whole, ".oib", cuts=40, changes=150, within=slice(1536))
    came += damaged(whole, ".oib", cuts=1, changes=200, within=slice(len(whole) - 2048, None))
    assert came["refused"] > 50
    assert came["read"] > 0


def test_oif_damaged_anywhere(tmp_path: Path, noise: Noise) -> None:
    pixels = noise((2, 5, 4))
    path = oif(tmp_path, pixels, "ZYX")
    plane = tmp_path / "made.oif.files" / "s_C001Z002.tif"
    came: Counter[str] = Counter()
    for file in (path, plane):
        whole = file.read_bytes()
        changed = [whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :] for at in range(0, len(whole), 7)]
        for cut, variant in [*((True, whole[:at]) for at in range(0, len(whole), 17)), *((False, v) for v in changed)]:
            file.write_bytes(variant)
            try:
                image = open_image(path)
            except UnreadableFileError as refusal:
                told = bool(refusal.remedy)
                assert told
                came["refused"] += 1
            else:
                assert (image.axes, image.array.shape) == ("ZYX", (2, 5, 4))
                if cut:
                    np.testing.assert_array_equal(image.array, pixels)
                came["read"] += 1
        file.write_bytes(whole)
    assert came["refused"] > 100
