"""One small file of every kind that can be read, made here: a further kind is a function and a line in ``SEEDS``."""

import gzip
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID

import imagecodecs
import mrcfile
import nibabel
import numpy as np
import tifffile
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import UID

from tests import dicom_material
from tests.mutation.folder_seeds import FOLDERS, dicom_marks, same_uids
from tests.mutation.raster_seeds import RASTERS
from tests.mutation.seed import Change, Seed, pixels
from tests.mutation.vendor_seeds import VENDORS

tiff: Any = tifffile
nib: Any = nibabel
mrc: Any = mrcfile

# --- TIFF ----------------------------------------------------------------------------------------------------------


def tiff_marks(content: bytes) -> list[int]:
    """Where directories, entries, values and pixels begin, and where pixels end."""
    marks = {4, 8}
    with tiff.TiffFile(io.BytesIO(content)) as file:
        for page in file.pages:
            marks |= {page.offset, *page.dataoffsets}
            marks |= {at + count for at, count in zip(page.dataoffsets, page.databytecounts, strict=True)}
            if hasattr(page, "tags"):
                marks |= {place for tag in page.tags for place in (tag.offset, tag.offset + 4, tag.offset + 8)}
                marks |= {tag.valueoffset for tag in page.tags}
    return sorted(marks)


def tiff_retext(content: bytes, change: Change) -> bytes:
    """The file with a changed description, which goes to its end where it has grown."""
    stream = io.BytesIO(content)
    with tiff.TiffFile(stream) as file:
        said = file.pages[0].description.encode()
    stream.seek(0)  # a file is taken to begin where the stream stands
    tiff.tiffcomment(stream, change(said))
    return stream.getvalue()


def _same_uuid() -> Any:
    return patch("uuid.uuid1", lambda: UUID(int=1))


def _tiff(*shape: int, dtype: str = "uint16", **options: Any) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        with _same_uuid():
            tiff.imwrite(path, pixels(*shape, dtype=dtype), **({"photometric": "minisblack"} | options))

    return make


def _pages(path: Path) -> None:
    with tiff.TiffWriter(path) as writer:
        for plane in pixels(4, 12, 16):
            writer.write(plane, metadata=None, photometric="minisblack")


def _pyramid(path: Path) -> None:
    whole = pixels(48, 48)
    with _same_uuid(), tiff.TiffWriter(path) as writer:
        writer.write(whole, subifds=1, metadata={"axes": "YX"}, tile=(16, 16), compression="zlib")
        writer.write(whole[::2, ::2], subfiletype=1, tile=(16, 16), compression="zlib")


_OME = {"axes": "TCYX", "PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "µm", "TimeIncrement": 2.0} | {
    "Channel": {"Name": ["a", "b"]}
}
_IMAGEJ: dict[str, Any] = {
    "imagej": True,
    "resolution": (4.0, 4.0),
    "metadata": {"axes": "TZCYX", "unit": "um", "spacing": 0.5, "finterval": 2.0, "Labels": list("abcdefgh")},
}

# --- others --------------------------------------------------------------------------------------------------------


def _png(*shape: int, dtype: str = "uint16") -> Callable[[Path], object]:
    def make(path: Path) -> None:
        path.write_bytes(imagecodecs.png_encode(pixels(*shape, dtype=dtype)))

    return make


def png_marks(content: bytes) -> list[int]:
    """Where chunks and their contents begin."""
    marks, at = [16, 20, 24, 25], 8
    while at + 8 <= len(content):
        marks += [at, at + 4, at + 8]
        at += 12 + int.from_bytes(content[at : at + 4], "big")
    return marks


def png_close(content: bytes) -> bytes:
    """The file with right checksums, as far as its chunks can be followed."""
    result, at = bytearray(content), 8
    while at + 12 <= len(result):
        end = at + 8 + int.from_bytes(result[at : at + 4], "big")
        if end + 4 > len(result):
            break
        result[end : end + 4] = struct.pack(">I", zlib.crc32(result[at + 4 : end]))
        at = end + 4
    return bytes(result)


def _npy(path: Path) -> None:
    np.save(path, pixels(12, 16))


def npy_retext(content: bytes, change: Change) -> bytes:
    """The file with a changed header of the right length."""
    end = 10 + int.from_bytes(content[8:10], "little")
    header = change(content[10:end].rstrip()) + b"\n"
    return content[:8] + struct.pack("<H", len(header) % 2**16) + header + content[end:]


def _nifti(kind: Any) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        image = kind(pixels(16, 12, 3, dtype="int16"), np.eye(4))
        image.header.set_xyzt_units("mm", "sec")
        nib.save(image, path)

    return make


def _repack(content: bytes) -> bytes:
    return gzip.compress(content, 1, mtime=0)


def _mrc(path: Path) -> None:
    with mrc.new(path) as file:
        file.set_data(pixels(3, 12, 16, dtype="int16"))
        file.voxel_size = 2.0


def _dicom(syntax: str, *shape: int) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        values = pixels(*shape)
        encoder = get_encoder(UID(syntax)) if syntax == dicom_material.RLE else None
        planes = values if values.ndim > 2 else values[np.newaxis]
        facts: dict[str, Any] = {"rows": shape[-2], "columns": shape[-1], "number_of_frames": 1, "samples_per_pixel": 1}
        facts |= {"bits_allocated": 16, "bits_stored": 16, "pixel_representation": 0}
        facts |= {"photometric_interpretation": "MONOCHROME2"}
        frames = [encoder.encode(plane.tobytes(), **facts) for plane in planes] if encoder else None
        rescale = {"RescaleSlope": "1", "RescaleIntercept": "-1024"} if values.ndim > 2 else {}
        with same_uids():
            dicom_material.write(path, values, syntax, frames, PixelSpacing=["0.5", "0.5"], **rescale)

    return make


_HEADER = tuple(range(40, 128, 2))

SEEDS: dict[str, Seed] = {
    "tiff": Seed(".tif", _tiff(16, 20), None, tiff_marks),
    "tiff/big": Seed(".tif", _tiff(16, 20, bigtiff=True, byteorder=">"), None, tiff_marks),
    "tiff/pages": Seed(".tif", _pages, None, tiff_marks),
    "tiff/shaped": Seed(".tif", _tiff(4, 12, 16, metadata={"axes": "ZYX"}), None, tiff_marks, retext=tiff_retext),
    "tiff/lzw": Seed(".tif", _tiff(4, 16, 20, compression="lzw", predictor=True, rowsperstrip=4), "ZYX", tiff_marks),
    "tiff/tiles": Seed(".tif", _tiff(3, 40, 36, compression="zlib", tile=(16, 16)), "ZYX", tiff_marks),
    "tiff/jpeg": Seed(".tif", _tiff(32, 32, dtype="uint8", compression="jpeg"), None, tiff_marks),
    "tiff/zstd": Seed(".tif", _tiff(3, 16, 20, compression="zstd"), "ZYX", tiff_marks),
    "tiff/jpeg2000": Seed(".tif", _tiff(32, 32, dtype="uint8", compression="jpeg2000"), None, tiff_marks),
    "tiff/jpegxl": Seed(".tif", _tiff(32, 32, dtype="uint8", compression="jpegxl"), None, tiff_marks),
    "tiff/webp": Seed(".tif", _tiff(32, 32, 3, dtype="uint8", compression="webp", photometric="rgb"), None, tiff_marks),
    "tiff/lerc": Seed(".tif", _tiff(32, 32, compression="lerc"), None, tiff_marks),
    "tiff/png": Seed(".tif", _tiff(32, 32, compression="png"), None, tiff_marks),
    "tiff/jpegxr": Seed(".tif", _tiff(32, 32, compression="jpegxr"), None, tiff_marks),
    "tiff/lzma": Seed(".tif", _tiff(32, 32, compression="lzma"), None, tiff_marks),
    "tiff/float": Seed(
        ".tif", _tiff(3, 16, 20, dtype="float32", compression="zlib", predictor=True), "ZYX", tiff_marks
    ),
    "tiff/planar": Seed(
        ".tif", _tiff(3, 12, 16, dtype="uint8", photometric="rgb", planarconfig="separate"), None, tiff_marks
    ),
    "tiff/packbits": Seed(".tif", _tiff(32, 32, compression="packbits"), None, tiff_marks),
    "tiff/rgb": Seed(".tif", _tiff(12, 16, 3, dtype="uint8", photometric="rgb"), None, tiff_marks),
    "ome-tiff": Seed(
        ".ome.tif", _tiff(3, 2, 12, 16, metadata=_OME, compression="zlib"), None, tiff_marks, retext=tiff_retext
    ),
    "ome-tiff/pyramid": Seed(".ome.tif", _pyramid, None, tiff_marks, retext=tiff_retext),
    "imagej-tiff": Seed(".tif", _tiff(2, 2, 2, 12, 16, **_IMAGEJ), None, tiff_marks, retext=tiff_retext),
    "png": Seed(".png", _png(16, 20), None, png_marks, close=png_close),
    "png/rgba": Seed(".png", _png(16, 20, 4, dtype="uint8"), None, png_marks, close=png_close),
    "npy": Seed(".npy", _npy, None, lambda _: (6, 8, 10, 64, 127, 128), retext=npy_retext),
    "nifti": Seed(".nii", _nifti(nib.Nifti1Image), None, lambda _: (0, *_HEADER, 344, 348, 352)),
    "nifti/2": Seed(".nii", _nifti(nib.Nifti2Image), None, lambda _: (0, 4, *range(12, 192, 4), 500, 540, 544)),
    "nifti/gz": Seed(
        ".nii.gz", _nifti(nib.Nifti1Image), None, lambda _: (0, *_HEADER, 352), open_up=gzip.decompress, close=_repack
    ),
    "mrc": Seed(".mrc", _mrc, None, lambda _: (*range(0, 224, 4), 1024)),
    "dicom": Seed(".dcm", _dicom(dicom_material.EXPLICIT, 12, 16), None, dicom_marks),
    "dicom/frames": Seed(".dcm", _dicom(dicom_material.EXPLICIT, 3, 12, 16), None, dicom_marks),
    "dicom/rle": Seed(".dcm", _dicom(dicom_material.RLE, 3, 12, 16), None, dicom_marks),
    "dicom/deflated": Seed(".dcm", _dicom(dicom_material.DEFLATED, 12, 16), None, dicom_marks),
    **RASTERS,
    **VENDORS,
    **FOLDERS,
}
"""By name: format, and variety after a slash."""
