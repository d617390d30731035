"""Large files are read and written plane by plane, and nothing about the result tells so."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from noise2detail.errors import UnreadableFileError
from noise2detail.image import Image
from noise2detail.io import lazy as io_lazy
from noise2detail.io import open_image, save_image
from noise2detail.io.lazy import LazyPixels, converted, nbytes, planes_of
from noise2detail.methods.gaussian import Gaussian
from noise2detail.types import Pixels

STACK = np.random.default_rng(3).integers(0, 60000, (5, 2, 40, 33)).astype(np.uint16)
Write = Callable[[Path], object]


def lazy(pixels: Pixels, inner: int = 2, read: list[int] | None = None) -> LazyPixels:
    flat = pixels.reshape(-1, *pixels.shape[pixels.ndim - inner :])

    def plane(number: int) -> Pixels:
        if read is not None:
            read.append(number)
        return np.asarray(flat[number])

    return LazyPixels(Path("stack.tif"), pixels.shape, pixels.dtype, inner, plane)


@pytest.fixture
def never_eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file counts as large."""
    monkeypatch.setattr(io_lazy, "LAZY_FROM", 0)


# --- an array by another name --------------------------------------------------------------------------------------

KEYS: list[Any] = [
    0,
    -1,
    (1, 1),
    (2, 0, 5),
    (2, 0, slice(3, 9), 4),
    slice(None),
    (slice(1, None), -1),
    (slice(None, None, 2), 1, slice(2, 5)),
    (..., 3),
    (1, ..., slice(0, 4)),
    ...,
    (0, slice(0, 0)),
    (slice(0, 0), 1),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
@pytest.mark.parametrize("inner", [2, 3])
def test_indexing_is_that_of_an_array(key: Any, inner: int) -> None:
    found = lazy(STACK, inner)[key]
    np.testing.assert_array_equal(found, STACK[key])
    assert np.shape(found) == np.shape(STACK[key])


def test_only_what_is_asked_for_is_read() -> None:
    read: list[int] = []
    source = lazy(STACK, 2, read)
    _ = source[1, 0], source[2, :, 3:5]
    assert read == [2, 4, 5]
    assert nbytes(source) == STACK.nbytes
    next(planes_of(source, 2))
    assert read == [2, 4, 5, 0]


def test_all_of_it_and_another_type() -> None:
    np.testing.assert_array_equal(np.asarray(lazy(STACK)), STACK)
    other = converted(lazy(STACK), np.float32)
    assert isinstance(other, LazyPixels)
    assert np.asarray(other).dtype == np.float32
    assert [plane.dtype for plane in planes_of(other, 2)] == [np.float32] * 10
    np.testing.assert_array_equal(np.stack(list(planes_of(lazy(STACK), 3))), STACK)
    with pytest.raises(ValueError, match="without a copy"):
        np.array(lazy(STACK), copy=False)


def test_more_than_the_memory_is_refused_before_it_is_taken() -> None:
    huge = LazyPixels(Path("huge.tif"), (10**6, 10**5, 10**5), np.dtype("u2"), 2, lambda number: np.zeros(number))
    with pytest.raises(UnreadableFileError, match=r"huge\.tif.*of memory are free"):
        np.asarray(huge)


# --- files -----------------------------------------------------------------------------------------------------------

WRITERS: dict[str, Write] = {
    "ome": lambda p: tifffile.imwrite(p, STACK, ome=True, metadata={"axes": "ZCYX", "PhysicalSizeX": 0.2}),
    "ome-deflate": lambda p: tifffile.imwrite(p, STACK, ome=True, metadata={"axes": "ZCYX"}, compression="zlib"),
    "ome-tiles": lambda p: tifffile.imwrite(p, STACK, ome=True, metadata={"axes": "ZCYX"}, tile=(16, 32)),
    "imagej": lambda p: tifffile.imwrite(p, STACK, imagej=True, metadata={"axes": "ZCYX", "spacing": 0.5}),
    "shaped": lambda p: tifffile.imwrite(p, STACK[:, 0], metadata={"axes": "ZYX"}),
    "big-endian": lambda p: tifffile.imwrite(p, STACK[:, 0], byteorder=">", metadata={"axes": "ZYX"}),
    "plain": lambda p: tifffile.imwrite(p, STACK[:, 0], metadata=None, photometric="minisblack"),
    "tiles-lzw": lambda p: tifffile.imwrite(
        p, STACK[:, 0], metadata={"axes": "ZYX"}, tile=(16, 16), compression="lzw", predictor=True
    ),
    "rgb": lambda p: tifffile.imwrite(
        p, (STACK.reshape(10, 40, 11, 3) >> 8).astype("u1"), photometric="rgb", metadata={"axes": "ZYXS"}
    ),
    "floats": lambda p: tifffile.imwrite(p, STACK[:, 0].astype("f4"), metadata={"axes": "ZYX"}, bigtiff=True),
    "npy": lambda p: np.save(p, STACK[:, 0]),
    "npy-big-endian": lambda p: np.save(p, STACK[:, 0].astype(">u2")),
}


def source_of(folder: Path, name: str) -> tuple[Path, str | None]:
    kind = name.partition("-")[0]
    path = folder / {"ome": "a.ome.tif", "npy": "a.npy"}.get(kind, "a.tif")
    WRITERS[name](path)
    return path, "ZYX" if kind in {"npy", "plain"} else None


@pytest.mark.parametrize("name", WRITERS)
def test_the_same_pixels_and_the_same_file(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path, axes = source_of(tmp_path, name)
    eager = open_image(path, axes)
    assert isinstance(eager.array, np.ndarray)
    once = save_image(eager, tmp_path / f"once{path.name[1:]}")
    monkeypatch.setattr(io_lazy, "LAZY_FROM", 0)
    image = open_image(path, axes)
    assert isinstance(image.array, LazyPixels)
    assert (image.axes, image.array.shape, image.array.dtype) == (eager.axes, eager.array.shape, eager.array.dtype)
    np.testing.assert_array_equal(np.asarray(image.array), eager.array)
    again = save_image(image, tmp_path / f"again{path.name[1:]}")
    if "tiles" in name:  # whose lengths the library stores once for all pages, or for each
        assert _pages(again) == _pages(once)
    else:
        assert _without_uuid(again) == _without_uuid(once)


def _pages(path: Path) -> list[tuple[dict[int, object], bytes]]:
    """Tags without places, and pixels."""
    with tifffile.TiffFile(path) as tif:
        return [
            ({tag.code: tag.value for tag in page.tags if tag.code not in {270, 324}}, page.asarray().tobytes())
            for page in tif.pages
            if isinstance(page, tifffile.TiffPage)
        ]


def _without_uuid(path: Path) -> bytes:
    """Every OME-TIFF gets a name of its own."""
    return re.sub(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", b"", path.read_bytes())


@pytest.mark.parametrize("target", ["b.ome.tif", "b.tif", "b.npy"])
@pytest.mark.usefixtures("never_eager")
def test_another_kind_of_file(tmp_path: Path, target: str) -> None:
    path, _ = source_of(tmp_path, "ome-deflate")
    path = path.rename(tmp_path / "bare.tif")
    image = open_image(path)
    bare = Image(image.array, image.axes, {"X": 0.1, "Y": 0.1})
    found = save_image(bare, tmp_path / target)
    read = open_image(found, bare.axes if target == "b.npy" else None)
    np.testing.assert_array_equal(np.asarray(read.array), STACK)
    assert read.axes == "ZCYX"


@pytest.mark.usefixtures("never_eager")
def test_imagej_cannot_hold_the_type(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, _ = source_of(tmp_path, "imagej")
    image = open_image(path)
    other = Image(converted(image.array, np.int32), image.axes, image.pixel_size_um, metadata=image.metadata)
    found = save_image(other, tmp_path / "b.tif")
    assert "it is written as float32" in caplog.text
    np.testing.assert_array_equal(tifffile.imread(found), STACK)


@pytest.mark.usefixtures("never_eager")
@pytest.mark.parametrize("name", ["ome-deflate", "tiles-lzw"])
def test_a_file_that_changes_meanwhile(tmp_path: Path, name: str) -> None:
    path, axes = source_of(tmp_path, name)
    image = open_image(path, axes)
    os.utime(path, ns=(0, 0))
    with pytest.raises(UnreadableFileError, match="changed after it was opened"):
        np.asarray(image.array)


@pytest.mark.usefixtures("never_eager")
@pytest.mark.parametrize("name", ["ome", "npy"])
def test_a_file_that_becomes_shorter_meanwhile(tmp_path: Path, name: str) -> None:
    path, axes = source_of(tmp_path, name)
    image = open_image(path, axes)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(UnreadableFileError, match="became shorter after it was opened"):
        np.asarray(image.array)


@pytest.mark.usefixtures("never_eager")
def test_damage_is_told_with_the_name_of_the_file(tmp_path: Path) -> None:
    path, _ = source_of(tmp_path, "ome-deflate")
    with tifffile.TiffFile(path) as tif:
        start, count = tif.pages[3].dataoffsets[0], tif.pages[3].databytecounts[0]
    content = bytearray(path.read_bytes())
    content[start : start + count] = b"\x55" * count
    path.write_bytes(content)
    image = open_image(path)
    np.testing.assert_array_equal(np.asarray(image.array[0]), STACK[0])
    with pytest.raises(UnreadableFileError, match=r"a\.ome\.tif"):
        _ = image.array[1, 1]


@pytest.mark.usefixtures("never_eager")
def test_denoising_reads_it_all(tmp_path: Path) -> None:
    import noise2detail as n2d

    path, _ = source_of(tmp_path, "shaped")
    image = open_image(path)
    found = n2d.denoise(image, method=Gaussian(sigma=1.0))
    expected = n2d.denoise(STACK[:, 0], axes="ZYX", method=Gaussian(sigma=1.0))
    np.testing.assert_array_equal(np.asarray(found.array), expected)
    assert image.in_memory().in_memory().array is not image.array
