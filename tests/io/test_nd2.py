"""Nikon ND2: a real file and files made here, compared with what nd2 reads in them."""

import struct
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nd2
import numpy as np
import pytest
import tifffile
from tests.io.refusing import refused

import noise2detail.io.nd2_frames as nd2_frames
from noise2detail.io import default_output, describe, find_images, open_image, save_image

tiff: Any = tifffile

Noise = Callable[..., Any]
Real = Callable[[str], Path]
Damaged = Callable[..., Counter[str]]

CLUSTER = "formats/nd2/pims_nd2/cluster.nd2"
MAGIC = b"\xda\xce\xbe\x0a"
LOOPS = {"T": 1, "P": 2, "Z": 4}


def encoded(content: Mapping[str, Any]) -> bytes:
    """A tree of values in the binary form of Nikon."""
    return b"".join(one(name, value) for name, value in content.items())


def one(name: str, value: Any) -> bytes:
    label = (name + "\0").encode("utf-16-le")
    head = bytes([0, len(label) // 2]) + label
    if isinstance(value, bool):
        return b"\1" + head[1:] + struct.pack("<B", value)
    if isinstance(value, int):
        return b"\3" + head[1:] + struct.pack("<I", value)
    if isinstance(value, float):
        return b"\6" + head[1:] + struct.pack("<d", value)
    if isinstance(value, str):
        return b"\x08" + head[1:] + (value + "\0").encode("utf-16-le")
    inside = encoded(value)
    length = len(head) + 12 + len(inside)
    return b"\x0b" + head[1:] + struct.pack("<IQ", len(value), length) + inside + bytes(8 * len(value))


def loop(axis: str, length: int, period: float) -> dict[str, Any]:
    pars: dict[str, Any] = {"uiCount": length}
    if axis == "T":
        pars |= {"dStart": 0.0, "dPeriod": period, "dDuration": 0.0}
        pars |= {"dMinPeriodDiff": 0.0, "dMaxPeriodDiff": 0.0, "dAvgPeriodDiff": 0.0}
    elif axis == "Z":
        pars |= {"dZLow": 0.0, "dZHigh": 1.0, "dZStep": 0.5, "dZHome": 0.0, "bZInverted": False, "wsZDevice": ""}
    else:
        points = {
            f"i{index:010}": {"dPosX": 0.0, "dPosY": 0.0, "dPosZ": 0.0, "dPFSOffset": 0.0, "dPosName": f"well {index}"}
            for index in range(length)
        }
        pars |= {"bUseZ": False, "Points": points}
    return {"eType": LOOPS[axis], "uLoopPars": pars}


def experiment(loops: Mapping[str, int], period: float) -> dict[str, Any]:
    (axis, length), *rest = loops.items()
    inner = {"ppNextLevelEx": {"": experiment(dict(rest), period)}} if rest else {}
    return loop(axis, length, period) | inner


def picture(channels: int) -> dict[str, Any]:
    planes = {
        f"a{index}": {
            "uiCompCount": 1,
            "uiSampleIndex": 0,
            "uiModalityMask": 0,
            "uiColor": 0x0000FF << 8 * index,
            "sDescription": f"dye {index}",
            "pFluorescentProbe": {"m_sName": f"dye {index}"},
        }
        for index in range(channels)
    }
    return {
        "dCalibration": 0.25,
        "bCalibrated": True,
        "sPicturePlanes": {"uiCount": channels, "uiCompCount": channels, "uiSampleCount": 1, "sPlaneNew": planes},
    }


def chunk(name: bytes, content: bytes) -> bytes:
    room = 4072 if name.startswith(b"ImageDataSeq") else 64  # nd2 takes the first for granted
    return MAGIC + struct.pack("<IQ", room, len(content)) + name.ljust(room, b"\0") + content


def make(
    path: Path,
    pixels: Any,
    loops: Mapping[str, int],
    *,
    period: float = 1500.0,
    packed: bool = False,
    padding: int = 0,
    leave_out: int = -1,
    frames: Callable[[bytes], bytes] = bytes,
) -> Path:
    """A file of ``pixels``: frame, row, column, channel."""
    count, height, width, channels = pixels.shape
    size = pixels.dtype.itemsize
    attributes = {
        "uiWidth": width,
        "uiWidthBytes": width * channels * size + padding,
        "uiHeight": height,
        "uiComp": channels,
        "uiBpcInMemory": 8 * size,
        "uiBpcSignificant": 8 * size,
        "uiSequenceCount": count,
        "eCompression": 0 if packed else 2,
    }
    chunks = {
        b"ImageAttributesLV!": encoded({"SLxImageAttributes": attributes}),
        b"ImageMetadataSeqLV|0!": encoded({"SLxPictureMetadata": picture(channels)}),
    }
    if loops:
        chunks[b"ImageMetadataLV!"] = encoded({"SLxExperiment": experiment(loops, period)})
    for index, frame in enumerate(pixels):
        rows = b"".join(row.tobytes() + bytes(padding) for row in frame)
        chunks[b"ImageDataSeq|%d!" % index] = bytes(8) + frames(zlib.compress(rows) if packed else rows)
    start = b"ND2 FILE SIGNATURE CHUNK NAME01!"
    content = (MAGIC + struct.pack("<IQ", 32, 64) + start + b"Ver3.0".ljust(64, b"\0")).ljust(4096, b"\0")
    places = b""
    for number, (name, inside) in enumerate(chunks.items()):
        if number != leave_out:
            places += name + struct.pack("<QQ", len(content), len(inside))
        content += chunk(name, inside)
    end = b"ND2 CHUNK MAP SIGNATURE 0000001!"
    listed = places + end + struct.pack("<Q", len(content))
    content += MAGIC + struct.pack("<IQ", 32, len(listed)) + b"ND2 FILEMAP SIGNATURE NAME 0001!" + listed
    path.write_bytes(content)
    return path


def oracle(path: Path, letters: str) -> Any:
    with nd2.ND2File(path) as file:
        found = "".join(map(str, file.sizes))
        return file.asarray().transpose([found.index(letter) for letter in letters])


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize(("loops", "axes"), [({}, "YX"), ({"T": 3}, "TYX"), ({"T": 2, "Z": 3}, "TZYX")])
def test_pixels_and_scale(
    tmp_path: Path, noise: Noise, loops: dict[str, int], axes: str, dtype: str, packed: bool
) -> None:
    pixels = noise((int(np.prod([*loops.values()])), 9, 8, 1), dtype)
    path = make(tmp_path / "a.nd2", pixels, loops, packed=packed)
    image = open_image(path)
    assert (image.axes, image.format) == (axes, "nd2")
    np.testing.assert_array_equal(image.array, pixels.reshape(image.array.shape), strict=True)
    np.testing.assert_array_equal(image.array, oracle(path, axes), strict=True)
    assert image.pixel_size_um == {"X": 0.25, "Y": 0.25} | ({"Z": 0.5} if "Z" in axes else {})
    assert image.time_increment == (1.5 if "T" in axes else None)


@pytest.mark.parametrize(("width", "padding"), [(8, 0), (9, 2)])
def test_channels_and_rows_with_padding(tmp_path: Path, noise: Noise, width: int, padding: int) -> None:
    pixels = noise((3, 7, width, 3), "uint16")
    path = make(tmp_path / "a.nd2", pixels, {"Z": 3}, padding=padding)
    image = open_image(path)
    assert image.axes == "ZCYX"
    np.testing.assert_array_equal(image.array, pixels.transpose(0, 3, 1, 2), strict=True)
    np.testing.assert_array_equal(image.array, oracle(path, "ZCYX"), strict=True)
    assert image.channel_names == ("dye 0", "dye 1", "dye 2")


def test_several_positions_are_listed(tmp_path: Path, noise: Noise) -> None:
    path = make(tmp_path / "a.nd2", noise((4, 9, 8, 1)), {"T": 2, "P": 2})
    refused(path, "holds 2 positions: 0 'well 0', 1 'well 1'", "--image 0")


def test_missing_frames_are_not_made_up(tmp_path: Path, noise: Noise) -> None:
    pixels = noise((4, 9, 8, 1))
    path = make(tmp_path / "a.nd2", pixels, {"T": 4}, leave_out=5)
    assert not oracle(path, "TYX")[2].any(), "the library puts zeros there"
    refused(path, "3 frames are there", "4")
    refused(make(path, pixels, {"T": 5}), "4 frames are there", "5")
    refused(make(path, pixels, {"T": 3}), "4 frames are there", "3")


@pytest.mark.parametrize("packed", [False, True])
def test_frames_of_another_size(tmp_path: Path, noise: Noise, packed: bool) -> None:
    pixels = noise((2, 9, 8, 1))
    for change in (lambda rows: rows[:-2], lambda rows: b"", lambda rows: zlib.compress(bytes(9999))):
        refused(make(tmp_path / "a.nd2", pixels, {"T": 2}, packed=packed, frames=change), "frame 0")


def test_rows_too_long(tmp_path: Path, noise: Noise) -> None:
    refused(make(tmp_path / "a.nd2", noise((1, 9, 8, 1)), {}, padding=8), "rows of 24 bytes")


def test_without_the_library(tmp_path: Path, noise: Noise, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path / "a.nd2", noise((1, 9, 8, 1)), {})
    monkeypatch.setitem(sys.modules, "nd2", None)
    refused(path, "needs the library nd2", 'pip install "noise2detail[nd2]"')


def test_the_older_kind_is_named(tmp_path: Path) -> None:
    path = tmp_path / "old.nd2"
    path.write_bytes(b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(100))
    refused(path, "ND2 file of the older kind")


def test_lengths_of_metadata_are_not_believed(tmp_path: Path, noise: Noise) -> None:
    # The library asked the system for as much as the chunk said, before it read a byte of it.
    path = make(tmp_path / "a.nd2", noise((1, 9, 8, 1)), {})
    whole = path.read_bytes()
    at = whole.index(b"ImageMetadataSeqLV|0!") - 8
    for length in (len(whole), 2**28, 2**40, 2**64 - 1):
        path.write_bytes(whole[:at] + struct.pack("<Q", length) + whole[at + 8 :])
        refused(path, f"metadata of {length} bytes")
    listed = whole.rindex(b"ImageMetadataSeqLV|0!") + 21
    path.write_bytes(whole[:listed] + struct.pack("<Q", 2**62) + whole[listed + 8 :])
    refused(path, "should lie at byte")


def test_metadata_that_unpack_to_gigabytes(tmp_path: Path, noise: Noise, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = noise((1, 9, 8, 1))
    monkeypatch.setattr(nd2_frames, "_LARGEST_MAP", 2**20)
    for size in (2**10, 2**21):
        packed = b"\x4c" + bytes(11) + zlib.compress(bytes(size))
        with monkeypatch.context() as patched:
            patched.setitem(globals(), "encoded", lambda _, packed=packed: packed)
            make(tmp_path / "a.nd2", pixels, {})
        refused(tmp_path / "a.nd2", "that unpack to more than" if size > 2**20 else "not a Nikon ND2 file")


def test_numbers_of_components_are_not_believed(tmp_path: Path, noise: Noise, monkeypatch: pytest.MonkeyPatch) -> None:
    # The library makes lists of that length.
    said = picture(1)
    next(iter(said["sPicturePlanes"]["sPlaneNew"].values()))["uiCompCount"] = 2**23
    monkeypatch.setitem(globals(), "picture", lambda _: said)
    refused(make(tmp_path / "a.nd2", noise((1, 9, 8, 1)), {}), "a channel of 8388608 components")


def test_damaged_anywhere(tmp_path: Path, noise: Noise, damaged: Damaged) -> None:
    path = make(tmp_path / "a.nd2", noise((6, 5, 4, 2)), {"T": 2, "Z": 3})
    whole = path.read_bytes()
    damaged(whole, ".nd2", cuts=60, changes=0)
    for name in (b"SLxImageAttributes", b"SLxPictureMetadata", b"SLxExperiment"):
        at = whole.index(name.decode().encode("utf-16-le"))
        damaged(whole, ".nd2", cuts=1, changes=60, within=slice(at, at + 400))
    came = damaged(whole, ".nd2", cuts=1, changes=60, within=slice(whole.rindex(MAGIC), None))
    assert came["refused"] > 20


def test_real_file(real: Real, tmp_path: Path) -> None:
    image = open_image(real(CLUSTER))
    assert (image.axes, image.array.shape) == ("TZCYX", (3, 10, 2, 31, 38))
    np.testing.assert_array_equal(image.array, oracle(real(CLUSTER), "TZCYX"), strict=True)
    assert image.pixel_size_um == pytest.approx({"X": 0.167808983, "Y": 0.167808983, "Z": 0.5})
    assert image.time_increment == pytest.approx((21.740177911873907 - 0.4450834982842207) / 2)
    assert image.channel_names == ("5-FAM/pH 9.0", "FM 4-64/2% CHAPS")
    assert dict(describe(image))["significant bits"] == "12"
    output = save_image(image, default_output(tmp_path / "cluster.nd2"))
    assert output.name == "cluster_denoised.ome.tif"
    again = open_image(output)
    np.testing.assert_array_equal(again.array, image.array, strict=True)
    assert again.pixel_size_um == pytest.approx(image.pixel_size_um)
    assert again.time_increment == pytest.approx(image.time_increment)
    assert again.channel_names == image.channel_names
    with tiff.TiffFile(output) as file:
        channels = tiff.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]["Channel"]
    assert [channel["EmissionWavelength"] for channel in channels] == [525, 700]


def test_real_file_damaged(real: Real, damaged: Damaged, tmp_path: Path) -> None:
    whole = real(CLUSTER).read_bytes()
    damaged(whole, ".nd2", cuts=40, changes=40)
    damaged(whole, ".nd2", cuts=1, changes=40, within=slice(548864, None))
    (tmp_path / "cluster.nd2").write_bytes(whole)
    assert [found.name for found in find_images([tmp_path]).images if "cluster" in found.name] == ["cluster.nd2"]
