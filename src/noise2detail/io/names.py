"""Names of outputs: what can be written, where it goes, and what must never be overwritten."""

import os
from pathlib import Path
from typing import Literal

from noise2detail.errors import OutputExistsError, SettingError, UnwritableFileError
from noise2detail.io.ome_sets import whole_of

OutputFormat = Literal["ome", "tif", "png", "bmp", "npy", "npz", "nifti", "mrc", "dicom", "dicom-series", "zarr"]

_FORMATS: dict[str, OutputFormat] = {
    ".ome.tiff": "ome",
    ".ome.tif": "ome",
    ".tiff": "tif",
    ".tif": "tif",
    ".png": "png",
    ".bmp": "bmp",
    ".npy": "npy",
    ".dcm": "dicom",
    ".dicom": "dicom",
    ".ima": "dicom",
    ".ome.zarr": "zarr",
    ".zarr": "zarr",
    ".npz": "npz",
    ".nii.gz": "nifti",
    ".nii": "nifti",
    **dict.fromkeys((".mrc", ".mrcs", ".map", ".rec", ".st", ".ali", ".preali", ".dv", ".r3d"), "mrc"),
}

FOLDERS: frozenset[OutputFormat] = frozenset({"dicom-series", "zarr"})
"""Formats that are folders of files."""

WRITABLE = ", ".join(_FORMATS)
"""Suffixes that can be written, for messages."""

JPEG = frozenset({".jpg", ".jpeg", ".jpe", ".jfif"})
"""Suffixes of files whose compression changes the pixels, so that they cannot be checked."""

_INSTEAD = {".hdr.gz": ".nii.gz", ".img.gz": ".nii.gz", ".hdr": ".nii", ".img": ".nii"}
"""Of headers and pixels in two files, the suffix of what holds both."""

READ_ONLY = JPEG | frozenset(_INSTEAD) | {".companion.ome"}
"""Suffixes of formats that can be read, but not written."""

WRITTEN = frozenset(_FORMATS)
"""Suffixes that can be written."""


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

    A header with its pixels beside it becomes one NIfTI file; a JPEG becomes a PNG, which holds the same pixels without
    changing them again; anything else becomes OME-TIFF. DICOM files often have no suffix, so they are known by their
    content.
    """
    suffix = split_suffix(path)[1]
    if suffix.lower() in _FORMATS:
        return suffix
    if _is_store(path):
        return ".ome.zarr"
    if not suffix and _has_dicom_mark(path):
        return ".dcm"
    if suffix.lower() in JPEG:
        return ".png"
    return _INSTEAD.get(suffix.lower(), ".ome.tif")


def writable_suffix(name: str) -> str:
    """The suffix of that name, with its dot.

    Raises
    ------
    SettingError
        No suffix of a format that can be written.

    >>> writable_suffix("OME.TIF"), writable_suffix(".png")
    ('.ome.tif', '.png')
    """
    suffix = f".{name.lower().removeprefix('.')}"
    if suffix not in _FORMATS:
        raise SettingError(f"{name!r} is no format that can be written; expected one of {WRITABLE}")
    return suffix


def default_output(path: Path) -> Path:
    """Where the result goes if the user says nothing: beside the input, ``_denoised`` before the suffix.

    One image of a Zarr store goes beside the store, which is never changed.

    >>> default_output(Path("cells.ome.tif")).name, default_output(Path("scan.nii.gz")).name
    ('cells_denoised.ome.tif', 'scan_denoised.nii.gz')
    """
    store = _store_around(path.absolute())
    if store is not None:
        inside = path.absolute().relative_to(store).parts
        return store.with_name("_".join((split_suffix(store)[0], *inside, "denoised")) + result_suffix(store))
    return path.with_name(f"{split_suffix(path)[0]}_denoised{result_suffix(path)}")


def output_format(path: Path) -> OutputFormat:
    """The format that a name asks for; without suffix it is a folder of DICOM slices, for an image that came from one.

    Raises
    ------
    UnwritableFileError
        No format that can be written.
    """
    suffix = split_suffix(path)[1]
    if not suffix:
        return "dicom-series"
    if suffix.lower() not in _FORMATS:
        if suffix.lower() in JPEG:
            raise UnwritableFileError(
                path,
                f"files named {suffix} cannot be written, because JPEG would change the pixels again",
                "choose a name that ends in .png, which looks the same, or in .tif",
            )
        can = "can be read, but not written" if suffix.lower() in READ_ONLY else "cannot be written"
        raise UnwritableFileError(path, f"files named {suffix} {can}", f"choose one of {WRITABLE}")
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
    replaced = output_format(Path(path)) in FOLDERS and overwrite and _replaceable(Path(path))
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
    if source is not None and _part_of_input(target, Path(source)):
        raise OutputExistsError(
            target, f"the output is a part of the input {source}", "choose another name; the input is never changed"
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


def _replaceable(folder: Path) -> bool:
    """Whether a folder is a Zarr store, which may go; whether one of DICOM slices may, its writer decides."""
    return not folder.is_dir() or not split_suffix(folder)[1] or _is_store(folder)


def _has_dicom_mark(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _part_of_input(target: Path, source: Path) -> bool:
    """Whether an output is another file of an input that is a set of files: of an OME-TIFF or an OIF."""
    if target.resolve().parent == source.resolve().with_name(f"{source.resolve().name}.files"):
        return True
    return target.is_file() and whole_of(target).resolve() == whole_of(source).resolve()


def _same_file(target: Path, source: Path) -> bool:
    if target.exists() and source.exists():
        return target.samefile(source)  # sees through hard and symbolic links
    return target.resolve() == source.resolve()
