"""Files that cannot be read: each is refused with its name, what was found, and what to do."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import psutil
import pytest
import tifffile
from tests.io.refusing import refused

from noise2detail.errors import AxesError, FileError
from noise2detail.io import open_image, save_image
from noise2detail.types import Pixels

tiff: Any = tifffile  # some of its types are unions that only a reader can tell apart

Noise = Callable[..., Any]


def png(pixels: Pixels, **options: Any) -> bytes:
    stream = io.BytesIO()
    PIL.Image.fromarray(pixels).save(stream, "PNG", **options)
    return stream.getvalue()


def test_absent(tmp_path: Path) -> None:
    refused(tmp_path / "gone.tif", "no such file")


def test_folder(tmp_path: Path) -> None:
    refused(tmp_path, "is a folder")


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("empty.tif", b"", "0 bytes"),
        ("notes.tif", b"pixel;value\n1;2\n", "text, not an image"),
        ("photo.tif", b"\xff\xd8\xff\xe0" + bytes(20), "JPEG"),
        ("scan.tif", bytes(128) + b"DICM", "DICOM"),
        ("garbage.tif", bytes(range(200, 256)), "no known image format"),
        ("header.tif", b"II*\0", "not a whole TIFF"),
        ("nowhere.tif", b"II*\0" + struct.pack("<I", 5000), "not a whole TIFF"),
        ("header.png", b"\x89PNG\r\n\x1a\n", "not a whole PNG"),
        ("header.npy", b"\x93NUMPY", "not a whole NPY"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_content_that_is_no_image(tmp_path: Path, name: str, content: bytes, found: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    refused(path, found)


def test_content_decides_before_the_name(tmp_path: Path, noise: Noise) -> None:
    path = tmp_path / "really.tif"
    path.write_bytes(png(noise((8, 9), "uint8")))
    image = open_image(path)
    assert (image.format, image.axes) == ("png", "YX")


def write_stack(path: Path, pixels: Pixels, kind: str) -> None:
    if kind == "bare":
        with tiff.TiffWriter(path) as writer:
            for plane in pixels:
                writer.write(plane, metadata=None, compression="zlib", photometric="minisblack")
    else:
        choices: dict[str, dict[str, Any]] = {
            "imagej": {"imagej": True, "metadata": {"axes": "ZYX"}},
            "imagej-zlib": {"imagej": True, "metadata": {"axes": "ZYX"}, "compression": "zlib"},
            "ome": {"ome": True, "metadata": {"axes": "ZYX"}, "compression": "zlib"},
            "shaped": {"compression": "zlib", "metadata": {"axes": "ZYX"}},
            "tiled": {"compression": "zlib", "tile": (16, 16), "metadata": {"axes": "ZYX"}},
            "plain": {},
        }
        tiff.imwrite(path, pixels, photometric="minisblack", **choices[kind])


@pytest.mark.parametrize("kept", [0.5, 0.7, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["bare", "imagej", "imagej-zlib", "ome", "shaped", "tiled", "plain"])
@pytest.mark.parametrize("planes", [1, 20])
def test_truncated_tiff(tmp_path: Path, noise: Noise, kind: str, kept: float, planes: int) -> None:
    path = tmp_path / "cut.tif"
    write_stack(path, noise((planes, 32, 32)), kind)
    whole = path.read_bytes()
    assert np.asarray(open_image(path, "ZYX" if planes > 1 else None).array).size == planes * 32 * 32
    path.write_bytes(whole[: int(len(whole) * kept)])
    refused(path, "copy or export it again")


def test_every_shorter_file_is_refused(tmp_path: Path, noise: Noise) -> None:
    path = tmp_path / "cut.ome.tif"
    write_stack(path, noise((3, 8, 8)), "ome")
    whole = path.read_bytes()
    for length in range(1, len(whole) - 1, 41):
        path.write_bytes(whole[:length])
        with pytest.raises(FileError):
            open_image(path)


def test_pages_fewer_than_the_description_promises(tmp_path: Path, noise: Noise) -> None:
    path = tmp_path / "few.tif"
    tiff.imwrite(path, noise((2, 8, 8)), description='{"shape": [20, 8, 8]}', metadata=None, photometric="minisblack")
    refused(path)
    described = "ImageJ=1.53t\nimages=20\nslices=20\n"
    tiff.imwrite(path, noise((2, 8, 8)), description=described, metadata=None, photometric="minisblack")
    refused(path)


def test_tiny_file_that_announces_40_gb(tmp_path: Path) -> None:
    path = tmp_path / "bomb.tif"
    entries = [(256, 4, 200_000), (257, 4, 200_000), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1)]
    entries += [(278, 4, 200_000), (279, 4, 40)]
    body = b"".join(struct.pack("<HHII", code, kind, 1, value) for code, kind, value in entries)
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + struct.pack("<I", 0))
    assert path.stat().st_size <= 122
    refused(path, "announces 40.0 GB", "122 bytes")


def test_png_that_announces_too_much(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    content = bytearray(png(np.zeros((4, 4), np.uint8)))
    content[16:24] = struct.pack(">II", 200_000, 200_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)
    refused(path, "announces 40.0 GB")


def test_larger_than_the_memory(tmp_path: Path, noise: Noise, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.npy"
    np.save(path, noise((32, 32)))
    free = type("Memory", (), {"available": 100})
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    refused(path, "2.0 kB", "100 bytes of memory")


def test_corrupt_compressed_pixels(tmp_path: Path, noise: Noise) -> None:
    path = tmp_path / "corrupt.tif"
    tiff.imwrite(path, noise((32, 32)), compression="zlib")
    with tiff.TiffFile(path) as tif:
        at = tif.pages[0].dataoffsets[0]
    content = bytearray(path.read_bytes())
    content[at : at + 200] = b"\xff" * 200
    path.write_bytes(content)
    refused(path, "not a TIFF that can be read")


def test_pages_in_a_circle(tmp_path: Path, noise: Noise) -> None:
    path = tmp_path / "circle.tif"
    tiff.imwrite(path, noise((8, 8)), metadata=None)
    content = bytearray(path.read_bytes())
    first = struct.unpack("<I", content[4:8])[0]
    count = struct.unpack("<H", content[first : first + 2])[0]
    content[first + 2 + 12 * count : first + 6 + 12 * count] = struct.pack("<I", first)
    path.write_bytes(content)
    refused(path, "circle")


def test_several_images(tmp_path: Path, noise: Noise) -> None:
    path = tmp_path / "two.tif"
    with tiff.TiffWriter(path) as writer:
        writer.write(noise((8, 8)), metadata=None)
        writer.write(noise((9, 7)), metadata=None)
    refused(path, "holds 2 images", "(8, 8)", "(9, 7)")


def test_pyramid_is_read_at_full_size(tmp_path: Path, noise: Noise) -> None:
    path = tmp_path / "pyramid.ome.tif"
    pixels = noise((64, 64))
    with tiff.TiffWriter(path) as writer:
        writer.write(pixels, subifds=1, metadata={"axes": "YX"})
        writer.write(pixels[::2, ::2], subfiletype=1)
    np.testing.assert_array_equal(open_image(path).array, pixels)


def test_missing_files_of_an_ome_set(tmp_path: Path, noise: Noise) -> None:
    path = tmp_path / "part.ome.tif"
    tiff.imwrite(path, noise((2, 8, 8)), metadata={"axes": "ZYX"}, photometric="minisblack")
    text = tiff.tiffcomment(path)
    data = text[text.index("<TiffData") : text.index("</Pixels>")]
    other = '<UUID FileName="other.ome.tif">urn:uuid:4978087c-a670-4b12-af53-256c62d8d101</UUID>'
    split = (
        f'<TiffData IFD="0" FirstZ="0" PlaneCount="1"/><TiffData IFD="0" FirstZ="1" PlaneCount="1">{other}</TiffData>'
    )
    tiff.tiffcomment(path, text.replace(data, split).encode())
    refused(path)


def test_axes_without_meaning(tmp_path: Path, noise: Noise) -> None:
    path = tmp_path / "what.tif"
    tiff.imwrite(path, noise((2, 3, 8, 8)), photometric="minisblack")
    refused(path, "'QQYX'", "axes='TZYX'")
    assert open_image(path, "ZCYX").axes == "ZCYX"
    with pytest.raises(AxesError, match="lack Y or X"):
        open_image(path, "TZCS")
    with pytest.raises(AxesError, match="likely: TZYX"):
        open_image(path, "ZYX")


@pytest.mark.parametrize(
    ("pixels", "options", "found"),
    [
        (PIL.Image.new("P", (8, 8)), {}, "palette"),
        (PIL.Image.new("1", (8, 8)), {}, "1 bit"),
        (PIL.Image.new("P", (8, 8)), {"bits": 2}, "palette"),
    ],
    ids=["palette", "bilevel", "palette-2-bit"],
)
def test_png_without_intensities(tmp_path: Path, pixels: PIL.Image.Image, options: dict[str, Any], found: str) -> None:
    path = tmp_path / "coded.png"
    pixels.save(path, **options)
    refused(path, found)


def test_tif_with_a_palette(tmp_path: Path, noise: Noise) -> None:
    path = tmp_path / "coded.tif"
    ramp = np.tile(np.arange(256, dtype=np.uint16) * 256, (3, 1))
    for colormap, readable in ((ramp, True), (noise((3, 256)), False)):
        tiff.imwrite(path, noise((8, 8), "uint8"), photometric="palette", colormap=colormap)
        if readable:
            again = save_image(open_image(path), tmp_path / "out.tif")
            with tiff.TiffFile(again) as tif:
                np.testing.assert_array_equal(tif.pages[0].colormap, colormap)
        else:
            refused(path, "palette")


def test_animated_png(tmp_path: Path, noise: Noise) -> None:
    path = tmp_path / "moving.png"
    frames = [PIL.Image.fromarray(noise((8, 8), "uint8", seed)) for seed in range(2)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    refused(path, "animated")


def test_truncated_and_corrupt_png(tmp_path: Path, noise: Noise) -> None:
    path = tmp_path / "cut.png"
    whole = png(noise((16, 16), "uint8"))
    for length in range(9, len(whole), 17):
        path.write_bytes(whole[:length])
        refused(path, "PNG")
    path.write_bytes(whole[:60] + bytes([whole[60] ^ 255]) + whole[61:])
    refused(path, "checksum")


def test_npy_of_objects_runs_no_code(tmp_path: Path) -> None:
    path = tmp_path / "objects.npy"
    np.save(path, np.array([[{}, {}]], dtype=object), allow_pickle=True)
    refused(path, "numbers")


@pytest.mark.parametrize("values", [np.array([["a", "b"]]), np.zeros((2, 2), "M8[s]"), np.zeros((2, 2), "i4,f4")])
def test_npy_of_something_else(tmp_path: Path, values: Pixels) -> None:
    path = tmp_path / "other.npy"
    np.save(path, values)
    refused(path, "expected numbers")


def test_truncated_npy(tmp_path: Path, noise: Noise) -> None:
    path = tmp_path / "cut.npy"
    np.save(path, noise((16, 16)))
    whole = path.read_bytes()
    for kept in (0.1, 0.5, 0.99):
        path.write_bytes(whole[: int(len(whole) * kept)])
        refused(path, "NPY")


@pytest.mark.parametrize("shape", [(), (5,), (0, 4)])
def test_npy_that_is_no_image(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = tmp_path / "flat.npy"
    np.save(path, np.zeros(shape))
    refused(path, "expected an image")


def test_npy_without_axes(tmp_path: Path, noise: Noise) -> None:
    path = tmp_path / "stack.npy"
    np.save(path, noise((5, 8, 8)))
    with pytest.raises(AxesError, match=r"stack\.npy.*likely: ZYX, TYX, CYX"):
        open_image(path)
    assert open_image(path, "TYX").axes == "TYX"


def test_no_permission(tmp_path: Path, noise: Noise, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "locked.npy"
    np.save(path, noise((8, 8)))

    def deny(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", deny)
    refused(path, "Permission denied")


def test_tiles_larger_than_any_page(tmp_path: Path, noise: Noise) -> None:
    path = tmp_path / "tiles.tif"
    tiff.imwrite(path, noise((32, 32)), tile=(16, 16), compression="zlib", metadata=None)
    with tiff.TiffFile(path, mode="r+b") as tif:
        tif.pages[0].tags["TileWidth"].overwrite(2**20)
        tif.pages[0].tags["TileLength"].overwrite(2**16)
    refused(path, "tiles of")
