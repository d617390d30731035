"""One exit for every format: written beside its final place, read again, compared, and only then renamed."""

import logging
import os
from pathlib import Path

import numpy as np

from noise2detail.errors import FileError, UnwritableFileError
from noise2detail.image import Image
from noise2detail.io.announced import check_memory
from noise2detail.io.atomic import alone, part_of, put, refuse_space, stepped_aside, translated
from noise2detail.io.checksums import Checksums
from noise2detail.io.flushing import flush, sent_meanwhile
from noise2detail.io.lazy import LazyPixels, nbytes
from noise2detail.io.names import FOLDERS, output_format, refuse_output
from noise2detail.io.sidecar import sidecar_path, sidecar_text, summary
from noise2detail.io.verify import verify
from noise2detail.io.writers import WRITERS, left_behind
from noise2detail.plans import Provenance
from noise2detail.types import PixelSource

log = logging.getLogger(__name__)


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
        Its suffix decides the format: .ome.tif, .ome.tiff, .tif, .tiff, .png, .bmp, .npy, .npz, .nii, .nii.gz, .mrc,
        .ome.zarr, .zarr, and for an image that came from DICOM .dcm, .dicom, .ima; without suffix a folder of slices,
        for one that came from such.
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
    check_memory_for(image, target)
    pixels = prepared(image, target)
    if pixels.dtype != image.array.dtype and not WRITERS[output_format(target)].narrows:
        log.warning("%s: such a file cannot hold %s; it is written as %s", target, image.array.dtype, pixels.dtype)
    refuse_space(target, nbytes(pixels))
    sums = Checksums()
    if isinstance(pixels, LazyPixels):
        pixels = sums.watching(pixels)
    note = summary(provenance) if provenance is not None else ""
    folder = output_format(target) in FOLDERS
    with translated(target), part_of(target, folder=folder) as part, part_of(sidecar_path(target)) as side:
        with sent_meanwhile(part, nbytes(pixels)):
            _write(part, target, image, pixels, note)
        flush(part)
        verify(part, target, image, pixels, sums)
        if provenance is not None:
            side.write_text(sidecar_text(provenance), encoding="utf-8")
            flush(side)
        with alone(target.parent):
            refuse_output(target, source, overwrite)  # somebody may have been faster
            _give_names(part, side if provenance is not None else None, target)
    return target


def _give_names(part: Path, side: Path | None, target: Path) -> None:
    """Rename the output and its sidecar, in an order in which no kill leaves a sidecar beside an output of another run.

    A new output appears after its sidecar, so that it is never without. Where one is replaced, the old sidecar goes
    first and the new one comes last: in between there is none.
    """
    place, new = sidecar_path(target), not os.path.lexists(target)
    with stepped_aside(place):
        if side is not None and new:
            side.replace(place)
        put(part, target)
        if side is not None and not new:
            side.replace(place)


def prepared(image: Image, target: Path, pixels: PixelSource | None = None) -> PixelSource:
    """Pixels of an image as the file can hold them.

    Raises
    ------
    UnwritableFileError
        It can hold neither these axes nor this type.
    """
    writer = WRITERS[output_format(target)]
    source = image.array if pixels is None else pixels
    return writer.prepare(target, image, source if writer.streams else np.asarray(source))


def check_memory_for(image: Image, target: Path) -> None:
    """Raise where pixels would have to leave a file and do not fit into memory, before any of them is read.

    Raises
    ------
    UnwritableFileError
        The format is written in one piece.
    """
    # what is compressed as one can be read again from its beginning only
    streams = WRITERS[output_format(target)].streams and target.suffix.lower() != ".gz"
    if streams or not isinstance(image.array, LazyPixels):
        return
    try:
        check_memory(target, nbytes(image.array))
    except FileError as error:
        raise UnwritableFileError(target, error.found, error.remedy) from error


def _write(part: Path, target: Path, image: Image, pixels: PixelSource, note: str) -> None:
    writer = WRITERS[output_format(target)]
    try:
        writer.write(part, target, image, pixels, note)
    except FileError as error:
        raise UnwritableFileError(target, error.found, error.remedy) from error
    except (OSError, MemoryError):
        raise
    except Exception as error:
        raise UnwritableFileError(
            target, f"could not be written ({error})", "choose a name that ends in .npy to keep the pixels"
        ) from error
    lost = left_behind(image, output_format(target))
    if lost:
        log.warning("%s: not carried over: %s", target, "; ".join(lost))
