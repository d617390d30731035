"""What goes in comes out: pixels, axes, scale and everything else that the file said."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import PIL.Image
import PIL.PngImagePlugin
import pytest
import tifffile
from hypothesis import HealthCheck, assume, given, settings

from noise2detail.errors import UnwritableFileError
from noise2detail.image import Image
from noise2detail.io import open_image, save_image
from noise2detail.types import Pixels

tiff: Any = tifffile  # some of its types are unions that only a reader can tell apart

Noise = Callable[..., Any]

QUICK = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
DTYPES = ["uint8", "uint16", "int16", "uint32", "int32", "float32", "float64", "int8", "bool"]
OME = "{http://www.openmicroscopy.org/Schemas/OME/2016-06}"


@st.composite
def parts(draw: st.DrawFn, dtypes: list[str], smallest: int = 1) -> dict[str, Any]:
    """What an image is made of; made outside of the strategy, because the type checker of the tests draws at random."""
    extra = draw(st.lists(st.sampled_from("TCZ"), unique=True, max_size=3))
    colour = draw(st.booleans()) and not extra
    axes = "".join(extra) + "YX" + ("S" if colour else "")
    lengths = [draw(st.integers(smallest, 4)) for _ in extra]
    shape = (*lengths, draw(st.integers(2, 9)), draw(st.integers(2, 9)), *((3,) if colour else ()))
    pixels = draw(hnp.arrays(np.dtype(draw(st.sampled_from(dtypes))), shape))
    scale = st.floats(1e-3, 1e3)
    sizes = {axis: draw(scale) for axis in "XYZ" if axis in axes} if draw(st.booleans()) else {}
    channels = dict(zip(axes, shape, strict=True)).get("C", 0)
    names = tuple(f"channel {index} µ" for index in range(channels)) if draw(st.booleans()) else ()
    increment = draw(st.none() | scale) if "T" in axes else None
    return {
        "array": pixels,
        "axes": axes,
        "pixel_size_um": sizes,
        "channel_names": names,
        "time_increment": increment,
    }


def same(found: Pixels, wanted: Pixels) -> None:
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    assert found.tobytes() == wanted.tobytes(), "bits differ"


@QUICK
@given(of=parts(DTYPES))
def test_any_array_as_tif(of: dict[str, Any], tmp_path: Path) -> None:
    image = Image(**of)
    assume(image.array.dtype != np.bool_ or "S" not in image.axes)
    path = save_image(image, tmp_path / "out.tif", overwrite=True)
    same(tiff.imread(path).reshape(image.array.shape), np.asarray(image.array))
    again = open_image(path)
    same(np.asarray(again.array), np.asarray(image.array))
    assert again.axes == image.axes
    assert again.pixel_size_um == pytest.approx(dict(image.pixel_size_um), rel=1e-6)
    assert again.channel_names == image.channel_names
    assert again.time_increment == (None if image.time_increment is None else pytest.approx(image.time_increment))


@QUICK
@given(of=parts(["uint8", "uint16", "int16", "uint32", "int32", "float32", "float64", "int8"], smallest=2))
def test_any_array_as_ome_tif(of: dict[str, Any], tmp_path: Path) -> None:
    image = Image(**of)
    path = save_image(image, tmp_path / "out.ome.tif", overwrite=True)
    with tiff.TiffFile(path) as tif:
        assert tif.series[0].kind == "ome"
        assert tif.series[0].axes == image.axes
        same(tif.asarray(), np.asarray(image.array))
    pixels = next(ET.fromstring(tiff.tiffcomment(path)).iter(f"{OME}Pixels")).attrib
    assert {axis: float(pixels[f"PhysicalSize{axis}"]) for axis in image.pixel_size_um} == dict(image.pixel_size_um)
    again = open_image(path)
    assert (again.axes, again.channel_names) == (image.axes, image.channel_names)
    second = save_image(again, tmp_path / "second.ome.tif", overwrite=True)
    assert open_image(second).pixel_size_um == again.pixel_size_um


@QUICK
@given(of=parts(DTYPES), byteorder=st.sampled_from(["<", ">"]), columns_first=st.booleans())
def test_any_array_as_npy(of: dict[str, Any], byteorder: Any, columns_first: bool, tmp_path: Path) -> None:
    image = Image(**of)
    source = tmp_path / "in.npy"
    stored = np.asarray(image.array, np.asarray(image.array).dtype.newbyteorder(byteorder))
    np.save(source, np.asfortranarray(stored) if columns_first else stored)
    again = open_image(source, image.axes)
    same(np.asarray(again.array), np.asarray(image.array))
    output = save_image(again, tmp_path / "out.npy", overwrite=True)
    assert output.read_bytes() == source.read_bytes()


@QUICK
@given(pixels=hnp.arrays(st.sampled_from([np.uint8, np.uint16]), st.sampled_from([(5, 7), (5, 7, 3)])))
def test_any_array_as_png(pixels: Pixels, tmp_path: Path) -> None:
    image = Image(pixels, "YXS"[: pixels.ndim])
    path = save_image(image, tmp_path / "out.png", overwrite=True)
    same(np.asarray(open_image(path).array), pixels)
    if pixels.dtype == np.uint8 or pixels.ndim == 2:  # Pillow has no 16-bit colour
        with PIL.Image.open(path) as reader:
            np.testing.assert_array_equal(np.asarray(reader), pixels)


@QUICK
@given(
    of=parts(["uint8", "uint16", "float32"], smallest=2),
    compression=st.sampled_from([None, "zlib", "lzw", "zstd"]),
    byteorder=st.sampled_from(["<", ">"]),
    predictor=st.booleans(),
    tile=st.sampled_from([None, (16, 16)]),
)
def test_storage_of_plain_tif_survives(
    of: dict[str, Any],
    compression: str | None,
    byteorder: str,
    predictor: bool,
    tile: tuple[int, int] | None,
    tmp_path: Path,
) -> None:
    image, source = Image(**of), tmp_path / "in.tif"
    tiff.imwrite(
        source,
        np.asarray(image.array),
        byteorder=byteorder,
        compression=compression,
        predictor=predictor and compression is not None,
        tile=tile,
        photometric="rgb" if "S" in image.axes else "minisblack",
        metadata={"axes": image.axes},
        resolution=(3.5, 2.5),
        resolutionunit="CENTIMETER",
        software="a microscope",
        datetime="2020:01:02 03:04:05",
        extratags=[(65000, 2, 0, "private", True), (65001, 3, 2, (1, 2), False)],
    )
    output = save_image(open_image(source), tmp_path / "out.tif", overwrite=True)
    with tiff.TiffFile(source) as before, tiff.TiffFile(output) as after:
        assert after.byteorder == before.byteorder
        assert len(after.pages) == len(before.pages)
        assert (after.series[0].axes, after.series[0].shape) == (before.series[0].axes, before.series[0].shape)
        same(after.asarray(), before.asarray())
        for was, now in zip(before.pages, after.pages, strict=True):
            left, right = was.aspage().tags, now.aspage().tags
            assert {tag.code for tag in right} == {tag.code for tag in left}
            for tag in left:
                if tag.code not in {273, 279, 324, 325}:
                    assert repr(right[tag.code].value) == repr(tag.value), tag


@pytest.mark.parametrize("samples", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("suffix", [".tif", ".ome.tif"])
def test_number_of_samples(tmp_path: Path, noise: Noise, samples: int, suffix: str) -> None:
    image = Image(noise((6, 7, samples), "uint8"), "YXS")
    again = open_image(save_image(image, tmp_path / f"out{suffix}"))
    same(np.asarray(again.array).reshape(image.array.shape), np.asarray(image.array))
    assert again.axes == "YXS" or samples == 1


@pytest.mark.parametrize(
    ("name", "image", "found"),
    [
        ("out.png", Image(np.zeros((4, 4), "float32"), "YX"), "a PNG cannot hold axes YX (4, 4) of float32"),
        ("out.png", Image(np.zeros((2, 4, 4), "uint8"), "ZYX"), "a PNG cannot hold axes ZYX"),
        ("out.ome.tif", Image(np.zeros((4, 4), "int64"), "YX"), "an OME-TIFF cannot hold int64"),
        ("out.jpg", Image(np.zeros((4, 4), "uint8"), "YX"), "files named .jpg cannot be written"),
        ("out", Image(np.zeros((4, 4), "uint8"), "YX"), "choose one of .ome.tiff, .ome.tif"),
    ],
)
def test_formats_that_cannot_hold_it(
    tmp_path: Path, name: str, image: Image, found: str, nothing_left: Callable[[], None]
) -> None:
    nothing_left()
    with pytest.raises(UnwritableFileError) as caught:
        save_image(image, tmp_path / name)
    assert found in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)
    assert "choose" in caught.value.remedy


def test_more_than_4_gb_is_bigtiff(tmp_path: Path, noise: Noise, monkeypatch: pytest.MonkeyPatch) -> None:
    import noise2detail.io.tiff_fresh as fresh
    import noise2detail.io.tiff_write as like

    for module in (fresh, like):
        monkeypatch.setattr(module, "CLASSIC_LIMIT", 100)
    image = Image(noise((8, 9)), "YX")
    for name in ("out.tif", "out.ome.tif"):
        path = save_image(image, tmp_path / name)
        again = save_image(open_image(path), tmp_path / f"again_{name}")
        for file in (path, again):
            with tiff.TiffFile(file) as tif:
                assert tif.is_bigtiff
                same(tif.asarray(), np.asarray(image.array))
    stack: Any = noise((3, 8, 9))
    tiff.imwrite(tmp_path / "stack.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    with pytest.raises(UnwritableFileError, match=r"big\.tif: an ImageJ TIFF cannot hold more than 4 GB.*\.ome\.tif"):
        save_image(open_image(tmp_path / "stack.tif"), tmp_path / "big.tif")
