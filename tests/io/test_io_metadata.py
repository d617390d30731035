"""What a file says beside its pixels: put back as it was, with one line added."""

import logging
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.PngImagePlugin
import pytest
import tifffile

from noise2detail.io import open_image, save_image
from noise2detail.plans import Provenance
from noise2detail.types import Pixels

tiff: Any = tifffile  # some of its types are unions that only a reader can tell apart

Noise = Callable[..., Any]

OME = "{http://www.openmicroscopy.org/Schemas/OME/2016-06}"
NOTE = "Denoised with noise2detail 0.1.0: method noise2detail, recipe fast, seed 7"


def same(found: Pixels, wanted: Pixels) -> None:
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    assert found.tobytes() == wanted.tobytes(), "bits differ"


def imagej_file(path: Path, pixels: Pixels, byteorder: str) -> None:
    luts = [np.arange(768, dtype=np.uint8).reshape(3, 256), np.flip(np.arange(768, dtype=np.uint8).reshape(3, 256))]
    tiff.imwrite(
        path,
        pixels,
        imagej=True,
        byteorder=byteorder,
        resolution=(4.0, 5.0),
        metadata={
            "axes": "TZCYX",
            "unit": "\\u00B5m",
            "spacing": 0.5,
            "finterval": 2.5,
            "mode": "composite",
            "Info": "a µ note",
            "Labels": ["GFP", "DAPI"] * 6,
            "Ranges": [0.0, 100.0, 5.0, 200.0],
            "LUTs": luts,
            "ROI": b"Iout" + bytes(60),
            "Overlays": [b"Iout" + bytes(64), b"Iout" + bytes(72)],
        },
    )


@pytest.mark.parametrize("noted", [False, True], ids=["bare", "noted"])
@pytest.mark.parametrize("byteorder", ["<", ">"], ids=["little", "big"])
def test_imagej_hyperstack(tmp_path: Path, noise: Noise, provenance: Provenance, byteorder: str, noted: bool) -> None:
    source, pixels = tmp_path / "in.tif", noise((2, 3, 2, 6, 7))
    imagej_file(source, pixels, byteorder)
    image = open_image(source)
    assert (image.format, image.axes, image.channel_names) == ("imagej-tiff", "TZCYX", ("GFP", "DAPI"))
    assert image.pixel_size_um == {"X": 0.25, "Y": 0.2, "Z": 0.5}
    assert image.time_increment == 2.5
    denoised = replace(image, array=pixels // 2)
    output = save_image(denoised, tmp_path / "out.tif", provenance=provenance if noted else None)
    with tiff.TiffFile(source) as before, tiff.TiffFile(output) as after:
        assert after.byteorder == before.byteorder == byteorder
        was, now = dict(before.imagej_metadata), dict(after.imagej_metadata)
        if noted:
            assert (
                now.pop("Info")
                == was.pop("Info") + "\nDenoised with noise2detail 0.1.0: method noise2detail, recipe fast, seed 7"
            )
        assert repr(now) == repr(was)
        assert after.series[0].axes == "TZCYX"
        same(after.asarray(), pixels // 2)


def test_imagej_holds_no_float64(tmp_path: Path, noise: Noise, caplog: pytest.LogCaptureFixture) -> None:
    source, pixels = tmp_path / "in.tif", noise((2, 3, 2, 6, 7))
    imagej_file(source, pixels, ">")
    image = open_image(source)
    with caplog.at_level(logging.WARNING):
        output = save_image(replace(image, array=pixels / 3), tmp_path / "out.tif")
    assert "float64; it is written as float32" in caplog.text
    same(tiff.imread(output), (pixels / 3).astype("float32"))


def test_pages_named_otherwise_by_the_user(tmp_path: Path, noise: Noise) -> None:
    pixels = noise((4, 6, 7))
    files = {
        "imagej": tmp_path / "i.tif",
        "shaped": tmp_path / "s.tif",
        "ome": tmp_path / "o.ome.tif",
        "plain": tmp_path / "p.tif",
    }
    tiff.imwrite(files["imagej"], pixels, imagej=True, metadata={"axes": "ZYX"})
    tiff.imwrite(files["shaped"], pixels, photometric="minisblack")
    tiff.imwrite(files["ome"], pixels, ome=True, metadata={"axes": "ZYX"}, photometric="minisblack")
    tiff.imwrite(files["plain"], pixels, metadata=None, photometric="minisblack")
    for kind, source in files.items():
        image = open_image(source, "TYX")
        assert image.axes == "TYX"
        output = save_image(image, tmp_path / f"{kind}_out.tif")
        assert open_image(output).axes == ("ZYX" if kind == "plain" else "TYX"), kind
        same(tiff.imread(output), pixels)


OME_XML = """<?xml version="1.0" encoding="UTF-8"?><!-- kept -->
<ome:OME xmlns:ome="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:0" Creator='me > you'>
 <ome:Instrument ID="Instrument:0"/>
 <ome:Image ID="Image:0" Name="a &amp; b"><ome:AcquisitionDate>2020-01-02T03:04:05</ome:AcquisitionDate>{description}
  <ome:Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" BigEndian="{big}" SizeX="7" SizeY="6" SizeZ="3"
   SizeC="2" SizeT="1" PhysicalSizeX="250" PhysicalSizeXUnit="nm" PhysicalSizeY="0.2" PhysicalSizeYUnit="&#181;m"
   PhysicalSizeZ="0.001" PhysicalSizeZUnit="mm" TimeIncrement="500" TimeIncrementUnit="ms">
   <ome:Channel ID="Channel:0:0" Name="DAPI" Color="65535" EmissionWavelength="461"/>
   <ome:Channel ID="Channel:0:1" Name="GFP" Color="16711935" EmissionWavelength="509"/>
   <ome:TiffData IFD="0" FirstC="0"/><ome:TiffData IFD="1" FirstC="1"/><ome:TiffData IFD="2" FirstZ="1"/>
   <ome:TiffData IFD="3" FirstC="1" FirstZ="1"/><ome:TiffData IFD="4" FirstZ="2"/>
   <ome:TiffData IFD="5" FirstZ="2" FirstC="1"/>
   <ome:Plane TheZ="0" TheT="0" TheC="0" DeltaT="1.5"/></ome:Pixels></ome:Image>
</ome:OME>"""


def ome_file(path: Path, pixels: Pixels, byteorder: str, description: str = "") -> str:
    text = OME_XML.format(big="true" if byteorder == ">" else "false", description=description)
    with tiff.TiffWriter(path, byteorder=byteorder, ome=False) as writer:
        writer.write(pixels, description=text.encode(), metadata=None, photometric="minisblack", compression="lzw")
    return text


@pytest.mark.parametrize("byteorder", ["<", ">"], ids=["little", "big"])
def test_ome_xml_is_kept_to_the_letter(tmp_path: Path, noise: Noise, byteorder: str) -> None:
    source, pixels = tmp_path / "in.ome.tif", noise((3, 2, 6, 7))
    text = ome_file(source, pixels, byteorder)
    image = open_image(source)
    assert (image.axes, image.channel_names, image.time_increment) == ("ZCYX", ("DAPI", "GFP"), 0.5)
    assert image.pixel_size_um == pytest.approx({"X": 0.25, "Y": 0.2, "Z": 1.0})
    output = save_image(image, tmp_path / "out.ome.tif")
    with tiff.TiffFile(output) as tif:
        after = tif.pages[0].description
        assert tif.byteorder == byteorder
        assert {page.compression.name for page in tif.pages} == {"LZW"}
        assert tif.series[0].axes == "ZCYX"
        same(tif.asarray(), pixels)
    start, end = text.index("<ome:TiffData"), text.index("<ome:Plane")
    data = '<ome:TiffData FirstC="0" FirstT="0" FirstZ="0" IFD="0" PlaneCount="6"/>'
    expected = (text[:start] + data, text[end:])
    uuid = after[after.index("UUID=") :][:52]
    assert after.replace(uuid, 'UUID="urn:uuid:0"').startswith(expected[0])
    assert after.endswith(expected[1])


@pytest.mark.parametrize("description", ["", "<ome:Description>old</ome:Description>", "<ome:Description/>"])
def test_ome_note_and_type(tmp_path: Path, noise: Noise, provenance: Provenance, description: str) -> None:
    source, pixels = tmp_path / "in.ome.tif", noise((3, 2, 6, 7))
    ome_file(source, pixels, "<", description)
    image = replace(open_image(source), array=(pixels / 3).astype("float32"))
    output = save_image(image, tmp_path / "out.ome.tif", provenance=provenance)
    root = ET.fromstring(tiff.tiffcomment(output))
    said = [child.tag.removeprefix(OME) for child in next(root.iter(f"{OME}Image"))]
    assert said == ["AcquisitionDate", "Description", "Pixels"], "the order that the schema wants"
    note = next(root.iter(f"{OME}Description")).text
    assert note is not None
    assert note.startswith("old\n" if "old" in description else "Denoised")
    assert note.endswith(NOTE)
    assert next(root.iter(f"{OME}Pixels")).attrib["Type"] == "float"
    same(tiff.imread(output), (pixels / 3).astype("float32"))


def test_ome_scale_given_by_the_user(tmp_path: Path, noise: Noise) -> None:
    source, pixels = tmp_path / "in.ome.tif", noise((3, 2, 6, 7))
    ome_file(source, pixels, "<")
    image = replace(open_image(source), pixel_size_um={"X": 0.1, "Y": 0.2, "Z": 1.0}, time_increment=0.25)
    again = open_image(save_image(image, tmp_path / "out.ome.tif"))
    assert again.pixel_size_um == pytest.approx({"X": 0.1, "Y": 0.2, "Z": 1.0})
    assert again.time_increment == 0.25
    assert 'EmissionWavelength="509"' in tiff.tiffcomment(tmp_path / "out.ome.tif")


def test_ome_set_becomes_one_file(tmp_path: Path, noise: Noise) -> None:
    pixels = noise((2, 6, 7))
    uuids = [f"urn:uuid:4978087c-a670-4b12-af53-256c62d8d10{index}" for index in range(2)]
    data = "".join(
        f'<TiffData IFD="0" FirstZ="{index}" PlaneCount="1"><UUID FileName="z{index}.ome.tif">{uuid}</UUID></TiffData>'
        for index, uuid in enumerate(uuids)
    )
    for index, uuid in enumerate(uuids):
        text = (
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{uuid}"><Image ID="Image:0">'
            '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" '
            'SizeX="7" SizeY="6" SizeZ="2" SizeC="1" SizeT="1">'
            f'<Channel ID="Channel:0:0"/>{data}</Pixels></Image></OME>'
        )
        with tiff.TiffWriter(tmp_path / f"z{index}.ome.tif", ome=False) as writer:
            writer.write(pixels[index], description=text, metadata=None)
    image = open_image(tmp_path / "z0.ome.tif")
    same(np.asarray(image.array), pixels)
    (tmp_path / "alone").mkdir()
    output = save_image(image, tmp_path / "alone" / "whole.ome.tif")
    same(tiff.imread(output), pixels)
    (tmp_path / "z1.ome.tif").unlink()
    with pytest.raises(OSError, match=r"z0\.ome\.tif"):
        open_image(tmp_path / "z0.ome.tif")


def test_a_description_on_each_page(tmp_path: Path, noise: Noise) -> None:
    source, pixels = tmp_path / "in.tif", noise((3, 6, 7))
    with tiff.TiffWriter(source) as writer:
        for index, plane in enumerate(pixels):
            writer.write(plane, description=f"plane {index}", metadata=None, software=f"v{index}")
    image = open_image(source)
    assert image.axes == "ZYX"
    output = save_image(image, tmp_path / "out.tif")
    with tiff.TiffFile(output) as tif:
        tif.pages.useframes = False
        assert [page.description for page in tif.pages] == ["plane 0", "plane 1", "plane 2"]
        assert [page.software for page in tif.pages] == ["v0", "v1", "v2"]
        codes = [tag.code for tag in tif.pages[2].tags]
    with tiff.TiffFile(source) as tif:
        tif.pages.useframes = False
        assert codes == [tag.code for tag in tif.pages[2].tags]


@pytest.mark.parametrize(
    ("before", "after"),
    [("", "{note}"), ("taken on Monday", "taken on Monday\n{note}"), ("<xml/>", "<xml/>")],
    ids=["none", "text", "xml"],
)
def test_note_in_a_plain_tif(tmp_path: Path, noise: Noise, provenance: Provenance, before: str, after: str) -> None:
    source = tmp_path / "in.tif"
    with tiff.TiffWriter(source) as writer:
        writer.write(noise((6, 7)), description=before or None, metadata=None, software=False)
    output = save_image(open_image(source), tmp_path / "out.tif", provenance=provenance)
    assert tiff.tiffcomment(output) == after.format(note=NOTE)
    with tiff.TiffFile(output) as tif:
        assert tif.pages[0].software == "noise2detail 0.1.0"


@pytest.mark.parametrize("storage", ["contig", "separate"])
@pytest.mark.parametrize("samples", [2, 4], ids=["grey", "rgb"])
def test_alpha_of_a_tif_is_untouched(tmp_path: Path, noise: Noise, samples: int, storage: str) -> None:
    source = tmp_path / "in.tif"
    pixels = noise((6, 7, samples) if storage == "contig" else (samples, 6, 7), "uint8")
    photometric = "rgb" if samples == 4 else "minisblack"
    tiff.imwrite(
        source, pixels, photometric=photometric, planarconfig=storage, extrasamples=["unassalpha"], metadata=None
    )
    image = open_image(source)
    assert image.axes == ("YX" if samples == 2 else "YXS" if storage == "contig" else "SYX")
    output = save_image(replace(image, array=np.zeros_like(image.array)), tmp_path / "out.tif")
    written = tiff.imread(output)
    axis = -1 if storage == "contig" else 0
    np.testing.assert_array_equal(written.take(-1, axis), pixels.take(-1, axis))
    assert not written.take(range(samples - 1), axis).any()


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha_and_text_of_a_png(tmp_path: Path, noise: Noise, provenance: Provenance, mode: str) -> None:
    pixels = noise((6, 7, len(mode)), "uint8")
    told = PIL.PngImagePlugin.PngInfo()
    told.add_text("Comment", "taken on Monday")
    PIL.Image.fromarray(pixels, mode=None).save(tmp_path / "in.png", dpi=(300, 300), pnginfo=told)
    image = open_image(tmp_path / "in.png")
    assert image.axes == ("YX" if mode == "LA" else "YXS")
    assert not image.pixel_size_um
    output = save_image(replace(image, array=np.zeros_like(image.array)), tmp_path / "out.png", provenance=provenance)
    with PIL.Image.open(tmp_path / "in.png") as before, PIL.Image.open(output) as after:
        assert after.mode == mode
        np.testing.assert_array_equal(np.asarray(after)[..., -1], pixels[..., -1])
        assert not np.asarray(after)[..., :-1].any()
        assert before.info.items() <= after.info.items()
        assert after.info["Description"].startswith("Denoised with")


def test_key_colour_of_a_png_becomes_alpha(tmp_path: Path, noise: Noise) -> None:
    PIL.Image.fromarray(noise((6, 7), "uint8")).save(tmp_path / "in.png", transparency=3)
    output = save_image(open_image(tmp_path / "in.png"), tmp_path / "out.png")
    with PIL.Image.open(output) as after:
        assert after.mode == "LA"


def test_jpeg_tif_is_written_without_loss(tmp_path: Path, noise: Noise, caplog: pytest.LogCaptureFixture) -> None:
    source = tmp_path / "in.tif"
    tiff.imwrite(source, noise((16, 16, 3), "uint8"), compression="jpeg", photometric="rgb")
    image = open_image(source)
    output = save_image(image, tmp_path / "out.tif")
    assert "deflate is used instead" in caplog.text
    same(tiff.imread(output), np.asarray(image.array))


def test_other_kinds_of_file(tmp_path: Path, noise: Noise, caplog: pytest.LogCaptureFixture) -> None:
    source, pixels = tmp_path / "in.tif", noise((2, 3, 2, 6, 7))
    imagej_file(source, pixels, ">")
    image = open_image(source)
    output = save_image(image, tmp_path / "out.ome.tif")
    assert "not carried over" in caplog.text
    again = open_image(output)
    assert again.format == "ome-tiff"
    assert (again.axes, again.pixel_size_um, again.time_increment, again.channel_names) == (
        image.axes, image.pixel_size_um, image.time_increment, image.channel_names,
    )  # fmt: skip
    cropped = replace(image, array=pixels[..., :5])
    assert open_image(save_image(cropped, tmp_path / "crop.tif")).pixel_size_um == image.pixel_size_um
