"""Every OME-XML that is written keeps to the schema, as ome-types knows it, and says what the image says."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ome_types
import pytest
import tifffile
from tests.io.test_io_metadata import imagej_file, ome_file

from noise2detail.image import Image
from noise2detail.io import open_image, save_image
from noise2detail.plans import Provenance

tiff: Any = tifffile

Noise = Callable[..., Any]
Real = Callable[[str], Path]

LENGTHS = {"T": 2, "C": 3, "Z": 4, "Y": 6, "X": 7, "S": 3}
SUBSETS = ["".join(one) + "YX" for n in range(4) for one in itertools.combinations("TCZ", n)]
UM = {"X": 0.125, "Y": 0.25, "Z": 0.5}


def judged(path: Path) -> Any:
    """The one image of the file, after the schema has been checked."""
    with tiff.TiffFile(path) as tif:
        text = tif.ome_metadata
        lengths = dict(zip(tif.series[0].axes, tif.series[0].shape, strict=True))
    (image,) = ome_types.from_xml(text, validate=True).images
    found = image.pixels
    sizes = {axis: getattr(found, f"size_{axis.lower()}") for axis in "TCZYX"}
    assert {axis: sizes[axis] // (lengths.get("S", 1) if axis == "C" else 1) for axis in sizes} == {
        axis: lengths.get(axis, 1) for axis in sizes
    }
    return image


def microns(pixels: Any, axis: str) -> float | None:
    size, unit = (getattr(pixels, f"physical_size_{axis.lower()}{end}") for end in ("", "_unit"))
    return None if size is None else size * {"nm": 1e-3, "µm": 1, "mm": 1e3, "m": 1e6}[unit.value]


@pytest.mark.parametrize("noted", [False, True], ids=["bare", "noted"])
@pytest.mark.parametrize("axes", [*SUBSETS, "YXS", "ZYXS"])
def test_images_from_elsewhere(tmp_path: Path, noise: Noise, provenance: Provenance, axes: str, noted: bool) -> None:
    names = ("DAPI", "a < b & c", "µ") if "C" in axes else ()
    image = Image(
        noise(tuple(LENGTHS[axis] for axis in axes), "uint8"),
        axes,
        {axis: size for axis, size in UM.items() if axis in axes},
        2.5 if "T" in axes else None,
        names,
    )
    found = judged(save_image(image, tmp_path / "out.ome.tif", provenance=provenance if noted else None))
    pixels = found.pixels
    for axis in "XYZ":
        assert microns(pixels, axis) == image.pixel_size_um.get(axis)
    assert pixels.time_increment == image.time_increment
    assert tuple(channel.name for channel in pixels.channels if channel.name) == names
    assert (found.description is not None) == noted


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64"])
def test_every_type(tmp_path: Path, noise: Noise, dtype: str) -> None:
    found = judged(save_image(Image(noise((6, 7), dtype), "YX"), tmp_path / "out.ome.tif"))
    said = {"bool": "bit", "float32": "float", "float64": "double"}.get(dtype, dtype)
    assert found.pixels.type.value == said


@pytest.mark.parametrize("byteorder", ["<", ">"], ids=["little", "big"])
def test_patched_text(tmp_path: Path, noise: Noise, provenance: Provenance, byteorder: str) -> None:
    source, pixels = tmp_path / "in.ome.tif", noise((3, 2, 6, 7))
    text = ome_file(source, pixels, byteorder, "<ome:Description>old</ome:Description>")
    sound = text.replace("urn:uuid:0", "urn:uuid:4978087c-a670-4b12-af53-256c62d8d101")
    tiff.tiffcomment(source, sound.encode())
    before = judged(source)
    after = judged(save_image(open_image(source), tmp_path / "out.ome.tif", provenance=provenance))
    note = "Denoised with noise2detail 0.1.0: method noise2detail, recipe fast, seed 7"
    assert after.description == f"{before.description}\n{note}"
    assert after.acquisition_date == before.acquisition_date
    kept = {"tiff_data_blocks", "big_endian"}
    assert after.pixels.model_dump(exclude=kept) == before.pixels.model_dump(exclude=kept)
    assert after.pixels.big_endian == (byteorder == ">")


def test_hyperstack_becomes_ome(tmp_path: Path, noise: Noise) -> None:
    imagej_file(tmp_path / "in.tif", noise((2, 3, 2, 6, 7)), ">")
    found = judged(save_image(open_image(tmp_path / "in.tif"), tmp_path / "out.ome.tif")).pixels
    assert (found.physical_size_x, found.physical_size_y, found.physical_size_z) == (0.25, 0.2, 0.5)
    assert found.time_increment == 2.5
    assert [channel.name for channel in found.channels] == ["GFP", "DAPI"]


@pytest.mark.parametrize(
    "name",
    [
        *("formats/czi/CellDivision_T3_Z5_CH2_X240_Y170.czi", "formats/czi/DAPI_GFP.czi"),
        *("formats/nd2", "formats/lif", "formats/ometiff"),
    ],
)
def test_real_files_become_valid(tmp_path: Path, real: Real, name: str) -> None:
    found = real(name)
    sources = [found] if found.is_file() else sorted(path for path in found.rglob("*") if path.is_file())
    judgements = 0
    for number, source in enumerate(sources):
        if source.stat().st_size > 4_000_000:
            continue
        try:
            image = open_image(source)
        except OSError:
            continue  # what is refused is judged elsewhere
        pixels = judged(save_image(image, tmp_path / f"{number}.ome.tif")).pixels
        for axis, size in image.pixel_size_um.items():
            assert microns(pixels, axis) == pytest.approx(size)
        judgements += 1
    assert judgements
