"""Zeiss CZI: real files and files made here, compared with what czifile reads in them."""

import struct
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import czifile
import imagecodecs
import numpy as np
import pytest
import tifffile
from tests.io.refusing import refused

from noise2detail.io import default_output, describe, find_images, open_image, save_image

tiff: Any = tifffile

Noise = Callable[..., Any]
Real = Callable[[str], Path]
Damaged = Callable[..., Counter[str]]

WITH_TIMES = "formats/czi/CellDivision_T3_Z5_CH2_X240_Y170.czi"
PACKED = "formats/czi/CellDivision_T3_Z6_CH1_X300_Y200_DCV_ZSTD.czi"
LATTICE = "formats/czi/LLS7_small.czi"
UNSCALED = "formats/czi/FOV7_HV110_P0500510000.czi"
CODES = {"uint8": 0, "uint16": 1, "float32": 2, "int32": 12}


def segment(name: bytes, content: bytes) -> bytes:
    return struct.pack("<16sqq", name, len(content), len(content)) + content


def entry(place: Mapping[str, int], shape: tuple[int, ...], code: int, packing: int, at: int, stored: int = 1) -> bytes:
    lengths = {"X": shape[1], "Y": shape[0]}
    dimensions = b"".join(
        struct.pack("<4siifi", axis.encode(), place.get(axis, 0), length, 0.0, length // stored if axis in "XY" else 1)
        for axis in ("X", "Y", *[axis for axis in place if axis not in "XY"])
        for length in [lengths.get(axis, 1)]
    )
    head = struct.pack("<2siqiiB5xi", b"DV", code, at, 0, packing, 2 if stored > 1 else 0, len(dimensions) // 20)
    return head + dimensions


def make(
    path: Path,
    planes: Iterable[tuple[Mapping[str, int], Any]],
    *,
    pack: Callable[[Any], Any] = lambda pixels: bytes(pixels.tobytes()),
    packing: int = 0,
    code: int | None = None,
    stored: Iterable[int] = (),
    xml: str = "<ImageDocument/>",
    part: int = 0,
) -> Path:
    planes = list(planes)
    scales = list(stored) or [1] * len(planes)
    content = b"\0" * (32 + 512)
    entries = b""
    for (place, pixels), scale in zip(planes, scales, strict=True):
        kind = CODES[str(pixels.dtype)] if code is None else code
        one = entry(place, (pixels.shape[0] * scale, pixels.shape[1] * scale), kind, packing, len(content), scale)
        data = pack(pixels)
        block = struct.pack("<iiq", 0, 0, len(data)) + one
        content += segment(b"ZISRAWSUBBLOCK", block.ljust(256, b"\0") + data)
        entries += one
    directory = len(content)
    content += segment(b"ZISRAWDIRECTORY", struct.pack("<i", len(planes)).ljust(128, b"\0") + entries)
    metadata = len(content)
    content += segment(b"ZISRAWMETADATA", struct.pack("<ii", len(xml.encode()), 0).ljust(256, b"\0") + xml.encode())
    header = struct.pack("<4i16s16siqqiq", 1, 0, 0, 0, b"", b"", part, directory, metadata, 0, 0)
    path.write_bytes(segment(b"ZISRAWFILE", header.ljust(512, b"\0")) + content[544:])
    return path


def grid(pixels: Any, axes: str = "TCZ", first: int = 0) -> list[tuple[dict[str, int], Any]]:
    return [
        ({axis: index + first for axis, index in zip(axes, indices, strict=True)}, pixels[indices])
        for indices in np.ndindex(pixels.shape[: len(axes)])
    ]


def oracle(path: Path) -> Any:
    with czifile.CziFile(str(path)) as file:
        letters, pixels = file.axes, file.asarray()
    order = [letters.index(axis) for axis in "TCZYX0" if axis in letters]
    rest = [place for place in range(len(letters)) if place not in order]
    return pixels.transpose(rest + order).squeeze()


@pytest.mark.parametrize("dtype", CODES)
def test_pixels_of_every_type(tmp_path: Path, noise: Noise, dtype: str) -> None:
    pixels = noise((2, 3, 4, 9, 8), dtype)
    path = make(tmp_path / "a.czi", grid(pixels))
    image = open_image(path)
    assert (image.axes, image.format) == ("TCZYX", "czi")
    np.testing.assert_array_equal(image.array, pixels, strict=True)
    np.testing.assert_array_equal(image.array, oracle(path), strict=True)


@pytest.mark.parametrize(
    ("packing", "pack"),
    [
        (5, lambda pixels: imagecodecs.zstd_encode(pixels.tobytes())),
        (6, lambda pixels: b"\1" + imagecodecs.zstd_encode(pixels.tobytes())),
        (6, lambda pixels: b"\3\1\0" + imagecodecs.zstd_encode(pixels.tobytes())),
        (
            6,
            lambda pixels: (
                b"\3\1\1" + imagecodecs.zstd_encode(pixels.view("u1").reshape(-1, 2).T.copy().tobytes(), level=3)
            ),
        ),
        (2, lambda pixels: imagecodecs.lzw_encode(pixels.tobytes())),
        (4, lambda pixels: imagecodecs.jpegxr_encode(pixels, level=1.0)),
    ],
    ids=["zstd", "zstd-header", "zstd-whole", "zstd-halves", "lzw", "jpeg-xr"],
)
def test_every_compression(tmp_path: Path, noise: Noise, packing: int, pack: Callable[[Any], bytes]) -> None:
    pixels = noise((3, 64, 48)) // 16
    path = make(tmp_path / "a.czi", grid(pixels, "Z"), pack=pack, packing=packing)
    image = open_image(path)
    np.testing.assert_array_equal(image.array, pixels, strict=True)
    for wrong in (pixels[:, :-1], np.concatenate([pixels, pixels], 1)):
        contents = iter(wrong)
        refused(make(path, grid(pixels, "Z"), pack=lambda _: pack(next(contents)), packing=packing))  # noqa: B023


def test_jpeg_is_read_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pixels = np.full((1, 16, 24), 77, np.uint8)
    path = make(tmp_path / "a.czi", grid(pixels, "T"), pack=imagecodecs.jpeg_encode, packing=1)
    np.testing.assert_array_equal(open_image(path).array, pixels[0], strict=True)
    assert "changed the noise" in caplog.text


def test_colours_come_red_first(tmp_path: Path, noise: Noise) -> None:
    pixels = noise((1, 9, 8, 3), "uint8")
    image = open_image(make(tmp_path / "a.czi", grid(pixels[..., ::-1].copy(), "T"), code=3))
    assert image.axes == "YXS"
    np.testing.assert_array_equal(image.array, pixels[0], strict=True)


def test_indices_may_begin_anywhere_and_come_in_any_order(tmp_path: Path, noise: Noise) -> None:
    pixels = noise((2, 2, 3, 9, 8))
    planes = grid(pixels, first=5)
    image = open_image(make(tmp_path / "a.czi", planes[::-1]))
    np.testing.assert_array_equal(image.array, pixels, strict=True)


def test_overviews_are_left_out(tmp_path: Path, noise: Noise) -> None:
    pixels = noise((2, 8, 8))
    planes = [*grid(pixels, "Z"), ({"Z": 0}, pixels[0, :4, :4])]
    path = make(tmp_path / "a.czi", planes, stored=[1, 1, 2])
    np.testing.assert_array_equal(open_image(path).array, pixels, strict=True)


SCENES = """<ImageDocument><Metadata><Information><Image><Dimensions><S><Scenes>
<Scene Index="0" Name="A1"/><Scene Index="1" Name="B7"/></Scenes></S></Dimensions></Image></Information></Metadata>
</ImageDocument>"""


@pytest.mark.parametrize(
    ("axis", "settings", "found"),
    [
        ("S", {"xml": SCENES}, ("holds 2 scenes: 0 'A1', 1 'B7'", "--image")),
        ("S", {}, ("holds 2 scenes: 0, 1",)),
        ("M", {}, ("2 tiles of a mosaic (M)",)),
        ("V", {}, ("2 views (V)",)),
        ("I", {}, ("2 illuminations (I)",)),
        ("H", {}, ("2 phases (H)",)),
        ("R", {}, ("2 rotations (R)",)),
        ("Q", {}, ("2 entries of unknown meaning (Q)",)),
        ("Z", {"code": 10}, ("type code 10",)),
        ("Z", {"packing": 1000}, ("compression of code 1000",)),
        ("Z", {"part": 1}, ("one part of a set",)),
        ("Z", {"xml": "<!DOCTYPE x><ImageDocument/>"}, ("document type",)),
        ("Z", {"xml": "<ImageDocument>"}, ("no element found",)),
    ],
)
def test_what_is_no_single_image(
    tmp_path: Path, noise: Noise, axis: str, settings: Any, found: tuple[str, ...]
) -> None:
    refused(make(tmp_path / "a.czi", grid(noise((2, 9, 8)), axis), **settings), *found)


def test_planes_that_do_not_make_a_whole(tmp_path: Path, noise: Noise) -> None:
    pixels = noise((2, 1, 3, 9, 8))
    path = tmp_path / "a.czi"
    planes = grid(pixels)
    refused(make(path, planes[:-1]), "5 planes of 6")
    refused(make(path, planes[:1] + planes[2:3]), "missing")
    refused(make(path, [*planes, planes[0]]), "7 planes of 6")
    refused(make(path, [*planes[:-1], (planes[-1][0], noise((9, 9)))]), "differ in size or place")
    refused(make(path, [*planes[:-1], (planes[-1][0] | {"X": 3}, planes[-1][1])]), "differ in size or place")
    refused(make(path, [*planes[:-1], (planes[-1][0], noise((9, 8), "uint8"))]), "differ in pixel type")
    refused(make(path, []), "no image")


def test_announced_size(tmp_path: Path) -> None:
    huge = [({"T": index}, np.zeros((1, 1), "uint8")) for index in range(2)]
    path = make(tmp_path / "a.czi", huge)
    whole = path.read_bytes()
    one = struct.pack("<4siifi", b"X", 0, 1, 0.0, 1)
    path.write_bytes(whole.replace(one, struct.pack("<4siifi", b"X", 0, 2**30, 0.0, 2**30)))
    refused(path, "announces 2.1 GB")


def test_real_files_read_like_czifile(real: Real) -> None:
    for name in (WITH_TIMES, LATTICE, UNSCALED, "formats/czi/DAPI_GFP.czi"):
        np.testing.assert_array_equal(open_image(real(name)).array, oracle(real(name)), strict=True)


def test_zstandard_holds_the_image_that_was_packed(real: Real) -> None:
    image = open_image(real(PACKED))
    assert (image.axes, image.array.shape) == ("TZYX", (3, 6, 200, 300))
    # neighbouring planes of a deconvolved stack look alike, and pixels are no bytes in a wrong order
    planes = np.asarray(image.array).reshape(18, -1).astype(float)
    assert all(np.corrcoef(planes[index], planes[index + 1])[0, 1] > 0.5 for index in (0, 1, 2, 6, 7, 12))
    assert np.abs(np.diff(np.asarray(image.array).astype(float), axis=-1)).mean() < 0.2 * np.asarray(image.array).std()


def test_scale_and_channels(real: Real) -> None:
    image = open_image(real(WITH_TIMES))
    assert image.pixel_size_um == pytest.approx({"X": 0.090576674, "Y": 0.090576674, "Z": 0.32})
    assert image.time_increment == pytest.approx((480.4104779 - 360.4196148) / 2)
    assert image.channel_names == ("LED555", "LED470")
    assert dict(describe(image)) | {"compression": "none", "stored as": "Gray16"} == dict(describe(image))
    assert open_image(real("formats/czi/DAPI_GFP.czi")).channel_names == ("DAPI", "GFP")
    assert dict(describe(open_image(real(PACKED))))["channel"] == "LED555"
    assert open_image(real(LATTICE)).pixel_size_um == pytest.approx({"X": 0.144992, "Y": 0.144992, "Z": 0.144992})


def test_same_as_the_tiff_beside_it(real: Real) -> None:
    image, beside = open_image(real(UNSCALED)), open_image(real(UNSCALED.replace(".czi", ".ome.tiff")))
    assert image.axes == beside.axes
    assert image.pixel_size_um == beside.pixel_size_um == {}
    np.testing.assert_array_equal(image.array, beside.array, strict=True)


@pytest.mark.parametrize("name", [WITH_TIMES, PACKED, LATTICE, UNSCALED, "formats/czi/DAPI_GFP.czi"])
def test_result_is_an_ome_tiff(real: Real, tmp_path: Path, name: str) -> None:
    source = real(name)
    image = open_image(source)
    output = default_output(tmp_path / source.name)
    assert output.name == f"{source.stem}_denoised.ome.tif"
    again = open_image(save_image(image, output, source=source))
    np.testing.assert_array_equal(again.array, image.array, strict=True)
    assert again.pixel_size_um == pytest.approx(image.pixel_size_um)
    assert again.time_increment == pytest.approx(image.time_increment)
    assert again.channel_names == image.channel_names


def test_colours_and_wavelengths_reach_the_ome_xml(real: Real, tmp_path: Path) -> None:
    output = save_image(open_image(real(WITH_TIMES)), tmp_path / "a.ome.tif")
    with tiff.TiffFile(output) as file:
        channels = tiff.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]["Channel"]
    assert [channel["Name"] for channel in channels] == ["LED555", "LED470"]
    assert [channel["Color"] % 2**32 for channel in channels] == [0xFF7E00FF, 0x00FF33FF]
    assert [channel["EmissionWavelength"] for channel in channels] == [568, 517]


def test_found_in_a_folder(tmp_path: Path, noise: Noise) -> None:
    make(tmp_path / "a.czi", grid(noise((2, 9, 8)), "Z"))
    assert [found.name for found in find_images([tmp_path]).images] == ["a.czi"]


def test_damaged_anywhere(tmp_path: Path, noise: Noise, damaged: Damaged) -> None:
    path = make(tmp_path / "a.czi", grid(noise((2, 2, 2, 3, 4))))
    came = damaged(path.read_bytes(), ".czi", cuts=150, changes=400)
    assert came["refused"] > 150
    assert came["read"] > 0


def test_real_file_damaged(real: Real, damaged: Damaged) -> None:
    whole = real(LATTICE).read_bytes()
    damaged(whole, ".czi", cuts=10, changes=10, within=slice(2400))
    damaged(real(UNSCALED).read_bytes(), ".czi", cuts=60, changes=300, within=slice(2304))
