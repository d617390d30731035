"""DICOM images of one or many frames, grey or colour, in the units of the modality.

Only fields that describe pixels are interpreted; all others, which name a patient, are carried along unread for the
writer. ``pydicom`` parses and decodes; its warnings and exceptions, which may quote any field, stay inside.
"""

import logging
import math
import mmap
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from noise2detail.errors import Noise2DetailError, UnreadableFileError
from noise2detail.image import Image, check_axes
from noise2detail.io.announced import check_announced
from noise2detail.io.atomic import PART_SUFFIX
from noise2detail.io.describe import FACTS_KEY
from noise2detail.io.dicom_codec import DECODABLE
from noise2detail.io.dicom_fields import FieldError, frame_count, padding_range, rescale, whole
from noise2detail.io.dicom_geometry import placement, scale
from noise2detail.io.dicom_padding import told_padding
from noise2detail.io.dicom_template import DICOM_KEY, PIXEL_FIELDS, DicomFile, DicomTemplate, dicom_file
from noise2detail.io.dicom_units import in_units
from noise2detail.io.embedded import embedded_size
from noise2detail.io.placement import PLACEMENT_KEY
from noise2detail.types import Pixels

log = logging.getLogger(__name__)

PADDING_KEY = "padding"
"""Key, in the metadata of an image, of the lowest and highest value that marks pixels where nothing was measured."""

NO_IMAGE = "a DICOM file without an image"

DAMAGED = "it is truncated or damaged: copy or export it again"

_TAGS = [
    *("SOPClassUID", "SeriesInstanceUID", "SeriesNumber", "Modality", "Rows", "Columns", "SamplesPerPixel"),
    *("NumberOfFrames", "PhotometricInterpretation", "PlanarConfiguration", "BitsAllocated", "BitsStored", "HighBit"),
    *("PixelRepresentation", "RescaleSlope", "RescaleIntercept", "RescaleType", "ModalityLUTSequence"),
    *("PixelPaddingValue", "PixelPaddingRangeLimit", "PixelSpacing", "SpacingBetweenSlices", "FrameTime"),
    *("ImagePositionPatient", "ImageOrientationPatient", "TotalPixelMatrixColumns", "LossyImageCompression"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
    *("ExtendedOffsetTable", "ExtendedOffsetTableLengths"),
]
_DIRECTORY = "1.2.840.10008.1.3.10"
_DEFLATED = "1.2.840.10008.1.2.1.99"
_LOSSY = frozenset({"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81"})
_BEGINNINGS = (b"\x08\0", b"\0\x08", b"\x02\0", b"\0\x02")
_UNDEFINED = 0xFFFFFFFF
_PIECE = 2**20
_HEAD = 132
_FRAME_HEAD = 2**12


def is_dicom(path: Path, head: bytes) -> bool:
    """Whether a file is DICOM by its first bytes; one without the usual preamble has to be named ``.dcm`` too."""
    if head[128:132] == b"DICM":
        return True
    return path.suffix.lower() == ".dcm" and head.startswith(_BEGINNINGS)


def begins_like_dicom(path: Path) -> bool:
    """Whether a file is DICOM, as far as its beginning tells.

    Raises
    ------
    UnreadableFileError
        It cannot be opened.
    """
    try:
        with path.open("rb") as stream:
            return is_dicom(path, stream.read(_HEAD))
    except OSError as error:
        raise UnreadableFileError(path, f"cannot be read ({error.strerror})", "check its permissions") from error


def read_dicom(path: Path, axes: str | None = None) -> Image:
    """The image of a DICOM file, in Hounsfield units or whatever its rescale slope and intercept lead to.

    Axes are ``YX``, with ``S`` for colours (always RGB) and ``T`` or ``Z`` for frames. Values are int16 where slope
    and intercept are whole numbers and the result fits, else float32; as stored where nothing is to be rescaled. Pixels
    that are marked as padding keep their value, which stands in the metadata under ``PADDING_KEY``.

    Parameters
    ----------
    path
        The file.
    axes
        Overrides the meaning of the dimensions.

    Raises
    ------
    AxesError
        ``axes`` does not fit.
    UnreadableFileError
        Damaged, truncated, no image, or compressed in a way that nothing here can decode.
    """
    header = read_header(path)
    stored = read_stored(path, header)
    with parsing(path, "header"):
        frames = frame_count(header)
        rescales = tuple(rescale(header, frame) for frame in range(frames))
        letters, sizes, increment = scale(header, frames)
        where = placement(header, frames, letters, stored.shape)
        padding = padding_range(header, *rescales[0])
        told = facts(header)
        if "ModalityLUTSequence" in header:
            pixels = _looked_up(stored, header)
        elif whole(header, "SamplesPerPixel", 1) > 1:
            pixels = stored
        else:
            pixels = in_units(stored if frames > 1 else stored[np.newaxis], rescales)
            pixels = pixels if frames > 1 else pixels[0]
    named = axes or letters
    check_axes(named, pixels.shape)
    if _is_lossy(header) and path.suffix != PART_SUFFIX:  # what is being written was warned of when it was read
        log.warning("%s: its pixels were compressed with losses, which has changed the noise", path)
    file = source_file(path, header, stored, rescales)
    template = DicomTemplate((file,), False, letters, pixels.shape, pixels.dtype, sizes, increment)
    told += told_padding(file.kept)
    metadata = {FACTS_KEY: told, DICOM_KEY: template} | ({PADDING_KEY: padding} if padding else {})
    metadata |= {PLACEMENT_KEY: where} if where else {}
    sizes = {axis: size for axis, size in sizes.items() if axis in named}
    times = increment if "T" in named else None
    return Image(pixels, named, sizes, times, format="dicom", metadata=metadata, no_data=file.kept)


def source_file(path: Path, header: Any, stored: Pixels, rescales: tuple[tuple[float, float], ...]) -> DicomFile:
    """What the writer needs of a file besides its pixels in units.

    Parameters
    ----------
    path
        The file.
    header, stored
        As read from it.
    rescales
        Slope and intercept of each frame.
    """
    fields: Any = None
    with unheard(), suppress(Exception):  # whoever writes no DICOM needs no more than the pixels
        fields = _parse(path, None)
        fields.buffer = None
    with parsing(path, "header"):
        return dicom_file(path.name, fields, header, stored, rescales)


def read_header(path: Path) -> Any:
    """The fields that describe the pixels of a DICOM image, checked against the size of the file.

    Raises
    ------
    UnreadableFileError
        No DICOM, no image, or one that cannot be read.
    """
    with parsing(path, "header"):
        header = _parse(path, _TAGS, stop_before_pixels=True)
        _refuse_other_objects(path, header)
        _refuse_other_pixels(path, header)
        _check_size(path, header)
    return header


def read_stored(path: Path, header: Any) -> Pixels:
    """The decoded pixels, not rescaled: ``(frame, row, column, sample)`` without those that are single.

    Raises
    ------
    UnreadableFileError
        Truncated, damaged, or no pixels.
    """
    with parsing(path, "pixels"):
        decoder = _decoder(path, header)
        content = _parse(path, [*_TAGS, *PIXEL_FIELDS])
        found = next((name for name in PIXEL_FIELDS if name in content), None)
        if found is None:
            raise UnreadableFileError(path, "a DICOM file without pixels", DAMAGED)
        element = content.get_item(found)
        length = getattr(element, "length", _UNDEFINED)
        if length != _UNDEFINED and len(element.value) < length:
            raise UnreadableFileError(path, f"has {len(element.value)} of {length} bytes of pixels", DAMAGED)
        _check_frames(path, header, element.value)
        pixels, _ = decoder.as_array(content)
    return np.asarray(pixels.astype(pixels.dtype.newbyteorder("="), copy=False))


def facts(header: Any) -> tuple[tuple[str, str], ...]:
    """Label and text of what a header says about its pixels."""
    modality = str(header.get("Modality", ""))
    unit = str(header.get("RescaleType") or ("HU" if modality == "CT" else ""))
    rows = [("modality", modality if modality.isalnum() and len(modality) <= 16 else "unknown")]
    rows += [("values", "Hounsfield units")] if unit == "HU" else []
    rows += [
        ("stored as", f"{whole(header, 'BitsStored', 0)} bits, {header.file_meta.TransferSyntaxUID.name}"),
    ]
    return tuple(rows)


@contextmanager
def parsing(path: Path, what: str) -> Iterator[None]:
    """Let no exception, warning or log line of the parser out: they may quote what the file says.

    Parameters
    ----------
    path
        The file.
    what
        Part of it, for the message.

    Raises
    ------
    UnreadableFileError
        Instead of whatever was raised.
    """
    try:
        with unheard():
            yield
    except (Noise2DetailError, MemoryError):
        raise
    except Exception as error:
        quotable = what == "pixels" or isinstance(error, FieldError)
        said = " ".join(str(error).split())[:200] if quotable else type(error).__name__
        raise UnreadableFileError(path, f"the {what} of this DICOM file cannot be read ({said})", DAMAGED) from error


@contextmanager
def unheard() -> Iterator[None]:
    """Let no warning or log line of the parser out."""
    here = threading.get_ident()

    def others(record: logging.LogRecord) -> bool:
        return record.thread != here

    logger = logging.getLogger("pydicom")
    logger.addFilter(others)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.removeFilter(others)


def _parse(path: Path, tags: list[str] | None, **options: Any) -> Any:
    import pydicom

    # A map never reads or leaps beyond the end of the file, whatever lengths the fields claim.
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        _refuse_inflating(path, content)
        source: Any = content
        found = pydicom.dcmread(source, force=True, specific_tags=tags, **options)
    if "TransferSyntaxUID" not in found.file_meta:
        implicit, little = found.original_encoding
        uid = pydicom.uid
        plain = uid.ExplicitVRLittleEndian if little else uid.ExplicitVRBigEndian
        found.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian if implicit else plain
    return found


def _refuse_inflating(path: Path, content: mmap.mmap) -> None:
    """Raise where a deflated data set would not fit into the memory; the parser inflates it whole."""
    end = 144 + int.from_bytes(content[140:144], "little")  # of the fields that are never deflated
    if content[128:132] != b"DICM" or _DEFLATED.encode() not in content[144 : min(end, 2**16)]:
        return
    inflater, size, limit = zlib.decompressobj(-15), 0, int(psutil.virtual_memory().available)
    for start in range(end, len(content), _PIECE):
        pending = content[start : start + _PIECE]
        while pending and size <= limit:
            size += len(inflater.decompress(pending, 16 * _PIECE))
            pending = inflater.unconsumed_tail
    check_announced(path, size, len(content), compressed=True)


def _refuse_other_objects(path: Path, header: Any) -> None:
    kind = header.get("SOPClassUID")
    if _DIRECTORY in {kind, header.file_meta.get("MediaStorageSOPClassUID")}:
        raise UnreadableFileError(path, "a DICOMDIR: an index of files, not an image", "give the images themselves")
    if not whole(header, "Rows", 0) or not whole(header, "Columns", 0):
        name = f" ({kind.name})" if kind else ""
        raise UnreadableFileError(path, f"{NO_IMAGE}{name}", "expected rows and columns of pixels")


def _refuse_other_pixels(path: Path, header: Any) -> None:
    meaning, samples = header.get("PhotometricInterpretation", ""), whole(header, "SamplesPerPixel", 1)
    if meaning == "PALETTE COLOR":
        found = "a DICOM image with a palette: its pixels are colour numbers, not intensities"
        raise UnreadableFileError(path, found, "export it in greyscale or RGB")
    if samples not in {1, 3}:
        raise UnreadableFileError(path, f"has {samples} samples per pixel; expected 1 or 3", DAMAGED)
    if whole(header, "BitsAllocated") < 8:
        raise UnreadableFileError(
            path, "a DICOM segmentation of 1 bit per pixel; expected 8 or more", "denoise the image it was made from"
        )
    if "TotalPixelMatrixColumns" in header and frame_count(header) > 1:
        raise UnreadableFileError(
            path,
            "a whole slide in tiles, one in each frame",
            "convert it to OME-TIFF first, for example with bfconvert",
        )


def _check_size(path: Path, header: Any) -> None:
    count = frame_count(header) * math.prod(whole(header, name, 1) for name in ("Rows", "Columns", "SamplesPerPixel"))
    announced = count * whole(header, "BitsAllocated") // 8
    syntax = header.file_meta.TransferSyntaxUID
    packed = syntax.is_private or syntax.is_compressed
    if not packed and header.get("PhotometricInterpretation") == "YBR_FULL_422":
        announced = announced * 2 // 3  # two pixels share their colour
    check_announced(path, announced, path.stat().st_size, compressed=packed)


def _check_frames(path: Path, header: Any, pixels: bytes) -> None:
    """Raise where a compressed frame announces another size than the header: it would be decoded before that shows."""
    from pydicom.encaps import generate_frames

    if not header.file_meta.TransferSyntaxUID.is_encapsulated:
        return
    expected = whole(header, "Rows"), whole(header, "Columns")
    for frame in generate_frames(pixels, number_of_frames=frame_count(header)):
        size = embedded_size(frame[:_FRAME_HEAD]) or embedded_size(frame)
        if size and size != expected:
            found = f"a compressed frame of {size[0]}x{size[1]} pixels; the header says {expected[0]}x{expected[1]}"
            raise UnreadableFileError(path, found, DAMAGED)


def _decoder(path: Path, header: Any) -> Any:
    from pydicom.pixels.decoders.base import Decoder, get_decoder

    syntax = header.file_meta.TransferSyntaxUID
    try:
        if syntax in DECODABLE:
            decoder = Decoder(syntax)
            decoder.add_plugin("imagecodecs", ("noise2detail.io.dicom_codec", "decode_frame"))
        else:
            decoder = get_decoder(syntax)
        available = decoder.is_available
    except NotImplementedError:
        available = False
    if not available:
        name = syntax.name if syntax.is_valid else "something unknown"
        raise UnreadableFileError(
            path,
            f"its pixels are compressed as {name}, which cannot be decoded here",
            "decompress it first, for example with dcmdjpeg, dcmdjpls or gdcmconv --raw",
        )
    return decoder


def _looked_up(stored: Pixels, header: Any) -> Pixels:
    from pydicom.pixels.processing import apply_modality_lut

    return np.asarray(apply_modality_lut(stored, header))


def _is_lossy(header: Any) -> bool:
    return header.file_meta.TransferSyntaxUID in _LOSSY or header.get("LossyImageCompression") == "01"
