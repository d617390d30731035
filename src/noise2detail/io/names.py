"""Names of outputs: what can be written, where it goes, and what must never be overwritten."""

import os
from pathlib import Path
from typing import Literal

from noise2detail.errors import OutputExistsError, UnwritableFileError

OutputFormat = Literal["ome", "tif", "png", "npy", "zarr"]

_FORMATS: dict[str, OutputFormat] = {
    ".ome.tiff": "ome",
    ".ome.tif": "ome",
    ".tiff": "tif",
    ".tif": "tif",
    ".png": "png",
    ".npy": "npy",
    ".ome.zarr": "zarr",
    ".zarr": "zarr",
}

FOLDERS: frozenset[OutputFormat] = frozenset({"zarr"})
"""Formats that are folders of files."""

WRITABLE = ", ".join(_FORMATS)
"""Suffixes that can be written, for messages."""

READ_ONLY = frozenset(
    {".nii.gz", ".nii", ".hdr.gz", ".hdr", ".img.gz", ".img", ".dcm", ".dicom", ".ima"}
    | {".mrc", ".mrcs", ".map", ".rec", ".st", ".ali", ".preali", ".dv", ".r3d"}
)
"""Suffixes of formats that can be read, but not written."""


def split_suffix(path: Path) -> tuple[str, str]:
    """Name without folders, parted before the suffix that decides the format.

    Only the last suffix counts, and ``.ome.tif`` and ``.nii.gz`` count as one each: names with dots must not collide.
    Nor must DICOM files that are named by numbers, so a number is no suffix.

    >>> split_suffix(Path("a.b.ome.tif")), split_suffix(Path("a.b.tif")), split_suffix(Path("a"))
    (('a.b', '.ome.tif'), ('a.b', '.tif'), ('a', ''))
    >>> split_suffix(Path("scan.nii.gz")), split_suffix(Path("1.2.840.7"))
    (('scan', '.nii.gz'), ('1.2.840.7', ''))
    """
    name = path.name.lower()
    known = [suffix for suffix in (*_FORMATS, *READ_ONLY) if name.endswith(suffix) and name != suffix]
    last = "" if path.suffix[1:].isdecimal() else path.suffix
    cut = len(path.name) - len(max(known, key=len, default=last))
    return path.name[:cut], path.name[cut:]


def result_suffix(path: Path) -> str:
    """Suffix of the result where the user names none: that of the input, if such a file can be written.

    Volumes and scans become TIFF, which ImageJ opens with their pixel size; anything else becomes OME-TIFF.
    """
    suffix = split_suffix(path)[1]
    if suffix.lower() in _FORMATS:
        return suffix
    if _is_store(path):
        return ".ome.zarr"
    return ".tif" if suffix.lower() in READ_ONLY else ".ome.tif"


def default_output(path: Path) -> Path:
    """Where the result goes if the user says nothing: beside the input, ``_denoised`` before the suffix.

    One image of a Zarr store goes beside the store, which is never changed.

    >>> default_output(Path("cells.ome.tif")).name, default_output(Path("scan.nii.gz")).name
    ('cells_denoised.ome.tif', 'scan_denoised.tif')
    """
    store = _store_around(path.absolute())
    if store is not None:
        inside = path.absolute().relative_to(store).parts
        return store.with_name("_".join((split_suffix(store)[0], *inside, "denoised")) + result_suffix(store))
    return path.with_name(f"{split_suffix(path)[0]}_denoised{result_suffix(path)}")


def output_format(path: Path) -> OutputFormat:
    """The format that a name asks for.

    Raises
    ------
    UnwritableFileError
        No format that can be written.
    """
    suffix = split_suffix(path)[1]
    if suffix.lower() not in _FORMATS:
        can = "can be read, but not written" if suffix.lower() in READ_ONLY else "cannot be written"
        raise UnwritableFileError(path, f"files named {suffix or 'without suffix'} {can}", f"choose one of {WRITABLE}")
    return _FORMATS[suffix.lower()]


def refuse_output(path: Path | str, source: Path | str | None = None, overwrite: bool = False) -> None:
    """Raise where an output must not or cannot be written, before any work is done.

    Parameters
    ----------
    path
        The output.
    source
        The input, which is never touched, under whatever name.
    overwrite
        Replace an output of an earlier run.

    Raises
    ------
    OutputExistsError
        The output is there already, or is the input.
    UnwritableFileError
        Unknown suffix, or the folder is missing or cannot be written to.
    """
    replaced = overwrite and output_format(Path(path)) in FOLDERS and (_is_store(Path(path)) or not Path(path).is_dir())
    refuse_place(path, source, overwrite, may_be_folder=replaced)


def refuse_place(path: Path | str, source: Path | str | None, overwrite: bool, *, may_be_folder: bool = False) -> None:
    """Raise where a file of any kind must not or cannot be written; see :func:`refuse_output`.

    Raises
    ------
    OutputExistsError
        The output is there already, or is the input.
    UnwritableFileError
        The folder is missing or cannot be written to.
    """
    target = Path(path)
    if source is not None and _same_file(target, Path(source)):
        raise OutputExistsError(
            target, "the output is the input itself", "choose another name; the input is never changed"
        )
    if source is not None and target.resolve() in Path(source).resolve().parents:
        raise OutputExistsError(target, "the output holds the input", "choose another name; the input is never changed")
    store = _store_around(target.resolve())
    if store is not None:
        raise UnwritableFileError(target, f"it lies in the Zarr store {store}", "choose a folder outside it")
    if target.is_dir() and not may_be_folder:
        raise OutputExistsError(target, "is a folder", "give the name of a file")
    if os.path.lexists(target) and not overwrite:
        raise OutputExistsError(
            target, "is there already", "choose another name or allow overwriting (overwrite=True, --overwrite)"
        )
    folder = target.parent
    if not folder.is_dir():
        raise UnwritableFileError(target, f"its folder {folder} is not there", "create the folder first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UnwritableFileError(target, f"no permission to write into {folder}", "choose another folder")


def _store_around(path: Path) -> Path | None:
    """The outermost Zarr store in which a path lies."""
    return next((folder for folder in reversed(path.parents) if _is_store(folder)), None)


def _is_store(folder: Path) -> bool:
    """Whether a folder is a Zarr store, whatever its name is."""
    return any((folder / name).is_file() for name in ("zarr.json", ".zgroup", ".zarray"))


def _same_file(target: Path, source: Path) -> bool:
    if target.exists() and source.exists():
        return target.samefile(source)  # sees through hard and symbolic links
    return target.resolve() == source.resolve()
