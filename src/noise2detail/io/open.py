"""One entrance for every format: what a file is, is decided by its content."""

import os
from collections.abc import Callable
from pathlib import Path

from noise2detail.errors import AxesError, SeveralImagesError, UnreadableFileError
from noise2detail.image import Image
from noise2detail.io.bmp import is_bmp, read_bmp
from noise2detail.io.compound import MAGIC as COMPOUND
from noise2detail.io.czi import read_czi
from noise2detail.io.czi_segments import MAGIC as CZI
from noise2detail.io.dicom import is_dicom, read_dicom
from noise2detail.io.dicom_series import is_series, read_series
from noise2detail.io.jpeg import MAGIC as JPEG
from noise2detail.io.jpeg import read_jpeg
from noise2detail.io.lif import is_lif, read_lif
from noise2detail.io.mrc import is_mrc, read_mrc
from noise2detail.io.nd2 import read_nd2
from noise2detail.io.nd2_frames import MAGIC as ND2
from noise2detail.io.ndtiff import is_ndtiff, read_ndtiff
from noise2detail.io.nifti import GZIP, header_beside, is_nifti, read_nifti
from noise2detail.io.npy import read_npy
from noise2detail.io.npz import MAGIC as ZIP
from noise2detail.io.npz import read_npz
from noise2detail.io.oif import is_oif, read_oib, read_oif
from noise2detail.io.ome_sets import is_companion
from noise2detail.io.ome_zarr import is_zarr, read_ome_zarr
from noise2detail.io.png import SIGNATURE, read_png
from noise2detail.io.several import NONE_OF_THEM, Choice, refuse_choice
from noise2detail.io.tiff_read import read_ome_set, read_tiff

READABLE = (
    "TIFF, OME-TIFF, ImageJ TIFF, PNG, JPEG, BMP, NPY, NPZ, NIfTI, Analyze, MRC, DICOM, OME-Zarr, CZI, ND2, LIF, OIF, "
    "OIB, NDTiff"
)
"""Formats that can be read, for messages."""

Reader = Callable[[Path, str | None], Image]

_READERS: dict[bytes, Reader] = {
    b"II*\0": read_tiff,
    b"MM\0*": read_tiff,
    b"II+\0": read_tiff,
    b"MM\0+": read_tiff,
    SIGNATURE: read_png,
    JPEG: read_jpeg,
    ZIP: read_npz,
    b"\x93NUMPY": read_npy,
    CZI: read_czi,
    ND2: read_nd2,
    COMPOUND: read_oib,
}

_FOREIGN = {
    b"GIF8": "a GIF file",
    GZIP: "a gzip archive of something else than NIfTI",
    b"\x89HDF": "an HDF5 file",
    b"ZISRAW": "a part of a Zeiss CZI file",
    b"\0\0\0\x0cjP": "a JPEG 2000 file, or a Nikon ND2 file of the older kind that is one",
    b"%PDF": "a PDF document",
}

_FOLDERS: tuple[tuple[Callable[[Path], bool], Reader], ...] = (
    (is_zarr, read_ome_zarr),
    (is_ndtiff, read_ndtiff),
)
"""What tells that a folder is one image, and what reads it."""

_OF_SEVERAL: dict[Reader, Callable[[Path, str | None, Choice | None], Image]] = {
    read_tiff: read_tiff,
    read_ome_set: read_ome_set,
    read_czi: read_czi,
    read_nd2: read_nd2,
    read_lif: read_lif,
    read_ome_zarr: read_ome_zarr,
    read_ndtiff: read_ndtiff,
}
"""Readers of formats whose files may hold several images."""

_HEAD = 4096
"""Bytes that are looked at: the header of MRC takes 1024, and that of NIfTI may be compressed."""


def open_image(path: Path | str, axes: str | None = None, image: Choice | None = None) -> Image:
    """The image of a file, with axes, scale and the metadata needed to write the same kind of file.

    Parameters
    ----------
    path
        TIFF, OME-TIFF, ImageJ TIFF, PNG, JPEG, BMP, NPY, NPZ, NIfTI, Analyze, MRC, DICOM, OME-Zarr, CZI,
        ND2, LIF, OIF or OIB; the content decides, not the name. Or a folder that is an NDTiff data set, or holds the
        slices of one DICOM series.
    axes
        What the dimensions are, where the file does not say it or is wrong; one letter of ``TCZYXS`` for each.
    image
        Which one of a file with several: its number, counted from 0, or its name; see :func:`image_names`.

    Raises
    ------
    AxesError
        ``axes`` does not fit, or is needed and missing.
    PixelTypeError
        Complex numbers in a NIfTI or MRC file.
    SeveralImagesError
        The file holds several images and none was chosen, or one that is not there.
    UnreadableFileError
        Absent, damaged, truncated, too large for the memory, or no single image.
    """
    read, file = _reader_of(Path(path))
    return _named(read, file, axes, image)


def image_names(path: Path | str) -> tuple[str, ...]:
    """Name of each image of a file; empty where an image has none.

    Raises
    ------
    UnreadableFileError
        As of :func:`open_image`.
    """
    read, file = _reader_of(Path(path))
    try:
        _named(read, file, None, NONE_OF_THEM)
    except SeveralImagesError as refusal:
        return refusal.names
    msg = f"{read} does not look at the choice"
    raise AssertionError(msg)


def _reader_of(file: Path) -> tuple[Reader, Path]:
    """What reads a file or folder, and what is to be read: of two files that belong together, the header."""
    read_folder = _folder_reader(file)
    if read_folder is not None:
        return read_folder, file
    if is_series(file):
        return read_series, file
    head = _head(file)
    if not head:
        raise UnreadableFileError(file, "it is empty (0 bytes)", "copy or export it again")
    read = _reader(file, head)
    if read is not None:
        return read, file
    header = header_beside(file)
    if header is not None and is_nifti(_head(header)):
        return read_nifti, header
    raise UnreadableFileError(file, foreign(head), f"expected {READABLE}")


def readable(path: Path) -> bool:
    """Whether the content of a file begins like an image that can be read, or a folder is one."""
    return is_image_folder(path) or _reader(path, _head(path)) is not None


def is_image_folder(path: Path) -> bool:
    """Whether a folder is one image by itself, such as a Zarr store, and no collection of images."""
    return _folder_reader(path) is not None


def _named(read: Reader, file: Path, axes: str | None, image: Choice | None) -> Image:
    """The image, or an error that names the file: axes that do not fit are noticed where no file is known."""
    try:
        if (read_one := _OF_SEVERAL.get(read)) is not None:
            return read_one(file, axes, image)
        refuse_choice(file, image)
        return read(file, axes)
    except AxesError as error:
        if str(file) in str(error):
            raise
        raise AxesError(f"{file}: {error}") from error


def _folder_reader(path: Path) -> Reader | None:
    if not path.is_dir():
        return None
    return next((read for recognises, read in _FOLDERS if recognises(path)), None)


def _reader(path: Path, head: bytes) -> Reader | None:
    """What reads a file that begins like this."""
    if is_dicom(path, head):
        return read_dicom  # first, because the 128 bytes before its mark are free, and some begin like a TIFF
    for magic, read in _READERS.items():
        if head.startswith(magic):
            return read
    if is_bmp(head):
        return read_bmp
    if is_nifti(head):
        return read_nifti
    if is_lif(head):
        return read_lif
    if is_oif(head):
        return read_oif
    if is_companion(head):
        return read_ome_set
    return read_mrc if is_mrc(head) else None


def foreign(head: bytes) -> str:
    """What a file seems to be whose first bytes are those of no format that can be read."""
    named = next((name for magic, name in _FOREIGN.items() if head.startswith(magic)), None)
    if named is not None:
        return f"it is {named}"
    text = all(byte in b"\t\n\r\f" or 32 <= byte < 127 for byte in head)
    return "it holds text, not an image" if text else "its content is of no known image format"


def _head(path: Path) -> bytes:
    if not os.path.lexists(path):
        raise UnreadableFileError(path, "there is no such file", "check the name and the folder")
    if path.is_dir():
        raise UnreadableFileError(path, "is a folder; expected a file", "give the name of one image in it")
    if path.exists() and not path.is_file():
        raise UnreadableFileError(path, "is a pipe or device", "expected a file")  # to read it might never end
    try:
        with path.open("rb") as stream:
            return stream.read(_HEAD)
    except OSError as error:
        raise UnreadableFileError(path, f"cannot be read ({error.strerror})", "check its permissions") from error
