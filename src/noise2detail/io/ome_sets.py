"""OME-TIFF sets: one image in several files, whose OME-XML may lie in a file of its own, the companion."""

import contextlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

import tifffile

from noise2detail.errors import UnreadableFileError
from noise2detail.io import ome_xml
from noise2detail.io.tiff_check import refuse_doctype, refuse_other_folders
from noise2detail.io.tiff_directory import DESCRIPTION, read_directories

COMPANION = ".companion.ome"
"""Suffix of a file that holds the OME-XML of a set and no pixels."""

_LONGEST = 2**26
"""Bytes of a companion; those of real sets with thousands of planes take some megabytes."""
_DAMAGED = "it is damaged: copy or export the whole set again"
_TOGETHER = "bring all files of the set into one folder"
_TIFFS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PARTS = (".ome.tif", ".ome.tiff", ".ome.tf2", ".ome.tf8", ".ome.btf")


def is_companion(head: bytes) -> bool:
    """Whether a file begins like OME-XML."""
    return (
        re.match(rb"(\xef\xbb\xbf)?\s*<[?!O\w]", head) is not None and re.search(rb"<(\w+:)?OME[\s>]", head) is not None
    )


def companion_of(path: Path, name: str) -> Path:
    """The companion that a part of a set names.

    Raises
    ------
    UnreadableFileError
        It is not beside the part.
    """
    return _beside(path, name, f"one part of an OME-TIFF set whose metadata lie in {name}, which is not there")


def read_companion(path: Path) -> tuple[bytes, tuple[Path, ...]]:
    """The OME-XML of a set, and its parts; every one is there, and is the one that is meant.

    Parameters
    ----------
    path
        The companion.

    Raises
    ------
    UnreadableFileError
        With the part that is missing, lies elsewhere or is another file.
    """
    if path.stat().st_size > _LONGEST:
        raise UnreadableFileError(path, f"its OME-XML is longer than {_LONGEST} bytes", _DAMAGED)
    xml = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    try:
        xml.decode()
        files = ome_xml.files_of(xml)
    except ValueError as error:
        raise UnreadableFileError(path, str(error), _DAMAGED) from error
    if not files:
        raise UnreadableFileError(
            path, "is OME-XML that names no file with pixels", "name the TIFF or the folder that holds the image"
        )
    return xml, parts_of(path, files)


def parts_of(path: Path, files: Mapping[str, str]) -> tuple[Path, ...]:
    """Other files of a set.

    Parameters
    ----------
    path
        The one that names them.
    files
        Their names, each with its UUID.

    Raises
    ------
    UnreadableFileError
        With the part that is missing, lies elsewhere or is another file.
    """
    refuse_other_folders(path, tuple(files))
    parts = tuple(_part(path, name, uuid) for name, uuid in files.items())
    if len({_head(part)[:2] for part in parts}) > 1:
        raise UnreadableFileError(path, "its parts differ in byte order", "convert them with one and the same program")
    return parts


def whole_of(path: Path) -> Path:
    """The file that stands for the whole set of which a file is one part; itself, where it is none.

    That is the companion, or the first part that is there.
    """
    if not path.name.lower().endswith(_PARTS):
        return path
    with contextlib.suppress(Exception):  # what is wrong with it is told when it is opened
        with tifffile.TiffFile(path) as tif:
            text = str(tif.pages.first.description).encode()
        if b"BinaryOnly" in text:
            named = [ome_xml.read_facts(text).companion or ""]
        else:
            files = ome_xml.files_of(text) if b"FileName" in text else {}
            named = list(files) if path.name in files else []
        refuse_other_folders(path, named)
        return next((path.with_name(name) for name in named if path.with_name(name).is_file()), path)
    return path


def _part(companion: Path, name: str, uuid: str) -> Path:
    part = _beside(companion, name, f"its part {name} is missing")
    if not _head(part).startswith(_TIFFS):
        raise UnreadableFileError(companion, f"its part {name} is no TIFF", _DAMAGED)
    directories = read_directories(part)
    refuse_doctype(part, directories)
    tag = directories.pages[0].find(DESCRIPTION)
    try:
        found = ome_xml.identity(tag.data.rstrip(b"\0")) if tag is not None else ""
    except ValueError:  # some other text, in which a plain TIFF says nothing about who it is
        found = ""
    if found and found.strip() != uuid.strip():
        raise UnreadableFileError(
            companion,
            f"its part {name} is another file: it calls itself {found:.60}, expected {uuid:.60}",
            "bring the files of the set together again, as they were exported",
        )
    return part


def _beside(path: Path, name: str, absent: str) -> Path:
    """A file of a set, which lies in the same folder, and not only by a link to elsewhere; else ``absent`` is said."""
    refuse_other_folders(path, [name])
    other = path.with_name(name)
    if not os.path.lexists(other):
        raise UnreadableFileError(path, absent, _TOGETHER)
    if other.resolve().parent != path.parent.resolve():
        raise UnreadableFileError(path, f"{name} leads out of its folder, to {other.resolve()}", _TOGETHER)
    if not other.is_file():
        raise UnreadableFileError(path, f"{name} is no file", _TOGETHER)
    return other


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(4)
