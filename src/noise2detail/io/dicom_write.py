"""DICOM files derived from those that an image came from: one of its own, or a folder of slices."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from noise2detail.errors import FileError, UnwritableFileError
from noise2detail.image import Image
from noise2detail.io.dicom import begins_like_dicom, unheard
from noise2detail.io.dicom_derive import derived
from noise2detail.io.dicom_template import DICOM_KEY, DicomFile, DicomTemplate
from noise2detail.io.dicom_units import in_units
from noise2detail.io.lazy import LazyPixels, planes_of
from noise2detail.io.names import WRITABLE, split_suffix
from noise2detail.types import Pixels, PixelSource

_OTHERS = "choose a name that ends in .tif or .npy"


def dicom_pixels(target: Path, image: Image, pixels: PixelSource, *, series: bool) -> PixelSource:
    """The pixels as they will read: rounded to what the bits of the file hold, padding as it was.

    Parameters
    ----------
    target, image, pixels
        What is to be written, and where.
    series
        A folder of slices, not one file.

    Raises
    ------
    UnwritableFileError
        The image did not come from such files, or is no longer what they describe; or its pixels have another type.
    """
    template = _template(target, image, series=series)
    _refuse_changes(target, template, image, pixels)
    if series:
        _refuse_foreign_folder(target)
    if isinstance(pixels, LazyPixels):
        return pixels  # whether they come back is seen when they are read again
    planes = [_stored(file, part) for file, part in _parts(template, pixels)]
    if template.files[0].colour:
        return planes[0]
    if series or len(template.files[0].rescales) == 1:
        units = in_units(planes, [file.rescales[0] for file in template.files])
        return units if series else units[0]
    return in_units(planes[0], template.files[0].rescales)


def write_dicom(part: Path, target: Path, image: Image, pixels: PixelSource, note: str, *, series: bool) -> None:
    """Write ``part``, which will be called ``target``.

    Raises
    ------
    UnwritableFileError
        The fields of the source cannot be written; what they say is not quoted.
    """
    template = _template(target, image, series=series)
    place = str(target.resolve()) if series else f"{target.parent.resolve()} {_addition(target, template.files[0])}"
    for file, units in _parts(template, pixels):
        _refuse_unwritable(target, file)
        stored = _stored(file, units)
        with unheard():
            try:
                fields = derived(file, place, note)
                _set_pixels(fields, file, stored)
                fields.save_as(part / file.name if series else part, enforce_file_format=True)
            except (FileError, OSError, MemoryError):
                raise
            except Exception as error:
                found = f"the fields of {file.name} cannot be written as DICOM ({type(error).__name__})"
                raise UnwritableFileError(target, found, _OTHERS) from error


def dicom_lost(image: Image) -> str:
    """What a derived file cannot carry over, in words; empty: nothing."""
    template = image.metadata.get(DICOM_KEY)
    if not isinstance(template, DicomTemplate):
        return ""
    # the slices of a large series are alike, and each would have to be read
    lost = any(file.overlays for file in (template.files if isinstance(template.files, tuple) else template.files[:1]))
    return "overlays in unused bits of the pixels" if lost else ""


def _template(target: Path, image: Image, *, series: bool) -> DicomTemplate:
    template = image.metadata.get(DICOM_KEY)
    ours = isinstance(template, DicomTemplate)
    if isinstance(template, DicomTemplate) and template.series == series:
        return template
    if series:
        one = ", for an image of one DICOM file .dcm" if ours else ""
        raise UnwritableFileError(
            target, "files named without suffix cannot be written", f"choose one of {WRITABLE}{one}"
        )
    if ours:
        raise UnwritableFileError(
            target, "is one file, and the image is a series of slices", "give a name without suffix, for a folder"
        )
    raise UnwritableFileError(
        target, "the image did not come from a DICOM file: patient, study and position are unknown", _OTHERS
    )


def _refuse_unwritable(target: Path, file: DicomFile) -> None:
    if file.refusal:
        raise UnwritableFileError(target, f"{file.name}: {file.refusal}", _OTHERS)


def _refuse_changes(target: Path, template: DicomTemplate, image: Image, pixels: PixelSource) -> None:
    for file in template.files[:1] if isinstance(pixels, LazyPixels) else template.files:
        _refuse_unwritable(target, file)
    if pixels.dtype != template.dtype and not _same_kind(pixels.dtype, template.dtype):
        raise UnwritableFileError(
            target,
            f"DICOM keeps the pixel type of its source, {template.dtype}, and cannot hold {pixels.dtype}",
            _OTHERS,
        )
    now = (image.axes, tuple(pixels.shape), dict(image.pixel_size_um), image.time_increment)
    then = (template.axes, template.shape, template.pixel_size_um, template.time_increment)
    for name, found, wanted in zip(("axes", "shape", "pixel size", "time increment"), now, then, strict=True):
        if found != wanted:
            raise UnwritableFileError(
                target, f"the image has another {name} than its DICOM source: {found} instead of {wanted}", _OTHERS
            )


def _same_kind(found: np.dtype[Any], wanted: np.dtype[Any]) -> bool:
    """Whether the types differ in the order of bytes alone."""
    return found.newbyteorder("=") == wanted.newbyteorder("=")


def _refuse_foreign_folder(target: Path) -> None:
    """Raise where replacing a folder would remove anything but DICOM files."""
    for path in sorted(target.iterdir()) if target.is_dir() else ():
        if not path.is_file() or not begins_like_dicom(path):
            raise UnwritableFileError(target, f"holds {path.name}, which is no DICOM file", "choose another folder")


def _parts(template: DicomTemplate, pixels: PixelSource) -> Iterator[tuple[DicomFile, Pixels]]:
    """Each file with its pixels."""
    return zip(template.files, planes_of(pixels, 2) if template.series else [np.asarray(pixels)], strict=True)


def _stored(file: DicomFile, units: Pixels) -> Pixels:
    """Pixels as the file stores them: rescaled back, rounded half to even, clipped, padding as it was."""
    frames = units if len(file.rescales) > 1 else units[np.newaxis]
    result = np.empty(frames.shape, file.dtype)
    for target, frame, (slope, intercept) in zip(result, frames, file.rescales, strict=True):
        target[...] = np.clip(np.rint((frame.astype(np.float64) - intercept) / slope), *file.limits)
    result = result.reshape(units.shape)
    if file.kept is not None:
        result[file.kept] = file.values
    return result


def _set_pixels(fields: Any, file: DicomFile, stored: Pixels) -> None:
    bits = 8 * stored.dtype.itemsize
    fields.BitsAllocated = bits
    fields.BitsStored = min(int(fields.BitsStored), bits)
    fields.HighBit = fields.BitsStored - 1
    if file.colour:
        if fields.PhotometricInterpretation != "RGB":
            fields.PhotometricInterpretation, fields.PlanarConfiguration = "RGB", 0
        if fields.get("PlanarConfiguration") == 1:
            stored = np.moveaxis(stored, -1, -3)
    _, little = fields.original_encoding
    content = stored.astype(stored.dtype.newbyteorder("<" if little else ">")).tobytes()
    fields.PixelData = content + b"\0" * (len(content) % 2)
    fields["PixelData"].VR = "OB" if bits == 8 else "OW"


def _addition(target: Path, file: DicomFile) -> str:
    """What the name of an output adds to that of its source, such as ``_denoised``: stages are series of their own."""
    stem, source = split_suffix(target)[0], split_suffix(Path(file.name))[0]
    return stem[len(source) :] if stem.startswith(f"{source}_") else ""
