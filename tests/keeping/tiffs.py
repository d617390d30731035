"""TIFF in its three kinds; the library alone is tifffile."""

from pathlib import Path
from typing import Any

import numpy as np
import ome_types
import tifffile

from tests.keeping.trial import Facts, Trial, denoised

tiff: Any = tifffile

OME_XML = """<?xml version="1.0" encoding="UTF-8"?>
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">
 <Instrument ID="Instrument:0"><Objective ID="Objective:0" NominalMagnification="63"/></Instrument>
 <Image ID="Image:0" Name="cells"><AcquisitionDate>2020-01-02T03:04:05</AcquisitionDate>
  <Description>taken on Thursday</Description><InstrumentRef ID="Instrument:0"/>
  <Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" BigEndian="true" SizeX="64" SizeY="64" SizeZ="3"
   SizeC="2" SizeT="2" PhysicalSizeX="250" PhysicalSizeXUnit="nm" PhysicalSizeY="0.2" PhysicalSizeYUnit="&#181;m"
   PhysicalSizeZ="0.001" PhysicalSizeZUnit="mm" TimeIncrement="500" TimeIncrementUnit="ms">
   <Channel ID="Channel:0:0" Name="DAPI" Color="65535" EmissionWavelength="461" ExcitationWavelength="358"/>
   <Channel ID="Channel:0:1" Name="GFP" Color="16711935" EmissionWavelength="509" ExcitationWavelength="488"/>
   <TiffData IFD="0" PlaneCount="12"/><Plane TheZ="0" TheT="0" TheC="0" DeltaT="1.5"/></Pixels>
  <ROIRef ID="ROI:0"/></Image>
 <StructuredAnnotations><CommentAnnotation ID="Annotation:0"><Value>a note</Value></CommentAnnotation>
 </StructuredAnnotations>
 <ROI ID="ROI:0"><Union><Rectangle ID="Shape:0" X="1" Y="2" Width="3" Height="4"/></Union></ROI>
</OME>"""


def noise(shape: tuple[int, ...], dtype: str = "uint16") -> Any:
    """Random pixels, the same every time."""
    return np.random.default_rng(0).integers(0, 250, shape).astype(dtype)


def again(source: Path, target: Path) -> None:
    """What everybody writes first."""
    tiff.imwrite(target, denoised(tiff.imread(source)))


def make_ome(path: Path) -> None:
    pixels = noise((2, 3, 2, 64, 64))
    with tiff.TiffWriter(path, byteorder=">", ome=False) as writer:
        chosen = {"photometric": "minisblack", "compression": "lzw", "tile": (32, 32)}
        writer.write(pixels, description=OME_XML.encode(), metadata=None, subifds=1, **chosen)
        writer.write(pixels[..., ::2, ::2], subfiletype=1, metadata=None, **chosen)


def ome_facts(path: Path) -> Facts:
    with tiff.TiffFile(path) as tif:
        page, series = tif.pages[0], tif.series[0]
        said = ome_types.from_xml(tif.ome_metadata, validate=False)
        image, notes = said.images[0], said.structured_annotations
        pixels = image.pixels
        channels = pixels.channels
        sizes = [getattr(pixels, f"physical_size_{axis}") for axis in "xyz"]
        units = [getattr(pixels, f"physical_size_{axis}_unit").value for axis in "xyz"]
        return {
            "axes": series.axes,
            "pixel type": str(series.dtype),
            "PhysicalSizeX, Y and Z": _all(sizes),
            "PhysicalSizeXUnit, YUnit and ZUnit": _all(sizes) and units,
            "TimeIncrement and its unit": _all([pixels.time_increment]) and [
                pixels.time_increment, pixels.time_increment_unit.value,
            ],
            "Channel Name": _all([one.name for one in channels]),
            "Channel Color": [str(one.color) for one in channels],
            "Channel EmissionWavelength, ExcitationWavelength": _all(
                [wave for one in channels for wave in (one.emission_wavelength, one.excitation_wavelength)]
            ),
            "DeltaT of each plane": _all([plane.delta_t for plane in pixels.planes]),
            "AcquisitionDate": image.acquisition_date,
            "Image Name": image.name,
            "Description": image.description,
            "Instrument and Objective": _all([one.model_dump_json() for one in said.instruments]),
            "regions of interest (ROI)": _all([one.model_dump_json() for one in said.rois]),
            "StructuredAnnotations": _all([one.value for one in notes.comment_annotations]) if notes else None,
            "byte order": tif.byteorder,
            "compression": page.compression.name,
            "tiles": page.tile or None,
            "smaller sizes (pyramid)": len(series.levels) if len(series.levels) > 1 else None,
        }  # fmt: skip


def _all(values: list[Any]) -> list[Any] | None:
    return values if values and None not in values else None


def make_imagej(path: Path) -> None:
    ramp = np.arange(256, dtype=np.uint8)
    said = {
        "axes": "TZCYX", "unit": "\\u00B5m", "spacing": 0.5, "finterval": 2.5, "mode": "composite", "Info": "a note",
        "Labels": ["GFP", "DAPI"] * 6, "Ranges": [0.0, 100.0, 5.0, 200.0], "LUTs": [np.stack([ramp] * 3)] * 2,
        "ROI": b"Iout" + bytes(60), "Overlays": [b"Iout" + bytes(64), b"Iout" + bytes(72)],
    }  # fmt: skip
    tiff.imwrite(path, noise((2, 3, 2, 6, 7)), imagej=True, byteorder=">", resolution=(4.0, 5.0), metadata=said)


def imagej_facts(path: Path) -> Facts:
    with tiff.TiffFile(path) as tif:
        said, page = tif.imagej_metadata or {}, tif.pages[0]
        names = {
            "unit": "unit", "distance of slices (spacing)": "spacing", "time between frames (finterval)": "finterval",
            "mode of display": "mode", "lookup tables (LUTs)": "LUTs", "range of display (Ranges)": "Ranges",
            "outline (ROI)": "ROI", "Overlays": "Overlays", "Labels of the slices": "Labels", "Info": "Info",
        }  # fmt: skip
        return {
            "axes": tif.series[0].axes,
            "pixel type": str(tif.series[0].dtype),
            "pixel size (XResolution, YResolution)": [page.tags[name].value for name in ("XResolution", "YResolution")],
            **{name: said.get(key) for name, key in names.items()},
            "byte order": tif.byteorder,
        }


def make_plain(path: Path) -> None:
    with tiff.TiffWriter(path, byteorder=">", bigtiff=True) as writer:
        for index in range(3):
            writer.write(
                noise((64, 64, 4), "uint8"),
                photometric="rgb", extrasamples=["unassalpha"], metadata=None, description=f"plane {index}",
                software="a camera", datetime="2020:01:02 03:04:05", resolution=(300, 200), resolutionunit="INCH",
                compression="zlib", predictor=True, tile=(32, 32), iccprofile=b"a profile",
                extratags=[(315, 2, 0, "somebody", True), (65000, 12, 3, (1.5, 2.5, 3.5), True)],
            )  # fmt: skip


def plain_facts(path: Path) -> Facts:
    with tiff.TiffFile(path) as tif:
        tif.pages.useframes = False
        page = tif.pages[0]
        tags = {tag.code: tag.value for tag in page.tags}
        return {
            "pages": len(tif.pages),
            "pixel type": str(page.dtype),
            "resolution and its unit": [tags.get(code) for code in (282, 283, 296)],
            "ImageDescription of each page": [one.description for one in tif.pages],
            "Software": tags.get(305),
            "DateTime": tags.get(306),
            "Artist": tags.get(315),
            "colour profile": tags.get(34675),
            "private tags": tags.get(65000),
            "alpha, its values untouched": np.asarray(page.asarray()[..., 3]) if 338 in tags else None,
            "compression and predictor": [int(page.compression), tags.get(317)],
            "tiles": page.tile or None,
            "byte order": tif.byteorder,
            "BigTIFF": tif.is_bigtiff,
        }


BARE = "tifffile: `imwrite(result, denoised(imread(source)))`"
TRIALS = (
    Trial(
        "OME-TIFF", "a.ome.tif", "b.ome.tif", BARE, "ome-types and tifffile", make_ome, again, ome_facts,
        lost={"smaller sizes (pyramid)": "pyramid"},
    ),
    Trial("ImageJ TIFF", "a.tif", "b.tif", BARE, "tifffile", make_imagej, again, imagej_facts),
    Trial("TIFF", "a.tif", "b.tif", BARE, "tifffile", make_plain, again, plain_facts),
)  # fmt: skip
