"""One exit for every format: written beside its final place, read again, compared, and only then renamed."""

import logging
from pathlib import Path

import numpy as np

from noise2detail.errors import FileError, UnwritableFileError
from noise2detail.image import Image
from noise2detail.io.atomic import flush, part_of, refuse_space, translated
from noise2detail.io.imagej import DTYPES as IMAGEJ_DTYPES
from noise2detail.io.names import OutputFormat, output_format, refuse_output
from noise2detail.io.npy import write_npy
from noise2detail.io.png import check_png, write_png
from noise2detail.io.sidecar import sidecar_path, sidecar_text, summary
from noise2detail.io.template import TIFF_KEY, TiffTemplate
from noise2detail.io.tiff_fresh import write_ome, write_tif
from noise2detail.io.tiff_write import write_like
from noise2detail.io.verify import verify
from noise2detail.plans import Provenance
from noise2detail.types import Pixels

log = logging.getLogger(__name__)

_VOLUMES = {"nifti": "NIfTI", "mrc": "MRC", "dicom": "DICOM"}
"""Formats that can only be read, by the format of an image."""


def save_image(
    image: Image,
    path: Path | str,
    *,
    overwrite: bool = False,
    source: Path | str | None = None,
    provenance: Provenance | None = None,
) -> Path:
    """The path of the written file, which holds exactly this image.

    An image that came from a file of the same kind gets back everything that the file said; any other gets axes, scale
    and channel names as the format knows them.

    Parameters
    ----------
    image
        What to write.
    path
        Its suffix decides the format: .ome.tif, .ome.tiff, .tif, .tiff, .png, .npy.
    overwrite
        Replace an output of an earlier run.
    source
        The input, which is never overwritten.
    provenance
        Written beside the output, and as one line into it.

    Raises
    ------
    OutputExistsError
        The output is there already, or is the input.
    UnwritableFileError
        The format cannot hold the image, no space, no permission, or what was written reads differently. Nothing is
        left behind.
    """
    target = Path(path)
    refuse_output(target, source, overwrite)
    pixels = _holdable(image, target)
    refuse_space(target, pixels.nbytes)
    note = summary(provenance) if provenance is not None else ""
    with translated(target), part_of(target) as part, part_of(sidecar_path(target)) as side:
        _write(part, target, image, pixels, note)
        flush(part)
        verify(part, target, image, pixels)
        if provenance is not None:
            side.write_text(sidecar_text(provenance), encoding="utf-8")
            flush(side)
        refuse_output(target, source, overwrite)  # somebody may have been faster
        part.replace(target)
        if provenance is not None:
            side.replace(sidecar_path(target))
    return target


def _holdable(image: Image, target: Path) -> Pixels:
    pixels = np.asarray(image.array)
    kind = output_format(target)
    template = _template(image, kind)
    if kind == "png":
        check_png(target, image.axes, pixels)
    if template is not None and template.kind == "imagej" and str(pixels.dtype) not in IMAGEJ_DTYPES:
        log.warning("%s: an ImageJ TIFF cannot hold %s; it is written as float32", target, pixels.dtype)
        return pixels.astype(np.float32)
    return pixels


def _write(part: Path, target: Path, image: Image, pixels: Pixels, note: str) -> None:
    kind = output_format(target)
    template = _template(image, kind)
    try:
        if kind == "npy":
            write_npy(part, image, pixels)
        elif kind == "png":
            write_png(part, image, pixels, note)
        elif template is not None:
            write_like(part, image, pixels, template, note)
        elif kind == "ome":
            write_ome(part, target.name, image, pixels, note)
        else:
            write_tif(part, image, pixels, note)
    except FileError as error:
        raise UnwritableFileError(target, error.found, error.remedy) from error
    except (OSError, MemoryError):
        raise
    except Exception as error:
        raise UnwritableFileError(
            target, f"could not be written ({error})", "choose a name that ends in .npy to keep the pixels"
        ) from error
    if template is None and TIFF_KEY in image.metadata:
        log.warning(
            "%s: tags, lookup tables and notes of the original TIFF do not fit and are not carried over", target
        )
    if image.format in _VOLUMES:
        log.warning(
            "%s: position, orientation and other fields of the %s header do not fit and are not carried over",
            target,
            _VOLUMES[image.format],
        )


def _template(image: Image, kind: OutputFormat) -> TiffTemplate | None:
    template = image.metadata.get(TIFF_KEY)
    if (
        not isinstance(template, TiffTemplate)
        or kind not in {"tif", "ome"}
        or (kind == "ome") > (template.kind == "ome")
    ):
        return None
    same = template.shape == tuple(image.array.shape) and template.channel_names == image.channel_names
    if template.kind == "ome":
        # Scale is patched, and so are the lengths of T and Z; a change of channels would need another text.
        return template if same and template.axes.find("C") == image.axes.find("C") else None
    scaled = template.pixel_size_um == dict(image.pixel_size_um) and template.time_increment == image.time_increment
    return template if same and scaled and template.axes.find("S") == image.axes.find("S") else None
