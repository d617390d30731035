"""NumPy's archive, with one array in it: the name of the array and its compression are kept, nothing is unpickled."""

import math
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from noise2detail.errors import Noise2DetailError, UnreadableFileError
from noise2detail.image import Image
from noise2detail.io.announced import check_announced
from noise2detail.io.describe import FACTS_KEY
from noise2detail.io.npy import check_array, image_of_array, laid_out, unwarned
from noise2detail.types import Pixels

NPZ_KEY = "npz"
"""Key of the template in the metadata of an image."""

MAGIC = b"PK\x03\x04"

_SUFFIX = ".npy"
_DAMAGED = "it is truncated or damaged: copy or export it again"
_ONE = "save the image alone, with numpy.savez or numpy.save"
_SHOWN = 8
_PIECE = 2**22


@dataclass(frozen=True)
class NpzTemplate:
    """How an archive held its array."""

    name: str
    """Of the array, as ``numpy.load`` gives it."""
    compression: int
    """Code of the archive's compression."""


def read_npz(path: Path, axes: str | None = None) -> Image:
    """The one array of the archive, in memory.

    Parameters
    ----------
    path
        The file.
    axes
        Needed where the array has more than two dimensions.

    Raises
    ------
    AxesError
        ``axes`` is missing or does not fit.
    UnreadableFileError
        No array of numbers or several, encrypted, damaged, or too large when unpacked.
    """
    try:
        with unwarned(), zipfile.ZipFile(path) as archive:
            member = _only_member(path, archive.infolist())
            compressed = member.compress_type != zipfile.ZIP_STORED
            held = min(member.compress_size, path.stat().st_size)
            check_announced(path, member.file_size, held, compressed=compressed)
            with archive.open(member) as stream:
                stored = _array(path, stream, member.file_size)
    except (Noise2DetailError, MemoryError):
        raise
    except Exception as error:
        raise UnreadableFileError(path, f"not a whole NPZ file of numbers ({error})", _DAMAGED) from error
    image = image_of_array(path, stored, axes, "npz")
    template = NpzTemplate(member.filename.removesuffix(_SUFFIX), member.compress_type)
    facts = (("compression", "none" if member.compress_type == zipfile.ZIP_STORED else "deflate"),)
    return Image(
        image.array, image.axes, format="npz", metadata={**image.metadata, NPZ_KEY: template, FACTS_KEY: facts}
    )


def write_npz(part: Path, target: Path, image: Image, pixels: Pixels, note: str) -> None:
    """Write ``pixels`` under the name that the array had, or the one that ``numpy.savez`` gives."""
    del target, note
    template = image.metadata.get(NPZ_KEY)
    if not isinstance(template, NpzTemplate):
        template = NpzTemplate("arr_0", zipfile.ZIP_STORED)
    member = zipfile.ZipInfo(template.name + _SUFFIX)  # its date is always the same, so the same image is the same file
    member.compress_type = template.compression
    with zipfile.ZipFile(part, "w") as archive, archive.open(member, "w", force_zip64=True) as stream:
        np.lib.format.write_array(stream, laid_out(image, pixels), allow_pickle=False)


def _only_member(path: Path, members: list[zipfile.ZipInfo]) -> zipfile.ZipInfo:
    names = [member.filename for member in members]
    if not any(name.endswith(_SUFFIX) for name in names):
        raise UnreadableFileError(path, "it is a ZIP archive without a NumPy array", "unpack it first")
    if len(members) > 1:
        shown = ", ".join(name.removesuffix(_SUFFIX) for name in names[:_SHOWN]) + ", ..." * (len(names) > _SHOWN)
        raise UnreadableFileError(path, f"holds {len(names)} things: {shown}; expected one array", _ONE)
    (member,) = members
    where = PurePosixPath(member.filename.replace("\\", "/"))
    if where.is_absolute() or ".." in where.parts or not where.name.removesuffix(_SUFFIX):
        raise UnreadableFileError(path, f"names its array {member.filename!r}, which is no name", _ONE)
    if member.flag_bits & 1 or member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise UnreadableFileError(path, "its array is encrypted or packed in a way that NumPy does not use", _ONE)
    return member


def _array(path: Path, stream: Any, size: int) -> Pixels:
    """The array of a member of this size, read only after its header has been found to fit."""
    version = np.lib.format.read_magic(stream)
    read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in read_header:
        raise UnreadableFileError(path, f"holds an array of unknown version {version}", _ONE)
    shape, columns_first, dtype = read_header[version](stream)
    check_array(path, dtype, shape)
    announced, there = math.prod(shape) * dtype.itemsize, size - stream.tell()
    if announced != there:
        raise UnreadableFileError(path, f"announces {announced} bytes of pixels and holds {there}", _DAMAGED)
    content = bytearray(announced)
    view, at = memoryview(content), 0
    while at < announced:
        found = stream.readinto(view[at : at + _PIECE])
        if not found:
            raise UnreadableFileError(path, f"not a whole NPZ: its array ends after {at} bytes", _DAMAGED)
        at += found
    return np.frombuffer(content, dtype).reshape(shape, order="F" if columns_first else "C")
