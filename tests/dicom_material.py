"""DICOM files made by pydicom, for tests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID

from noise2detail.errors import UnreadableFileError
from noise2detail.io import open_image

IMPLICIT, EXPLICIT, DEFLATED, BIG = (f"1.2.840.10008.1.2{tail}" for tail in ("", ".1", ".1.99", ".2"))
BASELINE, EXTENDED, LOSSLESS, FIRST_ORDER, JPEG_LS, J2K, RLE = (
    f"1.2.840.10008.1.2.{tail}" for tail in ("4.50", "4.51", "4.57", "4.70", "4.80", "4.90", "5")
)
SECRET = "DOE^JANE"


def refused(path: Path, *parts: str, read: Callable[[Path], Any] = open_image) -> str:
    with pytest.raises(UnreadableFileError) as caught:
        read(path)
    message = str(caught.value)
    for part in (path.name, *parts):
        assert part in message, message
    assert caught.value.remedy
    assert SECRET not in message
    return message


def dataset(pixels: Any, syntax: str = EXPLICIT, frames: list[bytes] | None = None, **fields: Any) -> Any:
    """A secondary capture as pydicom makes it, of grey planes, or of colours where the last of three axes is 3."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(syntax)
    meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.2")
    meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    made: Any = FileDataset(
        "", {}, file_meta=meta, preamble=bytes(128), is_implicit_VR=syntax == IMPLICIT, is_little_endian=syntax != BIG
    )
    made.SOPClassUID, made.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    made.PatientName, made.PatientID, made.Modality = SECRET, SECRET, "CT"
    colour = pixels.ndim > 2 and pixels.shape[-1] == 3
    made.SamplesPerPixel = 3 if colour else 1
    made.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    made.Rows, made.Columns = pixels.shape[:2] if colour else pixels.shape[-2:]
    if pixels.ndim > 2 + colour:
        made.NumberOfFrames = len(pixels)
    if colour:
        made.PlanarConfiguration = 0
    made.BitsAllocated = 8 * pixels.itemsize
    made.BitsStored, made.HighBit = made.BitsAllocated, made.BitsAllocated - 1
    made.PixelRepresentation = int(pixels.dtype.kind == "i")
    order = ">" if syntax == BIG else "<"
    made.PixelData = encapsulate(frames) if frames else pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    made["PixelData"].VR = "OB" if frames or pixels.itemsize == 1 else "OW"
    made["PixelData"].is_undefined_length = bool(frames)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def write(path: Path, pixels: Any, *arguments: Any, **fields: Any) -> Path:
    dataset(pixels, *arguments, **fields).save_as(path, enforce_file_format=True)
    return path
