"""TIFF of any image: like the file that it came from where that fits, else in the conventions of the name."""

from pathlib import Path

import numpy as np

from noise2detail.image import Image
from noise2detail.io.imagej import DTYPES as IMAGEJ_DTYPES
from noise2detail.io.lazy import converted
from noise2detail.io.template import TIFF_KEY, TiffTemplate
from noise2detail.io.tiff_fresh import write_ome, write_tif
from noise2detail.io.tiff_write import write_like
from noise2detail.types import PixelSource


def tiff_pixels(target: Path, image: Image, pixels: PixelSource, *, ome: bool) -> PixelSource:
    """The pixels in a type that the file can hold: an ImageJ TIFF knows few."""
    del target
    template = _template(image, ome=ome)
    foreign = template is not None and template.kind == "imagej" and str(pixels.dtype) not in IMAGEJ_DTYPES
    return converted(pixels, np.float32) if foreign else pixels


def write_tiff(part: Path, target: Path, image: Image, pixels: PixelSource, note: str, *, ome: bool) -> None:
    """Write ``part``, which will be called ``target``."""
    template = _template(image, ome=ome)
    if template is not None:
        write_like(part, image, pixels, template, note)
        return
    if ome:
        write_ome(part, target.name, image, pixels, note)
    else:
        write_tif(part, image, pixels, note)


def fits(image: Image, *, ome: bool) -> bool:
    """Whether everything that the original TIFF held goes into the new one."""
    return _template(image, ome=ome) is not None


def _template(image: Image, *, ome: bool) -> TiffTemplate | None:
    template = image.metadata.get(TIFF_KEY)
    if not isinstance(template, TiffTemplate) or ome > (template.kind == "ome"):
        return None
    same = template.shape == tuple(image.array.shape) and template.channel_names == image.channel_names
    if template.kind == "ome":
        # Scale is patched, and so are the lengths of T and Z; a change of channels would need another text.
        return template if same and template.axes.find("C") == image.axes.find("C") else None
    scaled = template.pixel_size_um == dict(image.pixel_size_um) and template.time_increment == image.time_increment
    return template if same and scaled and template.axes.find("S") == image.axes.find("S") else None
