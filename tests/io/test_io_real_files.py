"""Real files, opened and saved; judged by readers that are not ours."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile

from noise2detail.io import default_output, open_image, save_image
from noise2detail.plans import Provenance

tiff: Any = tifffile  # some of its types are unions that only a reader can tell apart

Real = Callable[[str], Path]

STORAGE = {273, 279, 278, 324, 325}  # where pixels lie: allowed to differ
RESOLUTION = {282, 283, 296}  # the library always writes them; equal where the original has them
TIFFS = {
    "imagej-big-endian": "formats/czi/CH1_16bit.tif",
    "imagej-stack-lut-labels": "samples/Bead_Image1_crop.tif",
    "imagej-rgb16-overlay-ranges-info": "samples/hela-cells.tif",
    "imagej-labels-blank-unit": "zstack/ch00012.tif",
    "imagej-little-endian-strips": "timelapse/two_photon_calcium.tif",
    "imagej-info": "formats/lif/xz-example/expected-outputs/c0t0.tif",
    "shaped-stack": "timelapse/membrane_2d_timelapse.tif",
    "plain-lzw": "em_lowdose/train/0001.tif",
    "plain-packbits": "oct/1/test.tif",
    "plain-packbits-rgb": "oct/1/seg_test.tif",
    "ome-deflate": "formats/ometiff/packages/loaders/tests/fixtures/multi-channel.ome.tif",
    "ome-big-endian": "formats/ometiff/sites/avivator/data/multi-channel.ome.tif",
    "ome-big-endian-unscaled": "formats/czi/FOV7_HV110_P0500510000.ome.tiff",
}
OMES = [name for key, name in TIFFS.items() if key.startswith("ome")]


def tags(path: Path) -> tuple[str, list[dict[int, Any]]]:
    with tiff.TiffFile(path) as tif:
        tif.pages.useframes = False
        return tif.byteorder, [{tag.code: tag.value for tag in page.tags} for page in tif.pages]


@pytest.mark.parametrize("name", TIFFS.values(), ids=TIFFS.keys())
def test_every_tag_and_pixel_survives(name: str, real: Real, tmp_path: Path) -> None:
    source = real(name)
    image = open_image(source)
    output = save_image(image, default_output(tmp_path / source.name), source=source)
    np.testing.assert_array_equal(tiff.imread(output), tiff.imread(source), strict=True)
    np.testing.assert_array_equal(tiff.imread(output), np.asarray(image.array).reshape(tiff.imread(source).shape))
    (order, before), (order_after, after) = tags(source), tags(output)
    assert order_after == order
    assert len(after) == len(before)
    changed = STORAGE | ({270} if name in OMES else set())
    for code, value in before[0].items():
        if code in changed or (code in RESOLUTION and 0 in np.ravel(before[0].get(282, 1))):
            continue
        if code == 266 or (code == 284 and before[0][277] == 1):
            continue  # what every reader assumes anyway
        if code in {282, 283}:
            assert np.divide(*after[0][code]) == np.divide(*value)
        elif code == 320:
            np.testing.assert_array_equal(after[0][code], value)
        elif code == 258 or code == 339:
            assert after[0].get(code, value) == value
        else:
            assert repr(after[0][code]) == repr(value), f"tag {code}"


@pytest.mark.parametrize("name", TIFFS.values(), ids=TIFFS.keys())
def test_series_is_of_the_same_kind(name: str, real: Real, tmp_path: Path) -> None:
    source = real(name)
    output = save_image(open_image(source), default_output(tmp_path / source.name))
    with tiff.TiffFile(source) as before, tiff.TiffFile(output) as after:
        was, now = before.series[0], after.series[0]
        assert (now.kind, now.axes, now.shape, now.dtype) == (was.kind, was.axes, was.shape, was.dtype)
        assert after.pages[0].compression == before.pages[0].compression
        assert repr(after.imagej_metadata) == repr(before.imagej_metadata)


def test_imagej_stack_is_one_run_of_bytes(real: Real, tmp_path: Path) -> None:
    # ImageJ itself ignores every directory but the first.
    source = real("samples/Bead_Image1_crop.tif")
    image = open_image(source)
    output = save_image(image, tmp_path / "out.tif")
    with tiff.TiffFile(output) as tif:
        start = tif.pages[0].dataoffsets[0]
    stored = np.fromfile(output, np.uint8, count=np.asarray(image.array).size, offset=start)
    np.testing.assert_array_equal(stored.reshape(image.array.shape), image.array)


def test_scale_of_imagej(real: Real) -> None:
    bead = open_image(real("samples/Bead_Image1_crop.tif"))
    assert bead.axes == "ZYX"
    assert bead.pixel_size_um == pytest.approx({"X": 1 / 44.460534, "Y": 1 / 44.460534, "Z": 0.125})
    pixel_units = open_image(real("formats/lif/xz-example/expected-outputs/c0t0.tif"))
    assert pixel_units.pixel_size_um == {}
    printing = open_image(real("timelapse/two_photon_calcium.tif"))
    assert printing.pixel_size_um == {}, "72 pixels per inch is for printers"


@pytest.mark.parametrize("name", OMES)
def test_ome_xml_is_patched_not_regenerated(name: str, real: Real, tmp_path: Path) -> None:
    source = real(name)
    output = save_image(open_image(source), tmp_path / "out.ome.tif")
    before, after = (ET.fromstring(tiff.tiffcomment(path)) for path in (source, output))
    assert after.attrib.pop("UUID") != before.attrib.pop("UUID")
    for tree in (before, after):
        for pixels in tree.iter("{http://www.openmicroscopy.org/Schemas/OME/2016-06}Pixels"):
            for data in pixels.findall("{http://www.openmicroscopy.org/Schemas/OME/2016-06}TiffData"):
                pixels.remove(data)
    assert ET.tostring(after) == ET.tostring(before)


def test_png_rgb(real: Real, tmp_path: Path) -> None:
    source = real("histology/ihc.png")
    image = open_image(source)
    assert image.axes == "YXS"
    output = save_image(image, tmp_path / "out.png")
    with PIL.Image.open(source) as before, PIL.Image.open(output) as after:
        assert after.mode == before.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(after), np.asarray(before))


@pytest.mark.parametrize("name", ["multifile.companion.ome", *(f"multifile-Z{z}.ome.tiff" for z in range(1, 6))])
def test_every_part_of_a_set_is_the_whole(real: Real, tmp_path: Path, name: str) -> None:
    source = real(f"formats/ometiff/sites/avivator/data/{name}")
    image = open_image(source)
    assert (image.axes, image.format) == ("ZYX", "ome-tiff")
    parts = [source.with_name(f"multifile-Z{z}.ome.tiff") for z in range(1, 6)]
    np.testing.assert_array_equal(image.array, np.stack([tiff.imread(part) for part in parts]), strict=True)
    xml = source.with_name("multifile.companion.ome").read_text()
    np.testing.assert_array_equal(image.array, tiff.imread(parts[0], omexml=xml), strict=True)
    output = save_image(image, tmp_path / "whole.ome.tif", source=source)
    np.testing.assert_array_equal(tiff.imread(output), image.array, strict=True)
    with tiff.TiffFile(output) as tif:
        tif.pages.useframes = False
        assert [page.description != "" for page in tif.pages] == [True, False, False, False, False]
        said = tiff.xml2dict(tif.ome_metadata)["OME"]["Image"]
    assert (said["Name"], said["Pixels"]["SizeZ"], said["Pixels"]["Channel"]["Color"]) == ("multifile", 5, -2147483648)


def test_note_leaves_the_rest_alone(real: Real, tmp_path: Path, provenance: Provenance) -> None:
    source = real("samples/hela-cells.tif")
    output = save_image(open_image(source), tmp_path / "out.tif", provenance=provenance)
    with tiff.TiffFile(source) as tif, tiff.TiffFile(output) as now:
        before, after = dict(tif.imagej_metadata), dict(now.imagej_metadata)
    note = "Denoised with noise2detail 0.1.0: method noise2detail, recipe fast, seed 7"
    assert after.pop("Info") == before.pop("Info") + "\n" + note
    assert repr(after) == repr(before)
